"""The article store in the real Datasette: its search box, with our plugin and without."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.shared.store.articles import store

from coranto.records import ClassifiedArticle, Language
from coranto.store.sqlite.reader import open_article_store
from coranto.store.sqlite.writer import SqliteArticleStore

datasette_app = pytest.importorskip("datasette.app", reason="Datasette is not installed")
plugins = pytest.importorskip("datasette.plugins", reason="Datasette is not installed")

TEXTS = ("Мосты разведут.", "Ремонт моста.", "Мост открыт.", "Цены в центре.", "Мёд подорожал.", "Самолёт сел в Киеве.")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file: these are about files."""
    return tmp_path / "articles.sqlite"


@pytest.fixture
async def filled(
    article_store: SqliteArticleStore, database: Path, make_article: Callable[..., ClassifiedArticle]
) -> Path:
    for number, text in enumerate(TEXTS):
        article = make_article(f"https://news.example/{number}", title="Новости", text=text)
        section = article.classification.model_copy(update={"language": Language(code="ru", confidence=0.9)})
        await store(article.model_copy(update={"classification": section}), article_store=article_store)
    return database


@pytest.fixture
def no_plugin() -> Iterator[None]:
    plugin = plugins.pm.unregister(name="coranto")
    assert plugin is not None, "Datasette had found our plugin by its entry point"
    yield
    plugins.pm.register(plugin, name="coranto")


async def found_in_box(database: Path, query: str) -> set[str]:
    datasette = datasette_app.Datasette([str(database)])
    response = await datasette.client.get(
        f"/{database.stem}/articles.json", params={"_search": query, "_shape": "array", "_size": "max"}
    )
    assert response.status_code == 200, response.text
    return {row["text"] for row in response.json()}


QUERIES = [
    "мосты", "моста", "цена", "центр", "мед", "самолеты", "Киев", "Киева открыт",
    '"ремонт моста"', '"ремонты моста"', "мос*", "нет",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
async def test_search_box_finds_what_the_command_finds(filled: Path, query: str) -> None:
    with open_article_store(filled) as reader:
        by_command = {article.content.text for hit in reader.search(query) if (article := reader.find(hit.id))}
    assert await found_in_box(filled, query) == by_command


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("мосты", {"Мосты разведут."}),
        ("мост", {"Мосты разведут.", "Ремонт моста.", "Мост открыт."}),
        ("мед", {"Мёд подорожал."}),
        ("мёд", {"Мёд подорожал."}),
        ("ремонт моста", {"Ремонт моста."}),
        ("цена", set()),
        ("киев", {"Самолёт сел в Киеве."}),
    ],
)
async def test_search_box_without_the_plugin_finds_words_as_typed_and_by_their_stem(
    filled: Path, no_plugin: None, query: str, texts: set[str]
) -> None:
    assert await found_in_box(filled, query) == texts


@pytest.mark.parametrize("plugin", [True, False])
async def test_page_of_the_articles_has_a_search_box(
    filled: Path, plugin: bool, request: pytest.FixtureRequest
) -> None:
    if not plugin:
        request.getfixturevalue("no_plugin")
    page = await datasette_app.Datasette([str(filled)]).client.get(f"/{filled.stem}/articles")
    assert 'name="_search"' in page.text


@pytest.mark.parametrize("query", ['"', "***", "(", "мосты AND", "a" * 5000, "слово " * 2000])
async def test_nothing_typed_into_the_box_is_an_error(filled: Path, query: str) -> None:
    assert isinstance(await found_in_box(filled, query), set)


async def test_other_databases_keep_the_search_of_datasette(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE articles (text TEXT)")
        connection.execute('CREATE VIRTUAL TABLE articles_fts USING fts5 (text, content="articles")')
        connection.execute("INSERT INTO articles VALUES ('two bridges')")
        connection.execute("INSERT INTO articles_fts (articles_fts) VALUES ('rebuild')")
    assert await found_in_box(tmp_path / "other.db", "bridges") == {"two bridges"}
    assert await found_in_box(tmp_path / "other.db", "bridge") == set()


async def test_column_of_the_index_can_be_searched_alone(filled: Path) -> None:
    datasette = datasette_app.Datasette([str(filled)])
    response = await datasette.client.get(
        f"/{filled.stem}/articles.json", params={"_search_title": "мост", "_shape": "array"}
    )
    assert (response.status_code, response.json()) == (200, [])
