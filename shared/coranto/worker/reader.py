"""Reading with FastStream: the only module that imports it.

FastStream brings the connection, the consuming loop and its supervision. What it does that would cost a message is shielded here:
groups are created by us, from the beginning of the stream, before it looks; `max_records` bounds every read, and the
next read waits until the stage has room; entries go through our own parser, so none can fail before a handler; it never
acknowledges; a subscriber that stopped because its group vanished is started again by `revive`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from faststream import AckPolicy
from faststream.redis import RedisBroker, StreamSub
from faststream.redis.message import FAKE_CONSUMER, RedisBatchStreamMessage

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


class FastStreamIntake:
    """Reads the lines of a worker's stages and hands the entries to their delivery."""

    def __init__(self, url: str) -> None:
        self._broker = RedisBroker(url, logger=None, apply_types=False)  # type: ignore[arg-type]  # None silences it: we log what matters
        self._readers: list[_Reader] = []

    def add(self, streams: RedisStreams, taker: Taker, *, consumer: str, batch: int, block: timedelta) -> None:
        """Read both lines of this stage and partition into `taker`, at most `batch` entries a read."""
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
