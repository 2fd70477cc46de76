"""Wiring of the sink: settings in, a worker with two stages out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle, Record
from coranto.settings import revealed
from coranto.store.address import open_article_store
from coranto.store.interface import ArticleStore
from coranto.streams.announce import Announcer
from coranto.topology import FINISHED, LEDGER, SINK
from coranto.worker.stage import RetryPolicy, Stage
from coranto_sink.outbox import Outbox
from coranto_sink.reasons import REASONS, SYSTEMIC
from coranto_sink.reindex import Reindex
from coranto_sink.settings import Settings, SinkSettings
from coranto_sink.stage import record_drop, store

if TYPE_CHECKING:
    from coranto.worker.app import Worker

PATIENT = RetryPolicy(attempts=1000, first_delay=timedelta(seconds=1), longest_delay=timedelta(minutes=5))
"""A disk may stay full over a weekend: three days of attempts, and a dead letter after them is still no loss."""


def open_store(settings: SinkSettings) -> ArticleStore:
    """The article store that the settings name."""
    return open_article_store(
        revealed(settings.database), batch_size=settings.batch_size, busy_timeout=settings.busy_timeout
    )


def create_stages(
    settings: Settings | None = None, article_store: ArticleStore | None = None
) -> tuple[Stage[ClassifiedArticle, FinishedArticle], Stage[DroppedArticle, Record]]:
    """The store stage and the ledger stage, on one article store."""
    settings = settings or Settings()
    article_store = article_store or open_store(settings.sink)
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
    pipeline = settings.pipeline.to_topology()
    article_store = open_store(settings.sink)
    reindex = Reindex(redis, pipeline, revealed(settings.sink.database))
    outbox = Outbox(article_store, Announcer(redis, pipeline, FINISHED, source="coranto/sink"))
    finished, ledger = create_stages(settings, article_store)

    async def stop() -> None:
        try:
            await outbox.flush()  # what was announced while the sink stopped
        finally:
            await redis.aclose()
            await article_store.close()

    return Worker(
        settings,
        stages=[replace(finished, stop=stop, on_published=outbox.note), ledger],
        tasks=[reindex.run, outbox.run],
    )
