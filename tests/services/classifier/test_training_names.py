"""Making the taggers that share word pieces: which sentences are learned from, and that no network judges what it learned."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from coranto_classifier.entities.english.recognizer import EnglishRecognizer
from coranto_classifier.entities.multilingual.base_names import BaseNames, base_names_path
from coranto_classifier.entities.multilingual.features import FeatureMaker
from coranto_classifier.entities.multilingual.name_lists import NameLists, lists_path, read_lists
from coranto_classifier.entities.multilingual.opinions import OpinionMaker
from coranto_classifier.entities.multilingual.pieces import FOLDS, LABELS, PieceTable, as_in_sentence
from coranto_classifier.entities.multilingual.sentence_network import SentenceNetwork, network_path
from coranto_classifier.entities.multilingual.tag_paths import likeliest_tags
from coranto_classifier.text_models import ModelPaths

pytest.importorskip("scipy", reason="make models needs the training extra")

from training.__main__ import make_names
from training.base_names import make_base_names
from training.many_names import Recipe, contracted, lists_to_learn_with, read_language, train
from training.name_lists import make_name_lists, store_name_lists
from training.people import make_people
from training.sentence_network import _Batch, _gradients, _initial, _read, train_sentence_network
from training.window_networks import train_windows
from training.word_networks import count_labels, train_networks
from training.word_pieces import cluster, read_input_layer, reduce


def test_people_have_a_number_where_the_texts_mean_one_person_by_an_extraordinary_name(tmp_path: Path) -> None:
    linked = [
        ("Ангела Меркель", "Q567"), ("Ангела Меркель", "Q567"), ("Кисин, Евгений Игоревич", "Q160154"),
        ("Виктор Янукович", "Q1"), ("Виктор Янукович", "Q2"), ("Сергей Иванов", "Q3"), ("Папа", "Q4"), ("Иван Крузенштерн", "NULL"),
    ]  # fmt: skip
    rows = [
        {"source": "nerel", "spans": [{"type": "person", "normal": name, "link": f"Wikidata:{number}"}]}
        for name, number in linked
    ]
    rows.append({"source": "bsnlp", "spans": [{"type": "person", "normal": "Дональд Туск", "link": "Wikidata:Q946"}]})
    entities, target = tmp_path / "entities.jsonl.gz", tmp_path / "people.tsv"
    with gzip.open(entities, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    assert make_people(entities, target) == 2
    lines = [line.split("\t") for line in target.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == ["key", "wikidata", "name"]
    assert {(number, name) for _, number, name in lines[1:]} == {
        ("Q567", "Ангела Меркель"), ("Q160154", "Евгений Игоревич Кисин"),
    }  # fmt: skip


def test_names_in_the_nominative_are_stored_once_for_all_that_list_them(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "entities_more" / "names"
    folder.mkdir(parents=True)
    for language, city in (("cs", "Brno"), ("hr", "Split"), ("pl", "Gdynia"), ("sl", "Celje"), ("sr", "Niš")):
        lists = {
            "given": [f"Jan{language}"], "surnames": ["Novak"], "countries": [], "regions": [], "known_cities": ["London"],
            "cities": [city, "Londona", "Nowy Sącz"], "world_cities": [],
        }  # fmt: skip
        with gzip.open(folder / f"{language}.json.gz", "wt", encoding="utf-8") as file:
            json.dump(lists, file)
    target = base_names_path(tmp_path)
    assert make_base_names(tmp_path / "data", ["cs", "hr", "pl", "sl", "sr"], ["Anna"], target)
    names = BaseNames(tmp_path, "sr")
    assert all(names.has(place, "place") for place in ("Niš", "Split", "London", "Sącz"))
    assert not names.has("Brno", "place")
    assert not names.has("Londona", "place"), "a form of another place is no base form"
    assert names.has("Janhr", "person")
    assert not names.has("Jancs", "person")
    assert names.has_given_name("Jancs")
    assert names.has_given_name("Anna")
    assert not make_base_names(tmp_path / "data", ["uk"], [], tmp_path / "other.json.gz")


_SENTENCES = [
    (
        ["Prezes", "Jan", "Kowalski", "mieszka", "w", "Gdyni", "."],
        ["O", "B-person", "I-person", "O", "O", "B-place", "O"],
    ),
    (["Anna", "Nowak", "pracuje", "w", "Warszawie", "."], ["B-person", "I-person", "O", "O", "B-place", "O"]),
    (["Wczoraj", "padał", "deszcz", "."], ["O", "O", "O", "O"]),
] * 60


@pytest.fixture(scope="module")
def table() -> PieceTable:
    """The shipped table."""
    return PieceTable(ModelPaths().shipped)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of labelled sentences in the documented form, Serbian for once."""
    folder = tmp_path / "entities_more"
    folder.mkdir()
    lines = [json.dumps({"tokens": words, "tags": [*tags[:-1], "B-other"]}) + "\n" for words, tags in _SENTENCES]
    (folder / "sr-uner_set.jsonl.gz").write_bytes(gzip.compress("".join(lines).encode()))
    return tmp_path


def test_blocks_that_are_kept_apart_are_never_learned_from(data: Path) -> None:
    learned, apart = read_language(data, "sr"), read_language(data, "sr", held_out=True)
    assert len(learned) + len(apart) == len(_SENTENCES)
    assert learned
    assert all(tag == "O" or tag[2:] in ("person", "organisation", "place") for _, tags in learned for tag in tags)
    assert read_language(data, "sr", without=["sr-uner_set"]) == []


def test_same_sentences_give_the_same_bytes_and_a_tagger_that_has_learned(
    data: Path, tmp_path: Path, table: PieceTable
) -> None:
    import pycrfsuite

    maker = FeatureMaker(table)
    for name in ("one", "two"):
        assert train(data, ["sr"], maker, tmp_path / name, recipe=Recipe(rounds=15)) > 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    tagger = pycrfsuite.Tagger()
    tagger.open(str(tmp_path / "one"))
    words, tags = _SENTENCES[0]
    assert tagger.tag(maker.rows(words)) == tags


@pytest.fixture
def finnish_lists(data: Path) -> Path:
    """The folder with lists of Finnish names in the documented form."""
    folder = data / "entities_more" / "names"
    folder.mkdir()
    lists = {
        "given": ["Aino", "Matti", "van den"],
        "surnames": ["Aho", "Virtanen"],
        "countries": ["Suomi", "Uusi-Seelanti", "Amerikan Samoa"],
        "regions": ["Eurooppa"],
        "known_cities": ["Addis Abeba"],
        "cities": ["Turku", "Vantaa"],
        "world_cities": ["Paris", "A-muong", "Addis"],
    }
    (folder / "fi.json.gz").write_bytes(gzip.compress(json.dumps(lists).encode()))
    return data


def test_lists_keep_single_words_and_the_longer_words_of_places(finnish_lists: Path) -> None:
    assert make_name_lists(finnish_lists, "fi") == {
        "given": ["Aino", "Matti"],
        "surnames": ["Aho", "Virtanen"],
        "places": ["Addis", "Eurooppa", "Paris", "Suomi", "Turku", "Uusi-Seelanti", "Vantaa"],
        "words_of_places": ["Abeba", "Amerikan", "Samoa"],
    }
    assert make_name_lists(finnish_lists, "sv") is None


def test_stored_lists_are_the_same_bytes_and_know_names_in_every_case(finnish_lists: Path, tmp_path: Path) -> None:
    made = make_name_lists(finnish_lists, "fi")
    assert made is not None
    path = lists_path(tmp_path, "fi")
    store_name_lists(made, path)
    first = path.read_bytes()
    store_name_lists(made, path)
    assert path.read_bytes() == first
    lists = read_lists(tmp_path, "fi")
    words = ("Virtanen", "VIRTANEN", "Virtasen", "Vantaalla", "Ahon", "Matille", "virtanen", "Berlin", "", "ab")
    assert [lists.codes(word) for word in words] == ["S", "S", "", "p", "s", "", "", "", "", ""]


def test_lists_say_of_a_word_and_its_neighbours(finnish_lists: Path) -> None:
    (makers,) = lists_to_learn_with(finnish_lists, ["fi", "sv"]).values()
    (add_features,) = makers
    rows: list[list[str]] = [[], [], []]
    add_features(rows, ["Matti", "Aho", "tuli"])
    assert rows == [
        ["n=G", "nG", "1n=S", "1n|n=S|G"],
        ["n=S", "nS", "-1n=G", "-1n|n=G|S", "1n=", "1n|n=|S"],
        ["n=", "-1n=S", "-1n|n=S|"],
    ]
    plain: list[list[str]] = [[], []]
    add_features(plain, ["Hän", "tuli"])
    assert plain == [[], []]


def test_hostile_words_are_looked_up_in_bounded_memory(finnish_lists: Path) -> None:
    made = make_name_lists(finnish_lists, "fi")
    assert made is not None
    lists = NameLists(made, "fi")
    for number in range(25_000):
        lists.codes(f"X{number}")
    assert len(lists._known) <= 20_000


def test_english_tagger_is_made_with_the_shipped_table_where_none_was_made(tmp_path: Path) -> None:
    folder, target = tmp_path / "entities_free", tmp_path / "models"
    folder.mkdir()
    target.mkdir()
    sentences = [
        (["Anna", "Kovacs", "works", "in", "Oslo", "."], ["B-person", "I-person", "O", "O", "B-place", "O"]),
        (["Rain", "fell", "."], ["O", "O", "O"]),
    ] * 8
    lines = [json.dumps({"tokens": words, "tags": tags}) + "\n" for words, tags in sentences]
    (folder / "gum.jsonl.gz").write_bytes(gzip.compress("".join(lines).encode()))
    make_names(tmp_path, target, [])
    shipped = ModelPaths().shipped
    table = PieceTable(shipped)
    recognizer = EnglishRecognizer(target, OpinionMaker(table), SentenceNetwork(shipped, table))
    found = [(mention.text, mention.type) for mention in recognizer.find("Anna Kovacs works in Oslo.")]
    assert found == [("Anna Kovacs", "person"), ("Oslo", "place")]


def test_opinions_of_a_sentence_are_of_words_in_context_and_of_their_neighbours(table: PieceTable) -> None:
    opinions = OpinionMaker(table)
    rows: list[list[str]] = [[], [], []]
    opinions.add([(rows, ["said", "Macron", "."])], "crossner")
    own = [name for name in rows[1] if name.startswith("xm")]
    assert len(own) == 1
    assert own[0].startswith("xmUP"), "a name of a person, by its pieces and its neighbours"
    assert f"crossner~{own[0]}" in rows[1]
    assert [name for name in rows[0] if name.startswith("1x|x=")]
    assert not [name for name in rows[0] if name.startswith("-1")]
    assert not [name for name in rows[2] if name.startswith("1")]
    again: list[list[str]] = [[], [], []]
    opinions.add([([[], []], ["other", "words"]), (again, ["said", "Macron", "."])], "crossner")
    assert again == rows, "what stands in another sentence makes no difference"


def test_no_sentences_make_no_tagger(tmp_path: Path, table: PieceTable) -> None:
    assert train(tmp_path, ["sr"], FeatureMaker(table), tmp_path / "none") == 0
    assert not (tmp_path / "none").exists()


def test_networks_learn_names_and_are_the_same_each_time(table: PieceTable) -> None:
    first, second = (
        train_networks(table, count_labels(_SENTENCES)) | train_windows(table, _SENTENCES) for _ in range(2)
    )
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert first["output0"].shape[1] == first["window_output0"].shape[1] == LABELS


def test_network_of_sentences_learns_and_is_the_same_each_time(table: PieceTable, tmp_path: Path) -> None:
    sentences = {"sr": _SENTENCES, "xx": _SENTENCES[:30]}
    first, second = (train_sentence_network(table, sentences, width=16, epochs=2) for _ in range(2))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    np.savez(network_path(tmp_path), **train_sentence_network(table, sentences, width=24, epochs=40))
    words, tags = _SENTENCES[0]
    assert likeliest_tags(SentenceNetwork(tmp_path, table).judge([words], "sr")) == [tags]


def test_network_of_sentences_goes_down_the_true_slope(table: PieceTable) -> None:
    vocabulary, groups = _read(table, {"sr": _SENTENCES[:6]})
    batch = _Batch.of([text for group in groups for text in group])
    weights = _initial(vocabulary.inputs.shape[1], 1, 8, np.random.default_rng(1))
    weights = {name: array.astype(np.float64) for name, array in weights.items()}  # type: ignore[misc]  # to divide by a small step
    _, gradients = _gradients(weights, vocabulary, batch, np.random.default_rng(2))
    for name, array in weights.items():
        place = np.unravel_index(np.abs(gradients[name]).argmax(), array.shape)
        losses = []
        for step in (3e-4, -6e-4):
            array[place] += step
            losses.append(_gradients(weights, vocabulary, batch, np.random.default_rng(2))[0])
        array[place] += 3e-4
        assert (losses[0] - losses[1]) / 6e-4 == pytest.approx(gradients[name][place], rel=0.05), name


def test_forms_of_a_word_are_judged_by_the_same_network(table: PieceTable) -> None:
    folds = {word: table.fold_of(word, table.split(word)) for word in ("Merkel", "MERKEL", "Merkelová", "merkel")}
    assert folds["Merkel"] == folds["Merkelová"]
    assert all(0 <= fold < FOLDS for fold in folds.values())


def test_words_without_known_letters_are_judged_all_the_same(table: PieceTable) -> None:
    words = ["", "北京", "😀", "—", "\u200b", "x" * 60]
    pieces = [table.split(word) for word in words]
    answers = table.judge(table.inputs(words, pieces), table.folds_of(words, pieces))
    assert np.allclose(answers.sum(axis=1), 1, atol=1e-4)


def test_headline_capitals_are_read_as_in_a_sentence_and_acronyms_stay() -> None:
    assert [as_in_sentence(word) for word in ("MERKEL", "NATO", "Praha")] == ["Merkel", "NATO", "Praha"]


def test_portuguese_is_read_as_newspapers_write_it() -> None:
    words = ["Presidente", "de", "o", "Banco", "de", "os", "Brics", "em", "a", "China"]
    tags = ["O", "O", "O", "B-organisation", "I-organisation", "I-organisation", "I-organisation", "O", "O", "B-place"]
    assert contracted((words, tags)) == (
        ["Presidente", "do", "Banco", "dos", "Brics", "na", "China"],
        ["O", "O", "B-organisation", "I-organisation", "I-organisation", "O", "B-place"],
    )


def test_vectors_that_point_the_same_way_share_a_class() -> None:
    random = np.random.default_rng(0)
    directions = random.standard_normal((3, 8)).astype(np.float32)
    vectors = np.repeat(directions, 20, axis=0) * random.uniform(0.5, 2, (60, 1)).astype(np.float32)
    labels = cluster(vectors, 3)
    assert [len(set(labels[start : start + 20].tolist())) for start in (0, 20, 40)] == [1, 1, 1]
    assert np.allclose(np.linalg.norm(reduce(vectors, 2), axis=1), 8, atol=1e-3)


def test_weights_of_another_form_are_refused_by_what_was_seen() -> None:
    with pytest.raises(ValueError, match="begins with b'PK"):
        read_input_layer(b"PK\x03\x04rest")
