"""Finds the note in which the publisher corrects or clarifies the article."""

from __future__ import annotations

import re
from collections.abc import Sequence

from coranto_extractor.language import phrase_lists
from coranto_extractor.page.blocks import Block, normalize_space

_CORRECTION_CLASS = re.compile(
    r"(?:^|[\s_-])(?:correction|corrections|erratum|errata|clarification|amendment)(?:$|[\s_-])", re.IGNORECASE
)
_MIN_NOTE_CHARS = 30
_MAX_NOTE_CHARS = 1000
_MAX_LINK_SHARE = 0.5
_OUTSIDE_ARTICLE = frozenset({"nav", "aside", "comment", "notice"})
# A note is one of the first or last lines of the text, and its phrase stands at the very beginning of the line.
_FIRST_LINES = 3
_LAST_LINES = 6
_SEARCHED_CHARS = 160
_MAX_CHARS_BEFORE_PHRASE = 5


def find_correction(texts: Sequence[str], blocks: Sequence[Block] = ()) -> str | None:
    """The correction note: a block whose class says so, or a line that reads like one; None when there is none."""
    for block in blocks:
        names = block.element.get("class") or ""
        is_text = block.link_share < _MAX_LINK_SHARE and len(block.text) >= _MIN_NOTE_CHARS
        if is_text and _CORRECTION_CLASS.search(names) and not block.regions & _OUTSIDE_ARTICLE:
            return block.text[:_MAX_NOTE_CHARS]
    for text in (*texts[:_FIRST_LINES], *texts[-_LAST_LINES:]):
        beginning = text[:_SEARCHED_CHARS]
        match = phrase_lists.any_phrase("correction").search(beginning)
        is_at_start = match is not None and match.start() < _MAX_CHARS_BEFORE_PHRASE
        if is_at_start or phrase_lists.any_phrase("earlier_version").search(beginning):
            return normalize_space(text)[:_MAX_NOTE_CHARS]
    return None
