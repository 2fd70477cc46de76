"""Takes submissions in: what is a page and new goes on as a discovered article, what is a feed is polled from now on."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

from redis.exceptions import RedisError

from coranto.records import DiscoveredArticle, Discovery, Submission, article_id
from coranto.sources.registry import Feeds
from coranto.urls import UnsupportedUrlError, canonicalize, fold_variants, parse
from coranto.worker.stage import Invalid, Transient, Unwanted
from coranto_feeder.account import Account, NoAccount
from coranto_feeder.autodiscover import looks_like_feed
from coranto_feeder.polling import new_feed
from coranto_feeder.seen import Seen

Probe = Callable[[str], Awaitable[Literal["feed", "page"]]]
"""Asks an address whether it is a feed. Raises ProbeFailedError when it could not be asked."""


class ProbeFailedError(Exception):
    """The host could not be asked; the text says what was seen."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def discover(
    submission: Submission,
    *,
    seen: Seen,
    probe: Probe,
    feeds: Feeds,
    account: Account | None = None,
    folds_variants: bool = True,
    now: Callable[[], datetime] = _utc_now,
) -> DiscoveredArticle:
    """The article that the submission names, once within the span in which it counts as seen. Safe to run twice."""
    try:
        address = parse(submission.url)
        canonical = canonicalize(submission.url)
    except UnsupportedUrlError as error:
        raise Invalid("unsupported_url", detail=str(error)) from error
    if folds_variants:
        canonical = fold_variants(canonical)
    try:
        if await _is_feed(submission, is_web=address.scheme != "file", probe=probe):
            await _register(submission, str(address), feeds, now())
        identity = article_id(canonical)
        if submission.is_revisit:
            await seen.retake(identity, submission.id)
        elif not await seen.take(identity, submission.id):
            raise Unwanted("already_seen", detail=canonical[:200])
    except (RedisError, ConnectionError) as error:
        raise Transient("registry_unavailable", retry_after=timedelta(seconds=2), detail=str(error)) from error
    try:
        await (account if account is not None else NoAccount()).note([submission])
    except (sqlite3.Error, OSError) as error:
        raise Transient("account_unavailable", retry_after=timedelta(seconds=5), detail=str(error)) from error
    return DiscoveredArticle(
        id=identity,
        discovery=Discovery(
            url=str(address),
            canonical_url=canonical,
            submission=submission.id,
            source=submission.source,
            found_by=submission.found_by,
            discovered_at=now(),
            priority=submission.priority,
            is_revisit=submission.is_revisit,
            hints=submission.hints,
            saved=submission.saved,
        ),
    )


async def _is_feed(submission: Submission, *, is_web: bool, probe: Probe) -> bool:
    if submission.kind == "feed":
        if not is_web:
            raise Invalid("feed_not_on_the_web", detail=submission.url[:200])
        return True
    if submission.kind == "page" or submission.saved is not None or not is_web or not looks_like_feed(submission.url):
        return False
    try:
        return await probe(submission.url) == "feed"
    except ProbeFailedError as error:
        raise Transient("probe_failed", detail=str(error)) from error


async def _register(submission: Submission, url: str, feeds: Feeds, now: datetime) -> None:
    """Have the feed polled from now on. Always ends in Unwanted: a feed is no article."""
    # `submit` is what programs that do not name themselves are called; the feed's host says more.
    source = submission.source if submission.source != "submit" else None
    is_new = await feeds.add(new_feed(url.partition("#")[0], source=source, now=now), polls_again=submission.is_revisit)
    raise Unwanted("feed_registered", detail=None if is_new else "it was registered before")
