"""Trains the English tagger on sentences with BIO tags."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from coranto_classifier.entities.english.features import features
from coranto_classifier.entities.english.gazetteer import Gazetteer
from coranto_classifier.entities.english.tokens import count_cases, tokens_of
from coranto_classifier.entities.multilingual.opinions import OpinionMaker
from coranto_classifier.word_lists import word_list

_DEMONYMS = word_list("english_demonyms")

SOURCES = ("crossner", "gum", "uner_ewt", "wikigold_visible", "wnut17", "events_links")
"""Files that are trained on. `btc` is left out: it adds four megabytes to the model and gains nothing on news."""

_EDITED = ("crossner", "gum", "uner_ewt")
_DOCUMENT = 8  # consecutive sentences of a file that are taken for one text when capitalisation is counted


def read_sentences(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Tokens and tags of each sentence, cut as the tagger cuts text."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            yield _resplit(row["tokens"], row["tags"])


def written_texts(data: Path) -> Iterator[list[str]]:
    """Texts, as tokens, from which the usual capitalisation of English words is learned."""
    for name in _EDITED:
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
    """The tokens cut further where the tagger's own tokenizer cuts, with their tags."""
    words: list[str] = []
    split_tags: list[str] = []
    for token, tag in zip(tokens, tags, strict=True):
        parts = [token[start:end] for start, end in tokens_of(token)] or [token]
        if token.endswith(".") and len(token) == 2:
            parts = [token]
        for index, part in enumerate(parts):
            words.append(part)
            split_tags.append(tag if index == 0 or tag == "O" else f"I-{tag[2:]}")
    return words, split_tags


def _without_known_mistakes(words: list[str], tags: list[str]) -> list[str]:
    """The tags without two mistakes of the silver set: demonyms as places, and the U.S. as an organisation."""
    corrected = list(tags)
    for index, (word, tag) in enumerate(zip(words, tags, strict=True)):
        is_whole = index + 1 == len(tags) or not tags[index + 1].startswith("I-")
        if is_whole and tag == "B-place" and word.lower() in _DEMONYMS:
            corrected[index] = "O"
        elif is_whole and tag == "B-organisation" and word in {"U.S.", "US", "UK", "U.K."}:
            corrected[index] = "B-place"
    return corrected


def train(
    sources: Iterable[Path],
    gazetteer: Gazetteer,
    opinions: OpinionMaker,
    target: Path,
    *,
    l1: float = 0.1,
    l2: float = 0.05,
    iterations: int = 60,
) -> int:
    """Train on the files and store the model. Returns the number of sentences. The same files give the same bytes."""
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
            cases = count_cases([word for words, _ in group for word in [*words, "\n"]])
            for words, tags in group:
                rows = features(words, gazetteer, opinions, cases, source=source.name.split(".")[0])
                trainer.append(rows, _without_known_mistakes(words, tags))
                count += 1
    trainer.train(str(target))
    return count
