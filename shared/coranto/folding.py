"""How words are compared wherever people type them: without regard to case, and with `е` for `ё`."""

from __future__ import annotations


def fold(word: str) -> str:
    """The word in lower case with `е` for `ё`."""
    return word.lower().replace("ё", "е")
