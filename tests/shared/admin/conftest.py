"""What the tests of looking into a pipeline share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from coranto.streams.interface import Entry
from coranto.streams.redis import RedisStreams


@pytest.fixture
def take(redis: Redis) -> Callable[[RedisStreams, str], Awaitable[Entry]]:
    """Reads the next entry of the stage's main line, as a worker of this name."""

    async def take_one(streams: RedisStreams, worker: str) -> Entry:
        found: Any = await redis.xreadgroup(streams.spec.name, worker, {streams.main: ">"}, count=1)
        ((_, rows),) = found.items() if isinstance(found, dict) else found
        (entry,) = streams.entries("main", rows)
        return entry

    return take_one
