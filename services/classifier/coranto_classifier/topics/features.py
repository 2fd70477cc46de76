"""Text as a sparse vector of hashed words, word pairs and character n-grams, in a few array operations.

Hashing needs no vocabulary, so a model file holds weights and no text. This module only counts; what a bucket stands for
is up to the models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BUCKET_BITS = 18
BUCKETS = 1 << BUCKET_BITS

_SPACE = 32
_LONGEST = 6000  # characters that are hashed; enough to tell a topic, and the tables of powers below stay small
_SEPARATORS = re.compile(r"[\W_]+")
_DIGIT = re.compile(r"\d")
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_WORD_SALT = np.uint64(0xA24BAED4963EE407)
_PAIR_SALT = np.uint64(0x8EBC6AF09C88C6E3)


def _powers(base: int, count: int) -> NDArray[np.uint64]:
    """The first powers of `base` modulo 2^64."""
    powers = np.empty(count, dtype=np.uint64)
    value = 1
    for index in range(count):
        powers[index] = value
        value = value * base % (1 << 64)
    return powers


_POWERS = _powers(int(_BASE), _LONGEST + 8)
_INVERSES = _powers(pow(int(_BASE), -1, 1 << 64), _LONGEST + 8)


@dataclass(frozen=True)
class SparseVector:
    """The buckets that occur in a text, ascending, and their weights; the vector has length one."""

    buckets: NDArray[np.int64]
    weights: NDArray[np.float32]


def normalize(text: str) -> str:
    """The text in lower case, with ё as е, every digit as 0, and one space for anything else and at either end."""
    text = text[:_LONGEST].lower().replace("ё", "е")
    return f" {_DIGIT.sub('0', _SEPARATORS.sub(' ', text)).strip()} "[: _LONGEST + 2]


def ngram_buckets(text: str, *, words: bool = True, sizes: tuple[int, ...] = (3, 4, 5)) -> NDArray[np.int64]:
    """Bucket of every n-gram of the text, with repetitions: words, pairs of neighbouring words, characters within words."""
    letters = np.frombuffer(normalize(text).encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    blanks = letters == _SPACE
    if letters.size < 3 or bool(blanks.all()):
        return np.empty(0, dtype=np.int64)
    with np.errstate(over="ignore"):
        parts = [_character_hashes(letters, blanks, size) for size in sizes]
        if words:
            parts.extend(_word_hashes(letters, blanks))
        return _buckets(np.concatenate(parts))


def word_buckets(text: str) -> NDArray[np.int64]:
    """Bucket of each word of the normalized text, in order, with repetitions."""
    return buckets_of(word_keys(text))


def word_keys(text: str) -> NDArray[np.uint64]:
    """A 64-bit hash of each word of the normalized text, in order."""
    letters = np.frombuffer(normalize(text).encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    blanks = letters == _SPACE
    if letters.size < 3 or bool(blanks.all()):
        return np.empty(0, dtype=np.uint64)
    with np.errstate(over="ignore"):
        return _word_hashes(letters, blanks)[0]


def buckets_of(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Bucket of each word, by its key from `word_keys`."""
    with np.errstate(over="ignore"):
        return _buckets(keys)


def _buckets(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The hashes mixed once more, so that their upper bits fill the buckets evenly."""
    mixed = hashes ^ (hashes >> np.uint64(30))
    mixed *= _MIX_1
    mixed ^= mixed >> np.uint64(27)
    mixed *= _MIX_2
    return (mixed >> np.uint64(64 - BUCKET_BITS)).astype(np.int64)


def _character_hashes(letters: NDArray[np.uint64], blanks: NDArray[np.bool_], size: int) -> NDArray[np.uint64]:
    """Hashes of the character n-grams. A space may only be at an end, where it marks the start or end of a word."""
    count = letters.size - size + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint64)
    hashes: NDArray[np.uint64] = np.full(count, size, dtype=np.uint64)
    for offset in range(size):
        hashes += letters[offset : offset + count] * _POWERS[offset + 1]
    spaces_before = np.concatenate(([0], np.cumsum(blanks)))
    inside = spaces_before[size - 1 : size - 1 + count] - spaces_before[1 : 1 + count]
    return np.asarray(hashes[inside == 0], dtype=np.uint64)


def _word_hashes(letters: NDArray[np.uint64], blanks: NDArray[np.bool_]) -> list[NDArray[np.uint64]]:
    """Hashes of the words, and of the pairs of neighbouring words."""
    edges = np.flatnonzero(blanks)
    starts, ends = edges[:-1] + 1, edges[1:]
    sums = np.concatenate((np.zeros(1, dtype=np.uint64), np.cumsum(letters * _POWERS[: letters.size], dtype=np.uint64)))
    words = (sums[ends] - sums[starts]) * _INVERSES[starts] + _WORD_SALT
    pairs = words[:-1] * _BASE + words[1:] + _PAIR_SALT
    return [words, pairs]


def vectorize(text: str, *, idf: NDArray[np.float32] | None = None) -> SparseVector:
    """The text's n-grams as a vector of length one: (1 + log of the count) × inverse document frequency."""
    return weigh(ngram_buckets(text), idf=idf)


def weigh(buckets: NDArray[np.int64], *, idf: NDArray[np.float32] | None = None) -> SparseVector:
    """Buckets with repetitions as a vector of length one."""
    unique, counts = np.unique(buckets, return_counts=True)
    weights = (1.0 + np.log(counts)).astype(np.float32)
    if idf is not None:
        weights *= idf[unique]
    length = float(np.sqrt(np.dot(weights, weights)))
    if length > 0:
        weights /= np.float32(length)
    return SparseVector(unique, weights)
