"""Reads feeds in processes of their own: one that takes for ever, or all memory, costs its process only."""

from __future__ import annotations

from datetime import timedelta

from coranto.process_pool import OverdueError, Processes, ProcessLostError
from coranto_feeder.feeds import FeedLimits, NotAFeedError, ParsedFeed, parse_feed


class UnreadableFeedError(NotAFeedError):
    """The document could not be read to its end."""


class FeedReader:
    """Reads feeds and sitemaps; its processes start with the first one."""

    def __init__(self, limits: FeedLimits, *, processes: int, deadline: timedelta, max_process_bytes: int) -> None:
        self._limits = limits
        self._processes = Processes(
            processes, deadline=deadline, preload=("coranto_feeder.feeds",), max_bytes=max_process_bytes
        )
        self.stop = self._processes.stop

    async def read(self, body: bytes, *, url: str, content_type: str | None) -> ParsedFeed:
        """The feed in `body`, got from `url`. Raises NotAFeedError when it is none, UnreadableFeedError when it costs too much."""
        try:
            return await self._processes.call(parse_feed, body, url=url, content_type=content_type, limits=self._limits)
        except OverdueError as error:
            raise UnreadableFeedError(f"reading {len(body)} bytes took {error}") from error
        except ProcessLostError as error:
            raise UnreadableFeedError(f"reading {len(body)} bytes ended the process: {error}") from error
