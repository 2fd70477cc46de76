"""The quality gate: no figure of the benchmark falls below its gate."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import load_program

_BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "extraction.py"


@pytest.mark.slow
def test_no_figure_falls_below_its_gate(material: Path) -> None:
    if not (material / "corpus").is_dir():
        pytest.skip("the corpora are not in the shared material")
    benchmark = load_program(_BENCHMARK)
    figures = benchmark.measure(benchmark.by_us)
    fallen = {figure.name: figures[figure.name] for figure in benchmark.TABLE if not figure.holds(figures[figure.name])}
    assert fallen == {}
