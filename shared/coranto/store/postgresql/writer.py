"""The article store in PostgreSQL: what the sink's stages write through.

Writes that arrive together share one transaction, and within it one round trip for each table. Writers take turns: whoever
holds the advisory lock decides and writes, as with SQLite's one writer, so two sinks never decide on the same article at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import psycopg
from psycopg import Connection
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
from coranto.store.group_commit import GroupCommit
from coranto.store.identity import Split, identify, ids_of, key_and_id
from coranto.store.interface import RevisionKey, Stored
from coranto.store.ledger import NOTHING_NEW, LedgerLine, known_source, line_of_drop, line_of_verdict
from coranto.store.postgresql import schema
from coranto.store.postgresql.connection import connect, explain, is_fault_of_server
from coranto.store.postgresql.words import vector
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
from coranto.store.revisions import Digests, Latest, Skipped, decide, digests_of, latest_of, material_of
from coranto.topology import FETCHER, SINK

_OwnKey = tuple[str, str, str]
"""Article id, submission and digests of a revision."""


@dataclass(frozen=True, slots=True)
class _Store:
    article: ClassifiedArticle


@dataclass(frozen=True, slots=True)
class _Drop:
    dropped: DroppedArticle


@dataclass(frozen=True, slots=True)
class _Mark:
    revisions: Sequence[RevisionKey]


@dataclass(frozen=True, slots=True)
class _FindUnannounced:
    limit: int


@dataclass(frozen=True, slots=True)
class _ReadRevisions:
    revisions: Sequence[RevisionKey]


_Work = _Store | _Drop | _Mark | _FindUnannounced | _ReadRevisions


class PostgresqlArticleStore:
    """The article store in the PostgreSQL database at the address, whose tables are made when they are first needed."""

    def __init__(self, address: str, *, batch_size: int = 200, busy_timeout: timedelta = timedelta(seconds=10)) -> None:
        self._address = address
        self._database = _Database(address, batch_size=batch_size, busy_timeout=busy_timeout)
        self._users = 0

    @property
    def commits(self) -> int:
        """Transactions committed so far."""
        return self._database.commits

    async def open(self) -> None:
        """Start using the store. The server is asked with the first write, so one that is away does not stop the start."""
        self._users += 1

    async def close(self) -> None:
        """Finish what is being written; the last one to close lets the connection go."""
        self._users -= 1
        if self._users == 0:
            await self._database.close()

    async def store(self, article: ClassifiedArticle) -> Stored | Skipped:
        """Keep the article and return only after the commit. Safe to repeat. Raises StoreError."""
        return cast("Stored | Skipped", await self._write(_Store(article)))

    async def record_drop(self, dropped: DroppedArticle) -> None:
        """Write the ledger line of an article that ended early, and the revision that follows from it. Raises StoreError."""
        await self._write(_Drop(dropped))

    async def unannounced(self, limit: int) -> list[RevisionKey]:
        """Revisions that are not marked as announced, oldest first. Raises StoreError."""
        return cast("list[RevisionKey]", await self._write(_FindUnannounced(limit)))

    async def finished(self, revisions: Sequence[RevisionKey]) -> list[FinishedArticle]:
        """The records of these revisions, without those that are gone or cannot be read. Raises StoreError."""
        return cast("list[FinishedArticle]", await self._write(_ReadRevisions(revisions)))

    async def mark_announced(self, revisions: Sequence[RevisionKey]) -> None:
        """Number these revisions, in this order, as announced now; those that have a number keep it. Raises StoreError."""
        await self._write(_Mark(revisions))

    async def _write(self, work: _Work) -> Any:
        try:
            return await self._database.write(work)
        except Exception as error:
            explained = explain(error, self._address)
            if explained is error:
                raise
            raise explained from error


class _Database(GroupCommit[_Work]):
    """Transactions on the database at the address."""

    def __init__(self, address: str, *, batch_size: int, busy_timeout: timedelta) -> None:
        super().__init__("postgresql", batch_size=batch_size)
        self._address = address
        self._patience = f"{max(1, int(busy_timeout.total_seconds() * 1000))}ms"
        self._connection: Connection[Any] | None = None

    # All of it runs in the thread that owns the connection.

    def _run_batch(self, works: Sequence[_Work]) -> Sequence[object]:
        try:
            return self._run_or_ask_again(works)
        except Exception as error:  # noqa: BLE001 - goes to those who wait for it
            if len(works) == 1 or not isinstance(error, psycopg.Error | ValueError) or _is_fault_of_server(error):
                return [error] * len(works)
        # One of them holds what PostgreSQL does not take. Alone, it harms nobody else.
        return [result for work in works for result in self._run_batch([work])]

    def _run_or_ask_again(self, works: Sequence[_Work]) -> Sequence[object]:
        """Run the batch; where the connection is lost, find out on another whether it was committed.

        A commit whose answer was lost may have happened. To run the works again is to ask: each looks first for what it has
        stored already, by article, submission and digests. Asking for the state of the transaction would not do: the server
        that takes over after a failover gives the number of a lost transaction to another.
        """
        connection = self._connect()
        try:
            return self._run(connection, works)
        except psycopg.Error as error:
            is_lost = connection.broken or connection.closed
            self._give_up(connection)
            if not is_lost or not is_fault_of_server(error):
                raise
        except BaseException:
            self._give_up(connection)
            raise
        connection = self._connect()
        try:
            return self._run(connection, works)
        except BaseException:
            self._give_up(connection)
            raise

    def _run(self, connection: Connection[Any], works: Sequence[_Work]) -> Sequence[object]:
        # LOCAL, because a pool between us and the server may give the next transaction another connection.
        connection.execute(
            "SELECT set_config('lock_timeout', %s, true), set_config('idle_in_transaction_session_timeout', '60s', true),"
            " set_config('synchronous_commit', 'on', true)",
            (self._patience,),
        )
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.WRITE_LOCK,))
        batch = _Batch(connection)
        results = batch.run(works)
        connection.commit()
        self.commits += 1
        return results

    def _connect(self) -> Connection[Any]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        connection = connect(self._address, writes=True)
        try:
            schema.migrate(connection)
            connection.commit()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _give_up(self, connection: Connection[Any]) -> None:
        """Roll back, or let go of a connection that cannot."""
        try:
            connection.rollback()
        except psycopg.Error:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(slots=True)
class _Rows:
    """What one transaction writes, by table."""

    articles: dict[str, dict[str, Any]] = field(default_factory=dict)
    revisions: list[dict[str, Any]] = field(default_factory=list)
    visits_before: list[dict[str, str]] = field(default_factory=list)
    """Visits that found nothing new, of articles that are not written."""
    visits_after: list[dict[str, str]] = field(default_factory=list)
    """Of articles that are written, once they are."""
    ledger: dict[tuple[str, str], LedgerLine] = field(default_factory=dict)
    entities: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    topics: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    tags: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    source_tags: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    addresses: list[tuple[str, str, str, int, str, str]] = field(default_factory=list)
    forgotten: list[tuple[str, str]] = field(default_factory=list)
    """Ledger lines that another one stands for."""


class _Batch:
    """The works of one transaction: what is known is read at once, then decided in turn, then written at once."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._own: dict[_OwnKey, Storage] = {}
        self._latest: dict[str, Latest] = {}
        self._known_as: dict[str, str] = {}
        """Of articles that were stored when ids were made otherwise: the id of now, and the one they have."""
        self._splits: set[Split] = set()
        self._led_to: dict[str, str] = {}
        """Articles that are not withdrawn by the id of an address that leads to them, for what ended without a page."""
        self._store_id = ""
        self._rows = _Rows()

    def run(self, works: Sequence[_Work]) -> list[object]:
        """The result of each work, or the exception it alone ended with. Raises psycopg.Error for all of them."""
        articles = [work.article for work in works if isinstance(work, _Store)]
        if articles:
            self._read(articles)
        nothing_new = [w.dropped.id for w in works if isinstance(w, _Drop) and w.dropped.reason in NOTHING_NEW]
        if nothing_new:
            self._led_to = dict(
                self._connection.execute(
                    "SELECT key_id, articles.id FROM addresses JOIN articles ON articles.id = addresses.article_id"
                    " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
                    " WHERE key_id = ANY(%s) AND change <> 'retracted'",
                    ([storable(each) for each in nothing_new],),
                ).fetchall()
            )
        results: list[object] = []
        for work in works:
            try:
                results.append(self._decide(work))
            except psycopg.Error:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, it goes to the caller whose article it was
                results.append(error)
        self._write()
        self._revise([work.dropped for work in works if isinstance(work, _Drop)])
        # After the rest: what is stored in this transaction may be read and marked in it.
        return [self._after(work) if result is None else result for work, result in zip(works, results, strict=True)]

    def _decide(self, work: _Work) -> object:
        match work:
            case _Store(article):
                return self._store(article, datetime.now(UTC))
            case _Drop(dropped):
                self._drop(dropped)
        return None

    def _after(self, work: _Work) -> object:
        match work:
            case _FindUnannounced(limit):
                return self._connection.execute(
                    "SELECT article_id, revision FROM outbox ORDER BY stored_at, article_id, revision LIMIT %s",
                    (limit,),
                ).fetchall()
            case _ReadRevisions(revisions):
                return list(self._find_revisions(revisions))
            case _Mark(revisions):
                self._mark(revisions)
        return None

    # --- reading ----------------------------------------------------------------------------------------------------

    def _read(self, articles: Sequence[ClassifiedArticle]) -> None:
        ids = list({each for article in articles for each in ids_of(article)})
        submissions = list({article.discovery.submission for article in articles})
        row = self._connection.execute("SELECT id FROM store").fetchone()
        self._store_id = "" if row is None else row[0]
        self._known_as = dict(
            self._connection.execute(
                "SELECT key_id, article_id FROM addresses WHERE key_id = ANY(%s) AND is_own = 1 AND article_id <> key_id",
                (ids,),
            ).fetchall()
        )
        self._splits = set(
            self._connection.execute("SELECT key_id, article_id FROM splits WHERE key_id = ANY(%s)", (ids,)).fetchall()
        )
        ids += self._known_as.values()
        for article, submission, digests, storage in self._connection.execute(
            # From the record, which was announced: what is announced again must be the same.
            "SELECT article_id, submission, digests, (record -> 'storage')::text"
            " FROM revisions WHERE article_id = ANY(%s) AND submission = ANY(%s)"
            " AND change <> 'retracted' ORDER BY revision",
            (ids, submissions),
        ):
            self._own[article, submission, digests] = Storage.model_validate_json(storage, extra="ignore")
        for article, *columns in self._connection.execute(
            "SELECT articles.id, articles.revision, revisions.digests, articles.last_fetched,"
            " json_build_array(record -> 'fetch', record -> 'storage', record #> '{discovery,hints,body_html}')::text"
            " FROM articles"
            " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            " WHERE articles.id = ANY(%s)",
            (ids,),
        ):
            self._latest[article] = latest_of(*columns)

    def _find_revisions(self, revisions: Sequence[RevisionKey]) -> Iterable[FinishedArticle]:
        rows = self._connection.execute(
            "SELECT record::text FROM unnest(%s::text[], %s::integer[]) WITH ORDINALITY AS asked (article_id, revision, place)"
            " JOIN revisions USING (article_id, revision) ORDER BY place",
            ([key[0] for key in revisions], [key[1] for key in revisions]),
        ).fetchall()
        for (record,) in rows:
            with suppress(ValidationError):  # one that was written by hand must not keep the others waiting
                yield read_record(record)

    # --- deciding ---------------------------------------------------------------------------------------------------

    def _store(self, article: ClassifiedArticle, now: datetime) -> Stored | Skipped:
        now = to_milliseconds(now)
        article = identify(article, known_as=self._known_as, splits=self._splits)
        digests = digests_of(article)
        key = (article.id, article.discovery.submission, digests_text(digests))
        own = self._own.get(key)
        if own is not None:
            self._note_stored(article, own, now)
            return Stored(article.with_storage(own))
        decision = decide(article, digests, self._latest.get(article.id), now=now)
        if isinstance(decision, Storage):
            finished = article.with_storage(decision.model_copy(update={"store": self._store_id}))
            self._keep(finished, digests)
            self._own[key] = finished.storage
            self._latest[article.id] = Latest(
                decision.revision, digests, article.fetch.fetched_at, material_of(article), decision.changed_at
            )
            self._note_stored(article, finished.storage, now)
            return Stored(finished)
        if decision.reason == "unchanged":
            self._count_visit(article.id, article.discovery.source, article.fetch.fetched_at)
            known = self._latest[article.id]
            self._latest[article.id] = replace(known, fetched_at=max(known.fetched_at, article.fetch.fetched_at))
        else:
            self._note(line_of_verdict(article, decision, now))
        return decision

    def _drop(self, dropped: DroppedArticle) -> None:
        line = line_of_drop(dropped)
        if line.reason in NOTHING_NEW:
            if line.stage == SINK.name:
                return  # counted when it was decided
            article = self._led_to.get(line.article_id)
            if article is not None:
                self._count_visit(article, line.source or "", line.at)
                return
        self._note(line)

    def _count_visit(self, article: str, source: str, at: datetime) -> None:
        visits = self._rows.visits_after if article in self._rows.articles else self._rows.visits_before
        visits.append(
            {"id": article, "source": storable(known_source(source)), "at": sortable_time(at), "hour": hour_of(at)}
        )

    def _keep(self, article: FinishedArticle, digests: Digests) -> None:
        storage = article.storage
        row = row_of(article, storage)
        words = vector(row["title"], row["lead"], row["text"], row["language"])
        row |= {"search": words.text, "is_cut_in_index": words.is_cut, "has_all_positions": words.has_all_positions}
        self._rows.articles[article.id] = {name: storable(value) for name, value in row.items()}
        self._rows.revisions.append(_revision_row(article, digests_text(digests)))
        classification = article.classification
        # By key: a foreign classifier may name the same entity twice, which is no reason to refuse the article.
        entities = {(each.type, each.name): each for each in reversed(classification.entities)}
        self._rows.entities[article.id] = [
            (article.id, each.type, storable(each.name), each.count, storable(fold(each.name)))
            for each in reversed(entities.values())
        ]
        topics = {topic.code: topic for topic in reversed(classification.topics)}
        self._rows.topics[article.id] = [
            (article.id, topic.code, storable(topic.name), topic.score) for topic in reversed(topics.values())
        ]
        self._rows.tags[article.id] = [(article.id, storable(tag)) for tag in dict.fromkeys(article.content.tags)]
        self._rows.source_tags[article.id] = [
            (article.id, storable(tag)) for tag in dict.fromkeys(article.discovery.tags)
        ]
        self._rows.addresses += address_rows_of(article, self._splits)

    def _note_stored(self, article: ClassifiedArticle, storage: Storage, now: datetime) -> None:
        self._note(line_of_verdict(article, storage, now))
        # What an earlier attempt ended as, by the id the article had before its page was read.
        _, found_as = key_and_id(article.discovery.url)
        if found_as != article.id:
            self._rows.forgotten.append((found_as, article.discovery.submission))
            self._rows.ledger.pop((found_as, article.discovery.submission), None)

    def _note(self, line: LedgerLine) -> None:
        key = (line.article_id, line.submission)
        known = self._rows.ledger.get(key)
        if known is None or line.at >= known.at:
            self._rows.ledger[key] = line

    # --- writing ----------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        rows = self._rows
        with self._connection.cursor() as cursor:
            if rows.visits_before:
                cursor.executemany(_COUNT_VISIT, rows.visits_before)
            if rows.articles:
                cursor.executemany(_WRITE_ARTICLE, list(rows.articles.values()))
                ids = list(rows.articles)
                for statement in (
                    "DELETE FROM entities WHERE article_id = ANY(%s)",
                    "DELETE FROM topics WHERE article_id = ANY(%s)",
                    "DELETE FROM tags WHERE article_id = ANY(%s)",
                    "DELETE FROM source_tags WHERE article_id = ANY(%s)",
                ):
                    cursor.execute(statement, (ids,))
                _insert(cursor, "INSERT INTO entities VALUES (%s, %s, %s, %s, %s)", rows.entities)
                _insert(cursor, "INSERT INTO topics VALUES (%s, %s, %s, %s)", rows.topics)
                _insert(cursor, "INSERT INTO tags VALUES (%s, %s)", rows.tags)
                _insert(cursor, "INSERT INTO source_tags VALUES (%s, %s)", rows.source_tags)
                cursor.executemany(_WRITE_ADDRESS, rows.addresses)
                cursor.executemany(_WRITE_REVISION, rows.revisions)
                cursor.executemany(_WRITE_OUTBOX, rows.revisions)
            if rows.visits_after:
                cursor.executemany(_COUNT_VISIT, rows.visits_after)
            if rows.forgotten:
                cursor.executemany("DELETE FROM ledger WHERE article_id = %s AND submission = %s", rows.forgotten)
            if rows.ledger:
                cursor.executemany(
                    _WRITE_LEDGER,
                    [
                        {name: storable(value) for name, value in ledger_row_of(line).items()}
                        for line in rows.ledger.values()
                    ],
                )

    def _revise(self, drops: Sequence[DroppedArticle]) -> None:
        """Write the revisions that follow from what ended early: withdrawn, or back. Few do, so each is asked about alone."""
        telling = sorted(filter(may_revise, drops), key=lambda dropped: dropped.dropped_at)
        if not telling:
            return
        known = {
            row[0]
            for row in self._connection.execute(
                "SELECT key_id FROM addresses WHERE key_id = ANY(%s)", ([storable(dropped.id) for dropped in telling],)
            )
        }
        for dropped in telling:
            if dropped.id in known:
                self._revise_by(dropped, datetime.now(UTC))

    def _revise_by(self, dropped: DroppedArticle, now: datetime) -> None:
        row = self._connection.execute(
            "SELECT articles.id, revisions.change, articles.last_fetched, revisions.digests, articles.revision FROM addresses"
            " JOIN articles ON articles.id = addresses.article_id"
            " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            " WHERE addresses.key_id = %s",
            (dropped.id,),
        ).fetchone()
        if row is None:
            return
        last = LastRevision(row[0], row[1], datetime.fromisoformat(row[2]))
        if not is_news(dropped, last):
            return
        visits = self._connection.execute(
            f"SELECT {', '.join(LEDGER_COLUMNS)} FROM ledger WHERE article_id = ANY(%s) AND at > %s",  # noqa: S608 - made of constants
            ([dropped.id, last.article_id], row[2]),
        ).fetchall()
        for latest in self._find_revisions([(last.article_id, row[4])]):
            others = _OtherPages(self._connection, [dropped.id, last.article_id])
            change = find_change(dropped, latest, last, [ledger_line_of(each) for each in visits], others)
            if change is None:
                continue
            stored = self._connection.execute("SELECT id FROM store").fetchone()
            revision = next_revision(latest, change, dropped, to_milliseconds(now), "" if stored is None else stored[0])
            storage = revision.storage
            self._connection.execute(
                "UPDATE articles SET revision = %s, last_stored = %s, last_fetched = %s WHERE id = %s",
                (
                    storage.revision,
                    sortable_time(storage.stored_at),
                    sortable_time(dropped.dropped_at),
                    last.article_id,
                ),
            )
            self._connection.execute(_WRITE_REVISION, _revision_row(revision, row[3]))
            self._connection.execute(_WRITE_OUTBOX, _revision_row(revision, row[3]))

    def _mark(self, revisions: Sequence[RevisionKey]) -> None:
        ids, numbers = [key[0] for key in revisions], [key[1] for key in revisions]
        waiting = self._connection.execute(
            "DELETE FROM outbox USING unnest(%s::text[], %s::integer[]) AS asked (article_id, revision)"
            " WHERE outbox.article_id = asked.article_id AND outbox.revision = asked.revision"
            " RETURNING outbox.article_id, outbox.revision",
            (ids, numbers),
        ).fetchall()
        if not waiting:
            return
        left = set(waiting)
        ordered = [key for key in dict.fromkeys(revisions) if key in left]
        row = self._connection.execute(
            "UPDATE store SET last_number = last_number + %s RETURNING last_number", (len(ordered),)
        ).fetchone()
        first = (0 if row is None else row[0]) - len(ordered) + 1
        self._connection.execute(
            "INSERT INTO announcements (number, article_id, revision, announced_at)"
            " SELECT %s + place - 1, article_id, revision, %s"
            " FROM unnest(%s::text[], %s::integer[]) WITH ORDINALITY AS asked (article_id, revision, place)",
            (first, sortable_time(datetime.now(UTC)), [key[0] for key in ordered], [key[1] for key in ordered]),
        )


_COLUMNS = (*ARTICLE_COLUMNS, "search", "is_cut_in_index", "has_all_positions")
_WRITE_ARTICLE = (
    f"INSERT INTO articles ({', '.join(_COLUMNS)}) VALUES ({', '.join(f'%({name})s' for name in _COLUMNS)})"  # noqa: S608 - made of constants
    " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in ("id", "first_stored"))
)
_WRITE_REVISION = (
    "INSERT INTO revisions (article_id, revision, change, changed_fields, submission, stored_at, digests, record)"
    " VALUES (%(article_id)s, %(revision)s, %(change)s, %(changed_fields)s, %(submission)s, %(stored_at)s, %(digests)s,"
    " %(record)s)"
)
_WRITE_OUTBOX = (
    "INSERT INTO outbox (article_id, revision, stored_at) VALUES (%(article_id)s, %(revision)s, %(stored_at)s)"
)
# Its own address is nobody else's; of others, the first to claim it keeps it.
_WRITE_ADDRESS = """
    INSERT INTO addresses (key_id, key, article_id, is_own, led_by, known_since) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (key_id) DO UPDATE SET
        article_id = excluded.article_id, is_own = 1, led_by = 'own', known_since = excluded.known_since
    WHERE excluded.is_own = 1 AND addresses.is_own = 0
"""
# One line per article and submission. The later event wins: a dead letter that was redelivered ends as stored.
_WRITE_LEDGER = (
    f"INSERT INTO ledger ({', '.join(LEDGER_COLUMNS)}) VALUES ({', '.join(f'%({name})s' for name in LEDGER_COLUMNS)})"  # noqa: S608 - made of constants
    " ON CONFLICT (article_id, submission) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in LEDGER_COLUMNS[2:])
    + " WHERE excluded.at >= ledger.at"
)
# A visit that was counted is not later than itself, so it is not counted twice.
_COUNT_VISIT = """
    WITH counted AS (
        UPDATE articles SET last_fetched = %(at)s, unchanged_visits = unchanged_visits + 1
        WHERE id = %(id)s AND last_fetched < %(at)s RETURNING 1
    )
    INSERT INTO source_hours (source, hour, unchanged_visits) SELECT %(source)s, %(hour)s, 1 FROM counted
    ON CONFLICT (source, hour) DO UPDATE SET unchanged_visits = source_hours.unchanged_visits + 1
"""


class _OtherPages:
    """How other pages of a site fare."""

    def __init__(self, connection: Connection[Any], but: list[str]) -> None:
        self._connection = connection
        self._but = but

    def young(self, site: str, since: datetime) -> list[OtherPage]:
        """Articles stored or changed since then."""
        rows = self._connection.execute(
            "SELECT articles.url, articles.last_fetched, revisions.change FROM articles"
            " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            " WHERE articles.last_stored >= %s AND articles.id <> ALL(%s) AND strpos(articles.url, %s) > 0"
            " ORDER BY articles.last_stored DESC LIMIT %s",
            (sortable_time(since), self._but, storable(site), OTHERS_ASKED),
        )
        return [OtherPage(url, datetime.fromisoformat(fetched), change) for url, fetched, change in rows]

    def absent(self, site: str, since: datetime) -> list[str]:
        """Pages that were not there since then."""
        rows = self._connection.execute(
            "SELECT url FROM ledger WHERE at >= %s AND stage = %s AND outcome = 'dropped' AND reason = ANY(%s)"
            " AND article_id <> ALL(%s) AND strpos(url, %s) > 0 ORDER BY at DESC LIMIT %s",
            (sortable_time(since), FETCHER.name, [NOT_FOUND, GONE], self._but, storable(site), OTHERS_ASKED),
        )
        return [url for (url,) in rows]


def _revision_row(article: FinishedArticle, digests: str) -> dict[str, Any]:
    storage = article.storage
    return {
        "article_id": article.id,
        "revision": storage.revision,
        "change": storage.change,
        "changed_fields": _json(storage.changed_fields),
        "submission": storable(article.discovery.submission),
        "stored_at": sortable_time(storage.stored_at),
        "digests": digests,
        "record": article.model_dump_json(exclude_none=True),
    }


def storable(value: Any) -> Any:
    """The value as a column takes it: PostgreSQL's text holds no NUL. The record keeps it, escaped."""
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


def _is_fault_of_server(error: Exception) -> bool:
    return isinstance(error, psycopg.Error) and is_fault_of_server(error)


def _insert(cursor: psycopg.Cursor[Any], statement: Any, by_article: dict[str, list[tuple[Any, ...]]]) -> None:
    if rows := [row for rows in by_article.values() for row in rows]:
        cursor.executemany(statement, rows)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
