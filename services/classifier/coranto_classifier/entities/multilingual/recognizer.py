"""Recognizes entities in the languages of `MODELS` with a CRF of a language or a group, and one network of all languages.

The models are made by `make models`. A name is put into the nominative by its endings (`declension`, for Finnish and Hungarian
by `case_endings`), else stays as the text gives it or takes the plainest form that the same text has (`forms`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from coranto_classifier.entities.bio import entity_spans
from coranto_classifier.entities.mention import Mention
from coranto_classifier.entities.multilingual.base_names import BaseNames
from coranto_classifier.entities.multilingual.case_endings import WITH_CASE_ENDINGS, BaseForms
from coranto_classifier.entities.multilingual.consistency import made_consistent
from coranto_classifier.entities.multilingual.declension import DECLINED, Decliner
from coranto_classifier.entities.multilingual.features import FeatureMaker
from coranto_classifier.entities.multilingual.forms import with_plainest_forms
from coranto_classifier.entities.multilingual.german_mentions import corrected
from coranto_classifier.entities.multilingual.german_words import (
    GermanWords,
    german_features,
    read_german_words,
)
from coranto_classifier.entities.multilingual.known_phrases import KnownPhrases
from coranto_classifier.entities.multilingual.name_lists import feature_of_lists, read_lists
from coranto_classifier.entities.multilingual.sentence_network import SentenceNetwork
from coranto_classifier.entities.multilingual.tag_paths import read_together, tags_by_both
from coranto_classifier.entities.multilingual.tokens import sentences_of, tokens_of

MODELS: dict[str, tuple[str, ...]] = {
    "bulgarian": ("bg", "uk"),
    "finnish": ("fi",),
    "german": ("de",),
    "hungarian": ("hu",),
    "indonesian": ("id",),
    "nordic": ("da", "sv"),
    "norwegian": ("no",),
    "polish": ("pl",),
    "portuguese": ("pt",),
    "romanian": ("ro",),
    "slavic": ("cs", "hr", "sk", "sl", "sr"),
}
"""The model files, each with the languages that it finds names in. Some were trained on further ones."""

_OF_ONE_LANGUAGE = frozenset({"finnish", "hungarian", "indonesian", "norwegian", "portuguese", "romanian"})
"""Models that learned from one language only, so that their features have no copies per language."""

WITH_LISTS = frozenset({"finnish", "german", "polish"})
"""Models whose features say which words are in lists of names."""

_READ_LIKE = {"sk": ("sl",)}
"""Languages that are read like others of their group too: Slovak's own sentences are fiction and have hardly any organisations."""

_SHORTEST_ARTICLE = 1_000  # characters; in a shorter text a surname may stand without a given name
_LONGEST_TEXT = 20_000
_LONGEST_SENTENCE = 300  # tokens; longer text without a sentence end is tagged in pieces
_LONGEST_WORD = 60
_MARKS = frozenset("\"'“”„«»‘’()[]–—-,;:!?")
_CYRILLIC = "абвгдђежзијклмнопрстћуфхцчш"
_LATIN = "abvgdđežzijklmnoprstćufhcčš"
_TO_LATIN = str.maketrans(_CYRILLIC + _CYRILLIC.upper(), _LATIN + _LATIN.upper()) | str.maketrans(
    {"љ": "lj", "њ": "nj", "џ": "dž", "Љ": "Lj", "Њ": "Nj", "Џ": "Dž"}
)


class MultilingualRecognizer:
    """Finds people, organisations and places in text of one language."""

    def __init__(self, models: Path, language: str, maker: FeatureMaker, network: SentenceNetwork) -> None:
        import pycrfsuite  # type: ignore[import-untyped]  # ships no types

        model = next(name for name, members in MODELS.items() if language in members)
        self._language = language
        self._keys = () if model in _OF_ONE_LANGUAGE else (language, *_READ_LIKE.get(language, ()))
        self._maker, self._network = maker, network
        self._more = [feature_of_lists(read_lists(models, language))] if model in WITH_LISTS else []
        self._german: tuple[GermanWords, KnownPhrases] | None = None
        if language == "de":
            self._german = read_german_words(models)
            self._more += german_features(*self._german)
        self._decliner = Decliner(language, BaseNames(models, language)) if language in DECLINED else None
        self._bases = BaseForms(language, BaseNames(models, language)) if language in WITH_CASE_ENDINGS else None
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open(str(models / f"names_{model}.crfsuite"))
        self.version = f"crf-{language}-4"

    def find(self, text: str) -> list[Mention]:
        """The mentions in the first 20,000 characters of the text."""
        text = text[:_LONGEST_TEXT]
        sentences = [
            [(start + first, start + last) for first, last in tokens_of(text[start:end])]
            for start, end in sentences_of(text)
        ]
        parts = [
            tokens[first : first + _LONGEST_SENTENCE]
            for tokens in sentences
            for first in range(0, len(tokens), _LONGEST_SENTENCE)
        ]
        mentions = [mention for group in read_together(parts) for mention in self._tagged(text, group)]
        if self._german is not None:
            mentions = corrected(text, mentions, *self._german, is_article=len(text) >= _SHORTEST_ARTICLE)
        mentions = made_consistent(text, sentences, mentions, self._language)
        if self._decliner is not None:
            mentions = self._decliner.declined(text, mentions)
        if self._bases is not None:
            mentions = self._bases.based(text, mentions)
        return with_plainest_forms(mentions, self._language, are_declined=self._decliner is not None)

    def _tagged(self, text: str, sentences: Sequence[Sequence[tuple[int, int]]]) -> Iterator[Mention]:
        """The mentions among the tokens of the sentences, each sentence by itself."""
        written = [[text[start : min(end, start + _LONGEST_WORD)] for start, end in tokens] for tokens in sentences]
        chosen = [number for number, words in enumerate(written) if any(word[:1].isupper() for word in words)]
        read = [written[number] for number in chosen]
        if self._language == "sr":
            read = [[in_latin_letters(word) for word in words] for words in read]
        rows = self._maker.rows_of(read, self._keys)
        for own, words in zip(rows, read, strict=True):
            for add_features in self._more:
                add_features(own, words)
        judged = self._network.judge(read, self._language)
        tagged = tags_by_both(judged, self._tagger, rows)
        for number, tags in zip(chosen, tagged, strict=True):
            tokens, words = sentences[number], written[number]
            for first, last, kind in entity_spans(tags):
                while first < last and words[first] in _MARKS:
                    first += 1  # noqa: PLW2901 - the marks around a name are not part of it
                while first < last and words[last] in _MARKS:
                    last -= 1  # noqa: PLW2901 - see above
                start, end = tokens[first][0], tokens[last][1]
                name = text[start:end]
                if any(letter.isupper() for letter in name):
                    yield Mention(start, end, kind, name, " ".join(name.split()))


def in_latin_letters(word: str) -> str:
    """A Serbian word in Latin letters; letters that are not Serbian Cyrillic stay."""
    latin = word.translate(_TO_LATIN)
    return latin.upper() if word.isupper() and len(word) > 1 else latin
