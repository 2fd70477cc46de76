"""Has articles fetched again while they are young, so that corrections are seen.

An article enters the schedule when it is stored for the first time, which `recovery` reads from the stream of finished
articles. When it is due it is submitted as a revisit and backlog, with what was said of it at first; whether anything has
changed, the fetcher and the store find out. Feeders share the schedule. When each visit is due follows from the time of
storing alone, so an article that is noted twice, or visited late, has no visit more. While the feed that named it fails, it is left
alone: its site is in trouble, and a page that is not found then is not withdrawn. One whose page was not found has a few more:
the store takes it for withdrawn only when that was so several times over a day.
"""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast

from pydantic import ValidationError
from redis.asyncio import Redis

from coranto.client import TooMuchWaitingError
from coranto.records import Discovery, Storage, Submission, article_id, content_id
from coranto.sources.registry import FeedRegistry
from coranto.topology import FEEDER, FETCHER, Keys, Pipeline
from coranto.urls import key_of
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
# Beyond the last visit, for those that had to wait, and for those whose page is not found at that visit.
_KEPT_LONGER: Final = timedelta(days=1)
# Three answers over the span that the store asks for (`coranto.store.rules.retraction`), which is shorter than twice this.
_LOOK_AGAIN_AFTER: Final = timedelta(hours=12)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
# A page that comes and goes does not keep the article in the schedule for ever.
_MOST_ABSENCES: Final = 6
_PUT_OFF: Final = timedelta(hours=1)
# A feed that has failed so often, some 34 hours, may be gone for good, and its site be well.
_TROUBLE_ENDS_WITH_FAILURES: Final = 10
# How polls end through no fault of the site's.
_NOT_THE_SITE: Final = frozenset({"submit_refused", "robots_denied", "error"})
# A day without a zone may begin half a day earlier or later than ours.
_ZONES: Final = timedelta(days=1)

_ID: Final = re.compile("[0-9a-f]{32}")

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
    """The id that the article is found under, which the end of a visit names."""
    stored_at: datetime
    discovery: Discovery
    absences: tuple[datetime, ...] = ()
    """When its page was not found, earliest first."""

    def to_submission(self, number: int, now: datetime) -> Submission:
        """The submission of the visit of this number. Its id is the same whichever feeder makes it."""
        found = self.discovery
        absent = (f"absent {len(self.absences)}",) if self.absences else ()
        return Submission(
            id=content_id("refetch", self.article, self.stored_at.isoformat(), str(number), *absent),
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
            "absences": [each.isoformat() for each in self.absences],
        }
        return zlib.compress(json.dumps(content, ensure_ascii=False).encode(), 6)

    @classmethod
    def unpack(cls, article: str, packed: bytes) -> Visit | None:
        """From compressed JSON; None for what another version has written in another form."""
        try:
            content = json.loads(zlib.decompress(packed))
            discovery = Discovery.model_validate(content["discovery"], extra="ignore")
            absences = tuple(datetime.fromisoformat(each) for each in content.get("absences", ()))
            return cls(article, datetime.fromisoformat(content["stored_at"]), discovery, absences)
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
        registry: FeedRegistry | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """`registry` tells how the feeds fare that articles came from; without it nothing is put off because of them."""
        self._redis = redis
        self._pipeline = pipeline
        self._submit = submit
        self._after = sorted(set(after))
        self._limit = max(1, limit // pipeline.partitions)
        self._registry = registry
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
                # The entry before its time: without its entry a time is worth nothing, and removed.
                pipe.set(_entry(keys, visit.article), packed, nx=True, px=self._kept_for(visit, now))
                pipe.zadd(_due(keys), {visit.article: due.timestamp()}, nx=True)
            await pipe.execute()

    async def look_again(self, dropped: Mapping[str, Any]) -> None:
        """Schedule another visit of an article whose page was not found; safe to repeat. Other ends change nothing.

        `dropped`: the event of the end.
        """
        # A page that is gone counts at once, unless the whole site seems to be: then it is for a later visit to say.
        if dropped.get("stage") != FETCHER.name or dropped.get("reason") not in ("not_found", "gone"):
            return
        name, at = str(dropped.get("id")), _moment(dropped.get("dropped_at"))
        if at is None or not _ID.fullmatch(name):
            return
        keys = self._pipeline.keys_for(name)
        packed = await cast("Awaitable[bytes | None]", self._redis.get(_entry(keys, name)))
        visit = None if packed is None else Visit.unpack(name, packed)
        if visit is None or at in visit.absences or len(visit.absences) >= _MOST_ABSENCES:
            return
        now = self._now()
        visit = replace(visit, absences=tuple(sorted((*visit.absences, at))))
        # A feeder that reads late looks at once.
        due = min(self._next_visit(visit, now) or _NEVER, max(at + _LOOK_AGAIN_AFTER, now))
        async with self._redis.pipeline(transaction=False) as pipe:
            # Not for an article that has been erased meanwhile.
            pipe.set(_entry(keys, name), visit.pack(), xx=True, px=self._kept_for(visit, now))
            pipe.zadd(_due(keys), {name: due.timestamp()}, xx=True)
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
            identity, published = article_id(key_of(discovery.url)), article["content"].get("published")
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
        moments = [visit.stored_at + span for span in self._after]
        if visit.absences:
            moments.append(visit.absences[-1] + _LOOK_AGAIN_AFTER)
        return min((moment for moment in moments if moment > now), default=None)

    def _end_of(self, visit: Visit) -> datetime:
        """Until when the end of its last visit may come."""
        return max((visit.stored_at + self._after[-1], *visit.absences[-1:])) + _KEPT_LONGER

    def _kept_for(self, visit: Visit, now: datetime) -> timedelta:
        return max(self._end_of(visit) - now, timedelta(seconds=1))

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
        current = [visit for visit in visits if visit is not None and now < self._end_of(visit)]
        troubled = await self._find_troubled({visit.discovery.feed for visit in current})
        put_off = {visit.article for visit in current if visit.discovery.feed in troubled}
        submissions = {
            visit.article: visit.to_submission(self._number_of(visit, now), now)
            for visit in current
            if visit.article not in put_off
        }
        refused: set[str] = set()
        try:
            if submissions:
                await self._submit(list(submissions.values()))
        except TooMuchWaitingError as error:
            refused = {one.id for one in error.refused}  # they come up again when their lease is over
        async with self._redis.pipeline(transaction=False) as pipe:
            for name, visit in zip(names, visits, strict=True):
                if name in put_off:
                    pipe.zadd(_due(keys), {name: (now + _PUT_OFF).timestamp()}, xx=True)
                elif visit is None or name not in submissions:
                    pipe.zrem(_due(keys), name)
                    pipe.delete(_entry(keys, name))
                elif submissions[name].id not in refused:
                    # After the last visit it stays until its end can be known.
                    following = self._next_visit(visit, now) or self._end_of(visit)
                    pipe.zadd(_due(keys), {name: following.timestamp()}, xx=True)
            await pipe.execute()
        return len(submissions) - len(refused)

    async def _find_troubled(self, feeds: Collection[str | None]) -> set[str | None]:
        """Which of these feeds say that their site is in trouble."""
        if self._registry is None:
            return set()
        return {
            feed.url
            for feed in await self._registry.find_all([url for url in feeds if url is not None])
            if 0 < feed.failures < _TROUBLE_ENDS_WITH_FAILURES and feed.last_outcome not in _NOT_THE_SITE
        }

    def _number_of(self, visit: Visit, now: datetime) -> int:
        return sum(visit.stored_at + span <= now for span in self._after)

    async def _keep_to_limit(self, keys: Keys) -> None:
        """Give up those whose visit is farthest away: they are the oldest, and the least likely to change."""
        too_many = await self._redis.zcard(_due(keys)) - self._limit
        if too_many > 0:
            given_up: Any = await self._redis.zpopmax(_due(keys), min(too_many, _GIVEN_UP_AT_ONCE))
            await self._redis.delete(*(_entry(keys, name.decode()) for name, _ in given_up))


def _moment(text: object) -> datetime | None:
    """The time of an event; None for what is none."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _due(keys: Keys) -> str:
    return keys.owned_by(FEEDER, "refetch-due")


def _entry(keys: Keys, article: str) -> str:
    # Named after the article, so that erasing the article finds it.
    return keys.owned_by(FEEDER, f"refetch:{article}")
