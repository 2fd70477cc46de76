"""What a user types as expressions for FTS5."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from coranto.store.search.expression import Dialect
from coranto.store.search.query import Part
from coranto.store.search.words import STEMMERS, stemmer_token

ALL_STEMMERS: Final = frozenset(STEMMERS.values())


def match_expression(parts: Iterable[Part], stemmers: Collection[str] = ALL_STEMMERS) -> str:
    """The parts as an FTS5 expression over the table `articles_fts`; empty when there are none."""
    return _Fts5().expression(parts, stemmers)


def ranking_expression(parts: Iterable[Part], stemmers: Collection[str]) -> str:
    """What puts those that `match_expression` finds in order: it matches them, and more.

    `bm25` counts all articles that hold each word of its expression, and nearly every article holds the name of a stemmer.
    So stems stand here by themselves, which the German stem of `news` in an English text may use to move it up a little.
    """
    return _Fts5(names_stemmers=False).expression(parts, stemmers)


class _Fts5(Dialect):
    # FTS5 refuses deep or endless expressions; what a query from outside may ask for is bounded where it is parsed.
    any_of = " OR "
    all_of = " AND "

    def __init__(self, *, names_stemmers: bool = True) -> None:
        self._names_stemmers = names_stemmers

    def word(self, word: str) -> str:
        return f'"{word}"'

    def stem(self, cut: str, stemmers: Sequence[str]) -> str:
        if not self._names_stemmers:
            return self.word(cut)
        names = self.any_of.join(f'"{stemmer_token(stemmer)}"' for stemmer in stemmers)
        return f'("{cut}" AND stemmer : ({names}))'

    def phrases(self, phrases: Sequence[Sequence[str]]) -> str:
        return "{title lead text} : (" + self.any_of.join(f'"{" ".join(phrase)}"' for phrase in phrases) + ")"

    def beginnings(self, phrases: Sequence[Sequence[str]]) -> str:
        # Not in the column with the stemmer's name: `snow*` would find every text that has one.
        columns = "title lead text title_forms text_forms" if len(phrases[0]) == 1 else "title lead text"
        return f"{{{columns}}} : (" + self.any_of.join(f'"{" ".join(phrase)}"*' for phrase in phrases) + ")"
