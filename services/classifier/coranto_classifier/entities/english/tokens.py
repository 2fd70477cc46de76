"""Cuts English text into tokens and sentences, and counts how each word of a text is capitalised."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_TOKEN = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # U.S.
    r"|\b(?:Mr|Mrs|Ms|Dr|St|Inc|Corp|Ltd|Co|Jr|Sr|Gen|Lt|Col|Sgt|Prof|Rev|Hon|Gov|Sen|Rep|Mt|Ft)\."
    r"|\b[A-Z]\.(?=\s+[A-Z])"  # an initial
    r"|['’]s\b|n['’]t\b"
    r"|\w+['’](?!s\b)[^\W\d_]{2,}"  # O'Brien
    r"|\w+|[^\w\s]"
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9])|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b[A-Z]|\b(?:Mr|Mrs|Ms|Dr|St|Inc|Corp|Ltd|Co|Jr|Sr|Gen|Lt|Col|Sgt|Prof|Rev|Hon|Gov|Sen|Rep|vs|No))\.$"
)
_LONGEST_ABBREVIATION = 12  # characters, with what stands before it

CaseCounts = dict[str, tuple[int, int]]
"""For each word in lower case: how often it is capitalised inside a sentence, and how often it is in lower case."""


def tokens_of(text: str) -> list[tuple[int, int]]:
    """Start and end of each token."""
    return [match.span() for match in _TOKEN.finditer(text)]


def sentences_of(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        before = text[max(start, match.start() - _LONGEST_ABBREVIATION) : match.start()]
        if "\n" not in match.group() and _ABBREVIATION.search(before):
            continue
        if text[start : match.start()].strip():
            yield start, match.start()
        start = match.end()
    if text[start:].strip():
        yield start, len(text)


def count_cases(words: Sequence[str]) -> CaseCounts:
    """How the words of a text are capitalised. A capital that opens a sentence does not count: every word gets one there."""
    counts: CaseCounts = {}
    opens_sentence = True
    for word in words:
        if word[:1].isalpha():
            capital, small = counts.get(word.lower(), (0, 0))
            if word[0].isupper():
                counts[word.lower()] = (capital + (not opens_sentence), small)
            else:
                counts[word.lower()] = (capital, small + 1)
        opens_sentence = word in {".", "!", "?", ":", "“", '"', "\n"}
    return counts
