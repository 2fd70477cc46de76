"""Vectors of texts, from the vectors of their words."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from coranto_classifier.entities.russian.networks import SLOVNET_FILE, Slovnet, best_path
from coranto_classifier.text_models import ArticleText, ModelPaths, TextModels
from coranto_classifier.topics import features
from coranto_classifier.topics.vectors import ENGLISH_FILES, EnglishVectors, RussianVectors

EVEN = np.full(features.BUCKETS, 2.0, dtype=np.float32)
SERVICE = Path(__file__).resolve().parents[3] / "services" / "classifier"


@pytest.fixture(scope="module")
def english() -> EnglishVectors:
    return EnglishVectors(ModelPaths().shipped)


def test_vector_of_a_text_has_length_one_and_heeds_neither_order_nor_repetition(english: EnglishVectors) -> None:
    vector = english.weighted_mean("Striker scores twice", EVEN)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert np.allclose(vector, english.weighted_mean("twice scores striker STRIKER", EVEN), atol=1e-5)


@pytest.mark.parametrize("text", ["", "— !", "😀", "qzxvkw wvkxzq"])
def test_text_without_a_known_word_has_a_vector_of_zeros(english: EnglishVectors, text: str) -> None:
    assert not english.weighted_mean(text, EVEN).any()


def test_words_of_one_field_are_nearer_than_words_of_two(english: EnglishVectors) -> None:
    goalkeeper, midfielder, mortgage = (
        english.weighted_mean(word, EVEN) for word in ("goalkeeper", "midfielder", "mortgage")
    )
    assert goalkeeper @ midfielder > goalkeeper @ mortgage + 0.2


def test_rare_words_weigh_more(english: EnglishVectors) -> None:
    idf = EVEN.copy()
    idf[features.word_buckets("mortgage")] = 5.0
    text = "goalkeeper mortgage"
    weighted, even, mortgage = (
        english.weighted_mean(*each) for each in ((text, idf), (text, EVEN), ("mortgage", EVEN))
    )
    assert weighted @ mortgage > even @ mortgage


def test_topic_is_told_by_words_near_to_those_learned(models: TextModels) -> None:
    topics = models.analyse(ArticleText("Goalkeeper and midfielder sidelined", "The winger limped off.")).topics
    assert topics[0].code == "15000000"


@pytest.mark.parametrize("name", ENGLISH_FILES)
def test_card_states_the_hash_of_the_english_vectors(name: str) -> None:
    digest = hashlib.sha256((ModelPaths().shipped / name).read_bytes()).hexdigest()
    assert digest in (SERVICE / "MODELS.md").read_text(encoding="utf-8")
    assert "all-MiniLM-L6-v2" in (SERVICE / "NOTICE").read_text(encoding="utf-8")


def test_own_models_bring_their_own_english_vectors(tmp_path: Path) -> None:
    shipped = ModelPaths().shipped
    (tmp_path / "topics.json").write_bytes((shipped / "topics.json").read_bytes())
    paths = ModelPaths(directory=tmp_path)
    assert paths.english_vectors == shipped
    for name in ENGLISH_FILES:
        (tmp_path / name).write_bytes((shipped / name).read_bytes())
    assert paths.english_vectors == tmp_path


def test_russian_words_have_the_vectors_that_navec_itself_gives_them() -> None:
    from navec import Navec  # type: ignore[import-untyped]  # ships no types

    ours = RussianVectors(ModelPaths().shipped)
    theirs = Navec.load(str(ModelPaths().shipped / "navec_news_v1_1B_250K_300d_100q.tar"))
    for word in ("президент", "футбол", "землетрясение"):
        vector = theirs[word] / np.linalg.norm(theirs[word])
        assert np.array_equal(ours.navec[word], theirs[word])
        assert np.allclose(ours.weighted_mean(word, EVEN), vector, atol=1e-5)
        assert ours.count(word) == theirs.vocab.count(word)


def test_the_tagger_knows_the_words_of_the_vectors_it_shares() -> None:
    from slovnet import NER  # type: ignore[import-untyped]  # ships no types

    vectors = RussianVectors(ModelPaths().shipped)
    theirs = NER.load(str(ModelPaths().shipped / SLOVNET_FILE)).navec(vectors.navec)
    words = ["Президент", "России", "Владимир", "Путин", "прилетел", "в", "Астану", "."]
    assert theirs.infer.encoder.words_vocab.items == vectors.navec.vocab.words
    ours = Slovnet(ModelPaths().shipped, vectors)
    judged = ours.predict(words)
    ours._infer = theirs.infer
    theirs_judged = ours.predict(words)
    assert judged.tags == theirs_judged.tags
    assert "B-PER" in judged.tags
    crf = theirs.infer.model.head.crf
    (best,) = crf.decode(judged.scores[None], np.ones((1, len(words)), dtype=bool))
    assert best_path(judged.scores, crf.transitions.array) == best.tolist()
    assert np.array_equal(judged.scores, theirs_judged.scores)
    assert np.array_equal(judged.units, theirs_judged.units)
    assert judged.units.shape == (len(words), 64)
    # Before the normalisation stands a rectifier: a unit is silent or positive.
    assert judged.units.min() > -1e-3
    assert (judged.units > 1).any()
