"""The kinds of sources that are polled, and what follows from each: the one place to add another."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class SourceKind(StrEnum):
    """What a source turned out to be when it was read."""

    UNKNOWN = "unknown"
    """It has not been read yet."""
    FEED = "feed"
    """RSS, RDF, Atom or JSON Feed: the latest entries, with hints about each."""
    SITEMAP = "sitemap"
    """A sitemap or a list of addresses: all pages of a site, the old ones too."""
    SITEMAP_INDEX = "sitemap_index"
    """A list of sitemaps."""
    HOME_PAGE = "home_page"
    """A page that names no feed, read for the links on it."""

    @property
    def discovered_via(self) -> Literal["feed", "sitemap"]:
        """What articles found in it carry as `discovered_via`."""
        return "sitemap" if self is SourceKind.SITEMAP else "feed"

    @property
    def holds_archive(self) -> bool:
        """Whether entries that are new to us may be old articles."""
        return self is SourceKind.SITEMAP

    @property
    def lists_sources(self) -> bool:
        """Whether its entries are sources and not articles."""
        return self is SourceKind.SITEMAP_INDEX


class NotAFeedError(ValueError):
    """The document could not be read as a source of any kind; the text says what was seen."""
