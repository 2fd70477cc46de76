"""What nearly broke delivery: odd entries, refused writes, a full Redis, and handlers that do not listen."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from tests.conftest import eventually

import stand_in
from coranto.client import AsyncClient, new_submission
from coranto.records.envelope import FIELD, encode
from coranto.settings import PipelineSettings
from coranto.streams.interface import Retention
from coranto.streams.redis import RedisStreams
from coranto.testing import samples
from coranto.topology import DISCOVERED, FEEDER, FINISHED, SINK, SUBMITTED, Pipeline
from coranto.worker.app import Worker
from coranto_cli.local.redis_server import EmbeddedRedis
from delivery import KEYS, outcomes, pages, submit, working

STREAM = KEYS.stream(SUBMITTED)


def event(url: str) -> bytes:
    return encode(new_submission(url), source="test")


def in_partitions(worker: Worker, partitions: int) -> Worker:
    worker.settings = worker.settings.model_copy(update={"pipeline": PipelineSettings(partitions=partitions)})
    return worker


async def is_ready(worker: Worker) -> bool:
    return worker.readiness()[0]


@pytest.mark.parametrize(("concurrency", "partitions", "backlog"), [(1, 1, 0), (4, 4, 0), (1, 1, 400), (2, 1, 400)])
async def test_what_a_dead_worker_held_is_claimed_however_little_room_there_is(
    redis: Redis, redis_url: str, concurrency: int, partitions: int, backlog: int
) -> None:
    streams = RedisStreams(redis, FEEDER, KEYS)
    await streams.ensure()
    await redis.xadd(STREAM, {FIELD: event("https://news.example/held")})
    await redis.xreadgroup("feeder", "gone", {STREAM: ">"}, count=1)
    for number in range(backlog):
        await redis.xadd(STREAM, {FIELD: event(f"https://news.example/{number}?sleep=0.05")})

    async def is_claimed() -> bool:
        held = (await redis.xpending(STREAM, "feeder"))["consumers"]
        return all(consumer["name"] != b"gone" for consumer in held)

    async with working(in_partitions(stand_in.make_worker(redis_url, concurrency=concurrency), partitions)):
        await eventually(is_claimed, within_seconds=6, what="claiming")


@pytest.mark.parametrize("name", ["lost", "attempts", "since"])
async def test_a_number_of_thousands_of_digits_takes_no_room_along(redis: Redis, redis_url: str, name: str) -> None:
    async with working(stand_in.make_worker(redis_url, concurrency=2)) as worker:
        for _ in range(4):
            await redis.xadd(STREAM, {FIELD: event("https://news.example/odd"), name: "9" * 5_000})
            await redis.xadd(KEYS.retry(FEEDER), {FIELD: event("https://news.example/odd"), name: "9" * 5_000})
        await submit(redis_url, *pages(5))

        async def is_done() -> bool:
            return sum((await outcomes(redis)).values()) >= 13

        await eventually(is_done, within_seconds=8, what="everything's end")
        await eventually(lambda: worker._running[0].delivery.in_flight == 0, what="settling")


@pytest.mark.parametrize("broken", ["dead", "next"])
async def test_an_outcome_that_redis_refuses_to_write_is_not_acknowledged(
    redis: Redis, redis_url: str, broken: str
) -> None:
    if broken == "dead":
        await redis.set(KEYS.dead(FEEDER), "not a stream")
        await submit(redis_url, *pages(10, "?do=bury"))
    else:  # a stream that takes no more ids
        await redis.xadd(KEYS.stream(DISCOVERED), {"x": "y"}, id="18446744073709551615-18446744073709551615")
        await submit(redis_url, *pages(10))
    async with working(stand_in.make_worker(redis_url)):
        await asyncio.sleep(2)
    waiting = await redis.xlen(STREAM) + await redis.xlen(KEYS.retry(FEEDER)) + await redis.zcard(KEYS.delayed(FEEDER))
    died = 0 if broken == "dead" else await redis.xlen(KEYS.dead(FEEDER))
    assert waiting + died >= 10


async def test_what_is_held_back_keeps_its_bytes_and_its_lost_workers(redis: Redis, redis_url: str) -> None:
    worker = stand_in.make_worker(redis_url)
    few = worker.settings.breaker.model_copy(update={"max_dead_in_a_row": 3})
    worker.settings = worker.settings.model_copy(update={"breaker": few})
    async with working(worker):
        for number in range(8):
            await redis.xadd(STREAM, {"payload": f"precious {number}"})
        await redis.xadd(STREAM, {FIELD: event("https://news.example/killer"), "lost": "7"})

        async def is_done() -> bool:
            await submit(redis_url, *pages(1))
            return await redis.xlen(KEYS.dead(FEEDER)) >= 9

        await eventually(is_done, within_seconds=20, what="the dead letters")
        letters = [fields[b"event"] for _, fields in await redis.xrange(KEYS.dead(FEEDER))]
        assert sorted(letter[-2:-1] + letter[-3:-2] for letter in letters if b"precious" in letter) == sorted(
            f'"{number}'.encode() for number in range(8)
        )
        assert (await outcomes(redis))["dead", "worker_lost"] == 1


@pytest.mark.parametrize("packed", [b"\xc1", b"\x93\xa2ab\xa11\xa12"])
async def test_a_delayed_message_that_cannot_be_read_holds_up_no_other(
    redis: Redis, redis_url: str, packed: bytes
) -> None:
    first, second = Pipeline(2).all_keys()
    async with working(in_partitions(stand_in.make_worker(redis_url), 2)):
        await redis.zadd(first.delayed(FEEDER), {"m:1-1": 1})
        await redis.hset(first.delayed_entries(FEEDER), "m:1-1", packed)  # type: ignore[misc]
        for keys in (first, second):
            for number in range(3):
                entry = {FIELD: event(f"https://news.example/{keys.partition}{number}?do=again")}
                await redis.xadd(keys.stream(SUBMITTED), entry)  # type: ignore[arg-type]

        async def is_done() -> bool:
            counts = [await RedisStreams(redis, FEEDER, keys).outcomes() for keys in (first, second)]
            return all(each.get(("published", "ok")) == 3 for each in counts)

        await eventually(is_done, within_seconds=8, what="the retries")


async def test_a_full_redis_gets_room_again_from_what_is_settled(own_redis: EmbeddedRedis) -> None:
    async with Redis.from_url(own_redis.url) as redis:
        worker = stand_in.make_worker(own_redis.url)
        async with working(worker):
            await eventually(lambda: is_ready(worker), what="readiness")
            pipe = redis.pipeline(transaction=True)
            for _ in range(500):
                pipe.xadd(STREAM, {"x": b"x" * 20_000})
            pipe.execute_command("XGROUP", "SETID", STREAM, "feeder", "$")  # type: ignore[no-untyped-call]
            pipe.config_set("maxmemory", "8mb")
            await pipe.execute()

            async def is_trimmed() -> bool:
                return await redis.xlen(STREAM) == 0

            await eventually(is_trimmed, within_seconds=8, what="trimming")


async def test_what_a_stranger_never_acknowledges_does_not_crowd_out_what_is_kept(own_redis: EmbeddedRedis) -> None:
    async with Redis.from_url(own_redis.url) as redis:
        await redis.config_set("maxmemory", "100mb")
        streams, key = RedisStreams(redis, SINK, KEYS), KEYS.stream(FINISHED)
        await streams.ensure()
        await redis.xgroup_create(key, "stranger", id="0", mkstream=True)
        keeping = Retention(timedelta(days=7), timedelta(days=30), None, 0.02)
        for _ in range(10):
            pipe = redis.pipeline(transaction=False)
            for _ in range(2_000):
                pipe.xadd(key, {FIELD: b"y" * 300})
            await pipe.execute()
            await redis.xreadgroup("stranger", "c", {key: ">"}, count=5_000)
            for _ in range(3):
                await streams.trim({"finished": keeping}, forget_consumers_after=timedelta(hours=1))
        assert await redis.xlen(key) > 1_000
        assert await redis.memory_usage(key) <= 2_200_000


async def test_what_was_read_ahead_is_not_lost_when_the_group_is_destroyed(redis: Redis, redis_url: str) -> None:
    async with AsyncClient.from_url(redis_url) as client:
        subscription = client.subscribe("desk", start="beginning", claim_after=timedelta(seconds=1.2))
        for number in range(10):
            article = samples.finished(f"https://news.example/{number}")
            await redis.xadd(KEYS.stream(FINISHED), {FIELD: encode(article, source="test")})
        seen = [(await anext(subscription)).id]
        await redis.xgroup_destroy(KEYS.stream(FINISHED), "desk")
        await asyncio.sleep(1)
        async with asyncio.timeout(8):
            while len(set(seen)) < 10:
                seen.append((await anext(subscription)).id)
        await subscription.aclose()


async def test_the_shape_is_written_again_though_no_reader_stopped(redis: Redis, redis_url: str) -> None:
    async with working(stand_in.make_worker(redis_url)) as worker:
        await eventually(lambda: is_ready(worker), what="readiness")
        await submit(redis_url, *pages(4, "?sleep=2"))
        await eventually(lambda: worker._running[0].delivery.in_flight == 4, what="work")
        await redis.flushall()
        await asyncio.sleep(4)
        assert await redis.exists(Pipeline().shape())


async def test_a_stage_whose_handlers_do_not_listen_is_not_ready(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = asyncio.Event()

    async def behave(_submission: Any) -> Any:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    monkeypatch.setattr(stand_in, "behave", behave)
    await submit(redis_url, *pages(2))
    async with working(stand_in.make_worker(redis_url, concurrency=2, deadline=0.2)) as worker:
        await asyncio.sleep(5)
        was_ready = worker.readiness()[0]
        let_go.set()
    assert not was_ready


@pytest.mark.parametrize("error", ["SystemExit", "PanicException"])
async def test_an_error_that_is_no_exception_ends_the_message_and_no_worker(
    redis: Redis, redis_url: str, error: str
) -> None:
    program = f"""
import stand_in
class PanicException(BaseException): pass
async def behave(submission): raise {error}("oops")
stand_in.behave = behave
stand_in.make_worker({redis_url!r}, name="w").run()
"""
    await submit(redis_url, *pages(1))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.DEVNULL)
    try:

        async def is_dead() -> bool:
            return (await outcomes(redis)).get(("dead", "error")) == 1

        await eventually(is_dead, what="the dead letter")
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


async def test_an_address_that_asks_for_resp3_is_read_as_any_other(redis: Redis, redis_url: str) -> None:
    address = f"{redis_url}?protocol=3"
    await submit(address, *pages(20))
    async with working(stand_in.make_worker(address)):

        async def is_done() -> bool:
            return (await outcomes(redis)).get(("published", "ok")) == 20

        await eventually(is_done, what="the work")


async def test_a_submission_and_a_redelivery_that_redis_refuses_are_not_lost(redis: Redis, redis_url: str) -> None:
    submission = new_submission("https://news.example/")
    streams = RedisStreams(redis, FEEDER, KEYS)
    letter = (await redis.xadd(KEYS.dead(FEEDER), {FIELD: b"precious"})).decode()
    for key in (STREAM, KEYS.retry(FEEDER)):
        await redis.set(key, "not a stream")
    async with AsyncClient.from_url(redis_url) as client:
        with pytest.raises(ResponseError):
            await client.submit([submission])
        with pytest.raises(ResponseError):
            await streams.redeliver(letter)
        await redis.delete(STREAM, KEYS.retry(FEEDER))
        (receipt,) = await client.submit([submission])
    assert receipt.is_new
    assert await redis.xlen(STREAM) == 1
    assert await streams.redeliver(letter)


async def test_a_message_that_kills_its_worker_takes_no_neighbours_along(redis: Redis, redis_url: str) -> None:
    streams = RedisStreams(redis, FEEDER, KEYS)
    await streams.ensure()
    await submit(redis_url, *pages(7, "?sleep=2"), "https://news.example/?do=die&sleep=0.3")
    program = f"""
import os, stand_in
stand_in.make_worker({redis_url!r}, concurrency=32, name=f"p-{{os.getpid()}}").run()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = None
    try:
        async with asyncio.timeout(60):
            while sum((await outcomes(redis)).values()) < 8:
                if process is None or process.poll() is not None:
                    process = subprocess.Popen([sys.executable, "-c", program], env=environment)
                await asyncio.sleep(0.1)
    finally:
        if process is not None:
            process.kill()
            process.wait()
    assert await outcomes(redis) == {("published", "ok"): 7, ("dead", "worker_lost"): 1}
