"""A receiver of webhooks on loopback that answers as a test wants, and can be away for a while."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

Reply = tuple[int, dict[str, str], str]


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    headers: dict[str, str]
    body: bytes
    status: int
    """What it was answered with."""
    path: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers 204, or what `reply` says."""

    reply: Callable[[Any], Reply | int] = lambda _: 204
    requests: list[Received] = field(default_factory=list)
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in"

    @property
    def accepted(self) -> list[Received]:
        return [each for each in self.requests if 200 <= each.status < 300]

    @property
    def articles(self) -> list[str]:
        """Addresses of the articles that it took, in order."""
        return [each.message["data"]["url"] for each in self.accepted if each.message["type"] == "article.finished"]

    async def begin(self) -> None:
        """Answer from now on, always at the same port."""
        app = web.Application(client_max_size=10_000_000)
        app.router.add_post("/{path:.*}", self._take)
        app.router.add_put("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def end(self) -> None:
        """Be away."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        reply = self.reply(json.loads(body))
        status, headers, text = (reply, {}, "") if isinstance(reply, int) else reply
        self.requests.append(
            Received({k.lower(): v for k, v in request.headers.items()}, body, status, request.raw_path)
        )
        return web.Response(status=status, headers=headers, text=text)
