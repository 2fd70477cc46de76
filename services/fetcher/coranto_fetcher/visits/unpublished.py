"""Pages that are not there yet: feeds announce an article before its page can be had from everywhere.

Such an article is looked for again a few times while it is young. If its page stays away, the article is forgotten where
articles are taken in, so that the next announcement is news.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, cast

from redis.asyncio import Redis

from coranto.records import DiscoveredArticle
from coranto.topology import Pipeline

NOT_YET_REASONS: Final = frozenset({"not_found", "forbidden", "challenge_page"})
"""Reasons that may pass when the page is a little older."""

# Only what this submission has: a later one may be on its way already.
_FORGET: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def wait_for_page(article: DiscoveredArticle, ages: Sequence[timedelta], now: datetime) -> timedelta | None:
    """How long until the page should be looked for again; None when it has had its chances.

    Somebody who submits an address knows that it is there, and a backlog is not young: they are told at once.
    """
    discovery = article.discovery
    if discovery.discovered_via not in ("feed", "sitemap") or discovery.priority == "backlog":
        return None
    age = now - discovery.discovered_at
    return next((wanted - age for wanted in sorted(ages) if wanted > age), None)


class SeenArticles(Protocol):
    """What is remembered of articles that were taken in."""

    async def forget(self, article: DiscoveredArticle) -> None:
        """Let the article be taken in again."""


class NothingSeen:
    """For a process that works alone: it remembers nothing."""

    async def forget(self, article: DiscoveredArticle) -> None:
        """Nothing."""


class RedisSeenArticles:
    """What all services share."""

    def __init__(self, redis: Redis, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._forget = redis.register_script(_FORGET)

    async def forget(self, article: DiscoveredArticle) -> None:
        """Let the article be taken in again, unless another submission has it by now."""
        key = self._pipeline.keys_for(article.id).seen(article.id)
        await cast("Awaitable[int]", self._forget(keys=[key], args=[article.discovery.submission]))
