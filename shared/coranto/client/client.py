"""A connection to a running system, and the two functions that most programs need.

    async for article in coranto.subscribe(group="desk"):
        print(article.content.title)

An article is acknowledged when the loop asks for the next one. A program that dies in the loop body gets the article
again, or a sibling in the same group does. `coranto.client.blocking` has the same for programs without an event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Literal, Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from coranto.client import environment
from coranto.client.interrupt import on_interrupt
from coranto.client.known_pipeline import KnownPipeline
from coranto.client.receipt import Receipt
from coranto.client.submission import KEEP, MAX_BACKLOG, HostClass, Room, Submitter, new_submission
from coranto.client.subscription import Start, Subscription
from coranto.filter import Filter
from coranto.records import FinishedArticle, Submission
from coranto.streams.connection import connect
from coranto.streams.tasks import end
from coranto.topology import Pipeline


class AsyncClient:
    """A connection to a running system. Use it as a context manager, or call `close`.

    A client that is told no `pipeline` takes the one that is in Redis; what it is told must be the same.
    """

    def __init__(self, redis: Redis, pipeline: Pipeline | None = None, *, known: KnownPipeline | None = None) -> None:
        self._redis = redis
        told = (pipeline.prefix, pipeline.partitions) if pipeline is not None else (Pipeline().prefix, None)
        self._pipeline = known if known is not None else KnownPipeline(redis, *told)
        self._submitter = Submitter(redis, self._pipeline)

    @classmethod
    def from_url(cls, url: str | None = None, pipeline: Pipeline | None = None) -> AsyncClient:
        """A client for the address, or for the system that is found (see `coranto.client.environment`). Nothing is sent yet."""
        redis = connect(environment.redis_url(url))
        if pipeline is not None:
            return cls(redis, pipeline)
        return cls(redis, known=KnownPipeline(redis, environment.prefix(), environment.partitions()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def submit(
        self, submissions: Iterable[Submission], *, max_backlog: int = MAX_BACKLOG, keep: timedelta = KEEP
    ) -> list[Receipt]:
        """Submit; each is accepted once, however often the call is repeated, for as long as `keep`.

        Raises UnsupportedUrlError (a ValueError) before anything is sent when an address is none we could take,
        TooMuchWaitingError when some were refused, and PipelineMismatchError.
        """
        return await self._submitter.submit(submissions, max_backlog=max_backlog, keep=keep)

    async def find_room(self, queues: Sequence[HostClass], *, max_backlog: int = MAX_BACKLOG) -> list[Room]:
        """How much more of each would be accepted now, in the same order: when to come back with what was refused.

        Nothing is promised: others may be quicker. Raises PipelineMismatchError.
        """
        return await self._submitter.find_room(queues, max_backlog=max_backlog)

    def subscribe(
        self,
        group: str,
        *,
        start: Start = "now",
        consumer: str | None = None,
        claim_after: timedelta = timedelta(seconds=30),
        batch: int = 10,
        where: str | Filter | None = None,
    ) -> Subscription:
        """The finished articles, for one group of programs that share them; only those that the filter `where` lets through.

        See `Subscription`. Raises FilterError, a ValueError, when the filter cannot be understood.
        """
        return Subscription(
            self._redis,
            self._pipeline,
            group,
            start=start,
            consumer=consumer,
            claim_after=claim_after,
            batch=batch,
            where=where,
        )


async def submit(
    *urls: str,
    kind: Literal["auto", "page", "feed"] = "auto",
    source: str = "submit",
    is_recrawl: bool = False,
    redis_url: str | None = None,
) -> list[Receipt]:
    """Submit pages or feeds by address. See `AsyncClient.submit` for what is raised."""
    async with AsyncClient.from_url(redis_url) as client:
        return await client.submit(new_submission(url, kind=kind, source=source, is_recrawl=is_recrawl) for url in urls)


async def subscribe(
    group: str,
    *,
    start: Start = "now",
    consumer: str | None = None,
    claim_after: timedelta = timedelta(seconds=30),
    where: str | Filter | None = None,
    redis_url: str | None = None,
) -> AsyncIterator[FinishedArticle]:
    """Finished articles as they come, without end; acknowledged when the loop asks for the next. See `Subscription`.

    With a filter such as `where="language == 'ru' and topic.under('medtop:11000000')"` only those that it lets through.

    In the main task of `asyncio.run`, Ctrl-C ends the loop once its body is done with the current article.
    """
    async with AsyncClient.from_url(redis_url) as client:
        subscription = client.subscribe(group, start=start, consumer=consumer, claim_after=claim_after, where=where)
        loop, is_over = asyncio.get_running_loop(), asyncio.Event()
        over = asyncio.ensure_future(is_over.wait())
        coming: asyncio.Future[FinishedArticle] | None = None
        try:
            with on_interrupt(partial(loop.call_soon_threadsafe, is_over.set), within_loop=True):
                while not is_over.is_set():
                    coming = asyncio.ensure_future(subscription.__anext__())
                    await asyncio.wait((coming, over), return_when=asyncio.FIRST_COMPLETED)
                    if not coming.done():
                        break
                    yield coming.result()
            with suppress(RedisError, OSError):  # it would only come again
                await subscription.acknowledge()
        finally:
            await end([waiting for waiting in (over, coming) if waiting is not None])
            await subscription.aclose()
