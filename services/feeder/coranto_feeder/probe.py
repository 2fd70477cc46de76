"""Finds out whether an address is a feed, by fetching it and looking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal

from coranto.http import (
    PrivateAddressError,
    RedirectChain,
    TooManyRedirectsError,
    WebClient,
    WebError,
    WebResponse,
    follow_redirects,
)
from coranto.urls import UnsupportedUrlError
from coranto_feeder.feed_parser_pool import FeedParserPool
from coranto_feeder.sources import NotAFeedError

_MOST_REDIRECTS: Final = 5

Probe = Callable[[str], Awaitable[Literal["feed", "page"]]]
"""Says what an address is. Raises ProbeFailedError when that could not be found out."""


class ProbeFailedError(Exception):
    """The host could not be asked; the text says what was seen."""


class WebProbe:
    """Asks over the web."""

    def __init__(self, web: WebClient, parser: FeedParserPool) -> None:
        self._web = web
        self._parser = parser

    async def __call__(self, url: str) -> Literal["feed", "page"]:
        """What the address is. What can never be fetched counts as a page: the fetcher will say why.

        Raises ProbeFailedError when asking again later may help.
        """
        chain = RedirectChain()

        async def get(url: str) -> WebResponse:
            return await self._web.get(url, headers=chain.headers(url), wants_body=lambda status, _: status == 200)

        try:
            response = await follow_redirects(url, get, most=_MOST_REDIRECTS, chain=chain)
        except (PrivateAddressError, UnsupportedUrlError, TooManyRedirectsError):
            return "page"
        except WebError as error:
            raise ProbeFailedError(str(error)) from error
        if response.status == 429 or response.status >= 500:
            raise ProbeFailedError(f"status {response.status}")
        if response.status != 200:
            return "page"
        try:
            content_type = response.headers.get("Content-Type")
            await self._parser.parse(response.body, url=response.url, content_type=content_type)
        except NotAFeedError:
            return "page"
        return "feed"
