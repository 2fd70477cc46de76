"""What a source would bring: asked over HTTP and on the page, answered by a feeder that reads a real site on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from tests.harness.hostile_server import Behaviour, response, serving
from tests.services.gateway.conftest import Serve, Served
from tests.services.gateway.test_page import Page, hold_to_the_policy, post

from coranto.frontier import HostFeedback, HostLease, RedisHostLeases, host_key
from coranto.sources.previews import PreviewDesk
from coranto.sources.registry import FeedRegistry
from coranto.streams.tasks import end
from coranto.topology import FEEDER, Keys
from coranto.urls import parse
from coranto_feeder.polling.previewer import Previewer
from coranto_feeder.settings import Settings

KEYS = Keys()
ITEMS = "".join(
    f"<item><guid>{n}</guid><title>Boat {n}</title><link>/{n}</link>"
    f"<pubDate>Wed, 20 May 2026 {n % 24:02}:00:00 GMT</pubDate></item>"
    for n in range(30)
)
FEED = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Boats</title>{ITEMS}</channel></rss>'.encode()


@pytest.fixture
async def feeder(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """What answers requests in a feeder."""
    monkeypatch.setenv("CORANTO_FETCHER__ALLOWED_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("CORANTO_FETCHER__MIN_DELAY", "0")
    settings = Settings()
    web = settings.to_web_client()
    previewer = Previewer(
        PreviewDesk(redis, KEYS), settings, RedisHostLeases(redis), settings.to_robots(web, redis=redis)
    )
    running = asyncio.create_task(previewer.run())
    yield
    await end([running])
    await web.close()


@pytest.mark.usefixtures("feeder")
async def test_a_feeder_says_what_a_source_would_bring_and_nothing_stays(served: Served, redis: Redis) -> None:
    async with serving(Behaviour("a feed", "", None, {"/page": response(FEED, kind="application/rss+xml")})) as url:
        found = await served.post("/v1/sources/preview", {"url": url})
    assert (found["outcome"], found["kind"], found["title"], found["count"]) == ("ok", "feed", "Boats", 30)
    assert len(found["entries"]) == 20
    assert found["entries"][0]["at"] == "2026-05-20T00:00:00Z"
    assert 0 < found["per_day"] < 30
    assert await FeedRegistry(redis, KEYS).all() == []
    assert await redis.llen(KEYS.owned_by(FEEDER, "previews")) == 0


@pytest.mark.usefixtures("feeder")
async def test_a_host_that_is_resting_is_not_asked_for_a_preview(served: Served, redis: Redis) -> None:
    hosts = RedisHostLeases(redis)
    async with serving(Behaviour("a feed", "", None, {"/page": response(FEED, kind="application/rss+xml")})) as url:
        lease = await hosts.acquire(host_key(parse(url)), "a fetcher", delay=timedelta(0))
        assert isinstance(lease, HostLease)
        await hosts.release(lease, HostFeedback.SLOW_DOWN, retry_after=timedelta(hours=1))
        found = await served.post("/v1/sources/preview", {"url": url})
    assert (found["outcome"], found["count"]) == ("retry", 0)
    assert "may not be asked for another 3" in found["detail"]


@pytest.mark.usefixtures("feeder")
async def test_what_keeps_a_source_from_being_read_is_said(served: Served) -> None:
    async with serving(Behaviour("no feed", "", None, {"/page": response(b"", status="404 Not Found")})) as url:
        found = await served.post("/v1/sources/preview", {"url": url})
    assert (found["outcome"], found["reason"]) == ("dropped", "status_404")
    blocked = await served.post("/v1/sources/preview", {"url": "http://10.0.0.1/feed"})
    assert (blocked["outcome"], blocked["reason"]) == ("blocked", "private_address")
    await served.post("/v1/sources/preview", {"url": "file:///etc/passwd"}, status=422)


@pytest.mark.usefixtures("feeder")
async def test_the_page_shows_the_preview_beside_the_form_that_adds_it(served: Served) -> None:
    async with serving(Behaviour("a feed", "", None, {"/page": response(FEED, kind="application/rss+xml")})) as url:
        answer = await post(served, "/sources/preview", status=200, url=url, source="The Boats", tags="Wire, Harbour")
    page = Page(answer.text)
    hold_to_the_policy(page)
    assert "Boats would bring about" in page.said
    assert "Boat 19" in page.said
    kept = {each.get("name"): each.get("value") for each in page.all("input")}
    assert (kept["url"], kept["source"], kept["tags"]) == (url, "The Boats", "Wire, Harbour")


async def test_without_a_feeder_it_says_so_and_leaves_no_request_behind(serve: Serve, redis: Redis) -> None:
    async with serve(preview_timeout=timedelta(milliseconds=200)) as served:
        problem = await served.post("/v1/sources/preview", {"url": "https://a.example/feed"}, status=503)
        assert problem["type"] == "urn:coranto:problem:no-feeder"
        assert await redis.llen(KEYS.owned_by(FEEDER, "previews")) == 0


async def test_so_many_wait_and_no_more(serve: Serve, redis: Redis) -> None:
    async with serve(preview_timeout=timedelta(seconds=2)) as served:
        answers = await asyncio.gather(
            *(served.client.post("/v1/sources/preview", json={"url": f"https://a.example/{n}"}) for n in range(30))
        )
        statuses = sorted(each.status_code for each in answers)
        assert set(statuses) == {429, 503}
        assert statuses.count(503) <= 20
        assert await redis.llen(KEYS.owned_by(FEEDER, "previews")) == 0


@pytest.mark.usefixtures("feeder")
async def test_rubbish_in_the_list_is_passed_over(served: Served, redis: Redis) -> None:
    await redis.rpush(KEYS.owned_by(FEEDER, "previews"), b"\xff{", b'{"id": 1}')
    blocked = await served.post("/v1/sources/preview", {"url": "http://10.0.0.1/feed"})
    assert blocked["outcome"] == "blocked"
