"""Reads sitemaps, news sitemaps and sitemap indexes (sitemaps.org protocol)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from coranto.sources.entry_fields import LONGEST_TITLE, absolute_url, title_line
from coranto.sources.kinds import SourceKind
from coranto.sources.xml_text import MarkupText
from coranto_feeder.sources.document import Entry, FeedLimits, ParsedFeed
from coranto_feeder.sources.times import parse_time
from coranto_feeder.sources.xml_document import Element, Names, read_pieces, read_records

_RECORDS: Final = frozenset({"url", "sitemap"})
_NEWS: Final = frozenset({"news:news", "news"})


@dataclass(slots=True)
class _Found:
    entry: Entry
    is_sitemap: bool


def read_sitemap(document: MarkupText, url: str, limits: FeedLimits) -> ParsedFeed:
    """The sitemap or index, fetched from `url`. Raises NotAFeedError when nothing can be made of it."""
    found, reading = read_records(document, _RECORDS, partial(_record, url=url), most=limits.max_entries)
    return _sitemap(found, document.root, was_mended=reading.was_mended, is_cut_off=reading.breaks_off)


def read_sitemap_pieces(
    pieces: Iterable[str], root: str, url: str, limits: FeedLimits, *, had_faults: Callable[[], bool]
) -> ParsedFeed:
    """The sitemap or index of this root element, which comes in pieces. Raises etree.XMLSyntaxError."""
    found, _ = read_pieces(pieces, _RECORDS, partial(_record, url=url), limits.max_entries)
    return _sitemap(found, root, was_mended=had_faults(), is_cut_off=False)


def _sitemap(found: Sequence[_Found], root: str, *, was_mended: bool, is_cut_off: bool) -> ParsedFeed:
    is_index = all(one.is_sitemap for one in found) if found else root == "sitemapindex"
    return ParsedFeed(
        kind=SourceKind.SITEMAP_INDEX if is_index else SourceKind.SITEMAP,
        title=None,
        entries=tuple(one.entry for one in found),
        is_cut_off=is_cut_off,
        was_mended=was_mended,
    )


def _record(element: Element, names: Names, *, url: str) -> _Found | None:
    # Of the extensions only `news` speaks of the article; images and videos have addresses and titles of their own.
    fields: dict[str, str] = {}
    for child in element:
        name = names(child)
        if name in _NEWS:
            for one in child:
                fields.setdefault(names(one).rpartition(":")[2], _text(one))
        elif ":" not in name or name.startswith("news:"):
            fields.setdefault(name.rpartition(":")[2], _text(child))
    address = absolute_url(url, fields.get("loc"))
    if address is None:
        return None
    entry = Entry(
        id=address,
        url=address,
        title=title_line(fields.get("title"), LONGEST_TITLE),
        published=parse_time(fields.get("publication_date")),
        updated=parse_time(fields.get("lastmod")),
    )
    return _Found(entry, is_sitemap=names(element) == "sitemap")


def _text(element: Element) -> str:
    return "".join(element.itertext()).strip() if len(element) else (element.text or "").strip()
