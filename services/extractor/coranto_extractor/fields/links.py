"""Reads the addresses a page gives: its own canonical one, other forms of it, the next part, and links in the text."""

from __future__ import annotations

from collections.abc import Sequence

from coranto.pagination import follows
from coranto.records.sections import Alternate, Link
from coranto_extractor.fields.details import language_tag
from coranto_extractor.page.blocks import Block
from coranto_extractor.page.metadata import PageMetadata

_MAX_ALTERNATES = 50
_MAX_LINKS = 200
_ALTERNATE_RELS = frozenset({"amphtml", "alternate"})


def canonical_url(page: PageMetadata) -> tuple[str, str] | None:
    """The canonical address as the page declares it, and where."""
    for rel, href, _ in page.links:
        if rel == "canonical":
            url = page.absolute(href)
            if url:
                return url, "link"
    url = page.absolute(page.first("og:url"))
    return (url, "opengraph") if url else None


def alternates(page: PageMetadata) -> tuple[Alternate, ...]:
    """AMP, print and other-language forms."""
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


def next_page_url(page: PageMetadata, first: str | None = None) -> str | None:
    """The part after this page, of an article that is spread over several and begins at `first` (here, unless told)."""
    if not page.url:
        return None
    for rel, href, _ in page.links:
        url = page.absolute(href) if rel == "next" else None
        # Blogs say rel=next of the next article too.
        if url and follows(url, page.url, first or page.url):
            return url
    return None


def links_in(page: PageMetadata, blocks: Sequence[Block]) -> tuple[Link, ...]:
    """The links of the text's blocks, in order."""
    found: dict[str, Link] = {}
    for block in blocks:
        for href, text in block.links:
            url = page.absolute(href)
            if url and text and url not in found:
                found[url] = Link(url=url, text=text[:300])
    return tuple(found.values())[:_MAX_LINKS]
