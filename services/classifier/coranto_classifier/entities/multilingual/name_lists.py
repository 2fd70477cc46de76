"""Lists of given names, surnames and places of a language, and which of them a word may be a form of.

The lists are made by `make models`; they hold base forms, and a word counts as a form of a name when the two differ in
nothing but endings of the language's cases.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from coranto_classifier.entities.multilingual.forms import ENDINGS

LISTS = {"g": "given", "s": "surnames", "p": "places", "w": "words_of_places"}
"""The lists, each with the letter that it has in the taggers' features."""

AddFeatures = Callable[[Sequence[list[str]], Sequence[str]], None]
"""Adds features to the rows of a sentence, from its words."""

_SHORTEST_STEM = 3  # letters
_MOST_WORDS_KEPT = 20_000


class NameLists:
    """The lists of one language."""

    def __init__(self, lists: dict[str, list[str]], language: str) -> None:
        self._endings = sorted({"", *ENDINGS.get(language, "").split()}, key=len)
        self._exact: dict[str, str] = defaultdict(str)
        self._stems: dict[str, str] = defaultdict(str)
        for code, key in LISTS.items():
            for name in lists[key]:
                self._exact[name] += code
                for stem in self._stems_of(name):
                    if code not in self._stems[stem]:
                        self._stems[stem] += code
        self._known: dict[str, str] = {}

    def codes(self, word: str) -> str:
        """The letters of the lists that hold the word, in capitals; else of those that it may be a form of. Empty for others."""
        known = self._known.get(word)
        if known is None:
            if len(self._known) > _MOST_WORDS_KEPT:
                self._known.clear()
            known = self._known[word] = self._codes(word)
        return known

    def _codes(self, word: str) -> str:
        if not word[:1].isupper():
            return ""
        if word.isupper() and len(word) > _SHORTEST_STEM:
            word = word.title()
        if word in self._exact:
            return self._exact[word].upper()
        found = {code for stem in self._stems_of(word) for code in self._stems.get(stem, "")}
        return "".join(code for code in LISTS if code in found)

    def _stems_of(self, word: str) -> Iterator[str]:
        for ending in self._endings:
            if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
                yield word[: len(word) - len(ending)]


def add_list_features(rows: Sequence[list[str]], words: Sequence[str], lists: NameLists) -> None:
    """Add to the rows of a sentence what the lists say of each word and its neighbours."""
    codes = [lists.codes(word) for word in words]
    if not any(codes):
        return
    for index, row in enumerate(rows):
        row.append(f"n={codes[index]}")
        row += [f"n{code}" for code in codes[index]]
        if index:
            row.extend((f"-1n={codes[index - 1]}", f"-1n|n={codes[index - 1]}|{codes[index]}"))
        if index + 1 < len(words):
            row.extend((f"1n={codes[index + 1]}", f"1n|n={codes[index + 1]}|{codes[index]}"))


def feature_of_lists(lists: NameLists) -> AddFeatures:
    """What adds the lists' features."""
    return partial(add_list_features, lists=lists)


def read_lists(models: Path, language: str) -> NameLists:
    """The stored lists of a language."""
    with gzip.open(lists_path(models, language), "rt", encoding="utf-8") as file:
        return NameLists(json.load(file), language)


def lists_path(models: Path, language: str) -> Path:
    """The file of a language's lists in the models' directory."""
    return models / f"name_lists_{language}.json.gz"
