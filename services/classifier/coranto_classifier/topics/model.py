"""What an article is about: Media Topics with calibrated probabilities, or none where there is too little evidence.

There are two sources of evidence: the publisher's section, tags and URL (`section_mapping`), and a linear model of the
text. The model uses hashed words and character n-grams; for Russian and English also the mean of the words' vectors,
by which it can judge words that it was never trained on. Where both agree, the probability rises.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.on_demand import OnDemand
from coranto_classifier.topics import features
from coranto_classifier.topics.media_topics import TOP_CODES, top_of
from coranto_classifier.topics.section_mapping import TopicHint
from coranto_classifier.topics.vectors import TextVectors

TEXT_READ = 3000
"""Characters of title and text that the model reads; the topic of a news article is clear by then."""

_SECOND_AT_LEAST = 0.25  # probability of a second topic
_SECOND_SHARE = 0.5  # of the first topic's probability
_FLOOR = 1e-4  # no code is ruled out by the model alone
_MOST_NARROWER = 3
_LEAST_CHANCE = 1e-12  # its logarithm is finite
READ_AS = {"bs": "hr", "sh": "hr", "sr": "hr", "pcm": "en"}
"""Languages that are read as a close relative is."""


@dataclass(frozen=True, slots=True)
class ScoredTopic:
    """A topic, its probability, and what it was told by: the value of `from` on the record."""

    code: str
    score: float
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A word of the text, and how much it added to the score of a code."""

    word: str
    weight: float


class LinearModel:
    """Multinomial logistic regression for one language. Weights: buckets × codes, int8, with one scale per code."""

    def __init__(self, stored: dict[str, Any]) -> None:
        self.codes: tuple[str, ...] = tuple(str(code) for code in stored["codes"])
        self._weights: NDArray[np.int8] = stored["weights"]
        self._scales: NDArray[np.float32] = stored["scales"]
        self._bias: NDArray[np.float32] = stored["bias"]
        self._idf: NDArray[np.float32] = stored["rarity"].astype(np.float32)  # the name that model files have
        self._dense: NDArray[np.float32] | None = stored.get("dense")
        self.temperature = float(stored["temperature"])
        self.threshold = float(stored["threshold"])

    @classmethod
    def load(cls, path: Path) -> LinearModel:
        """Load a stored model. Only arrays are read: nothing in the file can be executed."""
        with np.load(path, allow_pickle=False) as stored:
            return cls({name: stored[name] for name in stored.files})

    def probabilities(self, text: str, vectors: TextVectors | None = None) -> NDArray[np.float64]:
        """Probability of each code, in the order of `codes`."""
        sparse = features.vectorize(text, idf=self._idf)
        logits = self._bias.copy()
        if sparse.buckets.size:
            logits += (sparse.weights @ self._weights[sparse.buckets].astype(np.float32)) * self._scales
        if self._dense is not None and vectors is not None:
            logits += vectors.weighted_mean(text, self._idf) @ self._dense
        return softmax(logits.astype(np.float64) / self.temperature)

    def evidence(self, text: str, code: str, vectors: TextVectors | None = None, *, most: int = 12) -> list[Evidence]:
        """The words that speak for a code, strongest first, with what the score would lose without each."""
        index = self.codes.index(code)
        words = features.normalize(text).split()
        sparse = features.vectorize(text, idf=self._idf)
        share = dict(zip(sparse.buckets.tolist(), sparse.weights.tolist(), strict=True))
        found = {}
        for word in dict.fromkeys(words):
            own = np.unique(features.ngram_buckets(word))
            total = float(sum(share.get(int(bucket), 0.0) * float(self._weights[bucket, index]) for bucket in own))
            found[word] = total * float(self._scales[index])
        if self._dense is not None and vectors is not None:
            direction = self._dense[:, index]
            whole = float(vectors.weighted_mean(text, self._idf) @ direction)
            for word in found:
                others = " ".join(other for other in words if other != word)
                found[word] += whole - float(vectors.weighted_mean(others, self._idf) @ direction)
        ranked = sorted(found.items(), key=lambda item: -item[1])[:most]
        return [Evidence(word, round(weight, 4)) for word, weight in ranked if weight > 0]


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities that add up to one."""
    exponentials = np.exp(logits - logits.max())
    return np.asarray(exponentials / exponentials.sum(), dtype=np.float64)


class TopicModel(Protocol):
    """Gives probabilities for a text: a linear model made by `make models`, or a user's ONNX file."""

    codes: tuple[str, ...]
    threshold: float

    def probabilities(self, text: str, vectors: TextVectors | None = None, /) -> NDArray[np.float64]:
        """Probability of each code, in the order of `codes`."""
        ...


def _load(path: Path) -> TopicModel:
    """The model in a file, by the file's suffix."""
    if path.suffix == ".onnx":
        from coranto_classifier.topics.onnx import OnnxModel  # here: its runtime is an extra

        return OnnxModel(path)
    return LinearModel.load(path)


class TopicFinder:
    """Topics of articles, from the models of a directory.

    Its `topics.json` names the models, in `answered` the languages that the general one may answer in (all without it), and
    in `modest` those of them in which it is surer than it is right, with what its logits are divided by. In these, `stands_for`
    says what share of a code's probability belongs to other codes, of which no text in these languages was learned from.
    """

    def __init__(self, models: Path, vectors: Mapping[str, TextVectors]) -> None:
        card: dict[str, Any] = json.loads((models / "topics.json").read_text(encoding="utf-8"))
        self.version = str(card["version"])
        self._models: Mapping[str, TopicModel] = OnDemand(
            {language: partial(_load, models / name) for language, name in card["languages"].items()}
        )
        self._vectors = vectors
        answered = card.get("answered")
        self._answered: frozenset[str] | None = None if answered is None else frozenset(answered)
        self._modest: dict[str, float] = card.get("modest", {})
        self._stands_for: dict[str, dict[str, float]] = card.get("stands_for", {})

    def find(self, title: str, text: str, language: str, hints: Sequence[TopicHint] = ()) -> list[ScoredTopic]:
        """Topics, most probable first; none when neither the publisher's words nor the text give enough evidence."""
        joined = f"{title}\n{text}"[:TEXT_READ]
        probabilities: dict[str, float] | None = None
        model = self.model_for(language)
        if model is not None and any(letter.isalpha() for letter in joined):
            found = model.probabilities(joined, self.vectors_for(language))
            divisor = self._modest.get(language.split("-", maxsplit=1)[0])
            if divisor is not None:
                found = softmax(np.log(found.astype(np.float64) + _LEAST_CHANCE) / divisor)
            probabilities = dict(zip(model.codes, found.tolist(), strict=True))
            if divisor is not None:
                probabilities = shared_out(probabilities, self._stands_for)
        return combine(probabilities, hints, threshold=model.threshold if model is not None else 0.0)

    def vectors_for(self, language: str) -> TextVectors | None:
        """The word vectors that the language's model uses."""
        return self._vectors.get(READ_AS.get(language, language))

    def model_for(self, language: str) -> TopicModel | None:
        """The model of a language; None where there is none."""
        name = self.model_name(language)
        return None if name is None else self._models[name]

    def model_name(self, language: str) -> str | None:
        """The language of the model that reads a language; `*` is the general one, which answers only in those it has learned from.

        None for a language that neither knows: the general model would be sure of what is no better than chance.
        """
        primary = language.split("-", maxsplit=1)[0]
        primary = READ_AS.get(primary, primary)
        if primary in self._models:
            return primary
        is_known = self._answered is None or primary in self._answered
        return "*" if is_known and "*" in self._models else None


def shared_out(probabilities: dict[str, float], stands_for: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The probabilities with a share of some codes' given to others. Their sum stays the same."""
    found = dict(probabilities)
    for code, others in stands_for.items():
        for other, share in others.items():
            found[other] += share * probabilities[code]
            found[code] -= share * probabilities[code]
    return found


def combine(
    probabilities: dict[str, float] | None, hints: Sequence[TopicHint], *, threshold: float
) -> list[ScoredTopic]:
    """The topics that the model's probabilities and the publisher's words give together.

    Each word is taken as independent evidence: it is right with the probability of its score, and otherwise all other
    codes are equally likely (naive Bayes).
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
        topics.append(ScoredTopic(code, score, tuple(sources)))
        topics.extend(_narrower(backing, score))
    return topics


def _narrower(hints: Iterable[TopicHint], score: float) -> list[ScoredTopic]:
    """Codes below the top level that the publisher's words give, most probable first, at most three."""
    narrow = [hint for hint in hints if not hint.also and hint.code != top_of(hint.code)]
    best: dict[str, TopicHint] = {}
    for hint in sorted(narrow, key=lambda hint: -hint.score):
        best.setdefault(hint.code, hint)
    return [
        ScoredTopic(hint.code, round(score * hint.score, 4), (hint.source,))
        for hint in list(best.values())[:_MOST_NARROWER]
    ]
