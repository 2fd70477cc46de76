"""Takes submissions in. An article that is new is passed on as discovered; a feed is registered, to be polled from now on.

Polling, the other half of the service, is `poller`: what it finds in feeds comes back here as submissions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError

from coranto.records import DiscoveredArticle, Discovery, Submission, article_id
from coranto.sources.registry import Feed, Feeds, new_feed
from coranto.urls import Address, UnsupportedUrlError, canonicalize, parse, strip_amp_and_mobile
from coranto.worker.stage import Invalid, Transient, Unwanted
from coranto_feeder.deduplication import Deduplicator
from coranto_feeder.polite_client import HostBusyError
from coranto_feeder.probe import Probe, ProbeFailedError
from coranto_feeder.sources.home_page import looks_like_feed
from coranto_feeder.submission_journal import Journal, NoJournal


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def discover(
    submission: Submission,
    *,
    deduplicator: Deduplicator,
    probe: Probe,
    feeds: Feeds,
    journal: Journal | None = None,
    merges_amp_and_mobile: bool = True,
    now: Callable[[], datetime] = _utc_now,
) -> DiscoveredArticle:
    """The article that the submission names, once within the deduplication window. Safe to run twice."""
    address, canonical = _read_address(submission.url, merges_amp_and_mobile=merges_amp_and_mobile)
    identity = article_id(canonical)
    try:
        if await _is_feed(submission, address, probe):
            is_new = await feeds.add(_feed_of(submission, address, now()), polls_again=submission.is_recrawl)
            raise Unwanted("feed_registered", detail=None if is_new else "it was registered before")
        if submission.is_recrawl:
            await deduplicator.reclaim(identity, submission.id)
        elif not await deduplicator.claim(identity, submission.id):
            raise Unwanted("duplicate", detail=canonical[:200])
    except (RedisError, ConnectionError) as error:
        raise Transient("redis_unavailable", retry_after=timedelta(seconds=2), detail=str(error)) from error
    try:
        await (journal if journal is not None else NoJournal()).append([submission], article=identity)
    except (sqlite3.Error, OSError) as error:
        raise Transient("journal_unavailable", retry_after=timedelta(seconds=5), detail=str(error)) from error
    return DiscoveredArticle(
        id=identity,
        discovery=Discovery(
            url=str(address),
            canonical_url=canonical,
            submission=submission.id,
            source=submission.source,
            discovered_via=submission.discovered_via,
            feed=submission.feed,
            discovered_at=now(),
            priority=submission.priority,
            is_recrawl=submission.is_recrawl,
            hints=submission.hints,
            saved=submission.saved,
        ),
    )


def _read_address(url: str, *, merges_amp_and_mobile: bool) -> tuple[Address, str]:
    """The address as it was submitted, and the canonical one that the article's id is made from."""
    try:
        address, canonical = parse(url), canonicalize(url)
    except UnsupportedUrlError as error:
        raise Invalid("unsupported_url", detail=str(error)) from error
    return address, strip_amp_and_mobile(canonical) if merges_amp_and_mobile else canonical


async def _is_feed(submission: Submission, address: Address, probe: Probe) -> bool:
    """What the submission says, or else what the address looks like and its host confirms."""
    is_on_the_web = address.scheme != "file"
    if submission.kind == "feed":
        if not is_on_the_web:
            raise Invalid("feed_not_on_the_web", detail=submission.url[:200])
        return True
    is_known_page = submission.kind == "page" or submission.saved is not None or not is_on_the_web
    if is_known_page or not looks_like_feed(submission.url):
        return False
    try:
        return await probe(submission.url) == "feed"
    except HostBusyError as busy:
        raise Transient("host_busy", retry_after=busy.retry_after, detail=str(busy), spends_attempt=False) from busy
    except ProbeFailedError as error:
        raise Transient("probe_failed", detail=str(error)) from error


def _feed_of(submission: Submission, address: Address, now: datetime) -> Feed:
    # Programs that do not name themselves are called `submit`; the feed's host says more.
    source = submission.source if submission.source != "submit" else None
    return new_feed(str(address).partition("#")[0], source=source, now=now)
