"""The small HTTP server that hubs talk to: they ask whether we meant to subscribe, and send what has changed.

Strangers reach it. So many may be connected at once, and each must send the head of its request within a time. A body is read
piece by piece for its signature, within a time and a size, so many at once, and kept nowhere. Whoever does not know a
subscription's address is told nothing but that there is none.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from functools import partial
from typing import Final, cast

from aiohttp import web
from aiohttp.typedefs import Handler

from coranto.worker.log import get_logger, without_query
from coranto_feeder.feed_metrics import FeedMetrics
from coranto_feeder.websub.subscriptions import SignatureCheck, Subscriber

WEBSUB_LISTENING: Final = "websub.listening"
WEBSUB_IGNORED: Final = "websub.ignored"

_LONGEST_IDLE: Final = timedelta(seconds=10)
"""For the head of a request, and between two of one connection."""
_MOST_CONNECTIONS: Final = 512
_LONGEST_READ: Final = timedelta(seconds=30)
_MOST_AT_ONCE: Final = 64
_PIECE: Final = 64 * 1024
_PLAIN: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class CallbackServer:
    """Serves the addresses that hubs were given."""

    def __init__(
        self,
        subscriber: Subscriber,
        *,
        host: str,
        port: int,
        max_body_bytes: int,
        longest_idle: timedelta = _LONGEST_IDLE,
        most_connections: int = _MOST_CONNECTIONS,
    ) -> None:
        self._subscriber = subscriber
        self._host = host
        self._port = port
        self._max_body_bytes = max_body_bytes
        self._longest_idle = longest_idle
        self._most_connections = most_connections
        self._bodies = 0
        self._busy: set[web.RequestHandler] = set()
        """Connections on which a request is being answered."""
        self._heard: set[web.RequestHandler] = set()
        """Connections on which a request has come."""
        self.metrics: FeedMetrics | None = None
        self.address: str | None = None
        """Where it listens, while it does."""
        self._log = get_logger(service="feeder")

    async def run(self) -> None:
        """Serve until cancelled. Raises OSError when the address cannot be listened on."""
        app = web.Application(middlewares=[self._note_busy])
        # The last part names the subscription: a proxy may leave out or add what is before it.
        app.router.add_get("/{path:.*}", self._verify)
        app.router.add_post("/{path:.*}", self._take)
        # The signature is one of what was sent, so nothing is unpacked.
        runner = web.AppRunner(
            app, access_log=None, auto_decompress=False, keepalive_timeout=self._longest_idle.total_seconds()
        )
        await runner.setup()
        listener: asyncio.Server | None = None
        try:
            connect = partial(self._connect, cast("web.Server", runner.server))
            listener = await asyncio.get_running_loop().create_server(connect, self._host, self._port)
            host, port = listener.sockets[0].getsockname()[:2]
            self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            self._log.info(WEBSUB_LISTENING, address=self.address)
            await self._end_silent(cast("web.Server", runner.server))
        finally:
            self.address = None
            if listener is not None:
                listener.close()
            await runner.cleanup()

    def _connect(self, server: web.Server) -> asyncio.BaseProtocol:
        """What serves a new connection. Where there are too many, one that has nothing to say makes room, or there is none."""
        connected = server.connections
        if len(connected) >= self._most_connections:
            idle = next((one for one in connected if one not in self._busy and one.transport is not None), None)
            if idle is None:
                return _HangsUp()
            idle.force_close()  # the oldest: they stand in the order of their coming
        return server()

    async def _end_silent(self, server: web.Server) -> None:
        """End connections on which no request comes, until cancelled. Between two requests aiohttp sees to it."""
        since: dict[web.RequestHandler, float] = {}
        longest = self._longest_idle.total_seconds()
        while True:
            await asyncio.sleep(longest / 4)
            now, connected = time.monotonic(), server.connections
            self._heard.intersection_update(connected)
            since = {one: since.get(one, now) for one in connected if one not in self._heard}
            for one, begun in since.items():
                if now - begun >= longest:
                    one.force_close()

    @web.middleware
    async def _note_busy(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._busy.add(request.protocol)
        self._heard.add(request.protocol)
        try:
            return await handler(request)
        finally:
            self._busy.discard(request.protocol)

    async def _verify(self, request: web.Request) -> web.Response:
        challenge = await self._subscriber.verify(_token_of(request), request.query)
        if challenge is None:
            return web.Response(status=404, headers=_PLAIN)
        return web.Response(text=challenge, headers=_PLAIN)

    async def _take(self, request: web.Request) -> web.Response:
        if self._bodies >= _MOST_AT_ONCE:
            return self._answered("busy", 503, {"Retry-After": "10"})
        self._bodies += 1
        try:
            async with asyncio.timeout(_LONGEST_READ.total_seconds()):
                return await self._take_body(request)
        except TimeoutError:
            return self._answered("too_slow", 408)
        finally:
            self._bodies -= 1

    async def _take_body(self, request: web.Request) -> web.Response:
        subscription = await self._subscriber.find(_token_of(request))
        if subscription is None:
            return self._answered("unknown", 410)
        check = SignatureCheck(subscription.secret, request.headers.get("X-Hub-Signature", ""))
        length = 0
        async for piece in request.content.iter_chunked(_PIECE):
            length += len(piece)
            if length > self._max_body_bytes:
                return self._answered("too_large", 413)
            check.update(piece)
            await asyncio.sleep(0)  # others have their turn, however fast a body comes
        if not check.is_passed():
            # Taken and ignored, as the recommendation has it: an error would tell a stranger more than it need know.
            self._log.warning(
                WEBSUB_IGNORED, feed=without_query(subscription.feed_url), hub=without_query(subscription.hub)
            )
            return self._answered("wrong_signature", 202)
        if not await self._subscriber.take_notice(subscription):
            return self._answered("unknown", 410)
        return self._answered("taken", 202)

    def _answered(self, outcome: str, status: int, headers: dict[str, str] | None = None) -> web.Response:
        if self.metrics is not None:
            self.metrics.notices.labels(outcome).inc()
        return web.Response(status=status, headers=_PLAIN | (headers or {}))


class _HangsUp(asyncio.Protocol):
    """Ends a connection as soon as it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()


def _token_of(request: web.Request) -> str:
    return request.path.rpartition("/")[2][:200]
