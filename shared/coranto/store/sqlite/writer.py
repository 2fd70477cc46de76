"""The article store in a SQLite file: what the sink's stages write through.

Writes that arrive together share one commit, and within it one statement for each table. Several processes may share one file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from coranto.store.database.batch import Batch, Rows, Work, ledger_rows, listings_of, rows_of_all
from coranto.store.database.columns import ARTICLE_COLUMNS, ARTICLE_TIME, ENDED_BEFORE, LEDGER_COLUMNS, sortable_time
from coranto.store.database.reading import ledger_line_of
from coranto.store.database.writing import BatchedArticleStore
from coranto.store.interface import (
    ArticleRefusedError,
    NewerSchemaError,
    RevisionKey,
    StoreCorruptError,
    StoreError,
    StoreUnavailableError,
)
from coranto.store.rules.identity import Split
from coranto.store.rules.ledger import LedgerLine
from coranto.store.rules.retraction import GONE, NOT_FOUND, OTHERS_ASKED, OtherPage, OtherPages
from coranto.store.sqlite import schema
from coranto.store.sqlite.group_commit import CORRUPT, UNAVAILABLE, FileGroupCommit, is_fault_of_storage, primary_code
from coranto.store.sqlite.schema import word_forms
from coranto.topology import FETCHER


class SqliteArticleStore(BatchedArticleStore):
    """The article store in the SQLite file at `path`, made when it is first needed."""

    def __init__(self, path: Path, *, batch_size: int = 200, busy_timeout: timedelta = timedelta(seconds=10)) -> None:
        super().__init__(
            FileGroupCommit[Work](
                path,
                prepare=schema.migrate,
                run=_run,
                batch_size=batch_size,
                busy_timeout=busy_timeout,
            )
        )
        self._path = path

    async def unannounced(self, limit: int) -> list[RevisionKey]:
        """Revisions that are not marked as announced, oldest first. Raises StoreError."""
        if not self._path.exists():
            return []  # nothing is stored, and looking would make the file
        return await super().unannounced(limit)

    def _explain(self, error: Exception) -> Exception:
        return _explain(error, self._path)


def _run(connection: sqlite3.Connection, works: Sequence[Work]) -> Sequence[object]:
    # Each time: another sink may have upgraded the file meanwhile, and what this one writes would lack what is new.
    schema.version_of(connection)
    return _FileBatch(connection).run(works)


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


class _FileBatch(Batch):
    """The works of one transaction on a file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection

    def index_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        forms = word_forms(row["language"], row["title"], row["lead"], row["text"])
        return dict(zip(("title_forms", "text_forms", "stemmer"), forms, strict=True))

    # --- reading ----------------------------------------------------------------------------------------------------

    def read_store_id(self) -> str:
        return str(self._connection.execute("SELECT id FROM store").fetchone()[0])

    def find_other_ids(self, ids: Sequence[str]) -> Mapping[str, str]:
        return dict(
            self._connection.execute(
                f"SELECT key_id, article_id FROM addresses WHERE key_id IN {_GIVEN} AND is_own AND article_id <> key_id",  # noqa: S608 - a constant
                (json.dumps(ids),),
            ).fetchall()
        )

    def find_splits(self, ids: Sequence[str]) -> Collection[Split]:
        return set(
            self._connection.execute(
                f"SELECT key_id, article_id FROM splits WHERE key_id IN {_GIVEN}",  # noqa: S608 - a constant
                (json.dumps(ids),),
            ).fetchall()
        )

    def find_own_revisions(self, ids: Sequence[str], submissions: Sequence[str]) -> Iterable[tuple[str, str, str, str]]:
        return self._connection.execute(
            "SELECT article_id, submission, digests, json_extract(record, '$.storage') FROM revisions"  # noqa: S608 - a constant
            f" WHERE article_id IN {_GIVEN} AND submission IN {_GIVEN} AND change <> 'retracted' ORDER BY revision",
            (json.dumps(ids), json.dumps(submissions)),
        ).fetchall()

    def find_latest(self, ids: Sequence[str]) -> Iterable[tuple[str, int, str, str, str]]:
        return self._connection.execute(
            "SELECT articles.id, articles.revision, revisions.digests, articles.last_fetched,"  # noqa: S608 - a constant
            " json_extract(record, '$.fetch', '$.storage', '$.discovery.hints.body_html') FROM articles"
            " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            f" WHERE articles.id IN {_GIVEN}",
            (json.dumps(ids),),
        ).fetchall()

    def find_led_to(self, key_ids: Sequence[str]) -> Mapping[str, str]:
        return dict(
            self._connection.execute(
                "SELECT key_id, articles.id FROM addresses JOIN articles ON articles.id = addresses.article_id"  # noqa: S608 - a constant
                " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
                f" WHERE key_id IN {_GIVEN} AND change <> 'retracted'",
                (json.dumps(key_ids),),
            ).fetchall()
        )

    def find_last_revision(self, key_id: str) -> tuple[str, str, str, str, int] | None:
        found: tuple[str, str, str, str, int] | None = self._connection.execute(
            "SELECT articles.id, revisions.change, articles.last_fetched, revisions.digests, articles.revision FROM addresses"
            " JOIN articles ON articles.id = addresses.article_id"
            " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            " WHERE addresses.key_id = ?",
            (key_id,),
        ).fetchone()
        return found

    def find_lines(self, ids: Sequence[str], *, after: str) -> list[LedgerLine]:
        rows = self._connection.execute(
            f"SELECT {', '.join(LEDGER_COLUMNS)} FROM ledger WHERE article_id IN {_GIVEN} AND at > ?",  # noqa: S608 - made of constants
            (json.dumps(ids), after),
        )
        return [ledger_line_of(row) for row in rows]

    def other_pages(self, but: Sequence[str]) -> OtherPages:
        return _OtherPages(self._connection, but)

    def find_records(self, revisions: Sequence[RevisionKey]) -> Iterable[str]:
        for key in revisions:
            row = self._connection.execute(
                "SELECT record FROM revisions WHERE article_id = ? AND revision = ?", key
            ).fetchone()
            if row is not None:
                yield row[0]

    def find_unannounced(self, limit: int) -> list[RevisionKey]:
        return self._connection.execute(
            "SELECT article_id, revision FROM outbox ORDER BY stored_at, article_id, revision LIMIT ?", (limit,)
        ).fetchall()

    # --- writing ----------------------------------------------------------------------------------------------------

    def write(self, rows: Rows) -> None:
        many = self._connection.executemany
        self._count(rows.visits_before)
        if rows.articles:
            if rows.rewritten:
                listed = self._connection.execute(
                    f"SELECT {LISTED_BY} FROM articles WHERE id IN {_GIVEN}",  # noqa: S608 - made of constants
                    (json.dumps(list(rows.rewritten)),),
                )
                many(UNLIST, listings_of(listed))
            self._write_articles(list(rows.articles.values()))
            if rows.rewritten:
                for table in ("entities", "topics", "tags", "source_tags"):
                    self._connection.execute(
                        f"DELETE FROM {table} WHERE article_id IN {_GIVEN}",  # noqa: S608 - made of constants
                        (json.dumps(list(rows.rewritten)),),
                    )
            many(
                "INSERT INTO entities (article_id, type, name, count, folded_name) VALUES (?, ?, ?, ?, ?)",
                rows_of_all(rows.entities),
            )
            many("INSERT INTO topics (article_id, code, name, score) VALUES (?, ?, ?, ?)", rows_of_all(rows.topics))
            many("INSERT INTO tags (article_id, tag) VALUES (?, ?)", rows_of_all(rows.tags))
            many("INSERT INTO source_tags (article_id, tag) VALUES (?, ?)", rows_of_all(rows.source_tags))
            many(_WRITE_ADDRESS, list(rows.addresses.values()))
            many(_LIST, rows_of_all(rows.names))
            many(_WRITE_REVISION, rows.revisions)
            many(_WRITE_OUTBOX, rows.revisions)
        self._count(rows.visits_after)
        many("DELETE FROM ledger WHERE article_id = ? AND submission = ?", rows.forgotten)
        many(_WRITE_LEDGER, ledger_rows(rows))

    def _write_articles(self, articles: Sequence[Mapping[str, Any]]) -> None:
        for first in range(0, len(articles), _ARTICLES_AT_ONCE):
            some = articles[first : first + _ARTICLES_AT_ONCE]
            values = [article[name] for article in some for name in _COLUMNS]
            self._connection.execute(_write_articles(len(some)), values)

    def _count(self, visits: Iterable[Mapping[str, str]]) -> None:
        """Count visits that found nothing new. One that was counted is not later than itself, so it is not counted twice."""
        for visit in visits:
            counted = self._connection.execute(
                "UPDATE articles SET last_fetched = :at, unchanged_visits = unchanged_visits + 1"
                " WHERE id = :id AND last_fetched < :at",
                visit,
            ).rowcount
            if counted:
                self._connection.execute(
                    "INSERT INTO source_hours (source, hour, unchanged_visits) VALUES (:source, :hour, 1)"
                    " ON CONFLICT (source, hour) DO UPDATE SET unchanged_visits = unchanged_visits + 1",
                    visit,
                )

    def write_end(self, revision: Mapping[str, Any], fetched_at: str) -> None:
        self._connection.execute(
            "UPDATE articles SET revision = :revision, last_stored = :stored_at, last_fetched = :fetched_at"
            " WHERE id = :article_id",
            {**revision, "fetched_at": fetched_at},
        )
        self._connection.execute(_WRITE_REVISION, revision)
        self._connection.execute(_WRITE_OUTBOX, revision)

    def mark(self, revisions: Sequence[RevisionKey], announced_at: str) -> None:
        self._connection.executemany(
            "INSERT INTO announcements (article_id, revision, announced_at)"
            " SELECT article_id, revision, ? FROM outbox WHERE article_id = ? AND revision = ?",
            [(announced_at, *key) for key in dict.fromkeys(revisions)],
        )
        self._connection.executemany("DELETE FROM outbox WHERE article_id = ? AND revision = ?", revisions)


class _OtherPages:
    """How other pages of a site fare."""

    def __init__(self, connection: sqlite3.Connection, but: Sequence[str]) -> None:
        self._connection = connection
        self._but = json.dumps(but)

    def young(self, site: str, since: datetime) -> list[OtherPage]:
        """Articles stored or changed since then."""
        rows = self._connection.execute(
            "SELECT articles.url, articles.last_fetched, revisions.change FROM articles"  # noqa: S608 - a constant
            " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            f" WHERE articles.last_stored >= ? AND articles.id NOT IN {_GIVEN} AND instr(articles.url, ?)"
            " ORDER BY articles.last_stored DESC LIMIT ?",
            (sortable_time(since), self._but, site, OTHERS_ASKED),
        )
        return [OtherPage(url, datetime.fromisoformat(fetched), change) for url, fetched, change in rows]

    def absent(self, site: str, since: datetime) -> list[str]:
        """Pages that were not there since then."""
        rows = self._connection.execute(
            "SELECT url FROM ledger WHERE at >= ? AND stage = ? AND outcome = 'dropped' AND reason IN (?, ?)"  # noqa: S608 - a constant
            f" AND article_id NOT IN {_GIVEN} AND instr(url, ?) ORDER BY at DESC LIMIT ?",
            (sortable_time(since), FETCHER.name, NOT_FOUND, GONE, self._but, site, OTHERS_ASKED),
        )
        return [url for (url,) in rows]


_GIVEN = "(SELECT value FROM json_each(?))"
_COLUMNS = (*ARTICLE_COLUMNS, "title_forms", "text_forms", "stemmer")
_ARTICLES_AT_ONCE = 100
"""The index of words takes many articles in one statement quicker than each in one; of values, a statement takes 32,766."""


@cache
def _write_articles(number: int) -> str:
    row = f"({', '.join('?' * len(_COLUMNS))})"
    return (
        f"INSERT INTO articles ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * number)}"  # noqa: S608 - made of constants
        " ON CONFLICT (id) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in ("id", "first_stored"))
    )


# Its own address is nobody else's; of others, the first to claim it keeps it.
_WRITE_ADDRESS = """
    INSERT INTO addresses (key_id, key, article_id, is_own, led_by, known_since) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (key_id) DO UPDATE SET
        article_id = excluded.article_id, is_own = 1, led_by = 'own', known_since = excluded.known_since
    WHERE excluded.is_own AND NOT addresses.is_own
"""
LISTED_BY = f"source, publisher, url, {ARTICLE_TIME}, id"
"""What `listings_of` takes."""
UNLIST = "DELETE FROM source_articles WHERE name = ? AND at = ? AND article_id = ?"
_LIST = (
    "INSERT INTO source_articles (name, at, article_id)"  # noqa: S608 - made of constants
    # One that an older sink stored beside this one may have stayed in its list.
    f" SELECT ?2, {ARTICLE_TIME}, id FROM articles WHERE id = ?1 ON CONFLICT DO NOTHING"
)
_WRITE_REVISION = (
    "INSERT INTO revisions (article_id, revision, change, changed_fields, submission, stored_at, digests, record)"
    " VALUES (:article_id, :revision, :change, :changed_fields, :submission, :stored_at, :digests, :record)"
)
_WRITE_OUTBOX = "INSERT INTO outbox (article_id, revision, stored_at) VALUES (:article_id, :revision, :stored_at)"
_IS_REVISIT = (
    f"CASE WHEN :is_revisit OR :outcome IN ('stored', 'accepted') THEN :is_revisit ELSE {ENDED_BEFORE.format(':')} END"
)
# One line per article and submission. The later event wins: a dead letter that was redelivered ends as stored.
_WRITE_LEDGER = (
    f"INSERT INTO ledger ({', '.join(LEDGER_COLUMNS)})"  # noqa: S608 - made of constants
    f" VALUES ({', '.join(_IS_REVISIT if name == 'is_revisit' else f':{name}' for name in LEDGER_COLUMNS)})"
    " ON CONFLICT (article_id, submission) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in LEDGER_COLUMNS[2:])
    + " WHERE excluded.at >= ledger.at"
)
