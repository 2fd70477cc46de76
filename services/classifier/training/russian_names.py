"""Trains what stands on top of slovnet's tagger of Russian names, on texts tagged by hand: a CRF and later layers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coranto_classifier.entities.russian.dictionary import Dictionary
from coranto_classifier.entities.russian.features import facts_of, features
from coranto_classifier.entities.russian.networks import LABELS, Slovnet
from coranto_classifier.entities.russian.tagger import TARGET_DOMAIN, crf_path
from coranto_classifier.topics.vectors import RussianVectors
from training.russian_layers import LabelledWords, train_layers

COPIES = {"nerel": 1, "factrueval2016": 2}
"""Sources that are trained on, and how often each text counts. NEREL: CC BY 2.5 (Wikinews); factRuEval 2016: MIT.

factRuEval's conventions are the ones to follow, and it has a quarter of NEREL's texts."""

_TYPES = ("person", "organisation", "place")


@dataclass(frozen=True, slots=True)
class TaggedText:
    """A text and the names in it; of nested names, the outermost."""

    id: str
    source: str
    text: str
    spans: tuple[tuple[int, int, str], ...]


def read_texts(path: Path) -> Iterator[TaggedText]:
    """The Russian texts of a file that may be trained on."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            if row["language"] == "ru" and row["source"] in COPIES:
                yield TaggedText(row["id"], row["source"], row["text"], tuple(_outermost(row["spans"])))


def _outermost(spans: Sequence[dict[str, Any]]) -> Iterator[tuple[int, int, str]]:
    """Spans that are not inside a longer one."""
    named = [span for span in spans if span["type"] in _TYPES]
    for span in named:
        if not any(
            other["start"] <= span["start"]
            and span["end"] <= other["end"]
            and other["end"] - other["start"] > span["end"] - span["start"]
            for other in named
        ):
            yield span["start"], span["end"], span["type"]


def train(texts: Iterable[TaggedText], models: Path) -> int:
    """Train both and store them beside slovnet. Returns the number of texts. The same files give the same bytes."""
    import pycrfsuite  # type: ignore[import-untyped]  # ships no types

    slovnet = Slovnet(models, RussianVectors(models))
    parse = Dictionary().parses
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.select("lbfgs")
    trainer.set_params(
        {"c1": 0.1, "c2": 0.1, "max_iterations": 80, "feature.minfreq": 2, "feature.possible_transitions": True}
    )
    count, sources, labelled = 0, list(COPIES), []
    for text in texts:
        tokens = slovnet.tokens(text.text)
        words = [text.text[start:end] for start, end in tokens]
        judgement, tags = slovnet.predict(words), tags_of(tokens, text.spans)
        rows = features(words, judgement, parse, text.source)
        labels = np.array([LABELS.index(tag) for tag in tags])
        seen = LabelledWords(judgement.first, facts_of(words, parse), labels, sources.index(text.source))
        for _ in range(COPIES[text.source]):
            trainer.append(rows, tags)
            labelled.append(seen)
        count += 1
    trainer.train(str(crf_path(models)))
    train_layers(labelled, slovnet, sources.index(TARGET_DOMAIN), models)
    return count


def tags_of(tokens: Sequence[tuple[int, int]], spans: Iterable[tuple[int, int, str]]) -> list[str]:
    """BIO tags of the tokens."""
    tags = ["O"] * len(tokens)
    for start, end, kind in spans:
        inside = [index for index, (left, right) in enumerate(tokens) if start <= left and right <= end]
        for index in inside:
            tags[index] = f"{'B' if index == inside[0] else 'I'}-{kind}"
    return tags
