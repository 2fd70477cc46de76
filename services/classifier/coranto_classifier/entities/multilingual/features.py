"""What the tagger sees of each word: the word, its shape and ends, what its pieces say, and its neighbours.

The names of the features are part of the trained models: whoever changes one has to train all of them again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from coranto_classifier.entities.multilingual.known_words import KnownWords, levels_in_context
from coranto_classifier.entities.multilingual.pieces import Matrix, PieceTable

_COPIED = ("xm", "b", "w=", "s=", "e2=", "e3=", "first", "-1w", "1w=", "-1s=", "1s=", "m")
"""Beginnings of the features that are copied per language where several share a model.

The common copy learns what holds for all of them, the language's own what is its own (H. Daumé III, "Frustratingly Easy
Domain Adaptation", 2007).
"""

KINDS = "POL"  # person, organisation, place


@dataclass(frozen=True, slots=True)
class _WordFeatures:
    """What a word adds to its own row and to those of its neighbours."""

    shape: str
    likeliest: str
    own: tuple[str, ...]
    before: tuple[str, ...]  # for the row of the word before it
    after: tuple[str, ...]  # for the row of the word after it
    two_before: tuple[str, ...]
    two_after: tuple[str, ...]
    case: str
    inputs: Matrix
    fold: int


class FeatureMaker:
    """Features of sentences; those of a word are kept, because a text repeats its words."""

    def __init__(self, table: PieceTable) -> None:
        self._table = table
        self._known: KnownWords[_WordFeatures] = KnownWords(table, self._features_of)

    def rows(self, words: Sequence[str], languages: Sequence[str] = ()) -> list[list[str]]:
        """The features of each word of a sentence. `languages` are those whose own copies count: none where a model has one."""
        (rows,) = self.rows_of([words], languages)
        return rows

    def rows_of(self, sentences: Sequence[Sequence[str]], languages: Sequence[str] = ()) -> list[list[list[str]]]:
        """The features of several sentences, which are quicker read together."""
        self._known.learn([word for words in sentences for word in words])
        read = [self._known.of(words) for words in sentences]
        contexts = levels_in_context(self._table, read)
        return [self._rows(known, levels, languages) for known, levels in zip(read, contexts, strict=True)]

    def _rows(
        self, known: Sequence[_WordFeatures], levels: Sequence[Sequence[int]], languages: Sequence[str]
    ) -> list[list[str]]:
        context = [context_features(word.case, level) for word, level in zip(known, levels, strict=True)]
        rows = []
        for index, word in enumerate(known):
            row = [*word.own, *context[index][0]]
            if index:
                row += [f"-1{name}" for name in context[index - 1][1]]
                row.append(f"-1x|x={context[index - 1][2]}|{context[index][2]}")
            if index + 1 < len(known):
                row += [f"1{name}" for name in context[index + 1][1]]
                row.append(f"1x|x={context[index + 1][2]}|{context[index][2]}")
            if index == 0:
                row += ("first", f"first:s={word.shape}", f"first:m{word.likeliest}", "-1edge")
            else:
                previous = known[index - 1]
                row += previous.after
                row += (f"-1s|s={previous.shape}|{word.shape}", f"-1m|m{previous.likeliest}|{word.likeliest}")
                row += known[index - 2].two_after if index > 1 else ("-2edge",)
            if index + 1 == len(known):
                row.append("1edge")
            else:
                following = known[index + 1]
                row += following.before
                row += (f"1s|s={following.shape}|{word.shape}", f"1m|m{following.likeliest}|{word.likeliest}")
                row += known[index + 2].two_before if index + 2 < len(known) else ("2edge",)
            copied = [name for name in row if name.startswith(_COPIED)] if languages else []
            for language in languages:
                row += [f"{language}~{name}" for name in copied]
            rows.append(row)
        return rows

    def _features_of(
        self, word: str, pieces: Sequence[int], level: Sequence[int], inputs: Matrix, fold: int
    ) -> _WordFeatures:
        lower, shape = word.lower(), shape_of(word)
        case = "U" if word[:1].isupper() else "l"
        own, inner = level[:3], level[3:]
        highest = max(own)
        likeliest = f"{case}{KINDS[own.index(highest)]}{highest}"
        kinds = [f"{kind}{value}" for kind, value in zip(KINDS, own, strict=True)]
        row = ["b", f"w={lower}", f"s={shape}", f"m{likeliest}"]
        row += [f"p{size}={lower[:size]}" for size in (2, 3) if len(lower) > size]
        row += [f"e{size}={lower[-size:]}" for size in (2, 3, 4) if len(lower) > size]
        row += [f"q{case}{kind}" for kind in kinds]
        row += [f"i{case}{kind}{value}" for kind, value in zip(KINDS, inner, strict=True)]
        classes = self._table.classes(pieces)
        near: list[str] = []
        far = [f"w={lower}", f"s={shape}"]
        if classes is not None:
            whole = "w" if len(pieces) == 1 else "p"
            row += [f"kf{whole}{classes[0]}:{case}", f"kb{whole}{classes[1]}:{case}"]
            near = [f"kf{classes[0]}", f"kb{classes[1]}"]
            far.append(f"kb{classes[1]}")
        beside = [f"w={lower}", f"s={shape}", f"e3={lower[-3:]}", *near, *(f"q{kind}" for kind in kinds)]
        return _WordFeatures(
            shape=shape,
            likeliest=likeliest,
            own=tuple(row),
            before=tuple(f"1{name}" for name in beside),
            after=tuple(f"-1{name}" for name in beside),
            two_before=tuple(f"2{name}" for name in far),
            two_after=tuple(f"-2{name}" for name in far),
            case=case,
            inputs=inputs,
            fold=fold,
        )


def context_features(case: str, level: Sequence[int]) -> tuple[list[str], list[str], str]:
    """Features of a word judged in context: for its own row, for its neighbours' rows, and the likeliest kind."""
    kinds = [f"x{kind}{value}" for kind, value in zip(KINDS, level[:3], strict=True)]
    inner = [f"xi{kind}{value}" for kind, value in zip(KINDS, level[3:], strict=True)]
    highest = max(level[:3])
    likeliest = f"{KINDS[level.index(highest)]}{highest}"
    return [*kinds, *inner, f"xm{case}{likeliest}"], kinds, likeliest


@lru_cache(maxsize=20_000)
def shape_of(word: str) -> str:
    """The word with its capitals as X, small letters as x and digits as 9, repeats cut to two."""
    shape = "".join(
        "X" if letter.isupper() else "x" if letter.isalpha() else "9" if letter.isdigit() else letter
        for letter in word[:20]
    )
    return re.sub(r"(.)\1{2,}", r"\1\1", shape)
