"""Reading streams in memory: what `coranto.worker.reader` is for Redis, without a broker."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from coranto.streams.interface import Entry, Line
from coranto.streams.tasks import end
from coranto.testing.streams import MemoryStreams
from coranto.worker.delivery import Delivery

_BLOCK = timedelta(milliseconds=20)


class MemoryReader:
    """Reads both lines of a stage in memory into its delivery."""

    def __init__(self, streams: MemoryStreams, delivery: Delivery) -> None:
        self._streams = streams
        self._delivery = delivery
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to read."""
        await self._streams.ensure()
        self._tasks = [asyncio.create_task(self._read("main")), asyncio.create_task(self._read("retry"))]

    async def stop(self) -> None:
        """Stop reading."""
        await end(self._tasks)

    async def _read(self, line: Line) -> None:
        flow, consumer, partition = self._delivery.flow, self._delivery.consumer, self._streams.keys.partition
        while True:
            room = await flow.acquire(line, flow.batch)
            entries: list[Entry] = []
            try:
                entries = await self._streams.read(line, consumer, count=room, block=_BLOCK)
            finally:
                flow.release(room - len(entries))
            self._delivery.accept(partition, entries)
