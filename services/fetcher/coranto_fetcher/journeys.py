"""How far a message has come, by redirects and from part to part, kept while it waits for a host's turn.

Only saves requests: where it is lost, the journey begins again at its first address.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from redis.asyncio import Redis

from coranto.records import DiscoveredArticle, Fetch, Redirect
from coranto.topology import FETCHER, Pipeline


@dataclass(frozen=True, slots=True)
class Journey:
    """Where to go on, the redirects that led there, and what has been got already."""

    url: str
    hops: tuple[Redirect, ...] = ()
    fetched: Fetch | None = None
    """The article's first page, and its parts so far, when the journey goes on to a further part."""

    @property
    def has_come_along(self) -> bool:
        """False when nothing is lost by beginning again."""
        return bool(self.hops) or self.fetched is not None

    def after(self, status: int, target: str) -> Journey:
        """The journey one hop on."""
        return replace(self, url=target, hops=(*self.hops, Redirect(url=self.url, status=status)))


class Journeys(Protocol):
    """Where interrupted journeys are kept."""

    async def find(self, article: DiscoveredArticle) -> Journey | None:
        """The interrupted journey of this message, if there is one."""

    async def keep(self, article: DiscoveredArticle, journey: Journey) -> None:
        """Keep it while the message waits."""


class NoJourneys:
    """Keeps nothing: a journey always begins at its first address."""

    async def find(self, article: DiscoveredArticle) -> Journey | None:  # noqa: ARG002 - keeps nothing
        """Nothing."""
        return None

    async def keep(self, article: DiscoveredArticle, journey: Journey) -> None:
        """Forget it."""


class RedisJourneys:
    """Interrupted journeys in Redis, by message."""

    _KEEP = timedelta(hours=2)

    def __init__(self, redis: Redis, pipeline: Pipeline) -> None:
        self._redis = redis
        self._pipeline = pipeline

    async def find(self, article: DiscoveredArticle) -> Journey | None:
        """The interrupted journey of this message, if there is one."""
        packed = await self._redis.get(self._key(article))
        if packed is None:
            return None
        url, hops, fetched = json.loads(packed)
        return Journey(
            url,
            tuple(Redirect(url=at, status=status) for at, status in hops),
            None if fetched is None else Fetch.model_validate(fetched),
        )

    async def keep(self, article: DiscoveredArticle, journey: Journey) -> None:
        """Keep it while the message waits."""
        fetched = None if journey.fetched is None else journey.fetched.model_dump(mode="json")
        packed = json.dumps([journey.url, [[hop.url, hop.status] for hop in journey.hops], fetched])
        await self._redis.set(self._key(article), packed, ex=self._KEEP)

    def _key(self, article: DiscoveredArticle) -> str:
        return self._pipeline.keys_for(article.id).owned_by(FETCHER, f"journey:{article.message_id}")
