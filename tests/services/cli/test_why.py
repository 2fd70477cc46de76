"""`coranto why` and `coranto sources`, called as the command line calls them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from tests.shared.store.articles import NOON, build_article, reason_to_skip, store
from typer.testing import CliRunner

from coranto.admin.find_article import Location
from coranto.records import DroppedArticle
from coranto.store.sqlite.writer import SqliteArticleStore
from coranto_cli.application import app
from coranto_cli.articles.whereabouts import in_words

URL = "https://news.example/0"
TODAY = datetime.now(UTC).date()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store in which the source `example` had a day: two articles, a correction, a visit in vain and a refusal."""

    async def fill() -> None:
        article_store = SqliteArticleStore(tmp_path / "articles.sqlite")
        await article_store.open()
        for number in range(2):
            await store(build_article(f"https://news.example/{number}"), article_store=article_store)
        await store(build_article(URL, fetch=2, title="Corrected"), article_store=article_store)
        await reason_to_skip(build_article(URL, fetch=3, title="Corrected"), article_store=article_store)
        refused = DroppedArticle(
            id="d" * 32,
            url="https://news.example/list",
            submission="s",
            source="example",
            stage="extractor",
            outcome="dropped",
            reason="index_page",
            detail="41 links",
            dropped_at=datetime.now(UTC),
            stage_times={"feeder": NOON, "fetcher": NOON},
        )  # fmt: skip
        await article_store.record_drop(refused)
        await article_store.close()

    asyncio.run(fill())
    return tmp_path


def call(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(data)])


def test_why_tells_the_story_of_a_stored_address(data: Path) -> None:
    told = call(data, "why", URL)
    assert told.exit_code == 0
    assert "stored in 2 revisions" in told.output
    assert "stored by the sink: updated: revision 2" in told.output
    assert "1 later visit found it as it was; the latest visit was 2026-03-14 12:03 UTC" in told.output
    found = json.loads(call(data, "why", URL, "--json").stdout)
    assert (found["revisions"], found["visits"]["unchanged"]) == (2, 1)
    assert [line["reason"] for line in found["ledger"]] == ["updated", "created"]


def test_why_tells_what_stopped_an_address_and_knows_nothing_of_another(data: Path) -> None:
    told = call(data, "why", "https://news.example/list")
    assert told.exit_code == 0
    assert "dropped by the extractor: index_page: 41 links" in told.output
    assert "had passed: feeder 12:00:00, fetcher 12:00:00" in told.output
    (line,) = json.loads(call(data, "why", "https://news.example/list", "--json").stdout)["ledger"]
    assert set(line["times"]) == {"feeder", "fetcher"}
    assert call(data, "why", "https://news.example/never").exit_code == 3


def test_day_of_a_source_is_told_in_counts(data: Path) -> None:
    day = str(TODAY)
    told = call(data, "why", "--source", "example", "--day", day)
    assert told.exit_code == 0
    lines = [" ".join(line.split()) for line in told.output.splitlines()]
    assert lines[:6] == [
        f"example, {day} (UTC)", "4 discovered", "3 new, not processed before", "4 fetched", "2 created",
        "1 updated, by the publisher",
    ]  # fmt: skip
    assert "1 index_page, dropped by the extractor" in lines
    assert any(line.startswith("discovery to storing: median") for line in lines)
    found = json.loads(call(data, "why", "--source", "example", "--json").stdout)
    assert (found["day"], found["created"]) == (day, 2)
    assert found["ended"] == [
        {"stage": "extractor", "outcome": "dropped", "reason": "index_page", "count": 1, "revisits": 0}
    ]
    # The visit was on the day on which the tests' articles are fetched.
    assert (
        json.loads(call(data, "why", "--source", "example", "--day", "2026-03-14", "--json").stdout)["unchanged"] == 1
    )


def test_day_without_anything_and_a_store_without_anything_are_told(data: Path, tmp_path: Path) -> None:
    nothing = call(data, "why", "--source", "example", "--day", str(TODAY - timedelta(days=9)))
    assert nothing.exit_code == 3
    assert "Nothing from example ended on" in nothing.output
    empty = tmp_path / "empty"
    empty.mkdir()
    assert call(empty, "why", "--source", "example").exit_code == 3
    assert call(empty, "sources", "example").exit_code == 3
    assert call(empty, "sources").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [(), (URL, "--source", "example"), (URL, "--day", "2026-03-14"), ("--source", "example", "--day", "14 March")],
)
def test_question_that_is_none_is_refused_with_what_was_expected(data: Path, arguments: tuple[str, ...]) -> None:
    refused = call(data, "why", *arguments)
    assert refused.exit_code != 0
    assert getattr(refused.exception, "exit_code", None) == 2


def test_sources_are_listed_and_one_is_shown_with_how_it_does(data: Path) -> None:
    listed = call(data, "sources")
    assert [line.split()[-1] for line in listed.output.splitlines()] == ["source", "example"]
    (found,) = (json.loads(line) for line in call(data, "sources", "--json").stdout.splitlines())
    assert (found["source"], found["new"], found["stored"], found["refused"]) == ("example", 3, 2, 1)
    shown = call(data, "sources", "example")
    assert shown.exit_code == 0
    assert "last 7 days: 3 new, 2 stored" in shown.output
    health = json.loads(call(data, "sources", "example", "--json").stdout)
    assert health["silent_since"] is None
    assert {each["field"]: each["share"] for each in health["lacking"]} == {"lead": 1.0}


def test_silent_source_ends_with_1_for_cron(data: Path) -> None:
    with closing(sqlite3.connect(data / "articles.sqlite")) as connection, connection:
        connection.executemany(
            "INSERT INTO ledger (article_id, submission, url, stage, outcome, reason, at, source)"
            " VALUES (?, 's', '', 'sink', 'stored', 'created', ?, 'gazette')",
            [
                (str(hours), f"{datetime.now(UTC) - timedelta(hours=hours):%Y-%m-%dT%H:%M:%S.000Z}")
                for hours in range(48, 24 * 12)
            ],
        )
    silent = call(data, "sources", "gazette")
    assert silent.exit_code == 1
    assert "silent by its own rhythm: last new 2 days ago" in silent.output


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (Location("fetcher", "delayed", seconds=40, attempts=2, reason="timeout"), "due in 40 s, after 2 attempts"),
        (Location("fetcher", "delayed", seconds=40, attempts=0, reason="queued for a.example"), "due in 40 s"),
        (
            Location(
                "fetcher", "delayed", seconds=40, attempts=0, reason="name_not_resolved",
                host="a.example", host_failures=7, host_failing_seconds=720,
            ),
            "due in 40 s; 7 requests in a row to a.example failed or were refused, for 12 min now",
        ),
    ],
)  # fmt: skip
def test_what_is_delayed_says_what_was_tried(location: Location, words: str) -> None:
    assert in_words(location) == f"is delayed in the fetcher because of {location.reason}, {words}"
