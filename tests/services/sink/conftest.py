"""The sink's tests store in the same articles and file as those of the store."""

from tests.shared.store.conftest import article_store, database, make_article, postgresql

__all__ = ["article_store", "database", "make_article", "postgresql"]
