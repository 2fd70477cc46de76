"""Reads sitemaps, news sitemaps and sitemap indexes (sitemaps.org protocol)."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from coranto.sources.kinds import SourceKind
from coranto_feeder.sources.document import Entry, FeedLimits, NotAFeedError, ParsedFeed
from coranto_feeder.sources.entry_fields import LONGEST_TITLE, absolute_url, clean_line, parse_w3c_time

_LOC_BLOCK: Final = re.compile(r"<(?:\w+:)?(url|sitemap)\b[^<>]*>(.*?)(?=<(?:\w+:)?(?:url|sitemap)\b|\Z)", re.DOTALL)
_FIELD: Final = re.compile(
    r"<(?:(\w+):)?(loc|lastmod|title|publication_date)\b[^<>]*>\s*(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?\s*</", re.DOTALL
)
_OF_MEDIA: Final = ("image", "video")
"""Prefixes of sitemap extensions whose addresses and titles are not the article's."""


def read_sitemap(body: bytes, url: str, limits: FeedLimits) -> ParsedFeed:
    """The sitemap or index in `body`, fetched from `url`. Raises NotAFeedError when it declares entities."""
    try:
        found = list(_blocks(body, limits.max_entries))
    except DefusedXmlException as error:
        raise NotAFeedError("the sitemap declares entities") from error
    except (ParseError, ValueError, LookupError):
        # Broken XML is common in sitemaps; their shape is simple enough to find the addresses without a parser.
        found = list(_blocks_in_text(body.decode("utf-8", "replace"), limits.max_entries))
    is_index = bool(found) and all(name == "sitemap" for name, _ in found)
    entries = []
    for _, fields in found:
        address = absolute_url(url, fields.get("loc"))
        if address is not None:
            entries.append(
                Entry(
                    id=address,
                    url=address,
                    title=clean_line(fields.get("title"), LONGEST_TITLE),
                    published=parse_w3c_time(fields.get("publication_date")),
                    updated=parse_w3c_time(fields.get("lastmod")),
                )
            )
    return ParsedFeed(
        kind=SourceKind.SITEMAP_INDEX if is_index else SourceKind.SITEMAP, title=None, entries=tuple(entries)
    )


def _blocks(body: bytes, most: int) -> Iterator[tuple[str, dict[str, str]]]:
    fields: dict[str, str] = {}
    depth = 0
    count = 0
    root: Element | None = None
    for event, element in iterparse(io.BytesIO(body), events=("start", "end"), forbid_dtd=False):
        name = str(element.tag).rpartition("}")[2].lower()
        if event == "start":
            root = element if root is None else root
            depth += 1
            continue
        depth -= 1
        # A title of a news article stands inside `news`; those of images and videos are their own.
        is_of_media = any(kind in str(element.tag) for kind in _OF_MEDIA)
        if name in ("loc", "lastmod", "publication_date", "title") and element.text and not is_of_media:
            fields.setdefault(name, element.text.strip())
        elif name in ("url", "sitemap") and depth == 1:
            yield name, fields
            fields = {}
            count += 1
            if root is not None:
                root.clear()  # what has been read need not be kept
            if count >= most:
                return


def _blocks_in_text(text: str, most: int) -> Iterator[tuple[str, dict[str, str]]]:
    for number, block in enumerate(_LOC_BLOCK.finditer(text)):
        if number >= most:
            return
        fields: dict[str, str] = {}
        for field in _FIELD.finditer(block[2][:5000]):
            if field[1] not in _OF_MEDIA:
                fields.setdefault(field[2], html.unescape(field[3]))
        yield block[1], fields
