"""The models, loaded once for all tests of the classifier."""

from __future__ import annotations

import pytest

from coranto_classifier.text_models import TextModels


@pytest.fixture(scope="session")
def models() -> TextModels:
    """The shipped models."""
    return TextModels()
