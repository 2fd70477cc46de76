"""The article store in a SQLite file: what the sink's stages write through.

Writes that arrive together share one commit (`group_commit`). Several processes may share one file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle, Storage
from coranto.store.interface import (
    LedgerLine,
    RevisionKey,
    Skipped,
    StoreCorruptError,
    Stored,
    StoreError,
    StoreUnavailableError,
)
from coranto.store.revisions import Digests, Latest, decide, digests_of
from coranto.store.sqlite import schema
from coranto.store.sqlite.group_commit import CORRUPT, UNAVAILABLE, GroupCommit, is_fault_of_storage, primary_code
from coranto.store.sqlite.schema import time_text, word_forms
from coranto.store.words import fold
from coranto.topology import SINK

T = TypeVar("T")


class SqliteArticleStore:
    """The article store in the SQLite file at `path`, made when it is first needed."""

    def __init__(self, path: Path, *, batch_size: int = 200, busy_timeout: timedelta = timedelta(seconds=10)) -> None:
        self._path = path
        self._file = GroupCommit(path, prepare=schema.migrate, batch_size=batch_size, busy_timeout=busy_timeout)
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
        await self._write(lambda connection: _write_ledger(connection, line))

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
            return await self._file.write(work)
        except (sqlite3.Error, OSError, schema.NewerSchemaError) as error:
            explained = _explain(error, self._path)
            if explained is error:
                raise
            raise explained from error


def _explain(error: Exception, path: Path) -> Exception:
    """The error as the operator should see it; one of ours wherever the storage is at fault."""
    explained: StoreError
    if isinstance(error, OSError):
        explained = StoreUnavailableError(f"{path}: {error.strerror or error}; make the directory writable")
    elif isinstance(error, schema.NewerSchemaError):
        explained = StoreUnavailableError(f"{path}: {error}")
    elif isinstance(error, sqlite3.Error) and primary_code(error) in CORRUPT:
        explained = StoreCorruptError(
            f"{path} is damaged ({error}): stop the sink, keep a copy, then restore a backup or run "
            f"`sqlite3 {path.name} .recover`; nothing is lost meanwhile, the articles wait in Redis"
        )
    elif isinstance(error, sqlite3.Error) and is_fault_of_storage(error):
        cause = UNAVAILABLE[primary_code(error) or 0]
        explained = StoreUnavailableError(f"{path}: {cause} ({error}); articles wait in Redis meanwhile")
    else:
        return error
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
    _write_ledger(connection, _ledger_line(article, "dropped", decision.reason, decision.detail, now))
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
    connection.execute(
        "INSERT INTO outbox (article_id, revision, stored_at) VALUES (?, ?, ?)",
        (article.id, storage.revision, time_text(storage.stored_at)),
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
                found.append(FinishedArticle.model_validate_json(row[0], extra="ignore"))
    return found


def _mark_announced(connection: sqlite3.Connection, revisions: Sequence[RevisionKey], now: datetime) -> None:
    connection.executemany(
        "INSERT INTO announcements (article_id, revision, announced_at)"
        " SELECT article_id, revision, ? FROM outbox WHERE article_id = ? AND revision = ?",
        [(time_text(now), *key) for key in revisions],
    )
    connection.executemany("DELETE FROM outbox WHERE article_id = ? AND revision = ?", revisions)


def _note_stored(connection: sqlite3.Connection, article: ClassifiedArticle, storage: Storage, now: datetime) -> None:
    line = _ledger_line(article, "stored", storage.change, f"revision {storage.revision}", now)
    _write_ledger(connection, line)


def _ledger_line(
    article: ClassifiedArticle, outcome: Literal["stored", "dropped"], reason: str, detail: str | None, now: datetime
) -> LedgerLine:
    return LedgerLine(
        article_id=article.id,
        submission=article.discovery.submission,
        url=article.discovery.canonical_url,
        stage=SINK.name,
        outcome=outcome,
        reason=reason,
        detail=detail,
        at=now,
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
