"""What a stage is, and the five ways a handler can end. This is all a stage author needs to know of delivery.

A handler is a plain async function from record to record with its collaborators passed in. What it raises decides what
happens to the message, and nothing else does. This module imports no broker.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar

from coranto.host_queue import HostQueue, HostRest
from coranto.records import Record
from coranto.topology import StageSpec

In = TypeVar("In", bound=Record)
Out = TypeVar("Out", bound=Record)


class StageSignal(Exception):  # noqa: N818 - a decision about the message, not always an error
    """Base of what a handler may raise on purpose. `reason` is a word of the stage's closed list."""

    def __init__(self, reason: str, *, detail: str | None = None) -> None:
        super().__init__(reason if detail is None else f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Transient(StageSignal):
    """The world was not ready: try again later, and give up after the policy's last attempt.

    `retry_after` is respected when it is longer than the policy's own delay.

    Two kinds of trouble spend no attempt. `spends_attempt=False` is for waiting that is no failure, such as for a host: the
    message may wait so any number of times, for exactly as long as it says; with `host` it waits in the queue of that host.
    `gives_up_after` is for trouble of somebody else that lasts as long as it lasts: the message is tried again, more and more
    rarely, and is a dead letter when it has been in such trouble for that long.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry_after: timedelta | None = None,
        spends_attempt: bool = True,
        host: str | None = None,
        gives_up_after: timedelta | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(reason, detail=detail)
        self.retry_after = retry_after
        self.spends_attempt = spends_attempt and gives_up_after is None
        self.host = host
        self.gives_up_after = gives_up_after


class Invalid(StageSignal):
    """This message can never work: dead letter now."""


class Accepted(StageSignal):
    """What was asked for is done, and no article goes on: acknowledged, counted, and written to the ledger."""


class Unwanted(StageSignal):
    """Fine, but not for us: acknowledged, counted, and written to the ledger."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how soon a message is tried again.

    Full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015) over the upper half of the
    interval: retries spread out, and none comes at once.
    """

    attempts: int = 5
    """Attempts in all, the first included."""
    first_delay: timedelta = timedelta(seconds=2)
    longest_delay: timedelta = timedelta(minutes=10)
    bug_attempts: int = 3
    """Attempts in all for an exception that is none of ours: it is probably a bug, and retrying will not fix it."""

    def delay_seconds(self, attempt: int, retry_after: timedelta | None = None) -> float:
        """Seconds to wait after the attempt of this number (1 for the first) failed."""
        # The exponent is bounded: a stage may allow a thousand attempts, and 2.0 ** 1024 is no float.
        doubled = self.first_delay.total_seconds() * 2.0 ** min(attempt - 1, 60)
        ceiling = min(self.longest_delay.total_seconds(), doubled)
        own = random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, not a secret
        return max(own, retry_after.total_seconds()) if retry_after is not None else own

    def delay_in_trouble(self, lasted: timedelta, retry_after: timedelta | None = None) -> float:
        """Seconds to wait when trouble that spends no attempts has lasted so long: half as long again, within the limits."""
        first, longest = self.first_delay.total_seconds(), self.longest_delay.total_seconds()
        own = min(longest, max(first, lasted.total_seconds() / 2))
        own = random.uniform(own / 2, own)  # noqa: S311 - jitter, not a secret
        return max(own, retry_after.total_seconds()) if retry_after is not None else own


DELIVERY_REASONS: Mapping[str, str] = {
    "ok": "The message was handled and its result published.",
    "queued": "The message waits in the queue of its host.",
    "malformed": "The entry holds no event of the expected type.",
    "deadline": "The handler ran longer than the stage's deadline, a few times over.",
    "worker_lost": "Its worker died while handling the message, three times over.",
    "error": "The handler failed in a way it did not foresee; the traceback is in the dead letter.",
    "entry_deleted": "The entry was deleted from its stream by hand before it was settled.",
    "already_published": "The same revision was announced before; subscribers are not told twice.",
}
"""Reasons that delivery itself gives, for every stage."""


@dataclass(frozen=True)
class Stage(Generic[In, Out]):
    """A stage as a value: its place in the topology, its handler and its limits."""

    spec: StageSpec
    handle: Callable[[In], Awaitable[Out | None]]
    """Gives the record to publish; None publishes nothing and counts as `published` (a stage that ends a line)."""
    reasons: Mapping[str, str]
    """The closed list: every reason the handler may raise, with a sentence about it."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    concurrency: int = 8
    """Messages handled concurrently."""
    deadline: timedelta = timedelta(seconds=60)
    """Longest time for one message. Beyond it the handler is cancelled and the message is tried again; it is dead after
    `retry.bug_attempts`."""
    queue_of: Callable[[In], HostQueue] | None = None
    """In a stage that queues by host: where a record waits."""
    rest_of: Callable[[str], HostRest] | None = None
    """In such a stage: when a host may be asked again, as far as this process knows."""
    systemic: frozenset[str] = frozenset()
    """Reasons whose cause is not the message: a run of one of them opens the breaker."""
    start: Callable[[], Awaitable[Any]] | None = None
    """Awaited before the first message: opens pools and connections, warms up."""
    stop: Callable[[], Awaitable[Any]] | None = None
    """Awaited after the last message."""
    on_published: Callable[[Sequence[Out]], None] | None = None
    """Told, after each commit, which results are announced by now. Once, twice or, where the worker dies before, not at all.
    It only takes note: delivery waits for it."""

    @property
    def name(self) -> str:
        """The stage's name, which is also its consumer group."""
        return self.spec.name

    def all_reasons(self) -> dict[str, str]:
        """The stage's own reasons and those of delivery."""
        return {**DELIVERY_REASONS, **self.reasons}
