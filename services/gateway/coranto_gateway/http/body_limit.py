"""Refuses request bodies that are too large, by what they state and by what comes, and those that do not come to an end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coranto_gateway.http.problems import Problem

_DISCARD_SECONDS: Final = 2.0


class BodyLimit:
    """Passes on requests with a body of at most `max_bytes` that comes in time."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        stated = Headers(scope=scope).get("content-length", "0")
        if not stated.isdigit() or int(stated) > self._max_bytes:
            await self._problem().to_response()(scope, receive, send)
            return
        received, is_whole = 0, False
        deadline = asyncio.get_running_loop().time() + self._seconds

        async def limited_receive() -> Message:
            nonlocal received, is_whole
            try:
                # Behind the body, streams wait here until their reader has gone.
                async with asyncio.timeout_at(None if is_whole else deadline):
                    message = await receive()
            except TimeoutError as error:
                detail = f"the request's body did not come to its end within {self._seconds:g} s"
                raise Problem(408, "too-slow", detail, headers={"Connection": "close"}) from error
            if message["type"] == "http.request":
                is_whole = not message.get("more_body", False)
                received += len(message.get("body", b""))
                if received > self._max_bytes:
                    await self._discard(message, receive)
                    raise self._problem()
            return message

        await self._app(scope, limited_receive, send)

    async def _discard(self, message: Message, receive: Receive) -> None:
        """Take a little more: a connection that is closed on a client that still sends is reset, and the answer lost."""
        left = max(4 * self._max_bytes, 1_000_000)
        with suppress(TimeoutError):
            async with asyncio.timeout(_DISCARD_SECONDS):
                while message["type"] == "http.request" and message.get("more_body") and left > 0:
                    message = await receive()
                    left -= len(message.get("body", b"")) + 1

    def _problem(self) -> Problem:
        detail = f"the request's body is larger than {self._max_bytes} bytes, the most that is taken"
        return Problem(413, "body-too-large", detail, headers={"Connection": "close"})
