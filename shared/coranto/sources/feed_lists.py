"""Lists of feeds as people carry them from one program to another: OPML, or one address per line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from coranto.sources.opml import FeedList, Outline, read_address_list, read_opml, write_opml
from coranto.sources.registry import Feed, new_feed

_BEGINNING_BYTES: Final = 1000
_FIRST_LINE: Final = re.compile(rb"^[^\S\n]*[^\s#].*", re.MULTILINE)
"""The first line that is neither empty nor a remark."""


def read_feed_list(document: bytes) -> FeedList:
    """The feeds of the list, and the lines that name none. Raises BadOpmlError for markup that is no OPML."""
    first = _FIRST_LINE.search(document[:_BEGINNING_BYTES])
    return read_opml(document) if first is not None and b"<" in first[0] else read_address_list(document)


def listed_feeds(listed: FeedList, *, now: datetime, source: str | None = None) -> list[Feed]:
    """The feeds to be registered: titles are their names where `source` gives none, folders their tags."""
    return [
        new_feed(one.url, source=source or one.title, now=now, tags=one.tags).model_copy(update={"title": one.title})
        for one in listed.feeds
    ]


def write_feed_list(feeds: Iterable[Feed]) -> str:
    """The feeds as OPML, for any feed reader. What a sitemap index leads to is left out: the index names it."""
    return write_opml(Outline(feed.url, carried_name(feed), feed.tags) for feed in feeds if feed.root is None)


def carried_name(feed: Feed) -> str | None:
    """The name that goes with the feed to another program: as given to it, else its own title."""
    return feed.source if feed.is_source_given else feed.title
