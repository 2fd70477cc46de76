"""What is announced, for any number of readers at once: read from the article store once, and handed to each.

A reader's place is the number of the announcement it had last. The latest ones are kept in memory; whoever is further
behind reads the store until it has caught up, so there is no seam between what was and what comes, however long a reader was away.
"""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_right
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from coranto.records import FinishedArticle
from coranto.records.envelope import encode
from coranto.store.interface import Announced, ArticleReader, StoreError
from coranto.worker.log import get_logger
from coranto_gateway.articles.stores import ArticleStores

ANNOUNCEMENTS_WAITING: Final = "announcements.waiting"

_LOOK_EVERY_SECONDS: Final = 0.1
_PAUSE_SECONDS: Final = 1.0
_AT_ONCE: Final = 100
_POSITION: Final = re.compile(r"([0-9a-f]{1,64})\.(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in what a store announces: behind the announcement of this number."""

    store: str
    number: int

    def __str__(self) -> str:
        return f"{self.store}.{self.number}"

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """The position; None when the text is none."""
        found = _POSITION.fullmatch(text)
        return None if found is None else cls(found[1], int(found[2]))


NO_STORE: Final = "0"
"""Stands for the store while there is none: whatever it will announce comes behind `0.0`."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One announcement, ready to be sent."""

    number: int
    article: FinishedArticle
    event: bytes
    """The event as it is in Redis: one line of JSON."""


class Announcements:
    """The announcements of the article store, as they come."""

    def __init__(self, stores: ArticleStores, *, kept: int) -> None:
        self._stores = stores
        self._kept = kept
        self._latest: list[Announcement] = []
        self._floor = 0
        """All announcements behind this number and up to `_top` are in memory."""
        self._top: int | None = None
        self._has_come = asyncio.Event()
        self._readers = 0
        self._log = get_logger(service="gateway")

    async def run(self) -> None:
        """Look for announcements while anybody reads. Never returns."""
        while True:
            if not self._readers:
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
                self._latest.clear()
                self._top = None
                continue
            try:
                has_more = await self._look()
            except StoreError as error:
                self._log.warning(ANNOUNCEMENTS_WAITING, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if not has_more:
                await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def now(self) -> Position:
        """The place behind all that is announced. Raises StoreError."""
        found = await self._stores.ask_if_any(lambda reader: Position(reader.store_id(), reader.last_number()))
        return found or Position(NO_STORE, 0)

    async def number_of(self, article: FinishedArticle) -> int | None:
        """The number of the article's announcement; None when the store has none."""
        key, revision = article.id, article.storage.revision
        return await self._stores.ask_if_any(lambda reader: reader.number_of(key, revision))

    async def number_at(self, moment: datetime) -> int:
        """The announcement behind which all was stored at this time or later. Raises StoreError."""

        def look(reader: ArticleReader) -> int:
            low, high = 0, reader.last_number()
            while low < high:
                middle = (low + high) // 2
                found = reader.announced_after(middle, 1)
                if not found or found[0].article.storage.stored_at >= moment:
                    high = middle
                else:
                    low = found[0].number
            return low

        return await self._stores.ask_if_any(look) or 0

    async def follow(self, number: int, *, pause: float) -> AsyncIterator[list[Announcement]]:
        """What is announced behind this number, without end; an empty list whenever nothing has come for `pause` seconds."""
        self._readers += 1
        try:
            while True:
                has_come = self._has_come  # before looking: what comes meanwhile must not be waited for
                found = await self._after(number)
                if found:
                    number = found[-1].number
                    yield found
                    continue
                try:
                    async with asyncio.timeout(pause):
                        await has_come.wait()
                except TimeoutError:
                    yield []
        finally:
            self._readers -= 1

    async def _after(self, number: int) -> list[Announcement]:
        if self._top is not None and number >= self._floor:
            first = bisect_right(self._latest, number, key=_number)
            return self._latest[first : first + _AT_ONCE]
        try:
            return [_ready(each) for each in await self._read(number)]
        except StoreError as error:
            self._log.warning(ANNOUNCEMENTS_WAITING, error=str(error))
            await asyncio.sleep(_PAUSE_SECONDS)
            return []

    async def _look(self) -> bool:
        """Take what has come into memory; whether there may be more."""
        if self._top is None:
            # Behind all that is there: readers that begin earlier read the store.
            self._top = self._floor = (await self.now()).number
            self._wake()
            return True
        found = await self._read(self._top)
        if found:
            self._latest += map(_ready, found)
            self._top = found[-1].number
            # Twice as many at most, so that not each one that comes moves all the others.
            if len(self._latest) > 2 * self._kept:
                self._floor = self._latest[-self._kept - 1].number
                del self._latest[: -self._kept]
            self._wake()
        return len(found) == _AT_ONCE

    def _wake(self) -> None:
        """Let every reader look."""
        has_come, self._has_come = self._has_come, asyncio.Event()
        has_come.set()

    async def _read(self, number: int) -> list[Announced]:
        def look(reader: ArticleReader) -> list[Announced]:
            return reader.announced_after(number, _AT_ONCE)

        return await self._stores.ask_if_any(look) or []


def _number(announcement: Announcement) -> int:
    return announcement.number


def _ready(announced: Announced) -> Announcement:
    return Announcement(announced.number, announced.article, encode(announced.article, source="coranto/gateway"))
