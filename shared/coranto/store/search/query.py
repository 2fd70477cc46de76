"""What a user types into a search: words, `"phrases"`, `begin*` and `(one | another)`, as an expression for FTS5 and as marks.

Words match in any of their forms, phrases as they are written, and of a group one is enough. Nothing else has a meaning:
operators of FTS5 are words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Final

from coranto.folding import fold
from coranto.store.search.words import STEMMERS, places_of, stem, stemmer_token, words_of

# A bracket opens a group only where a word could begin: `f(x)` is what it always was.
_OUTSIDE = re.compile(r'"(?P<phrase>[^"]*)"?|(?<!\S)(?P<sign>\()|(?P<word>[^\s"]+)')
_INSIDE = re.compile(r'"(?P<phrase>[^"]*)"?|(?P<sign>[|)])|(?P<word>[^\s"|)]+)')
_MOST_PARTS = 32
_MOST_WORDS_IN_PART = 32
_MOST_SPELLINGS_OF_A_PHRASE = 64
# FTS5 refuses deep or endless expressions; a query from outside must not be able to ask for one.
_EXCERPT_WORDS = 24
_WORDS_BEFORE_MATCH = 6
ALL_STEMMERS: Final = frozenset(STEMMERS.values())


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


def match_expression(parts: Iterable[Part], stemmers: Collection[str] = ALL_STEMMERS) -> str:
    """The parts as an FTS5 expression over the table `articles_fts`; empty when there are none.

    A stem counts only in texts of a language that has this stemmer: the German stem of `news` is `new`.
    """
    return " AND ".join(
        "("
        + " OR ".join(
            f"({_alternatives(each, stemmers)})" if part.synonyms else _alternatives(each, stemmers)
            for each in part.group
        )
        + ")"
        for part in parts
    )


def _alternatives(part: Part, stemmers: Collection[str]) -> str:
    if part.is_phrase:
        return _as_written(part.words)
    if part.is_beginning:
        spellings = dict.fromkeys((" ".join(part.words), " ".join(map(fold, part.words))))
        # Not in the column with the stemmer's name: `snow*` would find every text that has one.
        columns = "title lead text title_forms text_forms" if len(part.words) == 1 else "title lead text"
        return f"{{{columns}}} : (" + " OR ".join(f'"{spelling}"*' for spelling in spellings) + ")"
    if len(part.words) == 1:
        return _forms(part.words[0], stemmers)
    # "Санкт-Петербурга" is two words to the index. Figures and single letters say too little to stand apart.
    together = _as_written(part.words)
    if all(word.isalpha() and len(word) > 2 for word in part.words):
        apart = " AND ".join(f"({_forms(word, stemmers)})" for word in part.words)
        return f"{together} OR ({apart})"
    return together


def _forms(word: str, stemmers: Collection[str]) -> str:
    folded = fold(word)
    by_stem: dict[str, list[str]] = {}
    for stemmer in sorted(stemmers):
        cut = stem(folded, stemmer)
        if cut != folded:
            by_stem.setdefault(cut, []).append(f'"{stemmer_token(stemmer)}"')
    alternatives = [f'"{spelling}"' for spelling in dict.fromkeys((word, folded))]
    alternatives += [f'("{cut}" AND stemmer : ({" OR ".join(names)}))' for cut, names in by_stem.items()]
    return " OR ".join(alternatives)


def _as_written(words: Sequence[str]) -> str:
    # The columns with the text itself tell `ё` and `е` apart, so every likely spelling is asked for.
    spellings = islice(product(*map(spellings_of, words)), _MOST_SPELLINGS_OF_A_PHRASE)
    phrases = dict.fromkeys([tuple(words), tuple(map(fold, words)), *spellings])
    return "{title lead text} : (" + " OR ".join(f'"{" ".join(phrase)}"' for phrase in phrases) + ")"


def spellings_of(word: str) -> list[str]:
    """The word, and how it is written by those who put `е` for `ё` or the other way."""
    plain = word.replace("ё", "е").replace("Ё", "Е")
    # A Russian word has one ё at most, bar a few, so no combinations need be tried.
    places = [place for place, letter in enumerate(plain) if letter in "еЕ"][:8]
    dotted = [f"{plain[:place]}{'ё' if plain[place] == 'е' else 'Ё'}{plain[place + 1 :]}" for place in places]
    return list(dict.fromkeys([word, plain, *dotted]))


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
