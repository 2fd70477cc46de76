"""Group commit on a SQLite file.

Several processes may share one file. What the tables are, and what an error means to an operator, is left to who uses it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from coranto.store.database.group_commit import GroupCommit, WorkT
from coranto.store.interface import NewerSchemaError

UNAVAILABLE = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_BUSY: "another program holds the file locked",
    sqlite3.SQLITE_LOCKED: "another program holds the file locked",
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only",
    sqlite3.SQLITE_IOERR: "the disk gave an input/output error",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_PERM: "access to the file is denied",
    sqlite3.SQLITE_AUTH: "access to the file is denied",
    sqlite3.SQLITE_PROTOCOL: "the file's locks do not work (a network file system?)",
    sqlite3.SQLITE_NOMEM: "memory ran out",
}
CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class FileGroupCommit(GroupCommit[WorkT]):
    """Transactions on the SQLite file at `path`, which is opened, and made, with the first of them."""

    def __init__(
        self,
        path: Path,
        *,
        prepare: Callable[[sqlite3.Connection], None],
        run: Callable[[sqlite3.Connection, Sequence[WorkT]], Sequence[object]],
        batch_size: int = 200,
        busy_timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        """`prepare` makes the tables of a connection that was just opened; it may be called many times.

        `run` gives the result of each work, or the exception that it alone ended with, inside of a transaction.
        """
        super().__init__(path.stem, batch_size=batch_size)
        self._path = path
        self._prepare = prepare
        self._run = run
        self._busy_timeout = busy_timeout
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None

    # Everything below runs in the thread that owns the connection.

    def _run_batch(self, works: Sequence[WorkT]) -> Sequence[object]:
        try:
            connection = self._connect()
            connection.execute("BEGIN IMMEDIATE")
            results = self._run(connection, works)
            connection.execute("COMMIT")
        except Exception:
            # The connection goes too: SQLite may have rolled back already, and a file that was
            # remounted, replaced or repaired is only seen by a new one.
            self._disconnect()
            raise
        self.commits += 1
        return results

    def _is_fault_of_work(self, error: Exception) -> bool:
        return not isinstance(error, OSError | NewerSchemaError) and not (
            isinstance(error, sqlite3.Error) and is_fault_of_storage(error)
        )

    def _connect(self) -> sqlite3.Connection:
        if self._connection is not None and self._inode == _inode(self._path):
            return self._connection
        # Also when the file was removed or replaced under us: writing on would go to a file without a name.
        self._disconnect()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=self._busy_timeout.total_seconds(), isolation_level=None)
        try:
            _use_write_ahead_log(connection, self._busy_timeout)
            # FULL makes each commit durable before anything is announced; the default of NORMAL in WAL mode would not.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, _inode(self._path)
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()  # an open transaction is rolled back
            self._connection = None


def _use_write_ahead_log(connection: sqlite3.Connection, patience: timedelta) -> None:
    """Switch to WAL, so that readers never wait for the writer. SQLite's busy time-out does not hold for the switch."""
    give_up_at = time.monotonic() + patience.total_seconds()
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(0.02)
        else:
            return


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's result code without its details, if the error comes from SQLite itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def is_fault_of_storage(error: sqlite3.Error) -> bool:
    """True when the file or its disk is at fault, so that every write would fail, and not the one piece of work."""
    code = primary_code(error)
    return code in UNAVAILABLE or code in CORRUPT
