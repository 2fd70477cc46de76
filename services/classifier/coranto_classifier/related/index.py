"""Finds earlier articles about the same event, by other publishers or in other languages, by comparing vectors.

All replicas write to one capped stream in Redis, and each keeps a copy of it in memory, so a search costs one matrix
product here and nothing in Redis. An article is entered first and then compared with the entries before it. So of two
that arrive at the same time the later one always sees the earlier, and the same record twice gets the same answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from redis.asyncio import Redis
from redis.exceptions import RedisError

from coranto.topology import Pipeline
from coranto_classifier.duplicates.index import IndexUnavailableError
from coranto_classifier.related.embeddings import DIMENSIONS, unpack
from coranto_classifier.settings import StorySettings

_READ_AT_ONCE = 1000
_MOST_RELATED = 5


@dataclass(frozen=True, slots=True)
class RelatedArticle:
    """An earlier article about the same event."""

    record: str
    similarity: float


class RelatedIndex:
    """Vectors in a stream that all replicas share, and a copy of them in this process."""

    def __init__(
        self,
        redis: Redis,
        pipeline: Pipeline,
        *,
        settings: StorySettings | None = None,
        most_related: int = _MOST_RELATED,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._key = f"{pipeline.stories()}vectors"
        self._settings = settings or StorySettings()
        self._most_related = most_related
        self._clock = clock
        self._positions: dict[str, int] = {}
        self._records: list[str] = []
        self._times: list[int] = []
        self._vectors: NDArray[np.float32] = np.empty((1024, DIMENSIONS), dtype=np.float32)
        self._last_id = "0-0"
        self._lock = asyncio.Lock()

    async def find(self, record: str, vector: bytes) -> tuple[RelatedArticle, ...]:
        """Enter the record and return earlier articles about its event, closest first. Raises IndexUnavailableError."""
        own = unpack(vector)
        async with self._lock:
            try:
                if record not in self._positions:
                    await self._redis.xadd(
                        self._key,
                        {"id": record, "v": vector},
                        maxlen=self._settings.related_index_size,
                        approximate=True,
                    )
                await self._catch_up()
            except (RedisError, OSError) as error:
                raise IndexUnavailableError(f"{type(error).__name__}: {error}") from error
            return await asyncio.to_thread(self._nearest, own, self._positions.get(record, len(self._records)))

    async def _catch_up(self) -> None:
        """Read what this and the other replicas have entered since the last call."""
        kept = self._settings.related_index_size
        while True:
            rows: Any = await self._redis.xrange(self._key, min=f"({self._last_id}", count=_READ_AT_ONCE)
            for entry_id, fields in rows:
                self._last_id = entry_id.decode()
                self._add(fields[b"id"].decode(), fields[b"v"], int(self._last_id.partition("-")[0]))
            if len(rows) < _READ_AT_ONCE:
                break
        if len(self._records) > 2 * kept:
            self._drop_oldest(len(self._records) - kept)

    def _add(self, record: str, raw: bytes, at_ms: int) -> None:
        if record in self._positions or len(raw) != DIMENSIONS:
            return
        position = len(self._records)
        if position == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
        self._vectors[position] = unpack(raw)
        self._positions[record] = position
        self._records.append(record)
        self._times.append(at_ms)

    def _drop_oldest(self, number: int) -> None:
        rest = len(self._records) - number
        self._vectors[:rest] = self._vectors[number : number + rest].copy()
        self._records, self._times = self._records[number:], self._times[number:]
        self._positions = {record: position for position, record in enumerate(self._records)}

    def _nearest(self, own: NDArray[np.float32], end: int) -> tuple[RelatedArticle, ...]:
        """The closest of the first `end` articles that are within the window."""
        oldest_ms = (self._clock() - self._settings.window.total_seconds()) * 1000
        similarities = self._vectors[:end] @ own
        order = np.argsort(-similarities, kind="stable")
        found: list[RelatedArticle] = []
        for position in order.tolist():
            if similarities[position] < self._settings.related_threshold or len(found) == self._most_related:
                break
            if self._times[position] >= oldest_ms:
                similarity = round(min(1.0, float(similarities[position])), 4)
                found.append(RelatedArticle(self._records[position], similarity))
        return tuple(found)
