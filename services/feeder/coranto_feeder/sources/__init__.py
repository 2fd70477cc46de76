"""Reads sources of every kind: one module for each, and here the choice between them by what a document looks like.

Bytes in, entries out; nothing is fetched. Documents are untrusted, so their size and their number of entries are bounded,
and they are read in processes of their own (`feed_parser_pool`).
"""

from __future__ import annotations

import re
import zlib
from typing import Final

from coranto_feeder.sources.document import Entry, FeedLimits, NotAFeedError, ParsedFeed
from coranto_feeder.sources.json_feed import read_json_feed
from coranto_feeder.sources.sitemaps import read_sitemap
from coranto_feeder.sources.url_list import read_url_list
from coranto_feeder.sources.xml_feeds import read_xml_feed, refuse_growing_entities

__all__ = ["Entry", "FeedLimits", "NotAFeedError", "ParsedFeed", "parse_feed"]

_ROOT: Final = re.compile(
    rb"<(?:[A-Za-z_][\w.\-]*:)?(rss|feed|rdf|channel|urlset|sitemapindex|html|opml)\b", re.IGNORECASE
)


def parse_feed(
    body: bytes, *, url: str, content_type: str | None = None, limits: FeedLimits | None = None
) -> ParsedFeed:
    """The feed or sitemap in `body`, fetched from `url`. Raises NotAFeedError when it is neither."""
    limits = limits if limits is not None else FeedLimits()
    body = _unpacked(body, limits.max_feed_bytes)
    beginning = body[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if beginning.startswith(b"{"):
        return read_json_feed(body, url, limits)
    plain = (
        body.replace(b"\0", b"") if b"\0" in body[:200] else body
    )  # enough to recognise the markup in UTF-16 and UTF-32
    root = _ROOT.search(plain[:20_000])
    if root is None:
        return read_url_list(body, content_type, limits)
    refuse_growing_entities(plain)
    match root[1].lower():
        case b"html":
            raise NotAFeedError("the document is an HTML page, expected a feed or sitemap")
        case b"opml":
            raise NotAFeedError("the document is an OPML list of feeds; import it with `coranto feeds import`")
        case b"urlset" | b"sitemapindex":
            return read_sitemap(body, url, limits)
    return read_xml_feed(body, url, content_type, limits)


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    if body.startswith(b"\x1f\x8b"):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            body = unpacker.decompress(body, max_bytes + 1)
        except zlib.error as error:
            raise NotAFeedError(f"the document is not valid gzip: {error}") from error
    if len(body) > max_bytes:
        raise NotAFeedError(f"the document has more than the {max_bytes} bytes that are allowed")
    return body
