"""A stage's delivery on streams in memory, to be tried without a server: messages in, outcomes out, gates in sight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from coranto.streams.interface import StageStreams
from coranto.testing.clock import FakeClock
from coranto.testing.reader import MemoryReader
from coranto.testing.streams import MemoryPipeline, MemoryStreams
from coranto.topology import Keys
from coranto.worker.breaker import Breaker
from coranto.worker.delivery import Delivery
from coranto.worker.flow import Flow
from coranto.worker.metrics import Metrics
from coranto.worker.settings import BreakerSettings, DeliverySettings
from coranto.worker.stage import Stage


@dataclass
class Bench:
    """Delivery of one stage, with what a test needs to look behind it."""

    pipeline: MemoryPipeline
    streams: Sequence[MemoryStreams]
    delivery: Delivery
    metrics: Metrics
    clock: FakeClock

    @property
    def flow(self) -> Flow:
        """What decides whether the stage reads."""
        return self.delivery.flow

    def add(self, event: bytes | None, *, partition: int = 0, lost: int = 0, attempts: int = 0) -> None:
        """Put an entry into the stream that the stage reads."""
        self.pipeline.add(Keys(partition).stream(self.delivery.stage.spec.reads), event, lost=lost, attempts=attempts)

    @property
    def counts(self) -> dict[tuple[Any, str], int]:
        """Outcomes so far, by kind and reason."""
        return dict(self.pipeline.counts.get(self.delivery.stage.name, {}))

    @property
    def unsettled(self) -> int:
        """Messages that are neither settled nor delayed."""
        count = 0
        for streams in self.streams:
            for line in ("main", "retry"):
                stream = self.pipeline.stream(streams.key_of(line))
                group = stream.groups[self.delivery.stage.name]
                count += len([n for n in stream.rows if n > group.last or n in group.pending])
        return count


@asynccontextmanager
async def delivering(
    stage: Stage[Any, Any], *, partitions: int = 1, breaker: BreakerSettings | None = None
) -> AsyncIterator[Bench]:
    """The stage's delivery, reading; stopped when the block is left."""
    clock = FakeClock()
    pipeline = MemoryPipeline(clock)
    streams = [MemoryStreams(pipeline, stage.spec, Keys(number)) for number in range(partitions)]
    metrics = Metrics()
    # A pause is over when the clock says so, but a message that waits looks at it only once a pause of real time: give short ones.
    gate = Breaker(breaker or BreakerSettings(), clock=clock)
    flow = Flow(stage.concurrency, gate, partitions=partitions)
    of_stage: list[StageStreams] = [*streams]
    delivery = Delivery(stage, of_stage, DeliverySettings(), flow, consumer="one", metrics=metrics, clock=clock)
    delivery.start()
    readers = [MemoryReader(each, delivery) for each in streams]
    for reader in readers:
        await reader.start()
    try:
        yield Bench(pipeline, streams, delivery, metrics, clock)
    finally:
        for reader in readers:
            await reader.stop()
        await delivery.drain(timedelta(seconds=1))


async def until(claim: Callable[[], bool], *, what: object = "the claim", within_seconds: float = 5) -> None:
    """Return once the claim is true."""
    try:
        async with asyncio.timeout(within_seconds):
            while not claim():  # noqa: ASYNC110 - what is claimed may be anything
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"{what() if callable(what) else what} did not become true") from None
