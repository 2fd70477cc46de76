"""`coranto reprocess`: on a running system with stand-in services, and dry with the real extractor and classifier."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.shared.store.articles import build_article, store
from typer.testing import CliRunner

from coranto.pages import FilePageStore
from coranto.store.address import open_article_reader
from coranto.store.sqlite.writer import SqliteArticleStore
from coranto_cli.application import app
from coranto_cli.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.cli.conftest import Shell


def test_what_an_earlier_extractor_read_otherwise_becomes_a_revision_of_ours(system: Shell) -> None:
    pages = [system.page(f"again/{number}.html", f"Words {number}.", title=f"Title {number}") for number in range(3)]
    assert system("submit", *map(str, pages)).code == 0
    assert system("wait", "--timeout", "60").code == 0
    database = system.data / "articles.sqlite"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE revisions SET record = json_set(record, '$.content.title', 'As read before'),"
            """ digests = json_set(digests, '$."content.title"', 'another')"""
            " WHERE json_extract(record, '$.content.title') = 'Title 0'"
        )
    with open_article_reader(database) as reader:
        gone = next(each for each in reader.iterate() if each.content.title == "Title 2")
    FilePageStore(system.data / "pages").path_of(gone.fetch.page).unlink()

    done = system("reprocess", "--yes", "--json", "--timeout", "60")
    assert done.code == 0, done.err
    outcomes = sorted((each["outcome"], tuple(each["changed_fields"])) for each in done.lines)
    assert outcomes == [("changed", ("content.title",)), ("unchanged", ())]
    assert "passed over: 1 article whose page is gone" in done.err
    with open_article_reader(database) as reader:
        revisions = [reader.revisions_of(each["id"]) for each in done.lines if each["outcome"] == "changed"]
        assert reader.source_totals(revisions[0][0].storage.stored_at)[0].new == 3
    ((before, after),) = revisions
    assert (after.storage.change, after.storage.changed_at) == ("reprocessed", before.storage.stored_at)
    assert (before.content.title, after.content.title) == ("As read before", "Title 0")
    again = system("reprocess", "--yes", "--where", "title.contains('title')", "--timeout", "60")
    assert again.code == 0, again.err
    assert "2 articles read again: 0 changed, 2 as before" in again.out


PAGE = """<!DOCTYPE html><html lang="en"><head><title>Ferry returns to the quay</title>
<meta property="og:type" content="article"></head><body><article><h1>Ferry returns to the quay</h1>
{}</article></body></html>""".format(
    "".join(
        f"<p>The ferry that crosses the river {number} times a day was welcomed by several hundred people on Saturday, "
        "after two winters of repairs which had cost the town more than anybody on its council had expected.</p>"
        for number in ("three", "four", "five", "six", "seven")
    )
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store with an article that was read otherwise than its page is read now."""

    async def fill() -> None:
        page = await FilePageStore(tmp_path / "pages").put(PAGE.encode())
        article = build_article()
        article_store = SqliteArticleStore(tmp_path / "articles.sqlite")
        await article_store.open()
        fetch = article.fetch.model_copy(update={"page": page, "content_type": "text/html"})
        await store(article.model_copy(update={"fetch": fetch}), article_store=article_store)
        await article_store.close()

    asyncio.run(fill())
    return tmp_path


def test_dry_run_tells_what_would_change_and_stores_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORANTO_EXTRACTOR__PROCESSES", "1")
    monkeypatch.setenv("CORANTO_PAGES__PATH", str(data / "pages"))
    result = CliRunner().invoke(app, ["reprocess", "--dry-run", "--json", "--data", str(data)])
    assert result.exit_code == 0, result.output
    (told,) = (json.loads(line) for line in result.stdout.splitlines())
    assert told["outcome"] == "changed"
    assert {"content.title", "content.paragraphs"} <= set(told["changed_fields"])
    with open_article_reader(data / "articles.sqlite") as reader:
        assert len(reader.revisions_of(told["id"])) == 1
    nothing = CliRunner().invoke(app, ["reprocess", "--dry-run", "--source", "another", "--data", str(data)])
    assert "0 articles read again" in nothing.output


def test_filter_that_cannot_be_read_and_a_question_nobody_answers_are_refused(data: Path) -> None:
    for arguments, text in ((("--where", "title =="), "--where"), ((), "--yes")):
        refused = CliRunner().invoke(app, ["reprocess", *arguments, "--data", str(data)])
        assert isinstance(refused.exception, CommandError)
        assert refused.exception.exit_code == 2
        assert text in str(refused.exception)
