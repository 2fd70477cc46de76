"""Articles of other publishers and languages on the same event, found by the direction of their vectors.

All replicas write to one capped stream in Redis and each keeps its own copy of what stands there, so a search costs one
product of matrices here and nothing there. An article is entered first and then compared with what stands before it:
of two that arrive at once, the later one always sees the other, and the same record twice gives the same answer.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from redis.asyncio import Redis
from redis.exceptions import RedisError

from coranto.topology import Pipeline
from coranto_classifier.duplicates.roles import StoryUnavailableError
from coranto_classifier.related.embeddings import DIMENSIONS, unpacked

_READ_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Relative:
    """An article on the same event."""

    record: str
    similarity: float


@dataclass(frozen=True, slots=True)
class RelatedLimits:
    """How alike articles on one event are, and how many are kept to compare with."""

    window: timedelta = timedelta(days=7)
    threshold: float = 0.905
    kept: int = 20_000
    most: int = 5


class RelatedIndex(Protocol):
    """Where vectors are kept."""

    async def find(self, record: str, vector: bytes) -> tuple[Relative, ...]:
        """Earlier articles on the same event, most alike first; the record is in the index afterwards."""
        ...


class RedisRelatedIndex:
    """Vectors in a stream that all replicas share, and a copy of them here."""

    def __init__(self, redis: Redis, pipeline: Pipeline, *, limits: RelatedLimits | None = None) -> None:
        self._redis = redis
        self._key = f"{pipeline.stories()}vectors"
        self._limits = limits or RelatedLimits()
        self._places: dict[str, int] = {}
        self._records: list[str] = []
        self._times: list[int] = []
        self._vectors: NDArray[np.float32] = np.empty((1024, DIMENSIONS), dtype=np.float32)
        self._last_id = "0-0"
        self._reading = asyncio.Lock()

    async def find(self, record: str, vector: bytes) -> tuple[Relative, ...]:
        """Earlier articles on the same event, most alike first. Raises StoryUnavailableError."""
        own = unpacked(vector)
        async with self._reading:
            try:
                if record not in self._places:
                    await self._redis.xadd(
                        self._key, {"id": record, "v": vector}, maxlen=self._limits.kept, approximate=True
                    )
                await self._catch_up()
            except (RedisError, OSError) as error:
                raise StoryUnavailableError(f"{type(error).__name__}: {error}") from error
            return await asyncio.to_thread(self._nearest, own, self._places.get(record, len(self._records)))

    async def _catch_up(self) -> None:
        """Read what has been entered since, by this replica and the others."""
        while True:
            rows: Any = await self._redis.xrange(self._key, min=f"({self._last_id}", count=_READ_AT_ONCE)
            for entry_id, fields in rows:
                self._last_id = entry_id.decode()
                self._enter(fields[b"id"].decode(), fields[b"v"], int(self._last_id.partition("-")[0]))
            if len(rows) < _READ_AT_ONCE:
                break
        if len(self._records) > 2 * self._limits.kept:
            self._forget(len(self._records) - self._limits.kept)

    def _enter(self, record: str, raw: bytes, at_ms: int) -> None:
        if record in self._places or len(raw) != DIMENSIONS:
            return
        place = len(self._records)
        if place == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
        self._vectors[place] = unpacked(raw)
        self._places[record] = place
        self._records.append(record)
        self._times.append(at_ms)

    def _forget(self, number: int) -> None:
        """Drop the oldest."""
        rest = len(self._records) - number
        self._vectors[:rest] = self._vectors[number : number + rest].copy()
        self._records, self._times = self._records[number:], self._times[number:]
        self._places = {record: place for place, record in enumerate(self._records)}

    def _nearest(self, own: NDArray[np.float32], end: int) -> tuple[Relative, ...]:
        oldest = (time.time() - self._limits.window.total_seconds()) * 1000
        alike = self._vectors[:end] @ own
        order = np.argsort(-alike, kind="stable")
        found: list[Relative] = []
        for place in order.tolist():
            if alike[place] < self._limits.threshold or len(found) == self._limits.most:
                break
            if self._times[place] >= oldest:
                found.append(Relative(self._records[place], round(min(1.0, float(alike[place])), 4)))
        return tuple(found)
