"""The models, read once for all tests of the classifier, and where the shared material is."""

from __future__ import annotations

import pytest

from coranto_classifier.text_models import Analyst


@pytest.fixture(scope="session")
def analyst() -> Analyst:
    """The shipped models."""
    return Analyst()
