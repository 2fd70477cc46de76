"""Which pipeline a client talks to: what it was told, and what Redis says."""

from __future__ import annotations

from redis.asyncio import Redis

from coranto.streams.shape import find_shape
from coranto.topology import Pipeline


class KnownPipeline:
    """The pipeline's shape as it is in Redis. A client that was told nothing takes it as it is."""

    def __init__(self, redis: Redis, prefix: str, told: int | None) -> None:
        self._redis = redis
        self._prefix = prefix
        self._told = told
        self.is_known = False
        """False until it was found: no worker may have been started yet."""
        self.pipeline = Pipeline(told or 1, prefix)
        """As far as it is known."""

    async def find(self, *, again: bool = False) -> Pipeline:
        """The pipeline, asked of Redis until it is known, or once more. Raises PipelineMismatchError."""
        if again or not self.is_known:
            found = await find_shape(self._redis, self._prefix, self._told)
            if found is not None:
                self.pipeline, self.is_known = found, True
        return self.pipeline
