"""The feeder's journal of what it has submitted and passed on: what Redis loses, the feeder submits again from it.

What counts as known is written down too, articles and entries of feeds, so that nothing is found a second time.

A submission is written down before it is passed on, and struck out when its end has been read from the streams. `recovery`
does the reading and the submitting again. The journal is one SQLite file, which also holds a copy of the feed registry.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from coranto.records import Submission
from coranto.sources.registry import Feed

# The names of tables and columns are those of files that exist.
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS handed_on (
    submission TEXT PRIMARY KEY,
    handed_at REAL NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS handed_on_by_time ON handed_on (handed_at);
CREATE TABLE IF NOT EXISTS feed (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feed_entry (
    feed TEXT NOT NULL,
    entry TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (feed, entry)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (
    article TEXT PRIMARY KEY,
    submission TEXT NOT NULL,
    seen_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_by_time ON seen (seen_at);
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

# Later than all before it, whatever the clock says: what was passed on before a loss is told by it from what came after.
_HAND_ON: Final = """
INSERT OR IGNORE INTO handed_on (submission, handed_at, record)
VALUES (?, max(?, (SELECT ifnull(max(handed_at), 0) FROM handed_on) + 0.000001), ?)
"""


@dataclass(frozen=True, slots=True)
class SeenArticle:
    """An article that counts as known, and the submission that has it."""

    article: str
    submission: str
    seen_at: float
    """Unix seconds."""


class Journal(Protocol):
    """Where the feeder writes down what it passes on."""

    async def append(self, submissions: Sequence[Submission], *, article: str | None = None) -> None:
        """Write these down, durably, before they are passed on. Raises OSError or sqlite3.Error.

        `article` is the id of the article that they come to, which counts as known from now on.
        """


@dataclass(slots=True)
class _Rows:
    """What one call writes."""

    submissions: list[tuple[str, float, str]]
    seen: list[tuple[str, str, float]] = field(default_factory=list)


class NoJournal:
    """Writes nothing down: for a process that passes nothing on."""

    async def append(self, submissions: Sequence[Submission], *, article: str | None = None) -> None:
        """Drop them."""


class SqliteJournal:
    """The journal in a SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._waiting: list[tuple[_Rows, asyncio.Future[None]]] = []
        self._writing = asyncio.Lock()

    async def open(self) -> None:
        """Open the file, and make it where there is none."""
        async with self._writing:
            if self._connection is None:
                self._connection = await asyncio.to_thread(self._connect)

    async def close(self) -> None:
        """Close the file."""
        async with self._writing:
            if self._connection is not None:
                await asyncio.to_thread(self._connection.close)
                self._connection = None

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Calls come from different threads, one at a time: `_writing` sees to that.
        connection = sqlite3.connect(self.path, timeout=10.0, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # the journal must outlive what Redis lost in a power cut
        connection.executescript(_SCHEMA)
        return connection

    async def append(self, submissions: Sequence[Submission], *, article: str | None = None) -> None:
        """Write these down, durably; calls that wait for the disk share one commit."""
        now = time.time()
        rows = _Rows([(one.id, now, one.model_dump_json(exclude_none=True)) for one in submissions])
        if not rows.submissions:
            return
        if article is not None:
            rows.seen = [(article, submissions[0].id, now)]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, done))
        async with self._writing:
            if not done.done():
                await self._write_waiting()
        await done

    async def _write_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        submissions = [row for rows, _ in batch for row in rows.submissions]
        seen = [row for rows, _ in batch for row in rows.seen]
        try:
            await asyncio.to_thread(
                self._execute_all,
                (
                    (_HAND_ON, submissions),
                    ("INSERT OR REPLACE INTO seen (article, submission, seen_at) VALUES (?, ?, ?)", seen),
                ),
            )
        except (sqlite3.Error, OSError) as error:
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
            return
        for _, done in batch:
            if not done.done():
                done.set_result(None)

    async def complete(self, submissions: Iterable[str], *, notes: dict[str, str] | None = None) -> None:
        """Strike out submissions that have ended, and keep the notes in the same transaction."""
        struck = [(one,) for one in submissions]
        async with self._writing:
            await asyncio.to_thread(self._complete, struck, list((notes or {}).items()))

    def _complete(self, struck: list[tuple[str]], notes: list[tuple[str, str]]) -> None:
        self._execute_all(
            (
                ("DELETE FROM handed_on WHERE submission = ?", struck),
                ("INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)", notes),
            )
        )

    async def pending(self, *, since: float = 0.0, until: float = math.inf) -> list[Submission]:
        """Submissions passed on in this time (Unix seconds) that have not ended, oldest first."""
        query = "SELECT record FROM handed_on WHERE handed_at BETWEEN ? AND ? ORDER BY handed_at"
        rows = await self._query(query, (since, until))
        return [Submission.model_validate_json(record) for (record,) in rows]

    async def latest(self) -> float:
        """When the last of those was passed on that have not ended, in Unix seconds; 0 when there is none."""
        ((latest,),) = await self._query("SELECT ifnull(max(handed_at), 0) FROM handed_on")
        return float(latest)

    async def notes(self) -> dict[str, str]:
        """The notes, by name."""
        return dict(await self._query("SELECT name, value FROM note"))

    async def keep_feeds(self, feeds: Sequence[Feed]) -> None:
        """Keep a copy of the registry."""
        rows = [(feed.id, feed.model_dump_json(exclude_none=True)) for feed in feeds]
        async with self._writing:
            await asyncio.to_thread(self._replace_feeds, rows)

    def _replace_feeds(self, rows: list[tuple[str, str]]) -> None:
        self._execute_all(
            (
                ("DELETE FROM feed", [()]),
                ("INSERT INTO feed (id, record) VALUES (?, ?)", rows),
                ("DELETE FROM feed_entry WHERE feed NOT IN (SELECT id FROM feed)", [()]),
            )
        )

    async def kept_feeds(self) -> list[Feed]:
        """The copy of the registry."""
        return [Feed.model_validate_json(record) for (record,) in await self._query("SELECT record FROM feed")]

    async def remember_entries(self, feed: str, versions: dict[str, str], *, present: Iterable[str]) -> None:
        """Keep entries of the feed with this id; those no longer present go once they outnumber the present ones."""
        rows = [(feed, entry, version) for entry, version in versions.items()]
        if not rows:
            return
        kept = set(present)
        async with self._writing:
            await asyncio.to_thread(self._remember_entries, feed, rows, kept)

    def _remember_entries(self, feed: str, rows: list[tuple[str, str, str]], kept: set[str]) -> None:
        query = "SELECT entry FROM feed_entry WHERE feed = ?"
        had = {entry for (entry,) in self._open_connection().execute(query, (feed,))}
        gone = had - kept if len(had) > 2 * len(kept) + 1000 else set()
        self._execute_all(
            (
                ("INSERT OR REPLACE INTO feed_entry (feed, entry, version) VALUES (?, ?, ?)", rows),
                ("DELETE FROM feed_entry WHERE feed = ? AND entry = ?", [(feed, entry) for entry in gone]),
            )
        )

    async def entries_of(self, feed: str) -> dict[str, str]:
        """The entries of the feed with this id, each with its version."""
        return dict(await self._query("SELECT entry, version FROM feed_entry WHERE feed = ?", (feed,)))

    async def seen(self, *, since: float, after: str = "", limit: int = 1000) -> list[SeenArticle]:
        """Articles that became known since this time (Unix seconds), by id from `after` on, at most so many."""
        query = (
            "SELECT article, submission, seen_at FROM seen WHERE article > ? AND seen_at >= ? ORDER BY article LIMIT ?"
        )
        return [SeenArticle(*row) for row in await self._query(query, (after, since, limit))]

    async def prune(self, *, seen_before: float, handed_before: float) -> int:
        """Forget what became known, and what was passed on and never ended, before these times; gives how many rows."""
        async with self._writing:
            return await asyncio.to_thread(self._prune, seen_before, handed_before)

    def _prune(self, seen_before: float, handed_before: float) -> int:
        connection = self._open_connection()
        before = connection.total_changes
        self._execute_all(
            (
                ("DELETE FROM seen WHERE seen_at < ?", [(seen_before,)]),
                ("DELETE FROM handed_on WHERE handed_at < ?", [(handed_before,)]),
            )
        )
        return connection.total_changes - before

    async def _query(self, query: str, arguments: tuple[Any, ...] = ()) -> list[Any]:
        async with self._writing:
            return await asyncio.to_thread(lambda: self._open_connection().execute(query, arguments).fetchall())

    def _execute_all(self, statements: Iterable[tuple[str, Sequence[tuple[Any, ...]]]]) -> None:
        connection = self._open_connection()
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            for statement, rows in statements:
                connection.executemany(statement, rows)

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError(f"the journal {self.path} is not open")
        return self._connection
