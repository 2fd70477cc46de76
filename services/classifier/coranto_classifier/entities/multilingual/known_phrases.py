"""German names of places and organisations that are known as a whole, in any case: "Vereinigten Staaten", "Deutschen Bank"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.resources import files

from coranto_classifier.entities.mention import EntityType
from coranto_classifier.entities.multilingual.tokens import tokens_of

TYPES_OF_KINDS: dict[str, EntityType] = {"L": "place", "O": "organisation"}
"""The letters that stand for the kinds of names in features, and the types of entities."""

_ENDINGS = ("en", "er", "es", "em", "e", "s", "n")
_SHORTEST_STEM = 4  # letters


class KnownPhrases:
    """Names by their words' stems."""

    def __init__(self, places: Iterable[str], organisations: Iterable[str]) -> None:
        self._kinds: defaultdict[str, dict[tuple[str, ...], str]] = defaultdict(dict)
        for letter, names in (("L", places), ("O", organisations)):
            for name in names:
                stems = tuple(_stem(name[start:end]) for start, end in tokens_of(name))
                self._kinds[stems[0]][stems] = letter

    def find(self, words: Sequence[str]) -> dict[int, tuple[int, str]]:
        """The names among the words of a sentence: length and kind by where they begin, the longest from the left."""
        stems = [_stem(word) for word in words]
        found: dict[int, tuple[int, str]] = {}
        index = 0
        while index < len(words):
            known = self._kinds.get(stems[index], {}) if not words[index].islower() else {}
            lengths = {
                len(phrase): kind
                for phrase, kind in known.items()
                if tuple(stems[index : index + len(phrase)]) == phrase
            }
            if lengths:
                length = max(lengths)
                found[index] = (length, lengths[length])
                index += length
            else:
                index += 1
        return found


def add_phrase_features(rows: Sequence[list[str]], words: Sequence[str], phrases: KnownPhrases) -> None:
    """Add to the rows of a sentence which words are part of a known name."""
    for start, (length, kind) in phrases.find(words).items():
        size = "1" if length == 1 else "+"
        for offset in range(length):
            mark = f"{'I' if offset else 'B'}{kind}{size}"
            index = start + offset
            rows[index].append(f"ph={mark}")
            if index:
                rows[index - 1].append(f"1ph={mark}")
            if index + 1 < len(rows):
                rows[index + 1].append(f"-1ph={mark}")


def _stem(word: str) -> str:
    """The word without an ending of a case; acronyms and short words as they are."""
    if word.isupper():
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word


def german_organisations() -> list[str]:
    """Organisations that German news names often."""
    table = files("coranto_classifier").joinpath("data/german_organisations.txt").read_text(encoding="utf-8")
    return [line for line in table.splitlines() if line and not line.startswith("#")]
