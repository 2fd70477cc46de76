"""Reads sitemaps in plain text: one address per line."""

from __future__ import annotations

from coranto.sources.entry_fields import absolute_url
from coranto.sources.kinds import NotAFeedError, SourceKind
from coranto_feeder.sources.document import Entry, FeedLimits, ParsedFeed


def read_url_list(text: str, content_type: str | None, limits: FeedLimits) -> ParsedFeed:
    """The addresses in `text`. Raises NotAFeedError when its first lines are anything else."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    if not lines or not all(
        line.lower().startswith(("http://", "https://")) and " " not in line for line in lines[:1000]
    ):
        seen = text[:40].strip()
        raise NotAFeedError(f"the document is not a feed or sitemap (type {content_type}, begins with {seen!r})")
    entries = (absolute_url(line, line) for line in lines[: limits.max_entries])
    return ParsedFeed(SourceKind.SITEMAP, None, tuple(Entry(id=url, url=url) for url in entries if url is not None))
