"""Word lists that several modules use, from `data/word_lists.tsv`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def _lists() -> dict[str, frozenset[str]]:
    """All lists, by name."""
    table = files("coranto_classifier").joinpath("data/word_lists.tsv").read_text(encoding="utf-8")
    lists: dict[str, set[str]] = {}
    for line in table.splitlines():
        if line and not line.startswith("#"):
            name, _, words = line.partition("\t")
            lists.setdefault(name, set()).update(words.split())
    return {name: frozenset(words) for name, words in lists.items()}


def word_list(name: str) -> frozenset[str]:
    """The words of a list. Raises KeyError when there is no such list."""
    return _lists()[name]
