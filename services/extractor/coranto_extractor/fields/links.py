"""Reads the URLs a page gives: its canonical one, those of other versions and of the next page, and the links in the text."""

from __future__ import annotations

from coranto.pagination import follows
from coranto.records.sections import Alternate, Link
from coranto_extractor.fields.declared_language import language_tag
from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.page.metadata import PageMetadata

_MAX_ALTERNATES = 50
_MAX_LINKS = 200
_MAX_LINK_TEXT_CHARS = 300
_ALTERNATE_RELS = frozenset({"amphtml", "alternate"})


def find_canonical_url(page: PageMetadata) -> Extracted[str] | None:
    """The canonical URL that the page declares."""
    for rel, href, _ in page.links:
        if rel == "canonical":
            url = page.absolute(href)
            if url:
                return Extracted(url, "link", 0.9)
    url = page.absolute(page.first("og:url"))
    return Extracted(url, "opengraph", 0.9) if url else None


def find_alternates(page: PageMetadata) -> tuple[Alternate, ...]:
    """The AMP and print versions, and those in other languages."""
    found: list[Alternate] = []
    for rel, href, element in page.links:
        url = page.absolute(href) if rel in _ALTERNATE_RELS else None
        if not url:
            continue
        if rel == "amphtml":
            found.append(Alternate(url=url, kind="amp"))
        elif rel == "alternate" and element.get("hreflang"):
            language = language_tag(element.get("hreflang"))
            if language:
                found.append(Alternate(url=url, kind="language", language=language))
        elif rel == "alternate" and "print" in (element.get("media") or ""):
            found.append(Alternate(url=url, kind="print"))
    return tuple(dict.fromkeys(found))[:_MAX_ALTERNATES]


def find_next_page_url(page: PageMetadata, first_page_url: str | None = None) -> str | None:
    """The URL of the next page of an article that is split over several pages.

    `first_page_url`: where the article begins; this page, unless given.
    """
    if not page.url:
        return None
    for rel, href, _ in page.links:
        url = page.absolute(href) if rel == "next" else None
        # Blogs use rel=next for the next article too.
        if url and follows(url, page.url, first_page_url or page.url):
            return url
    return None


def find_links(reading: PageReading) -> tuple[Link, ...]:
    """The links in the text, in order."""
    lines = set(reading.texts)
    found: dict[str, Link] = {}
    for block in reading.text_blocks:
        if block.text not in lines:
            continue
        for href, text in block.links:
            url = reading.metadata.absolute(href)
            if url and text and url not in found:
                found[url] = Link(url=url, text=text[:_MAX_LINK_TEXT_CHARS])
    return tuple(found.values())[:_MAX_LINKS]
