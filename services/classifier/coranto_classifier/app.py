"""Wiring of the classifier: settings in, a worker with one stage out."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from coranto.records import ClassifiedArticle, ExtractedArticle, RecalledArticle, Record
from coranto.topology import CLASSIFIER, RECALL
from coranto.worker.stage import RetryPolicy, Stage
from coranto_classifier.duplicates.index import MemoryStoryIndex, RedisStoryIndex, ask_for_recall
from coranto_classifier.duplicates.roles import StoryIndex, StoryLimits
from coranto_classifier.llm_client import Endpoint, EndpointLimits
from coranto_classifier.pool import Analyser, InProcessAnalyser, PooledAnalyser
from coranto_classifier.reasons import REASONS, SYSTEMIC
from coranto_classifier.related.embeddings import check_installed
from coranto_classifier.related.index import RedisRelatedIndex, RelatedIndex, RelatedLimits
from coranto_classifier.settings import ClassifierSettings, EndpointSettings, Settings
from coranto_classifier.stage import classify, recall
from coranto_classifier.text_models import Analyst, ModelPaths

if TYPE_CHECKING:
    from coranto.worker.app import Worker


def create_stage(
    settings: Settings | None = None, *, redis: Redis | None = None
) -> Stage[ExtractedArticle, ClassifiedArticle]:
    """The stage that classifies. Without Redis it works alone: models in this process, stories in its memory."""
    settings = settings or Settings()
    own = settings.classifier
    paths = ModelPaths(own.model_dir, own.rubrics, wants_vectors=redis is not None and own.stories.embeddings == "e5")
    pool = None if redis is None else _pool(own, paths)
    analyser: Analyser = InProcessAnalyser(Analyst(paths)) if pool is None else pool
    endpoint = _endpoint(own.endpoint)

    async def start() -> None:
        if pool is not None:
            await pool.start()

    async def stop() -> None:
        if pool is not None:
            await pool.stop()
        if endpoint is not None:
            await endpoint.close()
        if redis is not None:
            await redis.aclose()

    return Stage(
        CLASSIFIER,
        handle=partial(
            classify,
            analyser=analyser,
            stories=_stories(settings, redis),
            related=_related(settings, redis),
            endpoint=endpoint,
        ),
        reasons=REASONS,
        retry=RetryPolicy(attempts=6),
        concurrency=own.concurrency,
        # Articles queue for the pool's processes inside the handler, and one may wait for all the others in hand.
        deadline=own.deadline * (1 + own.concurrency) + own.endpoint.timeout + timedelta(seconds=30),
        systemic=SYSTEMIC,
        start=start,
        stop=stop,
    )


def create_recall(settings: Settings, redis: Redis) -> Stage[RecalledArticle, Record]:
    """The stage that enters stored articles into an index of stories that came back empty."""
    return Stage(
        RECALL,
        handle=partial(recall, stories=_stories(settings, redis)),
        reasons=REASONS,
        retry=RetryPolicy(attempts=6),
        concurrency=settings.classifier.concurrency,
        systemic=SYSTEMIC,
    )


def create(settings: Settings | None = None) -> Worker:
    """The classifier as a worker, ready to run."""
    from coranto.worker.app import Worker  # here, so that `coranto try` and tests need no broker
    from coranto.worker.connection import connect

    settings = settings or Settings()
    redis = connect(settings.redis.url.get_secret_value())
    stories = settings.classifier.stories
    tasks = []
    if stories.is_enabled:
        tasks.append(partial(ask_for_recall, redis, settings.pipeline.to_topology(), window=stories.window))
    return Worker(settings, stages=[create_stage(settings, redis=redis), create_recall(settings, redis)], tasks=tasks)


def _pool(own: ClassifierSettings, paths: ModelPaths) -> PooledAnalyser:
    return PooledAnalyser(
        paths, processes=own.processes, deadline=own.deadline, articles_per_process=own.articles_per_process
    )


def _stories(settings: Settings, redis: Redis | None) -> StoryIndex | None:
    own = settings.classifier.stories
    if not own.is_enabled:
        return None
    limits = StoryLimits(window=own.window, threshold=own.threshold, indexed_runs=own.indexed_runs)
    if redis is None:
        return MemoryStoryIndex(limits)
    return RedisStoryIndex(redis, limits=limits, prefix=settings.pipeline.to_topology().stories())


def _related(settings: Settings, redis: Redis | None) -> RelatedIndex | None:
    own = settings.classifier.stories
    if redis is None or own.embeddings == "none":
        return None
    check_installed()  # here, before a process of the pool dies of it
    limits = RelatedLimits(window=own.window, threshold=own.related_threshold, kept=own.related_kept)
    return RedisRelatedIndex(redis, settings.pipeline.to_topology(), limits=limits)


def _endpoint(own: EndpointSettings) -> Endpoint | None:
    if own.url is None:
        return None
    return Endpoint(
        EndpointLimits(
            url=own.url,
            model=own.model,
            key=own.key.get_secret_value() if own.key else None,
            timeout=own.timeout,
            requests_per_minute=own.requests_per_minute,
            breaker_failures=own.breaker_failures,
            breaker_pause=own.breaker_pause,
            text_characters=own.text_characters,
            wants_summary=own.wants_summary,
        )
    )
