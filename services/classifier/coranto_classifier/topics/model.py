"""What an article is about: a Media Topic with a calibrated probability, or nothing when there is too little to go by.

Two witnesses speak: the publisher's own words (`rubrics`) and a linear model of the text. The model counts hashed
words and character n-grams; for Russian and English it also takes the mean of the words' vectors, which lets it judge
words it was never trained on. Where both witnesses agree the probability rises; where the text says little, the answer is
none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.topics import features
from coranto_classifier.topics.media_topics import TOP_CODES, top_of
from coranto_classifier.topics.section_mapping import Hint
from coranto_classifier.topics.vectors import TextVectors

TEXT_READ = 3000
"""Characters of title and text that the model reads; the topic of a news text is told by then."""

_SECOND_AT_LEAST = 0.25
_SECOND_SHARE = 0.5
_FLOOR = 1e-4
_NARROWER = 3


@dataclass(frozen=True, slots=True)
class ScoredTopic:
    """A topic, its probability, and who spoke for it."""

    code: str
    score: float
    source: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A word of the text and what it added to the score of a code."""

    word: str
    weight: float


class LinearModel:
    """One language's weights: a matrix of buckets by codes, one byte a weight."""

    def __init__(self, stored: dict[str, Any]) -> None:
        self.codes: tuple[str, ...] = tuple(str(code) for code in stored["codes"])
        self._weights: NDArray[np.int8] = stored["weights"]
        self._scales: NDArray[np.float32] = stored["scales"]
        self._bias: NDArray[np.float32] = stored["bias"]
        self._rarity: NDArray[np.float32] = stored["rarity"].astype(np.float32)
        self._dense: NDArray[np.float32] | None = stored.get("dense")
        self.temperature = float(stored["temperature"])
        self.threshold = float(stored["threshold"])

    @classmethod
    def load(cls, path: Path) -> LinearModel:
        """Reads a stored model; arrays only, nothing in the file is ever run."""
        with np.load(path, allow_pickle=False) as stored:
            return cls({name: stored[name] for name in stored.files})

    def probabilities(self, text: str, vectors: TextVectors | None = None) -> NDArray[np.float64]:
        """Probability of each code, in the order of `codes`."""
        sparse = features.vector(text, rarity=self._rarity)
        logits = self._bias.copy()
        if sparse.buckets.size:
            logits += (sparse.weights @ self._weights[sparse.buckets].astype(np.float32)) * self._scales
        if self._dense is not None and vectors is not None:
            logits += vectors.mean(text, self._rarity) @ self._dense
        return softmax(logits.astype(np.float64) / self.temperature)

    def evidence(self, text: str, code: str, vectors: TextVectors | None = None, *, most: int = 12) -> list[Evidence]:
        """The words that spoke for a code, strongest first: what the score loses without each."""
        index = self.codes.index(code)
        words = features.simplified(text).split()
        sparse = features.vector(text, rarity=self._rarity)
        share = dict(zip(sparse.buckets.tolist(), sparse.weights.tolist(), strict=True))
        found = {}
        for word in dict.fromkeys(words):
            own = np.unique(features.hashed(word))
            total = float(sum(share.get(int(bucket), 0.0) * float(self._weights[bucket, index]) for bucket in own))
            found[word] = total * float(self._scales[index])
        if self._dense is not None and vectors is not None:
            direction = self._dense[:, index]
            whole = float(vectors.mean(text, self._rarity) @ direction)
            for word in found:
                others = " ".join(other for other in words if other != word)
                found[word] += whole - float(vectors.mean(others, self._rarity) @ direction)
        ranked = sorted(found.items(), key=lambda item: -item[1])[:most]
        return [Evidence(word, round(weight, 4)) for word, weight in ranked if weight > 0]


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities that add up to one."""
    exponentials = np.exp(logits - logits.max())
    return np.asarray(exponentials / exponentials.sum(), dtype=np.float64)


class TopicModel(Protocol):
    """What gives probabilities for a text: a linear model of `make models`, or a user's ONNX file."""

    codes: tuple[str, ...]
    threshold: float

    def probabilities(self, text: str, vectors: TextVectors | None = None, /) -> NDArray[np.float64]:
        """Probability of each code, in the order of `codes`."""
        ...


def _load(path: Path) -> TopicModel:
    """The model of a file, by its suffix."""
    if path.suffix == ".onnx":
        from coranto_classifier.topics.onnx import OnnxModel  # here: its runtime is an extra

        return OnnxModel(path)
    return LinearModel.load(path)


class TopicFinder:
    """Topics of articles, from the models of a directory."""

    def __init__(self, models: Path, vectors: Mapping[str, TextVectors]) -> None:
        card: dict[str, Any] = json.loads((models / "topics.json").read_text(encoding="utf-8"))
        self.version = str(card["version"])
        self._models = {language: _load(models / name) for language, name in card["languages"].items()}
        self._vectors = vectors

    def find(self, title: str, text: str, language: str, hints: Sequence[Hint] = ()) -> list[ScoredTopic]:
        """Topics, surest first; none when neither the publisher's words nor the text say enough."""
        joined = f"{title}\n{text}"[:TEXT_READ]
        probabilities: dict[str, float] | None = None
        model = self.model_for(language)
        if model is not None and any(letter.isalpha() for letter in joined):
            spoken = model.probabilities(joined, self._vectors.get(language))
            probabilities = dict(zip(model.codes, spoken.tolist(), strict=True))
        return combined(probabilities, hints, threshold=model.threshold if model is not None else 0.0)

    def vectors_for(self, language: str) -> TextVectors | None:
        """The word vectors that the language's model takes beside its counts."""
        return self._vectors.get(language)

    def model_for(self, language: str) -> TopicModel | None:
        """The model for a language's primary code: its own or the one for all others."""
        return self._models.get(language.split("-", maxsplit=1)[0]) or self._models.get("*")


def combined(probabilities: dict[str, float] | None, hints: Sequence[Hint], *, threshold: float) -> list[ScoredTopic]:
    """One answer from the model's probabilities and the publisher's words.

    Each word counts as a witness that is right as often as its score says, and otherwise says nothing of the other
    codes.
    """
    votes = [hint for hint in hints if hint.is_vote]
    if probabilities is None and not votes:
        return []
    scores = {code: max((probabilities or {}).get(code, 0.0), _FLOOR) for code in TOP_CODES}
    if probabilities is None:
        scores = dict.fromkeys(TOP_CODES, 1.0)
    for hint in votes:
        named = hint.top_codes
        each = hint.score / len(named)
        other = (1.0 - hint.score) / (len(TOP_CODES) - len(named))
        scores = {code: score * (each if code in named else other) for code, score in scores.items()}
    total = sum(scores.values())
    ranked = sorted(((score / total, code) for code, score in scores.items()), reverse=True)
    best_score = ranked[0][0]
    if best_score < threshold:
        return []
    chosen = [ranked[0]]
    chosen += [pair for pair in ranked[1:3] if pair[0] >= _SECOND_AT_LEAST and pair[0] >= _SECOND_SHARE * best_score]
    model_code = max(probabilities, key=lambda code: probabilities[code]) if probabilities else None
    topics = []
    for probability, code in chosen:
        backing = [hint for hint in hints if code in hint.top_codes]
        sources = list(dict.fromkeys(hint.source for hint in backing if hint.is_vote))
        if code == model_code or not sources:
            sources.append("model")
        score = round(float(probability), 4)
        topics.append(ScoredTopic(code, score, "+".join(sources)))
        topics.extend(_narrower(backing, score))
    return topics


def _narrower(hints: Iterable[Hint], score: float) -> list[ScoredTopic]:
    """The subtree codes that the publisher's own words give, surest first, at most three."""
    narrow = [hint for hint in hints if not hint.also and hint.code != top_of(hint.code)]
    best: dict[str, Hint] = {}
    for hint in sorted(narrow, key=lambda hint: -hint.score):
        best.setdefault(hint.code, hint)
    return [
        ScoredTopic(hint.code, round(score * hint.score, 4), hint.source) for hint in list(best.values())[:_NARROWER]
    ]
