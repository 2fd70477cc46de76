"""The article store in a SQLite file as its readers see it: the command line, exports and, later, the gateway.

Readers open the file read-only and never hold up the sink. Nothing here writes.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from coranto.pages.retention import PageUse, pages_of_record
from coranto.records import FinishedArticle, article_id
from coranto.store.interface import ArticleReader, LedgerLine, SearchHit, StoreError
from coranto.store.sqlite import schema
from coranto.urls import UnsupportedUrlError, canonicalize, fold_variants

_BUSY_TIMEOUT_SECONDS = 10.0
_MOST_WORDS = 32
_MOST_SPELLINGS = 8
# FTS5 refuses expressions nested deeper than 256; a query from outside must not be able to ask for one.
_SHORTEST_WITH_ENDING = 4
"""Letters a word has at least before its last one or two are taken for an ending."""
_QUERY_PART = re.compile(r'"([^"]*)"|(\S+)')

_LEDGER_COLUMNS = "SELECT article_id, submission, url, stage, outcome, reason, detail, at FROM ledger"


def open_article_store(path: Path, *, read_only: bool = True) -> ArticleReader:
    """The article store in this SQLite file, for reading.

    With `read_only=False` an older file is brought to the present schema first, and a missing one is made.
    Raises FileNotFoundError when there is none, StoreError when it cannot be read.
    """
    return SqliteArticleReader(path, read_only=read_only)


class SqliteArticleReader:
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
            version = schema.version_of(self._connection)
        except (sqlite3.Error, schema.NewerSchemaError) as error:
            self._connection.close()
            raise StoreError(f"{path} cannot be read as an article store: {error}") from error
        if version == 0:
            self._connection.close()
            raise StoreError(f"{path} is not an article store: it lacks the tables the sink makes")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def find(self, url_or_id: str) -> FinishedArticle | None:
        """The latest revision of the article with this id or address, if it is stored."""
        found = self.revisions_of(url_or_id)
        return found[-1] if found else None

    def revisions_of(self, url_or_id: str) -> list[FinishedArticle]:
        """Every stored revision of the article, first to latest; empty when it is not stored."""
        rows = self._connection.execute(
            "SELECT record FROM revisions WHERE article_id = ? ORDER BY revision", (self._resolve(url_or_id),)
        )
        return [_read(record) for (record,) in rows]

    def iterate(self, *, since: datetime | None = None) -> Iterator[FinishedArticle]:
        """Every article in its latest revision, in the order of first storing; only those stored `since`, if given."""
        rows = self._connection.execute(
            "SELECT record FROM articles JOIN revisions"
            " ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            " WHERE :since IS NULL OR articles.last_stored >= :since ORDER BY number",
            {"since": None if since is None else schema.time_text(since)},
        )
        for (record,) in rows:
            yield _read(record)

    def search(self, query: str, *, limit: int = 20) -> list[SearchHit]:
        """Articles that hold every word of the query, best first; `"a phrase"` and `begin*` work.

        When none holds the words as they are, words with other endings count: `мосты` then finds `моста`.
        """
        return self._match(match_expression(query), limit) or self._match(
            match_expression(query, endings_matter=False), limit
        )

    def _match(self, expression: str, limit: int) -> list[SearchHit]:
        if not expression:
            return []
        rows = self._connection.execute(
            # Weights: a word of the headline tells more than one of the lead, and that more than one of the text.
            """
            SELECT id, url, articles.title, published, language, topic, snippet(articles_fts, -1, '[', ']', '…', 16)
            FROM articles_fts JOIN articles ON articles.number = articles_fts.rowid
            WHERE articles_fts MATCH ? ORDER BY bm25(articles_fts, 10.0, 3.0, 1.0) LIMIT ?
            """,
            (expression, limit),
        )
        return [
            SearchHit(
                key, url, title, datetime.fromisoformat(published) if published else None, language, topic, excerpt
            )
            for key, url, title, published, language, topic, excerpt in rows
        ]

    def ledger_of(self, url_or_id: str) -> list[LedgerLine]:
        """What became of each submission of the article, latest first."""
        rows = self._connection.execute(
            f"{_LEDGER_COLUMNS} WHERE article_id = :id OR url = :url ORDER BY at DESC",
            {"id": self._resolve(url_or_id), "url": url_or_id},
        )
        return [_ledger_line(row) for row in rows]

    def ledger(self) -> Iterator[LedgerLine]:
        """Every line of the ledger, oldest first."""
        for row in self._connection.execute(f"{_LEDGER_COLUMNS} ORDER BY at"):
            yield _ledger_line(row)

    def count_by_outcome(self) -> dict[tuple[str, str, str], int]:
        """Number of ledger lines by stage, outcome and reason."""
        rows = self._connection.execute(
            "SELECT stage, outcome, reason, count(*) FROM ledger GROUP BY stage, outcome, reason"
        )
        return {(stage, outcome, reason): count for stage, outcome, reason, count in rows}

    def count(self) -> int:
        """Number of articles stored."""
        number: int = self._connection.execute("SELECT count(*) FROM articles").fetchone()[0]
        return number

    def page_uses(self) -> Iterator[PageUse]:
        """Every page that a stored revision refers to, once for each revision."""
        for article, revision, text in self._connection.execute("SELECT article_id, revision, record FROM revisions"):
            record = json.loads(text)
            for sha256 in set(pages_of_record(record)):
                yield PageUse(sha256, article, revision, record["discovery"]["canonical_url"])

    def _resolve(self, url_or_id: str) -> str:
        """The article's id, from an id, any spelling of its address, or the address it was found under."""
        ids = [url_or_id]
        with suppress(UnsupportedUrlError):
            url = canonicalize(url_or_id)
            # The feeder may have taken it for the plain form of an AMP or mobile page.
            ids = [article_id(url), article_id(fold_variants(url))]
        row = self._connection.execute(
            "SELECT id FROM articles WHERE id IN (:first, :last) OR found_url = :key LIMIT 1",
            {"first": ids[0], "last": ids[-1], "key": url_or_id},
        ).fetchone()
        return ids[0] if row is None else str(row[0])


def match_expression(query: str, *, endings_matter: bool = True) -> str:
    """The user's words as an FTS5 expression in which nothing but phrases and `*` has a meaning."""
    parts = []
    for phrase, word in _QUERY_PART.findall(query)[:_MOST_WORDS]:
        text, star = (phrase, "") if phrase else (word.rstrip("*"), "*" if word.endswith("*") else "")
        if not endings_matter and word and not star and len(text) >= _SHORTEST_WITH_ENDING:
            text, star = text[: -2 if len(text) > _SHORTEST_WITH_ENDING + 1 else -1], "*"
        text = text.replace('"', " ").strip()
        if any(character.isalnum() for character in text):
            spellings = _spellings(text) if word else [text]
            alternatives = " OR ".join(f'"{spelling}"{star}' for spelling in spellings)
            parts.append(f"({alternatives})")
    return " AND ".join(parts)


def _spellings(word: str) -> list[str]:
    """The word, and how it is written by those who put `е` for `ё` or the other way; the index tells the two apart."""
    plain = word.replace("ё", "е").replace("Ё", "Е")
    # A Russian word has one ё at most, bar a few, so no combinations need be tried.
    places = [place for place, letter in enumerate(plain) if letter in "еЕ"][:_MOST_SPELLINGS]
    dotted = [f"{plain[:place]}ё{plain[place + 1 :]}" for place in places]
    return list(dict.fromkeys([word, plain, *dotted]))


def _read(record: str) -> FinishedArticle:
    # Tolerant: the file may hold records of a newer version that has more fields.
    return FinishedArticle.model_validate_json(record, extra="ignore")


def _ledger_line(row: tuple[Any, ...]) -> LedgerLine:
    article, submission, url, stage, outcome, reason, detail, at = row
    return LedgerLine(article, submission, url, stage, outcome, reason, detail, datetime.fromisoformat(at))
