"""Fills the index of near-duplicates again after Redis has lost it, from the articles that the sink has stored.

The classifier asks by setting a key, the sink sends the articles of the window, and the service's second stage enters
them. In the topology this stage and its stream are called `reindex` and `reindexed`.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from redis.asyncio import Redis

from coranto.records import ReindexedArticle
from coranto.topology import Pipeline
from coranto.worker.stage import Transient
from coranto_classifier.duplicates.fingerprint import make_fingerprint
from coranto_classifier.duplicates.index import DuplicateIndex, IndexUnavailableError

_REQUEST_EVERY_SECONDS = 2.0


async def reindex(article: ReindexedArticle, *, duplicates: DuplicateIndex | None) -> None:
    """Enter a stored article into an index that was lost. Raises Transient while the index is unavailable."""
    fingerprint = make_fingerprint(
        article.title, article.text, agency=article.agency, url=article.url, publisher=article.publisher
    )
    if duplicates is None or not fingerprint.can_be_compared:
        return
    try:
        await duplicates.restore(article.id, fingerprint, cluster=article.story, at=article.stored_at)
    except IndexUnavailableError as error:
        raise Transient("story_index_unavailable", detail=str(error)) from error


async def request_reindex(redis: Redis, pipeline: Pipeline, *, window: timedelta) -> None:
    """Ask the sink for the articles of the window whenever the index has been lost. Never returns."""
    while True:
        # The key is lost together with the index: where it is missing, so are the articles.
        await redis.set(pipeline.reindex(), int(window.total_seconds()), nx=True)
        await asyncio.sleep(_REQUEST_EVERY_SECONDS)
