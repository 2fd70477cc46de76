"""The two kinds of database that keep an article store, for tests that hold for both."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from coranto.store.address import is_postgresql

Database = Path | str
"""A SQLite file, or the address of a PostgreSQL database."""


def rows(database: Database, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """What the statement gives, asked past the store; what it changes is committed."""
    if is_postgresql(database):
        with psycopg.connect(str(database)) as connection:
            cursor = connection.execute(statement.replace("?", "%s"), values or None)  # type: ignore[arg-type]  # statements of ours
            return cursor.fetchall() if cursor.description else []
    with closing(sqlite3.connect(database)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def count(database: Database, table: str) -> int:
    """Rows of the table; 0 while there is none."""
    try:
        return int(rows(database, f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - a name of ours
    except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
        return 0


on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For what only a file shows."""
on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
"""For what only a server shows."""
