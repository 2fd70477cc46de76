"""Opening the article store that an address names: the path of a SQLite file, or `postgresql://…`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from coranto.store.interface import ArticleReader, ArticleStore, ArticleUpkeep, StoreError

_SCHEMES = ("postgresql://", "postgres://")


def is_postgresql(address: str | Path) -> bool:
    """Whether the address names a PostgreSQL database."""
    return isinstance(address, str) and address.startswith(_SCHEMES)


def open_article_store(
    address: str | Path, *, batch_size: int = 200, busy_timeout: timedelta = timedelta(seconds=10)
) -> ArticleStore:
    """The article store for writing; nothing is opened yet. Raises StoreError where its driver is not installed."""
    if is_postgresql(address):
        try:
            from coranto.store.postgresql.writer import PostgresqlArticleStore  # late: an extra, which may be absent
        except ImportError as error:
            raise _no_driver(error) from error
        return PostgresqlArticleStore(str(address), batch_size=batch_size, busy_timeout=busy_timeout)
    from coranto.store.sqlite.writer import SqliteArticleStore

    return SqliteArticleStore(Path(address), batch_size=batch_size, busy_timeout=busy_timeout)


def open_article_reader(address: str | Path) -> ArticleReader:
    """The article store for reading, by any thread, one at a time.

    Raises FileNotFoundError when there is none, StoreError when it cannot be read.
    """
    if is_postgresql(address):
        try:
            from coranto.store.postgresql.reader import PostgresqlArticleReader  # late: an extra, which may be absent
        except ImportError as error:
            raise _no_driver(error) from error
        return PostgresqlArticleReader(str(address))
    from coranto.store.sqlite.reader import SqliteArticleReader

    return SqliteArticleReader(Path(address), any_thread=True)


def open_article_upkeep(address: str | Path) -> ArticleUpkeep:
    """The article store for its operator. Raises FileNotFoundError when there is none, StoreError when it cannot be opened."""
    if is_postgresql(address):
        try:
            from coranto.store.postgresql.upkeep import PostgresqlArticleUpkeep  # late: an extra, which may be absent
        except ImportError as error:
            raise _no_driver(error) from error
        return PostgresqlArticleUpkeep(str(address))
    from coranto.store.sqlite.upkeep import SqliteArticleUpkeep

    return SqliteArticleUpkeep(Path(address))


def shown(address: str | Path) -> str:
    """The address for messages: without a password."""
    if not is_postgresql(address):
        return str(address)
    from coranto.store.postgresql.connection import shown as without_password

    return without_password(str(address))


def _no_driver(error: ImportError) -> StoreError:
    return StoreError(f"an article store in PostgreSQL needs its driver: pip install 'coranto[postgresql]' ({error})")
