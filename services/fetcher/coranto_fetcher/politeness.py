"""Politeness that all fetchers share: one request per host at a time, a pause after each, first come first served.

A message asks for the lease of its host. It gets it, or is told when to ask again; it never waits in a worker's slot.
Waiting messages have a place in a queue in Redis, live articles before backlog. Each is told a time of its own, one pause
after the one before it, so that the host stays busy and few ask in vain. The lease of a fetcher that has died expires by
itself. Every clock is Redis' own.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final, Protocol, cast

from redis.asyncio import Redis


class HostFeedback(Enum):
    """How the host took a request."""

    FINE = "fine"
    SLOW_DOWN = "slow_down"
    """It asks for fewer requests (429)."""
    FAILING = "failing"
    """It does not answer, or cannot serve (5xx, no connection, time-out)."""


@dataclass(frozen=True, slots=True)
class HostLease:
    """Permission to send requests to one host, one after the other, until it is released or expires."""

    host: str
    message_id: str
    token: str
    delay: timedelta


@dataclass(frozen=True, slots=True)
class HostBusy:
    """Not now: another message has the lease, or others come first. The place in the queue is kept."""

    retry_after: timedelta


@dataclass(frozen=True, slots=True)
class HostUnavailable:
    """The host has failed several times in a row; nobody asks it before `retry_after`."""

    retry_after: timedelta


class HostLimiter(Protocol):
    """Decides when a host may be asked."""

    max_inline_delay: timedelta
    """A pause between two requests up to this long is waited for; for a longer one the message gives up its slot."""

    async def acquire(
        self, host: str, message_id: str, *, delay: timedelta, is_backlog: bool = False
    ) -> HostLease | HostBusy | HostUnavailable:
        """The host's lease, if it is free and this message is next. `delay` is the pause after each request."""

    async def renew(self, lease: HostLease) -> None:
        """Extend the lease for one more request."""

    async def release(
        self,
        lease: HostLease,
        feedback: HostFeedback,
        *,
        retry_after: timedelta | None = None,
        keeps_place: bool = False,
    ) -> timedelta:
        """End the lease; gives the time until the host's next one. With `keeps_place` this message is next."""


# In all scripts: KEYS[1] is the host's state, KEYS[2] the queue (message ids by place), KEYS[3] message ids by the time they
# were told to ask again (Unix ms).
_ACQUIRE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local message, token, class = ARGV[1], ARGV[2], tonumber(ARGV[5])
local grace, keep = tonumber(ARGV[6]), ARGV[8]
local state = redis.call('HMGET', KEYS[1], 'lease_until', 'next_at', 'service', 'failures', 'started')
local lease_until, next_at = tonumber(state[1] or 0), tonumber(state[2] or 0)
local service, failures = tonumber(state[3] or 0), tonumber(state[4] or 0)
local delay = tonumber(ARGV[3])

if failures >= tonumber(ARGV[7]) and next_at > now and lease_until <= now then
  redis.call('ZREM', KEYS[2], message)
  redis.call('ZREM', KEYS[3], message)
  return {2, next_at - now}
end

local lost = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - tonumber(ARGV[9]), 'LIMIT', 0, 100)
for _, other in ipairs(lost) do
  redis.call('ZREM', KEYS[2], other)
  redis.call('ZREM', KEYS[3], other)
  redis.call('HDEL', KEYS[1], 'overtaken:' .. other)
end

local place = tonumber(redis.call('ZSCORE', KEYS[2], message) or nil)
local is_new = not place
if is_new then
  place = class * 1e12 + redis.call('HINCRBY', KEYS[1], 'places', 1)
end

local is_free = lease_until <= now and next_at <= now
if is_free then
  -- Messages that were told about this time and stand before this one.
  local due = redis.call('ZRANGEBYSCORE', KEYS[3], now - grace, now + delay, 'LIMIT', 0, 50)
  local ahead = {}
  -- Far behind the front a message is let through only when nobody nearer has come for a while.
  local rank = redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. string.format('%.0f', place))
  if rank > 3 and now - next_at < math.max(300, delay / 2) then is_free = false end
  for _, other in ipairs(due) do
    if other ~= message and tonumber(redis.call('ZSCORE', KEYS[2], other) or 9e15) < place then
      ahead[#ahead + 1] = other
      -- A newcomer never overtakes; one that waited may, so that the host is not idle, but not the same one every time.
      if is_new or tonumber(redis.call('HGET', KEYS[1], 'overtaken:' .. other) or 0) >= 2 then
        is_free = false
      end
    end
  end
  if is_free then
    for _, other in ipairs(ahead) do
      redis.call('HINCRBY', KEYS[1], 'overtaken:' .. other, 1)
    end
    redis.call('ZREM', KEYS[2], message)
    redis.call('ZREM', KEYS[3], message)
    redis.call('HDEL', KEYS[1], 'overtaken:' .. message)
    redis.call('HSET', KEYS[1], 'lease', token, 'lease_until', now + ARGV[4], 'started', now,
               'next_at', now + service + delay)
    redis.call('PEXPIRE', KEYS[1], keep)
    return {1, 0}
  end
end

-- The provisional next_at of a running request holds until the lease is released or expires.
local base = math.max(now, next_at)
if lease_until > now then
  -- A request that takes long will take longer: half of its age again, so that few ask in vain.
  local age = now - tonumber(state[5] or now)
  base = math.max(base, now + math.max(math.min(delay, 1000), age / 2))
end
redis.call('ZADD', KEYS[2], string.format('%.0f', place), message)
local rank = redis.call('ZRANK', KEYS[2], message)
local eta = math.ceil(base + rank * (delay + service))
if eta <= now then eta = now + math.max(50, math.floor(delay / 4)) end
redis.call('ZADD', KEYS[3], eta, message)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, keep + eta - now) end
return {0, eta - now}
"""

_RENEW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HGET', KEYS[1], 'lease') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'lease_until', now + ARGV[2])
  return 1
end
return 0
"""

_RELEASE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local message, token, delay, feedback = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local retry_after, first, longest = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local state = redis.call('HMGET', KEYS[1], 'lease', 'started', 'service', 'pause', 'next_at', 'failures')
if state[1] ~= token then return math.max(0, tonumber(state[5] or 0) - now) end
local service = math.floor(0.7 * tonumber(state[3] or 0) + 0.3 * (now - tonumber(state[2] or now)))
local pause, failures = tonumber(state[4] or 0), tonumber(state[6] or 0)
if feedback == 'fine' then
  pause, failures = math.floor(pause / 2), 0
  if pause <= delay then pause = 0 end
else
  -- A host that says how long it wants to be left alone need not be guessed at.
  if retry_after < 0 then pause = math.min(longest, math.max(first, 2 * delay, 2 * pause)) end
  if feedback == 'failing' then failures = failures + 1 end
end
local wait = math.max(delay, pause)
if retry_after >= 0 then wait = math.max(delay, retry_after) end
redis.call('HDEL', KEYS[1], 'lease', 'lease_until', 'started')
redis.call('HSET', KEYS[1], 'service', service, 'pause', pause, 'failures', failures, 'next_at', now + wait)
if ARGV[8] == '1' then
  -- Before every other place: this message has been served in part.
  redis.call('ZADD', KEYS[2], '-1', message)
  redis.call('ZADD', KEYS[3], now + wait, message)
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[9] + wait) end
return wait
"""


class RedisHostLimiter:
    """The limiter in Redis, shared by all fetchers."""

    max_inline_delay = timedelta(seconds=1.5)
    _KEEP = timedelta(days=1)

    def __init__(
        self,
        redis: Redis,
        *,
        prefix: str = "coranto",
        lease: timedelta = timedelta(seconds=60),
        first_pause: timedelta = timedelta(seconds=2),
        max_pause: timedelta = timedelta(minutes=15),
        failures_until_unavailable: int = 5,
        grace: timedelta = timedelta(seconds=5),
        queue_ttl: timedelta = timedelta(minutes=2),
    ) -> None:
        """`lease` is the longest time for one request; the lease of a fetcher that has died ends after it.

        `first_pause` follows the first feedback that asks for less; it doubles with each further one, up to
        `max_pause`, and halves with each good one. A message is waited for `grace` beyond the time it was told, and
        loses its place `queue_ttl` after it: it has ended elsewhere.
        """
        self._lease = lease
        self._first_pause = first_pause
        self._longest_pause = max_pause
        self._failures_until_unavailable = failures_until_unavailable
        self._grace = grace
        self._queue_ttl = queue_ttl
        self._prefix = prefix
        self._acquire = redis.register_script(_ACQUIRE)
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)

    async def acquire(
        self, host: str, message_id: str, *, delay: timedelta, is_backlog: bool = False
    ) -> HostLease | HostBusy | HostUnavailable:
        """The host's lease, if it is free and this message is next. Asking again keeps the message's place."""
        token = f"{message_id}:{secrets.token_hex(4)}"
        outcome, wait = await cast(
            "Awaitable[tuple[int, int]]",
            self._acquire(
                keys=self._keys(host),
                args=[
                    message_id,
                    token,
                    _ms(delay),
                    _ms(self._lease),
                    int(is_backlog),
                    _ms(self._grace),
                    self._failures_until_unavailable,
                    _ms(self._KEEP),
                    _ms(self._queue_ttl),
                ],
            ),
        )
        if outcome == 1:
            return HostLease(host, message_id, token, delay)
        span = timedelta(milliseconds=wait)
        return HostUnavailable(span) if outcome == 2 else HostBusy(span)

    async def renew(self, lease: HostLease) -> None:
        """Extend the lease for one more request."""
        await cast("Awaitable[int]", self._renew(keys=self._keys(lease.host)[:1], args=[lease.token, _ms(self._lease)]))

    async def release(
        self,
        lease: HostLease,
        feedback: HostFeedback,
        *,
        retry_after: timedelta | None = None,
        keeps_place: bool = False,
    ) -> timedelta:
        """End the lease; gives the time until the host's next one. Safe to repeat: a lease that has ended stays so."""
        wait = await cast(
            "Awaitable[int]",
            self._release(
                keys=self._keys(lease.host),
                args=[
                    lease.message_id,
                    lease.token,
                    _ms(lease.delay),
                    feedback.value,
                    -1 if retry_after is None else _ms(retry_after),
                    _ms(self._first_pause),
                    _ms(self._longest_pause),
                    int(keeps_place),
                    _ms(self._KEEP),
                ],
            ),
        )
        return timedelta(milliseconds=wait)

    def _keys(self, host: str) -> list[str]:
        # A hash tag for each host: its keys are together on one node of a cluster, the hosts are spread over all.
        own = f"{self._prefix}:{{host-{host}}}:budget"
        return [own, f"{own}:places", f"{own}:promises"]


class InProcessLimiter:
    """The limiter of a process that works alone and can wait: it gives the lease when the host's next request is due."""

    max_inline_delay = timedelta.max

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._next: dict[str, float] = {}

    async def acquire(self, host: str, message_id: str, *, delay: timedelta, is_backlog: bool = False) -> HostLease:  # noqa: ARG002 - nobody else waits
        """The host's lease, when its time has come."""
        lock = self._locks.setdefault(host, asyncio.Lock())
        await lock.acquire()
        try:
            await asyncio.sleep(self._next.get(host, 0.0) - time.monotonic())
        except BaseException:
            lock.release()
            raise
        return HostLease(host, message_id, message_id, delay)

    async def renew(self, lease: HostLease) -> None:
        """Nothing to do: the lease does not expire."""

    async def release(
        self,
        lease: HostLease,
        feedback: HostFeedback,  # noqa: ARG002 - a single page needs no back-off
        *,
        retry_after: timedelta | None = None,
        keeps_place: bool = False,  # noqa: ARG002 - nobody else waits
    ) -> timedelta:
        """End the lease; gives the time until the host's next one."""
        wait = lease.delay if retry_after is None else max(lease.delay, retry_after)
        self._next[lease.host] = time.monotonic() + wait.total_seconds()
        self._locks[lease.host].release()
        return wait


def _ms(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
