"""Corrects where Russian names begin and end: no punctuation, line breaks or common words at the edges of a span.

The tagger often includes words before a name: "пилоты Ryanair", "столице провинции Пенджаб", "Христианка Асия Биби".
Word lists say which common nouns a name of each type may begin with; any other in front is removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from coranto_classifier.entities.countries import find_country
from coranto_classifier.entities.mention import EntityType
from coranto_classifier.entities.russian.dictionary import CYRILLIC, PROPER_TAGS, Dictionary
from coranto_classifier.entities.russian.inflection import PREPOSITIONS, QUOTES, opens_sentence
from coranto_classifier.word_lists import word_list

_PUNCTUATION = " \t\n\u00a0.,;:!?()[]—–-…/|*"
_REGIONS = re.compile(
    r"[А-ЯЁ][а-яё-]+(?:ой|ого|ому|ом)(?:(?:,| и) [А-ЯЁ][а-яё-]+(?:ой|ого|ому|ом))+(?: [а-яё]+(?:ых|их|ым|им|ыми|ими))?"
    r" (?:област(?:ях|ей|ям|ями)|республик(?:ах|ам|ами)?|район(?:ах|ов|ам|ами)|кра(?:ях|ев|ям|ями)|округ(?:ах|ов|ам|ами))"
)
"""Several regions that the tagger takes for a single name."""

_TWO_PEOPLE = re.compile(r"([А-ЯЁ]\S+(?: [А-ЯЁ]\S+)*) и ([А-ЯЁ]\S+(?: [А-ЯЁ]\S+)*)")
_TWO_ACRONYMS = re.compile(r"([А-ЯЁA-Z]{2,}) и ([А-ЯЁA-Z]{2,})")
_PARTS = re.compile(r"(?:[^\n,]|,(?! [А-ЯЁA-Z«\"]))+")
"""A name is on one line, and after a comma a capital begins the next name: "Бельгию, Испанию"."""

_WORD = re.compile(r"\S+")
_HEADS = {"organisation": word_list("russian_organisation_heads"), "place": word_list("russian_place_heads")}
_PLACE_CLASSES = word_list("russian_place_classes")
_PLACE_AFTER_PLACE = re.compile(r"([А-ЯЁ][а-яё-]+) ([а-яё]+) (?=[А-ЯЁ])")
_PLACE_ADJECTIVES = word_list("russian_place_adjectives")


def corrected_spans(
    text: str, start: int, end: int, kind: EntityType, dictionary: Dictionary
) -> Iterator[tuple[int, int, EntityType]]:
    """The corrected span, or several where it holds several names; none where no name is left."""
    for line in _PARTS.finditer(text, start, end):
        left, right = line.span()
        left, right = _without_punctuation(text, left, right)
        left = _start_of_name(text, left, right, kind, dictionary)
        left, right = _without_unpaired_quotes(text, *_without_punctuation(text, left, right))
        if kind == "place" and _REGIONS.fullmatch(text[left:right]):
            for adjective in re.finditer(r"[А-ЯЁ][а-яё-]+", text[left:right]):
                yield left + adjective.start(), left + adjective.end(), kind
        elif kind == "place" and (second := _start_of_second_place(text, left, right, dictionary)):
            yield left, _without_punctuation(text, left, second)[1], kind
            yield second, right, kind
        elif both := (_TWO_PEOPLE if kind == "person" else _TWO_ACRONYMS).fullmatch(text, left, right):
            yield from ((*both.span(group), kind) for group in (1, 2))
        elif sum(letter.isalpha() for letter in text[left:right]) > 1:
            yield left, right, kind


def _start_of_second_place(text: str, left: int, right: int, dictionary: Dictionary) -> int | None:
    """Start of the second place in "Камчатка вулкан Шивелуч": a kind of place after a place that is complete without it."""
    match = _PLACE_AFTER_PLACE.match(text, left, right)
    if match is None:
        return None
    is_place = any(tag.POS == "NOUN" and "Geox" in tag for tag, _, _, _ in dictionary.parses(match[1]))
    is_kind = any(lemma in _PLACE_CLASSES for _, lemma, _, _ in dictionary.parses(match[2]))
    return match.start(2) if is_place and is_kind else None


def _without_punctuation(text: str, left: int, right: int) -> tuple[int, int]:
    """The span without punctuation at its ends, and cut before a bracket that it does not close."""
    while left < right and text[left] in _PUNCTUATION:
        left += 1
    inner = text[left:right]
    if "(" in inner and ")" not in inner:
        right = left + inner.index("(")
    while left < right and text[right - 1] in _PUNCTUATION and not _ends_with_initial(text, left, right):
        right -= 1
    return left, right


def _without_unpaired_quotes(text: str, left: int, right: int) -> tuple[int, int]:
    """The span without a quotation mark at one end whose counterpart is missing."""
    inner = text[left:right]
    if inner and inner[0] in QUOTES and not any(mark in inner[1:] for mark in QUOTES):
        left += 1
    if inner and inner[-1] in QUOTES and not any(mark in inner[:-1] for mark in QUOTES):
        right -= 1
    return left, right


def _ends_with_initial(text: str, left: int, right: int) -> bool:
    """True when the span ends with an initial such as "В.", whose full stop belongs to the name."""
    return (
        text[right - 1] == "."
        and right - 2 >= left
        and text[right - 2].isupper()
        and (right - 3 < left or not text[right - 3].isalpha())
    )


def _start_of_name(text: str, left: int, right: int, kind: EntityType, dictionary: Dictionary) -> int:
    """Start of the name, after common words that no name of its type begins with."""
    first, space, rest = text[left:right].partition(" ")
    if kind == "place" and first.lower() in PREPOSITIONS and rest[:1].isupper():
        left += len(first + space)
    while True:
        words = [match.span() for match in _WORD.finditer(text, left, right)]
        lead = [text[start:end] for start, end in words]
        length = next((index for index, word in enumerate(lead) if not word.islower()), len(lead))
        is_common = length == 0 and len(lead) > 1 and _is_common_first_word(text, left, lead, dictionary)
        if is_common or (kind == "organisation" and _is_noun_of_country(text, left, lead, dictionary)):
            length = 1
        if length in (0, len(lead)) or (kind == "person" and length > 1):
            return left
        cut = _common_words(lead[:length], lead[length], kind, dictionary)
        if cut == 0:
            return left
        left = words[cut][0]


def _is_common_first_word(text: str, left: int, words: list[str], dictionary: Dictionary) -> bool:
    """True for a word for people that is capitalised because it opens the sentence: "Эксперты S&P", "Христианка Асия Биби"."""
    if not opens_sentence(text, left) or not words[1][0].isupper() or not dictionary.is_known(words[0]):
        return False
    tags = [tag for tag, _, _, _ in dictionary.parses(words[0].lower())]
    is_person = tags[0].POS == "NOUN" and tags[0].animacy == "anim"
    return is_person and not any(mark in tag for tag in tags for mark in PROPER_TAGS)


def _is_noun_of_country(text: str, left: int, words: list[str], dictionary: Dictionary) -> bool:
    """True for "Территория Кыргызстана" at the start of a sentence: a common noun that heads no organisation, and a country."""
    if (
        len(words) != 2
        or not all(word[0].isupper() for word in words)
        or not opens_sentence(text, left)
        or not dictionary.is_known(words[0])
    ):
        return False
    tag, lemma, _, _ = dictionary.parses(words[0].lower())[0]
    is_common = tag.POS == "NOUN" and tag.case == "nomn" and lemma not in _HEADS["organisation"]
    return is_common and find_country(dictionary.lemma(words[1])[0].title()) is not None


def _common_words(lead: list[str], following: str, kind: EntityType, dictionary: Dictionary) -> int:
    """Number of leading words that are not part of the name."""
    tags = [dictionary.parses(word.lower())[0] for word in lead]
    head = next((index for index, (tag, _, _, _) in enumerate(tags) if tag.POS == "NOUN"), None)
    if kind == "person":
        tag = tags[0][0]
        is_people = tag.POS == "NOUN" and tag.animacy == "anim" and dictionary.is_known(lead[0])
        return 1 if is_people and following[0].isupper() else 0
    if head is not None:
        lemma = tags[head][1]
        is_head = (
            lemma in _HEADS[kind] or lemma.rsplit("-", 1)[-1] in _HEADS[kind] or not dictionary.is_known(lead[head])
        )
        return 0 if is_head else head + 1
    if kind == "place":
        return 0 if tags[-1][1] in _PLACE_ADJECTIVES else len(lead)
    is_foreign = following[0] in QUOTES or not CYRILLIC.search(following)
    return len(lead) if is_foreign and all(tag.POS in ("ADJF", "PRTF", "NPRO") for tag, _, _, _ in tags) else 0
