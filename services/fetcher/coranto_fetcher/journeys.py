"""How far a message has come along its redirects, kept while it waits for the turn of the next host.

Only saves requests: where it is lost, the journey begins again at its first address.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from redis.asyncio import Redis

from coranto.records import DiscoveredArticle, Redirect
from coranto.topology import FETCHER, Pipeline


@dataclass(frozen=True, slots=True)
class Journey:
    """Where to go on, and the redirects that led there."""

    url: str
    hops: tuple[Redirect, ...] = ()

    def after(self, status: int, target: str) -> Journey:
        """The journey one hop on."""
        return Journey(target, (*self.hops, Redirect(url=self.url, status=status)))


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
        url, hops = json.loads(packed)
        return Journey(url, tuple(Redirect(url=at, status=status) for at, status in hops))

    async def keep(self, article: DiscoveredArticle, journey: Journey) -> None:
        """Keep it while the message waits."""
        packed = json.dumps([journey.url, [[hop.url, hop.status] for hop in journey.hops]])
        await self._redis.set(self._key(article), packed, ex=self._KEEP)

    def _key(self, article: DiscoveredArticle) -> str:
        return self._pipeline.keys_for(article.id).owned_by(FETCHER, f"journey:{article.message_id}")
