"""What a source would bring, asked of a feeder through Redis: feeders go out to the web, politely and behind the address guard.

Whoever asks puts a request into a short list and waits for the answer; a feeder takes requests one by one. Nothing of it stays:
requests and answers that nobody fetches are gone after a minute.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable
from datetime import datetime
from time import monotonic
from typing import Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis

from coranto.topology import FEEDER, Keys

MOST_SHOWN: Final = 20
_MOST_WAITING: Final = 20
_KEPT_SECONDS: Final = 60
_BLOCK_SECONDS: Final = 1.0
"""Shorter than any time-out of a connection."""

PreviewOutcome = Literal["ok", "retry", "dropped", "blocked", "denied"]


class TooManyPreviewsError(RuntimeError):
    """More requests wait than feeders answer in a while."""


class PreviewedEntry(BaseModel):
    """An entry of the source."""

    url: str
    title: str | None = None
    at: datetime | None = Field(None, description="When it was published or changed, as the source says.")


class Preview(BaseModel):
    """What a source would bring."""

    model_config = ConfigDict(extra="ignore")

    url: str
    outcome: PreviewOutcome = Field(description="`ok` when it can be polled; else what kept it from being read.")
    reason: str | None = Field(None, description="What the poll came to, in a word.")
    detail: str | None = Field(None, description="What was seen when it failed.")
    kind: str | None = Field(None, description="What it turned out to be.")
    title: str | None = Field(None, description="Title it gives itself.")
    count: int = Field(0, description="Number of its entries.")
    per_day: float | None = Field(
        None, description="Entries a day, by the times of those it lists; null if they tell none."
    )
    entries: list[PreviewedEntry] = Field([], description=f"The first {MOST_SHOWN}.")
    named: list[str] = Field([], description=f"Feeds or sitemaps that it names, the first {MOST_SHOWN}.")
    warnings: list[str] = Field([], description="What is wrong with the document.")


class PreviewRequest(BaseModel):
    """Somebody wants to see what the source would bring."""

    id: str
    url: str


class PreviewDesk:
    """Requests and answers in Redis."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._requests = keys.owned_by(FEEDER, "previews")

    async def ask(self, url: str, *, seconds: float) -> Preview | None:
        """What the source would bring; None when no feeder has said so in this time. Raises TooManyPreviewsError."""
        asked = PreviewRequest(id=secrets.token_hex(8), url=url)
        request, answer = asked.model_dump_json(), self._answer(asked)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.rpush(self._requests, request)
            pipe.expire(self._requests, _KEPT_SECONDS)
            waiting, _ = await pipe.execute()
        if waiting > _MOST_WAITING:
            await self._redis.lrem(self._requests, 1, request)
            raise TooManyPreviewsError(f"{_MOST_WAITING} sources are waiting to be looked at; try again in a minute")
        ends_at = monotonic() + seconds
        while (left := ends_at - monotonic()) > 0:
            if (packed := await self._pop(answer, min(_BLOCK_SECONDS, left))) is not None:
                return Preview.model_validate_json(packed)
        await self._redis.lrem(self._requests, 1, request)
        return None

    async def take(self) -> PreviewRequest | None:
        """The next request; None when there was none for a second."""
        packed = await self._pop(self._requests, _BLOCK_SECONDS)
        return None if packed is None else PreviewRequest.model_validate_json(packed)

    async def answer(self, request: PreviewRequest, preview: Preview) -> None:
        """Give the answer to whoever asked."""
        name = self._answer(request)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.rpush(name, preview.model_dump_json(exclude_none=True))
            pipe.expire(name, _KEPT_SECONDS)
            await pipe.execute()

    async def _pop(self, name: str, seconds: float) -> bytes | None:
        found = await cast("Awaitable[tuple[bytes, bytes] | None]", self._redis.blpop([name], timeout=seconds))
        return None if found is None else found[1]

    def _answer(self, request: PreviewRequest) -> str:
        return self._keys.owned_by(FEEDER, f"preview:{request.id}")
