"""Whether the feeder still has feeds to read for the first time, asked of the registry of sources.

Polling goes on beside the streams: between a feed's registration and its first articles nothing is in them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress

from redis.exceptions import RedisError

from coranto.admin.pipeline import ConnectedPipeline
from coranto.sources.registry import Feed, FeedRegistry


async def unread_feeds(pipeline: ConnectedPipeline, *, again: Collection[str] = ()) -> list[str]:
    """Addresses of registered feeds that have not been polled yet; none when all have been.

    Those in `again` may have been polled long ago: they count until the poll that was asked for now is done.
    """
    registry = _registry(pipeline)
    return [
        feed.url
        for feed in await registry.all()
        if not feed.polls or (feed.url in again and await registry.awaits_poll(feed))
    ]


async def count_feeds(pipeline: ConnectedPipeline) -> int:
    """How many feeds are registered, those that an index names included."""
    return await _registry(pipeline).count()


async def find_feed(pipeline: ConnectedPipeline, url: str) -> Feed | None:
    """The feed at this address, if it is registered."""
    return await _registry(pipeline).find(url)


async def forget_feeds(pipeline: ConnectedPipeline, urls: Sequence[str]) -> None:
    """Stop polling these feeds, because their site is no longer served."""
    with suppress(RedisError):  # then they are polled in vain, ever more rarely
        for url in urls:
            await _registry(pipeline).remove(url)


def _registry(pipeline: ConnectedPipeline) -> FeedRegistry:
    return FeedRegistry(pipeline.redis, pipeline.topology.all_keys()[0])
