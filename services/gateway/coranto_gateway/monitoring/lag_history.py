"""How far behind stages and groups of subscribers were over the last day: kept in Redis, so that it outlives a gateway."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping
from typing import Any, Final, cast

from redis.asyncio import Redis

SLOT_SECONDS: Final = 600
SLOTS: Final = 144
"""A day."""
_MOST_NAMES: Final = 300


class LagHistory:
    """The worst of each ten minutes, by name."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._key = f"{prefix}:gateway:lag"
        self._slot = -1
        self._worst: dict[str, float] = {}

    async def note(self, lags: Mapping[str, float], *, now: float) -> None:
        """Take down how far behind each is at this Unix time. Several gateways may, since all see the same."""
        slot = int(now // SLOT_SECONDS)
        is_new = slot != self._slot
        if is_new:
            self._slot, self._worst = slot, {}
        grown = {name: lag for name, lag in lags.items() if lag > self._worst.get(name, -1.0)}
        if not grown or len(self._worst | grown) > _MOST_NAMES:
            return
        self._worst |= grown
        await self._redis.hset(self._key, str(slot), json.dumps(self._worst))
        if is_new:
            kept = await cast("Awaitable[list[bytes]]", self._redis.hkeys(self._key))
            old = [each for each in kept if not each.isdigit() or int(each) <= slot - SLOTS]
            if old:
                await self._redis.hdel(self._key, *old)

    async def of(self, names: list[str], *, now: float) -> dict[str, list[float]]:
        """The worst of each ten minutes of the last day, the oldest first; 0 where nothing was taken down."""
        slot = int(now // SLOT_SECONDS)
        slots = [str(each) for each in range(slot - SLOTS + 1, slot + 1)]
        rows = await cast("Awaitable[list[bytes | None]]", self._redis.hmget(self._key, slots))
        seen = [_read(row) for row in rows]
        return {name: [each.get(name, 0.0) for each in seen] for name in names}


def _read(row: bytes | None) -> dict[str, float]:
    if row is None:
        return {}
    try:
        kept: Any = json.loads(row)
    except ValueError:
        return {}
    return {name: lag for name, lag in kept.items() if isinstance(lag, int | float)} if isinstance(kept, dict) else {}


def of_stage(name: str) -> str:
    """The name of a stage's lag: the age of its oldest unsettled message, in seconds."""
    return f"stage {name}"


def of_group(name: str) -> str:
    """The name of a group's lag: the articles that wait for it."""
    return f"group {name}"
