"""The metric that tells how long the event loop stood still."""

from __future__ import annotations

import asyncio
import time

from tests.conftest import eventually

from coranto.streams.tasks import end
from coranto.testing import FakeClock
from coranto.worker.loop_stall import LongestStall, Stall, measure_stalls
from coranto.worker.metrics import Metrics


def reading(metrics: Metrics, clock: str) -> float:
    value = metrics.registry.get_sample_value("coranto_event_loop_stall_seconds", {"clock": clock})
    assert value is not None
    return value


async def test_computing_on_the_loop_shows_on_both_clocks_and_waiting_on_one() -> None:
    computing, waiting = Metrics(), Metrics()
    task = asyncio.create_task(measure_stalls(waiting))
    await asyncio.sleep(0.05)
    time.sleep(0.3)  # noqa: ASYNC251 - the very mistake the metric shows
    await asyncio.sleep(0.05)
    assert reading(waiting, "wall") > 0.25
    assert reading(waiting, "cpu") < 0.1
    await end([task])

    task = asyncio.create_task(measure_stalls(computing))
    await asyncio.sleep(0.05)
    started = time.thread_time()
    while time.thread_time() - started < 0.3:
        pass
    await eventually(lambda: reading(computing, "cpu") > 0.25, what="the stall")
    assert reading(computing, "wall") > 0.25
    await end([task])


async def test_loop_that_runs_freely_shows_no_stall_of_its_own() -> None:
    metrics = Metrics()
    task = asyncio.create_task(measure_stalls(metrics))
    for _ in range(200):
        await asyncio.sleep(0.001)
    assert reading(metrics, "cpu") < 0.05
    await end([task])


def test_longest_is_kept_for_one_to_two_minutes_however_often_it_is_read() -> None:
    clock = FakeClock()
    longest = LongestStall(clock=clock)
    longest.note(Stall(0.4, 0.1))
    longest.note(Stall(0.2, 0.2))
    clock.now += 61
    assert [longest.read(), longest.read()] == [Stall(0.4, 0.2)] * 2
    longest.note(Stall(0.3, 0.0))
    clock.now += 61
    assert longest.read() == Stall(0.3, 0.0)
    clock.now += 121
    assert longest.read() == Stall()
