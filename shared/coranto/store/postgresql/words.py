"""The words of an article as a `tsvector`, and what a user types as a `tsquery`: the same matches as SQLite's index gives.

Words are analysed here and not in the server, whose stems depend on its version and which knows fewer languages. A vector
holds the headline as it stands under the weight A, lead and text under B, and under C and D what only searches by word
forms need of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, filterfalse
from operator import itemgetter
from typing import Final

from coranto.folding import fold
from coranto.store.search.expression import Dialect, spellings_of, stand_apart
from coranto.store.search.query import Part
from coranto.store.search.words import Remembered, forms_beside, stem, stemmer_for, stemmer_token, words_of

# What PostgreSQL takes: a megabyte of words and positions, words of 2,046 bytes, positions up to 16,383, and 255 of a word.
_MOST_BYTES: Final = 1_000_000
_LONGEST_WORD_BYTES: Final = 2_046
_LAST_POSITION: Final = 16_383
_MOST_POSITIONS: Final = 255
_GAP: Final = 10
"""Between headline, lead and text, so that no phrase reaches from one into the next."""


@dataclass(frozen=True, slots=True)
class Vector:
    """The value of the column `search`."""

    text: str
    """As PostgreSQL reads it: `'word':1A,7C 'other'`."""
    is_cut: bool
    """True when words were left out because the text has too many of them, or one too long."""
    has_all_positions: bool
    """False when a phrase that the text has may not be found by positions."""


def plain(word: str) -> str:
    """The word as the index has it: in lower case, Latin letters without their marks, as SQLite's `unicode61` does it."""
    if word.isascii():
        return word.lower()
    letters: list[str] = []
    is_latin = False
    for letter in unicodedata.normalize("NFD", word.lower()):
        if unicodedata.combining(letter):
            if not is_latin:
                letters.append(letter)
        else:
            is_latin = "a" <= letter <= "z"
            letters.append(letter)
    return unicodedata.normalize("NFC", "".join(letters))


class _Lexemes:
    """Words with their positions, as many as there is room for."""

    def __init__(self, *, has_room: bool) -> None:
        """`has_room`: there is room for all that will be added, so that nothing has to be counted."""
        self._has_room = has_room
        self.entries: dict[str, str] = {}
        """Each word as PostgreSQL reads it. Words are letters and digits, so nothing has to be escaped."""
        self._repeated: dict[str, int] = {}
        """How many positions a word has beside its first."""
        self._bytes = 0
        self._next = 1
        self.is_cut = False
        self.has_all_positions = True

    def add(self, words: Iterable[str], weight: str) -> None:
        """Add words that follow each other."""
        entries, position = self.entries, self._next - 1
        if self._has_room:
            for position, word in enumerate(words, self._next):
                if word in entries:
                    self._repeat(word, f",{position}{weight}")
                else:
                    entries[word] = f"'{word}':{position}{weight}"
            self._next = position + 1 + _GAP
            return
        for position, word in enumerate(words, self._next):
            at = min(_LAST_POSITION, position)
            if word in entries:
                self._repeat(word, f",{at}{weight}")
                continue
            size = len(word.encode())
            if size > _LONGEST_WORD_BYTES or self._bytes + size + 8 > _MOST_BYTES:
                self.is_cut = True
                continue
            self._bytes += size + 10  # the word, its count of positions and what aligns them, its first position
            entries[word] = f"'{word}':{at}{weight}"
        if position > _LAST_POSITION:
            self.has_all_positions = False
        self._next = position + 1 + _GAP

    def _repeat(self, word: str, mark: str) -> None:
        number = self._repeated.get(word, 0) + 1
        if number >= _MOST_POSITIONS:
            self.has_all_positions = False
        elif not self.entries[word].endswith((mark, f":{mark[1:]}")):
            self.entries[word] += mark
            self._repeated[word] = number
            self._bytes += 2

    def text(self) -> str:
        """As PostgreSQL reads it."""
        return " ".join(self.entries.values())


def vector(title: str | None, lead: str | None, text: str, language: str | None) -> Vector:
    """The words of an article, and their forms in its language."""
    stemmer = stemmer_for(language)
    read = _with_forms(stemmer).__getitem__
    columns = [words_of(column or "") for column in (title, lead, text)]
    headline, *body = ([read(word) for word in words] for words in columns)
    lexemes = _Lexemes(has_room=_is_small(columns))
    if stemmer is not None:
        lexemes.add([_name_of(stemmer)], "D")
    in_headline = dict.fromkeys(map(_PLAIN, headline))
    lexemes.add(map(_PLAIN, headline), "A")
    title_forms = filterfalse(in_headline.__contains__, _forms_of_all(headline))
    for words in body:
        lexemes.add(map(_PLAIN, words), "B")
    written = list(chain.from_iterable(body))
    # Of a text that has no room for its own words, the first are enough.
    text_forms = _forms_of_all(written[:_LAST_POSITION] if lexemes.is_cut else written)
    lexemes.add(title_forms, "C")
    lexemes.add(list(filterfalse(lexemes.entries.__contains__, text_forms)), "D")
    return Vector(lexemes.text(), lexemes.is_cut, lexemes.has_all_positions)


def _is_small(columns: Sequence[Sequence[str]]) -> bool:
    """Whether the words, with two forms of each, are far below every limit of PostgreSQL's."""
    letters = sum(sum(map(len, words)) for words in columns)
    longest = max((max(map(len, words), default=0) for words in columns), default=0)
    # A letter takes up to four bytes, also in each form, and a word ten more; a capital may become two letters.
    return sum(map(len, columns)) <= _LAST_POSITION // 4 and letters <= _MOST_BYTES // 50 and longest <= 200


_Word = tuple[str, tuple[str, ...]]
"""A word as the index has it, and its other forms."""
_PLAIN: Final = itemgetter(0)
_FORMS: Final = itemgetter(1)


def _forms_of_all(words: Iterable[_Word]) -> dict[str, None]:
    """Folded words and stems beside the words themselves, each once."""
    return dict.fromkeys(chain.from_iterable(map(_FORMS, words)))


@cache
def _with_forms(stemmer: str | None) -> Remembered[_Word]:
    def make(word: str) -> _Word:
        own = plain(word)
        return own, tuple(form for form in map(plain, forms_beside(word, stemmer)) if form != own)

    return Remembered(make)


def query(parts: Iterable[Part], stemmers: Collection[str], *, by_positions: bool = True) -> str:
    """The parts as a `tsquery`; empty when there are none.

    Without `by_positions`, words of a phrase need only occur: for texts that have not all positions, looked through afterwards.
    """
    return _Tsquery(" <-> " if by_positions else " & ").expression(parts, stemmers)


class _Tsquery(Dialect):
    any_of = " | "
    all_of = " & "

    def __init__(self, follows: str) -> None:
        self._follows = follows

    def word(self, word: str) -> str:
        return _word(word)

    def stem(self, cut: str, stemmers: Sequence[str]) -> str:
        names = self.any_of.join(f"'{_name_of(stemmer)}'" for stemmer in stemmers)
        return f"({_word(cut)} & ({names}))"

    def phrases(self, phrases: Sequence[Sequence[str]]) -> str:
        return self._any_phrase([_word(word, "AB") for word in phrase] for phrase in phrases)

    def beginnings(self, phrases: Sequence[Sequence[str]]) -> str:
        if len(phrases[0]) == 1:
            return self._any_phrase([_word(word, "*")] for (word,) in phrases)
        return self._any_phrase(
            [*(_word(word, "AB") for word in words[:-1]), _word(words[-1], "*AB")] for words in phrases
        )

    def _any_phrase(self, phrases: Iterable[Sequence[str]]) -> str:
        return self.any_of.join(f"({self._follows.join(phrase)})" for phrase in phrases)


def _name_of(stemmer: str) -> str:
    return f"~{stemmer_token(stemmer)}"  # no word begins so: `snow*` must not find every text that has a stemmer


def _word(word: str, marks: str = "") -> str:
    word = plain(word)
    if len(word.encode()) > _LONGEST_WORD_BYTES:
        word = "~"  # in no index; and PostgreSQL refuses longer ones
    return f"'{word}'{':' if marks else ''}{marks}"


def holds_phrases(parts: Iterable[Part], texts: Sequence[str | None], language: str | None) -> bool:
    """Whether the phrases among the parts stand in one of the texts, word after word, or one of their synonyms occurs."""
    columns = [words_of(text) for text in texts if text]
    plain_columns = [[plain(word) for word in words] for words in columns]
    return all(
        any(
            any(_holds(each, words) for words in plain_columns)
            if _is_of_several_words(each)
            else _occurs(each, columns, stemmer_for(language))
            for each in part.group
        )
        for part in parts
        if any(map(_is_of_several_words, part.group))
    )


def _occurs(part: Part, columns: Sequence[Sequence[str]], stemmer: str | None) -> bool:
    """Whether the words of the part occur, wherever, in any form or with any end."""
    folded = {fold(word) for words in columns for word in words}
    if part.is_beginning:
        return any(word.startswith(fold(part.words[0])) for word in folded)
    held = folded | {stem(word, stemmer) for word in folded}
    return all({fold(word), stem(fold(word), stemmer)} & held for word in part.words)


def _is_of_several_words(part: Part) -> bool:
    # Words that may also stand apart are found by the index alone.
    return len(part.words) > 1 and not stand_apart(part)


def _holds(part: Part, words: Sequence[str]) -> bool:
    asked = [{plain(spelling) for spelling in (*spellings_of(word), fold(word))} for word in part.words]
    ends = tuple(asked[-1]) if part.is_beginning else ()
    for start in range(len(words) - len(asked) + 1):
        here = words[start : start + len(asked)]
        if all(word in each for word, each in zip(here[:-1], asked[:-1], strict=True)) and (
            here[-1].startswith(ends) if ends else here[-1] in asked[-1]
        ):
            return True
    return False
