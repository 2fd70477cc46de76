"""Validators of pages fetched before, so that a second visit can ask whether anything has changed."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Protocol

from redis.asyncio import Redis

from coranto.records import DiscoveredArticle
from coranto.streams.connection import run_id
from coranto.topology import FETCHER, Pipeline


@dataclass(frozen=True, slots=True)
class Visit:
    """An earlier visit to an article's page."""

    url: str
    """Address the page came from."""
    submission: str
    etag: str | None
    last_modified: str | None

    def condition(self) -> dict[str, str]:
        """The headers of a request that wants the page only if it has changed."""
        pairs = (("If-None-Match", self.etag), ("If-Modified-Since", self.last_modified))
        return {name: value for name, value in pairs if value is not None}


class Validators(Protocol):
    """Where earlier visits are found."""

    async def find(self, article: DiscoveredArticle) -> Visit | None:
        """The last visit to the article's page that may be built on."""

    async def keep(self, article: DiscoveredArticle, visit: Visit) -> None:
        """Remember this visit."""


class NoValidators:
    """Remembers nothing: every visit is the first."""

    async def find(self, article: DiscoveredArticle) -> Visit | None:  # noqa: ARG002 - remembers nothing
        """Nothing."""
        return None

    async def keep(self, article: DiscoveredArticle, visit: Visit) -> None:
        """Forget it."""


class RedisValidators:
    """Earlier visits in Redis, for as long as that Redis has been running.

    A visit counts only while the server that saw it runs: a server that was restarted may have lost the page that was
    fetched then on its way to the sink, and "not modified" would make that loss final.
    """

    _KEEP = timedelta(days=30)
    _RUN_KNOWN_FOR = 1.0

    def __init__(self, redis: Redis, pipeline: Pipeline) -> None:
        self._redis = redis
        self._pipeline = pipeline
        self._run = ""
        self._run_asked_at = -1e9

    async def find(self, article: DiscoveredArticle) -> Visit | None:
        """The last visit, unless it was on behalf of this same submission: then its result may be lost."""
        await self._ask_run()
        packed = await self._redis.get(self._key(article))
        visit = None if packed is None else Visit(**json.loads(packed))
        return None if visit is None or visit.submission == article.discovery.submission else visit

    async def keep(self, article: DiscoveredArticle, visit: Visit) -> None:
        """Remember this visit, if the server gave anything to ask by."""
        # A run that is over by now, unknown to us for a second, only makes the visit unfindable.
        if time.monotonic() - self._run_asked_at > self._RUN_KNOWN_FOR:
            await self._ask_run()
        key = self._key(article)
        if visit.condition():
            await self._redis.set(key, json.dumps(asdict(visit)), ex=self._KEEP)
        else:
            await self._redis.delete(key)

    async def _ask_run(self) -> None:
        self._run, self._run_asked_at = (await run_id(self._redis))[:12], time.monotonic()

    def _key(self, article: DiscoveredArticle) -> str:
        return self._pipeline.keys_for(article.id).owned_by(FETCHER, f"visit:{self._run}:{article.id}")
