"""Polls feeds and sitemaps, and submits what is new in them.

How often is learned from each feed's own history; how politely, from its cache headers and its failures. A feed that fails
is tried again ever more rarely and never given up. Replicas share the work through leases in the registry.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import statistics
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Final

from redis.exceptions import RedisError

from coranto.http import WebClient, WebError, WebResponse
from coranto.records import Hints, Submission, content_id
from coranto.sources.registry import Feed, FeedRegistry
from coranto.urls import UnsupportedUrlError, host_of
from coranto.worker.log import get_logger, without_query
from coranto_feeder.feeds import Entry, NotAFeedError, ParsedFeed
from coranto_feeder.reading import FeedReader, UnreadableFeedError
from coranto_feeder.settings import FeederSettings

Submit = Callable[[Sequence[Submission]], Awaitable[object]]
"""Hands submissions in. Safe to repeat: a submission counts once by its id."""

FEED_POLLED: Final = "feed.polled"
FEED_FAILED: Final = "feed.failed"

_ACCEPT: Final = (
    "application/atom+xml,application/rss+xml,application/feed+json,application/rdf+xml,application/xml;q=0.9,"
    "text/xml;q=0.9,application/json;q=0.8,text/html;q=0.5,*/*;q=0.1"
)
_MOST_HOPS: Final = 5
_SUBMIT_AT_ONCE: Final = 500
_TEST_VALIDATORS_EVERY: Final = 20
_LONGEST_CACHE_AGE: Final = timedelta(hours=1)
_LONGEST_RETRY_AFTER: Final = timedelta(days=1)
_LEASE: Final = timedelta(minutes=5)
# An index names its history; what is new is in the parts that changed of late.
_MOST_PARTS: Final = 20


class PollFailedError(Exception):
    """A poll brought no document that could be read. `outcome` is a word for the feed's history."""

    def __init__(self, outcome: str, detail: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class PollResult:
    """What one poll came to."""

    feed: Feed
    """The feed with its new history."""
    due_at: datetime
    submitted: tuple[Submission, ...] = ()
    named: tuple[Feed, ...] = field(default=())
    """Feeds that the document names: parts of an index, or the feeds of a home page."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Poller:
    """Polls what is due, for as long as it runs."""

    _TICK = timedelta(seconds=1)

    def __init__(
        self,
        registry: FeedRegistry,
        web: WebClient,
        reader: FeedReader,
        submit: Submit,
        settings: FeederSettings,
        *,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._registry = registry
        self._web = web
        self._reader = reader
        self._submit = submit
        self._settings = settings
        self._now = now
        self._hosts: dict[str, asyncio.Lock] = {}
        self._log = get_logger(service="feeder")

    async def run(self) -> None:
        """Poll until cancelled."""
        polling: set[asyncio.Task[None]] = set()
        try:
            while True:
                free = self._settings.poll_concurrency - len(polling)
                due = await self._registry.lease_due(self._now(), lease=_LEASE, limit=free) if free > 0 else []
                polling |= {asyncio.create_task(self._poll_guarded(feed)) for feed in due}
                done, polling = (
                    await asyncio.wait(polling, timeout=self._TICK.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
                    if polling
                    else (set(), polling)
                )
                for task in done:
                    task.result()
                if not done and not polling:
                    await asyncio.sleep(self._TICK.total_seconds())
        finally:
            for task in polling:
                task.cancel()
            await asyncio.gather(*polling, return_exceptions=True)

    async def _poll_guarded(self, feed: Feed) -> None:
        try:
            lock = self._hosts.setdefault(host_of(feed.url), asyncio.Lock())
        except UnsupportedUrlError:
            await self._registry.remove(feed.url)
            return
        async with lock:
            await self.poll(feed)

    async def poll(self, feed: Feed) -> PollResult:
        """Poll one feed: submit what is new, keep its history, say when it is due next."""
        now = self._now()
        try:
            result = await self._read(feed, now)
        except PollFailedError as error:
            result = self._failed(feed, error, now)
        except (RedisError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - logged with its traceback, and kept in the feed's history
            # A bug of ours that one feed brings out must not end the polling of the others.
            self._log.exception(FEED_FAILED, feed=without_query(feed.url))
            result = self._failed(feed, PollFailedError("error", f"{type(error).__name__}: {error}"), now)
        for named in result.named:
            await self._registry.add(named)
        if result.feed.kind == "unknown" and result.named:
            await self._registry.remove(feed.url)  # a page that named its feeds; they are polled in its place
        else:
            await self._registry.save(result.feed, result.due_at)
        event = FEED_FAILED if result.feed.failures else FEED_POLLED
        self._log.info(
            event,
            feed=without_query(feed.url),
            outcome=result.feed.last_outcome,
            submitted=len(result.submitted),
            failures=result.feed.failures,
            next_seconds=round((result.due_at - now).total_seconds()),
        )
        return result

    async def _read(self, feed: Feed, now: datetime) -> PollResult:
        is_test = feed.polls % _TEST_VALIDATORS_EVERY == _TEST_VALIDATORS_EVERY - 1
        is_conditional = feed.digest is not None and not feed.has_lying_validators and not is_test
        response, moved_to = await self._get(feed, is_conditional=is_conditional)
        feed = feed.model_copy(
            update={"polls": feed.polls + 1, "polled_at": now, "moved_to": moved_to or feed.moved_to}
        )
        if response.status == 304:
            return self._unchanged(feed, response, "not_modified", now)
        digest = await _digest_of(response.body)
        if digest == feed.digest:
            return self._unchanged(self._with_validators(feed, response), response, "unchanged", now)
        try:
            parsed = await self._parse(response)
        except NotAFeedError as error:
            return await self._page_with_feeds(feed, response, error, now)
        if is_test and feed.etag is not None and feed.etag == response.headers.get("ETag"):
            # The document changed and its validator did not: asked with it, the host would have said `not modified`.
            feed = feed.model_copy(update={"has_lying_validators": True})
        feed = self._with_validators(feed, response).model_copy(
            update={"digest": digest, "kind": parsed.kind, "title": parsed.title or feed.title, "hub": parsed.hub}
        )
        return await self._entries(feed, parsed, response, now)

    async def _entries(self, feed: Feed, parsed: ParsedFeed, response: WebResponse, now: datetime) -> PollResult:
        stamps = {_entry_key(entry): _stamp(entry) for entry in parsed.entries}
        known = await self._registry.known_entries(feed, list(stamps))
        new = [entry for entry in parsed.entries if _is_news(entry, known.get(_entry_key(entry)))]
        new = list({_entry_key(entry): entry for entry in new}.values())
        named: tuple[Feed, ...] = ()
        submissions: list[Submission] = []
        if parsed.kind == "sitemap_index":
            named = tuple(self._parts(feed, new, now))
        else:
            # Who registers a sitemap wants what is in it; the parts of an index are a site's whole history.
            wants_all = parsed.kind == "feed" or feed.parent is None
            wanted = [entry for entry in new if wants_all or self._is_recent(entry, now)]
            submissions = [_submission(feed, entry, now, is_known=_entry_key(entry) in known) for entry in wanted]
            for start in range(0, len(submissions), _SUBMIT_AT_ONCE):
                await self._hand_in(submissions[start : start + _SUBMIT_AT_ONCE])
        # Only now: killed before, the same submissions are made again, with the same ids.
        fresh = {_entry_key(entry): stamps[_entry_key(entry)] for entry in new}
        await self._registry.remember_entries(feed, fresh, present=stamps)
        interval = next_interval(feed, parsed.entries, has_news=bool(new), now=now, settings=self._settings)
        feed = feed.model_copy(
            update={
                "failures": 0,
                "last_outcome": "new" if new else "unchanged",
                "last_error": None,
                "new_at": now if new else feed.new_at,
                "interval_seconds": interval.total_seconds(),
            }
        )
        wait = max(interval, _cache_age(response, now), min(parsed.ttl or timedelta(), _LONGEST_CACHE_AGE))
        return PollResult(feed, now + _jittered(wait), tuple(submissions), named)

    async def _hand_in(self, submissions: Sequence[Submission]) -> None:
        try:
            await self._submit(submissions)
        except (RuntimeError, ValueError) as error:  # too much is waiting, or an address the client does not take
            raise PollFailedError("submit_refused", str(error), retry_after=timedelta(minutes=1)) from error

    async def _get(self, feed: Feed, *, is_conditional: bool) -> tuple[WebResponse, str | None]:
        headers = {"Accept": _ACCEPT}
        if is_conditional and feed.etag is not None:
            headers["If-None-Match"] = feed.etag
        if is_conditional and feed.last_modified is not None:
            headers["If-Modified-Since"] = feed.last_modified
        url, moved_to, is_permanent = feed.url, None, True
        try:
            for _ in range(_MOST_HOPS + 1):
                response = await self._web.get(url, headers=headers, wants_body=lambda status, _: status == 200)
                target = response.location
                if target is None:
                    self._check_status(response)
                    return response, moved_to
                is_permanent = is_permanent and response.status in (301, 308)
                url = target.partition("#")[0]
                moved_to = url if is_permanent else moved_to
        except WebError as error:
            raise PollFailedError(_word(error), str(error)) from error
        except UnsupportedUrlError as error:
            raise PollFailedError("unsupported_url", str(error)) from error
        raise PollFailedError("too_many_redirects", f"more than {_MOST_HOPS} redirects, the last to {url[:200]}")

    def _check_status(self, response: WebResponse) -> None:
        if response.status not in (200, 304):
            retry_after = _retry_after(response, self._now())
            raise PollFailedError(f"status_{response.status}", f"status {response.status}", retry_after=retry_after)

    async def _parse(self, response: WebResponse) -> ParsedFeed:
        content_type = response.headers.get("Content-Type")
        try:
            return await self._reader.read(response.body, url=response.url, content_type=content_type)
        except UnreadableFeedError as error:
            raise PollFailedError("unreadable", str(error)) from error

    async def _page_with_feeds(
        self, feed: Feed, response: WebResponse, error: NotAFeedError, now: datetime
    ) -> PollResult:
        """A page instead of a feed: its feeds are registered if it names any, else it is a failure."""
        if feed.digest is not None:
            raise PollFailedError("not_a_feed", str(error))
        content_type = response.headers.get("Content-Type")
        try:
            named_there = await self._reader.find_feeds(response.body, url=response.url, content_type=content_type)
        except UnreadableFeedError as overdue:
            raise PollFailedError("unreadable", str(overdue)) from overdue
        found = [one for one in named_there if one not in (feed.url, response.url)]
        if not found:
            raise PollFailedError("not_a_feed", str(error))
        named = tuple(_named(feed, url, now) for url in found)
        return PollResult(
            feed.model_copy(update={"last_outcome": "page"}), now + self._settings.longest_interval, (), named
        )

    def _parts(self, feed: Feed, entries: Iterable[Entry], now: datetime) -> Iterable[Feed]:
        newest = sorted(entries, key=lambda entry: entry.updated or datetime.min.replace(tzinfo=UTC), reverse=True)
        recent = [entry for entry in newest if entry.updated is None or self._is_recent(entry, now)]
        return (_named(feed, entry.url, now) for entry in recent[:_MOST_PARTS])

    def _is_recent(self, entry: Entry, now: datetime) -> bool:
        moment = entry.updated or entry.published
        return moment is None or not self._settings.sitemap_span or moment > now - self._settings.sitemap_span

    def _unchanged(self, feed: Feed, response: WebResponse, outcome: str, now: datetime) -> PollResult:
        interval = next_interval(feed, (), has_news=False, now=now, settings=self._settings)
        feed = feed.model_copy(
            update={
                "failures": 0,
                "last_outcome": outcome,
                "last_error": None,
                "interval_seconds": interval.total_seconds(),
            }
        )
        return PollResult(feed, now + _jittered(max(interval, _cache_age(response, now))))

    def _failed(self, feed: Feed, error: PollFailedError, now: datetime) -> PollResult:
        """Half-open: one try, and the pause before the next is twice as long, up to the longest."""
        failures = feed.failures + 1
        pause = self._settings.shortest_interval * 2 ** min(failures, 20)
        pause = min(pause, self._settings.longest_failing_interval)
        if error.retry_after is not None:
            # Refusal of what we submit is no fault of the feed's, and over sooner than its shortest interval.
            least = timedelta() if error.outcome == "submit_refused" else self._settings.shortest_interval
            pause = max(error.retry_after, least)
        feed = feed.model_copy(
            update={
                "polls": feed.polls + 1,
                "polled_at": now,
                "failures": failures,
                "last_outcome": error.outcome,
                "last_error": str(error)[:500],
            }
        )
        return PollResult(feed, now + _jittered(pause))

    def _with_validators(self, feed: Feed, response: WebResponse) -> Feed:
        etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
        return feed.model_copy(update={"etag": etag, "last_modified": modified})


def next_interval(
    feed: Feed, entries: Sequence[Entry], *, has_news: bool, now: datetime, settings: FeederSettings
) -> timedelta:
    """The time until the feed is worth another look: half the usual time between its entries, longer while it sleeps."""
    current = timedelta(seconds=feed.interval_seconds) if feed.interval_seconds else settings.first_interval
    moments = sorted({moment for entry in entries if (moment := entry.published or entry.updated) and moment <= now})[
        -12:
    ]
    if len(moments) >= 4 and has_news:
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
        wanted = timedelta(seconds=statistics.median(gaps) / 2)
        # A feed that publishes once a minute by day is asleep at night: silence counts as a gap of its own.
        wanted = max(wanted, (now - moments[-1]) / 4)
        current = (current + wanted) / 2
    else:
        current *= 0.7 if has_news else 1.3
    return min(max(current, settings.shortest_interval), settings.longest_interval)


def new_feed(url: str, *, source: str | None = None, parent: str | None = None, now: datetime | None = None) -> Feed:
    """A feed to be registered."""
    return Feed(url=url, source=source or host_of(url), parent=parent, added_at=now or _utc_now())


def _named(by: Feed, url: str, now: datetime) -> Feed:
    return new_feed(url, source=by.source, parent=by.url, now=now)


def _entry_key(entry: Entry) -> str:
    return content_id(entry.id)[:16]


def _stamp(entry: Entry) -> str:
    return entry.updated.isoformat() if entry.updated is not None else ""


def _is_news(entry: Entry, known_stamp: str | None) -> bool:
    """New, or changed since: only where the feed itself says when it changed."""
    return known_stamp is None or (entry.updated is not None and _stamp(entry) != known_stamp)


def _submission(feed: Feed, entry: Entry, now: datetime, *, is_known: bool) -> Submission:
    is_sitemap = feed.kind == "sitemap"
    moment = entry.updated or entry.published
    is_old = moment is not None and moment < now - timedelta(days=2)
    return Submission(
        id=content_id("feed-entry", feed.url, entry.id, _stamp(entry)),
        url=entry.url,
        kind="page",
        source=feed.source,
        found_by="sitemap" if is_sitemap else "feed",
        submitted_at=now,
        priority="backlog" if is_sitemap and (is_old or (moment is None and feed.new_at is None)) else "live",
        is_revisit=is_known,
        hints=Hints(
            title=entry.title,
            published=entry.published,
            updated=entry.updated,
            summary=entry.summary,
            body_html=entry.body_html,
        ),
    )


def _cache_age(response: WebResponse, now: datetime) -> timedelta:
    """How long the response says it stays fresh; an hour at most, because news servers set it carelessly."""
    control = response.headers.get("Cache-Control", "").lower()
    age = timedelta()
    if "no-cache" in control or "no-store" in control:
        return age
    match = re.search(r"max-age=(\d{1,9})", control)
    if match is not None:
        age = timedelta(seconds=int(match[1]))
    elif "Expires" in response.headers:
        with suppress(ValueError, TypeError, OverflowError):
            age = parsedate_to_datetime(response.headers["Expires"]) - now
    return min(max(age, timedelta()), _LONGEST_CACHE_AGE)


def _retry_after(response: WebResponse, now: datetime) -> timedelta | None:
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), _LONGEST_RETRY_AFTER)
    with suppress(ValueError, TypeError, OverflowError):
        return min(max(parsedate_to_datetime(value) - now, timedelta()), _LONGEST_RETRY_AFTER)
    return None


async def _digest_of(body: bytes) -> str:
    # 50 MB take some 100 ms, in which the other thread leaves the event loop free.
    digest = hashlib.sha256(body) if len(body) < 1_000_000 else await asyncio.to_thread(hashlib.sha256, body)
    return digest.hexdigest()[:32]


def _jittered(span: timedelta) -> timedelta:
    # So that feeds that were registered together do not come due together for ever.
    return span * random.uniform(0.95, 1.05)  # noqa: S311 - jitter, not a secret


def _word(error: WebError) -> str:
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
