"""Refuses request bodies that are too large, by what they state and by what comes."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coranto_gateway.http.problems import Problem


class BodyLimit:
    """Passes on requests with a body of at most `max_bytes`."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        stated = Headers(scope=scope).get("content-length", "0")
        if not stated.isdigit() or int(stated) > self._max_bytes:
            await self._problem().to_response()(scope, receive, send)
            return
        received = 0

        async def limited_receive() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._max_bytes:
                    await self._discard(message, receive)
                    raise self._problem()
            return message

        await self._app(scope, limited_receive, send)

    async def _discard(self, message: Message, receive: Receive) -> None:
        """Take a little more: a connection that is closed on a client that still sends is reset, and the answer lost."""
        left = max(4 * self._max_bytes, 1_000_000)
        while message["type"] == "http.request" and message.get("more_body") and left > 0:
            message = await receive()
            left -= len(message.get("body", b"")) + 1

    def _problem(self) -> Problem:
        detail = f"the request's body is larger than {self._max_bytes} bytes, the most that is taken"
        return Problem(413, "body-too-large", detail, headers={"Connection": "close"})
