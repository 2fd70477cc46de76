"""Room for entries: never more than there is, in the order of asking, and none lost on the way."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coranto.worker.breaker import Breaker
from coranto.worker.flow import Flow
from coranto.worker.notices import site_of
from coranto.worker.settings import BreakerSettings


def make_flow(capacity: int = 8, **breaker: object) -> Flow:
    return Flow(capacity, Breaker(BreakerSettings(**breaker), clock=time.monotonic))  # type: ignore[arg-type]  # checked by pydantic


async def test_a_reader_that_asks_again_at_once_does_not_pass_those_that_wait() -> None:
    flow = make_flow(2)
    served: list[int] = []

    async def read(number: int) -> None:
        while True:
            room = await flow.acquire("main", 1)
            served.append(number)
            await asyncio.sleep(0)
            flow.release(room)

    readers = [asyncio.create_task(read(number)) for number in range(10)]
    await asyncio.sleep(0.05)
    for reader in readers:
        reader.cancel()
    counts = [served.count(number) for number in range(10)]
    assert min(counts) >= max(counts) - 2
    assert max(counts) > 10


async def test_who_is_cancelled_while_waiting_takes_no_room_along() -> None:
    flow = make_flow(1)
    held = await flow.acquire("main", 1)
    waiting = [asyncio.create_task(flow.acquire("main", 1)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    flow.release(held)  # granted to one that is being cancelled, or to the next
    waiting[1].cancel()
    await asyncio.sleep(0.01)
    done = [task for task in waiting if task.done() and not task.cancelled()]
    assert flow.used == len(done) == 1
    for task in waiting:
        task.cancel()


@settings(max_examples=60, deadline=None)
@given(
    capacity=st.integers(1, 40),
    steps=st.lists(st.tuples(st.integers(1, 20), st.booleans(), st.booleans(), st.booleans()), max_size=60),
)
def test_no_more_than_the_capacity_is_ever_taken(capacity: int, steps: list[tuple[int, bool, bool, bool]]) -> None:
    async def play() -> None:
        flow = make_flow(capacity)
        tasks: list[asyncio.Task[int]] = []
        for most, is_retry, is_cancelled, is_released in steps:
            tasks.append(asyncio.create_task(flow.acquire("retry" if is_retry else "main", most)))
            await asyncio.sleep(0)
            assert 0 <= flow.used <= capacity
            if is_cancelled:
                tasks[len(tasks) // 2].cancel()
            if is_released:
                for task in [task for task in tasks if task.done() and not task.cancelled()][:3]:
                    flow.release(task.result())
                    tasks.remove(task)
        for task in tasks:
            task.cancel()
        for task in tasks:
            try:
                flow.release(await task)
            except asyncio.CancelledError:
                continue
        assert flow.used == 0

    asyncio.run(play())


async def test_a_pause_downstream_stops_both_lines_and_is_shown() -> None:
    shown: list[bool] = []
    flow = Flow(4, Breaker(BreakerSettings(), clock=time.monotonic), on_pause=shown.append)
    flow.suspect_backlog()
    assert flow.measure_wanted.is_set()
    main, retry = (asyncio.create_task(flow.acquire(line, 1)) for line in ("main", "retry"))
    await asyncio.sleep(0)
    assert not main.done()
    assert not retry.done()
    flow.judge(is_paused=False, is_delayed_full=True)
    assert await retry == 1
    assert not main.done()
    main.cancel()
    assert shown == [True, False]


async def test_an_open_breaker_lets_one_entry_through_when_its_pause_is_over() -> None:
    flow = make_flow(failures=1, probe_after=timedelta(seconds=0.1))
    flow.breaker.report("world_down", "systemic", is_dead=False, is_end=False, is_trial=False)
    waiting = [asyncio.create_task(flow.acquire("main", 4)) for _ in range(3)]
    await asyncio.sleep(0.03)
    assert not any(task.done() for task in waiting)
    await asyncio.sleep(0.15)
    assert [task.result() for task in waiting if task.done()] == [1]
    with await flow.breaker.permit() as permit:
        assert permit.is_trial
        permit.report("ok", "success", is_dead=False, is_end=True)
    flow.release(1)
    await asyncio.wait_for(asyncio.gather(*waiting), 1)


async def test_a_failing_trial_opens_the_breaker_for_twice_as_long_up_to_the_longest() -> None:
    now = 0.0
    rules = BreakerSettings(failures=3, probe_after=timedelta(seconds=5), max_pause=timedelta(seconds=8))
    breaker = Breaker(rules, clock=lambda: now)

    def fail(reason: str, *, is_trial: bool = False) -> object:
        return breaker.report(reason, "systemic", is_dead=False, is_end=False, is_trial=is_trial)

    assert [fail(reason) for reason in ("a", "a", "b", "b", "b")] == [None, None, None, None, "opened"]
    assert (breaker.state, breaker.reason) == ("open", "b")
    now = 5.0
    assert breaker.state == "half_open"
    fail("b")  # one that was started before it opened says nothing new
    assert breaker.state == "half_open"
    with await breaker.permit() as permit:
        assert permit.is_trial
        permit.report("b", "systemic", is_dead=False, is_end=False)
    assert (breaker.state, breaker.seconds_to_trial) == ("open", 8.0)
    now = 13.0
    with await breaker.permit() as permit:
        assert permit.report("ok", "success", is_dead=False, is_end=True) == "closed"
    assert breaker.state == "closed"


def test_failures_that_pages_bring_about_open_the_breaker_when_several_sites_have_them() -> None:
    breaker = Breaker(BreakerSettings(failures=5), clock=time.monotonic)

    def fail(site: str | None) -> object:
        return breaker.report("error", "systemic", is_dead=False, is_end=False, is_trial=False, site=site)

    assert [fail(site) for site in ["one.example"] * 50 + ["two.example"] * 50] == [None] * 100
    breaker.report("ok", "success", is_dead=False, is_end=True, is_trial=False)
    assert [fail("three.example"), fail("four.example")] == [None, None]  # the run before is over
    assert [fail("one.example") for _ in range(3)] == [None, None, "opened"]


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://www.paper.example.co.uk/a", "example.co.uk"),
        ("http://127.0.0.1:8000/a", "127.0.0.1:8000"),
        ("file:///a.html", None),
        ("", None),
        ("http://\ud800.example/", None),
    ],
)
def test_site_of_a_page(url: str, site: str | None) -> None:
    assert site_of(url) == site


async def test_a_trial_that_fails_without_a_word_frees_the_next() -> None:
    breaker = Breaker(BreakerSettings(failures=1, probe_after=timedelta(microseconds=1)), clock=time.monotonic)
    breaker.report("a", "systemic", is_dead=False, is_end=False, is_trial=False)
    await asyncio.sleep(0.001)
    with pytest.raises(RuntimeError), await breaker.permit():
        raise RuntimeError("our own mistake")
    async with asyncio.timeout(1):
        with await breaker.permit() as permit:
            assert permit.is_trial
