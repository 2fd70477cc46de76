"""Everything that a pipeline keeps in Redis, as lines that another Redis can be filled from.

A line is JSON: the key, its value as Redis' own DUMP gives it, and the time it has left. So a value can be restored by a server
of the same or a later version, and by no other program.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from coranto.admin.pipeline import ConnectedPipeline
from coranto.topology import STAGES, STREAMS, Keys

_KEYS_AT_ONCE = 500


class RestoreError(RuntimeError):
    """The state cannot be put into this Redis."""


async def dump(pipeline: ConnectedPipeline) -> AsyncIterator[str]:
    """The lines of every key of the pipeline. Safe while services run: nothing that is accepted by then is missing.

    What tells that something is known comes before the messages, and the messages of one partition are read at one moment: so
    a message that moves meanwhile is in the lines once, and an entry of a feed that is remembered is in them or behind its end.
    """
    topology = pipeline.topology
    moving = {key for keys in topology.all_keys() for key in _moving(keys)}
    batch: list[bytes] = []
    async for key in pipeline.redis.scan_iter(match=f"{topology.prefix}:*", count=_KEYS_AT_ONCE):
        if key.decode("utf-8", "surrogateescape") not in moving:
            batch.append(key)
        if len(batch) >= _KEYS_AT_ONCE:
            for line in await _dumped(pipeline.redis, batch, is_one_moment=False):
                yield line
            batch = []
    for line in await _dumped(pipeline.redis, batch, is_one_moment=False):
        yield line
    for keys in topology.all_keys():
        for line in await _dumped(pipeline.redis, [key.encode() for key in _moving(keys)], is_one_moment=True):
            yield line


def _moving(keys: Keys) -> list[str]:
    """The keys between which messages move."""
    found = [keys.stream(stream) for stream in STREAMS]
    for stage in STAGES:
        found += [keys.retry(stage), keys.delayed(stage), keys.delayed_entries(stage), keys.dead(stage)]
        found.append(keys.outcomes(stage))
    return [*found, *(keys.announced(stream) for stream in STREAMS), keys.submissions()]


async def _dumped(redis: Redis, names: list[bytes], *, is_one_moment: bool) -> list[str]:
    if not names:
        return []
    pipe = redis.pipeline(transaction=is_one_moment)
    for name in names:
        pipe.dump(name)
        pipe.pttl(name)
    answers: list[Any] = await pipe.execute()
    return [
        json.dumps(
            {
                "key": base64.b64encode(name).decode(),
                "ttl_ms": max(0, int(answers[2 * number + 1])),
                "value": base64.b64encode(answers[2 * number]).decode(),
            }
        )
        for number, name in enumerate(names)
        if answers[2 * number] is not None
    ]


async def load(redis: Redis, lines: Iterable[str]) -> int:
    """Fill the Redis from the lines, and give the number of keys. Raises RestoreError, and redis' own errors."""
    number = 0
    for line in lines:
        try:
            row = json.loads(line)
            key, value = base64.b64decode(row["key"]), base64.b64decode(row["value"])
            await cast("Any", redis).restore(key, int(row["ttl_ms"]), value)
        except (ValueError, KeyError, TypeError) as error:
            raise RestoreError(f"line {number + 1} of the state of Redis cannot be read: {error}") from error
        except ResponseError as error:
            if "BUSYKEY" in str(error):
                raise RestoreError(f"there is a key {key!r} already: only an empty Redis can be filled") from error
            if "payload" in str(error) or "Bad data format" in str(error):
                raise RestoreError(
                    f"this Redis does not understand the value of {key!r}: it must be of the version that was backed up, or later"
                ) from error
            raise
        number += 1
    return number


async def is_empty(redis: Redis, prefix: str) -> bool:
    """Whether the Redis holds nothing of a pipeline with this prefix."""
    async for _ in redis.scan_iter(match=f"{prefix}:*", count=_KEYS_AT_ONCE):
        return False
    return True
