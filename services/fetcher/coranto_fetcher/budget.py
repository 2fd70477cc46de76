"""The politeness that all fetchers share: one request in flight per host, a pause after each, and turns in order.

A message asks for its host's turn and gets it, or is told when to come again; it never waits in a worker's slot. Places
are kept in Redis, first come first served, live articles before backlog. Whoever comes back finds the host free or gets
its place nearer to the front, so the waiting spread out (turn n comes some n pauses later) and the host stays busy.
A lease ends by itself when its fetcher dies. All clocks are Redis' own.
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


class Answer(Enum):
    """How the host took a request."""

    FINE = "fine"
    SLOW_DOWN = "slow_down"
    """It asks for fewer requests (429)."""
    FAILING = "failing"
    """It does not answer, or cannot serve (5xx, no connection, time-out)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to send requests to one host, one after the other, until it is given back or its lease ends."""

    host: str
    ticket: str
    token: str
    delay: timedelta


@dataclass(frozen=True, slots=True)
class Busy:
    """Not now: the host is busy or others come first. The place is kept."""

    retry_after: timedelta


@dataclass(frozen=True, slots=True)
class Down:
    """The host has failed time and again; nobody asks it before `retry_after`."""

    retry_after: timedelta


class Budget(Protocol):
    """What the stage needs to know about politeness."""

    async def take(self, host: str, ticket: str, *, delay: timedelta, is_backlog: bool = False) -> Turn | Busy | Down:
        """The host's turn if it is free and this ticket's, with the pause to keep after each request."""

    async def renew(self, turn: Turn) -> None:
        """Extend the lease for one more request."""

    async def give_back(
        self,
        turn: Turn,
        answer: Answer,
        *,
        retry_after: timedelta | None = None,
        keeps_place: bool = False,
    ) -> timedelta:
        """End the turn; gives the time until the host's next one. With `keeps_place` that one is this ticket's."""


# In all scripts: KEYS[1] the host's state, KEYS[2] tickets by place, KEYS[3] tickets by promised time (Unix ms).
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ticket, token, band = ARGV[1], ARGV[2], tonumber(ARGV[5])
local patience, keep = tonumber(ARGV[6]), ARGV[8]
local state = redis.call('HMGET', KEYS[1], 'lease_until', 'next_at', 'service', 'failures', 'started')
local lease_until, next_at = tonumber(state[1] or 0), tonumber(state[2] or 0)
local service, failures = tonumber(state[3] or 0), tonumber(state[4] or 0)
local delay = tonumber(ARGV[3])

if failures >= tonumber(ARGV[7]) and next_at > now and lease_until <= now then
  redis.call('ZREM', KEYS[2], ticket)
  redis.call('ZREM', KEYS[3], ticket)
  return {2, next_at - now}
end

local lost = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - tonumber(ARGV[9]), 'LIMIT', 0, 100)
for _, other in ipairs(lost) do
  redis.call('ZREM', KEYS[2], other)
  redis.call('ZREM', KEYS[3], other)
  redis.call('HDEL', KEYS[1], 'passed:' .. other)
end

local place = tonumber(redis.call('ZSCORE', KEYS[2], ticket) or nil)
local is_new = not place
if is_new then
  place = band * 1e12 + redis.call('HINCRBY', KEYS[1], 'places', 1)
end

local is_free = lease_until <= now and next_at <= now
if is_free then
  -- Tickets that were promised about this time and stand before this one.
  local due = redis.call('ZRANGEBYSCORE', KEYS[3], now - patience, now + delay, 'LIMIT', 0, 50)
  local ahead = {}
  -- Far behind the front a ticket is let through only when nobody nearer has come for a while.
  local rank = redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. string.format('%.0f', place))
  if rank > 3 and now - next_at < math.max(300, delay / 2) then is_free = false end
  for _, other in ipairs(due) do
    if other ~= ticket and tonumber(redis.call('ZSCORE', KEYS[2], other) or 9e15) < place then
      ahead[#ahead + 1] = other
      -- A newcomer never overtakes; one that waited may, so that the host is not idle, but not the same one for ever.
      if is_new or tonumber(redis.call('HGET', KEYS[1], 'passed:' .. other) or 0) >= 2 then
        is_free = false
      end
    end
  end
  if is_free then
    for _, other in ipairs(ahead) do
      redis.call('HINCRBY', KEYS[1], 'passed:' .. other, 1)
    end
    redis.call('ZREM', KEYS[2], ticket)
    redis.call('ZREM', KEYS[3], ticket)
    redis.call('HDEL', KEYS[1], 'passed:' .. ticket)
    redis.call('HSET', KEYS[1], 'lease', token, 'lease_until', now + ARGV[4], 'started', now,
               'next_at', now + service + delay)
    redis.call('PEXPIRE', KEYS[1], keep)
    return {1, 0}
  end
end

-- The provisional next_at of a running request holds until it is given back or the lease ends.
local base = math.max(now, next_at)
if lease_until > now then
  -- A request that takes long will take longer: half of its age again, so that few come back in vain.
  local age = now - tonumber(state[5] or now)
  base = math.max(base, now + math.max(math.min(delay, 1000), age / 2))
end
redis.call('ZADD', KEYS[2], string.format('%.0f', place), ticket)
local rank = redis.call('ZRANK', KEYS[2], ticket)
local promised = math.ceil(base + rank * (delay + service))
if promised <= now then promised = now + math.max(50, math.floor(delay / 4)) end
redis.call('ZADD', KEYS[3], promised, ticket)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, keep + promised - now) end
return {0, promised - now}
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

_GIVE_BACK: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ticket, token, delay, answer = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local retry_after, first, longest = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local state = redis.call('HMGET', KEYS[1], 'lease', 'started', 'service', 'pause', 'next_at', 'failures')
if state[1] ~= token then return math.max(0, tonumber(state[5] or 0) - now) end
local service = math.floor(0.7 * tonumber(state[3] or 0) + 0.3 * (now - tonumber(state[2] or now)))
local pause, failures = tonumber(state[4] or 0), tonumber(state[6] or 0)
if answer == 'fine' then
  pause, failures = math.floor(pause / 2), 0
  if pause <= delay then pause = 0 end
else
  -- A host that says how long it wants to be left alone need not be guessed at.
  if retry_after < 0 then pause = math.min(longest, math.max(first, 2 * delay, 2 * pause)) end
  if answer == 'failing' then failures = failures + 1 end
end
local wait = math.max(delay, pause)
if retry_after >= 0 then wait = math.max(delay, retry_after) end
redis.call('HDEL', KEYS[1], 'lease', 'lease_until', 'started')
redis.call('HSET', KEYS[1], 'service', service, 'pause', pause, 'failures', failures, 'next_at', now + wait)
if ARGV[8] == '1' then
  -- Before every other place: this ticket has had half its turn.
  redis.call('ZADD', KEYS[2], '-1', ticket)
  redis.call('ZADD', KEYS[3], now + wait, ticket)
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[9] + wait) end
return wait
"""


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """Spans of the shared budget that are the same for every host."""

    lease: timedelta = timedelta(seconds=60)
    """Longest time one request may take; a dead fetcher's turn ends after it."""
    first_pause: timedelta = timedelta(seconds=2)
    """Pause after the first answer that asks for less; doubled with each further one, halved with each good one."""
    longest_pause: timedelta = timedelta(minutes=15)
    failures_until_down: int = 5
    """Failures in a row after which nobody asks the host before its pause is over."""
    patience: timedelta = timedelta(seconds=5)
    """How long after its promised time a ticket is still waited for by those behind it."""
    forget: timedelta = timedelta(minutes=2)
    """How long after its promised time a ticket loses its place: its message ended elsewhere."""


class HostBudget:
    """The budget in Redis, shared by all fetchers."""

    _KEEP = timedelta(days=1)

    def __init__(self, redis: Redis, *, prefix: str = "coranto", limits: BudgetLimits | None = None) -> None:
        self._limits = limits if limits is not None else BudgetLimits()
        self._prefix = prefix
        self._take = redis.register_script(_TAKE)
        self._renew = redis.register_script(_RENEW)
        self._give_back = redis.register_script(_GIVE_BACK)

    async def take(self, host: str, ticket: str, *, delay: timedelta, is_backlog: bool = False) -> Turn | Busy | Down:
        """The host's turn if it is free and this ticket's. `ticket` names the message; asking again keeps its place."""
        token = f"{ticket}:{secrets.token_hex(4)}"
        outcome, wait = await cast(
            "Awaitable[tuple[int, int]]",
            self._take(
                keys=self._keys(host),
                args=[
                    ticket,
                    token,
                    _ms(delay),
                    _ms(self._limits.lease),
                    int(is_backlog),
                    _ms(self._limits.patience),
                    self._limits.failures_until_down,
                    _ms(self._KEEP),
                    _ms(self._limits.forget),
                ],
            ),
        )
        if outcome == 1:
            return Turn(host, ticket, token, delay)
        span = timedelta(milliseconds=wait)
        return Down(span) if outcome == 2 else Busy(span)

    async def renew(self, turn: Turn) -> None:
        """Extend the lease for one more request."""
        await cast(
            "Awaitable[int]", self._renew(keys=self._keys(turn.host)[:1], args=[turn.token, _ms(self._limits.lease)])
        )

    async def give_back(
        self,
        turn: Turn,
        answer: Answer,
        *,
        retry_after: timedelta | None = None,
        keeps_place: bool = False,
    ) -> timedelta:
        """End the turn; gives the time until the host's next one. Safe to repeat: a turn that ended is left alone."""
        wait = await cast(
            "Awaitable[int]",
            self._give_back(
                keys=self._keys(turn.host),
                args=[
                    turn.ticket,
                    turn.token,
                    _ms(turn.delay),
                    answer.value,
                    -1 if retry_after is None else _ms(retry_after),
                    _ms(self._limits.first_pause),
                    _ms(self._limits.longest_pause),
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


class SoloBudget:
    """The budget of a process that works alone and has all the time: it waits for the host's turn."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._next: dict[str, float] = {}

    async def take(self, host: str, ticket: str, *, delay: timedelta, is_backlog: bool = False) -> Turn:  # noqa: ARG002 - nobody else waits
        """The host's turn, when it comes."""
        lock = self._locks.setdefault(host, asyncio.Lock())
        await lock.acquire()
        try:
            await asyncio.sleep(self._next.get(host, 0.0) - time.monotonic())
        except BaseException:
            lock.release()
            raise
        return Turn(host, ticket, ticket, delay)

    async def renew(self, turn: Turn) -> None:
        """Nothing to do: the turn has no end of its own."""

    async def give_back(
        self,
        turn: Turn,
        answer: Answer,  # noqa: ARG002 - a single page needs no back-off
        *,
        retry_after: timedelta | None = None,
        keeps_place: bool = False,  # noqa: ARG002 - nobody else waits
    ) -> timedelta:
        """End the turn; gives the time until the host's next one."""
        wait = turn.delay if retry_after is None else max(turn.delay, retry_after)
        self._next[turn.host] = time.monotonic() + wait.total_seconds()
        self._locks[turn.host].release()
        return wait


def _ms(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
