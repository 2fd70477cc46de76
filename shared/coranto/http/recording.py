"""A web client with a note of every request, for whoever wants to show what a page or feed did."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from multidict import CIMultiDictProxy

from coranto.http.client import WebClient, WebResponse
from coranto.http.errors import WebError
from coranto.http.limits import WebLimits
from coranto.http.response.decoding import BodySink


@dataclass(frozen=True, slots=True)
class Hop:
    """One request."""

    url: str
    status: int | None
    """None when there was no usable response."""
    elapsed_ms: int
    error: str | None = None

    def as_document(self) -> dict[str, str | int | None]:
        """The request for JSON."""
        return {"url": self.url, "status": self.status, "elapsed_ms": self.elapsed_ms, "error": self.error}


class RecordingClient(WebClient):
    """Another client, whose connections it uses and leaves open."""

    def __init__(self, web: WebClient) -> None:  # it has no connections of its own to make ready
        self._web = web
        self.limits = web.limits
        self.hops: list[Hop] = []
        self.notes: list[str] = []
        """What was wrong with the responses and could be put right."""

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limits: WebLimits | None = None,
        wants_body: Callable[[int, CIMultiDictProxy[str]], bool] | None = None,
        into: BodySink | None = None,
    ) -> WebResponse:
        """The response, as the other client gives it."""
        started = time.monotonic()
        try:
            response = await self._web.get(url, headers=headers, limits=limits, wants_body=wants_body, into=into)
        except WebError as error:
            elapsed = round((time.monotonic() - started) * 1000)
            self.hops.append(Hop(url, None, elapsed, f"{type(error).__name__}: {error}"[:500]))
            raise
        self.hops.append(Hop(response.url, response.status, response.elapsed_ms))
        self.notes += response.notes
        return response

    async def close(self) -> None:
        """Nothing: the other client is closed by whoever made it."""
