"""Polls one feed for somebody who wants to see what comes of it: as the feeder does, without Redis and without submitting.

`coranto feeds try` prints the reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, cast

from coranto.frontier import HostLeases, InProcessHostLeases
from coranto.http.recording import Hop, RecordingClient
from coranto.http.robots.cache import RobotsCache, RobotsSource
from coranto.records import Submission
from coranto.sources.registry import Feed, FeedRegistry, new_feed
from coranto_feeder.polite_client import HostBusyError, PoliteClient
from coranto_feeder.polling.feed_parser_pool import FeedParserPool
from coranto_feeder.polling.poll import FeedReader
from coranto_feeder.settings import Settings
from coranto_feeder.sources import ParsedFeed

Outcome = Literal["ok", "retry", "dropped", "blocked", "denied"]

_OUTCOMES: Final[dict[str, Outcome]] = {
    "private_address": "blocked",
    "port_not_allowed": "blocked",
    "no_contact": "blocked",
    "robots_denied": "denied",
    "unreadable": "dropped",
    "not_a_feed": "dropped",
    "empty": "dropped",
    "unsupported_url": "dropped",
    "too_many_redirects": "dropped",
    "not_modified_unasked": "dropped",
    "body_too_large": "dropped",
    "decompression_bomb": "dropped",
    "headers_too_large": "dropped",
    "undecodable_body": "dropped",
    "certificate": "dropped",
}
_LATER: Final = frozenset({408, 425, 429})


@dataclass(slots=True)
class FeedReport:
    """What came of one poll."""

    url: str
    outcome: Outcome
    feed: Feed
    """Its history after this poll, as the registry would keep it."""
    next_poll: datetime | None = None
    detail: str | None = None
    parsed: ParsedFeed | None = None
    """What was read; None when it was no feed."""
    feeds: tuple[str, ...] = ()
    """Feeds that the page names, or sitemaps that an index names and that would be polled."""
    hops: list[Hop] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_document(self) -> dict[str, Any]:
        """The report for JSON."""
        parsed = self.parsed
        return {
            "url": self.url,
            "outcome": self.outcome,
            "reason": self.feed.last_outcome,
            "detail": self.detail,
            "status": self.hops[-1].status if self.hops else None,
            "final_url": self.hops[-1].url if self.hops else None,
            "kind": None if parsed is None else parsed.kind.value,
            "title": None if parsed is None else parsed.title,
            "entries": [
                {
                    "id": entry.id,
                    "link": entry.url,
                    "title": entry.title,
                    "time": _stamp(entry.published or entry.updated),
                }
                for entry in (() if parsed is None else parsed.entries)
            ],
            "feeds": list(self.feeds),
            "warnings": self.warnings,
            "next_poll": _stamp(self.next_poll),
            "hops": [hop.as_document() for hop in self.hops],
        }


def _stamp(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


async def poll_once(
    url: str, settings: Settings, *, hosts: HostLeases | None = None, robots: RobotsSource | None = None
) -> FeedReport:
    """What comes of polling this address for the first time. Raises UnsupportedUrlError.

    Hosts are asked in their turn by `hosts`, and what their robots.txt says is `robots`' to know. Without them, as for somebody who
    works alone, hosts have the pauses of this poll only.
    """
    now = datetime.now(UTC)
    feed = new_feed(url, now=now)
    web = settings.to_web_client()
    pool = settings.feeder.to_parser()
    recorder, parser = RecordingClient(web), _RecordingParser(pool)
    robots = robots or RobotsCache(None, web, agent=settings.fetcher.robots_agent)
    client = PoliteClient(
        recorder,
        hosts or InProcessHostLeases(),
        settings.fetcher.to_host_policy(),
        robots if settings.fetcher.obey_robots else None,
    )
    reader = FeedReader(
        cast("FeedRegistry", _EmptyRegistry()),  # of which it uses these methods
        client,
        cast("FeedParserPool", parser),
        _submit_nothing,
        settings.feeder,
    )
    try:
        result = await reader.poll(feed, None, now=now)
    except HostBusyError as busy:
        return FeedReport(url, "retry", feed, now + busy.retry_after, str(busy), hops=recorder.hops)
    finally:
        await web.close()
        await pool.stop()
    after = result.feed
    report = FeedReport(url, _outcome_of(after), after, result.due_at, after.last_error, parser.parsed)
    report.feeds = tuple(named.url for named in result.named)
    report.hops = recorder.hops
    warnings = [*recorder.notes, *([after.last_warning] if after.last_warning is not None else [])]
    if parser.parsed is not None and parser.parsed.was_mended:
        warnings.append("the document had faults that had to be put right before it could be read")
    report.warnings = list(dict.fromkeys(warnings))
    return report


def _outcome_of(feed: Feed) -> Outcome:
    word = feed.last_outcome or ""
    if not feed.failures:
        return "ok"
    if word.startswith("status_"):
        status = int(word.removeprefix("status_"))
        return "retry" if status in _LATER or status >= 500 else "dropped"
    return _OUTCOMES.get(word, "retry")


class _RecordingParser:
    """The parsers, with a note of what they read."""

    def __init__(self, pool: FeedParserPool) -> None:
        self._pool = pool
        self.find_feeds = pool.find_feeds
        self.parsed: ParsedFeed | None = None

    async def parse(self, body: bytes | Path, *, url: str, content_type: str | None) -> ParsedFeed:
        """The feed in `body`, or in the file there."""
        self.parsed = await self._pool.parse(body, url=url, content_type=content_type)
        return self.parsed


class _EmptyRegistry:
    """A registry that knows of nothing and keeps nothing, so that every entry is new."""

    async def known_entries(self, feed: Feed, keys: Sequence[str]) -> dict[str, str]:  # noqa: ARG002 - nothing is known
        """None."""
        return {}

    async def remember_entries(self, feed: Feed, versions: dict[str, str], *, present: Iterable[str]) -> None:
        """Drop them."""

    async def descendants(self, feed: Feed) -> list[Feed]:  # noqa: ARG002 - nothing is known
        """None."""
        return []


async def _submit_nothing(submissions: Sequence[Submission]) -> None:
    """Drop them."""
