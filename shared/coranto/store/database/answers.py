"""What the readers of both databases answer in the same words. How they ask, and what only one of them does, is left to each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import TracebackType
from typing import Any, Final, Literal, Self

from coranto.records import FinishedArticle
from coranto.store.database import source_accounts
from coranto.store.database.columns import ARTICLE_TIME, LEDGER_COLUMNS, read_record
from coranto.store.database.reading import SUMMARY_COLUMNS, id_of, ledger_line_of, summary_of
from coranto.store.database.source_accounts import SourceDay, SourceHealth, SourceTotals
from coranto.store.interface import Announced, ArticleSummary, SearchError, Visits
from coranto.store.rules.identity import Identity, identity_of
from coranto.store.rules.ledger import LedgerLine
from coranto.store.search.query import Part, parse
from coranto.store.search.words import stemmer_for

LEDGER: Final = f"SELECT {', '.join(LEDGER_COLUMNS)} FROM ledger"  # noqa: S608 - made of constants
_RECORD: Final = "CAST(record AS text)"
# From one value of the index to the next: DISTINCT would read a line for every article.
_LANGUAGES: Final = """
    WITH RECURSIVE held (language) AS (
        SELECT min(language) FROM articles
        UNION ALL
        SELECT (SELECT min(language) FROM articles WHERE language > held.language) FROM held
        WHERE held.language IS NOT NULL
    )
    SELECT language FROM held WHERE language IS NOT NULL
"""

Since = Literal["announcements", "sources", "revisits", "word forms"]
"""What a store of an earlier version lacks."""


class AnsweringReader(ABC):
    """The articles and the ledger of a store."""

    ledger_rows: str = LEDGER
    """What selects LEDGER_COLUMNS."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Let the database go."""

    @abstractmethod
    def _ask(self, statement: str, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """The rows of a statement whose parameters are written as `:name`."""

    @abstractmethod
    def _resolve(self, url_or_id: str) -> str:
        """The article's id, from an id or from any address that has led to it, in any spelling."""

    @abstractmethod
    def _need(self, what: Since) -> None:
        """Raise StoreError where the store is of a version that lacks it."""

    def _stemmers(self, language: str | None) -> set[str]:
        """The stemmers of the language asked for, else of all that are in the store: their number is that of Snowball's."""
        held = [language] if language is not None else [row[0] for row in self._ask(_LANGUAGES, {})]
        return {stemmer for stemmer in map(stemmer_for, held) if stemmer is not None}

    def find(self, url_or_id: str) -> FinishedArticle | None:
        """The latest revision of the article with this id or address, if it is stored."""
        found = self.revisions_of(url_or_id)
        return found[-1] if found else None

    def revisions_of(self, url_or_id: str) -> list[FinishedArticle]:
        """Every stored revision of the article, first to latest; empty when it is not stored."""
        rows = self._ask(
            f"SELECT {_RECORD} FROM revisions WHERE article_id = :id ORDER BY revision",  # noqa: S608 - made of constants
            {"id": self._resolve(url_or_id)},
        )
        return [read_record(record) for (record,) in rows]

    def story(self, story_id: str, *, limit: int = 200) -> list[ArticleSummary]:
        """The articles of a story in the order they were published, the first ones when there are more than `limit`."""
        rows = self._ask(
            f"SELECT {SUMMARY_COLUMNS} FROM articles WHERE story_id = :story ORDER BY {ARTICLE_TIME}, id LIMIT :limit",  # noqa: S608 - made of constants
            {"story": story_id, "limit": limit},
        )
        return [summary_of(row, []) for row in rows]

    def store_id(self) -> str:
        """What names this store in the records that it stored; another store has another id."""
        return str(self._ask("SELECT id FROM store", {})[0][0])

    def ledger_of(self, url_or_id: str) -> list[LedgerLine]:
        """What became of each submission of the article, latest first."""
        rows = self._ask(
            f"{self.ledger_rows} WHERE article_id IN (:id, :asked) OR url = :url ORDER BY at DESC",
            {"id": self._resolve(url_or_id), "asked": id_of(url_or_id), "url": url_or_id},
        )
        return [ledger_line_of(row) for row in rows]

    def identity_of(self, url_or_id: str) -> Identity | None:
        """Every address that leads to the stored article, and by what; None when it is not stored. Raises StoreError."""
        self._need("sources")
        return identity_of(self._ask, self._resolve(url_or_id))

    def visits_of(self, url_or_id: str) -> Visits | None:
        """How often the stored article was looked at again in vain; None when it is not stored. Raises StoreError."""
        self._need("sources")
        rows = self._ask(
            "SELECT unchanged_visits, last_fetched FROM articles WHERE id = :id", {"id": self._resolve(url_or_id)}
        )
        return Visits(rows[0][0], datetime.fromisoformat(rows[0][1])) if rows else None

    def source_day(self, source: str, day: date) -> SourceDay:
        """What became of what this source named, on a day in UTC. Raises StoreError."""
        self._need("revisits")
        return source_accounts.day_of(self._ask, source, day)

    def source_health(self, source: str, now: datetime) -> SourceHealth:
        """How this source does, by the four weeks before this time. Raises StoreError."""
        self._need("revisits")
        return source_accounts.health_of(self._ask, source, now)

    def source_totals(self, since: datetime) -> list[SourceTotals]:
        """Every source that the ledger knows, by name, with what ended since this time. Raises StoreError."""
        self._need("revisits")
        return source_accounts.totals(self._ask, since)

    def count_by_outcome(self) -> dict[tuple[str, str, str], int]:
        """Number of ledger lines by stage, outcome and reason."""
        rows = self._ask("SELECT stage, outcome, reason, count(*) FROM ledger GROUP BY stage, outcome, reason", {})
        return {(stage, outcome, reason): count for stage, outcome, reason, count in rows}

    def count(self) -> int:
        """Number of articles stored."""
        return int(self._ask("SELECT count(*) FROM articles", {})[0][0])

    def announced_after(self, number: int, limit: int = 100) -> list[Announced]:
        """What was announced after this number, in order; from the beginning after 0. Raises StoreError."""
        self._need("announcements")
        rows = self._ask(
            f"SELECT number, {_RECORD} FROM announcements JOIN revisions USING (article_id, revision)"  # noqa: S608 - made of constants
            " WHERE number > :number ORDER BY number LIMIT :limit",
            {"number": number, "limit": limit},
        )
        return [Announced(position, read_record(record)) for position, record in rows]

    def number_of(self, article_id: str, revision: int) -> int | None:
        """The number that this revision was announced under; None when it was not, or is not here."""
        self._need("announcements")
        rows = self._ask(
            "SELECT number FROM announcements WHERE article_id = :id AND revision = :revision",
            {"id": article_id, "revision": revision},
        )
        return int(rows[0][0]) if rows else None

    def _parts(self, query: str) -> list[Part]:
        self._need("word forms")
        parts = parse(query)
        if query.strip() and not parts:
            raise SearchError(f"there is no word to search for in {query!r}: a word has a letter or a digit")
        return parts
