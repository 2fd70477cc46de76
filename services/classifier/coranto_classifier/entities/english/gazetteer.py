"""Lists of English names, and how English words are usually capitalised. The lists are made by `make models`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LISTS = {"g": "given", "s": "surnames", "c": "cities", "r": "regions", "n": "countries", "o": "organisations"}
"""The lists, each with the one-letter code it has in the tagger's features."""

GIVEN_NAME, SURNAME, CITY, REGION, COUNTRY, ORGANISATION = "g", "s", "c", "r", "n", "o"
_LONGEST_PHRASE = 4  # words


class Gazetteer:
    """Name lists, looked up in lower case."""

    def __init__(self, models: Path) -> None:
        with gzip.open(models / "english_lists.json.gz", "rt", encoding="utf-8") as file:
            stored: dict[str, Any] = json.load(file)
        self._codes: dict[str, str] = {}
        for code, key in LISTS.items():
            for name in stored[key]:
                self._codes[name] = self._codes.get(name, "") + code
        self._usual_case: dict[str, str] = {
            word: case for case, words in stored.get("spelled", {}).items() for word in words.split()
        }
        people = (GIVEN_NAME, SURNAME)
        self._phrases: dict[str, str] = {
            name: code for code, key in LISTS.items() if code not in people for name in stored[key] if " " in name
        }
        self._phrase_starts = frozenset(name.split(" ", 1)[0] for name in self._phrases)

    def codes(self, word: str) -> str:
        """Codes of the lists that hold the word."""
        return self._codes.get(word, "")

    def usual_case(self, word: str) -> str:
        """How the word is written inside sentences.

        l: in lower case, m: mostly in lower case, u: mostly capitalised, U: always capitalised, ?: unknown.
        """
        return self._usual_case.get(word, "?")

    def phrase_codes(self, words: Sequence[str]) -> list[str]:
        """For each word, the code of the longest listed phrase that covers it; "" where there is none."""
        codes = [""] * len(words)
        for start, word in enumerate(words):
            if word not in self._phrase_starts:
                continue
            for length in range(_LONGEST_PHRASE, 1, -1):
                phrase = " ".join(words[start : start + length])
                code = self._phrases.get(phrase) if start + length <= len(words) else None
                if code:
                    for index in range(start, start + length):
                        codes[index] = codes[index] or code
                    break
        return codes
