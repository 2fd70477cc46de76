"""Wiring of the sink: settings in, a worker with two stages out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle, Record
from coranto.store.sqlite.writer import SqliteArticleStore
from coranto.topology import LEDGER, SINK
from coranto.worker.stage import RetryPolicy, Stage
from coranto_sink.reasons import REASONS, SYSTEMIC
from coranto_sink.reindex import Reindex
from coranto_sink.settings import Settings
from coranto_sink.stage import record_drop, store

if TYPE_CHECKING:
    from coranto.worker.app import Worker

PATIENT = RetryPolicy(attempts=1000, first_delay=timedelta(seconds=1), longest_delay=timedelta(minutes=5))
"""A disk may stay full over a weekend: three days of attempts, and a dead letter after them is still no loss."""


def create_stages(
    settings: Settings | None = None,
) -> tuple[Stage[ClassifiedArticle, FinishedArticle], Stage[DroppedArticle, Record]]:
    """The store stage and the ledger stage, on one article store."""
    settings = settings or Settings()
    article_store = SqliteArticleStore(
        settings.sink.database, batch_size=settings.sink.batch_size, busy_timeout=settings.sink.busy_timeout
    )
    finished: Stage[ClassifiedArticle, FinishedArticle] = Stage(
        SINK,
        handle=partial(store, article_store=article_store),
        reasons=REASONS,
        retry=PATIENT,
        concurrency=settings.sink.batch_size,
        systemic=SYSTEMIC,
        start=article_store.open,
        stop=article_store.close,
    )
    ledger: Stage[DroppedArticle, Record] = Stage(
        LEDGER,
        handle=partial(record_drop, article_store=article_store),
        reasons=REASONS,
        retry=PATIENT,
        concurrency=settings.sink.batch_size,
        systemic=SYSTEMIC,
        start=article_store.open,
        stop=article_store.close,
    )
    return finished, ledger


def create_stage(settings: Settings | None = None) -> Stage[ClassifiedArticle, FinishedArticle]:
    """The stage that stores articles."""
    return create_stages(settings)[0]


def create(settings: Settings | None = None) -> Worker:
    """The sink as a worker, ready to run."""
    from coranto.streams.connection import connect
    from coranto.worker.app import Worker  # here, so that `coranto try` and tests need no broker

    settings = settings or Settings()
    redis = connect(settings.redis.url.get_secret_value())
    reindex = Reindex(redis, settings.pipeline.to_topology(), settings.sink.database)
    finished, ledger = create_stages(settings)

    async def stop() -> None:
        await redis.aclose()
        if ledger.stop is not None:
            await ledger.stop()

    return Worker(settings, stages=[finished, replace(ledger, stop=stop)], tasks=[reindex.run])
