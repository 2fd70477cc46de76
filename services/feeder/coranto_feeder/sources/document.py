"""What a source of any kind comes to when it is read: a document with entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from coranto.settings import SettingsSection
from coranto.sources.kinds import SourceKind


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
    topic: str | None = None
    """Address that the hub knows the feed by."""
    skip_hours: frozenset[int] = frozenset()
    """Hours of the day in UTC at which the feed asks not to be polled."""
    skip_days: frozenset[int] = frozenset()
    """Days of the week, Monday as 0, on which the feed asks not to be polled."""
    is_cut_off: bool = False
    """Whether the document breaks off before its end, so that entries may be missing."""
    was_mended: bool = False
    """Whether the document had faults that had to be put right before it could be read."""


class FeedLimits(SettingsSection):
    """Bounds on one feed or sitemap."""

    max_feed_bytes: int = Field(
        50_000_000, ge=1000, description="Largest feed or sitemap, as sent and unpacked, in bytes."
    )
    max_entries: int = Field(
        50_000, ge=1, description="Entries read of one feed or sitemap; 50,000 is the sitemap protocol's limit."
    )
    max_body_chars: int = Field(
        100_000, ge=0, description="Longest article text in a feed that is kept as a hint; a longer one is left out."
    )
