"""What keeps a stage healthy beside its messages: due retries, dead workers' entries, renewal, trimming, back-pressure.

Every replica may do all of it at any time: each step is one script that is safe to repeat. A failing round is logged and the
next one tries again; `last_success` is what readiness is judged by.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from coranto.streams.errors import is_transient
from coranto.streams.interface import Depth, Kept, Retention, StageStreams
from coranto.streams.tasks import end
from coranto.worker import log as events
from coranto.worker.delivery import Delivery
from coranto.worker.metrics import Metrics
from coranto.worker.settings import DeliverySettings

# A retry comes back at most this late. One small script call per replica, stage and partition.
_MOVE_EVERY = timedelta(milliseconds=200)
_MOVE_AT_MOST = 500
# A consumer that has held nothing for so many claim times belongs to a worker that is gone.
_CLAIM_TIMES_TO_FORGET = 10
# Reading goes on below this share of the high-water mark, so that a stage does not stutter at it.
_LOW_WATER = 0.8
# What is kept grows slowly beside a round.
_WEIGH_EVERY = timedelta(seconds=30)
_MOST_SUBSCRIBERS = 100
# So long after its deadline a handler that was cancelled is not coming back.
_STUCK_AFTER_SECONDS = 30.0
_BREAKER_STATES = {"closed": 0, "open": 1, "half_open": 2}


class Housekeeping:
    """The background work of one stage in one worker."""

    def __init__(
        self,
        delivery: Delivery,
        settings: DeliverySettings,
        retention: Mapping[str, Retention],
        metrics: Metrics,
        *,
        revive: Callable[[], Awaitable[int]],
        wake_retries: Callable[[], None] = lambda: None,
        admission: Delivery | None = None,
    ) -> None:
        """`admission`: what moves messages into the queues of hosts, in a stage that has them."""
        self._admission = admission
        self._delivery = delivery
        self._flow = delivery.flow
        self._settings = settings
        self._retention = retention
        self._metrics = metrics
        self._revive = revive
        self._wake_retries = wake_retries
        self._log = events.get_logger(stage=delivery.stage.name, worker=delivery.consumer)
        self._depths: dict[int, Depth] = {}
        self._warned: dict[str, str] = {}
        self._subscribers: dict[str, set[str]] = {}
        # What was logged last: a pause that the next measurement lifts is not worth a line.
        self._is_told_paused = False
        self.last_success = 0.0
        """Monotonic time of the last round in which Redis did all that was asked."""
        self.last_move = 0.0
        """The same of bringing retries back."""

    async def run(self) -> None:
        """Work until cancelled."""
        # No task group: it passes a cancellation on once, and once may be swallowed (see `tasks.end`).
        interval = self._settings.housekeeping_interval
        loops = [
            asyncio.ensure_future(self._every(_MOVE_EVERY, self.move_due)),
            asyncio.ensure_future(self._every(interval, self.round, wake=self._flow.measure_wanted)),
            # By itself, because it waits for room: in a round it would find none while every reader of a busy stage does.
            asyncio.ensure_future(self._every(interval, self.claim)),
            asyncio.ensure_future(self._every(max(_WEIGH_EVERY, interval), self.weigh)),
        ]
        try:
            await asyncio.gather(*loops)
        finally:
            await end(loops)

    async def keep_claims(self) -> None:
        """Renew what is being handled until cancelled; goes on while the worker stops and lets its handlers finish."""
        await self._every(self._settings.claim_after / 3, self.renew)

    async def _every(
        self, interval: timedelta, step: Callable[[], Awaitable[None]], wake: asyncio.Event | None = None
    ) -> None:
        failures = 0
        while True:
            try:
                await step()
                failures = 0
            except Exception as error:  # noqa: BLE001 - a round that fails is logged, the next one tries again
                failures += 1
                if not is_transient(error):
                    self._log.exception(events.HOUSEKEEPING_FAILED, during=getattr(step, "__name__", "step"))
                self._metrics.redis_up.set(0)
            pause = min(interval.total_seconds() * 2 ** min(failures, 6), max(interval.total_seconds(), 2.0))
            if wake is None:
                await asyncio.sleep(pause)
                continue
            try:
                async with asyncio.timeout(pause):
                    await wake.wait()
                # A stream that stays long must not turn the round into a busy loop.
                await asyncio.sleep(min(0.02, pause))
            except TimeoutError:
                pass
            wake.clear()

    async def move_due(self) -> None:
        """Bring back what waited for its retry."""
        await self._in_each(self._move_due)
        self.last_move = time.monotonic()

    async def _move_due(self, _number: int, streams: StageStreams) -> None:
        while moved := await streams.move_due(limit=_MOVE_AT_MOST):
            self._wake_retries()
            if moved < _MOVE_AT_MOST:
                break

    async def _in_each(self, step: Callable[[int, StageStreams], Awaitable[None]]) -> None:
        """Do the step in each partition; one that fails, such as that of a node that is away, does not cost the others theirs."""
        first: Exception | None = None
        for number, streams in enumerate(self._delivery.streams):
            try:
                await step(number, streams)
            except Exception as error:  # noqa: BLE001 - raised when all have had their turn
                first = first or error
        if first is not None:
            raise first

    async def renew(self) -> None:
        """Keep the claim on what is being handled: a slow live worker keeps its message, a dead one loses it."""
        await self._in_each(self._renew)

    async def _renew(self, number: int, streams: StageStreams) -> None:
        mine = [entry for partition, entry in self._delivery.running() if partition == number]
        lost = await streams.renew(self._delivery.consumer, mine) if mine else []
        still_running = {entry.id for _, entry in self._delivery.running()}
        if taken := [entry_id for entry_id in lost if entry_id in still_running]:
            # Not an error: whoever commits first wins, and the other's result is given up.
            self._log.info(events.CLAIM_LOST, entries=taken[:10], count=len(taken))

    async def round(self) -> None:
        """Repair, trim and measure."""
        if self._delivery.overdue(_STUCK_AFTER_SECONDS) >= self._delivery.stage.concurrency:
            deadline = self._delivery.stage.deadline.total_seconds()
            self._delivery.give_up(
                f"every handler hangs and does not let itself be cancelled at its deadline of {deadline:g} s"
            )
        if revived := await self._revive():
            self._log.warning(events.GROUP_CREATED, readers=revived)
        try:
            await self._in_each(self._care_for)
        finally:
            if self._depths:
                self._judge()
        self.last_success = time.monotonic()
        self._metrics.redis_up.set(1)

    async def _care_for(self, number: int, streams: StageStreams) -> None:
        forget_after = self._settings.claim_after * _CLAIM_TIMES_TO_FORGET
        # First, because a Redis that is full refuses to make groups, and this may be what gives it room again.
        await streams.trim(self._retention, forget_consumers_after=forget_after)
        await streams.ensure()
        self._depths[number] = depth = await streams.measure()
        self._expose(number, depth)

    async def claim(self) -> None:
        """Take over what dead workers held."""
        await self._in_each(self._claim)

    async def _claim(self, number: int, streams: StageStreams) -> None:
        delivery = self._delivery
        # Of both lines at once, so the room is that of the retry line, which a full delay queue does not close.
        room = await self._flow.acquire("retry", delivery.stage.concurrency)
        taken = 0
        try:
            entries = await streams.claim(
                delivery.consumer, idle=self._settings.claim_after, count=room, suspects=int(not delivery.has_suspect)
            )
            taken = len(entries)
            if entries:
                self._metrics.claimed.labels(delivery.stage.name).inc(taken)
                delivery.accept(number, entries)
        finally:
            self._flow.release(room - taken)

    async def weigh(self) -> None:
        """See how much is kept, and warn of groups that are about to lose what they have not read."""
        for streams in self._delivery.streams:
            for kept in await streams.kept(self._retention):
                self._metrics.kept_bytes.labels(kept.key).set(kept.bytes)
                self._metrics.kept_entries.labels(kept.key).set(kept.entries)
                for limit, used in kept.fullness.items():
                    self._metrics.kept_fullness.labels(kept.key, limit).set(used)
                if kept.retention is not None:
                    self._expose_subscribers(kept)
                self._warn(kept)

    def _expose_subscribers(self, kept: Kept) -> None:
        gauges = (
            self._metrics.subscriber_waiting,
            self._metrics.subscriber_pending,
            self._metrics.subscriber_oldest_age,
        )
        groups = [group for group in kept.groups if not group.is_ours][:_MOST_SUBSCRIBERS]
        for name in self._subscribers.get(kept.key, set()) - {group.name for group in groups}:
            for gauge in gauges:
                gauge.remove(kept.key, name)
        for group in groups:
            for gauge, value in zip(
                gauges, (group.waiting, group.pending, group.oldest_age_seconds or 0.0), strict=True
            ):
                gauge.labels(kept.key, group.name).set(value)
        self._subscribers[kept.key] = {group.name for group in groups}

    def _warn(self, kept: Kept) -> None:
        for event, names in ((events.GROUP_AT_RISK, kept.groups_at_risk), (events.GROUP_UNKNOWN, kept.unknown_groups)):
            told = ",".join(names)
            if told and self._warned.get(f"{event} {kept.key}") != told:
                self._log.warning(event, stream=kept.key, groups=names)
            self._warned[f"{event} {kept.key}"] = told

    def _expose(self, number: int, depth: Depth) -> None:
        labels = (self._delivery.stage.name, str(number))
        self._metrics.waiting.labels(*labels).set(depth.waiting)
        self._metrics.pending.labels(*labels).set(depth.pending)
        self._metrics.delayed.labels(*labels).set(depth.delayed - depth.queued)
        self._metrics.dead.labels(*labels).set(depth.dead)
        if self._admission is not None:
            self._metrics.queued.labels(*labels).set(depth.queued)
        self._metrics.oldest_age.labels(*labels).set(depth.oldest_age_seconds)
        self._metrics.breaker.labels(labels[0]).set(_BREAKER_STATES[self._flow.breaker.state])

    def _judge(self) -> None:
        """Decide from the depths whether the stage should read."""
        high = self._settings.max_backlog * (_LOW_WATER if self._is_told_paused else 1)
        delayed = self._settings.max_delayed * (_LOW_WATER if self._flow.is_delayed_full else 1)
        is_paused = max(depth.downstream for depth in self._depths.values()) > high
        is_delayed_full = max(depth.delayed - depth.queued for depth in self._depths.values()) > delayed
        self._flow.judge(is_paused=is_paused, is_delayed_full=is_delayed_full)
        if self._admission is not None:
            # It has nothing to do with what waits downstream, nor with what waits for hosts: however much that is, what
            # comes behind it may be for an idle host. It is bounded where pages are handed in.
            self._admission.flow.judge(is_paused=False, is_delayed_full=is_delayed_full)
        if is_paused != self._is_told_paused:
            self._is_told_paused = is_paused
            event = events.STAGE_PAUSED if is_paused else events.STAGE_RESUMED
            self._log.warning(event, because="downstream high water")

    def status(self) -> dict[str, Any]:
        """How the stage is, for `/ready`: plain values."""
        return {
            **self._flow.status(),
            "in_flight": self._delivery.in_flight,
            "waiting": sum(depth.waiting for depth in self._depths.values()),
            "delayed": sum(depth.delayed for depth in self._depths.values()),
            "queued": sum(depth.queued for depth in self._depths.values()),
            "dead": sum(depth.dead for depth in self._depths.values()),
        }
