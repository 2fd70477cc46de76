"""What keeps a stage healthy beside its messages: due retries, dead workers' entries, renewal, trimming, back-pressure.

Every replica may do all of it at any time: each step is one script that is safe to repeat. A failing round is logged and the
next one tries again; `last_success` is what readiness is judged by.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from coranto.streams.errors import is_passing
from coranto.streams.interface import Depth, StageStreams
from coranto.worker import log as events
from coranto.worker.delivery import Delivery
from coranto.worker.metrics import Metrics
from coranto.worker.settings import DeliverySettings
from coranto.worker.tasks import end

# A retry comes back at most this late. One small script call per replica, stage and partition.
_MOVE_EVERY = timedelta(milliseconds=200)
_MOVE_AT_MOST = 500
# A consumer that has held nothing for so many claim times belongs to a worker that is gone.
_CLAIM_TIMES_TO_FORGET = 10
# Reading goes on below this share of the high-water mark, so that a stage does not stutter at it.
_LOW_WATER = 0.8


class Housekeeping:
    """The background work of one stage in one worker."""

    def __init__(
        self,
        delivery: Delivery,
        settings: DeliverySettings,
        metrics: Metrics,
        *,
        revive: Callable[[], Awaitable[int]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._delivery = delivery
        self._settings = settings
        self._metrics = metrics
        self._revive = revive
        self._clock = clock
        self._log = events.get_logger(stage=delivery.stage.name, worker=delivery.consumer)
        self._depths: dict[int, Depth] = {}
        self._is_measure_wanted = asyncio.Event()
        self.last_success = 0.0
        """Monotonic time of the last round in which Redis did all that was asked."""
        delivery.on_high_water = self._is_measure_wanted.set

    async def run(self) -> None:
        """Work until cancelled."""
        # No task group: it passes a cancellation on once, and once may be swallowed (see `tasks.end`).
        loops = [
            asyncio.ensure_future(self._every(_MOVE_EVERY, self.move_due)),
            asyncio.ensure_future(self._every(self._settings.claim_after / 3, self.renew)),
            asyncio.ensure_future(
                self._every(self._settings.housekeeping_interval, self.round, wake=self._is_measure_wanted)
            ),
        ]
        try:
            await asyncio.gather(*loops)
        finally:
            await end(loops)

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
                if not is_passing(error):
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
        for streams in self._delivery.streams:
            while await streams.move_due(now_ms=int(self._clock() * 1000), limit=_MOVE_AT_MOST) == _MOVE_AT_MOST:
                pass

    async def renew(self) -> None:
        """Keep the claim on what is being handled: a slow live worker keeps its message, a dead one loses it."""
        running = self._delivery.running()
        for number, streams in enumerate(self._delivery.streams):
            mine = [entry for partition, entry in running if partition == number]
            lost = await streams.renew(self._delivery.consumer, mine) if mine else []
            still_running = {entry.id for _, entry in self._delivery.running()}
            if taken := [entry_id for entry_id in lost if entry_id in still_running]:
                # Not an error: whoever commits first wins, and the other's result is given up.
                self._log.info(events.CLAIM_LOST, entries=taken[:10], count=len(taken))

    async def round(self) -> None:
        """Mend, claim, trim and measure, in this order."""
        if revived := await self._revive():
            self._log.warning(events.GROUPS_RECREATED, readers=revived)
        for number, streams in enumerate(self._delivery.streams):
            await streams.ensure()
            await self._claim(number, streams)
            await streams.tidy(
                keep=self._settings.keep_finished,
                keep_at_most=self._settings.keep_finished_at_most,
                forget_consumers_after=self._settings.claim_after * _CLAIM_TIMES_TO_FORGET,
            )
            self._depths[number] = depth = await streams.measure()
            self._expose(number, depth)
        self._judge()
        self.last_success = time.monotonic()
        self._metrics.redis_up.set(1)

    async def _claim(self, number: int, streams: StageStreams) -> None:
        delivery = self._delivery
        if delivery.free < 1 or not delivery.breaker.is_closed:
            return
        entries = await streams.claim(delivery.consumer, idle=self._settings.claim_after, count=delivery.free)
        if entries:
            self._metrics.claimed.labels(delivery.stage.name).inc(len(entries))
            delivery.accept(number, entries)

    def _expose(self, number: int, depth: Depth) -> None:
        labels = (self._delivery.stage.name, str(number))
        self._metrics.waiting.labels(*labels).set(depth.waiting)
        self._metrics.pending.labels(*labels).set(depth.pending)
        self._metrics.delayed.labels(*labels).set(depth.delayed)
        self._metrics.dead.labels(*labels).set(depth.dead)
        self._metrics.oldest_age.labels(*labels).set(depth.oldest_age_seconds)
        states = {"closed": 0, "open": 1, "probing": 2}
        self._metrics.breaker.labels(labels[0]).set(states[self._delivery.breaker.state])

    def _judge(self) -> None:
        """Decide from the depths whether the stage should read."""
        high = self._settings.high_water * (_LOW_WATER if self._delivery.is_paused else 1)
        parked = self._settings.parking_high_water * (_LOW_WATER if self._delivery.is_parking_full else 1)
        self._delivery.pause(
            downstream=max(depth.downstream for depth in self._depths.values()) > high,
            parking_full=max(depth.delayed for depth in self._depths.values()) > parked,
        )

    def status(self) -> dict[str, Any]:
        """How the stage is, for `/ready`: plain values."""
        delivery = self._delivery
        return {
            "breaker": delivery.breaker.state,
            "breaker_reason": delivery.breaker.reason if not delivery.breaker.is_closed else None,
            "paused": delivery.is_paused,
            "in_flight": delivery.in_flight,
            "waiting": sum(depth.waiting for depth in self._depths.values()),
            "delayed": sum(depth.delayed for depth in self._depths.values()),
            "dead": sum(depth.dead for depth in self._depths.values()),
        }
