"""Feeds that were made of a question: what each asks, and the hash of the secret in its address."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from redis.asyncio import Redis

from coranto_gateway.definitions import Definitions, Unusable


class SavedFeed(BaseModel):
    """What is kept of a feed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(description="Sixteen characters that name it.")
    title: str = Field(description="Its title.")
    q: str = Field("", description="Words that its articles hold.")
    where: str = Field("", description="Filter that its articles pass.")
    created_at: AwareDatetime = Field(description="When it was made.")


class Feeds:
    """The feeds in Redis."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._feeds = f"{prefix}:gateway:feeds"
        self._definitions = Definitions(redis, self._feeds, SavedFeed, "feed")

    async def add(self, title: str, *, q: str, where: str) -> tuple[SavedFeed, str]:
        """A new feed, and the secret of its address, which is shown this once and kept nowhere."""
        secret = secrets.token_urlsafe(24)
        feed = SavedFeed(id=_id(secret), title=title, q=q, where=where, created_at=datetime.now(UTC))
        await self._redis.hset(self._feeds, feed.id, feed.model_dump_json())
        return feed, secret

    async def all(self) -> tuple[list[SavedFeed], list[Unusable]]:
        """All feeds, the oldest first, and by their ids those that cannot be used as they are kept."""
        found, unusable = await self._definitions.all()
        return sorted(found, key=lambda feed: feed.created_at), unusable

    async def find(self, secret: str) -> SavedFeed | None:
        """The feed with this secret in its address; None also when it cannot be used as it is kept."""
        # By the secret's hash: whoever reads Redis, or times an answer, learns no address.
        packed = await cast("Awaitable[bytes | None]", self._redis.hget(self._feeds, _id(secret)))
        try:
            return None if packed is None else SavedFeed.model_validate_json(packed)
        except ValidationError:  # the list says what is wrong with it
            return None

    async def remove(self, identity: str) -> bool:
        """Take the feed back: its address answers no more. False when there is none of this id."""
        return bool(await self._redis.hdel(self._feeds, identity))


def _id(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:16]
