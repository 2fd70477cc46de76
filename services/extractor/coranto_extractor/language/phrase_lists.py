"""The word lists of `lists/*.toml`, one file per language, and the names in `markup.toml`.

A new language is a new file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class PhraseLists:
    """The words of one language, or of all of them together."""

    months: dict[str, int] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, kind: str) -> tuple[str, ...]:
        """The words of one kind, such as `photo`; empty when the language has none."""
        return self.lists.get(kind, ())


@lru_cache(maxsize=1)
def languages() -> dict[str, PhraseLists]:
    """The words of each language by its code."""
    result: dict[str, PhraseLists] = {}
    folder = resources.files("coranto_extractor.language").joinpath("lists")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            table = tomllib.loads(file.read_text("utf-8"))
            months = {name: number for number, names in enumerate(table.get("months", []), 1) for name in names}
            lists = {kind: tuple(words) for kind, words in table.items() if kind not in ("name", "months")}
            result[file.name.removesuffix(".toml")] = PhraseLists(months, lists)
    return result


@lru_cache(maxsize=1)
def _markup() -> dict[str, Any]:
    return tomllib.loads(resources.files("coranto_extractor.language").joinpath("markup.toml").read_text("utf-8"))


@lru_cache(maxsize=16)
def markup_names(kind: str) -> tuple[str, ...]:
    """Names of one kind that pages use in their markup, in the order of `markup.toml`."""
    return tuple(_markup()[kind])


@lru_cache(maxsize=16)
def markup_name_set(kind: str) -> frozenset[str]:
    """The same names where their order means nothing."""
    return frozenset(markup_names(kind))


@lru_cache(maxsize=1)
def agencies() -> dict[str, str]:
    """News agencies: how pages write them, in lower case, and how records do."""
    return dict(_markup()["agencies"])


@lru_cache(maxsize=64)
def month_names(language: str | None) -> dict[str, int]:
    """Month names to numbers: those of the page's language first, then those of all others."""
    merged: dict[str, int] = {}
    for words in languages().values():
        for name, number in words.months.items():
            merged.setdefault(name, number)
    english = languages().get("en")
    if english:
        merged.update(english.months)
    own = languages().get((language or "")[:2].lower())
    if own:
        merged.update(own.months)
    return merged


@lru_cache(maxsize=64)
def phrases(kind: str) -> tuple[str, ...]:
    """The words of one kind in all languages, longest first."""
    return tuple(
        sorted({word for words in languages().values() for word in words.of(kind)}, key=lambda word: (-len(word), word))
    )


@lru_cache(maxsize=64)
def any_phrase(kind: str) -> re.Pattern[str]:
    """A pattern that matches any word of this kind, in any language, as whole words."""
    spaced = [word for word in phrases(kind) if _OPENS_AT_A_BOUNDARY.match(word)]
    others = [word for word in phrases(kind) if not _OPENS_AT_A_BOUNDARY.match(word)]
    parts = [f"(?<!\\w){_tree(spaced)}"] if spaced else []
    if others:
        parts.append(_tree(others))
    return re.compile("|".join(parts) or r"(?!)", re.IGNORECASE)


_OPENS_AT_A_BOUNDARY = re.compile(r"[^\W\u3040-\u9fff\uac00-\ud7af]")
_ENDS_AT_A_BOUNDARY = re.compile(r"[^\W\u3040-\u9fff\uac00-\ud7af]$")


def _tree(given: Sequence[str], end: str = r"(?!\w)") -> str:
    """One expression for many phrases that branches where they part: a search need not try each of them in turn."""
    longest_first = sorted(given, key=lambda phrase: (-len(phrase), phrase))
    by_first: dict[str, list[str]] = {}
    for phrase in longest_first:
        by_first.setdefault(phrase[:1], []).append(phrase)
    branches = []
    for first, group in by_first.items():
        if not first:
            continue
        if len(group) == 1:
            branches.append(re.escape(group[0]) + (end if _ENDS_AT_A_BOUNDARY.search(group[0]) else ""))
            continue
        branches.append(re.escape(first) + _rest(first, [phrase[1:] for phrase in group], end))
    return f"(?:{'|'.join(branches)})"


def _rest(before: str, phrases: Sequence[str], end: str) -> str:
    inner = [phrase for phrase in phrases if phrase]
    branches = [_tree(inner, end)] if inner else []
    if len(inner) < len(phrases):
        branches.append(end if _ENDS_AT_A_BOUNDARY.search(before) else "")
    return f"(?:{'|'.join(branches)})"


@lru_cache(maxsize=16)
def exact_phrase(kind: str) -> re.Pattern[str]:
    """A pattern for a text that is nothing but a word of this kind; for `fullmatch` on case-folded text."""
    return re.compile("|".join(re.escape(word.casefold().strip(" :")) for word in phrases(kind)) or r"(?!)")


def contains(kind: str, text: str) -> bool:
    """True when the text holds a word of this kind; plain search, so for phrases that are no part of other words."""
    return _anywhere(kind).search(text.casefold()) is not None


@lru_cache(maxsize=16)
def _anywhere(kind: str) -> re.Pattern[str]:
    return re.compile(_tree(phrases(kind), end="") if phrases(kind) else r"(?!)")
