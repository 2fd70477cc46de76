"""The fetcher as the processes it is: two of them, one killed in the middle, and one site that sees a single polite client."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from redis.asyncio import Redis
from tests.conftest import running_service

from coranto.records import DiscoveredArticle, DroppedArticle, FetchedArticle
from coranto.records.envelope import FIELD, decode, encode
from coranto.topology import DISCOVERED, DROPPED, FETCHED, Keys

if TYPE_CHECKING:  # pytest hands conftest's classes over as fixtures; tests only name their types
    from tests.services.fetcher.conftest import Site

Make = Callable[..., DiscoveredArticle]
DELAY_SECONDS = 0.1
PATIENCE_SECONDS = 60.0


def running_fetcher(redis_url: str, pages: Path) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    """A fetcher as the process it is."""
    settings = {
        "CORANTO_REDIS__URL": redis_url,
        "CORANTO_PAGES__PATH": str(pages),
        "CORANTO_FETCHER__ALLOWED_NETWORKS": "127.0.0.0/8",
        "CORANTO_FETCHER__MIN_DELAY": str(DELAY_SECONDS),
        # A killed fetcher's lease lasts twice this and ten seconds.
        "CORANTO_FETCHER__TOTAL_TIMEOUT": "1",
        "CORANTO_DELIVERY__CLAIM_AFTER": "2",
        "CORANTO_DELIVERY__HOUSEKEEPING_INTERVAL": "0.3",
    }
    return running_service("fetcher", settings)


async def until(claim: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await claim():
            await asyncio.sleep(0.05)


async def test_two_fetchers_and_a_kill_lose_no_page_and_stay_polite(
    redis: Redis, redis_url: str, site: Site, discovered: Make, tmp_path: Path
) -> None:
    keys, pages = Keys(), 25
    for number in range(pages):
        article = discovered(f"{site.url}/page{number}", submission=f"s{number}")
        await redis.xadd(keys.stream(DISCOVERED), {FIELD: encode(article, source="test")})
    gone = discovered(f"{site.url}/nothing", submission="gone")
    await redis.xadd(keys.stream(DISCOVERED), {FIELD: encode(gone, source="test")})

    async def is_begun() -> bool:
        return await redis.xlen(keys.stream(FETCHED)) >= 5

    async def is_done() -> bool:
        return await redis.xlen(keys.stream(FETCHED)) >= pages and await redis.xlen(keys.stream(DROPPED)) >= 1

    async with running_fetcher(redis_url, tmp_path) as first, running_fetcher(redis_url, tmp_path) as second:
        await until(is_begun)
        first.kill()
        await until(is_done)
        second.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(second.wait(), 20) == 0

    entries: Any = await redis.xrange(keys.stream(FETCHED))
    fetched = [decode(fields[FIELD], FetchedArticle).record for _, fields in entries]
    assert sorted(one.discovery.submission for one in fetched) == sorted(f"s{number}" for number in range(pages))
    dropped: Any = await redis.xrange(keys.stream(DROPPED))
    assert [decode(fields[FIELD], DroppedArticle).record.reason for _, fields in dropped] == ["not_found"]
    assert site.most_in_flight == 1
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(site.asked)]
    assert min(gaps) > DELAY_SECONDS - 0.01
    # The page in hand when the fetcher died is asked for again, and no other.
    assert len(site.paths()) <= pages + 2


async def test_backlog_of_a_slow_host_does_not_hold_up_another(
    redis: Redis, redis_url: str, site: Site, other_site: Site, discovered: Make, tmp_path: Path
) -> None:
    keys = Keys()

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.5)
        return web.Response(text="<p>slow", content_type="text/html")

    for number in range(60):
        site.answers[f"/page{number}"] = slow
        article = discovered(f"{site.url}/page{number}", submission=f"slow{number}")
        await redis.xadd(keys.stream(DISCOVERED), {FIELD: encode(article, source="test")})
    quick = discovered(f"{other_site.url}/page", submission="quick")
    await redis.xadd(keys.stream(DISCOVERED), {FIELD: encode(quick, source="test")})

    async def is_through() -> bool:
        entries: Any = await redis.xrange(keys.stream(FETCHED))
        return any(
            decode(fields[FIELD], FetchedArticle).record.discovery.submission == "quick" for _, fields in entries
        )

    async with running_fetcher(redis_url, tmp_path):
        await until(is_through)
    assert len(site.paths()) < 15
