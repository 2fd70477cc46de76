"""Puts Slavic names into the nominative by endings, lists of names, and the words around them: "w Polsce" is Polska.

Each word of a name is read as every case that its ending may be. A reading is worth more when its nominative is in the
lists or stands elsewhere in the text, and when the preposition before the name governs its case. The words of a person's
name agree in case and gender; in other names the first noun and the adjectives before it are declined, and the rest stays.
The endings of each language are in `data/declensions.tsv`.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files

from coranto_classifier.entities.mention import EntityType, Mention
from coranto_classifier.entities.multilingual.base_names import BaseNames
from coranto_classifier.entities.place_ids import find_place_id

DECLINED = frozenset({"cs", "hr", "pl", "sk", "sl", "sr", "uk"})
"""The languages that have a table."""

CASES = "ngdail"
"""Nominative, genitive, dative, accusative, instrumental and locative."""

_NOMINATIVE_TITLES = ("ka", "ка", "nia", "ica", "иця", "yni", "ła", "la", "ла")
_NOUNS = {
    "a": "fm",
    "а": "fm",
    "я": "fm",
    "o": "nm",
    "о": "nm",
    "e": "nfpm",
    "е": "nm",
    "á": "f",
    "é": "n",
    "í": "n",
    "ý": "m",
}
"""Genders of nouns by the last letter of the nominative, the usual one first."""
_OF_ADJECTIVES = frozenset("áéíý")
_FOREIGN_ARTICLES = frozenset(["The", "Le", "La", "Les", "Los", "Las", "El", "Al", "Il", "Die", "Der", "Das", "De"])
_WOMENS = frozenset("aаяá")
_VOWELS = frozenset("aáąeéęěiíoóuúůyýаеєиіїоуюя")
_SHORTEST_STEM = 2  # letters of a name that no list has
_LONGEST_ENDING = 8
_LONGEST_NAME = 4  # words that are declined together; the others stay
_WORD_BEFORE = re.compile(r"([^\W\d_]+)[ \u00a0]+[«\"„“”]?[ \u00a0]?$")
_OPENS = re.compile(r"(?:^|[\n.!?:–—])[^\w,;()]*$")
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_LOOKED_BACK = 30  # characters
_MOST_NAMES = 300  # of a text, each in one context; more stay as they are, to keep the time bounded
_MOST_READINGS_KEPT = 20_000

_LISTED, _UNLISTED = 1.0, 0.15  # weights of a reading by whether a list has its nominative
_IN_TEXT = 3.0  # factor where the text has the nominative
_WELL_KNOWN = 3.0  # factor for a country, or a town of 100,000 or more
_LISTED_AS_WRITTEN, _FOREIGN_AS_WRITTEN = 1.5, 0.9  # weights of a word that a list has
_UNUSUAL = 0.4  # factor for a gender that few nouns with the ending have
_AS_WRITTEN = 0.3  # weight of a word that may be the nominative itself but is in no list
_MAYBE_OBLIQUE = 0.2  # the same for one with a consonant at its end
_WOMAN, _WOMANS_SURNAME_ALONE = 0.12, 0.4
# Factors for an unknown word of a person's name in -a, which is a man's in another case more often: with a given name, and alone.
_OTHER_VOWEL = 0.5  # the same for one in -i, -y or -u: Лесі, Angeli
_SURELY_OBLIQUE = 0.01  # the same for an ending that hardly any nominative has
_INDECLINABLE = 0.2
_WOMANS_SURNAME = 1.0  # weight of a consonant's being the end of a woman's surname, which then is not declined
_ONLY_WHERE_WRITTEN = 1.0  # weight of a possessive whose owner the text names
_AT_THE_START = {"n": 1.5, "g": 0.4, "d": 0.2, "a": 0.3, "i": 0.3, "l": 0.03}
_BEHIND_A_NAME = {"n": 1.0, "g": 0.6, "d": 0.2, "a": 0.35, "i": 0.3, "l": 0.03}
_BEHIND_A_WORD = {"n": 0.5, "g": 1.0, "d": 0.3, "a": 0.4, "i": 0.4, "l": 0.03}
_BEHIND_A_NOMINATIVE = {"n": 1.2, "g": 0.5, "d": 0.2, "a": 0.3, "i": 0.3, "l": 0.03}
_AGREES_WITH_TITLE = 1.2  # least weight of a case that the word before a person may have
_AGREEING = 3.0  # factor for each adjective that agrees with the noun
_SHORT, _LONGER = 0.6, 0.2  # factor for an ending, and what each of its letters adds
_SHORTER_OF_ADJECTIVES = 0.001  # taken off an adjective's weight for each letter that its ending is shorter
_CHANGED_STEM = 0.5  # factor for an unknown nominative whose stem has another consonant or a vowel more
_NOT_GOVERNED = 0.04  # weight of a case that the preposition does not govern


@dataclass(frozen=True, slots=True)
class _Reading:
    nominative: str
    case: str  # one of CASES, or * for any
    gender: str  # m, f, n, p for the plural, or * for any
    weight: float
    is_adjective: bool = False
    is_alone: bool = False
    """Declined like an adjective, and a name only by itself: Zakopane, Рівне."""


@dataclass(frozen=True, slots=True)
class _Table:
    """The endings of a language, with what else its table says."""

    endings: dict[str, list[tuple[str, str, str, str]]]
    """By ending: that of the nominative, the cases, the gender, and what is declined so: noun, adjective, a name alone, or an
    adjective made of a surname, which is that person's name: Trumpova."""
    prepositions: dict[str, str]
    heads: frozenset[str]
    """Nouns that names of organisations and places begin with."""
    oblique: tuple[str, ...]
    """Endings that hardly any nominative has."""
    never: re.Pattern[str]
    """Endings that no nominative has."""
    womens: tuple[str, ...]
    """Endings that only women's surnames have."""
    possessives: tuple[tuple[str, str], ...]
    """Endings of adjectives that are made of surnames, with the end of the surname: Mayeva, Merklova."""
    adjectives: dict[str, str]
    """Genders of adjectives by the last letters of the nominative."""


_Way = tuple[tuple[str, ...], float]
"""The first words of a name in the nominative, and the weight."""


class Decliner:
    """Nominatives of the names of one language."""

    def __init__(self, language: str, names: BaseNames) -> None:
        self._table = _tables()[language]
        self._names = names
        self._readings = lru_cache(maxsize=_MOST_READINGS_KEPT)(self._read)

    def declined(self, text: str, mentions: Sequence[Mention]) -> list[Mention]:
        """The mentions of the text, with their names in the nominative as normal forms."""
        written = frozenset(_WORD.findall(text))
        known: dict[tuple[str, EntityType, str], str] = {}
        found = []
        for mention in mentions:
            before = _WORD_BEFORE.search(text, max(0, mention.start - _LOOKED_BACK), mention.start)
            key = (
                mention.normal,
                mention.type,
                before.group() if before else text[max(0, mention.start - 2) : mention.start],
            )
            if key not in known and len(known) < _MOST_NAMES:
                known[key] = self.nominative(text, mention.start, mention.end, mention.type, written)
            found.append(replace(mention, normal=known.get(key, mention.normal)))
        return found

    def nominative(self, text: str, start: int, end: int, kind: EntityType, written: Collection[str]) -> str:
        """The name at the position in the nominative. `written` are the words that the text has."""
        words = text[start:end].split()
        is_alone = sum("." not in word for word in words) == 1
        cases = self._cases_before(text, start, kind)
        readings = [
            [
                each
                for each in self._weighed(word, kind, written, is_alone=is_alone)
                if not each.is_alone or len(words) == 1
            ]
            for word in words[:_LONGEST_NAME]
        ]
        ways = self._person(readings, cases) if kind == "person" else self._phrase(readings, cases)
        best, most = tuple(words), 0.0
        for way, weight in ways:
            if kind == "place" and find_place_id(" ".join([*way, *words[len(way) :]])) is not None:
                weight *= _WELL_KNOWN  # noqa: PLW2901 - corrected
            if weight > most or (weight == most and way == tuple(words[: len(way)])):
                best, most = way, weight
        return " ".join([*best, *words[len(best) :]])

    def _person(self, readings: Sequence[Sequence[_Reading]], cases: dict[str, float]) -> Iterator[_Way]:
        """Nominatives of a person's name with weights: all words agree."""
        for gender in "mf":
            for case in CASES:
                way = [_fitting(options, case, gender) for options in readings]
                if all(way):
                    yield (
                        tuple(each.nominative for each in way if each),
                        cases[case] * math.prod(each.weight for each in way if each),
                    )

    def _phrase(self, readings: Sequence[Sequence[_Reading]], cases: dict[str, float]) -> Iterator[_Way]:
        """Nominatives of another name with weights: its first noun, and the adjectives before and behind it that agree with it."""
        for head in range(len(readings)):
            for gender in "mfnp":
                for case in CASES:
                    noun = _fitting(readings[head], case, gender, is_adjective=False)
                    before = [_fitting(options, case, gender, is_adjective=True) for options in readings[:head]]
                    if noun is None or None in before:
                        continue
                    is_declined = noun.case != "*"
                    behind = []
                    for options in readings[head + 1 :]:
                        adjective = _fitting(options, case, gender, is_adjective=True)
                        if adjective is None or not is_declined:
                            break
                        behind.append(adjective)
                    way = [*(each for each in before if each), noun, *behind]
                    # A word that is in all cases at once agrees with everything: Zurich Insurance.
                    agreement = _AGREEING ** (len(way) - 1) if is_declined else 1.0
                    yield (
                        tuple(each.nominative for each in way),
                        cases[case] * agreement * math.prod(each.weight for each in way),
                    )

    def _cases_before(self, text: str, start: int, kind: EntityType) -> dict[str, float]:
        match = _WORD_BEFORE.search(text, max(0, start - _LOOKED_BACK), start)
        if match is None:
            return _AT_THE_START if _OPENS.search(text, max(0, start - _LOOKED_BACK), start) else _BEHIND_A_NAME
        word = match.group(1)
        governed = self._table.prepositions.get(word.lower())
        if governed is not None:
            return {case: 1.0 if case in governed else _NOT_GOVERNED for case in CASES}
        if not word.islower():
            return _BEHIND_A_NAME
        if kind != "person":
            return _BEHIND_A_WORD
        # A title agrees with the person: "prezydenta", but "prezydentka" and "prezydent" are nominatives.
        cases = self._cases_of_title(word)
        if not cases:
            return _BEHIND_A_NOMINATIVE
        return {
            case: max(weight, _AGREES_WITH_TITLE) if case in cases else weight
            for case, weight in _BEHIND_A_WORD.items()
        }

    def _cases_of_title(self, word: str) -> set[str]:
        """The cases that a common noun for a man may be in; none for a nominative."""
        if word.endswith(_NOMINATIVE_TITLES):
            return set()
        return {
            case
            for length in range(1, min(_LONGEST_ENDING, len(word)))
            for nominative, cases, gender, declined in self._table.endings.get(word[-length:], ())
            if gender == "m" and declined == "noun" and nominative[-1:] not in _VOWELS
            for case in cases
        }

    def _weighed(self, word: str, kind: EntityType, written: Collection[str], *, is_alone: bool) -> list[_Reading]:
        readings = [
            replace(each, weight=each.weight * _IN_TEXT)
            if each.nominative in written and each.nominative != word
            else each
            for each in self._readings(word, kind, is_alone)
        ]
        if kind == "person":
            owners = {
                word.removesuffix(ending) + added for ending, added in self._table.possessives if word.endswith(ending)
            }
            readings += [_Reading(owner, "*", "*", _ONLY_WHERE_WRITTEN) for owner in sorted(owners & set(written))]
        return readings

    def _read(self, word: str, kind: EntityType, is_alone: bool) -> list[_Reading]:
        """The readings of a word of a name."""
        if not word[:1].isalpha() or (word.isupper() and len(word) > 1) or "." in word or word in _FOREIGN_ARTICLES:
            return [_Reading(word, "*", "*", 1.0)]
        return [*self._as_written(word, kind, is_alone), *self._by_endings(word, kind)]

    def _as_written(self, word: str, kind: EntityType, is_alone: bool) -> Iterator[_Reading]:
        """The word as the nominative, and as one that is not declined."""
        is_listed, is_person = self._knows(word, kind), kind == "person"
        is_known = is_listed or self._is_base(word, kind)
        is_oblique = word.endswith(self._table.oblique)
        if is_known:
            weight = _LISTED_AS_WRITTEN if is_listed else _FOREIGN_AS_WRITTEN
        else:
            weight = _SURELY_OBLIQUE if is_oblique else _AS_WRITTEN
        last = word[-1].lower()
        if last not in _VOWELS:
            # More names of companies and towns than of people end as an instrumental does: Gazprom, Potsdam.
            unlisted = (_SURELY_OBLIQUE if is_person else _MAYBE_OBLIQUE) if is_oblique else 1.0
            yield _Reading(word, "n", "m", _LISTED_AS_WRITTEN if is_known else unlisted)
            if word.endswith(("ий", "ій")):
                yield _Reading(word, "n", "m", 1.0, is_adjective=not is_person)
            if is_person:
                yield _Reading(word, "*", "f", _SURELY_OBLIQUE if is_oblique else _WOMANS_SURNAME)
            return
        if is_person and not is_known and not word.endswith(self._table.womens):
            weight *= (
                (_WOMANS_SURNAME_ALONE if is_alone else _WOMAN)
                if last in _WOMENS
                else 1.0
                if last in _NOUNS
                else _OTHER_VOWEL
            )
        usual = _NOUNS.get(last, "mp")
        for gender in usual:
            yield _Reading(word, "n", gender, weight * (1.0 if gender == usual[0] else _UNUSUAL))
        if last not in _WOMENS and (is_person or last not in _OF_ADJECTIVES):
            listed, unlisted = (_INDECLINABLE, _INDECLINABLE) if is_person else (_LISTED / 2, _INDECLINABLE / 2)
            usual_weight = listed if is_listed else unlisted
            yield _Reading(word, "*", "*", _SURELY_OBLIQUE if is_oblique and not is_listed else usual_weight)
        if not is_person:
            for gender in self._table.adjectives.get(word[-2:], "") or self._table.adjectives.get(last, ""):
                yield _Reading(word, "n", gender, _SURELY_OBLIQUE if is_oblique else 1.0, is_adjective=True)

    def _by_endings(self, word: str, kind: EntityType) -> Iterator[_Reading]:
        """The word as an oblique case, by its endings."""
        for length in range(min(_LONGEST_ENDING, len(word) - 1) + 1):
            stem, ending = word[: len(word) - length], word[len(word) - length :]
            for added, cases, gender, declined in self._table.endings.get(ending, ()):
                nominative, is_adjective = stem + added, declined == "adjective"
                if declined == "possessive" and kind != "person":
                    continue
                is_known = self._is_base(nominative, kind)
                is_short = len(stem) < _SHORTEST_STEM and (kind == "person" or not is_known)
                if is_short or not self._may_be(stem, ending, added, gender, kind):
                    continue
                weight = (_LISTED if is_known else _UNLISTED) * (_SHORT + _LONGER * length)
                if not is_known and ending[:1] not in _VOWELS:
                    weight *= _CHANGED_STEM
                if is_adjective and kind != "person":
                    # Adjectives are in no list, and agree with a noun. The longer ending says more: "Długiej" is no Długia.
                    weight = 1.0 - (_LONGEST_ENDING - length) * _SHORTER_OF_ADJECTIVES
                for case in cases:
                    yield _Reading(nominative, case, gender, weight, is_adjective, declined == "alone")

    def _may_be(self, stem: str, ending: str, added: str, gender: str, kind: EntityType) -> bool:
        """False for a nominative that the ending does not lead to."""
        if self._table.never.search(stem + added):
            return False
        if ending[:1] not in _VOWELS and stem[-1] in _VOWELS and added[:1] in _VOWELS:
            return False  # a vowel is put between consonants only
        if (added == "й" and stem[-1] not in _VOWELS) or (added == "ь" and stem[-1] in _VOWELS):
            return False
        if kind == "person":
            return gender != "f" or (stem + added)[-1] in _VOWELS
        return gender != "m" or added not in ("o", "e", "о")  # of men only: Marko, Đorđe, Петренко

    def _knows(self, word: str, kind: EntityType) -> bool:
        """Whether the word is listed as the nominative of a name."""
        return (kind != "person" and word.lower() in self._table.heads) or self._names.has(word, kind)

    def _is_base(self, word: str, kind: EntityType) -> bool:
        """Whether the word is listed as a nominative; a given name may be of another language."""
        return self._knows(word, kind) or (kind == "person" and self._names.has_given_name(word))


def _fitting(
    readings: Sequence[_Reading], case: str, gender: str, *, is_adjective: bool | None = None
) -> _Reading | None:
    """The best of the readings that have the case and the gender, and are an adjective or a noun where that is asked for."""
    fitting = [
        each
        for each in readings
        if each.case in (case, "*")
        and each.gender in (gender, "*")
        and (is_adjective is None or each.is_adjective == is_adjective)
    ]
    return max(fitting, key=lambda each: each.weight, default=None)


@cache
def _tables() -> dict[str, _Table]:
    """The tables by language."""
    lines = files("coranto_classifier").joinpath("data/declensions.tsv").read_text(encoding="utf-8").splitlines()
    parts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if line and not line.startswith("#"):
            languages, name, words = line.split("\t")
            for language in languages.split():
                parts[language][name] += words.split()
    return {language: _table(found) for language, found in parts.items()}


def _table(parts: dict[str, list[str]]) -> _Table:
    endings: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    adjectives: defaultdict[str, str] = defaultdict(str)
    prepositions: dict[str, str] = {}
    for name, words in parts.items():
        what, _, cases = name.partition(" ")
        if what == "before":
            for word in words:
                prepositions[word] = prepositions.get(word, "") + cases
        elif what not in ("heads", "oblique", "never", "womens", "possessives"):
            declined, _, gender = what.partition("-")
            for pair in words:
                oblique, _, nominative = pair.partition(">")
                endings[oblique].append((nominative, cases, gender, declined))
                if declined == "adjective" and nominative and gender not in adjectives[nominative]:
                    adjectives[nominative] += gender
    return _Table(
        endings=dict(endings),
        prepositions=prepositions,
        heads=frozenset(parts["heads"]),
        oblique=tuple(parts["oblique"]),
        never=re.compile(f"(?:{'|'.join(parts['never']) or '(?!)'})$"),
        womens=tuple(parts["womens"]),
        possessives=tuple(
            (ending, added) for ending, _, added in (pair.partition(">") for pair in parts["possessives"])
        ),
        adjectives=dict(adjectives),
    )
