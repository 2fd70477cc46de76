"""The languages whose entities are found. Adding one means writing its recognizer and adding a line to `RECOGNIZERS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from coranto_classifier.entities.mention import EntityRecognizer
from coranto_classifier.topics.vectors import RussianVectors


def _russian(models: Path, vectors: Callable[[], RussianVectors]) -> EntityRecognizer:
    from coranto_classifier.entities.russian.recognizer import RussianRecognizer

    return RussianRecognizer(models, vectors())


def _english(models: Path, _vectors: Callable[[], RussianVectors]) -> EntityRecognizer:
    from coranto_classifier.entities.english.recognizer import EnglishRecognizer

    return EnglishRecognizer(models)


RECOGNIZERS: dict[str, Callable[[Path, Callable[[], RussianVectors]], EntityRecognizer]] = {
    "ru": _russian,
    "en": _english,
}
"""For each language, what makes its recognizer from the models' directory and what loads the Russian word vectors."""
