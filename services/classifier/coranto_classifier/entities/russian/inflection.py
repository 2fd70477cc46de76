"""Puts Russian names into the nominative, considering all mentions of a text together.

Each reading of a name's words (case, gender, number) is weighed against the words around the name and against the other
mentions in the text. The words of a person's name agree with one another. In other names the head noun and its
adjectives are inflected, and the rest stays.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from coranto_classifier.entities.countries import find_country
from coranto_classifier.entities.mention import EntityType
from coranto_classifier.entities.russian.dictionary import (
    CASE_OF,
    CASES,
    CYRILLIC,
    PROPER_TAGS,
    Dictionary,
    Reading,
    cased_like,
    place_of_adjective,
)
from coranto_classifier.entities.russian.morphology import agree, is_acronym, person_readings, phrase_readings
from coranto_classifier.word_lists import word_list

QUOTES = "«»\"“”„'‘’"

PREPOSITIONS: dict[str, frozenset[str]] = {
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
_TOKEN = re.compile(r"[^\s]+")
_GLUED_INITIALS = re.compile(r"\b([А-ЯЁA-Z]\.)(?=[А-ЯЁA-Z])")
_ORGANISATION_CLASSES = word_list("russian_organisation_classes")
_ORGANISATION_HEADS = word_list("russian_organisation_heads")
_PLACE_CLASSES = word_list("russian_place_classes")
_SETTLEMENTS = word_list("russian_settlements")
_REGIONS = {"област": "область", "республик": "республика", "район": "район", "кра": "край", "округ": "округ"}
_REGIONS_TOGETHER = re.compile(
    r"(?:(?:\s*,\s*|\s+и\s+)[А-ЯЁ][а-яё-]+(?:ой|ая|ую|ом|им|ый|ий|ого|его))*"
    r"((?:\s+[а-яё]+(?:ых|их|ым|им|ыми|ими|ые|ие))?)\s+(?:(област|республик|район|кра|округ)(?:ях|ах|ей|ов|ев|ям|ам|ями|ами|и|ы|я|а)|(республик))\b"
)
"""The words after "Тульской" in "Тульской, Тверской и Псковской областях"."""

_SINGULAR_ADJECTIVE = re.compile(r"[А-ЯЁ][а-яё-]+(?:ой|ая|ую|ого|его|ому|ему|ым|ом)")
_LIKELY = 0.04  # probability of a dictionary parse that is to be considered
_SHORTEST_COMPOUNDED = 6  # letters of a class that compounds may end with
_WITHOUT_PREPOSITION = 0.2  # weight of the case that only prepositions govern
_VERB_AGREES = 4.0  # factor for the nominative of a verb's subject
_SAME_PERSON = 8.0  # factor for a form that is part of a full name in the text
_GOVERNED, _AGREEING = 3.0, 1.0  # weights after a noun: of the genitive, and of the noun's own case


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A possible nominative of a whole name."""

    form: str
    weight: float


class RussianNormalizer:
    """Puts names into the nominative. `counts` says how often a word occurs in newspapers."""

    def __init__(self, counts: Callable[[str], int] = lambda _word: 0) -> None:
        self.dictionary = Dictionary(counts)
        self.lemma = self.dictionary.lemma

    def normal_forms(self, text: str, spans: Sequence[tuple[int, int, EntityType]]) -> list[str]:
        """The normal form of each span. Where several are possible, the one that other mentions support wins."""
        options = [self._candidates(text, start, end, kind) for start, end, kind in spans]
        shared = self._people_of_one_surname(text, spans)
        support: dict[str, float] = defaultdict(float)
        for candidates in options:
            total = sum(candidate.weight for candidate in candidates) or 1.0
            for candidate in candidates:
                for word in _supported_words(candidate.form):
                    support[word] += candidate.weight / total
        words = Counter(re.findall(r"[\w-]+", text))
        chosen: dict[int, str] = {}
        known_forms: set[str] = set()
        # Full names first: they show the nominative of the surname.
        for index in sorted(range(len(spans)), key=lambda index: text.count(" ", *spans[index][:2]) == 0):
            start, end, kind = spans[index]
            form = shared.get(index) or _best(
                options[index], support, words, known_forms if kind == "person" else set()
            )
            chosen[index] = form if form is not None else text[start:end].strip(QUOTES)
            if kind == "person" and " " in chosen[index]:
                known_forms.update(chosen[index].split())
        return [_balanced(chosen[index]) for index in range(len(spans))]

    def _people_of_one_surname(self, text: str, spans: Sequence[tuple[int, int, EntityType]]) -> dict[int, str]:
        """The full names of people named together, by the position of their spans: "Аркадия" and "Бориса Ротенбергов"."""
        found: dict[int, str] = {}
        for index, (one, other) in enumerate(pairwise(spans)):
            first, second = text[one[0] : one[1]], text[other[0] : other[1]].split()
            is_pair = one[2] == other[2] == "person" and text[one[1] : other[0]].strip() == "и"
            if not is_pair or " " in first or len(second) != 2:
                continue
            for case, surname in self.dictionary.plural_surname(second[1]).items():
                given = [self.dictionary.given_name(word, case) for word in (first, second[0])]
                if given[0] is not None and given[1] is not None:
                    found[index], found[index + 1] = (f"{each[0]} {surname[each[1]]}" for each in given if each)
        return found

    def _candidates(self, text: str, start: int, end: int, kind: EntityType) -> list[_Candidate]:
        """The possible nominatives of a span, with weights; empty when it should stay as written."""
        name = text[start:end]
        if kind == "person":
            name = _GLUED_INITIALS.sub(r"\1 ", name)
        words = [match.group() for match in _TOKEN.finditer(name)]
        if not words or not any(CYRILLIC.search(word) for word in words):
            return []
        cases = self._cases_before(text[max(0, start - 60) : start], kind)
        if kind == "person":
            return self._person(words, cases, self._gender_of_verb(text, start, end))
        if kind == "place" and len(words) == 1:
            if (place := place_of_adjective(words[0])) is not None:
                return [_Candidate(place, 1.0)]
            if (region := self._region_of(words[0], text[end : end + 200])) is not None:
                return [_Candidate(region, 1.0)]
        if kind == "place" and len(words) > 1 and _SINGULAR_ADJECTIVE.fullmatch(words[0]):
            after = text[start + len(words[0]) : end]
            if (region := self._region_of(words[0], after)) is not None:
                return [_Candidate(region, 1.0)]
        words, is_stripped = self._without_class(words, kind, may_be_common=opens_sentence(text, start))
        if is_stripped and words[0][0] in QUOTES:
            return [_Candidate(" ".join(words).strip(QUOTES), 1.0)]
        before = text[max(0, start - 60) : start]
        if start > 0 and text[start - 1] in QUOTES and self._is_in_apposition(before, kind):
            # "компании «Газпром»", but "исполкома «Единой России»": nominative if it can be read as one.
            cases = {case: 6.0 if case == "nomn" else 1.0 for case in CASES}
        elif kind == "place" and self._is_in_apposition(before, kind):
            # "в штате Невада", but "в городе Москве".
            cases = {case: max(weight, 3.0) if case == "nomn" else weight for case, weight in cases.items()}
        candidates = self._phrase(words, cases, kind)
        return candidates or ([_Candidate(" ".join(words).strip(QUOTES), 1.0)] if is_stripped else [])

    def _region_of(self, adjective: str, after: str) -> str | None:
        """The full name of one of several regions: "Тульская область" in "Тульской и Псковской областях"."""
        match = _REGIONS_TOGETHER.match(after)
        if match is None:
            return None
        noun = _REGIONS[match.group(2) or match.group(3)]
        reading = Reading(noun, "nomn", "f" if noun[-1] in "ьа" else "m", "s", 1.0)
        parts = [self.dictionary.agreeing(word, reading) for word in (adjective, *match.group(1).split())]
        if parts[0] is None or None in parts:
            return None
        return " ".join([cased_like(adjective, parts[0]), *(str(part) for part in parts[1:]), noun])

    def _without_class(self, words: list[str], kind: EntityType, *, may_be_common: bool) -> tuple[list[str], bool]:
        """The name without a common noun in apposition before it: "компании «Ив Роше»" is Ив Роше, "города Одессы" is Одесса.

        A noun that governs the name is part of it: "жюри «Новой волны»", "делегация клуба «Перестройка»".
        """
        classes = _PLACE_CLASSES if kind == "place" else _ORGANISATION_CLASSES
        for index, word in enumerate(words[:4]):
            if index:
                before = words[index - 1]
                is_class = self._is_class(before, classes)
                if is_class and word.isupper() and index + 1 < len(words) and self._is_class(word, classes):
                    continue  # "компании ОАО «Роснефтегаз»"
                if word[0] in QUOTES:
                    is_repeated = is_class or self._is_nominative_after(before, word.strip(QUOTES))
                    return (words[index:], True) if is_repeated else (words, False)
                if word[0].isalnum() and not CYRILLIC.search(word):
                    return (words[index:], True) if is_class else (words, False)
                is_common = before == before.lower() or before.isupper() or (kind == "place" and may_be_common)
                if word[0].isupper() and is_class and is_common:
                    # "партии Единая Россия", but not "партии России"; a town agrees with "города" in case.
                    is_repeated = kind == "place" or (
                        words[0].islower() and self._may_be_nominative(word) and not find_country(word)
                    )
                    if self._is_named_after(before, word):
                        is_repeated = False
                    return (words[index:], True) if is_repeated else (words, False)
                if not is_class and not self._is_adjective(before):
                    break
            if word != word.lower() and not self._is_class(word, classes) and not self._is_adjective(word):
                break
        return words, False

    def _is_named_after(self, noun: str, name: str) -> bool:
        """True for a surname that the noun governs: "остров Врангеля", "фонд Потанина"; but "города Пушкина" is Пушкин."""
        is_surname = any("Surn" in tag and tag.case == "gent" for tag, _, _, _ in self.dictionary.parses(name))
        return is_surname and not self._is_class(noun, _SETTLEMENTS)

    def _is_nominative_after(self, noun: str, name: str) -> bool:
        """True for a quoted name in apposition, which is in the nominative: "НПО «Молния»", not "правления «Газпром-медиа»"."""
        tags = [tag for tag, _, score, _ in self.dictionary.parses(name)[:6] if score > _LIKELY]
        is_indeclinable = not CYRILLIC.search(name) or any("Fixd" in tag for tag in tags)
        if is_indeclinable and self.dictionary.lemma(noun.lower())[0] in _ORGANISATION_HEADS:
            return False
        return self._may_be_nominative(name)

    def _may_be_nominative(self, word: str) -> bool:
        """True for a word that may be in the nominative, and for one that is not Russian."""
        if not CYRILLIC.search(word):
            return True
        parses = self.dictionary.parses(word)[:6]
        return any(tag.case in (None, "nomn") for tag, _, score, _ in parses if score > _LIKELY)

    def _is_adjective(self, word: str) -> bool:
        return str(self.dictionary.parses(word.lower())[0][0].POS) == "ADJF"

    def _is_class(self, word: str, classes: frozenset[str]) -> bool:
        """True for a common noun of the classes, and for a compound of one: "медиакомпания", "панк-группа"."""
        parses = self.dictionary.parses(word.strip(QUOTES).lower())[:3]
        lemmas = [lemma.replace("ё", "е") for _, lemma, _, _ in parses]
        return any(
            lemma in classes or lemma.rsplit("-", 1)[-1] in classes or _is_compound_of(lemma, classes)
            for lemma in lemmas
        )

    def _cases_before(self, before: str, kind: EntityType) -> dict[str, float]:
        """Weight of each case, by the word before the name."""
        weights = dict.fromkeys(CASES, 1.0)
        weights["nomn"] = 1.3
        weights["loct"] = _WITHOUT_PREPOSITION
        match = _WORD_BEFORE.search(before)
        if match is None:
            weights["nomn"] = 2.0
            return weights
        word = match.group(1).lower()
        if word in PREPOSITIONS:
            return {case: 4.0 if case in PREPOSITIONS[word] else 0.15 for case in CASES}
        if not CYRILLIC.search(word):
            return weights
        if match.group(1)[0].isupper():
            # "Школьница из Якутска Айталина Попова": a name rarely governs the next one.
            return weights
        for tag, _, score, _ in self.dictionary.parses(word)[:8]:
            if tag.POS in ("NOUN", "ADJF", "PRTF") and tag.case:
                # "губернатор Иванов", but "губернатор Миннесоты".
                is_governing = tag.POS == "NOUN" and kind != "person"
                weights[CASE_OF.get(str(tag.case), str(tag.case))] += (_AGREEING if is_governing else 3.0) * score
                if tag.POS == "NOUN":
                    weights["gent"] += (_GOVERNED if is_governing else 1.0) * score
                elif tag.POS == "PRTF" and "pssv" in tag:
                    weights["ablt"] += 3.0 * score  # "составленный Ивановым"
            elif tag.POS == "INFN":
                weights["accs"] += score
        return weights

    def _gender_of_verb(self, text: str, start: int, end: int) -> str | None:
        """Gender of a past-tense verb beside the name, which is then its subject: "Попова сказала"."""
        beside = (_WORD_AFTER.match(text[end : end + 40]), _WORD_BEFORE.search(text[max(0, start - 40) : start]))
        for match in beside:
            is_word = match is not None and match.group(1).islower()
            tag = self.dictionary.parses(match.group(1))[0][0] if match is not None and is_word else None
            if tag is not None and tag.POS == "VERB" and tag.tense == "past" and tag.number == "sing":
                return {"masc": "m", "femn": "f"}.get(str(tag.gender))
        return None

    def _is_in_apposition(self, before: str, kind: EntityType) -> bool:
        """True after a common noun to which the name is in apposition: "компании «Газпром»", not "тренера «Зенита»"."""
        match = _WORD_BEFORE.search(before)
        if match is None or not match.group(1).islower():
            return False
        if kind == "place":
            return self._is_class(match.group(1), _PLACE_CLASSES)
        tags = [tag for tag, _, _, _ in self.dictionary.parses(match.group(1))[:2]]
        return any(tag.POS == "NOUN" and "Abbr" not in tag and tag.animacy != "anim" for tag in tags)

    def _person(self, words: Sequence[str], cases: dict[str, float], subject: str | None) -> list[_Candidate]:
        """Nominatives of a person's name: its words agree in case and gender, and with a verb whose subject they are."""
        readings = [person_readings(self.dictionary, word, position, len(words)) for position, word in enumerate(words)]
        if _is_east_asian(words):
            readings[:-1] = [[Reading(word, "*", "*", "s", 1.0)] for word in words[:-1]]
        ways: dict[tuple[Reading, ...], float] = {}
        for gender in "mf":
            for case in CASES:
                chosen = []
                for options in readings:
                    fitting = [each for each in options if each.case in (case, "*") and each.gender in (gender, "*")]
                    if fitting:
                        chosen.append(max(fitting, key=lambda each: each.weight))
                if len(chosen) == len(words):
                    weight = cases[case] * (_VERB_AGREES if case == "nomn" and gender == subject else 1.0)
                    way = tuple(chosen)
                    ways[way] = max(ways.get(way, 0.0), weight * math.prod(each.weight for each in chosen))
        found: dict[str, float] = defaultdict(float)
        for way, weight in ways.items():
            found[" ".join(cased_like(word, each.nominative) for word, each in zip(words, way, strict=True))] += weight
        return _strongest(found)

    def _phrase(self, words: Sequence[str], cases: dict[str, float], kind: EntityType) -> list[_Candidate]:
        """Nominatives of a place or organisation: adjectives and their noun are inflected, the words after the noun stay."""
        bare = [word.strip(QUOTES) for word in words]
        if kind == "place" and len(words) > 1 and bare[0].lower() in _PLACE_ARTICLES:
            # "Сан Луисе", "Аль Аин": the first word is never declined, nor is it an adjective.
            return [_Candidate(f"{words[0]} {each.form}", each.weight) for each in self._phrase(words[1:], cases, kind)]
        head = self._head(bare)
        if head is None:
            return []
        readings = [
            phrase_readings(self.dictionary, word, kind, is_head_first=head == 0, is_alone=len(words) == 1)
            for word in bare[: head + 1]
        ]
        found: dict[str, float] = defaultdict(float)
        for noun in readings[head]:
            if not noun.is_noun:
                continue
            weight = noun.weight * (cases[noun.case] if noun.case != "*" else 1.0)
            form = []
            for word, options in zip(bare[:head], readings[:head], strict=True):
                if word in _CONJUNCTIONS:
                    form.append(word)
                    continue
                fitting = [each for each in options if not each.is_noun and agree(each, noun)]
                if not fitting:
                    break
                best = max(fitting, key=lambda each: each.weight)
                weight *= best.weight
                is_in_form = best.gender == noun.gender and best.number == noun.number
                adjective = None if is_in_form else self.dictionary.agreeing(best.nominative, _with_gender(noun, best))
                form.append(cased_like(word, adjective or best.nominative))
            else:
                form.append(cased_like(bare[head], noun.nominative))
                name = " ".join([*form, *words[head + 1 :]])
                found[name] += weight * (_IS_COUNTRY if kind == "place" and find_country(name) else 1.0)
        return self._joined_country(words, cases) or _strongest(found)

    def _joined_country(self, words: Sequence[str], cases: dict[str, float]) -> list[_Candidate]:
        """Nominatives of a country of two names: "Боснии и Герцеговины"."""
        if len(words) != 3 or words[1] != "и":
            return []
        left, right = (self._phrase([word], cases, "place") for word in (words[0], words[2]))
        return [
            _Candidate(name, one.weight * other.weight)
            for one in left
            for other in right
            if find_country(name := f"{one.form} и {other.form}")
        ]

    def _head(self, words: Sequence[str]) -> int | None:
        """Position of the first noun, if only adjectives precede it; None when nothing is to be inflected."""
        for position, word in enumerate(words):
            if not CYRILLIC.search(word) or "." in word[:-1]:
                return None
            if word.isupper() and len(word) > 1:
                return position or None
            if is_acronym(word):
                return position
            if position and word in _CONJUNCTIONS:
                continue
            tags = [tag for tag, _, score, _ in self.dictionary.parses(word)[:6] if score > _LIKELY]
            is_adjective = any(_may_be_adjective(tag) for tag in tags)
            is_noun = any(tag.POS == "NOUN" for tag in tags)
            if (
                is_adjective
                and position < len(words) - 1
                and (tags[0].POS != "NOUN" or self._agrees_with_next(words, position))
            ):
                continue
            if is_noun or not is_adjective:
                return position if is_noun else None
        # Adjectives only: names such as "Краснодарский" and "Грозный" decline like adjectives.
        return len(words) - 1 if words else None

    def _agrees_with_next(self, words: Sequence[str], position: int) -> bool:
        """True for a word that may be an adjective and agrees with the next word: "Частного корреспондента"."""
        following = [tag for tag, _, score, _ in self.dictionary.parses(words[position + 1])[:6] if score > _LIKELY]
        return any(
            tag.case == other.case
            and tag.number == other.number
            and (tag.number == "plur" or tag.gender == other.gender)
            for tag, _, _, _ in self.dictionary.parses(words[position])[:8]
            if _may_be_adjective(tag)
            for other in following
            if other.POS in ("NOUN", "ADJF", "PRTF") and not any(mark in other for mark in PROPER_TAGS)
        )


def _may_be_adjective(tag: Any) -> bool:
    """True for an adjective, and for a surname in the plural: "Воробьёвых гор"."""
    return tag.POS in ("ADJF", "PRTF") or ("Surn" in tag and tag.number == "plur")


def _with_gender(noun: Reading, adjective: Reading) -> Reading:
    """The noun; an acronym of unknown gender gets that of its adjective: "российской ФСБ" is "российская"."""
    return replace(noun, gender=adjective.gender if adjective.gender == "f" else "m") if noun.gender == "*" else noun


_CONJUNCTIONS = frozenset({"и", "-", "–", "—"})
"""What may join adjectives of one noun: "экономического и валютного союза"."""

_IS_COUNTRY = 6.0  # factor
_PLACE_ARTICLES = word_list("place_articles")
_EAST_ASIAN_SURNAMES = word_list("east_asian_surnames")


def _is_east_asian(words: Sequence[str]) -> bool:
    """True for East Asian names, of which only the last word is declined: "Ким Чен Ына", "Ван Цзюня"."""
    return 2 <= len(words) <= 3 and words[0].lower() in _EAST_ASIAN_SURNAMES


def _is_compound_of(lemma: str, classes: frozenset[str]) -> bool:
    return any(
        lemma[-length:] in classes for length in range(_SHORTEST_COMPOUNDED, len(lemma)) if lemma[:-length].isalpha()
    )


def opens_sentence(text: str, position: int) -> bool:
    """True when the word at the position may be capitalised because it opens a sentence."""
    return text[max(0, position - 4) : position].rstrip(" \u00a0" + QUOTES)[-1:] in ("", *"\n.!?…—–")


def _strongest(found: dict[str, float]) -> list[_Candidate]:
    """The four forms with the highest weights."""
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:4]
    return [_Candidate(form, weight) for form, weight in ranked]


def _best(
    candidates: Sequence[_Candidate], support: dict[str, float], words: Counter[str], known_forms: set[str]
) -> str | None:
    """The best of the forms; None when there are none."""
    best = max(
        candidates,
        key=lambda each: (
            each.weight * _text_support(each.form, support, words) * (_SAME_PERSON if each.form in known_forms else 1)
        ),
        default=None,
    )
    return best.form if best is not None else None


def _balanced(form: str) -> str:
    """The form with the closing quotation mark that the tagger left out: "НК «Роснефть"."""
    if form.count("«") > form.count("»"):
        return f"{form}»"
    return f'{form}"' if form.count('"') % 2 else form


def _supported_words(form: str) -> list[str]:
    """The forms that other mentions can support: the whole one, and its last word (a surname alone)."""
    last = form.rsplit(" ", 1)[-1]
    return [form] if last == form else [form, last]


def _text_support(form: str, support: dict[str, float], words: Counter[str]) -> float:
    """Support for a form in the rest of the text: mentions with this form among their nominatives, and its words as written."""
    last = form.rsplit(" ", 1)[-1]
    seen = sum(1 for word in form.split() if words[word]) / max(1, len(form.split()))
    return math.sqrt(support[form] + support[last]) * (1.0 + 0.5 * seen)
