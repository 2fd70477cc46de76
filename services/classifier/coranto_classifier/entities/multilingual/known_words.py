"""What was made of words by themselves, kept because a text repeats its words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Final, Generic, Protocol, TypeVar

import numpy as np

from coranto_classifier.entities.multilingual.pieces import Matrix, PieceTable

_MOST_WORDS_KEPT: Final = 20_000
_LEAST, _MOST = -6, 4  # of a logit

Made = TypeVar("Made")

MakeOf = Callable[[str, Sequence[int], Sequence[int], Matrix, int], Made]
"""From a word, its pieces, its levels (`levels_of`), its row of inputs and its fold."""


class Judged(Protocol):
    """What is kept of a word that is judged in context."""

    @property
    def inputs(self) -> Matrix:
        """The row of inputs."""

    @property
    def fold(self) -> int:
        """Which network judges it."""


class KnownWords(Generic[Made]):
    """Words that were looked up in the table of pieces, with what `make` made of each."""

    def __init__(self, table: PieceTable, make: MakeOf[Made]) -> None:
        self._table = table
        self._make = make
        self._known: dict[str, Made] = {}

    def learn(self, words: Sequence[str]) -> None:
        """Look the words up that are new. All of a text at once take a third of the time that its sentences take."""
        new = [word for word in dict.fromkeys(words) if word not in self._known]
        if not new:
            return
        if len(self._known) > _MOST_WORDS_KEPT:
            self._known.clear()
            new = list(dict.fromkeys(words))
        pieces = [self._table.split(word) for word in new]
        inputs, folds = self._table.inputs(new, pieces), self._table.folds_of(new, pieces)
        levels = levels_of(self._table.judge(inputs, folds))
        for word, numbers, level, row, fold in zip(new, pieces, levels, inputs, folds, strict=True):
            self._known[word] = self._make(word, numbers, level, row, int(fold))

    def of(self, words: Sequence[str]) -> list[Made]:
        """What was made of each word, in their order; those that are new are looked up."""
        self.learn(words)
        return [self._known[word] for word in words]


def levels_of(judged: Matrix) -> list[list[int]]:
    """Rounded logits, a row per word: of its kinds, and of being inside a name."""
    chances = np.concatenate([judged[:, 1::2] + judged[:, 2::2], judged[:, 2::2]], axis=1)
    logits = np.log((chances + 1e-6) / (1 - chances + 1e-6))
    levels: list[list[int]] = np.clip(np.rint(logits), _LEAST, _MOST).astype(int).tolist()
    return levels


def levels_in_context(table: PieceTable, sentences: Sequence[Sequence[Judged]]) -> list[list[list[int]]]:
    """For each sentence the levels of its words, judged with the words around them."""
    words = [word for sentence in sentences for word in sentence]
    if not words:
        return [[] for _ in sentences]
    lengths = [len(sentence) for sentence in sentences]
    inputs, folds = np.stack([word.inputs for word in words]), np.array([word.fold for word in words])
    levels = levels_of(table.judge_in_context(inputs, folds, lengths))
    return [levels[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]
