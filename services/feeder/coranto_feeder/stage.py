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
from coranto.urls import UnsupportedUrlError, canonicalize, is_saved_page, key_of, parse
from coranto.worker.stage import Accepted, Invalid, Transient, Unwanted
from coranto_feeder.deduplication import Deduplicator
from coranto_feeder.polite_client import HostBusyError
from coranto_feeder.polling.probe import Probe, ProbeFailedError
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
    now: Callable[[], datetime] = _utc_now,
) -> DiscoveredArticle:
    """The article that the submission names, once within the deduplication window. Safe to run twice."""
    url, key = _read_address(submission)
    identity = article_id(key)
    try:
        if await _is_feed(submission, probe):
            is_new = await feeds.add(_feed_of(submission, url, now()), polls_again=submission.is_recrawl)
            raise Accepted("feed_registered", detail=None if is_new else "it was registered before")
        if submission.is_recrawl:
            await deduplicator.reclaim(identity, submission.id)
        elif not await deduplicator.claim(identity, submission.id):
            raise Unwanted("duplicate", detail=key[:200])
    except (RedisError, ConnectionError) as error:
        raise Transient("redis_unavailable", retry_after=timedelta(seconds=2), detail=str(error)) from error
    try:
        await (journal if journal is not None else NoJournal()).append([submission], article=identity)
    except (sqlite3.Error, OSError) as error:
        raise Transient("journal_unavailable", retry_after=timedelta(seconds=5), detail=str(error)) from error
    return DiscoveredArticle(
        id=identity,
        key=key,
        url=url,
        discovery=Discovery(
            url=url,
            submission=submission.id,
            source=submission.source,
            tags=submission.tags,
            discovered_via=submission.discovered_via,
            feed=submission.feed,
            discovered_at=now(),
            priority=submission.priority,
            is_recrawl=submission.is_recrawl,
            hints=submission.hints,
            saved=submission.saved,
        ),
    )


def _read_address(submission: Submission) -> tuple[str, str]:
    """The address to fetch, out of any wrapper that names it, and its key form, which the article's id is made from."""
    url = submission.address
    if submission.kind == "feed" and not _is_on_the_web(url):
        raise Invalid("feed_not_on_the_web", detail=url[:200])
    try:
        if is_saved_page(url):
            if submission.saved is None:
                raise UnsupportedUrlError(f"{url} names a saved page, and the page itself was not submitted with it")
            return key_of(url), key_of(url)
        if not _is_on_the_web(url):
            raise UnsupportedUrlError(f"expected an http or https address, got {url[:100]!r}")
        return _fetchable(url), key_of(url)
    except UnsupportedUrlError as error:
        raise Invalid("unsupported_url", detail=str(error)) from error


def _fetchable(url: str) -> str:
    """The address as it was submitted, unless it only leads over to another one that it names."""
    address, canonical = parse(url), canonicalize(url)
    return str(address) if parse(canonical).host == address.host.rstrip(".") else canonical


def _is_on_the_web(url: str) -> bool:
    return url.strip().lower().startswith(("http:", "https:"))


async def _is_feed(submission: Submission, probe: Probe) -> bool:
    """What the submission says, or else what the address looks like and its host confirms."""
    if submission.kind == "feed":
        return True
    is_known_page = submission.kind == "page" or submission.saved is not None
    if is_known_page or not looks_like_feed(submission.url):
        return False
    try:
        return await probe(submission.url) == "feed"
    except HostBusyError as busy:
        raise Transient("host_busy", retry_after=busy.retry_after, detail=str(busy), spends_attempt=False) from busy
    except ProbeFailedError as error:
        raise Transient("probe_failed", detail=str(error)) from error


def _feed_of(submission: Submission, url: str, now: datetime) -> Feed:
    # Programs that do not name themselves are called `submit`; the feed's host says more.
    source = submission.source if submission.source != "submit" else None
    return new_feed(url.partition("#")[0], source=source, now=now)
