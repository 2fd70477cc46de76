"""What delivery needs of the streams, as one interface: `RedisStreams` is the real one, `coranto.testing` has a twin in memory.

One `StageStreams` serves one stage in one partition. Everything that must be atomic is one call here: an outcome and its
acknowledgement, a due retry and its return to the stage, a dead letter and its redelivery. Both twins pass one contract
suite, `tests/contracts/test_streams.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from coranto.host_queue import HostQueue, HostRest

# A group that has this share of what is kept still before it is told that it may lose some.
_AT_RISK = 0.8

OutcomeKind = Literal["published", "accepted", "dropped", "retried", "dead"]
Line = Literal["main", "retry", "host"]
"""Where a stage's message came from: the stream it reads, its own retry stream, or the queue of its host."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stream, as it was read."""

    line: Line
    id: str
    event: bytes | None
    """The event's bytes; None when the entry has no such field, which makes it malformed."""
    attempts: int = 0
    """Attempts spent before this one."""
    since_ms: int = 0
    """When the message first reached the stage, Unix milliseconds."""
    deliveries: int = 1
    """Workers that have had it, this one included; those that gave it back when they were stopped do not count."""
    raw: bytes = b""
    """What stood in the entry when it has no event."""
    failing_since_ms: int = 0
    """Since when it has been in trouble that spends no attempts, Unix milliseconds; 0 when it is not."""
    host: str = ""
    """Line `host`: the host whose queue it came from; no other message of it is handed out until this one is settled."""
    is_slow: bool = False
    """Whether that host takes long for each request."""


@dataclass(frozen=True, slots=True)
class Publish:
    """The handler's result goes to the next stream; None where the stage ends the line."""

    event_id: str | None
    event: bytes | None


@dataclass(frozen=True, slots=True)
class Accept:
    """What the message asked for is done, and it ends here; the notice goes to the ledger."""

    reason: str
    notice: bytes | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """The message ends here, for a reason; the notice goes to the ledger."""

    reason: str
    notice: bytes | None = None
    forgets: str = ""
    """Id of an article whose page must be fetched whole the next time, because nothing came of it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The message waits, then comes back to this stage."""

    reason: str
    delay_ms: int
    """By the server's clock, from the commit on: a worker's own may be wrong."""
    attempts: int
    """Attempts spent by then."""
    lost: int = 0
    """Workers that were lost with it, where the message goes on counting them: it was held back, not handled."""
    failing_since_ms: int = 0
    """Since when it has been in trouble that spends no attempts, Unix milliseconds; 0 when it is not."""
    queue: HostQueue | None = None
    """Where it waits, in a stage that queues by host; the delay is then that of the host. None waits for itself."""


@dataclass(frozen=True, slots=True)
class Dead:
    """The message becomes a dead letter."""

    reason: str
    error: str
    traceback: str
    attempts: int
    notice: bytes | None = None
    forgets: str = ""
    """As for `Drop`."""


Outcome = Publish | Accept | Drop | Retry | Dead


@dataclass(frozen=True, slots=True)
class HostClaims:
    """What came out of the queues of hosts."""

    entries: list[Entry]
    next_ms: int | None
    """Milliseconds until the next host that something waits for may be asked; None when nothing waits."""


Effect = Literal["applied", "superseded", "repeated", "refused"]
"""applied; or superseded, another worker had settled the message before; or repeated, the event was announced before;
or refused, Redis would not write it, and the message is still pending."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did."""

    effects: tuple[Effect, ...]
    """What each outcome did, in order."""
    downstream_length: int
    """Entries in the next stream after the commit; 0 where none of our stages reads it, as where articles are only kept."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How much of a stage's work waits, and where."""

    waiting: int
    """Entries not yet taken, main and retry line."""
    pending: int
    """Entries taken and not yet settled."""
    delayed: int
    """Messages that wait for a retry, or in the queue of their host."""
    dead: int
    oldest_age_seconds: float
    """Age of the oldest unsettled entry, or of what has waited longest for its host's turn; 0 when there is neither."""
    downstream: int
    """Unsettled entries of the stage downstream; 0 when nothing reads there."""
    queued: int = 0
    """Of the delayed, those in the queues of hosts."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of a stream is kept. The limit that is reached first counts, whoever has not read it yet."""

    age: timedelta
    """Entries that every group has settled go after this."""
    unread_age: timedelta
    """Entries go after this even if a group has not read them: else one that was abandoned would hold them for good."""
    entries: int | None = None
    memory_share: float | None = None
    """Share of the server's memory: of `maxmemory`, or of the machine's where the server has no limit."""


@dataclass(frozen=True, slots=True)
class GroupState:
    """How far a consumer group has come on a stream."""

    name: str
    is_ours: bool
    """True for a stage of the topology; False for a subscriber, or a stranger on an internal stream."""
    pending: int
    oldest_age_seconds: float | None
    """Age of its oldest unsettled entry; None when it has settled all."""
    unsettled_share: float
    """Of the span that the stream holds, the share that it has not settled, 0 to 1."""
    waiting: int = 0
    """Entries that it has not taken; counted to 10,000 where Redis does not know."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a stream holds, beside what it may."""

    key: str
    name: str
    entries: int
    bytes: int
    oldest_age_seconds: float | None
    retention: Retention | None
    """None for a stream that is trimmed behind its readers."""
    bytes_limit: int | None
    groups: tuple[GroupState, ...]

    @property
    def fullness(self) -> dict[str, float]:
        """How much of each limit is used, 1 being all of it."""
        if self.retention is None:
            return {}
        used = {"age": (self.oldest_age_seconds or 0.0) / self.retention.unread_age.total_seconds()}
        if self.retention.entries is not None:
            used["entries"] = self.entries / self.retention.entries
        if self.bytes_limit is not None:
            used["bytes"] = self.bytes / self.bytes_limit
        return used

    @property
    def groups_at_risk(self) -> list[str]:
        """Names of the groups that will lose entries they have not read, if they go on like this."""
        if self.retention is None:
            return []
        unread_limit = self.retention.unread_age.total_seconds()
        is_full = any(used >= _AT_RISK for limit, used in self.fullness.items() if limit != "age")
        return sorted(
            group.name
            for group in self.groups
            if (group.oldest_age_seconds or 0.0) >= unread_limit * _AT_RISK
            or (is_full and group.oldest_age_seconds is not None and group.unsettled_share >= _AT_RISK)
        )

    @property
    def unknown_groups(self) -> list[str]:
        """Names of groups on a work stream that are none of ours: they hold nothing back and may miss entries."""
        return sorted(group.name for group in self.groups if self.retention is None and not group.is_ours)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be handled, with all that is needed to understand and redeliver it."""

    id: str
    stage: str
    partition: int
    reason: str
    error: str
    traceback: str
    attempts: int
    died_at_ms: int
    event: bytes


@dataclass(frozen=True, slots=True)
class Delayed:
    """A message that waits for its next attempt, or in the queue of its host."""

    due_ms: int
    """When it comes back to the stage, Unix milliseconds; in a host's queue, when that host may be asked."""
    attempts: int
    """Attempts spent so far."""
    reason: str
    event: bytes
    awaits_turn: bool = False
    """True when the stage has not read it yet: it waits for its host's turn."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An entry that the stage has not settled: it waits to be taken, or a consumer works on it."""

    line: Line
    id: str
    event: bytes
    """The event's bytes; empty when the entry has no such field."""
    consumer: str | None = None
    """The consumer that has taken it; None while it waits."""
    idle_ms: int = 0
    """Taken: milliseconds since it was delivered or renewed."""


class StageStreams(Protocol):
    """The streams as one stage sees them, in one partition."""

    async def ensure(self) -> None:
        """Create what is missing: streams and groups, from the beginning. Safe to repeat."""

    async def commit(
        self,
        outcomes: Sequence[tuple[Entry, Outcome]],
        *,
        consumer: str = "",
        token: str = "",
        rests: Mapping[str, HostRest] | None = None,
    ) -> Committed:
        """Settle messages: each outcome and its acknowledgement take effect together, or not at all.

        A caller that got no answer calls again with the same token: what the first call did is told then as if it had
        been answered. Without a token nothing is remembered. `rests` says of hosts that messages came from when they may
        be asked again; one that it does not name may be at once.
        """

    async def claim_hosts(self, consumer: str, *, count: int, slow: int, lease: timedelta) -> HostClaims:
        """Take up to `count` messages out of the queues of hosts that may be asked now, one for each host.

        Live messages first, and at most `slow` of slow hosts. Until a message is settled, or for as long as `lease`, its
        host hands out no other. The entries are pending like any that were read.
        """

    async def claim(self, consumer: str, *, idle: timedelta, count: int, suspects: int = 1_000) -> list[Entry]:
        """Take over entries whose worker has not touched them for so long; `deliveries` counts all who had them."""

    async def renew(self, consumer: str, entries: Sequence[Entry]) -> list[str]:
        """Say that the consumer still works on these; gives the ids of those it no longer holds."""

    async def hand_back(self, consumer: str, *, keep: Sequence[Entry] = ()) -> int:
        """Return what the consumer holds, but for `keep`, to the retry line at once. Gives their number.

        A consumer that holds nothing any more is removed. What is kept is claimed by another worker in time, and counted as
        one that its worker was lost with.
        """

    async def move_due(self, *, limit: int) -> int:
        """Move delayed messages that are due to the retry line. Gives their number."""

    async def trim(self, retention: Mapping[str, Retention], *, forget_consumers_after: timedelta) -> int:
        """Trim what need not be kept, and remove consumers that are gone. Gives entries trimmed.

        Work streams are trimmed behind our own groups; those of strangers hold nothing back. `retention` names, by stream
        (`dead_letters` for the stage's own), what is kept beyond that.
        """

    async def kept(self, retention: Mapping[str, Retention]) -> list[Kept]:
        """What the stage's streams and its dead letters hold, beside what they may, and who reads them."""

    async def measure(self) -> Depth:
        """How much waits."""

    async def outcomes(self) -> Mapping[tuple[OutcomeKind, str], int]:
        """Outcomes counted since the pipeline began, by kind and reason."""

    async def dead_letters(self, *, after: str | None = None, count: int = 100) -> list[DeadLetter]:
        """Dead letters, oldest first, beginning behind the id `after`."""

    async def redeliver(self, dead_id: str, *, event: bytes | None = None) -> bool:
        """Send a dead letter back to its stage with fresh attempts, edited when `event` is given. False when it is gone."""

    async def discard(self, dead_id: str) -> bool:
        """Drop a dead letter for good. False when it is gone."""

    def delayed(self, *, due_from_ms: int | None = None) -> AsyncIterator[Delayed]:
        """Messages that wait for their retry, soonest first; only those due at `due_from_ms` or later, if given."""

    async def count_delayed(self, *, due_from_ms: int) -> int:
        """How many messages wait for a retry that is due at `due_from_ms` or later."""

    def unsettled(self) -> AsyncIterator[Unsettled]:
        """Entries that wait or are in flight, the main line first, oldest first in each. Takes and changes nothing."""
