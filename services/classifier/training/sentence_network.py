"""Trains the network that reads whole sentences in all languages.

Words, numbers of their vectors and units are dropped at random, so that it does not lean on words that it has seen: names of
other news are new. What is stored are the weights' running means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]  # ships no types

from coranto_classifier.entities.multilingual.pieces import (
    DIRECTIONS,
    LABELS,
    TAGS,
    Matrix,
    PieceTable,
    grouped_softmax,
)
from coranto_classifier.entities.multilingual.sentence_network import (
    BUCKETS,
    REACHES,
    Spread,
    buckets_of,
    piece_inputs,
    root_mean_square,
    seen_around,
)
from training.word_networks import Sentence, may_have_names

WIDTH = 160
EPOCHS = 12
_EMBEDDING = 16
_RATE = 2e-3
_RISING = 200  # steps, of a training of a thousand or more
_LEAST_RATE = 0.02
_BATCH = 3_000  # words
_LONGEST = 150  # words of a sentence that are read together
_MOST_SENTENCES = 6_000  # of a language in an epoch
_PLAIN_SHARE = 0.25  # of the sentences that may have no names
_DROPPED_WORDS = 0.15
_DROPPED_INPUTS = 0.15
_DROPPED_UNITS = 0.25
_DROPPED_LANGUAGES = 0.1
_DROPPED_EMBEDDINGS = np.array([0.5, 0.3, 0.3, 0.3, 0.0], dtype=np.float32)  # of words, beginnings, ends, ends, shapes
_KEPT_OF_MEAN = 0.998

Arrays = dict[str, Matrix]


@dataclass(frozen=True, slots=True)
class _Text:
    """A sentence or a part of one."""

    language: int
    words: NDArray[np.int32]  # rows of the vocabulary
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    inputs: NDArray[np.float16]
    buckets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Sentences that are learned from in one step."""

    spread: Spread
    words: NDArray[np.int32]
    labels: NDArray[np.int64]
    languages: NDArray[np.int64]  # of each sentence

    @classmethod
    def of(cls, texts: Sequence[_Text]) -> _Batch:
        return cls(
            Spread([len(text.words) for text in texts]),
            np.concatenate([text.words for text in texts]),
            np.concatenate([text.labels for text in texts]),
            np.array([text.language for text in texts]),
        )


def train_sentence_network(
    table: PieceTable,
    sentences: Mapping[str, Sequence[Sentence]],
    *,
    width: int = WIDTH,
    epochs: int = EPOCHS,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, NDArray[Any]]:
    """The arrays of the network, from the sentences of each language. The same sentences give the same arrays."""
    random = np.random.default_rng(0)
    languages = list(sentences)
    vocabulary, texts = _read(table, sentences)
    weights = _initial(vocabulary.inputs.shape[1], len(languages), width, random)
    means = {name: array.copy() for name, array in weights.items()}
    first, second = ({name: np.zeros_like(array) for name, array in weights.items()} for _ in range(2))
    steps = epochs * sum(len(text.words) for text in _sampled(texts, random)) // _BATCH
    rising = max(1, min(_RISING, steps // 5))
    step = 0
    for epoch in range(epochs):
        losses = []
        for batch in _batches(_sampled(texts, random), random):
            step += 1
            loss, gradients = _gradients(weights, vocabulary, batch, random)
            losses.append(loss)
            length = np.sqrt(sum(float(np.vdot(gradient, gradient)) for gradient in gradients.values()))
            cosine = 0.5 * (1 + np.cos(np.pi * min(1.0, step / max(1, steps))))
            rate = _RATE * min(1.0, step / rising) * max(_LEAST_RATE, cosine)
            kept = min(_KEPT_OF_MEAN, step / (step + 10))
            for name, gradient in gradients.items():
                gradient = gradient * np.float32(min(1.0, 1 / length))  # noqa: PLW2901 - cut to a length of one
                first[name] += 0.1 * (gradient - first[name])
                second[name] += 0.01 * (gradient * gradient - second[name])
                scale = np.sqrt(second[name] / np.float32(1 - 0.99**step)) + np.float32(1e-8)
                weights[name] -= np.float32(rate / (1 - 0.9**step)) * first[name] / scale
                means[name] += np.float32(1 - kept) * (weights[name] - means[name])
        say(f"network of sentences, round {epoch + 1} of {epochs}: loss {np.mean(losses):.4f}")
    return stored(means, languages)


def stored(weights: Arrays, languages: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The arrays as they are kept in the file: embeddings in a byte a number, the others in two."""
    scale = np.float32(np.abs(weights["embeddings"]).max() / 127)
    arrays: dict[str, NDArray[Any]] = {name: array.astype(np.float16) for name, array in weights.items()}
    arrays["embeddings"] = np.rint(weights["embeddings"] / scale).astype(np.int8)
    arrays["embedding_scale"] = np.array(scale)
    arrays["of_language"], arrays["bias"] = (arrays[name][:-1] for name in ("of_language", "bias"))
    arrays["languages"] = np.frombuffer(" ".join(languages).encode(), dtype=np.uint8)
    return arrays


def _read(table: PieceTable, sentences: Mapping[str, Sequence[Sentence]]) -> tuple[_Vocabulary, list[list[_Text]]]:
    """The words of the sentences, and for each language the texts: those that may have names, then the others."""
    numbers = {tag: number for number, tag in enumerate(TAGS)}
    rows: dict[str, int] = {}
    groups: list[list[_Text]] = []
    for language, own in enumerate(sentences.values()):
        groups += [[], []]
        for words, tags in own:
            known = np.array([rows.setdefault(word, len(rows)) for word in words], dtype=np.int32)
            labels = np.array([numbers[tag] for tag in tags])
            group = groups[-2 if may_have_names((words, tags)) else -1]
            for start in range(0, len(words), _LONGEST):
                part = slice(start, start + _LONGEST)
                group.append(_Text(language, known[part], labels[part]))
    words = list(rows)
    return _Vocabulary(piece_inputs(table, words).astype(np.float16), buckets_of(words)), groups


def _initial(inputs: int, languages: int, width: int, random: np.random.Generator) -> Arrays:
    def normal(rows: int, columns: int, deviation: float) -> Matrix:
        return (random.standard_normal((rows, columns)) * deviation).astype(np.float32)

    seen = inputs + _EMBEDDING * len(BUCKETS)
    weights = {
        "embeddings": normal(sum(BUCKETS), _EMBEDDING, 0.1),
        "input": normal(seen, width, (1.5 / seen) ** 0.5),
        "of_language": np.zeros((languages + 1, width), dtype=np.float32),  # the last one for a language left out
        "first": np.zeros(width, dtype=np.float32),
        "output": normal(width, LABELS, (1 / width) ** 0.5),
        "bias": np.zeros((languages + 1, LABELS), dtype=np.float32),
    }
    for number in range(len(REACHES)):
        weights[f"layer{number}"] = normal(3 * width, width, (0.7 / (3 * width)) ** 0.5)
        weights[f"layer_bias{number}"] = np.zeros(width, dtype=np.float32)
    return weights


def _sampled(groups: Sequence[Sequence[_Text]], random: np.random.Generator) -> list[_Text]:
    """The texts of an epoch: no language has more than its share."""
    chosen = []
    for named, plain in zip(groups[::2], groups[1::2], strict=True):
        some = random.choice(len(plain), int(len(plain) * _PLAIN_SHARE), replace=False) if plain else ()
        texts = [*named, *(plain[number] for number in some)]
        order = random.permutation(len(texts))[:_MOST_SENTENCES]
        chosen += [texts[number] for number in order]
    return chosen


def _batches(texts: Sequence[_Text], random: np.random.Generator) -> Iterator[_Batch]:
    batch: list[_Text] = []
    for number in random.permutation(len(texts)):
        batch.append(texts[number])
        if sum(len(text.words) for text in batch) >= _BATCH:
            yield _Batch.of(batch)
            batch = []
    if batch:
        yield _Batch.of(batch)


def _mask(random: np.random.Generator, rows: int, columns: int, dropped: float) -> Matrix:
    """Zeros in the dropped share of places, and what keeps the mean elsewhere."""
    return (random.random((rows, columns), dtype=np.float32) >= dropped) * np.float32(1 / (1 - dropped))


def _gradients(
    weights: Arrays, vocabulary: _Vocabulary, batch: _Batch, random: np.random.Generator
) -> tuple[float, Arrays]:
    """The mean cross-entropy of the batch with dropout, and its gradient by each of the weights."""
    spread, sentence = batch.spread, batch.spread.sentence
    count, texts, width = len(batch.words), len(batch.languages), len(weights["first"])

    vectors = vocabulary.inputs[batch.words].astype(np.float32)
    is_kept = random.random((count, 1), dtype=np.float32) >= _DROPPED_WORDS
    vectors[:, : 2 * DIRECTIONS] *= is_kept
    vectors[:, -DIRECTIONS:] *= is_kept
    buckets = vocabulary.buckets[batch.words]
    embedding_mask = (random.random((count, len(BUCKETS)), dtype=np.float32) >= _DROPPED_EMBEDDINGS) / (
        1 - _DROPPED_EMBEDDINGS
    )
    embedding_mask[:, :-1] *= is_kept  # the shape of a dropped word stays
    embedding_mask = np.repeat(embedding_mask, _EMBEDDING, axis=1)
    inputs = np.concatenate([vectors, weights["embeddings"][buckets].reshape(count, -1) * embedding_mask], axis=1)
    input_mask = _mask(random, texts, inputs.shape[1], _DROPPED_INPUTS)[sentence]
    inputs *= input_mask
    unknown = weights["bias"].shape[0] - 1
    languages = np.where(random.random(texts) < _DROPPED_LANGUAGES, unknown, batch.languages)[sentence]

    sums = inputs @ weights["input"] + weights["of_language"][languages]
    sums[spread.first] += weights["first"]
    unit_masks = [_mask(random, texts, width, _DROPPED_UNITS)[sentence] for _ in range(len(REACHES) + 1)]
    opened = np.maximum(sums, 0) * unit_masks[0]
    active = np.zeros((spread.count, width), dtype=np.float32)
    active[spread.rows] = opened
    layers = []
    for number, reach in enumerate(REACHES):
        length = root_mean_square(active)
        seen = seen_around(active / length, reach)[spread.rows]
        added = (
            np.maximum(seen @ weights[f"layer{number}"] + weights[f"layer_bias{number}"], 0) * unit_masks[number + 1]
        )
        layers.append((active, length, seen, added))
        active = active.copy()
        active[spread.rows] += added
    last = active[spread.rows]
    chances = grouped_softmax(last @ weights["output"] + weights["bias"][languages])

    places = np.arange(count)
    loss = float(-np.log(chances[places, batch.labels] + 1e-9).mean())
    error = chances
    error[places, batch.labels] -= 1
    error /= count
    by_language = _one_hot(languages, unknown + 1)
    gradients = {"output": last.T @ error, "bias": by_language @ error}
    back = np.zeros((spread.count, width), dtype=np.float32)
    back[spread.rows] = error @ weights["output"].T
    for number in reversed(range(len(REACHES))):
        before, length, seen, added = layers[number]
        own = back[spread.rows] * unit_masks[number + 1] * (added > 0)
        gradients[f"layer{number}"], gradients[f"layer_bias{number}"] = seen.T @ own, own.sum(axis=0)
        around = np.zeros((spread.count, 3 * width), dtype=np.float32)
        around[spread.rows] = own @ weights[f"layer{number}"].T
        scaled = _gathered(around, REACHES[number])
        back += scaled / length - before * ((scaled * before).mean(axis=1, keepdims=True) / length**3)
    error = back[spread.rows] * unit_masks[0] * (opened > 0)
    gradients |= {
        "input": inputs.T @ error,
        "of_language": by_language @ error,
        "first": error[spread.first].sum(axis=0),
        "embeddings": _one_hot(buckets.ravel(), sum(BUCKETS))
        @ (
            (error @ weights["input"][vectors.shape[1] :].T) * embedding_mask * input_mask[:, vectors.shape[1] :]
        ).reshape(-1, _EMBEDDING),
    }
    return loss, gradients


def _one_hot(classes: NDArray[np.int64], count: int) -> Any:
    """A sparse array of a row per class and a column per place: one where the place has the class."""
    places = np.arange(len(classes))
    return sparse.csr_array((np.ones(len(classes), dtype=np.float32), (classes, places)), shape=(count, len(classes)))


def _gathered(around: Matrix, reach: int) -> Matrix:
    """The reverse of `seen_around`: what each row got from all places where it was seen."""
    width = around.shape[1] // 3
    rows = around[:, width : 2 * width].copy()
    rows[:-reach] += around[reach:, :width]
    rows[reach:] += around[:-reach, 2 * width :]
    return rows
