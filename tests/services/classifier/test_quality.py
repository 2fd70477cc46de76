"""The gate on the labelled corpora: no figure of the benchmark falls below its floor."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

_PROGRAM = Path(__file__).resolve().parents[2] / "benchmarks" / "classification.py"


def benchmark() -> ModuleType:
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("classification_benchmark", _PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", ["language", "stories", "keywords", "names", "names-unseen", "topics-unseen", "topics-folds"]
)
def test_no_figure_falls_below_its_floor(part: str, material: Path) -> None:
    module = benchmark()
    module.DATA = material / "data"
    figures = list(module.PARTS[part]())
    assert figures
    assert [figure for figure in figures if not figure.holds] == []
