"""Follows redirects, one request at a time; what is to happen before each request and at each hop is the caller's.

A chain has cookies of its own, because sites send a reader over a gate that sets one and back; they end with it. So it is
a loop only when the same address would be asked with the same cookies again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import aiohttp
from yarl import URL

from coranto.http.client import WebResponse
from coranto.http.page.refresh import find_refresh
from coranto.urls import parse

Get = Callable[[str], Awaitable[WebResponse]]
"""Makes one request to an address."""

OnRedirect = Callable[[WebResponse, str], None]
"""Told of each redirect and where it leads, before the next request. What it raises ends the chain."""

_MOST_COOKIES: Final = 50
_LONGEST_COOKIE: Final = 4096  # RFC 6265, 6.1


class TooManyRedirectsError(Exception):
    """The chain of redirects is longer than allowed."""

    def __init__(self, most: int, url: str) -> None:
        super().__init__(f"more than {most} redirects, the last to {url[:200]}")


class RedirectLoopError(TooManyRedirectsError):
    """The chain leads back to where it has been."""

    def __init__(self, url: str) -> None:
        Exception.__init__(self, f"the redirects lead back to {url[:200]}")


class RedirectChain:
    """The cookies of one chain of redirects, and where it has been."""

    def __init__(self, set_cookies: Iterable[tuple[str, str]] = ()) -> None:
        """`set_cookies` are those of a chain that was interrupted."""
        self.set_cookies: list[tuple[str, str]] = []
        """The Set-Cookie lines so far, each with the address that sent it."""
        self._jar: aiohttp.CookieJar | None = None
        self._asked: set[tuple[str, str]] = set()
        for url, line in set_cookies:
            self._keep(url, line)

    def headers(self, url: str) -> dict[str, str]:
        """The Cookie header of a request to this address, if it has any."""
        if self._jar is None:
            return {}
        cookies = self._jar.filter_cookies(_as_url(url))
        line = "; ".join(f"{name}={morsel.coded_value}" for name, morsel in cookies.items())
        return {"Cookie": line} if line else {}

    def note(self, response: WebResponse) -> None:
        """Keep the cookies of a response, and that its address was asked."""
        self._asked.add((response.url.partition("#")[0], self.headers(response.url).get("Cookie", "")))
        for line in response.headers.getall("Set-Cookie", ()):
            self._keep(response.url, line)

    def would_repeat(self, url: str) -> bool:
        """Whether a request to this address would be one that was made before, cookies included."""
        return (url, self.headers(url).get("Cookie", "")) in self._asked

    def _keep(self, url: str, line: str) -> None:
        if len(self.set_cookies) >= _MOST_COOKIES or len(line) > _LONGEST_COOKIE:
            return
        plain = line.encode("utf-8", "surrogateescape").decode("latin-1")
        if not plain.isprintable():
            return
        self.set_cookies.append((url, line))
        if self._jar is None:
            # Many a site is an address on loopback in tests and in networks of one's own.
            self._jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False)
        self._jar.update_cookies_from_headers([plain], _as_url(url))


def _as_url(url: str) -> URL:
    return URL(str(parse(url)), encoded=True)


async def follow_redirects(
    url: str,
    get: Get,
    *,
    most: int,
    on_redirect: OnRedirect | None = None,
    chain: RedirectChain | None = None,
    follows_refresh: bool = False,
) -> WebResponse:
    """The first response that is not a redirect.

    For a chain that keeps cookies, `get` sends the headers of `chain`. With `follows_refresh`, a page that does nothing but
    send its reader on is a redirect too. Raises TooManyRedirectsError, its subclass RedirectLoopError, and
    UnsupportedUrlError for a bad target.
    """
    chain = chain if chain is not None else RedirectChain()
    for _ in range(most + 1):
        response = await get(url)
        chain.note(response)
        target = response.location
        if target is None and follows_refresh:
            target = find_refresh(response)
        if target is None:
            return response
        target = target.partition("#")[0]
        if on_redirect is not None:
            on_redirect(response, target)
        if chain.would_repeat(target):
            raise RedirectLoopError(target)
        url = target
    raise TooManyRedirectsError(most, url)
