"""Lets feeds be read again when there is room for what was left of them.

A document names more entries than may wait for its host; the rest stays where it is. When there is room for a good part of
it, the feed is due, and no more feeds at a time than the room is enough for. Any number of replicas may look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from coranto.client import HostClass, Room
from coranto.sources.registry import FeedRegistry, WaitingFeed
from coranto_feeder.submissions import queue_named

FindRoom = Callable[[Sequence[HostClass]], Awaitable[list[Room]]]

_LOOK_EVERY: Final = timedelta(seconds=5)
_SHORTEST_WAIT: Final = timedelta(minutes=1)
# A document is read whole each time, so there must be room for a good part of its entries; for fewer only when their queue is
# near its end.
_GOOD_PART: Final = 1_000
_SMALL_PART: Final = 100


class RoomWatch:
    """Looks for room for the feeds that wait for it."""

    def __init__(
        self, registry: FeedRegistry, find_room: FindRoom, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._registry = registry
        self._find_room = find_room
        self._now = now

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(_LOOK_EVERY.total_seconds())

    async def tick(self) -> int:
        """One look; gives how many feeds are due because of it."""
        waiting = await self._registry.waiting_for_room()
        if not waiting:
            return 0
        queues = {one.queue: queue_named(one.queue) for one in waiting}
        rooms = dict(zip(queues, await self._find_room(list(queues.values())), strict=True))
        called = _within(waiting, rooms)
        for one in called:
            await self._registry.call(one, max(self._now(), one.since + _SHORTEST_WAIT))
        return len(called)


def _within(waiting: Sequence[WaitingFeed], rooms: dict[str, Room]) -> list[WaitingFeed]:
    """Feeds to be called now. What is left of each takes its part of the room, of those too that were called before."""
    left = {queue: room.left for queue, room in rooms.items()}
    called: list[WaitingFeed] = []
    # Those that were called come first: their room is theirs until they have been read.
    for one in sorted(waiting, key=lambda one: not one.is_called):
        # Where half of what may wait is free, little may wait, and the queue would be empty before there is room for more.
        is_low = rooms[one.queue].waiting <= left[one.queue]
        if not one.is_called and left[one.queue] < min(one.left, _SMALL_PART if is_low else _GOOD_PART):
            continue
        left[one.queue] -= one.left
        if not one.is_called:
            called.append(one)
    return called
