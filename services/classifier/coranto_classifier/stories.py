"""Which story an article belongs to, and what it is there: original, copy, excerpt or update. Nothing is dropped.

All classifier replicas share one index in Redis. One script call finds the story and enters the article, so copies that
arrive at once end in one story. The same record twice gives the same answer. An index that comes back empty grows again
from what arrives, or at once from the store (`coranto stories --lines`).
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.resources import files
from typing import Literal, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from coranto_classifier.fingerprints import LEAD_SHARED, OWN_TEXT, Fingerprint, containment

Role = Literal["original", "copy", "excerpt", "update"]

DEFAULT_PREFIX = "coranto:{stories}:"
_NEW_TEXT = 0.15  # share of an article's runs the other has not, above which it is more than a copy
_EXCERPT = 0.6  # of the other's length, below which a contained text is an excerpt


@dataclass(frozen=True, slots=True)
class StoryLimits:
    """How alike texts of one story are, and how much of them is kept how long."""

    window: timedelta = timedelta(days=7)
    threshold: float = 0.65
    indexed_runs: int = 32
    longest_posting: int = 50
    compared: int = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the index says of an article: its story, and how it compares with the one it is most like."""

    cluster: str
    of: str | None
    similarity: float
    new_share: float
    new_numbers: int
    runs: int
    runs_there: int


@dataclass(frozen=True, slots=True)
class StoryPlace:
    """An article's place in its story."""

    cluster: str
    role: Role
    of: str | None = None
    similarity: float | None = None
    agency: str | None = None


class StoryUnavailableError(Exception):
    """The index could not be asked."""


class StoryIndex(Protocol):
    """Where stories are kept."""

    async def place(self, record: str, mark: Fingerprint) -> Comparison:
        """The record's story; the record is in the index afterwards."""
        ...

    async def cluster_of(self, cluster: str) -> str:
        """The name a story goes by now: two stories may have turned out to be one."""
        ...


async def find_story(record: str, mark: Fingerprint, index: StoryIndex) -> StoryPlace | None:
    """The record's place in its story; None for a text too short to compare."""
    if not mark.can_be_compared:
        return None
    comparison = await index.place(record, mark)
    role = role_of(comparison)
    if role == "original":
        return StoryPlace(comparison.cluster, role)
    agency = mark.agency if role in ("copy", "excerpt") else None
    return StoryPlace(comparison.cluster, role, comparison.of, round(comparison.similarity, 4), agency)


def role_of(comparison: Comparison) -> Role:
    """What an article is beside the one it is most like."""
    if comparison.of is None:
        return "original"
    if comparison.runs < _EXCERPT * comparison.runs_there and comparison.new_share <= 1 - _EXCERPT:
        return "excerpt"
    if (comparison.new_numbers > 0 and comparison.new_share > 0.02) or comparison.new_share > _NEW_TEXT:
        return "update"
    return "copy"


class RedisStoryIndex:
    """Stories in Redis, shared by all replicas; Redis 6.2 is enough."""

    def __init__(self, redis: Redis, *, limits: StoryLimits | None = None, prefix: str = DEFAULT_PREFIX) -> None:
        self._redis = redis
        self._limits = limits or StoryLimits()
        self._prefix = prefix
        source = files("coranto_classifier").joinpath("scripts/place_in_story.lua").read_text(encoding="utf-8")
        self._script = redis.register_script(source)

    async def place(self, record: str, mark: Fingerprint) -> Comparison:
        """One script call, so nothing of another replica comes in between. Raises StoryUnavailableError."""
        limits = self._limits
        window = max(1, int(limits.window.total_seconds()))
        arguments: list[str | int | float | bytes] = [
            *(record, mark.digest, int(time.time()), window),
            *(mark.packed_runs(), mark.packed_numbers(), mark.packed_lead()),
            *(limits.threshold, limits.indexed_runs, limits.longest_posting, limits.compared, OWN_TEXT, LEAD_SHARED),
        ]
        try:
            answer = await self._script(keys=[self._prefix], args=arguments)
        except (RedisError, OSError) as error:
            raise StoryUnavailableError(f"{type(error).__name__}: {error}") from error
        cluster, of = _text(answer[0]), _text(answer[1]) or None
        similarity, new_share, new_numbers, runs, runs_there = (int(number) for number in answer[2:7])
        return Comparison(cluster, of, similarity / 10_000, new_share / 10_000, new_numbers, runs, runs_there)

    async def cluster_of(self, cluster: str) -> str:
        """Follows the notes that merged stories leave behind."""
        for _ in range(20):
            parent = await self._redis.get(f"{self._prefix}m:{cluster}")
            if parent is None:
                break
            cluster = _text(parent)
        return cluster


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@dataclass(slots=True)
class _Kept:
    number: int
    record: str
    mark: Fingerprint
    cluster: str
    at: float


@dataclass(slots=True)
class MemoryStoryIndex:
    """Stories in this process's memory, by the same rules: for one-off runs and tests."""

    limits: StoryLimits = field(default_factory=StoryLimits)
    clock: Callable[[], float] = time.time
    _articles: dict[int, _Kept] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _answers: dict[str, tuple[str, Comparison]] = field(default_factory=dict)
    _postings: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    _merged: dict[str, str] = field(default_factory=dict)

    async def place(self, record: str, mark: Fingerprint) -> Comparison:
        """The record's story, as RedisStoryIndex finds it."""
        known = self._answers.get(record)
        if known is not None and known[0] == mark.digest:
            return Comparison(self._root(known[1].cluster), *_rest(known[1]))
        now = self.clock()
        matches = self._matches(record, mark, now)
        cluster = self._joined(record, [each.cluster for _, each in matches])
        comparison = Comparison(cluster, None, 0.0, 1.0, 0, len(mark.runs), 0)
        if matches:
            similarity, other = max(matches, key=lambda match: (match[0], -match[1].number))
            shared = len(set(mark.runs) & set(other.mark.runs))
            comparison = Comparison(
                cluster,
                other.record,
                round(similarity, 4),
                round(1 - shared / len(mark.runs), 4),
                len(set(mark.numbers) - set(other.mark.numbers)),
                len(mark.runs),
                len(other.mark.runs),
            )
        self._enter(record, mark, cluster, now)
        self._answers[record] = (mark.digest, comparison)
        return comparison

    async def cluster_of(self, cluster: str) -> str:
        """Follows the notes that merged stories leave behind."""
        return self._root(cluster)

    def _matches(self, record: str, mark: Fingerprint, now: float) -> list[tuple[float, _Kept]]:
        tally: Counter[int] = Counter()
        for run in mark.runs:
            postings = self._postings.get(run, [])
            if len(postings) < self.limits.longest_posting:
                tally.update(postings)
        ranked = sorted(tally.items(), key=lambda item: (-item[1], item[0]))[: self.limits.compared]
        matches = []
        for number, _ in ranked:
            other = self._articles[number]
            if other.record == record or now - other.at > self.limits.window.total_seconds():
                continue
            similarity = containment(mark, other.mark)
            if similarity >= self.limits.threshold:
                matches.append((similarity, other))
        return matches

    def _joined(self, record: str, clusters: list[str]) -> str:
        """The oldest of the stories; the others point to it from now on."""
        roots = sorted(
            {self._root(cluster) for cluster in clusters}, key=lambda name: (self._numbers.get(name, 1 << 32), name)
        )
        for name in roots[1:]:
            self._merged[name] = roots[0]
        return roots[0] if roots else record

    def _enter(self, record: str, mark: Fingerprint, cluster: str, now: float) -> None:
        number = self._numbers.setdefault(record, len(self._numbers) + 1)
        self._articles[number] = _Kept(number, record, mark, cluster, now)
        for run in mark.runs[: self.limits.indexed_runs]:
            postings = self._postings[run]
            if len(postings) < self.limits.longest_posting and number not in postings:
                postings.append(number)

    def _root(self, cluster: str) -> str:
        while cluster in self._merged:
            cluster = self._merged[cluster]
        return cluster


def _rest(comparison: Comparison) -> tuple[str | None, float, float, int, int, int]:
    """All of a comparison but the story's name."""
    return (
        comparison.of, comparison.similarity, comparison.new_share, comparison.new_numbers, comparison.runs, comparison.runs_there,
    )  # fmt: skip
