"""Names in Russian text: the tagger says where they stand, a normaliser puts them into the nominative.

The normaliser weighs every reading that the dictionary has for the words of a
name (case, gender, number) against the words around it and against the other mentions of the same text.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from coranto_classifier.russian_tagger import RussianTagger
from coranto_classifier.spans import Name, NameType
from coranto_classifier.vectors import WordVectors
from coranto_classifier.words import word_list

_CASES = ("nomn", "gent", "datv", "accs", "ablt", "loct")
_CASE_OF = {"gen2": "gent", "acc2": "accs", "loc2": "loct", "gen1": "gent", "voct": "nomn"}
_PREPOSITIONS: dict[str, frozenset[str]] = {
    word: frozenset(cases.split())
    for words, cases in (
        ("в во на", "loct accs"),
        ("о об обо при", "loct accs"),
        ("из от ото у для без до после против около вокруг из-за ради кроме среди мимо возле накануне вместо", "gent"),
        ("к ко благодаря вопреки согласно", "datv"),
        ("по", "datv accs"),
        ("с со", "ablt gent"),
        ("между над под перед", "ablt"),
        ("за", "ablt accs"),
        ("через про", "accs"),
    )
    for word in words.split()
}
_WORD_AFTER = re.compile(r"[ \u00a0]+(?:не[ \u00a0]+)?([а-яё]+)")
_WORD_BEFORE = re.compile(r"([\w-]+)[ \u00a0]+[«\"“„]?$")
_QUOTES = "«»\"“”„'‘’"
_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_ACRONYM_WITH_ENDING = re.compile(r"^([А-ЯЁ]{2,}[А-ЯЁ0-9-]*)(а|у|ом|е|ы|ов|ам|ами|ах)$")
_INITIALS = re.compile(r"^(?:[А-ЯЁA-Z]\.?-?){1,3}$")
_PARTICLES = word_list("name_particles")
_TOKEN = re.compile(r"[^\s]+")
_CAPITALS = re.compile(r"\b[А-ЯЁ]{4,}(?:-[А-ЯЁ]{2,})*\b")
_NAME_TAGS = ("Geox", "Name", "Surn", "Patr")
_TRIMMED = " \t\n\u00a0.,;:!?()[]—–-…/|*"
_FEMALE_SURNAME = re.compile(r"(?:ова|ева|ёва|ина|ына|ская|цкая)$")

_ORGANISATION_CLASSES = word_list("russian_organisation_classes")
_PLACE_CLASSES = word_list("russian_place_classes")
_ADJECTIVE = re.compile(r"^([а-я]+?[сцз]к)(?:ий|ого|ому|им|ом|ая|ой|ую|ое|ие|их|ими)$")

_CONSONANTS = "бвгджзйклмнпрстфхцчшщ"
_REGIONS_TOGETHER = re.compile(r"(?:(?:\s*,\s*|\s+и\s+)[А-ЯЁ][а-яё-]+(?:ой|ая|ую))*\s+област")
"""What follows "Тульской" in "Тульской, Тверской и Псковской областях"."""

_REGIONS = re.compile(r"[А-ЯЁ][а-яё-]+ой(?:(?:,| и) [А-ЯЁ][а-яё-]+ой)+ област(?:ях|ей|ям|ями)")
"""Several regions that the tagger takes for one name."""

_AS_IT_STANDS = 0.03
_VERB_AGREES = 4.0
_IN_GAZETTEER = 3.0
_LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read a word: its nominative, and the case, gender and number it then stands in."""

    nominative: str
    case: str
    gender: str  # m, f, n, or * when it tells nothing
    number: str  # s, p, or *
    weight: float
    is_noun: bool


_REGION = _Reading("область", "nomn", "f", "s", 1.0, is_noun=True)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One way to read a whole name."""

    form: str
    weight: float


class RussianNames:
    """People, organisations and places of a Russian text, in the nominative."""

    def __init__(self, models: Path, vectors: WordVectors | None = None) -> None:
        self.version = "slovnet-ner-news-v1+navec-news-v1+crf-ru-2"
        self.normaliser = RussianNormaliser()
        self._tagger = RussianTagger(models, vectors or WordVectors(models), self.normaliser.parses)

    def find(self, text: str) -> list[Name]:
        """The names of the text; what lies beyond 20,000 characters is not read."""
        text = written = text[:_LONGEST_TEXT]
        if not _CYRILLIC.search(text):
            return []
        text = _CAPITALS.sub(self._lowered, text)
        spans = [
            tidy
            for start, end, kind in self._tagger.spans(text)
            for tidy in _tidied(text, start, end, kind)
            if _is_name(text[tidy[0] : tidy[1]], kind)
        ]
        spans = [(start, end, self._type_of(kind, written[start:end])) for start, end, kind in spans]
        forms = self.normaliser.normal_forms(text, spans)
        return [
            Name(start, end, kind, written[start:end], form)
            for (start, end, kind), form in zip(spans, forms, strict=True)
        ]

    def _lowered(self, match: re.Match[str]) -> str:
        """A word in capitals as it is usually written: a dateline's МОСКВА, a loud headline. Acronyms stay."""
        word = match.group()
        if not self.normaliser.is_known(word):
            return word
        tags = [tag for tag, _, _, _ in self.normaliser.parses(word.lower())]
        if any("Abbr" in tag or "Orgn" in tag for tag in tags):
            return word
        return word.title() if any(mark in tag for tag in tags for mark in _NAME_TAGS) else word.lower()

    def _type_of(self, kind: NameType, written: str) -> NameType:
        """The tagger's type, but a town in a dateline's capitals is no organisation."""
        if kind == "organisation" and written.isupper() and _CAPITALS.fullmatch(written):
            tags = [tag for tag, _, _, _ in self.normaliser.parses(written.lower())]
            if any("Geox" in tag for tag in tags) and not any("Abbr" in tag for tag in tags):
                return "place"
        return kind


def _is_name(name: str, kind: NameType) -> bool:
    """False for common words the tagger took along: "страны", "правительство"."""
    return name != name.lower() or (kind == "place" and _place_of_adjective(name) is not None)


def _place_of_adjective(word: str) -> str | None:
    """The place an adjective such as "российского" stands for."""
    match = _ADJECTIVE.match(word.lower().replace("ё", "е"))
    return _places_of_adjectives().get(match.group(1)) if match else None


@cache
def _places_of_adjectives() -> dict[str, str]:
    """Places by their adjective without its ending."""
    table = files("coranto_classifier").joinpath("data/place_adjectives.tsv").read_text(encoding="utf-8")
    pairs = (line.split("\t", 1) for line in table.splitlines() if line and not line.startswith("#"))
    return dict(pairs)


@cache
def _gazetteer() -> frozenset[str]:
    """Towns of the world as Russian spells them, in lower case."""
    packed = files("coranto_classifier").joinpath("data/russian_places.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode("utf-8").split("\n"))


def _is_town(name: str) -> bool:
    return name.lower().replace("ё", "е") in _gazetteer()


def _tidied(text: str, start: int, end: int, kind: NameType) -> Iterator[tuple[int, int, NameType]]:
    """The span without a line break inside or stray marks at its ends; nothing when no name is left."""
    for line in re.finditer(r"[^\n]+", text[start:end]):
        left, right = start + line.start(), start + line.end()
        while left < right and text[left] in _TRIMMED:
            left += 1
        while left < right and text[right - 1] in _TRIMMED and not _ends_with_initial(text, left, right):
            right -= 1
        first, space, rest = text[left:right].partition(" ")
        if kind == "place" and first.lower() in _PREPOSITIONS and rest[:1].isupper():
            left += len(first + space)
        inner = text[left:right]
        if "(" in inner and ")" not in inner:
            right = left + inner.index("(")
            inner = text[left:right].rstrip(_TRIMMED)
            right = left + len(inner)
        if inner and inner[0] in _QUOTES and not any(mark in inner[1:] for mark in _QUOTES):
            left += 1
        if inner and inner[-1] in _QUOTES and not any(mark in inner[:-1] for mark in _QUOTES):
            right -= 1
        if kind == "place" and _REGIONS.fullmatch(text[left:right]):
            for adjective in re.finditer(r"[А-ЯЁ][а-яё-]+", text[left:right]):
                yield left + adjective.start(), left + adjective.end(), kind
        elif sum(letter.isalpha() for letter in text[left:right]) > 1:
            yield left, right, kind


def _ends_with_initial(text: str, left: int, right: int) -> bool:
    """True when the last characters are an initial such as "В.", whose full stop belongs to the name."""
    return (
        text[right - 1] == "."
        and right - 2 >= left
        and text[right - 2].isupper()
        and (right - 3 < left or not text[right - 3].isalpha())
    )


class RussianNormaliser:
    """Puts names into the nominative, all mentions of one text together."""

    def __init__(self) -> None:
        import pymorphy3  # type: ignore[import-untyped]  # ships no types

        self._morph: Any = pymorphy3.MorphAnalyzer()
        # A text repeats its words; a process sees the same names all day.
        self.parses = lru_cache(maxsize=20_000)(self._parse)

    def normal_forms(self, text: str, spans: Sequence[tuple[int, int, NameType]]) -> list[str]:
        """Normal form of each span. Where a form is open, the reading that other mentions share wins."""
        options = [self._candidates(text, start, end, kind) for start, end, kind in spans]
        support: dict[str, float] = defaultdict(float)
        for candidates in options:
            total = sum(candidate.weight for candidate in candidates) or 1.0
            for candidate in candidates:
                for word in _supported_words(candidate.form):
                    support[word] += candidate.weight / total
        words = Counter(re.findall(r"[\w-]+", text))
        chosen = []
        for (start, end, _), candidates in zip(spans, options, strict=True):
            if not candidates:
                chosen.append(text[start:end].strip(_QUOTES))
                continue
            chosen.append(max(candidates, key=lambda each: each.weight * _backing(each.form, support, words)).form)
        return chosen

    def is_known(self, word: str) -> bool:
        """Whether the dictionary has the word."""
        return bool(self._morph.word_is_known(word.lower()))

    def lemma(self, word: str) -> tuple[str, str]:
        """Dictionary form and part of speech of a word, by its likeliest reading."""
        tag, lemma, _, _ = self.parses(word)[0]
        return lemma, str(tag.POS or "")

    def _parse(self, word: str) -> list[tuple[Any, str, float, Any]]:
        """Readings of a word: tag, dictionary form, probability, and the parse to inflect."""
        return [(parse.tag, parse.normal_form, parse.score, parse) for parse in self._morph.parse(word)]

    def _candidates(self, text: str, start: int, end: int, kind: NameType) -> list[_Candidate]:
        """The forms the span may have in the nominative, with weights; empty when it is to be left as it stands."""
        words = [match.group() for match in _TOKEN.finditer(text[start:end])]
        if not words or not any(_CYRILLIC.search(word) for word in words):
            return []
        cases = self._cases_before(text[max(0, start - 60) : start])
        if kind == "person":
            return self._person(words, cases, self._gender_of_verb(text, start, end))
        if kind == "place" and len(words) == 1 and (place := _place_of_adjective(words[0])) is not None:
            return [_Candidate(place, 1.0)]
        if kind == "place" and len(words) == 1 and _REGIONS_TOGETHER.match(text[end : end + 200]):
            adjective = self._agreeing(words[0], _REGION)
            if adjective is not None:
                return [_Candidate(f"{_cased_like(words[0], adjective)} область", 1.0)]
        words, is_stripped = self._without_class(words, kind)
        if is_stripped and words[0][0] in _QUOTES:
            return [_Candidate(" ".join(words).strip(_QUOTES), 1.0)]
        if start > 0 and text[start - 1] in _QUOTES and self._is_after_class_word(text[max(0, start - 60) : start]):
            # "компании «Газпром»", yet "исполкома «Единой России»": the nominative where it can be read as one.
            cases = {case: 6.0 if case == "nomn" else 1.0 for case in _CASES}
        candidates = self._phrase(words, cases, kind)
        return candidates or ([_Candidate(" ".join(words).strip(_QUOTES), 1.0)] if is_stripped else [])

    def _without_class(self, words: list[str], kind: NameType) -> tuple[list[str], bool]:
        """The name without the common noun before it: "компании «Ив Роше»" is Ив Роше, "города Одессы" is Одесса."""
        classes = _PLACE_CLASSES if kind == "place" else _ORGANISATION_CLASSES
        for index, word in enumerate(words[:4]):
            if index and (word[0] in _QUOTES or (word[0].isupper() and self._is_class(words[index - 1], classes))):
                return words[index:], True
            if index and word[0].isalpha() and word[0].isupper() and not _CYRILLIC.search(word):
                return words[index:], True
            if word != word.lower() and not self._is_class(word, classes) and not self._is_adjective(word):
                break
        return words, False

    def _is_adjective(self, word: str) -> bool:
        return str(self.parses(word.lower())[0][0].POS) == "ADJF"

    def _is_class(self, word: str, classes: frozenset[str]) -> bool:
        return any(lemma in classes for _, lemma, _, _ in self.parses(word.strip(_QUOTES).lower())[:3])

    def _cases_before(self, before: str) -> dict[str, float]:
        """How likely each case is, from the word that stands before the name."""
        weights = dict.fromkeys(_CASES, 1.0)
        weights["nomn"] = 1.3
        match = _WORD_BEFORE.search(before)
        if match is None:
            weights["nomn"] = 2.0
            return weights
        word = match.group(1).lower()
        if word in _PREPOSITIONS:
            return {case: 4.0 if case in _PREPOSITIONS[word] else 0.15 for case in _CASES}
        if not _CYRILLIC.search(word):
            return weights
        if match.group(1)[0].isupper():
            # "Школьница из Якутска Айталина Попова": a name rarely governs the one that follows it.
            return weights
        for tag, _, score, _ in self.parses(word)[:8]:
            if tag.POS in ("NOUN", "ADJF", "PRTF") and tag.case:
                weights[_CASE_OF.get(str(tag.case), str(tag.case))] += 3.0 * score
                if tag.POS == "NOUN":
                    weights["gent"] += 1.0 * score
            elif tag.POS in ("VERB", "INFN") and tag.POS == "INFN":
                weights["accs"] += score
        return weights

    def _gender_of_verb(self, text: str, start: int, end: int) -> str | None:
        """Gender of a verb in the past tense beside the name, which is its subject then: "Попова сказала"."""
        beside = (_WORD_AFTER.match(text[end : end + 40]), _WORD_BEFORE.search(text[max(0, start - 40) : start]))
        for match in beside:
            tag = self.parses(match.group(1))[0][0] if match is not None and match.group(1).islower() else None
            if tag is not None and tag.POS == "VERB" and tag.tense == "past" and tag.number == "sing":
                return {"masc": "m", "femn": "f"}.get(str(tag.gender))
        return None

    def _is_after_class_word(self, before: str) -> bool:
        """True when a common noun stands before the quote, as in "компании «Газпром»": the name is nominative then."""
        match = _WORD_BEFORE.search(before)
        if match is None or not match.group(1).islower():
            return False
        return any(tag.POS == "NOUN" and "Abbr" not in tag for tag, _, _, _ in self.parses(match.group(1))[:2])

    # --- persons ---

    def _person(self, words: Sequence[str], cases: dict[str, float], subject: str | None) -> list[_Candidate]:
        """All words of a person's name agree in case and gender, and with the verb whose subject they are."""
        readings = [self._person_readings(word, position, len(words)) for position, word in enumerate(words)]
        found: dict[str, float] = defaultdict(float)
        for gender in "mf":
            for case in _CASES:
                weight = cases[case] * (_VERB_AGREES if case == "nomn" and gender == subject else 1.0)
                form: list[str] = []
                for word, options in zip(words, readings, strict=True):
                    fitting = [each for each in options if each.case in (case, "*") and each.gender in (gender, "*")]
                    if not fitting:
                        break
                    best = max(fitting, key=lambda each: each.weight)
                    weight *= best.weight
                    form.append(_cased_like(word, best.nominative))
                else:
                    found[" ".join(form)] += weight
        return _strongest(found)

    def _person_readings(self, word: str, position: int, count: int) -> list[_Reading]:
        """Ways to read one word of a person's name."""
        foreign = _foreign_readings(word)
        is_oblique = any(reading.case not in ("nomn", "*") for reading in foreign)
        as_it_stands = _Reading(word, "*", "*", "s", _AS_IT_STANDS / 4 if is_oblique else _AS_IT_STANDS, is_noun=True)
        if _INITIALS.match(word) or not _CYRILLIC.search(word) or word.lower() in _PARTICLES or "." in word[:-1]:
            return [_Reading(word, "*", "*", "s", 1.0, is_noun=True)]
        if word.isupper() and len(word) > 3:
            word = word.title()
        readings = [as_it_stands]
        for tag, _, score, parse in self.parses(word)[:14]:
            reading = self._person_reading(word, tag, score, parse, is_last=position == count - 1, is_only=count == 1)
            if reading is not None:
                readings.append(reading)
        readings.extend(foreign)
        return readings

    def _person_reading(
        self, word: str, tag: Any, score: float, parse: Any, *, is_last: bool, is_only: bool
    ) -> _Reading | None:
        """One dictionary reading as part of a person's name; None when it cannot be one."""
        if tag.POS not in ("NOUN", "ADJF") or tag.number == "plur" or tag.case is None:
            return None
        case = _CASE_OF.get(str(tag.case), str(tag.case))
        is_family, is_given = "Surn" in tag, "Name" in tag or "Patr" in tag
        gender = {"masc": "m", "femn": "f"}.get(str(tag.gender), "*")
        if "Fixd" in tag:
            # The guesser offers indeclinable readings for any ending; few foreign names are.
            weight = 0.1 if self.is_known(word) or word[-1] in "оиэю" else 0.02
            return _Reading(word, "*", gender, "s", weight, is_noun=True)
        grammemes = {"nomn", "sing"}
        if is_family and gender != "*":
            grammemes.add({"m": "masc", "f": "femn"}[gender])
        inflected = parse.inflect(grammemes)
        if inflected is None:
            return None
        weight = score + 0.05
        if is_family:
            weight *= 4.0 if is_last else 1.5
        elif is_given:
            weight *= 4.0 if not is_last or is_only else 1.5
        elif tag.POS == "ADJF":
            weight *= 0.6 if is_last else 0.2
        if tag.gender == "neut":
            weight *= 0.2
            gender = "*"
        elif gender == "f" and is_last and not is_family and inflected.word[-1] in "ая":
            # Men's surnames decline like women's nouns as well: Дерипаска, Окуджава.
            weight *= 0.5
            gender = "*"
        if tag.animacy == "inan":
            weight *= 0.6
        return _Reading(inflected.word, case, gender, "s", weight, is_noun=True)

    # --- places and organisations ---

    def _phrase(self, words: Sequence[str], cases: dict[str, float], kind: NameType) -> list[_Candidate]:
        """Adjectives and the noun they belong to are put into the nominative; what follows the noun stays."""
        bare = [word.strip(_QUOTES) for word in words]
        head = self._head(bare)
        if head is None:
            return []
        readings = [self._phrase_readings(word, kind, is_alone=head == 0) for word in bare[: head + 1]]
        found: dict[str, float] = defaultdict(float)
        for noun in readings[head]:
            if not noun.is_noun:
                continue
            weight = noun.weight * (cases[noun.case] if noun.case != "*" else 1.0)
            form = []
            for word, options in zip(bare[:head], readings[:head], strict=True):
                fitting = [each for each in options if not each.is_noun and _agree(each, noun)]
                if not fitting:
                    break
                best = max(fitting, key=lambda each: each.weight)
                weight *= best.weight
                form.append(_cased_like(word, self._agreeing(best.nominative, noun) or best.nominative))
            else:
                form.append(_cased_like(bare[head], noun.nominative))
                found[" ".join([*form, *words[head + 1 :]])] += weight
        return _strongest(found)

    def _head(self, words: Sequence[str]) -> int | None:
        """Position of the first noun that only adjectives precede; None when there is none to inflect."""
        for position, word in enumerate(words):
            if not _CYRILLIC.search(word) or (word.isupper() and len(word) > 1):
                return None
            if _ACRONYM_WITH_ENDING.match(word):
                return position
            tags = [tag for tag, _, score, _ in self.parses(word)[:6] if score > 0.04]
            is_adjective = any(tag.POS in ("ADJF", "PRTF") for tag in tags)
            if any(tag.POS == "NOUN" for tag in tags) and not (
                is_adjective and position < len(words) - 1 and tags[0].POS != "NOUN"
            ):
                return position
            if not is_adjective:
                return position if any(tag.POS == "NOUN" for tag in tags) else None
        # Adjectives alone: a name such as "Краснодарский" or "Грозный" declines like one.
        return len(words) - 1 if words else None

    def _phrase_readings(self, word: str, kind: NameType, *, is_alone: bool) -> list[_Reading]:
        """Ways to read one word of a place's or an organisation's name."""
        acronym = _ACRONYM_WITH_ENDING.match(word)
        if acronym:
            return [_Reading(acronym.group(1), "*", "*", "s", 1.0, is_noun=True)]
        readings = [_Reading(word, "nomn", "*", "*", _AS_IT_STANDS, is_noun=True)]
        is_known = bool(self._morph.word_is_known(word))
        if kind == "place":
            readings += _place_readings(word, is_known=is_known, is_alone=is_alone)
        for tag, _, score, parse in self.parses(word)[:14]:
            if tag.case is None or tag.POS not in ("NOUN", "ADJF", "PRTF"):
                continue
            is_adjective = tag.POS != "NOUN"
            if "Fixd" in tag:
                readings.append(_Reading(word, "*", "*", "*", 0.15 if not is_known else 1.0, is_noun=True))
                continue
            number = "plur" if tag.number == "plur" else "sing"
            inflected = parse.inflect({"nomn", number})
            if inflected is None:
                continue
            weight = score + 0.02
            if kind == "place":
                weight *= _place_factor(tag, inflected.word, is_alone=is_alone)
            elif "Geox" in tag:
                weight *= 2.0
            if number == "plur" and is_alone and "Pltm" not in tag:
                weight *= 0.2
            gender = {"masc": "m", "femn": "f", "neut": "n"}.get(str(tag.gender), "*")
            case = _CASE_OF.get(str(tag.case), str(tag.case))
            if is_adjective:
                readings.append(_Reading(inflected.word, case, gender, number[0], weight, is_noun=False))
                if is_alone:
                    readings.append(_Reading(inflected.word, case, gender, number[0], weight * 0.5, is_noun=True))
            else:
                readings.append(_Reading(inflected.word, case, gender, number[0], weight, is_noun=True))
        return readings

    def _agreeing(self, adjective: str, noun: _Reading) -> str | None:
        """The adjective in the nominative, in the noun's gender and number."""
        for tag, _, _, parse in self.parses(adjective)[:8]:
            if tag.POS not in ("ADJF", "PRTF"):
                continue
            wanted = {"nomn", "plur"} if noun.number == "p" else {"nomn", "sing"}
            if noun.number != "p":
                wanted.add({"f": "femn", "n": "neut"}.get(noun.gender, "masc"))
            inflected = parse.inflect(wanted)
            if inflected is not None:
                return str(inflected.word)
        return None


def _place_readings(word: str, *, is_known: bool, is_alone: bool) -> list[_Reading]:
    """Readings of a place's name by ending and gazetteer: "Донецке" without a dictionary, "в Корсаков"."""
    readings = []
    if not is_known and word[-1:] == "е" and word[-2:-1] in _CONSONANTS:
        readings.append(_Reading(word[:-1].lower(), "loct", "m", "s", 0.6, is_noun=True))
    if is_alone and word[-1:] in _CONSONANTS and _is_town(word):
        # A town is no living thing, so its accusative is the nominative once more; the dictionary has a surname only.
        readings += [_Reading(word, case, "m", "s", _IN_GAZETTEER, is_noun=True) for case in ("nomn", "accs")]
    return readings


def _place_factor(tag: Any, nominative: str, *, is_alone: bool) -> float:
    """How much likelier than otherwise a dictionary reading is when the word names a place."""
    factor = 0.5 if any(mark in tag for mark in ("Name", "Surn", "Patr")) else 1.0
    if "Geox" in tag:
        return factor * 4.0
    return factor * _IN_GAZETTEER if is_alone and _is_town(nominative) else factor


def _foreign_readings(word: str) -> list[_Reading]:
    """Readings by ending alone for surnames no dictionary has: "Шремса", "Байдену", "Макроном"."""
    lower = word.lower()
    readings = []
    for ending, case in (("ом", "ablt"), ("ем", "ablt"), ("а", "gent"), ("а", "accs"), ("у", "datv"), ("е", "loct")):
        stem = lower.removesuffix(ending)
        if stem != lower and len(stem) > 2 and stem[-1] in _CONSONANTS:
            readings.append(_Reading(stem, case, "m", "s", 0.05, is_noun=True))
    if lower[-1] in _CONSONANTS:
        readings.append(_Reading(lower, "nomn", "m", "s", 0.08, is_noun=True))
        readings.append(_Reading(lower, "*", "f", "s", 0.06, is_noun=True))
    elif lower[-1] in "оуиеэюы":
        readings.append(_Reading(lower, "*", "*", "s", 0.2 if lower[-1] in "оиэю" else 0.06, is_noun=True))
    return readings


def _agree(adjective: _Reading, noun: _Reading) -> bool:
    """True when the adjective may belong to the noun."""
    if noun.case != "*" and adjective.case != noun.case:
        return False
    if noun.number == "p" or adjective.number == "p":
        return noun.number in ("p", "*") and adjective.number in ("p", "*")
    return "*" in (adjective.gender, noun.gender) or adjective.gender == noun.gender


def _strongest(found: dict[str, float]) -> list[_Candidate]:
    """The four likeliest forms."""
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:4]
    return [_Candidate(form, weight) for form, weight in ranked]


def _supported_words(form: str) -> list[str]:
    """What other mentions can back: the whole form and its last word (a surname alone)."""
    last = form.rsplit(" ", 1)[-1]
    return [form] if last == form else [form, last]


def _backing(form: str, support: dict[str, float], words: Counter[str]) -> float:
    """How far the rest of the text speaks for a form: mentions that may be read so, and its words as they stand."""
    last = form.rsplit(" ", 1)[-1]
    seen = sum(1 for word in form.split() if words[word]) / max(1, len(form.split()))
    return float(np.sqrt(support[form] + support[last])) * (1.0 + 0.5 * seen)


def _cased_like(source: str, form: str) -> str:
    """The form with capitals where the source has them, and without a ё the source does not write."""
    if "ё" not in source.lower():
        form = form.replace("ё", "е")
    if source.isupper() and len(source) > 1:
        return form.upper() if len(source) <= 3 else form.title()
    letters = list(form)
    for index, letter in enumerate(source[: len(letters)]):
        if letter.isupper():
            letters[index] = letters[index].upper()
    return "".join(letters)
