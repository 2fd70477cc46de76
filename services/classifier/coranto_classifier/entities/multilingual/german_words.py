"""What is known of German words: which are common nouns, alone or as the end of a compound, and which are names.

In German every noun has a capital, so that a capital says little: "Bundeskanzler" and "Haushaltsausschuss" are told from
"Stoltenberg" by a list of nouns and their compounds. The lists are made by `make models`.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

from coranto_classifier.entities.multilingual.known_phrases import (
    KnownPhrases,
    add_phrase_features,
    german_organisations,
)
from coranto_classifier.entities.multilingual.name_lists import AddFeatures

KINDS = {"t": "places", "v": "given", "n": "surnames", "e": "other_names", "a": "abbreviations"}
"""Lists of names, each with the letter that it has in the tagger's features."""

_LINKS = ("", "s", "es", "n", "en", "er", "e")  # between the parts of a compound
NOUN, COMPOUND, _TAIL, SUFFIX, _OF_A_PLACE, _UNKNOWN = "c", "K", "k", "S", "r", "0"
_SHORTEST_HEAD, _SHORTEST_TAIL, _SHORTEST_NOUN = 3, 4, 3
_LONGEST_ACRONYM = 4
_NOUN_SUFFIXES = re.compile(
    "(?:ung|ungen|heit|heiten|keit|keiten|schaft|schaften|ion|ionen|ismus|tät|täten|nis|nisse)$"
)
_STEM_ENDINGS = ("", "e", "en", "er", "a", "o")
"""Of places behind which -er makes a people or an adjective: Bremen, Bremer."""
_ARTICLE = re.compile(
    "der|die|das|de[nms]|(?:k?ein|sein|ihr|unser)(?:e[nmrs]?)?|diese[nmrs]?|jede[rs]?|alle|viele|mehrere|einige|zwei|drei|vier|beide"
)
_PREPOSITION = re.compile(
    "in|im|nach|aus|bei|vo[nm]|zu[mr]?|a[nm]|auf|mit|durch|für|gegen|ohne|um|über|unter|vor|zwischen"
)
_MOST_WORDS_KEPT = 20_000


class GermanWords:
    """The lists, and which of them a word is in."""

    def __init__(self, nouns: Sequence[str], names: dict[str, Sequence[str]], small: Sequence[str] = ()) -> None:
        self._small = frozenset(small)
        self._nouns = frozenset(word.lower() for word in nouns if len(word) >= _SHORTEST_NOUN)
        self._kinds: defaultdict[str, str] = defaultdict(str)
        for letter, key in KINDS.items():
            for word in names[key]:
                self._kinds[word] += letter
        self.codes = lru_cache(maxsize=_MOST_WORDS_KEPT)(self._codes)

    def _codes(self, word: str) -> str:
        """Letters of what a word with a capital is known as, `0` where nothing is known. Empty for other words."""
        if not word[:1].isupper():
            return ""
        if word.isupper() and len(word) > _LONGEST_ACRONYM:
            word = word.title()
        kinds = self._kinds.get(word) or (self._kinds.get(word[:-1], "") if word.endswith("s") else "")
        if "-" in word and not kinds:
            return "-" + (self._codes(word.rpartition("-")[2]) or _UNKNOWN)
        lower = word.lower()
        if lower in self._nouns:
            return kinds + NOUN
        kinds += self._compound(lower)
        if not kinds and word.endswith(("er", "ern")):
            stem = word.removesuffix("n").removesuffix("er")
            if any("t" in self._kinds.get(stem + ending, "") for ending in _STEM_ENDINGS):
                return _OF_A_PLACE
        if not kinds and _NOUN_SUFFIXES.search(lower):
            return SUFFIX
        return kinds or _UNKNOWN

    def is_written_small(self, word: str) -> bool:
        """Whether the word is one that has no capital of its own: a verb, an adjective, a small word."""
        return word.lower() in self._small

    def _compound(self, lower: str) -> str:
        """Whether the word ends in a noun, and begins with one too."""
        for start in range(_SHORTEST_HEAD, len(lower) - _SHORTEST_TAIL + 1):
            if lower[start:] in self._nouns:
                head = lower[:start]
                is_linked = any(head.endswith(link) and head[: len(head) - len(link)] in self._nouns for link in _LINKS)
                return COMPOUND if is_linked else _TAIL
        return ""


def add_german_features(rows: Sequence[list[str]], words: Sequence[str], known: GermanWords) -> None:
    """Add to the rows of a sentence what is known of each word and its neighbours, and what stands before it."""
    codes = [known.codes(word) for word in words]
    for index, (row, code) in enumerate(zip(rows, codes, strict=True)):
        if code:
            row.append(f"g={code}")
            row += [f"g:{letter}" for letter in code]
        if index:
            row.append(f"-1g={codes[index - 1]}")
        if index + 1 < len(codes):
            row.append(f"1g={codes[index + 1]}")
        if index > 1:
            row.append(f"-2g={codes[index - 2]}")
        if index + 2 < len(codes):
            row.append(f"2g={codes[index + 2]}")
        if code:
            if index:
                row.append(f"-1g|{codes[index - 1]}|{code}")
            if index + 1 < len(codes):
                row.append(f"1g|{codes[index + 1]}|{code}")
            before = _before(words, index)
            row.extend((f"a={before}", f"a|g={before}|{code}"))


def _before(words: Sequence[str], index: int) -> str:
    """What stands before a word: an article (D), a preposition (P), either with a small word between, a capital, or another."""
    if not index:
        return "^"
    word = words[index - 1]
    if _ARTICLE.fullmatch(word.lower()):
        return "D"
    if _PREPOSITION.fullmatch(word.lower()):
        return "P"
    if word[:1].isupper():
        return "U"
    if not word.isalpha():
        return "."
    further = words[index - 2].lower() if index > 1 else ""
    return "lD" if _ARTICLE.fullmatch(further) else "lP" if _PREPOSITION.fullmatch(further) else "l"


def german_features(known: GermanWords, phrases: KnownPhrases) -> list[AddFeatures]:
    """What adds the features of German words, and of names that are known as a whole."""
    return [partial(add_german_features, known=known), partial(add_phrase_features, phrases=phrases)]


def read_german_words(models: Path) -> tuple[GermanWords, KnownPhrases]:
    """The stored lists, and the names that are known as a whole."""
    with gzip.open(german_words_path(models), "rt", encoding="utf-8") as file:
        stored: dict[str, list[str]] = json.load(file)
    words = GermanWords(stored["nouns"], {key: stored[key] for key in KINDS.values()}, stored["small"])
    return words, KnownPhrases(stored["places_of_words"], german_organisations())


def german_words_path(models: Path) -> Path:
    """The file of the lists in the models' directory."""
    return models / "german_words.json.gz"
