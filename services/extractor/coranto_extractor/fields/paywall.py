"""Finds out whether the text is behind a paywall."""

from __future__ import annotations

from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.language import phrase_lists

_MAX_JSON_NODES = 50
# The notice is one of the last blocks around the text, and short.
_LAST_BLOCKS = 10
_MAX_NOTICE_CHARS = 300


def find_paywall(reading: PageReading) -> Extracted[bool] | None:
    """Whether the text is behind a paywall; None when the page does not tell."""
    page = reading.metadata
    for node in (page.article, *page.nodes[:_MAX_JSON_NODES]):
        value = node.get("isAccessibleForFree")
        if value is not None and not isinstance(value, list | dict):
            return Extracted(str(value).strip().lower() in ("false", "0", "no"), "json-ld", 0.95)
    tier = (page.first("article:content_tier") or "").lower()
    if tier in ("free", "locked", "metered"):
        return Extracted(tier != "free", "opengraph", 0.9)
    for block in reading.near_headline[-_LAST_BLOCKS:]:
        if len(block.text) < _MAX_NOTICE_CHARS and phrase_lists.any_phrase("paywall").search(block.text):
            return Extracted(value=True, source="marker", confidence=0.6)
    return None
