"""Queues by host, on a real Redis and in memory: what goes in comes out once, when its host may be asked, live first."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from coranto.host_queue import HostQueue, HostRest
from coranto.streams.interface import Dead, Drop, Entry, HostClaims, Outcome, Publish, Retry, StageStreams
from coranto.streams.packing import pack, unpack
from coranto.streams.redis import RedisStreams
from coranto.testing import MemoryPipeline, MemoryStreams
from coranto.topology import EXTRACTOR, FETCHED, FETCHER, Keys

MAIN = Keys().stream(FETCHER.reads)
LEASE = timedelta(seconds=60)


@dataclass
class Bench:
    """The fetcher's streams under test, and a way to put messages in."""

    streams: StageStreams
    add: Callable[[str, bytes], Awaitable[object]]
    pass_time: Callable[[timedelta], Awaitable[None]]
    read: Callable[[str, int], Awaitable[list[Entry]]]
    published: Callable[[], Awaitable[list[bytes]]]

    async def queue(
        self, host: str, *events: str, is_backlog: bool = False, is_front: bool = False, delay_ms: int = 0
    ) -> None:
        """Have these messages wait for the host, as admission does it."""
        for event in events:
            await self.add(MAIN, event.encode())
        entries = await self.read("main", len(events))
        place = HostQueue(host, is_backlog, is_front)
        done = await self.streams.commit([(entry, Retry("queued", delay_ms, 0, queue=place)) for entry in entries])
        assert set(done.effects) == {"applied"}

    async def claim(self, count: int = 100, *, slow: int = 100, consumer: str = "a") -> HostClaims:
        return await self.streams.claim_hosts(consumer, count=count, slow=slow, lease=LEASE)

    async def texts(self, count: int = 100, *, slow: int = 100) -> list[str]:
        """What comes out now."""
        return [(entry.event or b"").decode() for entry in (await self.claim(count, slow=slow)).entries]

    async def settle(self, entry: Entry, rest: HostRest | None = None) -> None:
        rests = {} if rest is None else {entry.host: rest}
        assert (await self.streams.commit([(entry, Publish(entry.id, entry.event))], rests=rests)).effects == (
            "applied",
        )


@pytest.fixture(params=["memory", "redis"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "memory":
        now = [1_000_000.0]
        pipeline = MemoryPipeline(lambda: now[0])
        memory = MemoryStreams(pipeline, FETCHER)
        await memory.ensure()

        async def add(key: str, event: bytes) -> str:
            return pipeline.add(key, event)

        async def pass_time(span: timedelta) -> None:
            now[0] += span.total_seconds()

        async def read(line: str, count: int) -> list[Entry]:
            return await memory.read("main" if line == "main" else "retry", "a", count=count, block=None)

        async def published() -> list[bytes]:
            return [row.event or b"" for row in pipeline.stream(Keys().stream(FETCHED)).rows.values()]

        yield Bench(memory, add, pass_time, read, published)
        return
    client: Redis = Redis.from_url(request.getfixturevalue("redis_url"))
    streams = RedisStreams(client, FETCHER, Keys())
    await streams.ensure()
    prefix = Keys().host_queues(FETCHER)

    async def pass_time_in_redis(span: timedelta) -> None:
        ms = round(span.total_seconds() * 1000)
        for name in ("live", "live:slow", "backlog", "backlog:slow", "rests"):
            for host in await client.zrange(f"{prefix}:{name}", 0, -1):
                await client.zincrby(f"{prefix}:{name}", -ms, host)

    async def read_entries(line: str, count: int) -> list[Entry]:
        key = streams.key_of("main" if line == "main" else "retry")
        rows = await client.xreadgroup(FETCHER.name, "a", {key: ">"}, count=count)
        return streams.entries("main" if line == "main" else "retry", rows[0][1] if rows else [])

    async def published_entries() -> list[bytes]:
        return [fields[b"event"] for _, fields in await client.xrange(Keys().stream(FETCHED))]

    yield Bench(
        streams,
        lambda key, event: client.xadd(key, {"event": event}),
        pass_time_in_redis,
        read_entries,
        published_entries,
    )
    await client.aclose()


async def test_each_host_hands_out_one_message_at_a_time(bench: Bench) -> None:
    await bench.queue("a.example", "a1", "a2", "a3")
    await bench.queue("b.example", "b1")
    claims = await bench.claim()
    assert sorted((entry.event, entry.host, entry.line) for entry in claims.entries) == [
        (b"a1", "a.example", "host"),
        (b"b1", "b.example", "host"),
    ]
    assert await bench.texts() == []
    for entry in claims.entries:
        await bench.settle(entry)
    assert await bench.texts() == ["a2"]
    assert sorted(await bench.published()) == [b"a1", b"b1"]


async def test_host_hands_out_nothing_until_it_may_be_asked_again(bench: Bench) -> None:
    await bench.queue("a.example", "a1", "a2")
    (entry,) = (await bench.claim()).entries
    await bench.settle(entry, HostRest(wait_ms=30_000))
    claims = await bench.claim()
    assert claims.entries == []
    assert claims.next_ms is not None
    assert 29_000 < claims.next_ms <= 30_000
    await bench.queue("a.example", "a3")  # nor does what comes meanwhile change that
    assert await bench.texts() == []
    await bench.pass_time(timedelta(seconds=30))
    assert await bench.texts() == ["a2"]


async def test_host_rests_for_those_too_who_come_when_nobody_waits(bench: Bench) -> None:
    await bench.queue("a.example", "a1")
    (entry,) = (await bench.claim()).entries
    await bench.queue("a.example", "while-a1-is-handled")
    assert await bench.texts() == []
    await bench.settle(entry, HostRest(wait_ms=30_000))
    await bench.pass_time(timedelta(seconds=30))
    (entry,) = (await bench.claim()).entries
    await bench.settle(entry, HostRest(wait_ms=30_000))
    await bench.queue("a.example", "while-it-rests", is_backlog=True)
    assert await bench.texts() == []
    await bench.pass_time(timedelta(seconds=30))
    assert await bench.texts() == ["while-it-rests"]


async def test_live_messages_go_before_the_backlog_of_their_host_and_of_all_others(bench: Bench) -> None:
    await bench.queue("a.example", "a-old", is_backlog=True)
    await bench.queue("b.example", "b-old", is_backlog=True)
    await bench.queue("b.example", "b-live")
    await bench.queue("c.example", "c-live")
    assert sorted(await bench.texts(2)) == ["b-live", "c-live"]
    assert await bench.texts() == ["a-old"]
    await bench.pass_time(LEASE)
    assert await bench.texts() == ["b-old"]


async def test_message_that_has_waited_before_is_first_again_and_its_host_rests(bench: Bench) -> None:
    await bench.queue("a.example", "a1", "a2")
    (entry,) = (await bench.claim()).entries
    place = HostQueue("a.example", is_front=True)
    await bench.streams.commit([(entry, Retry("host_busy", 5_000, 0, queue=place))])
    assert await bench.texts() == []
    await bench.pass_time(timedelta(seconds=5))
    assert await bench.texts() == ["a1"]


async def test_message_may_go_on_to_the_queue_of_another_host(bench: Bench) -> None:
    await bench.queue("a.example", "a1", "a2")
    (entry,) = (await bench.claim()).entries
    await bench.streams.commit([(entry, Retry("host_busy", 5_000, 0, queue=HostQueue("b.example", is_front=True)))])
    assert await bench.texts() == ["a2"]  # its own host need not wait with it
    await bench.pass_time(timedelta(seconds=5))
    assert await bench.texts() == ["a1"]


async def test_slow_hosts_get_no_more_than_their_share(bench: Bench) -> None:
    for number in range(6):
        await bench.queue(f"slow{number}.example", "first", "next")
    for entry in (await bench.claim()).entries:
        await bench.settle(entry, HostRest(0, is_slow=True))
    await bench.queue("quick.example", "quick")
    claims = await bench.claim(slow=2)
    assert sorted((entry.event, entry.is_slow) for entry in claims.entries) == [
        (b"next", True),
        (b"next", True),
        (b"quick", False),
    ]
    # Those that are left wait for a slot of theirs, not for a time.
    assert (await bench.claim(slow=0)).next_ms is None
    assert await bench.texts(slow=3) == ["next"] * 3


async def test_host_that_has_become_quick_is_slow_no_more(bench: Bench) -> None:
    await bench.queue("a.example", "a1", "a2", "a3")
    (entry,) = (await bench.claim()).entries
    await bench.settle(entry, HostRest(0, is_slow=True))
    assert await bench.texts(slow=0) == []
    (entry,) = (await bench.claim(slow=1)).entries
    assert entry.is_slow
    await bench.settle(entry, HostRest(0, is_slow=False))
    assert await bench.texts(slow=0) == ["a3"]


async def test_what_waits_for_no_host_comes_out_at_once(bench: Bench) -> None:
    await bench.queue("", "one", "two", "three")
    assert await bench.texts(2) == ["one", "two"]
    assert await bench.texts() == ["three"]


async def test_message_of_a_worker_that_died_is_claimed_and_its_host_goes_on_after_the_lease(bench: Bench) -> None:
    await bench.queue("a.example", "a1", "a2")
    (lost,) = (await bench.claim(consumer="dead")).entries
    (found,) = await bench.streams.claim("heir", idle=timedelta(0), count=10)
    assert (found.event, found.host, found.line, found.deliveries) == (b"a1", "a.example", "host", 2)
    assert await bench.texts() == []
    await bench.pass_time(LEASE)
    assert await bench.texts() == ["a2"]
    await bench.settle(found)
    assert (await bench.streams.commit([(lost, Publish("x", b"late"))])).effects == ("superseded",)
    assert await bench.published() == [b"a1"]


async def test_renewal_keeps_a_message_that_came_from_a_queue(bench: Bench) -> None:
    await bench.queue("a.example", "a1")
    (entry,) = (await bench.claim(consumer="slow")).entries
    assert await bench.streams.renew("slow", [entry]) == []
    assert await bench.streams.claim("other", idle=timedelta(seconds=30), count=10) == []
    await bench.streams.claim("other", idle=timedelta(0), count=10)
    assert await bench.streams.renew("slow", [entry]) == [entry.id]


async def test_what_a_stopped_worker_hands_back_goes_through_the_queue_again(bench: Bench) -> None:
    await bench.queue("a.example", "a1", "a2")
    await bench.claim(consumer="leaving")
    assert await bench.streams.hand_back("leaving") == 1
    (entry,) = await bench.read("retry", 10)
    assert (entry.event, entry.deliveries) == (b"a1", 1)
    place = HostQueue("a.example", is_front=True)
    await bench.streams.commit([(entry, Retry("queued", 0, entry.attempts, entry.deliveries - 1, queue=place))])
    assert await bench.texts() == ["a1"]  # the host is free at once


async def test_waiting_keeps_what_is_known_of_a_message(bench: Bench) -> None:
    await bench.add(MAIN, b"event")
    (entry,) = await bench.read("main", 1)
    retry = Retry("queued", 0, 3, 1, failing_since_ms=77, queue=HostQueue("a.example"))
    await bench.streams.commit([(entry, retry)])
    (claimed,) = (await bench.claim()).entries
    assert (claimed.attempts, claimed.deliveries, claimed.failing_since_ms) == (3, 2, 77)
    assert claimed.since_ms == entry.since_ms
    # Through the delay line, too.
    await bench.streams.commit([(claimed, Retry("timeout", 0, 3, failing_since_ms=77))])
    assert await bench.streams.move_due(limit=10) == 1
    (again,) = await bench.read("retry", 1)
    assert (again.attempts, again.failing_since_ms, again.since_ms) == (3, 77, entry.since_ms)


async def test_what_waits_for_hosts_is_counted_and_can_be_looked_at(bench: Bench) -> None:
    await bench.queue("a.example", "a1", "a2")
    await bench.queue("b.example", "b1", is_backlog=True)
    depth = await bench.streams.measure()
    assert (depth.queued, depth.delayed, depth.pending) == (3, 3, 0)
    assert sorted([each.event async for each in bench.streams.delayed()]) == [b"a1", b"a2", b"b1"]
    (entry, *_) = (await bench.claim()).entries
    depth = await bench.streams.measure()
    assert (depth.queued, depth.pending) == (1, 2)
    assert entry.event in [each.event async for each in bench.streams.unsettled()]
    assert await bench.streams.count_delayed(due_from_ms=0) == 1


async def test_commit_whose_answer_was_lost_queues_once(bench: Bench) -> None:
    await bench.add(MAIN, b"event")
    (entry,) = await bench.read("main", 1)
    retry = Retry("queued", 0, 0, queue=HostQueue("a.example"))
    for _ in range(2):
        assert (await bench.streams.commit([(entry, retry)], consumer="a", token="t")).effects == ("applied",)
    assert (await bench.streams.commit([(entry, retry)], consumer="a", token="u")).effects == ("superseded",)
    assert await bench.texts() == ["event"]
    assert (await bench.streams.measure()).queued == 0


async def test_many_claimers_share_the_hosts_and_nothing_comes_out_twice(bench: Bench) -> None:
    for number in range(40):
        await bench.queue(f"h{number}.example", f"{number}a", f"{number}b")
    found = await asyncio.gather(*(bench.claim(7, consumer=f"c{number}") for number in range(8)))
    events = [entry.event for claims in found for entry in claims.entries]
    assert sorted(events) == sorted(f"{number}a".encode() for number in range(40))


def test_packed_events_are_what_they_were() -> None:
    for event in (b"", b"{}", b"x" * 100_000, bytes(range(256))):
        assert unpack(pack(event)) == event
    for broken in (
        b"",
        b"\xff\xff",
        b"\x0f" + pack(b"of another version")[1:],
        pack(b"something longer than that")[:-3],
    ):
        with pytest.raises(ValueError, match="packed event"):
            unpack(broken)


def test_events_that_wait_outlive_an_upgrade() -> None:
    """What was packed earlier. If this fails, the text that events are packed against has changed: give it a new mark."""
    event = (
        b'{"specversion":"1.0","type":"coranto.article.discovered.v2","source":"coranto/feeder","id":"0123","data":{"key":'
        b'"https://paper.example/1","discovery":{"discovered_via":"sitemap","hints":{"title":"Boats"}}}}'
    )
    marked = base64.b64decode("B6Nl1BoYGhkjRQxqhBQkFqQW6aVWJOYW5KTqG6JHA2YKh6dsDL875ScCBUC+AQA=")
    assert unpack(marked) == unpack(marked[1:]) == event
    assert len(pack(event)) <= len(marked)


async def test_queue_that_a_full_redis_refuses_loses_nothing(redis: Redis) -> None:
    streams = RedisStreams(redis, FETCHER, Keys())
    await streams.ensure()
    await redis.xadd(MAIN, {"event": b"event"})
    rows = await redis.xreadgroup(FETCHER.name, "a", {MAIN: ">"}, count=1)
    (entry,) = streams.entries("main", rows[0][1])
    retry = Retry("queued", 0, 0, queue=HostQueue("a.example"))
    await redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(Exception, match=r"OOM|maxmemory"):
            await streams.commit([(entry, retry)])
        await redis.config_set("maxmemory", "0")
        assert (await streams.commit([(entry, retry)])).effects == ("applied",)
    finally:
        await redis.config_set("maxmemory", "0")
    claims = await streams.claim_hosts("a", count=1, slow=1, lease=LEASE)
    assert [each.event for each in claims.entries] == [b"event"]


@pytest.mark.parametrize("outcome", [Drop("no_text", None, "00ff"), Dead("error", "seen", "", 1, None, "00ff")])
async def test_article_that_ends_early_is_fetched_whole_the_next_time(redis: Redis, outcome: Outcome) -> None:
    key = Keys().fetched_before("00ff")
    streams = RedisStreams(redis, EXTRACTOR, Keys())
    await streams.ensure()
    for has_lost_its_claim in (True, False):
        await redis.set(key, "validators")
        await redis.xadd(streams.main, {"event": b"event"})
        rows = await redis.xreadgroup(EXTRACTOR.name, "a", {streams.main: ">"}, count=1)
        (entry,) = streams.entries("main", rows[0][1])
        if has_lost_its_claim:
            await redis.xack(streams.main, EXTRACTOR.name, entry.id)
        await streams.commit([(entry, outcome)])
        assert await redis.exists(key) == has_lost_its_claim


async def test_queues_are_small(redis: Redis) -> None:
    """Bytes of Redis' memory for each waiting article, at ten for each host."""
    from coranto.records.envelope import encode
    from coranto.testing import samples

    streams = RedisStreams(redis, FETCHER, Keys())
    await streams.ensure()
    event = encode(samples.discovered(), source="coranto/feeder")
    before = (await redis.info("memory"))["used_memory"]
    number = 5_000
    for start in range(0, number, 500):
        pipe = redis.pipeline(transaction=False)
        for each in range(start, start + 500):
            pipe.xadd(MAIN, {"event": event.replace(b"/one", b"/articles/2026/%d" % each)})
        await pipe.execute()
        rows = await redis.xreadgroup(FETCHER.name, "a", {MAIN: ">"}, count=500)
        entries = streams.entries("main", rows[0][1])
        await streams.commit(
            [
                (entry, Retry("queued", 0, 0, queue=HostQueue(f"host{at % 500}.example")))
                for at, entry in enumerate(entries)
            ]
        )
        await redis.xtrim(MAIN, maxlen=0)
    used = (await redis.info("memory"))["used_memory"] - before
    assert used / number < 400
