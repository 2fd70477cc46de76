"""The models, read once for all tests of the classifier, and where the shared material is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coranto_classifier.analysis import Analyst

_MATERIAL = Path(os.environ.get("CORANTO_MATERIAL", Path(__file__).resolve().parents[4] / "shared"))


@pytest.fixture(scope="session")
def analyst() -> Analyst:
    """The shipped models."""
    return Analyst()


@pytest.fixture(scope="session")
def material() -> Path:
    """The shared material: seed article and labelled sets."""
    if not (_MATERIAL / "seed").is_dir():
        pytest.skip("the shared material is not beside the repository; set CORANTO_MATERIAL")
    return _MATERIAL
