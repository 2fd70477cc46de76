"""Removing articles for good from PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests.shared.store.articles import build_article, store
from tests.shared.store.databases import count, on_postgresql, rows

from coranto.store.address import open_article_reader, open_article_upkeep
from coranto.store.database.columns import sortable_time
from coranto.store.database.tables import TABLES
from coranto.store.interface import ArticleStore, Removed


@on_postgresql
async def test_removed_article_is_in_no_table_and_the_others_stay(article_store: ArticleStore, database: str) -> None:
    kept = await store(build_article("https://news.example/kept"), article_store=article_store)
    before = {table: count(database, table) for table in TABLES}
    gone = await store(build_article("https://news.example/gone", text="Zwiebelfisch."), article_store=article_store)
    await store(build_article("https://news.example/gone", fetch=2, text="Zwiebel."), article_store=article_store)
    upkeep = open_article_upkeep(database)
    assert gone.id in upkeep.also_known_as([gone.id])
    assert upkeep.count([gone.id, "0" * 32]) == Removed(1, 2, 2)
    assert await asyncio.to_thread(upkeep.remove, [gone.id], is_erased=True) == Removed(1, 2, 2)
    assert upkeep.remove([gone.id], is_erased=True) == Removed()
    assert {table: count(database, table) for table in TABLES} == before
    with open_article_reader(database) as reader:
        assert [article.id for article in reader.iterate()] == [kept.id]
        assert reader.search("Zwiebel*") == []


@on_postgresql
async def test_age_is_that_of_the_latest_revision(article_store: ArticleStore, database: str) -> None:
    old = await store(build_article("https://news.example/old"), article_store=article_store)
    await store(build_article("https://news.example/young"), article_store=article_store)
    now = datetime.now(UTC)
    rows(database, "UPDATE articles SET last_stored = ? WHERE id = ?", sortable_time(now - timedelta(days=8)), old.id)
    rows(database, "UPDATE ledger SET at = ?", sortable_time(now - timedelta(days=8)))
    upkeep = open_article_upkeep(database)
    week_ago = now - timedelta(days=7)
    assert upkeep.stored_before(week_ago) == [old.id]
    assert upkeep.count_ledger_before(week_ago) == 2
    assert [upkeep.remove_ledger_before(week_ago, at_most=1) for _ in range(3)] == [1, 1, 0]


@on_postgresql
def test_database_without_a_store_is_told(database: str) -> None:
    with pytest.raises(FileNotFoundError, match="no article store"):
        open_article_upkeep(database)
