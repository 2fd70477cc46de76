"""Finds the feeds that a home page names: `<link rel="alternate">` first, or else links that look like feeds."""

from __future__ import annotations

import codecs
import re
from typing import Final

from coranto.http.html_attributes import find_tags
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
_NO_CHARSETS: Final = frozenset({
    "idna", "mbcs", "oem", "palmos", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7",
})  # fmt: skip
_TAGS: Final = frozenset({"a", "base", "link"})
_MOST: Final = 50
_LOOKED_AT: Final = 500_000


def looks_like_feed(url: str) -> bool:
    """True when the address is written like that of a feed or sitemap; only fetching it tells for certain."""
    return _FEED_LIKE.search(url.partition("://")[2].partition("/")[2]) is not None


def find_feeds(page: str, *, url: str) -> list[str]:
    """Addresses of the feeds that the page at `url` names, in its order, without repetition."""
    own_base: str | None = None
    alternates: list[str] = []
    links: list[str] = []
    for tag in find_tags(page[:_LOOKED_AT], _TAGS):
        href = tag.attributes.get("href", "")
        if tag.name == "base" and own_base is None:
            own_base = href
        elif tag.name == "link" and href:
            relations = tag.attributes.get("rel", "").lower().split()
            media_type = tag.attributes.get("type", "").partition(";")[0].strip().lower()
            if ("alternate" in relations and media_type in FEED_TYPES) or "feed" in relations:
                alternates.append(href)
        elif tag.name == "a" and href:
            links.append(href)
    base = _joined(url, own_base) or url
    named = [address for href in alternates if (address := _joined(base, href)) is not None]
    if named:
        return list(dict.fromkeys(named))[:_MOST]
    linked = [address for href in links if (address := _joined(base, href)) is not None]
    own = [address for address in linked if host_of(address) == host_of(url) and looks_like_feed(address)]
    return list(dict.fromkeys(own))[:_MOST]


def find_feeds_in_bytes(body: bytes, *, url: str, content_type: str | None) -> list[str]:
    """The same for a page as it was fetched. Call it off the event loop: anybody may have written the page."""
    return find_feeds(body.decode(_charset(body, content_type or ""), "replace"), url=url)


def _charset(body: bytes, content_type: str) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if body.startswith(mark):
            return encoding
    match = re.search(r"charset=[\"']?([A-Za-z0-9_\-]{1,40})", content_type)
    if match is None:
        return "utf-8"
    try:
        name = codecs.lookup(match[1]).name
        b"a".decode(name)
    except (LookupError, UnicodeError):
        return "utf-8"
    # Python's own codecs are not charsets, and some take time that grows with the square of the page.
    return "utf-8" if name in _NO_CHARSETS else name


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
