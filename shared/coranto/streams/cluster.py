"""redis-py's cluster client as this library needs it: what passes is an error that passes, and scripts work in pipelines.

All keys of a partition are in one slot, so every script and every read goes to one node; redis-py finds it, and finds it
again after `MOVED`, `ASK` and a failover.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from redis.asyncio.cluster import ClusterPipeline, RedisCluster
from redis.commands.core import AsyncScript
from redis.exceptions import AuthenticationError, RedisClusterException, ResponseError, SlotNotCoveredError
from redis.exceptions import ConnectionError as RedisConnectionError

# What redis-py says of a cluster that cannot be reached at the moment; its class is that of wrong use, too.
_UNREACHABLE = ("cannot be connected", "are not covered", "is not covered")


class ClusterClient(RedisCluster):
    """A client of a cluster, used like one of a single server by all that keeps to one slot a call."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.scripts: dict[str, bytes] = {}

    def register_script(self, script: Any) -> AsyncScript:  # type: ignore[override]  # redis-py types it for its blocking client
        """As redis-py's; the text is kept for pipelines."""
        registered = super().register_script(script)
        text = registered.script
        self.scripts[registered.sha] = text.encode() if isinstance(text, str) else bytes(text)
        return registered

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> ClusterPipeline:  # noqa: ARG002 - redis-py's signature
        """Commands sent together, each to the node of its key."""
        return _Pipeline(self, transaction)  # type: ignore[abstract]  # so redis-py says of its own pipeline, too

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """As redis-py's, with one class of error for a cluster that is not there: a lost connection."""
        try:
            return await super().execute_command(*args, **kwargs)
        except RedisClusterException as error:
            if isinstance(error.__cause__, AuthenticationError):
                raise error.__cause__ from None
            if "Cluster mode is not enabled" in str(error):
                raise ResponseError(
                    "the address begins with redis+cluster://, but no node there says that it is part of a cluster: "
                    "for a single server it must be redis://"
                ) from error
            if isinstance(error, SlotNotCoveredError) or any(words in str(error) for words in _UNREACHABLE):
                # Not a RedisError by itself: whoever waits for Redis would take it for a mistake of ours.
                raise RedisConnectionError(str(error)) from error
            raise

    async def _determine_slot(self, command: str, *args: Any) -> int:
        if command in ("XREADGROUP", "XREAD"):
            # redis-py would ask the server where the keys stand (COMMAND GETKEYS), twice for each read.
            return int(self.keyslot(args[args.index(b"STREAMS") + 1]))
        return await super()._determine_slot(command, *args)


class _Pipeline(ClusterPipeline):
    """A pipeline that takes scripts: redis-py forbids EVALSHA there, because a node may not know the script."""

    def __await__(self) -> Generator[Any, None, ClusterPipeline]:
        # redis-py empties a pipeline that is awaited; a script's call awaits the pipeline it was queued in.
        return _itself(self).__await__()

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> ClusterPipeline:
        """Queue the script, by its text."""
        client: Any = self.cluster_client  # a ClusterClient: no other makes these
        return self.execute_command("EVAL", client.scripts[sha], numkeys, *keys_and_args)


async def _itself(pipe: ClusterPipeline) -> ClusterPipeline:
    return pipe
