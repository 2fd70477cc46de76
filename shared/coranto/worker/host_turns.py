"""Brings what waits for its host's turn to the stage that reads it: one message of each host, then the next of each.

`submitted` holds only a little, so that a long list of one host does not stand in front of everybody else's pages. What is handed
in beyond that waits in queues by host (`submit.lua`), with the keys of `coranto.streams.host_queues`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import cast

from redis.asyncio import Redis

from coranto.streams.connection import load_script
from coranto.streams.errors import is_transient
from coranto.streams.host_queues import MOST_IN_STREAM
from coranto.topology import Keys, Pipeline, StageSpec
from coranto.worker import log as events

_LOOK_EVERY_SECONDS = 0.05
_LOOK_EVERY_SECONDS_WHEN_EMPTY = 0.25
_AFTER_AN_ERROR_SECONDS = 1.0


class HostTurns:
    """The turns of one stage's hosts, over all partitions. Any number of replicas may bring at once."""

    def __init__(self, redis: Redis, pipeline: Pipeline, stage: StageSpec) -> None:
        self._pipeline = pipeline
        self._stage = stage
        self._script = redis.register_script(load_script("not_taken") + load_script("take_turns"))
        self._log = events.get_logger(stage=stage.name)

    async def run(self) -> None:
        """Bring until cancelled. Each partition for itself: one whose server is away keeps no other waiting."""
        await asyncio.gather(*map(self._run, self._pipeline.all_keys()))

    async def _run(self, keys: Keys) -> None:
        while True:
            try:
                pause = _LOOK_EVERY_SECONDS if await self.take(keys) else _LOOK_EVERY_SECONDS_WHEN_EMPTY
            except Exception as error:  # noqa: BLE001 - logged; all stays where it is, and the next look tries again
                if not is_transient(error):
                    self._log.exception(events.HOUSEKEEPING_FAILED, during="take_turns")
                pause = _AFTER_AN_ERROR_SECONDS
            await asyncio.sleep(pause)

    async def take(self, keys: Keys) -> int:
        """One look at one partition; gives how many messages were brought."""
        arguments: list[str | int] = [keys.host_queues(self._stage), self._stage.name, MOST_IN_STREAM]
        answer = self._script(keys=[keys.stream(self._stage.reads)], args=arguments)
        return int(await cast("Awaitable[int]", answer))
