"""Character ranges of scripts that need special treatment, for use inside a character class of a regular expression."""

from __future__ import annotations

import re

HANGUL = "\uac00-\ud7af"
"""The syllables of Korean."""

EAST_ASIAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff" + HANGUL
"""Kana, Chinese characters and Hangul: no capitals, and personal names that are often written without a space."""

CAPITALS = "A-ZÀ-ŽΑ-ΩЀ-Я"
"""What a capital letter looks like in Latin, Greek and Cyrillic; an approximation, because `re` knows no letter case."""

UNCASED = "\u0590-\u0dff\u1000-\u109f\u10d0-\u10ff"
"""Scripts with spaces and without capitals at the beginning of names: Hebrew, Arabic, those of India, Burmese, Georgian."""

UNSPACED = "\u0e00-\u0e7f" + EAST_ASIAN
"""Thai and the East Asian scripts: there are no reliable spaces between words, and one character says a lot."""

HANGUL_CHARACTER = re.compile(f"[{HANGUL}]")
EAST_ASIAN_CHARACTER = re.compile(f"[{EAST_ASIAN}]")
UNSPACED_CHARACTER = re.compile(f"[{UNSPACED}]")


def is_east_asian(text: str) -> bool:
    """True when the text contains Chinese, Japanese or Korean characters."""
    return EAST_ASIAN_CHARACTER.search(text) is not None


def begins_like_name(word: str) -> bool:
    """True for a capital, and for a letter of a script in which no word begins with one; Georgian has capitals, but for titles."""
    return word[0] == word[0].title()
