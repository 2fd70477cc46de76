"""One suite for both forms of `StageStreams`: what delivery relies on, on a real Redis and in memory.

Entries are read by the readers that workers and tests of delivery use, so that what FastStream does is part of the contract.
`make test-servers` runs it on every server that is to be had.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from coranto.streams.errors import is_transient
from coranto.streams.interface import Accept, Dead, Drop, Entry, Outcome, Publish, Retention, Retry, StageStreams
from coranto.streams.redis import RedisStreams
from coranto.testing import MemoryPipeline, MemoryReader, MemoryStreams
from coranto.topology import DEAD_LETTERS, DROPPED, FEEDER, FETCHER, FINISHED, LEDGER, SINK, Keys, StageSpec
from coranto.worker.breaker import Breaker
from coranto.worker.delivery import Delivery
from coranto.worker.flow import Flow
from coranto.worker.reader import FastStreamReader
from coranto.worker.settings import BreakerSettings

NEVER = timedelta(hours=1)
# A read waits so long for the first entry.
BLOCK = timedelta(milliseconds=50)


class Taker:
    """Has room for so many entries, and keeps them."""

    def __init__(self, consumer: str, room: int) -> None:
        self.consumer = consumer
        self.flow = Flow(room, Breaker(BreakerSettings(), clock=time.monotonic))
        self.entries: list[Entry] = []
        self._room = room
        self._is_full = asyncio.Event()

    def accept(self, partition: int, entries: Sequence[Entry]) -> None:
        self.entries += entries
        if len(self.entries) == self._room:
            self._is_full.set()

    async def wait(self) -> None:
        """Return when there is no room left."""
        async with asyncio.timeout(20):
            await self._is_full.wait()


@asynccontextmanager
async def reading_from_redis(redis: Redis, streams: StageStreams, taker: Taker) -> AsyncIterator[FastStreamReader]:
    reader = FastStreamReader(redis)
    reader.add(cast("RedisStreams", streams), taker, consumer=taker.consumer, block=BLOCK)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def take(redis: Redis, streams: RedisStreams, consumer: str, number: int) -> list[Entry]:
    """So many entries, from either line, read by a worker of this name."""
    taker = Taker(consumer, number)
    async with reading_from_redis(redis, streams, taker):
        await taker.wait()
    return taker.entries


@asynccontextmanager
async def reading_from_memory(streams: StageStreams, taker: Taker) -> AsyncIterator[MemoryReader]:
    reader = MemoryReader(cast("MemoryStreams", streams), cast("Delivery", taker))
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


@dataclass
class Bench:
    """The streams under test, their reader, and what a test needs to look behind them."""

    make: Callable[[StageSpec], StageStreams]
    reading: Callable[[StageStreams, Taker], AbstractAsyncContextManager[object]]
    add: Callable[[str, bytes], Awaitable[str]]
    events: Callable[[str], Awaitable[list[bytes]]]

    async def take(self, streams: StageStreams, consumer: str, number: int) -> list[Entry]:
        """So many entries, from either line, read by a worker of this name."""
        taker = Taker(consumer, number)
        async with self.reading(streams, taker):
            await taker.wait()
        return taker.entries

    async def finds_nothing(self, streams: StageStreams, consumer: str) -> bool:
        """Whether several reads of both lines bring nothing."""
        taker = Taker(consumer, 1)
        async with self.reading(streams, taker):
            await asyncio.sleep(BLOCK.total_seconds() * 4)
        return not taker.entries


@pytest.fixture(params=["memory", "redis"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "memory":
        pipeline = MemoryPipeline()

        async def add(key: str, event: bytes) -> str:
            return pipeline.add(key, event)

        async def events(key: str) -> list[bytes]:
            return [row.event or b"" for row in pipeline.stream(key).rows.values()]

        yield Bench(lambda spec: MemoryStreams(pipeline, spec), reading_from_memory, add, events)
        return
    client: Redis = Redis.from_url(request.getfixturevalue("redis_url"))

    async def add_entry(key: str, event: bytes) -> str:
        answer: bytes = await client.xadd(key, {"event": event})
        return answer.decode()

    async def entries(key: str) -> list[bytes]:
        rows: Any = await client.xrange(key)
        return [fields[b"event"] for _, fields in rows]

    yield Bench(
        lambda spec: RedisStreams(client, spec, Keys()),
        lambda streams, taker: reading_from_redis(client, streams, taker),
        add_entry,
        entries,
    )
    await client.aclose()


@pytest.fixture
async def streams(bench: Bench) -> StageStreams:
    made = bench.make(FEEDER)
    await made.ensure()
    return made


def kept(age: timedelta, unread_age: timedelta, entries: int | None = None) -> dict[str, Retention]:
    return {FINISHED.name: Retention(age, unread_age, entries)}


SUBMITTED_KEY = Keys().stream(FEEDER.reads)
DISCOVERED_KEY = Keys().stream(FETCHER.reads)


async def test_entries_written_before_the_group_existed_are_read(bench: Bench) -> None:
    await bench.add(SUBMITTED_KEY, b"early")
    streams = bench.make(FEEDER)
    await streams.ensure()
    await streams.ensure()
    assert [entry.event for entry in await bench.take(streams, "a", 1)] == [b"early"]


async def test_a_read_takes_no_more_than_its_count(bench: Bench, streams: StageStreams) -> None:
    for number in range(5):
        await bench.add(SUBMITTED_KEY, str(number).encode())
    first = await bench.take(streams, "a", 2)
    second = await bench.take(streams, "b", 3)
    assert [entry.event for entry in first] == [b"0", b"1"]
    assert [entry.event for entry in second] == [b"2", b"3", b"4"]


async def test_publishing_and_acknowledging_are_one_step_and_happen_once(bench: Bench, streams: StageStreams) -> None:
    await bench.add(SUBMITTED_KEY, b"in")
    (entry,) = await bench.take(streams, "a", 1)
    first = await streams.commit([(entry, Publish("id", b"out"))])
    second = await streams.commit([(entry, Publish("id", b"out"))])
    assert first.effects == ("applied",)
    assert second.effects == ("superseded",)
    assert await bench.events(DISCOVERED_KEY) == [b"out"]
    assert dict(await streams.outcomes()) == {("published", "ok"): 1}


async def test_a_worker_that_lost_its_claim_publishes_nothing(bench: Bench, streams: StageStreams) -> None:
    await bench.add(SUBMITTED_KEY, b"in")
    (slow,) = await bench.take(streams, "slow", 1)
    (claimed,) = await streams.claim("quick", idle=timedelta(0), count=1)
    assert claimed.deliveries == 2
    assert (await streams.commit([(claimed, Publish("id", b"quick"))])).effects == ("applied",)
    assert (await streams.commit([(slow, Publish("id", b"slow"))])).effects == ("superseded",)
    assert await bench.events(DISCOVERED_KEY) == [b"quick"]


async def test_each_outcome_is_counted_once_with_its_reason(bench: Bench, streams: StageStreams) -> None:
    for _ in range(5):
        await bench.add(SUBMITTED_KEY, b"in")
    one, two, three, four, five = await bench.take(streams, "a", 5)
    await streams.commit(
        [
            (one, Publish("id", b"out")),
            (five, Accept("feed", b"notice of a feed")),
            (two, Drop("duplicate", b"notice")),
            (three, Retry("not_ready", 0, 1)),
            (four, Dead("bad_url", "error", "trace", 1, b"notice of death")),
        ]
    )
    assert dict(await streams.outcomes()) == {
        ("published", "ok"): 1,
        ("accepted", "feed"): 1,
        ("dropped", "duplicate"): 1,
        ("retried", "not_ready"): 1,
        ("dead", "bad_url"): 1,
    }
    assert await bench.events(Keys().stream(DROPPED)) == [b"notice of a feed", b"notice", b"notice of death"]


async def test_a_retry_comes_back_when_it_is_due_with_its_attempts(bench: Bench, streams: StageStreams) -> None:
    await bench.add(SUBMITTED_KEY, b"in")
    (entry,) = await bench.take(streams, "a", 1)
    await streams.commit([(entry, Retry("not_ready", 400, 3))])
    assert await streams.move_due(limit=10) == 0
    assert await bench.finds_nothing(streams, "a")
    await asyncio.sleep(0.45)
    assert await streams.move_due(limit=10) == 1
    assert await streams.move_due(limit=10) == 0
    (again,) = await bench.take(streams, "b", 1)
    assert (again.event, again.attempts, again.since_ms) == (b"in", 3, entry.since_ms)


async def test_entries_of_both_lines_with_the_same_id_wait_side_by_side(redis: Redis) -> None:
    # Ids are made of milliseconds: two streams that are written in the same one give the same id.
    streams = RedisStreams(redis, FEEDER, Keys())
    await streams.ensure()
    await redis.xadd(streams.main, {"event": b"of the main line"}, id="1700000000000-0")
    await redis.xadd(streams.retry, {"event": b"of the retry line"}, id="1700000000000-0")
    held = await take(redis, streams, "a", 2)
    assert {entry.line for entry in held} == {"main", "retry"}
    await streams.commit([(entry, Retry("not_ready", 0, 1)) for entry in held])
    assert await streams.move_due(limit=10) == 2
    back = await take(redis, streams, "a", 2)
    assert {entry.event for entry in back} == {b"of the main line", b"of the retry line"}


async def test_an_entry_in_use_is_not_claimed_while_it_is_renewed(bench: Bench, streams: StageStreams) -> None:
    await bench.add(SUBMITTED_KEY, b"in")
    (entry,) = await bench.take(streams, "a", 1)
    assert await streams.claim("b", idle=NEVER, count=1) == []
    assert await streams.renew("a", [entry]) == []
    await streams.claim("b", idle=timedelta(0), count=1)
    assert await streams.renew("a", [entry]) == [entry.id]


async def test_deliveries_count_every_worker_that_had_the_entry(bench: Bench, streams: StageStreams) -> None:
    await bench.add(SUBMITTED_KEY, b"in")
    await bench.take(streams, "a", 1)
    seen = [(await streams.claim(name, idle=timedelta(0), count=1))[0].deliveries for name in ("b", "c", "d")]
    assert seen == [2, 3, 4]


async def test_what_is_handed_back_is_read_at_once_by_another(bench: Bench, streams: StageStreams) -> None:
    await bench.add(SUBMITTED_KEY, b"one")
    await bench.add(SUBMITTED_KEY, b"two")
    held = await bench.take(streams, "a", 2)
    assert await streams.hand_back("a") == 2
    back = await bench.take(streams, "b", 2)
    assert [entry.event for entry in back] == [b"one", b"two"]
    assert [entry.attempts for entry in back] == [0, 0]
    assert (await streams.commit([(held[0], Publish("id", b"late"))])).effects == ("superseded",)


async def test_an_event_is_announced_once_on_the_finished_stream(bench: Bench) -> None:
    sink = bench.make(SINK)
    await sink.ensure()
    for _ in range(2):
        await bench.add(Keys().stream(SINK.reads), b"in")
    one, two = await bench.take(sink, "a", 2)
    committed = await sink.commit([(one, Publish("rev-1", b"out")), (two, Publish("rev-1", b"out"))])
    assert committed.effects == ("applied", "repeated")
    assert await bench.events(Keys().stream(FINISHED)) == [b"out"]
    assert dict(await sink.outcomes()) == {("published", "ok"): 1, ("dropped", "already_published"): 1}


async def test_trimming_never_passes_what_a_group_still_holds(bench: Bench, streams: StageStreams) -> None:
    for number in range(6):
        await bench.add(SUBMITTED_KEY, str(number).encode())
    held = await bench.take(streams, "a", 4)
    await streams.commit([(held[0], Drop("x")), (held[1], Drop("x")), (held[3], Drop("x"))])
    await streams.trim({}, forget_consumers_after=NEVER)
    assert await bench.events(SUBMITTED_KEY) == [b"2", b"3", b"4", b"5"]


async def test_finished_events_are_kept_for_the_span(bench: Bench) -> None:
    sink = bench.make(SINK)
    await sink.ensure()
    await bench.add(Keys().stream(SINK.reads), b"in")
    (entry,) = await bench.take(sink, "a", 1)
    await sink.commit([(entry, Publish("rev-1", b"out"))])
    await sink.trim(kept(timedelta(hours=1), NEVER), forget_consumers_after=NEVER)
    assert await bench.events(Keys().stream(FINISHED)) == [b"out"]
    await asyncio.sleep(0.02)  # the entry must be older than the span, which is counted in milliseconds
    await sink.trim(kept(timedelta(0), NEVER), forget_consumers_after=NEVER)
    assert await bench.events(Keys().stream(FINISHED)) == []


async def test_depth_counts_what_waits_is_pending_delayed_and_dead(bench: Bench, streams: StageStreams) -> None:
    for _ in range(5):
        await bench.add(SUBMITTED_KEY, b"in")
    one, two, three = await bench.take(streams, "a", 3)
    await streams.commit([(one, Retry("x", 0, 1)), (two, Dead("x", "", "", 1)), (three, Publish("id", b"out"))])
    held = await bench.take(streams, "a", 1)
    depth = await streams.measure()
    assert (depth.waiting, depth.pending, depth.delayed, depth.dead, depth.downstream) == (1, 1, 1, 1, 1)
    assert depth.oldest_age_seconds >= 0
    await streams.commit([(held[0], Drop("x"))])


async def test_a_dead_letter_is_redelivered_once_and_may_be_edited(bench: Bench, streams: StageStreams) -> None:
    for _ in range(3):
        await bench.add(SUBMITTED_KEY, b"in")
    held = await bench.take(streams, "a", 3)
    await streams.commit([(entry, Dead("bad", "why", "trace", 2)) for entry in held])
    one, two, three = await streams.dead_letters()
    assert (one.reason, one.error, one.traceback, one.attempts, one.event) == ("bad", "why", "trace", 2, b"in")
    assert [letter.id for letter in await streams.dead_letters(after=one.id, count=1)] == [two.id]
    assert await streams.redeliver(one.id)
    assert not await streams.redeliver(one.id)
    assert await streams.redeliver(two.id, event=b"mended")
    assert await streams.discard(three.id)
    assert not await streams.discard(three.id)
    back = await bench.take(streams, "b", 2)
    assert [(entry.event, entry.attempts) for entry in back] == [(b"in", 0), (b"mended", 0)]
    assert await streams.dead_letters() == []


async def test_a_reader_whose_group_was_destroyed_is_revived_and_misses_nothing(redis: Redis) -> None:
    streams, taker = RedisStreams(redis, FEEDER, Keys()), Taker("a", 1)
    async with reading_from_redis(redis, streams, taker) as reader:
        await redis.xgroup_destroy(streams.main, FEEDER.name)
        await redis.xadd(streams.main, {"event": b"in"})
        async with asyncio.timeout(10):
            while not await reader.revive():
                await asyncio.sleep(0.02)
        await taker.wait()
    assert [entry.event for entry in taker.entries] == [b"in"]


async def test_an_abandoned_group_holds_finished_events_for_a_bounded_span(bench: Bench) -> None:
    sink = bench.make(SINK)
    await sink.ensure()
    await bench.add(Keys().stream(FINISHED), b"old")
    held = bench.make(StageSpec("abandoned", FINISHED, None))
    await held.ensure()
    await bench.take(held, "gone", 1)
    await sink.trim(kept(timedelta(0), NEVER), forget_consumers_after=NEVER)
    assert await bench.events(Keys().stream(FINISHED)) == [b"old"]
    await asyncio.sleep(0.02)
    await sink.trim(kept(timedelta(0), timedelta(0)), forget_consumers_after=NEVER)
    assert await bench.events(Keys().stream(FINISHED)) == []


async def test_a_commit_whose_answer_was_lost_is_told_what_it_did(bench: Bench, streams: StageStreams) -> None:
    for _ in range(3):
        await bench.add(SUBMITTED_KEY, b"in")
    one, two, three = await bench.take(streams, "a", 3)
    await streams.claim("b", idle=timedelta(0), count=3)
    await streams.commit([(two, Drop("x"))], consumer="b", token="other")
    outcomes = [(one, Publish("id", b"out")), (two, Drop("x")), (three, Drop("x"))]
    first = await streams.commit(outcomes, consumer="a", token="first")
    again = await streams.commit(outcomes, consumer="a", token="first")
    assert first.effects == again.effects == ("applied", "superseded", "applied")
    assert await bench.events(DISCOVERED_KEY) == [b"out"]
    # Another worker's receipt is not ours, and a commit that was never executed is executed.
    unknown = await streams.commit(outcomes, consumer="c", token="first")
    assert unknown.effects == ("superseded",) * 3


async def test_workers_that_were_lost_stay_counted_when_a_message_is_handed_back(
    bench: Bench, streams: StageStreams
) -> None:
    await bench.add(SUBMITTED_KEY, b"in")
    await bench.take(streams, "lost", 1)
    await streams.claim("stopped", idle=timedelta(0), count=1)
    await streams.hand_back("stopped")
    (entry,) = await bench.take(streams, "lost too", 1)
    assert entry.deliveries == 2  # the one that was lost and the present one; being stopped is no loss
    (entry,) = await streams.claim("next", idle=timedelta(0), count=1)
    assert entry.deliveries == 3
    await streams.hand_back("next")
    (entry,) = await bench.take(streams, "last", 1)
    assert entry.deliveries == 3


async def test_what_a_broken_worker_had_begun_is_not_handed_back(bench: Bench, streams: StageStreams) -> None:
    for number in range(4):
        await bench.add(SUBMITTED_KEY, str(number).encode())
    held = await bench.take(streams, "a", 4)
    assert await streams.hand_back("a", keep=[held[1]]) == 3
    back = await bench.take(streams, "b", 3)
    assert [entry.event for entry in back] == [b"0", b"2", b"3"]
    (left, *_) = await streams.claim("c", idle=timedelta(0), count=10)
    assert (left.line, left.event, left.deliveries) == ("main", b"1", 2)


async def test_an_entry_of_ten_thousand_fields_is_handed_back_with_the_others(redis: Redis) -> None:
    streams = RedisStreams(redis, FEEDER, Keys())
    await streams.ensure()
    await redis.xadd(streams.main, {f"field{number}": "x" for number in range(10_000)})
    await redis.xadd(streams.main, {"event": "good"})
    await take(redis, streams, "a", 2)
    assert await streams.hand_back("a") == 2
    wide, good = await take(redis, streams, "b", 2)
    assert wide.event is None
    assert b"field0" in wide.raw
    assert good.event == b"good"
    # Who reads a stream that has nothing for it is a consumer from Redis 7 on, and none before.
    assert "a" not in {row["name"].decode() for row in await redis.xinfo_consumers(streams.main, FEEDER.name)}


async def test_a_strangers_group_holds_no_work_back(redis: Redis) -> None:
    streams = RedisStreams(redis, FEEDER, Keys())
    await streams.ensure()
    await redis.xgroup_create(streams.main, "stranger", id="0")
    for _ in range(5):
        await redis.xadd(streams.main, {"event": b"in"})
    entries = await take(redis, streams, "a", 5)
    await streams.commit([(entry, Drop("x")) for entry in entries])
    await streams.trim({}, forget_consumers_after=NEVER)
    assert await redis.xlen(streams.main) == 0
    (kept_main, *_) = await streams.kept({})
    assert [(group.name, group.is_ours) for group in kept_main.groups] == [("feeder", True), ("stranger", False)]


async def test_what_is_kept_never_exceeds_its_entries(bench: Bench) -> None:
    sink = bench.make(SINK)
    await sink.ensure()
    for number in range(30):
        await bench.add(Keys().stream(FINISHED), str(number).encode())
    await sink.trim(kept(NEVER, NEVER, entries=10), forget_consumers_after=NEVER)
    assert await bench.events(Keys().stream(FINISHED)) == [str(number).encode() for number in range(20, 30)]


async def test_what_is_kept_never_takes_more_than_its_share_of_memory(redis: Redis) -> None:
    sink = RedisStreams(redis, SINK, Keys())
    await sink.ensure()
    key = Keys().stream(FINISHED)
    await redis.xgroup_create(key, "abandoned", id="0", mkstream=True)
    pipe = redis.pipeline()
    for number in range(4_000):
        pipe.xadd(key, {"event": b"x" * 4_000, "number": number})
    await pipe.execute()
    limit = 4_000_000
    before = (await redis.config_get("maxmemory"))["maxmemory"]
    await redis.config_set("maxmemory", 4 * limit * 10)
    try:
        retention = {FINISHED.name: Retention(NEVER, NEVER, None, 1 / 40)}
        await sink.trim(retention, forget_consumers_after=NEVER)
        (_, weighed, _) = await sink.kept(retention)
    finally:
        await redis.config_set("maxmemory", before)
    assert weighed.bytes_limit == limit
    assert limit * 0.8 < weighed.bytes <= limit * 1.05
    assert weighed.fullness["bytes"] > 0.8
    newest: Any = await redis.xrevrange(key, count=1)
    assert newest[0][1][b"number"] == b"3999"


async def test_dead_letters_that_are_trimmed_are_counted(redis: Redis) -> None:
    streams = RedisStreams(redis, FEEDER, Keys())
    await streams.ensure()
    for _ in range(8):
        await redis.xadd(streams.main, {"event": b"in"})
    entries = await take(redis, streams, "a", 8)
    await streams.commit([(entry, Dead("x", "error", "", 1)) for entry in entries])
    await streams.trim({DEAD_LETTERS: Retention(NEVER, NEVER, entries=3)}, forget_consumers_after=NEVER)
    assert len(await streams.dead_letters()) == 3
    assert (await streams.outcomes())[("expired", "retention")] == 5


async def test_a_long_kept_stream_is_measured_in_few_steps(redis: Redis) -> None:
    # The ledger's stream is kept: on Redis 6.2, which does not tell the lag, measuring must not walk through all of it.
    ledger = RedisStreams(redis, LEDGER, Keys())
    await ledger.ensure()
    key = Keys().stream(DROPPED)
    pipe = redis.pipeline()
    for _ in range(60_000):
        pipe.xadd(key, {"event": b"x"})
    ids = await pipe.execute()
    await redis.xgroup_setid(key, LEDGER.name, ids[-4])
    before: Any = await redis.info("commandstats")
    depth = await ledger.measure()
    after: Any = await redis.info("commandstats")
    assert depth.waiting == 3
    calls = after["cmdstat_xrange"]["calls"] - before.get("cmdstat_xrange", {"calls": 0})["calls"]
    assert calls <= 45


async def test_delayed_messages_are_listed_soonest_first_with_why_and_when(bench: Bench, streams: StageStreams) -> None:
    for number in range(3):
        await bench.add(SUBMITTED_KEY, str(number).encode())
    held = await bench.take(streams, "a", 3)
    delays = (90_000, 30_000, 60_000)
    await streams.commit([(entry, Retry("not_ready", delay, 2)) for entry, delay in zip(held, delays, strict=True)])
    listed = [each async for each in streams.delayed()]
    assert [each.event for each in listed] == [b"1", b"2", b"0"]
    assert [each.due_ms - listed[0].due_ms for each in listed] == [0, 30_000, 60_000]
    assert {(each.reason, each.attempts) for each in listed} == {("not_ready", 2)}
    second, last = listed[1].due_ms, listed[2].due_ms
    assert [each.due_ms async for each in streams.delayed(due_from_ms=second)] == [second, last]
    assert [await streams.count_delayed(due_from_ms=due) for due in (0, second + 1, last + 1)] == [3, 1, 0]


async def test_unsettled_entries_tell_who_has_them_and_settled_ones_are_left_out(
    bench: Bench, streams: StageStreams
) -> None:
    for number in range(4):
        await bench.add(SUBMITTED_KEY, str(number).encode())
    held = await bench.take(streams, "a", 2)
    await streams.commit([(held[0], Drop("x"))])
    assert [(each.event, each.consumer) async for each in streams.unsettled()] == [
        (b"1", "a"),
        (b"2", None),
        (b"3", None),
    ]
    assert await streams.hand_back("a") == 1
    seen = [(each.line, each.event, each.consumer) async for each in streams.unsettled()]
    assert seen == [("main", b"2", None), ("main", b"3", None), ("retry", b"1", None)]


async def test_what_nobody_has_read_yet_is_unsettled_before_the_stage_first_starts(bench: Bench) -> None:
    await bench.add(SUBMITTED_KEY, b"early")
    assert [each.event async for each in bench.make(FEEDER).unsettled()] == [b"early"]


async def test_looking_passes_every_page_of_a_long_backlog(bench: Bench, streams: StageStreams) -> None:
    # Twice the entries that one call reads, and some.
    for number in range(1_100):
        await bench.add(SUBMITTED_KEY, str(number).encode())
    held = await bench.take(streams, "a", 1_050)
    await streams.commit([(entry, Retry("x", number * 1_000, 1)) for number, entry in enumerate(held)])
    assert len([each async for each in streams.unsettled()]) == 50
    dues = [each.due_ms async for each in streams.delayed()]
    assert [due - dues[0] for due in dues] == [number * 1_000 for number in range(1_050)]


@pytest.mark.parametrize(
    "outcome",
    [Publish("id", b"out"), Accept("x", b"notice"), Drop("x", b"notice"), Retry("x", 0, 1), Dead("x", "error", "", 1)],
    ids=["published", "accepted", "dropped", "retried", "dead"],
)
async def test_a_full_redis_is_waited_out_and_costs_no_message_a_chance(redis: Redis, outcome: Outcome) -> None:
    streams = RedisStreams(redis, FEEDER, Keys())
    await streams.ensure()
    for _ in range(3):
        await redis.xadd(streams.main, {"event": b"in"})
    entries = await take(redis, streams, "a", 3)
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(Exception, match=r"memory|OOM") as caught:
            await streams.commit([(entry, outcome) for entry in entries], consumer="a", token="full")
        assert is_transient(caught.value)
        assert (await streams.measure()).pending == 3
    finally:
        await redis.config_set("maxmemory", 0)
    committed = await streams.commit([(entry, outcome) for entry in entries], consumer="a", token="full")
    assert committed.effects == ("applied",) * 3
