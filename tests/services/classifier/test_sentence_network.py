"""The network that reads whole sentences in all languages, and the tags made of its and the CRF's judgements."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from coranto_classifier.entities.multilingual.pieces import LABELS, TAGS, PieceTable
from coranto_classifier.entities.multilingual.recognizer import MODELS
from coranto_classifier.entities.multilingual.sentence_network import SentenceNetwork
from coranto_classifier.entities.multilingual.tag_paths import averaged, likeliest_tags, read_together
from coranto_classifier.text_models import ModelPaths

_DANISH = ["Statsminister", "Mette", "Frederiksen", "rejser", "til", "Berlin", "."]


@pytest.fixture(scope="module")
def network() -> SentenceNetwork:
    """The shipped network."""
    models = ModelPaths().shipped
    return SentenceNetwork(models, PieceTable(models))


def test_every_language_has_its_place_in_the_network(network: SentenceNetwork) -> None:
    for code in (code for languages in MODELS.values() for code in languages):
        (judged,) = network.judge([_DANISH], code)
        assert judged.shape == (len(_DANISH), LABELS)
        assert np.allclose(np.exp(judged).sum(axis=1), 1, atol=1e-4)


def test_people_and_places_are_told_from_other_words(network: SentenceNetwork) -> None:
    (tags,) = likeliest_tags(network.judge([_DANISH], "da"))
    assert tags == ["O", "B-person", "I-person", "O", "O", "B-place", "O"]


def test_no_sentence_sees_another(network: SentenceNetwork) -> None:
    others = [["Oslo"], _DANISH, [], ["Det", "regner", "i", "København", "."]]
    together = network.judge(others, "da")
    assert [len(judged) for judged in together] == [1, len(_DANISH), 0, 5]
    (alone,) = network.judge([_DANISH], "da")
    assert np.allclose(together[1], alone, atol=1e-4)
    assert network.judge([], "da") == []
    assert [len(judged) for judged in network.judge([[]], "da")] == [0]


def test_words_without_known_letters_are_judged_all_the_same(network: SentenceNetwork) -> None:
    (judged,) = network.judge([["", "北京", "😀", "—", "\u200b", "x" * 60]], "sv")
    assert np.isfinite(judged).all()


def test_hostile_words_are_kept_in_bounded_memory(network: SentenceNetwork) -> None:
    for start in range(0, 24_000, 3_000):
        network.judge([[f"X{number}" for number in range(start, start + 3_000)]], "da")
    assert len(network._known) <= 20_000


def test_tags_are_the_likeliest_well_formed_ones() -> None:
    random = np.random.default_rng(0)
    sentences = [np.log(random.dirichlet(np.ones(LABELS), size)).astype(np.float32) for size in (3, 1, 4, 0, 3)]

    def is_well_formed(tags: tuple[str, ...]) -> bool:
        return all(not tag.startswith("I-") or before[2:] == tag[2:] for before, tag in pairwise(("O", *tags)))

    def score(judged: np.ndarray, tags: tuple[str, ...]) -> float:
        return float(sum(judged[index, TAGS.index(tag)] for index, tag in enumerate(tags)))

    for judged, tags in zip(sentences, likeliest_tags(sentences), strict=True):
        best = max(
            (path for path in product(TAGS, repeat=len(judged)) if is_well_formed(path)),
            key=lambda path: score(judged, path),
        )
        assert tuple(tags) == best
    assert likeliest_tags([]) == []


def test_long_texts_are_read_in_groups_of_whole_sentences() -> None:
    sentences = [["word"] * length for length in (300, 400, 1, 0, 2)]
    assert [[len(words) for words in group] for group in read_together(sentences)] == [[300, 400], [1, 0, 2]]
    assert max(sum(map(len, group)) for group in read_together([["A"]] * 10_000)) <= 600
    assert list(read_together([])) == []


def test_one_judgement_alone_forbids_nothing() -> None:
    sure, never = np.log(np.full((1, LABELS), 1 / LABELS, dtype=np.float32)), np.zeros((1, LABELS), dtype=np.float32)
    assert np.isfinite(averaged(sure, never)).all()
