"""Which sitemaps of a sitemap index are polled. Pure: the index and what is polled of it go in, changes come out.

An index can name any number of sitemaps, anywhere, and indexes again. So only those of its own site are followed, to a depth
and a number that are bounded; what the index drops is dropped; and where there are more than may be polled at once and no
dates to choose by, all get their turn one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from coranto.domains import registered_domain
from coranto.sources.registry import Feed
from coranto.urls import UnsupportedUrlError, host_of
from coranto_feeder.sources import Entry

DEEPEST: Final = 2
"""Sitemaps this many indexes below the registered one are read; what they name in turn is not."""
_STAYS_AT_LEAST: Final = timedelta(days=1)
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ChildChanges:
    """What is to be done about the sitemaps of an index."""

    added: tuple[str, ...] = ()
    """Addresses to be polled from now on."""
    retired: tuple[str, ...] = ()
    """Addresses to be polled no longer."""
    foreign: int = 0
    """Sitemaps that the index names on other sites, which are left alone."""


def choose_children(
    index: Feed,
    entries: Sequence[Entry],
    polled: Sequence[Feed],
    last_taken: Mapping[str, datetime],
    *,
    room: int,
    max_age: timedelta,
    other_domains: Collection[str] = (),
    now: datetime,
) -> ChildChanges:
    """Which of the index's sitemaps are to be polled.

    `polled` are those that are; `last_taken` says of others when they were. `room` is how many may be polled at once. Of
    sitemaps with dates those changed within `max_age` are wanted, or all when it is 0; of those without, all.
    """
    domains = {registered_domain(host_of(index.url)), *other_domains}
    named = {entry.url: entry for entry in entries}
    named.pop(index.url, None)
    own = {url: entry for url, entry in named.items() if _domain_of(url) in domains}

    def is_wanted(entry: Entry) -> bool:
        return entry.updated is None or not max_age or entry.updated > now - max_age

    retired = [feed.url for feed in polled if feed.url not in own or not is_wanted(own[feed.url])]
    kept = [feed for feed in polled if feed.url not in retired]
    if index.depth >= DEEPEST:
        return ChildChanges((), tuple(retired), len(named) - len(own))
    known = {feed.url for feed in kept}
    waiting = [entry for url, entry in own.items() if url not in known and is_wanted(entry)]
    # With dates the newest first; without, the last in the list first, where most sites put the newest. Of the same date, or of
    # none, whichever has not been read for the longest time comes before that.
    places = {entry.url: place for place, entry in enumerate(entries)}

    def order(entry: Entry) -> tuple[float, datetime, int]:
        age = math.inf if entry.updated is None else -entry.updated.timestamp()
        return age, last_taken.get(entry.url, _BEGINNING), -places[entry.url]

    waiting.sort(key=order)
    free = max(0, room - len(kept))
    if len(waiting) > free:
        leaving = sorted((feed for feed in kept if _has_had_its_turn(feed, own[feed.url], now)), key=_age)
        leaving = leaving[: len(waiting) - free]
        retired += [feed.url for feed in leaving]
        free += len(leaving)
    return ChildChanges(tuple(entry.url for entry in waiting[:free]), tuple(retired), len(named) - len(own))


def _has_had_its_turn(feed: Feed, entry: Entry, now: datetime) -> bool:
    """Whether a sitemap without a date has been read and has had nothing new since."""
    is_quiet = feed.last_new_at is None or feed.last_new_at < now - _STAYS_AT_LEAST or feed.polls == 1
    return entry.updated is None and feed.polls > 0 and is_quiet


def _age(feed: Feed) -> datetime:
    return feed.last_new_at or feed.added_at


def _domain_of(url: str) -> str | None:
    try:
        return registered_domain(host_of(url))
    except UnsupportedUrlError:
        return None
