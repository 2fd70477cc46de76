"""Pieces of words in many languages, each with a vector and classes of meaning, and what they say about a word.

The vectors are the input layer of multilingual-e5-small, reduced to 96 directions: "Merkel" lies beside "Macron" and
"Меркел", "Praha" beside "Brno". Small networks read from them how likely a word is each kind of name, one by itself and
one with the words around it. There are `FOLDS` of each, and a word is always judged by the one that has not learned from
it: the tagger then learns how far to trust them on words that are new.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

FOLDS = 4
DIRECTIONS = 96
TAGS = ("O", *(f"{edge}-{kind}" for kind in ("person", "organisation", "place") for edge in "BI"))
"""The labels of words, in the order of the networks' answers."""
LABELS = len(TAGS)
WINDOW = 2
"""Words on either side that a judgement in context sees."""

_WORD_START = "▁"
_LONGEST_PIECE = 16
_PIECES_READ = 5
_FOLD_LETTERS = 6
_LONGEST_ACRONYM = 4
_FACTS = 8
_WORDS_KEPT = 20_000


class PieceTable:
    """The pieces, their vectors and classes, and the networks that judge words by them."""

    def __init__(self, models: Path) -> None:
        with np.load(table_path(models), allow_pickle=False) as stored:
            self.pieces = bytes(stored["pieces"]).decode().split("\n")
            packed = stored["vectors"]
            self._scales = stored["scales"].astype(np.float32)
            self._classes: list[tuple[int, int]] = [(int(fine), int(broad)) for broad, fine in stored["classes"].T]
            self._networks, self._windows = (
                [
                    tuple(stored[f"{prefix}{name}{fold}"].astype(np.float32) for name in ("hidden", "output", "bias"))
                    for fold in range(FOLDS)
                    if f"{prefix}hidden{fold}" in stored
                ]
                for prefix in ("", "window_")
            )
        self._vectors = np.concatenate([(packed & 15), (packed >> 4)], axis=1).astype(np.int8) - 8
        self._numbers = {piece: number for number, piece in enumerate(self.pieces)}
        self.split = lru_cache(maxsize=_WORDS_KEPT)(self._split)

    def _split(self, word: str) -> tuple[int, ...]:
        """Numbers of the first pieces of the word, the longest possible from the left; letters that no piece has are left out."""
        rest, position = _WORD_START + as_in_sentence(word), 0
        found: list[int] = []
        while position < len(rest) and len(found) < _PIECES_READ:
            for end in range(min(len(rest), position + _LONGEST_PIECE), position, -1):
                number = self._numbers.get(rest[position:end])
                if number is not None:
                    found.append(number)
                    position = end
                    break
            else:
                position += 1
        return tuple(number for number in found if self.pieces[number] != _WORD_START)

    def classes(self, pieces: Sequence[int]) -> tuple[int, int] | None:
        """Fine and broad class of the word's first piece; None for a word without pieces."""
        return self._classes[pieces[0]] if pieces else None

    def fold_of(self, word: str, pieces: Sequence[int]) -> int:
        """Which network judges the word: the same one for forms of a word that begin alike."""
        start = self.pieces[pieces[0]] if pieces else word
        return zlib.crc32(start.lower()[:_FOLD_LETTERS].encode()) % FOLDS

    def inputs(self, words: Sequence[str], pieces: Sequence[Sequence[int]]) -> Matrix:
        """A row per word: vector of its first piece, mean of the others, and some facts about its letters."""
        rows = np.zeros((len(words), 2 * DIRECTIONS + _FACTS), dtype=np.float32)
        known = [row for row, numbers in enumerate(pieces) if numbers]
        rows[known, :DIRECTIONS] = self._vectors[[pieces[row][0] for row in known]] * self._scales
        several = [row for row in known if len(pieces[row]) > 1]
        if several:
            counts = [len(pieces[row]) - 1 for row in several]
            others = self._vectors[[number for row in several for number in pieces[row][1:]]]
            sums = np.add.reduceat(others, np.cumsum([0, *counts[:-1]]), axis=0, dtype=np.int32)
            means = (sums / np.array(counts)[:, None]).astype(np.float32)
            rows[several, DIRECTIONS : 2 * DIRECTIONS] = means * self._scales
        rows[:, 2 * DIRECTIONS :] = [
            (
                word[:1].isupper(),
                word.isupper() and len(word) > 1,
                len(numbers) == 1,
                len(numbers) > 2,
                any(map(str.isdigit, word)),
                not word[:1].isalnum(),
                "-" in word,
                1.0,
            )
            for word, numbers in zip(words, pieces, strict=True)
        ] or np.zeros((0, _FACTS))
        return rows

    def last_pieces(self, pieces: Sequence[Sequence[int]]) -> Matrix:
        """A row per word: vector of its last piece, of zeros for a word of one piece or none."""
        rows = np.zeros((len(pieces), DIRECTIONS), dtype=np.float32)
        several = [row for row, numbers in enumerate(pieces) if len(numbers) > 1]
        rows[several] = self._vectors[[pieces[row][-1] for row in several]] * self._scales
        return rows

    def folds_of(self, words: Sequence[str], pieces: Sequence[Sequence[int]]) -> NDArray[np.int64]:
        """Which network judges each word."""
        return np.array(
            [self.fold_of(word, numbers) for word, numbers in zip(words, pieces, strict=True)], dtype=np.int64
        )

    def judge(self, inputs: Matrix, folds: NDArray[np.int64]) -> Matrix:
        """Probabilities of the labels of each word by itself, from the words' rows of inputs."""
        return _judged(inputs, folds, self._networks)

    def judge_in_context(self, inputs: Matrix, folds: NDArray[np.int64], lengths: Sequence[int]) -> Matrix:
        """Probabilities of the labels of each word, from its row of inputs and those of its neighbours in the sentence.

        The rows are those of sentences behind each other, of which `lengths` says how many words each has.
        """
        count, width = inputs.shape
        rows = np.arange(count) + WINDOW * np.repeat(np.arange(1, len(lengths) + 1), lengths)
        padded = np.zeros((count + WINDOW * (len(lengths) + 1), width), dtype=np.float32)
        padded[rows] = inputs
        seen = np.concatenate([padded[rows + offset] for offset in range(-WINDOW, WINDOW + 1)], axis=1)
        return _judged(seen, folds, self._windows)


def _judged(inputs: Matrix, folds: NDArray[np.int64], networks: Sequence[Sequence[Matrix]]) -> Matrix:
    """Each row's answer from the network of its fold."""
    logits = np.zeros((len(inputs), LABELS), dtype=np.float32)
    for fold, (hidden, output, bias) in enumerate(networks):
        rows = np.flatnonzero(folds == fold)
        if len(rows):
            logits[rows] = np.maximum(inputs[rows] @ hidden, 0) @ output + bias
    return grouped_softmax(logits)


def table_path(models: Path) -> Path:
    """The file of the table in the models' directory."""
    return models / "names_pieces.npz"


def as_in_sentence(word: str) -> str:
    """The word without the capitals of a headline; an acronym keeps them."""
    return word.title() if word.isupper() and len(word) > _LONGEST_ACRONYM else word


def grouped_softmax(logits: Matrix) -> Matrix:
    """Probabilities within each group of `LABELS` columns."""
    groups = logits.reshape(len(logits), -1, LABELS)
    exponentials = np.exp(groups - groups.max(axis=2, keepdims=True))
    return np.asarray((exponentials / exponentials.sum(axis=2, keepdims=True)).reshape(logits.shape), dtype=np.float32)
