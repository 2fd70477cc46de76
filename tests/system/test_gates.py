"""A whole worker on a real Redis against what once stopped it for good, killed its replicas or filled its dead letters."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import DataError

import stand_in
from coranto.client import new_submission
from coranto.records import ClassifiedArticle
from coranto.records.envelope import encode
from coranto.settings import LogSettings
from coranto.streams.redis import RedisStreams
from coranto.streams.tasks import end
from coranto.testing import samples
from coranto.topology import DISCOVERED, FEEDER, FINISHED, SINK, SUBMITTED
from coranto.worker import log
from coranto.worker.app import Worker
from coranto.worker.settings import BreakerSettings
from coranto.worker.stage import Stage
from delivery import KEYS, outcomes, start_process, submit

SURROGATE = b'{"specversion":"1.0","type":"x","id":"1","source":"s","data":{"id":"\\ud83d"}}'

log.configure(LogSettings(level="error"))


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[Worker]:
    stop = asyncio.Event()
    task = asyncio.create_task(worker.serve(stop))
    try:
        yield worker
    finally:
        stop.set()
        await asyncio.wait([task])


def pages(number: int, query: str = "", folder: str = "page") -> list[str]:
    return [f"https://news.example/{folder}/{index}{query}" for index in range(number)]


async def until(redis: Redis, expected: dict[tuple[str, str], int], within_seconds: float = 20) -> None:
    """Return once these outcomes are counted, whatever else is."""
    seen: dict[tuple[str, str], int] = {}
    try:
        async with asyncio.timeout(within_seconds):
            while not expected.items() <= (seen := await outcomes(redis)).items():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"outcomes are {seen}, expected {expected}")


@pytest.mark.parametrize("ending", ["again", "hang", "malformed", "surrogate", "lost"])
async def test_a_trial_of_any_ending_does_not_wedge_the_stage(redis: Redis, redis_url: str, ending: str) -> None:
    stand_in.world_is_up = asyncio.Event()
    await submit(redis_url, *pages(8, "?do=world", "down"))
    async with working(stand_in.make_worker(redis_url, concurrency=2, deadline=0.3)) as worker:
        async with asyncio.timeout(10):
            while worker.readiness()[0] or not worker.readiness()[1]["stages"]:
                await asyncio.sleep(0.02)
        match ending:
            case "again":
                await submit(redis_url, *pages(4, "?do=again&times=1", "again"))
            case "hang":
                await submit(redis_url, *pages(2, "?sleep=60", "hang"))
            case "malformed":
                for _ in range(4):
                    await redis.xadd(KEYS.stream(SUBMITTED), {"event": b"no json"})
            case "surrogate":
                await redis.xadd(KEYS.stream(SUBMITTED), {"event": SURROGATE})
            case "lost":
                event = encode(new_submission("https://news.example/lost"), source="test")
                await redis.xadd(KEYS.retry(FEEDER), {"event": event, "lost": "9"})
        await submit(redis_url, *pages(10, folder="after"))
        await asyncio.sleep(0.5)
        stand_in.world_is_up.set()
        async with asyncio.timeout(30):
            while (await outcomes(redis)).get(("published", "ok"), 0) < 18:
                await asyncio.sleep(0.05)
            while not worker.readiness()[0]:
                await asyncio.sleep(0.05)
        assert not worker.readiness()[1]["stages"]["feeder"]["breaker_reason"]


async def test_one_entry_with_half_a_character_does_not_end_the_worker(redis: Redis, redis_url: str) -> None:
    await redis.xadd(KEYS.stream(SUBMITTED), {"event": SURROGATE})
    await submit(redis_url, *pages(3))
    async with working(stand_in.make_worker(redis_url)):
        await until(redis, {("dead", "malformed"): 1, ("published", "ok"): 3})
    (letter,) = await RedisStreams(redis, FEEDER, KEYS).dead_letters()
    assert letter.event == SURROGATE


async def test_a_worker_that_breaks_keeps_what_it_had_begun_and_hands_back_the_rest(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coranto.worker.decision import Decider

    async def break_down(self: Decider, *arguments: Any, **named: Any) -> Any:
        raise SystemError("a mistake of ours that no guard has foreseen")

    await submit(redis_url, *pages(8))
    worker = stand_in.make_worker(redis_url, concurrency=4)
    monkeypatch.setattr(Decider, "decide", break_down)
    with pytest.raises(SystemError):
        await worker.serve(asyncio.Event())
    monkeypatch.undo()
    streams = RedisStreams(redis, FEEDER, KEYS)
    await asyncio.sleep(1.1)  # the claim time
    claimed = await streams.claim("next", idle=timedelta(seconds=1), count=10)
    assert claimed
    assert {entry.deliveries for entry in claimed} == {2}
    await streams.hand_back("next")
    async with working(stand_in.make_worker(redis_url)):
        await until(redis, {("published", "ok"): 8})


@pytest.mark.parametrize("kind", ["malformed", "invalid"])
async def test_a_flood_of_bad_messages_does_not_become_a_flood_of_dead_letters(
    redis: Redis, redis_url: str, kind: str
) -> None:
    if kind == "malformed":
        event = json.dumps(
            {"specversion": "1.0", "id": "x", "source": "s", "type": "coranto.page.submitted.v2", "data": {}}
        )
        for _ in range(500):
            await redis.xadd(KEYS.stream(SUBMITTED), {"event": event})
    else:
        await submit(redis_url, *pages(500, "?do=bury"))
    async with working(stand_in.make_worker(redis_url, concurrency=8)) as worker:
        async with asyncio.timeout(10):
            while worker.readiness()[0] or not worker.readiness()[1]["stages"]:
                await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        state = worker.readiness()[1]["stages"]["feeder"]
        assert state["breaker_reason"] == "dead_letters"
    most = BreakerSettings().max_dead_in_a_row
    depth = await RedisStreams(redis, FEEDER, KEYS).measure()
    assert most <= depth.dead <= most + 8
    assert depth.dead + depth.delayed + depth.waiting == 500


async def test_an_outcome_that_cannot_be_sent_costs_its_neighbours_nothing(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = RedisStreams.commit

    async def refuse_one(self: RedisStreams, outcomes: Any, **named: Any) -> Any:
        if any(b"unsendable" in (getattr(outcome, "event", b"") or b"") for _, outcome in outcomes):
            raise DataError("Invalid input of type")
        return await commit(self, outcomes, **named)

    monkeypatch.setattr(RedisStreams, "commit", refuse_one)
    await submit(redis_url, *pages(30), "https://news.example/unsendable")
    async with working(stand_in.make_worker(redis_url, concurrency=40)):
        await until(redis, {("published", "ok"): 30, ("dead", "error"): 1}, within_seconds=5)
    (letter,) = await RedisStreams(redis, FEEDER, KEYS).dead_letters()
    assert "DataError" in letter.error


async def test_a_commit_whose_answer_is_lost_is_counted_as_what_it_did(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = RedisStreams.commit
    lost: set[str] = set()

    async def lose_answers(self: RedisStreams, outcomes: Any, *, token: str = "", **named: Any) -> Any:
        answer = await commit(self, outcomes, token=token, **named)
        if token not in lost:
            lost.add(token)
            raise ConnectionResetError("the answer is lost")
        return answer

    monkeypatch.setattr(RedisStreams, "commit", lose_answers)
    await submit(redis_url, *pages(40), *pages(5, "?do=drop", "drop"))
    async with working(stand_in.make_worker(redis_url)) as worker:
        await until(redis, {("published", "ok"): 40, ("dropped", "not_wanted"): 5})
        registry = worker.metrics.registry
        async with asyncio.timeout(5):
            while (
                sum(
                    sample.value
                    for metric in registry.collect()
                    for sample in metric.samples
                    if sample.name == "coranto_messages_settled_total"
                )
                < 45
            ):
                await asyncio.sleep(0.05)
        assert registry.get_sample_value("coranto_messages_superseded_total", {"stage": "feeder"}) in (None, 0.0)


async def test_thousands_of_kept_finished_articles_do_not_slow_the_sink_down(redis: Redis, redis_url: str) -> None:
    pipe = redis.pipeline()
    for _ in range(3_000):
        pipe.xadd(KEYS.stream(FINISHED), {"event": b"kept"})
    await pipe.execute()
    classified = samples.classified()
    for number in range(300):
        event = encode(classified.model_copy(update={"id": f"{number:032x}"}), source="test")
        await redis.xadd(KEYS.stream(SINK.reads), {"event": event})

    async def store(article: ClassifiedArticle) -> Any:
        return samples.finished(f"https://news.example/{article.id}")

    base = stand_in.make_worker(redis_url)
    worker = Worker(base.settings, stages=[Stage(SINK, store, {}, concurrency=8)])
    async with working(worker):
        async with asyncio.timeout(20):
            while await redis.xlen(KEYS.stream(FINISHED)) < 3_300:
                await asyncio.sleep(0.02)
                state = worker.readiness()[1]["stages"].get("sink", {})
                assert not state.get("paused")
        assert worker.metrics.registry.get_sample_value("coranto_stage_paused", {"stage": "sink"}) in (None, 0.0)


@pytest.mark.parametrize("partitions", [4, 32])
async def test_replicas_leave_each_other_work_whatever_the_partitions(
    redis: Redis, redis_url: str, partitions: int
) -> None:
    base = stand_in.make_worker(redis_url, concurrency=16)
    pipeline = base.settings.pipeline.model_copy(update={"partitions": partitions})
    worker = Worker(base.settings.model_copy(update={"pipeline": pipeline}), stages=base._stages)
    keys = pipeline.to_topology().all_keys()
    for number in range(400):
        event = encode(new_submission(f"https://news.example/{number}?sleep=1.5"), source="test")
        await redis.xadd(keys[number % partitions].stream(SUBMITTED), {"event": event})
    async with working(worker):
        most = 0
        for _ in range(50):
            most = max(most, worker.readiness()[1]["stages"].get("feeder", {}).get("in_flight", 0))
            await asyncio.sleep(0.02)
    assert 12 <= most <= 16


async def test_all_partitions_are_read_with_less_room_than_partitions(redis: Redis, redis_url: str) -> None:
    base = stand_in.make_worker(redis_url, concurrency=3)
    pipeline = base.settings.pipeline.model_copy(update={"partitions": 32})
    worker = Worker(base.settings.model_copy(update={"pipeline": pipeline}), stages=base._stages)
    keys = pipeline.to_topology().all_keys()
    async with working(worker):
        for number in range(96):
            event = encode(new_submission(f"https://news.example/{number}"), source="test")
            await redis.xadd(keys[number % 32].stream(SUBMITTED), {"event": event})
        async with asyncio.timeout(20):
            while sum([await redis.xlen(each.stream(DISCOVERED)) for each in keys]) < 96:
                await asyncio.sleep(0.05)


async def test_readiness_is_red_when_nothing_is_read_though_redis_answers_others(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = stand_in.make_worker(redis_url)
    async with working(worker):
        async with asyncio.timeout(10):
            while not worker.readiness()[0]:
                await asyncio.sleep(0.02)
        reader = worker._reader
        assert reader is not None

        async def hang(**_: Any) -> Any:
            await asyncio.sleep(60)

        monkeypatch.setattr(reader._client._client, "xreadgroup", hang)
        async with asyncio.timeout(15):
            while worker.readiness()[0]:
                await asyncio.sleep(0.05)
        assert worker.readiness()[1]["stages"]["feeder"]["reading"] == "silent"
        assert worker.readiness()[1]["stages"]["feeder"]["redis"] == "ok"


async def test_a_worker_whose_clock_is_days_ahead_trims_and_delays_by_the_servers(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    await redis.xadd(KEYS.stream(FINISHED), {"event": b"kept"})
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 40 * 86_400)
    streams = RedisStreams(redis, SINK, KEYS)
    await streams.ensure()
    worker = stand_in.make_worker(redis_url)
    retention = worker.settings.retention.by_stream()
    await streams.trim(retention, forget_consumers_after=timedelta(hours=1))
    assert await redis.xlen(KEYS.stream(FINISHED)) == 1
    monkeypatch.undo()
    monkeypatch.setattr(time, "time", lambda: real() - 40 * 86_400)
    await submit(redis_url, *pages(3, "?do=again&times=1", "late"))
    async with working(stand_in.make_worker(redis_url)):
        await until(redis, {("published", "ok"): 3}, within_seconds=10)


async def test_a_long_message_is_renewed_while_its_worker_stops(
    redis: Redis, redis_url: str, processes: list[subprocess.Popen[bytes]]
) -> None:
    # The grace period is longer than the claim time here.
    await submit(redis_url, *pages(1, "?sleep=3"))
    processes.append(start_process(redis_url))
    streams = RedisStreams(redis, FEEDER, KEYS)
    async with asyncio.timeout(20):
        while (await streams.measure()).pending < 1:
            await asyncio.sleep(0.02)
    processes[0].send_signal(signal.SIGTERM)
    async with working(stand_in.make_worker(redis_url, name="other")) as other:
        await until(redis, {("published", "ok"): 1})
        assert other.metrics.registry.get_sample_value("coranto_messages_claimed_total", {"stage": "feeder"}) in (
            None,
            0.0,
        )


async def test_a_worker_whose_handlers_cannot_be_cancelled_ends_all_the_same_when_told_to(
    redis: Redis, redis_url: str, processes: list[subprocess.Popen[bytes]]
) -> None:
    await submit(redis_url, *pages(2, "?do=swallow"), *pages(10, "?sleep=60", "slow"))
    processes.append(start_process(redis_url))
    streams = RedisStreams(redis, FEEDER, KEYS)
    async with asyncio.timeout(20):
        while (await streams.measure()).pending < 4:
            await asyncio.sleep(0.02)
    processes[0].send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(processes[0].wait, 20) == 1
    depth = await streams.measure()
    assert (depth.pending, depth.waiting) == (0, 12)


async def test_a_record_of_another_kind_is_the_handlers_failure(redis: Redis, redis_url: str) -> None:
    async def store(article: ClassifiedArticle) -> Any:
        return article

    await redis.xadd(KEYS.stream(SINK.reads), {"event": encode(samples.classified(), source="test")})
    base = stand_in.make_worker(redis_url)
    sink = RedisStreams(redis, SINK, KEYS)
    async with working(Worker(base.settings, stages=[Stage(SINK, store, {}, concurrency=2)])):
        async with asyncio.timeout(10):
            while ("retried", "error") not in await sink.outcomes():
                await asyncio.sleep(0.02)
    assert await redis.xlen(KEYS.stream(FINISHED)) == 0


async def test_a_worker_whose_handlers_all_hang_for_good_ends(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coranto.worker.housekeeping._STUCK_AFTER_SECONDS", 0.2)
    await submit(redis_url, *pages(4, "?do=swallow"))
    worker = stand_in.make_worker(redis_url, deadline=0.2, grace_period=timedelta(seconds=0.2))
    stand_in.may_end = asyncio.Event()
    with pytest.raises(RuntimeError, match="every handler hangs"):
        await asyncio.wait_for(worker.serve(asyncio.Event()), 20)
    stand_in.may_end.set()  # the test's own loop must not wait for them
    await end(asyncio.all_tasks() - {asyncio.current_task()})
