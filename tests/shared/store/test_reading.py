"""The article store as its readers see it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.shared.store.articles import store
from tests.shared.store.databases import Database, on_sqlite

from coranto.records import ClassifiedArticle
from coranto.store.address import open_article_reader
from coranto.store.interface import ArticleReader, ArticleStore, StoreError
from coranto.store.sqlite.reader import SqliteArticleReader, open_article_store

MakeArticle = Callable[..., ClassifiedArticle]


async def test_article_is_found_by_id_by_canonical_address_and_by_the_one_it_was_found_under(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    article = await store(make_article(), article_store=article_store)
    with open_article_reader(database) as reader:
        assert isinstance(reader, ArticleReader)
        other_spelling = "HTTPS://News.Example:443/bridge?utm_medium=mail#comments"
        for key in (article.id, article.url, article.discovery.url, other_spelling):
            assert reader.find(key) == article
        assert reader.find("https://news.example/other") is None
        assert reader.find("no address at all") is None


async def test_export_yields_each_article_once_in_its_latest_revision(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article("https://news.example/a"), article_store=article_store)
    await store(make_article("https://news.example/b"), article_store=article_store)
    await store(make_article("https://news.example/a", fetch=2, title="Second version"), article_store=article_store)
    with open_article_reader(database) as reader:
        assert [article.content.title for article in reader.iterate()] == [
            "Second version",
            "Bridge over the Neva reopens",
        ]
        assert [article.storage.revision for article in reader.revisions_of("https://news.example/a")] == [1, 2]
        assert reader.count() == 2


async def test_search_finds_words_in_any_case_and_order(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    with open_article_reader(database) as reader:
        (hit,) = reader.search("NEVA bridge")
    assert hit.url == "https://news.example/bridge"
    assert "[Bridge]" in hit.excerpt


async def test_search_knows_cyrillic_and_the_beginnings_of_words(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(
        make_article("https://news.example/ru", title="Мост через Неву открыли раньше срока"),
        article_store=article_store,
    )
    with open_article_reader(database) as reader:
        assert len(reader.search("МОСТ открыли")) == 1
        assert len(reader.search("нев*")) == 1


@pytest.mark.parametrize("query", ["зелёный самолёт", "зеленый самолет", "ЗЕЛЕНЫЙ САМОЛЁТ", "зелен* самол*"])
async def test_search_takes_two_russian_letters_for_one(
    article_store: ArticleStore, database: Database, make_article: MakeArticle, query: str
) -> None:
    await store(make_article("https://news.example/mixed", title="Зелёный самолет"), article_store=article_store)
    with open_article_reader(database) as reader:
        assert len(reader.search(query)) == 1


async def test_search_finds_a_phrase_only_where_its_words_stand_together(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    with open_article_reader(database) as reader:
        assert len(reader.search('"flowing again"')) == 1
        assert len(reader.search('"again flowing"')) == 0


@on_sqlite
async def test_full_text_index_agrees_with_the_articles(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    await store(make_article(fetch=2, title="Another title"), article_store=article_store)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("INSERT INTO articles_fts (articles_fts, rank) VALUES ('integrity-check', 1)")
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


async def test_headline_weighs_more_than_text(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(
        make_article("https://news.example/in-text", title="Other", text="The ferry runs. It is a ferry."),
        article_store=article_store,
    )
    await store(
        make_article("https://news.example/in-title", title="A ferry", text="It runs."), article_store=article_store
    )
    with open_article_reader(database) as reader:
        assert [hit.url.rsplit("/")[-1] for hit in reader.search("ferry")] == ["in-title", "in-text"]


async def test_replaced_text_is_no_longer_found(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    await store(make_article(fetch=2, text="All is quiet."), article_store=article_store)
    with open_article_reader(database) as reader:
        assert reader.search("flowing") == []
        assert len(reader.search("quiet")) == 1


async def test_outcomes_are_counted_by_stage_and_reason(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    for number in range(3):
        await store(make_article(f"https://news.example/{number}"), article_store=article_store)
    with open_article_reader(database) as reader:
        assert reader.count_by_outcome() == {("sink", "stored", "created"): 3}


@on_sqlite
async def test_reader_does_not_write(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    with SqliteArticleReader(Path(database)) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM articles")


def test_missing_store_says_where_it_was_sought(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no article store at"):
        open_article_store(tmp_path / "articles.sqlite")


@on_sqlite
def test_missing_store_is_made_when_writing_is_allowed(database: Path) -> None:
    with open_article_store(database, read_only=False) as reader:
        assert reader.count() == 0


def test_file_of_another_kind_is_refused_with_its_name(tmp_path: Path) -> None:
    stranger = tmp_path / "articles.sqlite"
    stranger.write_bytes(b"not a database at all, but long enough to be taken for one" * 100)
    with pytest.raises(StoreError, match="cannot be read as an article store"):
        open_article_store(stranger)


def test_empty_database_is_refused_as_no_store(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        connection.execute("CREATE TABLE other (x)")
    with pytest.raises(StoreError, match="is not an article store"):
        open_article_store(tmp_path / "other.sqlite")


def test_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "new.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreError, match="run the newer program"):
        open_article_store(tmp_path / "new.sqlite")
