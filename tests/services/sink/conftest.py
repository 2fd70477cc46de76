"""Articles, and a store in a file of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.shared.store.articles import build_article

from coranto.records import ClassifiedArticle
from coranto.store.sqlite.writer import SqliteArticleStore


@pytest.fixture
def make_article() -> Callable[..., ClassifiedArticle]:
    return build_article


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "articles.sqlite"


@pytest.fixture
async def article_store(database: Path) -> AsyncIterator[SqliteArticleStore]:
    article_store = SqliteArticleStore(database, busy_timeout=timedelta(milliseconds=200))
    await article_store.open()
    yield article_store
    await article_store.close()
