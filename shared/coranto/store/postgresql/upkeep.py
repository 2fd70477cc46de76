"""Upkeep of the article store in PostgreSQL: removing articles for good.

Works beside a running sink: each removal is one short transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import Connection

from coranto.records import article_id
from coranto.store.database.batch import listings_of, stray_listings
from coranto.store.database.columns import hour_of, sortable_time
from coranto.store.interface import Listing, NewerSchemaError, Removed, StoreError, UnsplittableError
from coranto.store.postgresql import schema
from coranto.store.postgresql.connection import connect, explain, shown
from coranto.store.postgresql.writer import LISTED_BY, remove_listings, unlist
from coranto.store.rules.identity import why_not_split
from coranto.urls import key_of

# In this order: the others refer to articles.
_TABLES: Final = (
    "entities",
    "topics",
    "tags",
    "source_tags",
    "addresses",
    "splits",
    "announcements",
    "outbox",
    "revisions",
)


class PostgresqlArticleUpkeep:
    """Upkeep of the article store in the database at the address. Raises FileNotFoundError when there is none, StoreError."""

    def __init__(self, address: str) -> None:
        self._address = address
        with self._connected(writes=False) as connection:
            if schema.version_of(connection) == 0:
                raise FileNotFoundError(f"no article store in {shown(address)}")

    def stored_before(self, moment: datetime) -> list[str]:
        """Ids of the articles whose latest revision was stored before this time. Raises StoreError."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT id FROM articles WHERE last_stored < %s ORDER BY last_stored", (sortable_time(moment),)
            )
            return [row[0] for row in rows]

    def count_ledger_before(self, moment: datetime) -> int:
        """Number of ledger lines of before this time. Raises StoreError."""
        with self._connected() as connection:
            return _number(connection, "SELECT count(*) FROM ledger WHERE at < %s", sortable_time(moment))

    def count(self, ids: Collection[str]) -> Removed:
        """What `remove` would remove. Raises StoreError."""
        asked = list(ids)
        with self._connected() as connection:
            return Removed(
                _number(connection, "SELECT count(*) FROM articles WHERE id = ANY(%s)", asked),
                _number(connection, "SELECT count(*) FROM revisions WHERE article_id = ANY(%s)", asked),
                _number(connection, "SELECT count(*) FROM ledger WHERE article_id = ANY(%s)", asked),
            )

    def also_known_as(self, ids: Collection[str]) -> set[str]:
        """Ids of the addresses that have led to these articles, as keys and other records name them. Raises StoreError."""
        with self._connected() as connection:
            rows = connection.execute("SELECT key_id FROM addresses WHERE article_id = ANY(%s)", (list(ids),))
            return {row[0] for row in rows}

    def remove(self, ids: Collection[str], *, is_erased: bool = False) -> Removed:
        """Remove these articles: their rows, revisions, words in the index, and ledger lines. Raises StoreError.

        Erased, their rows leave the tables' files too, as far as no older transaction still sees them; the server's log keeps
        them until it is recycled. Safe to repeat.
        """
        asked = list(ids)
        with self._connected() as connection:
            # The sink's lock: it must not write a revision of what is being removed.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.WRITE_LOCK,))
            counts = {
                table: connection.execute(f"DELETE FROM {table} WHERE article_id = ANY(%s)", (asked,)).rowcount  # noqa: S608 - constants
                for table in (*_TABLES, "ledger")
            }
            unlist(connection, asked)
            articles = connection.execute("DELETE FROM articles WHERE id = ANY(%s)", (asked,)).rowcount
            connection.commit()
            if is_erased and articles:
                connection.autocommit = True
                connection.execute(f"VACUUM {', '.join((*_TABLES, 'ledger', 'source_articles', 'articles'))}")
            return Removed(articles, counts["revisions"], counts["ledger"])

    def split(self, url: str) -> str | None:
        """Make this address lead to its article no longer, and give the article's id; None when it leads to none.

        Safe to repeat. Raises UnsplittableError for an article's own address, UnsupportedUrlError, StoreError.
        """
        key = key_of(url)
        key_id = article_id(key)
        with self._connected() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.WRITE_LOCK,))
            row = connection.execute("SELECT article_id, is_own FROM addresses WHERE key_id = %s", (key_id,)).fetchone()
            if row is None:
                split = connection.execute("SELECT article_id FROM splits WHERE key_id = %s", (key_id,)).fetchone()
                return None if split is None else str(split[0])
            article, is_own = row
            if is_own:
                raise UnsplittableError(why_not_split(url, article))
            connection.execute(
                "INSERT INTO splits (key_id, key, article_id, split_at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (key_id, key, article, sortable_time(datetime.now(UTC))),
            )
            connection.execute("DELETE FROM addresses WHERE key_id = %s", (key_id,))
            connection.commit()
            return str(article)

    def rejoin(self, url: str) -> str | None:
        """Take the split of this address back, and give the id of the article it was split off. Raises StoreError."""
        with self._connected() as connection:
            row = connection.execute(
                "DELETE FROM splits WHERE key_id = %s RETURNING article_id", (article_id(key_of(url)),)
            ).fetchone()
            connection.commit()
            return None if row is None else str(row[0])

    def remove_ledger_before(self, moment: datetime, *, at_most: int) -> int:
        """Remove up to so many ledger lines of before this time, and give how many. Raises StoreError."""
        with self._connected() as connection:
            connection.execute("DELETE FROM source_hours WHERE hour < %s", (hour_of(moment),))
            gone = connection.execute(
                "DELETE FROM ledger WHERE (article_id, submission) IN"
                " (SELECT article_id, submission FROM ledger WHERE at < %s ORDER BY at LIMIT %s)",
                (sortable_time(moment), at_most),
            ).rowcount
            connection.commit()
            return gone

    def add_listings(self, after: int, *, at_most: int) -> tuple[int | None, int]:
        """Put up to so many articles behind this number into the lists of their sources that lack them.

        The number of the last one, None when there are no more; and how many rows were lacking. Safe to repeat. Raises StoreError.
        """
        with self._connected() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.WRITE_LOCK,))
            rows = connection.execute(
                f"SELECT number, {LISTED_BY} FROM articles WHERE number > %s ORDER BY number LIMIT %s",  # noqa: S608 - made of constants
                (after, at_most),
            ).fetchall()
            if not rows:
                return None, 0
            columns = zip(*listings_of(row[1:] for row in rows), strict=True)
            added = connection.execute(
                "INSERT INTO source_articles (name, at, article_id) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])"
                " ON CONFLICT DO NOTHING",
                list(map(list, columns)),
            ).rowcount
            connection.commit()
            return rows[-1][0], added

    def remove_stray_listings(self, after: Listing, *, at_most: int) -> tuple[Listing | None, int]:
        """Of up to so many rows of the lists of sources behind this one, remove those of no article, or not as it is.

        The last row looked at, None when there are no more; and how many were removed. Safe to repeat. Raises StoreError.
        """
        with self._connected() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.WRITE_LOCK,))
            rows = connection.execute(
                f"SELECT name, at, article_id, {LISTED_BY} FROM source_articles LEFT JOIN articles ON id = article_id"  # noqa: S608 - made of constants
                " WHERE (name, at, article_id) > (%s, %s, %s) ORDER BY name, at, article_id LIMIT %s",
                (*after, at_most),
            ).fetchall()
            if not rows:
                return None, 0
            strays = stray_listings(rows)
            remove_listings(connection, strays)
            connection.commit()
            return rows[-1][:3], len(strays)

    @contextmanager
    def _connected(self, *, writes: bool = True) -> Iterator[Connection[Any]]:
        try:
            with closing(connect(self._address, writes=writes)) as connection:
                if schema.version_of(connection) not in (0, schema.VERSION):
                    raise StoreError(
                        f"{shown(self._address)} is of an earlier version: start the sink once, which brings it up to date with "
                        "the next article"
                    )
                yield connection
        except (psycopg.Error, NewerSchemaError) as error:
            explained = explain(error, self._address)
            if isinstance(explained, StoreError):
                raise explained from error
            raise StoreError(f"{shown(self._address)} cannot be changed: {error}") from error


def _number(connection: Connection[Any], query: Any, value: object) -> int:
    row = connection.execute(query, (value,)).fetchone()
    return 0 if row is None else int(row[0])
