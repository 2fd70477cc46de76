"""What a source of any kind comes to when it is read: a document with entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from coranto.sources.kinds import SourceKind


class NotAFeedError(ValueError):
    """The document could not be read as a source of any kind; the text says what was seen."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One article as a feed or sitemap names it."""

    id: str
    """The feed's own id of the entry, else its address."""
    url: str
    title: str | None = None
    published: datetime | None = None
    updated: datetime | None = None
    summary: str | None = None
    body_html: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """A feed or sitemap as it was read."""

    kind: SourceKind
    title: str | None
    entries: tuple[Entry, ...]
    ttl: timedelta | None = None
    """How long the feed asks not to be polled again."""
    hub: str | None = None
    """WebSub hub that announces changes."""


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """Bounds on one document."""

    max_bytes: int = 50_000_000
    max_entries: int = 50_000
    max_body_chars: int = 100_000
