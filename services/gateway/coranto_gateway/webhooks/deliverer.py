"""Delivers for all webhooks that this gateway gets hold of: several gateways share them, each webhook has one."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, get_args

from redis.exceptions import RedisError

from coranto.store.interface import StoreError
from coranto.streams.tasks import end
from coranto.worker.log import TASK_FAILED
from coranto_gateway.definitions import UnknownNameError, UnusableError
from coranto_gateway.webhooks.deliveries import Attempt
from coranto_gateway.webhooks.delivery import WEBHOOKS_WAITING, Delivery, Tools
from coranto_gateway.webhooks.progress import Standing
from coranto_gateway.webhooks.registry import Webhooks
from coranto_gateway.webhooks.sending import Sender, new_test_id, trial_message
from coranto_gateway.webhooks.webhook import Webhook

_LOOK_SECONDS: Final = 0.5
_REST_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Running:
    delivery: Delivery
    task: asyncio.Task[None]


class Deliverer:
    """Looks after the webhooks, and begins and ends a delivery for each."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._running: dict[str, _Running] = {}
        self._tests: set[asyncio.Task[None]] = set()
        self._rests_until: dict[str, float] = {}
        self._is_stopping = False

    async def run(self) -> None:
        """Look after them. Never returns."""
        try:
            while True:
                try:
                    await self._look()
                except (RedisError, OSError) as error:
                    self._tools.log.warning(WEBHOOKS_WAITING, error=str(error) or type(error).__name__)
                except Exception:  # the alerts and pages beside it go on, and what is being delivered too
                    self._tools.log.exception(TASK_FAILED, task="webhooks")
                    await asyncio.sleep(_REST_SECONDS)
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await end([*self._tests, *(running.task for running in self._running.values())])

    async def drain(self, grace_seconds: float) -> None:
        """Begin nothing more, and let what is under way be finished within the grace period."""
        self._is_stopping = True
        for running in self._running.values():
            running.delivery.stop()
        tasks = [running.task for running in self._running.values() if not running.task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_seconds)

    async def _look(self) -> None:
        webhooks = self._tools.webhooks
        for name, message_id in await webhooks.asked_tests():
            test = asyncio.create_task(self._test(name, message_id))
            self._tests.add(test)
            test.add_done_callback(self._tests.discard)
        usable, unusable = await webhooks.all()
        standings = dict.fromkeys(get_args(Standing), 0) | {"unusable": len(unusable)}
        webhooks.definitions.tell(self._tools.log, unusable)
        known = {webhook.name: (webhook, progress) for webhook, progress in usable}
        for name in [name for name in self._running if name not in known]:
            self._running[name].delivery.stop()
            self._reap(name)
        for name, (webhook, progress) in known.items():
            standings[progress.standing] += 1
            self._reap(name)
            running = self._running.get(name)
            if running is not None:
                running.delivery.use(webhook)
                if not progress.is_running:
                    running.delivery.stop()
                elif progress.position is None:
                    running.delivery.write_place()
            elif progress.is_running and not self._is_stopping and time.monotonic() >= self._rests_until.get(name, 0):
                await self._begin(webhook)
        for standing, number in standings.items():
            self._tools.metrics.webhooks.labels(standing).set(number)

    async def _begin(self, webhook: Webhook) -> None:
        lease = self._tools.settings.lease_seconds
        grant = await self._tools.webhooks.acquire(webhook.name, self._owner, seconds=lease)
        if grant is not None:
            delivery = Delivery(webhook, grant, self._tools)
            self._running[webhook.name] = _Running(delivery, asyncio.create_task(delivery.run()))

    def _reap(self, name: str) -> None:
        running = self._running.get(name)
        if running is None or not running.task.done():
            return
        del self._running[name]
        if running.task.cancelled() or (error := running.task.exception()) is None:
            return
        # What ended it will often do so again, and what was under way would be sent each time.
        self._rests_until[name] = time.monotonic() + _REST_SECONDS
        if isinstance(error, StoreError | RedisError | OSError):
            self._tools.log.warning(WEBHOOKS_WAITING, webhook=name, error=str(error))
        else:
            self._tools.log.error(TASK_FAILED, task=f"webhook {name}", exc_info=error)

    async def _test(self, name: str, message_id: str) -> None:
        with suppress(UnknownNameError, UnusableError, RedisError, OSError):
            await send_test(self._tools.webhooks, self._tools.sender, name, message_id=message_id)


async def send_test(webhooks: Webhooks, sender: Sender, name: str, *, message_id: str | None = None) -> Attempt:
    """What the receiver answers to a test, whatever the webhook's standing. Raises UnknownNameError and UnusableError."""
    webhook = await webhooks.get(name)
    message = trial_message(webhook, sender.now(), message_id or new_test_id())
    answer = await sender.send(webhook, message)
    attempt = Attempt(
        at=answer.at,
        webhook_id=message.id,
        outcome="test",
        reason=answer.reason,
        status=answer.status,
        answer=answer.body,
        detail=answer.detail,
        elapsed_ms=answer.elapsed_ms,
    )
    await webhooks.write_log(name, attempt)
    return attempt
