"""How many requests a token may make."""

from __future__ import annotations

from typing import Any, Final

from redis.asyncio import Redis

_COUNT: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { count, redis.call('PTTL', KEYS[1]) }
"""


class RateLimit:
    """Counts the requests of each token in Redis, so that all gateways count together."""

    def __init__(self, redis: Redis, prefix: str, *, per_minute: int) -> None:
        self._script = redis.register_script(_COUNT)
        self._prefix = f"{prefix}:gateway:requests"
        self._per_minute = per_minute

    async def seconds_to_wait(self, token: str) -> int:
        """Count one request: 0 when it may go on, else seconds until the next one may."""
        # One script: INCR and PEXPIRE apart could leave a count without an end, and the token locked out for good.
        answer: Any = await self._script(keys=[f"{self._prefix}:{token}"], args=[60_000])
        count, left_ms = int(answer[0]), int(answer[1])
        return 0 if count <= self._per_minute else max(1, -(-left_ms // 1000))
