"""Has articles fetched again while they are young, so that corrections are seen.

An article enters the schedule when it is stored for the first time, which `recovery` reads from the stream of finished
articles. When it is due it is submitted as a revisit and backlog, with what was said of it at first; whether anything has
changed, the fetcher and the store find out. Feeders share the schedule. When each visit is due follows from the time of
storing alone, so an article that is noted twice, or visited late, has no visit more.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast

from pydantic import ValidationError
from redis.asyncio import Redis

from coranto.client import TooMuchWaitingError
from coranto.records import Discovery, Storage, Submission, content_id
from coranto.topology import FEEDER, Keys, Pipeline
from coranto.worker.log import get_logger
from coranto_feeder.feed_metrics import FeedMetrics
from coranto_feeder.submissions import Submit

REFETCH_SUBMITTED: Final = "refetch.submitted"

# Longer than a batch takes to be submitted. One that a feeder was killed with comes up again after that.
_LEASE: Final = timedelta(minutes=5)
_AT_ONCE: Final = 100
_GIVEN_UP_AT_ONCE: Final = 1000
# An article whose feed gives its whole text takes more than this only when it is a long read. Without that text a visit
# would take what the feed had added for removed, so such an article is not visited at all.
_MOST_PACKED_BYTES: Final = 8 * 1024
# Beyond the last visit, for those that had to wait.
_KEPT_LONGER: Final = timedelta(days=1)
# A day without a zone may begin half a day earlier or later than ours.
_ZONES: Final = timedelta(days=1)

_CLAIM: Final = """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(due) do redis.call('ZADD', KEYS[1], ARGV[2], id) end
return due
"""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Visit:
    """What an article is visited again with, and since when it is stored."""

    article: str
    stored_at: datetime
    discovery: Discovery

    def to_submission(self, number: int, now: datetime) -> Submission:
        """The submission of the visit of this number. Its id is the same whichever feeder makes it."""
        found = self.discovery
        return Submission(
            id=content_id("refetch", self.article, self.stored_at.isoformat(), str(number)),
            url=found.url,
            kind="page",
            source=found.source,
            tags=found.tags,
            discovered_via=found.discovered_via,
            feed=found.feed,
            submitted_at=now,
            priority="backlog",
            is_recrawl=True,
            hints=found.hints,
        )

    def pack(self) -> bytes:
        """As compressed JSON."""
        content = {
            "stored_at": self.stored_at.isoformat(),
            "discovery": self.discovery.model_dump(mode="json", exclude_none=True),
        }
        return zlib.compress(json.dumps(content, ensure_ascii=False).encode(), 6)

    @classmethod
    def unpack(cls, article: str, packed: bytes) -> Visit | None:
        """From compressed JSON; None for what another version has written in another form."""
        try:
            content = json.loads(zlib.decompress(packed))
            discovery = Discovery.model_validate(content["discovery"], extra="ignore")
            return cls(article, datetime.fromisoformat(content["stored_at"]), discovery)
        except (zlib.error, ValueError, TypeError, KeyError):
            return None


class RefetchSchedule:
    """The articles that are yet to be visited again, in Redis; shared by all feeders."""

    _TICK = timedelta(seconds=1)

    def __init__(
        self,
        redis: Redis,
        pipeline: Pipeline,
        submit: Submit,
        *,
        after: Sequence[timedelta],
        limit: int,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._redis = redis
        self._pipeline = pipeline
        self._submit = submit
        self._after = sorted(set(after))
        self._limit = max(1, limit // pipeline.partitions)
        self._now = now
        self._claim = redis.register_script(_CLAIM)
        self.metrics: FeedMetrics | None = None
        self._log = get_logger(service="feeder")

    async def add(self, visits: Iterable[Visit]) -> None:
        """Schedule these; safe to repeat. What has no visit to come, or takes too much room, is left out."""
        now = self._now()
        async with self._redis.pipeline(transaction=False) as pipe:
            for visit in visits:
                due = self._next_visit(visit, now)
                if due is None or len(packed := visit.pack()) > _MOST_PACKED_BYTES:
                    continue
                keys = self._pipeline.keys_for(visit.article)
                kept = visit.stored_at + self._after[-1] + _KEPT_LONGER - now
                # The entry before its time: without its entry a time is worth nothing, and removed.
                pipe.set(_entry(keys, visit.article), packed, nx=True, px=kept)
                pipe.zadd(_due(keys), {visit.article: due.timestamp()}, nx=True)
            await pipe.execute()

    async def run(self) -> None:
        """Submit what is due until cancelled."""
        while True:
            submitted = await self.tick()
            if submitted < _AT_ONCE:
                await asyncio.sleep(self._TICK.total_seconds())

    async def tick(self) -> int:
        """Submit what is due, a batch of each partition; gives how many articles were submitted."""
        submitted = sum([await self._visit_due(keys) for keys in self._pipeline.all_keys()])
        if submitted:
            self._log.info(REFETCH_SUBMITTED, submissions=submitted)
            if self.metrics is not None:
                self.metrics.refetches.inc(submitted)
        return submitted

    def find_visit(self, article: Mapping[str, Any]) -> Visit | None:
        """How to visit this article again, as an event has it. None for one that has not just been stored for the first time,
        is no news, or did not come from the web.
        """
        try:
            storage = Storage.model_validate(article["storage"], extra="ignore")
            discovery = Discovery.model_validate(article["discovery"], extra="ignore")
            identity, published = str(article["id"]), article["content"].get("published")
            day = date.fromisoformat(published["local"][:10]) if published is not None else None
        except (ValidationError, ValueError, TypeError, KeyError, AttributeError):
            return None  # of a version that we do not know
        if storage.change != "created" or discovery.priority == "backlog" or discovery.saved is not None:
            return None
        if day is None and discovery.hints.published is not None:
            day = discovery.hints.published.date()
        if day is not None and storage.stored_at.date() - day > self._after[-1] + _ZONES:
            return None
        return Visit(identity, storage.stored_at, discovery)

    def _next_visit(self, visit: Visit, now: datetime) -> datetime | None:
        """When the next visit is due that does not lie in the past; those that were missed are not made up for."""
        return next((visit.stored_at + span for span in self._after if visit.stored_at + span > now), None)

    async def _visit_due(self, keys: Keys) -> int:
        await self._keep_to_limit(keys)
        now = self._now()
        arguments = [now.timestamp(), (now + _LEASE).timestamp(), _AT_ONCE]
        claimed = await cast("Awaitable[list[bytes]]", self._claim(keys=[_due(keys)], args=arguments))
        if not claimed:
            return 0
        names = [one.decode() for one in claimed]
        entries: Any = await self._redis.mget([_entry(keys, name) for name in names])
        visits = [
            None if packed is None else Visit.unpack(name, packed) for name, packed in zip(names, entries, strict=True)
        ]
        submissions = {
            visit.article: visit.to_submission(self._number_of(visit, now), now)
            for visit in visits
            if visit is not None
        }
        refused: set[str] = set()
        try:
            if submissions:
                await self._submit(list(submissions.values()))
        except TooMuchWaitingError as error:
            refused = {one.id for one in error.refused}  # they come up again when their lease is over
        async with self._redis.pipeline(transaction=False) as pipe:
            for name, visit in zip(names, visits, strict=True):
                if visit is not None and submissions[name].id in refused:
                    continue
                following = None if visit is None else self._next_visit(visit, now)
                if following is None:
                    pipe.zrem(_due(keys), name)
                    pipe.delete(_entry(keys, name))
                else:
                    pipe.zadd(_due(keys), {name: following.timestamp()}, xx=True)
            await pipe.execute()
        return len(submissions) - len(refused)

    def _number_of(self, visit: Visit, now: datetime) -> int:
        return sum(visit.stored_at + span <= now for span in self._after)

    async def _keep_to_limit(self, keys: Keys) -> None:
        """Give up those whose visit is farthest away: they are the oldest, and the least likely to change."""
        too_many = await self._redis.zcard(_due(keys)) - self._limit
        if too_many > 0:
            given_up: Any = await self._redis.zpopmax(_due(keys), min(too_many, _GIVEN_UP_AT_ONCE))
            await self._redis.delete(*(_entry(keys, name.decode()) for name, _ in given_up))


def _due(keys: Keys) -> str:
    return keys.owned_by(FEEDER, "refetch-due")


def _entry(keys: Keys, article: str) -> str:
    # Named after the article, so that erasing the article finds it.
    return keys.owned_by(FEEDER, f"refetch:{article}")
