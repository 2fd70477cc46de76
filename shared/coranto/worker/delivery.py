"""The delivery core: from an entry in hand to exactly one settled outcome.

One `Delivery` serves one stage in one worker. Entries come from the intake, wait for a slot, are decoded and handled
under the stage's deadline; what the handler returned or raised becomes an `Outcome`; outcomes are committed in groups as
they come. A commit that Redis does not confirm is repeated until it does: every script is safe to repeat.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import traceback as tracebacks
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from coranto.records import DiscoveredArticle, DroppedArticle, Record, Submission, content_id
from coranto.records.envelope import Event, MalformedEventError, decode, encode, new_traceparent, peek
from coranto.streams.errors import is_passing
from coranto.streams.interface import (
    Dead,
    Drop,
    Effect,
    Entry,
    Line,
    Outcome,
    OutcomeKind,
    Publish,
    Retry,
    StageStreams,
)
from coranto.worker import log as events
from coranto.worker.breaker import Breaker
from coranto.worker.metrics import Metrics
from coranto.worker.settings import BreakerSettings, DeliverySettings
from coranto.worker.stage import Invalid, Stage, StageSignal, Transient, Unwanted
from coranto.worker.tasks import end

_KINDS: dict[type[Outcome], OutcomeKind] = {Publish: "published", Drop: "dropped", Retry: "retried", Dead: "dead"}
# Of a hostile page's making, so bounded.
_LONGEST_ERROR = 2_000
_LONGEST_TRACEBACK = 10_000
_LONGEST_DETAIL = 300


@dataclass(slots=True)
class _Held:
    """An entry in hand, from its reading to the confirmation of its outcome."""

    entry: Entry
    partition: int
    is_running: bool = False
    record_id: str = ""
    url: str = ""
    outcome: Outcome | None = None
    reason: str = "ok"
    queue_ms: int = 0
    handle_ms: float = 0.0


class Delivery:
    """Takes a stage's entries in hand and settles each exactly once."""

    def __init__(
        self,
        stage: Stage[Any, Any],
        streams: Sequence[StageStreams],
        settings: DeliverySettings,
        breaker: BreakerSettings,
        *,
        consumer: str,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.stage = stage
        self.streams = streams
        self.settings = settings
        self.consumer = consumer
        self.breaker = Breaker(breaker, clock=clock)
        self.metrics = metrics
        self.batch = max(1, stage.concurrency // 4)
        """Most entries in one read; the next read waits until as many slots are free."""
        self.is_paused = False
        """True while the stage downstream has too much waiting."""
        self.is_parking_full = False
        """True while so many messages are delayed that no new ones are read."""
        self._is_told_paused = False
        self._clock = clock
        self._log = events.get_logger(stage=stage.name, worker=consumer)
        self._reasons = stage.all_reasons()
        self._systemic = stage.systemic | {"error"}
        self._source = f"coranto/{stage.name}"
        self._carries: type[Record] = stage.spec.reads.carries
        self._held: dict[tuple[int, Line, str], _Held] = {}
        self._waiting: asyncio.Queue[_Held] = asyncio.Queue()
        self._settled: list[deque[_Held]] = [deque() for _ in streams]
        self._has_settled = [asyncio.Event() for _ in streams]
        self._changed = asyncio.Event()
        self._is_stopping = False
        self._slots: list[asyncio.Task[None]] = []
        self._committers: list[asyncio.Task[None]] = []
        self.broken: asyncio.Future[None]
        """Set by `start`; gets the error when delivery itself fails, which ends the worker."""
        name = stage.name
        self._received = metrics.received.labels(name)
        self._queue_seconds = metrics.queue_seconds.labels(name)
        self._handle_seconds = metrics.handle_seconds.labels(name)
        self._in_flight = metrics.in_flight.labels(name)
        self._commits = metrics.commits.labels(name)
        self._superseded = metrics.superseded.labels(name)
        self._outcome_counters: dict[tuple[OutcomeKind, str], Any] = {}

    # --- taking in hand --------------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Entries in hand, begun or not."""
        return len(self._held)

    @property
    def free(self) -> int:
        """Slots that nothing in hand is waiting for."""
        return self.stage.concurrency - len(self._held)

    def accept(self, partition: int, entries: Sequence[Entry]) -> None:
        """Take entries in hand. One that is in hand already, claimed back from ourselves, is not taken twice."""
        for entry in entries:
            key = (partition, entry.line, entry.id)
            if key not in self._held:
                held = _Held(entry, partition)
                self._held[key] = held
                self._waiting.put_nowait(held)
        self._in_flight.set(len(self._held))

    async def room(self, line: Line) -> None:
        """Return when another batch of this line may be read."""
        while not self._is_stopping and not self._may_read(line):
            self._changed.clear()
            await self._changed.wait()

    def _may_read(self, line: Line) -> bool:
        if self.is_paused or self.free < self.batch or not self.breaker.is_closed:
            # While the breaker probes, what is in hand is enough to probe with; with nothing in hand one batch is read.
            return not self.breaker.is_closed and not self.is_paused and not self._held
        return line == "retry" or not self.is_parking_full

    def pause(self, *, downstream: bool, parking_full: bool) -> None:
        """Say whether the stage should read, judged by what waits downstream and what is delayed."""
        if downstream != self._is_told_paused:
            self._is_told_paused = downstream
            self._log.warning(
                events.STAGE_PAUSED if downstream else events.STAGE_RESUMED, because="downstream high water"
            )
        self.is_paused, self.is_parking_full = downstream, parking_full
        self.metrics.paused.labels(self.stage.name).set(int(downstream))
        self._changed.set()

    def running(self) -> list[tuple[int, Entry]]:
        """What is being handled at this moment, for renewal. What only waits is not renewed: others may have it."""
        return [(held.partition, held.entry) for held in self._held.values() if held.is_running]

    # --- handling --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to handle what is accepted."""
        self.broken = asyncio.get_running_loop().create_future()
        self._slots = [asyncio.create_task(self._work()) for _ in range(self.stage.concurrency)]
        self._committers = [asyncio.create_task(self._commit(number)) for number in range(len(self.streams))]
        for task in (*self._slots, *self._committers):
            task.add_done_callback(self._watch)

    def _watch(self, task: asyncio.Task[None]) -> None:
        """A slot or committer that ends by itself is our mistake: better a new process than a stage that stands still."""
        if not task.cancelled() and (error := task.exception()) is not None and not self.broken.done():
            self.broken.set_exception(error)

    async def _work(self) -> None:
        while True:
            held = await self._waiting.get()
            if not self.breaker.is_closed:
                await self.breaker.permit()
            held.is_running = True
            started = time.perf_counter()
            held.queue_ms = max(0, int(self._clock() * 1000) - held.entry.since_ms)
            self._received.inc()
            held.outcome = await self._settle(held)
            held.handle_ms = (time.perf_counter() - started) * 1000
            self._settled[held.partition].append(held)
            self._has_settled[held.partition].set()

    async def _settle(self, held: _Held) -> Outcome:
        """The entry's outcome: its event is read, then handled."""
        entry = held.entry
        if entry.deliveries > self.settings.claims_before_dead:
            text = f"{entry.deliveries - 1} workers were lost with this message in hand"
            return self._bury(held, None, "worker_lost", text, "", entry.attempts)
        try:
            if entry.event is None:
                raise MalformedEventError("the entry has no field named 'event'")
            event = decode(entry.event, self._carries)
        except MalformedEventError as error:
            return self._bury(held, None, "malformed", str(error), "", entry.attempts)
        held.record_id = event.record.subject
        held.url = _url_of(event.record)
        return await self._handle(held, event)

    async def _handle(self, held: _Held, event: Event[Any]) -> Outcome:
        """What the handler's return or exception means."""
        entry, record = held.entry, event.record
        limit = asyncio.timeout(self.stage.deadline.total_seconds())
        try:
            async with limit:
                result = await self.stage.handle(record)
            if self.breaker.succeeded():
                self._log.warning(events.BREAKER_CLOSED)
                self._changed.set()
            if result is None or self.stage.spec.writes is None:
                return Publish(None, None)
            # Inside the guard: a result that cannot be serialised is the handler's failure, not ours.
            return Publish(
                result.message_id, encode(result, source=self._source, traceparent=_child(event.traceparent))
            )
        except asyncio.CancelledError as error:
            if self._is_stopping:
                raise  # what is not finished is handed back
            return self._fail(held, record, error)
        except TimeoutError as error:
            if not limit.expired():
                return self._fail(held, record, error)
            seconds = self.stage.deadline.total_seconds()
            return self._bury(
                held, record, "deadline", f"not done after {seconds:g} s", _trace(error), entry.attempts + 1
            )
        except StageSignal as signal:
            if signal.reason not in self._reasons:
                return self._fail(held, record, signal)
            return self._obey(held, record, signal)
        except Exception as error:  # noqa: BLE001 - whatever it is, the message must end in an outcome
            return self._fail(held, record, error)

    def _obey(self, held: _Held, record: Record, signal: StageSignal) -> Outcome:
        """The outcome a handler asked for."""
        held.reason = signal.reason
        if isinstance(signal, Transient):
            return self._again(
                held,
                record,
                signal.reason,
                signal,
                self.stage.retry.attempts,
                signal.retry_after,
                signal.spends_attempt,
            )
        if self.breaker.succeeded():
            self._log.warning(events.BREAKER_CLOSED)
            self._changed.set()
        if isinstance(signal, Unwanted):
            return Drop(signal.reason, self._notice(record, "dropped", signal.reason, signal.detail))
        trace = _trace(signal) if isinstance(signal, Invalid) else ""
        return self._bury(held, record, signal.reason, signal.detail or signal.reason, trace, held.entry.attempts + 1)

    def _fail(self, held: _Held, record: Record, error: BaseException) -> Outcome:
        """The outcome of a failure nobody foresaw: a few tries, then a dead letter with the traceback."""
        return self._again(held, record, "error", error, self.stage.retry.bug_attempts, None, spends_attempt=True)

    def _again(
        self,
        held: _Held,
        record: Record,
        reason: str,
        error: BaseException,
        most_attempts: int,
        retry_after: timedelta | None,
        spends_attempt: bool,
    ) -> Outcome:
        held.reason = reason
        is_probe = not self.breaker.is_closed
        if reason in self._systemic and self.breaker.failed(reason):
            self._log.error(events.BREAKER_OPENED, reason=reason, error=str(error)[:_LONGEST_DETAIL])
        # A message that happened to be the probe of an open breaker has not had its chance.
        spent = held.entry.attempts + int(spends_attempt and not is_probe)
        if spends_attempt and not is_probe and spent >= most_attempts:
            return self._bury(held, record, reason, f"{type(error).__name__}: {error}", _trace(error), spent)
        delay = (
            self.stage.retry.delay_seconds(max(1, spent), retry_after)
            if spends_attempt
            else (retry_after or timedelta()).total_seconds()
        )
        return Retry(reason, int((self._clock() + delay) * 1000), spent)

    def _bury(self, held: _Held, record: Record | None, reason: str, error: str, trace: str, attempts: int) -> Dead:
        held.reason = reason
        raw = held.entry.event
        notice = (
            self._notice(record, "dead", reason, error)
            if record is not None
            else self._notice_of_raw(raw, reason, error)
        )
        return Dead(reason, error[:_LONGEST_ERROR], trace[-_LONGEST_TRACEBACK:], attempts, notice)

    def _notice(self, record: Record, outcome: str, reason: str, detail: str | None) -> bytes | None:
        """The event that tells the ledger; None where the message's end is not an article's."""
        if not self.stage.spec.ends_articles:
            return None
        dropped = DroppedArticle(
            id=record.subject,
            url=_url_of(record),
            submission=_submission_of(record),
            stage=self.stage.name,
            outcome="dead" if outcome == "dead" else "dropped",
            reason=reason,
            detail=detail[:_LONGEST_DETAIL] if detail else None,
            dropped_at=datetime.fromtimestamp(self._clock(), UTC),
        )
        return encode(dropped, source=self._source)

    def _notice_of_raw(self, raw: bytes | None, reason: str, error: str) -> bytes | None:
        """The same for bytes that do not validate, as far as they can be read."""
        seen = peek(raw or b"")
        data = seen.get("data")
        fields = data if isinstance(data, dict) else {}
        discovery = fields.get("discovery")
        inner = discovery if isinstance(discovery, dict) else fields
        subject = fields.get("id") or seen.get("subject")
        stand_in = Submission(
            id=subject if isinstance(subject, str) and subject else content_id(repr(raw)),
            url=str(inner.get("canonical_url") or inner.get("url") or "unknown"),
            submitted_at=datetime.fromtimestamp(self._clock(), UTC),
        )
        return self._notice(stand_in, "dead", reason, error)

    # --- settling --------------------------------------------------------------------------------------------------

    async def _commit(self, partition: int) -> None:
        settled, signal, streams = self._settled[partition], self._has_settled[partition], self.streams[partition]
        while True:
            await signal.wait()
            signal.clear()
            while settled:
                group = [settled.popleft() for _ in range(min(len(settled), self.settings.commit_batch))]
                await self._commit_group(streams, group)

    async def _commit_group(self, streams: StageStreams, group: list[_Held]) -> None:
        pairs = [(held.entry, held.outcome) for held in group if held.outcome is not None]
        pause = 0.05
        while True:
            try:
                committed = await streams.commit(pairs)
                break
            except Exception as error:  # noqa: BLE001 - told apart in the next line, and an outcome must not be lost
                if not is_passing(error):
                    self._log.exception(events.HOUSEKEEPING_FAILED, during="commit")
                    # Not Redis' state but our mistake: the entries stay pending and are claimed, which ends at worker_lost.
                    for held in group:
                        self._release(held)
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
        self._commits.inc()
        for held, effect in zip(group, committed.effects, strict=True):
            self._release(held)
            self._note(held, effect)
        self._in_flight.set(len(self._held))
        if committed.downstream_length > self.settings.high_water and self.stage.spec.writes is not None:
            # The length counts settled entries that are not trimmed yet, so this may be too early, never too late:
            # housekeeping trims, measures and lets the stage go on.
            self.is_paused = True
            self.on_high_water()
        self._changed.set()

    on_high_water: Callable[[], None] = staticmethod(lambda: None)
    """Called when a commit finds the next stream long; housekeeping measures and decides."""

    def _release(self, held: _Held) -> None:
        self._held.pop((held.partition, held.entry.line, held.entry.id), None)

    def _note(self, held: _Held, effect: Effect) -> None:
        """Count and log the end of a message, once."""
        outcome = held.outcome
        if outcome is None:
            return
        kind = _KINDS[type(outcome)]
        if effect == "repeated":
            kind, held.reason = "dropped", "already_announced"
        if effect == "superseded":
            self._superseded.inc()
        else:
            counter = self._outcome_counters.get((kind, held.reason))
            if counter is None:
                counter = self.metrics.outcomes.labels(self.stage.name, kind, held.reason)
                self._outcome_counters[kind, held.reason] = counter
            counter.inc()
        self._queue_seconds.observe(held.queue_ms / 1000)
        self._handle_seconds.observe(held.handle_ms / 1000)
        if kind != "dead" and not self._log.is_enabled_for(logging.INFO):
            return
        write = self._log.warning if kind == "dead" else self._log.info
        fields: dict[str, Any] = {"error": outcome.error} if isinstance(outcome, Dead) else {}
        if held.url:
            fields["url"] = events.without_query(held.url)
        write(
            events.MESSAGE_DONE,
            outcome="superseded" if effect == "superseded" else kind,
            reason=held.reason,
            record_id=held.record_id,
            attempt=held.entry.attempts + 1,
            queue_ms=held.queue_ms,
            handle_ms=round(held.handle_ms, 1),
            **fields,
        )

    # --- stopping --------------------------------------------------------------------------------------------------

    async def drain(self, grace: timedelta) -> None:
        """Let what runs finish within the grace period and give up the rest; the caller hands that back."""
        self._is_stopping = True
        self._changed.set()
        while not self._waiting.empty():  # not begun: a replica can have it at once
            held = self._waiting.get_nowait()
            self._held.pop((held.partition, held.entry.line, held.entry.id), None)
        with suppress(TimeoutError):
            async with asyncio.timeout(grace.total_seconds()):
                while any(held.is_running for held in self._held.values()):
                    self._changed.clear()
                    await self._changed.wait()
        await end((*self._slots, *self._committers))


def _child(traceparent: str | None) -> str:
    """The trace context for what this stage writes: the same trace, a new span."""
    if traceparent is None:
        return new_traceparent()
    span = random.getrandbits(64) or 1
    return f"{traceparent[:36]}{span:016x}-01"


def _url_of(record: Record) -> str:
    match record:
        case DiscoveredArticle():
            return record.discovery.canonical_url
        case Submission() | DroppedArticle():
            return record.url
        case _:
            return ""


def _submission_of(record: Record) -> str:
    match record:
        case DiscoveredArticle():
            return record.discovery.submission
        case DroppedArticle():
            return record.submission
        case _:
            return record.subject


def _trace(error: BaseException) -> str:
    return "".join(tracebacks.format_exception(error))
