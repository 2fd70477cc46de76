"""Words as the search of the article store compares them: folded, and cut to their Snowball stem.

Text and query go through the same functions. A stem alone would split names (`Киев` has the stem `ки`, `Киева` has
`киев`), so a word always counts together with its stem, on both sides. `ё` is `е`.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import chain, filterfalse
from types import MappingProxyType
from typing import Final, TypeVar

import Stemmer  # type: ignore[import-not-found]  # a compiled module without stubs

from coranto.folding import fold

Value = TypeVar("Value")

_WORD = re.compile(r"[^\W_]+")
_SHORTEST_STEMMED = 3
_LONGEST_STEMMED = 64
"""Longer runs of letters are no words, and stemming them would only fill the index."""

_LONGEST_REMEMBERED = 40
"""Letters of a word that is remembered: a stranger's text must not fill memory."""
_MOST_REMEMBERED = 50_000
"""Words that are remembered of one language, some 10 MB."""

STEMMERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek",
        "en": "english", "eo": "esperanto", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian",
        "fi": "finnish", "fr": "french", "ga": "irish", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
        "it": "italian", "lt": "lithuanian", "nb": "norwegian", "nl": "dutch", "nn": "norwegian", "no": "norwegian",
        "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sh": "serbian", "sr": "serbian", "sv": "swedish",
        "tr": "turkish", "yi": "yiddish",
    }
)  # fmt: skip
"""Snowball's algorithm by primary language subtag. Hindi, Nepali and Tamil are left out: SQLite takes their vowel signs
for gaps between words."""

_stemmers = threading.local()  # a stemmer keeps a cache and must not be used by two threads at once


def stemmer_for(language: str | None) -> str | None:
    """The name of the stemmer for a language tag such as `ru` or `pt-BR`, if there is one."""
    return None if language is None else STEMMERS.get(language.partition("-")[0].lower())


def stem(word: str, stemmer: str | None) -> str:
    """The stem of a folded word, or the word itself where it has none worth the name."""
    if stemmer is None or not _SHORTEST_STEMMED <= len(word) <= _LONGEST_STEMMED or not word.isalpha():
        return word
    found: Stemmer.Stemmer | None = getattr(_stemmers, stemmer, None)
    if found is None:
        found = Stemmer.Stemmer(stemmer)
        setattr(_stemmers, stemmer, found)
    cut: str = found.stemWord(word)
    return cut if len(cut) > 1 else word


def words_of(text: str) -> list[str]:
    """The words of a text as they stand, in composed characters."""
    return _WORD.findall(unicodedata.normalize("NFC", text))


def places_of(text: str) -> Iterator[tuple[int, int]]:
    """Where each word of the text begins and ends."""
    return (match.span() for match in _WORD.finditer(text))


def forms_of(text: str | None, stemmer: str | None) -> str | None:
    """What the index needs beside the words themselves: folded words and stems.

    Left out are those that stand in the text like this already; to look for them behind capitals as well takes longer than
    the index takes room for the few.
    """
    if not text:
        return None
    forms_by_word = _forms_by_word(stemmer).__getitem__
    # As SQLite reads them: letters in two code points, such as a decomposed й, are not the letters that a query has.
    words = dict.fromkeys(_WORD.findall(text))
    forms = dict.fromkeys(map(forms_by_word, words))
    if not unicodedata.is_normalized("NFC", text):
        composed = words_of(text)
        forms |= dict.fromkeys(chain(map(fold, composed), map(forms_by_word, composed)))
    forms.pop("", None)
    return " ".join(filterfalse(words.__contains__, forms)) or None


class Remembered(dict[str, Value]):
    """What a function makes of words, by the word: a text mostly has words of texts before it.

    Asked like a dictionary that has every word, which forgets when it is full. Safe for threads.
    """

    def __init__(self, make: Callable[[str], Value]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, word: str) -> Value:
        value = self._make(word)
        if len(word) <= _LONGEST_REMEMBERED:
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[word] = value
        return value


@cache
def _forms_by_word(stemmer: str | None) -> Remembered[str]:
    """What `forms_beside` gives, as one text: that is what they are wanted for, and most words have at most one."""
    return Remembered(lambda word: " ".join(forms_beside(word, stemmer)))


def forms_beside(word: str, stemmer: str | None) -> tuple[str, ...]:
    """The word folded, and the stem of that, but for what is the word itself in lower case; the folded one first."""
    folded = fold(word)
    return tuple(form for form in dict.fromkeys((folded, stem(folded, stemmer))) if form != word.lower())


@cache
def stemmer_token(stemmer: str) -> str:
    """The name of the stemmer as one word of the index that no text contains."""
    return f"snowball{stemmer}"
