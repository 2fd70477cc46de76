"""Following a stream without a consumer group: nothing is kept, acknowledged or held up for whoever follows.

For programs that only look on, such as `coranto tail`, and for readers that keep their own position, such as a browser
with its `Last-Event-ID`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from coranto.records import Record
from coranto.records.envelope import FIELD, MalformedEventError, decode
from coranto.streams.errors import is_transient
from coranto.topology import Pipeline, Stream

RecordT = TypeVar("RecordT", bound=Record)

_AT_ONCE = 50
_PAUSE_SECONDS = 0.5

OnMalformed = Callable[[str, MalformedEventError], None]
"""Called with the entry's id for each entry that is skipped because it cannot be read."""


@dataclass(frozen=True, slots=True)
class Followed(Generic[RecordT]):
    """A record, and where it stands in the stream."""

    record: RecordT
    key: str
    """Redis key of the partition it was read from."""
    id: str
    """Its entry's id there; going on `after` it begins with the next one."""


async def positions(redis: Redis, pipeline: Pipeline, stream: Stream) -> dict[str, str]:
    """Where the stream's partitions end at this moment: Redis key to entry id."""
    found: dict[str, str] = {}
    for keys in pipeline.all_keys():
        key = keys.stream(stream)
        rows: Any = await redis.xrevrange(key, count=1)
        found[key] = rows[0][0].decode() if rows else "0-0"
    return found


async def follow(
    redis: Redis,
    pipeline: Pipeline,
    stream: Stream,
    expected: type[RecordT],
    *,
    last: int = 0,
    after: Mapping[str, str] | None = None,
    on_malformed: OnMalformed | None = None,
) -> AsyncIterator[Followed[RecordT]]:
    """Records of the stream as they come: those behind the positions `after`, else from now on, `last` earlier ones first.

    Waits out a Redis that restarts. An entry that cannot be read is reported to `on_malformed` and skipped.
    """

    def find(key: str, entry_id: str, raw: bytes) -> Followed[RecordT] | None:
        try:
            return Followed(decode(raw, expected).record, key, entry_id)
        except MalformedEventError as error:
            if on_malformed is not None:
                on_malformed(entry_id, error)
            return None

    ends = dict(after) if after is not None else await positions(redis, pipeline, stream)
    for key, entry_id, raw in await _last_events(redis, ends, last):
        if (found := find(key, entry_id, raw)) is not None:
            yield found
    wait_ms = max(1, 1000 // len(ends))
    while True:
        # One call for each partition: on a cluster they are different slots.
        for key in ends:
            try:
                answer: Any = await redis.xread({key: ends[key]}, count=_AT_ONCE, block=wait_ms)
            except RedisError as error:
                if not is_transient(error):
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            for name, fields in _rows(answer):
                ends[key] = name.decode()
                if (found := find(key, ends[key], fields.get(FIELD, b""))) is not None:
                    yield found


async def _last_events(redis: Redis, ends: Mapping[str, str], number: int) -> list[tuple[str, str, bytes]]:
    """The last `number` events of all partitions together, up to and with the positions, oldest first."""
    if not number:
        return []
    found: list[tuple[str, str, bytes]] = []
    for key, end in ends.items():
        rows: Any = await redis.xrevrange(key, max=end, count=number)
        found += [(key, entry_id.decode(), fields.get(FIELD, b"")) for entry_id, fields in rows]
    return sorted(found, key=lambda event: int(event[1].partition("-")[0]))[-number:]


def _rows(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    found = [rows for _, rows in (answer.items() if isinstance(answer, dict) else answer or ())]
    # RESP3 nests the rows once more than RESP2.
    flat = [
        rows[0] if rows and isinstance(rows[0], list) and rows[0] and isinstance(rows[0][0], list | tuple) else rows
        for rows in found
    ]
    return [(entry_id, fields) for rows in flat for entry_id, fields in rows if fields is not None]
