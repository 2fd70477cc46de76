"""Making the models: which texts are trained on, and that the same files give the same bytes."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from coranto_classifier.text_models import ModelPaths
from coranto_classifier.topics.media_topics import TOP_CODES
from training.sources import SOURCES, weight_of

pytest.importorskip("scipy", reason="make models needs the training extra")

from coranto_classifier.topics.model import LinearModel
from training.lists import usual_cases
from training.topics import (
    Recipe,
    answered_languages,
    balance,
    count,
    fit,
    general_texts,
    modest_languages,
    read_texts,
    shares_of_others,
    train,
)

_SPORT = ["Вратарь отразил удар в матче", "Тренер сборной доволен игрой", "Футболист забил гол в финале"]
_ECONOMY = ["Банк повысил ставку по вкладам", "Рубль подешевел к доллару", "Инфляция ускорилась в мае"]


def line(number: int, text: str, topic: str | None, source: str = "own") -> dict[str, Any]:
    return {
        "id": f"{source}-{number}", "title": text, "text": "", "language": "ru", "source": source, "topic": topic,
        "accept": [topic] if topic else [],
    }  # fmt: skip


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A small labelled file in the documented form."""
    rows = [line(number, f"{text} {number}", "15000000") for number, text in enumerate(_SPORT * 8)]
    rows += [line(100 + number, f"{text} {number}", "04000000") for number, text in enumerate(_ECONOMY * 8)]
    rows += [line(200, "Без темы", None), line(201, "Only to be judged by", "11000000", "bbc")]
    path = tmp_path / "topics.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()))
    return path


def test_texts_without_topic_and_sets_for_evaluation_only_are_left_out(labelled: Path) -> None:
    texts = read_texts([labelled])
    assert len(texts) == 48
    assert {text.source for text in texts} == {"own"}
    assert read_texts([labelled], without=["own"]) == []


@pytest.mark.parametrize("source", ["ag-news-test", "bbc", "masakhanews"])
def test_set_for_evaluation_only_weighs_nothing(source: str) -> None:
    assert weight_of(source, "15000000") == 0
    assert "evaluation only" in SOURCES[source].terms


def test_same_texts_give_the_same_bytes_and_a_model_that_has_learned(labelled: Path, tmp_path: Path) -> None:
    texts = read_texts([labelled])
    recipe = Recipe(penalty=0.1, rounds=15, threshold=0.3)
    for name in ("one.npz", "two.npz"):
        figures = train(texts, tmp_path / name, recipe, None)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert figures["held_out_accuracy"] > 0.9
    model = LinearModel.load(tmp_path / "one.npz")
    chances = dict(zip(model.codes, model.probabilities("Сборная проиграла матч, вратарь пропустил гол"), strict=True))
    assert max(chances, key=lambda code: chances[code]) == "15000000"


class OneNumberOfSport:
    """Word vectors of one number: 1 for texts on a match, 0 for others."""

    def weighted_mean(self, text: str, _rarity: NDArray[np.float32]) -> NDArray[np.float32]:
        """1 or 0, in an array."""
        return np.array(["матч" in text.lower()], dtype=np.float32)


def test_part_learned_apart_is_added_by_its_share(labelled: Path) -> None:
    texts = read_texts([labelled])
    alone = Recipe(penalty=0.1, rounds=15, threshold=0.3)
    shared = Recipe(penalty=0.1, rounds=15, threshold=0.3, dense_weight=2.0, counted_share=0.5)
    counted, _ = fit(count(texts, alone, None), alone)
    weights, _ = fit(count(texts, shared, OneNumberOfSport()), shared)
    assert np.allclose(weights[:-1], counted * 0.5)
    assert weights[-1].argmax() == TOP_CODES.index("15000000")


def test_text_of_two_accepted_codes_teaches_the_first_and_leaves_the_rest_open(labelled: Path) -> None:
    texts = [replace(text, accept=("15000000", "04000000")) for text in read_texts([labelled])]
    first, either = (Recipe(penalty=0.1, rounds=15, threshold=0.3, first_share=share) for share in (1.0, 0.5))
    sport = [text for text in texts if text.topic == "15000000"]

    def confidence(recipe: Recipe) -> float:
        counted = count(sport, recipe, None)
        weights, bias = fit(counted, recipe)
        logits = counted.matrix @ weights + bias
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return float((shares[:, TOP_CODES.index("15000000")] / shares.sum(axis=1)).mean())

    assert 0.5 < confidence(either) <= confidence(first)


def test_evening_thins_the_common_topic_and_keeps_the_sum() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    weights = balance(np.ones(100, dtype=np.float32), labels, 0.5)
    assert weights[0] < 1 < weights[-1]
    assert weights[-1] / weights[0] < 9
    assert weights.sum() == pytest.approx(100, rel=1e-4)


def test_general_model_answers_in_the_languages_that_it_has_learned_from(labelled: Path) -> None:
    (russian, *_) = read_texts([labelled])
    texts = [
        replace(russian, id=f"{language}-{number}", language=language)
        for language, count_of_texts in (("en", 400), ("ru", 30), ("fr", 25), ("ha", 5))
        for number in range(count_of_texts)
    ]
    general = general_texts(texts)
    assert answered_languages(general) == ["fr"]
    counts = Counter(text.language for text in general)
    assert (counts["ru"], counts["fr"], counts["ha"]) == (30, 25, 5)
    assert 70 < counts["en"] < 140


def test_language_of_encyclopedic_sentences_alone_is_answered_modestly(labelled: Path) -> None:
    (russian, *_) = read_texts([labelled])
    texts = [
        replace(russian, id=f"{language}-{number}", language=language, source=source)
        for language, sources in (("fr", ["sib-200"]), ("pl", ["sib-200", "bsnlp"]), ("ru", ["sib-200"]))
        for source in sources
        for number in range(25)
    ]
    assert set(modest_languages(texts)) == {"fr"}
    for code, others in shares_of_others().items():
        assert {code, *others} <= set(TOP_CODES)
        assert 0 < sum(others.values()) < 1


def test_recipe_may_state_the_temperature(labelled: Path, tmp_path: Path) -> None:
    recipe = Recipe(penalty=0.1, rounds=15, threshold=0.3, temperature=0.75)
    figures = train(read_texts([labelled]), tmp_path / "stated.npz", recipe, None)
    assert LinearModel.load(tmp_path / "stated.npz").temperature == figures["temperature"] == 0.75


def test_shipped_models_state_what_they_were_trained_with() -> None:
    card = json.loads((ModelPaths().shipped / "topics.json").read_text(encoding="utf-8"))
    assert set(card["languages"]) == {"ru", "en", "*"}
    assert all(figures["texts"] > 10_000 for figures in card["figures"].values())


def test_words_are_listed_by_how_texts_write_them_inside_sentences() -> None:
    texts = [["Dock", "workers", "met", ".", "The", "dock", "in", "Oslo", "is", "old", "."]] * 3
    kinds = {word: kind for kind, words in usual_cases(texts).items() for word in words.split()}
    assert kinds["dock"] == "l"  # its capital is the sentence's
    assert kinds["oslo"] == "U"
    assert "the" not in kinds
