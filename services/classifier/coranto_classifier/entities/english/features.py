"""What the English tagger sees of each word: the word, its shape, name lists, usual capitalisation, and neighbours.

The names of the features are part of the trained model: whoever changes one has to train the tagger again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from coranto_classifier.entities.english.gazetteer import Gazetteer
from coranto_classifier.entities.english.tokens import CaseCounts
from coranto_classifier.entities.multilingual.opinions import OpinionMaker
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
_WORDS_KEPT = 10_000  # a text repeats its words, and a process sees the same ones all day


def features(
    words: Sequence[str],
    gazetteer: Gazetteer,
    opinions: OpinionMaker,
    cases: CaseCounts | None = None,
    *,
    source: str = TARGET_DOMAIN,
) -> list[list[str]]:
    """The features of each word of a sentence. `cases` counts the capitalisation of the words in the whole text."""
    (rows,) = features_of([words], gazetteer, opinions, cases, source=source)
    return rows


def features_of(
    sentences: Sequence[Sequence[str]],
    gazetteer: Gazetteer,
    opinions: OpinionMaker,
    cases: CaseCounts | None = None,
    *,
    source: str = TARGET_DOMAIN,
) -> list[list[list[str]]]:
    """The features of several sentences, which are quicker read together."""
    rows = [_own_features(words, gazetteer, cases, source) for words in sentences]
    opinions.add(list(zip(rows, sentences, strict=True)), source)
    return rows


def _own_features(words: Sequence[str], gazetteer: Gazetteer, cases: CaseCounts | None, source: str) -> list[list[str]]:
    """The features of a sentence's words but for what their pieces say."""
    known = [_word_features(gazetteer, word) for word in words]
    phrases = gazetteer.phrase_codes([word.lower for word in known])
    is_shouting = sum(word.isupper() for word in words) > _SHOUTING * len(words)
    rows = []
    for index, word in enumerate(known):
        row, copied = [*word.own], [*word.copied]
        if phrases[index]:
            row.append(f"ph={phrases[index]}")
        row += word.kinds
        row += (word.case, f"c0={word.usual}:{word.is_capital}:{index == 0}")
        if index == 0:
            row += ("first", f"first:s={word.shape}")
            copied += ("first", f"first:s={word.shape}")
        if is_shouting:
            row.append("shouting")
        if cases is not None and word.is_capital:
            capital, small = cases.get(word.lower, (0, 0))
            row.append(
                f"seen={'both' if capital and small else 'capital' if capital > 1 else 'small' if small else 'once'}"
            )
        for offset in _OFFSETS:
            near = index + offset
            if not 0 <= near < len(known):
                row.append(f"{offset}edge")
                continue
            other = known[near]
            row += other.beside[offset]
            copied += other.copied_beside[offset]
            if abs(offset) == 1:
                row.append(f"{offset}s|s={other.shape}|{word.shape}")
                row += other.next_to[offset]
                if word.is_capital:
                    row.append(f"{offset}c={other.usual}:{other.is_capital}|{word.usual}")
        row += [f"{source}~{name}" for name in copied]
        rows.append(row)
    return rows


@dataclass(frozen=True, slots=True)
class _WordFeatures:
    """What a word adds to its own row and, by their offsets, to those of its neighbours."""

    lower: str
    shape: str
    usual: str
    is_capital: bool
    case: str
    own: tuple[str, ...]
    kinds: tuple[str, ...]
    beside: dict[int, tuple[str, ...]]
    next_to: dict[int, tuple[str, ...]]
    copied: tuple[str, ...]
    """Those of `own`, `kinds` and `case` that are copied per source."""
    copied_beside: dict[int, tuple[str, ...]]


@lru_cache(maxsize=_WORDS_KEPT)
def _word_features(gazetteer: Gazetteer, word: str) -> _WordFeatures:
    lower, shape, is_capital = word.lower(), _shape(word), word[:1].isupper()
    codes, usual = gazetteer.codes(lower), gazetteer.usual_case(lower)
    own = ["b", f"w={lower}", f"s={shape}"]
    own += [f"p{size}={lower[:size]}" for size in (2, 3) if len(lower) > size]
    own += [f"e{size}={lower[-size:]}" for size in (2, 3, 4) if len(lower) > size]
    own.append(f"m={codes}:{is_capital}")
    own += [f"m{code}" for code in codes]
    kinds, case = _kinds(lower), f"c={usual}:{is_capital}"
    beside: dict[int, tuple[str, ...]] = {offset: (f"{offset}w={lower}", f"{offset}s={shape}") for offset in _OFFSETS}
    for offset in (-1, 1):
        beside[offset] += (f"{offset}m={codes}",)
    return _WordFeatures(
        lower=lower,
        shape=shape,
        usual=usual,
        is_capital=is_capital,
        case=case,
        own=tuple(own),
        kinds=kinds,
        beside=beside,
        next_to={offset: (f"{offset}e3={lower[-3:]}", *(f"{offset}{kind}" for kind in kinds)) for offset in (-1, 1)},
        copied=_copied((*own, *kinds, case)),
        copied_beside={offset: _copied(names) for offset, names in beside.items()},
    )


def _copied(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name.startswith(_DOMAIN_FEATURES))


def _shape(word: str) -> str:
    """The word with its capitals as X, small letters as x and digits as 9, repeats cut to two."""
    shape = re.sub(r"[A-ZÀ-ÖØ-Þ]", "X", word[:20])
    shape = re.sub(r"[^\W\dX_]", "x", shape)
    shape = re.sub(r"\d", "9", shape)
    return re.sub(r"(.)\1{2,}", r"\1\1", shape)


def _kinds(lower: str) -> tuple[str, ...]:
    """Features of a word that often stands beside or inside a kind of name, such as "Inc" or "President"."""
    lists = (
        ("org", lower in _ORGANISATION_WORDS),
        ("loc", lower in _PLACE_WORDS),
        ("title", lower.rstrip(".") in _TITLES),
    )
    return tuple(name for name, holds in lists if holds)
