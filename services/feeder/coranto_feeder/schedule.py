"""When a feed is polled next. Pure: what is known of the feed goes in, a time comes out."""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from coranto.sources.registry import Feed
from coranto_feeder.settings import FeederSettings
from coranto_feeder.sources import Entry

# Cache headers and `ttl` hold up to this: news servers set them carelessly.
LONGEST_CACHE_AGE: Final = timedelta(hours=1)
_LAST_ENTRIES: Final = 12
_LEAST_ENTRIES: Final = 4


def next_interval(
    feed: Feed, entries: Sequence[Entry], *, has_news: bool, now: datetime, settings: FeederSettings
) -> timedelta:
    """The time until the next poll: half the usual time between entries, and longer while nothing is published."""
    current = timedelta(seconds=feed.interval_seconds) if feed.interval_seconds else settings.first_interval
    times = {time for entry in entries if (time := entry.published or entry.updated) and time <= now}
    latest = sorted(heapq.nlargest(_LAST_ENTRIES, times))
    if len(latest) >= _LEAST_ENTRIES and has_news:
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(latest)]
        wanted = timedelta(seconds=statistics.median(gaps) / 2)
        # A feed that publishes every minute by day is silent at night, so the silence since its last entry counts too.
        wanted = max(wanted, (now - latest[-1]) / 4)
        current = (current + wanted) / 2
    else:
        current *= 0.7 if has_news else 1.3
    return min(max(current, settings.min_interval), settings.max_interval)


def pause_after_failure(
    failures: int, *, retry_after: timedelta | None, is_our_refusal: bool, settings: FeederSettings
) -> timedelta:
    """The time until a failing feed is tried again: doubled with each failure in a row, or what the host asks for.

    `is_our_refusal` means that the feed was read and we could not take its entries in; that may be over sooner than the
    feed's shortest interval.
    """
    if retry_after is not None:
        return max(retry_after, timedelta() if is_our_refusal else settings.min_interval)
    doubled: timedelta = settings.min_interval * 2 ** min(failures, 20)
    return min(doubled, settings.max_failing_interval)


def jittered(span: timedelta) -> timedelta:
    """The span, changed a little, so that feeds that were registered together do not stay together."""
    return span * random.uniform(0.95, 1.05)  # noqa: S311 - jitter, not a secret
