"""Messages that wait for hosts: how they get into their queues, how many come out, and when trouble has lasted too long."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from coranto.host_queue import HostQueue, HostRest
from coranto.records import DiscoveredArticle, FetchedArticle
from coranto.records.envelope import encode
from coranto.streams.interface import Dead, Drop, Entry, Retry
from coranto.testing import FakeClock, MemoryPipeline, MemoryReader, MemoryStreams, samples
from coranto.testing.bench import until
from coranto.topology import EXTRACTOR, FETCHER, SINK, Keys, StageSpec
from coranto.worker.breaker import Breaker
from coranto.worker.decision import Admission, Decider
from coranto.worker.delivery import Delivery
from coranto.worker.flow import Flow
from coranto.worker.host_claims import HostClaims
from coranto.worker.metrics import Metrics
from coranto.worker.settings import BreakerSettings, DeliverySettings
from coranto.worker.stage import Invalid, RetryPolicy, Stage, Transient, Unwanted

REASONS = {"timeout": "…", "host_busy": "…", "broken": "…"}
DAY = timedelta(hours=24)


def article(url: str, *, is_backlog: bool = False) -> DiscoveredArticle:
    one = samples.discovered()
    discovery = one.discovery.model_copy(update={"url": url, "priority": "backlog" if is_backlog else "live"})
    return one.model_copy(update={"discovery": discovery})


def event(url: str) -> bytes:
    return encode(article(url), source="test")


def queue_of(one: DiscoveredArticle) -> HostQueue:
    host = one.discovery.url.split("/")[2]
    if host == "nowhere":
        raise ValueError("no such host")
    return HostQueue(host, one.discovery.priority == "backlog")


def stage(
    handle: Callable[[Any], Any], *, concurrency: int = 4, rest_of: Callable[[str], HostRest] | None = None
) -> Stage[Any, Any]:
    return Stage(
        FETCHER,
        handle,
        REASONS,
        retry=RetryPolicy(attempts=3, first_delay=timedelta(seconds=4), longest_delay=timedelta(hours=1)),
        concurrency=concurrency,
        queue_of=queue_of,
        rest_of=rest_of,
    )


def decider(signal: Exception, clock: FakeClock) -> Decider:
    async def fail(_: DiscoveredArticle) -> FetchedArticle:
        raise signal

    return Decider(stage(fail), max_deliveries=3, clock=clock)


def entry(url: str = "https://a.example/x", *, failing_since_ms: int = 0, attempts: int = 0) -> Entry:
    return Entry(
        "host", "1-0", event(url), attempts=attempts, since_ms=1, failing_since_ms=failing_since_ms, host="a.example"
    )


async def test_trouble_of_a_host_spends_no_attempts_and_is_given_up_by_its_age() -> None:
    clock = FakeClock()
    trouble = Transient("timeout", gives_up_after=DAY)
    since, delays = 0, list[float]()
    for tries in range(200):  # noqa: B007 - used behind the loop
        decision = await decider(trouble, clock).decide(entry(failing_since_ms=since, attempts=2))
        if isinstance(decision.outcome, Dead):
            break
        assert isinstance(decision.outcome, Retry)
        assert decision.outcome.attempts == 2
        assert decision.outcome.queue is None
        since = decision.outcome.failing_since_ms
        delays.append(decision.outcome.delay_ms / 1000)
        clock.advance(timedelta(milliseconds=decision.outcome.delay_ms))
    lasted = clock() - since / 1000
    assert DAY.total_seconds() <= lasted <= DAY.total_seconds() + 3600
    assert delays[0] <= 4
    assert max(delays) <= 3600
    assert 20 < tries < 120
    assert decision.outcome.reason == "timeout"
    assert "tried for 24" in decision.outcome.error


async def test_a_host_that_says_when_to_come_again_is_believed() -> None:
    decision = await decider(
        Transient("timeout", retry_after=timedelta(hours=5), gives_up_after=DAY), FakeClock()
    ).decide(entry())
    assert isinstance(decision.outcome, Retry)
    assert decision.outcome.delay_ms == 5 * 3_600_000


async def test_waiting_for_a_host_goes_to_the_front_of_its_queue_and_is_no_trouble() -> None:
    wait = Transient("host_busy", retry_after=timedelta(seconds=7), spends_attempt=False, host="b.example")
    decision = await decider(wait, FakeClock()).decide(entry(failing_since_ms=5, attempts=1))
    assert decision.outcome == Retry(
        "host_busy", 7000, 1, failing_since_ms=5, queue=HostQueue("b.example", is_front=True)
    )


async def test_fault_of_our_own_is_given_up_by_count() -> None:
    decision = await decider(Transient("broken"), FakeClock()).decide(entry(attempts=1, failing_since_ms=5))
    assert isinstance(decision.outcome, Retry)
    assert (decision.outcome.attempts, decision.outcome.failing_since_ms, decision.outcome.queue) == (2, 0, None)
    assert isinstance((await decider(Transient("broken"), FakeClock()).decide(entry(attempts=2))).outcome, Dead)


@pytest.mark.parametrize("bytes_", [None, b"", b"no json", b"{}", event("https://nowhere/x")])
async def test_what_cannot_be_placed_is_handed_to_a_handler_at_once(bytes_: bytes | None) -> None:
    admission = Admission(stage(lambda _: None), queue_of)
    decision = await admission.decide(Entry("main", "1-0", bytes_, deliveries=2))
    assert isinstance(decision.outcome, Retry)
    assert (decision.outcome.queue, decision.outcome.lost) == (HostQueue(""), 1)


async def test_admission_keeps_what_is_known_and_puts_what_has_waited_in_front() -> None:
    admission = Admission(stage(lambda _: None), queue_of)
    fresh = await admission.decide(Entry("main", "1-0", event("https://a.example/x")))
    again = await admission.decide(
        Entry("retry", "1-0", event("https://a.example/x"), attempts=2, deliveries=3, failing_since_ms=9)
    )
    assert fresh.outcome == Retry("queued", 0, 0, 0, 0, HostQueue("a.example"))
    assert again.outcome == Retry("queued", 0, 2, 2, 9, HostQueue("a.example", is_front=True))


@pytest.mark.parametrize(
    ("spec", "record", "signal", "is_forgotten"),
    [
        (EXTRACTOR, samples.fetched(), Unwanted("broken"), True),
        (EXTRACTOR, samples.fetched(), Invalid("broken"), True),
        (SINK, samples.classified(), Invalid("broken"), True),
        (SINK, samples.classified(), Unwanted("broken"), False),  # it is stored already
        (FETCHER, samples.discovered(), Unwanted("broken"), False),  # nothing was fetched, or nothing has changed
    ],
)
async def test_what_ends_before_it_is_stored_is_fetched_whole_the_next_time(
    spec: StageSpec, record: DiscoveredArticle, signal: Exception, is_forgotten: bool
) -> None:
    async def fail(_: Any) -> Any:
        raise signal

    one = Decider(Stage(spec, fail, REASONS), max_deliveries=3, clock=FakeClock())
    decision = await one.decide(Entry("main", "1-0", encode(record, source="test")))
    assert isinstance(decision.outcome, Drop | Dead)
    assert decision.outcome.forgets == (record.id if is_forgotten else "")


class Fleet:
    """A worker's parts around a stage that queues by host, on streams in memory."""

    def __init__(self, of: Stage[Any, Any], partitions: int = 1) -> None:
        self.pipeline = MemoryPipeline()
        self.streams = [MemoryStreams(self.pipeline, FETCHER, Keys(number)) for number in range(partitions)]
        self.delivery = self._make(of, of.concurrency)
        self.admission = self._make(of, 64, Admission(of, queue_of))
        self.claims = HostClaims(self.delivery)
        self.admission.has_admitted = self.delivery.has_admitted = self.claims.wake

    def _make(self, of: Stage[Any, Any], capacity: int, admission: Admission | None = None) -> Delivery:
        flow = Flow(capacity, Breaker(BreakerSettings(), clock=self.pipeline.clock))
        return Delivery(
            of, list(self.streams), DeliverySettings(), flow, consumer="one", metrics=Metrics(), admission=admission
        )

    def add(self, url: str) -> None:
        self.pipeline.add(self.streams[0].main, event(url))

    @property
    def counts(self) -> Counter[Any]:
        return self.pipeline.counts.get(FETCHER.name, Counter())


@asynccontextmanager
async def running(fleet: Fleet) -> AsyncIterator[None]:
    readers = [MemoryReader(each, fleet.admission) for each in fleet.streams]
    for each in (fleet.delivery, fleet.admission):
        each.start()
    for reader in readers:
        await reader.start()
    claiming = asyncio.create_task(fleet.claims.run())
    try:
        yield
    finally:
        claiming.cancel()
        for reader in readers:
            await reader.stop()
        for each in (fleet.delivery, fleet.admission):
            await each.drain(timedelta(seconds=1))


async def test_a_host_has_one_message_in_hand_and_the_others_do_not_wait_for_it() -> None:
    in_hand: Counter[str] = Counter()
    most: Counter[str] = Counter()
    go_on = asyncio.Event()

    async def handle(one: DiscoveredArticle) -> FetchedArticle:
        host = one.discovery.url.split("/")[2]
        in_hand[host] += 1
        most[host] = max(most[host], in_hand[host])
        if host == "stuck.example":
            await go_on.wait()
        in_hand[host] -= 1
        return samples.fetched()

    fleet = Fleet(stage(handle))
    for number in range(300):
        fleet.add(f"https://stuck.example/{number}")
    for number in range(40):
        fleet.add(f"https://h{number}.example/x")
    async with running(fleet):
        await until(lambda: fleet.counts["published", "ok"] == 40, what=lambda: fleet.counts)
        assert (in_hand["stuck.example"], fleet.delivery.in_flight) == (1, 1)
        go_on.set()
        await until(lambda: fleet.counts["published", "ok"] == 340, what=lambda: fleet.counts)
    assert set(most.values()) == {1}
    assert fleet.counts["retried", "queued"] == 340


async def test_slow_hosts_hold_a_fifth_of_the_slots() -> None:
    slow_in_hand = most_slow = 0
    go_on = asyncio.Event()
    asked: Counter[str] = Counter()

    async def handle(one: DiscoveredArticle) -> FetchedArticle:
        nonlocal slow_in_hand, most_slow
        host = one.discovery.url.split("/")[2]
        asked[host] += 1
        if host.startswith("slow") and asked[host] > 1:  # by then it is known
            slow_in_hand += 1
            most_slow = max(most_slow, slow_in_hand)
            await go_on.wait()
            slow_in_hand -= 1
        return samples.fetched()

    fleet = Fleet(stage(handle, concurrency=10, rest_of=lambda host: HostRest(0, host.startswith("slow"))))
    for number in range(20):
        for each in range(2):
            fleet.add(f"https://slow{number}.example/{each}")
    for number in range(50):
        fleet.add(f"https://quick{number}.example/x")
    async with running(fleet):
        await until(lambda: fleet.counts["published", "ok"] == 70 and slow_in_hand == 2, what=lambda: fleet.counts)
        go_on.set()
        await until(lambda: fleet.counts["published", "ok"] == 90, what=lambda: fleet.counts)
    assert most_slow == 2


async def test_host_rests_as_long_as_its_handler_was_told() -> None:
    async def handle(_: DiscoveredArticle) -> FetchedArticle:
        return samples.fetched()

    fleet = Fleet(stage(handle, rest_of=lambda _: HostRest(3_600_000)))
    for number in range(5):
        fleet.add(f"https://a.example/{number}")
    async with running(fleet):
        await until(lambda: fleet.counts["published", "ok"] == 1 and fleet.counts["retried", "queued"] == 5)
        depth = await fleet.streams[0].measure()
    assert (depth.queued, depth.pending) == (4, 0)
