"""Where stories are kept: in Redis for all replicas, in this process's memory for one-off runs, by the same rules."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.resources import files

from redis.asyncio import Redis
from redis.exceptions import RedisError

from coranto.topology import Pipeline
from coranto_classifier.duplicates.fingerprint import LEAD_SHARED, OWN_TEXT, Fingerprint, containment
from coranto_classifier.duplicates.roles import Comparison, StoryLimits, StoryUnavailableError

DEFAULT_PREFIX = Pipeline().stories()
_ASK_EVERY_SECONDS = 2.0


class RedisStoryIndex:
    """Stories in Redis, shared by all replicas; Redis 6.2 is enough."""

    def __init__(self, redis: Redis, *, limits: StoryLimits | None = None, prefix: str = DEFAULT_PREFIX) -> None:
        self._redis = redis
        self._limits = limits or StoryLimits()
        self._prefix = prefix
        source = files("coranto_classifier").joinpath("duplicates/scripts/assign.lua").read_text(encoding="utf-8")
        self._script = redis.register_script(source)

    async def place(self, record: str, mark: Fingerprint) -> Comparison:
        """One script call, so nothing of another replica comes in between. Raises StoryUnavailableError."""
        return await self._enter(record, mark)

    async def enter(self, record: str, mark: Fingerprint, *, cluster: str, at: datetime) -> None:
        """Enter a record that was announced before. Raises StoryUnavailableError."""
        await self._enter(record, mark, announced=cluster, at=int(at.timestamp()))

    async def _enter(self, record: str, mark: Fingerprint, *, announced: str = "", at: int | None = None) -> Comparison:
        limits, now = self._limits, int(time.time())
        window = max(1, int(limits.window.total_seconds()))
        arguments: list[str | int | float | bytes] = [
            *(record, mark.digest, now, window),
            *(mark.packed_runs(), mark.packed_numbers(), mark.packed_lead()),
            *(limits.threshold, limits.indexed_runs, limits.longest_posting, limits.compared, OWN_TEXT, LEAD_SHARED),
            *(mark.source, mark.own_agency, announced, now if at is None else at),
        ]
        try:
            answer = await self._script(keys=[self._prefix], args=arguments)
        except (RedisError, OSError) as error:
            raise StoryUnavailableError(f"{type(error).__name__}: {error}") from error
        cluster, of = _text(answer[0]), _text(answer[1]) or None
        similarity, new_share, new_numbers, runs, runs_there = (int(number) for number in answer[2:7])
        # Answers kept by an earlier version end here.
        is_source = len(answer) > 7 and bool(answer[7])
        return Comparison(
            cluster, of, similarity / 10_000, new_share / 10_000, new_numbers, runs, runs_there, is_source
        )

    async def cluster_of(self, cluster: str) -> str:
        """Follows the notes that merged stories leave behind."""
        for _ in range(20):
            parent = await self._redis.get(f"{self._prefix}m:{cluster}")
            if parent is None:
                break
            cluster = _text(parent)
        return cluster


async def ask_for_recall(redis: Redis, pipeline: Pipeline, *, window: timedelta) -> None:
    """Ask the sink, whenever the index has come back empty, for the articles stored in the window. Never returns."""
    while True:
        # The key goes with the index: where it is missing, so are the articles.
        await redis.set(pipeline.recall(), int(window.total_seconds()), nx=True)
        await asyncio.sleep(_ASK_EVERY_SECONDS)


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
            return replace(known[1], cluster=self._root(known[1].cluster))
        return self._place(record, mark, at=self.clock())

    async def enter(self, record: str, mark: Fingerprint, *, cluster: str, at: datetime) -> None:
        """Enter a record that was announced before."""
        former = self._answers.get(record)
        self._place(
            record, mark, at=at.timestamp(), names=[cluster, *([former[1].cluster] if former is not None else [])]
        )

    def _place(self, record: str, mark: Fingerprint, *, at: float, names: Iterable[str] = ()) -> Comparison:
        matches = self._matches(record, mark)
        cluster = self._joined(record, [*(each.cluster for _, each in matches), *names], at)
        comparison = Comparison(cluster, None, 0.0, 1.0, 0, len(mark.runs), 0)
        if matches:
            # A copy is compared with its source where that is known, else with the text it is most like.
            similarity, other = max(
                matches, key=lambda match: (_is_copy_of(mark, match[1].mark), match[0], -match[1].number)
            )
            shared = len(set(mark.runs) & set(other.mark.runs))
            comparison = Comparison(
                cluster,
                other.record,
                round(similarity, 4),
                round(1 - shared / len(mark.runs), 4),
                len(set(mark.numbers) - set(other.mark.numbers)),
                len(mark.runs),
                len(other.mark.runs),
                is_source=any(_is_copy_of(each.mark, mark) for _, each in matches),
            )
        self._keep(record, mark, cluster, at)
        self._answers[record] = (mark.digest, comparison)
        return comparison

    async def cluster_of(self, cluster: str) -> str:
        """Follows the notes that merged stories leave behind."""
        return self._root(cluster)

    def _matches(self, record: str, mark: Fingerprint) -> list[tuple[float, _Kept]]:
        now = self.clock()
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

    def _joined(self, record: str, clusters: list[str], at: float) -> str:
        """The oldest of the stories; the others point to it from now on."""
        roots = sorted({self._root(cluster) for cluster in clusters}, key=lambda name: self._age(name, record, at))
        for name in roots[1:]:
            self._merged[name] = roots[0]
        return roots[0] if roots else record

    def _age(self, name: str, record: str, at: float) -> tuple[float, int, str]:
        """What stories are ordered by; a name whose first article is not here is older than all others."""
        number = self._numbers.get(name, 0)
        if name == record:
            return at, number or 1 << 32, name
        return self._articles[number].at if number else 0.0, number, name

    def _keep(self, record: str, mark: Fingerprint, cluster: str, at: float) -> None:
        number = self._numbers.setdefault(record, len(self._numbers) + 1)
        self._articles[number] = _Kept(number, record, mark, cluster, at)
        for run in mark.runs[: self.limits.indexed_runs]:
            postings = self._postings[run]
            if len(postings) < self.limits.longest_posting and number not in postings:
                postings.append(number)

    def _root(self, cluster: str) -> str:
        while cluster in self._merged:
            cluster = self._merged[cluster]
        return cluster


def _is_copy_of(mark: Fingerprint, other: Fingerprint) -> bool:
    """True when the text says that it is the other's publisher's."""
    return bool(mark.source) and mark.source == other.own_agency
