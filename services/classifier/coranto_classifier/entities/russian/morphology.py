"""The possible readings of one word of a Russian name, by dictionary and by ending, with weights.

The weights were set by hand and checked on factRuEval and BSNLP; `make test-slow` measures them together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from coranto_classifier.entities.countries import find_country
from coranto_classifier.entities.mention import EntityType
from coranto_classifier.entities.russian.dictionary import (
    CASE_OF,
    CYRILLIC,
    GENDERS,
    Dictionary,
    Parse,
    Reading,
    is_town,
)
from coranto_classifier.word_lists import word_list

INITIALS = re.compile(r"^(?:[А-ЯЁA-Z]\.?-?){1,3}$")
_ACRONYM_WITH_ENDING = re.compile(r"^([А-ЯЁ]{2,}[А-ЯЁ0-9-]*)(а|у|ом|е|ы|ов|ам|ами|ах)$")
_PARTICLES = word_list("name_particles")
_CONSONANTS = "бвгджзйклмнпрстфхцчшщ"
_CACHED = 4_000  # words; a process sees the same names all day
_UNCHANGED = 0.03  # weight of the word as written being the nominative
_PLURAL, _UNKNOWN_PLURAL = 0.2, 0.05  # factors
_PLURAL_ENDINGS = ("ах", "ях", "ами", "ями")  # of nothing but plurals
_LIKELIER_GENITIVE = 0.3  # factor
_LISTED = 0.5
_HARDLY = 0.1  # factor for a word as written where its ending is of another case
_VOCATIVE = 0.1  # factor: news address nobody
_IN_GAZETTEER = 3.0
_GUESSED_GIVEN_NAME = 0.2  # factor in the name of an organisation, for a word that no dictionary has


def is_acronym(word: str) -> bool:
    """Whether the word is an acronym with a case ending: "МИДа"."""
    return _ACRONYM_WITH_ENDING.match(word) is not None


def agree(adjective: Reading, noun: Reading) -> bool:
    """True when adjective and noun agree in case, number and gender."""
    if noun.case != "*" and adjective.case != noun.case:
        return False
    if noun.number == "p" or adjective.number == "p":
        return noun.number in ("p", "*") and adjective.number in ("p", "*")
    return "*" in (adjective.gender, noun.gender) or adjective.gender == noun.gender


@lru_cache(maxsize=_CACHED)
def person_readings(dictionary: Dictionary, word: str, position: int, count: int) -> Sequence[Reading]:
    """The readings of one word of a person's name that has `count` words."""
    foreign = _foreign_readings(dictionary, word)
    is_oblique = any(reading.case not in ("nomn", "*") for reading in foreign)
    as_it_stands = _UNCHANGED / 4 if is_oblique else _UNCHANGED
    if INITIALS.match(word) or not CYRILLIC.search(word) or word.lower() in _PARTICLES or "." in word[:-1]:
        return [Reading(word, "*", "*", "s", 1.0)]
    if word.isupper() and len(word) > 3:
        word = word.title()
    readings = [Reading(word, "*", "*", "s", as_it_stands)]
    for parse in dictionary.parses(word)[:14]:
        reading = _person_reading(dictionary, word, parse, is_last=position == count - 1, is_only=count == 1)
        if reading is not None:
            readings.append(reading)
    readings.extend(foreign)
    # A name that is used ten times as often in the nominative ("Джулия") as in the written form ("Джулию") is declinable.
    declined = max((dictionary.count(each.nominative) for each in readings if each.case != "*"), default=0)
    if _is_oblique_surname(dictionary, word, readings):
        as_written = word.lower()
        readings = [
            replace(each, weight=each.weight * _HARDLY) if each.nominative.lower() == as_written else each
            for each in readings
        ]
    share = min(1.0, ((1 + dictionary.count(word)) / (1 + declined)) ** 0.5)
    return [replace(each, weight=each.weight * share) if each.case == "*" else each for each in readings]


def _is_oblique_surname(dictionary: Dictionary, word: str, readings: Sequence[Reading]) -> bool:
    """True for an ending that must be of an oblique case: an adjective's (Первозванного, Стреляной), or Дерипаски of Дерипаска."""
    lower = word.lower()
    others = [each for each in readings if each.case not in ("nomn", "*") and each.nominative != lower]
    if lower.endswith(("ого", "ому", "ыми", "ими")):
        return any(each.nominative.endswith(("ый", "ий", "ой")) for each in others)
    if lower.endswith("ой"):
        return any(each.nominative.endswith("ая") for each in others) and dictionary.count(word) == 0
    if lower.endswith(("ы", "и")):
        return 0 < dictionary.count(word) < 3 * dictionary.count(lower[:-1] + "а")
    return False


def _person_reading(dictionary: Dictionary, word: str, parse: Parse, *, is_last: bool, is_only: bool) -> Reading | None:
    """One dictionary parse as a reading of a part of a person's name; None when it cannot be one."""
    tag, _, score, _ = parse
    if tag.POS not in ("NOUN", "ADJF") or tag.number == "plur" or tag.case is None:
        return None
    case = CASE_OF.get(str(tag.case), str(tag.case))
    is_family, is_given = "Surn" in tag, "Name" in tag or "Patr" in tag
    gender = {"masc": "m", "femn": "f"}.get(str(tag.gender), "*")
    if "Fixd" in tag:
        # pymorphy3 guesses an indeclinable reading for any ending, but few foreign names are indeclinable.
        weight = 0.1 if dictionary.is_known(word) or word[-1] in "оиэю" else 0.02
        return Reading(word, "*", gender, "s", weight)
    grammemes = {"nomn", "sing"}
    if is_family and gender != "*":
        grammemes.add({"m": "masc", "f": "femn"}[gender])
    inflected = dictionary.inflected(parse, grammemes)
    if inflected is None:
        return None
    weight = (score + 0.05) * (_VOCATIVE if tag.case == "voct" else 1.0)
    if is_family:
        weight *= 4.0 if is_last else 1.5
    elif is_given:
        weight *= 4.0 if not is_last or is_only else 1.5
    elif tag.POS == "ADJF":
        weight *= 0.6 if is_last else 0.2
    if tag.gender == "neut":
        weight *= 0.2
        gender = "*"
    elif gender == "f" and is_last and not is_family and inflected[-1] in "ая":
        # Men's surnames may decline like feminine nouns: Дерипаска, Окуджава.
        weight *= 0.5
        gender = "*"
    if tag.animacy == "inan":
        weight *= 0.6
    return Reading(inflected, case, gender, "s", weight * dictionary.usage_factor(inflected, word))


@lru_cache(maxsize=_CACHED)
def phrase_readings(
    dictionary: Dictionary, word: str, kind: EntityType, *, is_head_first: bool, is_alone: bool
) -> Sequence[Reading]:
    """The readings of one word of a place's or an organisation's name."""
    acronym = _ACRONYM_WITH_ENDING.match(word)
    if acronym:
        return [Reading(acronym.group(1), "*", "*", "s", 1.0)]
    is_known = dictionary.is_known(word)
    is_plural = kind == "place" and not is_known and word.endswith(_PLURAL_ENDINGS)
    readings = [Reading(word, "nomn", "*", "*", _UNCHANGED * (_HARDLY if is_plural else 1.0))]
    if kind == "place":
        if not is_known and word[-1:] in "иоуэю" and is_town(word):
            readings.append(Reading(word, "*", "*", "*", _LISTED))  # Кушадаси
        readings += _place_readings(dictionary, word, is_known=is_known, is_alone=is_alone)
    if word[0].isupper():
        readings += [
            replace(each, weight=_LISTED) if is_listed else each
            for each in _by_ending(dictionary, word)
            if (is_listed := kind == "place" and is_alone and _is_listed(each.nominative)) or not is_known
        ]
    for parse in dictionary.parses(word)[:14]:
        tag = parse[0]
        if tag.case is None or tag.POS not in ("NOUN", "ADJF", "PRTF") or (is_plural and not _is_of_plural_ending(tag)):
            continue
        if "Fixd" in tag:
            gender = GENDERS.get(str(tag.gender), "*")
            # "гор" is short for "город", but in "Воробьевых гор" a form of "горы".
            weight = parse[2] if "Abbr" in tag and word.islower() else 1.0 if is_known else 0.15
            readings.append(Reading(word, "*", gender, "*", weight))
            continue
        reading = _phrase_reading(dictionary, word, parse, kind, is_head_first=is_head_first, is_alone=is_alone)
        if reading is None:
            continue
        readings.append(reading)
        if tag.POS != "NOUN" and is_head_first:
            readings.append(replace(reading, weight=reading.weight * 0.5, is_noun=True))
        elif "Surn" in tag and tag.number == "plur" and not is_head_first:
            readings.append(replace(reading, is_noun=False))  # "Воробьевы горы"
    return _with_own_form(dictionary, word, readings) if kind == "place" else readings


def _phrase_reading(
    dictionary: Dictionary, word: str, parse: Parse, kind: EntityType, *, is_head_first: bool, is_alone: bool
) -> Reading | None:
    """One dictionary parse as a reading of a word that declines; None when it has no nominative."""
    tag, _, score, _ = parse
    number = "plur" if tag.number == "plur" else "sing"
    inflected = dictionary.inflected(parse, {"nomn", number})
    if inflected is None:
        return None
    is_known = dictionary.is_known(word)
    weight = (
        (score + 0.02)
        * dictionary.usage_factor(inflected, word)
        * _factor(tag, inflected, kind, is_alone=is_alone, is_known=is_known)
    )
    if number == "plur" and is_head_first and not (is_known and "Pltm" in tag):
        is_sure = is_known or (kind == "place" and word.endswith(_PLURAL_ENDINGS))
        weight *= _PLURAL if is_sure else _UNKNOWN_PLURAL
    without_ending = inflected.removesuffix("а")
    if not is_known and without_ending != inflected:
        # "Роструда" as a nominative: "роструд" is as frequent, so it is a genitive.
        is_genitive = dictionary.count(without_ending) > 0.8 * dictionary.count(inflected)
        weight *= _LIKELIER_GENITIVE if is_genitive else 1.0
    case = CASE_OF.get(str(tag.case), str(tag.case))
    return Reading(inflected, case, GENDERS.get(str(tag.gender), "*"), number[0], weight, is_noun=tag.POS == "NOUN")


def _is_of_plural_ending(tag: Any) -> bool:
    """Whether a parse is one that `_PLURAL_ENDINGS` allow in a place's name."""
    return tag.number == "plur" and tag.case in ("loct", "ablt")


def _with_own_form(dictionary: Dictionary, word: str, readings: list[Reading]) -> list[Reading]:
    """The readings; the word itself may be the nominative where no other is used as often: "штат Невада"."""
    others = max((dictionary.count(each.nominative) for each in readings if each.nominative != word), default=0)
    if dictionary.count(word) < _OFTEN or others * 5 > dictionary.count(word):
        return readings
    return [
        replace(each, weight=_OWN_FORM) if each.nominative == word and each.case == "nomn" else each
        for each in readings
    ]


_OFTEN = 30  # occurrences in newspapers
_OWN_FORM = 0.12


def _place_readings(dictionary: Dictionary, word: str, *, is_known: bool, is_alone: bool) -> list[Reading]:
    """Readings of a place's name by ending and gazetteer: "Донецке" even if unknown, "в Корсаков"."""
    readings = []
    if not is_known and word[-1:] == "е" and word[-2:-1] in _CONSONANTS:
        stem = word[:-1].lower()
        readings.append(Reading(stem, "loct", "m", "s", 0.6 * dictionary.usage_factor(stem, word)))
    if is_alone and word[-1:] in _CONSONANTS and is_town(word):
        # A town is inanimate, so its accusative equals the nominative; the dictionary only knows the surname.
        readings += [Reading(word, case, "m", "s", _IN_GAZETTEER) for case in ("nomn", "accs")]
    return readings


def _is_listed(name: str) -> bool:
    """Whether a gazetteer has the place."""
    return find_country(name) is not None or is_town(name)


def _factor(tag: Any, nominative: str, kind: EntityType, *, is_alone: bool, is_known: bool) -> float:
    """Factor for the weight of a dictionary parse in the name of a place or an organisation."""
    if kind != "place":
        return 2.0 if "Geox" in tag else _GUESSED_GIVEN_NAME if "Name" in tag and not is_known else 1.0
    factor = 0.5 if any(mark in tag for mark in ("Name", "Surn", "Patr")) else 1.0
    if "Geox" in tag:
        return factor * 4.0
    return factor * _IN_GAZETTEER if is_alone and is_town(nominative) else factor


_FOREIGN_ENDINGS = (
    # ending, ending of the nominative, case, gender
    ("ом", "", "ablt", "m"), ("ем", "", "ablt", "m"), ("а", "", "gent", "m"), ("а", "", "accs", "m"),
    ("у", "", "datv", "m"), ("е", "", "loct", "m"),
    ("ем", "ь", "ablt", "m"), ("я", "ь", "gent", "m"), ("я", "ь", "accs", "m"), ("ю", "ь", "datv", "m"),
    ("е", "ь", "loct", "m"),
    ("ы", "а", "gent", "*"), ("и", "а", "gent", "*"), ("у", "а", "accs", "*"), ("ой", "а", "ablt", "*"),
    ("ей", "а", "ablt", "*"), ("е", "а", "datv", "*"), ("е", "а", "loct", "*"),
    ("ии", "ия", "gent", "f"), ("ии", "ия", "datv", "f"), ("ию", "ия", "accs", "f"), ("ией", "ия", "ablt", "f"),
)  # fmt: skip


def _foreign_readings(dictionary: Dictionary, word: str) -> list[Reading]:
    """Readings by the ending alone, for names that are in no dictionary: "Шремса", "Байдену", "Макроном", "Маехары", "Асии"."""
    lower = word.lower()
    readings = _by_ending(dictionary, word)
    if lower[-1] in _CONSONANTS:
        readings.append(Reading(lower, "nomn", "m", "s", 0.03 if lower.endswith(("ом", "ем", "ым")) else 0.08))
        readings.append(Reading(lower, "*", "f", "s", 0.06))
    elif lower[-1] in "оуиеэюы":
        readings.append(
            Reading(lower, "*", "*", "s", 0.2 if lower[-1] in "оиэю" else 0.008 if lower[-1] == "ы" else 0.06)
        )
    elif lower[-1] == "а":
        readings.append(Reading(lower, "nomn", "*", "s", 0.03))
    elif lower[-1] in "яь":
        readings.append(Reading(lower, "nomn", "*", "s", 0.08))
    return readings


def _by_ending(dictionary: Dictionary, word: str) -> list[Reading]:
    """Readings as an oblique case, by the ending alone."""
    lower = word.lower()
    readings = []
    for ending, nominative, case, gender in _FOREIGN_ENDINGS:
        stem = lower.removesuffix(ending)
        if stem != lower and len(stem) > 1 and stem[-1] in _CONSONANTS:
            form = stem + nominative
            weight = _BY_RARE_ENDING if nominative == "ия" else _BY_A_ENDING if nominative == "а" else _BY_ENDING
            readings.append(Reading(form, case, gender, "s", weight * dictionary.usage_factor(form, word)))
    return readings


_BY_ENDING = 0.05
_BY_A_ENDING = 0.04
_BY_RARE_ENDING = 0.2  # few words other than names have this ending
