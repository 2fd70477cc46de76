"""Leases: one request per host at a time, a pause after each, live work first, shared by all processes and lost by none."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from itertools import pairwise

import pytest
from redis.asyncio import Redis

from coranto.frontier import (
    BackOff,
    HostBusy,
    HostFeedback,
    HostLease,
    HostSetAside,
    InProcessHostLeases,
    RedisHostLeases,
)

NO_DELAY = timedelta(0)
STATE = "coranto:{host-host}:lease"


def ms(number: float) -> timedelta:
    return timedelta(milliseconds=number)


async def acquire(
    leases: RedisHostLeases, holder: str, delay: timedelta = NO_DELAY, *, is_backlog: bool = False
) -> HostLease:
    answer = await leases.acquire("host", holder, delay=delay, is_backlog=is_backlog)
    assert isinstance(answer, HostLease), answer
    return answer


async def refused(
    leases: RedisHostLeases, holder: str, delay: timedelta = NO_DELAY, *, is_backlog: bool = False
) -> timedelta:
    answer = await leases.acquire("host", holder, delay=delay, is_backlog=is_backlog)
    assert isinstance(answer, HostBusy), answer
    return answer.retry_after


@pytest.fixture
def leases(redis: Redis) -> RedisHostLeases:
    return RedisHostLeases(redis)


async def elapse(redis: Redis, span: timedelta, host: str = "host") -> None:
    """Let this much time pass for the host: all its times move into the past."""
    key = f"coranto:{{host-{host}}}:lease"
    for field in ("lease_until", "started", "next_at", "aside_until", "failing_since", "next_until"):
        if await redis.hexists(key, field):
            await redis.hincrby(key, field, -round(span / ms(1)))


async def test_free_host_is_given_at_once_and_to_one_only(leases: RedisHostLeases, redis: Redis) -> None:
    lease = await acquire(leases, "a")
    assert await refused(RedisHostLeases(redis), "b") > NO_DELAY
    assert isinstance(await leases.acquire("other", "b", delay=NO_DELAY), HostLease)
    await elapse(redis, (await leases.release(lease, HostFeedback.FINE)).wait)
    await acquire(leases, "b")


async def test_after_a_request_the_host_rests(leases: RedisHostLeases, redis: Redis) -> None:
    lease = await acquire(leases, "a", ms(3000))
    assert (await leases.release(lease, HostFeedback.FINE)).wait == ms(3000)
    assert ms(2900) < await refused(leases, "b", ms(3000)) <= ms(3000)
    await elapse(redis, ms(3000))
    await acquire(leases, "b", ms(3000))


async def test_slow_host_rests_twice_as_long_as_it_takes(leases: RedisHostLeases, redis: Redis) -> None:
    lease = await acquire(leases, "a", ms(2000))
    await elapse(redis, ms(6000))
    pause = await leases.release(lease, HostFeedback.FINE)
    assert ms(6000) <= pause.fetch_time < ms(6500)
    assert pause.wait == 2 * pause.fetch_time
    await elapse(redis, pause.wait)
    quick = await leases.release(await acquire(leases, "b", ms(2000)), HostFeedback.FINE)
    assert ms(4200) <= quick.fetch_time < ms(4600)  # 0.7 of what it was


async def test_crawl_delay_that_was_not_known_before_counts_at_the_release(leases: RedisHostLeases) -> None:
    lease = await acquire(leases, "a", ms(100))
    assert (await leases.release(lease, HostFeedback.FINE, delay=ms(9000))).wait == ms(9000)


async def test_whoever_was_told_a_time_comes_before_a_newcomer(leases: RedisHostLeases, redis: Redis) -> None:
    lease = await acquire(leases, "a", ms(100))
    await refused(leases, "b", ms(100))
    await leases.release(lease, HostFeedback.FINE)
    await elapse(redis, ms(200))
    assert await refused(leases, "newcomer", ms(100)) >= ms(100)
    await acquire(leases, "b", ms(100))


async def test_live_work_passes_the_backlog_and_is_not_passed_by_it(leases: RedisHostLeases, redis: Redis) -> None:
    lease = await acquire(leases, "a", ms(100))
    await refused(leases, "old", ms(100), is_backlog=True)
    await refused(leases, "live", ms(100))
    await leases.release(lease, HostFeedback.FINE)
    await elapse(redis, ms(150))
    await refused(leases, "old", ms(100), is_backlog=True)
    await acquire(leases, "live", ms(100))


async def test_one_who_never_comes_back_does_not_block_the_host(leases: RedisHostLeases, redis: Redis) -> None:
    lease = await acquire(leases, "a", ms(100))
    await refused(leases, "lost", ms(100))
    await leases.release(lease, HostFeedback.FINE)
    await elapse(redis, ms(150))
    await refused(leases, "b", ms(100))
    await elapse(redis, ms(2500))
    await acquire(leases, "b", ms(100))


async def test_lease_of_a_process_that_died_ends_by_itself(leases: RedisHostLeases, redis: Redis) -> None:
    lost = await acquire(leases, "a")
    await elapse(redis, ms(19_000))
    await refused(leases, "b")
    await elapse(redis, ms(1_000))
    await acquire(leases, "b")
    await leases.release(lost, HostFeedback.FINE)  # the dead one comes back: the lease is not its any more
    await refused(leases, "c")


async def test_host_of_a_process_that_died_has_its_whole_pause(leases: RedisHostLeases, redis: Redis) -> None:
    lease = await acquire(leases, "a")
    await elapse(redis, ms(1_000))
    # As long as its robots.txt asks for, which nobody knows who has not read it.
    await elapse(redis, (await leases.release(lease, HostFeedback.FINE, delay=ms(30_000))).wait)
    lease = await acquire(leases, "a")
    await elapse(redis, ms(10_000))
    assert await leases.renew(lease)
    await elapse(redis, ms(20_000))  # killed, at the latest a quarter of the lease after that
    assert ms(14_000) < await refused(leases, "b") <= ms(15_000)
    await elapse(redis, ms(15_000))
    await acquire(leases, "b")


async def test_renewal_extends_a_lease_and_says_when_it_is_lost(leases: RedisHostLeases, redis: Redis) -> None:
    lease = await acquire(leases, "a")
    for _ in range(3):
        await elapse(redis, ms(15_000))
        assert await leases.renew(lease)
    await refused(leases, "b")
    await elapse(redis, ms(20_000))
    assert not await leases.renew(lease)  # nobody has taken it, but somebody might at any moment
    await elapse(redis, ms(2_000))  # until then "b", who was told a time, comes first
    await acquire(leases, "c")
    assert not await leases.renew(lease)


async def test_retry_after_holds_for_everybody(leases: RedisHostLeases, redis: Redis) -> None:
    lease = await acquire(leases, "a")
    pause = await leases.release(lease, HostFeedback.SLOW_DOWN, retry_after=timedelta(hours=24))
    assert pause.wait == timedelta(hours=24)
    assert await refused(leases, "b") > timedelta(hours=23)
    assert await redis.hget(STATE, "pause") == b"0"  # type: ignore[misc]  # it said what it wants


@pytest.mark.parametrize("feedback", [HostFeedback.SLOW_DOWN, HostFeedback.FAILING])
async def test_bare_refusals_double_the_pause_and_good_answers_halve_it(redis: Redis, feedback: HostFeedback) -> None:
    leases = RedisHostLeases(redis, back_off=BackOff(first_pause=ms(2000), max_pause=ms(10_000)))
    pauses = []
    for answer in [feedback] * 4 + [HostFeedback.FINE] * 3:
        pause = await leases.release(await acquire(leases, "a"), answer)
        pauses.append(pause.wait / ms(1))
        await elapse(redis, pause.wait)
    assert pauses == [2000, 4000, 8000, 10_000, 5000, 2500, 1250]


async def test_ten_refusals_set_a_host_aside_for_an_hour_and_each_further_one_for_twice_as_long(
    leases: RedisHostLeases, redis: Redis
) -> None:
    for number in range(10):
        pause = await leases.release(await acquire(leases, "a"), HostFeedback.SLOW_DOWN)
        assert number == 9 or pause.wait <= timedelta(minutes=15)
        if number < 9:
            await elapse(redis, pause.wait)
    assert pause.wait == timedelta(hours=1)
    answer = await leases.acquire("host", "b", delay=NO_DELAY)
    assert isinstance(answer, HostSetAside)
    assert answer.retry_after > timedelta(minutes=59)
    assert answer.failing_for >= timedelta(minutes=15)
    await elapse(redis, timedelta(hours=1))
    pause = await leases.release(await acquire(leases, "probe"), HostFeedback.FAILING)
    assert pause.wait == timedelta(hours=2)
    assert pause.failing_for > timedelta(hours=1)
    await elapse(redis, timedelta(hours=2))
    pause = await leases.release(await acquire(leases, "probe"), HostFeedback.FINE)
    assert pause.failing_for == NO_DELAY
    assert await redis.hget(STATE, "refusals") == b"0"  # type: ignore[misc]


async def test_host_that_is_down_for_good_is_asked_once_a_day(leases: RedisHostLeases, redis: Redis) -> None:
    for _ in range(40):
        pause = await leases.release(await acquire(leases, "a"), HostFeedback.FAILING)
        await elapse(redis, pause.wait)
    assert pause.wait == timedelta(hours=24)


async def test_many_processes_never_meet_and_keep_the_pause(redis: Redis) -> None:
    delay, running, starts = ms(15), 0, list[float]()
    ends: list[float] = []

    async def work(number: int) -> None:
        nonlocal running
        leases = RedisHostLeases(redis)
        while not isinstance(answer := await leases.acquire("host", f"m{number}", delay=delay), HostLease):
            await asyncio.sleep(answer.retry_after.total_seconds())
        running += 1
        assert running == 1
        starts.append(time.monotonic())
        await asyncio.sleep(random.uniform(0, 0.004))  # noqa: S311
        ends.append(time.monotonic())
        running -= 1
        await leases.release(answer, HostFeedback.FINE)

    await asyncio.gather(*(work(number) for number in range(25)))
    assert len(starts) == 25
    assert min(start - end for end, start in zip(ends, starts[1:], strict=False)) >= 0.0145
    assert all(later > earlier for earlier, later in pairwise(starts))


async def test_process_that_works_alone_waits_until_the_host_may_be_asked() -> None:
    leases = InProcessHostLeases()
    lease = await leases.acquire("host", "a", delay=ms(30))
    started = time.monotonic()
    await leases.release(lease, HostFeedback.FINE)
    await leases.release(await leases.acquire("host", "b", delay=ms(30)), HostFeedback.FINE)
    assert time.monotonic() - started >= 0.029


@pytest.mark.parametrize("is_held", [True, False])
async def test_clock_that_is_set_back_makes_nobody_wait_for_it(
    redis: Redis, leases: RedisHostLeases, is_held: bool
) -> None:
    lease = await acquire(leases, "a", ms(500))
    if not is_held:
        await leases.release(lease, HostFeedback.SLOW_DOWN)
    await redis.hincrby(STATE, "written_at", 3_600_000)  # type: ignore[misc]
    await elapse(redis, -timedelta(hours=1))  # an hour ago the clock was an hour ahead
    wait = await refused(leases, "b")
    assert wait < timedelta(seconds=5)
    if is_held:
        assert await leases.renew(lease)
        assert (await leases.release(lease, HostFeedback.FINE)).wait < timedelta(seconds=5)
    await elapse(redis, timedelta(seconds=5))
    await acquire(leases, "b")


async def test_turn_without_a_request_changes_nothing_for_the_host(redis: Redis, leases: RedisHostLeases) -> None:
    await leases.release(await acquire(leases, "a"), HostFeedback.FAILING)
    await elapse(redis, timedelta(minutes=1))
    before = await redis.hmget(STATE, "refusals", "pause", "failing_since", "fetch_time")  # type: ignore[misc]
    pause = await leases.release(await acquire(leases, "a", ms(500)), HostFeedback.NOT_ASKED)
    assert pause.wait == NO_DELAY
    assert pause.failing_for >= timedelta(minutes=1)
    assert await redis.hmget(STATE, "refusals", "pause", "failing_since", "fetch_time") == before  # type: ignore[misc]
    await acquire(leases, "b")
