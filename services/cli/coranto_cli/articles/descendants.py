"""What comes of one program's own submissions: its articles and refusals among those of everybody else.

On a Redis that several programs share, and after a run that did not end, events arrive that nobody here has asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from redis.exceptions import RedisError

from coranto.admin.feeds import find_feed
from coranto.admin.pipeline import ConnectedPipeline
from coranto.records import DroppedArticle, FinishedArticle, Submission
from coranto.records.envelope import peek
from coranto.streams.errors import is_transient
from coranto.urls import parse

_PAUSE_SECONDS = 0.5


class Descendants:
    """Tells what descends from the submissions that were noted: they themselves, and what the feeds among them name."""

    def __init__(self, pipeline: ConnectedPipeline) -> None:
        self._pipeline = pipeline
        self._submissions: set[str] = set()
        self._is_own_feed: dict[str, bool] = {}
        self.feeds: dict[str, bool] = {}
        """Addresses that were submitted and may be feeds: whether each was registered as one before."""

    async def note(self, submissions: Sequence[Submission]) -> None:
        """Count what comes of these from now on. To be called before they are submitted."""
        for submission in submissions:
            self._submissions.add(submission.id)
            if submission.saved is None:
                url = str(parse(submission.url)).partition("#")[0]  # as the feeder registers it
                self.feeds[url] = await find_feed(self._pipeline, url) is not None
                self._is_own_feed[url] = True

    def find_url(self, event: bytes) -> str | None:
        """The address in the event, at any stage, if it is of one of the submissions that were noted."""
        fields = peek(event).get("data")
        if not isinstance(fields, dict):
            return None
        discovery = fields.get("discovery")
        submission, where = (
            (discovery.get("submission"), discovery) if isinstance(discovery, dict) else (fields.get("id"), fields)
        )
        return str(where.get("url")) if submission in self._submissions else None

    async def includes(self, record: FinishedArticle | DroppedArticle) -> bool:
        """Whether the record came of one of the submissions."""
        if isinstance(record, FinishedArticle):
            return await self._descends(record.discovery.submission, record.discovery.feed)
        return await self._descends(record.submission, record.feed)

    async def is_of_own_feed(self, record: FinishedArticle) -> bool:
        """Whether the article was found in one of the feeds, now or earlier."""
        feed = record.discovery.feed
        return feed is not None and await self._descends("", feed)

    async def _descends(self, submission: str, feed: str | None) -> bool:
        if submission in self._submissions:
            return True
        # A sitemap of an index, and a feed that a page names, know where they were named.
        passed: list[str] = []
        is_own = False
        while feed is not None and feed not in passed:
            passed.append(feed)
            if feed in self._is_own_feed:
                is_own = self._is_own_feed[feed]
                break
            feed = await self._parent_of(feed)
        self._is_own_feed.update(dict.fromkeys(passed, is_own))
        return is_own

    async def _parent_of(self, url: str) -> str | None:
        while True:
            try:
                feed = await find_feed(self._pipeline, url)
            except RedisError as error:
                if not is_transient(error):
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return feed.parent if feed is not None else None
