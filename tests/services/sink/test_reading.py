"""The library as its readers see it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from coranto.records import ClassifiedArticle
from coranto.store.interface import Catalogue, LibraryError
from coranto.store.sqlite.reader import SqliteCatalogue, match_expression, open_library
from coranto.store.sqlite.writer import SqliteLibrary
from coranto_sink.stage import store

MakeArticle = Callable[..., ClassifiedArticle]


async def test_article_is_found_by_id_by_canonical_address_and_by_the_one_it_was_found_under(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    article = await store(make_article(), library=library)
    with open_library(database) as catalogue:
        assert isinstance(catalogue, Catalogue)
        other_spelling = "HTTPS://News.Example:443/bridge?utm_medium=mail#comments"
        for key in (article.id, article.discovery.canonical_url, article.discovery.url, other_spelling):
            assert catalogue.find(key) == article
        assert catalogue.find("https://news.example/other") is None
        assert catalogue.find("no address at all") is None


async def test_export_yields_each_article_once_in_its_latest_revision(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article("https://news.example/a"), library=library)
    await store(make_article("https://news.example/b"), library=library)
    await store(make_article("https://news.example/a", fetch=2, title="Second version"), library=library)
    with open_library(database) as catalogue:
        assert [article.content.title for article in catalogue.finished()] == [
            "Second version",
            "Bridge over the Neva reopens",
        ]
        assert [article.storage.revision for article in catalogue.revisions_of("https://news.example/a")] == [1, 2]
        assert catalogue.count() == 2


async def test_search_finds_words_in_any_case_and_order(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article(), library=library)
    with open_library(database) as catalogue:
        (hit,) = catalogue.search("NEVA bridge")
    assert hit.url == "https://news.example/bridge"
    assert "[Bridge]" in hit.excerpt


async def test_search_knows_cyrillic_and_the_beginnings_of_words(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article("https://news.example/ru", title="Мост через Неву открыли раньше срока"), library=library)
    with open_library(database) as catalogue:
        assert len(catalogue.search("МОСТ открыли")) == 1
        assert len(catalogue.search("нев*")) == 1


@pytest.mark.parametrize("query", ["зелёный самолёт", "зеленый самолет", "ЗЕЛЕНЫЙ САМОЛЁТ", "зелен* самол*"])
async def test_search_takes_two_russian_letters_for_one(
    library: SqliteLibrary, database: Path, make_article: MakeArticle, query: str
) -> None:
    await store(make_article("https://news.example/mixed", title="Зелёный самолет"), library=library)
    with open_library(database) as catalogue:
        assert len(catalogue.search(query)) == 1


async def test_other_endings_count_only_where_no_article_has_the_words_as_they_are(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article("https://news.example/one", title="Новые мосты Казани"), library=library)
    with open_library(database) as catalogue:
        assert len(catalogue.search("моста казань")) == 1
        assert catalogue.search("порт") == []
        await store(make_article("https://news.example/two", title="Ремонт моста"), library=library)
        assert [hit.url for hit in catalogue.search("моста")] == ["https://news.example/two"]


async def test_search_finds_a_phrase_only_where_its_words_stand_together(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article(), library=library)
    with open_library(database) as catalogue:
        assert len(catalogue.search('"flowing again"')) == 1
        assert len(catalogue.search('"again flowing"')) == 0


async def test_full_text_index_agrees_with_the_articles(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article(), library=library)
    await store(make_article(fetch=2, title="Another title"), library=library)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("INSERT INTO articles_fts (articles_fts, rank) VALUES ('integrity-check', 1)")
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


async def test_headline_weighs_more_than_text(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(
        make_article("https://news.example/in-text", title="Other", text="The ferry runs. It is a ferry."),
        library=library,
    )
    await store(make_article("https://news.example/in-title", title="A ferry", text="It runs."), library=library)
    with open_library(database) as catalogue:
        assert [hit.url.rsplit("/")[-1] for hit in catalogue.search("ferry")] == ["in-title", "in-text"]


async def test_replaced_text_is_no_longer_found(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article(), library=library)
    await store(make_article(fetch=2, text="All is quiet."), library=library)
    with open_library(database) as catalogue:
        assert catalogue.search("flowing") == []
        assert len(catalogue.search("quiet")) == 1


@pytest.mark.parametrize(
    "query",
    ["", "  ", '"', '"""', "*", "AND", "NEAR(", "title:x", "a OR", "-b", "^c", "(", "{x}: y", "'", "\0", "…",
     "е" * 5000, "слово " * 5000],
    ids=lambda query: repr(query[:8]),
)  # fmt: skip
async def test_no_query_is_a_syntax_error(
    library: SqliteLibrary, database: Path, make_article: MakeArticle, query: str
) -> None:
    await store(make_article(), library=library)
    with open_library(database) as catalogue:
        assert isinstance(catalogue.search(query), list)


def test_operators_of_the_index_are_plain_words() -> None:
    assert match_expression("title:bridge OR neva*") == '("title:bridge") AND ("OR") AND ("neva"*)'


async def test_outcomes_are_counted_by_stage_and_reason(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    for number in range(3):
        await store(make_article(f"https://news.example/{number}"), library=library)
    with open_library(database) as catalogue:
        assert catalogue.count_by_outcome() == {("sink", "stored", "created"): 3}


async def test_reader_does_not_write(library: SqliteLibrary, database: Path, make_article: MakeArticle) -> None:
    await store(make_article(), library=library)
    with SqliteCatalogue(database) as catalogue, pytest.raises(sqlite3.OperationalError, match="readonly"):
        catalogue._connection.execute("DELETE FROM articles")


def test_missing_library_says_where_it_was_sought(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no library at"):
        open_library(tmp_path / "library.sqlite")


def test_missing_library_is_made_when_writing_is_allowed(database: Path) -> None:
    with open_library(database, read_only=False) as catalogue:
        assert catalogue.count() == 0


def test_file_of_another_kind_is_refused_with_its_name(tmp_path: Path) -> None:
    stranger = tmp_path / "library.sqlite"
    stranger.write_bytes(b"not a database at all, but long enough to be taken for one" * 100)
    with pytest.raises(LibraryError, match="cannot be read as a library"):
        open_library(stranger)


def test_empty_database_is_refused_as_no_library(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        connection.execute("CREATE TABLE other (x)")
    with pytest.raises(LibraryError, match="is no library of articles"):
        open_library(tmp_path / "other.sqlite")


def test_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "new.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(LibraryError, match="run the newer program"):
        open_library(tmp_path / "new.sqlite")
