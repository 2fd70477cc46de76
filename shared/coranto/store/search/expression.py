"""What must occur, written as an expression for the index of a database.

One walk for both databases, so that they find the same; how each writes words and joins them is left to its `Dialect`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from itertools import islice, product
from typing import ClassVar

from coranto.folding import fold
from coranto.store.search.query import Part
from coranto.store.search.words import stem

_MOST_SPELLINGS_OF_A_PHRASE = 64


class Dialect(ABC):
    """How a database writes a search."""

    any_of: ClassVar[str]
    all_of: ClassVar[str]

    def expression(self, parts: Iterable[Part], stemmers: Collection[str]) -> str:
        """The parts as an expression; empty when there are none.

        A stem counts only in texts of a language that has this stemmer, of those named: the German stem of `news` is `new`.
        """
        return self.all_of.join(
            f"({self.any_of.join(self._alternatives(each, stemmers) for each in part.group)})" for part in parts
        )

    def _alternatives(self, part: Part, stemmers: Collection[str]) -> str:
        if part.is_phrase:
            return self._as_written(part.words)
        if part.is_beginning:
            return self.beginnings(list(dict.fromkeys((part.words, tuple(map(fold, part.words))))))
        if len(part.words) == 1:
            return self._forms(part.words[0], stemmers)
        # "Санкт-Петербурга" is two words to the index. Figures and single letters say too little to stand apart.
        together = self._as_written(part.words)
        if not stand_apart(part):
            return together
        apart = self.all_of.join(f"({self._forms(word, stemmers)})" for word in part.words)
        return f"{together}{self.any_of}({apart})"

    def _forms(self, word: str, stemmers: Collection[str]) -> str:
        folded = fold(word)
        by_stem: dict[str, list[str]] = {}
        for stemmer in sorted(stemmers):
            cut = stem(folded, stemmer)
            if cut != folded:
                by_stem.setdefault(cut, []).append(stemmer)
        alternatives = [self.word(spelling) for spelling in dict.fromkeys((word, folded))]
        alternatives += [self.stem(cut, names) for cut, names in by_stem.items()]
        return self.any_of.join(alternatives)

    def _as_written(self, words: Sequence[str]) -> str:
        # The text itself tells `ё` and `е` apart, so every likely spelling is asked for.
        spellings = islice(product(*map(spellings_of, words)), _MOST_SPELLINGS_OF_A_PHRASE)
        return self.phrases(list(dict.fromkeys([tuple(words), tuple(map(fold, words)), *spellings])))

    @abstractmethod
    def word(self, word: str) -> str:
        """The word, wherever it stands, also among the forms."""

    @abstractmethod
    def stem(self, cut: str, stemmers: Sequence[str]) -> str:
        """The stem, in texts that one of these stemmers is for."""

    @abstractmethod
    def phrases(self, phrases: Sequence[Sequence[str]]) -> str:
        """Any of the phrases, in the text as it is written."""

    @abstractmethod
    def beginnings(self, phrases: Sequence[Sequence[str]]) -> str:
        """The same, but the last word may go on; one that is alone may also be among the forms."""


def stand_apart(part: Part) -> bool:
    """Whether the several words of the part may stand apart from each other."""
    return not (part.is_phrase or part.is_beginning) and all(word.isalpha() and len(word) > 2 for word in part.words)


def spellings_of(word: str) -> list[str]:
    """The word, and how it is written by those who put `е` for `ё` or the other way."""
    plain = word.replace("ё", "е").replace("Ё", "Е")
    # A Russian word has one ё at most, bar a few, so no combinations need be tried.
    places = [place for place, letter in enumerate(plain) if letter in "еЕ"][:8]
    dotted = [f"{plain[:place]}{'ё' if plain[place] == 'е' else 'Ё'}{plain[place + 1 :]}" for place in places]
    return list(dict.fromkeys([word, plain, *dotted]))
