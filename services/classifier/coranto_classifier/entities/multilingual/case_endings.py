"""Takes case endings off Finnish and Hungarian names: "Tampereella" is Tampere, "Orbán Viktorral" Orbán Viktor.

Only the last word of a name is declined in these languages. An ending is taken off where a list or the text has what is
left, with the changes of the stem that the ending brings ("Helsingissä", "Romániában"), and else where hardly any name ends
so. The table is `data/case_endings.tsv`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from coranto_classifier.entities.mention import EntityType, Mention
from coranto_classifier.entities.multilingual.base_names import BaseNames
from coranto_classifier.entities.multilingual.forms import known_places

WITH_CASE_ENDINGS = frozenset({"fi", "hu"})
"""The languages that have a table."""

_SHORTEST_BASE = 3  # letters
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_EPENTHETIC = re.compile(r"(?<=[^aeiouyäö])i$")  # a foreign name gets an i before an ending: Bidenille
_FOREIGN_LETTERS = re.compile("[bcfgqwxzšž]", re.IGNORECASE)
_DOUBLED = re.compile(r"(?:(?P<letter>[^aáeéiíoóöőuúüű])(?P=letter)|(?P<first>[cglnstz])(?P<digraph>(?P=first)[szy]))$")
_MOST_NAMES = 300


@dataclass(frozen=True, slots=True)
class _Table:
    sure: tuple[str, ...]
    maybe: tuple[str, ...]
    surely: tuple[tuple[str, str], ...]
    """Changes of stems that need no list."""
    stems: tuple[tuple[str, str], ...]
    nouns: tuple[str, ...]
    doubled: tuple[str, ...]
    """Endings that double the consonant before them."""


class BaseForms:
    """Base forms of the names of one language."""

    def __init__(self, language: str, names: BaseNames) -> None:
        self._language = language
        self._table = _tables()[language]
        self._names = names
        self._well_known = frozenset(known_places(language))

    def based(self, text: str, mentions: Sequence[Mention]) -> list[Mention]:
        """The mentions of the text, with their names in the nominative as normal forms."""
        written = frozenset(_WORD.findall(text))
        known: dict[tuple[str, EntityType], str] = {}
        for mention in mentions:
            key = (mention.normal, mention.type)
            if key not in known and len(known) < _MOST_NAMES:
                known[key] = self.base(mention.normal, mention.type, written)
        return [
            replace(mention, normal=known.get((mention.normal, mention.type), mention.normal)) for mention in mentions
        ]

    def base(self, name: str, kind: EntityType, written: Collection[str]) -> str:
        """The name in the nominative. `written` are the words that the text has."""
        before, space, last = name.rpartition(" ")
        if last.isupper() or not _WORD.fullmatch(last) or self._names.has(last, kind):
            return name
        if any(last + ending in written for ending in self._table.sure):
            return name  # a name that ends as a case does: Nagyszeben, where the text has "Nagyszebenben" too
        candidates = list(dict.fromkeys(self._candidates(last)))
        listed = (base for base in candidates if self._is_listed(base, kind, is_surname=bool(before)))
        in_text = (base for base in candidates if base in written)
        is_foreign = (kind == "person" and bool(before)) or _FOREIGN_LETTERS.search(last) is not None
        well_known = (base for base in candidates if kind == "place" and base in self._well_known)
        base = (
            next(well_known, None)
            or next(listed, None)
            or next(in_text, None)
            or self._sure(last, is_foreign=is_foreign)
            or last
        )
        return f"{before}{space}{base.removesuffix('-')}"

    def _is_listed(self, base: str, kind: EntityType, *, is_surname: bool) -> bool:
        """Whether a list has the base; the last word of a Finn's name is no given name: Marin is not Mari's."""
        if kind != "person":
            return self._names.has(base, kind) or base.lower().endswith(self._table.nouns)
        is_given = self._language == "fi" and is_surname and self._names.has_given_name(base)
        return self._names.has(base, kind) and not is_given

    def _candidates(self, word: str) -> Iterator[str]:
        """What the word may be a form of, the likeliest first."""
        stems = list(self._stems(word, self._table.sure)) or self._stems(word, self._table.maybe)
        for stem in stems:
            for old, new in (*self._table.surely, *self._table.stems):
                if stem.endswith(old):
                    yield stem.removesuffix(old) + new
            yield stem
            yield _EPENTHETIC.sub("", stem)
        yield from self._undoubled(word)

    def _sure(self, word: str, *, is_foreign: bool) -> str | None:
        """The word without an ending that hardly any name has; None where it has none. Foreign ones lose an i before it."""
        for stem in self._stems(word, self._table.sure):
            for old, new in self._table.surely:
                if stem.endswith(old):
                    return stem.removesuffix(old) + new
            return _EPENTHETIC.sub("", stem) if is_foreign and self._language == "fi" else stem
        return next(self._undoubled(word), None)

    def _stems(self, word: str, endings: Sequence[str]) -> Iterator[str]:
        """What is left of the word without one of the endings, in their order."""
        for ending in endings:
            if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_BASE:
                yield word.removesuffix(ending)

    def _undoubled(self, word: str) -> Iterator[str]:
        """The word without an ending that doubles a consonant: Viktorral, Kováccsal."""
        for ending in self._table.doubled:
            stem = word.removesuffix(ending)
            match = _DOUBLED.search(stem) if stem != word else None
            if match and match.start() >= _SHORTEST_BASE - 1:
                yield stem[: match.start()] + (match["letter"] or match["digraph"])


@cache
def _tables() -> dict[str, _Table]:
    """The tables by language."""
    lines = files("coranto_classifier").joinpath("data/case_endings.tsv").read_text(encoding="utf-8").splitlines()
    parts: dict[str, dict[str, list[str]]] = {}
    for line in lines:
        if line and not line.startswith("#"):
            language, what, words = line.split("\t")
            parts.setdefault(language, {}).setdefault(what, []).extend(words.split())
    return {
        language: _Table(
            sure=tuple(found["sure"]),
            maybe=tuple(found["maybe"]),
            surely=_pairs(found["surely"]),
            stems=_pairs(found["stems"]),
            nouns=tuple(found["nouns"]),
            doubled=tuple(found.get("doubled", ())),
        )
        for language, found in parts.items()
    }


def _pairs(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((old, new) for old, _, new in (word.partition(">") for word in words))
