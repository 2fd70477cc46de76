"""What the sink asks of the article store, whatever database keeps it, and the values that pass between them.

`ArticleStore` is written by the sink's two stages, `ArticleReader` is read by the command line and by programs. SQLite stands
behind both (`sqlite`, `reader`); another database implements the same two protocols and takes the decisions of
`revisions` over as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from coranto.filter import Filter
from coranto.pages.retention import PageUse
from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle, Storage
from coranto.store.rules.ledger import LedgerLine
from coranto.store.rules.revisions import Skipped

if TYPE_CHECKING:
    from coranto.store.database.source_accounts import SourceDay, SourceHealth, SourceTotals
    from coranto.store.rules.identity import Identity

RevisionKey = tuple[str, int]
"""A revision's article id and number."""


class StoreError(Exception):
    """The store cannot do its work now. The text tells the operator what was seen and what to do."""


class StoreUnavailableError(StoreError):
    """The database cannot be reached or written at the moment; the same call may work later."""


class StoreCorruptError(StoreError):
    """The database file is damaged; an operator has to repair it."""


class UnsplittableError(StoreError):
    """The address cannot be split off its article: what it is, and what can be split off."""


class ArticleRefusedError(StoreError):
    """The database can keep this article never, as it is: a value that it does not take. Others are not affected."""


class NewerSchemaError(Exception):
    """The store was written by a later version of this program."""

    def __init__(self, seen: int, known: int) -> None:
        super().__init__(
            f"the article store has schema version {seen}, this program knows versions up to {known}: "
            "run the newer program, or give another store"
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """The article is stored and committed: now, or by an earlier delivery of the same message."""

    article: FinishedArticle
    """As it is announced. Its id and address are another than those it came with where the store knows better."""

    @property
    def storage(self) -> Storage:
        """What was done with it."""
        return self.article.storage


@dataclass(frozen=True, slots=True)
class Visits:
    """Later visits to a stored article that found it as it was."""

    unchanged: int
    last_fetched: datetime
    """Time of the latest visit, whether or not it found something new."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One article that matches a search."""

    id: str
    url: str
    title: str | None
    published: str | None
    """RFC 3339; a bare date, or a time without a zone, where no more is known."""
    language: str | None
    topic: str | None
    change: str
    """What happened to it last: `created`, `updated` or `retracted`."""
    excerpt: str
    """Words around the match, matches between `[` and `]`."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A revision that was announced, and the number it got then."""

    number: int
    """Grows with each announcement and never changes: the position of whoever reads all announcements in turn."""
    article: FinishedArticle


class SearchError(StoreError):
    """The search cannot be understood: what is wrong with it, and what would be right."""


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """What an article must be, beside holding the words; all that are given must hold."""

    since: datetime | None = None
    """Published at this time or later; the time of storing stands in for articles without one.

    A time whose zone is unknown counts as if it were UTC.
    """
    until: datetime | None = None
    """Published before this time."""
    source: str | None = None
    """Name of the source, name of the publisher, or host of the address or a domain above it. Case does not matter."""
    language: str | None = None
    """Language tag; `pt` includes `pt-BR`. Word forms are then those of this language only."""
    topic: str | None = None
    """Code or name of an IPTC media topic, with all below it."""
    entity: str | None = None
    """Normal form of a person, organisation or place."""
    tag: str | None = None
    """Tag of the feed that named the article."""
    also: Filter | None = None
    """What must hold beside all of these."""


EVERYTHING: Final = SearchFilter()


@dataclass(frozen=True, slots=True)
class ArticlePlace:
    """Where an article stands in a list by time: unique, so that a page can begin right behind it."""

    at: str
    """What it is ordered by, as the store has it: the time of publication, or of the first storing."""
    id: str


@dataclass(frozen=True, slots=True)
class ArticleSummary:
    """What a list shows of an article, in its latest revision."""

    id: str
    url: str
    title: str | None
    lead: str | None
    authors: str | None
    publisher: str | None
    source: str
    section: str | None
    published: str | None
    """RFC 3339; a bare date, or a time without a zone, where no more is known."""
    language: str | None
    topic: str | None
    image_url: str | None
    story_id: str | None
    story_role: str | None
    revision: int
    change: str
    """What happened to it last: `created`, `updated` or `retracted`."""
    first_stored: datetime
    last_stored: datetime
    excerpt: str
    """Words around the match, matches between `[` and `]`; the beginning of the text where no words were asked for."""
    place: ArticlePlace


@dataclass(frozen=True, slots=True)
class Removed:
    """What went out of the store."""

    articles: int = 0
    revisions: int = 0
    ledger_lines: int = 0

    def __add__(self, other: Removed) -> Removed:
        return Removed(
            self.articles + other.articles,
            self.revisions + other.revisions,
            self.ledger_lines + other.ledger_lines,
        )


Listing = tuple[str, str, str]
"""A row of the lists of sources: name, time and article id. They are in the order of these."""


class ArticleUpkeep(Protocol):
    """The article store as its operators see it: what is removed for good. Safe beside a running sink; raises StoreError."""

    def stored_before(self, moment: datetime) -> list[str]:
        """Ids of the articles whose latest revision was stored before this time."""
        ...

    def count_ledger_before(self, moment: datetime) -> int:
        """Number of ledger lines of before this time."""
        ...

    def count(self, ids: Collection[str]) -> Removed:
        """What `remove` would remove."""
        ...

    def also_known_as(self, ids: Collection[str]) -> set[str]:
        """Ids of the addresses that have led to these articles, as keys and other records name them."""
        ...

    def remove(self, ids: Collection[str], *, is_erased: bool = False) -> Removed:
        """Remove these articles: rows, revisions, words in the index, ledger lines; erased, from the medium too. Safe to repeat."""
        ...

    def split(self, url: str) -> str | None:
        """Make this address lead to its article no longer, and give the article's id; None when it leads to none.

        Safe to repeat. Raises UnsplittableError for an article's own address, UnsupportedUrlError.
        """
        ...

    def rejoin(self, url: str) -> str | None:
        """Take the split of this address back, and give the id of the article it was split off; None when it was off none."""
        ...

    def remove_ledger_before(self, moment: datetime, *, at_most: int) -> int:
        """Remove up to so many ledger lines of before this time, and give how many."""
        ...

    def add_listings(self, after: int, *, at_most: int) -> tuple[int | None, int]:
        """Put up to so many articles behind this number into the lists of their sources that lack them.

        The number of the last one, None when there are no more; and how many rows were lacking. Safe to repeat.
        """
        ...

    def remove_stray_listings(self, after: Listing, *, at_most: int) -> tuple[Listing | None, int]:
        """Of up to so many rows of the lists of sources behind this one, remove those of no article, or not as it is.

        The last row looked at, None when there are no more; and how many were removed. Safe to repeat.
        """
        ...


class ArticleStore(Protocol):
    """Where finished articles are kept. Every call may be repeated with the same effect as one call."""

    async def store(self, article: ClassifiedArticle) -> Stored | Skipped:
        """Keep the article and return only after the commit. Raises StoreError."""
        ...

    async def record_drop(self, dropped: DroppedArticle) -> None:
        """Write the ledger line of an article that ended early; of a stored one that is withdrawn, or back, also the revision.

        Raises StoreError.
        """
        ...

    async def unannounced(self, limit: int) -> list[RevisionKey]:
        """Revisions that are not marked as announced, oldest first. Raises StoreError."""
        ...

    async def finished(self, revisions: Sequence[RevisionKey]) -> list[FinishedArticle]:
        """The records of these revisions, without those that are gone or cannot be read. Raises StoreError."""
        ...

    async def mark_announced(self, revisions: Sequence[RevisionKey]) -> None:
        """Number these revisions, in this order, as announced now; those that have a number keep it. Raises StoreError."""
        ...

    async def open(self) -> None:
        """Start using the store; each call is matched by one of `close`."""
        ...

    async def close(self) -> None:
        """Finish what is being written; the last one to close lets the database go."""
        ...


@runtime_checkable
class ArticleReader(AbstractContextManager["ArticleReader"], Protocol):
    """The article store as its readers see it."""

    def find(self, url_or_id: str) -> FinishedArticle | None:
        """The latest revision of the article with this id or address, if it is stored."""
        ...

    def revisions_of(self, url_or_id: str) -> list[FinishedArticle]:
        """Every stored revision of the article, first to latest; empty when it is not stored."""
        ...

    def iterate(self, *, since: datetime | None = None) -> Iterator[FinishedArticle]:
        """Every article in its latest revision, in the order of first storing; only those stored `since`, if given."""
        ...

    def iterate_announced(self, *, after: int = 0) -> Iterator[tuple[int | None, FinishedArticle]]:
        """Every article in its latest revision, with the number this was announced under, in that order; only those after a number.

        Last come those whose latest revision waits to be announced, without one. All are of one moment. Raises StoreError.
        """
        ...

    def search(self, query: str, *, where: SearchFilter = EVERYTHING, limit: int = 20) -> list[SearchHit]:
        """Articles that hold every word of the query in any of its forms, best first.

        `"a phrase"` is taken as it is written, and `begin*` finds what begins so. Without words, whatever the filter
        lets through, latest first. Raises SearchError.
        """
        ...

    def page(
        self,
        query: str = "",
        *,
        where: SearchFilter = EVERYTHING,
        before: ArticlePlace | None = None,
        limit: int = 50,
    ) -> list[ArticleSummary]:
        """Articles that `search` would find, latest first; those before the place, if one is given. Raises SearchError."""
        ...

    def count_found(self, query: str = "", *, where: SearchFilter = EVERYTHING) -> int:
        """Number of articles that `search` would find; reads them all. Raises SearchError."""
        ...

    def story(self, story_id: str, *, limit: int = 200) -> list[ArticleSummary]:
        """The articles of a story in the order they were published, the first ones when there are more than `limit`."""
        ...

    def ledger_of(self, url_or_id: str) -> list[LedgerLine]:
        """What became of each submission of the article, latest first."""
        ...

    def ledger(self) -> Iterator[LedgerLine]:
        """Every line of the ledger, oldest first."""
        ...

    def identity_of(self, url_or_id: str) -> Identity | None:
        """Every address that leads to the stored article, and by what; None when it is not stored. Raises StoreError."""
        ...

    def visits_of(self, url_or_id: str) -> Visits | None:
        """How often the stored article was looked at again in vain; None when it is not stored. Raises StoreError."""
        ...

    def source_day(self, source: str, day: date) -> SourceDay:
        """What became of what this source named, on a day in UTC. Raises StoreError."""
        ...

    def source_health(self, source: str, now: datetime) -> SourceHealth:
        """How this source does, by the four weeks before this time. Raises StoreError."""
        ...

    def source_totals(self, since: datetime) -> list[SourceTotals]:
        """Every source that the ledger knows, by name, with what ended since this time. Raises StoreError."""
        ...

    def count_by_outcome(self) -> dict[tuple[str, str, str], int]:
        """Number of ledger lines by stage, outcome and reason."""
        ...

    def count(self) -> int:
        """Number of articles stored."""
        ...

    def announced_after(self, number: int, limit: int = 100) -> list[Announced]:
        """What was announced after this number, in order; from the beginning after 0.

        Whoever goes on after the last number it got misses nothing and gets nothing twice. Raises StoreError.
        """
        ...

    def number_of(self, article_id: str, revision: int) -> int | None:
        """The number that this revision was announced under; None when it was not, or is not here."""
        ...

    def last_number(self) -> int:
        """The number of the latest announcement; 0 before the first."""
        ...

    def page_uses(self) -> Iterator[PageUse]:
        """Every page that a stored revision refers to, once for each revision."""
        ...

    def store_id(self) -> str:
        """What names this store in the records that it stored; another store has another id."""
        ...

    def close(self) -> None:
        """Let the database go."""
        ...
