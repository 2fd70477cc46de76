"""The likeliest tags of sentences, from the chances of each word's labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

import numpy as np

from coranto_classifier.entities.multilingual.pieces import LABELS, TAGS, Matrix

_LEAST_CHANCE = 1e-4
_AT_ONCE = 128  # sentences
_WORDS_TOGETHER = 600
_NEVER: Final = np.float32(-1e9)
_FOLLOWS = np.array(
    [[not tag.startswith("I-") or before[2:] == tag[2:] for tag in TAGS] for before in TAGS], dtype=np.bool_
)
_STEP = np.where(_FOLLOWS, np.float32(0), _NEVER)
"""What a tag costs behind another: an I- needs a B- or I- of its kind before it."""

Sentence = TypeVar("Sentence", bound=Sequence[Any])


def read_together(sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
    """The sentences in groups of some hundred words, so that the features of a long text are not in memory all at once."""
    group: list[Sentence] = []
    count = 0
    for tokens in sentences:
        group.append(tokens)
        count += len(tokens)
        if count >= _WORDS_TOGETHER:
            yield group
            group, count = [], 0
    if group:
        yield group


def tags_by_both(judged: Sequence[Matrix], tagger: Any, rows: Sequence[Sequence[Sequence[str]]]) -> list[list[str]]:
    """The likeliest tags of sentences, by the network's judgement of each and by the CRF from its features alike."""
    return likeliest_tags([averaged(known, chances_of(tagger, own)) for known, own in zip(judged, rows, strict=True)])


def chances_of(tagger: Any, rows: Sequence[Sequence[str]]) -> Matrix:
    """The chances of the labels of a sentence's words by a CRF, from their features; names of other kinds count as none."""
    tagger.set(rows)
    known = set(tagger.labels())
    chances = np.zeros((len(rows), LABELS), dtype=np.float32)
    for number, tag in enumerate(TAGS):
        if number and tag in known:
            chances[:, number] = [tagger.marginal(tag, index) for index in range(len(rows))]
    chances[:, 0] = 1 - chances.sum(axis=1)
    return chances


def averaged(judged: Matrix, chances: Matrix) -> Matrix:
    """The geometric mean of two judgements, one of them given by its logarithms, as logarithms."""
    return np.asarray((judged + np.log(np.maximum(chances, _LEAST_CHANCE))) / 2, dtype=np.float32)


def likeliest_tags(sentences: Sequence[Matrix]) -> list[list[str]]:
    """The likeliest well-formed tags of each sentence (Viterbi), from logarithms of chances."""
    order = sorted(range(len(sentences)), key=lambda number: -len(sentences[number]))
    tags: list[list[str]] = [[] for _ in sentences]
    for start in range(0, len(order), _AT_ONCE):
        chosen = order[start : start + _AT_ONCE]
        for number, path in zip(chosen, _paths([sentences[number] for number in chosen]), strict=True):
            tags[number] = path
    return tags


def _paths(sentences: Sequence[Matrix]) -> Iterator[list[str]]:
    """The tags of sentences that are read side by side, the longest of them first."""
    lengths = np.array([len(judged) for judged in sentences])
    chances = np.zeros((lengths[0], len(sentences), LABELS), dtype=np.float32)
    for place, judged in enumerate(sentences):
        chances[: len(judged), place] = judged
    back = np.zeros(chances.shape, dtype=np.int8)
    score = np.full((len(sentences), LABELS), _NEVER)
    score[:, 0] = 0  # as behind a word that is no name
    for index in range(lengths[0]):
        going = int((lengths > index).sum())
        steps = score[:going, :, None] + _STEP
        back[index, :going] = steps.argmax(axis=1)
        score[:going] = steps.max(axis=1) + chances[index, :going]
    for place, length in enumerate(lengths):
        tag, path = int(score[place].argmax()), []
        for index in range(length - 1, -1, -1):
            path.append(TAGS[tag])
            tag = int(back[index, place, tag])
        yield path[::-1]
