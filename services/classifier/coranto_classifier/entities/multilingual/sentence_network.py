"""One network for the names of all languages, which reads whole sentences.

Residual convolutions over what the pieces, the ends and the shape of each word say. It has learned from every language at
once, so it knows names and turns of phrase that a language's own sentences lack. Its judgement is averaged with that of the
language's CRF (`tag_paths`): each is right where the other is not.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.entities.multilingual.features import shape_of
from coranto_classifier.entities.multilingual.pieces import LABELS, Matrix, PieceTable, grouped_softmax

REACHES: Final = (1, 2, 3)
"""How far to either side of a word each convolution looks."""
BUCKETS: Final = (16_384, 4_096, 4_096, 1_024, 256)
"""Sizes of the tables of embeddings: of words, their beginnings, their ends by three and by two letters, their shapes."""
_GAP = max(REACHES)  # empty rows between sentences, so that none sees another
_MOST_WORDS_KEPT = 20_000
_SMALL = 1e-3


class SentenceNetwork:
    """The stored network, and what it made of the words that it has seen."""

    def __init__(self, models: Path, table: PieceTable) -> None:
        with np.load(network_path(models), allow_pickle=False) as stored:
            self._languages = bytes(stored["languages"]).decode().split()
            arrays = {name: stored[name].astype(np.float32) for name in stored.files if name not in _NOT_SUMS}
            self._embeddings = stored["embeddings"].astype(np.float32) * stored["embedding_scale"]
        self._input, self._output = arrays["input"], arrays["output"]
        self._first, self._of_language, self._bias = arrays["first"], arrays["of_language"], arrays["bias"]
        self._layers = [
            (arrays[f"layer{number}"], arrays[f"layer_bias{number}"], reach) for number, reach in enumerate(REACHES)
        ]
        self._table = table
        self._known: dict[str, Matrix] = {}

    def judge(self, sentences: Sequence[Sequence[str]], language: str) -> list[Matrix]:
        """Logarithms of the chances of the labels: an array for each sentence, with a row for each of its words."""
        lengths = [len(words) for words in sentences]
        if not any(lengths):
            return [np.zeros((0, LABELS), dtype=np.float32) for _ in sentences]
        spread = Spread(lengths)
        number = self._languages.index(language)
        words = [word for words in sentences for word in words]
        self._learn(words)
        sums = np.stack([self._known[word] for word in words]) + self._of_language[number]
        sums[spread.first] += self._first
        active = np.zeros((spread.count, sums.shape[1]), dtype=np.float32)
        active[spread.rows] = np.maximum(sums, 0)
        for weights, bias, reach in self._layers:
            seen = seen_around(np.divide(active, root_mean_square(active)), reach)[spread.rows]
            active[spread.rows] += np.maximum(seen @ weights + bias, 0)
        judged = np.log(grouped_softmax(active[spread.rows] @ self._output + self._bias[number]) + 1e-9)
        return [judged[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]

    def _learn(self, words: Sequence[str]) -> None:
        """Look up the words that are new: what they add to the first layer."""
        new = [word for word in dict.fromkeys(words) if word not in self._known]
        if len(self._known) + len(new) > _MOST_WORDS_KEPT:
            self._known.clear()
            new = list(dict.fromkeys(words))
        if new:
            rows = np.concatenate(
                [piece_inputs(self._table, new), self._embeddings[buckets_of(new)].reshape(len(new), -1)], axis=1
            )
            self._known.update(zip(new, rows @ self._input, strict=True))


_NOT_SUMS = frozenset({"languages", "embeddings", "embedding_scale"})


class Spread:
    """Where the words of sentences stand when all are laid behind each other with gaps."""

    def __init__(self, lengths: Sequence[int]) -> None:
        starts = list(accumulate((length + _GAP for length in lengths), initial=_GAP))
        self.count = starts[-1]
        """Rows in all, the gaps among them."""
        self.rows: NDArray[np.int64] = np.concatenate(
            [np.arange(start, start + length) for start, length in zip(starts, lengths, strict=False)]
        )
        """The row of each word."""
        self.sentence = np.repeat(np.arange(len(lengths)), lengths)
        """The sentence of each word."""
        self.first = np.flatnonzero(np.diff(self.sentence, prepend=-1))
        """The words that open a sentence."""


def piece_inputs(table: PieceTable, words: Sequence[str]) -> Matrix:
    """A row per word: vectors of its first and last piece and mean of those behind the first, and facts about its letters."""
    pieces = [table.split(word) for word in words]
    return np.concatenate([table.inputs(words, pieces), table.last_pieces(pieces)], axis=1)


def buckets_of(words: Sequence[str]) -> NDArray[np.int64]:
    """The rows of each word in the tables of embeddings, which stand one below the other."""
    rows = np.array([_buckets(word) for word in words], dtype=np.int64).reshape(-1, len(BUCKETS))
    return np.asarray(rows + _STARTS, dtype=np.int64)


_STARTS = np.array(list(accumulate(BUCKETS, initial=0))[:-1])


def _buckets(word: str) -> tuple[int, ...]:
    lower = word.lower()
    parts = (f"w{lower}", f"p{lower[:3]}", f"s{lower[-3:]}", f"t{lower[-2:]}", f"f{shape_of(word)}")
    return tuple(zlib.crc32(part.encode()) % size for part, size in zip(parts, BUCKETS, strict=True))


def seen_around(rows: Matrix, reach: int) -> Matrix:
    """Each row between the one `reach` before it and the one `reach` behind it."""
    count, width = rows.shape
    seen = np.zeros((count, 3 * width), dtype=np.float32)
    seen[reach:, :width] = rows[:-reach]
    seen[:, width : 2 * width] = rows
    seen[:-reach, 2 * width :] = rows[reach:]
    return seen


def root_mean_square(rows: Matrix) -> Matrix:
    """The length of each row, by which it is divided before a convolution."""
    squares = np.einsum("ij,ij->i", rows, rows)[:, None]
    return np.asarray(np.sqrt(squares / rows.shape[1] + _SMALL), dtype=rows.dtype)


def network_path(models: Path) -> Path:
    """The file of the network in the models' directory."""
    return models / "names_network.npz"
