"""Whether an article store agrees with itself: what must hold between its tables, its records and its index of words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from coranto.store.address import open_article_upkeep
from coranto.store.database.columns import ARTICLE_TIME, names_of, read_record
from coranto.store.database.tables import TABLES
from coranto.store.interface import Listing
from coranto.store.move import Database, opened

_SHOWN: Final = 20
_ROWS_AT_ONCE: Final = 1_000

_LIST_RULES: Final = (
    (
        "lists of sources with articles that are not stored, or at another time",
        (
            "SELECT article_id FROM source_articles LEFT JOIN articles ON id = article_id"  # noqa: S608 - constants
            f" WHERE id IS NULL OR at <> {ARTICLE_TIME}"
        ),
    ),
    (
        "articles that no list of a source has",
        # Neither database has an index for it: both sort or hash here, where they would look for each in a join.
        "SELECT id FROM articles EXCEPT SELECT article_id FROM source_articles",
    ),
)
_RULES: Final = (
    (
        "articles without their latest revision",
        (
            "SELECT id FROM articles LEFT JOIN revisions"
            " ON revisions.article_id = articles.id AND revisions.revision = articles.revision"
            " WHERE revisions.article_id IS NULL"
        ),
    ),
    (
        "articles with a revision later than their latest",
        (
            "SELECT DISTINCT articles.id FROM articles JOIN revisions ON revisions.article_id = articles.id"
            " WHERE revisions.revision > articles.revision"
        ),
    ),
    (
        "revisions of no article",
        (
            "SELECT revisions.article_id FROM revisions LEFT JOIN articles ON articles.id = revisions.article_id"
            " WHERE articles.id IS NULL"
        ),
    ),
    (
        "revisions that are neither announced nor waiting to be",
        (
            "SELECT revisions.article_id FROM revisions"
            " LEFT JOIN announcements ON announcements.article_id = revisions.article_id"
            " AND announcements.revision = revisions.revision"
            " LEFT JOIN outbox ON outbox.article_id = revisions.article_id AND outbox.revision = revisions.revision"
            " WHERE announcements.number IS NULL AND outbox.article_id IS NULL"
        ),
    ),
    (
        "revisions that are announced and waiting to be",
        (
            "SELECT outbox.article_id FROM outbox JOIN announcements"
            " ON announcements.article_id = outbox.article_id AND announcements.revision = outbox.revision"
        ),
    ),
    (
        "announcements of no revision",
        (
            "SELECT announcements.article_id FROM announcements LEFT JOIN revisions"
            " ON revisions.article_id = announcements.article_id AND revisions.revision = announcements.revision"
            " WHERE revisions.article_id IS NULL"
        ),
    ),
    (
        "waiting announcements of no revision",
        (
            "SELECT outbox.article_id FROM outbox LEFT JOIN revisions"
            " ON revisions.article_id = outbox.article_id AND revisions.revision = outbox.revision"
            " WHERE revisions.article_id IS NULL"
        ),
    ),
    (
        "ledger lines that tell of storing what is not stored",
        (
            "SELECT ledger.article_id FROM ledger LEFT JOIN articles ON articles.id = ledger.article_id"
            " WHERE ledger.outcome = 'stored' AND articles.id IS NULL"
        ),
    ),
    *(
        (
            f"rows of {table} of no article",
            (
                f"SELECT {table}.article_id FROM {table} LEFT JOIN articles ON articles.id = {table}.article_id"  # noqa: S608 - constants
                " WHERE articles.id IS NULL"
            ),
        )
        for table in ("entities", "topics", "tags", "source_tags", "addresses", "splits")
    ),
)
"""What must find nothing, as the rules of lists."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not agree."""

    what: str
    count: int
    articles: tuple[str, ...]
    """Ids of the first articles it concerns."""
    is_repairable: bool = False
    """Whether `repair_lists` mends it."""


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What was looked at, and what does not agree."""

    rows: dict[str, int]
    """By table."""
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether everything agrees."""
        return not self.findings


def check(address: str | Path, *, on_record: Callable[[], None] = lambda: None) -> StoreReport:
    """Look at the whole store; a sink may go on meanwhile. Raises StoreError, FileNotFoundError."""
    with opened(address) as database:
        database.begin(writes=False)
        lists = [_finding(what, _asked(database, rule), is_repairable=True) for what, rule in _LIST_RULES]
        if not any(finding.count for finding in lists):
            what = "rows that the lists of sources lack, or have under a name that is not the article's"
            lists.append(Finding(what, _differing_listings(database), (), is_repairable=True))
        findings = [*(_finding(what, _asked(database, rule)) for what, rule in _RULES), *lists]
        findings.append(
            _finding("revisions whose record cannot be read, or is of another article", _bad(database, on_record))
        )
        findings.append(_finding("articles whose words are not what the index holds", database.differing_in_index()))
        counts = {table: int(database.ask(f"SELECT count(*) FROM {table}")[0][0]) for table in TABLES}  # noqa: S608 - constants
    return StoreReport(counts, tuple(finding for finding in findings if finding.count))


@dataclass(frozen=True, slots=True)
class RepairedLists:
    """What was done to the lists of sources."""

    added: int
    """Rows that were lacking."""
    removed: int
    """Rows of no article, or not as it is."""


def repair_lists(address: str | Path, *, on_rows: Callable[[int], None] = lambda _n: None) -> RepairedLists:
    """Make the lists of sources what the articles say, a thousand rows to a transaction; a sink may go on meanwhile.

    Ended before it is done, what was done stays, and the next time begins anew. Raises StoreError, FileNotFoundError.
    """
    upkeep = open_article_upkeep(address)
    added = removed = 0
    number: int | None = 0
    while number is not None:
        number, found = upkeep.add_listings(number, at_most=_ROWS_AT_ONCE)
        added += found
        on_rows(_ROWS_AT_ONCE)
    listing: Listing | None = ("", "", "")
    while listing is not None:
        listing, found = upkeep.remove_stray_listings(listing, at_most=_ROWS_AT_ONCE)
        removed += found
        on_rows(_ROWS_AT_ONCE)
    return RepairedLists(added, removed)


def _differing_listings(database: Database) -> int:
    """How many rows of the lists of sources are lacking or of a name that is not the article's; at least so many.

    Their times are for another rule.
    """
    columns, _ = TABLES["articles"]
    key, *names = [columns.index(name) for name in ("id", "source", "publisher", "url")]
    number = total = 0
    for row in database.rows("articles"):
        for name in names_of(*(row[place] for place in names)):
            number += 1
            total += hash((name, row[key]))
    # A sum, because the two are not in one order, and must not be in memory.
    for name, _, article in database.rows("source_articles"):
        number -= 1
        total -= hash((name, article))
    return abs(number) or int(total != 0)


def _bad(database: Database, on_record: Callable[[], None]) -> Iterator[str]:
    columns, _ = TABLES["revisions"]
    places = [columns.index(name) for name in ("article_id", "revision", "record")]
    for row in database.rows("revisions"):
        article, revision, record = (row[place] for place in places)
        on_record()
        try:
            read = read_record(record)
        except ValidationError:
            yield article
            continue
        if (read.id, read.storage.revision) != (article, revision):
            yield article


def _asked(database: Database, rule: str) -> Iterator[str]:
    return (str(row[0]) for row in database.ask(rule))


def _finding(what: str, articles: Iterator[str], *, is_repairable: bool = False) -> Finding:
    number = 0
    first: list[str] = []
    for article in articles:
        number += 1
        if len(first) < _SHOWN:
            first.append(article)
    return Finding(what, number, tuple(first), is_repairable)
