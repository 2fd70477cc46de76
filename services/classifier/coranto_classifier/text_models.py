"""What an article is about, as one plain function call: the work that runs in the pool's processes.

`TextModels` holds the models of one process. Each question has a room of its own (`language`, `topics`, `entities`);
here they meet: the language decides which models are used, and the entities feed the keywords.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

from coranto_classifier.entities.linking import NamedEntity, merge_mentions
from coranto_classifier.entities.mention import EntityRecognizer
from coranto_classifier.entities.recognizers import RECOGNIZERS, WITH_NORMAL_FORMS
from coranto_classifier.keywords import find_keywords
from coranto_classifier.language import detect
from coranto_classifier.language.detect import Language
from coranto_classifier.on_demand import OnDemand
from coranto_classifier.related.embeddings import E5Embedder, Embedder
from coranto_classifier.topics.model import ScoredTopic, TopicFinder
from coranto_classifier.topics.section_mapping import SectionTable
from coranto_classifier.topics.vectors import ENGLISH_FILES, EnglishVectors, RussianVectors, TextVectors

LONGEST_TEXT = 20_000
"""Characters of an article that are analysed. A record whose text is longer gets the note `text_cut`."""

_LONGEST_TITLE = 2000
_LONGEST_WORD = 200
_SHORTEST_TEXT_WITH_VECTOR = 80  # characters; the vector of a few words is close to that of almost any text
_UNREADABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_OVERLONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")


@dataclass(frozen=True, slots=True)
class ArticleText:
    """The parts of an article that the models read."""

    title: str
    text: str
    lead: str = ""
    section: str | None = None
    breadcrumbs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    url: str | None = None
    declared_language: str | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the embedded models found in an article."""

    language: Language
    topics: tuple[ScoredTopic, ...]
    entities: tuple[NamedEntity, ...]
    keywords: tuple[str, ...]
    models: dict[str, str]
    notes: tuple[str, ...] = ()
    text_start: int = 0
    """Where the text begins in the string that mentions count in: behind the title and a newline."""
    vector: bytes | None = None
    """The text's embedding, where embeddings are switched on."""


@dataclass(frozen=True, slots=True)
class ModelPaths:
    """Where models and tables are; None stands for those in the package."""

    directory: Path | None = None
    sections: Path | None = None
    wants_vectors: bool = False

    @property
    def shipped(self) -> Path:
        """The models in the package."""
        return Path(str(files("coranto_classifier").joinpath("models")))

    @property
    def topics(self) -> Path:
        """Directory of the topic models: the user's own, where there are any."""
        own = self.directory
        return own if own is not None and (own / "topics.json").exists() else self.shipped

    @property
    def english_vectors(self) -> Path:
        """Directory of the English word vectors: beside the user's models if those were trained with their own vectors."""
        return self.topics if all((self.topics / name).exists() for name in ENGLISH_FILES) else self.shipped


class TextModels:
    """The models of one process, each loaded once, with the first text of its language."""

    def __init__(self, paths: ModelPaths | None = None) -> None:
        paths = paths or ModelPaths()
        # The Russian ones serve two: the topics, and the recognizer of Russian entities.
        russian_vectors = cache(partial(RussianVectors, paths.shipped))
        text_vectors: Mapping[str, TextVectors] = OnDemand(
            {"ru": russian_vectors, "en": partial(EnglishVectors, paths.english_vectors)}
        )
        self.topics = TopicFinder(paths.topics, text_vectors)
        self.sections = SectionTable(*([paths.sections] if paths.sections else []))
        self._embedder: Embedder | None = E5Embedder() if paths.wants_vectors else None
        self._recognizers: Mapping[str, EntityRecognizer] = OnDemand(
            {code: partial(make, paths.shipped, russian_vectors) for code, make in RECOGNIZERS.items()}
        )

    def recognizer(self, language: str) -> EntityRecognizer:
        """The entity recognizer of a language. Raises KeyError for a language that has none."""
        return self._recognizers[language]

    def analyse(self, article: ArticleText) -> Analysis:
        """Language, topics, entities and keywords of an article. Takes any text whatever."""
        title, text, notes = readable(article.title), readable(article.text), []
        if len(title) + len(text) > LONGEST_TEXT:
            title, text = title[:_LONGEST_TITLE], text[:LONGEST_TEXT]
            notes.append("text_cut")
        language = detect.find_language(title, text, declared=article.declared_language)
        primary = language.code.split("-")[0]
        if language.code == detect.UNKNOWN:
            notes.append("language_unknown")
        if language.also:
            notes.append("mixed_language")
        if language.among:
            notes.append("macrolanguage")
        hints = self.sections.hints(
            section=article.section, breadcrumbs=article.breadcrumbs, tags=article.tags, url=article.url
        )
        topics = self.topics.find(title, f"{readable(article.lead)}\n{text}" if article.lead else text, primary, hints)
        if self.topics.model_name(primary) is None and language.code != detect.UNKNOWN:
            notes.append("topics_not_supported")
        entities: list[NamedEntity] = []
        recognizer = next((self._recognizers[code] for code in (primary, *language.among) if code in RECOGNIZERS), None)
        models = {"language": detect.version(), "topics": self.topics.version}
        if recognizer is None:
            notes.append("names_not_supported")
        else:
            joined = joined_text(title, text)
            entities = merge_mentions(joined, recognizer.find(joined))
            models["names"] = recognizer.version
            if entities and primary not in WITH_NORMAL_FORMS:
                notes.append("names_as_written")
        keywords = find_keywords(title, text, entities, language=primary, lemmatize=_lemmatizer_of(recognizer))
        vector = None
        if self._embedder is not None and len(text) >= _SHORTEST_TEXT_WITH_VECTOR:
            vector = self._embedder.embed(title, text)
            models["vectors"] = self._embedder.version
        start = len(joined_text(title, ""))
        return Analysis(language, tuple(topics), tuple(entities), keywords, models, tuple(notes), start, vector)


def _lemmatizer_of(recognizer: EntityRecognizer | None) -> Callable[[str], tuple[str, str]] | None:
    """The recognizer's dictionary look-up, where it has one."""
    normalizer = getattr(recognizer, "normalizer", None)
    return normalizer.lemma if normalizer is not None else None


def joined_text(title: str, text: str) -> str:
    """The string that positions of mentions count in: title, newline and text, or the text alone without a title."""
    return f"{title}\n{text}" if title else text


def readable(text: str) -> str:
    """The text with spaces in place of control characters, direction marks and overlong words; its length stays the same."""
    return _OVERLONG_WORD.sub(lambda word: " " * len(word.group()), _UNREADABLE.sub(" ", text))
