"""What a user types into a search: words, `"phrases"`, `begin*` and `(one | another)`, as parts and as marks.

Words match in any of their forms, phrases as they are written, and of a group one is enough. Nothing else has a meaning:
operators of FTS5 are words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from coranto.folding import fold
from coranto.store.search.words import places_of, stem, words_of

# A bracket opens a group only where a word could begin: `f(x)` is what it always was.
_OUTSIDE = re.compile(r'"(?P<phrase>[^"]*)"?|(?<!\S)(?P<sign>\()|(?P<word>[^\s"]+)')
_INSIDE = re.compile(r'"(?P<phrase>[^"]*)"?|(?P<sign>[|)])|(?P<word>[^\s"|)]+)')
# An index refuses deep or endless expressions; a query from outside must not be able to ask for one.
_MOST_PARTS = 32
_MOST_WORDS_IN_PART = 32
_EXCERPT_WORDS = 24
_WORDS_BEFORE_MATCH = 6


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that must occur."""

    words: tuple[str, ...]
    """In lower case."""
    is_phrase: bool = False
    is_beginning: bool = False
    synonyms: tuple[Part, ...] = ()
    """Others of its group: any one of them is enough."""

    @property
    def group(self) -> tuple[Part, ...]:
        """It and its synonyms."""
        return (self, *self.synonyms)


def parse(query: str) -> list[Part]:
    """The parts of the query that contain a letter or digit.

    `(bridge | viaduct | "river crossing")` is one part. Brackets around no `|` mean nothing, nor does a `|` outside of brackets; a
    bracket that is not closed ends with the query.
    """
    parts: list[Part] = []
    group: list[list[Part]] | None = None
    at, left = 0, _MOST_PARTS
    while left > 0 and (match := (_OUTSIDE if group is None else _INSIDE).search(query, at)) is not None:
        at = match.end()
        if match["sign"] == "(":
            group = [[]]
        elif match["sign"] == "|" and group is not None:
            group.append([])
        elif match["sign"] == ")" and group is not None:
            parts += _parts_of(group)
            group = None
        else:
            left -= 1
            words = tuple(
                each.lower() for each in words_of(match["phrase"] or match["word"] or "")[:_MOST_WORDS_IN_PART]
            )
            if words:
                is_beginning = match["word"] is not None and match["word"].endswith("*")
                part = Part(words, is_phrase=bool(match["phrase"]), is_beginning=is_beginning)
                (parts if group is None else group[-1]).append(part)
    return list(dict.fromkeys([*parts, *_parts_of(group or [])]))


def _parts_of(group: Sequence[Sequence[Part]]) -> Sequence[Part]:
    """What stands in brackets as one part; as it is, where it is no choice. Of several words between bars, all must occur."""
    if len(group) < 2:
        return [part for alternative in group for part in alternative]
    choices = [
        alternative[0] if len(alternative) == 1 else Part(tuple(word for part in alternative for word in part.words))
        for alternative in group
        if alternative
    ]
    first, *others = dict.fromkeys(choices) if choices else (None,)
    return [] if first is None else [replace(first, synonyms=tuple(others))]


def excerpt(parts: Sequence[Part], texts: Iterable[str | None], stemmer: str | None) -> str:
    """Words around the best match in the first of the texts that has the most of them, matches between `[` and `]`."""
    best: tuple[int, str, list[tuple[int, int]], set[int]] = (-1, "", [], set())
    for raw in texts:
        if not raw:
            continue
        text = unicodedata.normalize("NFC", raw)
        places = list(places_of(text))
        marked, found = _matches(parts, [text[start:end] for start, end in places], stemmer)
        if found > best[0]:
            best = (found, text, places, marked)
    _, text, places, marked = best
    if not places:
        return ""
    first = _best_window(marked)
    last = min(first + _EXCERPT_WORDS, len(places)) - 1
    pieces, at = (["…"] if first else []), places[first][0]
    for number in range(first, last + 1):
        start, end = places[number]
        pieces.append(text[at:start])
        pieces.append(f"[{text[start:end]}]" if number in marked else text[start:end])
        at = end
    pieces.append("…" if last + 1 < len(places) else text[at:])
    return "".join(pieces)


def _matches(parts: Sequence[Part], words: Sequence[str], stemmer: str | None) -> tuple[set[int], int]:
    """The numbers of the words that match, and how many parts of the query do."""
    folded = [fold(word) for word in words]
    places = _places_of_forms(folded, stemmer)
    marked: set[int] = set()
    found = 0
    for part in parts:
        matches = {number for each in part.group for number in _places_of(each, folded, places, stemmer)}
        marked |= matches
        found += bool(matches)
    return marked, found


def _places_of(
    part: Part, folded: Sequence[str], places: Mapping[str, Sequence[int]], stemmer: str | None
) -> Iterator[int]:
    """The numbers of the words that match this one part."""
    asked = [fold(word) for word in part.words]
    if not (part.is_phrase or part.is_beginning):
        for form in {form for word in asked for form in (word, stem(word, stemmer))}:
            yield from places.get(form, ())
        return
    for start in range(len(folded) - len(asked) + 1):
        here = folded[start : start + len(asked)]
        begins = part.is_beginning and here[:-1] == asked[:-1] and here[-1].startswith(asked[-1])
        if begins or here == asked:
            yield from range(start, start + len(asked))


def _places_of_forms(folded: Sequence[str], stemmer: str | None) -> dict[str, list[int]]:
    """Where each word and each stem occurs."""
    by_word: dict[str, list[int]] = {}
    for number, word in enumerate(folded):
        by_word.setdefault(word, []).append(number)
    places = dict(by_word)
    for word, numbers in by_word.items():
        cut = stem(word, stemmer)
        if cut != word:
            places[cut] = [*places.get(cut, ()), *numbers]
    return places


def _best_window(marked: set[int]) -> int:
    """Where the excerpt begins, so that it holds as many matches as it can."""
    places = sorted(marked)
    most, best, last = 0, 0, 0
    reach = _EXCERPT_WORDS - _WORDS_BEFORE_MATCH
    for first, place in enumerate(places):
        while last < len(places) and places[last] < place + reach:
            last += 1
        if last - first > most:
            most, best = last - first, place
    return max(0, best - _WORDS_BEFORE_MATCH)
