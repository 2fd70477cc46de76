"""What is known about a Russian word: its readings in the dictionary, and how often newspapers use it.

pymorphy3 knows half a million words and guesses the others by their endings, often in several ways. How often a form
occurs in newspapers (counted by the authors of the word vectors) distinguishes "Миннесота", which is a word, from
"Миннесот", which is not.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

CASES = ("nomn", "gent", "datv", "accs", "ablt", "loct")
CASE_OF = {"gen2": "gent", "acc2": "accs", "loc2": "loct", "gen1": "gent", "voct": "nomn"}
GENDERS = {"masc": "m", "femn": "f", "neut": "n"}
PROPER_TAGS = ("Geox", "Name", "Surn", "Patr")
CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)

Parse = tuple[Any, str, float, Any]
"""Tag, dictionary form, probability, and the parse to inflect."""

_ADJECTIVE = re.compile(r"^([а-я]+?[сцз]к)(?:ий|ого|ому|им|ом|ая|ой|ую|ое|ие|их|ими)$")


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a word: its nominative, and the case, gender and number that it then has."""

    nominative: str
    case: str
    gender: str  # m, f, n, or * for any
    number: str  # s, p, or * for any
    weight: float
    is_noun: bool = True


class Dictionary:
    """Readings of words, cached. `counts` says how often a word occurs in newspapers."""

    def __init__(self, counts: Callable[[str], int] = lambda _word: 0) -> None:
        import pymorphy3  # type: ignore[import-untyped]  # ships no types

        self._morph: Any = pymorphy3.MorphAnalyzer()
        self._counts = counts
        # A text repeats its words, and a process sees the same names all day.
        self.parses = lru_cache(maxsize=20_000)(self._parse)

    def _parse(self, word: str) -> list[Parse]:
        return [(parse.tag, parse.normal_form, parse.score, parse) for parse in self._morph.parse(word)]

    def is_known(self, word: str) -> bool:
        """Whether the dictionary has the word."""
        return bool(self._morph.word_is_known(word.lower()))

    def lemma(self, word: str) -> tuple[str, str]:
        """Dictionary form and part of speech of a word, by its most probable reading."""
        tag, lemma, _, _ = self.parses(word)[0]
        return lemma, str(tag.POS or "")

    def count(self, word: str) -> int:
        """How often newspapers use the word, which they print with е for ё or not; 0 for a rare one."""
        lower = word.lower()
        return self._counts(lower) + (self._counts(lower.replace("ё", "е")) if "ё" in lower else 0)

    def usage_factor(self, form: str, written: str) -> float:
        """Factor for the weight of a form as the nominative of a written word: nominatives are used more often than other cases."""
        count, other = self.count(form), self.count(written)
        share: float = ((1 + count) / (1 + other)) ** _COUNT_EXPONENT
        return min(_MOST_USAGE, max(share if count else share * _UNSEEN, _LEAST_USAGE))

    def inflected(self, parse: Parse, grammemes: set[str]) -> str | None:
        """The parsed word in another form; None when it has no such form."""
        tag, _, _, word = parse
        if "Supr" in tag:
            # "Высшего" is a form of "высокий", which has two superlatives: take the one with the same beginning.
            if "plur" not in grammemes and not grammemes & set(GENDERS):
                grammemes = grammemes | {str(tag.gender)}
            alike = [each.word for each in word.lexeme if "Supr" in each.tag and grammemes <= each.tag.grammemes]
            return max(alike, key=lambda form: _common_prefix(form, word.word), default=None)
        found = word.inflect(grammemes)
        return None if found is None else str(found.word)

    def given_name(self, word: str, case: str) -> tuple[str, str] | None:
        """The nominative and the gender of a given name in the case; None for another word."""
        for parse in self.parses(word)[:8]:
            tag = parse[0]
            is_given = "Name" in tag and tag.number == "sing" and str(tag.gender) in ("masc", "femn")
            if is_given and tag.case == case and (form := self.inflected(parse, {"nomn", "sing"})) is not None:
                return cased_like(word, form), GENDERS[str(tag.gender)]
        return None

    def plural_surname(self, word: str) -> dict[str, dict[str, str]]:
        """For each case in which the word may be a surname in the plural, the man's and the woman's one, under "m" and "f"."""
        found = {}
        for tag, lemma, _, _ in self.parses(word)[:8]:
            if "Surn" in tag and tag.number == "plur":
                man = next(
                    (each for each in self.parses(lemma) if "Surn" in each[0] and each[0].gender == "masc"), None
                )
                woman = self.inflected(man, {"femn", "nomn", "sing"}) if man else None
                found[str(tag.case)] = {"m": cased_like(word, lemma), "f": cased_like(word, woman or lemma)}
        return found

    def agreeing(self, adjective: str, noun: Reading) -> str | None:
        """The adjective in the nominative, in the noun's gender and number."""
        for parse in self.parses(adjective)[:8]:
            if parse[0].POS not in ("ADJF", "PRTF"):
                continue
            wanted = {"nomn", "plur"} if noun.number == "p" else {"nomn", "sing"}
            if noun.number != "p":
                wanted.add({"f": "femn", "n": "neut"}.get(noun.gender, "masc"))
            inflected = self.inflected(parse, wanted)
            if inflected is not None:
                return inflected
        return None


_COUNT_EXPONENT = 0.5
_UNSEEN = 0.4  # factor for a form that newspapers do not use
_MOST_USAGE = 4.0
_LEAST_USAGE = 0.02


def _common_prefix(one: str, other: str) -> int:
    """Length of the longest common beginning of both words."""
    return next((index for index, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))


def place_of_adjective(word: str) -> str | None:
    """The place that an adjective such as "российского" is derived from."""
    match = _ADJECTIVE.match(word.lower().replace("ё", "е"))
    return _places_of_adjectives().get(match.group(1)) if match else None


@cache
def _places_of_adjectives() -> dict[str, str]:
    """Places by their adjectives without endings."""
    table = files("coranto_classifier").joinpath("data/place_adjectives.tsv").read_text(encoding="utf-8")
    pairs = (line.split("\t", 1) for line in table.splitlines() if line and not line.startswith("#"))
    return dict(pairs)


@cache
def _gazetteer() -> frozenset[str]:
    """The world's towns in Russian spelling, in lower case."""
    packed = files("coranto_classifier").joinpath("data/russian_places.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode("utf-8").split("\n"))


def is_town(name: str) -> bool:
    """Whether the gazetteer has a town with this name."""
    return name.lower().replace("ё", "е") in _gazetteer()


def cased_like(source: str, form: str) -> str:
    """The form with capitals where the source has them, and with е for ё unless the source writes ё."""
    if "ё" not in source.lower():
        form = form.replace("ё", "е")
    if source.isupper() and len(source) > 1:
        return form.upper() if len(source) <= 3 else form.title()
    parts, forms = source.split("-"), form.split("-")
    if len(parts) == len(forms):
        return "-".join(_capitals_of(*pair) for pair in zip(parts, forms, strict=True))
    return _capitals_of(source, form)


def _capitals_of(source: str, form: str) -> str:
    """The form with a capital at each position where the source has one."""
    return "".join(
        letter.upper() if index < len(source) and source[index].isupper() else letter
        for index, letter in enumerate(form)
    )
