"""Finds the feeds that a page names: `<link rel="alternate">` first, then links that look like feeds."""

from __future__ import annotations

import re
from contextlib import suppress
from html.parser import HTMLParser
from typing import Final

from coranto.urls import UnsupportedUrlError, host_of, join

FEED_TYPES: Final = frozenset({
    "application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json", "application/x.atom+xml",
    "application/x-atom+xml", "application/json", "application/xml", "text/xml",
})  # fmt: skip
"""Media types by which pages name their feeds."""

_FEED_LIKE: Final = re.compile(
    r"(?:^|[/._\-?&=])(?:rss\d?|feeds?|atom|rdf|index\.rdf|sitemap[^/?]*|news-?sitemap[^/?]*)(?:[./_\-?&=]|$)|\.(?:rss|atom|rdf|xml)(?:\.gz)?(?:[?#]|$)",
    re.IGNORECASE,
)
_MOST: Final = 50
_LOOKED_AT: Final = 500_000


def looks_like_feed(url: str) -> bool:
    """Whether the address is written like that of a feed or sitemap; only asking the host tells."""
    return _FEED_LIKE.search(url.partition("://")[2].partition("/")[2]) is not None


def find_feeds(page: str, *, url: str) -> list[str]:
    """Addresses of the feeds that the page at `url` names, in its order, without repetition."""
    reader = _Reader()
    # html.parser gives up at a `<![` that opens nothing it knows: what the page named before counts.
    with suppress(AssertionError):
        reader.feed(page[:_LOOKED_AT])
    base = _joined(url, reader.base) or url
    named = [address for href in reader.named if (address := _joined(base, href)) is not None]
    if named:
        return list(dict.fromkeys(named))[:_MOST]
    linked = [address for href in reader.linked if (address := _joined(base, href)) is not None]
    own = [address for address in linked if host_of(address) == host_of(url) and looks_like_feed(address)]
    return list(dict.fromkeys(own))[:_MOST]


def _joined(base: str, href: str | None) -> str | None:
    if not href or not href.strip():
        return None
    href = href.strip()
    # Some pages still write feed:// or feed:https:// for the benefit of feed readers.
    if href.lower().startswith("feed:"):
        rest = href[5:]
        href = f"http:{rest}" if rest.startswith("//") else rest
    try:
        return join(base, href)
    except UnsupportedUrlError:
        return None


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.base: str | None = None
        self.named: list[str] = []
        self.linked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in reversed(attrs)}
        href = values.get("href", "")
        if tag == "base" and self.base is None:
            self.base = href
        elif tag == "link" and href:
            relations = values.get("rel", "").lower().split()
            media_type = values.get("type", "").partition(";")[0].strip().lower()
            if ("alternate" in relations and media_type in FEED_TYPES) or "feed" in relations:
                self.named.append(href)
        elif tag == "a" and href:
            self.linked.append(href)

    handle_startendtag = handle_starttag
