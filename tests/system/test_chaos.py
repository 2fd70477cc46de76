"""The short form of `make chaos`: real services, SIGKILL, a killed Redis, and every article counted."""

from __future__ import annotations

from pathlib import Path

import pytest

import chaos


async def test_killed_services_and_a_killed_redis_lose_and_double_no_article(tmp_path: Path) -> None:
    report = await chaos.run(250, 20, appendfsync="always", seed=11, data=tmp_path, drain_seconds=240)
    assert report.is_sound, report
    assert report.stored == report.submitted
    assert report.kills >= 3
    assert report.redis_restarts >= 1


@pytest.mark.slow
async def test_redis_that_loses_its_last_second_costs_no_article(tmp_path: Path) -> None:
    report = await chaos.run(2_000, 90, appendfsync="everysec", seed=12, data=tmp_path)
    assert report.is_sound, report
    assert report.stored == report.submitted
