"""The article store in PostgreSQL: what the sink's stages write through.

Writes that arrive together share one transaction, and within it one round trip for each table. Writers take turns: whoever
holds the advisory lock decides and writes, as with SQLite's one writer, so two sinks never decide on the same article at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

import psycopg
from psycopg import Connection

from coranto.store.database.batch import Batch, Rows, Work, ledger_rows, listings_of, rows_of_all
from coranto.store.database.columns import ARTICLE_COLUMNS, ARTICLE_TIME, ENDED_BEFORE, LEDGER_COLUMNS, sortable_time
from coranto.store.database.group_commit import GroupCommit
from coranto.store.database.reading import ledger_line_of
from coranto.store.database.writing import BatchedArticleStore
from coranto.store.interface import Listing, RevisionKey
from coranto.store.postgresql import schema
from coranto.store.postgresql.connection import connect, explain, is_fault_of_server
from coranto.store.postgresql.words import vector
from coranto.store.rules.identity import Split
from coranto.store.rules.ledger import LedgerLine
from coranto.store.rules.retraction import GONE, NOT_FOUND, OTHERS_ASKED, OtherPage, OtherPages
from coranto.topology import FETCHER

Value = TypeVar("Value")


class PostgresqlArticleStore(BatchedArticleStore):
    """The article store in the PostgreSQL database at the address, whose tables are made when they are first needed."""

    def __init__(self, address: str, *, batch_size: int = 200, busy_timeout: timedelta = timedelta(seconds=10)) -> None:
        super().__init__(_Database(address, batch_size=batch_size, busy_timeout=busy_timeout))
        self._address = address

    def _explain(self, error: Exception) -> Exception:
        return explain(error, self._address)


class _Database(GroupCommit[Work]):
    """Transactions on the database at the address."""

    def __init__(self, address: str, *, batch_size: int, busy_timeout: timedelta) -> None:
        super().__init__("postgresql", batch_size=batch_size)
        self._address = address
        self._patience = f"{max(1, int(busy_timeout.total_seconds() * 1000))}ms"
        self._connection: Connection[Any] | None = None
        self._compression = ""

    # All of it runs in the thread that owns the connection.

    def _run_batch(self, works: Sequence[Work]) -> Sequence[object]:
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

    def _is_fault_of_work(self, error: Exception) -> bool:
        # ValueError: what psycopg itself does not take.
        return isinstance(error, psycopg.Error | ValueError) and not (
            isinstance(error, psycopg.Error) and is_fault_of_server(error)
        )

    def _run(self, connection: Connection[Any], works: Sequence[Work]) -> Sequence[object]:
        # LOCAL, because a pool between us and the server may give the next transaction another connection.
        connection.execute(
            "SELECT set_config('lock_timeout', %s, true), set_config('idle_in_transaction_session_timeout', '60s', true),"
            " set_config('synchronous_commit', 'on', true), set_config('default_toast_compression', %s, true)",
            (self._patience, self._compression),
        )
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.WRITE_LOCK,))
        # Each time: another sink may have upgraded the tables meanwhile, and what this one writes would lack what is new.
        schema.version_of(connection)
        batch = _ServerBatch(connection)
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
            self._compression = _quickest_compression(connection)
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


class _ServerBatch(Batch):
    """The works of one transaction on a server."""

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__()
        self._connection = connection

    def storable(self, value: Value) -> Value:
        return storable(value)

    def index_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        words = vector(row["title"], row["lead"], row["text"], row["language"])
        return {"search": words.text, "is_cut_in_index": words.is_cut, "has_all_positions": words.has_all_positions}

    # --- reading ----------------------------------------------------------------------------------------------------

    def read_store_id(self) -> str:
        row = self._connection.execute("SELECT id FROM store").fetchone()
        return "" if row is None else row[0]

    def find_other_ids(self, ids: Sequence[str]) -> Mapping[str, str]:
        return dict(
            self._connection.execute(
                "SELECT key_id, article_id FROM addresses WHERE key_id = ANY(%s) AND is_own = 1 AND article_id <> key_id",
                (ids,),
            ).fetchall()
        )

    def find_splits(self, ids: Sequence[str]) -> Collection[Split]:
        return set(
            self._connection.execute("SELECT key_id, article_id FROM splits WHERE key_id = ANY(%s)", (ids,)).fetchall()
        )

    def find_own_revisions(self, ids: Sequence[str], submissions: Sequence[str]) -> Iterable[tuple[str, str, str, str]]:
        return self._connection.execute(
            "SELECT article_id, submission, digests, (record -> 'storage')::text"
            " FROM revisions WHERE article_id = ANY(%s) AND submission = ANY(%s)"
            " AND change <> 'retracted' ORDER BY revision",
            (ids, submissions),
        )

    def find_latest(self, ids: Sequence[str]) -> Iterable[tuple[str, int, str, str, str]]:
        return self._connection.execute(
            "SELECT articles.id, articles.revision, revisions.digests, articles.last_fetched,"
            " json_build_array(record -> 'fetch', record -> 'storage', record #> '{discovery,hints,body_html}')::text"
            " FROM articles"
            " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            " WHERE articles.id = ANY(%s)",
            (ids,),
        )

    def find_led_to(self, key_ids: Sequence[str]) -> Mapping[str, str]:
        return dict(
            self._connection.execute(
                "SELECT key_id, articles.id FROM addresses JOIN articles ON articles.id = addresses.article_id"
                " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
                " WHERE key_id = ANY(%s) AND change <> 'retracted'",
                (key_ids,),
            ).fetchall()
        )

    def find_last_revision(self, key_id: str) -> tuple[str, str, str, str, int] | None:
        return self._connection.execute(
            "SELECT articles.id, revisions.change, articles.last_fetched, revisions.digests, articles.revision FROM addresses"
            " JOIN articles ON articles.id = addresses.article_id"
            " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            " WHERE addresses.key_id = %s",
            (key_id,),
        ).fetchone()

    def find_lines(self, ids: Sequence[str], *, after: str) -> list[LedgerLine]:
        rows = self._connection.execute(
            f"SELECT {', '.join(LEDGER_COLUMNS)} FROM ledger WHERE article_id = ANY(%s) AND at > %s",  # noqa: S608 - made of constants
            (ids, after),
        ).fetchall()
        return [ledger_line_of(row) for row in rows]

    def other_pages(self, but: Sequence[str]) -> OtherPages:
        return _OtherPages(self._connection, but)

    def find_records(self, revisions: Sequence[RevisionKey]) -> Iterable[str]:
        rows = self._connection.execute(
            "SELECT record::text FROM unnest(%s::text[], %s::integer[]) WITH ORDINALITY AS asked (article_id, revision, place)"
            " JOIN revisions USING (article_id, revision) ORDER BY place",
            ([key[0] for key in revisions], [key[1] for key in revisions]),
        ).fetchall()
        return (record for (record,) in rows)

    def find_unannounced(self, limit: int) -> list[RevisionKey]:
        return self._connection.execute(
            "SELECT article_id, revision FROM outbox ORDER BY stored_at, article_id, revision LIMIT %s", (limit,)
        ).fetchall()

    # --- writing ----------------------------------------------------------------------------------------------------

    def write(self, rows: Rows) -> None:
        with self._connection.cursor() as cursor:
            if rows.visits_before:
                cursor.executemany(_COUNT_VISIT, rows.visits_before)
            if rows.articles:
                if rows.rewritten:
                    unlist(self._connection, list(rows.rewritten))
                cursor.executemany(_WRITE_ARTICLE, list(rows.articles.values()))
                if rows.rewritten:
                    for table in ("entities", "topics", "tags", "source_tags"):
                        cursor.execute(f"DELETE FROM {table} WHERE article_id = ANY(%s)", (list(rows.rewritten),))  # noqa: S608 - constants
                _insert(cursor, _WRITE_ENTITIES, rows_of_all(rows.entities))
                _insert(cursor, _WRITE_TOPICS, rows_of_all(rows.topics))
                _insert(cursor, _WRITE_TAGS, rows_of_all(rows.tags))
                _insert(cursor, _WRITE_SOURCE_TAGS, rows_of_all(rows.source_tags))
                _insert(cursor, _WRITE_ADDRESSES, list(rows.addresses.values()))
                _insert(cursor, _LIST, rows_of_all(rows.names))
                cursor.executemany(_WRITE_REVISION, rows.revisions)
                cursor.executemany(_WRITE_OUTBOX, rows.revisions)
            if rows.visits_after:
                cursor.executemany(_COUNT_VISIT, rows.visits_after)
            _insert(cursor, _FORGET_LINES, rows.forgotten)
            _insert(cursor, _WRITE_LEDGER, [tuple(map(storable, row.values())) for row in ledger_rows(rows)])

    def write_end(self, revision: Mapping[str, Any], fetched_at: str) -> None:
        self._connection.execute(
            "UPDATE articles SET revision = %(revision)s, last_stored = %(stored_at)s, last_fetched = %(fetched_at)s"
            " WHERE id = %(article_id)s",
            {**revision, "fetched_at": fetched_at},
        )
        self._connection.execute(_WRITE_REVISION, revision)
        self._connection.execute(_WRITE_OUTBOX, revision)

    def mark(self, revisions: Sequence[RevisionKey], announced_at: str) -> None:
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
            (first, announced_at, [key[0] for key in ordered], [key[1] for key in ordered]),
        )


class _OtherPages:
    """How other pages of a site fare."""

    def __init__(self, connection: Connection[Any], but: Sequence[str]) -> None:
        self._connection = connection
        self._but = list(but)

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
# One array for each column, and one statement for all rows: a statement for each would take longer than what it does.
_WRITE_ENTITIES = (
    "INSERT INTO entities (article_id, type, name, count, folded_name)"
    " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::integer[], %s::text[])"
)
_WRITE_TOPICS = (
    "INSERT INTO topics (article_id, code, name, score)"
    " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::double precision[])"
)
_WRITE_TAGS = "INSERT INTO tags (article_id, tag) SELECT * FROM unnest(%s::text[], %s::text[])"
_WRITE_SOURCE_TAGS = "INSERT INTO source_tags (article_id, tag) SELECT * FROM unnest(%s::text[], %s::text[])"
# Its own address is nobody else's; of others, the first to claim it keeps it.
_WRITE_ADDRESSES = """
    INSERT INTO addresses (key_id, key, article_id, is_own, led_by, known_since)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::integer[], %s::text[], %s::text[])
    ON CONFLICT (key_id) DO UPDATE SET
        article_id = excluded.article_id, is_own = 1, led_by = 'own', known_since = excluded.known_since
    WHERE excluded.is_own = 1 AND addresses.is_own = 0
"""
LISTED_BY: Final = f"source, publisher, url, {ARTICLE_TIME}, id"
"""What `listings_of` takes."""
_LIST = f"""
    INSERT INTO source_articles (name, at, article_id)
    SELECT name, {ARTICLE_TIME}, id FROM unnest(%s::text[], %s::text[]) AS listed (article_id, name)
    JOIN articles ON articles.id = listed.article_id
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - made of constants
_UNLIST = """
    DELETE FROM source_articles USING unnest(%s::text[], %s::text[], %s::text[]) AS listed (name, at, article_id)
    WHERE source_articles.name = listed.name AND source_articles.at = listed.at
    AND source_articles.article_id = listed.article_id
"""
_FORGET_LINES = """
    DELETE FROM ledger USING unnest(%s::text[], %s::text[]) AS other (article_id, submission)
    WHERE ledger.article_id = other.article_id AND ledger.submission = other.submission
"""
_NUMBERS = ("found_after_seconds", "stored_after_seconds", "is_revisit")
_IS_REVISIT = (
    "CASE WHEN is_revisit = 1 OR outcome IN ('stored', 'accepted') THEN is_revisit"
    f" ELSE {ENDED_BEFORE.format('line.')}::integer END"
)
# One line per article and submission. The later event wins: a dead letter that was redelivered ends as stored.
_WRITE_LEDGER = (
    f"INSERT INTO ledger ({', '.join(LEDGER_COLUMNS)})"  # noqa: S608 - made of constants
    f" SELECT {', '.join(_IS_REVISIT if name == 'is_revisit' else name for name in LEDGER_COLUMNS)}"
    f" FROM unnest({', '.join('%s::integer[]' if name in _NUMBERS else '%s::text[]' for name in LEDGER_COLUMNS)})"
    f" AS line ({', '.join(LEDGER_COLUMNS)})"
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


def _quickest_compression(connection: Connection[Any]) -> str:
    """How the server is to compress long values: with lz4 where it can, which takes it a fraction of the time."""
    known, now = connection.execute(
        "SELECT enumvals, setting FROM pg_settings WHERE name = 'default_toast_compression'"
    ).fetchone() or ((), "pglz")
    return "lz4" if "lz4" in known else now


def storable(value: Value) -> Value:
    """The value as a column takes it: PostgreSQL's text holds no NUL. The record keeps it, escaped."""
    return cast("Value", value.replace("\x00", "\ufffd")) if isinstance(value, str) else value


def unlist(connection: Connection[Any], ids: Sequence[str]) -> None:
    """Take these articles out of the lists of their sources."""
    listed = connection.execute(f"SELECT {LISTED_BY} FROM articles WHERE id = ANY(%s)", (ids,)).fetchall()  # noqa: S608 - made of constants
    remove_listings(connection, listings_of(listed))


def remove_listings(connection: Connection[Any], listings: Sequence[Listing]) -> None:
    """Remove these rows of the lists of sources."""
    _insert(connection.cursor(), _UNLIST, listings)


def _insert(cursor: psycopg.Cursor[Any], statement: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement that takes an array of each column."""
    if rows:
        cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])
