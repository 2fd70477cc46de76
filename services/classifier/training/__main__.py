"""Makes the models: `python -m training --data DIR [--target DIR] [--only PART] [--without SOURCE]`.

Run it in `services/classifier` of a checkout, or as `make models`. DIR holds `topics/*.jsonl.gz` and
`topics_free/*.jsonl.gz` (labelled texts), and `entities_free/*.jsonl.gz` and `entities_more/*.jsonl.gz` (sentences with
BIO tags), in the forms that MODELS.md describes. A missing file is skipped, and the model that it is for stays as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coranto_classifier.topics.vectors import TextVectors
    from training.topics import LabelledText

# One thread: sums are then added in a fixed order, and the same files give the same bytes.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

SHIPPED = Path(str(files("coranto_classifier").joinpath("models")))
"""Where the package keeps its models."""

OWN_TEXTS = Path(__file__).parent / "own"
"""Texts written for the topics of which the labelled files have few."""


def make_russian_places(_data: Path, _target: Path, _without: list[str]) -> None:
    """Write the gazetteer of towns in Russian."""
    from training.lists import make_russian_places as write

    write(Path(str(files("coranto_classifier").joinpath("data/russian_places.txt.gz"))))


def make_russian(_data: Path, target: Path, _without: list[str]) -> None:
    """Fetch the Russian tagger and vectors, where they are missing."""
    from training.russian import FILES, take_models

    if not all((target / name).exists() for name in FILES):
        take_models(target)


def make_countries(_data: Path, _target: Path, _without: list[str]) -> None:
    """Write the gazetteer of countries."""
    from training.countries import make_countries as write

    write(Path(str(files("coranto_classifier").joinpath("data/countries.tsv"))))


def make_cities(_data: Path, target: Path, _without: list[str]) -> None:
    """Write the list of well-known places, and the table of cities' numbers."""
    from coranto_classifier.entities.english.gazetteer import Gazetteer
    from coranto_classifier.entities.multilingual.forms import ENDINGS
    from training.cities import make_city_ids, make_known_places

    folder = Path(str(files("coranto_classifier").joinpath("data")))
    make_known_places(folder / "known_places.tsv", sorted(ENDINGS))
    make_city_ids(folder / "city_ids.tsv.gz", Gazetteer(target))


def make_names(data: Path, target: Path, without: list[str]) -> None:
    """Train the English tagger."""
    from coranto_classifier.entities.english.gazetteer import Gazetteer
    from coranto_classifier.entities.multilingual.opinions import OpinionMaker
    from coranto_classifier.entities.multilingual.pieces import PieceTable, table_path
    from training import crf
    from training.lists import make_lists

    make_lists(target / "english_lists.json.gz", crf.written_texts(data))
    paths = [data / "entities_free" / f"{name}.jsonl.gz" for name in crf.SOURCES if name not in without]
    # Without sentences in other languages no table is made: then the shipped one serves.
    opinions = OpinionMaker(PieceTable(target if table_path(target).exists() else SHIPPED))
    found = [path for path in paths if path.exists()]
    count = crf.train(found, Gazetteer(target), opinions, target / "english_names.crfsuite")
    _say(f"English tagger: {count} sentences")


def make_russian_names(data: Path, target: Path, _without: list[str]) -> None:
    """Train what stands on top of the Russian tagger."""
    from training.russian_names import read_texts, train

    path = data / "entities" / "entities.jsonl.gz"
    if path.exists():
        count = train(read_texts(path), target)
        _say(f"Russian tagger: {count} texts")


def make_people(data: Path, _target: Path, _without: list[str]) -> None:
    """Write the table of well-known people."""
    from training.people import make_people as write

    path = data / "entities" / "entities.jsonl.gz"
    if path.exists():
        count = write(path, Path(str(files("coranto_classifier").joinpath("data/people_ids.tsv"))))
        _say(f"people with a number: {count}")


def make_declinable(data: Path, target: Path) -> None:
    """Write the names that Slavic, Finnish and Hungarian names are put into the nominative with."""
    from coranto_classifier.entities.multilingual.base_names import base_names_path
    from coranto_classifier.entities.multilingual.case_endings import WITH_CASE_ENDINGS
    from coranto_classifier.entities.multilingual.declension import DECLINED
    from training.base_names import make_base_names
    from training.lists import census_given_names

    make_base_names(
        data,
        sorted(DECLINED | WITH_CASE_ENDINGS),
        (name.title() for name in census_given_names()),
        base_names_path(target),
    )


def make_many_names(data: Path, target: Path, without: list[str]) -> None:
    """Train the taggers of the other languages, and the table of word pieces that they share."""
    from coranto_classifier.entities.multilingual.features import FeatureMaker
    from coranto_classifier.entities.multilingual.german_words import (
        german_features,
        german_words_path,
        read_german_words,
    )
    from coranto_classifier.entities.multilingual.name_lists import lists_path
    from coranto_classifier.entities.multilingual.pieces import PieceTable
    from coranto_classifier.entities.multilingual.recognizer import MODELS, WITH_LISTS
    from training.german_words import make_german_words
    from training.many_names import (
        LEARNED_FROM,
        RECIPES,
        SOURCES,
        lists_to_learn_with,
        make_table,
        read_language,
        train,
    )
    from training.name_lists import make_name_lists, store_name_lists

    make_declinable(data, target)
    sentences = [each for code in SOURCES for each in read_language(data, code, without=without)]
    if not sentences:
        return
    make_table(target, sentences, read_language(data, "ru"))
    for code in sorted(code for name in WITH_LISTS for code in MODELS[name]):
        names = make_name_lists(data, code)
        if names is not None:
            store_name_lists(names, lists_path(target, code))
    make_german_words(data, read_language(data, "de", without=without), german_words_path(target))
    maker = FeatureMaker(PieceTable(target))
    for name, languages in MODELS.items():
        learned_from = LEARNED_FROM.get(name, languages)
        more = lists_to_learn_with(data, learned_from) if name in WITH_LISTS else {}
        if name == "german" and "de" in more:
            more["de"] += german_features(*read_german_words(target))
        count = train(
            data,
            learned_from,
            maker,
            target / f"names_{name}.crfsuite",
            recipe=RECIPES.get(name),
            more=more,
            without=without,
        )
        _say(f"taggers of {' '.join(languages)}: {count} sentences")


def make_names_network(data: Path, target: Path, without: list[str]) -> None:
    """Train the network that reads whole sentences in all languages."""
    from coranto_classifier.entities.multilingual.pieces import PieceTable, table_path
    from training.many_names import make_network

    table = PieceTable(target if table_path(target).exists() else SHIPPED)
    _say(f"network of sentences: {make_network(data, table, target, without=without, say=_say)} sentences")


def make_english_vectors(data: Path, target: Path, without: list[str]) -> None:
    """Distil the vectors of English words, where they are missing."""
    from coranto_classifier.topics.vectors import ENGLISH_FILES
    from training.english_vectors import make_english_vectors as write
    from training.english_vectors import tagged_sentences

    if not all((target / name).exists() for name in ENGLISH_FILES):
        texts = [text.text for text in _labelled_texts(data, without) if text.language == "en"]
        _say(f"English vectors: {write([*texts, *tagged_sentences(data / 'entities_free')], target)} words")


def make_topics(data: Path, target: Path, without: list[str]) -> None:
    """Train and calibrate the topic models."""
    from coranto_classifier.topics.vectors import EnglishVectors, RussianVectors
    from training.topics import (
        RECIPES,
        answered_languages,
        general_texts,
        modest_languages,
        read_texts,
        shares_of_others,
        train,
    )

    texts = _labelled_texts(data, without)
    own = read_texts(sorted(OWN_TEXTS.glob("*.jsonl")), without=without)
    vectors: dict[str, TextVectors] = {"ru": RussianVectors(target), "en": EnglishVectors(target)}
    card: dict[str, Any] = {"version": "topics-7", "languages": {}, "figures": {}}
    card["answered"] = answered_languages(general_texts(texts))
    card["modest"] = modest_languages(general_texts(texts))
    card["stands_for"] = shares_of_others()
    for language, recipe in RECIPES.items():
        chosen = general_texts(texts) if language == "*" else [text for text in texts if text.language == language]
        chosen += [text for text in own if text.language == language]
        name = f"topics_{'other' if language == '*' else language}.npz"
        card["figures"][language] = train(chosen, target / name, recipe, vectors.get(language))
        card["languages"][language] = name
        _say(f"topics {language}: {card['figures'][language]}")
    card["sources"] = sorted({text.source for text in [*texts, *own]})
    (target / "topics.json").write_text(json.dumps(card, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _labelled_texts(data: Path, without: list[str]) -> list[LabelledText]:
    """The texts that may be trained on."""
    from training.topics import read_texts

    paths = [*sorted((data / "topics").glob("*.jsonl.gz")), *sorted((data / "topics_free").glob("*.jsonl.gz"))]
    return read_texts(paths, without=without)


PARTS: dict[str, Callable[[Path, Path, list[str]], None]] = {
    "russian": make_russian,
    "countries": make_countries,
    "russian_places": make_russian_places,
    "russian_names": make_russian_names,
    "many_names": make_many_names,
    "names_network": make_names_network,
    "names": make_names,
    "cities": make_cities,
    "people": make_people,
    "english_vectors": make_english_vectors,
    "topics": make_topics,
}


def _say(sentence: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {sentence}\n")
    sys.stdout.flush()


def main() -> None:
    """Make the parts that the arguments name."""
    parser = argparse.ArgumentParser(description="Make the classifier's models from labelled files.")
    parser.add_argument("--data", type=Path, required=True, help="directory of the labelled files")
    parser.add_argument(
        "--target",
        type=Path,
        default=SHIPPED,
        help="where models are stored",
    )
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="make this part only; may be repeated")
    parser.add_argument("--without", action="append", default=[], help="leave a source out; may be repeated")
    arguments = parser.parse_args()
    arguments.target.mkdir(parents=True, exist_ok=True)
    for name, make in PARTS.items():
        if not arguments.only or name in arguments.only:
            make(arguments.data, arguments.target, arguments.without)


if __name__ == "__main__":
    main()
