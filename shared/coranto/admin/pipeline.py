"""The running system as the commands see it: where it is, its streams, and what waits in them.

It is found by --data, by CORANTO_REDIS__URL or by CORANTO_DATA; nothing here starts or changes anything.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from coranto.client import AsyncClient, environment
from coranto.streams.connection import connect
from coranto.streams.interface import Depth
from coranto.streams.redis import RedisStreams
from coranto.streams.shape import find_shape
from coranto.topology import STAGES, Keys, Pipeline, StageSpec

# The message is packed by commit.lua; only Redis itself reads it without another library.
_READ_DELAYED = """
local found = {}
local waiting = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', ARGV[2], ARGV[3])
for i = 1, #waiting, 2 do
  local packed = redis.call('HGET', KEYS[2], waiting[i])
  if packed then
    local message = cmsgpack.unpack(packed)
    found[#found + 1] = { waiting[i + 1], message[1], message[2], message[4] }
  end
end
return found
"""
_DELAYED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Delayed:
    """A message that waits for its next attempt."""

    stage: str
    due: datetime
    attempts: int
    reason: str
    event: bytes

    @property
    def seconds_to_go(self) -> float:
        """Seconds until it is due; negative when it is overdue."""
        return (self.due - datetime.now(UTC)).total_seconds()


@dataclass(frozen=True, slots=True)
class DelayedFor:
    """Messages of one stage that are delayed for long."""

    count: int
    soonest: Delayed


@dataclass(frozen=True, slots=True)
class StageState:
    """One stage, all partitions together."""

    stage: str
    depth: Depth
    outcomes: Mapping[tuple[str, str], int]

    @property
    def unsettled(self) -> int:
        """Messages that the stage has not settled: waiting, in hand or delayed."""
        return self.depth.waiting + self.depth.pending + self.depth.delayed

    def count(self, kind: str) -> int:
        """Outcomes of this kind since the pipeline began."""
        return sum(number for (each, _), number in self.outcomes.items() if each == kind)


class RunningSystem:
    """A running system, connected."""

    def __init__(self, redis: Redis, pipeline: Pipeline) -> None:
        self.redis = redis
        self.pipeline = pipeline
        self.client = AsyncClient(redis, pipeline)
        self.streams: dict[str, Sequence[RedisStreams]] = {
            spec.name: tuple(RedisStreams(redis, spec, keys) for keys in pipeline.all_keys()) for spec in STAGES
        }
        self._read_delayed = redis.register_script(_READ_DELAYED)

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
        )
        return StageState(spec.name, total, outcomes)

    async def consistent_state(self) -> list[StageState]:
        """Every stage at one moment: where nothing is unsettled, nothing slipped by between two looks.

        A message moves only with an outcome that is counted. Where the counts before and after a look are the same, what
        was not seen in one stage was not on its way to another.
        """
        before = await self.state()
        while True:
            after = await self.state()
            is_same = [each.outcomes for each in before] == [each.outcomes for each in after]
            if is_same or any(each.unsettled for each in after):
                return after
            before = after

    async def delayed(self, spec: StageSpec) -> AsyncIterator[Delayed]:
        """The stage's waiting messages, soonest first within a partition."""
        for keys in self.pipeline.all_keys():
            first = 0
            while True:
                rows = await self._delayed_page(spec, keys, first=first, count=_DELAYED_AT_ONCE)
                for row in rows:
                    yield row
                if len(rows) < _DELAYED_AT_ONCE:
                    break
                first += _DELAYED_AT_ONCE

    async def delayed_beyond(self, spec: StageSpec, horizon: timedelta) -> DelayedFor | None:
        """How many of the stage's messages are delayed for longer than the horizon; None when there is none."""
        since = int((time.time() + horizon.total_seconds()) * 1000)
        count, soonest = 0, list[Delayed]()
        for keys in self.pipeline.all_keys():
            count += int(await self.redis.zcount(keys.delayed(spec), since, "+inf"))
            soonest += await self._delayed_page(spec, keys, since=since, count=1)
        return DelayedFor(count, min(soonest, key=lambda each: each.due)) if soonest else None

    async def _delayed_page(
        self, spec: StageSpec, keys: Keys, *, since: int | str = "-inf", first: int = 0, count: int
    ) -> list[Delayed]:
        answer: Any = await self._read_delayed(
            keys=[keys.delayed(spec), keys.delayed_entries(spec)], args=[since, first, count]
        )
        return [
            Delayed(
                stage=spec.name,
                due=datetime.fromtimestamp(float(due) / 1000, UTC),
                attempts=int(attempts),
                reason=reason.decode(),
                event=event,
            )
            for due, event, attempts, reason in answer
        ]


def redis_address(data: Path | None) -> str:
    """Address of the running system's Redis. Raises NotRunningError when none can be found."""
    try:
        return environment.redis_url(data=data)
    except environment.NotRunningError:
        # `coranto up --data DIR` with a Redis of the user's: DIR has the pages and the library, but no socket.
        if from_environment := os.environ.get("CORANTO_REDIS__URL"):
            return from_environment
        raise


def pages_directory(data: Path | None) -> Path:
    """Where the running system keeps its pages: as CORANTO_PAGES__PATH says, else in the data directory."""
    named = os.environ.get("CORANTO_PAGES__PATH")
    return Path(named) if named and data is None else environment.data_directory(data) / "pages"


@asynccontextmanager
async def connected(data: Path | None) -> AsyncIterator[RunningSystem]:
    """The running system. Raises NotRunningError when there is none, and redis' own errors when it does not answer."""
    async with connected_to(redis_address(data)) as system:
        yield system


@asynccontextmanager
async def connected_to(redis_url: str) -> AsyncIterator[RunningSystem]:
    """The system on this Redis, in the shape that its workers have written there. Raises redis' own errors, and
    PipelineMismatchError when the environment names another shape.
    """
    redis = connect(redis_url)
    try:
        # Asked once here: a command must say at once that nobody answers, and not after its third read.
        found = await asyncio.wait_for(find_shape(redis, environment.prefix(), environment.partitions()), timeout=10)
        yield RunningSystem(redis, found or environment.pipeline())
    finally:
        await redis.aclose()
