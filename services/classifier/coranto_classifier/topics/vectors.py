"""Word vectors, loaded once per process: navec's for Russian, our own for English."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.topics import features

WIDTH = 300
"""Numbers in one of navec's vectors."""

ENGLISH_FILES = ("english_word_keys.npy", "english_word_vectors.npy")
"""The keys of the English words, ascending (n, uint64), and their vectors in the same order (n × 128, int8)."""


class TextVectors(Protocol):
    """Makes one vector of a text from the vectors of its words."""

    def weighted_mean(self, text: str, idf: NDArray[np.float32], /) -> NDArray[np.float32]:
        """Mean of the vectors of the text's words, weighted by idf, of length one; zeros when no word is known."""
        ...


class RussianVectors:
    """navec's Russian vectors: 100 bytes per word, decoded to 300 numbers on demand (product quantisation)."""

    def __init__(self, models: Path) -> None:
        self.navec: Any = _load_navec(models / "navec_news_v1_1B_250K_300d_100q.tar")
        self._ids: dict[str, int] = self.navec.vocab.word_ids
        self._indexes: NDArray[np.uint8] = self.navec.pq.indexes
        self._codes: NDArray[np.float32] = self.navec.pq.codes
        self._rows = np.arange(self._codes.shape[0])
        self._counts: list[int] = self.navec.vocab.counts

    def count(self, word: str) -> int:
        """How often the word, in lower case, occurs in newspapers; 0 unless it is among the 250,000 commonest."""
        index = self._ids.get(word)
        return 0 if index is None else int(self._counts[index])

    def weighted_mean(self, text: str, idf: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean of the vectors of the text's words, weighted by idf, of length one; zeros when no word is known."""
        words = features.normalize(text).split()
        buckets = features.word_buckets(text)
        known = {
            self._ids[word]: bucket for word, bucket in zip(words, buckets.tolist(), strict=False) if word in self._ids
        }
        if not known:
            return np.zeros(WIDTH, dtype=np.float32)
        ids = np.fromiter(known, dtype=np.int64, count=len(known))
        weights = idf[np.fromiter(known.values(), dtype=np.int64, count=len(known))] - 1.0
        spread = self._codes[self._rows, self._indexes[ids]].reshape(len(ids), WIDTH)
        total = np.asarray(weights @ spread, dtype=np.float32)
        length = float(np.linalg.norm(total))
        return total / np.float32(length) if length > 0 else total


def _load_navec(file: Path) -> Any:
    """As `Navec.load`, without the table for the similarity of two words: nobody here asks for it, and it would double
    the time that loading takes, and hold 26 MB."""
    from navec.meta import Meta  # type: ignore[import-untyped]  # ships no types
    from navec.navec import META, PQ_, VOCAB, Navec  # type: ignore[import-untyped]
    from navec.pq import PQ  # type: ignore[import-untyped]
    from navec.tar import Tar  # type: ignore[import-untyped]
    from navec.vocab import Vocab  # type: ignore[import-untyped]

    class Codes(PQ):  # type: ignore[misc]  # its base class has no types
        def precompute(self) -> None:
            self.qdims = np.arange(self.qdim)

    with Tar(str(file)) as tar:
        meta = Meta.from_file(tar.load(META))
        Meta.check_protocol(meta.protocol)
        return Navec(meta, Vocab.from_file(tar.load(VOCAB)), Codes.from_file(tar.load(PQ_)))


class EnglishVectors:
    """Vectors of English words, one byte per number. Words are found by their keys, so the files hold no words.

    Made by `training.english_vectors`. The files are mapped into memory: processes share them, and a process that reads
    no English text uses no memory for them.
    """

    def __init__(self, models: Path) -> None:
        self._keys, self._vectors = (
            np.load(models / name, mmap_mode="r", allow_pickle=False) for name in ENGLISH_FILES
        )

    def weighted_mean(self, text: str, idf: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean of the vectors of the text's words, weighted by idf, of length one; zeros when no word is known."""
        keys = np.unique(features.word_keys(text))
        positions = np.searchsorted(self._keys, keys)
        positions[positions == len(self._keys)] = 0
        known = self._keys[positions] == keys
        weights = idf[features.buckets_of(keys[known])] - 1.0
        total = np.asarray(weights @ self._vectors[positions[known]].astype(np.float32), dtype=np.float32)
        length = float(np.linalg.norm(total))
        return total / np.float32(length) if length > 0 else total
