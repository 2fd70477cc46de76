"""Makes submissions of the entries of a feed that are new or have changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from coranto.records import Hints, Submission, content_id
from coranto.sources.registry import Feed
from coranto_feeder.conditional_get import PollFailedError
from coranto_feeder.sources import Entry

Submit = Callable[[Sequence[Submission]], Awaitable[object]]
"""Submits. Safe to repeat: a submission counts once by its id."""

_BATCH: Final = 500
_OLD_AFTER: Final = timedelta(days=2)


def entry_key(entry: Entry) -> str:
    """What the registry knows the entry by."""
    return content_id(entry.id)[:16]


def version_of(entry: Entry) -> str:
    """What tells one state of the entry from another: its time of change; empty where the feed gives none."""
    return entry.updated.isoformat() if entry.updated is not None else ""


def is_new_or_changed(entry: Entry, known_version: str | None) -> bool:
    """True for an entry that is not known, or that the feed itself says has changed."""
    return known_version is None or (entry.updated is not None and version_of(entry) != known_version)


def submission_of(feed: Feed, entry: Entry, *, now: datetime, is_known: bool) -> Submission:
    """The submission of this entry. Its id is the same whenever it is made."""
    time = entry.updated or entry.published
    is_old = time is not None and time < now - _OLD_AFTER
    is_backlog = feed.kind.holds_archive and (is_old or (time is None and feed.new_at is None))
    return Submission(
        id=content_id("feed-entry", feed.url, entry.id, version_of(entry)),
        url=entry.url,
        kind="page",
        source=feed.source,
        found_by=feed.kind.found_by,
        submitted_at=now,
        priority="backlog" if is_backlog else "live",
        is_revisit=is_known,
        hints=Hints(
            title=entry.title,
            published=entry.published,
            updated=entry.updated,
            summary=entry.summary,
            body_html=entry.body_html,
        ),
    )


async def submit_in_batches(submit: Submit, submissions: Sequence[Submission]) -> None:
    """Submit all. Raises PollFailedError when they are refused."""
    for start in range(0, len(submissions), _BATCH):
        try:
            await submit(submissions[start : start + _BATCH])
        except (RuntimeError, ValueError) as error:  # too much is waiting, or the client refuses an address
            raise PollFailedError("submit_refused", str(error), retry_after=timedelta(minutes=1)) from error
