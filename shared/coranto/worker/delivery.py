"""The delivery core: every entry that was read is handled, decided and committed, and so settled exactly once.

One `Delivery` serves one stage in one worker. Entries come from the readers, within the room that `Flow` grants; they wait
for a slot, are decided (`decision`), and outcomes are committed in groups as they come. A commit that Redis does not
confirm is repeated until it does: every script is safe to repeat.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from coranto.host_queue import HostRest
from coranto.streams.errors import is_transient
from coranto.streams.interface import (
    Accept,
    Committed,
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
from coranto.streams.tasks import end
from coranto.worker import log as events
from coranto.worker.breaker import Permit
from coranto.worker.decision import BUGS, Admission, Decider, Decision
from coranto.worker.flow import Flow
from coranto.worker.metrics import Metrics
from coranto.worker.notices import LONGEST_DETAIL, describe, site_of
from coranto.worker.settings import DeliverySettings
from coranto.worker.stage import Stage

_KINDS: dict[type[Outcome], OutcomeKind] = {
    Publish: "published",
    Accept: "accepted",
    Drop: "dropped",
    Retry: "retried",
    Dead: "dead",
}

_CANCEL_WITHIN_SECONDS = 2.0
# Admission waits for nothing, so more would only stand in line for the processor.
_ADMISSION_SLOTS = 4


@dataclass(slots=True)
class _InFlight:
    """An entry from its reading to the confirmation of its outcome."""

    entry: Entry
    partition: int
    is_running: bool = False
    started: float = 0.0
    decision: Decision | None = None
    queue_ms: int = 0
    handle_ms: float = 0.0

    @property
    def key(self) -> tuple[int, Line, str]:
        return self.partition, self.entry.line, self.entry.id


class Delivery:
    """Takes a stage's entries and settles each exactly once."""

    def __init__(
        self,
        stage: Stage[Any, Any],
        streams: Sequence[StageStreams],
        settings: DeliverySettings,
        flow: Flow,
        *,
        consumer: str,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
        admission: Admission | None = None,
    ) -> None:
        """With `admission` it only moves messages into the queues of their hosts, and handles none."""
        self.stage = stage
        self.streams = streams
        self.settings = settings
        self.flow = flow
        self.consumer = consumer
        self._clock = clock
        self._log = events.get_logger(stage=stage.name, worker=consumer)
        self._is_admission = admission is not None
        # Each has a receipt of its own: they commit side by side.
        self._committer = f"{consumer}:admission" if self._is_admission else consumer
        self._decider = admission or Decider(stage, max_deliveries=settings.max_deliveries, clock=clock)
        self.has_admitted: Callable[[], None] = lambda: None
        """Called when messages have come into the queues of hosts, or a host may be asked again."""
        self._in_flight: dict[tuple[int, Line, str], _InFlight] = {}
        self._waiting: asyncio.Queue[_InFlight] = asyncio.Queue()
        self._decided: list[deque[_InFlight]] = [deque() for _ in streams]
        self._has_decided = [asyncio.Event() for _ in streams]
        self._has_settled = asyncio.Event()
        self._slots: list[asyncio.Task[None]] = []
        self._committers: list[asyncio.Task[None]] = []
        self.broken: asyncio.Future[None]
        """Set by `start`; gets the error when delivery itself fails, which ends the worker."""
        name = stage.name
        self._received = metrics.received.labels(name)
        self._queue_seconds = metrics.queue_seconds.labels(name)
        self._handle_seconds = metrics.handle_seconds.labels(name)
        self._in_flight_gauge = metrics.in_flight.labels(name)
        self._commits = metrics.commits.labels(name)
        self._superseded = metrics.superseded.labels(name)
        self._outcomes = metrics.outcomes
        self._outcome_counters: dict[tuple[OutcomeKind, str], Any] = {}

    # --- accepting -------------------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Entries that were read and are not settled, begun or not."""
        return len(self._in_flight)

    def accept(self, partition: int, entries: Sequence[Entry]) -> None:
        """Take entries for which room was acquired. One that is in flight already, claimed back from ourselves, gives it back."""
        for entry in entries:
            item = _InFlight(entry, partition)
            if item.key in self._in_flight:
                self.flow.release(1)
                continue
            self._in_flight[item.key] = item
            self._waiting.put_nowait(item)
        self._show_in_flight()

    def _show_in_flight(self) -> None:
        if not self._is_admission:
            self._in_flight_gauge.set(len(self._in_flight))

    @property
    def slow_in_flight(self) -> int:
        """How many of the entries in flight came from the queues of slow hosts."""
        return sum(item.entry.is_slow for item in self._in_flight.values())

    def running(self) -> list[tuple[int, Entry]]:
        """What is being handled or committed now, for renewal. What only waits is not renewed: others may have it."""
        return [(item.partition, item.entry) for item in self._in_flight.values() if item.is_running]

    @property
    def has_suspect(self) -> bool:
        """Whether an entry is in flight that two workers were lost with: another beside it would look as guilty."""
        return any(item.entry.deliveries > 2 for item in self._in_flight.values())

    def overdue(self, seconds: float) -> int:
        """How many handlers still run so long after their deadline: they cannot be cancelled."""
        before = time.perf_counter() - self.stage.deadline.total_seconds() - seconds
        return sum(
            item.is_running and item.decision is None and item.started < before for item in self._in_flight.values()
        )

    # --- handling --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to handle what is accepted."""
        self.broken = asyncio.get_running_loop().create_future()
        slots = _ADMISSION_SLOTS if self._is_admission else self.stage.concurrency
        self._slots = [asyncio.create_task(self._work()) for _ in range(slots)]
        self._committers = [asyncio.create_task(self._commit(number)) for number in range(len(self.streams))]
        for task in (*self._slots, *self._committers):
            task.add_done_callback(self._watch)

    def _watch(self, task: asyncio.Task[None]) -> None:
        """A slot or committer that ends by itself is our mistake: better a new process than a stage that stands still."""
        if not task.cancelled() and (error := task.exception()) is not None and not self.broken.done():
            self.broken.set_exception(error)

    async def _work(self) -> None:
        while True:
            item = await self._waiting.get()
            with await self.flow.breaker.permit() as permit:
                item.is_running = True
                item.started = started = time.perf_counter()
                item.queue_ms = max(0, int(self._clock() * 1000) - item.entry.since_ms)
                self._received.inc()
                decision = await self._decider.decide(item.entry, is_first_chance=self._is_closed)
                item.handle_ms = (time.perf_counter() - started) * 1000
                item.decision = self._report(permit, item, decision)
            self._decided[item.partition].append(item)
            self._has_decided[item.partition].set()

    def _is_closed(self) -> bool:
        return self.flow.breaker.is_closed

    def _report(self, permit: Permit, item: _InFlight, decision: Decision) -> Decision:
        """Tell the breaker how the message ended, whatever the end. Gives the decision that stands."""
        outcome, breaker = decision.outcome, self.flow.breaker
        if decision.verdict == "success" and not isinstance(outcome, Dead) and breaker.note_success():
            return decision
        change = permit.report(
            decision.reason,
            decision.verdict,
            is_dead=isinstance(outcome, Dead),
            is_end=not isinstance(outcome, Retry),
            site=site_of(decision.url) if decision.reason in BUGS else None,
        )
        if change == "opened":
            error = decision.error[:LONGEST_DETAIL]
            self._log.error(events.BREAKER_OPENED, reason=breaker.reason, last=decision.reason, error=error)
        elif change == "closed":
            self._log.warning(events.BREAKER_CLOSED)
        if change or permit.is_trial:
            self.flow.serve()
        if isinstance(outcome, Dead) and breaker.holds_back_dead_letters and change != "opened":
            # Its time comes when the breaker is closed again, or a new version of the stage that can read it runs.
            delay = max(breaker.seconds_to_trial, self.stage.retry.first_delay.total_seconds())
            held_back = Retry(decision.reason, int(delay * 1000), item.entry.attempts, item.entry.deliveries - 1)
            return Decision(
                held_back, decision.verdict, decision.reason, decision.record_id, decision.url, decision.error
            )
        return decision

    # --- settling --------------------------------------------------------------------------------------------------

    async def _commit(self, partition: int) -> None:
        decided, has_decided, streams = self._decided[partition], self._has_decided[partition], self.streams[partition]
        while True:
            await has_decided.wait()
            has_decided.clear()
            while decided:
                group = [decided.popleft() for _ in range(min(len(decided), self.settings.commit_batch))]
                await self._commit_group(streams, group)

    async def _commit_group(self, streams: StageStreams, group: list[_InFlight]) -> None:
        try:
            committed = await self._send(streams, group)
        except Exception as error:  # noqa: BLE001 - not Redis' state but our mistake; it must not cost the neighbours theirs
            self._log.exception(events.COMMIT_FAILED, messages=len(group))
            if len(group) == 1:
                await self._commit_last_resort(streams, group[0], error)
                return
            for item in group:
                await self._commit_group(streams, [item])
            return
        refused = [item for item, effect in zip(group, committed.effects, strict=True) if effect == "refused"]
        self._settle(group, committed)
        for item in refused:
            await self._commit_last_resort(streams, item, RuntimeError("Redis refused to write the outcome"))

    async def _commit_last_resort(self, streams: StageStreams, item: _InFlight, error: Exception) -> None:
        """Settle a message whose outcome cannot be sent as a dead letter that can."""
        item.decision = Decision(Dead("error", describe(error), "", item.entry.attempts + 1, None), "none", "error")
        try:
            committed = await self._send(streams, [item])
        except Exception:  # noqa: BLE001 - logged; the entry stays pending, is claimed and ends at worker_lost
            self._log.exception(events.COMMIT_FAILED, messages=1)
            self._forget(item)
            return
        if committed.effects == ("refused",):
            self._log.error(events.COMMIT_FAILED, messages=1)
            self._forget(item)
            return
        self._settle([item], committed)

    async def _send(self, streams: StageStreams, group: list[_InFlight]) -> Committed:
        """The commit, repeated until Redis has answered. Raises what is not Redis' passing state."""
        pairs = [(item.entry, item.decision.outcome) for item in group if item.decision is not None]
        token, pause = (
            secrets.token_hex(8),
            0.05,
        )  # the same for each repeat: it may have been executed, only its answer lost
        while True:
            try:
                return await streams.commit(pairs, consumer=self._committer, token=token, rests=self._rests(pairs))
            except Exception as error:
                if not is_transient(error):
                    raise
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    def _rests(self, pairs: Sequence[tuple[Entry, Outcome]]) -> dict[str, HostRest]:
        """When the hosts that these messages came from may be asked again, where their handlers have asked them."""
        rest_of = self.stage.rest_of
        return {} if rest_of is None else {entry.host: rest_of(entry.host) for entry, _ in pairs if entry.host}

    def _settle(self, group: list[_InFlight], committed: Committed) -> None:
        self._commits.inc()
        ended = [(item, effect) for item, effect in zip(group, committed.effects, strict=True) if effect != "refused"]
        settled = sum(self._in_flight.pop(item.key, None) is not None for item, _ in ended)
        self.flow.release(settled)
        for item, effect in ended:
            self._note(item, effect)
        if self.stage.on_published is not None:
            decisions = [item.decision for item, effect in ended if effect in ("applied", "repeated")]
            if results := [each.result for each in decisions if each is not None and each.result is not None]:
                self.stage.on_published(results)
        self._show_in_flight()
        if self.stage.spec.queues_by_host:
            self.has_admitted()
        if committed.downstream_length > self.settings.max_backlog:
            # The length counts settled entries that are not trimmed yet, so this may be too early, never too late:
            # housekeeping trims, measures and lets the stage go on.
            self.flow.suspect_backlog()
        self._has_settled.set()

    def _forget(self, item: _InFlight) -> None:
        if self._in_flight.pop(item.key, None) is not None:
            self.flow.release(1)

    def _note(self, item: _InFlight, effect: Effect) -> None:
        """Count and log the end of a message, once."""
        decision = item.decision
        if decision is None:
            return
        kind, reason = _KINDS[type(decision.outcome)], decision.reason
        if effect == "repeated":
            kind, reason = "dropped", "already_published"
        if effect == "superseded":
            self._superseded.inc()
        else:
            counter = self._outcome_counters.get((kind, reason))
            if counter is None:
                counter = self._outcome_counters[kind, reason] = self._outcomes.labels(self.stage.name, kind, reason)
            counter.inc()
        if self._is_admission:
            return
        self._queue_seconds.observe(item.queue_ms / 1000)
        self._handle_seconds.observe(item.handle_ms / 1000)
        if kind != "dead" and not self._log.is_enabled_for(logging.INFO):
            return
        write = self._log.warning if kind == "dead" else self._log.info
        fields: dict[str, Any] = {"error": decision.error} if kind == "dead" else {}
        if decision.url:
            fields["url"] = events.without_query(decision.url)
        write(
            events.MESSAGE_DONE,
            outcome="superseded" if effect == "superseded" else kind,
            reason=reason,
            record_id=decision.record_id,
            attempt=item.entry.attempts + 1,
            queue_ms=item.queue_ms,
            handle_ms=round(item.handle_ms, 1),
            **fields,
        )

    # --- stopping --------------------------------------------------------------------------------------------------

    def stop_accepting(self) -> None:
        """Let nothing more be read or begun."""
        self.flow.stop()
        self._decider.is_stopping = True

    async def drain(self, grace: timedelta) -> list[tuple[int, Entry]]:
        """Let what runs finish within the grace period; gives what it had to give up. The caller hands all back."""
        self.stop_accepting()
        while not self._waiting.empty():  # not begun: a replica can have it at once
            self._forget(self._waiting.get_nowait())
        with suppress(TimeoutError):
            async with asyncio.timeout(grace.total_seconds()):
                while any(item.is_running for item in self._in_flight.values()) and not self.broken.done():
                    self._has_settled.clear()
                    await self._has_settled.wait()
        given_up = self.running()
        # A handler that does not let itself be cancelled must not keep what the others have from being handed back.
        await end((*self._slots, *self._committers), within_seconds=_CANCEL_WITHIN_SECONDS)
        return given_up

    @property
    def is_left_behind(self) -> bool:
        """Whether, after `drain`, a handler still runs that does not let itself be cancelled."""
        return any(not slot.done() for slot in self._slots)

    def give_up(self, why: str) -> None:
        """End the worker: a new one can do what this one no longer can."""
        if not self.broken.done():
            self.broken.set_exception(RuntimeError(why))
