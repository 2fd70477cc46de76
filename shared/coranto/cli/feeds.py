"""Whether the feeder still has feeds to read for the first time, asked of the feeder's own registry.

Polling goes on beside the streams: between a feed's registration and its first articles nothing is in them. The feeder is
a service of its own and may not be installed here; its registry is imported by name when it is needed.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from coranto.cli.running import RunningSystem


async def unread_feeds(system: RunningSystem) -> list[str]:
    """Addresses of registered feeds that have not been polled yet; none where the feeder is not installed."""
    try:
        module = importlib.import_module("coranto_feeder.registry")
    except ImportError:
        return []
    registry: Any = module.FeedRegistry(system.redis, system.pipeline.all_keys()[0])
    return [feed.url for feed in await registry.all() if not feed.polls]


async def forget_feeds(system: RunningSystem, urls: Sequence[str]) -> None:
    """Have these feeds polled no longer: they were of a site that is served no more."""
    try:
        module = importlib.import_module("coranto_feeder.registry")
    except ImportError:
        return
    registry: Any = module.FeedRegistry(system.redis, system.pipeline.all_keys()[0])
    with suppress(RedisError):  # then they are polled in vain, ever more rarely
        for url in urls:
            await registry.remove(url)
