"""The article store in a SQLite file: what the sink's stages write through.

One thread owns the connection. Calls that arrive together, or while a commit is under way, share the next transaction,
so the cost of making a commit durable is paid once for many articles. Several processes may share one file.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar, cast

from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle, Storage
from coranto.store.interface import (
    LedgerLine,
    Skipped,
    StoreCorruptError,
    Stored,
    StoreError,
    StoreUnavailableError,
)
from coranto.store.revisions import Digests, Latest, decide, digests_of
from coranto.store.sqlite import schema
from coranto.store.sqlite.schema import time_text, word_forms
from coranto.store.words import fold
from coranto.topology import SINK

T = TypeVar("T")

_UNAVAILABLE = {
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
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True, slots=True)
class _Call(Generic[T]):
    """One piece of work for the next transaction, and who waits for its result."""

    work: Callable[[sqlite3.Connection], T]
    done: asyncio.Future[T]


class SqliteArticleStore:
    """The article store in the SQLite file at `path`, made when it is first needed."""

    def __init__(self, path: Path, *, batch_size: int = 200, busy_timeout: timedelta = timedelta(seconds=10)) -> None:
        self._path = path
        self._batch_size = batch_size
        self._busy_timeout = busy_timeout
        self._waiting: list[_Call[object]] = []
        self._writing: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._users = 0
        self.commits = 0
        """Transactions committed so far."""

    async def open(self) -> None:
        """Take part in the article_store. The file is opened with the first write, so a full disk does not stop the start."""
        self._users += 1

    async def close(self) -> None:
        """Finish what is being written; the last one to close lets the file go."""
        self._users -= 1
        if self._users > 0:
            return
        while self._writing is not None:
            await asyncio.wait({self._writing})
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
            self._thread.shutdown()
            self._thread = None

    async def store(self, article: ClassifiedArticle) -> Stored | Skipped:
        """Keep the article and return only after the commit. Safe to repeat. Raises StoreError."""
        return await self._in_next_transaction(lambda connection: _store(connection, article, datetime.now(UTC)))

    async def record_drop(self, dropped: DroppedArticle) -> None:
        """Write the ledger line of an article that ended early. Safe to repeat. Raises StoreError."""
        line = LedgerLine(
            article_id=dropped.id,
            submission=dropped.submission,
            url=dropped.url,
            stage=dropped.stage,
            outcome=dropped.outcome,
            reason=dropped.reason,
            detail=dropped.detail,
            at=dropped.dropped_at,
        )
        await self._in_next_transaction(lambda connection: _write_ledger(connection, line))

    async def _in_next_transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(cast("_Call[object]", _Call(work, done)))
        if self._writing is None:
            # A task begins in the loop's next round: whoever calls in this round shares the transaction.
            self._writing = asyncio.create_task(self._write_waiting(), name="store-writer")
        return await done

    async def _write_waiting(self) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="article-store")
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._batch_size], self._waiting[self._batch_size :]
                works = [call.work for call in batch]
                results: list[object]
                try:
                    results = await loop.run_in_executor(self._thread, self._run_batch, works)
                except Exception as error:  # noqa: BLE001 - a bug of ours must reach those who wait, not keep them waiting
                    results = [error] * len(batch)
                for call, result in zip(batch, results, strict=True):
                    if call.done.done():  # its handler ran into its deadline meanwhile; what was written stays good
                        continue
                    if isinstance(result, BaseException):
                        call.done.set_exception(result)
                    else:
                        call.done.set_result(result)
        finally:
            self._writing = None

    # Everything below runs in the writer's own thread.

    def _run_batch(self, works: Sequence[Callable[[sqlite3.Connection], object]]) -> list[object]:
        """The result of each piece of work, or the exception it ended with. Nothing is a result before the commit."""
        try:
            connection = self._connect()
            connection.execute("BEGIN IMMEDIATE")
            results = [_run_alone(connection, work) for work in works]
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError, schema.NewerSchemaError) as error:
            # The connection goes too: SQLite may have rolled back already, and a file that was
            # remounted, replaced or repaired is only seen by a new one.
            self._disconnect()
            return [_explain(error, self._path) for _ in works]
        self.commits += 1
        return results

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
            schema.migrate(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, _inode(self._path)
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()  # an open transaction is rolled back
            self._connection = None


def _run_alone(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]) -> object:
    """The work's result, or its exception when only this piece of work is at fault and the others may go on."""
    connection.execute("SAVEPOINT one")
    try:
        result = work(connection)
    except sqlite3.Error as error:
        if _is_fault_of_storage(error):
            raise
        connection.execute("ROLLBACK TO one")
        result = error
    except Exception as error:  # noqa: BLE001 - whatever it is, it goes to the caller whose article it was
        connection.execute("ROLLBACK TO one")
        result = error
    connection.execute("RELEASE one")
    return result


def _use_write_ahead_log(connection: sqlite3.Connection, patience: timedelta) -> None:
    """Switch to WAL, so that readers never wait for the writer. SQLite's busy time-out does not hold for the switch."""
    give_up_at = time.monotonic() + patience.total_seconds()
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(0.02)
        else:
            return


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _primary_code(error: sqlite3.Error) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _is_fault_of_storage(error: sqlite3.Error) -> bool:
    code = _primary_code(error)
    return code in _UNAVAILABLE or code in _CORRUPT


def _explain(error: Exception, path: Path) -> Exception:
    """The error as the operator should see it; one of ours wherever the storage is at fault."""
    explained: StoreError
    if isinstance(error, OSError):
        explained = StoreUnavailableError(f"{path}: {error.strerror or error}; make the directory writable")
    elif isinstance(error, schema.NewerSchemaError):
        explained = StoreUnavailableError(f"{path}: {error}")
    elif isinstance(error, sqlite3.Error) and _primary_code(error) in _CORRUPT:
        explained = StoreCorruptError(
            f"{path} is damaged ({error}): stop the sink, keep a copy, then restore a backup or run "
            f"`sqlite3 {path.name} .recover`; nothing is lost meanwhile, the articles wait in Redis"
        )
    elif isinstance(error, sqlite3.Error) and _is_fault_of_storage(error):
        cause = _UNAVAILABLE[_primary_code(error) or 0]
        explained = StoreUnavailableError(f"{path}: {cause} ({error}); articles wait in Redis meanwhile")
    else:
        return error
    explained.__cause__ = error
    return explained


def _store(connection: sqlite3.Connection, article: ClassifiedArticle, now: datetime) -> Stored | Skipped:
    digests = digests_of(article)
    own = _find_own_revision(connection, article, digests)
    if own is not None:
        _note_stored(connection, article, own, now)
        return Stored(own)
    decision = decide(article, digests, _find_latest(connection, article.id), now=now)
    if isinstance(decision, Stored):
        (store,) = connection.execute("SELECT id FROM store").fetchone()
        decision = Stored(decision.storage.model_copy(update={"store": store}))
        _write_article(connection, article, decision.storage)
        _write_revision(connection, article.with_storage(decision.storage), digests)
        _note_stored(connection, article, decision.storage, now)
        return decision
    if decision.reason == "unchanged":
        connection.execute(
            "UPDATE articles SET last_fetched = ? WHERE id = ?", (time_text(article.fetch.fetched_at), article.id)
        )
    _write_ledger(
        connection,
        LedgerLine(
            article_id=article.id,
            submission=article.discovery.submission,
            url=article.discovery.canonical_url,
            stage=SINK.name,
            outcome="dropped",
            reason=decision.reason,
            detail=decision.detail,
            at=now,
        ),
    )
    return decision


def _find_own_revision(connection: sqlite3.Connection, article: ClassifiedArticle, digests: Digests) -> Storage | None:
    """What an earlier delivery of this very article stored, even when others have stored later revisions since.

    A worker may die after the commit here and before the one in Redis: the second run must announce what the first
    would have.
    """
    row = connection.execute(
        # The store from the record: one of before stores had ids was announced without.
        "SELECT revision, change, changed_fields, stored_at, json_extract(record, '$.storage.store') FROM revisions"
        " WHERE article_id = ? AND submission = ? AND digests = ? ORDER BY revision DESC LIMIT 1",
        (article.id, article.discovery.submission, _json(digests)),
    ).fetchone()
    if row is None:
        return None
    revision, change, changed, stored_at, store = row
    return Storage(
        revision=revision, change=change, changed_fields=json.loads(changed), stored_at=stored_at, store=store
    )


def _find_latest(connection: sqlite3.Connection, article_id: str) -> Latest | None:
    row = connection.execute(
        "SELECT articles.revision, revisions.digests, articles.last_fetched FROM articles"
        " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
        " WHERE articles.id = ?",
        (article_id,),
    ).fetchone()
    return None if row is None else Latest(row[0], json.loads(row[1]), datetime.fromisoformat(row[2]))


def _write_article(connection: sqlite3.Connection, article: ClassifiedArticle, storage: Storage) -> None:
    content, classification = article.content, article.classification
    title_forms, text_forms, stemmer = word_forms(
        classification.language.code, content.title, content.lead, content.text
    )
    connection.execute(
        """
        INSERT INTO articles (id, url, found_url, title, lead, text, authors, publisher, published, language, topic,
            section, image_url, story, story_role, source, revision, first_stored, last_stored, last_fetched,
            title_forms, text_forms, stemmer)
        VALUES (:id, :url, :found_url, :title, :lead, :text, :authors, :publisher, :published, :language, :topic,
            :section, :image_url, :story, :story_role, :source, :revision, :stored, :stored, :fetched,
            :title_forms, :text_forms, :stemmer)
        ON CONFLICT (id) DO UPDATE SET
            url = :url, found_url = :found_url, title = :title, lead = :lead, text = :text, authors = :authors,
            publisher = :publisher, published = :published, language = :language, topic = :topic, section = :section,
            image_url = :image_url, story = :story, story_role = :story_role, source = :source, revision = :revision,
            last_stored = :stored, last_fetched = :fetched,
            title_forms = :title_forms, text_forms = :text_forms, stemmer = :stemmer
        """,
        {
            "id": article.id,
            "url": article.discovery.canonical_url,
            "found_url": article.discovery.url,
            "title": content.title,
            "lead": content.lead,
            "text": content.text,
            "authors": ", ".join(author.name for author in content.authors) or None,
            "publisher": content.publisher,
            "published": time_text(content.published.at) if content.published else None,
            "language": classification.language.code,
            "topic": classification.topics[0].name if classification.topics else None,
            "section": content.section,
            "image_url": content.image.url if content.image else None,
            "story": classification.story.cluster if classification.story else None,
            "story_role": classification.story.role if classification.story else None,
            "source": article.discovery.source,
            "revision": storage.revision,
            "stored": time_text(storage.stored_at),
            "fetched": time_text(article.fetch.fetched_at),
            "title_forms": title_forms,
            "text_forms": text_forms,
            "stemmer": stemmer,
        },
    )
    for statement in (
        "DELETE FROM entities WHERE article_id = ?",
        "DELETE FROM topics WHERE article_id = ?",
        "DELETE FROM tags WHERE article_id = ?",
    ):
        connection.execute(statement, (article.id,))
    # OR IGNORE: a foreign classifier may name the same entity twice, which is no reason to refuse the article.
    connection.executemany(
        "INSERT OR IGNORE INTO entities (article_id, type, name, count, folded_name) VALUES (?, ?, ?, ?, ?)",
        [(article.id, entity.type, entity.name, entity.count, fold(entity.name)) for entity in classification.entities],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO topics VALUES (?, ?, ?, ?)",
        [(article.id, topic.code, topic.name, topic.score) for topic in classification.topics],
    )
    connection.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?)", [(article.id, tag) for tag in content.tags])


def _write_revision(connection: sqlite3.Connection, article: FinishedArticle, digests: Digests) -> None:
    storage = article.storage
    connection.execute(
        "INSERT INTO revisions (article_id, revision, change, changed_fields, submission, stored_at, digests, record)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            article.id,
            storage.revision,
            storage.change,
            _json(storage.changed_fields),
            article.discovery.submission,
            time_text(storage.stored_at),
            _json(digests),
            article.model_dump_json(exclude_none=True),
        ),
    )


def _note_stored(connection: sqlite3.Connection, article: ClassifiedArticle, storage: Storage, now: datetime) -> None:
    _write_ledger(
        connection,
        LedgerLine(
            article_id=article.id,
            submission=article.discovery.submission,
            url=article.discovery.canonical_url,
            stage=SINK.name,
            outcome="stored",
            reason=storage.change,
            detail=f"revision {storage.revision}",
            at=now,
        ),
    )


def _write_ledger(connection: sqlite3.Connection, line: LedgerLine) -> None:
    """One line per article and submission. The later event wins: a dead letter that was redelivered ends as stored."""
    connection.execute(
        """
        INSERT INTO ledger (article_id, submission, url, stage, outcome, reason, detail, at)
        VALUES (:article_id, :submission, :url, :stage, :outcome, :reason, :detail, :at)
        ON CONFLICT (article_id, submission) DO UPDATE SET
            url = excluded.url, stage = excluded.stage, outcome = excluded.outcome, reason = excluded.reason,
            detail = excluded.detail, at = excluded.at
        WHERE excluded.at >= ledger.at
        """,
        {**asdict(line), "at": time_text(line.at)},
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
