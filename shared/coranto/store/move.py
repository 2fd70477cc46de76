"""Moving an article store from one database to another, row by row, and comparing both at the end.

Both databases have the same tables and columns; what differs is the index of words, which each makes of the text. The target is
written in one transaction: it holds everything or nothing. What is read is one moment of the source, but what a sink stores
there afterwards stays behind, so it should be stopped.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from coranto.store.address import is_postgresql, shown
from coranto.store.database.tables import TABLES, Row
from coranto.store.interface import StoreError
from coranto.store.search.words import places_of
from coranto.store.sqlite import schema as sqlite_schema

_ROWS_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved."""

    rows: dict[str, int]
    """By table."""


class Database(Protocol):
    """One side of a move."""

    def begin(self, *, writes: bool) -> None:
        """Begin the one transaction. Writing, the tables are made where they are missing."""

    def rows(self, table: str) -> Iterator[Row]:
        """The columns of TABLES, in the order in which tables are compared."""

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Write rows of these columns, with what the index of words needs."""

    def identity(self) -> tuple[str, int]:
        """The store's id, and the number of its latest announcement."""

    def take_identity(self, store_id: str, last_number: int) -> None:
        """Become the store of this id, whose announcements go on behind that number."""

    def is_empty(self) -> bool:
        """Whether nothing is stored."""

    def ask(self, query: str) -> Sequence[Row]:
        """What a query gives that both databases understand."""

    def differing_in_index(self) -> Iterator[str]:
        """Ids of the articles whose words are not what the index holds; one that stands for all where it only tells that much."""

    def commit(self) -> None:
        """Keep what was written."""


def move(source: str | Path, target: str | Path, *, on_rows: Callable[[str, int], None] = lambda _t, _n: None) -> Moved:
    """Copy everything from source to target, and compare. The source stays as it is.

    Raises StoreError when the target holds something, when either cannot be used, or when they differ at the end, and then the
    target is as it was; FileNotFoundError when there is no source.
    """
    with ExitStack() as stack:
        read, written = stack.enter_context(opened(source)), stack.enter_context(opened(target, writes=True))
        read.begin(writes=False)
        written.begin(writes=True)
        if not written.is_empty():
            raise StoreError(f"{shown(target)} holds articles already: move into a new, empty store")
        counts = {table: _copy(read, written, table, on_rows) for table in TABLES}
        written.take_identity(*read.identity())
        for table in TABLES:
            if (here := _digest(read, table)) != (there := _digest(written, table)):
                raise StoreError(
                    f"nothing is moved: the table {table} differs afterwards, {here[0]} rows ({here[1][:12]}) in "
                    f"{shown(source)} and {there[0]} ({there[1][:12]}) in {shown(target)}"
                )
        if read.identity() != written.identity():
            raise StoreError(
                "nothing is moved: the id of the store or the number of its announcements differs afterwards"
            )
        written.commit()
        return Moved(counts)


def holds_anything(address: str | Path) -> bool:
    """Whether there is a store that holds something. Makes nothing. Raises StoreError where it cannot be read."""
    try:
        with opened(address) as database:
            database.begin(writes=False)
            return not database.is_empty()
    except FileNotFoundError:
        return False


def _copy(read: Database, written: Database, table: str, on_rows: Callable[[str, int], None]) -> int:
    number, batch = 0, []
    for row in read.rows(table):
        batch.append(row)
        if len(batch) == _ROWS_AT_ONCE:
            written.insert(table, batch)
            number += len(batch)
            on_rows(table, len(batch))
            batch = []
    if batch:
        written.insert(table, batch)
        on_rows(table, len(batch))
    return number + len(batch)


def _digest(database: Database, table: str) -> tuple[int, str]:
    """Number of rows, and a digest of all they hold that does not depend on their order."""
    number, total = 0, 0
    for row in database.rows(table):
        text = json.dumps([_comparable(value) for value in row], ensure_ascii=True)
        # A sum, because the two databases may sort what is equal to one of them differently.
        total = (total + int.from_bytes(hashlib.sha256(text.encode()).digest())) % (1 << 256)
        number += 1
    return number, f"{total:064x}"


def _comparable(value: Any) -> Any:
    # A column of PostgreSQL has no NUL: the record has it in both.
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


def _differ(forms: str | None, others: str | None, text: str) -> bool:
    """Whether they differ in more than words that the text has itself, which may be among its forms and need not."""
    differing = set((forms or "").split()) ^ set((others or "").split())
    return bool(differing) and not differing <= {text[start:end].lower() for start, end in places_of(text)}


@contextmanager
def opened(address: str | Path, *, writes: bool = False) -> Iterator[Database]:
    """One side of a move; rolled back unless it was committed. Raises StoreError, FileNotFoundError."""
    if is_postgresql(address):
        from coranto.store.postgresql.move import opened as opened_server  # late: an extra, which may be absent

        with opened_server(str(address), writes=writes) as server:
            yield server
        return
    path = Path(address)
    if not writes and not path.is_file():
        raise FileNotFoundError(f"no article store at {path}")
    if writes:
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
    try:
        yield _File(path, connection)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error
    finally:
        connection.close()


class _File:
    """A SQLite file."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def begin(self, *, writes: bool) -> None:
        if writes:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            sqlite_schema.migrate(self._connection)
        elif sqlite_schema.version_of(self._connection) != sqlite_schema.VERSION:
            raise StoreError(
                f"{self._path} is of an earlier version: start the sink once, which brings it up to date with the next article"
            )
        self._connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    def rows(self, table: str) -> Iterator[Row]:
        columns, order = TABLES[table]
        yield from self._connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}")  # noqa: S608 - constants

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        columns, _ = TABLES[table]
        values: Sequence[Row] = rows
        if table == "articles":
            places = [columns.index(name) for name in ("language", "title", "lead", "text")]
            values = [(*row, *sqlite_schema.word_forms(*(row[place] for place in places))) for row in rows]
            columns = (*columns, "title_forms", "text_forms", "stemmer")
        marks = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values)  # noqa: S608 - constants

    def identity(self) -> tuple[str, int]:
        (store_id,) = self._connection.execute("SELECT id FROM store").fetchone()
        # What SQLite has given out, also when its row was removed since.
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'announcements'").fetchone()
        return str(store_id), 0 if row is None else int(row[0])

    def take_identity(self, store_id: str, last_number: int) -> None:
        self._connection.execute("UPDATE store SET id = ?", (store_id,))
        self._connection.execute("DELETE FROM sqlite_sequence WHERE name = 'announcements'")
        self._connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('announcements', ?)", (last_number,))

    def is_empty(self) -> bool:
        return not any(self._connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in TABLES)  # noqa: S608 - constants

    def ask(self, query: str) -> Sequence[Row]:
        return self._connection.execute(query).fetchall()

    def differing_in_index(self) -> Iterator[str]:
        self._connection.execute(
            "ROLLBACK"
        )  # the check counts as a write, which must not begin in a reader's transaction
        try:
            self._connection.execute("INSERT INTO articles_fts (articles_fts, rank) VALUES ('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                raise
            yield "repair with: INSERT INTO articles_fts (articles_fts) VALUES ('rebuild')"
        for row in self._connection.execute(
            "SELECT id, language, title, lead, text, title_forms, text_forms, stemmer FROM articles"
        ):
            article, language, title, lead, text, *stored, stemmer = row
            *made, made_stemmer = sqlite_schema.word_forms(language, title, lead, text)
            written = (title or "", f"{lead or ''}\n{text}")
            if stemmer != made_stemmer or any(map(_differ, stored, made, written)):
                yield article

    def commit(self) -> None:
        self._connection.execute("COMMIT")
