"""Names in Russian text: the tagger says where they stand, the normaliser puts them into the nominative."""

from __future__ import annotations

import re
from pathlib import Path

from coranto_classifier.entities.mention import Name, NameType
from coranto_classifier.entities.russian.boundaries import tidied
from coranto_classifier.entities.russian.dictionary import CYRILLIC, PROPER_TAGS, place_of_adjective
from coranto_classifier.entities.russian.inflection import QUOTES, RussianNormaliser, opens_sentence
from coranto_classifier.entities.russian.tagger import RussianTagger
from coranto_classifier.topics.vectors import WordVectors
from coranto_classifier.word_lists import word_list

_CAPITALS = re.compile(r"\b[А-ЯЁ]{4,}(?:-[А-ЯЁ]{2,})*\b")
_LONGEST_TEXT = 20_000
_LOUD = 0.6
_ORGANISATION_HEADS = word_list("russian_organisation_heads")
_PLACE_HEADS = word_list("russian_place_heads")


class RussianNames:
    """People, organisations and places of a Russian text, in the nominative."""

    def __init__(self, models: Path, vectors: WordVectors | None = None) -> None:
        self.version = "slovnet-ner-news-v1+navec-news-v1+crf-ru-2+forms-2"
        vectors = vectors or WordVectors(models)
        self.normaliser = RussianNormaliser(vectors.count)
        self._dictionary = self.normaliser.dictionary
        self._tagger = RussianTagger(models, vectors, self._dictionary.parses)

    def find(self, text: str) -> list[Name]:
        """The names of the text; what lies beyond 20,000 characters is not read."""
        text = written = text[:_LONGEST_TEXT]
        if not CYRILLIC.search(text):
            return []
        text = "\n".join(self._usual_capitals(line) for line in text.split("\n"))
        spans = [
            tidy
            for start, end, kind in self._tagger.spans(text)
            for tidy in tidied(text, start, end, kind, self._dictionary)
            if _is_name(text[tidy[0] : tidy[1]], kind)
        ]
        spans = [(start, end, self._type_of(kind, written[start:end])) for start, end, kind in spans]
        spans = [span for span in spans if not self._is_sentence_opener(text, span, spans)]
        forms = self.normaliser.normal_forms(text, spans)
        return [
            Name(start, end, kind, written[start:end], form)
            for (start, end, kind), form in zip(spans, forms, strict=True)
        ]

    def _usual_capitals(self, line: str) -> str:
        """The line with words in capitals as they are usually written: a dateline's МОСКВА, a loud headline."""
        if not _CAPITALS.search(line):
            return line
        letters = [letter for letter in line if letter.isalpha()]
        is_loud = sum(letter.isupper() for letter in letters) > _LOUD * len(letters)
        return _CAPITALS.sub(lambda match: self._usual_form(match.group(), is_loud=is_loud), line)

    def _usual_form(self, word: str, *, is_loud: bool) -> str:
        """A word in capitals as it is usually written. Acronyms stay."""
        if not self._dictionary.is_known(word):
            return word
        tags = [tag for tag, _, _, _ in self._dictionary.parses(word.lower())]
        if any("Abbr" in tag or "Orgn" in tag for tag in tags):
            return word
        if any(mark in tag for tag in tags for mark in PROPER_TAGS):
            return word.title()
        # ФИФА is a common word in small letters: only a line that is loud throughout is lowered.
        return word.lower() if is_loud else word

    def _is_sentence_opener(
        self, text: str, span: tuple[int, int, NameType], spans: list[tuple[int, int, NameType]]
    ) -> bool:
        """True for a common word that is taken for a name since it opens a sentence: "История повторилась"."""
        start, end, kind = span
        word = text[start:end]
        if not opens_sentence(text, start):
            return False
        if " " in word:
            is_quoted = start > 0 and text[start - 1] in QUOTES
            return kind != "person" and not is_quoted and text.count(word) == 1 and self._is_common_phrase(word.split())
        if kind == "organisation":
            # "Правительство утвердило бюджет": in small letters it would be no name either.
            return self._dictionary.lemma(word)[0] in _ORGANISATION_HEADS
        if kind != "person":
            return False
        tags = [tag for tag, _, _, _ in self._dictionary.parses(word.lower())]
        if not self._dictionary.is_known(word) or any(mark in tag for tag in tags for mark in PROPER_TAGS):
            return False
        if tags[0].POS == "NOUN" and tags[0].animacy == "anim":
            return False
        # A surname such as "Мороз" stands inside a sentence or in a full name as well.
        return not any(other != span and word in text[other[0] : other[1]].split() for other in spans)

    def _is_common_phrase(self, words: list[str]) -> bool:
        """True for common words of which only the first has a capital: "Сильная метель", but no "Верховный суд"."""
        readings = [self._dictionary.parses(word.lower()) for word in words]
        tags = [tag for options in readings for tag, _, _, _ in options]
        head = next((options[0][1] for options in readings if options[0][0].POS == "NOUN"), None)
        return (
            all(word.islower() and self._dictionary.is_known(word) for word in words[1:])
            and readings[0][0][0].POS == "ADJF"
            and head is not None
            and head not in _ORGANISATION_HEADS | _PLACE_HEADS
            and not any(mark in tag for tag in tags for mark in (*PROPER_TAGS, "Orgn"))
        )

    def _type_of(self, kind: NameType, written: str) -> NameType:
        """The tagger's type, but a town in a dateline's capitals is no organisation."""
        if kind == "organisation" and written.isupper() and _CAPITALS.fullmatch(written):
            tags = [tag for tag, _, _, _ in self._dictionary.parses(written.lower())]
            if any("Geox" in tag for tag in tags) and not any("Abbr" in tag for tag in tags):
                return "place"
        return kind


def _is_name(name: str, kind: NameType) -> bool:
    """False for common words the tagger took along: "страны", "правительство"."""
    return name != name.lower() or (kind == "place" and place_of_adjective(name) is not None)
