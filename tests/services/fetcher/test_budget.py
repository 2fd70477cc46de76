"""Turns: one request per host at a time, a pause after each, in order, shared by all fetchers, and lost by none."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from itertools import pairwise

import pytest
from redis.asyncio import Redis

from coranto_fetcher.budget import Answer, BudgetLimits, Busy, Down, HostBudget, SoloBudget, Turn

NO_DELAY = timedelta(0)


def ms(number: float) -> timedelta:
    return timedelta(milliseconds=number)


async def take(budget: HostBudget, ticket: str, delay: timedelta = NO_DELAY, *, is_backlog: bool = False) -> Turn:
    answer = await budget.take("host", ticket, delay=delay, is_backlog=is_backlog)
    assert isinstance(answer, Turn), answer
    return answer


async def refused(
    budget: HostBudget, ticket: str, delay: timedelta = NO_DELAY, *, is_backlog: bool = False
) -> timedelta:
    answer = await budget.take("host", ticket, delay=delay, is_backlog=is_backlog)
    assert isinstance(answer, Busy), answer
    return answer.retry_after


@pytest.fixture
def budget(redis: Redis) -> HostBudget:
    return HostBudget(redis)


async def test_host_that_is_free_is_given_at_once_and_to_one_only(budget: HostBudget, redis: Redis) -> None:
    turn = await take(budget, "a")
    assert await refused(HostBudget(redis), "b") > NO_DELAY
    assert isinstance(await budget.take("other", "b", delay=NO_DELAY), Turn)
    await budget.give_back(turn, Answer.FINE)
    await take(budget, "b")


async def test_after_a_request_the_host_rests(budget: HostBudget) -> None:
    turn = await take(budget, "a", ms(300))
    assert await budget.give_back(turn, Answer.FINE) == ms(300)
    assert NO_DELAY < await refused(budget, "b", ms(300)) <= ms(300)
    await asyncio.sleep(0.32)
    await take(budget, "b", ms(300))


async def test_those_who_wait_are_told_to_come_one_pause_after_the_other(budget: HostBudget) -> None:
    turn = await take(budget, "first", ms(1000))
    await budget.give_back(turn, Answer.FINE)
    waits = [(await refused(budget, f"t{number}", ms(1000))).total_seconds() for number in range(20)]
    assert waits == pytest.approx([1 + number for number in range(20)], abs=0.2)
    assert (await refused(budget, "t7", ms(1000))).total_seconds() == pytest.approx(8, abs=0.2)  # its place is kept


async def test_newcomer_does_not_overtake_those_who_wait(budget: HostBudget) -> None:
    turn = await take(budget, "a", ms(100))
    await refused(budget, "b", ms(100))
    await budget.give_back(turn, Answer.FINE)
    await asyncio.sleep(0.12)
    await refused(budget, "newcomer", ms(100))
    await take(budget, "b", ms(100))


async def test_live_article_goes_before_the_backlog(budget: HostBudget) -> None:
    turn = await take(budget, "a", ms(100))
    backlog = [await refused(budget, f"old{number}", ms(100), is_backlog=True) for number in range(10)]
    live = await refused(budget, "live", ms(100))
    assert live <= backlog[0] + ms(50)
    await budget.give_back(turn, Answer.FINE)
    await asyncio.sleep(0.12)
    await take(budget, "live", ms(100))


async def test_turn_of_a_fetcher_that_died_ends_by_itself(redis: Redis) -> None:
    budget = HostBudget(redis, limits=BudgetLimits(lease=ms(500)))
    lost = await take(budget, "a")
    await refused(budget, "b")
    await asyncio.sleep(0.55)
    turn = await take(budget, "b")
    await budget.give_back(lost, Answer.FINE)  # the dead one comes back: the turn is not its any more
    await refused(budget, "c")
    await budget.give_back(turn, Answer.FINE)


async def test_long_request_keeps_its_turn_by_renewing_it(redis: Redis) -> None:
    budget = HostBudget(redis, limits=BudgetLimits(lease=ms(600)))
    turn = await take(budget, "a")
    for _ in range(3):
        await asyncio.sleep(0.25)
        await budget.renew(turn)
    await refused(budget, "b")


async def test_message_that_never_comes_back_does_not_block_the_host(redis: Redis) -> None:
    budget = HostBudget(redis, limits=BudgetLimits(patience=ms(200), forget=ms(400)))
    turn = await take(budget, "a", ms(50))
    await refused(budget, "lost", ms(50))
    await budget.give_back(turn, Answer.FINE)
    await asyncio.sleep(0.6)
    await take(budget, "b", ms(50))
    assert await redis.zcard("coranto:{host-host}:budget:places") == 0


async def test_retry_after_holds_for_the_whole_host(budget: HostBudget, redis: Redis) -> None:
    turn = await take(budget, "a")
    wait = await budget.give_back(turn, Answer.SLOW_DOWN, retry_after=timedelta(seconds=30), keeps_place=True)
    assert wait == timedelta(seconds=30)
    assert await refused(budget, "b") > timedelta(seconds=29)
    assert (await redis.hget("coranto:{host-host}:budget", "pause")) == b"0"  # it said what it wants
    assert await refused(budget, "a") <= timedelta(seconds=30)


async def test_bare_refusals_double_the_pause_and_good_answers_halve_it(redis: Redis) -> None:
    budget = HostBudget(redis, limits=BudgetLimits(first_pause=ms(20), longest_pause=ms(100)))
    pauses = []
    for answer in [Answer.SLOW_DOWN] * 4 + [Answer.FINE] * 3:
        turn = await take(budget, "a")
        wait = await budget.give_back(turn, answer)
        pauses.append(wait / ms(1))
        await asyncio.sleep(wait.total_seconds() + 0.005)
    assert pauses == [20, 40, 80, 100, 50, 25, 12]


async def test_host_that_keeps_failing_is_down_for_all_until_one_probe_is_due(redis: Redis) -> None:
    budget = HostBudget(redis, limits=BudgetLimits(first_pause=ms(100), longest_pause=ms(400), failures_until_down=3))
    for _ in range(2):
        wait = await budget.give_back(await take(budget, "a"), Answer.FAILING)
        await asyncio.sleep(wait.total_seconds() + 0.005)
    await budget.give_back(await take(budget, "a"), Answer.FAILING)
    assert isinstance(await budget.take("host", "b", delay=NO_DELAY), Down)
    await asyncio.sleep(0.45)
    probe = await take(budget, "b")
    await refused(budget, "c")
    await asyncio.sleep((await budget.give_back(probe, Answer.FINE)).total_seconds() + 0.005)
    await take(budget, "c")


async def test_place_is_kept_for_a_message_that_gave_up_its_slot(budget: HostBudget) -> None:
    turn = await take(budget, "a", ms(100))
    await refused(budget, "b", ms(100))
    assert await budget.give_back(turn, Answer.FINE, keeps_place=True) == ms(100)
    await asyncio.sleep(0.12)
    await take(budget, "a", ms(100))


async def test_crowd_of_two_fetchers_keeps_the_host_busy_politely_and_in_order(redis: Redis) -> None:
    delay, crowd = 0.06, 40
    fetchers = [HostBudget(redis), HostBudget(redis)]
    starts: list[float] = []
    order: list[int] = []
    in_flight, refusals = 0, 0

    async def fetch(number: int) -> None:
        nonlocal in_flight, refusals
        budget = fetchers[number % 2]
        while True:
            answer = await budget.take("host", f"t{number}", delay=timedelta(seconds=delay))
            if isinstance(answer, Turn):
                break
            refusals += 1
            # As in the delivery: a message comes back a little late.
            await asyncio.sleep(answer.retry_after.total_seconds() + random.uniform(0, delay / 5))  # noqa: S311 - no secret
        in_flight += 1
        assert in_flight == 1
        starts.append(time.monotonic())
        order.append(number)
        await asyncio.sleep(0.005)
        in_flight -= 1
        await budget.give_back(answer, Answer.FINE)

    running = []
    for number in range(crowd):
        running.append(asyncio.create_task(fetch(number)))
        await asyncio.sleep(0.002)
    await asyncio.gather(*running)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert min(gaps) >= delay
    assert sum(gaps) / len(gaps) < 1.6 * (delay + 0.005)
    assert max(abs(place - number) for place, number in enumerate(order)) <= 8
    assert refusals / crowd < 8


async def test_solo_budget_waits_for_the_turn_in_place() -> None:
    budget = SoloBudget()
    started = time.monotonic()
    for number in range(3):
        turn = await budget.take("host", str(number), delay=ms(50))
        await budget.renew(turn)
        assert await budget.give_back(turn, Answer.FINE) == ms(50)
    assert time.monotonic() - started >= 0.1
