"""Trains the topic models on labelled texts and fits how far their probabilities may be trusted.

A text is a JSON line with `title`, `text`, `language`, `source`, `topic` (an eight-digit code, or null to leave it
out) and `accept`. Which sources may be used, and how heavily, stands in `sources`. Everything is computed on one
thread from a fixed start, so that the same files give the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse  # type: ignore[import-untyped]  # scipy ships no types
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped]  # scipy ships no types

from coranto_classifier import features
from coranto_classifier.topics import TEXT_READ
from coranto_classifier.training.sources import weight_of
from coranto_classifier.vectors import WIDTH, WordVectors
from coranto_classifier.vocabulary import TOP_CODES, top_of

_FOLDS = 3
_DENSE_WEIGHT = 0.7  # of the word vectors' part against the counted part; tried from 0.5 to 3


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and the topic its publisher or a reader gave it."""

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
    has_vectors: bool = False


RECIPES = {
    "ru": Recipe(penalty=0.15, rounds=120, threshold=0.35, has_vectors=True),
    "en": Recipe(penalty=0.08, rounds=120, threshold=0.25),
    "*": Recipe(penalty=0.15, rounds=80, threshold=0.35),
}
"""Recipe of each language's model; `*` serves every language without one."""


def read_texts(files: Iterable[Path], *, without: Sequence[str] = ()) -> list[LabelledText]:
    """Texts of the files that may be trained on, in the files' order."""
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


@dataclass(frozen=True, slots=True)
class Counted:
    """Texts as a matrix, with what was learned of the buckets on the way."""

    matrix: Any
    rarity: NDArray[np.float32]
    labels: NDArray[np.int64]
    weights: NDArray[np.float32]


def count(texts: Sequence[LabelledText], vectors: WordVectors | None) -> Counted:
    """The texts' matrix: hashed n-grams by rarity, each row of length one, and the vectors' means beside them."""
    buckets = [np.unique(features.hashed(text.text), return_counts=True) for text in texts]
    seen = np.zeros(features.BUCKETS, dtype=np.int64)
    for unique, _ in buckets:
        seen[unique] += 1
    rarity = (np.log((1 + len(texts)) / (1 + seen)) + 1).astype(np.float16).astype(np.float32)
    pointers, columns, values = [0], [], []
    for unique, counts in buckets:
        weights = (1.0 + np.log(counts)).astype(np.float32) * rarity[unique]
        length = float(np.linalg.norm(weights))
        columns.append(unique.astype(np.int32))
        values.append(weights / np.float32(length) if length > 0 else weights)
        pointers.append(pointers[-1] + len(unique))
    matrix = scipy.sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(columns), np.array(pointers)), shape=(len(texts), features.BUCKETS)
    )
    if vectors is not None:
        means = np.stack([vectors.mean(text.text, rarity) for text in texts]) * np.float32(_DENSE_WEIGHT)
        matrix = scipy.sparse.hstack([matrix, scipy.sparse.csr_matrix(means)]).tocsr()
    return Counted(
        matrix,
        rarity,
        np.array([TOP_CODES.index(text.topic) for text in texts], dtype=np.int64),
        np.array([text.weight for text in texts], dtype=np.float32),
    )


def fit(
    matrix: Any, labels: NDArray[np.int64], weights: NDArray[np.float32], recipe: Recipe
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (features by codes) and bias of a multinomial logistic regression."""
    used = np.flatnonzero(np.bincount(matrix.indices, minlength=matrix.shape[1]))
    rows = matrix[:, used].tocsr()
    columns = rows.T.tocsr()
    size, width = len(used), len(TOP_CODES)
    wanted = np.zeros((rows.shape[0], width), dtype=np.float32)
    wanted[np.arange(rows.shape[0]), labels] = 1.0
    share = weights[:, None]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        parameters = flat.astype(np.float32).reshape(size + 1, width)
        logits = rows @ parameters[:-1] + parameters[-1]
        peak = logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits - peak)
        total = exponentials.sum(axis=1, keepdims=True)
        likelihood = (logits * wanted).sum(axis=1, keepdims=True) - peak - np.log(total)
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
        learned, bias = fit(counted.matrix[seen], counted.labels[seen], counted.weights[seen], recipe)
        unseen = np.flatnonzero(folds == fold)
        logits[unseen] = counted.matrix[unseen] @ learned + bias
    return logits


def temperature_of(logits: NDArray[np.float32], labels: NDArray[np.int64], weights: NDArray[np.float32]) -> float:
    """The divisor of the logits under which the held-out texts are likeliest."""
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


def store(
    target: Path, counted: Counted, learned: NDArray[np.float32], bias: NDArray[np.float32], **numbers: float
) -> None:
    """Writes one language's model: a byte a weight, one scale a code."""
    sparse = learned[: features.BUCKETS]
    scales = np.maximum(np.percentile(np.abs(sparse), 99.99, axis=0), 1e-6).astype(np.float32) / 127
    arrays: dict[str, Any] = {
        "codes": np.array(TOP_CODES),
        "weights": np.clip(np.rint(sparse / scales), -127, 127).astype(np.int8),
        "scales": scales,
        "bias": bias.astype(np.float32),
        "rarity": counted.rarity.astype(np.float16),
        **{name: np.float32(value) for name, value in numbers.items()},
    }
    if learned.shape[0] > features.BUCKETS:
        arrays["dense"] = (learned[features.BUCKETS :] * np.float32(_DENSE_WEIGHT)).reshape(WIDTH, -1)
    with target.open("wb") as file:
        np.savez_compressed(file, **arrays)


def train(texts: Sequence[LabelledText], target: Path, recipe: Recipe, vectors: WordVectors | None) -> dict[str, float]:
    """Trains, calibrates and stores one model; gives the figures for the model card."""
    counted = count(texts, vectors)
    logits = held_out_logits(texts, counted, recipe)
    temperature = temperature_of(logits, counted.labels, counted.weights)
    learned, bias = fit(counted.matrix, counted.labels, counted.weights, recipe)
    store(target, counted, learned, bias, temperature=temperature, threshold=recipe.threshold)
    right = logits.argmax(axis=1) == counted.labels
    return {
        "texts": len(texts),
        "held_out_accuracy": round(float(right.mean()), 4),
        "temperature": round(temperature, 4),
        "threshold": recipe.threshold,
    }
