"""Trains the topic models on labelled texts and calibrates their probabilities.

A text is a JSON line with `title`, `text`, `language`, `source`, `topic` (an eight-digit code, or null to leave it
out) and `accept`. `sources` says which sources may be used, and with which weight. Everything is computed on one
thread from a fixed start, so that the same files give the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse  # type: ignore[import-untyped]  # scipy ships no types
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped]  # scipy ships no types

from coranto_classifier.topics import features
from coranto_classifier.topics.media_topics import TOP_CODES, top_of
from coranto_classifier.topics.model import TEXT_READ
from coranto_classifier.topics.vectors import TextVectors
from training.sources import weight_of

_FOLDS = 3
_ENGLISH_SHARE = 0.27  # that the general model learns from: more English teaches it no more about other languages
_FEWEST_TEXTS = 20  # of a language that the general model answers in
_SENTENCES = "sib-200"
_MODEST = 1.33  # with the model's temperature of .75, logits are taken as they are
_STANDS_FOR = {"11000000": ("02000000", "03000000", "04000000", "16000000")}
"""A topic of the encyclopedia's sentences that the general model takes news on others for, which those sentences lack."""

_SHARE_OF_OTHERS = 0.3  # together; half of the French news that it calls politics is, and its probability then is .55
_MOST_BALANCING = 1.3  # with more, topics with few texts took over: 09 got news of business


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text, and the topic that its publisher or a reader gave it."""

    id: str
    text: str
    language: str
    source: str
    topic: str
    accept: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one language's model is trained."""

    penalty: float
    rounds: int
    threshold: float
    dense_weight: float = 0.7
    """Length of the word vectors' part of a text; the counted part has length one."""
    counted_share: float | None = None
    """The two parts are trained separately and the logits of the counted one are multiplied by this; None: trained together."""
    first_share: float = 1.0
    """Share of a text with several accepted codes that the first gets; the model divides the rest among all of them."""
    temperature: float | None = None
    """Divisor of the logits. None: that which fits texts that folds hold out."""
    balancing: float = 0.0
    """Exponent for weighing down the texts of common topics: 0 changes nothing, 1 makes all topics equal."""


RECIPES = {
    "ru": Recipe(penalty=0.15, rounds=120, threshold=0.35),
    # Trained together, the counted part learns the ways of the training sources and dominates, which makes new sites
    # worse: .71 instead of .77. There, 38 in 100 answers with a probability between .25 and .35 are right.
    "en": Recipe(
        penalty=0.08,
        rounds=120,
        threshold=0.35,
        dense_weight=6.0,
        counted_share=0.6,
        first_share=0.5,
        balancing=0.5,
    ),
    # Texts held out of the same sources are fitted by .6, but French of another site by 1.0, Polish and Ukrainian by .7.
    "*": Recipe(penalty=0.15, rounds=80, threshold=0.35, temperature=0.75),
}
"""The recipe of each language's model; `*` is for all languages without their own."""


def read_texts(files: Iterable[Path], *, without: Sequence[str] = ()) -> list[LabelledText]:
    """The texts that may be trained on, in the order of the files."""
    return [text for path in files for text in _read(path) if text.weight > 0 and text.source not in without]


def _read(path: Path) -> Iterator[LabelledText]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            if not row.get("topic"):
                continue
            topic = top_of(row["topic"])
            yield LabelledText(
                id=row["id"],
                text=f"{row.get('title') or ''}\n{row.get('text') or ''}"[:TEXT_READ],
                language=row["language"].split("-")[0],
                source=row["source"],
                topic=topic,
                accept=tuple(row.get("accept") or (topic,)),
                weight=weight_of(row["source"], topic),
            )


def general_texts(texts: Sequence[LabelledText]) -> list[LabelledText]:
    """The texts that the model for all languages without their own learns from: all but three quarters of the English."""
    return [
        text
        for text in texts
        if text.language != "en" or hashlib.sha256(text.id.encode()).digest()[2] < 256 * _ENGLISH_SHARE
    ]


def answered_languages(texts: Sequence[LabelledText]) -> list[str]:
    """The languages that the general model answers in: those it has learned from that have no model of their own."""
    counts = Counter(text.language for text in texts)
    return sorted(code for code, number in counts.items() if number >= _FEWEST_TEXTS and code not in RECIPES)


def modest_languages(texts: Sequence[LabelledText]) -> dict[str, float]:
    """The languages whose texts are all sentences of an encyclopedia, with what the general model's logits are divided by there.

    Of news in such a language it knows too little for its certainty.
    """
    sources: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        sources[text.language].add(text.source)
    return {code: _MODEST for code in answered_languages(texts) if sources[code] == {_SENTENCES}}


def shares_of_others() -> dict[str, dict[str, float]]:
    """For each code that stands for others in the modest languages, the share of its probability that each of them gets."""
    return {
        code: dict.fromkeys(others, round(_SHARE_OF_OTHERS / len(others), 4)) for code, others in _STANDS_FOR.items()
    }


@dataclass(frozen=True, slots=True)
class Counted:
    """Texts as a matrix of features, with idf, labels and weights."""

    matrix: Any
    idf: NDArray[np.float32]
    labels: NDArray[np.int64]
    accepted: NDArray[np.float32]
    weights: NDArray[np.float32]

    def part(self, rows: NDArray[np.int64]) -> Counted:
        """Some of the texts."""
        return Counted(self.matrix[rows], self.idf, self.labels[rows], self.accepted[rows], self.weights[rows])


def count(texts: Sequence[LabelledText], recipe: Recipe, vectors: TextVectors | None) -> Counted:
    """The texts' matrix: hashed n-grams weighted by idf, each row of length one, followed by the mean word vectors."""
    buckets = [np.unique(features.ngram_buckets(text.text), return_counts=True) for text in texts]
    seen = np.zeros(features.BUCKETS, dtype=np.int64)
    for unique, _ in buckets:
        seen[unique] += 1
    idf = (np.log((1 + len(texts)) / (1 + seen)) + 1).astype(np.float16).astype(np.float32)
    pointers, columns, values = [0], [], []
    for unique, counts in buckets:
        weights = (1.0 + np.log(counts)).astype(np.float32) * idf[unique]
        length = float(np.linalg.norm(weights))
        columns.append(unique.astype(np.int32))
        values.append(weights / np.float32(length) if length > 0 else weights)
        pointers.append(pointers[-1] + len(unique))
    matrix = scipy.sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(columns), np.array(pointers)), shape=(len(texts), features.BUCKETS)
    )
    if vectors is not None:
        means = np.stack([vectors.weighted_mean(text.text, idf) for text in texts]) * np.float32(recipe.dense_weight)
        matrix = scipy.sparse.hstack([matrix, scipy.sparse.csr_matrix(means)]).tocsr()
    labels = np.array([TOP_CODES.index(text.topic) for text in texts], dtype=np.int64)
    weights = np.array([text.weight for text in texts], dtype=np.float32)
    return Counted(matrix, idf, labels, _accepted(texts), balance(weights, labels, recipe.balancing))


def _accepted(texts: Sequence[LabelledText]) -> NDArray[np.float32]:
    """1 for each code that counts as right for a text, 0 for the others."""
    accepted = np.zeros((len(texts), len(TOP_CODES)), dtype=np.float32)
    for row, text in zip(accepted, texts, strict=True):
        row[[TOP_CODES.index(top_of(code)) for code in {text.topic, *text.accept}]] = 1.0
    return accepted


def balance(weights: NDArray[np.float32], labels: NDArray[np.int64], power: float) -> NDArray[np.float32]:
    """The weights with common topics lowered and rare ones raised a little; their sum stays the same."""
    if power == 0:
        return weights
    share = np.bincount(labels, weights=weights, minlength=len(TOP_CODES))
    factor = np.minimum((share / share.mean()).clip(1e-9) ** -power, _MOST_BALANCING)
    changed = weights * factor[labels].astype(np.float32)
    return np.asarray(changed * (weights.sum() / changed.sum()), dtype=np.float32)


Learned = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Weights (features by codes) and bias."""


def fit(counted: Counted, recipe: Recipe) -> Learned:
    """Weights and bias of a multinomial logistic regression, or of two whose logits are added."""
    if recipe.counted_share is None or counted.matrix.shape[1] == features.BUCKETS:
        return _fit(counted.matrix, counted, recipe)
    sparse, sparse_bias = _fit(counted.matrix[:, : features.BUCKETS], counted, recipe)
    dense, dense_bias = _fit(counted.matrix[:, features.BUCKETS :], counted, recipe)
    share = np.float32(recipe.counted_share)
    return np.concatenate([sparse * share, dense]), sparse_bias * share + dense_bias


def _fit(matrix: Any, counted: Counted, recipe: Recipe) -> Learned:
    """Weights and bias of one multinomial logistic regression."""
    matrix = matrix.tocsr()
    used = np.flatnonzero(np.bincount(matrix.indices, minlength=matrix.shape[1]))
    rows = matrix[:, used].tocsr()
    columns = rows.T.tocsr()
    size, width = len(used), len(TOP_CODES)
    first = np.zeros((rows.shape[0], width), dtype=np.float32)
    first[np.arange(rows.shape[0]), counted.labels] = 1.0
    share = counted.weights[:, None]
    rest = np.float32(1.0 - recipe.first_share)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        parameters = flat.astype(np.float32).reshape(size + 1, width)
        logits = rows @ parameters[:-1] + parameters[-1]
        peak = logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits - peak)
        total = exponentials.sum(axis=1, keepdims=True)
        wanted = first
        likelihood = (logits * first).sum(axis=1, keepdims=True) - peak - np.log(total)
        if rest:
            right = exponentials * counted.accepted
            of_right = right.sum(axis=1, keepdims=True) + np.float32(1e-20)
            wanted = first * np.float32(recipe.first_share) + right / of_right * rest
            likelihood = likelihood * np.float32(recipe.first_share) + np.log(of_right / total) * rest
        error = (exponentials / total - wanted) * share
        gradient = np.empty_like(parameters)
        gradient[:-1] = columns @ error + recipe.penalty * parameters[:-1]
        gradient[-1] = error.sum(axis=0)
        value = -float((share * likelihood).sum(dtype=np.float64))
        value += 0.5 * recipe.penalty * float((parameters[:-1].astype(np.float64) ** 2).sum())
        return value, gradient.ravel().astype(np.float64)

    found = (
        minimize(
            loss,
            np.zeros((size + 1) * width),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": recipe.rounds, "maxcor": 5, "ftol": 1e-6, "gtol": 1e-3},
        )
        .x.astype(np.float32)
        .reshape(size + 1, width)
    )
    learned = np.zeros((matrix.shape[1], width), dtype=np.float32)
    learned[used] = found[:-1]
    return learned, found[-1]


def held_out_logits(texts: Sequence[LabelledText], counted: Counted, recipe: Recipe) -> NDArray[np.float32]:
    """Logits of every text from a model that has not seen it."""
    folds = np.array([hashlib.sha256(text.id.encode()).digest()[1] % _FOLDS for text in texts])
    logits = np.zeros((len(texts), len(TOP_CODES)), dtype=np.float32)
    for fold in range(_FOLDS):
        seen = np.flatnonzero(folds != fold)
        learned, bias = fit(counted.part(seen), recipe)
        unseen = np.flatnonzero(folds == fold)
        logits[unseen] = counted.matrix[unseen] @ learned + bias
    return logits


def temperature_of(logits: NDArray[np.float32], labels: NDArray[np.int64], weights: NDArray[np.float32]) -> float:
    """The divisor of the logits that maximises the likelihood of the held-out texts."""
    candidates = np.exp(np.linspace(np.log(0.3), np.log(3.0), 80))
    best, best_value = 1.0, np.inf
    for candidate in candidates:
        scaled = logits.astype(np.float64) / candidate
        peak = scaled.max(axis=1, keepdims=True)
        normaliser = peak[:, 0] + np.log(np.exp(scaled - peak).sum(axis=1))
        value = -float((weights * (scaled[np.arange(len(labels)), labels] - normaliser)).sum())
        if value < best_value:
            best, best_value = float(candidate), value
    return best


def store(target: Path, counted: Counted, learned: Learned, recipe: Recipe, **numbers: float) -> None:
    """Write one language's model: weights as int8, with one scale per code."""
    weights, bias = learned
    sparse = weights[: features.BUCKETS]
    scales = np.maximum(np.percentile(np.abs(sparse), 99.99, axis=0), 1e-6).astype(np.float32) / 127
    arrays: dict[str, Any] = {
        "codes": np.array(TOP_CODES),
        "weights": np.clip(np.rint(sparse / scales), -127, 127).astype(np.int8),
        "scales": scales,
        "bias": bias.astype(np.float32),
        "rarity": counted.idf.astype(np.float16),
        **{name: np.float32(value) for name, value in numbers.items()},
    }
    if weights.shape[0] > features.BUCKETS:
        arrays["dense"] = weights[features.BUCKETS :] * np.float32(recipe.dense_weight)
    with target.open("wb") as file:
        np.savez_compressed(file, **arrays)


def train(texts: Sequence[LabelledText], target: Path, recipe: Recipe, vectors: TextVectors | None) -> dict[str, float]:
    """Train, calibrate and store one model. Returns the figures for the model card."""
    counted = count(texts, recipe, vectors)
    figures: dict[str, float] = {"texts": len(texts), "threshold": recipe.threshold}
    temperature = recipe.temperature
    if temperature is None:
        logits = held_out_logits(texts, counted, recipe)
        temperature = temperature_of(logits, counted.labels, counted.weights)
        figures["held_out_accuracy"] = round(float((logits.argmax(axis=1) == counted.labels).mean()), 4)
    store(target, counted, fit(counted, recipe), recipe, temperature=temperature, threshold=recipe.threshold)
    return figures | {"temperature": round(temperature, 4)}
