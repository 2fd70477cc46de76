"""The feeder as the process it is: feeds and pages in, articles out, whatever is killed in between."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis
from tests.conftest import eventually, running_service

from coranto.client import AsyncClient, new_submission
from coranto.records import DiscoveredArticle
from coranto.records.envelope import FIELD, decode
from coranto.sources.registry import FeedRegistry, new_feed
from coranto.topology import DISCOVERED, FETCHER, Keys
from coranto_cli.local.redis_server import EmbeddedRedis

if TYPE_CHECKING:  # pytest hands conftest's classes over as fixtures; tests only name their types
    from tests.services.feeder.conftest import Site

PATIENCE_SECONDS = 60.0
FEED = """<feed xmlns='http://www.w3.org/2005/Atom'><title>The feed</title>{}</feed>"""
ENTRY = "<entry><id>{0}</id><title>{0}</title><link href='/news/{0}'/><updated>2026-05-01T10:00:00Z</updated></entry>"


def running_feeder(redis_url: str, data: Path) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    """The feeder as the process it is."""
    settings = {
        "CORANTO_REDIS__URL": redis_url,
        "CORANTO_FEEDER__DATA": str(data),
        "CORANTO_FEEDER__ALLOWED_NETWORKS": "127.0.0.0/8",
        "CORANTO_FEEDER__SHORTEST_INTERVAL": "0.3",
        "CORANTO_FEEDER__FIRST_INTERVAL": "0.3",
        "CORANTO_DELIVERY__CLAIM_AFTER": "2",
        "CORANTO_DELIVERY__HOUSEKEEPING_INTERVAL": "0.3",
    }
    return running_service("feeder", settings)


async def until(claim: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await claim():
            await asyncio.sleep(0.05)


async def found(redis: Redis) -> list[DiscoveredArticle]:
    entries: Any = await redis.xrange(Keys().stream(DISCOVERED))
    return [decode(fields[FIELD], DiscoveredArticle).record for _, fields in entries]


async def test_feed_that_is_submitted_brings_its_articles_now_and_later(
    redis: Redis, redis_url: str, site: Site, tmp_path: Path
) -> None:
    url = site.says("/rss", text=FEED.format(ENTRY.format("one") + ENTRY.format("two")))

    async def has(number: int) -> bool:
        return len(await found(redis)) >= number

    async with AsyncClient(redis) as client, running_feeder(redis_url, tmp_path) as feeder:
        await client.submit([new_submission(url), new_submission(site.url + "/news/one"), new_submission(url)])
        await until(lambda: has(2))
        site.says("/rss", text=FEED.format(ENTRY.format("three") + ENTRY.format("one") + ENTRY.format("two")))
        await until(lambda: has(3))
        feeder.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(feeder.wait(), 20) == 0
        names = sorted(one.url.rsplit("/", 1)[1] for one in await found(redis))
    assert names == ["one", "three", "two"]


async def test_redis_restarted_empty_gets_back_what_had_not_ended_and_its_feeds(
    own_redis: EmbeddedRedis, site: Site, tmp_path: Path
) -> None:
    url = site.says("/rss", text=FEED.format(ENTRY.format("from-feed")))
    async with running_feeder(own_redis.url, tmp_path / "feeder"):
        async with AsyncClient(Redis.from_url(own_redis.url)) as client:
            await client.submit([new_submission(f"{site.url}/news/{number}") for number in range(20)])
            await client.submit([new_submission(url, kind="feed")])
        before = Redis.from_url(own_redis.url)

        async def is_handed_on() -> bool:
            return len(await found(before)) == 21

        await until(is_handed_on)
        await asyncio.sleep(1.5)  # the account has left its mark and its copy of the feeds
        await before.aclose()
        own_redis.kill()
        for file in (own_redis.directory / "redis").rglob("*"):
            if file.is_file() and file.suffix != ".log":
                file.unlink()
        own_redis.start()
        after = Redis.from_url(own_redis.url)

        async def is_back() -> bool:
            return len({one.id for one in await found(after)}) == 21

        async def has_feeds() -> bool:
            return [feed.url for feed in await FeedRegistry(after, Keys()).all()] == [url]

        await until(is_back)
        await until(has_feeds)
        # One that the poller finds anew in the forgotten feed may come as a first visit; the others are second visits.
        assert sum(one.discovery.is_recrawl for one in await found(after)) >= 20
        await after.aclose()


@pytest.mark.slow
async def test_running_feeder_takes_in_the_rest_of_a_feed_when_there_is_room(
    redis: Redis, redis_url: str, site: Site, tmp_path: Path
) -> None:
    """With the rhythm as shipped the feed would be read again after a quarter of an hour."""
    queues = Keys().host_queues(FETCHER)
    waiting, url = f"{queues}:waiting:live:paper.example", site.url + "/rss"
    for _ in range(100):
        await redis.rpush(waiting, *([b"x"] * 1_000))
    await redis.set(f"{queues}:count", 100_000)
    entries = "".join(ENTRY.format(number).replace("/news/", "https://paper.example/") for number in range(1_500))
    site.says("/rss", text=FEED.format(entries))
    registry = FeedRegistry(redis, Keys())
    await registry.add(new_feed(url, now=datetime.now(UTC)))

    async def entries_left() -> int | None:
        feed = await registry.find(url)
        return feed.entries_left if feed is not None and feed.polls else None

    async def is_left() -> bool:
        return await entries_left() == 1_500

    async def is_taken_in() -> bool:
        return await entries_left() == 0

    settings = {
        "CORANTO_REDIS__URL": redis_url,
        "CORANTO_FEEDER__DATA": str(tmp_path),
        "CORANTO_FEEDER__ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    async with running_service("feeder", settings):
        await until(is_left)
        await redis.delete(waiting, f"{queues}:count")
        await eventually(is_taken_in, within_seconds=150, what="the rest of the feed")
    assert int(await redis.zcard(Keys().submissions())) == 1_500
