"""What texts are compared and counted by: their letters alone, and their words in any script."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

# Thai, kana, Chinese characters and Hangul: scripts that set no spaces between words, or that say much in one character.
_WIDE = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
WIDE = re.compile(f"[{_WIDE}]")
"""A character of a script in which each counts as a word."""
_TOKEN = re.compile(f"[{_WIDE}]|[^\\W{_WIDE}]+")
_WORD = re.compile(r"\w+")
_NO_WORD = re.compile(r"\W+")
_NO_LETTER = re.compile(r"[\W_]+")


def tokens(text: str) -> list[str]:
    """The text's words; in scripts without spaces every character is one."""
    return _TOKEN.findall(text)


def count_words(texts: Iterable[str]) -> int:
    """Words in the texts; in scripts without spaces every character counts as one."""
    return sum(len(tokens(text)) for text in texts)


def word_characters(text: str) -> str:
    """The text without marks and spaces, in lower case: titles and leads are the same when these are."""
    return _NO_WORD.sub("", text).casefold()


def alphanumeric_key(text: str) -> str:
    """The letters and digits of a text alone, in lower case: what makes two writings of a name the same."""
    return _NO_LETTER.sub("", text).casefold()


def title_similarity(one: str, other: str) -> float:
    """How far two titles say the same, 0 to 1: shared words over the words of both."""
    left, right = _words(one), _words(other)
    if not left or not right:
        return 0.0
    shared = len(left & right)
    return 2 * shared / (len(left) + len(right))


@lru_cache(maxsize=256)  # each heading is held against each stated title
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(WIDE.sub(lambda match: f" {match[0]} ", text).casefold().replace("ё", "е")))


# Inflected endings vary with case and number; the first letters of a word mostly do not.
_STEM_LETTERS = 5
_STEM_WORD = re.compile(r"[^\W\d_]{4,}")
_UNSPACED_RUN = re.compile(f"[{_WIDE}]{{2,}}")


def stems(text: str) -> frozenset[str]:
    """The first letters of each word, and pairs of characters in scripts without spaces: a crude stemmer for any language."""
    folded = text.casefold().replace("ё", "е")
    found = {word[:_STEM_LETTERS] for word in _STEM_WORD.findall(_UNSPACED_RUN.sub(" ", folded))}
    for run in _UNSPACED_RUN.findall(folded):
        found.update(run[n : n + 2] for n in range(len(run) - 1))
    return frozenset(found)


def overlap(text: str, topic: frozenset[str]) -> float:
    """The share of the topic's stems that the text contains, 0 to 1; 1 when the topic is empty."""
    return len(topic & stems(text)) / len(topic) if topic else 1.0
