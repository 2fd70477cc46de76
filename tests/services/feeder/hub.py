"""A WebSub hub on loopback: takes subscriptions, asks back whether they were meant, and sends what changes, signed."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class Hub:
    """What it was asked for, and what it does about it."""

    url: str = ""
    requests: list[dict[str, str]] = field(default_factory=list)
    subscribers: dict[str, dict[str, str]] = field(default_factory=dict)
    """By topic: what the subscriber asked for, once it has said that it meant it."""
    answers: list[tuple[int, str]] = field(default_factory=list)
    """How subscribers answered when they were asked back: status and text."""
    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    lease_seconds: str | None = "86400"
    asks_back: bool = True

    async def handle(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append(form | {"path": request.path, "type": request.content_type})
        if self.status == 202 and self.asks_back:
            # Before it answers, as some do: the subscriber must know by then what it wants.
            await self.ask_back(form)
        return web.Response(status=self.status, headers=self.headers)

    async def ask_back(self, form: dict[str, str], **more: str) -> tuple[int, str]:
        """Ask the callback whether it meant this; gives status and text."""
        query = {name: form[name] for name in ("hub.mode", "hub.topic")} | {"hub.challenge": "a challenge"}
        if form["hub.mode"] == "subscribe" and self.lease_seconds is not None:
            query["hub.lease_seconds"] = self.lease_seconds
        query |= more
        async with aiohttp.ClientSession() as session, session.get(form["hub.callback"], params=query) as answer:
            said = answer.status, await answer.text()
        self.answers.append(said)
        if said == (200, query["hub.challenge"]):
            if form["hub.mode"] == "subscribe":
                self.subscribers[form["hub.topic"]] = form
            else:
                self.subscribers.pop(form["hub.topic"], None)
        return said

    async def publish(self, topic: str, body: bytes, *, method: str = "sha256", signature: str | None = None) -> int:
        """Send the topic's new content to its subscriber; gives the status of its answer."""
        subscriber = self.subscribers[topic]
        if signature is None:
            signature = f"{method}={hmac.new(subscriber['hub.secret'].encode(), body, method).hexdigest()}"
        headers = {"Content-Type": "application/atom+xml", "Link": f'<{self.url}>; rel="hub", <{topic}>; rel="self"'}
        if signature:
            headers["X-Hub-Signature"] = signature
        async with (
            aiohttp.ClientSession() as session,
            session.post(subscriber["hub.callback"], data=body, headers=headers) as answer,
        ):
            return answer.status


@asynccontextmanager
async def served_hub() -> AsyncIterator[Hub]:
    """A hub on a port of its own."""
    hub = Hub()
    app = web.Application()
    app.router.add_post("/{path:.*}", hub.handle)
    async with TestServer(app) as server:
        hub.url = str(server.make_url("/hub"))
        yield hub
        await asyncio.sleep(0)
