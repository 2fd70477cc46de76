"""Compares and counts texts in any script: by their letters, their words, or the beginnings of their words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from coranto_extractor.language.phrase_lists import cached_per_languages, letter_variants
from coranto_extractor.language.scripts import UNSPACED, UNSPACED_CHARACTER

_TOKEN = re.compile(f"[{UNSPACED}]|[^\\W{UNSPACED}]+")
_WORD = re.compile(r"\w+")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_STEM_WORD = re.compile(r"[^\W\d_]{4,}")
# Endings vary with case and number; the first letters of a word mostly do not.
_STEM_LETTERS = 5
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]{{2,}}")


def tokens(text: str) -> list[str]:
    """The words of the text; in scripts without spaces, its characters."""
    return _TOKEN.findall(text)


def count_words(texts: Iterable[str]) -> int:
    """The number of words in the texts; in scripts without spaces, every character counts as one."""
    return sum(len(tokens(text)) for text in texts)


def alphanumeric_key(text: str) -> str:
    """The letters and digits of the text in lower case: two spellings of a name or a title are the same when these are."""
    return _NOT_ALPHANUMERIC.sub("", text).casefold()


def title_similarity(one: str, other: str) -> float:
    """How similar two titles are, 0 to 1: the Dice coefficient of their sets of words."""
    left, right = _word_set(one), _word_set(other)
    if not left or not right:
        return 0.0
    return 2 * len(left & right) / (len(left) + len(right))


@cached_per_languages  # each heading is compared with each stated title
def _word_set(text: str) -> frozenset[str]:
    spaced = UNSPACED_CHARACTER.sub(lambda match: f" {match[0]} ", text)
    return frozenset(_WORD.findall(spaced.casefold().translate(letter_variants())))


def stems(text: str) -> frozenset[str]:
    """The first letters of each word, and the pairs of neighbouring characters in scripts without spaces.

    A crude stemmer that needs no dictionary and works in any language.
    """
    folded = text.casefold().translate(letter_variants())
    found = {word[:_STEM_LETTERS] for word in _STEM_WORD.findall(_UNSPACED_RUN.sub(" ", folded))}
    for run in _UNSPACED_RUN.findall(folded):
        found.update(run[n : n + 2] for n in range(len(run) - 1))
    return frozenset(found)


def overlap(text: str, topic: frozenset[str]) -> float:
    """The share of the topic's stems that occur in the text, 0 to 1; 1 when the topic is empty."""
    return len(topic & stems(text)) / len(topic) if topic else 1.0
