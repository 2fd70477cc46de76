"""Distilling a sentence encoder into vectors of words; a small encoder of random weights stands for the real one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy", reason="make models needs the training extra")

from coranto_classifier.topics import features
from coranto_classifier.topics.vectors import EnglishVectors
from training import english_vectors, wheels
from training.encoder import LAYERS, WIDTH, SentenceEncoder

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "goal", "##keeper", "bank", "s", "##s", ",", "cafe"]
INNER = 8


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    """An encoder of the real shape but for its inner layers, with weights drawn from a fixed seed."""
    draw = np.random.default_rng(7)

    def drawn(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return (draw.standard_normal(shape) * 0.1).astype(np.float32)

    arrays = {
        "embeddings.word_embeddings.weight": drawn(len(PIECES), WIDTH),
        "embeddings.position_embeddings.weight": drawn(512, WIDTH),
        "embeddings.token_type_embeddings.weight": drawn(2, WIDTH),
    }
    shapes = {
        "attention.self.query": (WIDTH, WIDTH),
        "attention.self.key": (WIDTH, WIDTH),
        "attention.self.value": (WIDTH, WIDTH),
        "attention.output.dense": (WIDTH, WIDTH),
        "intermediate.dense": (INNER, WIDTH),
        "output.dense": (WIDTH, INNER),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        for name, shape in shapes.items():
            arrays[f"encoder.layer.{layer}.{name}.weight"] = drawn(*shape)
            arrays[f"encoder.layer.{layer}.{name}.bias"] = drawn(shape[0])
        norms += [f"encoder.layer.{layer}.{name}.LayerNorm" for name in ("attention.output", "output")]
    for name in norms:
        arrays[f"{name}.weight"], arrays[f"{name}.bias"] = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
    return SentenceEncoder(arrays, PIECES)


def test_word_is_split_into_the_longest_known_pieces(encoder: SentenceEncoder) -> None:
    numbers = encoder.piece_numbers("Goalkeepers, Café xyz")
    assert [PIECES[number] for number in numbers] == [
        "[CLS]", "goal", "##keeper", "##s", ",", "cafe", "[UNK]", "[SEP]",
    ]  # fmt: skip


def test_long_text_is_cut_where_the_encoder_ends(encoder: SentenceEncoder) -> None:
    assert len(encoder.piece_numbers("bank " * 1000)) == 128


def test_text_has_the_same_vector_alone_and_beside_longer_ones(encoder: SentenceEncoder) -> None:
    together = encoder.encode(["goalkeepers, goal bank", "bank", "goal bank bank"])
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.allclose(together[1], encoder.encode(["bank"])[0], atol=1e-5)


def test_words_of_two_texts_and_those_the_encoder_knows_are_taken() -> None:
    counts = english_vectors.count_words(
        ["Goal by a goalkeeper", "The goal stood", "Stood alone"], ["bank", "##keeper", "a"]
    )
    assert counts == {"bank": 0, "goal": 2, "stood": 2}


def test_narrowed_vectors_keep_who_is_near_to_whom() -> None:
    draw = np.random.default_rng(3)
    flat = (draw.standard_normal((200, 4)) @ draw.standard_normal((4, 32))).astype(np.float32)
    narrow = english_vectors.reduce(flat, np.ones(200, dtype=np.int64), 4).astype(np.float32)
    assert narrow.shape == (200, 4)

    def distances(rows: Any) -> Any:
        return np.linalg.norm(rows[:, None] - rows[None], axis=2).ravel()

    assert np.corrcoef(distances(flat), distances(narrow))[0, 1] > 0.99


def test_stored_vectors_are_found_by_word(tmp_path: Path) -> None:
    english_vectors.store(tmp_path, ["bank", "goal"], np.array([[0, 9], [9, 0]], dtype=np.int8))
    vectors = EnglishVectors(tmp_path)
    idf = np.full(features.BUCKETS, 2.0, dtype=np.float32)
    assert vectors.weighted_mean("Goal!", idf).tolist() == [1.0, 0.0]
    assert vectors.weighted_mean("bank of strangers", idf).tolist() == [0.0, 1.0]


def test_wheel_that_was_replaced_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(command: list[str], **_: Any) -> None:
        (Path(command[command.index("--dest") + 1]) / "thing-1.0-py3-none-any.whl").write_bytes(b"another wheel")

    monkeypatch.setattr(subprocess, "run", download)
    with pytest.raises(ValueError, match="it was replaced"), wheels.fetched_wheel("thing==1.0", "0" * 64):
        pass
