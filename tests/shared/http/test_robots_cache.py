"""robots.txt files of sites: how long they are kept, and what happens when one cannot be fetched."""

from __future__ import annotations

import asyncio
import os
import time
import zlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis

from coranto.http import AddressGuard, ConnectFailedError, TimedOutError, WebClient, WebLimits
from coranto.http.robots.cache import RobotsCache, RobotsUnreachableError
from coranto.http.robots.rules import RobotsRules


class Site:
    """A site whose robots.txt can be changed."""

    def __init__(self) -> None:
        self.status, self.text, self.hits, self.headers = 200, "User-agent: *\nDisallow: /no\n", 0, dict[str, str]()
        self.redirects = 0

    async def robots(self, request: web.Request) -> web.Response:
        self.hits += 1
        hop = int(request.query.get("hop", "0"))
        if hop < self.redirects:
            raise web.HTTPFound(f"/robots.txt?hop={hop + 1}")
        return web.Response(status=self.status, text=self.text, headers=self.headers)


async def get(cache: RobotsCache, origin: str) -> RobotsRules:
    """The rules, with as many requests as it takes."""
    while (rules := await cache.ask(origin)) is None:
        pass
    return rules


@pytest.fixture
async def site() -> AsyncIterator[tuple[Site, str]]:
    state = Site()
    app = web.Application()
    app.router.add_get("/robots.txt", state.robots)
    async with TestServer(app) as server:
        yield state, str(server.make_url("")).rstrip("/")


@pytest.fixture
async def browser() -> AsyncIterator[WebClient]:
    async with WebClient(user_agent="CorantoBot/0.1", guard=AddressGuard(["127.0.0.0/8"])) as client:
        yield client


async def test_file_is_got_once_and_shared_by_all_fetchers(
    site: tuple[Site, str], browser: WebClient, redis: Redis
) -> None:
    state, origin = site
    first = RobotsCache(redis, browser, agent="CorantoBot")
    assert await first.find(origin) is None
    assert not (await get(first, origin)).allows(f"{origin}/no")
    other = RobotsCache(redis, browser, agent="CorantoBot")
    for cache in (first, other):
        rules = await cache.find(origin)
        assert rules is not None
        assert not rules.allows(f"{origin}/no")
    assert state.hits == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_without_a_file_everything_is_allowed(
    status: int, site: tuple[Site, str], browser: WebClient, redis: Redis
) -> None:
    state, origin = site
    state.status = status
    assert (await get(RobotsCache(redis, browser, agent="CorantoBot"), origin)).allows(f"{origin}/no")


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_while_the_file_cannot_be_got_nothing_is_allowed(
    status: int, site: tuple[Site, str], browser: WebClient, redis: Redis
) -> None:
    state, origin = site
    state.status = status
    cache = RobotsCache(redis, browser, agent="CorantoBot")
    with pytest.raises(RobotsUnreachableError) as refusal:
        await get(cache, origin)
    assert refusal.value.retry_after > timedelta(0)
    with pytest.raises(RobotsUnreachableError):  # known for a while, without asking again
        await RobotsCache(redis, browser, agent="CorantoBot").find(origin)
    assert state.hits == 1


async def test_old_copy_stands_in_for_a_file_that_cannot_be_got(
    site: tuple[Site, str], browser: WebClient, redis: Redis
) -> None:
    state, origin = site
    await get(RobotsCache(redis, browser, agent="CorantoBot"), origin)
    state.status = 503
    rules = await get(RobotsCache(redis, browser, agent="CorantoBot"), origin)
    assert not rules.allows(f"{origin}/no")
    assert rules.allows(f"{origin}/yes")


async def test_five_redirects_are_followed_and_six_mean_there_is_no_file(
    site: tuple[Site, str], browser: WebClient, redis: Redis
) -> None:
    state, origin = site
    state.redirects = 5
    assert not (await get(RobotsCache(redis, browser, agent="CorantoBot"), origin)).allows(f"{origin}/no")
    state.redirects = 6
    assert (await get(RobotsCache(redis, browser, agent="CorantoBot"), origin)).allows(f"{origin}/no")


async def test_host_that_does_not_answer_is_a_failure_of_the_connection(browser: WebClient, redis: Redis) -> None:
    with pytest.raises(ConnectFailedError):
        await get(RobotsCache(redis, browser, agent="CorantoBot"), "http://127.0.0.1:9")


async def test_each_redirect_is_a_request_of_its_own_and_any_process_goes_on_from_it(
    site: tuple[Site, str], browser: WebClient, redis: Redis
) -> None:
    state, origin = site
    state.redirects = 2
    first, second = (RobotsCache(redis, browser, agent="CorantoBot") for _ in range(2))
    assert await first.next_url(origin) == f"{origin}/robots.txt"
    assert await first.ask(origin) is None
    assert await second.next_url(origin) == f"{origin}/robots.txt?hop=1"
    assert await second.ask(origin) is None
    assert (await first.ask(origin)) is not None
    assert state.hits == 3
    assert await second.next_url(origin) == f"{origin}/robots.txt"  # for the next time


async def test_process_without_redis_follows_redirects_too(site: tuple[Site, str], browser: WebClient) -> None:
    state, origin = site
    state.redirects = 3
    cache = RobotsCache(None, browser, agent="CorantoBot")
    assert not (await get(cache, origin)).allows(f"{origin}/no")
    assert state.hits == 4


async def test_file_that_stays_unreachable_says_since_when(
    site: tuple[Site, str], browser: WebClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, origin = site
    state.status = 500
    cache = RobotsCache(redis, browser, agent="CorantoBot")
    with pytest.raises(RobotsUnreachableError) as refusal:
        await cache.ask(origin)
    assert refusal.value.unreachable_for < timedelta(seconds=5)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    with pytest.raises(RobotsUnreachableError) as refusal:
        await cache.ask(origin)
    assert timedelta(minutes=59) < refusal.value.unreachable_for < timedelta(minutes=61)


async def test_process_keeps_as_many_files_as_fit_its_bytes(
    site: tuple[Site, str], browser: WebClient, redis: Redis
) -> None:
    state, origin = site
    state.text = "User-agent: *\n" + "Disallow: /a/long/path\n" * 20_000
    largest = len(state.text)
    cache = RobotsCache(redis, browser, agent="CorantoBot")
    cache._BYTES_IN_PROCESS = 3 * 11 * largest
    for number in range(8):  # as many hosts of one domain would do it
        cache._keep_read(f"http://h{number}.example", time.time() + 60, await get(cache, origin), 11 * largest)
    assert len(cache._read) == 3
    assert cache._bytes_read <= cache._BYTES_IN_PROCESS
    assert len(await redis.get(f"coranto:robots:{origin}")) < largest / 10


async def test_process_keeps_so_many_files(site: tuple[Site, str], browser: WebClient, redis: Redis) -> None:
    _, origin = site
    cache = RobotsCache(redis, browser, agent="CorantoBot")
    cache._IN_PROCESS = 5
    rules = await get(cache, origin)
    for number in range(8):
        cache._keep_read(f"http://h{number}.example", time.time() + 60, rules, 100)
    assert list(cache._read) == [f"http://h{number}.example" for number in range(3, 8)]
    assert cache._bytes_read == 500


async def test_files_in_redis_fit_their_bytes_and_large_ones_drive_out_no_others(
    site: tuple[Site, str], browser: WebClient, redis: Redis
) -> None:
    state, origin = site
    cache = RobotsCache(redis, browser, agent="CorantoBot")
    await get(cache, origin)
    cache._LARGE_BYTES_IN_REDIS = 100_000
    for number in range(12):
        await cache._keep_in_redis(redis, f"http://large{number}.example", os.urandom(20_000))
    kept = sorted(await redis.keys("coranto:robots:http://large*"))
    assert kept == [f"coranto:robots:http://large{number}.example".encode() for number in (10, 11, 8, 9)]
    assert await RobotsCache(redis, browser, agent="CorantoBot").find(origin) is not None

    cache._BYTES_IN_REDIS = 5_000
    for _ in range(3):  # kept again and again, a file counts once
        for number in range(10):
            await cache._keep_in_redis(redis, f"http://small{number}.example", os.urandom(1_000))
    kept = sorted(await redis.keys("coranto:robots:*small*"))
    assert kept == [f"coranto:robots:http://small{number}.example".encode() for number in (7, 8, 9)]
    assert int(await redis.hget("coranto:{robots-kept}:small-bytes", "") or 0) == 3 * (1_000 + 3 * 21 + 300)
    assert await redis.hlen("coranto:{robots-kept}:small-bytes") == 1 + await redis.zcard("coranto:{robots-kept}:small")
    assert await RobotsCache(redis, browser, agent="CorantoBot").find(origin) is None  # asked for anew
    assert not (await get(cache, origin)).allows(f"{origin}/no")
    assert state.hits == 2


@pytest.mark.parametrize(
    "kept",
    [
        b'["read", "User-agent: *", 1795876000.0, 4102444800.0, ""]',  # as it was before files were packed
        b"",
        b"\xff\x00",
        zlib.compress(b"[]"),
        zlib.compress(b'["read", "", null, 4102444800.0, ""]'),
        zlib.compress(b"\xff"),
    ],
)
async def test_what_another_version_has_kept_is_asked_for_anew(
    kept: bytes, site: tuple[Site, str], browser: WebClient, redis: Redis
) -> None:
    state, origin = site
    await redis.set(f"coranto:robots:{origin}", kept)
    await redis.set(f"coranto:robots:{origin}:redirect", kept)
    cache = RobotsCache(redis, browser, agent="CorantoBot")
    assert await cache.find(origin) is None
    assert not (await get(cache, origin)).allows(f"{origin}/no")
    assert state.hits == 1
    assert await RobotsCache(redis, browser, agent="CorantoBot").find(origin) is not None


async def test_file_takes_no_longer_than_any_request_may() -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    app = web.Application()
    app.router.add_get("/robots.txt", hang)
    guard, limits = AddressGuard(["127.0.0.0/8"]), WebLimits(total_timeout=timedelta(seconds=0.2))
    async with TestServer(app) as server, WebClient(user_agent="CorantoBot/0.1", guard=guard, limits=limits) as client:
        cache = RobotsCache(None, client, agent="CorantoBot")
        async with asyncio.timeout(10):
            with pytest.raises(TimedOutError):
                await get(cache, str(server.make_url("")).rstrip("/"))
