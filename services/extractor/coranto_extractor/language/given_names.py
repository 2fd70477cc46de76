"""Knows the given names of many languages. They confirm that two capitalised words are a person and not a place or a section."""

from __future__ import annotations

import gzip
from functools import lru_cache
from importlib import resources


@lru_cache(maxsize=1)
def _given_names() -> frozenset[str]:
    packed = resources.files("coranto_extractor.language").joinpath("given_names.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode().split())


def is_given_name(word: str) -> bool:
    """True for a given name, whatever its case. Some are words or places as well: “Paris”, “May”."""
    return word.casefold() in _given_names()


def begins_with_given_name(name: str) -> bool:
    """True for a name whose first part, or a part of that such as “Jean-Luc”, is a given name."""
    first = name.split(maxsplit=1)[0] if name.strip() else ""
    return any(is_given_name(part) for part in (first, *first.split("-")))
