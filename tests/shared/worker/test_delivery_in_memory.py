"""Delivery's decisions on streams in memory, with a clock that stands still: what is retried when, and what is given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from coranto.records import DiscoveredArticle, DroppedArticle, Submission
from coranto.records.envelope import decode, encode
from coranto.streams.interface import Drop
from coranto.testing import FakeClock, MemoryPipeline, MemoryReader, MemoryStreams, discovered, submission
from coranto.topology import DISCOVERED, FEEDER, FETCHER, Keys
from coranto.worker.breaker import Breaker
from coranto.worker.delivery import Delivery
from coranto.worker.flow import Flow
from coranto.worker.metrics import Metrics
from coranto.worker.notices import Notices
from coranto.worker.settings import BreakerSettings, DeliverySettings
from coranto.worker.stage import RetryPolicy, Stage, Transient, Unwanted

REASONS = {"not_ready": "Not yet.", "not_wanted": "Not for us."}
RETRY = RetryPolicy(attempts=3, first_delay=timedelta(seconds=4), longest_delay=timedelta(seconds=60))
Handler = Callable[[Submission], Awaitable[DiscoveredArticle]]


@asynccontextmanager
async def delivering(
    pipeline: MemoryPipeline, handle: Handler, on_published: Callable[[Sequence[DiscoveredArticle]], None] | None = None
) -> AsyncIterator[MemoryStreams]:
    streams = MemoryStreams(pipeline)
    stage = Stage(FEEDER, handle, REASONS, retry=RETRY, concurrency=2, on_published=on_published)
    flow = Flow(stage.concurrency, Breaker(BreakerSettings(), clock=pipeline.clock))
    delivery = Delivery(
        stage, [streams], DeliverySettings(), flow, consumer="one", metrics=Metrics(), clock=pipeline.clock
    )
    delivery.start()
    reader = MemoryReader(streams, delivery)
    await reader.start()
    yield streams
    await reader.stop()
    await delivery.drain(timedelta(seconds=1))


def add(pipeline: MemoryPipeline, url: str = "https://news.example/one") -> None:
    pipeline.add(Keys().stream(FEEDER.reads), encode(submission(url), source="test"))


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not claim():
            await asyncio.sleep(0.005)


async def test_a_retry_waits_for_the_policy_and_for_what_the_host_asked() -> None:
    clock = FakeClock()
    pipeline = MemoryPipeline(clock)

    async def handle(asked: Submission) -> DiscoveredArticle:
        raise Transient("not_ready", retry_after=timedelta(seconds=30))

    add(pipeline)
    async with delivering(pipeline, handle):
        await until(lambda: bool(pipeline.delayed.get("feeder")))
        ((due_ms, row),) = pipeline.delayed["feeder"]
    assert due_ms == int((clock() + 30) * 1000)
    assert row.attempts == 1


async def test_attempts_are_spent_one_by_one_and_then_the_message_is_dead() -> None:
    clock = FakeClock()
    pipeline = MemoryPipeline(clock)
    calls = 0

    async def handle(asked: Submission) -> DiscoveredArticle:
        nonlocal calls
        calls += 1
        raise Transient("not_ready")

    add(pipeline)
    async with delivering(pipeline, handle) as streams:
        for expected in (1, 2):
            await until(lambda: bool(pipeline.delayed.get("feeder")))
            assert pipeline.delayed["feeder"][0][1].attempts == expected
            clock.advance(timedelta(minutes=2))
            await streams.move_due(limit=10)
        await until(lambda: bool(pipeline.dead.get("feeder")))
    assert calls == 3
    assert pipeline.counts["feeder"] == {("retried", "not_ready"): 2, ("dead", "not_ready"): 1}


async def test_a_handler_is_a_function_from_record_to_record() -> None:
    pipeline = MemoryPipeline(FakeClock())

    async def handle(asked: Submission) -> DiscoveredArticle:
        if "unwanted" in asked.url:
            raise Unwanted("not_wanted")
        return discovered(asked.url)

    add(pipeline)
    add(pipeline, "https://news.example/unwanted")
    async with delivering(pipeline, handle):
        await until(lambda: sum(pipeline.counts.get("feeder", {}).values()) == 2)
    assert pipeline.counts["feeder"] == {("published", "ok"): 1, ("dropped", "not_wanted"): 1}


async def test_a_record_says_when_each_stage_was_done_with_it() -> None:
    clock = FakeClock()
    pipeline = MemoryPipeline(clock)

    async def handle(asked: Submission) -> DiscoveredArticle:
        clock.advance(timedelta(seconds=3))
        return discovered(asked.url)

    add(pipeline)
    began = clock()
    async with delivering(pipeline, handle):
        await until(lambda: bool(pipeline.stream(Keys().stream(DISCOVERED)).rows))
    (row,) = pipeline.stream(Keys().stream(DISCOVERED)).rows.values()
    assert decode(row.event, DiscoveredArticle).record.stage_times == {"feeder": datetime.fromtimestamp(began + 3, UTC)}


async def test_what_ends_early_says_when_the_stages_before_were_done() -> None:
    notices = Notices(FETCHER, source="test", clock=FakeClock())
    passed = discovered("https://news.example/1").done_by("feeder", datetime(2026, 3, 14, tzinfo=UTC))
    notice = notices.of_record(passed, "dropped", "not_found", None)
    assert notice is not None
    assert decode(notice, DroppedArticle).record.stage_times == passed.stage_times


async def test_a_stage_hears_what_is_published_by_now_and_of_nothing_else() -> None:
    pipeline = MemoryPipeline(FakeClock())
    pipeline.add(Keys().stream(FEEDER.reads), b"no event")
    told: list[str] = []
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def handle(asked: Submission) -> DiscoveredArticle:
        if "unwanted" in asked.url:
            raise Unwanted("not_wanted")
        if "late" in asked.url:
            has_begun.set()
            await may_end.wait()
        return discovered(asked.url)

    def note(articles: Sequence[DiscoveredArticle]) -> None:
        assert len(pipeline.stream(Keys().stream(DISCOVERED)).rows) > len(told), "not before it is there"
        told.extend(article.discovery.url for article in articles)

    urls = [f"https://news.example/{name}" for name in ("one", "unwanted", "late")]
    for url in urls:
        add(pipeline, url)
    async with delivering(pipeline, handle, note) as streams:
        await until(lambda: sum(pipeline.counts.get("feeder", {}).values()) == 3)
        assert told == urls[:1]
        await has_begun.wait()
        # Another worker settles the third meanwhile: its result is given up.
        entry = next(iter(await streams.claim("two", idle=timedelta(0), count=1)))
        await streams.commit([(entry, Drop("not_wanted"))])
        may_end.set()
    assert told == urls[:1]


@pytest.mark.parametrize("attempt", [1, 2, 5, 2_000])
def test_delays_grow_up_to_the_longest_and_keep_their_jitter(attempt: int) -> None:
    ceiling = min(60.0, 4.0 * 2.0 ** min(attempt - 1, 60))
    delays = [RETRY.delay_seconds(attempt) for _ in range(200)]
    assert all(ceiling / 2 <= delay <= ceiling for delay in delays)
    assert len(set(delays)) > 100
