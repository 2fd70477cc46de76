"""A running pipeline as operators see it: where it is, its streams, and how much waits in them.

It is found by a data directory, by CORANTO_REDIS__URL or by CORANTO_DATA; nothing here starts or changes anything.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from redis.asyncio import Redis

from coranto.client import AsyncClient, environment
from coranto.host_queue import QUEUED
from coranto.streams.connection import connect
from coranto.streams.interface import Delayed, Depth, Kept
from coranto.streams.redis import RedisStreams
from coranto.streams.shape import find_shape
from coranto.topology import STAGES, Pipeline, StageSpec
from coranto.worker.settings import WorkerSettings


@dataclass(frozen=True, slots=True)
class DelayedFor:
    """Messages of one stage that are delayed for long."""

    stage: str
    count: int
    soonest: Delayed

    @property
    def seconds_to_go(self) -> float:
        """Seconds until the first of them is due; negative when it is overdue."""
        return self.soonest.due_ms / 1000 - time.time()


@dataclass(frozen=True, slots=True)
class StageState:
    """One stage, all partitions together."""

    stage: str
    depth: Depth
    outcomes: Mapping[tuple[str, str], int]

    @property
    def unsettled(self) -> int:
        """Messages that the stage has not settled: waiting, in flight or delayed."""
        return self.depth.waiting + self.depth.pending + self.depth.delayed

    def count(self, kind: str) -> int:
        """Outcomes of this kind since the pipeline began."""
        return sum(number for (each, _), number in self.outcomes.items() if each == kind)

    @property
    def retried(self) -> int:
        """How often messages were put off for another try since the pipeline began; those that went into a queue had none yet."""
        return self.count("retried") - self.outcomes.get(("retried", QUEUED), 0)


class ConnectedPipeline:
    """A running pipeline, connected to its Redis."""

    def __init__(self, redis: Redis, topology: Pipeline) -> None:
        self.redis = redis
        self.topology = topology
        self.client = AsyncClient(redis, topology)
        self.streams: dict[str, Sequence[RedisStreams]] = {
            spec.name: tuple(RedisStreams(redis, spec, keys) for keys in topology.all_keys()) for spec in STAGES
        }

    async def kept(self) -> list[Kept]:
        """What each stream and each stage's dead letters hold, beside what the settings of this process allow."""
        retention = WorkerSettings().retention.by_stream(partitions=self.topology.partitions)
        found: dict[str, Kept] = {}
        for partitions in self.streams.values():
            for streams in partitions:
                found |= {kept.key: kept for kept in await streams.kept(retention)}
        return list(found.values())

    async def state(self) -> list[StageState]:
        """Every stage as it is, in the order of the pipeline."""
        return [await self._state_of(spec) for spec in STAGES]

    async def _state_of(self, spec: StageSpec) -> StageState:
        depths, outcomes = [], dict[tuple[str, str], int]()
        for streams in self.streams[spec.name]:
            depths.append(await streams.measure())
            for cause, number in (await streams.outcomes()).items():
                outcomes[cause] = outcomes.get(cause, 0) + number
        total = Depth(
            waiting=sum(depth.waiting for depth in depths),
            pending=sum(depth.pending for depth in depths),
            delayed=sum(depth.delayed for depth in depths),
            dead=sum(depth.dead for depth in depths),
            oldest_age_seconds=max(depth.oldest_age_seconds for depth in depths),
            downstream=sum(depth.downstream for depth in depths),
            queued=sum(depth.queued for depth in depths),
        )
        return StageState(spec.name, total, outcomes)

    async def consistent_state(self) -> list[StageState]:
        """Every stage at one moment: where nothing is unsettled, nothing slipped by between two readings.

        A message moves only with an outcome that is counted. Where the counts before and after a reading are the same,
        what was not seen in one stage was not on its way to another.
        """
        before = await self.state()
        while True:
            after = await self.state()
            is_same = [each.outcomes for each in before] == [each.outcomes for each in after]
            if is_same or any(each.unsettled for each in after):
                return after
            before = after

    async def delayed_beyond(self, spec: StageSpec, horizon: timedelta) -> DelayedFor | None:
        """How many of the stage's messages are delayed for longer than the horizon; None when there is none."""
        since = int((time.time() + horizon.total_seconds()) * 1000)
        count, soonest = 0, list[Delayed]()
        for streams in self.streams[spec.name]:
            count += await streams.count_delayed(due_from_ms=since)
            async for message in streams.delayed(due_from_ms=since):
                soonest.append(message)
                break
        return DelayedFor(spec.name, count, min(soonest, key=lambda each: each.due_ms)) if soonest else None


def redis_address(data: Path | None) -> str:
    """Address of the running pipeline's Redis. Raises NotRunningError when none can be found, ValueError when it is none."""
    try:
        return environment.redis_url(data=data)
    except environment.NotRunningError:
        # `coranto up --data DIR` with a Redis of the user's: DIR has the pages and the articles, but no socket.
        if from_environment := os.environ.get("CORANTO_REDIS__URL"):
            return from_environment
        raise


def pages_directory(data: Path | None) -> Path:
    """Where the running pipeline keeps its pages: as CORANTO_PAGES__PATH says, else in the data directory."""
    named = os.environ.get("CORANTO_PAGES__PATH")
    return Path(named) if named and data is None else environment.data_directory(data) / "pages"


@asynccontextmanager
async def connected(data: Path | None) -> AsyncIterator[ConnectedPipeline]:
    """The running pipeline. Raises NotRunningError when there is none, and redis' own errors when it does not answer."""
    async with connected_to(redis_address(data)) as pipeline:
        yield pipeline


@asynccontextmanager
async def connected_to(redis_url: str) -> AsyncIterator[ConnectedPipeline]:
    """The pipeline on this Redis, in the shape that its workers have written there. Raises redis' own errors, and
    PipelineMismatchError when the environment names another shape.
    """
    redis = connect(redis_url)
    try:
        # Asked once here: a command must say at once that nobody answers, and not after its third read.
        found = await asyncio.wait_for(find_shape(redis, environment.prefix(), environment.partitions()), timeout=10)
        yield ConnectedPipeline(redis, found or environment.pipeline())
    finally:
        await redis.aclose()
