"""The feeder's own metrics: ends of polls, states of feeds, revisits. Never a label for each feed: there may be thousands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from coranto.sources.registry import Feed

OUTCOMES: Final = frozenset({
    "new", "unchanged", "not_modified", "read_in_part", "empty", "page", "host_busy",
    "not_a_feed", "unreadable", "robots_denied", "robots_unreachable", "submit_refused", "not_modified_unasked",
})  # fmt: skip
"""Outcomes that are counted by their own name."""
_LAG: Final = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 24 * 3600)
_SILENT_AFTER: Final = timedelta(days=2)


class FeedMetrics:
    """What the poller counts, in the worker's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.polls = Counter(
            "coranto_feed_polls",
            "Polls by how they ended; `http_error` stands for every status that is no success, `web_error` for no response.",
            ["outcome"],
            registry=registry,
        )
        self.gaps = Counter(
            "coranto_feed_gaps",
            "Polls at which all entries were new, or some had gone that waited for room, so that entries may have been missed.",
            registry=registry,
        )
        self.lag = Histogram(
            "coranto_feed_lag_seconds",
            "Time from an entry's publication, as the feed states it, to its discovery.",
            buckets=_LAG,
            registry=registry,
        )
        self.refetches = Counter(
            "coranto_refetches",
            "Articles that were submitted again, some time after they were stored, to look for corrections.",
            registry=registry,
        )
        self.notices = Counter(
            "coranto_websub_notices",
            "What hubs sent, by what came of it: taken, wrong_signature, unknown, too_large, too_slow, busy.",
            ["outcome"],
            registry=registry,
        )
        self.feeds = Gauge(
            "coranto_feeds",
            "Registered feeds: all of them, those that failed or were read in part, and those without news for two days.",
            ["state"],
            registry=registry,
        )

    def count(self, outcome: str) -> None:
        """Count one poll."""
        if outcome not in OUTCOMES:
            outcome = "http_error" if outcome.startswith("status_") else "web_error"
        self.polls.labels(outcome).inc()

    def show(self, feeds: list[Feed], *, now: datetime) -> None:
        """Set the numbers of feeds; every replica shows the same."""
        self.feeds.labels("all").set(len(feeds))
        self.feeds.labels("failing").set(sum(feed.needs_attention for feed in feeds))
        self.feeds.labels("silent").set(sum(is_silent(feed, _SILENT_AFTER, now=now) for feed in feeds))


def is_silent(feed: Feed, span: timedelta, *, now: datetime) -> bool:
    """Whether the feed has had nothing new for so long; one that was registered less long ago is not silent yet."""
    return (feed.last_new_at or feed.added_at) <= now - span
