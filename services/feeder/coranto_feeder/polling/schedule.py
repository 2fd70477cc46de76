"""When a feed is polled next. Pure: what is known of the feed goes in, a time comes out."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from coranto.sources.registry import Feed
from coranto_feeder.settings import FeederSettings
from coranto_feeder.sources import Entry

LONGEST_CACHE_AGE: Final = timedelta(hours=1)
"""Cache headers hold up to this: news servers set them carelessly."""
LONGEST_TTL: Final = timedelta(hours=6)
"""What a feed itself asks for holds up to this."""
_HALF_LIFE_DAYS: Final = 3.0
_LONGEST_SILENCE: Final = timedelta(minutes=30)
# What a feed names of the past tells its rhythm, if it reaches back for more than a moment.
_SHORTEST_PAST: Final = timedelta(minutes=5)
_LEAST_ENTRIES_FOR_GAP: Final = 3
_LONGEST_SKIP: Final = timedelta(days=8)
_SHORTEST_WAIT_FOR_ROOM: Final = timedelta(minutes=1)
# Long, because a site may have thousands of sitemaps that wait: read every half-hour, they would leave no turn for its pages.
_LONGEST_WAIT_FOR_ROOM: Final = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How much a feed publishes, by what was seen of it; recent days count most."""

    recent_items: float = 0.0
    """New entries, each counting half as much after three days."""
    observed_days: float = 0.0
    """The time in which they came, weighed in the same way."""

    @property
    def items_per_day(self) -> float:
        """New entries a day; 0 when nothing was seen yet."""
        return self.recent_items / self.observed_days if self.observed_days else 0.0

    def after(self, elapsed: timedelta, new_items: int) -> Rhythm:
        """The rhythm after so much time in which so many entries came."""
        days = max(0.0, elapsed.total_seconds() / 86_400)
        fading = _fading(days)
        return Rhythm(self.recent_items * fading + new_items, self.observed_days * fading + _weighed_days(days))


def rhythm_of(entries: Sequence[Entry], *, now: datetime) -> Rhythm:
    """The rhythm that a feed's entries tell when it is read for the first time."""
    ages = [(now - time).total_seconds() / 86_400 for entry in entries if (time := entry.published or entry.updated)]
    ages = [age for age in ages if age >= 0]
    if len(ages) < 2:
        return Rhythm()
    # The oldest one begins the time that is looked at, and does not count as come within it.
    oldest = max(*ages, _SHORTEST_PAST.total_seconds() / 86_400)
    items = sum(_fading(age) for age in ages) - _fading(oldest)
    return Rhythm(items, _weighed_days(oldest))


def _weighed_days(days: float) -> float:
    return _HALF_LIFE_DAYS / math.log(2) * (1 - _fading(days))


def _fading(days: float) -> float:
    return math.pow(0.5, days / _HALF_LIFE_DAYS)


def next_interval(
    feed: Feed, rhythm: Rhythm, *, latest: datetime | None, is_gap: bool, now: datetime, settings: FeederSettings
) -> timedelta:
    """The time until the next poll: half the usual time between entries, and longer while nothing is published.

    `latest` is when the feed last published, as far as is known. `is_gap` says that all its entries were new, so that
    others may have come and gone since the last poll.
    """
    per_day = rhythm.items_per_day
    wanted = timedelta(days=min(0.5 / per_day, 365.0)) if per_day > 0 else settings.longest_interval
    if latest is not None and latest < now:
        # A feed that publishes every minute by day is silent at night.
        wanted = max(wanted, min((now - latest) / 8, _LONGEST_SILENCE))
    # A feed that we have just met, or that was silent, may begin to publish at any time.
    longest = 2 * timedelta(seconds=feed.interval_seconds) if feed.interval_seconds else settings.first_interval
    wanted = min(wanted, longest, settings.longest_interval)
    if is_gap and feed.interval_seconds:
        wanted = min(wanted, timedelta(seconds=feed.interval_seconds) / 2)
    return max(wanted, settings.shortest_interval)


def is_gap(feed: Feed, present: Collection[str], *, new: Collection[str]) -> bool:
    """Whether entries may have come and gone unseen since the feed was read before.

    `present` are the keys of its entries now, `new` those of them that were never taken in. Either nothing is left of what
    the feed had then, or an entry is gone that was left in it because there was no room.
    """
    if feed.digest is None:
        return False
    if any(key not in present for key in feed.left_keys):
        return True
    return len(new) == len(present) >= _LEAST_ENTRIES_FOR_GAP and not feed.left_keys


def next_time(feed: Feed, interval: timedelta, *, fresh_for: timedelta, now: datetime) -> datetime:
    """The moment of the next poll: not before what the feed and its server ask for, nor when the feed is not to be asked."""
    asked = min(timedelta(seconds=feed.asks_seconds), LONGEST_TTL)
    due = now + jittered(max(interval, fresh_for, asked))
    end = due + _LONGEST_SKIP
    while due < end and (due.hour in feed.skip_hours or due.weekday() in feed.skip_days):
        due = due.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return due


def pause_after_failure(
    failures: int, *, retry_after: timedelta | None, is_our_refusal: bool, settings: FeederSettings
) -> timedelta:
    """The time until a failing feed is tried again: doubled with each failure in a row, or what the host asks for.

    `is_our_refusal` means that the feed was read and we could not take its entries in; that may be over sooner than the
    feed's shortest interval.
    """
    if retry_after is not None:
        return max(retry_after, timedelta() if is_our_refusal else settings.shortest_interval)
    doubled: timedelta = settings.shortest_interval * 2 ** min(failures, 20)
    return min(doubled, settings.longest_failing_interval)


def pause_for_room(entries_left: int) -> timedelta:
    """The time after which a document is read again at the latest of which so many entries were left, for want of room.

    Short for a few. A long list is read sooner when there is room for a good part of it, see `coranto_feeder.polling.room`.
    """
    return min(max(timedelta(seconds=entries_left), _SHORTEST_WAIT_FOR_ROOM), _LONGEST_WAIT_FOR_ROOM)


def jittered(span: timedelta) -> timedelta:
    """The span, changed a little, so that feeds that were registered together do not stay together."""
    return span * random.uniform(0.95, 1.05)  # noqa: S311 - jitter, not a secret
