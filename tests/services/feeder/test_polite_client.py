"""Requests of the feeder: robots.txt first, one host at a time, and no longer than the host's turn lasts."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from redis.asyncio import Redis

from coranto.frontier import HostPolicy, RedisHostLeases, host_key
from coranto.http import WebClient
from coranto.http.robots.cache import RobotsCache
from coranto.urls import parse
from coranto_feeder.polite_client import HostBusyError, PoliteClient, RobotsDeniedError
from coranto_feeder.polling.poll import FeedReader

if TYPE_CHECKING:  # pytest hands conftest's classes over as fixtures; tests only name their types
    from tests.services.feeder.conftest import PolledFeeds, Site

PAUSE = timedelta(milliseconds=200)
FEED = "<rss><channel><title>F</title><item><link>/one</link></item></channel></rss>"


@pytest.fixture
def client(redis: Redis, browser: WebClient) -> PoliteClient:
    robots = RobotsCache(redis, browser, agent="CorantoBot")
    return PoliteClient(browser, RedisHostLeases(redis), HostPolicy(min_delay=PAUSE), robots)


def paths(site: Site) -> list[str]:
    return [request.path for request in site.asked]


async def test_robots_file_is_asked_first_and_obeyed(client: PoliteClient, site: Site) -> None:
    site.says("/robots.txt", text="User-agent: *\nDisallow: /private")
    site.says("/feed", text=FEED)
    assert (await client.get(f"{site.url}/feed", "a")).response.status == 200
    with pytest.raises(RobotsDeniedError, match="/private/feed"):
        await client.get(f"{site.url}/private/feed", "b")
    assert (await client.get(f"{site.url}/private/feed", "c", obeys_robots=False)).response.status == 404
    assert paths(site) == ["/robots.txt", "/feed", "/private/feed"]


async def test_pause_follows_every_request_the_robots_file_and_redirects_included(
    client: PoliteClient, site: Site
) -> None:
    moments: list[float] = []

    def note(request: web.Request) -> web.Response:
        moments.append(time.monotonic())
        if request.path == "/old":
            return web.Response(status=301, headers={"Location": "/new"})
        return web.Response(status=200 if request.path == "/new" else 404)

    for path in ("/robots.txt", "/old", "/new"):
        site.documents[path] = note
    await client.get(f"{site.url}/old", "a")
    await client.get(f"{site.url}/new", "b")
    assert len(moments) == 4
    assert all(later - earlier >= PAUSE.total_seconds() * 0.95 for earlier, later in pairwise(moments))


async def test_crawl_delay_makes_the_pause_longer(client: PoliteClient, site: Site) -> None:
    site.says("/robots.txt", text="User-agent: *\nCrawl-delay: 30")
    site.says("/feed", text=FEED)
    with pytest.raises(HostBusyError) as busy:
        await client.get(f"{site.url}/feed", "a")
    assert timedelta(seconds=25) < busy.value.retry_after <= timedelta(seconds=30)
    with pytest.raises(HostBusyError):
        await client.acquire(f"{site.url}/other", "b")
    assert paths(site) == ["/robots.txt"]


async def test_host_that_somebody_else_asks_is_not_asked(client: PoliteClient, site: Site) -> None:
    lease = await client.acquire(f"{site.url}/a", "a")
    with pytest.raises(HostBusyError) as busy:
        await client.acquire(f"{site.url}/b", "b")
    assert busy.value.retry_after > timedelta(0)
    assert site.asked == []
    await client.give_back(lease)
    async with asyncio.timeout(10):
        while True:
            try:
                await client.give_back(await client.acquire(f"{site.url}/b", "b"))
            except HostBusyError as short:
                await asyncio.sleep(short.retry_after.total_seconds())
            else:
                break


async def test_lease_that_is_lost_is_not_used(
    redis: Redis, browser: WebClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coranto_feeder.polite_client._LONGEST_WAIT", timedelta(seconds=2))
    leases = RedisHostLeases(redis)
    client = PoliteClient(browser, leases, HostPolicy(min_delay=timedelta(seconds=1)))
    reached = asyncio.Event()

    def old(_: web.Request) -> web.Response:
        reached.set()
        return web.Response(status=302, headers={"Location": "/new"})

    site.documents["/old"] = old
    getting = asyncio.create_task(client.get(f"{site.url}/old", "a"))
    await reached.wait()
    host = host_key(parse(site.url))
    await redis.delete(f"coranto:{{host-{host}}}:lease")  # as if it had expired
    other = await client.acquire(f"{site.url}/x", "other")
    with pytest.raises(HostBusyError):
        async with asyncio.timeout(30):
            await getting
    assert "/new" not in paths(site)
    await client.give_back(other)


async def test_host_is_kept_through_a_pause_that_is_longer_than_the_lease(
    redis: Redis, browser: WebClient, site: Site
) -> None:
    leases = RedisHostLeases(redis, lease=timedelta(seconds=1.5))
    client = PoliteClient(browser, leases, HostPolicy(min_delay=timedelta(seconds=2)))
    asked = asyncio.Event()

    def old(_: web.Request) -> web.Response:
        asked.set()
        return web.Response(status=302, headers={"Location": "/new"})

    site.documents["/old"] = old
    site.says("/new", text=FEED)
    getting = asyncio.create_task(client.get(f"{site.url}/old", "a"))
    await asked.wait()
    while "/new" not in paths(site):
        with pytest.raises(HostBusyError):
            await client.acquire(f"{site.url}/x", "other")
        await asyncio.sleep(0.02)
    assert (await getting).response.status == 200


async def test_refusals_make_the_host_rest_for_everybody(client: PoliteClient, site: Site) -> None:
    site.says("/feed", status=429, headers={"Retry-After": "60"})
    await client.get(f"{site.url}/feed", "a")
    with pytest.raises(HostBusyError) as busy:
        await client.acquire(f"{site.url}/feed", "b")
    assert busy.value.retry_after > timedelta(seconds=50)


@pytest.mark.parametrize(
    ("robots", "outcome"),
    [({"text": "User-agent: *\nDisallow: /"}, "robots_denied"), ({"status": 503}, "robots_unreachable")],
)
async def test_feed_that_robots_keep_out_fails_with_the_way_out(
    robots: dict[str, object], outcome: str, client: PoliteClient, polled: PolledFeeds, site: Site
) -> None:
    site.says("/robots.txt", **robots)
    url = site.says("/feed", text=FEED)
    feed = await polled.add(url)
    reader = FeedReader(polled.registry, client, polled.parser, polled.submit, polled.settings)
    failed = (await reader.poll(feed, None, now=polled.now)).feed
    assert (failed.last_outcome, failed.failures) == (outcome, 1)
    assert "/feed" not in paths(site)
    if outcome == "robots_denied":
        assert "--ignore-robots" in (failed.last_error or "")
        allowed = feed.model_copy(update={"ignores_robots": True})
        await asyncio.sleep(PAUSE.total_seconds())
        assert (await reader.poll(allowed, None, now=polled.now)).submitted == 1


async def test_crawl_delay_holds_for_its_own_host_when_a_feed_has_moved_to_another(
    redis: Redis, browser: WebClient, client: PoliteClient, site: Site, other_site: Site
) -> None:
    site.says("/robots.txt", text="User-agent: *\nCrawl-delay: 30")
    robots = RobotsCache(redis, browser, agent="CorantoBot")
    for one in (site, other_site):
        await robots.ask(one.url)
    site.says("/feed", status=301, headers={"Location": f"{other_site.url}/feed"})
    other_site.says("/feed", text=FEED)
    await client.get(f"{site.url}/feed", "a")
    with pytest.raises(HostBusyError) as busy:
        await client.acquire(f"{site.url}/feed", "b")
    assert timedelta(seconds=25) < busy.value.retry_after <= timedelta(seconds=30)


async def test_turn_in_which_nothing_is_asked_leaves_the_host_as_it_was(
    redis: Redis, client: PoliteClient, site: Site
) -> None:
    """A host in trouble is none the better for a feed that its known robots.txt keeps us from."""
    site.says("/robots.txt", text="User-agent: *\nDisallow: /private")
    site.says("/feed", status=503)
    await client.get(f"{site.url}/feed", "a")
    state = f"coranto:{{host-{host_key(parse(site.url))}}}:lease"
    trouble = await redis.hmget(state, "refusals", "pause", "failing_since", "fetch_time")  # type: ignore[misc]
    assert trouble[0] == b"1"
    asked = len(site.asked)
    for ends in ("denied", "given back"):
        await redis.hset(state, "next_at", "0")  # type: ignore[misc]
        lease = await client.acquire(f"{site.url}/private", "b")
        if ends == "denied":
            with pytest.raises(RobotsDeniedError):
                await client.get(f"{site.url}/private", "b", lease=lease)
        else:
            await client.give_back(lease)
    assert await redis.hmget(state, "refusals", "pause", "failing_since", "fetch_time") == trouble  # type: ignore[misc]
    assert len(site.asked) == asked
    await client.give_back(await client.acquire(f"{site.url}/feed", "c"))  # the next need not wait
