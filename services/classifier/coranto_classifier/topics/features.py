"""Text as a sparse vector: hashed words, word pairs and character n-grams, in a few array operations.

The language and the topic model share it. Hashing needs no vocabulary, so a model file holds weights and no text. What
the buckets mean is decided by the models; this module only counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BUCKET_BITS = 18
BUCKETS = 1 << BUCKET_BITS

_SPACE = 32
_LONGEST = 6000  # characters hashed; a news topic is told by then, and the powers below stay small
_SEPARATORS = re.compile(r"[\W_]+")
_DIGIT = re.compile(r"\d")
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_MIX_AGAIN = np.uint64(0x94D049BB133111EB)
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
    """Buckets that occur in a text, in order, and the weight of each; the weights' squares add up to one."""

    buckets: NDArray[np.int64]
    weights: NDArray[np.float32]


def simplified(text: str) -> str:
    """Lower case, ё as е, digits alike, everything that is no letter or digit as one space, one space at either end."""
    text = text[:_LONGEST].lower().replace("ё", "е")
    return f" {_DIGIT.sub('0', _SEPARATORS.sub(' ', text)).strip()} "[: _LONGEST + 2]


def hashed(text: str, *, words: bool = True, sizes: tuple[int, ...] = (3, 4, 5)) -> NDArray[np.int64]:
    """Bucket of every n-gram of the text, with repetitions: words and pairs of neighbours, characters within words."""
    letters = np.frombuffer(simplified(text).encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    blanks = letters == _SPACE
    if letters.size < 3 or bool(blanks.all()):
        return np.empty(0, dtype=np.int64)
    with np.errstate(over="ignore"):
        parts = [_character_hashes(letters, blanks, size) for size in sizes]
        if words:
            parts.extend(_word_hashes(letters, blanks))
        return _buckets(np.concatenate(parts))


def word_buckets(text: str) -> NDArray[np.int64]:
    """Bucket of each word of the simplified text, in order, with repetitions."""
    return buckets_of(word_keys(text))


def word_keys(text: str) -> NDArray[np.uint64]:
    """A number of 64 bits for each word of the simplified text, in order: it stands for the word and does not tell it."""
    letters = np.frombuffer(simplified(text).encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    blanks = letters == _SPACE
    if letters.size < 3 or bool(blanks.all()):
        return np.empty(0, dtype=np.uint64)
    with np.errstate(over="ignore"):
        return _word_hashes(letters, blanks)[0]


def buckets_of(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Bucket of each word by its key."""
    with np.errstate(over="ignore"):
        return _buckets(keys)


def _buckets(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The hashes stirred once more, so that their upper bits fill the buckets evenly."""
    mixed = hashes ^ (hashes >> np.uint64(30))
    mixed *= _MIX
    mixed ^= mixed >> np.uint64(27)
    mixed *= _MIX_AGAIN
    return (mixed >> np.uint64(64 - BUCKET_BITS)).astype(np.int64)


def _character_hashes(letters: NDArray[np.uint64], blanks: NDArray[np.bool_], size: int) -> NDArray[np.uint64]:
    """Hashes of the character n-grams that hold no space inside; one at an end marks the start or end of a word."""
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
    """Hashes of the words and of the pairs of neighbours."""
    edges = np.flatnonzero(blanks)
    starts, ends = edges[:-1] + 1, edges[1:]
    sums = np.concatenate((np.zeros(1, dtype=np.uint64), np.cumsum(letters * _POWERS[: letters.size], dtype=np.uint64)))
    words = (sums[ends] - sums[starts]) * _INVERSES[starts] + _WORD_SALT
    pairs = words[:-1] * _BASE + words[1:] + _PAIR_SALT
    return [words, pairs]


def vector(text: str, *, rarity: NDArray[np.float32] | None = None) -> SparseVector:
    """The text's n-grams as a vector of length one: 1 + log of the count, times the bucket's rarity when given."""
    return weighted(hashed(text), rarity=rarity)


def weighted(buckets: NDArray[np.int64], *, rarity: NDArray[np.float32] | None = None) -> SparseVector:
    """Counted buckets as a vector of length one."""
    unique, counts = np.unique(buckets, return_counts=True)
    weights = (1.0 + np.log(counts)).astype(np.float32)
    if rarity is not None:
        weights *= rarity[unique]
    length = float(np.sqrt(np.dot(weights, weights)))
    if length > 0:
        weights /= np.float32(length)
    return SparseVector(unique, weights)
