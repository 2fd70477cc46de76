"""Cuts text in Latin and Cyrillic letters into sentences and tokens.

A word keeps its hyphens and apostrophes, because endings and parts of names are joined by them: "SAD-u", "Rhein-Neckar".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # U.S.A.
    r"|\b[^\W\d_]\.(?=\s*[^\W\d_])"  # an initial
    r"|[^\W_]+(?:[-'’‑][^\W_]+)*"
    r"|[^\w\s]|_"
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’“»)\]]{0,3}\s+(?=[\"'“‘„«»(\[–—-]{0,3}\s?(?:[^\W_]))|\n+")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"“„«])(?:[^\W\d_]|\d{1,2}|bc|ca|dr|eng|fr|gen|hr|ing|itd|jr|judr|kl|mag|mgr|min|mr|mrs|mudr|npr|nr|phdr"
    r"|pl|plk|prof|sen|sr|sra|st|sv|szt|tj|tzv|ul|vd|д|г|гр|им|инж|проф|св|ул)\.$",
    re.IGNORECASE,
)


def tokens_of(text: str) -> list[tuple[int, int]]:
    """Start and end of each token."""
    return [match.span() for match in _TOKEN.finditer(text)]


def sentences_of(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence. An initial, a number of a day or a common abbreviation ends none."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if "\n" not in match.group():
            following = text[match.end() : match.end() + 4].lstrip("\"'“‘„«»([–—- ")
            if not following[:1].isupper() and not following[:1].isdigit():
                continue
            before = text[max(start, match.start() - 7) : match.start()]
            if _ABBREVIATION.search(before):
                continue
        if text[start : match.start()].strip():
            yield start, match.start()
        start = match.end()
    if text[start:].strip():
        yield start, len(text)
