"""The short form of `make soak`: what must stay flat while articles pass through stays flat."""

from __future__ import annotations

from pathlib import Path

import pytest

import soak


@pytest.mark.slow
async def test_nothing_grows_with_what_has_passed_through(tmp_path: Path) -> None:
    result = await soak.run(2, tmp_path)
    assert result.finished > 1_000  # else it stood still, which is flat as well
    assert result.grown == []
