"""Whether the feeder still has feeds to read for the first time, asked of the registry of sources.

Polling goes on beside the streams: between a feed's registration and its first articles nothing is in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from redis.exceptions import RedisError

from coranto.admin.pipeline import RunningSystem
from coranto.sources.registry import FeedRegistry


async def unread_feeds(system: RunningSystem) -> list[str]:
    """Addresses of registered feeds that have not been polled yet; none when all have been."""
    registry = FeedRegistry(system.redis, system.pipeline.all_keys()[0])
    return [feed.url for feed in await registry.all() if not feed.polls]


async def forget_feeds(system: RunningSystem, urls: Sequence[str]) -> None:
    """Have these feeds polled no longer: they were of a site that is served no more."""
    registry = FeedRegistry(system.redis, system.pipeline.all_keys()[0])
    with suppress(RedisError):  # then they are polled in vain, ever more rarely
        for url in urls:
            await registry.remove(url)
