"""The languages whose entities are found. Adding one means writing its recognizer and adding a line to `RECOGNIZERS`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from coranto_classifier.entities.mention import EntityRecognizer
from coranto_classifier.entities.multilingual.recognizer import MODELS
from coranto_classifier.topics.vectors import RussianVectors

if TYPE_CHECKING:
    from coranto_classifier.entities.multilingual.features import FeatureMaker
    from coranto_classifier.entities.multilingual.pieces import PieceTable
    from coranto_classifier.entities.multilingual.sentence_network import SentenceNetwork

WITH_NORMAL_FORMS = frozenset({"ru", "en"})
"""Languages whose names have a normal form by a dictionary or need none. In the others only endings tell, where they do."""

_ALIKE = {"nb": "no", "nn": "no", "bs": "hr", "sh": "hr"}
"""Languages that a relative's tagger reads: Norwegian's learned both standards, and Bosnian is written nearly as Croatian."""


def _russian(models: Path, vectors: Callable[[], RussianVectors]) -> EntityRecognizer:
    from coranto_classifier.entities.russian.recognizer import RussianRecognizer

    return RussianRecognizer(models, vectors())


def _english(models: Path, _vectors: Callable[[], RussianVectors]) -> EntityRecognizer:
    from coranto_classifier.entities.english.recognizer import EnglishRecognizer
    from coranto_classifier.entities.multilingual.opinions import OpinionMaker

    return EnglishRecognizer(models, OpinionMaker(_pieces(models)), _network(models))


def _multilingual(language: str, models: Path, _vectors: Callable[[], RussianVectors]) -> EntityRecognizer:
    from coranto_classifier.entities.multilingual.recognizer import MultilingualRecognizer

    return MultilingualRecognizer(models, language, _feature_maker(models), _network(models))


@cache
def _feature_maker(models: Path) -> FeatureMaker:
    """What makes the features of these languages, shared by them."""
    from coranto_classifier.entities.multilingual.features import FeatureMaker

    return FeatureMaker(_pieces(models))


@cache
def _network(models: Path) -> SentenceNetwork:
    """The network of all these languages."""
    from coranto_classifier.entities.multilingual.sentence_network import SentenceNetwork

    return SentenceNetwork(models, _pieces(models))


@cache
def _pieces(models: Path) -> PieceTable:
    """The table of word pieces, read once in a process."""
    from coranto_classifier.entities.multilingual.pieces import PieceTable

    return PieceTable(models)


RECOGNIZERS: dict[str, Callable[[Path, Callable[[], RussianVectors]], EntityRecognizer]] = {
    "ru": _russian,
    "en": _english,
    **{code: partial(_multilingual, code) for languages in MODELS.values() for code in languages},
}
"""For each language, what makes its recognizer from the models' directory and what loads the Russian word vectors."""

RECOGNIZERS |= {code: RECOGNIZERS[other] for code, other in _ALIKE.items() if other in RECOGNIZERS}
