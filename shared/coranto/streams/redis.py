"""`StageStreams` on Redis. What must be atomic is one Lua script under `scripts/`; the rest is plain commands.

Works from Redis 6.2 on. All keys of a partition share a hash tag, so each script touches one slot of a cluster.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from coranto.host_queue import HostRest
from coranto.streams.connection import load_script, server_memory
from coranto.streams.entry_fields import (
    age_seconds,
    as_number,
    as_text,
    commit_arguments,
    event_of,
    id_order,
    to_dead_letter,
    to_entry,
    unpacked,
)
from coranto.streams.errors import is_transient
from coranto.streams.host_queues import LANES
from coranto.streams.interface import (
    Committed,
    Dead,
    DeadLetter,
    Delayed,
    Depth,
    Drop,
    Effect,
    Entry,
    GroupState,
    HostClaims,
    Kept,
    Line,
    Outcome,
    OutcomeKind,
    Retention,
    Unsettled,
)
from coranto.topology import DEAD_LETTERS, DROPPED, STREAMS, Keys, StageSpec, Stream, readers_of

# Entries one call of trim.lua removes: what takes Redis a millisecond or two.
_TRIM_STEP = 1_000
# Calls a round. A stream that fills faster than that is measured in thousands a second and grows for a while.
_TRIM_STEPS = 50
# Most entries that one measurement counts where the server does not know the lag.
_COUNT_AT_MOST = 10_000
_MEMORY_KNOWN_FOR_SECONDS = 60.0
_EFFECTS: tuple[Effect, ...] = ("superseded", "applied", "repeated", "refused")  # as commit.lua numbers them
_NO_REST = HostRest()
_LOOKED_AT_ONCE = 500  # entries or messages that one call reads for somebody who only looks


class RedisStreams:
    """The streams of one stage in one partition, on a Redis server."""

    def __init__(self, redis: Redis, spec: StageSpec, keys: Keys) -> None:
        self._redis = redis
        self.spec = spec
        self.keys = keys
        self.main = keys.stream(spec.reads)
        self.retry = keys.retry(spec)
        self.claimed = keys.claimed(spec)
        self._queues = keys.host_queues(spec) if spec.has_host_queues else ""
        self._lines: tuple[Line, ...] = ("main", "retry", "host") if spec.queues_by_host else ("main", "retry")
        self._next = keys.stream(spec.writes) if spec.writes else ""
        self._readers = list(readers_of(spec.writes)) if spec.writes is not None else []
        self._commit = redis.register_script(load_script("hosts") + load_script("commit"))
        self._claim_hosts = redis.register_script(load_script("hosts") + load_script("claim_hosts"))
        self._read_queues = redis.register_script(load_script("read_queues"))
        self._read_queue = redis.register_script(load_script("read_queue"))
        self._claim = redis.register_script(load_script("claim"))
        self._renew = redis.register_script(load_script("renew"))
        self._hand_back = redis.register_script(load_script("hosts") + load_script("hand_back"))
        self._move_due = redis.register_script(load_script("move_due"))
        self._trim = redis.register_script(load_script("trim"))
        self._measure = redis.register_script(load_script("measure"))
        self._oldest_turn = redis.register_script(load_script("oldest_turn"))
        self._kept = redis.register_script(load_script("kept"))
        self._memory_bytes = 0
        self._memory_read_at = float("-inf")
        self._redeliver = redis.register_script(load_script("redeliver"))
        self._read_delayed = redis.register_script(load_script("read_delayed"))

    def key_of(self, line: Line) -> str:
        """The stream behind a line."""
        return {"main": self.main, "retry": self.retry, "host": self.claimed}[line]

    async def ensure(self) -> None:
        """Create what is missing: the stage's streams and groups, and the groups downstream of it."""
        for line in self._lines:
            await self._create_group(self.key_of(line), self.spec.name)
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
            # A full Redis refuses the command before it looks whether the group is there.
            if "BUSYGROUP" not in str(error) and not (is_transient(error) and await self._has_group(stream, group)):
                raise

    async def _has_group(self, stream: str, group: str) -> bool:
        if not await self._redis.exists(stream):
            return False
        rows: Any = await self._redis.xinfo_groups(stream)
        return any(as_text(row["name"]) == group for row in rows)

    def entries(
        self, line: Line, rows: Sequence[tuple[bytes, Mapping[bytes, bytes]]], deliveries: int = 1
    ) -> list[Entry]:
        """Entries as they came from Redis, in our form."""
        return [to_entry(line, entry_id, fields, deliveries) for entry_id, fields in rows]

    async def commit(
        self,
        outcomes: Sequence[tuple[Entry, Outcome]],
        *,
        consumer: str = "",
        token: str = "",
        rests: Mapping[str, HostRest] | None = None,
    ) -> Committed:
        """Settle messages: each outcome and its acknowledgement take effect together, or not at all."""
        keys = self.keys
        writes = self.spec.writes
        arguments: list[str | bytes | int] = [
            self.spec.name,
            self.spec.name,
            "1" if writes is not None and writes.deduplicates else "0",
            "1" if self._readers else "0",
            token,
            self._queues,
        ]
        for entry, outcome in outcomes:
            if entry.line == "host":
                rest = (rests or {}).get(entry.host, _NO_REST)
                is_slow = "" if rest.is_slow is None else str(int(rest.is_slow))
                arguments += ("H", entry.host, rest.wait_ms, is_slow)
            arguments += (entry.line[0], entry.id)
            forgets = (
                keys.fetched_before(outcome.forgets) if isinstance(outcome, Drop | Dead) and outcome.forgets else ""
            )
            arguments += commit_arguments(entry, outcome, forgets=forgets, has_queues=bool(self._queues))
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
                keys.receipt(self.spec, consumer),
                self.claimed,
            ],
            args=arguments,
        )
        return Committed(tuple(_EFFECTS[flag] for flag in effects), int(length))

    async def claim(self, consumer: str, *, idle: timedelta, count: int, suspects: int = 1_000) -> list[Entry]:
        """Take over entries whose worker has not touched them for so long."""
        taken: list[Entry] = []
        for line in self._lines:
            try:
                rows: Any = await self._claim(
                    keys=[self.key_of(line), self.keys.outcomes(self.spec)],
                    args=[self.spec.name, consumer, int(idle.total_seconds() * 1000), count - len(taken), suspects],
                )
            except RedisError:
                if not taken:
                    raise
                break  # what was claimed is ours by now, and must not idle until it is claimed once more
            for entry_id, deliveries, flat in rows:
                fields = dict(zip(flat[::2], flat[1::2], strict=True))
                taken.append(to_entry(line, entry_id, fields, int(deliveries)))
                suspects -= int(deliveries) > 2
            if len(taken) >= count:
                break
        return taken

    async def claim_hosts(self, consumer: str, *, count: int, slow: int, lease: timedelta) -> HostClaims:
        """Take messages out of the queues of hosts that may be asked now, one for each host."""
        milliseconds = int(lease.total_seconds() * 1000)
        rows, next_ms = await self._claim_hosts(
            keys=[self.claimed], args=[self._queues, self.spec.name, consumer, count, slow, milliseconds]
        )
        entries = [
            to_entry("host", entry_id, dict(zip(flat[::2], flat[1::2], strict=True)), 1) for entry_id, flat in rows
        ]
        return HostClaims(entries, None if int(next_ms) < 0 else int(next_ms))

    async def renew(self, consumer: str, entries: Sequence[Entry]) -> list[str]:
        """Say that the consumer still works on these; gives the ids of those it no longer holds."""
        lost: list[str] = []
        for line in self._lines:
            ids = [entry.id for entry in entries if entry.line == line]
            if ids:
                answer: Any = await self._renew(keys=[self.key_of(line)], args=[self.spec.name, consumer, *ids])
                lost += [entry_id.decode() for entry_id in answer]
        return lost

    async def hand_back(self, consumer: str, *, keep: Sequence[Entry] = ()) -> int:
        """Return what the consumer holds, but for `keep`, to the retry line at once."""
        total, limit = 0, 500
        for line in self._lines:
            stays = [entry.id for entry in keep if entry.line == line]
            is_own, queues = str(int(line != "main")), self._queues if line == "host" else ""
            while True:
                returned, held = await self._hand_back(
                    keys=[self.key_of(line), self.retry],
                    args=[self.spec.name, consumer, limit, is_own, queues, *stays],
                )
                total += int(returned)
                if int(held) < limit or not int(returned):
                    break
        return total

    async def move_due(self, *, limit: int) -> int:
        """Move delayed messages that are due to the retry line."""
        keys = [self.keys.delayed(self.spec), self.keys.delayed_entries(self.spec), self.retry]
        return int(await self._move_due(keys=keys, args=[limit]))

    async def trim(self, retention: Mapping[str, Retention], *, forget_consumers_after: timedelta) -> int:
        """Trim what need not be kept, and remove consumers that are gone."""
        idle = int(forget_consumers_after.total_seconds() * 1000)
        trimmed = 0
        for line in self._lines[1:]:
            trimmed += await self._trim_all(self.key_of(line), None, [idle, "work", self.spec.name])
        for stream in self._own_streams():
            keeping = retention.get(stream.name)
            if keeping is None:
                groups = [reader.name for reader in readers_of(stream)]
                trimmed += await self._trim_all(self.keys.stream(stream), stream, [idle, "work", *groups])
            else:
                trimmed += await self._trim_kept(self.keys.stream(stream), stream, keeping, idle, is_counted=False)
        if (letters := retention.get(DEAD_LETTERS)) is not None:
            # No message may end unseen: a dead letter that is too old or too much is counted once more.
            trimmed += await self._trim_kept(self.keys.dead(self.spec), None, letters, idle, is_counted=True)
        return trimmed

    def _own_streams(self) -> list[Stream]:
        own = {self.spec.reads} | ({self.spec.writes} if self.spec.writes else set())
        return [stream for stream in STREAMS if stream in own]

    async def _trim_kept(
        self, key: str, stream: Stream | None, keeping: Retention, idle: int, *, is_counted: bool
    ) -> int:
        limit = await self._bytes_limit(keeping)
        arguments: list[str | int] = [
            idle,
            "kept",
            int(keeping.age.total_seconds() * 1000),
            int(keeping.unread_age.total_seconds() * 1000),
            "" if keeping.entries is None else keeping.entries,
            "" if limit is None else limit,
            "1" if stream is not None and stream.deduplicates else "0",
            "1" if is_counted else "0",
        ]
        return await self._trim_all(key, stream, arguments)

    async def _trim_all(self, key: str, stream: Stream | None, arguments: Sequence[str | int]) -> int:
        keys = [key, self.keys.announced(stream or self.spec.reads), self.keys.outcomes(self.spec)]
        trimmed = 0
        for _ in range(_TRIM_STEPS):
            step = int(await self._trim(keys=keys, args=[_TRIM_STEP, *arguments]))
            trimmed += step
            if step < _TRIM_STEP:
                break
        return trimmed

    async def _bytes_limit(self, keeping: Retention) -> int | None:
        if keeping.memory_share is None:
            return None
        if time.monotonic() - self._memory_read_at > _MEMORY_KNOWN_FOR_SECONDS:
            self._memory_bytes = await server_memory(self._redis)
            self._memory_read_at = time.monotonic()
        return int(self._memory_bytes * keeping.memory_share) if self._memory_bytes else None

    async def kept(self, retention: Mapping[str, Retention]) -> list[Kept]:
        """What the stage's streams and its dead letters hold, beside what they may, and who reads them."""
        found: list[Kept] = []
        places = [(stream.name, self.keys.stream(stream), stream) for stream in self._own_streams()]
        for name, key, stream in [*places, (DEAD_LETTERS, self.keys.dead(self.spec), None)]:
            ours = {reader.name for reader in readers_of(stream)} if stream is not None else set()
            keeping = retention.get(name)
            entries, used, oldest, groups = await self._kept(keys=[key])
            found.append(
                Kept(
                    key=key,
                    name=name,
                    entries=int(entries),
                    bytes=int(used),
                    oldest_age_seconds=age_seconds(oldest),
                    retention=keeping,
                    bytes_limit=await self._bytes_limit(keeping) if keeping is not None else None,
                    groups=tuple(
                        GroupState(
                            as_text(group),
                            as_text(group) in ours,
                            int(pending),
                            age_seconds(age),
                            float(share),
                            int(waiting),
                        )
                        for group, pending, age, share, waiting in groups
                    ),
                )
            )
        return found

    async def measure(self) -> Depth:
        """How much waits."""
        spec, keys = self.spec, self.keys
        pipe = self._redis.pipeline(transaction=False)
        pipe.zcard(keys.delayed(spec))
        pipe.xlen(keys.dead(spec))
        pipe.get(f"{keys.host_queues(spec)}:count")
        await self._oldest_turn(keys=[self.main], args=[keys.host_queues(spec)], client=pipe)
        for stream, group in [
            *((self.key_of(line), spec.name) for line in self._lines),
            *((self._next, reader.name) for reader in self._readers),
        ]:
            await self._measure(keys=[stream], args=[group, _COUNT_AT_MOST], client=pipe)
        delayed, dead, queued, oldest_turn, *depths = await pipe.execute()
        own, downstream = depths[: len(self._lines)], depths[len(self._lines) :]
        in_front = int(queued or 0) if spec.takes_turns else 0
        queued = 0 if spec.takes_turns else int(queued or 0)
        return Depth(
            waiting=sum(int(waiting) for waiting, _, _ in own) + in_front,
            pending=sum(int(pending) for _, pending, _ in own),
            delayed=int(delayed) + queued,
            dead=int(dead),
            oldest_age_seconds=max(age_seconds(age) or 0.0 for age in (oldest_turn, *(oldest for _, _, oldest in own))),
            downstream=max((int(waiting) + int(pending) for waiting, pending, _ in downstream), default=0),
            queued=queued,
        )

    async def outcomes(self) -> Mapping[tuple[OutcomeKind, str], int]:
        """Outcomes counted since the pipeline began, by kind and reason."""
        answer: Any = await cast("Any", self._redis.hgetall(self.keys.outcomes(self.spec)))
        counted: dict[tuple[OutcomeKind, str], int] = {}
        for name, number in answer.items():
            kind, _, reason = as_text(name).partition("|")
            counted[cast("OutcomeKind", kind), reason] = int(number)
        return counted

    async def dead_letters(self, *, after: str | None = None, count: int = 100) -> list[DeadLetter]:
        """Dead letters, oldest first, beginning behind the id `after`."""
        rows: Any = await self._redis.xrange(self.keys.dead(self.spec), f"({after}" if after else "-", "+", count=count)
        return [to_dead_letter(as_text(entry_id), fields, self.keys.partition) for entry_id, fields in rows]

    async def redeliver(self, dead_id: str, *, event: bytes | None = None) -> bool:
        """Send a dead letter back to its stage with fresh attempts, edited when `event` is given."""
        keys = [self.keys.dead(self.spec), self.retry, self.keys.outcomes(self.spec)]
        return int(await self._redeliver(keys=keys, args=[dead_id, event or b""])) == 1

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
                yield Delayed(int(float(due)), as_number(attempts), as_text(reason), event)
            if int(count) < _LOOKED_AT_ONCE:
                break
            skipped += _LOOKED_AT_ONCE
        async for host, due, _, queue in self._hosts_waited_for(str(since)):
            async for event, attempts, reason in self._read_whole_queue(queue):
                told = reason or f"queued for {host}"
                yield Delayed(due, attempts, told, event, awaits_turn=self.spec.takes_turns)

    async def _hosts_waited_for(self, since: str) -> AsyncIterator[tuple[str, int, int, str]]:
        """Hosts, when each may be asked, how many messages wait for it, and the key of its queue."""
        for lane in LANES if self._queues else ():
            skipped = 0
            while rows := await self._read_queues(
                keys=[self.claimed], args=[self._queues, lane, since, skipped, _LOOKED_AT_ONCE]
            ):
                skipped += len(rows)
                for name, due, count in rows:
                    host, kind = as_text(name), lane.partition(":")[0]
                    yield host, int(float(due)), int(count), f"{self._queues}:waiting:{kind}:{host}"

    async def _read_whole_queue(self, key: str) -> AsyncIterator[tuple[bytes, int, str]]:
        skipped = 0
        while rows := await self._read_queue(keys=[key], args=[skipped, _LOOKED_AT_ONCE]):
            skipped += len(rows)
            for packed, attempts, reason in rows:
                # What waits to be read is as it was handed in; what was read once waits packed.
                event = packed if self.spec.takes_turns else unpacked(packed)
                yield event, as_number(attempts), as_text(reason)

    async def count_delayed(self, *, due_from_ms: int) -> int:
        """How many messages wait for a retry that is due at `due_from_ms` or later."""
        count = int(await self._redis.zcount(self.keys.delayed(self.spec), due_from_ms, "+inf"))
        async for _, _, waiting, _ in self._hosts_waited_for(str(due_from_ms)):
            count += waiting
        return count

    async def unsettled(self) -> AsyncIterator[Unsettled]:
        """Entries that wait or are in flight, the main line first, oldest first in each. Takes and changes nothing."""
        for line in self._lines:
            key = self.key_of(line)
            async for page in entry_pages(self._redis, key):
                # Asked after the page was read: what was settled in between is left out, and what was taken is in flight.
                last = await self._last_delivered(key)
                held = await self._held(key, page[0][0], page[-1][0], len(page)) if id_order(page[0][0]) <= last else {}
                for entry_id, event in page:
                    if entry_id in held:
                        consumer, idle_ms = held[entry_id]
                        yield Unsettled(line, entry_id, event, consumer, idle_ms)
                    elif id_order(entry_id) > last:
                        yield Unsettled(line, entry_id, event)

    async def _held(self, key: str, first: str, last: str, count: int) -> dict[str, tuple[str, int]]:
        """Of the entries between two ids, those that a consumer has: who, and idle for how many milliseconds."""
        try:
            rows: Any = await self._redis.xpending_range(key, self.spec.name, first, last, count)
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            return {}
        return {
            as_text(row["message_id"]): (as_text(row["consumer"]), int(row["time_since_delivered"])) for row in rows
        }

    async def _last_delivered(self, key: str) -> tuple[int, int]:
        """Id of the last entry that the stage has taken; before all others when there is no group."""
        try:
            rows: Any = await self._redis.xinfo_groups(key)
        except ResponseError as error:
            if "no such key" not in str(error):
                raise
            return (0, 0)
        return next(
            (id_order(as_text(row["last-delivered-id"])) for row in rows if as_text(row["name"]) == self.spec.name),
            (0, 0),
        )


async def entry_pages(redis: Redis, stream: str) -> AsyncIterator[list[tuple[str, bytes]]]:
    """The stream's entries as id and event, page by page, oldest first; an entry without an event has empty bytes."""
    start = "-"
    while True:
        rows: Any = await redis.xrange(stream, start, "+", count=_LOOKED_AT_ONCE)
        if rows:
            yield [(as_text(entry_id), event_of(fields) or b"") for entry_id, fields in rows]
        if len(rows) < _LOOKED_AT_ONCE:
            return
        start = f"({as_text(rows[-1][0])}"
