"""What a backup takes from Redis: messages in the queues of hosts, and those that were just taken out of them."""

from __future__ import annotations

from datetime import timedelta

from redis.asyncio import Redis

from coranto.admin.pages import pages_in_pipeline
from coranto.admin.pipeline import ConnectedPipeline
from coranto.admin.redis_state import dump, load
from coranto.host_queue import HostQueue
from coranto.records import PageRef, SavedPage
from coranto.records.envelope import encode
from coranto.streams.interface import Retry
from coranto.streams.redis import RedisStreams
from coranto.testing import samples
from coranto.topology import FETCHER, Keys, Pipeline

MAIN = Keys().stream(FETCHER.reads)


async def queue(redis: Redis, streams: RedisStreams, host: str, event: bytes) -> None:
    await redis.xadd(MAIN, {"event": event})
    rows = await redis.xreadgroup(FETCHER.name, "a", {MAIN: ">"}, count=1)
    (entry,) = streams.entries("main", rows[0][1])
    await streams.commit([(entry, Retry("queued", 0, 0, queue=HostQueue(host)))])


async def test_what_waits_for_hosts_comes_back_from_a_backup(redis: Redis) -> None:
    streams = RedisStreams(redis, FETCHER, Keys())
    await streams.ensure()
    for number in range(3):
        await queue(redis, streams, "a.example", b"a%d" % number)
        await queue(redis, streams, f"b{number}.example", b"b%d" % number)
    (taken, *_) = (await streams.claim_hosts("a", count=1, slow=1, lease=timedelta(minutes=1))).entries
    lines = [line async for line in dump(ConnectedPipeline(redis, Pipeline()))]
    await redis.flushall()
    await load(redis, lines)
    claims = await streams.claim_hosts("b", count=10, slow=1, lease=timedelta(minutes=1))
    # The host of the message that was in hand rests until its lease is over.
    assert {entry.host for entry in claims.entries} == {"a.example", "b0.example", "b1.example", "b2.example"} - {
        taken.host
    }
    assert [entry.event for entry in await streams.claim("b", idle=timedelta(0), count=1)] == [taken.event]
    depth = await streams.measure()
    assert depth.queued + depth.pending == 6


async def test_pages_of_articles_that_wait_for_hosts_are_kept(redis: Redis) -> None:
    streams = RedisStreams(redis, FETCHER, Keys())
    await streams.ensure()
    keys = []
    for number in range(2):
        page = PageRef(sha256=f"{number}" * 64, size_bytes=1)
        article = samples.discovered()
        discovery = article.discovery.model_copy(update={"saved": SavedPage(page=page, content_type="text/html")})
        event = encode(article.model_copy(update={"discovery": discovery}), source="test")
        await queue(redis, streams, f"h{number}.example", event)
        keys.append(page.sha256)
    await streams.claim_hosts("a", count=1, slow=1, lease=timedelta(minutes=1))
    await redis.xtrim(MAIN, maxlen=0)
    assert await pages_in_pipeline(ConnectedPipeline(redis, Pipeline())) == set(keys)
