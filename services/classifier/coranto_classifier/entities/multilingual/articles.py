"""Takes endings off that are no part of a name in any sentence: Bulgarian articles, and those of acronyms: "HNK-a", "EU:n"."""

from __future__ import annotations

import re

_ACRONYM_WITH_ENDING = re.compile(r"([^\W\d_]{2,})-[^\W\d_]{1,3}")
_COLON_AND_ENDING = re.compile(r"(?<=[\w.]):[^\W\d_A-ZÅÄÖ]{1,4}$")
_BULGARIAN_ARTICLES = (
    ("ската", "ска"), ("ският", "ски"), ("ския", "ски"), ("ското", "ско"), ("ките", "ки"), ("ният", "ен"),
    ("ията", "ия"), ("ството", "ство"), ("нието", "ние"), ("ната", "на"), ("ните", "ни"), ("истите", "исти"),
)  # fmt: skip
"""Articles with the ending before them, and what is left: of adjectives, and of nouns that hardly mean a name themselves."""
_BEFORE_SMALL_LETTERS = (
    (re.compile("([бвгджзклмнпрстфхцчшщ])ния$"), r"\1ен"),
    (re.compile("([аъ]р|нк|тк)ата$"), r"\1а"),
)
"""Articles that are the end of other names too, and count where a word in small letters follows: "Върховния съд"."""
_MASCULINE_NOUNS = (
    "съд",
    "съюз",
    "фонд",
    "институт",
    "университет",
    "парламент",
    "сенат",
    "комитет",
    "клуб",
    "конгрес",
    "съвет",
)
_MASCULINE_ARTICLES = ("ът", "а")
_SHORTEST_STEM = 2  # letters


def without_ending(name: str, language: str) -> str:
    """The name without the article of its first word in Bulgarian, and an acronym without its ending in any language."""
    acronym = _ACRONYM_WITH_ENDING.fullmatch(name)
    if acronym and acronym.group(1).isupper() and name[-1].islower():
        return acronym.group(1)
    colon = _COLON_AND_ENDING.search(name)
    if colon:
        name = name[: colon.start()]
    if language == "bg":
        word, space, rest = name.partition(" ")
        return _without_article(word, is_before_small_letters=rest[:1].islower()) + space + rest
    return name


def _without_article(word: str, *, is_before_small_letters: bool) -> str:
    """A Bulgarian word without its article."""
    for article in _MASCULINE_ARTICLES:
        if word.endswith(article) and word.removesuffix(article).lower().endswith(_MASCULINE_NOUNS):
            return word.removesuffix(article)
    if is_before_small_letters:
        for pattern, ending in _BEFORE_SMALL_LETTERS:
            if pattern.search(word):
                return pattern.sub(ending, word)
    for article, ending in _BULGARIAN_ARTICLES:
        if word.endswith(article) and len(word) >= len(article) + _SHORTEST_STEM:
            return word.removesuffix(article) + ending
    return word
