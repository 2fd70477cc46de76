"""The sink's stages, wired from settings."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from coranto.records import ClassifiedArticle
from coranto.settings import effective_settings, revealed
from coranto.store.sqlite import schema
from coranto.topology import LEDGER, SINK
from coranto_cli.explanation import explain_settings
from coranto_sink.app import create_stage, create_stages
from coranto_sink.settings import Settings, SinkSettings

MakeArticle = Callable[..., ClassifiedArticle]


async def test_stage_stores_with_nothing_but_its_settings(tmp_path: Path, make_article: MakeArticle) -> None:
    stage = create_stage(Settings(sink=SinkSettings(database=tmp_path / "deep" / "articles.sqlite")))
    assert stage.start is not None
    assert stage.stop is not None
    await stage.start()
    finished = await stage.handle(make_article())
    await stage.stop()
    assert finished is not None
    assert finished.storage.change == "created"


def test_sink_runs_the_two_stages_the_topology_gives_it() -> None:
    assert [stage.spec for stage in create_stages()] == [SINK, LEDGER]


def test_variables_reach_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORANTO_SINK__DATABASE", "elsewhere.sqlite")
    monkeypatch.setenv("CORANTO_SINK__BUSY_TIMEOUT", "2.5")
    settings = Settings()
    assert settings.sink.database == Path("elsewhere.sqlite")
    assert settings.sink.busy_timeout == timedelta(seconds=2.5)


def test_a_full_weekend_of_retries_is_allowed_before_a_dead_letter() -> None:
    policy = create_stage().retry
    assert (
        sum(policy.delay_seconds(attempt) for attempt in range(1, policy.attempts))
        > timedelta(days=1.5).total_seconds()
    )


async def test_processes_that_start_together_make_the_tables_once(tmp_path: Path) -> None:
    def make() -> int:
        with closing(sqlite3.connect(tmp_path / "new.sqlite", isolation_level=None, timeout=10)) as connection:
            schema.migrate(connection)
            return schema.version_of(connection)

    with ThreadPoolExecutor(8) as pool:
        loop = asyncio.get_running_loop()
        versions = await asyncio.gather(*(loop.run_in_executor(pool, make) for _ in range(8)))
    assert versions == [schema.VERSION] * 8


def test_address_of_a_server_is_taken_and_its_password_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORANTO_SINK__DATABASE", "postgresql://coranto:hunter2@db.example/coranto")
    settings = Settings()
    assert revealed(settings.sink.database) == "postgresql://coranto:hunter2@db.example/coranto"
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in json.dumps(effective_settings(settings))


def test_address_of_another_kind_of_server_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORANTO_SINK__DATABASE", "mysql://coranto:hunter2@db.example/coranto")
    with pytest.raises(ValidationError, match="begins with mysql://") as refused:
        Settings()
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in explain_settings(refused.value)
