"""Reading with FastStream: the only module that imports it.

FastStream brings the connection, the consuming loop and its supervision. What it does that would cost a message is shielded here:
groups are created by us, from the beginning of the stream, before it looks; `max_records` bounds every read, and the
next read waits until the stage has room; entries go through our own parser, so none can fail before a handler; it never
acknowledges; a subscriber that stopped because its group vanished is started again by `revive`; and its connection is ours:
to one server, a cluster or Sentinel, with time-outs that fit the reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from faststream import AckPolicy
from faststream.redis import RedisBroker, StreamSub
from faststream.redis.configs.state import ConnectionState
from faststream.redis.message import FAKE_CONSUMER, RedisBatchStreamMessage
from redis.asyncio import Redis

from coranto.streams.connection import connect
from coranto.streams.errors import is_passing
from coranto.streams.interface import Entry, Line
from coranto.streams.redis import RedisStreams
from coranto.worker.tasks import end


class Taker(Protocol):
    """Who takes what was read: a stage's delivery."""

    def accept(self, partition: int, entries: Sequence[Entry]) -> None:
        """Take the entries in hand."""

    async def room(self, line: Line) -> None:
        """Return when another batch of this line may be read."""


@dataclass(frozen=True, slots=True)
class _Reader:
    subscriber: Any  # FastStream's subscriber type is chosen by overload and exported nowhere
    streams: RedisStreams


# Between two tries to read while Redis restarts or fails over.
_PAUSE_SECONDS = 0.2


class _ReadingClient:
    """A client as FastStream's readers use it: one whose reads wait out what passes.

    FastStream would start a reader again at once, in a busy loop, for an error that is not a lost connection, such as a
    cluster that is down for the seconds of a failover.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    async def xreadgroup(self, **arguments: Any) -> Any:
        """As redis-py's; nothing, after a moment, when Redis is away."""
        try:
            return await self._redis.xreadgroup(**arguments)
        except Exception as error:
            if not is_passing(error):
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
            return []


class _Connection(ConnectionState[Any]):
    """FastStream's holder of a connection, with a client of ours in it."""

    def __init__(self, make: Callable[[], Redis]) -> None:
        super().__init__()
        self._make = make

    async def connect(self) -> Any:
        # Once only: the broker asks again when a start that failed is repeated.
        if self._client is None:
            self._client = _ReadingClient(self._make())
            self._connected = True
        return self._client


class _Broker(RedisBroker):
    """FastStream's broker, which would make a client with its own time-outs, for a single server."""

    def __init__(self, make: Callable[[], Redis]) -> None:
        self._make = make
        super().__init__(logger=None, apply_types=False)  # type: ignore[arg-type]  # None silences it: we log what matters

    def _make_connection_state(
        self,
        connection_options: dict[str, Any],  # noqa: ARG002 - FastStream's hook
        kwargs: dict[str, Any],  # noqa: ARG002 - FastStream's hook
    ) -> ConnectionState[Any]:
        return _Connection(self._make)


class FastStreamIntake:
    """Reads the lines of a worker's stages and hands the entries to their delivery."""

    def __init__(self, url: str) -> None:
        self._longest_block = timedelta(0)
        self._broker = _Broker(lambda: connect(url, longest_block=self._longest_block))
        self._readers: list[_Reader] = []

    def add(self, streams: RedisStreams, taker: Taker, *, consumer: str, batch: int, block: timedelta) -> None:
        """Read both lines of this stage and partition into `taker`, at most `batch` entries a read."""
        self._longest_block = max(self._longest_block, block)
        for line in ("main", "retry"):
            stream: StreamSub[Any] = StreamSub(
                streams.key_of(line),
                group=streams.spec.name,
                consumer=consumer,
                batch=True,
                max_records=batch,
                polling_interval=max(1, int(block.total_seconds() * 1000)),
            )
            subscriber = self._broker.subscriber(
                stream=stream, parser=_parse, decoder=_decode, ack_policy=AckPolicy.MANUAL, no_reply=True
            )
            subscriber(_handler(streams, taker, line))
            self._readers.append(_Reader(subscriber, streams))

    async def start(self) -> None:
        """Connect and begin to read. Raises what redis-py raises when Redis does not answer."""
        for reader in self._readers:
            await reader.streams.ensure()
        await self._broker.start()

    async def revive(self) -> int:
        """Start again what stopped by itself, groups first. Gives how many readers were started."""
        stopped = [reader for reader in self._readers if not reader.subscriber.running]
        for reader in stopped:
            await reader.streams.ensure()
            await reader.subscriber.start()
        return len(stopped)

    async def stop(self) -> None:
        """Stop reading. What Redis handed out in the last moment stays pending and is handed back by the caller."""
        reading = [task for reader in self._readers for task in reader.subscriber.tasks]
        for reader in self._readers:
            await reader.subscriber.stop()
        # FastStream cancels its tasks and does not wait: one that is still reading would take what the caller hands back.
        await end(reading)

    async def close(self) -> None:
        """Close the connections."""
        await self._broker.stop()


def _handler(streams: RedisStreams, taker: Taker, line: Line) -> Callable[[Any], Awaitable[None]]:
    partition = streams.keys.partition

    async def take(rows: Any) -> None:
        taker.accept(partition, streams.entries(line, rows))
        # FastStream reads again when this returns: waiting here is what keeps the rest of the stream for other replicas.
        await taker.room(line)

    return take


async def _parse(message: Any) -> RedisBatchStreamMessage:
    return RedisBatchStreamMessage(raw_message=message, body=b"", consumer=FAKE_CONSUMER, group=None)


async def _decode(message: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    raw = message.raw_message
    return list(zip(raw["message_ids"], raw["data"], strict=True))
