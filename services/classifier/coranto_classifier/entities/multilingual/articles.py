"""Takes endings off that are no part of a name in any sentence: Bulgarian articles, and those of acronyms, as in "HNK-a"."""

from __future__ import annotations

import re

_BULGARIAN_ARTICLES = (("ската", "ска"), ("ната", "на"), ("ския", "ски"), ("ският", "ски"), ("ските", "ски"))
_SHORTEST_STEM = 2  # letters
_ACRONYM_WITH_ENDING = re.compile(r"([^\W\d_]{2,})-[^\W\d_]{1,3}")


def without_ending(name: str, language: str) -> str:
    """The name without the article of its first word in Bulgarian, and an acronym without its ending in any language."""
    acronym = _ACRONYM_WITH_ENDING.fullmatch(name)
    if acronym and acronym.group(1).isupper() and name[-1].islower():
        return acronym.group(1)
    if language == "bg":
        word, space, rest = name.partition(" ")
        for article, ending in _BULGARIAN_ARTICLES:
            if word.endswith(article) and len(word) >= len(article) + _SHORTEST_STEM:
                return word.removesuffix(article) + ending + space + rest
    return name
