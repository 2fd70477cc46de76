"""Sends stored articles again, as far as others need them, when Redis has come back empty.

The classifier keeps an index of stories in Redis and asks, by a key that goes with it, for what was stored in its window.
One sink at a time answers; a sink that is killed at it leaves the request standing, and entering an article twice changes
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from coranto.records import ReindexedArticle
from coranto.records.envelope import FIELD, encode, new_traceparent
from coranto.store.address import open_article_reader
from coranto.topology import REINDEXED, Pipeline
from coranto.worker.log import get_logger

REINDEX_STARTED: Final = "reindex.started"
REINDEX_DONE: Final = "reindex.done"

_SOURCE: Final = "coranto/sink"
_DONE: Final = b"done"
_LEASE: Final = timedelta(seconds=60)


class Reindex:
    """Answers the classifier's requests."""

    def __init__(
        self,
        redis: Redis,
        pipeline: Pipeline,
        database: Path | str,
        *,
        look_every: timedelta = timedelta(seconds=2),
        batch: int = 100,
        max_backlog: int = 1000,
    ) -> None:
        self._redis = redis
        self._pipeline = pipeline
        self._database = database
        self._look_every = look_every
        self._batch = batch
        self._high_water = max_backlog
        self._log = get_logger(service="sink")

    async def run(self) -> None:
        """Look for requests and answer them. Never returns. Raises what Redis and the store raise."""
        while True:
            await self.answer()
            await asyncio.sleep(self._look_every.total_seconds())

    async def answer(self) -> int:
        """Answer the request that stands, if there is one and nobody else is at it; gives the number of articles sent."""
        wanted = await self._redis.get(self._pipeline.reindex())
        if wanted is None or not wanted.isdigit():
            return 0
        lease = f"{self._pipeline.reindex()}:lease"
        if not await self._redis.set(lease, _SOURCE, nx=True, ex=_LEASE):
            return 0
        since = datetime.now(UTC) - timedelta(seconds=int(wanted))
        self._log.info(REINDEX_STARTED, since=since.isoformat())
        sent = 0
        with closing(self._stored_since(since)) as articles:
            while batch := await asyncio.to_thread(lambda: list(islice(articles, self._batch))):
                await self._wait_for_room(lease)
                await self._send(batch)
                sent += len(batch)
        # Redis may have come back empty meanwhile, with a new request: that one must stand.
        if await self._redis.exists(lease):
            await self._redis.set(self._pipeline.reindex(), _DONE)
            await self._redis.delete(lease)
        self._log.info(REINDEX_DONE, articles=sent)
        return sent

    def _stored_since(self, since: datetime) -> Generator[ReindexedArticle]:
        try:
            reader = open_article_reader(self._database)
        except FileNotFoundError:
            return  # nothing is stored
        # One thread at a time reads: `answer` waits for each batch.
        with reader:
            for article in reader.iterate(since=since):
                reindexed = article.reindexed()
                if reindexed is not None:
                    yield reindexed

    async def _send(self, batch: list[ReindexedArticle]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for article in batch:
            event = encode(article, source=_SOURCE, traceparent=new_traceparent())
            pipe.xadd(self._pipeline.keys_for(article.id).stream(REINDEXED), {FIELD: event})
        await pipe.execute()

    async def _wait_for_room(self, lease: str) -> None:
        """Wait until the streams are short again, with the lease renewed."""
        while True:
            pipe = self._redis.pipeline(transaction=False)
            pipe.expire(lease, _LEASE)
            for keys in self._pipeline.all_keys():
                pipe.xlen(keys.stream(REINDEXED))
            _, *lengths = await pipe.execute()
            if max(lengths) < self._high_water:
                return
            await asyncio.sleep(0.5)
