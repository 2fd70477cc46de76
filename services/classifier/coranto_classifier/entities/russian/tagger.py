"""Finds the spans of names in Russian text: slovnet's neural tagger, and two models on top of it.

slovnet is reliable for people and places, but often wrong about where an organisation ends. A CRF sees slovnet's tags
and scores, the last layer of its network, and the case and dictionary form of each word (stacking); slovnet's later
layers, trained further, see its first layer and the case. Both have learned from texts tagged by hand what belongs to a
name ("Верховный суд Пакистана"), err at different words, and are asked together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from coranto_classifier.entities.bio import entity_spans
from coranto_classifier.entities.mention import EntityType
from coranto_classifier.entities.russian.features import Parse, facts_of, features
from coranto_classifier.entities.russian.networks import LABELS, Matrix, RetrainedLayers, Slovnet, best_path
from coranto_classifier.topics.vectors import RussianVectors

TARGET_DOMAIN = "factrueval2016"
"""The training source whose conventions the tagger follows.

Features are copied per source (H. Daumé III, "Frustratingly Easy Domain Adaptation", 2007), as for English.
"""

_PIECE = 2000  # tokens; longer text is tagged in pieces, which bounds memory
_LAYERS_SHARE = 0.4  # of the retrained layers in the common opinion
_CAUTION = (
    1.0  # what being no name is given in advance, as a logarithm: a wrong name on a record costs more than one missed
)
_LEAST = 1e-6  # probability
_SURELY_NONE = float(np.log(0.99)) + _CAUTION
_FORBIDDEN = -1e9


class RussianTagger:
    """Finds people, organisations and places in Russian text."""

    def __init__(self, models: Path, vectors: RussianVectors, parse: Parse) -> None:
        import pycrfsuite  # type: ignore[import-untyped]  # ships no types

        self._slovnet = Slovnet(models, vectors)
        self._layers = RetrainedLayers.read(models, self._slovnet)
        self._parse = parse
        self._crf = pycrfsuite.Tagger()
        self._crf.open(str(crf_path(models)))

    def spans(self, text: str) -> Iterator[tuple[int, int, EntityType]]:
        """Start, end and type of each name, in order."""
        tokens = self._slovnet.tokens(text)
        for first in range(0, len(tokens), _PIECE):
            piece = tokens[first : first + _PIECE]
            opinion = self._opinion([text[start:end] for start, end in piece])
            for start, end, kind in entity_spans(_likeliest(opinion)):
                yield piece[start][0], piece[end][1], kind

    def _opinion(self, words: list[str]) -> Matrix:
        """How likely each word's labels are, as logarithms, by both models and with caution: words × `LABELS`."""
        judgement = self._slovnet.predict(words)
        self._crf.set(features(words, judgement, self._parse, TARGET_DOMAIN))
        marginals = np.array(
            [[self._crf.marginal(label, index) for label in LABELS] for index in range(len(words))], dtype=np.float32
        )
        second = self._layers.log_probabilities(judgement.first, facts_of(words, self._parse))
        mixed = (1 - _LAYERS_SHARE) * np.log(marginals + _LEAST) + _LAYERS_SHARE * np.maximum(second, np.log(_LEAST))
        mixed[:, 0] += _CAUTION
        return np.asarray(mixed, dtype=np.float32)


def crf_path(models: Path) -> Path:
    """The file of the CRF in the models' directory."""
    return models / "russian_names.crfsuite"


_TRANSITIONS = np.array(
    [[_FORBIDDEN if to[:1] == "I" and to[2:] != label[2:] else 0.0 for to in LABELS] for label in LABELS], np.float32
)
"""A name goes on (I) only after a word of its type."""


def _likeliest(opinion: Matrix) -> list[str]:
    """The likeliest labels that make names. Words that are surely in none part the text into short runs."""
    labels = ["O"] * len(opinion)
    open_words = np.flatnonzero(opinion[:, 0] < _SURELY_NONE).tolist()
    for run in _runs(open_words):
        # No name goes on at the start: the row before it is of a word outside.
        scores = np.concatenate([[_OUTSIDE], opinion[run[0] : run[-1] + 1]])
        for index, label in zip(run, best_path(scores, _TRANSITIONS)[1:], strict=True):
            labels[index] = LABELS[label]
    return labels


_OUTSIDE = np.array([0.0, *[_FORBIDDEN] * (len(LABELS) - 1)], dtype=np.float32)


def _runs(numbers: Sequence[int]) -> Iterator[list[int]]:
    """Numbers that follow each other, together."""
    run: list[int] = []
    for number in numbers:
        if run and number != run[-1] + 1:
            yield run
            run = []
        run.append(number)
    if run:
        yield run
