"""A site on loopback whose feeds change as told, and the feeder's collaborators around it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis

from coranto.frontier import HostPolicy, InProcessHostLeases
from coranto.http import AddressGuard, WebClient
from coranto.records import Submission
from coranto.sources.registry import Feed, FeedRegistry, new_feed
from coranto.topology import Keys
from coranto_feeder.polite_client import PoliteClient
from coranto_feeder.polling.feed_parser_pool import FeedParserPool
from coranto_feeder.polling.poll import FeedReader, PollResult
from coranto_feeder.polling.poller import Poller
from coranto_feeder.settings import FeederSettings

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


Answering = Callable[[web.Request], web.Response | Awaitable[web.Response]]


@dataclass
class Site:
    """A site: documents by path, and what was asked with which headers."""

    url: str = ""
    documents: dict[str, Answering] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        document = self.documents.get(request.path)
        if callable(document):
            answer = document(request)
            return await answer if isawaitable(answer) else answer
        return web.Response(status=404)

    def says(self, path: str, **response: object) -> str:
        """Have this path answer so; gives its address."""
        self.documents[path] = lambda _: web.Response(**response)  # type: ignore[arg-type]  # forwarded as they are
        return self.url + path


@asynccontextmanager
async def served() -> AsyncIterator[Site]:
    """A site on a port of its own."""
    one = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", one.handle)
    async with TestServer(app) as server:
        one.url = str(server.make_url("")).rstrip("/")
        yield one


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with served() as one:
        yield one


@pytest.fixture
async def other_site() -> AsyncIterator[Site]:
    """A site that is another host: behind another port there is another program."""
    async with served() as one:
        yield one


@pytest.fixture
async def browser() -> AsyncIterator[WebClient]:
    async with WebClient(user_agent="CorantoBot/0.1", guard=AddressGuard(["127.0.0.0/8"])) as client:
        yield client


@pytest.fixture
async def parser() -> AsyncIterator[FeedParserPool]:
    one = FeederSettings(reader_processes=1, reading_deadline=timedelta(seconds=5)).to_parser()
    yield one
    await one.stop()


class PolledFeeds:
    """A poller with its registry, a clock that is set by hand, and what was submitted."""

    def __init__(self, redis: Redis, browser: WebClient, parser: FeedParserPool) -> None:
        self.registry = FeedRegistry(redis, Keys())
        self.submitted: list[Submission] = []
        self.refusal: Exception | None = None
        self.now = NOW
        self.settings = FeederSettings()
        self.client = PoliteClient(browser, InProcessHostLeases(), HostPolicy(min_delay=timedelta(0)))
        self.parser = parser
        self.reader = FeedReader(self.registry, self.client, parser, self.submit, self.settings)
        self.poller = Poller(self.registry, self.reader, self.client, self.settings, now=lambda: self.now)

    async def submit(self, submissions: Sequence[Submission]) -> None:
        """What the poller submits to."""
        if self.refusal is not None:
            raise self.refusal
        self.submitted += submissions

    async def add(self, url: str) -> Feed:
        feed = new_feed(url, now=self.now)
        await self.registry.add(feed)
        return feed

    async def poll(self, url: str) -> PollResult:
        """Poll the feed as it stands in the registry, a while after the last time."""
        self.now += timedelta(minutes=30)
        feed = await self.registry.find(url)
        assert feed is not None
        result = await self.poller.poll(feed)
        assert result is not None
        return result


@pytest.fixture
def polled(redis: Redis, browser: WebClient, parser: FeedParserPool) -> PolledFeeds:
    return PolledFeeds(redis, browser, parser)


@pytest.fixture
def submission() -> Callable[..., Submission]:
    """Makes submissions."""

    def make(url: str, *, id: str = "s1", **more: object) -> Submission:  # noqa: A002 - the field's name
        return Submission(id=id, url=url, submitted_at=NOW, **more)

    return make


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    return tmp_path / "feeder" / "account.sqlite"
