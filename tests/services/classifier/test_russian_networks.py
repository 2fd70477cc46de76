"""The networks that judge Russian words: as slovnet has them, trained further, and what their common opinion makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coranto_classifier.entities.russian.features import FACTS
from coranto_classifier.entities.russian.networks import (
    LABELS,
    SLOVNET_FILE,
    Layer,
    RetrainedLayers,
    Slovnet,
    best_path,
    convolved,
    layers_path,
)
from coranto_classifier.entities.russian.tagger import _CAUTION, _OUTSIDE, _TRANSITIONS, _likeliest
from coranto_classifier.text_models import ModelPaths
from coranto_classifier.topics.vectors import RussianVectors

pytest.importorskip("scipy", reason="make models needs the training extra")

from training.russian_layers import LabelledWords, _beginning, _gradients, _joined, train_layers

WORDS = ["Министр", "Пётр", "Озеров", "приехал", "в", "Тамбов", ",", "сообщило", "агентство", "«", "Полярис", "»", "."]
TAGS = ["O", "B-person", "I-person", "O", "O", "B-place", "O", "O", "O", "O", "B-organisation", "O", "O"]


@pytest.fixture(scope="module")
def slovnet() -> Slovnet:
    models = ModelPaths().shipped
    return Slovnet(models, RussianVectors(models))


def labelled(slovnet: Slovnet, source: int = 0) -> LabelledWords:
    facts = np.zeros((len(WORDS), FACTS), dtype=np.float32)
    facts[np.arange(len(WORDS)), np.arange(len(WORDS))] = 1.0
    labels = np.array([LABELS.index(tag) for tag in TAGS])
    return LabelledWords(slovnet.predict(WORDS).first, facts, labels, source)


def test_scores_are_those_that_slovnet_gives(slovnet: Slovnet) -> None:
    from slovnet import NER  # type: ignore[import-untyped]  # ships no types

    models = ModelPaths().shipped
    infer = NER.load(str(models / SLOVNET_FILE)).navec(RussianVectors(models).navec).infer
    (batch,) = infer.encoder([WORDS])
    theirs = infer.model(batch.word_id, batch.shape_id, batch.pad_mask)[0]
    assert np.allclose(slovnet.predict(WORDS).scores, theirs, atol=1e-3)


def test_a_word_sees_its_neighbours_and_nothing_beyond_the_ends() -> None:
    rows = np.array([[1.0], [10.0], [100.0]], dtype=np.float32)
    kernel = np.array([[[2.0]], [[3.0]], [[5.0]]], dtype=np.float32)
    assert convolved(rows, kernel)[:, 0].tolist() == [3 + 50, 2 + 30 + 500, 20 + 300]
    assert convolved(rows[:1], kernel)[:, 0].tolist() == [3.0]


def test_gradients_are_those_of_the_loss(slovnet: Slovnet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.russian_layers._WORDS_DROPPED", 0.0)
    monkeypatch.setattr("training.russian_layers._UNITS_DROPPED", 0.0)
    random = np.random.default_rng(1)
    batch = _joined([labelled(slovnet), labelled(slovnet, source=1)])
    parameters = [array.astype(np.float64) for array in _beginning(slovnet, 2, random)]
    layers = [replace(each) for each in slovnet.layers[1:]]

    def loss() -> float:
        rows = np.concatenate([batch.first, batch.facts], axis=1).astype(np.float64)
        is_word = (batch.labels >= 0)[:, None]
        for number, layer in enumerate(layers):
            kernel, bias = parameters[2 * number : 2 * number + 2]
            rows = Layer(kernel, bias, layer.scale, layer.shift).rectified(rows).astype(np.float64)
            rows = (rows * layer.scale + layer.shift) * is_word
        total = 0.0
        for row, label, source in zip(rows, batch.labels, batch.sources, strict=True):
            if label >= 0:
                scores = row @ parameters[4 + 2 * source] + parameters[5 + 2 * source]
                total += float(np.log(np.exp(scores - scores.max()).sum()) + scores.max() - scores[label])
        return total / int((batch.labels >= 0).sum())

    gradients = _gradients(batch, parameters, layers, random)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        steepest = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        was, step = parameter[steepest], 1e-2
        parameter[steepest] = was + step
        above = loss()
        parameter[steepest] = was - step
        below = loss()
        parameter[steepest] = was
        assert (above - below) / (2 * step) == pytest.approx(float(gradient[steepest]), rel=0.05, abs=1e-5)


def test_training_learns_the_labels_of_the_target_and_makes_the_same_bytes_again(
    slovnet: Slovnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.russian_layers._RATE", 0.05)  # there are few steps
    # The other source calls nothing a name.
    other = replace(labelled(slovnet, source=1), labels=np.zeros(len(WORDS), dtype=np.int64))
    stored = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        train_layers([labelled(slovnet), other] * 4, slovnet, 0, tmp_path / name)
        stored.append(layers_path(tmp_path / name).read_bytes())
    assert stored[0] == stored[1]
    text = labelled(slovnet)
    chances = np.exp(RetrainedLayers.read(tmp_path / "one", slovnet).log_probabilities(text.first, text.facts))
    assert np.allclose(chances.sum(axis=1), 1.0, atol=1e-4)
    assert [LABELS[label] for label in chances.argmax(axis=1)] == TAGS


def test_likeliest_labels_make_names_and_are_those_of_the_whole_text() -> None:
    random = np.random.default_rng(2)
    for _ in range(20):
        scores = random.standard_normal((40, len(LABELS))) * 2
        scores[random.random(40) < 0.5, 0] += 12.0  # surely no name
        opinion = (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32)
        opinion[:, 0] += _CAUTION
        labels = _likeliest(opinion)
        whole = best_path(np.concatenate([[_OUTSIDE], opinion]), _TRANSITIONS)[1:]
        assert labels == [LABELS[label] for label in whole]
        for before, label in zip(["O", *labels], labels, strict=False):
            assert label[:1] != "I" or before[2:] == label[2:]
    assert _likeliest(np.zeros((0, len(LABELS)), dtype=np.float32)) == []
