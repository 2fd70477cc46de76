"""Measures how long the event loop stands still: while it does, nothing is renewed, answered or timed out.

A task that asks to be woken at short intervals sees by how much it is woken too late. The wall clock alone cannot tell a
handler that computes from a machine that is busy with other processes, so the CPU time of the loop's thread is read too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from coranto.worker.metrics import Metrics

_INTERVAL_SECONDS: Final = 0.02
_WINDOW_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Stall:
    """How long the loop stood still, and for how much of that its own thread computed."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0

    def or_longer(self, other: Stall) -> Stall:
        """The longer of both, by each clock."""
        return Stall(max(self.wall_seconds, other.wall_seconds), max(self.cpu_seconds, other.cpu_seconds))


class LongestStall:
    """The longest stall of the last one to two minutes.

    Two halves take turns, so that reading it changes nothing: Prometheus, `coranto top` and people read side by side.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._before = Stall()
        self._now = Stall()

    def note(self, stall: Stall) -> None:
        """Take one measurement in."""
        self._turn()
        self._now = self._now.or_longer(stall)

    def read(self) -> Stall:
        """The longest."""
        self._turn()
        return self._before.or_longer(self._now)

    def _turn(self) -> None:
        passed = self._clock() - self._since
        if passed >= _WINDOW_SECONDS:
            self._before = self._now if passed < 2 * _WINDOW_SECONDS else Stall()
            self._now, self._since = Stall(), self._clock()


async def measure_stalls(metrics: Metrics) -> None:
    """Keep the metric of this loop up to date until cancelled."""
    longest = LongestStall()
    metrics.loop_stall.labels("wall").set_function(lambda: longest.read().wall_seconds)
    metrics.loop_stall.labels("cpu").set_function(lambda: longest.read().cpu_seconds)
    while True:
        wall, cpu = time.monotonic(), time.thread_time()
        await asyncio.sleep(_INTERVAL_SECONDS)
        late = max(0.0, time.monotonic() - wall - _INTERVAL_SECONDS)
        # What the thread computed while it was not late was no stall.
        longest.note(Stall(late, min(late, time.thread_time() - cpu)))
