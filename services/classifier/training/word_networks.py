"""Trains the small networks that read from a word's pieces which kind of name it may be.

They learn from all languages together, so that what one language shows of a name serves the others, and also to guess
the labels of the word before and after. Each fold's network learns from the words of the other folds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.entities.multilingual.pieces import FOLDS, LABELS, TAGS, Matrix, PieceTable, grouped_softmax
from training.adam import Adam

_HIDDEN = 64
_EPOCHS = 8
_BATCH = 2048
_RATE = 3e-3
_SMALL_LETTERS_WEIGHT = 0.4  # words without a capital are many and mostly sure

Sentence = tuple[list[str], list[str]]


def may_have_names(sentence: Sentence) -> bool:
    """False for a sentence without a name whose only capital opens it: such sentences are many and teach little."""
    words, tags = sentence
    return any(tag != "O" for tag in tags) or any(word[:1].isupper() for word in words[1:])


def count_labels(sentences: Iterable[Sentence]) -> dict[str, Matrix]:
    """For each word, how often it, the word after it and the word before it had each label."""
    numbers = {tag: number for number, tag in enumerate(TAGS)}
    counts: dict[str, Matrix] = defaultdict(lambda: np.zeros(3 * LABELS, dtype=np.float32))
    for words, tags in sentences:
        labels = [numbers[tag] for tag in tags]
        for word, own, following, previous in zip(words, labels, [*labels[1:], 0], [0, *labels[:-1]], strict=True):
            count = counts[word]
            count[own] += 1
            count[LABELS + following] += 1
            count[2 * LABELS + previous] += 1
    return counts


def train_networks(table: PieceTable, counts: dict[str, Matrix]) -> dict[str, NDArray[Any]]:
    """The arrays of all folds' networks. The same counts give the same arrays."""
    words = sorted(counts)
    pieces = [table.split(word) for word in words]
    inputs = table.inputs(words, pieces)
    totals = np.stack([counts[word] for word in words])
    seen = totals[:, :LABELS].sum(axis=1)
    wanted = totals / seen[:, None]
    weights = np.sqrt(seen) * np.where([word[:1].isupper() for word in words], 1.0, _SMALL_LETTERS_WEIGHT)
    folds = np.array([table.fold_of(word, numbers) for word, numbers in zip(words, pieces, strict=True)])
    arrays: dict[str, NDArray[Any]] = {}
    for fold in range(FOLDS):
        rows = np.flatnonzero(folds != fold)
        learned = _fit(inputs[rows], wanted[rows], weights[rows].astype(np.float32), np.random.default_rng(fold))
        for name, array in zip(("hidden", "output", "bias"), learned, strict=True):
            # Guessing the neighbours' labels only serves learning: the networks in context know more of them.
            arrays[f"{name}{fold}"] = (array if name == "hidden" else array[..., :LABELS]).astype(np.float16)
    return arrays


def _fit(inputs: Matrix, wanted: Matrix, weights: Matrix, random: np.random.Generator) -> Sequence[Matrix]:
    """Hidden weights, output weights and bias, by Adam on the weighted cross-entropy with dropout."""
    width = inputs.shape[1]
    parameters = [
        (random.standard_normal((width, _HIDDEN)) * np.sqrt(2 / width)).astype(np.float32),
        (random.standard_normal((_HIDDEN, 3 * LABELS)) * np.sqrt(1 / _HIDDEN)).astype(np.float32),
        np.zeros(3 * LABELS, dtype=np.float32),
    ]
    hidden, output, bias = parameters
    adam = Adam(parameters, rate=_RATE, steps=_EPOCHS * (len(inputs) // _BATCH))
    for _ in range(_EPOCHS):
        order = random.permutation(len(inputs))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            rows = inputs[batch] * ((random.random((len(batch), width)) > 0.1) / np.float32(0.9)).astype(np.float32)
            mask = ((random.random((len(batch), _HIDDEN)) > 0.2) / np.float32(0.8)).astype(np.float32)
            active = np.maximum(rows @ hidden, 0) * mask
            share = weights[batch][:, None]
            error = (grouped_softmax(active @ output + bias) - wanted[batch]) * share / share.sum()
            back = (error @ output.T) * mask * (active > 0)
            adam.step((rows.T @ back, active.T @ error, error.sum(axis=0)))
    return parameters
