"""Whether the feeder still has feeds to read for the first time, asked of the registry of sources.

Polling goes on beside the streams: between a feed's registration and its first articles nothing is in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from redis.exceptions import RedisError

from coranto.admin.pipeline import ConnectedPipeline
from coranto.sources.registry import FeedRegistry


async def unread_feeds(pipeline: ConnectedPipeline) -> list[str]:
    """Addresses of registered feeds that have not been polled yet; none when all have been."""
    return [feed.url for feed in await _registry(pipeline).all() if not feed.polls]


async def forget_feeds(pipeline: ConnectedPipeline, urls: Sequence[str]) -> None:
    """Stop polling these feeds, because their site is no longer served."""
    with suppress(RedisError):  # then they are polled in vain, ever more rarely
        for url in urls:
            await _registry(pipeline).remove(url)


def _registry(pipeline: ConnectedPipeline) -> FeedRegistry:
    return FeedRegistry(pipeline.redis, pipeline.topology.all_keys()[0])
