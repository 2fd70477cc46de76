"""Where names stand in Russian text: slovnet's neural tagger, and a CRF that weighs its opinion once more.

slovnet is sure of people and places and unsure where an organisation ends. The CRF sees its opinion, how sure it was,
and each word's case and dictionary form, and has learned from texts tagged by hand what belongs to a name ("Верховный
суд Пакистана").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.entities.english.recognizer import runs
from coranto_classifier.entities.mention import NameType
from coranto_classifier.topics.vectors import WordVectors

HOME = "factrueval2016"
"""The source whose conventions the tagger follows; others lend it their words."""

Parse = Callable[[str], list[tuple[Any, str, float, Any]]]
_LEARNED_TWICE = ("b", "t=", "ts=", "-1t", "1t", "tp=", "w=", "l=", "-1tt", "p=")
_OFFSETS = (-2, -1, 1, 2)
_PIECE = 2000  # tokens; a wall of text is tagged in pieces


class RussianTagger:
    """Spans of people, organisations and places in Russian text."""

    def __init__(self, models: Path, vectors: WordVectors, parse: Parse) -> None:
        import pycrfsuite  # type: ignore[import-untyped]  # ships no types

        self._slovnet = Slovnet(models, vectors)
        self._parse = parse
        self._crf = pycrfsuite.Tagger()
        self._crf.open(str(models / "russian_names.crfsuite"))

    def spans(self, text: str) -> Iterator[tuple[int, int, NameType]]:
        """Start, end and type of each name, in order."""
        tokens = self._slovnet.tokens(text)
        for first in range(0, len(tokens), _PIECE):
            piece = tokens[first : first + _PIECE]
            words = [text[start:end] for start, end in piece]
            tags = self._crf.tag(features(words, *self._slovnet.opinion(words), self._parse, HOME))
            for start, end, kind in runs(tags):
                yield piece[start][0], piece[end][1], kind


class Slovnet:
    """slovnet's tagger, opened up: its opinion of each word and how sure it is."""

    def __init__(self, models: Path, vectors: WordVectors) -> None:
        from slovnet import NER  # type: ignore[import-untyped]  # ships no types

        tagger: Any = NER.load(str(models / "slovnet_ner_news_v1.tar"))
        tagger.navec(vectors.navec)
        self._infer: Any = tagger.infer
        words = self._infer.encoder.words_vocab
        if words.items == vectors.navec.vocab.words:
            # The tagger brings the vectors' quarter of a million words a second time: some 45 MB a process.
            words.items, words.item_ids = vectors.navec.vocab.words, vectors.navec.vocab.word_ids

    def tokens(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each token."""
        from slovnet.token import tokenize  # type: ignore[import-untyped]  # ships no types

        return [(token.start, token.stop) for token in tokenize(text)]

    def opinion(self, words: list[str]) -> tuple[list[str], NDArray[np.float32]]:
        """The tag of each word, and the score of every tag for it."""
        infer = self._infer
        (batch,) = infer.encoder([words])
        scores = infer.model(batch.word_id, batch.shape_id, batch.pad_mask)
        (best,) = infer.model.head.crf.decode(scores, ~batch.pad_mask)
        return [infer.decoder.tags_vocab.decode(tag) for tag in best], scores[0]


def features(
    words: Sequence[str], tags: Sequence[str], scores: NDArray[np.float32], parse: Parse, source: str
) -> list[list[str]]:
    """What the CRF sees of each word. What it learns of `source` alone is kept apart from what holds for all."""
    lowered = [word.lower() for word in words]
    outlines = [_outline(word) for word in words]
    kinds = [_kind(word, parse) for word in words]
    ranks = np.argsort(-scores, axis=1)[:, :2]
    every = np.arange(len(words))
    margins = np.minimum(6, scores[every, ranks[:, 0]] - scores[every, ranks[:, 1]]).astype(int).tolist()
    ranked = ranks.tolist()
    near_rows = [
        [
            [
                f"{offset}t={tag}",
                f"{offset}s={outline}",
                f"{offset}w={word}",
                f"{offset}p={kind[0]}|{kind[1]}",
                f"{offset}tt={tag}|",
            ]
            for tag, outline, word, kind in zip(tags, outlines, lowered, kinds, strict=True)
        ]
        for offset in _OFFSETS
    ]
    rows = []
    for index, word in enumerate(lowered):
        tag, (part, case, lemma) = tags[index], kinds[index]
        row = [
            "b", f"t={tag}", f"w={word}", f"s={outlines[index]}", f"ts={tag}|{outlines[index]}", f"p={part}",
            f"tp={tag}|{part}|{case}", f"e3={word[-3:]}", f"l={lemma}",
            f"e2={ranked[index][0]}|{ranked[index][1]}|{margins[index]}",
        ]  # fmt: skip
        for offset, near_row in zip(_OFFSETS, near_rows, strict=True):
            near = index + offset
            if 0 <= near < len(words):
                *others, neighbour = near_row[near]
                row += [*others, neighbour + tag]
            else:
                row.append(f"{offset}E")
        row += [f"{source}~{name}" for name in row if name.startswith(_LEARNED_TWICE)]
        rows.append(row)
    return rows


def _outline(word: str) -> str:
    """Capitals, capital first, small, number, or the mark itself."""
    if word.isupper() and len(word) > 1:
        return "A"
    if word[:1].isupper():
        return "X"
    if word.isalpha():
        return "x"
    return "9" if word[:1].isdigit() else word[:1]


@lru_cache(maxsize=20_000)
def _kind(word: str, parse: Parse) -> tuple[str, str, str]:
    """Part of speech, case and dictionary form by the likeliest reading."""
    if not (word.isalpha() or "-" in word.strip("-")):
        return (word if len(word) == 1 else "X", "-", word.lower())
    tag, lemma, _, _ = parse(word)[0]
    return str(tag.POS), str(tag.case), lemma
