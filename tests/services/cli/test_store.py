"""`coranto store`, and other commands on an article store in PostgreSQL, called as the command line calls them."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.harness.postgresql_server import PostgresqlServer
from tests.shared.store.articles import build_article, store
from tests.shared.store.databases import rows
from typer.testing import CliRunner

from coranto.pages import FilePageStore
from coranto.store.address import open_article_store
from coranto.store.move import TABLES, opened
from coranto_cli.application import app, run

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    server = PostgresqlServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def url(postgresql: PostgresqlServer) -> Iterator[str]:
    name = postgresql.make_database()
    yield postgresql.url(name)
    postgresql.drop_database(name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with three articles in a file, and the pages they came from."""

    async def fill() -> None:
        article_store = open_article_store(tmp_path / "articles.sqlite")
        await article_store.open()
        pages = FilePageStore(tmp_path / "pages")
        for number in range(3):
            article = build_article(f"https://news.example/{number}", title=f"Ferry {number}")
            page = await pages.put(article.content.text.encode())
            fetch = article.fetch.model_copy(update={"page": page})
            article = await store(article.model_copy(update={"fetch": fetch}), article_store=article_store)
            await article_store.mark_announced([(article.id, 1)])
        await article_store.close()

    asyncio.run(fill())
    return tmp_path


def everything(address: str | Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, and what the store gives out next."""
    with opened(address) as database:
        database.begin(writes=False)
        tables = {table: sorted(map(tuple, database.rows(table)), key=repr) for table in TABLES}
        return {**tables, "store": [database.identity()]}


def test_backup_of_a_store_in_postgresql_comes_back_in_another_one_and_in_a_file(
    data: Path,
    url: str,
    postgresql: PostgresqlServer,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert RUNNER.invoke(app, ["store", "move", str(data / "articles.sqlite"), url]).exit_code == 0
    (data / "articles.sqlite").unlink()
    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)
    monkeypatch.setenv("CORANTO_SINK__DATABASE", url)
    file = str(data / "all.tar.zst")
    made = RUNNER.invoke(app, ["backup", file, "--data", str(data), "--json"])
    assert made.exit_code == 0, made.output
    assert (json.loads(made.stdout)["articles"], json.loads(made.stdout)["pages"]) == (3, 1)
    backed_up = everything(url)

    assert run(["restore", file, "--data", str(data / "other")]) == 3
    assert "nothing is restored: there is an article store in 127.0.0.1" in capfd.readouterr().err
    assert not (data / "other").exists()
    other = postgresql.make_database()
    monkeypatch.setenv("CORANTO_SINK__DATABASE", postgresql.url(other))
    restored = RUNNER.invoke(app, ["restore", file, "--data", str(data / "other")])
    assert restored.exit_code == 0, restored.output
    came_back = everything(postgresql.url(other))
    (store_id, last_number), (other_id, other_number) = backed_up.pop("store")[0], came_back.pop("store")[0]
    assert came_back == backed_up
    # No number is given twice: the lost store may have announced more after the backup.
    assert (other_id, other_number) == (store_id, last_number + 1_000_000)
    assert RUNNER.invoke(app, ["store", "check", "--data", str(data / "other")]).exit_code == 0
    postgresql.drop_database(other)

    monkeypatch.delenv("CORANTO_SINK__DATABASE")
    in_a_file = RUNNER.invoke(app, ["restore", file, "--data", str(data / "file")])
    assert in_a_file.exit_code == 0, in_a_file.output
    of_file = everything(data / "file" / "articles.sqlite")
    assert of_file.pop("store") == [(store_id, last_number + 1_000_000)]
    assert of_file == backed_up


def test_store_is_moved_to_postgresql_and_read_there_by_the_other_commands(
    data: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = RUNNER.invoke(app, ["store", "move", str(data / "articles.sqlite"), url])
    assert moved.exit_code == 0, moved.output
    assert "3 articles, 3 revisions, 3 ledger lines, 3 announcements" in moved.stdout
    (data / "articles.sqlite").unlink()
    monkeypatch.setenv("CORANTO_SINK__DATABASE", url)
    found = RUNNER.invoke(app, ["search", "ferries", "--json", "--data", str(data)])
    assert {json.loads(line)["title"] for line in found.stdout.splitlines()} == {"Ferry 0", "Ferry 1", "Ferry 2"}
    exported = RUNNER.invoke(app, ["export", "--format", "jsonl", "--data", str(data)])
    assert len(exported.stdout.splitlines()) == 3
    checked = RUNNER.invoke(app, ["store", "check", "--data", str(data)])
    assert checked.exit_code == 0, checked.output
    assert "everything agrees" in checked.stdout
    back = RUNNER.invoke(app, ["store", "move", url, str(data / "back.sqlite"), "--json"])
    assert json.loads(back.stdout)["rows"]["articles"] == 3
    assert rows(data / "back.sqlite", "SELECT count(*) FROM announcements") == [(3,)]


def test_old_articles_their_pages_and_ledger_lines_are_pruned_from_postgresql(
    data: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert RUNNER.invoke(app, ["store", "move", str(data / "articles.sqlite"), url]).exit_code == 0
    monkeypatch.setenv("CORANTO_SINK__DATABASE", url)
    rows(url, "UPDATE articles SET last_stored = '2020-01-01T00:00:00.000Z' WHERE title <> 'Ferry 1'")
    rows(
        url,
        "UPDATE ledger SET at = '2020-01-01T00:00:00.000Z' WHERE article_id IN (SELECT id FROM articles WHERE title <> 'Ferry 1')",
    )
    planned = RUNNER.invoke(app, ["prune", "--older-than", "30d", "--dry-run", "--json", "--data", str(data)])
    assert planned.exit_code == 0, planned.output
    assert rows(url, "SELECT count(*) FROM articles") == [(3,)]
    pruned = RUNNER.invoke(app, ["prune", "--older-than", "30d", "--yes", "--data", str(data)])
    assert pruned.exit_code == 0, pruned.output
    assert rows(url, "SELECT title FROM articles") == [("Ferry 1",)]
    assert rows(url, "SELECT count(*) FROM ledger") == [(1,)]
    checked = RUNNER.invoke(app, ["pages", "check", "--json", "--data", str(data)])
    assert checked.exit_code == 0, checked.output
    report = json.loads(checked.stdout)
    assert report["missing"] == []
    assert RUNNER.invoke(app, ["store", "check", "--data", str(data)]).exit_code == 0


def test_check_tells_what_does_not_agree_and_ends_with_code_1(data: Path) -> None:
    rows(data / "articles.sqlite", "DELETE FROM announcements WHERE number = 2")
    checked = RUNNER.invoke(app, ["store", "check", "--data", str(data)])
    assert checked.exit_code == 1
    assert "1 revisions that are neither announced nor waiting to be" in checked.stdout


def test_lists_of_sources_are_repaired_when_that_is_asked_for(data: Path) -> None:
    rows(data / "articles.sqlite", "DELETE FROM source_articles")
    checked = RUNNER.invoke(app, ["store", "check", "--data", str(data)])
    assert checked.exit_code == 1
    assert "`coranto store check --repair`" in checked.output
    repaired = RUNNER.invoke(app, ["store", "check", "--repair", "--data", str(data)])
    assert repaired.exit_code == 0, repaired.output
    assert "rows added, 0 rows removed" in repaired.stdout
    again = RUNNER.invoke(app, ["store", "check", "--repair", "--json", "--data", str(data)])
    assert json.loads(again.stdout)["repaired_lists"] == {"added": 0, "removed": 0}


def test_check_tells_of_pages_that_are_missing(data: Path) -> None:
    for page in (data / "pages").rglob("*.zst"):
        page.unlink()
    checked = RUNNER.invoke(app, ["store", "check", "--json", "--data", str(data)])
    assert checked.exit_code == 1
    assert json.loads(checked.stdout)["missing_pages"] == 3


def test_wrong_addresses_are_explained(
    data: Path, url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["store", "move", str(data / "nothing.sqlite"), url]) == 3
    assert "no article store at" in capfd.readouterr().err
    assert run(["store", "move", str(data / "articles.sqlite"), "mysql://u:secret@host/db"]) == 2
    assert "expected a path or postgresql://" in capfd.readouterr().err
    monkeypatch.setenv("CORANTO_SINK__DATABASE", "postgresql://u:secret@127.0.0.1:1/db")
    assert run(["search", "ferry"]) == 1
    told = capfd.readouterr().err
    assert "does not answer" in told
    assert "secret" not in told
    monkeypatch.setenv("CORANTO_SINK__DATABASE", url)
    assert run(["search", "ferry"]) == 3
    assert "start the sink" in capfd.readouterr().err


@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="needs pg_dump and pg_restore, which no wheel brings")
def test_store_comes_back_whole_from_a_dump_as_the_page_on_backup_says(
    data: Path, url: str, postgresql: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert RUNNER.invoke(app, ["store", "move", str(data / "articles.sqlite"), url]).exit_code == 0
    dump, name = data / "articles.dump", postgresql.make_database()
    restored = postgresql.url(name)
    for command in (
        ["pg_dump", "--format=custom", "--no-owner", "--file", str(dump), url],
        ["pg_restore", "--no-owner", "--dbname", restored, str(dump)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    monkeypatch.setenv("CORANTO_SINK__DATABASE", restored)
    assert RUNNER.invoke(app, ["store", "check", "--data", str(data)]).exit_code == 0
    back = RUNNER.invoke(app, ["store", "move", restored, str(data / "back.sqlite"), "--json"])
    assert json.loads(back.stdout)["rows"]["articles"] == 3
    for table in ("articles", "revisions", "ledger", "announcements", "addresses"):
        statement = f"SELECT * FROM {table} ORDER BY 1, 2"  # noqa: S608 - names of ours
        assert rows(data / "back.sqlite", statement) == rows(data / "articles.sqlite", statement), table
    postgresql.drop_database(name)
