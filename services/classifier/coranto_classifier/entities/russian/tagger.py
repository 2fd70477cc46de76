"""Finds the spans of names in Russian text: slovnet's neural tagger, and a CRF on top of it (stacking).

slovnet is reliable for people and places, but often wrong about where an organisation ends. The CRF sees slovnet's tags
and scores, and the case and dictionary form of each word. It has learned from texts tagged by hand what belongs to a
name ("Верховный суд Пакистана").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.entities.bio import entity_spans
from coranto_classifier.entities.mention import EntityType
from coranto_classifier.topics.vectors import RussianVectors

TARGET_DOMAIN = "factrueval2016"
"""The training source whose conventions the tagger follows.

Features are copied per source (H. Daumé III, "Frustratingly Easy Domain Adaptation", 2007), as for English.
"""

Parse = Callable[[str], list[tuple[Any, str, float, Any]]]
_DOMAIN_FEATURES = ("b", "t=", "ts=", "-1t", "1t", "tp=", "w=", "l=", "-1tt", "p=")
"""Beginnings of the features that are copied per source."""

_OFFSETS = (-2, -1, 1, 2)
SLOVNET_FILE = "slovnet_ner_news_v1.tar"
_PIECE = 2000  # tokens; longer text is tagged in pieces, which bounds memory
_MOST_MARGIN = 6  # larger differences of scores mean the same: slovnet is certain


class RussianTagger:
    """Finds people, organisations and places in Russian text."""

    def __init__(self, models: Path, vectors: RussianVectors, parse: Parse) -> None:
        import pycrfsuite  # type: ignore[import-untyped]  # ships no types

        self._slovnet = Slovnet(models, vectors)
        self._parse = parse
        self._crf = pycrfsuite.Tagger()
        self._crf.open(str(models / "russian_names.crfsuite"))

    def spans(self, text: str) -> Iterator[tuple[int, int, EntityType]]:
        """Start, end and type of each name, in order."""
        tokens = self._slovnet.tokens(text)
        for first in range(0, len(tokens), _PIECE):
            piece = tokens[first : first + _PIECE]
            words = [text[start:end] for start, end in piece]
            tags = self._crf.tag(features(words, *self._slovnet.predict(words), self._parse, TARGET_DOMAIN))
            for start, end, kind in entity_spans(tags):
                yield piece[start][0], piece[end][1], kind


class Slovnet:
    """slovnet's tagger, with the scores of all tags beside the best one."""

    def __init__(self, models: Path, vectors: RussianVectors) -> None:
        self._infer: Any = _load_tagger(models / SLOVNET_FILE, vectors.navec)

    def tokens(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each token."""
        from slovnet.token import tokenize  # type: ignore[import-untyped]  # ships no types

        return [(token.start, token.stop) for token in tokenize(text)]

    def predict(self, words: list[str]) -> tuple[list[str], NDArray[np.float32]]:
        """The best tag of each word, and the scores of all tags (words × tags)."""
        infer = self._infer
        (batch,) = infer.encoder([words])
        scores = infer.model(batch.word_id, batch.shape_id, batch.pad_mask)
        (best,) = infer.model.head.crf.decode(scores, ~batch.pad_mask)
        return [infer.decoder.tags_vocab.decode(tag) for tag in best], scores[0]


def _load_tagger(file: Path, navec: Any) -> Any:
    """What infers tags. As `slovnet.NER.load`, which reads another copy of the vectors' 250,000 words.

    Sharing them saves 0.1 s and 45 MB in each process. A test holds that they are the same.
    """
    from slovnet.const import PAD, SHAPE, TAG, UNK  # type: ignore[import-untyped]  # ships no types
    from slovnet.exec.encoders import TagEncoder  # type: ignore[import-untyped]
    from slovnet.exec.infer import NERInfer, TagDecoder  # type: ignore[import-untyped]
    from slovnet.exec.model import NER  # type: ignore[import-untyped]
    from slovnet.exec.pack import Pack  # type: ignore[import-untyped]
    from slovnet.vocab import Vocab  # type: ignore[import-untyped]

    words = Vocab([])
    words.items, words.item_ids = navec.vocab.words, navec.vocab.word_ids
    words.unk_id, words.pad_id = words.item_ids[UNK], words.item_ids[PAD]
    with Pack(str(file)) as pack:
        pack.load_meta().check_protocol()
        model = pack.load_model(NER)
        arrays = dict(pack.load_arrays(model.weights))
        shapes, tags = pack.load_vocab(SHAPE), pack.load_vocab(TAG)
    return NERInfer(model.inject_arrays(arrays).inject_navec(navec), TagEncoder(words, shapes), TagDecoder(tags))


def features(
    words: Sequence[str], tags: Sequence[str], scores: NDArray[np.float32], parse: Parse, source: str
) -> list[list[str]]:
    """The features of each word. Their names are part of the trained model."""
    lowered = [word.lower() for word in words]
    shapes = [_shape(word) for word in words]
    morphology = [_morphology(word, parse) for word in words]
    ranks = np.argsort(-scores, axis=1)[:, :2]
    every = np.arange(len(words))
    margins = np.minimum(_MOST_MARGIN, scores[every, ranks[:, 0]] - scores[every, ranks[:, 1]]).astype(int).tolist()
    ranked = ranks.tolist()
    near_rows = [
        [
            [
                f"{offset}t={tag}",
                f"{offset}s={shape}",
                f"{offset}w={word}",
                f"{offset}p={kind[0]}|{kind[1]}",
                f"{offset}tt={tag}|",
            ]
            for tag, shape, word, kind in zip(tags, shapes, lowered, morphology, strict=True)
        ]
        for offset in _OFFSETS
    ]
    rows = []
    for index, word in enumerate(lowered):
        tag, (part, case, lemma) = tags[index], morphology[index]
        row = [
            "b", f"t={tag}", f"w={word}", f"s={shapes[index]}", f"ts={tag}|{shapes[index]}", f"p={part}",
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
        row += [f"{source}~{name}" for name in row if name.startswith(_DOMAIN_FEATURES)]
        rows.append(row)
    return rows


def _shape(word: str) -> str:
    """A for capitals, X for a capital first letter, x for lower case, 9 for a number, otherwise the character itself."""
    if word.isupper() and len(word) > 1:
        return "A"
    if word[:1].isupper():
        return "X"
    if word.isalpha():
        return "x"
    return "9" if word[:1].isdigit() else word[:1]


@lru_cache(maxsize=20_000)
def _morphology(word: str, parse: Parse) -> tuple[str, str, str]:
    """Part of speech, case and dictionary form, by the most probable reading."""
    if not (word.isalpha() or "-" in word.strip("-")):
        return (word if len(word) == 1 else "X", "-", word.lower())
    tag, lemma, _, _ = parse(word)[0]
    return str(tag.POS), str(tag.case), lemma
