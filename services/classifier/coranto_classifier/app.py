"""Wiring of the classifier: settings in, a worker with two stages out."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from coranto.records import ClassifiedArticle, ExtractedArticle, Record, ReindexedArticle
from coranto.topology import CLASSIFIER, REINDEX
from coranto.worker.stage import RetryPolicy, Stage
from coranto_classifier.duplicates.index import DuplicateIndex
from coranto_classifier.llm_client import LlmClient
from coranto_classifier.pool import AnalysisPool, InProcessAnalysis, TextAnalysis
from coranto_classifier.reasons import REASONS, SYSTEMIC
from coranto_classifier.reindex import reindex, request_reindex
from coranto_classifier.related.embeddings import check_installed
from coranto_classifier.related.index import RelatedIndex
from coranto_classifier.settings import Settings
from coranto_classifier.stage import classify
from coranto_classifier.text_models import ModelPaths, TextModels

if TYPE_CHECKING:
    from coranto.worker.app import Worker


def create_stage(
    settings: Settings | None = None, *, redis: Redis | None = None
) -> Stage[ExtractedArticle, ClassifiedArticle]:
    """The stage that classifies. Without Redis the models run in this process and records get no story."""
    settings = settings or Settings()
    own = settings.classifier
    paths = ModelPaths(own.model_dir, own.sections, wants_vectors=redis is not None and own.stories.embeddings == "e5")
    models: TextAnalysis = InProcessAnalysis(TextModels(paths)) if redis is None else AnalysisPool(paths, own)
    llm = LlmClient(own.endpoint) if own.endpoint.url is not None else None

    async def stop() -> None:
        await models.stop()
        if llm is not None:
            await llm.close()
        if redis is not None:
            await redis.aclose()

    return Stage(
        CLASSIFIER,
        handle=partial(
            classify,
            models=models,
            duplicates=_duplicates(settings, redis),
            related=_related(settings, redis),
            llm=llm,
        ),
        reasons=REASONS,
        retry=RetryPolicy(attempts=6),
        concurrency=own.concurrency,
        # An article may wait in the pool for all the others, and each of them may run twice after a crash.
        deadline=2 * own.deadline * own.concurrency + own.endpoint.timeout + timedelta(seconds=30),
        systemic=SYSTEMIC,
        start=models.start,
        stop=stop,
    )


def create_reindex_stage(settings: Settings, redis: Redis) -> Stage[ReindexedArticle, Record]:
    """The stage that fills the index of near-duplicates again after Redis has lost it."""
    return Stage(
        REINDEX,
        handle=partial(reindex, duplicates=_duplicates(settings, redis)),
        reasons=REASONS,
        retry=RetryPolicy(attempts=6),
        concurrency=settings.classifier.concurrency,
        systemic=SYSTEMIC,
    )


def create(settings: Settings | None = None) -> Worker:
    """The classifier as a worker, ready to run."""
    from coranto.streams.connection import connect
    from coranto.worker.app import Worker  # here, so that `coranto try` and tests need no broker

    settings = settings or Settings()
    redis = connect(settings.redis.url.get_secret_value())
    stories = settings.classifier.stories
    tasks = []
    if stories.is_enabled:
        tasks.append(partial(request_reindex, redis, settings.pipeline.to_topology(), window=stories.window))
    return Worker(
        settings, stages=[create_stage(settings, redis=redis), create_reindex_stage(settings, redis)], tasks=tasks
    )


def _duplicates(settings: Settings, redis: Redis | None) -> DuplicateIndex | None:
    own = settings.classifier.stories
    if redis is None or not own.is_enabled:
        return None
    return DuplicateIndex(redis, settings=own, prefix=settings.pipeline.to_topology().stories())


def _related(settings: Settings, redis: Redis | None) -> RelatedIndex | None:
    own = settings.classifier.stories
    if redis is None or own.embeddings == "none":
        return None
    check_installed()  # here, where the error can be read, and not in a worker process
    return RelatedIndex(redis, settings.pipeline.to_topology(), settings=own)
