"""Distils a sentence encoder into one vector per English word, 5 MB in all.

Method: after Tulkens and van Dongen, "Model2Vec" (2024): each word is encoded alone, and the vectors are reduced to
their principal components. The weight of a word in a text is left to the topic model, which knows its idf. The
vocabulary consists of the words of the free English texts and the whole words in the encoder's own vocabulary; texts
that may not be trained on contribute no words.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.topics import features
from coranto_classifier.topics.vectors import ENGLISH_FILES
from training.encoder import SentenceEncoder

WIDTH = 128  # best of 64 to 384: wider vectors did better on the training sources and worse on new sites
_TEXTS_AT_LEAST = 2
_SHORTEST_WORD = 2


def tagged_sentences(folder: Path) -> Iterator[str]:
    """The sentences of the tagged files, whose words are in the vocabulary too."""
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield " ".join(json.loads(line)["tokens"])


def count_words(texts: Iterable[str], encoder_words: Iterable[str]) -> dict[str, int]:
    """The vocabulary in order, with the number of texts each word is in: words of two texts, and whole words of the encoder."""
    counts = Counter(word for text in texts for word in set(features.normalize(text).split()))
    words = {word for word, count in counts.items() if count >= _TEXTS_AT_LEAST}
    words |= {features.normalize(word).strip() for word in encoder_words if word.isalpha()}
    return {word: counts[word] for word in sorted(words) if len(word) >= _SHORTEST_WORD and " " not in word}


def reduce(vectors: NDArray[np.float32], counts: NDArray[np.int64], width: int = WIDTH) -> NDArray[np.int8]:
    """The vectors reduced to principal components, for which common words weigh more, as one byte per number."""
    shares = np.sqrt(1.0 + counts)[:, None]
    centred = vectors - ((1.0 + counts)[:, None] * vectors).sum(axis=0) / (1.0 + counts).sum()
    _, directions = np.linalg.eigh(centred.T @ (centred * shares))
    reduced = centred @ directions[:, ::-1][:, :width]
    scale = np.percentile(np.abs(reduced), 99.99) / 127
    return np.asarray(np.clip(np.rint(reduced / scale), -127, 127), dtype=np.int8)


def store(target: Path, words: Sequence[str], vectors: NDArray[np.int8]) -> None:
    """Write the words' keys, ascending, and their vectors in the same order."""
    keys = np.array([features.word_keys(word)[0] for word in words], dtype=np.uint64)
    keys, places = np.unique(keys, return_index=True)
    keys_file, vectors_file = (target / name for name in ENGLISH_FILES)
    np.save(keys_file, keys)
    np.save(vectors_file, vectors[places])


def make_english_vectors(texts: Iterable[str], target: Path) -> int:
    """Make and store the vectors of the texts' words. Returns their number."""
    encoder = SentenceEncoder.fetched()
    counts = count_words(texts, encoder.pieces)
    words = list(counts)
    vectors = encoder.encode(words)
    store(target, words, reduce(vectors, np.array(list(counts.values()))))
    return len(words)
