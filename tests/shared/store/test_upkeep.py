"""Removing articles from the store for good, and copying the file while others write."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coranto.store.database.columns import sortable_time
from coranto.store.interface import Removed, StoreError
from coranto.store.sqlite.reader import SqliteArticleReader
from coranto.store.sqlite.upkeep import SqliteArticleUpkeep, copy_database, skip_numbers
from coranto.store.sqlite.writer import SqliteArticleStore
from coranto.testing import classified

SECRET = "Zwiebelfischchen"


async def filled(path: Path, *urls: str, text: str = "Plain words.") -> list[str]:
    store, ids = SqliteArticleStore(path), []
    await store.open()
    for url in urls:
        article = classified(url, text=text)
        await store.store(article)
        ids.append(article.id)
    await store.close()
    return ids


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {
        table: connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # noqa: S608 - the schema's
        for table in tables
        if not table.startswith(("articles_fts_", "sqlite_"))
    }
    connection.close()
    return found


async def test_removed_article_is_in_no_table_no_index_and_no_byte_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "articles.sqlite"
    (kept,) = await filled(path, "https://news.example/kept")
    before = rows(path)
    (gone,) = await filled(path, "https://news.example/gone", text=f"{SECRET} said so. " * 200)
    upkeep = SqliteArticleUpkeep(path)
    assert upkeep.count([gone, "0" * 32]) == Removed(1, 1, 1)
    assert upkeep.remove([gone], is_erased=True) == Removed(1, 1, 1)
    assert upkeep.remove([gone], is_erased=True) == Removed()
    assert rows(path) == before
    with SqliteArticleReader(path) as reader:
        assert [article.id for article in reader.iterate()] == [kept]
        assert reader.search(SECRET) == []
    for file in tmp_path.iterdir():
        assert SECRET.encode() not in file.read_bytes()
        assert SECRET.lower().encode()[:-2] not in file.read_bytes()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO articles_fts (articles_fts, rank) VALUES ('integrity-check', 1)")


async def test_age_is_that_of_the_latest_revision(tmp_path: Path) -> None:
    path = tmp_path / "articles.sqlite"
    old, young = await filled(path, "https://news.example/old", "https://news.example/young")
    now = datetime.now(UTC)
    connection = sqlite3.connect(path)
    connection.execute(
        "UPDATE articles SET first_stored = ?, last_stored = CASE id WHEN ? THEN ? ELSE last_stored END",
        (sortable_time(now - timedelta(days=9)), old, sortable_time(now - timedelta(days=8))),
    )
    connection.execute("UPDATE ledger SET at = ?", (sortable_time(now - timedelta(days=8)),))
    connection.commit()
    connection.close()
    upkeep = SqliteArticleUpkeep(path)
    week_ago = now - timedelta(days=7)
    assert upkeep.stored_before(week_ago) == [old]
    assert upkeep.remove([old]) == Removed(1, 1, 1)
    assert upkeep.count_ledger_before(week_ago) == 1
    assert upkeep.remove_ledger_before(week_ago, at_most=10) == 1
    assert upkeep.remove_ledger_before(week_ago, at_most=10) == 0
    with SqliteArticleReader(path) as reader:
        assert [article.id for article in reader.iterate()] == [young]


async def test_copy_made_while_others_write_is_one_moment(tmp_path: Path) -> None:
    path, copy = tmp_path / "articles.sqlite", tmp_path / "copy.sqlite"
    await filled(path, *(f"https://news.example/{number}" for number in range(30)))
    before = rows(path)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE articles SET title = 'half done'")
    copy_database(path, copy)
    writer.execute("ROLLBACK")
    assert rows(copy) == before
    assert sqlite3.connect(copy).execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_store_that_is_missing_old_or_in_use_is_told(tmp_path: Path) -> None:
    path = tmp_path / "articles.sqlite"
    with pytest.raises(FileNotFoundError, match="no article store"):
        SqliteArticleUpkeep(path)
    (article,) = await filled(path, "https://news.example/1")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 3")
    with pytest.raises(StoreError, match="earlier version"):
        SqliteArticleUpkeep(path).count([article])


async def test_store_put_back_from_a_copy_gives_no_number_a_second_time(tmp_path: Path) -> None:
    store, copy = tmp_path / "articles.sqlite", tmp_path / "copy.sqlite"

    async def announce(path: Path, *urls: str) -> int:
        await filled(path, *urls)
        writer = SqliteArticleStore(path)
        await writer.open()
        await writer.mark_announced(await writer.unannounced(10))
        await writer.close()
        with SqliteArticleReader(path) as reader:
            return reader.last_number()

    for urls in ([], ["https://news.example/1"]):  # nothing announced yet, and one
        before = await announce(store, *urls)
        copy_database(store, copy)
        lost = await announce(store, *(f"https://news.example/lost/{len(urls)}/{number}" for number in range(3)))
        skip_numbers(copy)
        with SqliteArticleReader(copy) as reader:
            assert reader.last_number() == before
        assert await announce(copy, "https://news.example/other") > lost
        copy.unlink()


def test_what_is_no_store_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.sqlite").write_text("no database " * 100)
    with pytest.raises(StoreError, match="no article store"):
        skip_numbers(tmp_path / "notes.sqlite")
