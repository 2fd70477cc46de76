"""The gate on the labelled corpora: no figure of the benchmark falls below its floor."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from tests.conftest import load_program

_PROGRAM = Path(__file__).resolve().parents[2] / "benchmarks" / "classification.py"


@pytest.fixture(scope="module")
def program(material: Path) -> ModuleType:
    """The benchmark, loaded once: its parts share what takes minutes to make."""
    module = load_program(_PROGRAM)
    module.DATA = material / "data"
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    [
        "language",
        "stories",
        "keywords",
        "names",
        "names-unseen",
        "names-more",
        "topics-unseen",
        "topics-folds",
        "topics-mixed",
        "topics-others",
        "topics-free",
    ],
)
def test_no_figure_falls_below_its_floor(part: str, program: ModuleType) -> None:
    figures = list(program.PARTS[part]())
    assert figures
    assert [figure for figure in figures if not figure.holds] == []
