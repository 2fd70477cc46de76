"""One poll of one feed: its document is fetched and read, what is new in it is submitted, and its history is kept."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol

from coranto.frontier import HostLease
from coranto.http import WebResponse
from coranto.http.response.headers import cache_lifetime, link_target
from coranto.sources.entry_fields import absolute_url
from coranto.sources.kinds import SourceKind
from coranto.sources.registry import Feed, FeedRegistry, child_feed
from coranto.worker.notices import clean
from coranto_feeder.polite_client import PoliteClient
from coranto_feeder.polling.conditional_get import FeedResponse, PollFailedError, get_feed, with_validators
from coranto_feeder.polling.feed_document import FeedDocument
from coranto_feeder.polling.feed_parser_pool import LONGEST_PAGE_BYTES, FeedParserPool, UnreadableFeedError
from coranto_feeder.polling.schedule import (
    LONGEST_CACHE_AGE,
    Rhythm,
    is_gap,
    jittered,
    next_interval,
    next_time,
    pause_after_failure,
    pause_for_room,
    rhythm_of,
)
from coranto_feeder.polling.sitemap_children import DEEPEST, choose_children
from coranto_feeder.settings import FeederSettings
from coranto_feeder.sources import Entry, NotAFeedError, ParsedFeed
from coranto_feeder.submissions import EntryState, Submit, hand_in, states_of, submission_of

_LONGEST_GET: Final = timedelta(minutes=4)
_LONGEST_SOURCE: Final = 200
_MOST_DESCENDANTS: Final = 2000
"""Sitemaps polled at once that come from one registered index, through however many others."""


class EntryJournal(Protocol):
    """Where the entries of feeds are written down besides the registry, which may be lost."""

    async def remember_entries(self, feed: str, versions: dict[str, str], *, present: Iterable[str]) -> None:
        """Keep these entries of the feed with this id. Raises OSError or sqlite3.Error."""


class NoEntryJournal:
    """Writes nothing down: for a process without a journal."""

    async def remember_entries(self, feed: str, versions: dict[str, str], *, present: Iterable[str]) -> None:
        """Drop them."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """What one poll came to."""

    feed: Feed
    """The feed with its new history."""
    due_at: datetime
    submitted: int = 0
    """Submissions made."""
    named: tuple[Feed, ...] = ()
    """Feeds that the document names: the sitemaps of an index, or the feeds of a home page."""
    retired: tuple[str, ...] = ()
    """Sitemaps that are polled no longer."""
    lags: tuple[float, ...] = ()
    """Seconds from publication to discovery, of the new entries."""
    is_gap: bool = False


class FeedReader:
    """Polls feeds, one at a call."""

    def __init__(
        self,
        registry: FeedRegistry,
        client: PoliteClient,
        parser: FeedParserPool,
        submit: Submit,
        settings: FeederSettings,
        journal: EntryJournal | None = None,
        *,
        folder: Path | None = None,
    ) -> None:
        """`folder` is where long documents are kept while they are read; where the system keeps such files unless given."""
        self._registry = registry
        self._client = client
        self._parser = parser
        self._submit = submit
        self._settings = settings
        self._folder = folder
        self._journal = journal if journal is not None else NoEntryJournal()

    async def poll(self, feed: Feed, lease: HostLease | None, *, now: datetime) -> PollResult:
        """Poll the feed: submit what is new, and say when it is due next. Nothing of it is kept yet.

        A feed that fails is a result like any other. Raises HostBusyError when its host cannot be asked now, and what our
        own Redis and disk raise.
        """
        try:
            with FeedDocument(self._folder) as document:
                return await self._fetch_and_read(feed, document, lease, now)
        except PollFailedError as error:
            return self.failed(feed, error, now)

    async def _fetch_and_read(
        self, feed: Feed, document: FeedDocument, lease: HostLease | None, now: datetime
    ) -> PollResult:
        try:
            async with asyncio.timeout(_LONGEST_GET.total_seconds()):
                fetched = await get_feed(self._client, feed, lease=lease, now=now, into=document)
        except TimeoutError as error:
            raise PollFailedError("timed_out", f"the redirects took longer than {_LONGEST_GET}") from error
        response = fetched.response
        before = feed
        feed = _visited(feed, fetched, now)
        if fetched.is_not_modified:
            return self._unchanged(before, feed, response, "not_modified", now)
        if not document.size:
            raise PollFailedError("empty", "the response has no content, expected a feed or sitemap")
        digest = document.digest
        if digest == before.digest and not before.entries_left:
            outcome = before.last_outcome if before.last_warning is not None else None
            return self._unchanged(before, with_validators(feed, response), response, outcome or "unchanged", now)
        try:
            parsed = await self._parser.parse(
                document.content(), url=response.url, content_type=response.headers.get("Content-Type")
            )
        except UnreadableFeedError as error:
            raise PollFailedError("unreadable", str(error)) from error
        except NotAFeedError as error:
            if feed.kind is not SourceKind.HOME_PAGE:
                return await self._page_with_feeds(feed, response, document, error, now)
            parsed = await self._links_of(response, document)
        feed = describe(with_validators(feed, response), with_links(parsed, response), digest)
        return await self._new_entries(before, feed, fetched, parsed, now)

    async def _new_entries(
        self, before: Feed, feed: Feed, fetched: FeedResponse, parsed: ParsedFeed, now: datetime
    ) -> PollResult:
        """Submit the entries that are new or have changed, or choose the sitemaps of an index, and remember them."""
        if feed.kind.lists_sources:
            return await self._index(before, feed, fetched, parsed, now)
        states = await states_of(parsed.entries)
        versions = {state.key: state.version for state in states}
        known = await self._registry.known_entries(feed, list(versions))
        changed = {state.key: state for state in states if state.is_new_or_changed(known.get(state.key))}
        wanted = (state for state in changed.values() if self._is_wanted(feed, state.entry, now))
        handed = await hand_in(
            self._submit, wanted, lambda one: submission_of(feed, one, now=now, is_known=one.key in known)
        )
        left = handed.left
        # Only now: if we are killed before, the same submissions are made again, with the same ids. What there is no room for
        # is not remembered, so it is new again when the document is read the next time.
        noted = {key: versions[key] for key in changed if key not in left}
        await self._journal.remember_entries(feed.id, noted, present=versions)
        await self._registry.remember_entries(feed, noted, present=versions)
        fresh = [state for key, state in changed.items() if key not in known and key not in left]
        # What was left the last time has long been seen.
        lags = [] if before.entries_left else _lags(before, fresh, now)
        gap = is_gap(before, versions, new=[key for key in changed if key not in known])
        if changed and fetched.contradicts(before):
            feed = feed.model_copy(update={"ignores_conditional_requests": True, "tested_at": now})
        outcome, warning = poll_condition(parsed, has_news=bool(changed))
        feed = feed.model_copy(
            update={
                "last_outcome": outcome,
                "last_warning": warning,
                "last_new_at": now if changed else feed.last_new_at,
                "entries_left": len(left),
                "left_keys": handed.left_keys,
                "left_for": handed.left_for,
                "lag_seconds": _mean_lag(feed.lag_seconds, lags),
                "gaps": feed.gaps + gap,
            }
        )
        result = self._scheduled(
            before,
            feed,
            fetched.response,
            now,
            new_items=len(fresh),
            entries=parsed.entries,
            is_gap=gap,
            submitted=handed.submitted,
            lags=tuple(lags),
        )
        return (
            result
            if not left
            else replace(result, due_at=min(result.due_at, now + jittered(pause_for_room(len(left)))))
        )

    async def _index(
        self, before: Feed, feed: Feed, fetched: FeedResponse, parsed: ParsedFeed, now: datetime
    ) -> PollResult:
        """Choose which sitemaps of an index are polled."""
        descendants = await self._registry.descendants(feed)
        polled = [one for one in descendants if one.parent == feed.url]
        states = {state.entry.url: state for state in await states_of(parsed.entries)}
        stamps = await self._registry.known_entries(feed, [state.key for state in states.values()])
        taken = {url: stamp for url, state in states.items() if (stamp := stamps.get(state.key)) is not None}
        room = min(self._settings.max_child_sitemaps, len(polled) + _MOST_DESCENDANTS - len(descendants))
        # On a thread: an index may name 50,000, and each needs its registered domain.
        changes = await asyncio.to_thread(
            choose_children,
            feed,
            parsed.entries,
            polled,
            {url: time for url, stamp in taken.items() if (time := _time_of(stamp)) is not None},
            room=room,
            max_age=self._settings.sitemap_max_age,
            other_domains=self._settings.sitemap_domains,
            now=now,
        )
        noted = {states[url].key: now.isoformat() for url in changes.added}
        await self._registry.remember_entries(feed, noted, present=[state.key for state in states.values()])
        outcome, warning = poll_condition(parsed, has_news=bool(changes.added))
        if feed.depth >= DEEPEST and parsed.entries:
            warning = f"a sitemap index below {DEEPEST} others: what it names is not read"
        elif changes.foreign and warning is None:
            warning = None if changes.foreign < len(states) else "all sitemaps that the index names are on other sites"
        feed = feed.model_copy(
            update={
                "last_outcome": outcome,
                "last_warning": warning,
                "last_new_at": now if changes.added else feed.last_new_at,
            }
        )
        # Each due a moment after the one before it: feeds that are due at the same time are polled in the order of their ids.
        moments = (now + timedelta(milliseconds=place) for place in count())
        named = tuple(child_feed(feed, url, now=moment) for url, moment in zip(changes.added, moments, strict=False))
        return self._scheduled(
            before,
            feed,
            fetched.response,
            now,
            new_items=len(changes.added),
            entries=parsed.entries,
            is_gap=False,
            named=named,
            retired=changes.retired,
        )

    def _is_wanted(self, feed: Feed, entry: Entry, now: datetime) -> bool:
        """Whoever registers a sitemap wants everything in it; the sitemaps of an index are a site's whole history."""
        if not feed.kind.holds_archive or feed.root is None or not self._settings.sitemap_max_age:
            return True
        time = entry.updated or entry.published
        return time is None or time > now - self._settings.sitemap_max_age

    async def _links_of(self, response: WebResponse, document: FeedDocument) -> ParsedFeed:
        """What a home page that was registered for its links leads to."""
        try:
            return await self._parser.read_home_page(
                document.head(LONGEST_PAGE_BYTES), url=response.url, content_type=response.headers.get("Content-Type")
            )
        except UnreadableFeedError as error:
            raise PollFailedError("unreadable", str(error)) from error

    async def _page_with_feeds(
        self, feed: Feed, response: WebResponse, document: FeedDocument, error: NotAFeedError, now: datetime
    ) -> PollResult:
        """A page instead of a feed: the feeds that it names are registered; if it names none, the poll has failed."""
        if feed.digest is not None:
            raise PollFailedError("not_a_feed", str(error))
        content_type = response.headers.get("Content-Type")
        try:
            found = await self._parser.find_feeds(
                document.head(LONGEST_PAGE_BYTES), url=response.url, content_type=content_type
            )
        except UnreadableFeedError as overdue:
            raise PollFailedError("unreadable", str(overdue)) from overdue
        named = [child_feed(feed, url, now=now) for url in found if url not in (feed.url, response.url)]
        if not named:
            raise PollFailedError("not_a_feed", str(error))
        feed = feed.model_copy(update={"last_outcome": "page"})
        return PollResult(feed, now + self._settings.longest_interval, named=tuple(named))

    def _unchanged(self, before: Feed, feed: Feed, response: WebResponse, outcome: str, now: datetime) -> PollResult:
        feed = feed.model_copy(update={"last_outcome": outcome})
        return self._scheduled(before, feed, response, now, new_items=0, entries=(), is_gap=False)

    def _scheduled(
        self,
        before: Feed,
        feed: Feed,
        response: WebResponse,
        now: datetime,
        *,
        new_items: int,
        entries: Sequence[Entry],
        is_gap: bool,
        **more: Any,
    ) -> PollResult:
        """The result of a poll that succeeded, with the feed's rhythm and the time of its next poll."""
        if before.digest is None:
            rhythm = rhythm_of(entries, now=now)
        else:
            rhythm = Rhythm(before.recent_items, before.observed_days).after(
                now - (before.polled_at or before.added_at), new_items
            )
        latest = max(
            (time for entry in entries if (time := entry.published or entry.updated) and time <= now), default=None
        )
        interval = next_interval(
            feed, rhythm, latest=latest or feed.last_new_at, is_gap=is_gap, now=now, settings=self._settings
        )
        feed = feed.model_copy(
            update={
                "failures": 0,
                "last_error": None,
                "interval_seconds": interval.total_seconds(),
                "recent_items": rhythm.recent_items,
                "observed_days": rhythm.observed_days,
                "items_per_day": rhythm.items_per_day,
            }
        )
        fresh_for = cache_lifetime(response.headers, now=now, longest=LONGEST_CACHE_AGE)
        due_at = next_time(feed, interval, fresh_for=fresh_for, now=now)
        return PollResult(feed, due_at, is_gap=is_gap, **more)

    def failed(self, feed: Feed, error: PollFailedError, now: datetime) -> PollResult:
        """The result of a poll that failed."""
        pause = pause_after_failure(
            feed.failures + 1,
            retry_after=error.retry_after,
            is_our_refusal=error.outcome == "submit_refused",
            settings=self._settings,
        )
        feed = feed.model_copy(
            update={
                "polls": feed.polls + 1,
                "polled_at": now,
                "failures": feed.failures + 1,
                "last_outcome": error.outcome,
                "last_error": clean(str(error), 500),
            }
        )
        return PollResult(feed, now + jittered(pause))


def _visited(feed: Feed, fetched: FeedResponse, now: datetime) -> Feed:
    """The feed after a request that was answered."""
    was_conditional = not fetched.is_test and feed.digest is not None and not feed.entries_left
    is_forgiven = feed.ignores_conditional_requests and was_conditional
    return feed.model_copy(
        update={
            "polls": feed.polls + 1,
            "polled_at": now,
            "moved_to": fetched.moved_to or feed.moved_to,
            "ignores_conditional_requests": feed.ignores_conditional_requests and not is_forgiven,
            "tested_at": feed.tested_at if feed.ignores_conditional_requests or was_conditional else now,
        }
        | ({"tested_at": now} if is_forgiven else {})
    )


def describe(feed: Feed, parsed: ParsedFeed, digest: str) -> Feed:
    """The feed with what its document says of itself."""
    title = parsed.title or feed.title
    is_named = feed.is_source_given or not title
    return feed.model_copy(
        update={
            "digest": digest,
            "kind": parsed.kind,
            "title": title,
            "source": feed.source if is_named else str(title)[:_LONGEST_SOURCE],
            "hub": parsed.hub,
            "topic": parsed.topic,
            "asks_seconds": parsed.ttl.total_seconds() if parsed.ttl is not None else 0.0,
            "skip_hours": tuple(sorted(parsed.skip_hours)),
            "skip_days": tuple(sorted(parsed.skip_days)),
        }
    )


def with_links(parsed: ParsedFeed, response: WebResponse) -> ParsedFeed:
    """The document with the hub and topic that its response names, which go before those that it names itself."""
    named = response.headers.getall("Link", [])
    hub, topic = (absolute_url(response.url, link_target(named, relation)) for relation in ("hub", "self"))
    return replace(parsed, hub=hub or parsed.hub, topic=topic or parsed.topic)


def poll_condition(parsed: ParsedFeed, *, has_news: bool) -> tuple[str, str | None]:
    """The outcome of a poll whose document was read, and what is wrong with the document."""
    number = len(parsed.entries)
    if parsed.is_cut_off:
        return "read_in_part", f"the document breaks off before its end; entries that could be read: {number}"
    if not number:
        return "empty", "the document has no entries that lead to an article"
    return "new" if has_news else "unchanged", None


def _lags(before: Feed, fresh: Iterable[EntryState], now: datetime) -> list[float]:
    """Seconds from publication to discovery; nothing at the first poll, which meets old entries."""
    if before.digest is None or before.polled_at is None:
        return []
    times = (state.entry.published for state in fresh)
    seconds = [(now - time).total_seconds() for time in times if time is not None and time <= now]
    return [lag for lag in seconds if lag <= timedelta(days=2).total_seconds()]


def _mean_lag(mean: float | None, lags: list[float]) -> float | None:
    if not lags:
        return mean
    latest = statistics.median(lags)
    return latest if mean is None else 0.8 * mean + 0.2 * latest


def _time_of(stamp: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp) if stamp else None
    except ValueError:
        return None
