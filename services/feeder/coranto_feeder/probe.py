"""Asks an address whether it is a feed, by getting it and looking."""

from __future__ import annotations

from typing import Literal

from coranto.http import PrivateAddressError, WebClient, WebError
from coranto.urls import UnsupportedUrlError
from coranto_feeder.feeds import NotAFeedError
from coranto_feeder.reading import FeedReader
from coranto_feeder.stage import ProbeFailedError

_MOST_HOPS = 5


class WebProbe:
    """Asks over the web."""

    def __init__(self, web: WebClient, reader: FeedReader) -> None:
        self._web = web
        self._reader = reader

    async def __call__(self, url: str) -> Literal["feed", "page"]:
        """What the address is. What cannot be got for good counts as a page: the fetcher says why.

        Raises ProbeFailedError when asking again later may help.
        """
        try:
            for _ in range(_MOST_HOPS + 1):
                response = await self._web.get(url, wants_body=lambda status, _: status == 200)
                if response.location is None:
                    break
                url = response.location
        except (PrivateAddressError, UnsupportedUrlError):
            return "page"
        except WebError as error:
            raise ProbeFailedError(str(error)) from error
        if response.status == 429 or response.status >= 500:
            raise ProbeFailedError(f"status {response.status}")
        if response.status != 200:
            return "page"
        try:
            content_type = response.headers.get("Content-Type")
            await self._reader.read(response.body, url=response.url, content_type=content_type)
        except NotAFeedError:
            return "page"
        return "feed"
