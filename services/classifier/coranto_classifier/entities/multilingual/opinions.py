"""What the pieces of words say of a sentence in a language whose tagger has features of its own.

The networks have learned from other languages' names, and know names that the tagger has never seen: "Seagal", "Huawei".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from coranto_classifier.entities.multilingual.features import KINDS, context_features
from coranto_classifier.entities.multilingual.known_words import KnownWords, levels_in_context
from coranto_classifier.entities.multilingual.pieces import Matrix, PieceTable


@dataclass(frozen=True, slots=True)
class _WordOpinion:
    """What the pieces say of a word by itself, for its own row and for those of its neighbours."""

    own: tuple[str, ...]
    before: tuple[str, ...]  # for the row of the word before it
    after: tuple[str, ...]  # for the row of the word after it
    likeliest: str
    case: str
    inputs: Matrix
    fold: int


class OpinionMaker:
    """Features of sentences; those of a word are kept, because a text repeats its words."""

    def __init__(self, table: PieceTable) -> None:
        self._table = table
        self._known: KnownWords[_WordOpinion] = KnownWords(table, self._opinion_of)

    def add(self, sentences: Sequence[tuple[Sequence[list[str]], Sequence[str]]], source: str) -> None:
        """Add features to the rows of sentences, from their words; two of them also as the source's own."""
        self._known.learn([word for _, words in sentences for word in words])
        read = [self._known.of(words) for _, words in sentences]
        for (rows, _), known, levels in zip(sentences, read, levels_in_context(self._table, read), strict=True):
            self._add(rows, known, levels, source)

    def _add(
        self, rows: Sequence[list[str]], known: Sequence[_WordOpinion], levels: Sequence[Sequence[int]], source: str
    ) -> None:
        context = [_context(word.case, tuple(level)) for word, level in zip(known, levels, strict=True)]
        last = len(known) - 1
        for index, word in enumerate(known):
            row, (own, _, _, likeliest) = rows[index], context[index]
            row += word.own
            row += own
            row += (f"{source}~l{word.likeliest}", f"{source}~{own[-1]}")
            if index:
                near, (_, _, after, kind) = known[index - 1], context[index - 1]
                row += near.after
                row += after
                row += (f"-1x|x={kind}|{likeliest}", f"-1l|{near.likeliest}|{word.likeliest}")
            if index < last:
                near, (_, before, _, kind) = known[index + 1], context[index + 1]
                row += near.before
                row += before
                row += (f"1x|x={kind}|{likeliest}", f"1l|{near.likeliest}|{word.likeliest}")

    def _opinion_of(
        self, word: str, pieces: Sequence[int], level: Sequence[int], inputs: Matrix, fold: int
    ) -> _WordOpinion:
        case = "U" if word[:1].isupper() else "l"
        alone, inner = level[:3], level[3:]
        highest = max(alone)
        likeliest = f"{case}{KINDS[alone.index(highest)]}{highest}"
        kinds = [f"{kind}{value}" for kind, value in zip(KINDS, alone, strict=True)]
        own = [f"q{case}{kind}" for kind in kinds]
        own += [f"i{case}{kind}{value}" for kind, value in zip(KINDS, inner, strict=True)]
        own.append(f"l{likeliest}")
        beside = [f"q{kind}" for kind in kinds]
        classes = self._table.classes(pieces)
        if classes is not None:
            whole = "w" if len(pieces) == 1 else "p"
            own += [f"kf{whole}{classes[0]}:{case}", f"kb{whole}{classes[1]}:{case}"]
            beside.append(f"kb{classes[1]}")
        before, after = (tuple(f"{offset}{name}" for name in beside) for offset in (1, -1))
        return _WordOpinion(tuple(own), before, after, likeliest, case, inputs, fold)


@lru_cache(maxsize=20_000)
def _context(case: str, level: tuple[int, ...]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]:
    """Features of a word judged in context: for its own row, for those of the words before and after it; its likeliest kind."""
    own, kinds, likeliest = context_features(case, level)
    return tuple(own), tuple(f"1{name}" for name in kinds), tuple(f"-1{name}" for name in kinds), likeliest
