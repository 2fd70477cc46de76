"""Trains slovnet's second and third layer further on Russian texts tagged by hand.

The conventions of the sources differ, and so each has labels of its own at the end of a common network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.entities.russian.features import FACTS
from coranto_classifier.entities.russian.networks import Layer, Matrix, Slovnet, convolved, layers_path
from training.adam import Adam

_EPOCHS = 12
_BATCH = 4  # texts
_RATE = 2e-3
_UNITS_DROPPED, _WORDS_DROPPED = 0.05, 0.15


@dataclass(frozen=True, slots=True)
class LabelledWords:
    """The words of a text as the network sees them."""

    first: Matrix
    """slovnet's first layer."""
    facts: Matrix
    labels: NDArray[np.int64]
    source: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """Texts behind each other, with a row of noughts around each."""

    first: Matrix
    facts: Matrix
    labels: NDArray[np.int64]  # -1 for the empty rows
    sources: NDArray[np.int64]


def train_layers(texts: Sequence[LabelledWords], slovnet: Slovnet, target_source: int, target: Path) -> None:
    """Train and store the layers, with the labels of one of the sources. The same texts give the same bytes."""
    random = np.random.default_rng(0)
    sources = 1 + max(text.source for text in texts)
    parameters = _beginning(slovnet, sources, random)
    adam = Adam(parameters, rate=_RATE, steps=_EPOCHS * (len(texts) // _BATCH))
    for _ in range(_EPOCHS):
        order = random.permutation(len(texts))
        for start in range(0, max(1, len(order) - _BATCH + 1), _BATCH):
            batch = _joined([texts[number] for number in order[start : start + _BATCH]])
            adam.step(_gradients(batch, parameters, slovnet.layers[1:], random))
    output = 4 + 2 * target_source
    names = ("kernel2", "bias2", "kernel3", "bias3", "output", "output_bias")
    chosen = [*parameters[:4], *parameters[output : output + 2]]
    arrays = {name: array.astype(np.float16) for name, array in zip(names, chosen, strict=True)}
    np.savez_compressed(layers_path(target), **arrays)  # type: ignore[arg-type]  # its stub takes the flag for an array


def _beginning(slovnet: Slovnet, sources: int, random: np.random.Generator) -> list[Matrix]:
    """slovnet's own weights: kernel and bias of both layers, and those of the labels for each source."""
    second, third = slovnet.layers[1:]
    of_facts = 0.01 * random.standard_normal((3, FACTS, second.kernel.shape[2]))
    parameters = [
        np.concatenate([second.kernel, of_facts], axis=1),
        second.bias,
        third.kernel,
        third.bias,
        *(array for _ in range(sources) for array in slovnet.output_weights()),
    ]
    return [np.array(array, dtype=np.float32) for array in parameters]


def _joined(texts: Sequence[LabelledWords]) -> _Batch:
    def rows(arrays: Sequence[Matrix]) -> Matrix:
        empty = np.zeros((1, arrays[0].shape[1]), dtype=np.float32)
        return np.concatenate([empty, *(part for array in arrays for part in (array, empty))])

    labels, sources = [-1], [0]
    for text in texts:
        labels += [*text.labels.tolist(), -1]
        sources += [text.source] * (len(text.labels) + 1)
    return _Batch(
        rows([text.first for text in texts]),
        rows([text.facts for text in texts]),
        np.array(labels, dtype=np.int64),
        np.array(sources, dtype=np.int64),
    )


def _gradients(
    batch: _Batch, parameters: Sequence[Matrix], layers: Sequence[Layer], random: np.random.Generator
) -> list[Matrix]:
    """Of the cross-entropy, with dropout of whole words and of units."""
    is_word = (batch.labels >= 0).astype(np.float32)[:, None]
    rows = batch.first * (random.random((len(batch.first), 1), dtype=np.float32) > _WORDS_DROPPED)
    rows = np.concatenate([rows, batch.facts], axis=1)
    inputs, active, masks = [], [], []
    for number, layer in enumerate(layers):
        inputs.append(rows)
        active.append(np.maximum(convolved(rows, parameters[2 * number]) + parameters[2 * number + 1], 0))
        kept = random.random(active[-1].shape, dtype=np.float32) > _UNITS_DROPPED
        masks.append(kept.astype(np.float32) / np.float32(1 - _UNITS_DROPPED) * is_word)
        rows = (active[-1] * layer.scale + layer.shift) * masks[-1]
    gradients = [np.zeros_like(array) for array in parameters]
    back = np.zeros_like(rows)
    words = np.flatnonzero(batch.labels >= 0)
    for place in range(2 * len(layers), len(parameters), 2):
        chosen = words[batch.sources[words] == (place - 2 * len(layers)) // 2]
        error = _error(rows[chosen] @ parameters[place] + parameters[place + 1], batch.labels[chosen]) / len(words)
        gradients[place], gradients[place + 1] = rows[chosen].T @ error, error.sum(axis=0)
        back[chosen] = error @ parameters[place].T
    for number in reversed(range(len(layers))):
        back = back * masks[number] * layers[number].scale * (active[number] > 0)
        kernel = parameters[2 * number]
        before, same, after = inputs[number][:-1], inputs[number], inputs[number][1:]
        gradients[2 * number] = np.stack([before.T @ back[1:], same.T @ back, after.T @ back[:-1]])
        gradients[2 * number + 1] = back.sum(axis=0)
        if number:
            back_to = back @ kernel[1].T
            back_to[:-1] += back[1:] @ kernel[0].T
            back_to[1:] += back[:-1] @ kernel[2].T
            back = back_to
    return gradients


def _error(scores: Matrix, labels: NDArray[np.int64]) -> Matrix:
    """Probabilities less the truth."""
    chances = np.exp(scores - scores.max(axis=1, keepdims=True)) if len(scores) else scores
    chances /= chances.sum(axis=1, keepdims=True)
    chances[np.arange(len(labels)), labels] -= 1
    return np.asarray(chances, dtype=np.float32)
