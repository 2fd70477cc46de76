"""`StageStreams` in memory: for tests of delivery without a server. It passes the same contract suite as Redis.

A `MemoryPipeline` stands for the server and may be shared by several `MemoryStreams`, as several workers share one Redis.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from coranto.host_queue import HostQueue, HostRest
from coranto.streams.interface import (
    Accept,
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
    Publish,
    Retention,
    Retry,
    Unsettled,
)
from coranto.topology import DROPPED, FEEDER, Keys, StageSpec, readers_of


@dataclass(slots=True)
class _Claim:
    consumer: str
    since: float
    deliveries: int


@dataclass(slots=True)
class _Group:
    last: int = -1
    pending: dict[int, _Claim] = field(default_factory=dict)


@dataclass(slots=True)
class _Row:
    number: int
    at_ms: int
    event: bytes | None
    attempts: int = 0
    since_ms: int = 0
    lost: int = 0
    reason: str = ""
    """Delayed: why."""
    failing_since_ms: int = 0
    host: str = ""


@dataclass(slots=True)
class _Stream:
    rows: dict[int, _Row] = field(default_factory=dict)
    groups: dict[str, _Group] = field(default_factory=dict)
    next_number: int = 0


@dataclass(slots=True)
class _Hosts:
    """The queues of a stage by host."""

    waiting: dict[tuple[bool, str], deque[_Row]] = field(default_factory=dict)
    """By whether it is backlog, and host."""
    rests: dict[str, float] = field(default_factory=dict)
    """When a host may be asked again, Unix milliseconds."""
    slow: set[str] = field(default_factory=set)


class MemoryPipeline:
    """What a Redis server would hold."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.streams: dict[str, _Stream] = {}
        self.delayed: dict[str, list[tuple[int, _Row]]] = {}
        self.dead: dict[str, dict[str, DeadLetter]] = {}
        self.counts: dict[str, Counter[tuple[OutcomeKind, str]]] = {}
        self.announced: set[str] = set()
        self.hosts: dict[str, _Hosts] = {}
        self.receipts: dict[tuple[str, str], tuple[str, tuple[Effect, ...]]] = {}

    def stream(self, key: str) -> _Stream:
        """The stream under this key, made when it is not there."""
        return self.streams.setdefault(key, _Stream())

    def add(
        self,
        key: str,
        event: bytes | None,
        *,
        attempts: int = 0,
        since_ms: int | None = None,
        lost: int = 0,
        failing_since_ms: int = 0,
        host: str = "",
    ) -> str:
        """Append an entry and give its id."""
        stream, at_ms = self.stream(key), int(self.clock() * 1000)
        number = stream.next_number
        stream.next_number += 1
        since_ms = since_ms if since_ms is not None else at_ms
        stream.rows[number] = _Row(number, at_ms, event, attempts, since_ms, lost, "", failing_since_ms, host)
        return f"{number}-0"


class MemoryStreams:
    """The streams of one stage in one partition, in memory."""

    def __init__(
        self, pipeline: MemoryPipeline | None = None, spec: StageSpec = FEEDER, keys: Keys | None = None
    ) -> None:
        self.pipeline = pipeline or MemoryPipeline()
        self.spec = spec
        self.keys = keys or Keys()
        self.main = self.keys.stream(spec.reads)
        self.retry = self.keys.retry(spec)
        self.claimed = self.keys.claimed(spec)
        self._lines: tuple[Line, ...] = ("main", "retry", "host") if spec.queues_by_host else ("main", "retry")

    @property
    def _hosts(self) -> _Hosts:
        return self.pipeline.hosts.setdefault(self.spec.name, _Hosts())

    def key_of(self, line: Line) -> str:
        """The stream behind a line."""
        return {"main": self.main, "retry": self.retry, "host": self.claimed}[line]

    async def ensure(self) -> None:
        """Create what is missing."""
        for key in map(self.key_of, self._lines):
            self.pipeline.stream(key).groups.setdefault(self.spec.name, _Group())
        if self.spec.writes is not None:
            for reader in readers_of(self.spec.writes):
                self.pipeline.stream(self.keys.stream(self.spec.writes)).groups.setdefault(reader.name, _Group())

    async def read(self, line: Line, consumer: str, *, count: int, block: timedelta | None) -> list[Entry]:
        """Up to `count` new entries, waiting for the first as long as `block`: for `MemoryReader`. LookupError without a group."""
        deadline = time.monotonic() + (block.total_seconds() if block is not None else 0)
        while True:
            stream = self.pipeline.streams.get(self.key_of(line))
            group = stream.groups.get(self.spec.name) if stream is not None else None
            if stream is None or group is None:
                raise LookupError(f"the group {self.spec.name} of {self.key_of(line)} is gone")
            rows = [row for row in stream.rows.values() if row.number > group.last][:count]
            if rows or time.monotonic() >= deadline:
                for row in rows:
                    group.last = row.number
                    group.pending[row.number] = _Claim(consumer, self.pipeline.clock(), 1)
                return [self._entry(line, row, 1) for row in rows]
            await asyncio.sleep(0.005)

    def _entry(self, line: Line, row: _Row, deliveries: int) -> Entry:
        raw = b"" if row.event is not None else b"{}"
        return Entry(
            line,
            f"{row.number}-0",
            row.event,
            row.attempts,
            row.since_ms,
            deliveries + row.lost,
            raw,
            row.failing_since_ms,
            row.host,
            is_slow=bool(row.host) and row.host in self._hosts.slow,
        )

    async def commit(
        self,
        outcomes: Sequence[tuple[Entry, Outcome]],
        *,
        consumer: str = "",
        token: str = "",
        rests: Mapping[str, HostRest] | None = None,
    ) -> Committed:
        """Settle messages."""
        receipt = self.pipeline.receipts.get((self.spec.name, consumer))
        if token and receipt is not None and receipt[0] == token:
            return Committed(receipt[1], 0)
        now_ms = int(self.pipeline.clock() * 1000)
        effects = tuple(self._settle(entry, outcome, now_ms, rests or {}) for entry, outcome in outcomes)
        self.pipeline.receipts[self.spec.name, consumer] = (token, effects)
        writes = self.spec.writes
        has_readers = writes is not None and any(readers_of(writes))
        length = len(self.pipeline.stream(self.keys.stream(writes)).rows) if writes is not None and has_readers else 0
        return Committed(effects, length)

    def _settle(self, entry: Entry, outcome: Outcome, now_ms: int, rests: Mapping[str, HostRest]) -> Effect:
        stream = self.pipeline.streams.get(self.key_of(entry.line))
        group = stream.groups.get(self.spec.name) if stream is not None else None
        number = int(entry.id.split("-")[0])
        if stream is None or group is None or group.pending.pop(number, None) is None:
            return "superseded"
        if entry.line != "main":
            stream.rows.pop(number, None)
        if entry.host:
            rest = rests.get(entry.host, HostRest())
            self._rest(entry.host, now_ms + rest.wait_ms, is_slow=rest.is_slow)
        counts = self.pipeline.counts.setdefault(self.spec.name, Counter())
        match outcome:
            case Publish(event_id, event):
                writes = self.spec.writes
                if writes is not None and event is not None:
                    if writes.deduplicates and event_id in self.pipeline.announced:
                        counts["dropped", "already_published"] += 1
                        return "repeated"
                    self.pipeline.announced.add(event_id or "")
                    self.pipeline.add(self.keys.stream(writes), event)
                counts["published", "ok"] += 1
            case Accept(reason, notice):
                self._tell(notice)
                counts["accepted", reason] += 1
            case Drop(reason, notice):
                self._tell(notice)
                counts["dropped", reason] += 1
            case Retry(reason, delay_ms, attempts, lost, failing_since_ms, queue):
                due_ms = now_ms + delay_ms
                row = _Row(number, 0, entry.event, attempts, entry.since_ms, lost, reason, failing_since_ms)
                if queue is not None and self.spec.queues_by_host:
                    self._queue(row, queue, delay_ms, due_ms)
                else:
                    self.pipeline.delayed.setdefault(self.spec.name, []).append((due_ms, row))
                counts["retried", reason] += 1
            case Dead(reason, error, traceback, attempts, notice):
                letters = self.pipeline.dead.setdefault(self.spec.name, {})
                event = entry.event if entry.event is not None else entry.raw
                died_at = int(self.pipeline.clock() * 1000)
                letter_id = f"{died_at}-{len(letters)}"
                letters[letter_id] = DeadLetter(
                    letter_id, self.spec.name, self.keys.partition, reason, error, traceback, attempts, died_at, event
                )
                self._tell(notice)
                counts["dead", reason] += 1
        return "applied"

    def _rest(self, host: str, at_ms: float, *, is_slow: bool | None = None) -> None:
        if host:
            self._hosts.rests[host] = at_ms
            if is_slow is not None:
                (self._hosts.slow.add if is_slow else self._hosts.slow.discard)(host)

    def _queue(self, row: _Row, queue: HostQueue, delay_ms: int, due_ms: int) -> None:
        row.host = queue.host
        waiting = self._hosts.waiting.setdefault((queue.is_backlog, queue.host), deque())
        (waiting.appendleft if queue.is_front else waiting.append)(row)
        if delay_ms:
            self._rest(queue.host, due_ms)

    async def claim_hosts(self, consumer: str, *, count: int, slow: int, lease: timedelta) -> HostClaims:
        """Take messages out of the queues of hosts that may be asked now, one for each host."""
        now_ms, hosts = self.pipeline.clock() * 1000, self._hosts
        group = self.pipeline.stream(self.claimed).groups.setdefault(self.spec.name, _Group())
        taken: list[Entry] = []
        for is_backlog, is_slow in ((False, False), (False, True), (True, False), (True, True)):
            due = [key for key in hosts.waiting if key[0] == is_backlog and (key[1] in hosts.slow) == is_slow]
            for key in sorted(due, key=lambda each: hosts.rests.get(each[1], 0.0)):
                rows = hosts.waiting[key]
                while rows and len(taken) < count and (slow or not is_slow) and hosts.rests.get(key[1], 0.0) <= now_ms:
                    row = rows.popleft()
                    slow -= is_slow
                    entry_id = self.pipeline.add(
                        self.claimed, row.event, attempts=row.attempts, since_ms=row.since_ms, lost=row.lost,
                        failing_since_ms=row.failing_since_ms, host=row.host,
                    )  # fmt: skip
                    number = int(entry_id.split("-")[0])
                    group.last = number
                    group.pending[number] = _Claim(consumer, self.pipeline.clock(), 1)
                    taken.append(self._entry("host", self.pipeline.stream(self.claimed).rows[number], 1))
                    self._rest(row.host, now_ms + lease.total_seconds() * 1000)
                if not rows:
                    del hosts.waiting[key]
        wanted = [key[1] for key in hosts.waiting if slow or key[1] not in hosts.slow]
        waits = [max(0, int(hosts.rests.get(host, 0.0) - now_ms)) for host in wanted]
        return HostClaims(taken, min(waits, default=None))

    def _tell(self, notice: bytes | None) -> None:
        if notice is not None:
            self.pipeline.add(self.keys.stream(DROPPED), notice)

    async def claim(self, consumer: str, *, idle: timedelta, count: int, suspects: int = 1_000) -> list[Entry]:
        """Take over entries whose worker has not touched them for so long."""
        taken: list[Entry] = []
        now = self.pipeline.clock()
        for line in self._lines:
            stream = self.pipeline.stream(self.key_of(line))
            group = stream.groups.get(self.spec.name, _Group())
            for number, claim in list(group.pending.items()):
                if len(taken) < count and now - claim.since >= idle.total_seconds():
                    if number not in stream.rows:
                        del group.pending[number]
                        continue
                    if claim.deliveries >= 2:
                        if not suspects:
                            continue
                        suspects -= 1
                    group.pending[number] = _Claim(consumer, now, claim.deliveries + 1)
                    taken.append(self._entry(line, stream.rows[number], claim.deliveries + 1))
        return taken

    async def renew(self, consumer: str, entries: Sequence[Entry]) -> list[str]:
        """Say that the consumer still works on these; gives the ids of those it no longer holds."""
        lost: list[str] = []
        for entry in entries:
            group = self.pipeline.stream(self.key_of(entry.line)).groups.get(self.spec.name, _Group())
            claim = group.pending.get(int(entry.id.split("-")[0]))
            if claim is None or claim.consumer != consumer:
                lost.append(entry.id)
            else:
                claim.since = self.pipeline.clock()
        return lost

    async def hand_back(self, consumer: str, *, keep: Sequence[Entry] = ()) -> int:
        """Return what the consumer holds, but for `keep`, to the retry line at once."""
        total = 0
        for line in self._lines:
            stays = {int(entry.id.split("-")[0]) for entry in keep if entry.line == line}
            stream = self.pipeline.stream(self.key_of(line))
            group = stream.groups.get(self.spec.name, _Group())
            mine = [n for n, claim in group.pending.items() if claim.consumer == consumer and n not in stays]
            for number in mine:
                claim = group.pending.pop(number)
                row = stream.rows[number]
                if line != "main":
                    del stream.rows[number]
                self._rest(row.host, self.pipeline.clock() * 1000)
                row.lost += claim.deliveries - 1
                self._add_to_retries(row)
            total += len(mine)
        return total

    async def move_due(self, *, limit: int) -> int:
        """Move delayed messages that are due to the retry line."""
        now_ms = int(self.pipeline.clock() * 1000)
        waiting = sorted(self.pipeline.delayed.get(self.spec.name, []), key=lambda item: item[0])
        due = [item for item in waiting if item[0] <= now_ms][:limit]
        self.pipeline.delayed[self.spec.name] = waiting[len(due) :]
        for _, row in due:
            self._add_to_retries(row)
        return len(due)

    def _add_to_retries(self, row: _Row) -> None:
        self.pipeline.add(
            self.retry,
            row.event,
            attempts=row.attempts,
            since_ms=row.since_ms,
            lost=row.lost,
            failing_since_ms=row.failing_since_ms,
        )

    async def trim(self, retention: Mapping[str, Retention], *, forget_consumers_after: timedelta) -> int:  # noqa: ARG002 - none pile up here
        """Trim what need not be kept. Memory has no size here, so its share is no limit."""
        trimmed = sum(self._trim(self.key_of(line), {self.spec.name}, None) for line in self._lines[1:])
        for stream in [self.spec.reads, *([self.spec.writes] if self.spec.writes else [])]:
            ours = {reader.name for reader in readers_of(stream)}
            trimmed += self._trim(self.keys.stream(stream), ours, retention.get(stream.name))
        return trimmed

    def _trim(self, key: str, ours: set[str], keeping: Retention | None) -> int:
        stream, now = self.pipeline.stream(key), self.pipeline.clock()
        groups = [group for name, group in stream.groups.items() if keeping is not None or name in ours]
        if not groups and keeping is None:
            return 0
        settled = min((min(group.pending, default=group.last + 1) for group in groups), default=stream.next_number)
        surplus = len(stream.rows) - keeping.entries if keeping is not None and keeping.entries is not None else 0
        gone = [
            number
            for position, (number, row) in enumerate(stream.rows.items())
            if position < surplus
            or (number < settled and (keeping is None or row.at_ms < (now - keeping.age.total_seconds()) * 1000))
            or (keeping is not None and row.at_ms < (now - keeping.unread_age.total_seconds()) * 1000)
        ]
        for number in gone:
            del stream.rows[number]
        return len(gone)

    async def kept(self, retention: Mapping[str, Retention]) -> list[Kept]:
        """What the stage's streams hold, beside what they may."""
        found: list[Kept] = []
        now_ms = self.pipeline.clock() * 1000
        for stream in [self.spec.reads, *([self.spec.writes] if self.spec.writes else [])]:
            key = self.keys.stream(stream)
            rows, groups = self.pipeline.stream(key).rows, self.pipeline.stream(key).groups
            ages = [(now_ms - row.at_ms) / 1000 for row in rows.values()]
            ours = {reader.name for reader in readers_of(stream)}
            states = []
            for name, group in groups.items():
                open_ages = [
                    (now_ms - row.at_ms) / 1000 for n, row in rows.items() if n > group.last or n in group.pending
                ]
                share = len(open_ages) / len(rows) if rows else 0.0
                oldest = max(open_ages, default=None)
                states.append(GroupState(name, name in ours, len(group.pending), oldest, share))
            size = sum(len(row.event or b"") for row in rows.values())
            keeping = retention.get(stream.name)
            found.append(Kept(key, stream.name, len(rows), size, max(ages, default=None), keeping, None, tuple(states)))
        return found

    async def measure(self) -> Depth:
        """How much waits."""
        waiting = pending = downstream = 0
        oldest: int | None = None
        for key in map(self.key_of, self._lines):
            ahead, in_hand, first = self._unsettled(key, self.spec.name)
            waiting, pending = waiting + ahead, pending + in_hand
            oldest = first if oldest is None else min(oldest, first or oldest)
        if self.spec.writes is not None:
            for reader in readers_of(self.spec.writes):
                ahead, in_hand, _ = self._unsettled(self.keys.stream(self.spec.writes), reader.name)
                downstream = max(downstream, ahead + in_hand)
        age = max(0.0, self.pipeline.clock() - oldest / 1000) if oldest is not None else 0.0
        queued = sum(map(len, self._hosts.waiting.values()))
        delayed = len(self.pipeline.delayed.get(self.spec.name, [])) + queued
        dead = len(self.pipeline.dead.get(self.spec.name, {}))
        return Depth(waiting, pending, delayed, dead, age, downstream, queued)

    def _unsettled(self, key: str, name: str) -> tuple[int, int, int | None]:
        stream = self.pipeline.stream(key)
        group = stream.groups.get(name, _Group())
        ahead = [row for row in stream.rows.values() if row.number > group.last]
        times = [row.at_ms for row in ahead] + [stream.rows[n].at_ms for n in group.pending if n in stream.rows]
        return len(ahead), len(group.pending), min(times, default=None)

    async def outcomes(self) -> Mapping[tuple[OutcomeKind, str], int]:
        """Outcomes counted since the pipeline began."""
        return self.pipeline.counts.get(self.spec.name, Counter())

    async def dead_letters(self, *, after: str | None = None, count: int = 100) -> list[DeadLetter]:
        """Dead letters, oldest first."""
        letters = list(self.pipeline.dead.get(self.spec.name, {}).values())
        if after is not None:
            letters = letters[[letter.id for letter in letters].index(after) + 1 :]
        return letters[:count]

    async def redeliver(self, dead_id: str, *, event: bytes | None = None) -> bool:
        """Send a dead letter back to its stage with fresh attempts."""
        letter = self.pipeline.dead.get(self.spec.name, {}).pop(dead_id, None)
        if letter is None:
            return False
        self.pipeline.add(self.retry, event if event is not None else letter.event)
        return True

    async def discard(self, dead_id: str) -> bool:
        """Drop a dead letter for good."""
        return self.pipeline.dead.get(self.spec.name, {}).pop(dead_id, None) is not None

    async def delayed(self, *, due_from_ms: int | None = None) -> AsyncIterator[Delayed]:
        """Messages that wait for their retry, soonest first."""
        for due_ms, row in self._all_delayed():
            if due_from_ms is None or due_ms >= due_from_ms:
                yield Delayed(due_ms, row.attempts, row.reason, row.event or b"")

    async def count_delayed(self, *, due_from_ms: int) -> int:
        """How many messages wait for a retry that is due at `due_from_ms` or later."""
        return sum(due_ms >= due_from_ms for due_ms, _ in self._all_delayed())

    def _all_delayed(self) -> list[tuple[int, _Row]]:
        """What waits for a retry, soonest first, then what waits for its host."""
        delayed = sorted(self.pipeline.delayed.get(self.spec.name, []), key=lambda item: item[0])
        now_ms = self.pipeline.clock() * 1000
        for (_, host), rows in self._hosts.waiting.items():
            delayed += [(int(self._hosts.rests.get(host, now_ms)), row) for row in rows]
        return delayed

    async def unsettled(self) -> AsyncIterator[Unsettled]:
        """Entries that wait or are in flight, the main line first, oldest first in each."""
        for line in self._lines:
            stream = self.pipeline.stream(self.key_of(line))
            group = stream.groups.get(self.spec.name, _Group())
            for row in list(stream.rows.values()):
                claim, entry_id = group.pending.get(row.number), f"{row.number}-0"
                if claim is not None:
                    idle_ms = int((self.pipeline.clock() - claim.since) * 1000)
                    yield Unsettled(line, entry_id, row.event or b"", claim.consumer, idle_ms)
                elif row.number > group.last:
                    yield Unsettled(line, entry_id, row.event or b"")
