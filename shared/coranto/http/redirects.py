"""Follows redirects, one request at a time; what is to happen before each request and at each hop is the caller's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from coranto.http.client import WebResponse

Get = Callable[[str], Awaitable[WebResponse]]
"""Makes one request to an address."""

OnRedirect = Callable[[WebResponse, str], None]
"""Told of each redirect and where it leads, before the next request. What it raises ends the chain."""


class TooManyRedirectsError(Exception):
    """The chain of redirects is longer than allowed."""

    def __init__(self, most: int, url: str) -> None:
        super().__init__(f"more than {most} redirects, the last to {url[:200]}")


async def follow_redirects(url: str, get: Get, *, most: int, on_redirect: OnRedirect | None = None) -> WebResponse:
    """The first response that is not a redirect. Raises TooManyRedirectsError, and UnsupportedUrlError for a bad target."""
    for _ in range(most + 1):
        response = await get(url)
        target = response.location
        if target is None:
            return response
        url = target.partition("#")[0]
        if on_redirect is not None:
            on_redirect(response, url)
    raise TooManyRedirectsError(most, url)
