"""What texts are compared and counted by: their letters alone, and their words in any script."""

from __future__ import annotations

import re
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


def word_characters(text: str) -> str:
    """The text without marks and spaces, in lower case: titles and leads are the same when these are."""
    return _NO_WORD.sub("", text).casefold()


def key(text: str) -> str:
    """The letters and digits of a text alone, in lower case: what makes two writings of a name the same."""
    return _NO_LETTER.sub("", text).casefold()


def likeness(one: str, other: str) -> float:
    """How far two titles say the same, 0 to 1: shared words over the words of both."""
    left, right = _words(one), _words(other)
    if not left or not right:
        return 0.0
    shared = len(left & right)
    return 2 * shared / (len(left) + len(right))


@lru_cache(maxsize=256)  # each heading is held against each stated title
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(WIDE.sub(lambda match: f" {match[0]} ", text).casefold().replace("ё", "е")))
