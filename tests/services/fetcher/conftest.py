"""A site on loopback that does as it is told, and the fetcher's collaborators around it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis

from coranto.frontier import HostPolicy, RedisHostLeases
from coranto.http import AddressGuard, WebClient, WebLimits
from coranto.http.robots.cache import RobotsCache
from coranto.pages import FilePageStore
from coranto.records import DiscoveredArticle, Discovery, FetchedArticle, Hints, article_id
from coranto.topology import Pipeline
from coranto.urls import key_of
from coranto.worker.stage import StageSignal, Transient
from coranto_fetcher.page.facts import PageReaderPool
from coranto_fetcher.settings import FetcherSettings
from coranto_fetcher.stage import fetch
from coranto_fetcher.visits.progress import RedisProgressStore
from coranto_fetcher.visits.unpublished import RedisSeenArticles
from coranto_fetcher.visits.validators import RedisValidators

PAGE = "<!doctype html><html><head><title>A title</title></head><body><p>A paragraph of text.</p></body></html>"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Site:
    """A site: answers by path, what was asked and when."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    robots: str | None = "User-agent: *\nDisallow: /private/\n"
    asked: list[tuple[float, str]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((time.monotonic(), request.path))
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        try:
            if request.path in self.answers:
                return await self.answers[request.path](request)
            if request.path == "/robots.txt":
                return web.Response(text=self.robots) if self.robots is not None else web.Response(status=404)
            if request.path.startswith("/page"):
                return web.Response(text=PAGE, content_type="text/html")
            return web.Response(status=404)
        finally:
            self.in_flight -= 1

    def says(self, path: str, **response: object) -> str:
        """Have this path answer so; gives its address."""

        async def answer(_: web.Request) -> web.Response:
            return web.Response(**response)  # type: ignore[arg-type]  # forwarded as they are

        self.answers[path] = answer
        return self.url + path

    def paths(self) -> list[str]:
        """What was asked, without robots.txt."""
        return [path for _, path in self.asked if path != "/robots.txt"]


async def _serve() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.handle)
    async with TestServer(app) as server:
        site.url = str(server.make_url("")).rstrip("/")
        yield site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async for one in _serve():
        yield one


@pytest.fixture
async def other_site() -> AsyncIterator[Site]:
    async for one in _serve():
        yield one


@pytest.fixture(scope="session")
def page_reader() -> Iterator[PageReaderPool]:
    """One process that reads pages, for the whole run: starting it takes longer than most tests."""
    reader = FetcherSettings().to_reader()
    yield reader
    asyncio.run(reader.stop())


class Fetcher:
    """The fetch handler with everything it needs; one of several that share a Redis."""

    def __init__(self, redis: Redis, pages: Path, reader: PageReaderPool) -> None:
        self.reader = reader
        self.guard = AddressGuard(["127.0.0.0/8"])
        self.web = WebClient(
            user_agent="CorantoBot/0.1",
            guard=self.guard,
            limits=WebLimits(total_timeout=timedelta(seconds=2), max_body_bytes=200_000),
        )
        self.pages = FilePageStore(pages)
        self.hosts = RedisHostLeases(redis)
        self.robots = RobotsCache(redis, self.web, agent="CorantoBot")
        self.validators = RedisValidators(redis, Pipeline())
        self.progress_store = RedisProgressStore(redis, Pipeline())
        self.seen = RedisSeenArticles(redis, Pipeline())
        self.settings = FetcherSettings(min_delay=timedelta(milliseconds=20), max_redirects=5)

    async def fetch(self, article: DiscoveredArticle) -> FetchedArticle:
        """One try."""
        return await fetch(
            article,
            web=self.web,
            robots=self.robots,
            hosts=self.hosts,
            policy=HostPolicy(self.settings.min_delay, self.settings.max_crawl_delay),
            seen=self.seen,
            pages=self.pages,
            reader=self.reader,
            validators=self.validators,
            progress_store=self.progress_store,
            settings=self.settings,
        )

    async def fetch_in_turn(self, article: DiscoveredArticle) -> FetchedArticle:
        """As often as the host is busy, as delivery does."""
        while True:
            try:
                return await self.fetch(article)
            except Transient as signal:
                if signal.reason != "host_busy" or signal.retry_after is None:
                    raise
                await asyncio.sleep(signal.retry_after.total_seconds() + 0.002)

    async def signal_for(self, article: DiscoveredArticle) -> StageSignal:
        """The signal that fetching ends in. Fails when it ends in a page."""
        with pytest.raises(StageSignal) as caught:
            await self.fetch_in_turn(article)
        return caught.value


@pytest.fixture
async def fetcher(redis: Redis, tmp_path: Path, page_reader: PageReaderPool) -> AsyncIterator[Fetcher]:
    one = Fetcher(redis, tmp_path / "pages", page_reader)
    yield one
    await one.web.close()


@pytest.fixture
async def second_fetcher(redis: Redis, tmp_path: Path, page_reader: PageReaderPool) -> AsyncIterator[Fetcher]:
    one = Fetcher(redis, tmp_path / "pages", page_reader)
    yield one
    await one.web.close()


@pytest.fixture
def discovered() -> Callable[..., DiscoveredArticle]:
    """Makes discovered articles."""

    def make(url: str, *, submission: str = "s1", **more: object) -> DiscoveredArticle:
        key = key_of(url)
        return DiscoveredArticle(
            id=article_id(key),
            key=key,
            url=url,
            discovery=Discovery(
                url=url,
                submission=submission,
                source="test",
                discovered_via="submit",
                discovered_at=datetime(2026, 5, 1, tzinfo=UTC),
                hints=Hints(),
                **more,
            ),
        )

    return make
