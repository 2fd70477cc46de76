"""The short form of `make chaos`: real services, SIGKILL, a killed Redis, and every article counted."""

from __future__ import annotations

from importlib import util
from pathlib import Path
from typing import Any

import pytest


def load_chaos() -> Any:
    import sys

    path = Path(__file__).parent / "chaos.py"
    spec = util.spec_from_file_location("coranto_chaos", path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules["coranto_chaos"] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


async def test_killed_services_and_a_killed_redis_lose_and_double_no_article(tmp_path: Path) -> None:
    report = await load_chaos().run(250, 20, appendfsync="always", seed=11, data=tmp_path, drain_seconds=240)
    assert report.is_sound, report
    assert report.stored == report.submitted
    assert report.kills >= 3
    assert report.redis_restarts >= 1


@pytest.mark.slow
async def test_redis_that_loses_its_last_second_costs_no_article(tmp_path: Path) -> None:
    report = await load_chaos().run(2_000, 90, appendfsync="everysec", seed=12, data=tmp_path)
    assert report.is_sound, report
    assert report.stored == report.submitted
