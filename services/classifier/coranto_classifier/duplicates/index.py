"""The index of near-duplicates: it lives in Redis, and all classifier replicas share it.

One script call looks an article up and enters it, so copies that arrive at the same time end up in one story, and the
same record twice gets the same answer. When Redis has lost the index, the sink fills it again from the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

from redis.asyncio import Redis
from redis.exceptions import RedisError

from coranto.topology import Pipeline
from coranto_classifier.duplicates.fingerprint import LEAD_SHARED, OWN_TEXT, Fingerprint
from coranto_classifier.settings import StorySettings

DEFAULT_PREFIX = Pipeline().stories()

_LONGEST_POSTING_LIST = 50  # articles; a shingle that more of them share is a stock phrase
_CANDIDATES = 20  # articles that are compared in full
_MOST_MERGES = 20  # links followed from a merged story to the one it became part of


class IndexUnavailableError(Exception):
    """Redis did not answer."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the index says about an article: its story, and how it compares with the closest article of the story."""

    cluster: str
    of: str | None
    """The article it was compared with; None when nothing in the index is like it."""
    similarity: float
    new_share: float
    """Share of its shingles that the other article lacks."""
    new_numbers: int
    """Numbers in it that the other article lacks."""
    shingles: int
    shingles_of_other: int
    is_source: bool = False
    """True when an article of the story names this one's publisher as its source."""


class DuplicateIndex:
    """The shared index. Redis 6.2 is enough."""

    def __init__(
        self,
        redis: Redis,
        *,
        settings: StorySettings | None = None,
        prefix: str = DEFAULT_PREFIX,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._settings = settings or StorySettings()
        self._prefix = prefix
        self._clock = clock
        source = files("coranto_classifier").joinpath("duplicates/scripts/assign.lua").read_text(encoding="utf-8")
        self._script = redis.register_script(source)

    async def assign(self, record: str, fingerprint: Fingerprint) -> Comparison:
        """Enter the record and return what it is like. Raises IndexUnavailableError."""
        return await self._run(record, fingerprint)

    async def restore(self, record: str, fingerprint: Fingerprint, *, cluster: str, at: datetime) -> None:
        """Enter a record that was stored at this time, in the story it was published with. Raises IndexUnavailableError."""
        await self._run(record, fingerprint, published_cluster=cluster, at=int(at.timestamp()))

    async def _run(
        self, record: str, fingerprint: Fingerprint, *, published_cluster: str = "", at: int | None = None
    ) -> Comparison:
        settings, now = self._settings, int(self._clock())
        window = max(1, int(settings.window.total_seconds()))
        arguments: list[str | int | float | bytes] = [
            *(record, fingerprint.digest, now, window),
            *(fingerprint.packed_shingles(), fingerprint.packed_numbers(), fingerprint.packed_lead()),
            *(settings.threshold, settings.indexed_shingles, _LONGEST_POSTING_LIST, _CANDIDATES, OWN_TEXT, LEAD_SHARED),
            *(fingerprint.source, fingerprint.own_agency, published_cluster, now if at is None else at),
        ]
        try:
            answer = await self._script(keys=[self._prefix], args=arguments)
        except (RedisError, OSError) as error:
            raise IndexUnavailableError(f"{type(error).__name__}: {error}") from error
        cluster, of = _text(answer[0]), _text(answer[1]) or None
        similarity, new_share, new_numbers, shingles, shingles_of_other = (int(number) for number in answer[2:7])
        # An answer that an earlier version kept ends here.
        is_source = len(answer) > 7 and bool(answer[7])
        return Comparison(
            cluster, of, similarity / 10_000, new_share / 10_000, new_numbers, shingles, shingles_of_other, is_source
        )

    async def cluster_of(self, cluster: str) -> str:
        """The story's name today: when two stories turn out to be one, the newer name points to the older."""
        for _ in range(_MOST_MERGES):
            parent = await self._redis.get(f"{self._prefix}m:{cluster}")
            if parent is None:
                break
            cluster = _text(parent)
        return cluster


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
