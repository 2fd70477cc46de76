"""The gateway under test: served over HTTP on a free port of loopback, on a real Redis and a real article store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from tests.conftest import eventually

from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle
from coranto.settings import PageStoreSettings, RedisSettings
from coranto.store.address import open_article_store
from coranto.store.interface import Stored
from coranto_gateway.app import Gateway
from coranto_gateway.settings import GatewaySettings, Settings


class Served:
    """A gateway that answers, and a client of it."""

    def __init__(self, gateway: Gateway, client: httpx.AsyncClient, database: Path | str) -> None:
        self.gateway = gateway
        self.client = client
        self.database = database
        self._store = open_article_store(database)

    async def get(self, path: str, *, status: int = 200, **options: Any) -> Any:
        """The JSON answer."""
        answer = await self.client.get(path, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, body: Any, *, status: int = 200, **options: Any) -> Any:
        """The JSON answer."""
        answer = await self.client.post(path, json=body, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def store(self, *articles: ClassifiedArticle) -> list[FinishedArticle]:
        """Store the articles as the sink does."""
        await self._store.open()
        try:
            stored = [await self._store.store(article) for article in articles]
        finally:
            await self._store.close()
        assert all(isinstance(each, Stored) for each in stored)
        return [
            article.with_storage(each.storage)
            for article, each in zip(articles, stored, strict=True)
            if isinstance(each, Stored)
        ]

    async def announce(self, *articles: ClassifiedArticle) -> list[FinishedArticle]:
        """Store the articles, and mark them as announced."""
        finished = await self.store(*articles)
        await self._store.open()
        await self._store.mark_announced([(each.id, each.storage.revision) for each in finished])
        await self._store.close()
        return finished

    async def drop(self, dropped: DroppedArticle) -> None:
        """Take note, as the sink does, of an article that ended early."""
        await self._store.open()
        await self._store.record_drop(dropped)
        await self._store.close()


Serve = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def serve(redis_url: str, tmp_path: Path) -> Serve:
    """Serves a gateway with these settings."""

    @asynccontextmanager
    async def begin(**settings: Any) -> AsyncIterator[Served]:
        database = settings.pop("database", tmp_path / "articles.sqlite")
        gateway = Gateway(
            Settings(
                redis=RedisSettings(url=redis_url),
                pages=PageStoreSettings(path=tmp_path / "pages"),
                gateway=GatewaySettings(port=0, database=database, **settings),
            )
        )
        stop = asyncio.Event()
        running = asyncio.create_task(gateway.serve(stop))
        try:
            await eventually(lambda: running.done() or gateway.readiness()[0], what="the gateway's readiness")
            if running.done():
                running.result()
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", timeout=20) as client:
                yield Served(gateway, client, database)
        finally:
            stop.set()
            await running

    return begin


@pytest.fixture
async def served(serve: Serve, redis: Redis) -> AsyncIterator[Served]:
    """A gateway on loopback, as it comes."""
    del redis
    async with serve() as gateway:
        yield gateway
