"""Finds the name of the publication."""

from __future__ import annotations

from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.page.metadata import PageMetadata, strings

_MAX_NAME_CHARS = 80


def find_publisher(page: PageMetadata) -> Extracted[str] | None:
    """The name of the publication; None when the page does not give it."""
    for text in strings(page.resolve(page.article.get("publisher"))):
        if not text.startswith("http"):
            return Extracted(text, "json-ld", 0.9)
    stated = page.first("og:site_name")
    if stated:
        return Extracted(stated, "opengraph", 0.85)
    other = page.first(
        "publisher", "dc.publisher", "dcterms.publisher", "application-name", "apple-mobile-web-app-title"
    )
    is_name = other and len(other) < _MAX_NAME_CHARS and not other.startswith("http")
    return Extracted(other, "meta", 0.5) if other and is_name else None
