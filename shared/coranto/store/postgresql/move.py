"""A PostgreSQL database as one side of a move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg
from psycopg import Connection

from coranto.store.database.tables import TABLES, Row
from coranto.store.interface import NewerSchemaError, StoreError
from coranto.store.postgresql import schema
from coranto.store.postgresql.connection import connect, explain, shown
from coranto.store.postgresql.words import vector
from coranto.store.postgresql.writer import storable

_ROWS_AT_ONCE: Final = 200


@contextmanager
def opened(address: str, *, writes: bool) -> Iterator[PostgresqlDatabase]:
    """The database at the address; rolled back unless it was committed. Raises StoreError, FileNotFoundError."""
    try:
        with closing(connect(address, writes=writes)) as connection:
            yield PostgresqlDatabase(address, connection)
    except (psycopg.Error, NewerSchemaError) as error:
        explained = explain(error, address)
        raise (explained if isinstance(explained, StoreError) else StoreError(f"{shown(address)}: {error}")) from error


class PostgresqlDatabase:
    """The database behind a connection."""

    def __init__(self, address: str, connection: Connection[Any]) -> None:
        self._address = address
        self._connection = connection

    def begin(self, *, writes: bool) -> None:
        """Begin the one transaction. Writing, the tables are made where they are missing."""
        if writes:
            schema.migrate(self._connection)
            self._connection.commit()
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.WRITE_LOCK,))
            return
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        version = schema.version_of(self._connection)
        if version == 0:
            raise FileNotFoundError(f"no article store in {shown(self._address)}")
        if version != schema.VERSION:
            raise StoreError(
                f"{shown(self._address)} is of an earlier version: start the sink once, which brings it up to date with the "
                "next article"
            )

    def rows(self, table: str) -> Iterator[Row]:
        """The columns of TABLES, in the order in which tables are compared."""
        columns, order = TABLES[table]
        listed = ", ".join("record::text" if name == "record" else name for name in columns)
        with self._connection.cursor(name="coranto") as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            cursor.execute(f"SELECT {listed} FROM {table} ORDER BY {order}")  # noqa: S608 - made of constants
            yield from cursor

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Write rows of these columns, with what the index of words needs."""
        columns, _ = TABLES[table]
        values = [[storable(value) for value in row] for row in rows]
        if table == "articles":
            places = [columns.index(name) for name in ("title", "lead", "text", "language")]
            for value in values:
                words = vector(*(value[place] for place in places))
                value += [words.text, words.is_cut, words.has_all_positions]
            columns = (*columns, "search", "is_cut_in_index", "has_all_positions")
        marks = ", ".join(["%s"] * len(columns))
        with self._connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values)  # noqa: S608 - made of constants

    def identity(self) -> tuple[str, int]:
        """The store's id, and the number of its latest announcement."""
        row = self._connection.execute("SELECT id, last_number FROM store").fetchone()
        return ("", 0) if row is None else (str(row[0]), int(row[1]))

    def take_identity(self, store_id: str, last_number: int) -> None:
        """Become the store of this id, whose announcements go on behind that number."""
        self._connection.execute("UPDATE store SET id = %s, last_number = %s", (store_id, last_number))
        # The numbers of articles were given by the other database: ours go on behind them.
        self._connection.execute(
            "SELECT setval(pg_get_serial_sequence('articles', 'number'), coalesce(max(number), 0) + 1, false) FROM articles"
        )

    def is_empty(self) -> bool:
        """Whether nothing is stored."""
        return not any(
            self._connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()  # noqa: S608 - made of constants
            for table in TABLES
        )

    def ask(self, query: str) -> Sequence[Row]:
        """What a query gives that both databases understand."""
        return self._connection.execute(query).fetchall()

    def differing_in_index(self) -> Iterator[str]:
        """Ids of the articles whose words are not what the index holds."""
        with self._connection.cursor(name="coranto_index") as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            cursor.execute("SELECT id, title, lead, text, language, search::text FROM articles")
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                fresh = self._connection.execute(
                    "SELECT made::tsvector::text FROM unnest(%s::text[]) WITH ORDINALITY AS texts (made, place) ORDER BY place",
                    ([vector(*row[1:5]).text for row in rows],),
                ).fetchall()
                yield from (row[0] for row, (made,) in zip(rows, fresh, strict=True) if row[5] != made)

    def commit(self) -> None:
        """Keep what was written."""
        self._connection.commit()
