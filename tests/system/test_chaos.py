"""The short form of `make chaos`: real services, one kind of harm after the other, and every article counted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import chaos
from coranto.store.sqlite.schema import migrate

KINDS = {kind.name: kind for kind in chaos.KINDS}


async def test_killed_services_and_a_killed_redis_lose_and_double_no_article(tmp_path: Path) -> None:
    report = await chaos.run(KINDS["everything"], 200, 15, seed=11, data=tmp_path, drain_seconds=240)
    assert report.is_sound, report
    assert report.harms >= 2


@pytest.mark.slow
@pytest.mark.parametrize("store", chaos.STORES)
@pytest.mark.parametrize("kind", chaos.KINDS, ids=lambda kind: kind.name)
async def test_no_kind_of_harm_loses_or_doubles_an_article(
    tmp_path: Path, kind: chaos.Kind, store: chaos.Store
) -> None:
    report = await chaos.run(kind, 60, 10, seed=12, data=tmp_path, store=store, drain_seconds=240)
    if report.skipped:
        pytest.skip(report.skipped)
    assert report.is_sound, report
    assert report.harms >= 1
    assert report.stored + sum(report.dropped.values()) + sum(report.dead.values()) == report.submitted


def test_store_that_is_just_being_made_has_nothing_to_announce(tmp_path: Path) -> None:
    path, statement = tmp_path / "articles.sqlite", "SELECT count(*) FROM outbox"
    assert chaos.ask_file(path, statement) == []
    with closing(sqlite3.connect(path)) as store:
        store.execute("PRAGMA journal_mode = WAL")  # as the sink begins, before it makes the tables
        assert path.stat().st_size > 0
        assert chaos.ask_file(path, statement) == []
        migrate(store)
    assert chaos.ask_file(path, statement) == [(0,)]
