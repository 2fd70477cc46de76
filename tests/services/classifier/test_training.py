"""Making the models: what may be learned from, and the same files giving the same bytes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from coranto_classifier.analysis import ModelPaths
from coranto_classifier.training.sources import SOURCES, weight_of

pytest.importorskip("scipy", reason="make models needs the training extra")

from coranto_classifier.topics import LinearModel
from coranto_classifier.training.lists import spelled
from coranto_classifier.training.topics import Recipe, read_texts, train

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


def test_shipped_models_state_what_they_were_trained_with() -> None:
    card = json.loads((ModelPaths().shipped / "topics.json").read_text(encoding="utf-8"))
    assert set(card["languages"]) == {"ru", "en", "*"}
    assert all(figures["texts"] > 10_000 for figures in card["figures"].values())


def test_words_are_listed_by_how_texts_write_them_inside_sentences() -> None:
    texts = [["Dock", "workers", "met", ".", "The", "dock", "in", "Oslo", "is", "old", "."]] * 3
    kinds = {word: kind for kind, words in spelled(texts).items() for word in words.split()}
    assert kinds["dock"] == "l"  # its capital is the sentence's
    assert kinds["oslo"] == "U"
    assert "the" not in kinds
