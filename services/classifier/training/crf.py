"""Trains the English tagger on sentences with BIO tags."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from coranto_classifier.entities.english.recognizer import Lists, features, spellings, tokens_of
from coranto_classifier.word_lists import word_list

_DEMONYMS = word_list("english_demonyms")

SOURCES = ("crossner", "gum", "uner_ewt", "wikigold_visible", "wnut17", "events_links")
"""Files that are learned from; `btc` is left out: four megabytes of model for nothing gained on news."""

_WELL_SPELLED = ("crossner", "gum", "uner_ewt")
_DOCUMENT = 8  # sentences of a file in a row stand for one text when spellings are counted


def read_sentences(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Tokens and tags of each sentence, split as the tagger will see text."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            yield _resplit(row["tokens"], row["tags"])


def written_texts(data: Path) -> Iterator[list[str]]:
    """Texts that show how English words are written inside sentences, as tokens."""
    for name in _WELL_SPELLED:
        path = data / "entities_free" / f"{name}.jsonl.gz"
        if path.exists():
            yield from (words for words, _ in read_sentences(path))
    path = data / "topics_free" / "topics_free.jsonl.gz"
    if path.exists():
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row: dict[str, Any] = json.loads(line)
                if row["source"] == "wikipedia-current-events":
                    yield [row["text"][start:end] for start, end in tokens_of(row["text"])]


def _resplit(tokens: list[str], tags: list[str]) -> tuple[list[str], list[str]]:
    """Tokens cut further where the tagger's own tokeniser cuts, tags carried along."""
    words: list[str] = []
    marks: list[str] = []
    for token, tag in zip(tokens, tags, strict=True):
        parts = [token[start:end] for start, end in tokens_of(token)] or [token]
        if token.endswith(".") and len(token) == 2:
            parts = [token]
        for index, part in enumerate(parts):
            words.append(part)
            marks.append(tag if index == 0 or tag == "O" else f"I-{tag[2:]}")
    return words, marks


def _mended(words: list[str], tags: list[str]) -> list[str]:
    """Tags without two habits of the silver set: adjectives of nations as places, and the U.S. as an organisation."""
    mended = list(tags)
    for index, (word, tag) in enumerate(zip(words, tags, strict=True)):
        is_whole = index + 1 == len(tags) or not tags[index + 1].startswith("I-")
        if is_whole and tag == "B-place" and word.lower() in _DEMONYMS:
            mended[index] = "O"
        elif is_whole and tag == "B-organisation" and word in {"U.S.", "US", "UK", "U.K."}:
            mended[index] = "B-place"
    return mended


def train(
    sources: Iterable[Path], lists: Lists, target: Path, *, l1: float = 0.1, l2: float = 0.05, iterations: int = 100
) -> int:
    """Trains on the files and stores the model; gives the number of sentences. Same files, same bytes."""
    import pycrfsuite  # type: ignore[import-untyped]  # ships no types

    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.select("lbfgs")
    trainer.set_params(
        {"c1": l1, "c2": l2, "max_iterations": iterations, "feature.possible_transitions": True, "feature.minfreq": 2}
    )
    count = 0
    for source in sources:
        sentences = list(read_sentences(source))
        for first in range(0, len(sentences), _DOCUMENT):
            group = sentences[first : first + _DOCUMENT]
            seen = spellings([word for words, _ in group for word in [*words, "\n"]])
            for words, tags in group:
                trainer.append(features(words, lists, seen, source=source.name.split(".")[0]), _mended(words, tags))
                count += 1
    trainer.train(str(target))
    return count
