"""Reading with FastStream: the only module that imports it.

FastStream brings the consuming loop and its supervision. What it does that would cost a message is shielded here: groups are
created by us, from the beginning of the stream, before it looks; entries go through our own parser, so none can fail before
a handler; it never acknowledges; a subscriber that stopped because its group vanished is started again by `revive`. Its
client is wrapped (`_ReadClient`), so that each read first acquires room and takes no more than that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from faststream import AckPolicy
from faststream.redis import RedisBroker, StreamSub
from faststream.redis.configs.state import ConnectionState
from faststream.redis.message import FAKE_CONSUMER, RedisBatchStreamMessage

from coranto.streams.errors import is_transient
from coranto.streams.interface import Entry, Line
from coranto.streams.redis import RedisStreams
from coranto.streams.tasks import end
from coranto.worker.flow import Flow

# Retries come back by scripts that any replica may run, so nobody blocks on their stream: it is asked this often, and at
# once when this worker has moved some. A blocking read would hold room that the main line needs.
_ASK_RETRIES_EVERY = timedelta(milliseconds=500)
# With more readers than room each must give its room up soon, or the others starve; all of them come round in this time.
_ROUND = timedelta(milliseconds=500)
_SHORTEST_BLOCK = timedelta(milliseconds=20)
_AFTER_AN_ERROR = timedelta(milliseconds=500)


class Receiver(Protocol):
    """Who takes what was read: a stage's delivery."""

    @property
    def flow(self) -> Flow:
        """Grants the room that a read may fill."""

    def accept(self, partition: int, entries: Sequence[Entry]) -> None:
        """Take entries for which room was acquired."""


@dataclass(slots=True)
class _Reader:
    """One line of one stage in one partition, and how its reading goes."""

    streams: RedisStreams
    receiver: Receiver
    line: Line
    block: timedelta
    share_of_room: float = 1.0
    """Room for entries beside the number of readers; below 1 they must take turns."""
    subscriber: Any = None  # FastStream's subscriber type is chosen by overload and exported nowhere
    handed_out: int = 0
    """Room of entries that were read and have not arrived in `take`."""
    is_busy: bool = False
    """True when the last read found something."""
    unanswered_since: float | None = None
    """Monotonic time of the first question that Redis has not answered since; None while it answers."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, client: Any, *, group: str, consumer: str, streams: dict[str, str]) -> Any:
        """One read: room first, then as many entries as there is room for; nothing when none came in time."""
        flow = self.receiver.flow
        # What failed between the last read and `take` stays pending and is claimed; its room must not stay taken.
        flow.release(self.handed_out)
        self.handed_out = 0
        room = await flow.acquire(self.line, flow.batch if self.is_busy else 1)
        count = 0
        try:
            # A busy stream answers at once. Waiting for a quiet one holds room, so it waits with room for one entry only.
            block = None if self.is_busy or self.line == "retry" else self._block_ms()
            self.unanswered_since = self.unanswered_since or time.monotonic()
            found: Any = await client.xreadgroup(
                groupname=group, consumername=consumer, streams=streams, count=room, block=block
            )
            self.unanswered_since = None
            rows = found.items() if isinstance(found, dict) else found or ()
            count = sum(len(entries) for _, entries in rows)
        except Exception as error:
            if not is_transient(error):
                if "NOGROUP" not in str(error):  # FastStream reads again at once, as often as it can
                    await asyncio.sleep(_AFTER_AN_ERROR.total_seconds())
                raise  # FastStream stops the subscriber, `revive` starts it again
            # Ours, because FastStream's is five seconds.
            await asyncio.sleep(_AFTER_AN_ERROR.total_seconds())
            found = ()
        finally:
            flow.release(room - count)
        self.is_busy = count > 0
        self.handed_out = count
        if not count and self.line == "retry":
            await self._pause()
        return found if count else ()

    def _block_ms(self) -> int:
        block = (
            min(self.block, max(_SHORTEST_BLOCK, _ROUND * self.share_of_room)) if self.share_of_room < 1 else self.block
        )
        return max(1, int(block.total_seconds() * 1000))

    async def _pause(self) -> None:
        self.wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_ASK_RETRIES_EVERY.total_seconds()):
                await self.wake.wait()

    async def take(self, rows: Any) -> None:
        """Hand on what was read."""
        entries = self.streams.entries(self.line, rows)
        self.handed_out = 0
        self.receiver.accept(self.streams.keys.partition, entries)


class FastStreamReader:
    """Reads the lines of a worker's stages and hands the entries to their delivery."""

    def __init__(self, client: Any) -> None:
        self._readers: dict[str, _Reader] = {}
        self._client = _ReadClient(client, self._readers)
        self._broker = _Broker(self._client)

    def add(self, streams: RedisStreams, receiver: Receiver, *, consumer: str, block: timedelta) -> None:
        """Read both lines of this stage and partition into `receiver`."""
        lines: tuple[Line, ...] = ("main", "retry")
        for line in lines:
            reader = _Reader(streams, receiver, line, block)
            stream: StreamSub[Any] = StreamSub(
                streams.key_of(line),
                group=streams.spec.name,
                consumer=consumer,
                batch=True,
                max_records=1,  # the wrapped client asks for what there is room for
            )
            reader.subscriber = self._broker.subscriber(
                stream=stream, parser=_parse, decoder=_decode, ack_policy=AckPolicy.MANUAL, no_reply=True
            )
            reader.subscriber(reader.take)
            self._readers[streams.key_of(line)] = reader
        mine = [reader for reader in self._readers.values() if reader.receiver is receiver]
        for reader in mine:
            reader.share_of_room = receiver.flow.capacity / len(mine)

    async def start(self) -> None:
        """Connect and begin to read. Raises what redis-py raises when Redis does not answer."""
        for reader in self._readers.values():
            await reader.streams.ensure()
        await self._broker.start()

    async def revive(self) -> int:
        """Start again what stopped by itself, groups first. Gives how many readers were started."""
        stopped = [reader for reader in self._readers.values() if not reader.subscriber.running]
        for reader in stopped:
            await reader.streams.ensure()
            await reader.subscriber.start()
        return len(stopped)

    def wake_retries(self, receiver: Receiver) -> None:
        """Ask for retries at once: some have come."""
        for reader in self._readers.values():
            if reader.line == "retry" and reader.receiver is receiver:
                reader.wake.set()

    def silent_seconds(self, receiver: Receiver) -> float:
        """For how long Redis has left a read of this receiver unanswered, at worst; waiting for room is not silence."""
        now = time.monotonic()
        asked = [reader.unanswered_since for reader in self._readers.values() if reader.receiver is receiver]
        return max((now - since for since in asked if since is not None), default=0.0)

    async def stop(self) -> None:
        """Stop reading. What Redis handed out in the last moment stays pending and is handed back by the caller."""
        reading = [task for reader in self._readers.values() for task in reader.subscriber.tasks]
        for reader in self._readers.values():
            await reader.subscriber.stop()
        # FastStream cancels its tasks and does not wait: one that is still reading would take what the caller hands back.
        await end(reading)

    async def close(self) -> None:
        """Close the connections."""
        await self._broker.stop()


class _ReadClient:
    """The Redis client as FastStream sees it: each read goes through its reader, everything else straight on."""

    def __init__(self, client: Any, readers: dict[str, _Reader]) -> None:
        self._client = client
        self._readers = readers

    async def xreadgroup(self, *, groupname: str, consumername: str, streams: dict[str, str], **_options: Any) -> Any:
        """What FastStream calls over and over. Its options are fixed at the start; count and wait are decided here."""
        (key,) = streams
        return await self._readers[key].read(self._client, group=groupname, consumer=consumername, streams=streams)

    async def xgroup_create(self, **_options: Any) -> None:
        """Nothing: the groups are there, made by `ensure`. A full Redis would refuse even to say so."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class _Connection(ConnectionState[Any]):
    """FastStream's idea of a connection, holding a client that is made already."""

    def __init__(self, client: _ReadClient) -> None:
        super().__init__()
        self._given = client

    async def connect(self) -> Any:
        self._client, self._connected = self._given, True
        return self._given


class _Broker(RedisBroker):
    """A broker on a client of ours: one place makes connections, with our time-outs (`coranto.streams.connection`)."""

    def __init__(self, client: _ReadClient) -> None:
        self._given = client
        super().__init__(logger=None, apply_types=False)  # type: ignore[arg-type]  # None silences it: we log what matters

    def _make_connection_state(self, connection_options: dict[str, Any], kwargs: Any) -> Any:  # noqa: ARG002 - the signature is FastStream's
        return _Connection(self._given)


async def _parse(message: Any) -> RedisBatchStreamMessage:
    return RedisBatchStreamMessage(raw_message=message, body=b"", consumer=FAKE_CONSUMER, group=None)


async def _decode(message: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    raw = message.raw_message
    return list(zip(raw["message_ids"], raw["data"], strict=True))
