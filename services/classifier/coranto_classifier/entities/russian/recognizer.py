"""Recognizes entities in Russian text: the tagger finds their spans, the normalizer puts them into the nominative."""

from __future__ import annotations

import re
from pathlib import Path

from coranto_classifier.entities.mention import EntityType, Mention
from coranto_classifier.entities.russian.boundaries import corrected_spans
from coranto_classifier.entities.russian.dictionary import CYRILLIC, PROPER_TAGS, place_of_adjective
from coranto_classifier.entities.russian.inflection import QUOTES, RussianNormalizer, opens_sentence
from coranto_classifier.entities.russian.tagger import RussianTagger
from coranto_classifier.topics.vectors import RussianVectors
from coranto_classifier.word_lists import word_list

_CAPITALS = re.compile(r"\b[А-ЯЁ]{4,}(?:-[А-ЯЁ]{2,})*\b")
_LONGEST_TEXT = 20_000
_CAPITALS_THROUGHOUT = 0.6
_ORGANISATION_HEADS = word_list("russian_organisation_heads")
_PLACE_HEADS = word_list("russian_place_heads")


class RussianRecognizer:
    """Finds people, organisations and places in Russian text, with normal forms in the nominative."""

    def __init__(self, models: Path, vectors: RussianVectors | None = None) -> None:
        self.version = "slovnet-ner-news-v1+navec-news-v1+crf-ru-5+layers-ru-1+forms-6"
        vectors = vectors or RussianVectors(models)
        self.normalizer = RussianNormalizer(vectors.count)
        self._dictionary = self.normalizer.dictionary
        self._tagger = RussianTagger(models, vectors, self._dictionary.parses)

    def find(self, text: str) -> list[Mention]:
        """The mentions in the first 20,000 characters of the text."""
        text = written = text[:_LONGEST_TEXT]
        if not CYRILLIC.search(text):
            return []
        text = "\n".join(self._usual_capitals(line) for line in text.split("\n"))
        spans = [
            span
            for start, end, kind in self._tagger.spans(text)
            for span in corrected_spans(text, start, end, kind, self._dictionary)
            if _is_name(text[span[0] : span[1]], kind)
        ]
        spans = [(start, end, self._type_of(kind, written[start:end])) for start, end, kind in spans]
        spans = [span for span in spans if not self._is_sentence_opener(text, span, spans)]
        forms = self.normalizer.normal_forms(text, spans)
        return [
            Mention(start, end, kind, written[start:end], form)
            for (start, end, kind), form in zip(spans, forms, strict=True)
        ]

    def _usual_capitals(self, line: str) -> str:
        """The line with words in capitals as they are usually written: МОСКВА in a dateline, a headline in capitals."""
        if not _CAPITALS.search(line):
            return line
        letters = [letter for letter in line if letter.isalpha()]
        is_in_capitals = sum(letter.isupper() for letter in letters) > _CAPITALS_THROUGHOUT * len(letters)
        return _CAPITALS.sub(lambda match: self._usual_form(match.group(), is_in_capitals=is_in_capitals), line)

    def _usual_form(self, word: str, *, is_in_capitals: bool) -> str:
        """A word in capitals as it is usually written; an acronym stays as it is."""
        if not self._dictionary.is_known(word):
            return word
        tags = [tag for tag, _, _, _ in self._dictionary.parses(word.lower())]
        if any("Abbr" in tag or "Orgn" in tag for tag in tags):
            return word
        if any(mark in tag for tag in tags for mark in PROPER_TAGS):
            return word.title()
        # "фифа" is also a common word: such words are put into lower case only where the whole line is in capitals.
        return word.lower() if is_in_capitals else word

    def _is_sentence_opener(
        self, text: str, span: tuple[int, int, EntityType], spans: list[tuple[int, int, EntityType]]
    ) -> bool:
        """True for a common word that was taken for a name because it opens a sentence: "История повторилась"."""
        start, end, kind = span
        word = text[start:end]
        if not opens_sentence(text, start):
            return False
        if " " in word:
            is_quoted = start > 0 and text[start - 1] in QUOTES
            return kind != "person" and not is_quoted and text.count(word) == 1 and self._is_common_phrase(word.split())
        if kind == "organisation":
            # "Правительство утвердило бюджет": inside a sentence it would be in lower case.
            return self._dictionary.lemma(word)[0] in _ORGANISATION_HEADS
        if kind != "person":
            return False
        tags = [tag for tag, _, _, _ in self._dictionary.parses(word.lower())]
        if not self._dictionary.is_known(word) or any(mark in tag for tag in tags for mark in PROPER_TAGS):
            return False
        if tags[0].POS == "NOUN" and tags[0].animacy == "anim":
            return False
        # A surname such as "Мороз" also occurs inside a sentence or in a full name.
        return not any(other != span and word in text[other[0] : other[1]].split() for other in spans)

    def _is_common_phrase(self, words: list[str]) -> bool:
        """True for common words of which only the first is capitalised: "Сильная метель", but not "Верховный суд"."""
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

    def _type_of(self, kind: EntityType, written: str) -> EntityType:
        """The tagger's type; but a town in capitals, as in a dateline, is a place and no organisation."""
        if kind == "organisation" and written.isupper() and _CAPITALS.fullmatch(written):
            tags = [tag for tag, _, _, _ in self._dictionary.parses(written.lower())]
            if any("Geox" in tag for tag in tags) and not any("Abbr" in tag for tag in tags):
                return "place"
        return kind


def _is_name(name: str, kind: EntityType) -> bool:
    """False for common words that the tagger returned: "страны", "правительство"."""
    return name != name.lower() or (kind == "place" and place_of_adjective(name) is not None)
