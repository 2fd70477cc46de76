"""Makes submissions of the entries of a feed that are new or have changed."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from coranto.client import HostClass, TooMuchWaitingError
from coranto.records import Hints, Submission, content_id
from coranto.sources.registry import Feed
from coranto.urls import UnsupportedUrlError, canonicalize, parse
from coranto_feeder.polling.conditional_get import PollFailedError
from coranto_feeder.sources import Entry

Submit = Callable[[Sequence[Submission]], Awaitable[object]]
"""Submits. Safe to repeat: a submission counts once by its id."""

_AT_ONCE: Final = 250
_CHARS_AT_ONCE: Final = 1_000_000
_OLD_AFTER: Final = timedelta(days=2)
_ANY_HOST: Final = HostClass("")
_SOME_LEFT: Final = 100


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
    is_first_reading = feed.last_new_at is None or feed.entries_left > 0
    is_backlog = feed.kind.holds_archive and (is_old or (time is None and is_first_reading))
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


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What became of the submissions of a document."""

    submitted: int
    left: Mapping[str, HostClass]
    """Keys of the entries for which there is no room at present, with what the room is needed for."""

    @property
    def left_for(self) -> str | None:
        """What most of the entries that are left need room for, as `Feed.left_for` has it."""
        if not self.left:
            return None
        ((queue, _),) = Counter(self.left.values()).most_common(1)
        return name_of(queue)

    @property
    def left_keys(self) -> tuple[str, ...]:
        """Some of those entries, from all parts of the document, its ends included."""
        keys = list(self.left)
        step = max(1, math.ceil(len(keys) / _SOME_LEFT))
        return tuple(dict.fromkeys([*keys[::step], *keys[-1:]]))


async def hand_in(submit: Submit, states: Iterable[EntryState], make: Callable[[EntryState], Submission]) -> HandedIn:
    """Submit these entries, as far as there is room. Raises PollFailedError when they are refused for another reason.

    A submission is made only when its batch is.
    """
    submitted, left, full = 0, dict[str, HostClass](), set[HostClass]()
    is_all_full = False
    for batch in _batches(_with_submissions(states, make)):
        if is_all_full:
            left |= {state.key: _ANY_HOST for state, _ in batch}
            continue
        waiting = {state.key: queue for state, one in batch if full and (queue := queue_of(one)) in full}
        left |= waiting
        wanted = [each for each in batch if each[0].key not in waiting] if waiting else batch
        if not wanted:
            continue
        try:
            await submit([submission for _, submission in wanted])
        except TooMuchWaitingError as error:
            refused = {one.id for one in error.refused}
            is_all_full = not error.is_for_hosts
            left |= {
                state.key: _ANY_HOST if is_all_full else queue_of(submission)
                for state, submission in wanted
                if submission.id in refused
            }
            submitted -= len(refused)
            full |= {queue_of(one) for one in error.refused}
        except (RuntimeError, ValueError) as error:  # the client refuses an address, or to submit to this pipeline
            raise PollFailedError("submit_refused", str(error), retry_after=timedelta(minutes=1)) from error
        submitted += len(wanted)
    return HandedIn(submitted, left)


def name_of(queue: HostClass) -> str:
    """How `Feed.left_for` names it."""
    return f"{queue.priority}:{queue.host}"


def queue_named(name: str) -> HostClass:
    """The one that `name_of` named so."""
    priority, _, host = name.partition(":")
    return HostClass(host, "backlog" if priority == "backlog" else "live")


def queue_of(submission: Submission) -> HostClass:
    """What is refused together: pages of one host and class."""
    return HostClass(parse(submission.url).authority, submission.priority)


def _with_submissions(
    states: Iterable[EntryState], make: Callable[[EntryState], Submission]
) -> Iterator[tuple[EntryState, Submission]]:
    for state in states:
        yield state, make(state)


def _batches(
    submissions: Iterable[tuple[EntryState, Submission]],
) -> Iterator[list[tuple[EntryState, Submission]]]:
    """Batches that are bounded in number and in text, because each is serialised in one piece, on the event loop."""
    batch: list[tuple[EntryState, Submission]] = []
    chars = 0
    for state, submission in submissions:
        batch.append((state, submission))
        chars += len(submission.hints.body_html or "")
        if len(batch) >= _AT_ONCE or chars >= _CHARS_AT_ONCE:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch
