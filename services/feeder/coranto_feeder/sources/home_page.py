"""Finds the feeds that a home page names: `<link rel="alternate">` first, or else links that look like feeds."""

from __future__ import annotations

import re
from typing import Final

from coranto.domains import is_same_site
from coranto.http.page.html_attributes import find_tags
from coranto.sources.kinds import SourceKind
from coranto.sources.text_decoding import decode
from coranto.urls import UnsupportedUrlError, host_of, join, parse
from coranto_feeder.sources.document import Entry, ParsedFeed

FEED_TYPES: Final = frozenset({
    "application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json", "application/x.atom+xml",
    "application/x-atom+xml", "application/rss", "application/atom", "application/x-rss+xml", "text/rss+xml",
})  # fmt: skip
"""Media types that only feeds have."""

GENERAL_TYPES: Final = frozenset({"application/json", "application/xml", "text/xml"})
"""Media types that feeds have among others; what has one is a feed where its address looks like that too."""

_API_LIKE: Final = re.compile(r"/wp-json(?:/|$)|/oembed\b|[?&]rest_route=|/graphql\b|/api/", re.IGNORECASE)
_JSON_FEED_LIKE: Final = re.compile(
    r"(?:^|[/._\-?&=])(?:json-?feed|feed)\w*(?:[./_\-?&=]|$)|\.json(?:[?#]|$)", re.IGNORECASE
)

_FEED_LIKE: Final = re.compile(
    r"(?:^|[/._\-?&=])(?:rss\d?|feeds?|atom|rdf|index\.rdf|sitemap[^/?]*|news-?sitemap[^/?]*)(?:[./_\-?&=]|$)|\.(?:rss|atom|rdf|xml)(?:\.gz)?(?:[?#]|$)",
    re.IGNORECASE,
)
_NO_ARTICLE: Final = re.compile(
    r"/(?:tags?|topics?|category|categories|authors?|search|login|about|contact|privacy|page)(?:/|$)"
    r"|\.(?:jpe?g|png|gif|webp|svg|pdf|mp[34]|zip|css|js|xml|json)$",
    re.IGNORECASE,
)
_NUMBERED: Final = re.compile(r"(?<!\d)\d{5,12}(?!\d)")
_DATED: Final = re.compile(r"/(?:19|20)\d\d/(?:0?[1-9]|1[0-2])(?:/|-)")
_MOST_LINKS: Final = 300
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
            if _names_feed(tag.attributes, href):
                alternates.append(href)
        elif tag.name == "a" and href:
            (alternates if "rel" in tag.attributes and _names_feed(tag.attributes, href) else links).append(href)
    base = _joined(url, own_base) or url
    named = [address for href in alternates if (address := _joined(base, href)) is not None]
    if named:
        return list(dict.fromkeys(named))[:_MOST]
    linked = [address for href in links if (address := _joined(base, href)) is not None]
    own = [address for address in linked if host_of(address) == host_of(url) and looks_like_feed(address)]
    return list(dict.fromkeys(own))[:_MOST]


def _names_feed(attributes: dict[str, str], href: str) -> bool:
    relations = attributes.get("rel", "").lower().split()
    media_type = attributes.get("type", "").partition(";")[0].strip().lower()
    if "feed" in relations and not media_type:
        return True
    if "alternate" not in relations and "feed" not in relations:
        return False
    if media_type in FEED_TYPES:
        return True
    address = _joined("http://host.invalid/", href) or ""
    is_feed_like = looks_like_feed(address) or _JSON_FEED_LIKE.search(address) is not None
    return media_type in GENERAL_TYPES and is_feed_like and not _API_LIKE.search(address)


def find_feeds_in_bytes(body: bytes, *, url: str, content_type: str | None) -> list[str]:
    """The same for a page as it was fetched. Call it off the event loop: anybody may have written the page."""
    return find_feeds(decode(body, content_type), url=url)


def read_home_page(body: bytes, *, url: str, content_type: str | None) -> ParsedFeed:
    """The articles that the page links to on its own site, as entries: a last resort where there is no feed."""
    page = decode(body, content_type)
    own_base: str | None = None
    found: dict[str, None] = {}
    host = host_of(url)
    for tag in find_tags(page, _TAGS):
        href = tag.attributes.get("href", "")
        if tag.name == "base" and own_base is None:
            own_base = _joined(url, href)
        elif tag.name == "a" and href and len(found) < _MOST_LINKS:
            address = _joined(own_base or url, href)
            if address is not None and is_same_site(host_of(address), host) and _looks_like_article(address):
                found[address.partition("#")[0]] = None
    return ParsedFeed(SourceKind.HOME_PAGE, None, tuple(Entry(id=one, url=one) for one in found))


def _looks_like_article(url: str) -> bool:
    """True when the address is written like that of an article: with a headline, a number or a date in it."""
    path = parse(url).path.rstrip("/")
    last = path.rpartition("/")[2]
    if _NO_ARTICLE.search(path):
        return False
    words = [word for word in re.split(r"[-_.,]", last) if word]
    return len(words) >= 4 or _NUMBERED.search(last) is not None or (_DATED.search(path) is not None and len(words) > 1)


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
