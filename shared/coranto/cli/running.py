"""The running system as the commands see it: where it is, its streams, and what waits in them.

It is found by --data, by CORANTO_REDIS__URL or by CORANTO_DATA; nothing here starts or changes anything.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from redis.asyncio import Redis

from coranto import locate
from coranto.client import AsyncClient
from coranto.topology import STAGES, Keys, Pipeline, StageSpec
from coranto.worker.connection import connect
from coranto.worker.redis_streams import RedisStreams
from coranto.worker.streams import Depth

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Directory of the running system; else CORANTO_DATA, else ./coranto-data."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]

# The message is packed by commit.lua; only Redis itself reads it without another library.
_READ_DELAYED = """
local found = {}
local waiting = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'WITHSCORES')
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

    async def settled_state(self) -> list[StageState]:
        """Every stage, with nothing settled while they were looked at, so that no message slipped by between two looks.

        Under load such a moment may not come; then the last look is given, in which something is unsettled anyway.
        """
        before = await self.state()
        for _ in range(5):
            after = await self.state()
            if [each.outcomes for each in before] == [each.outcomes for each in after] or _unsettled(after):
                return after
            before = after
        return before

    async def delayed(self, spec: StageSpec) -> AsyncIterator[Delayed]:
        """The stage's waiting messages, soonest first within a partition."""
        for keys in self.pipeline.all_keys():
            first = 0
            while True:
                rows = await self._delayed_page(spec, keys, first)
                for row in rows:
                    yield row
                if len(rows) < _DELAYED_AT_ONCE:
                    break
                first += _DELAYED_AT_ONCE

    async def _delayed_page(self, spec: StageSpec, keys: Keys, first: int) -> list[Delayed]:
        answer: Any = await self._read_delayed(
            keys=[keys.delayed(spec), keys.delayed_entries(spec)], args=[first, first + _DELAYED_AT_ONCE - 1]
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

    async def next_due(self) -> datetime | None:
        """When the next delayed message of any stage is due; None when none is delayed."""
        dues = []
        for spec in STAGES:
            for keys in self.pipeline.all_keys():
                rows: Any = await self.redis.zrange(keys.delayed(spec), 0, 0, withscores=True)
                dues += [score for _, score in rows]
        return datetime.fromtimestamp(min(dues) / 1000, UTC) if dues else None


def _unsettled(states: Sequence[StageState]) -> int:
    return sum(state.unsettled for state in states)


def redis_address(data: Path | None) -> str:
    """Address of the running system's Redis. Raises NotRunningError when none can be found."""
    try:
        return locate.redis_url(data=data)
    except locate.NotRunningError:
        # `coranto up --data DIR` with a Redis of the user's: DIR has the pages and the library, but no socket.
        if from_environment := os.environ.get("CORANTO_REDIS__URL"):
            return from_environment
        raise


def pages_directory(data: Path | None) -> Path:
    """Where the running system keeps its pages: as CORANTO_PAGES__PATH says, else in the data directory."""
    named = os.environ.get("CORANTO_PAGES__PATH")
    return Path(named) if named and data is None else locate.data_directory(data) / "pages"


@asynccontextmanager
async def connected(data: Path | None) -> AsyncIterator[RunningSystem]:
    """The running system. Raises NotRunningError when there is none, and redis' own errors when it does not answer."""
    redis = connect(redis_address(data))
    try:
        # Asked once here: a command must say at once that nobody answers, and not after its third read.
        await asyncio.wait_for(redis.ping(), timeout=10)
        yield RunningSystem(redis, locate.pipeline())
    finally:
        await redis.aclose()
