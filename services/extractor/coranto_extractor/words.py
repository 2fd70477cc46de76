"""The word lists of `languages/*.toml`, one file per language, and the names in `markup.toml`.

A new language is a new file.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Words:
    """The words of one language, or of all of them together."""

    months: dict[str, int] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, kind: str) -> tuple[str, ...]:
        """The words of one kind, such as `photo`; empty when the language has none."""
        return self.lists.get(kind, ())


@lru_cache(maxsize=1)
def languages() -> dict[str, Words]:
    """The words of each language by its code."""
    result: dict[str, Words] = {}
    folder = resources.files("coranto_extractor").joinpath("languages")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            table = tomllib.loads(file.read_text("utf-8"))
            months = {name: number for number, names in enumerate(table.get("months", []), 1) for name in names}
            lists = {kind: tuple(words) for kind, words in table.items() if kind not in ("name", "months")}
            result[file.name.removesuffix(".toml")] = Words(months, lists)
    return result


@lru_cache(maxsize=1)
def _markup() -> dict[str, Any]:
    return tomllib.loads(resources.files("coranto_extractor").joinpath("markup.toml").read_text("utf-8"))


@lru_cache(maxsize=16)
def markup(kind: str) -> tuple[str, ...]:
    """Names of one kind that pages use in their markup, in the order of `markup.toml`."""
    return tuple(_markup()[kind])


@lru_cache(maxsize=16)
def markup_set(kind: str) -> frozenset[str]:
    """The same names where their order means nothing."""
    return frozenset(markup(kind))


@lru_cache(maxsize=1)
def agencies() -> dict[str, str]:
    """News agencies: how pages write them, in lower case, and how records do."""
    return dict(_markup()["agencies"])


@lru_cache(maxsize=64)
def months_of(language: str | None) -> dict[str, int]:
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
def all_of(kind: str) -> tuple[str, ...]:
    """The words of one kind in all languages, longest first."""
    return tuple(
        sorted({word for words in languages().values() for word in words.of(kind)}, key=lambda word: (-len(word), word))
    )


@lru_cache(maxsize=64)
def one_of(kind: str) -> re.Pattern[str]:
    """A pattern that matches any word of this kind, in any language, as whole words."""
    parts = []
    for word in all_of(kind):
        before = r"(?<!\w)" if re.match(r"[^\W\u3040-\u9fff\uac00-\ud7af]", word) else ""
        after = r"(?!\w)" if re.search(r"[^\W\u3040-\u9fff\uac00-\ud7af]$", word) else ""
        parts.append(f"{before}{re.escape(word)}{after}")
    return re.compile("|".join(parts) or r"(?!)", re.IGNORECASE)


@lru_cache(maxsize=16)
def whole(kind: str) -> re.Pattern[str]:
    """A pattern for a text that is nothing but a word of this kind; for `fullmatch` on case-folded text."""
    return re.compile("|".join(re.escape(word.casefold().strip(" :")) for word in all_of(kind)) or r"(?!)")


def has(kind: str, text: str) -> bool:
    """True when the text holds a word of this kind; plain search, so for phrases that are no part of other words."""
    folded = text.casefold()
    return any(phrase in folded for phrase in all_of(kind))
