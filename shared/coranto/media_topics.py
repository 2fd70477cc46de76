"""IPTC Media Topics as searches and filters use them: by code or by name, each with everything below it."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class UnknownTopicError(ValueError):
    """No topic has this code or name."""


class _Vocabulary(NamedTuple):
    children: dict[str, list[str]]
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


@cache
def _load() -> _Vocabulary:
    vocabulary = _Vocabulary({}, {})
    lines = files("coranto").joinpath("data/media_topics.tsv").read_text(encoding="utf-8").splitlines()[1:]
    for line in lines:
        code, parent, *names = line.split("\t")
        vocabulary.children.setdefault(code, [])
        if parent:
            vocabulary.children.setdefault(parent, []).append(code)
        for name in filter(None, names):
            vocabulary.codes_by_name.setdefault(name.casefold(), []).append(code)
    return vocabulary
