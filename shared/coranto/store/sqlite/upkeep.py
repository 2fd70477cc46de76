"""Upkeep of the article store in a SQLite file: removing articles for good, and copying the file while it is written.

Works beside a running sink: each removal is one short transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from coranto.records import article_id
from coranto.store.database.batch import listings_of, stray_listings
from coranto.store.database.columns import hour_of, sortable_time
from coranto.store.interface import Listing, NewerSchemaError, Removed, StoreError, UnsplittableError
from coranto.store.rules.identity import why_not_split
from coranto.store.sqlite import schema
from coranto.store.sqlite.group_commit import is_fault_of_storage
from coranto.store.sqlite.writer import LISTED_BY, UNLIST
from coranto.urls import key_of

_BUSY_TIMEOUT_SECONDS = 30.0
# More than a store announces between a copy and its loss.
_NUMBERS_SKIPPED = 1_000_000
_PAGES_AT_ONCE = 1000  # of SQLite, while a copy is made; between two steps the sink may write


class SqliteArticleUpkeep:
    """Upkeep of the article store in the file at `path`. Raises FileNotFoundError when there is none."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"no article store at {path}")
        self._path = path

    def stored_before(self, moment: datetime) -> list[str]:
        """Ids of the articles whose latest revision was stored before this time. Raises StoreError."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT id FROM articles WHERE last_stored < ? ORDER BY last_stored", (sortable_time(moment),)
            )
            return [row[0] for row in rows]

    def count_ledger_before(self, moment: datetime) -> int:
        """Number of ledger lines of before this time. Raises StoreError."""
        with self._connected() as connection:
            found: int = connection.execute(
                "SELECT count(*) FROM ledger WHERE at < ?", (sortable_time(moment),)
            ).fetchone()[0]
            return found

    def count(self, ids: Collection[str]) -> Removed:
        """What `remove` would remove. Raises StoreError."""
        with self._connected() as connection:
            return Removed(
                *(
                    sum(connection.execute(query, (each,)).fetchone()[0] for each in ids)
                    for query in (
                        "SELECT count(*) FROM articles WHERE id = ?",
                        "SELECT count(*) FROM revisions WHERE article_id = ?",
                        "SELECT count(*) FROM ledger WHERE article_id = ?",
                    )
                )
            )

    def also_known_as(self, ids: Collection[str]) -> set[str]:
        """Ids of the addresses that have led to these articles, as keys and other records name them. Raises StoreError."""
        with self._connected() as connection:
            return {
                row[0]
                for each in ids
                for row in connection.execute("SELECT key_id FROM addresses WHERE article_id = ?", (each,))
            }

    def remove(self, ids: Collection[str], *, is_erased: bool = False) -> Removed:
        """Remove these articles: their rows, revisions, words in the index, and ledger lines. Raises StoreError.

        Erased, their text is gone from the file too and not only out of its tables, which takes the time of writing the index
        anew. Safe to repeat.
        """
        with self._connected() as connection:
            if is_erased:
                connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            removed = Removed()
            for each in ids:
                removed += _remove(connection, each)
            connection.execute("COMMIT")
            if is_erased and removed.articles:
                # Deleted words stay in the index until it is merged, and everything in the write-ahead log until that is emptied.
                connection.execute("INSERT INTO articles_fts (articles_fts) VALUES ('optimize')")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return removed

    def split(self, url: str) -> str | None:
        """Make this address lead to its article no longer, and give the article's id; None when it leads to none.

        Safe to repeat. Raises UnsplittableError for an article's own address, UnsupportedUrlError, StoreError.
        """
        key = key_of(url)
        key_id = article_id(key)
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute("SELECT article_id, is_own FROM addresses WHERE key_id = ?", (key_id,)).fetchone()
            if row is None:
                split = connection.execute("SELECT article_id FROM splits WHERE key_id = ?", (key_id,)).fetchone()
                return None if split is None else str(split[0])
            article, is_own = row
            if is_own:
                raise UnsplittableError(why_not_split(url, article))
            connection.execute(
                "INSERT OR IGNORE INTO splits (key_id, key, article_id, split_at) VALUES (?, ?, ?, ?)",
                (key_id, key, article, sortable_time(datetime.now(UTC))),
            )
            connection.execute("DELETE FROM addresses WHERE key_id = ?", (key_id,))
            connection.execute("COMMIT")
            return str(article)

    def rejoin(self, url: str) -> str | None:
        """Take the split of this address back, and give the id of the article it was split off. Raises StoreError."""
        with self._connected() as connection:
            key_id = article_id(key_of(url))
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute("SELECT article_id FROM splits WHERE key_id = ?", (key_id,)).fetchone()
            connection.execute("DELETE FROM splits WHERE key_id = ?", (key_id,))
            connection.execute("COMMIT")
            return None if row is None else str(row[0])

    def remove_ledger_before(self, moment: datetime, *, at_most: int) -> int:
        """Remove up to so many ledger lines of before this time, and give how many. Raises StoreError."""
        with self._connected() as connection:
            connection.execute("DELETE FROM source_hours WHERE hour < ?", (hour_of(moment),))
            return connection.execute(
                "DELETE FROM ledger WHERE (article_id, submission) IN"
                " (SELECT article_id, submission FROM ledger WHERE at < ? ORDER BY at LIMIT ?)",
                (sortable_time(moment), at_most),
            ).rowcount

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the file, as it is at one moment, while others write. Raises StoreError."""
        copy_database(self._path, target)

    def add_listings(self, after: int, *, at_most: int) -> tuple[int | None, int]:
        """Put up to so many articles behind this number into the lists of their sources that lack them.

        The number of the last one, None when there are no more; and how many rows were lacking. Safe to repeat. Raises StoreError.
        """
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            rows = connection.execute(
                f"SELECT number, {LISTED_BY} FROM articles WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608 - made of constants
                (after, at_most),
            ).fetchall()
            added = connection.executemany(
                "INSERT INTO source_articles (name, at, article_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                listings_of(row[1:] for row in rows),
            ).rowcount
            connection.execute("COMMIT")
            return (rows[-1][0], added) if rows else (None, 0)

    def remove_stray_listings(self, after: Listing, *, at_most: int) -> tuple[Listing | None, int]:
        """Of up to so many rows of the lists of sources behind this one, remove those of no article, or not as it is.

        The last row looked at, None when there are no more; and how many were removed. Safe to repeat. Raises StoreError.
        """
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            rows = connection.execute(
                f"SELECT name, at, article_id, {LISTED_BY} FROM source_articles LEFT JOIN articles ON id = article_id"  # noqa: S608 - made of constants
                " WHERE (name, at, article_id) > (?, ?, ?) ORDER BY name, at, article_id LIMIT ?",
                (*after, at_most),
            ).fetchall()
            removed = connection.executemany(UNLIST, stray_listings(rows)).rowcount
            connection.execute("COMMIT")
            return (rows[-1][:3], removed) if rows else (None, 0)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            uri = f"{self._path.absolute().as_uri()}?mode=rw"
            with closing(
                sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None)
            ) as connection:
                if schema.version_of(connection) != schema.VERSION:
                    raise StoreError(
                        f"{self._path} is of an earlier version: start the sink once, which brings it up to date with the next "
                        "article"
                    )
                yield connection
        except NewerSchemaError as error:
            raise StoreError(f"{self._path}: {error}") from error
        except sqlite3.Error as error:
            if not is_fault_of_storage(error):
                raise
            raise StoreError(f"{self._path} cannot be changed: {error}") from error


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy of any SQLite file, as it is at one moment, while others write. Raises StoreError."""
    try:
        with (
            closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT_SECONDS)
            ) as read,
            closing(sqlite3.connect(target)) as written,
        ):
            # Held open: otherwise SQLite would begin the copy again each time that another process has written.
            read.execute("BEGIN")
            read.execute("SELECT count(*) FROM sqlite_master").fetchone()
            read.backup(written, pages=_PAGES_AT_ONCE)
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied to {target}: {error}") from error


def bring_up_to_date(store: Path) -> None:
    """Give the file, which nobody else uses, the tables of today. Raises StoreError."""
    try:
        with closing(sqlite3.connect(store, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None)) as connection:
            schema.migrate(connection)
    except (sqlite3.Error, NewerSchemaError) as error:
        raise StoreError(f"{store}: {error}") from error


def skip_numbers(store: Path) -> None:
    """Number later announcements far above those there are: a store that was put back from a copy must not give a number
    that the lost one gave after the copy was made, or whoever remembers it takes the new article for a known one. Raises
    StoreError.
    """
    try:
        with closing(sqlite3.connect(store, timeout=_BUSY_TIMEOUT_SECONDS)) as connection, connection:
            name = ("announcements",)
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", name).fetchone():
                return  # of a schema without numbers, which are given when it is upgraded
            last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", name).fetchone()
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", name)
            reached = (last[0] if last else 0) + _NUMBERS_SKIPPED
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (*name, reached))
    except sqlite3.Error as error:
        raise StoreError(f"{store} is no article store: {error}") from error


def _remove(connection: sqlite3.Connection, article: str) -> Removed:
    # Asked of the file: a table that a later schema adds is not forgotten here.
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'source_articles'"
        " AND EXISTS (SELECT 1 FROM pragma_table_info(sqlite_master.name) WHERE name = 'article_id')"
    ).fetchall()
    counts = {
        table: connection.execute(f"DELETE FROM {table} WHERE article_id = ?", (article,)).rowcount  # noqa: S608 - the schema's
        for (table,) in tables
    }
    # By name, since it has no index by article.
    listed = connection.execute(f"SELECT {LISTED_BY} FROM articles WHERE id = ?", (article,))  # noqa: S608 - constants
    connection.executemany(UNLIST, listings_of(listed))
    articles = connection.execute("DELETE FROM articles WHERE id = ?", (article,)).rowcount
    return Removed(articles, counts["revisions"], counts["ledger"])
