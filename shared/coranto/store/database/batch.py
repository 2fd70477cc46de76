"""What a transaction of an article store does, whatever the database: read what is known, decide in turn, write at once.

Works that arrive together share a transaction, and within it each table is read and written once. How each database is asked is
left to it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from coranto.folding import fold
from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle, Storage
from coranto.store.database.columns import (
    address_rows_of,
    digests_text,
    hour_of,
    ledger_row_of,
    names_of,
    read_record,
    row_of,
    sortable_time,
    to_milliseconds,
)
from coranto.store.interface import Listing, RevisionKey, Stored
from coranto.store.rules.identity import Split, identify, ids_of, key_and_id
from coranto.store.rules.ledger import NOTHING_NEW, LedgerLine, known_source, line_of_drop, line_of_verdict
from coranto.store.rules.retraction import LastRevision, OtherPages, find_change, is_news, may_revise, next_revision
from coranto.store.rules.revisions import Latest, Skipped, decide, digests_of, latest_of, material_of
from coranto.topology import SINK

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class StoreArticle:
    """Keep the article; the result is `Stored` or `Skipped`."""

    article: ClassifiedArticle


@dataclass(frozen=True, slots=True)
class RecordDrop:
    """Note what ended early."""

    dropped: DroppedArticle


@dataclass(frozen=True, slots=True)
class MarkAnnounced:
    """Number the revisions as announced."""

    revisions: Sequence[RevisionKey]


@dataclass(frozen=True, slots=True)
class FindUnannounced:
    """The result is a list of `RevisionKey`, oldest first."""

    limit: int


@dataclass(frozen=True, slots=True)
class ReadRevisions:
    """The result is a list of records, without those that are gone or cannot be read."""

    revisions: Sequence[RevisionKey]


Work = StoreArticle | RecordDrop | MarkAnnounced | FindUnannounced | ReadRevisions

OwnRevision = tuple[str, str, str]
"""Article id, submission and digests of a revision."""


@dataclass(slots=True)
class Rows:
    """What one transaction writes, by table. The keys of rows are names of columns."""

    articles: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By article id."""
    rewritten: set[str] = field(default_factory=set)
    """Ids of those that were stored before: what other tables hold of them goes first."""
    revisions: list[dict[str, Any]] = field(default_factory=list)
    visits_before: list[dict[str, str]] = field(default_factory=list)
    """Visits that found nothing new, of articles that are not written."""
    visits_after: list[dict[str, str]] = field(default_factory=list)
    """Of articles that are written, once they are."""
    ledger: dict[tuple[str, str], LedgerLine] = field(default_factory=dict)
    """By article id and submission."""
    entities: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    """By article id, as are the next."""
    topics: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    tags: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    source_tags: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    addresses: dict[str, tuple[str, str, str, int, str, str]] = field(default_factory=dict)
    """By id of the address: the first to claim it has it, unless it is another article's own."""
    names: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By article id, what it is listed under: article id and name."""
    forgotten: list[tuple[str, str]] = field(default_factory=list)
    """Ledger lines that another one stands for: article id and submission."""


class Batch(ABC):
    """The works of one transaction."""

    def __init__(self) -> None:
        self._own: dict[OwnRevision, Storage] = {}
        self._latest: dict[str, Latest] = {}
        self._known_as: Mapping[str, str] = {}
        self._splits: Collection[Split] = ()
        self._led_to: Mapping[str, str] = {}
        self._store_id = ""
        self._rows = Rows()

    def run(self, works: Sequence[Work]) -> list[object]:
        """The result of each work, or the exception that deciding on it ended with. Raises what the database does."""
        articles = [work.article for work in works if isinstance(work, StoreArticle)]
        if articles:
            self._read(articles)
        nothing_new = [w.dropped.id for w in works if isinstance(w, RecordDrop) and w.dropped.reason in NOTHING_NEW]
        if nothing_new:
            self._led_to = self.find_led_to(list(map(self.storable, nothing_new)))
        results: list[object] = []
        for work in works:
            try:
                results.append(self._decide(work))
            except Exception as error:  # noqa: BLE001 - no database is asked there: it goes to the caller whose article it was
                results.append(error)
        self.write(self._rows)
        self._revise([work.dropped for work in works if isinstance(work, RecordDrop)])
        # After the rest: what is stored in this transaction may be read and marked in it.
        return [self._after(work) if result is None else result for work, result in zip(works, results, strict=True)]

    def _decide(self, work: Work) -> object:
        match work:
            case StoreArticle(article):
                return self._store(article, to_milliseconds(datetime.now(UTC)))
            case RecordDrop(dropped):
                self._drop(dropped)
        return None

    def _after(self, work: Work) -> object:
        match work:
            case FindUnannounced(limit):
                return self.find_unannounced(limit)
            case ReadRevisions(revisions):
                return list(self._find_revisions(revisions))
            case MarkAnnounced(revisions):
                self.mark(revisions, sortable_time(datetime.now(UTC)))
        return None

    # --- reading ----------------------------------------------------------------------------------------------------

    def _read(self, articles: Sequence[ClassifiedArticle]) -> None:
        ids = list({each for article in articles for each in ids_of(article)})
        self._store_id = self.read_store_id()
        self._known_as = self.find_other_ids(ids)
        self._splits = self.find_splits(ids)
        ids += self._known_as.values()
        submissions = list({self.storable(article.discovery.submission) for article in articles})
        for article, submission, digests, storage in self.find_own_revisions(ids, submissions):
            self._own[article, submission, digests] = Storage.model_validate_json(storage, extra="ignore")
        for article, revision, digests, last_fetched, made_of in self.find_latest(ids):
            self._latest[article] = latest_of(revision, digests, last_fetched, made_of)

    def _find_revisions(self, revisions: Sequence[RevisionKey]) -> Iterator[FinishedArticle]:
        for record in self.find_records(revisions):
            with suppress(ValidationError):  # one that was written by hand must not keep the others waiting
                yield read_record(record)

    # --- deciding ---------------------------------------------------------------------------------------------------

    def _store(self, article: ClassifiedArticle, now: datetime) -> Stored | Skipped:
        article = identify(article, known_as=self._known_as, splits=self._splits)
        digests = digests_of(article)
        # A worker may die after the commit here and before the one in Redis: the second run must announce what the first would
        # have, even when others have stored later revisions since.
        key = (article.id, self.storable(article.discovery.submission), digests_text(digests))
        own = self._own.get(key)
        if own is not None:
            self._note_stored(article, own, now)
            return Stored(article.with_storage(own))
        decision = decide(article, digests, self._latest.get(article.id), now=now)
        if isinstance(decision, Storage):
            finished = article.with_storage(decision.model_copy(update={"store": self._store_id}))
            self._keep(finished, key[2])
            self._own[key] = finished.storage
            self._latest[article.id] = Latest(
                decision.revision, digests, article.fetch.fetched_at, material_of(article), decision.changed_at
            )
            self._note_stored(article, finished.storage, now)
            return Stored(finished)
        if decision.reason == "unchanged":
            self._count_visit(article.id, article.discovery.source, article.fetch.fetched_at)
        else:
            self._note(line_of_verdict(article, decision, now))
        return decision

    def _drop(self, dropped: DroppedArticle) -> None:
        line = line_of_drop(dropped)
        if line.reason in NOTHING_NEW:
            if line.stage == SINK.name:
                return  # counted when it was decided
            claimed = self._rows.addresses.get(line.article_id)  # by an article of this transaction
            article = self._led_to.get(line.article_id) or (claimed[2] if claimed is not None else None)
            if article is not None:
                self._count_visit(article, line.source or "", line.at)
                return
        self._note(line)

    def _count_visit(self, article: str, source: str, at: datetime) -> None:
        visits = self._rows.visits_after if article in self._rows.articles else self._rows.visits_before
        visits.append(
            {"id": article, "source": self.storable(known_source(source)), "at": sortable_time(at), "hour": hour_of(at)}
        )
        known = self._latest.get(article)
        if known is not None:
            self._latest[article] = replace(known, fetched_at=max(known.fetched_at, at))

    def _keep(self, article: FinishedArticle, digests: str) -> None:
        rows, classification, storable = self._rows, article.classification, self.storable
        row = row_of(article, article.storage)
        row |= self.index_of(row)
        revision = self._revision_row(article, digests)
        # By key: a foreign classifier may name the same entity twice, which is no reason to refuse the article.
        entities = _first_of_each(((each.type, each.name), each) for each in classification.entities)
        topics = _first_of_each((each.code, each) for each in classification.topics)
        addresses = address_rows_of(article, self._splits)
        # From here on nothing fails: of an article that cannot be decided on, no table may get a row.
        row = {name: storable(value) for name, value in row.items()}
        rows.articles[article.id] = row
        if article.storage.revision > 1:
            rows.rewritten.add(article.id)
        rows.revisions.append(revision)
        rows.entities[article.id] = [
            (article.id, each.type, storable(each.name), each.count, storable(fold(each.name))) for each in entities
        ]
        rows.topics[article.id] = [(article.id, each.code, storable(each.name), each.score) for each in topics]
        rows.tags[article.id] = [(article.id, storable(tag)) for tag in dict.fromkeys(article.content.tags)]
        rows.source_tags[article.id] = [(article.id, storable(tag)) for tag in dict.fromkeys(article.discovery.tags)]
        rows.names[article.id] = [(article.id, name) for name in names_of(row["source"], row["publisher"], row["url"])]
        for address in addresses:
            key_id, is_own = address[0], address[3]
            if key_id not in rows.addresses or is_own > rows.addresses[key_id][3]:
                rows.addresses[key_id] = address

    def _revision_row(self, article: FinishedArticle, digests: str) -> dict[str, Any]:
        storage = article.storage
        return {
            "article_id": article.id,
            "revision": storage.revision,
            "change": storage.change,
            "changed_fields": json.dumps(storage.changed_fields, separators=(",", ":")),
            "submission": self.storable(article.discovery.submission),
            "stored_at": sortable_time(storage.stored_at),
            "digests": digests,
            "record": article.model_dump_json(exclude_none=True),
        }

    def _note_stored(self, article: ClassifiedArticle, storage: Storage, now: datetime) -> None:
        self._note(line_of_verdict(article, storage, now))
        # What an earlier attempt ended as, by the id the article had before its page was read.
        _, found_as = key_and_id(article.discovery.url)
        if found_as != article.id:
            self._rows.forgotten.append((found_as, self.storable(article.discovery.submission)))
            self._rows.ledger.pop((found_as, article.discovery.submission), None)

    def _note(self, line: LedgerLine) -> None:
        """One line per article and submission. The later event wins: a dead letter that was redelivered ends as stored."""
        key = (line.article_id, line.submission)
        known = self._rows.ledger.get(key)
        if known is None or line.at >= known.at:
            self._rows.ledger[key] = line

    # --- withdrawn, or back -----------------------------------------------------------------------------------------

    def _revise(self, drops: Sequence[DroppedArticle]) -> None:
        """Write the revisions that follow from what ended early. Few do, so each is asked about alone."""
        for dropped in sorted(filter(may_revise, drops), key=lambda dropped: dropped.dropped_at):
            found = self.find_last_revision(self.storable(dropped.id))
            if found is None:
                continue  # it was never stored
            article, change, last_fetched, digests, number = found
            last = LastRevision(article, change, datetime.fromisoformat(last_fetched))
            if not is_news(dropped, last):
                continue
            lines = self.find_lines([self.storable(dropped.id), article], after=last_fetched)
            for latest in self._find_revisions([(article, number)]):
                what = find_change(dropped, latest, last, lines, self.other_pages([dropped.id, article]))
                if what is not None:
                    now = to_milliseconds(datetime.now(UTC))
                    revision = next_revision(latest, what, dropped, now, self.read_store_id())
                    self.write_end(self._revision_row(revision, digests), sortable_time(dropped.dropped_at))

    # --- what each database does its own way --------------------------------------------------------------------------

    def storable(self, value: Value) -> Value:
        """The value as a column takes it."""
        return value

    @abstractmethod
    def index_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of `articles` that hold the words of the row."""

    @abstractmethod
    def read_store_id(self) -> str:
        """What names this store."""

    @abstractmethod
    def find_other_ids(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Of articles that were stored when ids were made otherwise: the id of now, and the one they have."""

    @abstractmethod
    def find_splits(self, ids: Sequence[str]) -> Collection[Split]:
        """Which of these addresses were split off, and what off."""

    @abstractmethod
    def find_own_revisions(self, ids: Sequence[str], submissions: Sequence[str]) -> Iterable[tuple[str, str, str, str]]:
        """Article id, submission, digests and `storage` as JSON of revisions that tell of no end, in their order.

        The last from the record, which was announced: what is announced again must be the same.
        """

    @abstractmethod
    def find_latest(self, ids: Sequence[str]) -> Iterable[tuple[str, int, str, str, str]]:
        """Article id, and of its latest revision what `latest_of` takes."""

    @abstractmethod
    def find_led_to(self, key_ids: Sequence[str]) -> Mapping[str, str]:
        """Articles that are not withdrawn, by the id of an address that leads to them."""

    @abstractmethod
    def find_last_revision(self, key_id: str) -> tuple[str, str, str, str, int] | None:
        """Id, change, `last_fetched`, digests and number of the latest revision of the article that the address leads to."""

    @abstractmethod
    def find_lines(self, ids: Sequence[str], *, after: str) -> list[LedgerLine]:
        """Lines of the ledger of these ids after this time."""

    @abstractmethod
    def other_pages(self, but: Sequence[str]) -> OtherPages:
        """How other pages fare than those of these ids."""

    @abstractmethod
    def find_records(self, revisions: Sequence[RevisionKey]) -> Iterable[str]:
        """The records of those revisions that are there, in this order."""

    @abstractmethod
    def find_unannounced(self, limit: int) -> list[RevisionKey]:
        """Revisions that are not marked as announced, oldest first."""

    @abstractmethod
    def write(self, rows: Rows) -> None:
        """Write the rows."""

    @abstractmethod
    def write_end(self, revision: Mapping[str, Any], fetched_at: str) -> None:
        """Write a revision that changes nothing of the article but its state."""

    @abstractmethod
    def mark(self, revisions: Sequence[RevisionKey], announced_at: str) -> None:
        """Number those of the revisions that are not announced, in this order."""


def rows_of_all(by_article: Mapping[str, list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """The rows of every article."""
    return [row for rows in by_article.values() for row in rows]


def ledger_rows(rows: Rows) -> list[dict[str, Any]]:
    """The rows of `ledger`."""
    return [ledger_row_of(line) for line in rows.ledger.values()]


def listings_of(rows: Iterable[tuple[str, str | None, str, str, str]]) -> list[Listing]:
    """The rows of `source_articles`, of articles by source, publisher, address, time and id."""
    return [
        (name, at, article) for source, publisher, url, at, article in rows for name in names_of(source, publisher, url)
    ]


def stray_listings(rows: Iterable[tuple[str, str, str, str | None, str | None, str, str, str]]) -> list[Listing]:
    """Those of the rows of `source_articles` that are of no article, or not as it is.

    Behind each row, what `listings_of` takes of its article; None where there is none.
    """
    return [
        (name, at, article)
        for name, at, article, *listed in rows
        if listed[0] is None or (name, at, article) not in listings_of([tuple(listed)])  # type: ignore[list-item]  # it is all there
    ]


def _first_of_each(pairs: Iterable[tuple[object, Value]]) -> Iterable[Value]:
    """The first value of each key, in order."""
    found: dict[object, Value] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found.values()
