"""`coranto search`, called as the command line calls it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from tests.shared.store.articles import build_article, store
from typer.testing import CliRunner

from coranto.records import DroppedArticle
from coranto.records.sections import Doubt
from coranto.store.sqlite.writer import SqliteArticleStore
from coranto_cli.application import app
from coranto_cli.errors import CommandError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory with a store of three articles, published at noon of 14 March 2026."""

    async def fill() -> None:
        article_store = SqliteArticleStore(tmp_path / "articles.sqlite")
        await article_store.open()
        for number in range(3):
            article = build_article(f"https://news.example/{number}", title=f"Ferry {number} <runs>")
            await store(article, article_store=article_store)
        await article_store.close()

    asyncio.run(fill())
    return tmp_path


def test_search_prints_title_and_address(data: Path) -> None:
    result = CliRunner().invoke(app, ["search", "ferry", "1", "--data", str(data)])
    assert result.exit_code == 0
    assert "Ferry 1 <runs>" in result.stdout
    assert "https://news.example/1" in result.stdout
    assert "https://news.example/2" not in result.stdout


def test_search_can_print_json(data: Path) -> None:
    result = CliRunner().invoke(app, ["search", "ferry", "--json", "--limit", "2", "--data", str(data)])
    assert [json.loads(line)["language"] for line in result.stdout.splitlines()] == ["en", "en"]


def test_article_in_doubt_says_so_where_it_is_shown(data: Path) -> None:
    async def add() -> None:
        article_store = SqliteArticleStore(data / "articles.sqlite")
        await article_store.open()
        kettle = build_article("https://news.example/kettle", title="Ferry kettle")
        doubt = Doubt(reason="product_page", evidence="og:type product", probability=0.8)
        content = kettle.content.model_copy(update={"doubt": doubt, "published": None, "authors": ()})
        await store(kettle.model_copy(update={"content": content}), article_store=article_store)
        await article_store.close()

    asyncio.run(add())
    shown = CliRunner().invoke(app, ["show", "https://news.example/kettle", "--data", str(data)]).stdout
    assert "May not be an article (80%): product_page, og:type product" in shown
    assert "no byline · no date" in shown
    other = CliRunner().invoke(app, ["show", "https://news.example/1", "--data", str(data)]).stdout
    assert "May not be" not in other
    assert "no date" not in other


def test_retracted_article_is_marked_where_it_is_found_and_shown(data: Path) -> None:
    async def retract() -> None:
        article_store = SqliteArticleStore(data / "articles.sqlite")
        await article_store.open()
        article = build_article("https://news.example/1")
        for visit in (1, 2):  # of a site that shows no other page, 410 counts at the second
            await article_store.record_drop(
                DroppedArticle(
                    id=article.id, url=article.url, submission=f"visit-{visit}", stage="fetcher", outcome="dropped",
                    reason="gone", dropped_at=article.fetch.fetched_at + timedelta(days=visit),
                )
            )  # fmt: skip
        await article_store.close()

    asyncio.run(retract())
    found = [CliRunner().invoke(app, ["search", "ferry", number, "--data", str(data)]).stdout for number in ("1", "2")]
    assert ["retracted" in text for text in found] == [True, False]
    shown = [
        CliRunner().invoke(app, ["show", f"https://news.example/{number}", "--data", str(data)]) for number in (1, 2)
    ]
    assert ["Withdrawn by its publisher" in each.stdout for each in shown] == [True, False]
    exported = CliRunner().invoke(app, ["export", "--format", "atom", "--data", str(data)]).stdout
    assert exported.count("Withdrawn by its publisher.") == 1


def test_search_without_a_match_ends_with_code_3(data: Path) -> None:
    result = CliRunner().invoke(app, ["search", "zeppelin", "--data", str(data)])
    assert result.exit_code == 3
    assert "No stored article" in result.stderr


def test_argument_with_a_space_is_a_phrase(data: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["search", "ferry", "flowing again", "--data", str(data)]).exit_code == 0
    assert runner.invoke(app, ["search", "ferry", "again flowing", "--data", str(data)]).exit_code == 3


def search(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["search", "--data", str(data), *arguments])


@pytest.mark.parametrize(
    ("filters", "exit_code"),
    [
        (["--since", "2026-03-14"], 0),
        (["--since", "2026-03-14T12:00"], 0),
        (["--since", "2026-03-14T12:00:01Z"], 3),
        (["--until", "2026-03-14"], 0),  # the whole day
        (["--until", "2026-03-14T15:00+03:00"], 3),  # noon itself is not before noon
        (["--until", "2026-03-13"], 3),
        (["--since", "2026-03-01", "--until", "2026-03-31"], 0),
        (["--since", "1h"], 3),
        (["--since", "99999d"], 0),
        (["--source", "example"], 0),
        (["--source", "news.example"], 0),
        (["--source", "other"], 3),
        (["--language", "en"], 0),
        (["--language", "ru"], 3),
        (["--topic", "13000000"], 0),
        (["--topic", "science and technology"], 0),
        (["--topic", "sport"], 3),
        (["--entity", "neva"], 0),
        (["--entity", "Thames"], 3),
        (["--entity", "Neva", "--topic", "sport"], 3),
    ],
    ids=str,
)
def test_filters_go_with_words_and_without(data: Path, filters: list[str], exit_code: int) -> None:
    for words in ([], ["ferries"]):
        result = search(data, *words, *filters)
        assert result.exit_code == exit_code
        assert result.stdout.count("https://news.example/") == (0 if exit_code else 3)
        assert ("passes these filters" in result.stderr) == bool(exit_code)


def test_words_may_have_other_forms(data: Path) -> None:
    assert search(data, "bridges", "ferries", "run").exit_code == 0
    assert search(data, '"ferries"').exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say what to search for"),
        (["   "], "say what to search for"),
        (["***"], "there is no word to search for in '***'"),
        (["ferry", "--since", "yesterday"], "--since takes a date such as 2026-03-14"),
        (["ferry", "--until", "2026-13-01"], "--until takes a date such as 2026-03-14"),
        (["ferry", "--since", "2026-03-14", "--until", "2026-03-13"], "--since must be before --until"),
        (["--topic", "sprot"], "did you mean"),
        (["--entity", " "], "--entity is empty"),
    ],
)
def test_wrong_usage_is_explained_with_code_2(data: Path, arguments: list[str], said: str) -> None:
    error = search(data, *arguments).exception
    assert isinstance(error, CommandError)
    assert error.exit_code == 2
    assert said in str(error)


def test_damaged_store_is_named_in_the_error(data: Path) -> None:
    file = data / "articles.sqlite"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    error = search(data, "ferry").exception
    assert isinstance(error, CommandError)
    assert str(file) in str(error)
    assert error.exit_code == 1


def test_file_of_an_earlier_version_says_what_to_do(data: Path) -> None:
    with closing(sqlite3.connect(data / "articles.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 3")
    error = search(data, "ferry").exception
    assert isinstance(error, CommandError)
    assert "start the sink once" in str(error)
