"""Corrects the English tagger's answer where it is known to be wrong: job titles, word edges, and single words.

Each rule stands for a mistake the tagger makes in news; `tests/services/classifier/test_entities.py` has an example of
each, and `make test-slow` measures all of them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coranto_classifier.entities.bio import TokenSpan
from coranto_classifier.entities.english.gazetteer import (
    CITY,
    COUNTRY,
    GIVEN_NAME,
    ORGANISATION,
    REGION,
    SURNAME,
    Gazetteer,
)
from coranto_classifier.entities.english.tokens import CaseCounts
from coranto_classifier.entities.mention import EntityType
from coranto_classifier.entities.place_ids import find_place_id
from coranto_classifier.word_lists import word_list

_ORGANISATION_WORDS = word_list("organisation_words")
_JOB_TITLES = word_list("english_titles")
_DEMONYMS = word_list("english_demonyms")
_INSIDE_NAMES = word_list("english_inside_names")
_NEVER_NAMES = word_list("english_never_names")
_BEFORE_PLACES = word_list("english_before_places")
_ABOVE_PLACES = word_list("english_above_places")
_SURE_ORGANISATIONS = word_list("english_sure_organisations")
_SURE_PLACES = word_list("english_sure_places")
_EMPLOYMENT = word_list("english_employment")
_LONGEST_JOB_TITLE = 4  # words: "Detective Chief Inspector", "First Deputy Prime Minister"
_UNAMBIGUOUS_PLACES = (REGION, COUNTRY)
_PLACES = (REGION, COUNTRY, CITY)
_CONTRACTED_PRONOUNS = ("i'", "i’")
_COMPASS = frozenset({"north", "south", "east", "west"})
_NOT_OF_NAMES = frozenset({"the", "a", "an"}) | _JOB_TITLES
"""Words that may stand before a name with a capital."""

_TITLE_CASE = 0.6  # share of words with a capital
_LONGEST_RUN = 5  # capitalised words that one name may have; a headline has more
_CONJUNCTIONS = frozenset({"and", "-", "–", "—"})


class PostProcessor:
    """The rules, with the name lists they look words up in."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer

    def corrected(self, words: Sequence[str], found: Sequence[TokenSpan], cases: CaseCounts) -> Iterator[TokenSpan]:
        """The tagger's entities without job titles and common words, and the places and employers it missed."""
        taken = {index for first, last, _ in found for index in range(first, last + 1)}
        found = [
            (first, last, self._listed_type(words[first : last + 1]) or kind)
            for span in found
            for first, last, kind in self._without_common_words(words, *span)
        ]
        listed = [
            each
            for each in (
                *self._listed_places(words),
                *self._listed_organisations(words),
                *self._large_cities(words),
                *self._named_by_last_word(words),
            )
            if not taken.intersection(range(each[0], each[1] + 1))
        ]
        taken |= {index for first, last, _ in listed for index in range(first, last + 1)}
        missed = [
            (index, index, kind)
            for index, word in enumerate(words)
            if index not in taken and word[:1].isupper() and (kind := self._type_from_context(words, index)) is not None
        ]
        for first, last, kind in sorted([*found, *listed, *missed]):
            if self._is_demonym(words[first : last + 1]):
                continue
            name = first + self._job_title_length(words[first : last + 1])
            if name > first and kind == "organisation":
                kind = "person" if self._is_person(words[name : last + 1]) else kind  # noqa: PLW2901 - corrected
            if kind == "person" and last > name:
                kind = self._type_of_last_word(words, name, last, kind) or kind  # noqa: PLW2901 - corrected
            if kind == "person":
                if name < last and words[name].lower() in _DEMONYMS and GIVEN_NAME not in self._codes(words[name]):
                    name += 1  # "Minnesotan Scott LeDoux"
                yield from self._checked_if_single(words, name, last, kind, cases)
            else:
                for start, end in self._trimmed(words, first, last, kind):
                    yield from self._checked_if_single(words, start, end, kind, cases)

    def _without_common_words(
        self, words: Sequence[str], first: int, last: int, kind: EntityType
    ) -> Iterator[TokenSpan]:
        """The name without common words at its start, or the two that one inside it stands between: "Arsenal beat Leeds United"."""
        while first < last and self._is_common(words[first]):
            first += 1
        for index in range(first + 1, last):
            if self._is_common(words[index]):
                yield from self._without_common_words(words, first, index - 1, kind)
                yield from self._without_common_words(words, index + 1, last, kind)
                return
        yield first, last, (self._type_of_last_word(words, first, last, kind) if last > first else None) or kind

    def _type_of_last_word(self, words: Sequence[str], first: int, last: int, kind: EntityType) -> EntityType | None:
        """Organisation for "Curie Institute", place for "South Bank Tower"; a surname may be such a word: "Jane Street"."""
        word = words[last].lower()
        if kind == "person" and GIVEN_NAME in self._codes(words[first]) and SURNAME in self._codes(word):
            return None
        if not words[last][:1].isupper():
            return None
        return "organisation" if word in _SURE_ORGANISATIONS else "place" if word in _SURE_PLACES else None

    def _is_common(self, word: str) -> bool:
        """True for a word that is usually written small, and does not join the words of names as "of" does."""
        return word.islower() and word not in _INSIDE_NAMES and self._gazetteer.usual_case(word) in ("l", "m")

    def _trimmed(self, words: Sequence[str], first: int, last: int, kind: EntityType) -> Iterator[tuple[int, int]]:
        """A place or organisation without common words at its ends; two listed places joined by "and" as two."""
        if kind == "place":
            # "hill above Matlock", "lowland Europe": only the capitalised word is the name.
            first = next((index for index in range(first, last + 1) if words[index][:1].isupper()), last + 1)
        if last > first and words[last].islower() and words[last - 1][:1].isupper():
            last -= 1  # "European Union funds"
        joint = next((index for index in range(first + 1, last) if words[index] in _CONJUNCTIONS), None)
        if kind == "place" and joint is not None:
            parts = (words[first:joint], words[joint + 1 : last + 1])
            if all(map(self._is_listed_place, parts)) and not self._is_listed_place(words[first : last + 1]):
                yield first, joint - 1
                first = joint + 1
        if first <= last:
            yield first, last

    def _is_listed_place(self, words: Sequence[str]) -> bool:
        lowered = [word.lower() for word in words]
        codes = self._gazetteer.phrase_codes(lowered) if len(lowered) > 1 else [self._gazetteer.codes(lowered[0])]
        return all(set(code) & set(_PLACES) for code in codes)

    def _checked_if_single(
        self, words: Sequence[str], first: int, last: int, kind: EntityType, cases: CaseCounts
    ) -> Iterator[TokenSpan]:
        """The entity. A single word must be able to be a name by itself, and the words before it may change its type."""
        if first == last:
            if not self._may_be_name(words, first, kind, cases):
                return
            if kind == "person":
                kind = self._type_from_context(words, first) or kind
        yield first, last, kind

    def _listed_places(self, words: Sequence[str]) -> Iterator[TokenSpan]:
        """Countries and regions by the lists alone, without words that may be a person's name as well."""
        codes = self._gazetteer.phrase_codes([word.lower() for word in words])
        index = 0
        while index < len(words):
            last = index
            while codes[index] in _UNAMBIGUOUS_PLACES and last + 1 < len(words) and codes[last + 1] == codes[index]:
                last += 1
            word_codes = self._codes(words[index])
            is_single = bool(word_codes) and set(word_codes) <= set(_UNAMBIGUOUS_PLACES)
            if words[index][:1].isupper() and words[last][:1].isupper() and (last > index or is_single):
                yield index, last, "place"
            index = last + 1

    def _large_cities(self, words: Sequence[str]) -> Iterator[TokenSpan]:
        """Cities of 100,000 inhabitants or more whose name means nothing else, by the lists alone."""
        for index, word in enumerate(words):
            is_city = word[:1].isupper() and self._codes(word) == CITY and find_place_id(word) is not None
            if is_city and not self._is_in_name(words, index, index):
                yield index, index, "place"

    def _listed_organisations(self, words: Sequence[str]) -> Iterator[TokenSpan]:
        """Well-known organisations by the list alone, without words that may be something else."""
        codes = self._gazetteer.phrase_codes([word.lower() for word in words])
        index = 0
        while index < len(words):
            last = index
            while codes[index] == ORGANISATION and last + 1 < len(words) and codes[last + 1] == ORGANISATION:
                last += 1
            is_whole = last > index or self._listed_type(words[index : index + 1]) is not None
            if (
                is_whole
                and words[index][:1].isupper()
                and words[last][:1].isupper()
                and not self._is_in_name(words, index, last)
            ):
                yield index, last, "organisation"
            index = last + 1

    def _listed_type(self, words: Sequence[str]) -> EntityType | None:
        """Organisation for a well-known one whose name means nothing else."""
        lowered = [word.lower() for word in words]
        if len(words) > 1:
            is_listed = set(self._gazetteer.phrase_codes(lowered)) == {ORGANISATION}
        else:
            is_listed = self._codes(words[0]) == ORGANISATION and self._gazetteer.usual_case(lowered[0]) in (
                "U",
                "u",
                "?",
            )
        return "organisation" if is_listed else None

    def _named_by_last_word(self, words: Sequence[str]) -> Iterator[TokenSpan]:
        """Capitalised words in a row of which the last says what they name: "Montreal Hockey Club", "Harbour Street"."""
        letters = [word for word in words if word[:1].isalpha()]
        if len(letters) > _LONGEST_RUN and sum(word[0].isupper() for word in letters) > _TITLE_CASE * len(letters):
            return  # In a headline capitals say nothing.
        index = 0
        while index < len(words):
            first = last = index
            while last + 1 < len(words) and words[first][:1].isupper() and words[last + 1][:1].isupper():
                last += 1
            index = last + 1
            while first < last and words[first].lower() in _NOT_OF_NAMES:
                first += 1
            opens_sentence = first == 0 and self._gazetteer.usual_case(words[0].lower()) in ("l", "m")
            if 0 < last - first < _LONGEST_RUN and not opens_sentence:
                word = words[last].lower()
                if word in _SURE_ORGANISATIONS:
                    yield first, last, "organisation"
                elif word in _SURE_PLACES:
                    yield first, last, "place"

    @staticmethod
    def _is_in_name(words: Sequence[str], first: int, last: int) -> bool:
        """True where a capitalised word follows or, inside the sentence, precedes: the words are part of another name."""
        return (last + 1 < len(words) and words[last + 1][:1].isupper()) or (
            first > 1 and words[first - 1][:1].isupper()
        )

    @staticmethod
    def _is_demonym(words: Sequence[str]) -> bool:
        """True for "South Korean"."""
        return len(words) == 2 and words[0].lower() in _COMPASS and words[1].lower() in _DEMONYMS

    def _job_title_length(self, words: Sequence[str]) -> int:
        """Number of words before a person's name that are a job title: 2 in "Transport Minister Enescu"."""
        titles = [
            index for index, word in enumerate(words[:_LONGEST_JOB_TITLE]) if word.lower().rstrip(".") in _JOB_TITLES
        ]
        length = next((index + 1 for index in reversed(titles) if index + 1 < len(words)), 0)
        is_name = any(GIVEN_NAME in self._codes(word) for word in words[: titles[0]]) if titles else False
        return 0 if is_name or (length and not words[length][:1].isalpha()) else length

    def _is_person(self, words: Sequence[str]) -> bool:
        """True for a given name and one or two more words, none of which is typical of organisations."""
        return (
            2 <= len(words) <= 3
            and GIVEN_NAME in self._codes(words[0])
            and not any(word.lower() in _ORGANISATION_WORDS for word in words)
        )

    def _codes(self, word: str) -> str:
        """Codes of the name lists that hold the word, in any case."""
        return self._gazetteer.codes(word.lower())

    def _may_be_name(self, words: Sequence[str], index: int, kind: str, cases: CaseCounts) -> bool:
        """False for a demonym, and for a common word that is capitalised only because it opens the sentence."""
        lower = words[index].lower()
        if kind == "place":
            return lower not in _DEMONYMS
        capital, small = cases.get(lower, (0, 0))
        if lower in _NEVER_NAMES or lower.startswith(_CONTRACTED_PRONOUNS):
            return False
        if lower in _JOB_TITLES and not {GIVEN_NAME, SURNAME} & set(self._codes(lower)):
            return False
        # "Power was cut": a word that is usually in lower case is no person because of the sentence's capital.
        is_usually_small = self._gazetteer.usual_case(lower) in ("l", "m") and GIVEN_NAME not in self._codes(lower)
        return not (kind == "person" and index == 0 and (small > 0 or is_usually_small) and not capital)

    def _type_from_context(self, words: Sequence[str], index: int) -> EntityType | None:
        """Type of a single word by the words before it: a town after "in", an employer after "chief executive of"."""
        codes, before = self._codes(words[index]), [word.lower() for word in words[max(0, index - 2) : index]]
        if index + 1 < len(words) and words[index + 1][:1].isupper():
            return None
        if not before or set(codes) & {GIVEN_NAME, SURNAME}:
            return None
        if CITY in codes:
            return "place" if before[-1] in _BEFORE_PLACES else None
        if not codes and before[-1] in _ABOVE_PLACES and words[index + 1 : index + 2] not in (["'s"], ["’s"]):
            return "place"
        if not codes and len(before) == 2 and before[1] in ("of", "at") and before[0] in _EMPLOYMENT:
            return "organisation"
        return None
