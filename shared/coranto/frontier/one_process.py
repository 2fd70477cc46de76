"""Leases for a process that works alone and can wait, such as `coranto try`."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta

from coranto.frontier.host_leases import HostBusy, HostFeedback, HostLease, HostPause
from coranto.host_queue import HostRest


class InProcessHostLeases:
    """Gives a lease when the host's next request is due, and waits for that."""

    max_inline_delay = timedelta.max

    def __init__(self, *, patience: timedelta = timedelta(minutes=1)) -> None:
        """Nobody waits for a host longer than `patience`: who would have to is told so."""
        self._patience = patience
        self._locks: dict[str, asyncio.Lock] = {}
        self._next: dict[str, float] = {}

    def known_rest(self, host: str) -> HostRest:  # noqa: ARG002 - nothing queues here
        """At once: nothing queues here."""
        return HostRest()

    async def acquire(
        self,
        host: str,
        holder: str,
        *,
        delay: timedelta,
        is_backlog: bool = False,  # noqa: ARG002 - nobody else waits
    ) -> HostLease | HostBusy:
        """The host's lease, when its time has come."""
        lock = self._locks.setdefault(host, asyncio.Lock())
        await lock.acquire()
        wait = self._next.get(host, 0.0) - time.monotonic()
        if wait > self._patience.total_seconds():
            lock.release()
            return HostBusy(timedelta(seconds=wait))
        try:
            await asyncio.sleep(wait)
        except BaseException:
            lock.release()
            raise
        return HostLease(host, holder, delay)

    async def renew(self, lease: HostLease) -> bool:  # noqa: ARG002 - it does not expire
        """True: the lease does not expire."""
        return True

    def keep(self, lease: HostLease) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - it does not expire
        """Nothing to do: the lease does not expire."""
        return nullcontext()

    async def release(
        self,
        lease: HostLease,
        feedback: HostFeedback,  # noqa: ARG002 - a single page needs no back-off
        *,
        delay: timedelta | None = None,
        retry_after: timedelta | None = None,
    ) -> HostPause:
        """End the lease."""
        wait = max(lease.delay if delay is None else delay, retry_after or timedelta())
        self._next[lease.host] = time.monotonic() + wait.total_seconds()
        self._locks[lease.host].release()
        return HostPause(wait, timedelta(), timedelta())
