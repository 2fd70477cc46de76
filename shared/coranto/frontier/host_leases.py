"""Leases of hosts in Redis: whoever has one may send requests to the host, one after the other, and nobody else.

Each host's state is one hash under a hash tag of its own, so that the hosts are spread over the nodes of a cluster. The lease
of a process that has died ends by itself. Every clock is that of the Redis server that holds the host.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from importlib.resources import files
from typing import Final, Protocol, cast

from redis.asyncio import Redis

from coranto.frontier.heartbeat import beating
from coranto.host_queue import HostRest

SLOW_FETCH: Final = timedelta(seconds=5)
"""A host that takes longer than this for a request, on the whole, is slow: few may be asked at a time."""


class HostFeedback(Enum):
    """How the host took a request."""

    FINE = "fine"
    SLOW_DOWN = "slow_down"
    """It refuses us: 429, 403, 503 or a test for humans."""
    FAILING = "failing"
    """It does not answer, or cannot serve: no connection, no name, a time-out, 5xx."""
    NOT_ASKED = "not_asked"
    """No request was sent, so the host needs no pause, and how it fared before still stands."""


@dataclass(frozen=True, slots=True)
class HostLease:
    """Permission to send requests to one host until it is released or expires; with a pause before each further one."""

    host: str
    token: str
    delay: timedelta
    """Pause after each request, without what the host's own slowness adds."""


@dataclass(frozen=True, slots=True)
class HostBusy:
    """Not now: somebody else has the lease, the host rests, or another comes first."""

    retry_after: timedelta


@dataclass(frozen=True, slots=True)
class HostSetAside:
    """The host has refused or failed many times in a row, and is left alone."""

    retry_after: timedelta
    failing_for: timedelta
    """Since the first of the refusals or failures that have not been broken by a good answer."""


@dataclass(frozen=True, slots=True)
class HostTrouble:
    """A host that refuses or fails, as its leases have it."""

    host: str
    times: int
    """Requests in a row that it refused or failed."""
    since: datetime
    """When it began."""


@dataclass(frozen=True, slots=True)
class HostPause:
    """What follows a request."""

    wait: timedelta
    """Until the host's next request."""
    fetch_time: timedelta
    """How long the host takes for a request, smoothed."""
    failing_for: timedelta
    """How long it has been refusing or failing; zero after a good answer."""


@dataclass(frozen=True, slots=True)
class BackOff:
    """What is done about a host that refuses or fails without saying for how long."""

    first_pause: timedelta = timedelta(seconds=2)
    """After the first refusal; it doubles with each further one and halves with each good answer."""
    max_pause: timedelta = timedelta(minutes=15)
    refusals_to_set_aside: int = 10
    """Refusals or failures in a row after which the host is left alone."""
    set_aside_for: timedelta = timedelta(hours=1)
    """For the first time; it doubles with each further refusal."""
    max_set_aside: timedelta = timedelta(hours=24)


class HostLeases(Protocol):
    """Who may ask which host now."""

    max_inline_delay: timedelta
    """A pause between two requests up to this long is waited for; for a longer one the lease is given back."""

    def known_rest(self, host: str) -> HostRest:
        """When the host may be asked again, from what this process was told last; at once when it knows nothing."""

    async def acquire(
        self, host: str, holder: str, *, delay: timedelta, is_backlog: bool = False
    ) -> HostLease | HostBusy | HostSetAside:
        """The host's lease, if it may be asked now; never waits.

        `holder` is who asks, the same each time it comes back: whoever was told a time first is let in first, and live
        work before the backlog. Safe to repeat.
        """

    async def renew(self, lease: HostLease) -> bool:
        """Extend the lease for one more request. False when it is lost: then the request must not be sent."""

    def keep(self, lease: HostLease) -> AbstractAsyncContextManager[None]:
        """Keep the lease while the body, a request, is under way.

        Where it cannot be kept, the body is cancelled before the lease ends, and HostLostError is raised: the host must not be
        asked any more.
        """

    async def release(
        self,
        lease: HostLease,
        feedback: HostFeedback,
        *,
        delay: timedelta | None = None,
        retry_after: timedelta | None = None,
    ) -> HostPause:
        """End the lease and begin the host's pause. Safe to repeat: a lease that has ended stays so.

        `delay` replaces the lease's, when the host's crawl-delay was not known before. `retry_after` is what the host
        asked for; it counts for everybody.
        """


class RedisHostLeases:
    """The leases that all processes share."""

    max_inline_delay = timedelta(seconds=1.5)
    _KEEP = timedelta(days=1)
    # Whoever was told a time is waited for so long beyond it. Background loops look every second or so.
    _GRACE = timedelta(seconds=2)
    _RESTS_KNOWN = 10_000

    def __init__(
        self,
        redis: Redis,
        *,
        prefix: str = "coranto",
        lease: timedelta = timedelta(seconds=20),
        back_off: BackOff | None = None,
    ) -> None:
        """`lease`: how long the host of a process that was killed stays alone. Requests take as long as they do, see `keep`."""
        self._prefix = prefix
        self._lease = lease
        self._back_off = back_off if back_off is not None else BackOff()
        self._rests: OrderedDict[str, tuple[float, bool]] = OrderedDict()
        # By token, when each lease was extended last, by the clock of the event loop.
        self._extended_at: dict[str, float] = {}
        self._acquire = redis.register_script(_script("acquire"))
        self._renew = redis.register_script(_script("renew"))
        self._release = redis.register_script(_script("release"))

    def known_rest(self, host: str) -> HostRest:
        """When the host may be asked again, from what this process was told last."""
        until, is_slow = self._rests.get(host, (0.0, None))
        return HostRest(max(0, math.ceil((until - time.monotonic()) * 1000)), is_slow)

    def _note_rest(self, host: str, pause: HostPause) -> None:
        self._rests.pop(host, None)
        self._rests[host] = time.monotonic() + pause.wait.total_seconds(), pause.fetch_time > SLOW_FETCH
        while len(self._rests) > self._RESTS_KNOWN:
            self._rests.popitem(last=False)

    async def acquire(
        self, host: str, holder: str, *, delay: timedelta, is_backlog: bool = False
    ) -> HostLease | HostBusy | HostSetAside:
        """The host's lease, if it may be asked now."""
        token = secrets.token_hex(8)
        asked_at = asyncio.get_running_loop().time()
        outcome, wait, failing = await cast(
            "Awaitable[tuple[int, int, int]]",
            self._acquire(
                keys=[self._key(host)],
                args=[
                    token,
                    holder,
                    _ms(delay),
                    _ms(self._lease),
                    int(is_backlog),
                    _ms(self._GRACE),
                    _ms(self._KEEP),
                ],
            ),
        )
        if outcome == 1:
            self._extended_at[token] = asked_at
            return HostLease(host, token, delay)
        if outcome == 2:
            return HostSetAside(_span(wait), _span(failing))
        return HostBusy(_span(wait))

    async def renew(self, lease: HostLease) -> bool:
        """Extend the lease for one more request."""
        return await self._extend(lease, is_new_request=True)

    def keep(self, lease: HostLease) -> AbstractAsyncContextManager[None]:
        """Keep the lease while the body, a request, is under way. Raises HostLostError."""
        since = self._extended_at.get(lease.token, -math.inf)
        return beating(partial(self._extend, lease, is_new_request=False), lasts=self._lease, since=since)

    async def _extend(self, lease: HostLease, *, is_new_request: bool) -> bool:
        asked_at = asyncio.get_running_loop().time()
        arguments: list[str | int] = [lease.token, _ms(self._lease), _ms(self._KEEP), int(is_new_request)]
        if await cast("Awaitable[int]", self._renew(keys=[self._key(lease.host)], args=arguments)):
            self._extended_at[lease.token] = asked_at
            return True
        self._extended_at.pop(lease.token, None)
        return False

    async def release(
        self,
        lease: HostLease,
        feedback: HostFeedback,
        *,
        delay: timedelta | None = None,
        retry_after: timedelta | None = None,
    ) -> HostPause:
        """End the lease and begin the host's pause."""
        back_off = self._back_off
        arguments: list[str | int] = [
            lease.token,
            feedback.value,
            _ms(lease.delay if delay is None else delay),
            -1 if retry_after is None else _ms(retry_after),
            _ms(back_off.first_pause),
            _ms(back_off.max_pause),
            back_off.refusals_to_set_aside,
            _ms(back_off.set_aside_for),
            _ms(back_off.max_set_aside),
            _ms(self._KEEP),
        ]
        self._extended_at.pop(lease.token, None)
        wait, fetch_time, failing = await cast(
            "Awaitable[tuple[int, int, int]]", self._release(keys=[self._key(lease.host)], args=arguments)
        )
        pause = HostPause(_span(wait), _span(fetch_time), _span(failing))
        self._note_rest(lease.host, pause)
        return pause

    def _key(self, host: str) -> str:
        return _lease_key(self._prefix, host)


async def find_trouble(redis: Redis, prefix: str, host: str) -> HostTrouble | None:
    """The trouble that this host is in; None after a good answer, and for a host that was not asked lately."""
    fields = ["refusals", "failing_since"]
    times, since = await cast("Awaitable[list[bytes | None]]", redis.hmget(_lease_key(prefix, host), fields))
    if times is None or since is None or int(times) == 0:
        return None
    return HostTrouble(host, int(times), datetime.fromtimestamp(float(since) / 1000, UTC))


def _lease_key(prefix: str, host: str) -> str:
    return f"{prefix}:{{host-{host}}}:lease"


def _script(name: str) -> str:
    scripts = files("coranto.frontier").joinpath("scripts")
    return "\n".join(scripts.joinpath(f"{part}.lua").read_text(encoding="utf-8") for part in ("clock", name))


def _ms(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)


def _span(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)
