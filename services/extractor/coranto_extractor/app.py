"""Wiring of the extractor: settings in, a worker with one stage out."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from coranto.pages import FilePageStore
from coranto.records import ExtractedArticle, FetchedArticle
from coranto.topology import EXTRACTOR
from coranto.worker.stage import RetryPolicy, Stage
from coranto_extractor.pool import ReaderPool
from coranto_extractor.reasons import REASONS, SYSTEMIC
from coranto_extractor.settings import Settings
from coranto_extractor.stage import extract

if TYPE_CHECKING:
    from coranto.worker.app import Worker
    from coranto_extractor.field_metrics import FieldMetrics


def create_stage(
    settings: Settings | None = None, *, field_metrics: FieldMetrics | None = None
) -> Stage[FetchedArticle, ExtractedArticle]:
    """The stage that reads pages."""
    settings = settings or Settings()
    own = settings.extractor
    pool = ReaderPool(
        processes=own.processes,
        deadline=own.page_deadline,
        limits=own,
        pages_per_process=own.pages_per_process,
        max_process_bytes=own.max_process_bytes,
    )
    return Stage(
        EXTRACTOR,
        handle=partial(
            extract,
            pages=FilePageStore(settings.pages.path),
            reader=pool,
            max_page_bytes=own.max_page_bytes,
            field_metrics=field_metrics,
            records_rejections=own.records_rejections,
            refuse_from=own.refuse_from,
        ),
        reasons=REASONS,
        retry=RetryPolicy(attempts=5),
        # One page per process, and one more for each, so that no process waits for the page store.
        concurrency=2 * own.processes,
        # A page may wait for another that runs to its deadline, and may be read twice after a crash, each time to its deadline.
        deadline=4 * own.page_deadline + timedelta(seconds=30),
        systemic=SYSTEMIC,
        start=pool.start,
        stop=pool.stop,
    )


def create(settings: Settings | None = None) -> Worker:
    """The extractor as a worker, ready to run."""
    # Here, so that `coranto try` and tests need no broker and no metrics.
    from coranto.worker.app import Worker
    from coranto_extractor.field_metrics import FieldMetrics

    settings = settings or Settings()
    field_metrics = FieldMetrics()
    worker = Worker(settings, stages=[create_stage(settings, field_metrics=field_metrics)])
    worker.metrics.registry.register(field_metrics)
    return worker
