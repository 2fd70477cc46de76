"""Announcing what is stored and was never announced: the message that would have done it is gone from Redis.

The note of announced event ids is the one that `commit.lua` keeps, so whoever comes first announces an event, and the
other changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from coranto.records import Record
from coranto.records.envelope import encode, new_traceparent
from coranto.streams.connection import load_script
from coranto.topology import Pipeline, Stream

# Events that one call of the script carries: a few hundred kilobytes, and a millisecond of Redis' time.
_AT_ONCE = 50


class Announcer:
    """Writes records to a stream that deduplicates."""

    def __init__(self, redis: Redis, pipeline: Pipeline, stream: Stream, *, source: str) -> None:
        if not stream.deduplicates:
            raise ValueError(f"the stream {stream.name!r} keeps no note of what was announced")
        self._pipeline = pipeline
        self._stream = stream
        self._source = source
        self._script = redis.register_script(load_script("announce"))

    async def announce(self, records: Sequence[Record]) -> int:
        """Announce each record whose event was not announced before; gives the number of those that were announced now.

        Safe to repeat. Raises RedisError, and then some may be announced.
        """
        announced = 0
        for keys in self._pipeline.all_keys():
            here = [record for record in records if self._pipeline.keys_for(record.subject) == keys]
            for first in range(0, len(here), _AT_ONCE):
                arguments: list[str | bytes] = []
                for record in here[first : first + _AT_ONCE]:
                    event = encode(record, source=self._source, traceparent=new_traceparent())
                    arguments += (record.message_id, event)
                names = [keys.stream(self._stream), keys.announced(self._stream)]
                answers: Any = await self._script(keys=names, args=arguments)
                announced += sum(int(answer) for answer in answers)
        return announced
