"""Remembers which articles were discovered recently, so that an article in five feeds is passed on once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from redis.asyncio import Redis

from coranto.topology import Pipeline
from coranto_feeder.submission_journal import SeenArticle


class Deduplicator(Protocol):
    """Lets one submission have each article."""

    async def claim(self, article_id: str, submission: str) -> bool:
        """True if this submission may have the article: no other has claimed it, or this one did before."""

    async def reclaim(self, article_id: str, submission: str) -> None:
        """Give the article to this submission, whichever had it."""


class RedisDeduplicator:
    """Claims in Redis, shared by all feeders: one key for each article, which expires by itself."""

    def __init__(self, redis: Redis, pipeline: Pipeline, *, window: timedelta) -> None:
        self._redis = redis
        self._pipeline = pipeline
        self.window = window
        """Time for which an article counts as known."""

    async def claim(self, article_id: str, submission: str) -> bool:
        """True if this submission may have the article: no other has claimed it, or this one did before."""
        key = self._key(article_id)
        if await self._redis.set(key, submission, nx=True, ex=self.window):
            return True
        # SET with both NX and GET needs Redis 7. Between the two calls the key can only expire, which does no harm.
        return await self._redis.get(key) in (submission.encode(), submission, None)

    async def reclaim(self, article_id: str, submission: str) -> None:
        """Give the article to this submission, whichever had it."""
        await self._redis.set(self._key(article_id), submission, ex=self.window)

    async def restore(self, seen: Sequence[SeenArticle], *, now: float) -> None:
        """Claim these articles again for as long as they still count as known, where nobody else has meanwhile."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for one in seen:
                left = self.window - timedelta(seconds=now - one.seen_at)
                if left > timedelta(0):
                    pipe.set(self._key(one.article), one.submission, nx=True, px=left)
            await pipe.execute()

    def _key(self, article_id: str) -> str:
        return self._pipeline.keys_for(article_id).seen(article_id)


class InMemoryDeduplicator:
    """Claims in this process, for one that works alone."""

    def __init__(self) -> None:
        self._claims: dict[str, str] = {}

    async def claim(self, article_id: str, submission: str) -> bool:
        """True if this submission may have the article: no other has claimed it, or this one did before."""
        return self._claims.setdefault(article_id, submission) == submission

    async def reclaim(self, article_id: str, submission: str) -> None:
        """Give the article to this submission, whichever had it."""
        self._claims[article_id] = submission
