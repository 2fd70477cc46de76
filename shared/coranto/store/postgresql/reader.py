"""The article store in PostgreSQL as its readers see it: the command line, exports and the gateway.

Readers never hold up the sink. Nothing here writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool

from coranto.filter.language import All, AnyOf, Node, Test
from coranto.folding import fold
from coranto.media_topics import UnknownTopicError, codes_below
from coranto.pages.retention import PageUse, pages_of_record
from coranto.records import FinishedArticle
from coranto.store.database.answers import LEDGER, AnsweringReader, Since
from coranto.store.database.columns import ARTICLE_TIME, read_record, sortable_time, source_name
from coranto.store.database.reading import (
    HIT_COLUMNS,
    RANKED,
    SUMMARY_COLUMNS,
    id_of,
    ledger_line_of,
    search_hit_of,
    summary_of,
)
from coranto.store.interface import (
    EVERYTHING,
    ArticlePlace,
    ArticleRefusedError,
    ArticleSummary,
    NewerSchemaError,
    SearchError,
    SearchFilter,
    SearchHit,
    StoreError,
)
from coranto.store.postgresql import schema
from coranto.store.postgresql.connection import conninfo, explain, shown
from coranto.store.postgresql.words import holds_phrases, query
from coranto.store.postgresql.writer import storable
from coranto.store.rules.ledger import LedgerLine
from coranto.store.search.query import Part

_ROWS_AT_ONCE = 100
_LISTED = "source_articles AS listed JOIN articles ON articles.id = listed.article_id"
# Not a cast, nor the minutes of a time.
_PARAMETER = re.compile(r"(?<![:\w]):([a-z]\w*)")
_ANNOUNCED = (
    "SELECT announcements.number, record::text FROM announcements JOIN articles"
    " ON articles.id = announcements.article_id AND articles.revision = announcements.revision"
    " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
    " WHERE announcements.number > %s ORDER BY announcements.number"
)
_WAITING = (
    "SELECT NULL::bigint, record::text FROM outbox JOIN articles"
    " ON articles.id = outbox.article_id AND articles.revision = outbox.revision"
    " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
    " ORDER BY articles.number"
)
# A word of the headline tells more than one of the text, and the word as it was typed more than another form: the weights of
# D, C, B and A. Long texts count less.
_RANK = "ts_rank('{0.05,0.5,0.1,1.0}', search, %(strict)s::tsquery, 1)"


class PostgresqlArticleReader(AnsweringReader):
    """The articles and the ledger in the PostgreSQL database at the address. Several threads may use it."""

    def __init__(self, address: str, *, connections: int = 4) -> None:
        self._address = address
        try:
            # By itself first: a pool only says that it could not connect in time, and not why.
            with psycopg.connect(conninfo(address)) as connection:
                version = schema.version_of(connection)
        except (psycopg.Error, NewerSchemaError) as error:
            raise StoreError(f"the article store cannot be read: {explain(error, address)}") from error
        if version == 0:
            raise FileNotFoundError(
                f"no article store in {shown(address)}: start the sink, which makes its tables with the first article"
            )
        if version != schema.VERSION:
            raise StoreError(
                f"{shown(address)} has schema version {version}, and this program reads {schema.VERSION}: start the sink once, "
                "which brings it up to date with the next article"
            )
        self._pool = ConnectionPool(
            conninfo(address),
            min_size=0,
            max_size=connections,
            timeout=10.0,
            # After a failover every connection of the pool is dead: each is tried before it is given out.
            check=ConnectionPool.check_connection,
            open=True,
        )

    def close(self) -> None:
        """Let the connections go."""
        self._pool.close()

    @contextmanager
    def _connected(self) -> Iterator[Connection[Any]]:
        try:
            with self._pool.connection() as connection:
                yield connection
        except psycopg.Error as error:
            explained = explain(error, self._address)
            if isinstance(explained, StoreError) and not isinstance(explained, ArticleRefusedError):
                raise explained from error
            raise StoreError(f"{shown(self._address)}: {error}") from error

    def _all(self, statement: Any, values: Any = ()) -> list[tuple[Any, ...]]:
        with self._connected() as connection:
            return connection.execute(statement, values).fetchall()

    def _stream(self, statement: Any, values: Any = ()) -> Generator[tuple[Any, ...]]:
        """Rows a hundred at a time, so that no answer has to fit into memory."""
        with self._connected() as connection, connection.cursor(name="coranto") as cursor:
            # A cursor is reckoned with as if much of it were read, and compiling the plan would take longer than what is.
            connection.execute("SET LOCAL jit = off")
            cursor.itersize = _ROWS_AT_ONCE
            cursor.execute(statement, values)
            yield from cursor

    def iterate(self, *, since: datetime | None = None) -> Iterator[FinishedArticle]:
        """Every article in its latest revision, in the order of first storing; only those stored `since`, if given."""
        rows = self._stream(
            "SELECT record::text FROM articles JOIN revisions"
            " ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            " WHERE %(since)s::text IS NULL OR articles.last_stored >= %(since)s ORDER BY number",
            {"since": None if since is None else sortable_time(since)},
        )
        for (record,) in rows:
            yield read_record(record)

    def iterate_announced(self, *, after: int = 0) -> Iterator[tuple[int | None, FinishedArticle]]:
        """Every article in its latest revision, with the number this was announced under, in that order; only those after a number.

        Last come those whose latest revision waits to be announced, without one. All are of one moment. Raises StoreError.
        """
        with self._connected() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for statement, values in ((_ANNOUNCED, (after,)), (_WAITING, ())):
                with connection.cursor(name="coranto") as cursor:
                    cursor.itersize = _ROWS_AT_ONCE
                    cursor.execute(statement, values)
                    for number, record in cursor:
                        yield number, read_record(record)

    def search(self, query: str, *, where: SearchFilter = EVERYTHING, limit: int = 20) -> list[SearchHit]:
        """Articles that hold every word of the query in any of its forms, best first.

        `"a phrase"` is taken as it is written, and `begin*` finds what begins so. Without words, whatever the filter
        lets through, latest first. Raises SearchError.
        """
        parts = self._parts(query)
        order = f"{_RANK} DESC, number" if parts else f"{_by_time(where)[0]} DESC"
        rows = self._found(HIT_COLUMNS, parts, where, f"ORDER BY {order}", limit=limit, ranked=bool(parts))
        return [search_hit_of(row, parts) for row in rows]

    def page(
        self,
        query: str = "",
        *,
        where: SearchFilter = EVERYTHING,
        before: ArticlePlace | None = None,
        limit: int = 50,
    ) -> list[ArticleSummary]:
        """Articles that `search` would find, latest first; those before the place, if one is given. Raises SearchError."""
        parts = self._parts(query)
        order = "ORDER BY {} DESC, {} DESC".format(*_by_time(where))
        rows = self._found(SUMMARY_COLUMNS, parts, where, order, before=before, limit=limit)
        return [summary_of(row, parts) for row in rows]

    def count_found(self, query: str = "", *, where: SearchFilter = EVERYTHING) -> int:
        """Number of articles that `search` would find; reads them all. Raises SearchError."""
        return sum(1 for _ in self._found("id", self._parts(query), where, ""))

    def _found(
        self,
        columns: str,
        parts: Sequence[Part],
        where: SearchFilter,
        order: str,
        *,
        before: ArticlePlace | None = None,
        limit: int | None = None,
        ranked: bool = False,
    ) -> Iterator[tuple[Any, ...]]:
        """The columns of what holds the words and is let through, up to the limit.

        The server narrows down as far as its index goes. What it cannot tell is looked for here: a phrase in a text so long that
        it has not all positions, and a filter, for which Python's own reading of the record decides.
        """
        conditions, values = _conditions(where)
        if parts:
            values |= self._queries(parts, where.language)
            conditions.insert(
                0,
                "(search @@ %(strict)s::tsquery OR (NOT has_all_positions AND search @@ %(loose)s::tsquery))",
            )
        if before is not None:
            conditions.append("({}, {}) < (%(before_at)s, %(before_id)s)".format(*_by_time(where)))
            values |= {"before_at": before.at, "before_id": before.id}
        record, table = "NULL", "articles" if where.source is None else _LISTED
        if where.also is not None:
            record = "record::text"
            table += (
                " JOIN (SELECT article_id, revision AS latest, record FROM revisions) AS stored"
                " ON stored.article_id = id AND latest = revision"
            )
        phrase = (
            "CASE WHEN has_all_positions THEN NULL ELSE ARRAY[language, title, lead, text] END"
            if parts
            else "NULL::text[]"
        )
        condition = " AND ".join(conditions) or "TRUE"
        if ranked and where.also is None:
            table = (
                f"(SELECT articles.* FROM {table} WHERE {condition} ORDER BY number DESC LIMIT {RANKED}) AS articles"  # noqa: S608 - made of constants
            )
            condition = "TRUE"
        if limit is not None and where.also is None and not parts:
            # Nothing that the server finds is left out here, so it may know how little is read. Of words it knows too little how
            # common they are, and would look for a rare one among all articles.
            order += f" LIMIT {limit:d}"
        rows = self._stream(f"SELECT {phrase}, {record}, {columns} FROM {table} WHERE {condition} {order}", values)  # noqa: S608 - made of constants
        number = 0
        with closing(rows):  # gives its connection back
            for texts, stored, *row in rows:
                if number == limit:
                    return
                if texts is not None and not holds_phrases(parts, texts[1:], texts[0]):
                    continue
                if where.also is not None and not where.also(read_record(stored)):
                    continue
                number += 1
                yield tuple(row)

    def _queries(self, parts: Sequence[Part], language: str | None) -> dict[str, Any]:
        stemmers = self._stemmers(language)
        return {"strict": query(parts, stemmers), "loose": query(parts, stemmers, by_positions=False)}

    def ledger(self) -> Iterator[LedgerLine]:
        """Every line of the ledger, oldest first."""
        for row in self._stream(f"{LEDGER} ORDER BY at"):
            yield ledger_line_of(row)

    def _need(self, what: Since) -> None:
        """A database of another version than this program's is not opened."""

    def _ask(self, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        named = _PARAMETER.sub(r"%(\1)s", statement)
        return self._all(named, {name: storable(value) for name, value in values.items()})

    def last_number(self) -> int:
        """The number of the latest announcement; 0 before the first."""
        return int(self._all("SELECT last_number FROM store")[0][0])

    def page_uses(self) -> Iterator[PageUse]:
        """Every page that a stored revision refers to, once for each revision."""
        for article, revision, text in self._stream("SELECT article_id, revision, record::text FROM revisions"):
            record = json.loads(text)
            for sha256 in set(pages_of_record(record)):
                yield PageUse(sha256, article, revision, record["url"])

    def _resolve(self, url_or_id: str) -> str:
        """The article's id, from an id or from any address that has led to it, in any spelling."""
        asked = storable(id_of(url_or_id))
        rows = self._all(
            "SELECT id FROM articles WHERE id = %(id)s UNION ALL"
            " SELECT article_id FROM addresses WHERE key_id = %(id)s LIMIT 1",
            {"id": asked},
        )
        return str(rows[0][0]) if rows else asked


def _by_time(where: SearchFilter) -> tuple[str, str]:
    """What lists are put in order by: time and id, of the articles or of the list of a source."""
    return (ARTICLE_TIME, "id") if where.source is None else ("listed.at", "listed.article_id")


def _conditions(where: SearchFilter) -> tuple[list[str], dict[str, Any]]:
    """The filter in SQL, and its values."""
    conditions: list[str] = []
    values: dict[str, Any] = {}

    def add(condition: str, **bound: object) -> None:
        conditions.append(condition)
        values.update(bound)

    if where.since is not None:
        add(f"{_by_time(where)[0]} >= %(since)s", since=sortable_time(where.since))
    if where.until is not None:
        add(f"{_by_time(where)[0]} < %(until)s", until=sortable_time(where.until))
    if where.source is not None:
        add("listed.name = %(source)s", source=storable(source_name(where.source)))
    if where.language is not None:
        language = where.language.lower()
        add("(lower(language) = %(language)s OR starts_with(lower(language), %(language)s || '-'))", language=language)
    if where.topic is not None:
        try:
            codes = codes_below(where.topic)
        except UnknownTopicError as error:
            raise SearchError(str(error)) from error
        add("id IN (SELECT article_id FROM topics WHERE code = ANY(%(codes)s))", codes=codes)
    if where.entity is not None:
        add("id IN (SELECT article_id FROM entities WHERE folded_name = %(entity)s)", entity=fold(where.entity.strip()))
    if where.tag is not None:
        add("id IN (SELECT article_id FROM source_tags WHERE tag = %(tag)s)", tag=where.tag)
    if where.also is not None:
        conditions.append(_narrow(where.also.tree, values))
    return conditions, values


def _narrow(node: Node, values: dict[str, Any]) -> str:
    """A condition that holds wherever the filter does, and as often as the server can tell nowhere else."""
    match node:
        case All(parts):
            return "(" + " AND ".join(_narrow(part, values) for part in parts) + ")"
        case AnyOf(parts):
            return "(" + " OR ".join(_narrow(part, values) for part in parts) + ")"
        case Test(field="topic", operation="equals"):
            return f"EXISTS (SELECT 1 FROM topics WHERE article_id = id AND code = ANY({_bound(node, values)}))"  # noqa: S608 - names of parameters
        case Test(field="language", operation="equals"):
            return f"lower(language) = ANY({_bound(node, values)})"
        case Test(field="story", operation="equals"):
            return f"lower(story_id) = ANY({_bound(node, values)})"
    return "TRUE"


def _bound(test: Test, values: dict[str, Any]) -> str:
    name = f"where_{len(values)}"
    values[name] = [str(value) for value in test.values]
    return f"%({name})s"
