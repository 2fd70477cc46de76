"""Reads sources of every kind: one module for each, and here the choice between them by what a document looks like.

Bytes in, entries out; nothing is fetched. Documents are untrusted, so their size and their number of entries are bounded,
and they are read in processes of their own (`feed_parser_pool`).
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Final

from coranto.sources.kinds import NotAFeedError
from coranto.sources.text_decoding import decode
from coranto.sources.xml_text import clean
from coranto_feeder.sources.document import Entry, FeedLimits, ParsedFeed
from coranto_feeder.sources.json_feed import read_json_feed
from coranto_feeder.sources.long_sitemaps import read_long_sitemap
from coranto_feeder.sources.sitemaps import read_sitemap
from coranto_feeder.sources.url_list import read_url_list
from coranto_feeder.sources.xml_feeds import read_xml_feed

__all__ = ["Entry", "FeedLimits", "NotAFeedError", "ParsedFeed", "parse_feed", "parse_feed_file"]

_GZIP: Final = b"\x1f\x8b"
_UNPACKED_AT_ONCE: Final = 1 << 16


def parse_feed(
    body: bytes, *, url: str, content_type: str | None = None, limits: FeedLimits | None = None
) -> ParsedFeed:
    """The feed or sitemap in `body`, fetched from `url`. Raises NotAFeedError when it is neither."""
    limits = limits if limits is not None else FeedLimits()
    body, is_whole = _unpacked(body, limits.max_feed_bytes)
    text = decode(body, content_type)
    feed = _read(text, url, content_type, limits)
    return feed if is_whole else replace(feed, is_cut_off=True)


def parse_feed_file(
    path: Path, *, url: str, content_type: str | None = None, limits: FeedLimits | None = None
) -> ParsedFeed:
    """The feed or sitemap in the file, fetched from `url`: a long sitemap piece by piece, if it is a sound one.

    Raises NotAFeedError when it is neither, and OSError.
    """
    limits = limits if limits is not None else FeedLimits()
    sitemap = read_long_sitemap(path, url=url, content_type=content_type, limits=limits)
    if sitemap is not None:
        return sitemap
    return parse_feed(path.read_bytes(), url=url, content_type=content_type, limits=limits)


def _read(text: str, url: str, content_type: str | None, limits: FeedLimits) -> ParsedFeed:
    if text.lstrip()[:1] == "{":
        return read_json_feed(text, url, limits)
    document = clean(text)
    if document is None:
        return read_url_list(text, content_type, limits)
    match document.root:
        case "html":
            raise NotAFeedError("the document is an HTML page, expected a feed or sitemap")
        case "opml":
            raise NotAFeedError("the document is an OPML list of feeds; import it with `coranto feeds import`")
        case "urlset" | "sitemapindex":
            return read_sitemap(document, url, limits)
        case _:
            return read_xml_feed(document, url, limits)


def _unpacked(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """The document as it is without gzip, and whether it is whole; of a broken archive, what can be had."""
    if not body.startswith(_GZIP):
        _check_size(len(body), max_bytes)
        return body, True
    found = bytearray()
    at, unpacker = 0, zlib.decompressobj(wbits=31)
    while at < len(body):
        try:
            found += unpacker.decompress(body[at : at + _UNPACKED_AT_ONCE], max_bytes + 1 - len(found))
        except zlib.error as error:
            if not found:
                raise NotAFeedError(f"the document is not valid gzip: {error}") from error
            return bytes(found), False
        _check_size(len(found), max_bytes)
        at += _UNPACKED_AT_ONCE
        if unpacker.eof:
            at -= len(unpacker.unused_data)
            if not body.startswith(_GZIP, at):  # what follows the last member is padding
                return bytes(found), True
            unpacker = zlib.decompressobj(wbits=31)
        elif unpacker.unconsumed_tail:
            at -= len(unpacker.unconsumed_tail)
    return bytes(found), False


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise NotAFeedError(f"the document has more than the {max_bytes} bytes that are allowed")
