"""`StageStreams` on Redis. What must be atomic is one Lua script under `scripts/`; the rest is plain commands.

Works from Redis 6.2 on. All keys of a partition share a hash tag, so each script touches one slot of a cluster.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from coranto.records.envelope import FIELD
from coranto.streams.connection import load_script
from coranto.streams.interface import (
    Committed,
    Dead,
    DeadLetter,
    Delayed,
    Depth,
    Drop,
    Effect,
    Entry,
    Line,
    Outcome,
    OutcomeKind,
    Publish,
    Retry,
    Unsettled,
)
from coranto.topology import DROPPED, STREAMS, Keys, StageSpec, readers_of

_EFFECTS: tuple[Effect, ...] = ("superseded", "applied", "repeated")  # as commit.lua numbers them
_LOOKED_AT_ONCE = 500  # entries or messages that one call reads for somebody who only looks


class RedisStreams:
    """The streams of one stage in one partition, on a Redis server."""

    def __init__(self, redis: Redis, spec: StageSpec, keys: Keys) -> None:
        self._redis = redis
        self.spec = spec
        self.keys = keys
        self.main = keys.stream(spec.reads)
        self.retry = keys.retry(spec)
        self._next = keys.stream(spec.writes) if spec.writes else ""
        self._commit = redis.register_script(load_script("commit"))
        self._claim = redis.register_script(load_script("claim"))
        self._renew = redis.register_script(load_script("renew"))
        self._hand_back = redis.register_script(load_script("hand_back"))
        self._move_due = redis.register_script(load_script("move_due"))
        self._tidy = redis.register_script(load_script("tidy"))
        self._measure = redis.register_script(load_script("measure"))
        self._redeliver = redis.register_script(load_script("redeliver"))
        self._read_delayed = redis.register_script(load_script("read_delayed"))

    def key_of(self, line: Line) -> str:
        """The stream behind a line."""
        return self.main if line == "main" else self.retry

    async def ensure(self) -> None:
        """Create what is missing: the stage's streams and groups, and the groups downstream of it."""
        await self._create_group(self.main, self.spec.name)
        await self._create_group(self.retry, self.spec.name)
        # The next stage may start later than its first message: its group must not begin behind it, or be trimmed past.
        if self.spec.writes is not None:
            for reader in readers_of(self.spec.writes):
                await self._create_group(self._next, reader.name)
        for reader in readers_of(DROPPED):
            await self._create_group(self.keys.stream(DROPPED), reader.name)

    async def _create_group(self, stream: str, group: str) -> None:
        try:
            # From 0, not $: what was written before the group existed is its work too.
            await self._redis.xgroup_create(stream, group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def read(self, line: Line, consumer: str, *, count: int, block: timedelta) -> list[Entry]:
        """Up to `count` new entries, waiting for the first as long as `block`. Raises LookupError when the group is gone."""
        try:
            answer: Any = await self._redis.xreadgroup(
                self.spec.name,
                consumer,
                {self.key_of(line): ">"},
                count=count,
                block=max(1, int(block.total_seconds() * 1000)),
            )
        except ResponseError as error:
            if "NOGROUP" in str(error):
                raise LookupError(f"the group {self.spec.name} of {self.key_of(line)} is gone") from error
            raise
        streams = answer.items() if isinstance(answer, dict) else answer or ()
        return [entry for _, found in streams for entry in self.entries(line, _rows(found))]

    def entries(
        self, line: Line, rows: Sequence[tuple[bytes, Mapping[bytes, bytes]]], deliveries: int = 1
    ) -> list[Entry]:
        """Entries as they came from Redis, in our form."""
        return [_to_entry(line, entry_id, fields, deliveries) for entry_id, fields in rows]

    async def commit(self, outcomes: Sequence[tuple[Entry, Outcome]]) -> Committed:
        """Settle messages: each outcome and its acknowledgement take effect together, or not at all."""
        keys = self.keys
        writes = self.spec.writes
        arguments: list[str | bytes | int] = [
            self.spec.name,
            self.spec.name,
            int(time.time() * 1000),
            "1" if writes is not None and writes.announces_once else "0",
            "1" if writes is not None else "0",
        ]
        for entry, outcome in outcomes:
            arguments += ("m" if entry.line == "main" else "r", entry.id)
            arguments += _arguments(entry, outcome)
        effects, length = await self._commit(
            keys=[
                self.main,
                self.retry,
                self._next or self.main,
                keys.delayed(self.spec),
                keys.delayed_entries(self.spec),
                keys.dead(self.spec),
                keys.outcomes(self.spec),
                keys.stream(DROPPED),
                keys.announced(writes) if writes is not None else keys.announced(self.spec.reads),
            ],
            args=arguments,
        )
        return Committed(tuple(_EFFECTS[flag] for flag in effects), int(length))

    async def claim(self, consumer: str, *, idle: timedelta, count: int) -> list[Entry]:
        """Take over entries whose worker has not touched them for so long."""
        taken: list[Entry] = []
        for line in ("main", "retry"):
            rows: Any = await self._claim(
                keys=[self.key_of(line), self.keys.outcomes(self.spec)],
                args=[self.spec.name, consumer, int(idle.total_seconds() * 1000), count - len(taken)],
            )
            for entry_id, deliveries, flat in rows:
                fields = dict(zip(flat[::2], flat[1::2], strict=True))
                taken.append(_to_entry(line, entry_id, fields, int(deliveries)))
            if len(taken) >= count:
                break
        return taken

    async def renew(self, consumer: str, entries: Sequence[Entry]) -> list[str]:
        """Say that the consumer still works on these; gives the ids of those it no longer holds."""
        lost: list[str] = []
        for line in ("main", "retry"):
            ids = [entry.id for entry in entries if entry.line == line]
            if ids:
                answer: Any = await self._renew(keys=[self.key_of(line)], args=[self.spec.name, consumer, *ids])
                lost += [entry_id.decode() for entry_id in answer]
        return lost

    async def hand_back(self, consumer: str) -> int:
        """Return all that the consumer holds to the retry line at once, and remove the consumer."""
        total, limit = 0, 500
        for line in ("main", "retry"):
            while True:
                count = int(
                    await self._hand_back(keys=[self.key_of(line), self.retry], args=[self.spec.name, consumer, limit])
                )
                total += count
                if count < limit:
                    break
        return total

    async def move_due(self, *, now_ms: int, limit: int) -> int:
        """Move delayed messages that are due to the retry line."""
        keys = [self.keys.delayed(self.spec), self.keys.delayed_entries(self.spec), self.retry]
        return int(await self._move_due(keys=keys, args=[now_ms, limit]))

    async def tidy(self, *, keep: timedelta, keep_at_most: timedelta, forget_consumers_after: timedelta) -> int:
        """Trim what every group has acknowledged, and remove consumers that are gone."""
        idle = int(forget_consumers_after.total_seconds() * 1000)
        keep_from = int((time.time() - keep.total_seconds()) * 1000)
        drop_before = int((time.time() - keep_at_most.total_seconds()) * 1000)
        trimmed = int(await self._tidy(keys=[self.retry], args=["", idle, ""]))
        own = {self.spec.reads} | ({self.spec.writes} if self.spec.writes else set())
        for stream in (stream for stream in STREAMS if stream in own):
            keys = [self.keys.stream(stream)]
            if stream.announces_once:
                keys.append(self.keys.announced(stream))
            spans: list[str | int] = [keep_from, idle, drop_before] if stream.is_replayable else ["", idle, ""]
            trimmed += int(await self._tidy(keys=keys, args=spans))
        return trimmed

    async def measure(self) -> Depth:
        """How much waits."""
        spec, keys = self.spec, self.keys
        readers = list(readers_of(spec.writes)) if spec.writes is not None else []
        pipe = self._redis.pipeline(transaction=False)
        pipe.zcard(keys.delayed(spec))
        pipe.xlen(keys.dead(spec))
        for stream, group in [
            (self.main, spec.name),
            (self.retry, spec.name),
            *((self._next, r.name) for r in readers),
        ]:
            await self._measure(keys=[stream], args=[group], client=pipe)
        delayed, dead, *depths = await pipe.execute()
        own, downstream = depths[:2], depths[2:]
        oldest = min((int(first) for _, _, first in own if first), default=None)
        return Depth(
            waiting=sum(int(waiting) for waiting, _, _ in own),
            pending=sum(int(pending) for _, pending, _ in own),
            delayed=int(delayed),
            dead=int(dead),
            oldest_age_seconds=max(0.0, time.time() - oldest / 1000) if oldest is not None else 0.0,
            downstream=max((int(waiting) + int(pending) for waiting, pending, _ in downstream), default=0),
        )

    async def outcomes(self) -> Mapping[tuple[OutcomeKind, str], int]:
        """Outcomes counted since the pipeline began, by kind and reason."""
        answer: Any = await cast("Any", self._redis.hgetall(self.keys.outcomes(self.spec)))
        counted: dict[tuple[OutcomeKind, str], int] = {}
        for name, number in answer.items():
            kind, _, reason = _text(name).partition("|")
            counted[cast("OutcomeKind", kind), reason] = int(number)
        return counted

    async def dead_letters(self, *, after: str | None = None, count: int = 100) -> list[DeadLetter]:
        """Dead letters, oldest first, beginning behind the id `after`."""
        rows: Any = await self._redis.xrange(self.keys.dead(self.spec), f"({after}" if after else "-", "+", count=count)
        return [_to_dead_letter(_text(entry_id), fields, self.keys.partition) for entry_id, fields in rows]

    async def redeliver(self, dead_id: str, *, event: bytes | None = None) -> bool:
        """Send a dead letter back to its stage with fresh attempts, edited when `event` is given."""
        keys = [self.keys.dead(self.spec), self.retry, self.keys.outcomes(self.spec)]
        return int(await self._redeliver(keys=keys, args=[dead_id, event or b"", int(time.time() * 1000)])) == 1

    async def discard(self, dead_id: str) -> bool:
        """Drop a dead letter for good."""
        return int(await self._redis.xdel(self.keys.dead(self.spec), dead_id)) == 1

    async def delayed(self, *, due_from_ms: int | None = None) -> AsyncIterator[Delayed]:
        """Messages that wait for their retry, soonest first; only those due at `due_from_ms` or later, if given."""
        keys = [self.keys.delayed(self.spec), self.keys.delayed_entries(self.spec)]
        since = "-inf" if due_from_ms is None else due_from_ms
        skipped = 0
        while True:
            count, rows = await self._read_delayed(keys=keys, args=[since, skipped, _LOOKED_AT_ONCE])
            for due, event, attempts, reason in rows:
                yield Delayed(int(float(due)), _number(attempts), _text(reason), event)
            if int(count) < _LOOKED_AT_ONCE:
                return
            skipped += _LOOKED_AT_ONCE

    async def count_delayed(self, *, due_from_ms: int) -> int:
        """How many messages wait for a retry that is due at `due_from_ms` or later."""
        return int(await self._redis.zcount(self.keys.delayed(self.spec), due_from_ms, "+inf"))

    async def unsettled(self) -> AsyncIterator[Unsettled]:
        """Entries that wait or are in flight, the main line first, oldest first in each. Takes and changes nothing."""
        lines: tuple[Line, ...] = ("main", "retry")
        for line in lines:
            key = self.key_of(line)
            async for page in entry_pages(self._redis, key):
                # Asked after the page was read: what was settled in between is left out, and what was taken is in flight.
                last = await self._last_delivered(key)
                held = await self._held(key, page[0][0], page[-1][0], len(page)) if _order(page[0][0]) <= last else {}
                for entry_id, event in page:
                    if entry_id in held:
                        consumer, idle_ms = held[entry_id]
                        yield Unsettled(line, entry_id, event, consumer, idle_ms)
                    elif _order(entry_id) > last:
                        yield Unsettled(line, entry_id, event)

    async def _held(self, key: str, first: str, last: str, count: int) -> dict[str, tuple[str, int]]:
        """Of the entries between two ids, those that a consumer has: who, and idle for how many milliseconds."""
        try:
            rows: Any = await self._redis.xpending_range(key, self.spec.name, first, last, count)
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            return {}
        return {_text(row["message_id"]): (_text(row["consumer"]), int(row["time_since_delivered"])) for row in rows}

    async def _last_delivered(self, key: str) -> tuple[int, int]:
        """Id of the last entry that the stage has taken; before all others when there is no group."""
        try:
            rows: Any = await self._redis.xinfo_groups(key)
        except ResponseError as error:
            if "no such key" not in str(error):
                raise
            return (0, 0)
        return next(
            (_order(_text(row["last-delivered-id"])) for row in rows if _text(row["name"]) == self.spec.name), (0, 0)
        )


async def entry_pages(redis: Redis, stream: str) -> AsyncIterator[list[tuple[str, bytes]]]:
    """The stream's entries as id and event, page by page, oldest first; an entry without an event has empty bytes."""
    start = "-"
    while True:
        rows: Any = await redis.xrange(stream, start, "+", count=_LOOKED_AT_ONCE)
        if rows:
            yield [(_text(entry_id), fields.get(FIELD, b"")) for entry_id, fields in rows]
        if len(rows) < _LOOKED_AT_ONCE:
            return
        start = f"({_text(rows[-1][0])}"


def _arguments(entry: Entry, outcome: Outcome) -> tuple[str | bytes | int, ...]:
    match outcome:
        case Publish(event_id, event):
            return "P", event_id or "", event or b""
        case Drop(reason, notice):
            return "D", reason, notice or b""
        case Retry(reason, due_ms, attempts):
            return "R", reason, due_ms, attempts, entry.since_ms, entry.event or b""
        case Dead(reason, error, traceback, attempts, notice):
            return (
                "X",
                reason,
                error,
                traceback,
                attempts,
                entry.event if entry.event is not None else entry.raw,
                notice or b"",
            )


def _to_entry(line: Line, entry_id: bytes | str, fields: Mapping[bytes, bytes], deliveries: int) -> Entry:
    name = _text(entry_id)
    event = fields.get(FIELD)
    since = fields.get(b"since")
    return Entry(
        line=line,
        id=name,
        event=event,
        attempts=_number(fields.get(b"attempts")) if line == "retry" else 0,
        since_ms=_number(since) if line == "retry" and since else int(name.split("-")[0]),
        deliveries=deliveries,
        raw=b"" if event is not None else _as_json(fields),
    )


def _to_dead_letter(entry_id: str, fields: Mapping[bytes, bytes], partition: int) -> DeadLetter:
    def text(name: bytes) -> str:
        return fields.get(name, b"").decode("utf-8", "replace")

    return DeadLetter(
        id=entry_id,
        stage=text(b"stage"),
        partition=partition,
        reason=text(b"reason"),
        error=text(b"error"),
        traceback=text(b"traceback"),
        attempts=_number(fields.get(b"attempts")),
        died_at_ms=int(entry_id.split("-", maxsplit=1)[0]),
        event=fields.get(b"event", b""),
    )


def _as_json(fields: Mapping[bytes, bytes]) -> bytes:
    """The fields of an entry that is none of ours, readable and complete; bytes that are no UTF-8 are escaped."""
    readable = {
        name.decode("utf-8", "backslashreplace"): value.decode("utf-8", "backslashreplace")
        for name, value in fields.items()
    }
    return json.dumps(readable, ensure_ascii=False).encode()


def _rows(found: Any) -> Sequence[tuple[bytes, Mapping[bytes, bytes]]]:
    # RESP3 nests the rows once more than RESP2.
    if found and isinstance(found[0], list) and found[0] and isinstance(found[0][0], tuple | list):
        found = found[0]
    return [(entry_id, fields) for entry_id, fields in found]


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def _number(value: bytes | None) -> int:
    return int(value) if value is not None and value.isdigit() else 0


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
