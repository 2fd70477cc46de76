"""Word vectors, read once a process and shared by whoever needs them: navec's for Russian, our own for English."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.topics import features

WIDTH = 300

ENGLISH_FILES = ("english_word_keys.npy", "english_word_vectors.npy")
"""Keys of the English words, in order, and their vectors beside them."""


class TextVectors(Protocol):
    """Makes one vector of a text from those of its words."""

    def mean(self, text: str, rarity: NDArray[np.float32], /) -> NDArray[np.float32]:
        """Mean of the vectors of the text's words, each by its rarity, of length one; zeros when none is known."""
        ...


class WordVectors:
    """navec's Russian vectors: a hundred bytes a word, spread out to three hundred numbers on demand."""

    def __init__(self, models: Path) -> None:
        from navec import Navec  # type: ignore[import-untyped]  # ships no types

        self.navec: Any = Navec.load(str(models / "navec_news_v1_1B_250K_300d_100q.tar"))
        self._ids: dict[str, int] = self.navec.vocab.word_ids
        self._indexes: NDArray[np.uint8] = self.navec.pq.indexes
        self._codes: NDArray[np.float32] = self.navec.pq.codes
        self._rows = np.arange(self._codes.shape[0])
        self._counts: list[int] = self.navec.vocab.counts

    def count(self, word: str) -> int:
        """How often newspapers wrote the word, in lower case; 0 for one that is not among the 250,000 commonest."""
        index = self._ids.get(word)
        return 0 if index is None else int(self._counts[index])

    def mean(self, text: str, rarity: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean of the vectors of the text's words, each by its rarity, of length one; zeros when none is known."""
        words = features.simplified(text).split()
        buckets = features.word_buckets(text)
        known = {
            self._ids[word]: bucket for word, bucket in zip(words, buckets.tolist(), strict=False) if word in self._ids
        }
        if not known:
            return np.zeros(WIDTH, dtype=np.float32)
        ids = np.fromiter(known, dtype=np.int64, count=len(known))
        weights = rarity[np.fromiter(known.values(), dtype=np.int64, count=len(known))] - 1.0
        spread = self._codes[self._rows, self._indexes[ids]].reshape(len(ids), WIDTH)
        total = np.asarray(weights @ spread, dtype=np.float32)
        length = float(np.linalg.norm(total))
        return total / np.float32(length) if length > 0 else total


class EnglishVectors:
    """Vectors of English words, a byte a number. A word is found by its key, so the files hold no words.

    Made by `training.english_vectors`. The files stay on disk and are mapped: processes share them, and a process that
    reads no English holds nothing of them.
    """

    def __init__(self, models: Path) -> None:
        self._keys, self._vectors = (
            np.load(models / name, mmap_mode="r", allow_pickle=False) for name in ENGLISH_FILES
        )

    def mean(self, text: str, rarity: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean of the vectors of the text's words, each by its rarity, of length one; zeros when none is known."""
        keys = np.unique(features.word_keys(text))
        places = np.searchsorted(self._keys, keys)
        places[places == len(self._keys)] = 0
        known = self._keys[places] == keys
        weights = rarity[features.buckets_of(keys[known])] - 1.0
        total = np.asarray(weights @ self._vectors[places[known]].astype(np.float32), dtype=np.float32)
        length = float(np.linalg.norm(total))
        return total / np.float32(length) if length > 0 else total
