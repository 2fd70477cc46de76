"""Waiting until a pipeline has nothing left to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from redis.exceptions import RedisError

from coranto.admin.feeds import unread_feeds
from coranto.admin.pipeline import ConnectedPipeline, DelayedFor, StageState
from coranto.streams.errors import is_transient
from coranto.topology import STAGES

LONG_DELAY = timedelta(seconds=60)
"""A message that is delayed for longer is worth naming to whoever waits: nothing is wrong with it, but it takes its time."""

_CHECK_EVERY_SECONDS = 0.25

OnCheck = Callable[[Sequence[StageState]], Awaitable[None]]
"""Called with the state of every stage each time the pipeline is not idle yet."""


@dataclass(frozen=True, slots=True)
class IdleResult:
    """How a wait ended."""

    is_idle: bool
    """True when nothing waits, is in flight or is delayed (or, with a horizon, is due before it)."""
    states: Sequence[StageState]
    long_delays: Sequence[DelayedFor] = ()
    """Messages that are delayed beyond the horizon."""
    unread_feeds: Sequence[str] = ()
    """Feeds that have not been read yet, though nothing is in the streams."""

    def outcomes(self) -> list[Mapping[tuple[str, str], int]]:
        """What each stage had counted by then; the same twice when nothing was settled in between."""
        return [state.outcomes for state in self.states]


async def wait_until_idle(
    pipeline: ConnectedPipeline,
    *,
    timeout_seconds: float | None = None,
    horizon: timedelta | None = None,
    feeds: Collection[str] = (),
    on_check: OnCheck | None = None,
) -> IdleResult:
    """Return when every message is settled and every registered feed has been read, or when the time is over.

    Of `feeds`, addresses of some that may have been read before, the poll that was asked for now is waited for too.
    With a horizon, messages that are delayed beyond it are not waited for. A Redis that restarts meanwhile is waited
    for like everything else.
    """
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds

    def left() -> float | None:
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    while True:
        idle = await _until_streams_are_idle(pipeline, left(), horizon, on_check)
        if not idle.is_idle:
            return idle
        try:
            unread = await unread_feeds(pipeline, again=feeds)
        except RedisError as error:
            if not is_transient(error):
                raise
            await asyncio.sleep(_CHECK_EVERY_SECONDS)
            continue
        if unread:
            if left() == 0:
                return IdleResult(False, idle.states, unread_feeds=unread)
            await asyncio.sleep(_CHECK_EVERY_SECONDS)
            continue
        # What the feeds brought was in the streams before they counted as read; now it must be settled too.
        again = await _until_streams_are_idle(pipeline, left(), horizon, on_check)
        if not again.is_idle or again.outcomes() == idle.outcomes():
            return again


async def _until_streams_are_idle(
    pipeline: ConnectedPipeline, timeout_seconds: float | None, horizon: timedelta | None, on_check: OnCheck | None
) -> IdleResult:
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    states: Sequence[StageState] = ()
    while True:
        try:
            states = await pipeline.consistent_state()
            if not any(state.unsettled for state in states):
                return IdleResult(True, states)
            if horizon is not None and not any(state.depth.waiting + state.depth.pending for state in states):
                delays = await find_long_delays(pipeline, horizon)
                if sum(each.count for each in delays) == sum(state.depth.delayed for state in states):
                    return IdleResult(True, states, delays)
            if on_check is not None:
                await on_check(states)
        except RedisError as error:
            if not is_transient(error):
                raise
        if deadline is not None and time.monotonic() > deadline:
            return IdleResult(False, states)
        await asyncio.sleep(_CHECK_EVERY_SECONDS)


async def find_long_delays(pipeline: ConnectedPipeline, horizon: timedelta = LONG_DELAY) -> list[DelayedFor]:
    """What is delayed for longer than the horizon, stage by stage."""
    found = [await pipeline.delayed_beyond(spec, horizon) for spec in STAGES]
    return [each for each in found if each is not None]
