"""A circuit breaker for one stage: when everything fails for one reason that is not the messages' fault, stop reading.

Closed: all is well. Open: nothing is started until the pause is over. Probing: one message at a time; the first success
closes it, a failure opens it for twice as long (M. Nygard, "Release It!", 2007, chapter 5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from coranto.worker.settings import BreakerSettings


class Breaker:
    """Counts failures of one systemic reason in a row and says when a message may be started."""

    def __init__(self, settings: BreakerSettings, *, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._run = 0
        self._pause_seconds = 0.0
        self._open_until = 0.0
        self._is_probing = False
        self._changed = asyncio.Event()
        self.reason: str | None = None
        """The reason of the current run of failures."""
        self.is_closed = True

    @property
    def state(self) -> Literal["closed", "open", "probing"]:
        """What the breaker does at this moment."""
        if self.is_closed:
            return "closed"
        return "probing" if self._clock() >= self._open_until else "open"

    async def permit(self) -> None:
        """Return when a message may be started: at once while closed, for one message at a time while probing."""
        while not self.is_closed:
            wait = self._open_until - self._clock()
            if wait <= 0 and not self._is_probing:
                self._is_probing = True
                return
            self._changed.clear()
            try:
                async with asyncio.timeout(wait if wait > 0 else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def failed(self, reason: str) -> bool:
        """Note a failure of a systemic reason. True when this one opened the breaker."""
        self._run = self._run + 1 if reason == self.reason else 1
        self.reason = reason
        if self.is_closed:
            if self._run < self._settings.failures:
                return False
            self.is_closed = False
            self._pause_seconds = self._settings.probe_after.total_seconds()
            self._open_until = self._clock() + self._pause_seconds
            return True
        if self._is_probing:
            self._is_probing = False
            self._pause_seconds = min(self._pause_seconds * 2, self._settings.longest_pause.total_seconds())
            self._open_until = self._clock() + self._pause_seconds
            self._changed.set()
        return False

    def succeeded(self) -> bool:
        """Note any other outcome. True when this one closed the breaker."""
        self._run = 0
        if self.is_closed:
            return False
        self.is_closed = True
        self._is_probing = False
        self.reason = None
        self._changed.set()
        return True
