"""The page on the article store names every table and column, and what it tells the reader to run works."""

from __future__ import annotations

import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.shared.store.articles import build_article, store
from typer.testing import CliRunner

from coranto.store.sqlite.writer import SqliteArticleStore
from coranto_cli.application import app

PAGE = (Path(__file__).parents[2] / "docs/reference/store.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


QUERIES = [query for block in blocks("sql") for query in block.split(";") if query.strip()]
COMMANDS = [
    line for block in blocks("sh") for line in block.splitlines() if line.startswith((".venv/bin/coranto ", "coranto "))
]


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data directory with one article in its store."""
    article_store = SqliteArticleStore(tmp_path / "coranto-data" / "articles.sqlite")
    await article_store.open()
    await store(build_article(), article_store=article_store)
    await article_store.close()
    return tmp_path / "coranto-data"


def test_page_names_every_table_and_column_in_their_order(data: Path) -> None:
    with closing(sqlite3.connect(data / "articles.sqlite")) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            " AND name NOT LIKE 'articles\\_fts%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        )
        there = {
            table: [column[1] for column in connection.execute(f"PRAGMA table_info({table})")] for (table,) in tables
        }
    sections = re.findall(r"^### (\w+)\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert {name: re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) for name, text in sections} == there


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_query_of_the_page_runs(data: Path, query: str) -> None:
    with closing(sqlite3.connect(data / "articles.sqlite")) as connection:
        connection.execute(query).fetchall()


@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_the_page_is_understood(data: Path, command: str) -> None:
    result = CliRunner().invoke(app, [*shlex.split(command)[1:], "--data", str(data)])
    assert result.exit_code in (0, 3), result.output  # 3: the one article is on something else


@pytest.mark.parametrize(
    "program", [*blocks("python"), *re.findall(r"python -c '(.*?)'", PAGE, re.DOTALL)], ids=range(3)
)
def test_program_of_the_page_runs(data: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data.parent)
    monkeypatch.setattr("sys.argv", ["-c", "coranto-data/articles.sqlite"])
    exec(compile(program, "store.md", "exec"), {})  # noqa: S102 - our own page
