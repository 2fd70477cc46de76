"""Measures how long single callbacks hold the event loop, for tests of what strangers send.

Judged by the CPU time of the loop's thread, so that a machine that is busy with other things makes no test fail: what
the scheduler takes away is in the wall clock, and not in `time.thread_time`. The wall clock is told beside it.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class LoopWatch:
    """The longest that one callback, or one step of a task, has held the loop."""

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    callback: str = ""

    def note(self, cpu_seconds: float, wall_seconds: float, handle: asyncio.Handle) -> None:
        """Keep it if it is the longest so far."""
        if cpu_seconds > self.cpu_seconds:
            self.cpu_seconds, self.wall_seconds = cpu_seconds, wall_seconds
            self.callback = repr(handle)[:300]

    def __str__(self) -> str:
        return f"{self.cpu_seconds:.3f} s of CPU ({self.wall_seconds:.3f} s by the clock) in {self.callback}"


@contextmanager
def watched_loop() -> Iterator[LoopWatch]:
    """Watch every callback that begins inside the block, those of the test's own task included."""
    watch = LoopWatch()
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        cpu, wall = time.thread_time(), time.perf_counter()
        try:
            run(handle)
        finally:
            watch.note(time.thread_time() - cpu, time.perf_counter() - wall, handle)

    # A collection would walk all that thousands of tests have left behind, inside whichever callback it falls into. A worker
    # freezes what is loaded at its start.
    gc.collect()
    gc.disable()
    asyncio.Handle._run = timed  # type: ignore[method-assign]  # every callback passes here, and asyncio offers no hook
    try:
        yield watch
    finally:
        asyncio.Handle._run = run  # type: ignore[method-assign]
        gc.enable()
