"""The article store in a SQLite file: what the sink's stages write through.

Writes that arrive together share one commit (`group_commit`). Several processes may share one file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar, cast

from pydantic import ValidationError

from coranto.folding import fold
from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle, Storage
from coranto.store.columns import (
    ARTICLE_COLUMNS,
    LEDGER_COLUMNS,
    address_rows_of,
    digests_text,
    hour_of,
    ledger_row_of,
    read_record,
    row_of,
    sortable_time,
    to_milliseconds,
)
from coranto.store.identity import Split, identify, ids_of, key_and_id
from coranto.store.interface import (
    ArticleRefusedError,
    NewerSchemaError,
    RevisionKey,
    StoreCorruptError,
    Stored,
    StoreError,
    StoreUnavailableError,
)
from coranto.store.ledger import NOTHING_NEW, LedgerLine, known_source, line_of_drop, line_of_verdict
from coranto.store.reading import ledger_line_of
from coranto.store.retraction import (
    GONE,
    NOT_FOUND,
    OTHERS_ASKED,
    LastRevision,
    OtherPage,
    find_change,
    is_news,
    may_revise,
    next_revision,
)
from coranto.store.revisions import Digests, Latest, Skipped, decide, digests_of, latest_of
from coranto.store.sqlite import schema
from coranto.store.sqlite.group_commit import CORRUPT, UNAVAILABLE, FileGroupCommit, is_fault_of_storage, primary_code
from coranto.store.sqlite.schema import word_forms
from coranto.topology import FETCHER, SINK

T = TypeVar("T")

_COLUMNS = (*ARTICLE_COLUMNS, "title_forms", "text_forms", "stemmer")
_WRITE_ARTICLE = (
    f"INSERT INTO articles ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"  # noqa: S608 - made of constants
    " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in ("id", "first_stored"))
)
_WRITE_LEDGER = (
    f"INSERT INTO ledger ({', '.join(LEDGER_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in LEDGER_COLUMNS)})"  # noqa: S608 - made of constants
    " ON CONFLICT (article_id, submission) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in LEDGER_COLUMNS[2:])
    + " WHERE excluded.at >= ledger.at"
)


class SqliteArticleStore:
    """The article store in the SQLite file at `path`, made when it is first needed."""

    def __init__(self, path: Path, *, batch_size: int = 200, busy_timeout: timedelta = timedelta(seconds=10)) -> None:
        self._path = path
        self._file = FileGroupCommit(path, prepare=schema.migrate, batch_size=batch_size, busy_timeout=busy_timeout)
        self._users = 0

    @property
    def commits(self) -> int:
        """Transactions committed so far."""
        return self._file.commits

    async def open(self) -> None:
        """Start using the store. The file is opened with the first write, so a full disk does not stop the start."""
        self._users += 1

    async def close(self) -> None:
        """Finish what is being written; the last one to close lets the file go."""
        self._users -= 1
        if self._users == 0:
            await self._file.close()

    async def store(self, article: ClassifiedArticle) -> Stored | Skipped:
        """Keep the article and return only after the commit. Safe to repeat. Raises StoreError."""
        return await self._write(lambda connection: _store(connection, article, datetime.now(UTC)))

    async def record_drop(self, dropped: DroppedArticle) -> None:
        """Write the ledger line of an article that ended early, and the revision that follows from it. Raises StoreError."""
        await self._write(lambda connection: _record_drop(connection, dropped, datetime.now(UTC)))

    async def unannounced(self, limit: int) -> list[RevisionKey]:
        """Revisions that are not marked as announced, oldest first. Raises StoreError."""
        if not self._path.exists():
            return []  # nothing is stored, and looking would make the file
        return await self._write(lambda connection: _find_unannounced(connection, limit))

    async def finished(self, revisions: Sequence[RevisionKey]) -> list[FinishedArticle]:
        """The records of these revisions, without those that are gone or cannot be read. Raises StoreError."""
        return await self._write(lambda connection: _read_revisions(connection, revisions))

    async def mark_announced(self, revisions: Sequence[RevisionKey]) -> None:
        """Number these revisions, in this order, as announced now; those that have a number keep it. Raises StoreError."""
        await self._write(lambda connection: _mark_announced(connection, revisions, datetime.now(UTC)))

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return cast("T", await self._file.write(work))
        except (sqlite3.Error, OSError, NewerSchemaError, UnicodeEncodeError) as error:
            explained = _explain(error, self._path)
            if explained is error:
                raise
            raise explained from error


def _explain(error: Exception, path: Path) -> Exception:
    """The error as the operator should see it; one of ours wherever the storage is at fault."""
    explained: StoreError
    if isinstance(error, OSError):
        explained = StoreUnavailableError(f"{path}: {error.strerror or error}; make the directory writable")
    elif isinstance(error, NewerSchemaError):
        explained = StoreUnavailableError(f"{path}: {error}")
    elif isinstance(error, sqlite3.Error) and primary_code(error) in CORRUPT:
        explained = StoreCorruptError(
            f"{path} is damaged ({error}): stop the sink, keep a copy, then restore a backup or run "
            f"`sqlite3 {path.name} .recover`; nothing is lost meanwhile, the articles wait in Redis"
        )
    elif isinstance(error, sqlite3.Error) and is_fault_of_storage(error):
        cause = UNAVAILABLE[primary_code(error) or 0]
        explained = StoreUnavailableError(f"{path}: {cause} ({error}); articles wait in Redis meanwhile")
    elif isinstance(error, UnicodeEncodeError):
        explained = ArticleRefusedError(f"a text of this record cannot be written as UTF-8: {error.reason}")
    elif isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_TOOBIG:
        explained = ArticleRefusedError(f"SQLite does not take a value of this record: {error}")
    else:
        return error
    return explained


def _store(connection: sqlite3.Connection, article: ClassifiedArticle, now: datetime) -> Stored | Skipped:
    now = to_milliseconds(now)
    ids = json.dumps(ids_of(article))
    splits = _find_splits(connection, ids)
    article = identify(article, known_as=_find_other_ids(connection, ids), splits=splits)
    digests = digests_of(article)
    own = _find_own_revision(connection, article, digests)
    if own is not None:
        _note_stored(connection, article, own, now)
        return Stored(article.with_storage(own))
    decision = decide(article, digests, _find_latest(connection, article.id), now=now)
    if isinstance(decision, Storage):
        (store,) = connection.execute("SELECT id FROM store").fetchone()
        finished = article.with_storage(decision.model_copy(update={"store": store}))
        _write_article(connection, finished, splits)
        _write_revision(connection, finished, digests)
        _note_stored(connection, article, finished.storage, now)
        return Stored(finished)
    if decision.reason == "unchanged":
        _count_visit(connection, article.id, known_source(article.discovery.source), article.fetch.fetched_at)
    else:
        _write_ledger(connection, line_of_verdict(article, decision, now))
    return decision


def _record_drop(connection: sqlite3.Connection, dropped: DroppedArticle, now: datetime) -> None:
    line = line_of_drop(dropped)
    if line.reason in NOTHING_NEW and line.stage == SINK.name:
        return  # counted when it was decided
    row = connection.execute(
        "SELECT articles.id, revisions.change, articles.last_fetched, revisions.digests FROM addresses"
        " JOIN articles ON articles.id = addresses.article_id"
        " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
        " WHERE addresses.key_id = ?",
        (dropped.id,),
    ).fetchone()
    if row is not None and line.reason in NOTHING_NEW and row[1] != "retracted":
        _count_visit(connection, row[0], line.source or "", line.at)
        return
    _write_ledger(connection, line)
    if row is None or not may_revise(dropped):
        return  # it was never stored, or this tells nothing of it
    last = LastRevision(row[0], row[1], datetime.fromisoformat(row[2]))
    if not is_news(dropped, last):
        return
    visits = connection.execute(
        f"SELECT {', '.join(LEDGER_COLUMNS)} FROM ledger WHERE article_id IN (?, ?) AND at > ?",  # noqa: S608 - made of constants
        (dropped.id, last.article_id, row[2]),
    ).fetchall()
    for latest in _read_latest(connection, last.article_id):
        others = _OtherPages(connection, (dropped.id, last.article_id))
        change = find_change(dropped, latest, last, [ledger_line_of(each) for each in visits], others)
        if change is not None:
            (store,) = connection.execute("SELECT id FROM store").fetchone()
            revision = next_revision(latest, change, dropped, to_milliseconds(now), store)
            connection.execute(
                "UPDATE articles SET revision = ?, last_stored = ?, last_fetched = ? WHERE id = ?",
                (revision.storage.revision, sortable_time(revision.storage.stored_at),
                 sortable_time(dropped.dropped_at), last.article_id),
            )  # fmt: skip
            _write_revision(connection, revision, json.loads(row[3]))


class _OtherPages:
    """How other pages of a site fare."""

    def __init__(self, connection: sqlite3.Connection, but: tuple[str, str]) -> None:
        self._connection = connection
        self._but = but

    def young(self, site: str, since: datetime) -> list[OtherPage]:
        """Articles stored or changed since then."""
        rows = self._connection.execute(
            "SELECT articles.url, articles.last_fetched, revisions.change FROM articles"
            " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            " WHERE articles.last_stored >= ? AND articles.id NOT IN (?, ?) AND instr(articles.url, ?)"
            " ORDER BY articles.last_stored DESC LIMIT ?",
            (sortable_time(since), *self._but, site, OTHERS_ASKED),
        )
        return [OtherPage(url, datetime.fromisoformat(fetched), change) for url, fetched, change in rows]

    def absent(self, site: str, since: datetime) -> list[str]:
        """Pages that were not there since then."""
        rows = self._connection.execute(
            "SELECT url FROM ledger WHERE at >= ? AND stage = ? AND outcome = 'dropped' AND reason IN (?, ?)"
            " AND article_id NOT IN (?, ?) AND instr(url, ?) ORDER BY at DESC LIMIT ?",
            (sortable_time(since), FETCHER.name, NOT_FOUND, GONE, *self._but, site, OTHERS_ASKED),
        )
        return [url for (url,) in rows]


def _read_latest(connection: sqlite3.Connection, article: str) -> list[FinishedArticle]:
    """The article's latest revision; nothing where it cannot be read."""
    return _read_revisions(
        connection, connection.execute("SELECT id, revision FROM articles WHERE id = ?", (article,)).fetchall()
    )


def _count_visit(connection: sqlite3.Connection, article_id: str, source: str, at: datetime) -> None:
    """Count a visit that found nothing new. One that was counted is not later than itself, so it is not counted twice."""
    counted = connection.execute(
        "UPDATE articles SET last_fetched = :at, unchanged_visits = unchanged_visits + 1"
        " WHERE id = :id AND last_fetched < :at",
        {"at": sortable_time(at), "id": article_id},
    ).rowcount
    if counted:
        connection.execute(
            "INSERT INTO source_hours (source, hour, unchanged_visits) VALUES (?, ?, 1)"
            " ON CONFLICT (source, hour) DO UPDATE SET unchanged_visits = unchanged_visits + 1",
            (source, hour_of(at)),
        )


def _find_other_ids(connection: sqlite3.Connection, ids: str) -> dict[str, str]:
    """Of articles that were stored when ids were made otherwise: the id of now, and the one they have."""
    return dict(
        connection.execute(
            "SELECT key_id, article_id FROM addresses"
            " WHERE key_id IN (SELECT value FROM json_each(?)) AND is_own AND article_id <> key_id",
            (ids,),
        ).fetchall()
    )


def _find_splits(connection: sqlite3.Connection, ids: str) -> set[Split]:
    return set(
        connection.execute(
            "SELECT key_id, article_id FROM splits WHERE key_id IN (SELECT value FROM json_each(?))", (ids,)
        ).fetchall()
    )


def _find_own_revision(connection: sqlite3.Connection, article: ClassifiedArticle, digests: Digests) -> Storage | None:
    """What an earlier delivery of this very article stored, even when others have stored later revisions since.

    A worker may die after the commit here and before the one in Redis: the second run must announce what the first
    would have.
    """
    row = connection.execute(
        # From the record, which was announced: what is announced again must be the same.
        "SELECT json_extract(record, '$.storage') FROM revisions"
        " WHERE article_id = ? AND submission = ? AND digests = ? AND change <> 'retracted' ORDER BY revision DESC LIMIT 1",
        (article.id, article.discovery.submission, digests_text(digests)),
    ).fetchone()
    return None if row is None else Storage.model_validate_json(row[0], extra="ignore")


def _find_latest(connection: sqlite3.Connection, article_id: str) -> Latest | None:
    row = connection.execute(
        "SELECT articles.revision, revisions.digests, articles.last_fetched,"
        " json_extract(record, '$.fetch', '$.storage', '$.discovery.hints.body_html') FROM articles"
        " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
        " WHERE articles.id = ?",
        (article_id,),
    ).fetchone()
    return None if row is None else latest_of(*row)


def _write_article(connection: sqlite3.Connection, article: FinishedArticle, splits: Collection[Split]) -> None:
    content, classification = article.content, article.classification
    row = row_of(article, article.storage)
    row["title_forms"], row["text_forms"], row["stemmer"] = word_forms(
        row["language"], row["title"], row["lead"], row["text"]
    )
    connection.execute(_WRITE_ARTICLE, row)
    if article.storage.revision > 1:
        for table in ("entities", "topics", "tags", "source_tags"):
            connection.execute(f"DELETE FROM {table} WHERE article_id = ?", (article.id,))  # noqa: S608 - constants
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
    connection.executemany(
        "INSERT OR IGNORE INTO source_tags VALUES (?, ?)", [(article.id, tag) for tag in article.discovery.tags]
    )
    # Its own address is nobody else's; of others, the first to claim it keeps it.
    connection.executemany(
        """
        INSERT INTO addresses (key_id, key, article_id, is_own, led_by, known_since) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (key_id) DO UPDATE SET
            article_id = excluded.article_id, is_own = 1, led_by = 'own', known_since = excluded.known_since
        WHERE excluded.is_own AND NOT addresses.is_own
        """,
        address_rows_of(article, splits),
    )


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
            sortable_time(storage.stored_at),
            digests_text(digests),
            article.model_dump_json(exclude_none=True),
        ),
    )
    connection.execute(
        "INSERT INTO outbox (article_id, revision, stored_at) VALUES (?, ?, ?)",
        (article.id, storage.revision, sortable_time(storage.stored_at)),
    )


def _find_unannounced(connection: sqlite3.Connection, limit: int) -> list[RevisionKey]:
    return connection.execute(
        "SELECT article_id, revision FROM outbox ORDER BY stored_at, article_id, revision LIMIT ?", (limit,)
    ).fetchall()


def _read_revisions(connection: sqlite3.Connection, revisions: Sequence[RevisionKey]) -> list[FinishedArticle]:
    found = []
    for key in revisions:
        row = connection.execute("SELECT record FROM revisions WHERE article_id = ? AND revision = ?", key).fetchone()
        if row is not None:
            with suppress(ValidationError):  # one that was written by hand must not keep the others waiting
                found.append(read_record(row[0]))
    return found


def _mark_announced(connection: sqlite3.Connection, revisions: Sequence[RevisionKey], now: datetime) -> None:
    connection.executemany(
        "INSERT INTO announcements (article_id, revision, announced_at)"
        " SELECT article_id, revision, ? FROM outbox WHERE article_id = ? AND revision = ?",
        [(sortable_time(now), *key) for key in revisions],
    )
    connection.executemany("DELETE FROM outbox WHERE article_id = ? AND revision = ?", revisions)


def _note_stored(connection: sqlite3.Connection, article: ClassifiedArticle, storage: Storage, now: datetime) -> None:
    _write_ledger(connection, line_of_verdict(article, storage, now))
    # What an earlier attempt ended as, by the id the article had before its page was read.
    _, found_as = key_and_id(article.discovery.url)
    if found_as != article.id:
        connection.execute(
            "DELETE FROM ledger WHERE article_id = ? AND submission = ?", (found_as, article.discovery.submission)
        )


def _write_ledger(connection: sqlite3.Connection, line: LedgerLine) -> None:
    """One line per article and submission. The later event wins: a dead letter that was redelivered ends as stored."""
    connection.execute(_WRITE_LEDGER, ledger_row_of(line))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
