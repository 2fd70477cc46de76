"""Remembers the validators of pages fetched before, so that a repeated fetch can ask whether anything has changed."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Protocol, cast

from redis.asyncio import Redis

from coranto.records import DiscoveredArticle
from coranto.streams.connection import run_id
from coranto.topology import Pipeline


@dataclass(frozen=True, slots=True)
class PreviousFetch:
    """An earlier fetch of an article's page."""

    url: str
    """Address the page came from."""
    submission: str
    etag: str | None
    last_modified: datetime | None

    def conditional_headers(self) -> dict[str, str]:
        """The headers of a request that wants the page only if it has changed (RFC 9110, 13.1)."""
        since = None if self.last_modified is None else format_datetime(self.last_modified, usegmt=True)
        pairs = (("If-None-Match", self.etag), ("If-Modified-Since", since))
        return {name: value for name, value in pairs if value is not None}

    def pack(self) -> str:
        """As JSON."""
        at = None if self.last_modified is None else self.last_modified.isoformat()
        return json.dumps({**asdict(self), "last_modified": at})

    @classmethod
    def unpack(cls, packed: bytes | str) -> PreviousFetch | None:
        """From JSON; None for what another version has written in another form."""
        try:
            found = json.loads(packed)
            at = found["last_modified"]
            return cls(**{**found, "last_modified": None if at is None else datetime.fromisoformat(at)})
        except (ValueError, TypeError, KeyError):
            return None


class Validators(Protocol):
    """Where earlier fetches are remembered."""

    async def find(self, article: DiscoveredArticle) -> PreviousFetch | None:
        """The last fetch of the article's page, if a conditional request may rely on it."""

    async def keep(self, article: DiscoveredArticle, fetch: PreviousFetch) -> None:
        """Remember this fetch."""


class NoValidators:
    """Remembers nothing: every request is unconditional."""

    async def find(self, article: DiscoveredArticle) -> PreviousFetch | None:  # noqa: ARG002 - remembers nothing
        """Nothing."""
        return None

    async def keep(self, article: DiscoveredArticle, fetch: PreviousFetch) -> None:
        """Drop it."""


class RedisValidators:
    """Remembers earlier fetches in Redis, for as long as that Redis server has been running.

    A page that was fetched and never became an article must be fetched again, and "not modified" would make that loss
    final. So delivery removes what is remembered when the article ends early in a later stage; and because a restart may
    have lost it on its way, the id of the server's run is kept with the fetch, which is not found in a later run.
    """

    _KEEP = timedelta(days=30)
    _RUN_KNOWN_FOR = 1.0

    def __init__(self, redis: Redis, pipeline: Pipeline) -> None:
        self._redis = redis
        self._pipeline = pipeline
        self._run = ""
        self._run_asked_at = -1e9

    async def find(self, article: DiscoveredArticle) -> PreviousFetch | None:
        """The last fetch, unless it was made for this same submission: then its result may be lost."""
        await self._ask_run()
        packed = await self._redis.get(self._key(article))
        if packed is None:
            return None
        run, _, fields = cast("bytes", packed).partition(b" ")
        if run.decode() != self._run:
            return None
        fetch = PreviousFetch.unpack(fields)
        return None if fetch is None or fetch.submission == article.discovery.submission else fetch

    async def keep(self, article: DiscoveredArticle, fetch: PreviousFetch) -> None:
        """Remember this fetch, if the server gave any validators."""
        # If the run has changed within the last second, this fetch is merely not found later.
        if time.monotonic() - self._run_asked_at > self._RUN_KNOWN_FOR:
            await self._ask_run()
        key = self._key(article)
        if fetch.conditional_headers():
            await self._redis.set(key, f"{self._run} {fetch.pack()}", ex=self._KEEP)
        else:
            await self._redis.delete(key)

    async def _ask_run(self) -> None:
        self._run, self._run_asked_at = (await run_id(self._redis))[:12], time.monotonic()

    def _key(self, article: DiscoveredArticle) -> str:
        return self._pipeline.keys_for(article.id).fetched_before(article.id)
