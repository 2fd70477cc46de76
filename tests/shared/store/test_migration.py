"""Files of earlier versions, with articles in them, brought to the present schema."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.shared.store.articles import build_article, store

from coranto.records import ClassifiedArticle, Storage
from coranto.store.interface import StoreError
from coranto.store.revisions import digests_of
from coranto.store.sqlite import schema
from coranto.store.sqlite.reader import open_article_store
from coranto.store.sqlite.writer import SqliteArticleStore

MakeArticle = Callable[..., ClassifiedArticle]
OLD_VERSIONS = range(1, schema.VERSION)


def make_old_store(database: Path, version: int, texts: list[str]) -> None:
    """A file as the program of that version left it, with a Russian article for each text."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for action in (action for step in schema.STEPS[:version] for action in step):
            connection.execute(action) if isinstance(action, str) else action(connection)
        connection.execute(f"PRAGMA user_version = {version}")
        for number, text in enumerate(texts):
            article = build_article(f"https://news.example/{number}", text=text)
            at = schema.time_text(article.fetch.fetched_at)
            connection.execute(
                "INSERT INTO articles (id, url, found_url, title, lead, text, published, language, source, revision,"
                " first_stored, last_stored, last_fetched) VALUES (?, ?, ?, ?, ?, ?, ?, 'ru', 'example', 1, ?, ?, ?)",
                (article.id, article.discovery.canonical_url, article.discovery.url, article.content.title, None, text,
                 at, at, at, at),
            )  # fmt: skip
            storage = Storage(revision=1, change="created", stored_at=article.fetch.fetched_at)
            record = article.with_storage(storage).model_dump_json(exclude_none=True)
            connection.execute(
                "INSERT INTO revisions (article_id, revision, change, changed_fields, submission, stored_at, digests, record)"
                " VALUES (?, 1, 'created', '[]', ?, ?, ?, ?)",
                (
                    article.id,
                    article.discovery.submission,
                    at,
                    json.dumps(digests_of(article), separators=(",", ":")),
                    record,
                ),
            )
            connection.execute(
                "INSERT INTO entities (article_id, type, name, count) VALUES (?, 'person', 'Семён Ёлкин', 2)",
                (article.id,),
            )
        if version >= schema.WORD_FORMS_SINCE:
            schema.add_word_forms(connection)
            schema.add_folded_names(connection)


def query(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


def migrate(database: Path) -> None:
    with open_article_store(database, read_only=False):
        pass


def found(database: Path, words: str) -> int:
    with open_article_store(database) as reader:
        return len(reader.search(words, limit=1000))


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_upgraded_file_has_the_schema_of_a_fresh_one_to_the_letter(tmp_path: Path, version: int) -> None:
    make_old_store(tmp_path / "old.sqlite", version, ["Ремонт моста."])
    migrate(tmp_path / "old.sqlite")
    migrate(tmp_path / "fresh.sqlite")
    texts = [
        query(tmp_path / name, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
        for name in ("old.sqlite", "fresh.sqlite")
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_articles_of_an_old_file_are_found_by_word_forms_and_entities(database: Path, version: int) -> None:
    # More than are filled at once.
    make_old_store(database, version, [*(f"Ремонт моста, день {number}." for number in range(250)), "Мёд подорожал."])
    migrate(database)
    assert (found(database, "мосты"), found(database, "мед"), found(database, "ремонты 249")) == (250, 1, 1)
    assert query(database, "SELECT count(*) FROM entities WHERE folded_name = 'семен елкин'") == [(251,)]
    query(database, "INSERT INTO articles_fts (articles_fts, rank) VALUES ('integrity-check', 1)")
    with open_article_store(database) as reader:
        assert reader.count() == len(list(reader.iterate())) == 251


DYING_MIGRATION = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from coranto.store.sqlite import schema
    from coranto.store.sqlite.reader import open_article_store

    def die(connection):
        rows = connection.execute("SELECT count(*) FROM articles WHERE text_forms IS NOT NULL").fetchone()
        print(rows[0], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    steps = list(schema.STEPS)
    place = steps[3].index(schema.add_folded_names)
    steps[3] = (*steps[3][:place], die, *steps[3][place:])
    schema.STEPS = tuple(steps)
    open_article_store(Path(sys.argv[1]), read_only=False)
    """
)


def test_killed_in_the_middle_the_file_is_as_before_and_the_next_start_finishes(database: Path) -> None:
    make_old_store(database, 3, ["Ремонт моста."] * 120)
    before = query(database, "SELECT name, sql FROM sqlite_master ORDER BY name")
    died = subprocess.run(
        [sys.executable, "-c", DYING_MIGRATION, str(database)], check=False, capture_output=True, text=True
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert died.stdout.split() == ["120"], "it had come that far"
    assert query(database, "SELECT name, sql FROM sqlite_master ORDER BY name") == before
    assert query(database, "PRAGMA user_version") == [(3,)]
    migrate(database)
    assert found(database, "мосты") == 120


def test_old_file_can_be_read_but_says_how_it_becomes_searchable(database: Path) -> None:
    make_old_store(database, 3, ["Ремонт моста."])
    with open_article_store(database) as reader:
        assert reader.find("https://news.example/0") is not None
        with pytest.raises(StoreError, match="start the sink once"):
            reader.search("мост")


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_all_that_an_old_file_holds_counts_as_announced_in_the_order_of_storing(database: Path, version: int) -> None:
    make_old_store(database, version, [f"Day {number}." for number in range(5)])
    query(
        database, "UPDATE revisions SET stored_at = '2026-01-01' WHERE rowid = 4"
    )  # written last of all, stored first
    migrate(database)
    with open_article_store(database) as reader:
        announced = reader.announced_after(0)
        assert [each.number for each in announced] == [1, 2, 3, 4, 5]
        assert [each.article.content.text for each in announced] == [f"Day {number}." for number in (3, 0, 1, 2, 4)]
        assert reader.announced_after(5) == []
    assert query(database, "SELECT * FROM outbox") == []


def test_old_file_says_how_it_gets_numbers(database: Path) -> None:
    make_old_store(database, 4, ["Day one."])
    with open_article_store(database) as reader, pytest.raises(StoreError, match="start the sink once"):
        reader.announced_after(0)


async def test_a_store_of_an_earlier_version_gets_an_id_and_announces_nothing_twice(
    database: Path, make_article: MakeArticle
) -> None:
    text = "The bridge reopened on Saturday."
    make_old_store(database, 2, [text])
    article_store = SqliteArticleStore(database)
    await article_store.open()
    url = "https://news.example/0"
    again = await store(make_article(url, text=text), article_store=article_store)
    changed = await store(make_article(url, text=text, fetch=2, title="Early"), article_store=article_store)
    await article_store.close()
    assert again.storage.store is None  # as it was announced
    assert [(changed.storage.store,)] == query(database, "SELECT id FROM store")
    assert changed.storage.revision == 2
