"""How far the fetch of one article has come: redirects followed and pages fetched, kept while it waits for a host.

It only saves requests. Where it is lost, the fetch starts over at its first address.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from redis.asyncio import Redis

from coranto.records import DiscoveredArticle, Fetch, Redirect
from coranto.topology import FETCHER, Pipeline


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """Where to continue, the redirects that led there, and what has been fetched already."""

    url: str
    hops: tuple[Redirect, ...] = ()
    set_cookies: tuple[tuple[str, str], ...] = ()
    """The Set-Cookie lines of these redirects, each with the address that sent it."""
    fetched: Fetch | None = None
    """The article's first page, with its further pages so far, when `url` is that of a further page."""

    @property
    def is_started(self) -> bool:
        """False when nothing is lost by starting over."""
        return bool(self.hops) or self.fetched is not None

    def with_redirect(self, status: int, target: str, set_cookies: Iterable[tuple[str, str]] = ()) -> FetchProgress:
        """The progress after one more redirect; `set_cookies` are all of the chain."""
        hop = Redirect(url=self.url, status=status)
        return replace(self, url=target, hops=(*self.hops, hop), set_cookies=tuple(set_cookies))


class ProgressStore(Protocol):
    """Where progress is kept while a message waits."""

    async def find(self, article: DiscoveredArticle) -> FetchProgress | None:
        """The progress of this message, if there is any."""

    async def keep(self, article: DiscoveredArticle, progress: FetchProgress) -> None:
        """Keep it."""


class NoProgressStore:
    """Keeps nothing: a fetch always starts at its first address."""

    async def find(self, article: DiscoveredArticle) -> FetchProgress | None:  # noqa: ARG002 - keeps nothing
        """Nothing."""
        return None

    async def keep(self, article: DiscoveredArticle, progress: FetchProgress) -> None:
        """Drop it."""


class RedisProgressStore:
    """Keeps progress in Redis, by message."""

    _KEEP = timedelta(hours=2)

    def __init__(self, redis: Redis, pipeline: Pipeline) -> None:
        self._redis = redis
        self._pipeline = pipeline

    async def find(self, article: DiscoveredArticle) -> FetchProgress | None:
        """The progress of this message, if there is any.

        None too for what another version has kept in another form: the message is fetched from its first address.
        """
        packed = await self._redis.get(self._key(article))
        if packed is None:
            return None
        try:
            url, hops, fetched, set_cookies = json.loads(packed)
            return FetchProgress(
                url,
                tuple(Redirect(url=at, status=status) for at, status in hops),
                tuple((at, line) for at, line in set_cookies),
                None if fetched is None else Fetch.model_validate(fetched),
            )
        except (ValueError, TypeError):
            return None

    async def keep(self, article: DiscoveredArticle, progress: FetchProgress) -> None:
        """Keep it while the message waits."""
        fetched = None if progress.fetched is None else progress.fetched.model_dump(mode="json")
        packed = json.dumps(
            [progress.url, [[hop.url, hop.status] for hop in progress.hops], fetched, progress.set_cookies]
        )
        await self._redis.set(self._key(article), packed, ex=self._KEEP)

    def _key(self, article: DiscoveredArticle) -> str:
        return self._pipeline.keys_for(article.id).owned_by(FETCHER, f"journey:{article.message_id}")
