"""`subscribe` and `submit` for programs without an event loop.

The asynchronous client runs in a thread of its own, so that claims are renewed while a loop body works.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Literal, TypeVar

from redis.exceptions import RedisError

from coranto.client import client
from coranto.client.interrupt import on_interrupt
from coranto.client.receipt import Receipt
from coranto.client.subscription import Start
from coranto.filter import Filter
from coranto.records import FinishedArticle
from coranto.streams.tasks import end

T = TypeVar("T")


class _Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="coranto", daemon=True)
        self._thread.start()

    def begin(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start the work; cancelling its future cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work."""
        return self.begin(work).result()

    def close(self) -> None:
        """Cancel what still runs, wait for it, and end the thread."""

        async def end_all() -> None:
            await end(task for task in asyncio.all_tasks() if task is not asyncio.current_task())

        self.wait(end_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=5)
        self.loop.close()


def _result(work: concurrent.futures.Future[T]) -> T:
    """What the work comes to. Looked after twice a second: a signal handler's `cancel` can slip by one that begins to wait."""
    while True:
        try:
            return work.result(timeout=0.5)
        except TimeoutError:
            if work.done():
                return work.result()


@contextmanager
def _running_loop() -> Iterator[_Loop]:
    loop = _Loop()
    try:
        yield loop
    finally:
        loop.close()


def submit(
    *urls: str,
    kind: Literal["auto", "page", "feed"] = "auto",
    source: str = "submit",
    is_recrawl: bool = False,
    redis_url: str | None = None,
) -> list[Receipt]:
    """As `coranto.submit`."""
    return asyncio.run(client.submit(*urls, kind=kind, source=source, is_recrawl=is_recrawl, redis_url=redis_url))


def subscribe(
    group: str,
    *,
    start: Start = "now",
    consumer: str | None = None,
    claim_after: timedelta = timedelta(seconds=30),
    where: str | Filter | None = None,
    redis_url: str | None = None,
) -> Iterator[FinishedArticle]:
    """As `coranto.subscribe`, except that a loop body may block for as long as it likes: claims are renewed meanwhile.

    In the main thread, Ctrl-C ends the loop once its body is done with the current article.
    """
    with _running_loop() as loop:

        async def connect() -> client.AsyncClient:
            return client.AsyncClient.from_url(redis_url)

        connection = loop.wait(connect())
        subscription = connection.subscribe(group, start=start, consumer=consumer, claim_after=claim_after, where=where)
        coming: concurrent.futures.Future[FinishedArticle] | None = None
        is_over = False

        def interrupt() -> None:
            nonlocal is_over
            is_over = True
            if coming is not None:
                coming.cancel()

        try:
            with on_interrupt(interrupt, within_loop=False):
                while True:
                    # By itself, before it may be interrupted: what is acknowledged then is what the loop body has done, and not
                    # an article that was about to come. When it fails, __anext__ tries again.
                    with suppress(RedisError, OSError):
                        loop.wait(subscription.acknowledge())
                    if is_over:
                        break
                    coming = loop.begin(subscription.__anext__())
                    if is_over:  # it came between the two lines above
                        break
                    try:
                        article = _result(coming)
                    except concurrent.futures.CancelledError:
                        break
                    coming = None
                    yield article
        finally:
            if coming is not None:
                coming.cancel()
            loop.wait(subscription.aclose())
            loop.wait(connection.close())
