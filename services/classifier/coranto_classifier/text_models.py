"""What an article is about, as one plain function call: the work that runs in the pool's processes.

An `Analyst` holds the models of one process; `analyse` asks the questions in turn. Each question has a module of its
own; here they only meet: the language chooses the models, the names feed the keywords.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from coranto_classifier.entities.linking import FINDERS, NamedEntity, find_entities
from coranto_classifier.entities.mention import NameFinder
from coranto_classifier.keywords import find_keywords
from coranto_classifier.language import detect as languages
from coranto_classifier.language.detect import Language
from coranto_classifier.related.embeddings import E5Embedder, Embedder
from coranto_classifier.topics.model import ScoredTopic, TopicFinder
from coranto_classifier.topics.section_mapping import Rubrics
from coranto_classifier.topics.vectors import ENGLISH_FILES, EnglishVectors, TextVectors, WordVectors

LONGEST_TEXT = 20_000
"""Characters of an article that are analysed; what lies beyond is noted on the record as `text_cut`."""

_LONGEST_WORD = 200
_SHORTEST_TEXT_WITH_VECTOR = 80  # characters; a few words are near to everything
_UNREADABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_WALL = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")


@dataclass(frozen=True, slots=True)
class ArticleText:
    """What the classifier reads of an article."""

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
    """What the embedded models say of an article."""

    language: Language
    topics: tuple[ScoredTopic, ...]
    entities: tuple[NamedEntity, ...]
    keywords: tuple[str, ...]
    models: dict[str, str]
    notes: tuple[str, ...] = ()
    vector: bytes | None = None
    """Its meaning, when vectors are made (`embeddings`)."""


@dataclass(frozen=True, slots=True)
class ModelPaths:
    """Where models and tables are; None takes what is in the package."""

    directory: Path | None = None
    rubrics: Path | None = None
    wants_vectors: bool = False

    @property
    def shipped(self) -> Path:
        """The models in the package."""
        return Path(str(files("coranto_classifier").joinpath("models")))

    @property
    def topics(self) -> Path:
        """The directory of the topic models: the user's, when it has any."""
        own = self.directory
        return own if own is not None and (own / "topics.json").exists() else self.shipped

    @property
    def english_vectors(self) -> Path:
        """The directory of the English word vectors: beside the user's models when these were trained with their own."""
        return self.topics if all((self.topics / name).exists() for name in ENGLISH_FILES) else self.shipped


class Analyst:
    """The models of one process, loaded once."""

    def __init__(self, paths: ModelPaths | None = None) -> None:
        paths = paths or ModelPaths()
        self._vectors = WordVectors(paths.shipped)
        english = EnglishVectors(paths.english_vectors)
        text_vectors: dict[str, TextVectors] = {"ru": self._vectors, "en": english}
        self._topics = TopicFinder(paths.topics, text_vectors)
        self._rubrics = Rubrics(*([paths.rubrics] if paths.rubrics else []))
        self._embedder: Embedder | None = E5Embedder() if paths.wants_vectors else None
        self._finders: dict[str, NameFinder] = {
            code: make(paths.shipped, self._vectors) for code, make in FINDERS.items()
        }

    @property
    def topics(self) -> TopicFinder:
        """The topic models, for explaining what they say."""
        return self._topics

    @property
    def rubrics(self) -> Rubrics:
        """The table of rubrics in force."""
        return self._rubrics

    def finder(self, language: str) -> NameFinder:
        """The name finder of a language. Raises KeyError for one that has none."""
        return self._finders[language]

    def analyse(self, article: ArticleText) -> Analysis:
        """Language, topics, names and keywords of an article. Safe to repeat; any text at all may come in."""
        title, text, notes = readable(article.title), readable(article.text), []
        if len(title) + len(text) > LONGEST_TEXT:
            title, text = title[:2000], text[:LONGEST_TEXT]
            notes.append("text_cut")
        language = languages.find_language(title, text, declared=article.declared_language)
        primary = language.code.split("-")[0]
        if language.code == languages.UNKNOWN:
            notes.append("language_unknown")
        if language.also:
            notes.append("mixed_language")
        hints = self._rubrics.hints(
            section=article.section, breadcrumbs=article.breadcrumbs, tags=article.tags, url=article.url
        )
        topics = self._topics.find(title, f"{readable(article.lead)}\n{text}" if article.lead else text, primary, hints)
        entities: list[NamedEntity] = []
        finder = self._finders.get(primary)
        models = {"language": languages.version(), "topics": self._topics.version}
        if finder is None:
            notes.append("names_not_supported")
        else:
            entities = find_entities(joined_text(title, text), finder)
            models["names"] = finder.version
        keywords = find_keywords(title, text, entities, language=primary, lemma=_lemma_of(finder))
        vector = None
        if self._embedder is not None and len(text) >= _SHORTEST_TEXT_WITH_VECTOR:
            vector = self._embedder.embed(title, text)
            models["vectors"] = self._embedder.version
        return Analysis(language, tuple(topics), tuple(entities), keywords, models, tuple(notes), vector)


def _lemma_of(finder: NameFinder | None) -> Callable[[str], tuple[str, str]] | None:
    """The finder's dictionary, when it has one."""
    normaliser = getattr(finder, "normaliser", None)
    return normaliser.lemma if normaliser is not None else None


def joined_text(title: str, text: str) -> str:
    """What positions count in: title and text joined by a newline, or the text alone when there is no title."""
    return f"{title}\n{text}" if title else text


def readable(text: str) -> str:
    """The text with control characters, direction marks and walls of letters made spaces, so that lengths stay."""
    return _WALL.sub(lambda wall: " " * len(wall.group()), _UNREADABLE.sub(" ", text))
