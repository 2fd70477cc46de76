"""Finds the lead: the summary of the article, where the page has one apart from the text."""

from __future__ import annotations

import re

from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.metadata import strings

_MIN_LEAD_CHARS = 20
# A description that agrees with the first lines of the text in this many letters is the beginning of the text.
_OPENING_LINES = 4
_COMPARED_LETTERS = 80
_ELLIPSIS_AT_END = re.compile(r"(?:\.\.\.|…|\[…\]|\[&hellip;\])\s*$")


def find_lead(reading: PageReading) -> Extracted[str] | None:
    """The lead; None when the page has none, or only repeats the title or the beginning of the text."""
    page = reading.metadata
    opening = alphanumeric_key(" ".join(reading.texts[:_OPENING_LINES]))
    for text, source in (
        (next(iter(strings(page.article.get("description"))), None), "json-ld"),
        (page.first("og:description"), "opengraph"),
        (page.first("description", "twitter:description", "dc.description"), "meta"),
    ):
        if not text or len(text) < _MIN_LEAD_CHARS:
            continue
        key = alphanumeric_key(_ELLIPSIS_AT_END.sub("", text))
        if key and key != alphanumeric_key(reading.title or "") and key[:_COMPARED_LETTERS] not in opening:
            return Extracted(text, source, 0.7)
        return None
    return None
