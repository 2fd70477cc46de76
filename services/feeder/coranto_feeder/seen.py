"""Remembers which articles were found of late, so that one that is in five feeds is handed on once."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from redis.asyncio import Redis

from coranto.topology import FEEDER, Pipeline


class Seen(Protocol):
    """What was found of late."""

    async def take(self, article_id: str, submission: str) -> bool:
        """Whether this submission may have the article: nobody else has it, or this one took it before."""

    async def retake(self, article_id: str, submission: str) -> None:
        """Note the article for this submission, whoever had it."""


class RedisSeen:
    """What was found of late, in Redis, for all feeders: one key for each article, which ends by itself."""

    def __init__(self, redis: Redis, pipeline: Pipeline, *, window: timedelta) -> None:
        self._redis = redis
        self._pipeline = pipeline
        self._window = window

    async def take(self, article_id: str, submission: str) -> bool:
        """Whether this submission may have the article: nobody else has it, or this one took it before."""
        key = self._key(article_id)
        if await self._redis.set(key, submission, nx=True, ex=self._window):
            return True
        # Not one call: SET with both NX and GET needs Redis 7. Between the two the key can only end, which is no harm.
        return await self._redis.get(key) in (submission.encode(), submission, None)

    async def retake(self, article_id: str, submission: str) -> None:
        """Note the article for this submission, whoever had it."""
        await self._redis.set(self._key(article_id), submission, ex=self._window)

    def _key(self, article_id: str) -> str:
        return self._pipeline.keys_for(article_id).owned_by(FEEDER, f"seen:{article_id}")


class ProcessSeen:
    """What was found by this process: for one that works alone."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}

    async def take(self, article_id: str, submission: str) -> bool:
        """Whether this submission may have the article: nobody else has it, or this one took it before."""
        return self._taken.setdefault(article_id, submission) == submission

    async def retake(self, article_id: str, submission: str) -> None:
        """Note the article for this submission, whoever had it."""
        self._taken[article_id] = submission
