"""Names in English text: a linear-chain CRF over words, shapes, and name lists.

The model and the lists are made by `make models`. Normal form is the name without article and possessive; English
needs no more.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from coranto_classifier.entities.mention import Name, NameType
from coranto_classifier.word_lists import word_list

_LONGEST_TEXT = 20_000
_LONGEST_SENTENCE = 400  # tokens; a wall of text without full stops is tagged in pieces

_TOKEN = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # U.S.
    r"|\b(?:Mr|Mrs|Ms|Dr|St|Inc|Corp|Ltd|Co|Jr|Sr|Gen|Lt|Col|Sgt|Prof|Rev|Hon|Gov|Sen|Rep|Mt|Ft)\."
    r"|\b[A-Z]\.(?=\s+[A-Z])"  # an initial
    r"|['’]s\b|n['’]t\b"
    r"|\w+['’](?!s\b)[^\W\d_]{2,}"  # O'Brien
    r"|\w+|[^\w\s]"
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9])|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b[A-Z]|\b(?:Mr|Mrs|Ms|Dr|St|Inc|Corp|Ltd|Co|Jr|Sr|Gen|Lt|Col|Sgt|Prof|Rev|Hon|Gov|Sen|Rep|vs|No))\.$"
)
_ARTICLE = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)
_POSSESSIVE = re.compile(r"['’]s?$")

_COMPANY_WORDS = word_list("organisation_words")
_PLACE_WORDS = word_list("place_words")
_TITLES = word_list("titles")
_TITLES_BEFORE = word_list("english_titles")
_DEMONYMS = word_list("english_demonyms")
_NEVER_NAMES = word_list("english_never_names")
_BEFORE_PLACES = word_list("english_before_places")
_ABOVE_PLACES = word_list("english_above_places")
_SURE_ORGANISATIONS = word_list("english_sure_organisations")
_EMPLOYMENT = word_list("english_employment")
_LONGEST_ACRONYM = 6  # letters
_LONGEST_TITLE = 4  # words: "Detective Chief Inspector", "First Deputy Prime Minister"
_LISTS = {"g": "given", "s": "surnames", "c": "cities", "r": "regions", "n": "countries", "o": "organisations"}
"""Lists of names, each with the letter it goes by in features."""

_SURE_PLACES = ("r", "n")
_JOINTS = frozenset({"and", "-", "–", "—"})
_PLACE_LISTS = ("r", "n", "c")
HOME = "crossner"
"""The source whose conventions the tagger follows; others lend it their words."""
_LEARNED_TWICE = ("b", "w=", "s=", "m=", "c=", "-1w", "1w=", "org", "e3=", "first")


def tokens_of(text: str) -> list[tuple[int, int]]:
    """Start and end of each token."""
    return [match.span() for match in _TOKEN.finditer(text)]


def sentences_of(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if "\n" not in match.group() and _ABBREVIATION.search(text[max(start, match.start() - 12) : match.start()]):
            continue
        if text[start : match.start()].strip():
            yield start, match.start()
        start = match.end()
    if text[start:].strip():
        yield start, len(text)


class Lists:
    """Name lists, looked up in lower case."""

    def __init__(self, models: Path) -> None:
        with gzip.open(models / "english_lists.json.gz", "rt", encoding="utf-8") as file:
            stored: dict[str, Any] = json.load(file)
        self._marks: dict[str, str] = {}
        for mark, key in _LISTS.items():
            for name in stored[key]:
                self._marks[name] = self._marks.get(name, "") + mark
        self._spelled: dict[str, str] = {
            word: kind for kind, words in stored.get("spelled", {}).items() for word in words.split()
        }
        self._phrases: dict[str, str] = {
            name: mark for mark, key in _LISTS.items() if mark not in "gs" for name in stored[key] if " " in name
        }

    def marks(self, word: str) -> str:
        """Letters of the lists that hold the word."""
        return self._marks.get(word, "")

    def spelled(self, word: str) -> str:
        """How the word is written inside sentences: l small, m mostly small, u mostly with a capital, U with one, or ?."""
        return self._spelled.get(word, "?")

    def phrase_marks(self, words: Sequence[str]) -> list[str]:
        """For each word, the mark of the longest listed phrase that covers it."""
        marks = [""] * len(words)
        for start in range(len(words)):
            for length in (4, 3, 2):
                mark = (
                    self._phrases.get(" ".join(words[start : start + length])) if start + length <= len(words) else None
                )
                if mark:
                    for index in range(start, start + length):
                        marks[index] = marks[index] or mark
                    break
        return marks


def _shape(word: str) -> str:
    """The word's outline: capitals, small letters, digits and other marks, repeats cut to two."""
    shape = re.sub(r"[A-ZÀ-ÖØ-Þ]", "X", word[:20])
    shape = re.sub(r"[^\W\dX_]", "x", shape)
    shape = re.sub(r"\d", "9", shape)
    return re.sub(r"(.)\1{2,}", r"\1\1", shape)


def features(
    words: Sequence[str], lists: Lists, seen: dict[str, tuple[int, int]] | None = None, *, source: str = HOME
) -> list[list[str]]:
    """What the tagger sees of each word of a sentence. `seen` counts, for the whole text, capital and small spellings.

    What it learns of `source` alone is kept apart from what holds for all sources.
    """
    lowered = [word.lower() for word in words]
    shapes = [_shape(word) for word in words]
    marks = [lists.marks(word) for word in lowered]
    phrases = lists.phrase_marks(lowered)
    usual = [lists.spelled(word) for word in lowered]
    is_shouting = sum(word.isupper() for word in words) > 0.6 * len(words)
    rows = []
    for index, word in enumerate(words):
        lower = lowered[index]
        row = ["b", f"w={lower}", f"s={shapes[index]}"]
        row.extend(f"p{size}={lower[:size]}" for size in (2, 3) if len(lower) > size)
        row.extend(f"e{size}={lower[-size:]}" for size in (2, 3, 4) if len(lower) > size)
        row.append(f"m={marks[index]}:{word[:1].isupper()}")
        row.extend(f"m{mark}" for mark in marks[index])
        if phrases[index]:
            row.append(f"ph={phrases[index]}")
        _add_word_kinds(row, lower, "")
        is_capital = word[:1].isupper()
        row.append(f"c={usual[index]}:{is_capital}")
        row.append(f"c0={usual[index]}:{is_capital}:{index == 0}")
        if index == 0:
            row.append("first")
            row.append(f"first:s={shapes[index]}")
        if is_shouting:
            row.append("shouting")
        if seen is not None and word[:1].isupper():
            capital, small = seen.get(lower, (0, 0))
            row.append(
                f"seen={'both' if capital and small else 'capital' if capital > 1 else 'small' if small else 'once'}"
            )
        for offset in (-2, -1, 1, 2):
            near = index + offset
            if 0 <= near < len(words):
                row.append(f"{offset}w={lowered[near]}")
                row.append(f"{offset}s={shapes[near]}")
                if abs(offset) == 1:
                    row.append(f"{offset}m={marks[near]}")
                    row.append(f"{offset}s|s={shapes[near]}|{shapes[index]}")
                    row.append(f"{offset}e3={lowered[near][-3:]}")
                    _add_word_kinds(row, lowered[near], str(offset))
                    if is_capital:
                        row.append(f"{offset}c={usual[near]}:{words[near][:1].isupper()}|{usual[index]}")
            else:
                row.append(f"{offset}edge")
        row += [f"{source}~{name}" for name in row if name.startswith(_LEARNED_TWICE)]
        rows.append(row)
    return rows


def _add_word_kinds(row: list[str], lower: str, offset: str) -> None:
    """Marks for words that announce a kind of name."""
    if lower in _COMPANY_WORDS:
        row.append(f"{offset}org")
    if lower in _PLACE_WORDS:
        row.append(f"{offset}loc")
    if lower.rstrip(".") in _TITLES:
        row.append(f"{offset}title")


def spellings(words: Sequence[str]) -> dict[str, tuple[int, int]]:
    """How often each word of a text stands with a capital inside a sentence, and how often without."""
    counts: dict[str, tuple[int, int]] = {}
    after_stop = True
    for word in words:
        if word[:1].isalpha():
            capital, small = counts.get(word.lower(), (0, 0))
            if word[0].isupper():
                counts[word.lower()] = (capital + (not after_stop), small)
            else:
                counts[word.lower()] = (capital, small + 1)
        after_stop = word in {".", "!", "?", ":", "“", '"', "\n"}
    return counts


class EnglishNames:
    """People, organisations and places of an English text."""

    def __init__(self, models: Path) -> None:
        import pycrfsuite  # type: ignore[import-untyped]  # ships no types

        self._lists = Lists(models)
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open(str(models / "english_names.crfsuite"))
        self.version = "crf-en-4"

    def find(self, text: str) -> list[Name]:
        """The names of the text; what lies beyond 20,000 characters is not read."""
        text = text[:_LONGEST_TEXT]
        seen = spellings([text[start:end] for start, end in tokens_of(text)])
        names: list[Name] = []
        for sentence_start, sentence_end in sentences_of(text):
            spans = [(sentence_start + a, sentence_start + b) for a, b in tokens_of(text[sentence_start:sentence_end])]
            for first in range(0, len(spans), _LONGEST_SENTENCE):
                names.extend(self._tagged(text, spans[first : first + _LONGEST_SENTENCE], seen))
        return names

    def _tagged(self, text: str, spans: Sequence[tuple[int, int]], seen: dict[str, tuple[int, int]]) -> Iterator[Name]:
        """Names among the tokens of one sentence."""
        words = [text[start:end] for start, end in spans]
        if not any(word[:1].isupper() for word in words):
            return
        tags = self._tagger.tag(features(words, self._lists, seen))
        for first, last, kind in self._mended(words, list(runs(tags)), seen):
            start, end = spans[first][0], spans[last][1]
            normal = normal_form(text[start:end])
            if normal:
                yield Name(start, end, kind, text[start:end], normal)

    def _mended(
        self, words: Sequence[str], found: Sequence[tuple[int, int, NameType]], seen: dict[str, tuple[int, int]]
    ) -> Iterator[tuple[int, int, NameType]]:
        """The tagger's names without titles and common words, and the towns and employers it passed over."""
        taken = {index for first, last, _ in found for index in range(first, last + 1)}
        listed = [each for each in self._listed_places(words) if not taken.intersection(range(each[0], each[1] + 1))]
        taken |= {index for first, last, _ in listed for index in range(first, last + 1)}
        missed = [
            (index, index, kind)
            for index, word in enumerate(words)
            if index not in taken and word[:1].isupper() and (kind := self._kind_by_place(words, index)) is not None
        ]
        for first, last, kind in sorted([*found, *listed, *missed]):
            name = first + self._title_length(words[first : last + 1])
            if name > first and kind == "organisation":
                kind = "person" if self._is_person(words[name : last + 1]) else kind  # noqa: PLW2901 - read anew
            if kind == "person" and last > name and words[last].lower() in _SURE_ORGANISATIONS:
                kind = "organisation"  # noqa: PLW2901 - read anew
            if kind == "person":
                yield from self._lone_or_whole(words, name, last, kind, seen)
            else:
                for start, end in self._edges(words, first, last, kind):
                    yield from self._lone_or_whole(words, start, end, kind, seen)

    def _edges(self, words: Sequence[str], first: int, last: int, kind: NameType) -> Iterator[tuple[int, int]]:
        """The span of a place or an organisation without common words at its ends; two listed places apart."""
        if kind == "place":
            # "hill above Matlock", "lowland Europe": only the town is a name.
            first = next((index for index in range(first, last + 1) if words[index][:1].isupper()), last + 1)
        if last > first and words[last].islower() and words[last - 1][:1].isupper():
            last -= 1  # "European Union funds"
        joint = next((index for index in range(first + 1, last) if words[index] in _JOINTS), None)
        if kind == "place" and joint is not None:
            parts = (words[first:joint], words[joint + 1 : last + 1])
            if all(map(self._is_listed, parts)) and not self._is_listed(words[first : last + 1]):
                yield first, joint - 1
                first = joint + 1
        if first <= last:
            yield first, last

    def _is_listed(self, words: Sequence[str]) -> bool:
        """Whether the words are a place of the lists."""
        lowered = [word.lower() for word in words]
        marks = self._lists.phrase_marks(lowered) if len(lowered) > 1 else [self._lists.marks(lowered[0])]
        return all(set(mark) & set(_PLACE_LISTS) for mark in marks)

    def _lone_or_whole(
        self, words: Sequence[str], first: int, last: int, kind: NameType, seen: dict[str, tuple[int, int]]
    ) -> Iterator[tuple[int, int, NameType]]:
        """The span; a word alone only where it may be a name, with the type that its place in the sentence gives."""
        if first == last:
            if not self._stands_alone(words, first, kind, seen):
                return
            if kind == "person":
                kind = self._kind_by_place(words, first) or kind
        yield first, last, kind

    def _listed_places(self, words: Sequence[str]) -> Iterator[tuple[int, int, NameType]]:
        """Countries and parts of the world, by the lists alone; what may be a person's name as well is left out."""
        marks = self._lists.phrase_marks([word.lower() for word in words])
        index = 0
        while index < len(words):
            last = index
            while marks[index] in _SURE_PLACES and last + 1 < len(words) and marks[last + 1] == marks[index]:
                last += 1
            single = self.marks_of(words[index])
            is_single = bool(single) and set(single) <= set(_SURE_PLACES)
            if words[index][:1].isupper() and words[last][:1].isupper() and (last > index or is_single):
                yield index, last, "place"
            index = last + 1

    def _title_length(self, words: Sequence[str]) -> int:
        """How many words before a name say what its bearer does: "Transport Minister" of "Transport Minister Enescu"."""
        titles = [
            index for index, word in enumerate(words[:_LONGEST_TITLE]) if word.lower().rstrip(".") in _TITLES_BEFORE
        ]
        length = next((index + 1 for index in reversed(titles) if index + 1 < len(words)), 0)
        is_name = any("g" in self.marks_of(word) for word in words[: titles[0]]) if titles else False
        return 0 if is_name or (length and not words[length][:1].isalpha()) else length

    def _is_person(self, words: Sequence[str]) -> bool:
        """True for a given name and one or two more words, none of them an organisation's."""
        return (
            2 <= len(words) <= 3
            and "g" in self.marks_of(words[0])
            and not any(word.lower() in _COMPANY_WORDS for word in words)
        )

    def marks_of(self, word: str) -> str:
        """Letters of the lists that hold the word, in any case."""
        return self._lists.marks(word.lower())

    def _stands_alone(self, words: Sequence[str], index: int, kind: str, seen: dict[str, tuple[int, int]]) -> bool:
        """False for a demonym, and for a common word that has its capital from the sentence's start."""
        lower = words[index].lower()
        if kind == "place":
            return lower not in _DEMONYMS
        capital, small = seen.get(lower, (0, 0))
        if lower in _NEVER_NAMES:
            return False
        # "Power was cut": a capital that only the sentence gives makes no person of a word that is usually small.
        is_common = small > 0 or (self._lists.spelled(lower) in ("l", "m") and "g" not in self.marks_of(lower))
        return not (kind == "person" and index == 0 and is_common and not capital)

    def _kind_by_place(self, words: Sequence[str], index: int) -> NameType | None:
        """What a lone word is by the words before it: a town after "in", an employer after "chief executive of"."""
        marks, before = self.marks_of(words[index]), [word.lower() for word in words[max(0, index - 2) : index]]
        if index + 1 < len(words) and words[index + 1][:1].isupper():
            return None
        if not before or set(marks) & set("gs"):
            return None
        if "c" in marks:
            return "place" if before[-1] in _BEFORE_PLACES else None
        if not marks and before[-1] in _ABOVE_PLACES and words[index + 1 : index + 2] not in (["'s"], ["’s"]):
            return "place"
        if not marks and len(before) == 2 and before[1] in ("of", "at") and before[0] in _EMPLOYMENT:
            return "organisation"
        return None


def runs(tags: Sequence[str]) -> Iterator[tuple[int, int, NameType]]:
    """First and last token and type of every name in a row of BIO tags; names of other kinds are left out."""
    start: int | None = None
    for index, tag in enumerate([*tags, "O"]):
        if start is not None and (tag == "O" or tag.startswith("B-") or tag[2:] != tags[start][2:]):
            kind = tags[start][2:]
            if kind in ("person", "organisation", "place"):
                yield start, index - 1, kind  # type: ignore[misc]  # the membership test above narrows it, not for mypy
            start = None
        if start is None and tag != "O":
            start = index


def normal_form(name: str) -> str:
    """The name without article and possessive, on one line."""
    name = _POSSESSIVE.sub("", " ".join(name.split()))
    name = _ARTICLE.sub("", name)
    if name.isupper() and len(name) > _LONGEST_ACRONYM:
        name = name.title()  # a dateline's BUCHAREST
    return name if name.endswith(".") else name.strip(" .,;:")
