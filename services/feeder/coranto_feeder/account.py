"""The feeder's own account of what it handed on and has not yet seen ended: what Redis loses, the feeder submits again.

A row is written before a submission is handed on and struck out when its end is read from the streams: finished, dropped or
dead. When Redis has lost data (another run of the server, a stream that is gone) the rows that may be concerned are
submitted again. How far back that goes is told by a mark the account leaves in Redis every second: what the mark has
forgotten, Redis has forgotten. The account is one SQLite file; a copy of the feed registry is kept in it too.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from redis.asyncio import Redis

from coranto.records import Submission, content_id
from coranto.records.envelope import FIELD, peek
from coranto.sources.registry import Feed, FeedRegistry
from coranto.streams.connection import run_id as name_of_run
from coranto.topology import DROPPED, FEEDER, FINISHED, STAGES, Pipeline
from coranto.worker.log import get_logger

Submit = Callable[[Sequence[Submission]], Awaitable[object]]

REDIS_LOST_DATA: Final = "redis.lost_data"
REDIS_RESTARTED: Final = "redis.restarted"
ACCOUNT_RESUBMITTED: Final = "account.resubmitted"

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS handed_on (
    submission TEXT PRIMARY KEY,
    handed_at REAL NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS handed_on_by_time ON handed_on (handed_at);
CREATE TABLE IF NOT EXISTS feed (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

_RESUBMIT_AT_ONCE: Final = 500
_READ_AT_ONCE: Final = 50
# Redis with appendfsync everysec loses up to two seconds, and the mark itself is up to one tick old. A replica that takes over
# may be behind by min-replicas-max-lag, for which we ask for 10 seconds.
_MARGIN_SECONDS: Final = 15.0


class Account(Protocol):
    """Where the feeder notes what it hands on."""

    async def note(self, submissions: Sequence[Submission]) -> None:
        """Note that these are handed on, durably. Raises OSError or sqlite3.Error."""


class NoAccount:
    """Notes nothing: for a process that hands on nothing."""

    async def note(self, submissions: Sequence[Submission]) -> None:
        """Forget them."""


class SqliteAccount:
    """The account in a SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._waiting: list[tuple[list[tuple[str, float, str]], asyncio.Future[None]]] = []
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
        connection.execute("PRAGMA synchronous = FULL")  # the account must outlive what Redis lost in a power cut
        connection.executescript(_SCHEMA)
        return connection

    async def note(self, submissions: Sequence[Submission]) -> None:
        """Note that these are handed on, durably; calls that wait for the disk share one commit."""
        now = time.time()
        rows = [(one.id, now, one.model_dump_json(exclude_none=True)) for one in submissions]
        if not rows:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, done))
        async with self._writing:
            if not done.done():
                await self._write_waiting()
        await done

    async def _write_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        rows = [row for some, _ in batch for row in some]
        try:
            await asyncio.to_thread(
                self._execute_many,
                "INSERT OR IGNORE INTO handed_on (submission, handed_at, record) VALUES (?, ?, ?)",
                rows,
            )
        except (sqlite3.Error, OSError) as error:
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
            return
        for _, done in batch:
            if not done.done():
                done.set_result(None)

    async def settle(self, submissions: Iterable[str], *, notes: dict[str, str] | None = None) -> None:
        """Strike out submissions that ended, and keep the notes in the same transaction."""
        struck = [(one,) for one in submissions]
        async with self._writing:
            await asyncio.to_thread(self._settle, struck, list((notes or {}).items()))

    def _settle(self, struck: list[tuple[str]], notes: list[tuple[str, str]]) -> None:
        connection = self._open_connection()
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            connection.executemany("DELETE FROM handed_on WHERE submission = ?", struck)
            connection.executemany("INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)", notes)

    async def unsettled(self, *, since: float = 0.0) -> list[Submission]:
        """Submissions handed on since this time (Unix seconds) that have not ended, oldest first."""
        query = "SELECT record FROM handed_on WHERE handed_at >= ? ORDER BY handed_at"
        rows = await self._query(query, (since,))
        return [Submission.model_validate_json(record) for (record,) in rows]

    async def notes(self) -> dict[str, str]:
        """The notes."""
        return dict(await self._query("SELECT name, value FROM note"))

    async def keep_feeds(self, feeds: Sequence[Feed]) -> None:
        """Keep a copy of the registry."""
        rows = [(feed.id, feed.model_dump_json(exclude_none=True)) for feed in feeds]
        async with self._writing:
            await asyncio.to_thread(self._replace_feeds, rows)

    def _replace_feeds(self, rows: list[tuple[str, str]]) -> None:
        connection = self._open_connection()
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            connection.execute("DELETE FROM feed")
            connection.executemany("INSERT INTO feed (id, record) VALUES (?, ?)", rows)

    async def kept_feeds(self) -> list[Feed]:
        """The copy of the registry."""
        return [Feed.model_validate_json(record) for (record,) in await self._query("SELECT record FROM feed")]

    async def _query(self, query: str, arguments: tuple[Any, ...] = ()) -> list[Any]:
        async with self._writing:
            return await asyncio.to_thread(lambda: self._open_connection().execute(query, arguments).fetchall())

    def _execute_many(self, statement: str, rows: list[tuple[str, float, str]]) -> None:
        connection = self._open_connection()
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            connection.executemany(statement, rows)

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError(f"the account {self.path} is not open")
        return self._connection


class AccountKeeper:
    """Reads how submissions end, watches Redis for losses, and submits again what they concern."""

    _TICK = timedelta(seconds=1)
    _COPY_FEEDS_EVERY = 60

    def __init__(
        self, account: SqliteAccount, registry: FeedRegistry, redis: Redis, submit: Submit, pipeline: Pipeline
    ) -> None:
        self._account = account
        self._registry = registry
        self._redis = redis
        self._submit = submit
        keys = pipeline.all_keys()
        self._endings = [each.stream(stream) for each in keys for stream in (FINISHED, DROPPED)]
        self._working = [each.stream(stage.reads) for each in keys for stage in STAGES if stage.reads is not DROPPED]
        self._mark = keys[0].owned_by(FEEDER, "account-mark")
        self._copied = -1
        self._log = get_logger(service="feeder")

    async def run(self) -> None:
        """Keep the account until cancelled."""
        await self._account.open()
        ticks = 0
        while True:
            await self.tick(copies_feeds=ticks % self._COPY_FEEDS_EVERY == 0)
            ticks += 1
            await asyncio.sleep(self._TICK.total_seconds())

    async def tick(self, *, copies_feeds: bool = False) -> int:
        """One round; gives the number of submissions that were submitted again."""
        notes = await self._account.notes()
        run_id = await name_of_run(self._redis)
        streams = await self._existing(self._working)
        missing = set(notes.get("streams", "").split()) - streams
        resubmitted = 0
        if notes.get("run_id", run_id) != run_id or missing:
            resubmitted = await self._recover(run_id, missing)
            notes = {name: value for name, value in notes.items() if not name.startswith("read ")}
        # The mark first: were the note first and we killed in between, a loss at this moment would go unseen.
        await self._redis.set(self._mark, str(time.time()))
        cursors = await self._read_endings(notes)
        now_noted = {"run_id": run_id, "streams": " ".join(sorted(streams)), **cursors}
        if now_noted.items() - notes.items():
            await self._account.settle((), notes=now_noted)
        if copies_feeds or await self._registry.count() != self._copied:
            feeds = await self._registry.all()
            await self._account.keep_feeds(feeds)
            self._copied = len(feeds)
        return resubmitted

    async def _recover(self, run_id: str, missing: set[str]) -> int:
        mark = await self._redis.get(self._mark)
        # Redis is back as it was when it kept this mark; without a mark or with streams gone it is back with nothing.
        since = float(mark) - _MARGIN_SECONDS if mark is not None and not missing else 0.0
        for feed in await self._account.kept_feeds():
            await self._registry.add(feed)
        lost = await self._account.unsettled(since=since)
        if mark is None or missing:
            self._log.warning(REDIS_LOST_DATA, missing_streams=sorted(missing), in_doubt=len(lost))
        else:
            self._log.info(REDIS_RESTARTED, in_doubt=len(lost))
        for start in range(0, len(lost), _RESUBMIT_AT_ONCE):
            await self._submit_again(lost[start : start + _RESUBMIT_AT_ONCE], run_id)
        if lost:
            self._log.info(ACCOUNT_RESUBMITTED, submissions=len(lost))
        return len(lost)

    async def _submit_again(self, lost: Sequence[Submission], run_id: str) -> None:
        # The id is fresh, because the old one may be known as accepted, and the same for every replica and every try.
        again = [
            one.model_copy(
                update={
                    "id": content_id("again", one.id, run_id),
                    "is_revisit": True,
                    "submitted_at": datetime.now(UTC),
                }
            )
            for one in lost
        ]
        await self._account.note(again)
        await self._submit(again)
        await self._account.settle(one.id for one in lost)

    async def _existing(self, names: Sequence[str]) -> set[str]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.exists(name)
            return {name for name, exists in zip(names, await pipe.execute(), strict=True) if exists}

    async def _read_endings(self, notes: dict[str, str]) -> dict[str, str]:
        """Strike out what ended since the last round; gives the places read up to."""
        cursors = {name: notes.get(f"read {name}", "0") for name in self._endings}
        for name in self._endings:
            while True:
                answer: Any = await self._redis.xrange(name, min=f"({cursors[name]}", count=_READ_AT_ONCE)
                if not answer:
                    break
                ended = []
                for _, fields in answer:
                    if (submission := _submission_of(fields)) is not None:
                        ended.append(submission)
                    await asyncio.sleep(0)  # an event may hold a whole book
                cursors[name] = answer[-1][0].decode()
                await self._account.settle(ended, notes={f"read {name}": cursors[name]})
                if len(answer) < _READ_AT_ONCE:
                    break
        return {f"read {name}": cursor for name, cursor in cursors.items()}


def _submission_of(fields: dict[bytes, bytes]) -> str | None:
    """Id of the submission that ended with this event, where it names one."""
    content = peek(fields.get(FIELD, b"")).get("data")
    if not isinstance(content, dict):
        return None
    discovery = content.get("discovery")
    submission = discovery.get("submission") if isinstance(discovery, dict) else content.get("submission")
    return submission if isinstance(submission, str) else None
