"""Leases: one request per host at a time, a pause after each, in order, shared by all fetchers, and lost by none."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from itertools import pairwise

import pytest
from redis.asyncio import Redis

from coranto_fetcher.politeness import (
    HostBusy,
    HostFeedback,
    HostLease,
    HostUnavailable,
    InProcessLimiter,
    RedisHostLimiter,
)

NO_DELAY = timedelta(0)


def ms(number: float) -> timedelta:
    return timedelta(milliseconds=number)


async def acquire(
    limiter: RedisHostLimiter, message_id: str, delay: timedelta = NO_DELAY, *, is_backlog: bool = False
) -> HostLease:
    answer = await limiter.acquire("host", message_id, delay=delay, is_backlog=is_backlog)
    assert isinstance(answer, HostLease), answer
    return answer


async def refused(
    limiter: RedisHostLimiter, message_id: str, delay: timedelta = NO_DELAY, *, is_backlog: bool = False
) -> timedelta:
    answer = await limiter.acquire("host", message_id, delay=delay, is_backlog=is_backlog)
    assert isinstance(answer, HostBusy), answer
    return answer.retry_after


@pytest.fixture
def limiter(redis: Redis) -> RedisHostLimiter:
    return RedisHostLimiter(redis)


async def test_host_that_is_free_is_given_at_once_and_to_one_only(limiter: RedisHostLimiter, redis: Redis) -> None:
    lease = await acquire(limiter, "a")
    assert await refused(RedisHostLimiter(redis), "b") > NO_DELAY
    assert isinstance(await limiter.acquire("other", "b", delay=NO_DELAY), HostLease)
    await limiter.release(lease, HostFeedback.FINE)
    await acquire(limiter, "b")


async def test_after_a_request_the_host_rests(limiter: RedisHostLimiter) -> None:
    lease = await acquire(limiter, "a", ms(300))
    assert await limiter.release(lease, HostFeedback.FINE) == ms(300)
    assert NO_DELAY < await refused(limiter, "b", ms(300)) <= ms(300)
    await asyncio.sleep(0.32)
    await acquire(limiter, "b", ms(300))


async def test_those_who_wait_are_told_to_come_one_pause_after_the_other(limiter: RedisHostLimiter) -> None:
    lease = await acquire(limiter, "first", ms(1000))
    await limiter.release(lease, HostFeedback.FINE)
    waits = [(await refused(limiter, f"t{number}", ms(1000))).total_seconds() for number in range(20)]
    assert waits == pytest.approx([1 + number for number in range(20)], abs=0.2)
    assert (await refused(limiter, "t7", ms(1000))).total_seconds() == pytest.approx(8, abs=0.2)  # its place is kept


async def test_newcomer_does_not_overtake_those_who_wait(limiter: RedisHostLimiter) -> None:
    lease = await acquire(limiter, "a", ms(100))
    await refused(limiter, "b", ms(100))
    await limiter.release(lease, HostFeedback.FINE)
    await asyncio.sleep(0.12)
    await refused(limiter, "newcomer", ms(100))
    await acquire(limiter, "b", ms(100))


async def test_live_article_goes_before_the_backlog(limiter: RedisHostLimiter) -> None:
    lease = await acquire(limiter, "a", ms(100))
    backlog = [await refused(limiter, f"old{number}", ms(100), is_backlog=True) for number in range(10)]
    live = await refused(limiter, "live", ms(100))
    assert live <= backlog[0] + ms(50)
    await limiter.release(lease, HostFeedback.FINE)
    await asyncio.sleep(0.12)
    await acquire(limiter, "live", ms(100))


async def test_lease_of_a_fetcher_that_died_ends_by_itself(redis: Redis) -> None:
    limiter = RedisHostLimiter(redis, lease=ms(500))
    lost = await acquire(limiter, "a")
    await refused(limiter, "b")
    await asyncio.sleep(0.55)
    lease = await acquire(limiter, "b")
    await limiter.release(lost, HostFeedback.FINE)  # the dead one comes back: the lease is not its any more
    await refused(limiter, "c")
    await limiter.release(lease, HostFeedback.FINE)


async def test_long_request_keeps_its_lease_by_renewing_it(redis: Redis) -> None:
    limiter = RedisHostLimiter(redis, lease=ms(600))
    lease = await acquire(limiter, "a")
    for _ in range(3):
        await asyncio.sleep(0.25)
        await limiter.renew(lease)
    await refused(limiter, "b")


async def test_message_that_never_comes_back_does_not_block_the_host(redis: Redis) -> None:
    limiter = RedisHostLimiter(redis, grace=ms(200), queue_ttl=ms(400))
    lease = await acquire(limiter, "a", ms(50))
    await refused(limiter, "lost", ms(50))
    await limiter.release(lease, HostFeedback.FINE)
    await asyncio.sleep(0.6)
    await acquire(limiter, "b", ms(50))
    assert await redis.zcard("coranto:{host-host}:budget:places") == 0


async def test_retry_after_holds_for_the_whole_host(limiter: RedisHostLimiter, redis: Redis) -> None:
    lease = await acquire(limiter, "a")
    wait = await limiter.release(lease, HostFeedback.SLOW_DOWN, retry_after=timedelta(seconds=30), keeps_place=True)
    assert wait == timedelta(seconds=30)
    assert await refused(limiter, "b") > timedelta(seconds=29)
    assert (await redis.hget("coranto:{host-host}:budget", "pause")) == b"0"  # it said what it wants
    assert await refused(limiter, "a") <= timedelta(seconds=30)


async def test_bare_refusals_double_the_pause_and_good_answers_halve_it(redis: Redis) -> None:
    limiter = RedisHostLimiter(redis, first_pause=ms(20), max_pause=ms(100))
    pauses = []
    for answer in [HostFeedback.SLOW_DOWN] * 4 + [HostFeedback.FINE] * 3:
        lease = await acquire(limiter, "a")
        wait = await limiter.release(lease, answer)
        pauses.append(wait / ms(1))
        await asyncio.sleep(wait.total_seconds() + 0.005)
    assert pauses == [20, 40, 80, 100, 50, 25, 12]


async def test_host_that_keeps_failing_is_down_for_all_until_one_probe_is_due(redis: Redis) -> None:
    limiter = RedisHostLimiter(redis, first_pause=ms(100), max_pause=ms(400), failures_until_unavailable=3)
    for _ in range(2):
        wait = await limiter.release(await acquire(limiter, "a"), HostFeedback.FAILING)
        await asyncio.sleep(wait.total_seconds() + 0.005)
    await limiter.release(await acquire(limiter, "a"), HostFeedback.FAILING)
    assert isinstance(await limiter.acquire("host", "b", delay=NO_DELAY), HostUnavailable)
    await asyncio.sleep(0.45)
    probe = await acquire(limiter, "b")
    await refused(limiter, "c")
    await asyncio.sleep((await limiter.release(probe, HostFeedback.FINE)).total_seconds() + 0.005)
    await acquire(limiter, "c")


async def test_place_is_kept_for_a_message_that_gave_up_its_slot(limiter: RedisHostLimiter) -> None:
    lease = await acquire(limiter, "a", ms(100))
    await refused(limiter, "b", ms(100))
    assert await limiter.release(lease, HostFeedback.FINE, keeps_place=True) == ms(100)
    await asyncio.sleep(0.12)
    await acquire(limiter, "a", ms(100))


async def test_crowd_of_two_fetchers_keeps_the_host_busy_politely_and_in_order(redis: Redis) -> None:
    delay, crowd = 0.06, 40
    fetchers = [RedisHostLimiter(redis), RedisHostLimiter(redis)]
    starts: list[float] = []
    order: list[int] = []
    in_flight, refusals = 0, 0

    async def fetch(number: int) -> None:
        nonlocal in_flight, refusals
        limiter = fetchers[number % 2]
        while True:
            answer = await limiter.acquire("host", f"t{number}", delay=timedelta(seconds=delay))
            if isinstance(answer, HostLease):
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
        await limiter.release(answer, HostFeedback.FINE)

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


async def test_limiter_of_a_process_alone_waits_in_place() -> None:
    limiter = InProcessLimiter()
    started = time.monotonic()
    for number in range(3):
        lease = await limiter.acquire("host", str(number), delay=ms(50))
        await limiter.renew(lease)
        assert await limiter.release(lease, HostFeedback.FINE) == ms(50)
    assert time.monotonic() - started >= 0.1
