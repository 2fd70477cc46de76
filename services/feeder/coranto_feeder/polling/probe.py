"""Finds out whether an address is a feed, by fetching it and looking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from coranto.http import RefusedHereError, TooManyRedirectsError, WebError
from coranto.http.robots.cache import RobotsUnreachableError
from coranto.urls import UnsupportedUrlError
from coranto_feeder.polite_client import PoliteClient, RobotsDeniedError
from coranto_feeder.polling.feed_parser_pool import FeedParserPool
from coranto_feeder.sources import NotAFeedError

Probe = Callable[[str], Awaitable[Literal["feed", "page"]]]
"""Says what an address is. Raises ProbeFailedError when that could not be found out."""


class ProbeFailedError(Exception):
    """The host could not be asked; the text says what was seen."""


class WebProbe:
    """Asks over the web."""

    def __init__(self, client: PoliteClient, parser: FeedParserPool) -> None:
        self._client = client
        self._parser = parser

    async def __call__(self, url: str) -> Literal["feed", "page"]:
        """What the address is. What can never be fetched counts as a page: the fetcher will say why.

        Raises ProbeFailedError when asking again later may help, and HostBusyError when it is not the host's turn.
        """
        try:
            lease = await self._client.acquire(url, f"probe:{url}")
            answer = await self._client.get(url, f"probe:{url}", lease=lease)
        except (RefusedHereError, UnsupportedUrlError, TooManyRedirectsError, RobotsDeniedError):
            return "page"
        except (WebError, RobotsUnreachableError) as error:
            raise ProbeFailedError(str(error)) from error
        response = answer.response
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
