"""Articles, and a store of the test's own: each test that asks for one runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.harness.postgresql_server import PostgresqlServer
from tests.shared.store.articles import build_article
from tests.shared.store.databases import Database

from coranto.records import ClassifiedArticle
from coranto.store.address import open_article_store
from coranto.store.interface import ArticleStore


@pytest.fixture
def make_article() -> Callable[..., ClassifiedArticle]:
    return build_article


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """One PostgreSQL for the whole run of this process."""
    server = PostgresqlServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        yield tmp_path / "articles.sqlite"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    name = server.make_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
async def article_store(database: Database) -> AsyncIterator[ArticleStore]:
    article_store = open_article_store(database, busy_timeout=timedelta(milliseconds=200))
    await article_store.open()
    yield article_store
    await article_store.close()
