"""Server-Sent Events as an ASGI answer.

Of our own, in few lines: every sign of life carries the reader's place, a reader that does not take what it is sent is cut
off, and one that has gone is noticed at once. The library for it watches signals that belong to us here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Final

from redis.exceptions import RedisError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from coranto.streams.tasks import end
from coranto_gateway.monitoring.metrics import Metrics

_ASK_EVERY_SECONDS: Final = 3.0
_HEADERS: Final = {
    "cache-control": "no-store",
    # nginx would collect what is sent until it has enough.
    "x-accel-buffering": "no",
}


def write_event(data: str, *, position: str | None = None, name: str | None = None) -> bytes:
    """One event. Its data may be of several lines."""
    # Not splitlines: of all that Python takes for the end of a line, JSON escapes only what ends one here too.
    lines = [f"data: {line}" for line in data.split("\n")]
    if name is not None:
        lines.insert(0, f"event: {name}")
    if position is not None:
        lines.insert(0, f"id: {position}")
    return ("\n".join(lines) + "\n\n").encode()


def write_sign_of_life(position: str, text: str) -> bytes:
    """No event, but a reader keeps the position all the same."""
    return f"id: {position}\n: {text}\n\n".encode()


class EventStream(Response):
    """Sends what the generator gives until it ends, its reader goes or may not read any more, or `stop` is set."""

    media_type = "text/event-stream"

    def __init__(
        self,
        chunks: AsyncGenerator[bytes, None],
        *,
        send_timeout: float,
        stop: asyncio.Event,
        may_read: Callable[[], Awaitable[bool]],
        metrics: Metrics,
    ) -> None:
        """`may_read` is asked every few seconds."""
        # Not the parent's: it would state the length of a body that there is not.
        self.status_code = 200
        self.background = None
        self.init_headers(_HEADERS)
        self._chunks = chunks
        self._send_timeout = send_timeout
        self._stop = stop
        self._may_read = may_read
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        del scope
        tasks = [
            asyncio.create_task(self._send(send)),
            asyncio.create_task(_gone(receive)),
            asyncio.create_task(self._stop.wait()),
            asyncio.create_task(self._refused()),
        ]
        self._metrics.stream_readers.inc()
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            sending, _, *stopping = tasks
            if any(task.done() for task in stopping) and not sending.done():
                await end([sending])
                async with asyncio.timeout(1):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif sending.done():
                sending.result()
        except TimeoutError:
            # The connection is closed behind us; the reader comes back with its place when it can.
            pass
        finally:
            self._metrics.stream_readers.dec()
            await end(tasks)
            await self._chunks.aclose()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for chunk in self._chunks:
            async with asyncio.timeout(self._send_timeout):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def _refused(self) -> None:
        is_refused = False
        while not is_refused:
            await asyncio.sleep(_ASK_EVERY_SECONDS)
            with suppress(RedisError, OSError):  # nobody knows, so the reader keeps what it had
                is_refused = not await self._may_read()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
