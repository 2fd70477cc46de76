"""The article store in a SQLite file as its readers see it: the command line, exports and, later, the gateway.

Readers open the file read-only and never hold up the sink. Nothing here writes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from coranto.folding import fold
from coranto.media_topics import UnknownTopicError, codes_below
from coranto.pages.retention import PageUse, pages_of_record
from coranto.records import FinishedArticle
from coranto.store.database.answers import AnsweringReader, Since
from coranto.store.database.columns import ARTICLE_TIME, LEDGER_COLUMNS, read_record, sortable_time, source_name
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
    ArticleReader,
    ArticleSummary,
    NewerSchemaError,
    SearchError,
    SearchFilter,
    SearchHit,
    StoreError,
)
from coranto.store.rules.ledger import LedgerLine
from coranto.store.search.query import Part
from coranto.store.sqlite import schema
from coranto.store.sqlite.where import add_functions, condition_of
from coranto.store.sqlite.words import match_expression, ranking_expression

_BUSY_TIMEOUT_SECONDS = 10.0
_MANY_MATCHES = 20_000
_MANY_ROWS = 5_000
_WHEN = ARTICLE_TIME
# CROSS JOIN: the list is read in its order, up to the limit, and no article that is not on it.
_LISTED = "source_articles AS listed CROSS JOIN articles ON articles.id = listed.article_id"
_SUMMARY = f"SELECT {SUMMARY_COLUMNS}"
_SINCE: Final[Mapping[Since, tuple[int, str]]] = {
    "announcements": (schema.ANNOUNCED_SINCE, "numbers no announcements"),
    "sources": (schema.SOURCES_SINCE, "has no sources in its ledger"),
    "revisits": (schema.REVISITS_SINCE, "has no lists of sources and does not tell first visits from later ones"),
    "word forms": (schema.SEARCHABLE_SINCE, "has no index of word forms"),
}
"""The first schema version that has it, and what those before are like."""


def open_article_store(path: Path, *, read_only: bool = True) -> ArticleReader:
    """The article store in this SQLite file, for reading.

    With `read_only=False` an older file is brought to the present schema first, and a missing one is made.
    Raises FileNotFoundError when there is none, StoreError when it cannot be read.
    """
    return SqliteArticleReader(path, read_only=read_only)


class SqliteArticleReader(AnsweringReader):
    """The articles and the ledger in the SQLite file at `path`."""

    def __init__(self, path: Path, *, read_only: bool = True, any_thread: bool = False) -> None:
        if read_only and not path.is_file():
            raise FileNotFoundError(
                f"no article store at {path}: start the sink, or name the directory that holds it with --data or CORANTO_DATA"
            )
        uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
        self._connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=not any_thread
        )
        try:
            if not read_only:
                schema.migrate(self._connection)
            add_functions(self._connection)
            self._path = path
            self._version = version = schema.version_of(self._connection)
            self.ledger_rows = _ledger_of(version)
        except (sqlite3.Error, NewerSchemaError) as error:
            self._connection.close()
            raise StoreError(f"{path} cannot be read as an article store: {error}") from error
        if version == 0:
            self._connection.close()
            raise StoreError(f"{path} is not an article store: it lacks the tables the sink makes")

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def iterate(self, *, since: datetime | None = None) -> Iterator[FinishedArticle]:
        """Every article in its latest revision, in the order of first storing; only those stored `since`, if given."""
        rows = self._connection.execute(
            "SELECT record FROM articles JOIN revisions"
            " ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            " WHERE :since IS NULL OR articles.last_stored >= :since ORDER BY number",
            {"since": None if since is None else sortable_time(since)},
        )
        for (record,) in rows:
            yield read_record(record)

    def iterate_announced(self, *, after: int = 0) -> Iterator[tuple[int | None, FinishedArticle]]:
        """Every article in its latest revision, with the number this was announced under, in that order; only those after a number.

        Last come those whose latest revision waits to be announced, without one. All are of one moment. Raises StoreError.
        """
        self._need("announcements")
        self._connection.execute("BEGIN")
        try:
            # CROSS JOIN: the announcements are read in their order, and nothing is sorted.
            yield from self._latest(
                "SELECT announcements.number, record FROM announcements CROSS JOIN articles"
                " ON articles.id = announcements.article_id AND articles.revision = announcements.revision"
                " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
                " WHERE announcements.number > ? ORDER BY announcements.number",
                (after,),
            )
            yield from self._latest(
                "SELECT NULL, record FROM outbox CROSS JOIN articles"
                " ON articles.id = outbox.article_id AND articles.revision = outbox.revision"
                " JOIN revisions ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
                " ORDER BY articles.number"
            )
        finally:
            with suppress(sqlite3.ProgrammingError):  # closed before the last article was read
                self._connection.execute("ROLLBACK")

    def _latest(self, statement: str, values: tuple[int, ...] = ()) -> Iterator[tuple[int | None, FinishedArticle]]:
        for number, record in self._connection.execute(statement, values):
            yield number, read_record(record)

    def search(self, query: str, *, where: SearchFilter = EVERYTHING, limit: int = 20) -> list[SearchHit]:
        """Articles that hold every word of the query in any of its forms, best first.

        `"a phrase"` is taken as it is written, and `begin*` finds what begins so. Without words, whatever the filter
        lets through, latest first. Raises SearchError.
        """
        parts = self._parts(query)
        table, conditions, values = self._selection(parts, where)
        if not parts:
            when = "listed.at" if table == _LISTED else _WHEN
            rows = self._connection.execute(
                f"SELECT {HIT_COLUMNS} FROM {table} WHERE {conditions} ORDER BY {when} DESC LIMIT :limit",  # noqa: S608 - made of constants
                values | {"limit": limit},
            )
            return [search_hit_of(row, parts) for row in rows]
        found = self._connection.execute(
            f"SELECT articles_fts.rowid FROM {table} WHERE {conditions} ORDER BY articles_fts.rowid DESC LIMIT :ranked",  # noqa: S608 - made of constants
            values | {"ranked": RANKED},
        ).fetchall()
        if not found:
            return []
        # A word of the headline tells more than one of the lead, and that more than one of the text; the word as
        # it was typed more than another form.
        rows = self._connection.execute(
            f"WITH best AS ("  # noqa: S608 - made of constants
            " SELECT rowid AS place, bm25(articles_fts, 10.0, 3.0, 1.0, 5.0, 0.5, 0.0) AS rank FROM articles_fts"
            # With a plus, because the index would be asked anew for each of them.
            " WHERE articles_fts MATCH :expression AND rowid >= :oldest AND +rowid IN (SELECT value FROM json_each(:found))"
            " ORDER BY rank LIMIT :limit"
            f") SELECT {HIT_COLUMNS} FROM best JOIN articles ON articles.number = place ORDER BY rank",
            {
                "expression": ranking_expression(parts, self._stemmers(where.language)),
                "oldest": found[-1][0],
                "found": json.dumps([place for (place,) in found]),
                "limit": limit,
            },
        )
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
        table, conditions, values = self._selection(parts, where, by_time=True)
        when, place = ("listed.at", "listed.article_id") if table == _LISTED else (_WHEN, "id")
        if before is not None:
            # The first by itself, because no index is read from a pair of which one is made by an expression.
            conditions += f" AND {when} <= :before_at AND ({when}, {place}) < (:before_at, :before_id)"
            values |= {"before_at": before.at, "before_id": before.id}
        rows = self._connection.execute(
            f"{_SUMMARY} FROM {table} WHERE {conditions} ORDER BY {when} DESC, {place} DESC LIMIT :limit",
            values | {"limit": limit},
        )
        return [summary_of(row, parts) for row in rows.fetchall()]

    def count_found(self, query: str = "", *, where: SearchFilter = EVERYTHING) -> int:
        """Number of articles that `search` would find; reads them all. Raises SearchError."""
        table, conditions, values = self._selection(self._parts(query), where)
        row = self._connection.execute(f"SELECT count(*) FROM {table} WHERE {conditions}", values)  # noqa: S608 - made of constants
        number: int = row.fetchone()[0]
        return number

    def _selection(
        self, parts: list[Part], where: SearchFilter, *, by_time: bool = False
    ) -> tuple[str, str, dict[str, object]]:
        """The table to read, the condition in SQL, and its values. `by_time`: a few are wanted, latest first."""
        conditions, values = self._conditions(where)
        table = "articles"
        listed = "listed.name = :source"
        if where.source is not None:
            self._need("revisits")
            values["source"] = source_name(where.source)
            table = _LISTED
        if parts:
            values["expression"] = match_expression(parts, self._stemmers(where.language))
            holds = "articles_fts MATCH :expression"
            if by_time and self._are_many(f"articles_fts WHERE {holds}", values, _MANY_MATCHES):
                conditions.append(f"EXISTS (SELECT 1 FROM articles_fts WHERE {holds} AND rowid = articles.number)")  # noqa: S608 - constants
            else:
                if where.source is not None:
                    conditions.append(
                        f"EXISTS (SELECT 1 FROM source_articles AS listed WHERE {listed} AND at = {_WHEN} AND article_id = id)"  # noqa: S608 - constants
                    )
                # The articles themselves are only read where something is asked of them.
                is_alone = not conditions and not by_time
                table = (
                    "articles_fts" if is_alone else "articles_fts JOIN articles ON articles.number = articles_fts.rowid"
                )
                conditions.insert(0, holds)
        if table == _LISTED:
            conditions.insert(0, listed)
            # The same that is asked of the article: where the list is read from, and to.
            conditions += ["listed.at >= :since"] if where.since is not None else []
            conditions += ["listed.at < :until"] if where.until is not None else []
        return table, " AND ".join(conditions) or "TRUE", values

    def _are_many(self, rows: str, values: Mapping[str, object], many: int) -> bool:
        """Whether there are so many of these rows that it is quicker to look each article up among them than to read them all."""
        statement = f"SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT {many})"  # noqa: S608 - made of constants
        return bool(self._connection.execute(statement, values).fetchone()[0] == many)

    def _has(self, rows: str, **values: object) -> str:
        """The condition that the article has one of these rows."""
        if self._are_many(rows, values, _MANY_ROWS):
            return f"EXISTS (SELECT 1 FROM {rows} AND article_id = articles.id)"  # noqa: S608 - made of constants
        return f"id IN (SELECT article_id FROM {rows})"  # noqa: S608 - made of constants

    def _conditions(self, where: SearchFilter) -> tuple[list[str], dict[str, object]]:
        """The filter in SQL, and its values."""
        conditions: list[str] = []
        values: dict[str, object] = {}

        def add(condition: str, **bound: object) -> None:
            conditions.append(condition)
            values.update(bound)

        def add_rows(rows: str, **bound: object) -> None:
            add(self._has(rows, **bound), **bound)

        if where.since is not None:
            add(f"{_WHEN} >= :since", since=sortable_time(where.since))
        if where.until is not None:
            add(f"{_WHEN} < :until", until=sortable_time(where.until))
        if where.language is not None:
            add(
                "(lower(language) = :language OR lower(language) LIKE :language || '-%')",
                language=where.language.lower(),
            )
        if where.topic is not None:
            try:
                codes = codes_below(where.topic)
            except UnknownTopicError as error:
                raise SearchError(str(error)) from error
            add_rows("topics WHERE code IN (SELECT value FROM json_each(:codes))", codes=json.dumps(codes))
        if where.entity is not None:
            add_rows("entities WHERE folded_name = :entity", entity=fold(where.entity.strip()))
        if where.tag is not None:
            add_rows("source_tags WHERE tag = :tag", tag=where.tag)
        if where.also is not None:
            condition, bound = condition_of(where.also.tree)
            add(condition, **bound)
        return conditions, values

    def ledger(self) -> Iterator[LedgerLine]:
        """Every line of the ledger, oldest first."""
        for row in self._connection.execute(f"{self.ledger_rows} ORDER BY at"):
            yield ledger_line_of(row)

    def _ask(self, statement: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, values).fetchall()

    def last_number(self) -> int:
        """The number of the latest announcement; 0 before the first."""
        self._need("announcements")
        (number,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM announcements").fetchone()
        return int(number)

    def _need(self, what: Since) -> None:
        version, lacks = _SINCE[what]
        if self._version < version:
            raise StoreError(
                f"{self._path} has schema version {self._version}, which {lacks}: start the sink once, "
                "which brings the file up to date with the next article"
            )

    def page_uses(self) -> Iterator[PageUse]:
        """Every page that a stored revision refers to, once for each revision."""
        for article, revision, text in self._connection.execute("SELECT article_id, revision, record FROM revisions"):
            record = json.loads(text)
            for sha256 in set(pages_of_record(record)):
                yield PageUse(sha256, article, revision, record.get("url") or record["discovery"]["url"])

    def _resolve(self, url_or_id: str) -> str:
        """The article's id, from an id or from any address that has led to it, in any spelling."""
        asked = id_of(url_or_id)
        found_by = (
            "addresses WHERE key_id = :id"
            if self._version >= schema.ADDRESSES_SINCE
            else "articles WHERE found_url = :text"
        )
        column = "article_id" if self._version >= schema.ADDRESSES_SINCE else "id"
        row = self._connection.execute(
            f"SELECT id FROM articles WHERE id = :id UNION ALL SELECT {column} FROM {found_by} LIMIT 1",  # noqa: S608 - made of constants
            {"id": asked, "text": url_or_id},
        ).fetchone()
        return asked if row is None else str(row[0])


def _ledger_of(version: int) -> str:
    """What selects LEDGER_COLUMNS in a file of this schema version: NULL for those that it lacks."""
    lacking = (
        ("source", schema.SOURCES_SINCE),
        ("is_revisit", schema.REVISITS_SINCE),
        ("stage_times", schema.STAGE_TIMES_SINCE),
    )
    first = next((LEDGER_COLUMNS.index(name) for name, since in lacking if version < since), len(LEDGER_COLUMNS))
    names = [name if place < first else "NULL" for place, name in enumerate(LEDGER_COLUMNS)]
    return f"SELECT {', '.join(names)} FROM ledger"  # noqa: S608 - made of constants
