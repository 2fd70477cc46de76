"""How sentences end in any script: the full stops, the quotation marks that may follow them, and patterns made of both."""

from __future__ import annotations

import re

STOPS = ".!?…。！？।॥۔؟։።။។"
"""Characters that end a sentence: Latin, East Asian, Indian, Arabic, Armenian, Ethiopic, Burmese and Khmer ones."""

CLOSING_MARKS = "\"'»”’“)\\]"
"""Quotation marks and brackets that may stand after a full stop; escaped for a character class."""

SENTENCE_END = re.compile(f"[{STOPS}](?:[{CLOSING_MARKS}]|\\s|$)")
"""The end of a sentence anywhere in a text."""

_ENDS_WITH_SENTENCE = re.compile(f"[{STOPS}][{CLOSING_MARKS}]*\\s*$")


def count_sentences(text: str) -> int:
    """The number of sentence ends in the text."""
    return len(SENTENCE_END.findall(text))


def ends_with_sentence(text: str) -> bool:
    """True when the text ends with a full stop, with or without closing quotation marks after it."""
    return _ENDS_WITH_SENTENCE.search(text) is not None
