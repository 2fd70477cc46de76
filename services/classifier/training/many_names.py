"""Trains the taggers of names in the languages that share the table of word pieces."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from coranto_classifier.entities.multilingual.features import FeatureMaker
from coranto_classifier.entities.multilingual.name_lists import AddFeatures, NameLists, feature_of_lists
from coranto_classifier.entities.multilingual.pieces import PieceTable, table_path
from coranto_classifier.entities.multilingual.sentence_network import network_path
from coranto_classifier.entities.multilingual.tokens import sentences_of, tokens_of
from training.name_lists import make_name_lists
from training.russian_names import read_texts, tags_of
from training.sentence_network import train_sentence_network
from training.window_networks import train_windows
from training.word_networks import Sentence, count_labels, may_have_names, train_networks
from training.word_pieces import make_pieces

SOURCES: dict[str, tuple[str, ...]] = {
    "bg": ("bg-tilde_bsnlp2021",),
    "cs": ("cs-tilde_bsnlp2021",),
    "da": ("da-uner_ddt",),
    "de": ("de-germeval2014",),
    "fi": ("fi-turku_ner",),
    "hr": ("hr-uner_set",),
    "hu": ("hu-nerkor",),
    "id": ("id-idner_news",),
    "no": ("nb-norne", "nn-norne"),
    "pl": ("pl-kpwr_test", "pl-tilde_bsnlp2021"),
    "pt": ("pt-uner_bosque",),
    "ro": ("ro-ronec", "ro-ronec_v1"),
    "sk": ("sk-uner_snk",),
    "sl": ("sl-tilde_bsnlp2021",),
    "sr": ("sr-uner_set",),
    "sv": ("sv-uner_talbanken",),
    "uk": ("uk-tilde_bsnlp2021",),
}
"""The files of each language. `uner_pud_visible` and the visible BSNLP texts are left for evaluation."""

ENGLISH_SOURCES = ("gum", "uner_ewt", "wikigold_visible", "crossner")
"""Files of English sentences that other taggers learn from too."""

LEARNED_FROM: dict[str, tuple[str, ...]] = {
    "bulgarian": ("bg", "uk", "ru"),
    "german": ("de", "en"),
    "nordic": ("da", "no", "sv"),
    "polish": ("cs", "pl", "sk", "sl"),
    "slavic": ("cs", "hr", "pl", "sk", "sl", "sr"),
}
"""The languages of each group's sentences, in the order in which they are read. Some only help, because they have taggers
of their own: English, Russian and Norwegian, and Polish in the group of Czech."""

_ONLY_TEACHING = frozenset({"en"})
"""Languages that a group learns from without features of their own: no text in them is read with these."""

_KINDS = ("person", "organisation", "place")
_BLOCK = 50  # sentences in a row that are held out together: a text, or nearly
_HELD_OUT_SHARE = 8  # one block in eight
_MOST_SENTENCES = 10_000  # of a language in a group
_MOST_ENGLISH_SENTENCES = 4_000  # of a file
_CONTRACTIONS = {
    ("de", "o"): "do", ("de", "a"): "da", ("de", "os"): "dos", ("de", "as"): "das", ("em", "o"): "no", ("em", "a"): "na",
    ("em", "os"): "nos", ("em", "as"): "nas", ("a", "o"): "ao", ("a", "os"): "aos", ("a", "a"): "à", ("a", "as"): "às",
    ("por", "o"): "pelo", ("por", "a"): "pela", ("por", "os"): "pelos", ("por", "as"): "pelas", ("de", "ele"): "dele",
    ("de", "ela"): "dela", ("em", "um"): "num", ("em", "uma"): "numa", ("de", "este"): "deste", ("de", "esta"): "desta",
}  # fmt: skip
"""Portuguese words that the treebank writes apart and newspapers as one."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained."""

    l1: float = 0.1
    l2: float = 0.05
    rounds: int = 70
    least_count: int = 2


RECIPES = {"polish": Recipe(rounds=60)}
"""The recipes of models that have one of their own."""


def read_language(data: Path, language: str, *, held_out: bool = False, without: Sequence[str] = ()) -> list[Sentence]:
    """A language's sentences without every eighth block, or with `held_out` those blocks, which are kept for evaluation."""
    if language == "ru":
        return list(_russian(data))
    if language == "en":
        return [
            sentence
            for name in ENGLISH_SOURCES
            if name not in without
            for sentence in islice(
                filter(may_have_names, _read(data / "entities_free" / f"{name}.jsonl.gz")), _MOST_ENGLISH_SENTENCES
            )
        ]
    return [
        sentence
        for name in SOURCES[language]
        if name not in without
        for number, sentence in enumerate(_read(data / "entities_more" / f"{name}.jsonl.gz"))
        if _is_held_out(name, number // _BLOCK) == held_out
    ]


def _is_held_out(name: str, block: int) -> bool:
    return hashlib.sha256(f"{name}{block}".encode()).digest()[0] % _HELD_OUT_SHARE == 0


def _read(path: Path) -> Iterator[Sentence]:
    if not path.exists():
        return
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            tags = [tag if tag[2:] in _KINDS else "O" for tag in row["tags"]]
            yield _resplit(row["tokens"], tags)


def _russian(data: Path) -> Iterator[Sentence]:
    """Sentences of the Russian texts that the Russian tagger learns from."""
    path = data / "entities" / "entities.jsonl.gz"
    for text in read_texts(path) if path.exists() else ():
        for start, end in sentences_of(text.text):
            tokens = [(start + first, start + last) for first, last in tokens_of(text.text[start:end])]
            yield [text.text[first:last] for first, last in tokens], tags_of(tokens, text.spans)


def _resplit(tokens: Sequence[str], tags: Sequence[str]) -> Sentence:
    """The tokens cut further where the tagger's own tokenizer cuts, with well-formed tags."""
    words: list[str] = []
    split_tags: list[str] = []
    previous = "O"
    for token, tag in zip(tokens, tags, strict=True):
        if tag.startswith("I-") and previous[2:] != tag[2:]:
            tag = f"B-{tag[2:]}"  # noqa: PLW2901 - corrected
        previous = tag
        is_whole = re.fullmatch(r"[^\W\d_]{1,4}\.", token)
        parts = [token] if is_whole else [token[start:end] for start, end in tokens_of(token)] or [token]
        for index, part in enumerate(parts):
            words.append(part)
            split_tags.append(tag if index == 0 or tag == "O" else f"I-{tag[2:]}")
    return words, split_tags


def contracted(sentence: Sentence) -> Sentence:
    """A Portuguese sentence as a newspaper writes it."""
    words, tags = sentence
    joined: Sentence = ([], [])
    index = 0
    while index < len(words):
        pair = (words[index].lower(), words[index + 1]) if index + 1 < len(words) else None
        one = _CONTRACTIONS.get(pair) if pair else None
        if one and tags[index].startswith("B-") is False and (tags[index] == "O") == (tags[index + 1] == "O"):
            joined[0].append(one.title() if words[index][0].isupper() else one)
            joined[1].append(tags[index])
            index += 2
        else:
            joined[0].append(words[index])
            joined[1].append(tags[index])
            index += 1
    return joined


def written_forms(language: str, sentences: Sequence[Sentence]) -> Iterator[Sentence]:
    """The sentences; every second Portuguese one as newspapers write it, the others as the treebank does."""
    for number, sentence in enumerate(sentences):
        yield contracted(sentence) if language == "pt" and number % 2 else sentence


def make_table(target: Path, sentences: Sequence[Sentence], russian: Sequence[Sentence] = ()) -> None:
    """Write the table of pieces, and the networks that learned from the sentences; those in context from Russian ones too."""
    path = table_path(target)
    arrays = _stored_pieces(path) or make_pieces()
    _store(path, arrays)
    table = PieceTable(target)
    arrays |= train_networks(table, count_labels(sentences)) | train_windows(table, [*sentences, *russian])
    _store(path, arrays)


def _stored_pieces(path: Path) -> dict[str, Any] | None:
    """The arrays of a table that exists; the networks are left out."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in ("pieces", "vectors", "scales", "classes")}


def _store(path: Path, arrays: dict[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def make_network(
    data: Path, table: PieceTable, target: Path, *, without: Sequence[str], say: Callable[[str], None]
) -> int:
    """Train and store the network that reads whole sentences in all languages. Returns the number of sentences.

    The same files give the same bytes.
    """
    # Wikigold is what the English tagger is judged by.
    found = {
        language: list(written_forms(language, read_language(data, language, without=[*without, "wikigold_visible"])))
        for language in (*SOURCES, "ru", "en")
    }
    sentences = {language: own for language, own in found.items() if own}
    if sentences:
        _store(network_path(target), train_sentence_network(table, sentences, say=say))
    return sum(map(len, sentences.values()))


def lists_to_learn_with(data: Path, languages: Sequence[str]) -> dict[str, list[AddFeatures]]:
    """What adds the features of lists, for those of the languages that have some."""
    made = {language: make_name_lists(data, language) for language in languages}
    return {
        language: [feature_of_lists(NameLists(lists, language))]
        for language, lists in made.items()
        if lists is not None
    }


def train(
    data: Path,
    languages: Sequence[str],
    maker: FeatureMaker,
    target: Path,
    *,
    recipe: Recipe | None = None,
    more: Mapping[str, Sequence[AddFeatures]] | None = None,
    without: Sequence[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """Train one model for the languages; `more` adds features of lists to the rows of a language's sentences.

    Returns the number of sentences. The same files give the same bytes.
    """
    import pycrfsuite  # type: ignore[import-untyped]  # ships no types

    recipe = recipe or Recipe()
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.select("lbfgs")
    trainer.set_params(
        {
            "c1": recipe.l1,
            "c2": recipe.l2,
            "max_iterations": recipe.rounds,
            "feature.possible_transitions": True,
            "feature.minfreq": recipe.least_count,
        }
    )
    count = 0
    several = len(languages) > 1
    for language in languages:
        sentences = read_language(data, language, without=without)
        if several:
            sentences = [sentence for sentence in sentences if may_have_names(sentence)][:_MOST_SENTENCES]
        keys = [language] if several and language not in _ONLY_TEACHING else []
        for words, tags in written_forms(language, sentences):
            rows = maker.rows(words, keys)
            for add_features in (more or {}).get(language, ()):
                add_features(rows, words)
            trainer.append(rows, tags)
            count += 1
    if not count:
        return 0
    say(f"names {' '.join(languages)}: {count} sentences")
    trainer.train(str(target))
    return count
