"""Parses feeds in processes of their own: one that never ends or takes all memory costs only its process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from coranto.process_pool import OverdueError, ProcessLostError, ProcessPool
from coranto_feeder.sources import FeedLimits, NotAFeedError, ParsedFeed, parse_feed, parse_feed_file
from coranto_feeder.sources.home_page import find_feeds_in_bytes, read_home_page

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_PAGE_BYTES: Final = 2_000_000
"""Of a page, no more is looked at."""


class UnreadableFeedError(NotAFeedError):
    """The document could not be read to its end."""


class FeedParserPool:
    """Parses feeds, sitemaps and home pages; its processes start with the first one."""

    def __init__(self, limits: FeedLimits, *, processes: int, deadline: timedelta, max_process_bytes: int) -> None:
        self._limits = limits
        self._processes = ProcessPool(
            processes,
            deadline=deadline,
            preload=("coranto_feeder.sources", "coranto_feeder.sources.home_page"),
            max_bytes=max_process_bytes,
        )
        self.stop = self._processes.stop

    async def parse(self, body: bytes | Path, *, url: str, content_type: str | None) -> ParsedFeed:
        """The feed in `body`, or in the file there, fetched from `url`.

        Raises NotAFeedError when it is none, UnreadableFeedError when reading it costs too much, and OSError.
        """
        if isinstance(body, Path):
            size = (await asyncio.to_thread(body.stat)).st_size
            return await self._call(
                size, parse_feed_file, body, url=url, content_type=content_type, limits=self._limits
            )
        return await self._call(len(body), parse_feed, body, url=url, content_type=content_type, limits=self._limits)

    async def find_feeds(self, body: bytes, *, url: str, content_type: str | None) -> list[str]:
        """Addresses of the feeds that the page at `url` names. Raises UnreadableFeedError when it costs too much."""
        body = body[:LONGEST_PAGE_BYTES]
        return await self._call(len(body), find_feeds_in_bytes, body, url=url, content_type=content_type)

    async def read_home_page(self, body: bytes, *, url: str, content_type: str | None) -> ParsedFeed:
        """The articles that the page at `url` links to. Raises UnreadableFeedError when it costs too much."""
        body = body[:LONGEST_PAGE_BYTES]
        return await self._call(len(body), read_home_page, body, url=url, content_type=content_type)

    async def _call(self, size: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self._processes.call(function, *args, **kwargs)
        except OverdueError as error:
            raise UnreadableFeedError(f"reading {size} bytes took {error}") from error
        except ProcessLostError as error:
            raise UnreadableFeedError(f"reading {size} bytes ended the process: {error}") from error
