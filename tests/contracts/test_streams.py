"""One suite for both forms of `StageStreams`: what delivery relies on, on a real Redis and in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from coranto.streams.interface import Dead, Drop, Publish, Retry, StageStreams
from coranto.streams.redis import RedisStreams
from coranto.testing.streams import MemoryPipeline, MemoryStreams
from coranto.topology import DROPPED, FEEDER, FETCHER, FINISHED, SINK, Keys, StageSpec

SOON = timedelta(milliseconds=50)
NEVER = timedelta(hours=1)


@dataclass
class Bench:
    """The streams under test, and what a test needs to look behind them."""

    make: Callable[[StageSpec], StageStreams]
    add: Callable[[str, bytes], Awaitable[str]]
    events: Callable[[str], Awaitable[list[bytes]]]


@pytest.fixture(params=["memory", "redis"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "memory":
        pipeline = MemoryPipeline()

        async def add(key: str, event: bytes) -> str:
            return pipeline.add(key, event)

        async def events(key: str) -> list[bytes]:
            return [row.event or b"" for row in pipeline.stream(key).rows.values()]

        yield Bench(lambda spec: MemoryStreams(pipeline, spec), add, events)
        return
    client: Redis = Redis.from_url(request.getfixturevalue("redis_url"))

    async def add_entry(key: str, event: bytes) -> str:
        answer: bytes = await client.xadd(key, {"event": event})
        return answer.decode()

    async def entries(key: str) -> list[bytes]:
        rows: Any = await client.xrange(key)
        return [fields[b"event"] for _, fields in rows]

    yield Bench(lambda spec: RedisStreams(client, spec, Keys()), add_entry, entries)
    await client.aclose()


@pytest.fixture
async def streams(bench: Bench) -> StageStreams:
    made = bench.make(FEEDER)
    await made.ensure()
    return made


SUBMITTED_KEY = Keys().stream(FEEDER.reads)
DISCOVERED_KEY = Keys().stream(FETCHER.reads)


async def test_entries_written_before_the_group_existed_are_read(bench: Bench) -> None:
    await bench.add(SUBMITTED_KEY, b"early")
    streams = bench.make(FEEDER)
    await streams.ensure()
    await streams.ensure()
    assert [entry.event for entry in await streams.read("main", "a", count=10, block=SOON)] == [b"early"]


async def test_a_read_takes_no_more_than_its_count(bench: Bench, streams: StageStreams) -> None:
    for number in range(5):
        await bench.add(SUBMITTED_KEY, str(number).encode())
    first = await streams.read("main", "a", count=2, block=SOON)
    second = await streams.read("main", "b", count=10, block=SOON)
    assert [entry.event for entry in first] == [b"0", b"1"]
    assert [entry.event for entry in second] == [b"2", b"3", b"4"]


async def test_publishing_and_acknowledging_are_one_step_and_happen_once(bench: Bench, streams: StageStreams) -> None:
    await bench.add(SUBMITTED_KEY, b"in")
    (entry,) = await streams.read("main", "a", count=1, block=SOON)
    first = await streams.commit([(entry, Publish("id", b"out"))])
    second = await streams.commit([(entry, Publish("id", b"out"))])
    assert first.effects == ("applied",)
    assert second.effects == ("superseded",)
    assert await bench.events(DISCOVERED_KEY) == [b"out"]
    assert dict(await streams.outcomes()) == {("published", "ok"): 1}


async def test_a_worker_that_lost_its_claim_publishes_nothing(bench: Bench, streams: StageStreams) -> None:
    await bench.add(SUBMITTED_KEY, b"in")
    (slow,) = await streams.read("main", "slow", count=1, block=SOON)
    (claimed,) = await streams.claim("quick", idle=timedelta(0), count=1)
    assert claimed.deliveries == 2
    assert (await streams.commit([(claimed, Publish("id", b"quick"))])).effects == ("applied",)
    assert (await streams.commit([(slow, Publish("id", b"slow"))])).effects == ("superseded",)
    assert await bench.events(DISCOVERED_KEY) == [b"quick"]


async def test_each_outcome_is_counted_once_with_its_reason(bench: Bench, streams: StageStreams) -> None:
    for _ in range(4):
        await bench.add(SUBMITTED_KEY, b"in")
    one, two, three, four = await streams.read("main", "a", count=4, block=SOON)
    await streams.commit(
        [
            (one, Publish("id", b"out")),
            (two, Drop("already_seen", b"notice")),
            (three, Retry("not_ready", 0, 1)),
            (four, Dead("bad_url", "error", "trace", 1, b"notice of death")),
        ]
    )
    assert dict(await streams.outcomes()) == {
        ("published", "ok"): 1,
        ("dropped", "already_seen"): 1,
        ("retried", "not_ready"): 1,
        ("dead", "bad_url"): 1,
    }
    assert await bench.events(Keys().stream(DROPPED)) == [b"notice", b"notice of death"]


async def test_a_retry_comes_back_when_it_is_due_with_its_attempts(bench: Bench, streams: StageStreams) -> None:
    await bench.add(SUBMITTED_KEY, b"in")
    (entry,) = await streams.read("main", "a", count=1, block=SOON)
    await streams.commit([(entry, Retry("not_ready", 5_000, 3))])
    assert await streams.move_due(now_ms=4_999, limit=10) == 0
    assert await streams.read("retry", "a", count=1, block=SOON) == []
    assert await streams.move_due(now_ms=5_000, limit=10) == 1
    assert await streams.move_due(now_ms=5_000, limit=10) == 0
    (again,) = await streams.read("retry", "b", count=1, block=SOON)
    assert (again.event, again.attempts, again.since_ms) == (b"in", 3, entry.since_ms)


async def test_entries_of_both_lines_with_the_same_id_wait_side_by_side(redis: Redis) -> None:
    # Ids are made of milliseconds: two streams that are written in the same one give the same id.
    streams = RedisStreams(redis, FEEDER, Keys())
    await streams.ensure()
    await redis.xadd(streams.main, {"event": b"of the main line"}, id="1700000000000-0")
    await redis.xadd(streams.retry, {"event": b"of the retry line"}, id="1700000000000-0")
    (one,) = await streams.read("main", "a", count=1, block=SOON)
    (two,) = await streams.read("retry", "a", count=1, block=SOON)
    await streams.commit([(one, Retry("not_ready", 1, 1)), (two, Retry("not_ready", 1, 1))])
    assert await streams.move_due(now_ms=1, limit=10) == 2
    back = await streams.read("retry", "a", count=10, block=SOON)
    assert {entry.event for entry in back} == {b"of the main line", b"of the retry line"}


async def test_an_entry_in_use_is_not_claimed_while_it_is_renewed(bench: Bench, streams: StageStreams) -> None:
    await bench.add(SUBMITTED_KEY, b"in")
    (entry,) = await streams.read("main", "a", count=1, block=SOON)
    assert await streams.claim("b", idle=NEVER, count=1) == []
    assert await streams.renew("a", [entry]) == []
    await streams.claim("b", idle=timedelta(0), count=1)
    assert await streams.renew("a", [entry]) == [entry.id]


async def test_deliveries_count_every_worker_that_had_the_entry(bench: Bench, streams: StageStreams) -> None:
    await bench.add(SUBMITTED_KEY, b"in")
    await streams.read("main", "a", count=1, block=SOON)
    seen = [(await streams.claim(name, idle=timedelta(0), count=1))[0].deliveries for name in ("b", "c", "d")]
    assert seen == [2, 3, 4]


async def test_what_is_handed_back_is_read_at_once_by_another(bench: Bench, streams: StageStreams) -> None:
    await bench.add(SUBMITTED_KEY, b"one")
    await bench.add(SUBMITTED_KEY, b"two")
    held = await streams.read("main", "a", count=2, block=SOON)
    assert await streams.hand_back("a") == 2
    back = await streams.read("retry", "b", count=10, block=SOON)
    assert [entry.event for entry in back] == [b"one", b"two"]
    assert [entry.attempts for entry in back] == [0, 0]
    assert (await streams.commit([(held[0], Publish("id", b"late"))])).effects == ("superseded",)


async def test_an_event_is_announced_once_on_the_finished_stream(bench: Bench) -> None:
    sink = bench.make(SINK)
    await sink.ensure()
    for _ in range(2):
        await bench.add(Keys().stream(SINK.reads), b"in")
    one, two = await sink.read("main", "a", count=2, block=SOON)
    committed = await sink.commit([(one, Publish("rev-1", b"out")), (two, Publish("rev-1", b"out"))])
    assert committed.effects == ("applied", "repeated")
    assert await bench.events(Keys().stream(FINISHED)) == [b"out"]
    assert dict(await sink.outcomes()) == {("published", "ok"): 1, ("dropped", "already_announced"): 1}


async def test_trimming_never_passes_what_a_group_still_holds(bench: Bench, streams: StageStreams) -> None:
    for number in range(6):
        await bench.add(SUBMITTED_KEY, str(number).encode())
    held = await streams.read("main", "a", count=4, block=SOON)
    await streams.commit([(held[0], Drop("x")), (held[1], Drop("x")), (held[3], Drop("x"))])
    await streams.tidy(keep=timedelta(0), keep_at_most=NEVER, forget_consumers_after=NEVER)
    assert await bench.events(SUBMITTED_KEY) == [b"2", b"3", b"4", b"5"]


async def test_finished_events_are_kept_for_the_span(bench: Bench) -> None:
    sink = bench.make(SINK)
    await sink.ensure()
    await bench.add(Keys().stream(SINK.reads), b"in")
    (entry,) = await sink.read("main", "a", count=1, block=SOON)
    await sink.commit([(entry, Publish("rev-1", b"out"))])
    await sink.tidy(keep=timedelta(hours=1), keep_at_most=NEVER, forget_consumers_after=NEVER)
    assert await bench.events(Keys().stream(FINISHED)) == [b"out"]
    await asyncio.sleep(0.02)  # the entry must be older than the span, which is counted in milliseconds
    await sink.tidy(keep=timedelta(0), keep_at_most=NEVER, forget_consumers_after=NEVER)
    assert await bench.events(Keys().stream(FINISHED)) == []


async def test_depth_counts_what_waits_is_pending_delayed_and_dead(bench: Bench, streams: StageStreams) -> None:
    for _ in range(5):
        await bench.add(SUBMITTED_KEY, b"in")
    one, two, three = await streams.read("main", "a", count=3, block=SOON)
    await streams.commit([(one, Retry("x", 0, 1)), (two, Dead("x", "", "", 1)), (three, Publish("id", b"out"))])
    held = await streams.read("main", "a", count=1, block=SOON)
    depth = await streams.measure()
    assert (depth.waiting, depth.pending, depth.delayed, depth.dead, depth.downstream) == (1, 1, 1, 1, 1)
    assert depth.oldest_age_seconds >= 0
    await streams.commit([(held[0], Drop("x"))])


async def test_a_dead_letter_is_redelivered_once_and_may_be_edited(bench: Bench, streams: StageStreams) -> None:
    for _ in range(3):
        await bench.add(SUBMITTED_KEY, b"in")
    held = await streams.read("main", "a", count=3, block=SOON)
    await streams.commit([(entry, Dead("bad", "why", "trace", 2)) for entry in held])
    one, two, three = await streams.dead_letters()
    assert (one.reason, one.error, one.traceback, one.attempts, one.event) == ("bad", "why", "trace", 2, b"in")
    assert [letter.id for letter in await streams.dead_letters(after=one.id, count=1)] == [two.id]
    assert await streams.redeliver(one.id)
    assert not await streams.redeliver(one.id)
    assert await streams.redeliver(two.id, event=b"mended")
    assert await streams.discard(three.id)
    assert not await streams.discard(three.id)
    back = await streams.read("retry", "b", count=10, block=SOON)
    assert [(entry.event, entry.attempts) for entry in back] == [(b"in", 0), (b"mended", 0)]
    assert await streams.dead_letters() == []


async def test_reading_without_a_group_says_so(bench: Bench) -> None:
    with pytest.raises(LookupError, match="gone"):
        await bench.make(FEEDER).read("main", "a", count=1, block=SOON)


async def test_an_abandoned_group_holds_finished_events_for_a_bounded_span(bench: Bench) -> None:
    sink = bench.make(SINK)
    await sink.ensure()
    await bench.add(Keys().stream(FINISHED), b"old")
    held = bench.make(StageSpec("abandoned", FINISHED, None))
    await held.ensure()
    await held.read("main", "gone", count=1, block=SOON)
    await sink.tidy(keep=timedelta(0), keep_at_most=NEVER, forget_consumers_after=NEVER)
    assert await bench.events(Keys().stream(FINISHED)) == [b"old"]
    await asyncio.sleep(0.02)
    await sink.tidy(keep=timedelta(0), keep_at_most=timedelta(0), forget_consumers_after=NEVER)
    assert await bench.events(Keys().stream(FINISHED)) == []


async def test_delayed_messages_are_listed_soonest_first_with_why_and_when(bench: Bench, streams: StageStreams) -> None:
    for number in range(3):
        await bench.add(SUBMITTED_KEY, str(number).encode())
    held = await streams.read("main", "a", count=3, block=SOON)
    dues = (9_000, 3_000, 6_000)
    await streams.commit(
        [(entry, Retry("not_ready", due, 2)) for entry, due in zip(held, dues, strict=True)],
    )
    listed = [each async for each in streams.delayed()]
    assert [(each.due_ms, each.event) for each in listed] == [(3_000, b"1"), (6_000, b"2"), (9_000, b"0")]
    assert {(each.reason, each.attempts) for each in listed} == {("not_ready", 2)}
    assert [each.due_ms async for each in streams.delayed(due_from_ms=6_000)] == [6_000, 9_000]
    assert [await streams.count_delayed(due_from_ms=due) for due in (0, 6_001, 9_001)] == [3, 1, 0]


async def test_unsettled_entries_tell_who_has_them_and_settled_ones_are_left_out(
    bench: Bench, streams: StageStreams
) -> None:
    for number in range(4):
        await bench.add(SUBMITTED_KEY, str(number).encode())
    held = await streams.read("main", "a", count=2, block=SOON)
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
    held = await streams.read("main", "a", count=1_050, block=SOON)
    await streams.commit([(entry, Retry("x", number, 1)) for number, entry in enumerate(held)])
    assert len([each async for each in streams.unsettled()]) == 50
    assert [each.due_ms async for each in streams.delayed()] == list(range(1_050))
