"""IPTC Media Topics as searches and filters use them: by code or by name, each with everything below it."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple


class UnknownTopicError(ValueError):
    """No topic has this code or name."""


Language = Literal["en", "ru"]
"""Languages that topics have names in: IPTC's English ones, and Russian ones for the top level and what is common below it."""


class _Vocabulary(NamedTuple):
    children: dict[str, list[str]]
    parents: dict[str, str]
    names: dict[str, dict[Language, str]]
    codes_by_name: dict[str, list[str]]


def codes_named(code_or_name: str) -> list[str]:
    """The codes of the topic with this code or English or Russian name; several topics may share a name.

    Raises UnknownTopicError, which suggests what may have been meant.
    """
    vocabulary = _load()
    asked = code_or_name.strip().casefold().removeprefix("medtop:")
    found = [asked] if asked in vocabulary.children else vocabulary.codes_by_name.get(asked, [])
    if not found:
        near = get_close_matches(asked, vocabulary.codes_by_name, n=3)
        meant = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
        raise UnknownTopicError(f"IPTC Media Topics has no code or name {code_or_name!r}{meant}")
    return list(found)


def codes_below(code_or_name: str) -> list[str]:
    """The codes of the topic with this code or English or Russian name, and of every topic below it.

    Raises UnknownTopicError, which suggests what may have been meant.
    """
    vocabulary = _load()
    codes = codes_named(code_or_name)
    for code in codes:  # grows while it is read
        codes += vocabulary.children[code]
    return list(dict.fromkeys(codes))


def name_in(code_or_name: str, language: Language) -> str:
    """The topic's name in the language; where it has none there, that of the nearest topic above that has one.

    What is no topic of the vocabulary, such as a name of an earlier edition, comes back as it is.
    """
    vocabulary = _load()
    try:
        code = codes_named(code_or_name)[0]
    except UnknownTopicError:
        return code_or_name
    while code:
        if language in vocabulary.names[code]:
            return vocabulary.names[code][language]
        code = vocabulary.parents[code]
    return code_or_name


@cache
def _load() -> _Vocabulary:
    vocabulary = _Vocabulary({}, {}, {}, {})
    lines = files("coranto").joinpath("data/media_topics.tsv").read_text(encoding="utf-8").splitlines()[1:]
    for line in lines:
        code, parent, english, russian = line.split("\t")
        vocabulary.parents[code] = parent
        vocabulary.names[code] = {"en": english, "ru": russian} if russian else {"en": english}
        vocabulary.children.setdefault(code, [])
        if parent:
            vocabulary.children.setdefault(parent, []).append(code)
        for name in vocabulary.names[code].values():
            vocabulary.codes_by_name.setdefault(name.casefold(), []).append(code)
    return vocabulary
