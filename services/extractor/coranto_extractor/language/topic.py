"""Tells by its words whether a piece of text has to do with a headline, in any language and without a dictionary."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]{4,}")
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f]{2,}")
# Endings change with case and number; the first letters of a word mostly do not.
_STEM_LETTERS = 5


def stems(text: str) -> frozenset[str]:
    """The beginnings of a text's words, and the pairs of characters of scripts without spaces."""
    folded = text.casefold().replace("ё", "е")
    found = {word[:_STEM_LETTERS] for word in _WORD.findall(_WIDE.sub(" ", folded))}
    for run in _WIDE.findall(folded):
        found.update(run[n : n + 2] for n in range(len(run) - 1))
    return frozenset(found)


def overlap(text: str, topic: frozenset[str]) -> float:
    """Share of the topic's words that the text takes up, 0 to 1; 1 when there is no topic to compare with."""
    return len(topic & stems(text)) / len(topic) if topic else 1.0
