"""Delivery under failure, each test named after what goes wrong. Real Redis, real processes, real signals."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

import stand_in
from coranto.client import AsyncClient, TooMuchWaitingError, new_submission
from coranto.records import DroppedArticle
from coranto.records.envelope import decode
from coranto.settings import LogSettings
from coranto.streams.connection import UnsafeRedisError, check_safety
from coranto.streams.redis import RedisStreams
from coranto.topology import DISCOVERED, DROPPED, FEEDER, SUBMITTED
from coranto.worker import log
from coranto.worker.app import Worker
from coranto_cli.local.redis_server import EmbeddedRedis
from delivery import KEYS, outcomes, pages, start_process, submit, working

log.configure(LogSettings(level="error"))


async def published(redis: Redis) -> Counter[str]:
    rows: Any = await redis.xrange(KEYS.stream(DISCOVERED))
    return Counter(json.loads(fields[b"event"])["data"]["discovery"]["url"] for _, fields in rows)


async def refuses_writes(redis: Redis) -> bool:
    try:
        await redis.set("probe", "1")
    except ResponseError as error:
        return "MISCONF" in str(error)
    return False


def state_of(worker: Worker, name: str) -> Any:
    return worker.readiness()[1]["stages"].get("feeder", {}).get(name)


async def wait_for(redis: Redis, expected: dict[tuple[str, str], int], within_seconds: float = 60) -> None:
    seen: dict[tuple[str, str], int] = {}
    try:
        async with asyncio.timeout(within_seconds):
            while (seen := await outcomes(redis)) != expected:
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"outcomes are {seen}, expected {expected}")


async def test_every_outcome_is_counted_once_and_they_add_up(redis: Redis, redis_url: str) -> None:
    await submit(redis_url, *pages(6))
    await submit(redis_url, *pages(2, "?do=drop"), *pages(2, "?do=bury"), *pages(2, "?do=again"), *pages(1, "?do=odd"))
    async with working(stand_in.make_worker(redis_url)) as worker:
        expected = {
            ("published", "ok"): 8,
            ("dropped", "not_wanted"): 2,
            ("dead", "not_valid"): 2,
            ("dead", "error"): 1,
            ("retried", "not_ready"): 2,
            ("retried", "error"): 2,
        }
        await wait_for(redis, expected)
        received = worker.metrics.registry.get_sample_value("coranto_messages_received_total", {"stage": "feeder"})
        assert received == sum(expected.values())


async def test_a_drop_and_a_death_reach_the_ledger_with_their_reason(redis: Redis, redis_url: str) -> None:
    await submit(redis_url, *pages(1, "?do=drop"), *pages(1, "?do=bury"))
    async with working(stand_in.make_worker(redis_url)):
        await wait_for(redis, {("dropped", "not_wanted"): 1, ("dead", "not_valid"): 1})
        rows: Any = await redis.xrange(KEYS.stream(DROPPED))
        notices = [decode(fields[b"event"], DroppedArticle).record for _, fields in rows]
    assert {(notice.outcome, notice.reason, notice.url) for notice in notices} == {
        ("dropped", "not_wanted", "https://news.example/0?do=drop"),
        ("dead", "not_valid", "https://news.example/0?do=bury"),
    }


async def test_transient_fault_is_retried_and_given_up_after_the_last_attempt(redis: Redis, redis_url: str) -> None:
    await submit(redis_url, *pages(1, "?do=again&times=2"), *pages(1, "?do=again&times=99"))
    async with working(stand_in.make_worker(redis_url)):
        await wait_for(redis, {("published", "ok"): 1, ("retried", "not_ready"): 5, ("dead", "not_ready"): 1})
        (letter,) = await RedisStreams(redis, FEEDER, KEYS).dead_letters()
    assert letter.attempts == 4
    assert "Transient: not_ready" in letter.error
    assert "Traceback" in letter.traceback


async def test_waiting_for_a_turn_spends_no_attempt(redis: Redis, redis_url: str) -> None:
    await submit(redis_url, *pages(1, "?do=turn"))
    async with working(stand_in.make_worker(redis_url)):
        await wait_for(redis, {("published", "ok"): 1, ("retried", "its_turn"): 8})


async def test_a_slow_message_does_not_hold_up_the_others(redis: Redis, redis_url: str) -> None:
    await submit(redis_url, "https://news.example/slow?sleep=3", *pages(40))
    async with working(stand_in.make_worker(redis_url, concurrency=4)):
        await wait_for(redis, {("published", "ok"): 40}, within_seconds=2.5)
        await wait_for(redis, {("published", "ok"): 41})


async def test_a_message_over_the_deadline_is_tried_again_and_then_dead(redis: Redis, redis_url: str) -> None:
    await submit(redis_url, *pages(1, "?sleep=30"), *pages(3))
    async with working(stand_in.make_worker(redis_url, deadline=0.3)):
        await wait_for(redis, {("published", "ok"): 3, ("retried", "deadline"): 2, ("dead", "deadline"): 1})


async def test_poison_entries_become_dead_letters_and_the_rest_goes_on(redis: Redis, redis_url: str) -> None:
    key = KEYS.stream(SUBMITTED)
    poison: list[dict[Any, Any]] = [
        {"event": b"\xff\xfe\x00 no json"},
        {"event": b'{"specversion":"1.0","id":"x","source":"s","type":"coranto.other.v1","data":{}}'},
        {"nonsense": b"\x00\x01"},
        {"event": b"[" * 100_000},
    ]
    for fields in poison:
        await redis.xadd(key, fields)
    await submit(redis_url, *pages(3))
    async with working(stand_in.make_worker(redis_url)):
        await wait_for(redis, {("published", "ok"): 3, ("dead", "malformed"): 4})
        letters = await RedisStreams(redis, FEEDER, KEYS).dead_letters()
    assert letters[0].event == b"\xff\xfe\x00 no json"
    assert "coranto.other.v1" in letters[1].error
    assert b"nonsense" in letters[2].event


async def test_a_live_slow_worker_keeps_its_message_by_renewal(redis: Redis, redis_url: str) -> None:
    await submit(redis_url, *pages(1, "?sleep=3"))
    async with (
        working(stand_in.make_worker(redis_url, name="one")),
        working(stand_in.make_worker(redis_url, name="two")) as two,
    ):
        await wait_for(redis, {("published", "ok"): 1})
        assert two.metrics.registry.get_sample_value("coranto_messages_claimed_total", {"stage": "feeder"}) in (
            None,
            0.0,
        )


async def test_two_replicas_share_the_work_and_settle_each_message_once(redis: Redis, redis_url: str) -> None:
    await submit(redis_url, *pages(80, "?sleep=0.02"))
    async with (
        working(stand_in.make_worker(redis_url, name="one", concurrency=2)) as one,
        working(stand_in.make_worker(redis_url, name="two", concurrency=2)) as two,
    ):
        await wait_for(redis, {("published", "ok"): 80})
        shares = [
            worker.metrics.registry.get_sample_value("coranto_messages_received_total", {"stage": "feeder"}) or 0
            for worker in (one, two)
        ]
    assert set((await published(redis)).values()) == {1}
    assert min(shares) >= 20


async def test_killed_workers_lose_and_double_nothing(
    own_redis: EmbeddedRedis, processes: list[subprocess.Popen[bytes]]
) -> None:
    number = 600
    await submit(own_redis.url, *pages(number, "?sleep=0.01"))
    redis = Redis.from_url(own_redis.url)
    processes += [start_process(own_redis.url) for _ in range(3)]
    dice = random.Random(7)  # noqa: S311 - which worker dies
    for _ in range(8):
        await asyncio.sleep(dice.uniform(0.8, 1.4))
        victim = dice.randrange(3)
        processes[victim].send_signal(signal.SIGKILL)
        processes[victim].wait()
        processes[victim] = start_process(own_redis.url)
    async with asyncio.timeout(60):
        while len(await published(redis)) < number:
            await asyncio.sleep(0.1)
    counted = await published(redis)
    await redis.aclose()
    assert len(counted) == number
    assert set(counted.values()) == {1}


async def test_a_message_that_kills_its_worker_three_times_becomes_a_dead_letter(
    redis: Redis, redis_url: str, processes: list[subprocess.Popen[bytes]]
) -> None:
    await submit(redis_url, *pages(1, "?do=die"))
    processes.append(start_process(redis_url))
    deaths = 0
    async with asyncio.timeout(60):
        while ("dead", "worker_lost") not in await outcomes(redis):
            if processes[-1].poll() is not None:
                deaths += 1
                processes.append(start_process(redis_url))
            await asyncio.sleep(0.05)
    assert deaths == 3


async def test_sigterm_finishes_what_runs_and_hands_back_the_rest_at_once(
    redis: Redis, redis_url: str, processes: list[subprocess.Popen[bytes]]
) -> None:
    await submit(redis_url, *pages(1, "?sleep=1"), *pages(4, "?sleep=60"))
    process = start_process(redis_url)
    processes.append(process)
    async with asyncio.timeout(20):
        while (await RedisStreams(redis, FEEDER, KEYS).measure()).pending < 4:
            await asyncio.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 15) == 0
    depth = await RedisStreams(redis, FEEDER, KEYS).measure()
    assert (depth.pending, depth.waiting) == (0, 4)
    assert await outcomes(redis) == {("published", "ok"): 1}
    groups: Any = await redis.xinfo_groups(KEYS.stream(SUBMITTED))
    assert groups[0]["consumers"] == 0


async def test_worker_works_on_while_its_log_lies_on_a_full_disk(
    redis: Redis, redis_url: str, processes: list[subprocess.Popen[bytes]]
) -> None:
    await submit(redis_url, *pages(20))
    processes.append(start_process(redis_url, log_to=Path("/dev/full")))
    await wait_for(redis, {("published", "ok"): 20})
    processes[-1].send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(processes[-1].wait, 15) == 0


async def test_messages_wait_while_redis_cannot_write_its_file_and_are_settled_when_it_can(
    own_redis: EmbeddedRedis,
) -> None:
    await submit(own_redis.url, *pages(40, "?sleep=0.02"))
    redis = Redis.from_url(own_redis.url)
    # A file cannot take a directory's name: to Redis this is a disk it cannot save to. The name stays as it is, because
    # Redis from 7 on and Valkey let nobody change it while they run.
    file = Path((await redis.config_get("dir"))["dir"], (await redis.config_get("dbfilename"))["dbfilename"])
    file.mkdir()
    await redis.config_set("save", "3600 1")
    async with working(stand_in.make_worker(own_redis.url)) as worker:
        await asyncio.sleep(0.3)
        await redis.bgsave()
        async with asyncio.timeout(10):
            while not await refuses_writes(redis):
                await asyncio.sleep(0.02)
        await asyncio.sleep(3)  # longer than the claim time: nothing in hand may be taken for lost
        file.rmdir()
        await redis.bgsave()
        await wait_for(redis, {("published", "ok"): 40})
        assert set((await published(redis)).values()) == {1}
        async with asyncio.timeout(10):
            while not worker.readiness()[0]:
                await asyncio.sleep(0.05)
    await redis.aclose()


async def test_redis_restarted_with_its_file_loses_nothing(own_redis: EmbeddedRedis) -> None:
    await submit(own_redis.url, *pages(60, "?sleep=0.05"))
    async with working(stand_in.make_worker(own_redis.url)) as worker:
        await asyncio.sleep(0.5)
        own_redis.kill()
        await asyncio.sleep(1.5)
        own_redis.start()
        redis = Redis.from_url(own_redis.url)
        async with asyncio.timeout(40):
            while len(await published(redis)) < 60:
                await asyncio.sleep(0.1)
        assert set((await published(redis)).values()) == {1}
        await redis.aclose()
        async with asyncio.timeout(10):
            while not worker.readiness()[0]:
                await asyncio.sleep(0.1)


async def test_readiness_is_red_while_redis_is_away_and_green_when_it_is_back(own_redis: EmbeddedRedis) -> None:
    async with working(stand_in.make_worker(own_redis.url)) as worker:
        async with asyncio.timeout(10):
            while not worker.readiness()[0]:
                await asyncio.sleep(0.05)
        own_redis.kill()
        async with asyncio.timeout(20):
            while worker.readiness()[0]:
                await asyncio.sleep(0.05)
        own_redis.start()
        async with asyncio.timeout(20):
            while not worker.readiness()[0]:
                await asyncio.sleep(0.05)


async def test_a_failover_that_leaves_redis_read_only_for_a_while_is_waited_out(own_redis: EmbeddedRedis) -> None:
    redis = Redis.from_url(own_redis.url)
    await submit(own_redis.url, *pages(40, "?sleep=0.05"))
    async with working(stand_in.make_worker(own_redis.url)):
        await asyncio.sleep(0.5)
        await redis.execute_command("REPLICAOF", "127.0.0.1", "1")
        await asyncio.sleep(2)
        await redis.execute_command("REPLICAOF", "NO", "ONE")
        async with asyncio.timeout(40):
            while len(await published(redis)) < 40:
                await asyncio.sleep(0.1)
    assert set((await published(redis)).values()) == {1}
    await redis.aclose()


async def test_a_redis_that_is_slow_for_seconds_loses_and_doubles_nothing(own_redis: EmbeddedRedis) -> None:
    redis = Redis.from_url(own_redis.url)
    await submit(own_redis.url, *pages(40, "?sleep=0.05"))
    async with working(stand_in.make_worker(own_redis.url)):
        await asyncio.sleep(0.4)
        await redis.execute_command("CLIENT", "PAUSE", "3000", "ALL")
        async with asyncio.timeout(40):
            while len(await published(redis)) < 40:
                await asyncio.sleep(0.2)
    assert set((await published(redis)).values()) == {1}
    await redis.aclose()


async def test_an_unsafe_redis_is_reported_and_refused_when_told_to(own_redis: EmbeddedRedis) -> None:
    redis = Redis.from_url(own_redis.url)
    assert await check_safety(redis) == []
    await redis.config_set("appendonly", "no")
    await redis.config_set("maxmemory", "100mb")
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    findings = await check_safety(redis)
    assert "appendonly" in findings[0]
    assert "noeviction" in findings[1]
    worker = stand_in.make_worker(own_redis.url)
    worker.settings = worker.settings.model_copy(
        update={"redis": worker.settings.redis.model_copy(update={"refuse_unsafe": True})}
    )
    with pytest.raises(UnsafeRedisError, match="appendonly yes"):
        await worker.serve(asyncio.Event())
    await redis.aclose()


@pytest.mark.parametrize("damage", ["flushall", "delete_stream", "destroy_group"])
async def test_streams_and_groups_that_vanish_are_made_again(redis: Redis, redis_url: str, damage: str) -> None:
    async with working(stand_in.make_worker(redis_url)):
        await submit(redis_url, *pages(3))
        await wait_for(redis, {("published", "ok"): 3})
        if damage == "flushall":
            await redis.flushall()
        elif damage == "delete_stream":
            await redis.delete(KEYS.stream(SUBMITTED))
        else:
            await redis.xgroup_destroy(KEYS.stream(SUBMITTED), FEEDER.name)
        await submit(redis_url, *[f"https://news.example/after/{index}" for index in range(5)])
        async with asyncio.timeout(20):
            while sum(url.startswith("https://news.example/after/") for url in await published(redis)) < 5:
                await asyncio.sleep(0.05)


async def test_a_run_of_systemic_failures_opens_the_breaker_and_keeps_the_messages(
    redis: Redis, redis_url: str
) -> None:
    stand_in.world_is_up = asyncio.Event()
    await submit(redis_url, *pages(60, "?do=world"))
    async with working(stand_in.make_worker(redis_url, concurrency=4)) as worker:
        async with asyncio.timeout(10):
            while state_of(worker, "breaker") in (None, "closed"):
                await asyncio.sleep(0.02)
        assert not worker.readiness()[0]
        await asyncio.sleep(1.5)
        depth = await RedisStreams(redis, FEEDER, KEYS).measure()
        assert depth.dead == 0
        assert depth.waiting > 30  # the stream was not emptied into retries
        stand_in.world_is_up.set()
        async with asyncio.timeout(20):
            while (await outcomes(redis)).get(("published", "ok"), 0) < 60:
                await asyncio.sleep(0.05)
        assert worker.readiness()[0]


async def test_a_stage_pauses_above_the_high_water_mark_downstream_and_goes_on_below(
    redis: Redis, redis_url: str
) -> None:
    await submit(redis_url, *pages(300))
    key = KEYS.stream(DISCOVERED)
    async with working(stand_in.make_worker(redis_url, max_backlog=50)) as worker:
        async with asyncio.timeout(10):
            while not state_of(worker, "paused"):
                await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        assert await redis.xlen(key) <= 50 + 20  # the mark, what was in flight, and one batch
        async with asyncio.timeout(30):
            done = 0
            while done < 300:
                rows: Any = await redis.xreadgroup("fetcher", "reader", {key: ">"}, count=50)
                for _, found in rows or ():
                    done += len(found)
                    await redis.xack(key, "fetcher", *[entry_id for entry_id, _ in found])
                await asyncio.sleep(0.02)


async def test_submitting_above_the_high_water_mark_is_refused_aloud(redis_url: str) -> None:
    async with AsyncClient.from_url(redis_url) as client:
        submissions = [new_submission(address) for address in pages(20)]
        with pytest.raises(TooMuchWaitingError) as caught:
            await client.submit(submissions, max_backlog=12)
        assert len(caught.value.refused) == 8


async def test_submitting_the_same_id_twice_has_one_effect(redis: Redis, redis_url: str) -> None:
    async with AsyncClient.from_url(redis_url) as client:
        submission = new_submission("https://news.example/one")
        assert [receipt.is_new for receipt in await client.submit([submission])] == [True]
        assert [receipt.is_new for receipt in await client.submit([submission])] == [False]
    assert await redis.xlen(KEYS.stream(SUBMITTED)) == 1


async def test_consumers_of_workers_that_are_gone_do_not_pile_up(
    redis: Redis, redis_url: str, processes: list[subprocess.Popen[bytes]]
) -> None:
    await RedisStreams(redis, FEEDER, KEYS).ensure()
    for number in range(5):
        await redis.xreadgroup(FEEDER.name, f"gone-{number}", {KEYS.stream(SUBMITTED): ">"}, count=1)
    await asyncio.sleep(0.05)
    streams = RedisStreams(redis, FEEDER, KEYS)
    await streams.trim({}, forget_consumers_after=timedelta(milliseconds=10))
    groups: Any = await redis.xinfo_groups(KEYS.stream(SUBMITTED))
    assert groups[0]["consumers"] == 0
