"""What a stage may take on at this moment: capacity, back-pressure and breaker behind one door.

Whoever reads entries acquires room for them first and gives back what was not used, so that the readers of all partitions
together never hold more than the stage can work on. What is in flight keeps its room until its outcome is committed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coranto.streams.interface import Line
from coranto.worker.breaker import Breaker


@dataclass(slots=True, eq=False)
class _Ticket:
    """Somebody who waits for room."""

    line: Line
    most: int
    granted: asyncio.Future[int]


class Flow:
    """The one value that decides whether a stage reads."""

    def __init__(
        self, capacity: int, breaker: Breaker, *, partitions: int = 1, on_pause: Callable[[bool], None] = lambda _: None
    ) -> None:
        self.capacity = capacity
        self.breaker = breaker
        self.batch = max(1, min(capacity // 4, (capacity - partitions) // 2))
        """Most entries in one read. A busy reader waits until as many fit: reading one by one as slots fall free would cost
        a round trip for each."""
        self.is_paused = False
        """True while too much waits for the stage downstream."""
        self.is_delayed_full = False
        """True while so many messages are delayed that no new ones are read."""
        self.measure_wanted = asyncio.Event()
        """Set when the next stream may have grown too long; housekeeping measures and judges."""
        self._on_pause = on_pause
        self._used = 0
        self._is_stopping = False
        self._queue: deque[_Ticket] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def used(self) -> int:
        """Room that is taken, by entries in flight and by reads under way."""
        return self._used

    @property
    def free(self) -> int:
        """Room that is left."""
        return self.capacity - self._used

    async def acquire(self, line: Line, most: int) -> int:
        """Reserve room for up to `most` entries of this line, waiting until there is some; gives how many.

        First come, first served: a reader that asks again at once does not pass those that have waited.
        """
        ticket = _Ticket(line, most, asyncio.get_running_loop().create_future())
        self._queue.append(ticket)
        self.serve()
        try:
            return await ticket.granted
        except asyncio.CancelledError:
            if ticket in self._queue:
                self._queue.remove(ticket)
            elif not ticket.granted.cancelled():
                self.release(ticket.granted.result())
            raise

    def release(self, count: int) -> None:
        """Give room back."""
        if count:
            self._used -= count
            self.serve()

    def serve(self) -> None:
        """Grant what may be granted, in the order of asking; to be called when the breaker has changed."""
        for ticket in list(self._queue):
            if ticket.granted.done():  # cancelled: whoever waited is about to leave the queue
                continue
            # The only one who waits had better wait for a whole batch; with others behind, everyone gets on with less.
            least = min(ticket.most, self.batch) if len(self._queue) == 1 else 1
            if granted := self._grant(ticket.line, ticket.most, least=least):
                self._used += granted
                self._queue.remove(ticket)
                ticket.granted.set_result(granted)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = self.breaker.seconds_to_trial
        if self._queue and not self._used and wait > 0:
            self._timer = asyncio.get_running_loop().call_later(wait, self.serve)

    def _grant(self, line: Line, most: int, *, least: int) -> int:
        if self._is_stopping or self.is_paused or (line == "main" and self.is_delayed_full):
            return 0
        if not self.breaker.is_closed:
            # What is in flight is enough to try; with nothing in flight, one entry is read for it.
            return int(self._used == 0 and self.breaker.may_try)
        return min(most, self.free) if self.free >= least else 0

    def suspect_backlog(self) -> None:
        """Stop reading until it is known how much waits downstream."""
        self.judge(is_paused=True, is_delayed_full=self.is_delayed_full)
        self.measure_wanted.set()

    def judge(self, *, is_paused: bool, is_delayed_full: bool) -> None:
        """Take in what was measured."""
        has_changed = is_paused != self.is_paused
        self.is_paused, self.is_delayed_full = is_paused, is_delayed_full
        if has_changed:
            self._on_pause(is_paused)
        self.serve()

    def stop(self) -> None:
        """Grant nothing any more."""
        self._is_stopping = True

    def status(self) -> dict[str, Any]:
        """The state in plain values, for `/ready`."""
        return {
            "breaker": self.breaker.state,
            "breaker_reason": self.breaker.reason,
            "paused": self.is_paused,
            "delayed_full": self.is_delayed_full,
        }
