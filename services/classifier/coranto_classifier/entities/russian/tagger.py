"""Finds the spans of names in Russian text: slovnet's neural tagger, and a CRF on top of it (stacking).

slovnet is reliable for people and places, but often wrong about where an organisation ends. The CRF sees slovnet's tags
and scores, the last layer of its network, and the case and dictionary form of each word. It has learned from texts
tagged by hand what belongs to a name ("Верховный суд Пакистана").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.entities.bio import entity_spans
from coranto_classifier.entities.mention import EntityType
from coranto_classifier.entities.russian.dictionary import is_town, place_of_adjective
from coranto_classifier.topics.vectors import RussianVectors
from coranto_classifier.word_lists import word_list

TARGET_DOMAIN = "factrueval2016"
"""The training source whose conventions the tagger follows.

Features are copied per source (H. Daumé III, "Frustratingly Easy Domain Adaptation", 2007), as for English.
"""

Parse = Callable[[str], list[tuple[Any, str, float, Any]]]
_OFFSETS = (-2, -1, 1, 2)
_MARKS = (("n", "Name"), ("s", "Surn"), ("p", "Patr"), ("g", "Geox"), ("o", "Orgn"), ("a", "Abbr"))
_HEADS = (("O", word_list("russian_organisation_heads")), ("P", word_list("russian_place_heads")))
_OPENING, _CLOSING = frozenset('«“„"'), frozenset('»”"')
_LONGEST_QUOTED = 9  # tokens with the closing mark; longer quotations are speech
_UNITS = [f"z{unit}" for unit in range(64)]
_SILENT = 0.05  # a unit's value below which it says nothing
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
            tags = self._crf.tag(features(words, self._slovnet.predict(words), self._parse, TARGET_DOMAIN))
            for start, end, kind in entity_spans(tags):
                yield piece[start][0], piece[end][1], kind


@dataclass(frozen=True, slots=True)
class Judgement:
    """What slovnet says of the words of a text."""

    tags: list[str]
    """The best tag of each word."""
    scores: NDArray[np.float32]
    """The scores of all tags (words × tags)."""
    units: NDArray[np.float32]
    """The last layer of its network, which sees nine words (words × 64). Zero or more, about one where a unit speaks."""


class Slovnet:
    """slovnet's tagger, with what it bases its tags on."""

    def __init__(self, models: Path, vectors: RussianVectors) -> None:
        self._infer: Any = _load_tagger(models / SLOVNET_FILE, vectors.navec)

    def tokens(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each token."""
        from slovnet.token import tokenize  # type: ignore[import-untyped]  # ships no types

        return [(token.start, token.stop) for token in tokenize(text)]

    def predict(self, words: list[str]) -> Judgement:
        """What slovnet says of each word."""
        infer = self._infer
        model = infer.model
        (batch,) = infer.encoder([words])
        layer = model.encoder(model.emb(batch.word_id, batch.shape_id), batch.pad_mask)
        scores = model.head(layer)
        best = best_path(scores[0], model.head.crf.transitions.array)
        tags = [infer.decoder.tags_vocab.decode(tag) for tag in best]
        return Judgement(tags, scores[0], _without_norm(layer[0], model.encoder.layers[-1].norm))


def best_path(scores: NDArray[np.float32], transitions: NDArray[np.float32]) -> list[int]:
    """The most probable sequence of tags (Viterbi), as slovnet finds it; for one text, which is quicker."""
    score = scores[0]
    came_from: list[list[int]] = []
    for emission in scores[1:]:
        paths = score[:, None] + transitions + emission
        came_from.append(paths.argmax(0).tolist())
        score = paths.max(0)
    tags = [int(score.argmax())]
    for previous in reversed(came_from):
        tags.append(previous[tags[-1]])
    return tags[::-1]


def _without_norm(layer: NDArray[np.float32], norm: Any) -> NDArray[np.float32]:
    """The layer as before its batch normalisation, in units of the deviation that slovnet was trained with.

    Most values are then zero, and a feature that is zero costs nothing.
    """
    return np.asarray((layer - norm.bias.array) / norm.weight.array + norm.mean.array / norm.std.array, np.float32)


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


def features(words: Sequence[str], judgement: Judgement, parse: Parse, source: str) -> list[dict[str, float]]:
    """The features of each word. Their names are part of the trained model."""
    tags, scores = judgement.tags, judgement.scores
    known = [_known(word, parse) for word in words]
    ranks = np.argsort(-scores, axis=1)[:, :2]
    every = np.arange(len(words))
    margins = np.minimum(_MOST_MARGIN, scores[every, ranks[:, 0]] - scores[every, ranks[:, 1]]).astype(int).tolist()
    ranked = ranks.tolist()
    quoted = _quoted(words)
    rows: list[dict[str, float]] = []
    for index, (tag, each) in enumerate(zip(tags, known, strict=True)):
        word, shape, part, ending, lemma, marks = each.own
        first, second = ranked[index]
        tagged = (f"t={tag}", f"ts={tag}|{each.shape}", f"tp={tag}|{each.part}|{each.case}")
        row = [
            "b", tagged[0], word, shape, tagged[1], part, tagged[2], ending, lemma,
            f"e2={first}|{second}|{margins[index]}", marks,
        ]  # fmt: skip
        copied = ["b", tagged[0], word, tagged[1], part, tagged[2], lemma, marks]
        for offset in _OFFSETS:
            near = index + offset
            if 0 <= near < len(words):
                pair = (f"{offset}t={tags[near]}", f"{offset}tt={tags[near]}|{tag}")
                row.append(pair[0])
                row += known[near].beside[offset]
                row.append(pair[1])
                if abs(offset) == 1:
                    copied += pair
            else:
                row.append(f"{offset}E")
        if index + 1 < len(words):
            row.append(f"ll={each.lemma}|{known[index + 1].lemma}")
        if index in quoted:
            place, opening = quoted[index]
            before = known[opening - 1] if opening else None
            quote = (f"q={place}", f"qh={before.head if before else '-'}")
            row += (*quote, f"qw={before.lemma if before else '-'}")
            copied += quote
        row += [f"{source}~{name}" for name in copied]
        rows.append(dict.fromkeys(row, 1.0))
    loud = judgement.units > _SILENT
    places, units = (each.tolist() for each in np.nonzero(loud))
    for index, unit, value in zip(places, units, judgement.units[loud].tolist(), strict=True):
        rows[index][_UNITS[unit]] = value
    return rows


def _quoted(words: Sequence[str]) -> dict[int, tuple[str, int]]:
    """Of the words from an opening quotation mark to the closing one: B, I or E, and where the opening mark stands."""
    found: dict[int, tuple[str, int]] = {}
    index = 0
    while index < len(words):
        opening = index
        index += 1
        if words[opening] not in _OPENING:
            continue
        last = next(
            (end for end in range(index, min(len(words), index + _LONGEST_QUOTED)) if words[end] in _CLOSING), None
        )
        if last is not None:
            found |= dict.fromkeys(range(index, last), ("I", opening))
            found[opening], found[last] = ("B", opening), ("E", opening)
            index = last + 1
    return found


def _shape(word: str) -> str:
    """A for capitals, X for a capital first letter, x for lower case, 9 for a number, otherwise the character itself."""
    if word.isupper() and len(word) > 1:
        return "A"
    if word[:1].isupper():
        return "X"
    if word.isalpha():
        return "x"
    return "9" if word[:1].isdigit() else word[:1]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the dictionary and the lists know of a word, and the features that follow from the word alone."""

    shape: str
    part: str
    case: str
    lemma: str
    head: str
    """O and P for a word that names of organisations and of places begin with, A for a place's adjective."""
    own: tuple[str, str, str, str, str, str]
    """Of the word itself: its letters, shape, part of speech, ending, dictionary form, and the kinds of names it may be."""
    beside: dict[int, tuple[str, ...]]
    """Of the words beside it, by their offset."""


@lru_cache(maxsize=4_000)
def _marks_of(tag: Any) -> str:
    """A letter for each kind of name that a reading stands for. The dictionary has few tags, and asking one is slow."""
    return "".join(letter for letter, mark in _MARKS if mark in tag)


@lru_cache(maxsize=20_000)
def _known(word: str, parse: Parse) -> _Known:
    """Part of speech, case and dictionary form by the most probable reading; kinds of names by any of the first six."""
    lower, shape = word.lower(), _shape(word)
    part, case, lemma, marks, head = word if len(word) == 1 else "X", "-", lower, "-", ""
    if word.isalpha() or "-" in word.strip("-"):
        parses = parse(word)[:6]
        tag, lemma, _, _ = parses[0]
        part, case = str(tag.POS), str(tag.case)
        seen = "".join(_marks_of(each) for each, _, _, _ in parses)
        marks = "".join(letter for letter, _ in _MARKS if letter in seen)
        marks = f"{marks}t" if is_town(lemma) else marks or "0"
        head = "".join(letter for letter, listed in _HEADS if {lemma, lemma.rsplit("-", 1)[-1]} & listed)
        head = f"{head}A" if place_of_adjective(word) else head
    beside = {
        offset: (
            f"{offset}s={shape}",
            f"{offset}w={lower}",
            f"{offset}p={part}|{case}",
            *((f"{offset}l={lemma}", f"{offset}fl={marks}") if abs(offset) == 1 else ()),
        )
        for offset in _OFFSETS
    }
    own = (
        f"w={lower}",
        f"s={shape}",
        f"p={part}",
        f"e3={lower[-3:]}",
        f"l={lemma}",
        f"fl={marks}|{word[:1].isupper()}",
    )
    return _Known(shape, part, case, lemma, head, own, beside)
