"""`subscribe` and `submit` for programs without an event loop.

The asynchronous client runs in a thread of its own, so that claims are renewed while a loop body works.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Literal, TypeVar

from coranto.client import client
from coranto.client.client import Receipt, Start
from coranto.records import FinishedArticle

T = TypeVar("T")


class _Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="coranto", daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=5)
        self.loop.close()


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
    is_revisit: bool = False,
    redis_url: str | None = None,
) -> list[Receipt]:
    """As `coranto.submit`."""
    return asyncio.run(client.submit(*urls, kind=kind, source=source, is_revisit=is_revisit, redis_url=redis_url))


def subscribe(
    group: str,
    *,
    start: Start = "now",
    consumer: str | None = None,
    claim_after: timedelta = timedelta(seconds=30),
    redis_url: str | None = None,
) -> Iterator[FinishedArticle]:
    """As `coranto.subscribe`."""
    with _running_loop() as loop:

        async def connect() -> client.AsyncClient:
            return client.AsyncClient.from_url(redis_url)

        connection = loop.wait(connect())
        subscription = connection.subscribe(group, start=start, consumer=consumer, claim_after=claim_after)
        try:
            while True:
                yield loop.wait(subscription.__anext__())
        finally:
            loop.wait(subscription.aclose())
            loop.wait(connection.close())
