"""Makes submissions of the entries of a feed that are new or have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from coranto.records import Hints, Submission, content_id
from coranto.sources.registry import Feed
from coranto.urls import UnsupportedUrlError, canonicalize
from coranto_feeder.conditional_get import PollFailedError
from coranto_feeder.sources import Entry

Submit = Callable[[Sequence[Submission]], Awaitable[object]]
"""Submits. Safe to repeat: a submission counts once by its id."""

_AT_ONCE: Final = 250
_CHARS_AT_ONCE: Final = 1_000_000
_OLD_AFTER: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class EntryState:
    """An entry with what the registry knows it by."""

    entry: Entry
    key: str
    version: str
    """What tells one state of the entry from another: its time of change; empty where the feed gives none."""

    def is_new_or_changed(self, known_version: str | None) -> bool:
        """True for an entry that is not known, or that the feed itself says has changed."""
        return known_version is None or (self.entry.updated is not None and self.version != known_version)


async def states_of(entries: Sequence[Entry]) -> list[EntryState]:
    """The entries with their keys and versions. Other tasks run meanwhile: 50,000 take a quarter of a second."""
    states: list[EntryState] = []
    for start in range(0, len(entries), _AT_ONCE):
        states += [EntryState(entry, _key_of(entry), _version_of(entry)) for entry in entries[start : start + _AT_ONCE]]
        await asyncio.sleep(0)
    return states


def _key_of(entry: Entry) -> str:
    """What the registry knows the entry by: its id and its address, because some feeds give one id to all entries.

    The address counts in its canonical form, so that tracking parameters that change with every poll are no news.
    """
    if entry.id == entry.url:
        return content_id(entry.id)[:16]
    try:
        return content_id(entry.id, canonicalize(entry.url))[:16]
    except UnsupportedUrlError:
        return content_id(entry.id, entry.url)[:16]


def _version_of(entry: Entry) -> str:
    return entry.updated.isoformat() if entry.updated is not None else ""


def submission_of(feed: Feed, state: EntryState, *, now: datetime, is_known: bool) -> Submission:
    """The submission of this entry. Its id is the same whenever it is made."""
    entry = state.entry
    time = entry.updated or entry.published
    is_old = time is not None and time < now - _OLD_AFTER
    is_backlog = feed.kind.holds_archive and (is_old or (time is None and feed.last_new_at is None))
    return Submission(
        id=content_id("feed-entry", feed.url, state.key, state.version),
        url=entry.url,
        kind="page",
        source=feed.source,
        tags=feed.tags,
        discovered_via=feed.kind.discovered_via,
        feed=feed.url,
        submitted_at=now,
        priority="backlog" if is_backlog else "live",
        is_recrawl=is_known,
        hints=Hints(
            title=entry.title,
            published=entry.published,
            updated=entry.updated,
            summary=entry.summary,
            body_html=entry.body_html,
        ),
    )


async def submit_in_batches(submit: Submit, submissions: Iterable[Submission]) -> int:
    """Submit all, each made only when its batch is; gives how many there were. Raises PollFailedError when refused."""
    submitted = 0
    for batch in _batches(submissions):
        try:
            await submit(batch)
        except (RuntimeError, ValueError) as error:  # too much is waiting, or the client refuses an address
            raise PollFailedError("submit_refused", str(error), retry_after=timedelta(minutes=1)) from error
        submitted += len(batch)
    return submitted


def _batches(submissions: Iterable[Submission]) -> Iterator[list[Submission]]:
    """Batches that are bounded in number and in text, because each is serialised in one piece, on the event loop."""
    batch: list[Submission] = []
    chars = 0
    for submission in submissions:
        batch.append(submission)
        chars += len(submission.hints.body_html or "")
        if len(batch) >= _AT_ONCE or chars >= _CHARS_AT_ONCE:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch
