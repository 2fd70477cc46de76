"""Distils a sentence encoder into one vector an English word: what the service needs of it in 5 MB.

Method: after Tulkens and van Dongen, "Model2Vec" (2024): each word is encoded alone, and the vectors are narrowed to
their principal directions. How much a word counts in a text is left to the topic model, which knows its rarity. The
vocabulary is the words of the free English texts and the encoder's own whole words; texts that may not be trained on
give none.
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

WIDTH = 128  # of 64 to 384; wider ones knew the training sources better and new sites worse
_TEXTS_AT_LEAST = 2
_SHORTEST_WORD = 2


def tagged_sentences(folder: Path) -> Iterator[str]:
    """The sentences of the tagged files, whose words are taken too."""
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield " ".join(json.loads(line)["tokens"])


def counted_words(texts: Iterable[str], encoder_words: Iterable[str]) -> dict[str, int]:
    """Words that two texts have or the encoder knows whole, in order, and in how many texts each is."""
    counts = Counter(word for text in texts for word in set(features.simplified(text).split()))
    words = {word for word, count in counts.items() if count >= _TEXTS_AT_LEAST}
    words |= {features.simplified(word).strip() for word in encoder_words if word.isalpha()}
    return {word: counts[word] for word in sorted(words) if len(word) >= _SHORTEST_WORD and " " not in word}


def narrowed(vectors: NDArray[np.float32], counts: NDArray[np.int64], width: int = WIDTH) -> NDArray[np.int8]:
    """The vectors along their principal directions, common words weighing more in choosing these, a byte a number."""
    shares = np.sqrt(1.0 + counts)[:, None]
    centred = vectors - ((1.0 + counts)[:, None] * vectors).sum(axis=0) / (1.0 + counts).sum()
    _, directions = np.linalg.eigh(centred.T @ (centred * shares))
    narrow = centred @ directions[:, ::-1][:, :width]
    scale = np.percentile(np.abs(narrow), 99.99) / 127
    return np.asarray(np.clip(np.rint(narrow / scale), -127, 127), dtype=np.int8)


def store(target: Path, words: Sequence[str], vectors: NDArray[np.int8]) -> None:
    """Writes the words' keys, in order, and their vectors beside them."""
    keys = np.array([features.word_keys(word)[0] for word in words], dtype=np.uint64)
    keys, places = np.unique(keys, return_index=True)
    keys_file, vectors_file = (target / name for name in ENGLISH_FILES)
    np.save(keys_file, keys)
    np.save(vectors_file, vectors[places])


def make_english_vectors(texts: Iterable[str], target: Path) -> int:
    """Makes and stores the vectors of the texts' words; gives how many."""
    encoder = SentenceEncoder.fetched()
    counts = counted_words(texts, encoder.pieces)
    words = list(counts)
    vectors = encoder.encode(words)
    store(target, words, narrowed(vectors, np.array(list(counts.values()))))
    return len(words)
