"""Polls the feeds that are due, and submits what is new in them.

`conditional_get` fetches, `feed_parser_pool` reads, `submissions` makes submissions, `schedule` says when to come again.
A feed that fails is tried again, more and more rarely, and never given up. Replicas share the feeds through leases in the
registry.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from redis.exceptions import RedisError

from coranto.http import WebClient, WebResponse
from coranto.http.headers import cache_lifetime
from coranto.records import Submission
from coranto.sources.kinds import SourceKind
from coranto.sources.registry import Feed, FeedRegistry, new_feed
from coranto.urls import UnsupportedUrlError, host_of
from coranto.worker.log import get_logger, without_query
from coranto_feeder.conditional_get import PollFailedError, get_feed, with_validators
from coranto_feeder.feed_parser_pool import FeedParserPool, UnreadableFeedError
from coranto_feeder.schedule import LONGEST_CACHE_AGE, jittered, next_interval, pause_after_failure
from coranto_feeder.settings import FeederSettings
from coranto_feeder.sources import Entry, NotAFeedError, ParsedFeed
from coranto_feeder.submissions import Submit, states_of, submission_of, submit_in_batches

FEED_POLLED: Final = "feed.polled"
FEED_FAILED: Final = "feed.failed"

_LEASE: Final = timedelta(minutes=5)
# A sitemap index lists a site's whole history; what is new is in the sitemaps that changed recently.
_MOST_CHILD_SITEMAPS: Final = 20
# Hashing 50 MB takes some 100 ms, so a long document is hashed on a thread.
_HASHED_ON_LOOP: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class PollResult:
    """What one poll came to."""

    feed: Feed
    """The feed with its new history."""
    due_at: datetime
    submitted: tuple[Submission, ...] = ()
    named: tuple[Feed, ...] = ()
    """Feeds that the document names: the sitemaps of an index, or the feeds of a home page."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Poller:
    """Polls what is due, for as long as it runs."""

    _TICK = timedelta(seconds=1)

    def __init__(
        self,
        registry: FeedRegistry,
        web: WebClient,
        parser: FeedParserPool,
        submit: Submit,
        settings: FeederSettings,
        *,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._registry = registry
        self._web = web
        self._parser = parser
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
                polling |= {asyncio.create_task(self._poll_in_turn(feed)) for feed in due}
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

    async def _poll_in_turn(self, feed: Feed) -> None:
        """Poll the feed when no other feed of its host is being polled."""
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
            result = await self._fetch_and_read(feed, now)
        except PollFailedError as error:
            result = self._failed(feed, error, now)
        except (RedisError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - logged with its traceback, and kept in the feed's history
            # A bug of ours that one feed triggers must not end the polling of the others.
            self._log.exception(FEED_FAILED, feed=without_query(feed.url))
            result = self._failed(feed, PollFailedError("error", f"{type(error).__name__}: {error}"), now)
        await self._keep(feed, result)
        self._log.info(
            FEED_FAILED if result.feed.failures else FEED_POLLED,
            feed=without_query(feed.url),
            outcome=result.feed.last_outcome,
            submitted=len(result.submitted),
            failures=result.feed.failures,
            next_seconds=round((result.due_at - now).total_seconds()),
        )
        return result

    async def _keep(self, feed: Feed, result: PollResult) -> None:
        for named in result.named:
            await self._registry.add(named)
        if result.feed.kind is SourceKind.UNKNOWN and result.named:
            await self._registry.remove(feed.url)  # a page that named its feeds; they are polled in its place
        else:
            await self._registry.save(result.feed, result.due_at)

    async def _fetch_and_read(self, feed: Feed, now: datetime) -> PollResult:
        fetched = await get_feed(self._web, feed, now=now)
        response = fetched.response
        feed = feed.model_copy(
            update={"polls": feed.polls + 1, "polled_at": now, "moved_to": fetched.moved_to or feed.moved_to}
        )
        if fetched.is_not_modified:
            return self._unchanged(feed, response, "not_modified", now)
        digest = await _digest_of(response.body)
        if digest == feed.digest:
            return self._unchanged(with_validators(feed, response), response, "unchanged", now)
        try:
            parsed = await self._parser.parse(
                response.body, url=response.url, content_type=response.headers.get("Content-Type")
            )
        except UnreadableFeedError as error:
            raise PollFailedError("unreadable", str(error)) from error
        except NotAFeedError as error:
            return await self._page_with_feeds(feed, response, error, now)
        if fetched.contradicts(feed):
            feed = feed.model_copy(update={"has_lying_validators": True})
        feed = with_validators(feed, response).model_copy(
            update={"digest": digest, "kind": parsed.kind, "title": parsed.title or feed.title, "hub": parsed.hub}
        )
        return await self._new_entries(feed, parsed, response, now)

    async def _new_entries(self, feed: Feed, parsed: ParsedFeed, response: WebResponse, now: datetime) -> PollResult:
        """Submit the entries that are new or have changed, or name the sitemaps of an index, and remember them."""
        states = await states_of(parsed.entries)
        versions = {state.key: state.version for state in states}
        known = await self._registry.known_entries(feed, list(versions))
        changed = {state.key: state.entry for state in states if state.is_new_or_changed(known.get(state.key))}
        named: tuple[Feed, ...] = ()
        submitted: list[Submission] = []
        if feed.kind.lists_sources:
            named = tuple(self._child_sitemaps(feed, changed.values(), now))
        else:
            wanted = ((key, entry) for key, entry in changed.items() if self._is_wanted(feed, entry, now))
            submissions = (submission_of(feed, entry, now=now, is_known=key in known) for key, entry in wanted)
            submitted = await submit_in_batches(self._submit, submissions)
        # Only now: if we are killed before, the same submissions are made again, with the same ids.
        await self._registry.remember_entries(feed, {key: versions[key] for key in changed}, present=versions)
        interval = next_interval(feed, parsed.entries, has_news=bool(changed), now=now, settings=self._settings)
        feed = feed.model_copy(
            update={
                "failures": 0,
                "last_outcome": "new" if changed else "unchanged",
                "last_error": None,
                "new_at": now if changed else feed.new_at,
                "interval_seconds": interval.total_seconds(),
            }
        )
        fresh_for = cache_lifetime(response.headers, now=now, longest=LONGEST_CACHE_AGE)
        wait = max(interval, fresh_for, min(parsed.ttl or timedelta(), LONGEST_CACHE_AGE))
        return PollResult(feed, now + jittered(wait), tuple(submitted), named)

    def _is_wanted(self, feed: Feed, entry: Entry, now: datetime) -> bool:
        """Whoever registers a sitemap wants everything in it; the sitemaps of an index are a site's whole history."""
        return not feed.kind.holds_archive or feed.parent is None or self._is_recent(entry, now)

    def _child_sitemaps(self, feed: Feed, entries: Iterable[Entry], now: datetime) -> Iterable[Feed]:
        newest = sorted(entries, key=lambda entry: entry.updated or datetime.min.replace(tzinfo=UTC), reverse=True)
        recent = [entry for entry in newest if entry.updated is None or self._is_recent(entry, now)]
        return (_child_feed(feed, entry.url, now) for entry in recent[:_MOST_CHILD_SITEMAPS])

    def _is_recent(self, entry: Entry, now: datetime) -> bool:
        time = entry.updated or entry.published
        return time is None or not self._settings.sitemap_max_age or time > now - self._settings.sitemap_max_age

    async def _page_with_feeds(
        self, feed: Feed, response: WebResponse, error: NotAFeedError, now: datetime
    ) -> PollResult:
        """A page instead of a feed: the feeds that it names are registered; if it names none, the poll has failed."""
        if feed.digest is not None:
            raise PollFailedError("not_a_feed", str(error))
        content_type = response.headers.get("Content-Type")
        try:
            found = await self._parser.find_feeds(response.body, url=response.url, content_type=content_type)
        except UnreadableFeedError as overdue:
            raise PollFailedError("unreadable", str(overdue)) from overdue
        named = tuple(_child_feed(feed, url, now) for url in found if url not in (feed.url, response.url))
        if not named:
            raise PollFailedError("not_a_feed", str(error))
        feed = feed.model_copy(update={"last_outcome": "page"})
        return PollResult(feed, now + self._settings.max_interval, named=named)

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
        fresh_for = cache_lifetime(response.headers, now=now, longest=LONGEST_CACHE_AGE)
        return PollResult(feed, now + jittered(max(interval, fresh_for)))

    def _failed(self, feed: Feed, error: PollFailedError, now: datetime) -> PollResult:
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
                "last_error": str(error)[:500],
            }
        )
        return PollResult(feed, now + jittered(pause))


def _child_feed(parent: Feed, url: str, now: datetime) -> Feed:
    return new_feed(url, source=parent.source, parent=parent.url, now=now)


async def _digest_of(body: bytes) -> str:
    digest = hashlib.sha256(body) if len(body) < _HASHED_ON_LOOP else await asyncio.to_thread(hashlib.sha256, body)
    return digest.hexdigest()[:32]
