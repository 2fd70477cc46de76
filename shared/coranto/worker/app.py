"""A worker process: puts the parts of this package around a service's stages and runs them until told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from redis.asyncio import Redis

from coranto.settings import effective_settings
from coranto.streams.connection import UnsafeRedisError, check_safety, connect
from coranto.streams.errors import is_transient
from coranto.streams.redis import RedisStreams
from coranto.streams.shape import agree_on_shape
from coranto.streams.tasks import end
from coranto.topology import SUBMITTED
from coranto.worker import log as events
from coranto.worker.breaker import Breaker
from coranto.worker.decision import Admission
from coranto.worker.delivery import Delivery
from coranto.worker.flow import Flow
from coranto.worker.health import HealthServer
from coranto.worker.host_claims import HostClaims
from coranto.worker.host_turns import HostTurns
from coranto.worker.housekeeping import Housekeeping
from coranto.worker.loop_stall import measure_stalls
from coranto.worker.metrics import Metrics
from coranto.worker.reader import FastStreamReader
from coranto.worker.settings import WorkerSettings
from coranto.worker.stage import Stage

BackgroundTask = Callable[[], Awaitable[None]]
# Housekeeping answers every few seconds; silence for so many rounds means that Redis does not.
_SILENT_ROUNDS = 4
# Messages on their way into the queues of hosts: enough for a round trip to carry many.
_ADMITTED_AT_ONCE = 256


@dataclass(slots=True)
class _Running:
    stage: Stage[Any, Any]
    delivery: Delivery
    housekeeping: Housekeeping
    admission: Delivery | None = None
    host_claims: HostClaims | None = None
    host_turns: HostTurns | None = None

    @property
    def deliveries(self) -> list[Delivery]:
        """What reads and settles: first what moves messages into the queues of hosts, where there is that."""
        return [self.delivery] if self.admission is None else [self.admission, self.delivery]

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What runs for as long as the stage does."""
        beside = [part for part in (self.host_claims, self.host_turns) if part is not None]
        return [self.housekeeping.run(), *(part.run() for part in beside)]


class Worker:
    """Runs stages, and a service's own background tasks beside them, in one process."""

    def __init__(
        self, settings: WorkerSettings, *, stages: Sequence[Stage[Any, Any]], tasks: Sequence[BackgroundTask] = ()
    ) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self._stages = stages
        self._tasks = tasks
        self._running: list[_Running] = []
        self._reader: FastStreamReader | None = None
        self._is_started = False
        self._is_stopping = False
        self._failed_tasks: dict[str, str] = {}
        self._log = events.get_logger(worker=settings.consumer_name)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, then stop cleanly and return. A second signal ends the process at once."""
        events.configure(self.settings.log)
        asyncio.run(self._main())

    async def _main(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):

            def on_signal(number: int = number) -> None:
                loop.remove_signal_handler(number)  # the default action is back: a second signal ends the process
                stop.set()

            loop.add_signal_handler(number, on_signal)
        try:
            await self.serve(stop)
        finally:
            if any(running.delivery.is_left_behind for running in self._running):
                # All that could be handed back was; asyncio.run would wait for these handlers without an end.
                self._log.error(events.HANDLERS_LEFT_BEHIND)
                sys.stderr.flush()
                os._exit(1)

    async def serve(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set. Raises UnsafeRedisError when the settings refuse the server as it is."""
        settings = self.settings
        self._log.info(events.SETTINGS_LOADED, **effective_settings(settings))
        operations = HealthServer(settings.health, self.metrics.registry, self.readiness)
        address = await operations.start()
        url = settings.redis.url.get_secret_value()
        redis = connect(url)
        reader = FastStreamReader(connect(url, longest_block=settings.delivery.poll_interval))
        self._reader = reader
        background: list[asyncio.Task[None]] = []
        renewals: list[asyncio.Task[None]] = []
        started: list[Stage[Any, Any]] = []
        try:
            if not await self._wait_for_redis(redis, stop):
                return
            for stage in self._stages:
                self._prepare(stage, redis, reader)
            for stage in self._stages:
                if stage.start is not None:
                    await stage.start()
                started.append(stage)
            for delivery in self._deliveries():
                delivery.start()
            if not await self._start_reading(reader, stop):
                return
            housekeeping = [asyncio.create_task(loop) for running in self._running for loop in running.loops()]
            renewals = [asyncio.create_task(running.housekeeping.keep_claims()) for running in self._running]
            background = [*housekeeping, asyncio.create_task(measure_stalls(self.metrics))]
            background += [asyncio.create_task(self._keep_running(task)) for task in self._tasks]
            gc.freeze()  # what is loaded by now stays: the collector, which stops the loop, need not walk it again
            self._is_started = True
            self._log.info(events.WORKER_STARTED, stages=[stage.name for stage in self._stages], operations=address)
            waiting = asyncio.ensure_future(stop.wait())
            # A stage whose delivery or housekeeping has failed stands still: better a new process than that.
            vital: list[asyncio.Future[None]] = [
                *housekeeping,
                *renewals,
                *(delivery.broken for delivery in self._deliveries()),
            ]
            ends: list[asyncio.Future[Any]] = [waiting, *vital]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            for part in vital:
                if part.done():
                    part.result()
        finally:
            self._is_stopping = True
            self._log.info(events.WORKER_STOPPING)
            await self._stop(reader, background, renewals)
            for stage in started:
                if stage.stop is not None:
                    try:
                        await stage.stop()
                    except Exception:  # noqa: BLE001 - a service's own code; the rest must be closed all the same
                        self._log.exception(events.STAGE_STOP_FAILED, stage=stage.name)
            with suppress(Exception):  # closing a connection that is broken already
                await reader.close()
                await redis.aclose()
            await operations.stop()
            self._log.info(events.WORKER_STOPPED)

    def _prepare(self, stage: Stage[Any, Any], redis: Redis, reader: FastStreamReader) -> None:
        settings, consumer = self.settings, self.settings.consumer_name
        streams = [RedisStreams(redis, stage.spec, keys) for keys in settings.pipeline.to_topology().all_keys()]
        breaker = Breaker(settings.breaker, clock=time.monotonic)
        flow = Flow(
            stage.concurrency,
            breaker,
            partitions=len(streams),
            on_pause=lambda is_paused: self.metrics.paused.labels(stage.name).set(int(is_paused)),
        )
        delivery = Delivery(stage, streams, settings.delivery, flow, consumer=consumer, metrics=self.metrics)
        admission = host_claims = None
        if stage.queue_of is not None:
            # It needs no slot of a handler: with all of them busy, messages for idle hosts still come through.
            admission = Delivery(
                stage,
                streams,
                settings.delivery,
                Flow(_ADMITTED_AT_ONCE, Breaker(settings.breaker, clock=time.monotonic), partitions=len(streams)),
                consumer=consumer,
                metrics=self.metrics,
                admission=Admission(stage, stage.queue_of),
            )
            host_claims = HostClaims(delivery)
            admission.has_admitted = delivery.has_admitted = host_claims.wake
        receiver = admission or delivery
        for each in streams:
            reader.add(each, receiver, consumer=consumer, block=settings.delivery.poll_interval)
        housekeeping = Housekeeping(
            delivery,
            settings.delivery,
            settings.retention.by_stream(partitions=len(streams)),
            self.metrics,
            revive=partial(self._revive, redis, reader),
            wake_retries=lambda: reader.wake_retries(receiver),
            admission=admission,
        )
        # Whoever reads what programs submit brings it there, too: without this, all but a little would wait for good.
        host_turns = (
            HostTurns(redis, settings.pipeline.to_topology(), stage.spec) if stage.spec.reads == SUBMITTED else None
        )
        self._running.append(_Running(stage, delivery, housekeeping, admission, host_claims, host_turns))

    async def _revive(self, redis: Redis, reader: FastStreamReader) -> int:
        """Start again what stopped because Redis came back empty, which has lost the pipeline's shape too."""
        revived = await reader.revive()
        # Each time: a stage that had no room did not read while Redis was emptied, and none of its readers stopped.
        await agree_on_shape(redis, self.settings.pipeline.to_topology())
        return revived

    async def _wait_for_redis(self, redis: Redis, stop: asyncio.Event) -> bool:
        """Wait until Redis answers, however long that takes; False when told to stop before."""
        pause, is_told = 0.1, False
        while not stop.is_set():
            try:
                await redis.ping()
                findings = await check_safety(redis)
                await agree_on_shape(redis, self.settings.pipeline.to_topology())
            except Exception as error:
                if not is_transient(error):
                    raise
                if not is_told:
                    self._log.warning(events.REDIS_WAITING, error=str(error))
                    is_told = True
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await stop.wait()
                pause = min(pause * 2, 2.0)
                continue
            for finding in findings:
                self._log.warning(events.REDIS_UNSAFE, finding=finding)
            if findings and self.settings.redis.refuse_unsafe:
                raise UnsafeRedisError("; ".join(findings) + " (or set CORANTO_REDIS__REFUSE_UNSAFE=false)")
            if is_told:
                self._log.info(events.REDIS_RECONNECTED)
            return True
        return False

    async def _start_reading(self, reader: FastStreamReader, stop: asyncio.Event) -> bool:
        while not stop.is_set():
            try:
                await reader.start()
            except Exception as error:
                if not is_transient(error):
                    raise
                self._log.warning(events.REDIS_WAITING, error=str(error))
                await asyncio.sleep(1)
                continue
            return True
        return False

    async def _keep_running(self, task: BackgroundTask) -> None:
        """Run a background task of the service, again when it fails: a poller must not end because one poll did."""
        # Never the repr: that of a partial shows its arguments, a connection with its password among them.
        name = getattr(getattr(task, "func", task), "__qualname__", type(task).__name__)
        pause = 1.0
        while True:
            started = time.monotonic()
            try:
                await task()
                return
            except Exception as error:  # noqa: BLE001 - the service's own code: whatever it is, the task is run again
                self._failed_tasks[name] = str(error)
                if is_transient(error):
                    self._log.warning(events.TASK_FAILED, task=name, error=str(error))
                else:
                    self._log.exception(events.TASK_FAILED, task=name)
            pause = 1.0 if time.monotonic() - started > 60 else min(pause * 2, 30.0)
            await asyncio.sleep(pause)
            self._failed_tasks.pop(name, None)

    async def _stop(
        self,
        reader: FastStreamReader,
        background: Sequence[asyncio.Task[None]],
        renewals: Sequence[asyncio.Task[None]],
    ) -> None:
        """Stop reading, finish what runs within the grace period, hand back the rest."""
        grace = self.settings.delivery.grace_period
        await end(background)
        for delivery in self._deliveries():
            delivery.stop_accepting()
        with suppress(Exception):
            await reader.stop()
        admissions = [running.admission for running in self._running if running.admission is not None]
        await asyncio.gather(*(admission.drain(grace) for admission in admissions))
        given_up = await asyncio.gather(*(running.delivery.drain(grace) for running in self._running))
        await end(renewals)
        for running, entries in zip(self._running, given_up, strict=True):
            # A worker that ends by its own fault keeps what it had begun: it may be what broke it, and has to be counted
            # as a message that a worker was lost with.
            is_broken = running.delivery.broken.done()
            for number, streams in enumerate(running.delivery.streams):
                keep = [entry for partition, entry in entries if partition == number] if is_broken else []
                try:
                    await streams.hand_back(self.settings.consumer_name, keep=keep)
                except Exception as error:  # noqa: BLE001 - Redis is gone: what we held is claimed when it is back
                    self._log.warning(events.HOUSEKEEPING_FAILED, during="hand_back", error=str(error))

    def _deliveries(self) -> list[Delivery]:
        return [delivery for running in self._running for delivery in running.deliveries]

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether the worker can do its work now, and the state that says why."""
        delivery = self.settings.delivery
        limit = delivery.housekeeping_interval.total_seconds() * _SILENT_ROUNDS + 2
        stages: dict[str, Any] = {}
        is_ready = self._is_started and not self._is_stopping
        now = time.monotonic()
        for running in self._running:
            state = running.housekeeping.status()
            silence = now - min(running.housekeeping.last_success, running.housekeeping.last_move)
            state["redis"] = "ok" if silence <= limit else "silent"
            unread = self._reader.silent_seconds(running.deliveries[0]) if self._reader is not None else 0.0
            state["reading"] = "ok" if unread <= limit + delivery.poll_interval.total_seconds() else "silent"
            stages[running.stage.name] = state
            state["overdue"] = overdue = running.delivery.overdue(limit)
            is_standing = overdue >= running.stage.concurrency
            is_well = not is_standing and state["redis"] == state["reading"] == "ok" and _is_passable(running)
            is_ready = is_ready and is_well
        what = "stopping" if self._is_stopping else "running" if self._is_started else "starting"
        return is_ready, {"state": what, "stages": stages, "failed_tasks": dict(self._failed_tasks)}


def _is_passable(running: _Running) -> bool:
    """Whether the stage's breaker lets messages through, or is about to find out."""
    breaker = running.delivery.flow.breaker
    if breaker.state == "half_open":
        age = breaker.trial_age_seconds
        # With no trial there is nothing to try, else one would have begun.
        return age is None or age <= running.stage.deadline.total_seconds()
    return breaker.is_closed
