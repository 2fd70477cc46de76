"""What the pipeline did recently: its state, taken down every few seconds, so that rates and charts can be shown.

It is kept in memory from the gateway's start on, for an hour.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from redis.exceptions import RedisError

from coranto.admin.pipeline import StageState
from coranto.client import PipelineMismatchError

EVERY_SECONDS: Final = 5.0
SPAN_SECONDS: Final = 3600.0
_RATE_OVER_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Every stage at one moment."""

    at: float
    """Unix time."""
    stages: Mapping[str, StageState]


@dataclass(frozen=True, slots=True)
class Slot:
    """What ended in one part of the hour."""

    began: float
    outcomes: Mapping[str, int]


@dataclass(slots=True)
class Activity:
    """The samples of the last hour."""

    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=int(SPAN_SECONDS / EVERY_SECONDS) + 1))
    faulty_sources: int = 0
    """Sources that need attention."""
    late_subscribers: int = 0
    """Groups that are behind, and webhooks that nothing can be delivered to."""
    error: str | None = None
    """Why there is no newer sample."""

    @property
    def latest(self) -> Sample | None:
        """The newest sample."""
        return self.samples[-1] if self.samples else None

    def add(self, states: Sequence[StageState]) -> None:
        """Take down the state."""
        self.error = None
        self.samples.append(Sample(time.time(), {state.stage: state for state in states}))

    def rate(self, stage: str) -> float:
        """Messages a minute that the stage published in the last minute."""
        if len(self.samples) < 2:
            return 0.0
        newest = self.samples[-1]
        oldest = next(each for each in self.samples if newest.at - each.at <= _RATE_OVER_SECONDS + EVERY_SECONDS)
        if newest.at <= oldest.at:
            return 0.0
        published = newest.stages[stage].count("published") - oldest.stages[stage].count("published")
        return max(0.0, published * 60 / (newest.at - oldest.at))

    def has_moved(self, stage: str) -> bool:
        """Whether anything ended in the stage in the last two minutes."""
        if len(self.samples) < 2:
            return False
        newest = self.samples[-1]
        oldest = next(each for each in self.samples if newest.at - each.at <= 2 * _RATE_OVER_SECONDS)
        return dict(newest.stages[stage].outcomes) != dict(oldest.stages[stage].outcomes)

    def waiting(self, stage: str, *, points: int = 16) -> list[int]:
        """Messages waiting in the stage over the last hour, as so many points; fewer while less is known."""
        kept = list(self.samples)
        step = max(1, len(kept) // points)
        return [each.stages[stage].depth.waiting for each in kept[::-step][:points]][::-1]

    def reasons(self) -> dict[tuple[str, str, str], int]:
        """Messages that ended within the hour, by stage, outcome and reason."""
        if not self.samples:
            return {}
        oldest, newest = self.samples[0], self.samples[-1]
        found: dict[tuple[str, str, str], int] = {}
        for stage, state in newest.stages.items():
            before = oldest.stages[stage].outcomes
            for (kind, reason), number in state.outcomes.items():
                if (more := number - before.get((kind, reason), 0)) > 0:
                    found[stage, kind, reason] = more
        return found

    def slots(self, ends: Callable[[str, str, str], str | None], *, seconds: float = 300.0) -> list[Slot]:
        """What ended in each five minutes of the hour, counted under the name that `ends` gives for stage, outcome and reason."""
        slots: list[Slot] = []
        kept = list(self.samples)
        for earlier, later in pairwise(kept):
            began = later.at - later.at % seconds
            if not slots or slots[-1].began != began:
                slots.append(Slot(began, {}))
            counts = dict(slots[-1].outcomes)
            for stage, state in later.stages.items():
                for cause, number in state.outcomes.items():
                    name = ends(stage, *cause)
                    more = number - earlier.stages[stage].outcomes.get(cause, 0)
                    if name is not None and more > 0:
                        counts[name] = counts.get(name, 0) + more
            slots[-1] = Slot(began, counts)
        return slots


async def keep_watching(
    activity: Activity,
    look: Callable[[], Awaitable[Sequence[StageState]]],
    count_faulty: Callable[[], Awaitable[int]],
    count_late: Callable[[], Awaitable[int]],
) -> None:
    """Take the state down every few seconds. Never returns."""
    while True:
        try:
            activity.add(await look())
            activity.faulty_sources = await count_faulty()
            activity.late_subscribers = await count_late()
        except (RedisError, OSError, PipelineMismatchError) as error:
            activity.error = str(error) or type(error).__name__
        await asyncio.sleep(EVERY_SECONDS)
