"""What the ledger says of an article that was stored, skipped or ended early. Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, Literal

from coranto.records import ClassifiedArticle, DroppedArticle, Storage
from coranto.store.rules.revisions import Skipped
from coranto.topology import SINK

FIELDS: Final[Mapping[str, Callable[[ClassifiedArticle], object]]] = {
    "title": lambda article: article.content.title,
    "lead": lambda article: article.content.lead,
    "authors": lambda article: article.content.authors or article.content.signed_by,
    "published": lambda article: article.content.published,
    "publisher": lambda article: article.content.publisher,
    "section": lambda article: article.content.section,
    "tags": lambda article: article.content.tags,
    "image": lambda article: article.content.image,
    "language": lambda article: article.classification.language.code != "und",
    "topics": lambda article: article.classification.topics,
    "entities": lambda article: article.classification.entities,
}
"""The fields whose absence is counted."""

NOTHING_NEW: Final = frozenset({"unchanged", "not_modified"})
"""Reasons of visits that found a stored article as it was: they are counted, and have no line."""

_LONGEST: Final = 200
_LONGEST_WORD: Final = 100
_MOST_STAGES: Final = 16


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """What became of one submission of one article."""

    article_id: str
    submission: str
    url: str
    stage: str
    outcome: Literal["stored", "accepted", "dropped", "dead"]
    reason: str
    detail: str | None
    at: datetime
    source: str | None = None
    """Name of the source that brought it; None where it is not known."""
    lacks: tuple[str, ...] | None = None
    """Fields that the record does not have; None where nothing was stored."""
    found_after_seconds: int | None = None
    """Of a new article, from publication to discovery, where its feed or sitemap is polled and both moments are known."""
    stored_after_seconds: int | None = None
    """Of a new article, from discovery to storing."""
    stage_times: Mapping[str, datetime] | None = None
    """Of what was not stored: when each stage before was done with it; None where nothing is known."""
    is_revisit: bool = False
    """Whether the same had ended or was stored before. Of what ends early, the store finds that out as it writes the line."""


def line_of_verdict(article: ClassifiedArticle, verdict: Storage | Skipped, now: datetime) -> LedgerLine:
    """The line of an article that came to the store."""
    line: dict[str, Any] = {
        "article_id": article.id,
        "submission": article.discovery.submission,
        "url": article.url,
        "stage": SINK.name,
        "at": now,
        "source": known_source(article.discovery.source),
    }
    if isinstance(verdict, Skipped):
        return LedgerLine(
            **line,
            outcome="dropped",
            reason=verdict.reason,
            detail=verdict.detail,
            stage_times=_known_times(article.stage_times),
            is_revisit=True,
        )
    found_after, stored_after = _lags(article, verdict)
    return LedgerLine(
        **line,
        outcome="stored",
        reason=verdict.change,
        detail=f"revision {verdict.revision}",
        lacks=tuple(name for name, value in FIELDS.items() if not value(article)),
        found_after_seconds=found_after,
        stored_after_seconds=stored_after,
        is_revisit=verdict.change != "created",
    )


def line_of_drop(dropped: DroppedArticle) -> LedgerLine:
    """The line of an article that ended before it came to the store."""
    return LedgerLine(
        article_id=dropped.id,
        submission=dropped.submission,
        url=dropped.url,
        stage=dropped.stage[:_LONGEST_WORD],
        outcome=dropped.outcome,
        reason=dropped.reason[:_LONGEST_WORD],
        detail=dropped.detail,
        at=dropped.dropped_at,
        source=None if dropped.source is None else known_source(dropped.source),
        stage_times=_known_times(dropped.stage_times),
    )


def known_source(source: str) -> str:
    """The source as the ledger names it: the beginning of a name that is longer than an index takes."""
    return source[:_LONGEST]


def _known_times(times: Mapping[str, datetime] | None) -> Mapping[str, datetime] | None:
    """Those of as many stages as a pipeline may have: the record may come from anywhere."""
    return {stage[:_LONGEST_WORD]: at for stage, at in islice(times.items(), _MOST_STAGES)} if times else None


def _lags(article: ClassifiedArticle, storage: Storage) -> tuple[int | None, int | None]:
    """Seconds from publication to discovery, and from there to storing: of what is news, for the rest tells of no delay."""
    discovery, published = article.discovery, article.content.published
    is_news = storage.change == "created" and discovery.priority == "live" and discovery.saved is None
    if not is_news or discovery.discovered_via not in ("feed", "sitemap"):
        return None, None
    found = discovery.discovered_at
    found_after = None
    if published is not None and published.at is not None and published.precision != "day":
        found_after = max(0, round((found - published.at).total_seconds()))
    return found_after, max(0, round((storage.stored_at - found).total_seconds()))
