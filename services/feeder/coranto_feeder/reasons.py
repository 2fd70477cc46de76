"""The closed list of reasons the feeder gives; the same words stand in metrics, logs, dead letters and the ledger."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "duplicate": "The article was found before, within the time for which it counts as known.",
    "feed_registered": "The address is a feed or sitemap; it is polled from now on.",
    "unsupported_url": "The address is not an http, https or file URL.",
    "feed_not_on_the_web": "A feed must have an http or https address, so that it can be polled.",
    "host_busy": "The address looks like a feed, and its host may not be asked yet; this does not count as an attempt.",
    "probe_failed": "The address looks like a feed, and it could not be fetched to find out.",
    "redis_unavailable": "Redis, which holds the known articles and the feeds, did not answer.",
    "journal_unavailable": "The feeder's journal of what it has passed on cannot be written: full disk, locked file.",
}

SYSTEMIC: frozenset[str] = frozenset({"redis_unavailable", "journal_unavailable"})
"""Reasons whose cause is our own machinery, not the article: a run of them opens the breaker."""
