"""Finds what to poll when somebody names a site: the address itself, or else the best that its home page and host offer.

In this order: the feeds that the page names, feeds at addresses where most sites have them, the sitemaps that robots.txt
names, and as a last resort the links on the page. Everything found is read before it is believed.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final

from coranto.domains import is_same_site
from coranto.http import TooManyRedirectsError, WebError, WebResponse
from coranto.http.robots.cache import RobotsUnreachableError
from coranto.sources.kinds import SourceKind
from coranto.urls import UnsupportedUrlError, host_of, join, parse
from coranto_feeder.polite_client import HostBusyError, PoliteClient, RobotsDeniedError
from coranto_feeder.polling.feed_parser_pool import FeedParserPool
from coranto_feeder.sources import NotAFeedError, ParsedFeed

_WELL_KNOWN_FEEDS: Final = ("/feed", "/rss.xml", "/rss", "/feed.xml", "/atom.xml", "/index.xml", "/feed.json")
_WELL_KNOWN_SITEMAPS: Final = ("/news-sitemap.xml", "/sitemap-news.xml", "/sitemap.xml")
_SITEMAP_LINE: Final = re.compile(r"^[ \t]*sitemap[ \t]*:[ \t]*(\S{1,2000})", re.IGNORECASE | re.MULTILINE)
_COMMENTS: Final = re.compile(r"comment|kommentar", re.IGNORECASE)
_MOST_READ: Final = 6
_MOST_CHOSEN: Final = 4
_LEAST_LINKS: Final = 3


@dataclass(frozen=True, slots=True)
class FoundSource:
    """One source that can be polled."""

    url: str
    how: str
    """How it was found, in words."""
    kind: SourceKind
    title: str | None
    entries: int


class NothingFoundError(Exception):
    """There is nothing at the address that could be polled; the text says what was tried."""


class SourceFinder:
    """Looks at sites. Each request waits for its host's turn."""

    def __init__(self, client: PoliteClient, parser: FeedParserPool) -> None:
        self._client = client
        self._parser = parser

    async def find(self, url: str) -> list[FoundSource]:
        """What to poll for this address, best first.

        Raises NothingFoundError, and what the client raises when the address itself cannot be had.
        """
        response = (await self._client.get(url, f"find:{url}")).response
        if response.status != 200:
            raise NothingFoundError(f"{url} answers with status {response.status}")
        try:
            parsed = await self._parse(response)
        except NotAFeedError as error:
            reason = str(error)
        else:
            return [_found(url, "it is one itself", parsed)]
        async for found in self._candidates(response):
            if found:
                return found[:_MOST_CHOSEN]
        raise NothingFoundError(
            f"{url} is not a feed ({reason}), and neither the page, well-known addresses nor robots.txt lead to one"
        )

    async def _candidates(self, page: WebResponse) -> AsyncIterator[list[FoundSource]]:
        """What each way of looking finds, the best way first."""
        content_type = page.headers.get("Content-Type")
        named = await self._parser.find_feeds(page.body, url=page.url, content_type=content_type)
        yield await self._readable([one for one in named if not _COMMENTS.search(one)], "named by the page")
        origin = parse(page.url).origin
        yield await self._readable((origin + path for path in _WELL_KNOWN_FEEDS), "at a well-known address", most=1)
        listed = await self._sitemaps_of(origin)
        listed.sort(key=lambda one: "news" not in one.lower())
        yield await self._readable(listed, "named by robots.txt", most=2)
        yield await self._readable((origin + path for path in _WELL_KNOWN_SITEMAPS), "at a well-known address", most=1)
        links = await self._parser.read_home_page(page.body, url=page.url, content_type=content_type)
        if len(links.entries) >= _LEAST_LINKS:
            yield [_found(page.url, "its own links, as it names no feed", links)]

    async def _readable(self, urls: Iterable[str], how: str, *, most: int = _MOST_CHOSEN) -> list[FoundSource]:
        """Of these addresses those that can be read and have something in them, without those that repeat another."""
        found: list[FoundSource] = []
        seen: list[set[str]] = []
        for number, url in enumerate(dict.fromkeys(urls)):
            if number >= max(_MOST_READ, len(_WELL_KNOWN_FEEDS)) or len(found) >= most:
                break
            try:
                response = (await self._client.get(url, f"find:{url}")).response
                parsed = await self._parse(response) if response.status == 200 else None
            except (
                WebError,
                UnsupportedUrlError,
                TooManyRedirectsError,
                RobotsDeniedError,
                RobotsUnreachableError,
                HostBusyError,
                NotAFeedError,
            ):
                continue
            if parsed is None or not parsed.entries:
                continue
            addresses = {entry.url for entry in parsed.entries}
            # Many sites have one feed in several formats.
            if not any(addresses <= others for others in seen):
                seen.append(addresses)
                found.append(_found(url, how, parsed))
        return found

    async def _sitemaps_of(self, origin: str) -> list[str]:
        try:
            response = (await self._client.get(f"{origin}/robots.txt", f"find:{origin}")).response
        except (WebError, RobotsUnreachableError, UnsupportedUrlError, TooManyRedirectsError, HostBusyError):
            return []
        if response.status != 200:
            return []
        text = response.body[:500_000].decode("utf-8", "replace")
        found = []
        for line in _SITEMAP_LINE.findall(text):
            try:
                url = join(origin, line)
                if is_same_site(host_of(url), host_of(origin)):
                    found.append(url)
            except UnsupportedUrlError:
                continue
        return found

    async def _parse(self, response: WebResponse) -> ParsedFeed:
        return await self._parser.parse(
            response.body, url=response.url, content_type=response.headers.get("Content-Type")
        )


def _found(url: str, how: str, parsed: ParsedFeed) -> FoundSource:
    return FoundSource(url, how, parsed.kind, parsed.title, len(parsed.entries))
