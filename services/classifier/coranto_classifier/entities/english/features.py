"""What the English tagger sees of each word: the word, its shape, name lists, usual capitalisation, and neighbours.

The names of the features are part of the trained model: whoever changes one has to train the tagger again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from coranto_classifier.entities.english.gazetteer import Gazetteer
from coranto_classifier.entities.english.tokens import CaseCounts
from coranto_classifier.word_lists import word_list

TARGET_DOMAIN = "crossner"
"""The training source whose conventions the tagger follows.

Features are copied per source (H. Daumé III, "Frustratingly Easy Domain Adaptation", 2007): the common copy learns what
holds for all sources, the source's own copy its conventions, and tagging uses the copy of this source.
"""

_DOMAIN_FEATURES = ("b", "w=", "s=", "m=", "c=", "-1w", "1w=", "org", "e3=", "first")
"""Beginnings of the features that are copied per source."""

_ORGANISATION_WORDS = word_list("organisation_words")
_PLACE_WORDS = word_list("place_words")
_TITLES = word_list("titles")
_SHOUTING = 0.6  # share of words in capitals
_OFFSETS = (-2, -1, 1, 2)


def features(
    words: Sequence[str], gazetteer: Gazetteer, cases: CaseCounts | None = None, *, source: str = TARGET_DOMAIN
) -> list[list[str]]:
    """The features of each word of a sentence. `cases` counts the capitalisation of the words in the whole text."""
    lowered = [word.lower() for word in words]
    shapes = [_shape(word) for word in words]
    codes = [gazetteer.codes(word) for word in lowered]
    phrases = gazetteer.phrase_codes(lowered)
    usual = [gazetteer.usual_case(word) for word in lowered]
    is_shouting = sum(word.isupper() for word in words) > _SHOUTING * len(words)
    rows = []
    for index, word in enumerate(words):
        lower = lowered[index]
        is_capital = word[:1].isupper()
        row = ["b", f"w={lower}", f"s={shapes[index]}"]
        row.extend(f"p{size}={lower[:size]}" for size in (2, 3) if len(lower) > size)
        row.extend(f"e{size}={lower[-size:]}" for size in (2, 3, 4) if len(lower) > size)
        row.append(f"m={codes[index]}:{is_capital}")
        row.extend(f"m{code}" for code in codes[index])
        if phrases[index]:
            row.append(f"ph={phrases[index]}")
        _add_word_kinds(row, lower, "")
        row.append(f"c={usual[index]}:{is_capital}")
        row.append(f"c0={usual[index]}:{is_capital}:{index == 0}")
        if index == 0:
            row.append("first")
            row.append(f"first:s={shapes[index]}")
        if is_shouting:
            row.append("shouting")
        if cases is not None and is_capital:
            capital, small = cases.get(lower, (0, 0))
            row.append(
                f"seen={'both' if capital and small else 'capital' if capital > 1 else 'small' if small else 'once'}"
            )
        for offset in _OFFSETS:
            near = index + offset
            if not 0 <= near < len(words):
                row.append(f"{offset}edge")
                continue
            row.append(f"{offset}w={lowered[near]}")
            row.append(f"{offset}s={shapes[near]}")
            if abs(offset) == 1:
                row.append(f"{offset}m={codes[near]}")
                row.append(f"{offset}s|s={shapes[near]}|{shapes[index]}")
                row.append(f"{offset}e3={lowered[near][-3:]}")
                _add_word_kinds(row, lowered[near], str(offset))
                if is_capital:
                    row.append(f"{offset}c={usual[near]}:{words[near][:1].isupper()}|{usual[index]}")
        row += [f"{source}~{name}" for name in row if name.startswith(_DOMAIN_FEATURES)]
        rows.append(row)
    return rows


def _shape(word: str) -> str:
    """The word with its capitals as X, small letters as x and digits as 9, repeats cut to two."""
    shape = re.sub(r"[A-ZÀ-ÖØ-Þ]", "X", word[:20])
    shape = re.sub(r"[^\W\dX_]", "x", shape)
    shape = re.sub(r"\d", "9", shape)
    return re.sub(r"(.)\1{2,}", r"\1\1", shape)


def _add_word_kinds(row: list[str], lower: str, offset: str) -> None:
    """Features of words that often stand beside or inside a kind of name, such as "Inc" or "President"."""
    if lower in _ORGANISATION_WORDS:
        row.append(f"{offset}org")
    if lower in _PLACE_WORDS:
        row.append(f"{offset}loc")
    if lower.rstrip(".") in _TITLES:
        row.append(f"{offset}title")
