"""Trains the networks that judge a word together with its neighbours: which label it has in its sentence.

Like `word_networks`, they learn from all languages together, and each fold's network from the words of the other folds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.entities.multilingual.pieces import (
    FOLDS,
    LABELS,
    TAGS,
    WINDOW,
    Matrix,
    PieceTable,
    grouped_softmax,
)
from training.adam import Adam
from training.word_networks import Sentence

_HIDDEN = 96
_EPOCHS = 4
_BATCH = 2048
_RATE = 2e-3
_PLAIN_SHARE = 0.12  # of the words in small letters outside names, which are most of them and mostly sure
_OFFSETS = np.arange(-WINDOW, WINDOW + 1)


@dataclass(frozen=True, slots=True)
class _Text:
    """Sentences behind each other, with empty words between them."""

    words: NDArray[np.int32]  # a row of `inputs` each; row 0 is the empty word
    labels: NDArray[np.int8]  # -1 for the empty word
    inputs: NDArray[np.float16]
    folds: NDArray[np.int8]
    sampled: NDArray[np.int64]  # positions to learn from

    def windows(self, positions: NDArray[np.int64]) -> Matrix:
        """The inputs of the words around each position: positions, window, inputs."""
        return np.asarray(self.inputs[self.words[positions[:, None] + _OFFSETS]], dtype=np.float32)


def train_windows(table: PieceTable, sentences: Iterable[Sentence]) -> dict[str, NDArray[Any]]:
    """The arrays of all folds' networks. The same sentences give the same arrays."""
    text = _joined(table, sentences)
    arrays: dict[str, NDArray[Any]] = {}
    for fold in range(FOLDS):
        positions = text.sampled[text.folds[text.words[text.sampled]] != fold]
        window, output, bias = _fit(text, positions, np.random.default_rng(fold))
        arrays |= {
            f"window_hidden{fold}": window.astype(np.float16),
            f"window_output{fold}": output,
            f"window_bias{fold}": bias,
        }
    return arrays


def _joined(table: PieceTable, sentences: Iterable[Sentence]) -> _Text:
    numbers = {tag: number for number, tag in enumerate(TAGS)}
    rows: dict[str, int] = {}
    words, labels = [0] * WINDOW, [-1] * WINDOW
    for sentence, tags in sentences:
        words += [rows.setdefault(word, len(rows) + 1) for word in sentence] + [0] * WINDOW
        labels += [numbers[tag] for tag in tags] + [-1] * WINDOW
    known = list(rows)
    pieces = [table.split(word) for word in known]
    seen = table.inputs(known, pieces)
    inputs = np.zeros((len(known) + 1, seen.shape[1]), dtype=np.float16)
    inputs[1:] = seen
    folds = np.zeros(len(known) + 1, dtype=np.int8)
    folds[1:] = table.folds_of(known, pieces)
    is_capital = np.array([False, *(word[:1].isupper() for word in known)])
    sequence, wanted = np.array(words, dtype=np.int32), np.array(labels, dtype=np.int8)
    real = np.flatnonzero(wanted >= 0)
    random = np.random.default_rng(0)
    kept = (wanted[real] > 0) | is_capital[sequence[real]] | (random.random(len(real)) < _PLAIN_SHARE)
    return _Text(sequence, wanted, inputs, folds, real[kept])


def _fit(text: _Text, positions: NDArray[np.int64], random: np.random.Generator) -> Sequence[Matrix]:
    """Window weights, output weights and bias, by Adam on the cross-entropy with dropout of words, inputs and units."""
    width = text.inputs.shape[1] * len(_OFFSETS)
    parameters = [
        (random.standard_normal((width, _HIDDEN)) * np.sqrt(1.5 / width)).astype(np.float32),
        (random.standard_normal((_HIDDEN, LABELS)) * 0.1).astype(np.float32),
        np.zeros(LABELS, dtype=np.float32),
    ]
    window, output, bias = parameters
    adam = Adam(parameters, rate=_RATE, steps=_EPOCHS * len(positions) // _BATCH)
    for _ in range(_EPOCHS):
        order = random.permutation(positions)
        # An unfinished batch at the end waits for the next round, unless it is the only one.
        for start in range(0, max(1, len(order) - _BATCH + 1), _BATCH):
            batch = order[start : start + _BATCH]
            rows = text.windows(batch)
            rows *= random.random((len(batch), len(_OFFSETS), 1)) > 0.1
            rows = rows.reshape(len(batch), -1)
            rows *= (random.random((1, width)) > 0.15) / np.float32(0.85)
            active = np.maximum(rows @ window, 0)
            mask = ((random.random(active.shape) > 0.25) / np.float32(0.75)).astype(np.float32)
            active *= mask
            error = grouped_softmax(active @ output + bias)
            error[np.arange(len(batch)), text.labels[batch]] -= 1
            error /= len(batch)
            back = (error @ output.T) * mask * (active > 0)
            adam.step((rows.T @ back, active.T @ error, error.sum(axis=0)))
    return parameters
