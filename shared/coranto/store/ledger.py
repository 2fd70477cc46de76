"""What the ledger says of an article that was stored, skipped or ended early. Pure: no database, no clock."""

from __future__ import annotations

from datetime import datetime

from coranto.records import ClassifiedArticle, DroppedArticle
from coranto.store.interface import LedgerLine, Skipped, Stored
from coranto.topology import SINK


def line_of_verdict(article: ClassifiedArticle, verdict: Stored | Skipped, now: datetime) -> LedgerLine:
    """The line of an article that came to the store."""
    return LedgerLine(
        article_id=article.id,
        submission=article.discovery.submission,
        url=article.url,
        stage=SINK.name,
        outcome="stored" if isinstance(verdict, Stored) else "dropped",
        reason=verdict.storage.change if isinstance(verdict, Stored) else verdict.reason,
        detail=f"revision {verdict.storage.revision}" if isinstance(verdict, Stored) else verdict.detail,
        at=now,
    )


def line_of_drop(dropped: DroppedArticle) -> LedgerLine:
    """The line of an article that ended before it came to the store."""
    return LedgerLine(
        article_id=dropped.id,
        submission=dropped.submission,
        url=dropped.url,
        stage=dropped.stage,
        outcome=dropped.outcome,
        reason=dropped.reason,
        detail=dropped.detail,
        at=dropped.dropped_at,
    )
