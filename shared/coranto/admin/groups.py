"""Groups of subscribers: how far each has come with the finished articles, when it was last seen, and removing one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from redis.exceptions import ResponseError

from coranto.admin.pipeline import ConnectedPipeline
from coranto.streams.connection import load_script
from coranto.topology import FINISHED, Keys, readers_of

_COUNT_AT_MOST = 100_000


@dataclass(frozen=True, slots=True)
class SubscriberGroup:
    """One group, all partitions together."""

    name: str
    waiting: int
    """Articles that no program of the group has taken. Where Redis does not know, they are counted, up to 100,000."""
    pending: int
    """Articles taken and not acknowledged."""
    oldest_age_seconds: float | None
    """Age of the oldest article that it has not acknowledged; None when it has acknowledged all."""
    consumers: int
    """Names that programs have read under, those that ended included."""
    last_seen: datetime | None
    """When one of its programs last asked for articles; None when Redis does not know: none ever has, or all have ended and
    taken their names away. On Redis before 7.2, when one last got some."""


async def subscriber_groups(pipeline: ConnectedPipeline) -> list[SubscriberGroup]:
    """Every group of subscribers, by name. Raises redis' own errors."""
    measure = pipeline.redis.register_script(load_script("measure"))
    ours = {stage.name for stage in readers_of(FINISHED)}
    found: dict[str, SubscriberGroup] = {}
    for keys in pipeline.topology.all_keys():
        stream = keys.stream(FINISHED)
        for name in await _names(pipeline, stream):
            if name in ours:
                continue
            waiting, pending, age = cast("Any", await measure(keys=[stream], args=[name, _COUNT_AT_MOST]))
            consumers = await pipeline.redis.xinfo_consumers(stream, name)
            now = datetime.now(UTC)
            seen = [now - timedelta(milliseconds=int(consumer["idle"])) for consumer in consumers]
            part = SubscriberGroup(
                name,
                int(waiting),
                int(pending),
                int(age) / 1000 if age else None,
                len(consumers),
                max(seen, default=None),
            )
            found[name] = _together(found[name], part) if name in found else part
    return [found[name] for name in sorted(found)]


async def remove_group(pipeline: ConnectedPipeline, name: str) -> bool:
    """Remove the group, and with it its place. False when there is none. Raises ValueError for a group of a stage."""
    if name in {stage.name for stage in readers_of(FINISHED)}:
        raise ValueError(f"{name} is a stage of the pipeline, not a subscriber")
    is_removed = False
    every_keys: tuple[Keys, ...] = pipeline.topology.all_keys()
    for keys in every_keys:
        try:
            is_removed |= bool(await pipeline.redis.xgroup_destroy(keys.stream(FINISHED), name))
        except ResponseError as error:
            if "requires the key to exist" not in str(error):
                raise
    await cast("Any", pipeline.redis.hdel(every_keys[0].joined(), name))
    return is_removed


async def _names(pipeline: ConnectedPipeline, stream: str) -> list[str]:
    if not await pipeline.redis.exists(stream):
        return []
    return [_text(group["name"]) for group in cast("Any", await pipeline.redis.xinfo_groups(stream))]


def _together(one: SubscriberGroup, other: SubscriberGroup) -> SubscriberGroup:
    return SubscriberGroup(
        one.name,
        one.waiting + other.waiting,
        one.pending + other.pending,
        max((age for age in (one.oldest_age_seconds, other.oldest_age_seconds) if age is not None), default=None),
        max(one.consumers, other.consumers),
        max((seen for seen in (one.last_seen, other.last_seen) if seen is not None), default=None),
    )


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
