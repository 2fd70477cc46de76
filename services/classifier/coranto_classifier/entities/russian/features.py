"""The features of Russian words: what slovnet says of them, their case and dictionary form, what stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.entities.russian.dictionary import is_town, place_of_adjective
from coranto_classifier.entities.russian.networks import Judgement
from coranto_classifier.word_lists import word_list

Parse = Callable[[str], list[tuple[Any, str, float, Any]]]
_OFFSETS = (-2, -1, 1, 2)
_MARKS = (("n", "Name"), ("s", "Surn"), ("p", "Patr"), ("g", "Geox"), ("o", "Orgn"), ("a", "Abbr"))
_TOWN, _NO_MARK = "t", "0"
_HEADS = (("O", word_list("russian_organisation_heads")), ("P", word_list("russian_place_heads")))
_ADJECTIVE_OF_PLACE = "A"
_OPENING, _CLOSING = frozenset('«“„"'), frozenset('»”"')
_LONGEST_QUOTED = 9  # tokens with the closing mark; longer quotations are speech
_UNITS = [f"z{unit}" for unit in range(64)]
_SILENT = 0.05  # a unit's value below which it says nothing
_MOST_MARGIN = 6  # larger differences of scores mean the same: slovnet is certain
_PARTS = (
    "NOUN", "ADJF", "ADJS", "VERB", "INFN", "PRTF", "PRTS", "GRND", "NUMR",
    "ADVB", "NPRO", "PRED", "PREP", "CONJ", "PRCL", "INTJ", "COMP", "None",
)  # fmt: skip
_CASES = ("nomn", "gent", "datv", "accs", "ablt", "loct", "voct", "gen2", "acc2", "loc2", "None", "-")
_FACTS = {
    name: number
    for number, name in enumerate(
        (
            *(f"part {part}" for part in _PARTS),
            *(f"case {case}" for case in _CASES),
            *(f"mark {letter}" for letter, _ in _MARKS),
            f"mark {_TOWN}",
            f"mark {_NO_MARK}",
            *(f"head {letter}" for letter, _ in _HEADS),
            f"head {_ADJECTIVE_OF_PLACE}",
            "capital",
            *(f"quoted {place}" for place in "BIE"),
        )
    )
}
FACTS = len(_FACTS)
"""How many facts there are of a word."""


def features(words: Sequence[str], judgement: Judgement, parse: Parse, source: str) -> list[dict[str, float]]:
    """The features of each word. Their names are part of the trained model."""
    tags, scores = judgement.tags, judgement.scores
    known = [_known(word, parse) for word in words]
    ranks = np.argsort(-scores, axis=1)[:, :2]
    every = np.arange(len(words))
    margins = np.minimum(_MOST_MARGIN, scores[every, ranks[:, 0]] - scores[every, ranks[:, 1]]).astype(int).tolist()
    ranked = ranks.tolist()
    quoted = _quoted(words)
    rows: list[dict[str, float]] = []
    for index, (tag, each) in enumerate(zip(tags, known, strict=True)):
        word, shape, part, ending, lemma, marks = each.own
        first, second = ranked[index]
        tagged = (f"t={tag}", f"ts={tag}|{each.shape}", f"tp={tag}|{each.part}|{each.case}")
        row = [
            "b", tagged[0], word, shape, tagged[1], part, tagged[2], ending, lemma,
            f"e2={first}|{second}|{margins[index]}", marks,
        ]  # fmt: skip
        copied = ["b", tagged[0], word, tagged[1], part, tagged[2], lemma, marks]
        for offset in _OFFSETS:
            near = index + offset
            if 0 <= near < len(words):
                pair = (f"{offset}t={tags[near]}", f"{offset}tt={tags[near]}|{tag}")
                row.append(pair[0])
                row += known[near].beside[offset]
                row.append(pair[1])
                if abs(offset) == 1:
                    copied += pair
            else:
                row.append(f"{offset}E")
        if index + 1 < len(words):
            row.append(f"ll={each.lemma}|{known[index + 1].lemma}")
        if index in quoted:
            place, opening = quoted[index]
            before = known[opening - 1] if opening else None
            quote = (f"q={place}", f"qh={before.head if before else '-'}")
            row += (*quote, f"qw={before.lemma if before else '-'}")
            copied += quote
        row += [f"{source}~{name}" for name in copied]
        rows.append(dict.fromkeys(row, 1.0))
    loud = judgement.units > _SILENT
    places, units = (each.tolist() for each in np.nonzero(loud))
    for index, unit, value in zip(places, units, judgement.units[loud].tolist(), strict=True):
        rows[index][_UNITS[unit]] = value
    return rows


def facts_of(words: Sequence[str], parse: Parse) -> NDArray[np.float32]:
    """A row of noughts and ones for each word: part of speech, case, kinds of names, place in a quotation."""
    rows = np.zeros((len(words), FACTS), dtype=np.float32)
    for row, word in zip(rows, words, strict=True):
        row[list(_facts_alone(word, parse))] = 1.0
    for index, (place, _) in _quoted(words).items():
        rows[index, _FACTS[f"quoted {place}"]] = 1.0
    return rows


@lru_cache(maxsize=20_000)
def _facts_alone(word: str, parse: Parse) -> tuple[int, ...]:
    """The facts of a word that do not depend on its neighbours."""
    known = _known(word, parse)
    names = [f"part {known.part}", f"case {known.case}"]
    names += [f"mark {letter}" for letter in known.marks] + [f"head {letter}" for letter in known.head]
    if word[:1].isupper():
        names.append("capital")
    return tuple(_FACTS[name] for name in names if name in _FACTS)


def _quoted(words: Sequence[str]) -> dict[int, tuple[str, int]]:
    """Of the words from an opening quotation mark to the closing one: B, I or E, and where the opening mark stands."""
    found: dict[int, tuple[str, int]] = {}
    index = 0
    while index < len(words):
        opening = index
        index += 1
        if words[opening] not in _OPENING:
            continue
        last = next(
            (end for end in range(index, min(len(words), index + _LONGEST_QUOTED)) if words[end] in _CLOSING), None
        )
        if last is not None:
            found |= dict.fromkeys(range(index, last), ("I", opening))
            found[opening], found[last] = ("B", opening), ("E", opening)
            index = last + 1
    return found


def _shape(word: str) -> str:
    """A for capitals, X for a capital first letter, x for lower case, 9 for a number, otherwise the character itself."""
    if word.isupper() and len(word) > 1:
        return "A"
    if word[:1].isupper():
        return "X"
    if word.isalpha():
        return "x"
    return "9" if word[:1].isdigit() else word[:1]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the dictionary and the lists know of a word, and the features that follow from the word alone."""

    shape: str
    part: str
    case: str
    lemma: str
    marks: str
    """The kinds of names that it may be, a letter each; 0 for a word that is none of them."""
    head: str
    """O and P for a word that names of organisations and of places begin with, A for a place's adjective."""
    own: tuple[str, str, str, str, str, str]
    """Of the word itself: its letters, shape, part of speech, ending, dictionary form, and the kinds of names it may be."""
    beside: dict[int, tuple[str, ...]]
    """Of the words beside it, by their offset."""


@lru_cache(maxsize=4_000)
def _marks_of(tag: Any) -> str:
    """A letter for each kind of name that a reading stands for. The dictionary has few tags, and asking one is slow."""
    return "".join(letter for letter, mark in _MARKS if mark in tag)


@lru_cache(maxsize=20_000)
def _known(word: str, parse: Parse) -> _Known:
    """Part of speech, case and dictionary form by the most probable reading; kinds of names by any of the first six."""
    lower, shape = word.lower(), _shape(word)
    part, case, lemma, marks, head = word if len(word) == 1 else "X", "-", lower, "-", ""
    if word.isalpha() or "-" in word.strip("-"):
        parses = parse(word)[:6]
        tag, lemma, _, _ = parses[0]
        part, case = str(tag.POS), str(tag.case)
        seen = "".join(_marks_of(each) for each, _, _, _ in parses)
        marks = "".join(letter for letter, _ in _MARKS if letter in seen)
        marks = f"{marks}{_TOWN}" if is_town(lemma) else marks or _NO_MARK
        head = "".join(letter for letter, listed in _HEADS if {lemma, lemma.rsplit("-", 1)[-1]} & listed)
        head = f"{head}{_ADJECTIVE_OF_PLACE}" if place_of_adjective(word) else head
    beside = {
        offset: (
            f"{offset}s={shape}",
            f"{offset}w={lower}",
            f"{offset}p={part}|{case}",
            *((f"{offset}l={lemma}", f"{offset}fl={marks}") if abs(offset) == 1 else ()),
        )
        for offset in _OFFSETS
    }
    own = (
        f"w={lower}",
        f"s={shape}",
        f"p={part}",
        f"e3={lower[-3:]}",
        f"l={lemma}",
        f"fl={marks}|{word[:1].isupper()}",
    )
    return _Known(shape, part, case, lemma, marks, head, own, beside)
