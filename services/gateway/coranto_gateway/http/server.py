"""Serves the application on a socket with uvicorn, in one process, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from coranto_gateway.settings import GatewaySettings

_BACKLOG = 512


class _Protocol(H11Protocol):
    """Closes connections on which no whole head of a request comes in time: uvicorn would keep them for as long as they live."""

    def __init__(self, *args: Any, seconds: float, **named: Any) -> None:
        super().__init__(*args, **named)
        self._seconds = seconds
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first head."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self._seconds, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Read on; between two requests without any data, uvicorn's own time for idle connections runs."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_timer()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self._seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes."""
        self._forget_timer()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        self._head_timer = None
        self.transport.close()

    def _forget_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn raises them again once it has stopped, which would end the process before we are done."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


def listen(settings: GatewaySettings) -> socket.socket:
    """A listening socket. Raises OSError, which names the address, when it cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((settings.host, settings.port))
    except OSError as error:
        sock.close()
        text = f"cannot listen on {settings.host} port {settings.port}: {error.strerror}; set CORANTO_GATEWAY__PORT"
        raise OSError(error.errno, text) from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # A reader that takes nothing keeps what was written for it in the kernel; its connections inherit this end of that.
        sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(2000 * settings.send_timeout.total_seconds())
        )
    sock.listen(_BACKLOG)
    return sock


def address_of(sock: socket.socket, settings: GatewaySettings) -> str:
    """The base address that the socket answers at."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not listened on
        host = socket.gethostname()
    return settings.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def serve(
    app: ASGIApp,
    sock: socket.socket,
    settings: GatewaySettings,
    *,
    stop: asyncio.Event,
    on_stopping: Callable[[], None],
) -> None:
    """Serve until `stop` is set; requests in progress have the grace period, streams are told by `on_stopping`."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # What a proxy says of the client changes nothing here, so nobody can invent it.
        proxy_headers=False,
        # Without it, uvicorn waits for streams without end.
        timeout_graceful_shutdown=max(1, round(settings.grace_period.total_seconds())),
        ws="none",
        http=cast("type[asyncio.Protocol]", partial(_Protocol, seconds=settings.receive_timeout.total_seconds())),
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([sock]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    on_stopping()
    server.should_exit = True
    await serving


@contextmanager
def stop_on_signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
