"""From an entry to its outcome: the event is decoded and handled, and what the handler returns or raises decides.

Deciding is total. Whatever bytes the entry holds and whatever the handler raises, there is exactly one outcome, and it can
be sent to Redis.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from coranto.host_queue import QUEUED, HostQueue
from coranto.records import DiscoveredArticle, FetchedArticle, FinishedArticle, Record
from coranto.records.envelope import Event, MalformedEventError, decode, encode, new_traceparent
from coranto.streams.interface import Accept, Dead, Drop, Entry, Outcome, Publish, Retry
from coranto.worker.breaker import Verdict
from coranto.worker.notices import LONGEST_ERROR, Notices, clean, describe, trace_of, url_of
from coranto.worker.stage import Accepted, Invalid, Stage, StageSignal, Transient, Unwanted

BUGS: Final = frozenset({"error", "deadline"})
"""Reasons of failures nobody foresaw: a bug, a hang, a machine that starves. Their cause is rarely the one message."""


@dataclass(slots=True)  # not frozen: one is made for each message, and freezing costs a microsecond
class Decision:
    """What becomes of a message, and what that says."""

    outcome: Outcome
    verdict: Verdict
    reason: str = "ok"
    record_id: str = ""
    url: str = ""
    error: str = ""
    """What was seen, where something failed."""
    result: Record | None = None
    """What is published; None where nothing is."""


class Decider:
    """Decides the messages of one stage."""

    def __init__(self, stage: Stage[Any, Any], *, max_deliveries: int, clock: Callable[[], float]) -> None:
        self._stage = stage
        self._max_deliveries = max_deliveries
        self._source = f"coranto/{stage.name}"
        self._carries: type[Record] = stage.spec.reads.carries
        self._publishes = stage.spec.writes.carries.__name__ if stage.spec.writes is not None else "nothing"
        self._reasons = stage.all_reasons()
        writes = stage.spec.writes
        self._stores_articles = writes is not None and writes.is_replayable
        self._systemic = stage.systemic | BUGS
        self._clock = clock
        self._notices = Notices(stage.spec, source=self._source, clock=clock)
        self.is_stopping = False
        """Set when the worker stops: a handler that is cancelled from then on has no outcome, its message is handed back."""

    async def decide(self, entry: Entry, *, is_first_chance: Callable[[], bool] = lambda: True) -> Decision:
        """The message's outcome. Raises nothing but CancelledError, and that only while the worker stops.

        `is_first_chance` is asked when a failure is judged: False while the breaker is not closed, when a failure spends no
        attempt.
        """
        try:
            event = self._read(entry)
            return event if isinstance(event, Decision) else await self._handle(entry, event, is_first_chance)
        except asyncio.CancelledError:
            if self.is_stopping:
                raise
            return self._last_resort(entry, "the handler was cancelled")
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - our own mistake: even then the message ends in an outcome
            return self._last_resort(entry, describe(error))

    def _last_resort(self, entry: Entry, error: str) -> Decision:
        """An outcome that is made of what cannot fail."""
        return Decision(Dead("error", error, "", entry.attempts + 1, None), "none", "error", error=error)

    def _read(self, entry: Entry) -> Event[Any] | Decision:
        """The entry's event, or what becomes of an entry that has none for the handler."""
        if entry.deliveries > self._max_deliveries:
            text = f"{entry.deliveries - 1} workers were lost while they had this message"
            return self._dead_unread(entry, "worker_lost", text)
        try:
            if entry.event is None:
                raise MalformedEventError("the entry has no field named 'event'")
            return decode(entry.event, self._carries)
        except (MalformedEventError, RecursionError) as error:
            return self._dead_unread(entry, "malformed", str(error) or type(error).__name__)

    def _dead_unread(self, entry: Entry, reason: str, error: str) -> Decision:
        text = clean(error, LONGEST_ERROR)
        dead = Dead(reason, text, "", entry.attempts, self._notices.of_raw(entry.event, reason, text))
        return Decision(dead, "none", reason, error=text)

    async def _handle(self, entry: Entry, event: Event[Any], is_first_chance: Callable[[], bool]) -> Decision:
        record = event.record
        limit = asyncio.timeout(self._stage.deadline.total_seconds())
        try:
            async with limit:
                result = await self._stage.handle(record)
            if result is None or self._stage.spec.writes is None:
                return self._decided(record, Publish(None, None), "success")
            # Inside the guard: a result that is of another kind or cannot be serialised is the handler's failure, not ours.
            if result.event_type != self._stage.spec.writes.carries.event_type:
                raise TypeError(
                    f"the handler returned a {type(result).__name__}, the stage publishes {self._publishes}"
                )
            if isinstance(result, DiscoveredArticle) and not isinstance(result, FinishedArticle):
                # What is finished says itself when it was stored, and is announced as it is stored.
                result = result.done_by(self._stage.name, datetime.fromtimestamp(self._clock(), UTC))
            trace = _child(event.traceparent)
            published = Publish(result.message_id, encode(result, source=self._source, traceparent=trace))
            return Decision(published, "success", record_id=record.subject, url=url_of(record), result=result)
        except asyncio.CancelledError as error:
            if self.is_stopping:
                raise  # what is not finished is handed back
            return self._failed(entry, record, error, is_first_chance())
        except TimeoutError as error:
            if not limit.expired():
                return self._failed(entry, record, error, is_first_chance())
            text = f"not done after {self._stage.deadline.total_seconds():g} s"
            return self._failed(entry, record, error, is_first_chance(), reason="deadline", text=text)
        except StageSignal as signal:
            if signal.reason not in self._reasons:
                return self._failed(entry, record, signal, is_first_chance())
            return self._asked_for(entry, record, signal, is_first_chance())
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit, or a panic of a library in Rust: the message must end in an outcome
            return self._failed(entry, record, error, is_first_chance())

    def _decided(
        self, record: Record, outcome: Outcome, verdict: Verdict, reason: str = "ok", error: str = ""
    ) -> Decision:
        return Decision(outcome, verdict, reason, record.subject, url_of(record), error)

    def _asked_for(self, entry: Entry, record: Record, signal: StageSignal, is_first_chance: bool) -> Decision:
        """The outcome a handler asked for."""
        reason = signal.reason
        if isinstance(signal, Transient) and signal.gives_up_after is not None:
            return self._in_trouble(entry, record, signal, signal.gives_up_after)
        if isinstance(signal, Transient):
            return self._retry(
                entry, record, signal, self._stage.retry.attempts, is_first_chance and signal.spends_attempt,
                reason=reason, retry_after=signal.retry_after, is_waiting=not signal.spends_attempt,
            )  # fmt: skip
        detail = clean(signal.detail, LONGEST_ERROR) if signal.detail else None
        if isinstance(signal, Accepted):
            accept = Accept(reason, self._notices.of_record(record, "accepted", reason, detail))
            return self._decided(record, accept, "success", reason)
        if isinstance(signal, Unwanted):
            # A stage that stores articles drops what it has already; of what any other drops, nothing is left.
            forgets = "" if self._stores_articles else self._fetched_id(record)
            drop = Drop(reason, self._notices.of_record(record, "dropped", reason, detail), forgets)
            return self._decided(record, drop, "success", reason)
        trace = trace_of(signal) if isinstance(signal, Invalid) else ""
        return self._dead(record, reason, detail or reason, trace, entry.attempts + 1, "success")

    def _in_trouble(self, entry: Entry, record: Record, signal: Transient, gives_up_after: timedelta) -> Decision:
        """Again after half the time that the trouble has lasted, or a dead letter when that is too long."""
        now_ms = int(self._clock() * 1000)
        since_ms = entry.failing_since_ms or now_ms
        lasted = timedelta(milliseconds=max(0, now_ms - since_ms))
        text = describe(signal)
        if lasted >= gives_up_after:
            text = f"{text}; tried for {lasted.total_seconds() / 3600:.1f} h"
            return self._dead(record, signal.reason, text, trace_of(signal), entry.attempts + 1, self._verdict(signal))
        delay = self._stage.retry.delay_in_trouble(lasted, signal.retry_after)
        retry = Retry(signal.reason, int(delay * 1000), entry.attempts, failing_since_ms=since_ms)
        return self._decided(record, retry, self._verdict(signal), signal.reason, text)

    def _verdict(self, signal: StageSignal) -> Verdict:
        return "systemic" if signal.reason in self._systemic else "inconclusive"

    def _failed(
        self,
        entry: Entry,
        record: Record,
        error: BaseException,
        is_first_chance: bool,
        *,
        reason: str = "error",
        text: str | None = None,
    ) -> Decision:
        """The outcome of a failure nobody foresaw: a few tries, then a dead letter with the traceback."""
        return self._retry(
            entry, record, error, self._stage.retry.bug_attempts, is_first_chance, reason=reason, text=text
        )

    def _retry(
        self,
        entry: Entry,
        record: Record,
        error: BaseException,
        most_attempts: int,
        spends_attempt: bool,
        *,
        reason: str,
        text: str | None = None,
        retry_after: timedelta | None = None,
        is_waiting: bool = False,
    ) -> Decision:
        verdict: Verdict = "systemic" if reason in self._systemic else "inconclusive"
        text = text or describe(error)
        # A message that met an open breaker has not had its chance.
        spent = entry.attempts + int(spends_attempt)
        if spends_attempt and spent >= most_attempts:
            return self._dead(record, reason, text, trace_of(error), spent, verdict)
        delay = (
            (retry_after or timedelta()).total_seconds()
            if is_waiting
            else self._stage.retry.delay_seconds(max(1, spent), retry_after)
        )
        queue = None
        if isinstance(error, Transient) and error.host is not None and self._stage.queue_of is not None:
            queue = replace(self._stage.queue_of(record), host=error.host, is_front=True)
        retry = Retry(
            reason,
            max(0, int(delay * 1000)),
            spent,
            failing_since_ms=entry.failing_since_ms if is_waiting else 0,
            queue=queue,
        )
        return self._decided(record, retry, verdict, reason, text)

    def _dead(self, record: Record, reason: str, error: str, trace: str, attempts: int, verdict: Verdict) -> Decision:
        notice = self._notices.of_record(record, "dead", reason, error)
        dead = Dead(reason, error, trace, attempts, notice, self._fetched_id(record))
        return self._decided(record, dead, verdict, reason, error)

    def _fetched_id(self, record: Record) -> str:
        """The id of a record whose page was fetched by an earlier stage; empty for others."""
        return record.id if isinstance(record, FetchedArticle) else ""


class Admission:
    """Decides where messages wait: in the queue of their host, before any handler sees them."""

    def __init__(self, stage: Stage[Any, Any], queue_of: Callable[[Any], HostQueue]) -> None:
        self._carries: type[Record] = stage.spec.reads.carries
        self._queue_of = queue_of
        self.is_stopping = False

    async def decide(self, entry: Entry, *, is_first_chance: Callable[[], bool] = lambda: True) -> Decision:  # noqa: ARG002 - as Decider's
        """The queue that the message goes to, with all that is known of it."""
        try:
            event = decode(entry.event, self._carries) if entry.event is not None else None
            queue = HostQueue("") if event is None else self._queue_of(event.record)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, the handler's side says so
            queue = HostQueue("")
        retry = Retry(
            QUEUED,
            0,
            entry.attempts,
            entry.deliveries - 1,
            entry.failing_since_ms,
            replace(queue, is_front=entry.line != "main"),
        )
        return Decision(retry, "success", QUEUED)


def _child(traceparent: str | None) -> str:
    """The trace context for what this stage writes: the same trace with its flags, a new span."""
    if traceparent is None:
        return new_traceparent()
    span = random.getrandbits(64) or 1
    return f"{traceparent[:36]}{span:016x}{traceparent[52:]}"
