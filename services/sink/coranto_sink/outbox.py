"""The outbox: every stored revision is announced, whatever becomes of the message that brought it.

Delivery announces a revision and tells `note`; the note goes to the store in batches, beside the articles. What stays in the store
without a note has lost its message: Redis came back empty, or the sink died between the two commits. It is announced from
here. Event ids tell Redis what it has announced already, so it does not matter who is first, how many sinks there are,
or that a sink died before it took note.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from redis.exceptions import RedisError

from coranto.records import FinishedArticle
from coranto.store.interface import ArticleStore, RevisionKey, StoreError
from coranto.streams.announce import Announcer
from coranto.streams.tasks import end
from coranto.worker.log import get_logger

OUTBOX_ANNOUNCED: Final = "outbox.announced"
OUTBOX_WAITING: Final = "outbox.waiting"
OUTBOX_UNREADABLE: Final = "outbox.unreadable"

_MOST_NOTED = 20_000
"""Beyond it notes are given up, as when the store cannot be written for long: what has none is found by looking."""


class Outbox:
    """Takes note of what was announced, and announces what was not."""

    def __init__(
        self,
        article_store: ArticleStore,
        announcer: Announcer,
        *,
        note_every: timedelta = timedelta(milliseconds=100),
        look_every: timedelta = timedelta(seconds=3),
        batch: int = 100,
        look_at: int = 10_000,
    ) -> None:
        self._store = article_store
        self._announcer = announcer
        self._note_every = note_every
        self._look_every = look_every
        self._batch = batch
        self._look_at = look_at
        self._noted: list[RevisionKey] = []
        self._has_noted = asyncio.Event()
        self._unreadable: set[RevisionKey] = set()
        self._log = get_logger(service="sink")

    def note(self, articles: Sequence[FinishedArticle]) -> None:
        """Take note that these are announced; `run` or `flush` writes it down."""
        if len(self._noted) < _MOST_NOTED:
            self._noted += [_key(article) for article in articles]
        self._has_noted.set()

    async def flush(self) -> None:
        """Write down what was noted. Raises StoreError, and then it is noted still."""
        noted = self._noted
        if not noted:
            return
        self._noted = []
        try:
            await self._store.mark_announced(noted)
        except BaseException:
            self._noted = noted + self._noted
            raise

    async def run(self) -> None:
        """Write down and look, each in its own time. Never returns."""
        loops = [asyncio.ensure_future(self._write_down()), asyncio.ensure_future(self._look())]
        try:
            await asyncio.gather(*loops)
        finally:
            await end(loops)

    async def _write_down(self) -> None:
        while True:
            await self._has_noted.wait()
            self._has_noted.clear()
            try:
                await self.flush()
            except StoreError as error:
                self._log.warning(OUTBOX_WAITING, during="note", error=str(error))
                self._has_noted.set()
                await asyncio.sleep(self._look_every.total_seconds())
            # Notes that come together cost one transaction, and mostly none: they ride with the articles.
            await asyncio.sleep(self._note_every.total_seconds())

    async def _look(self) -> None:
        before: set[RevisionKey] = set()
        while True:
            try:
                before = await self.look(before)
            except (StoreError, RedisError, OSError) as error:
                self._log.warning(OUTBOX_WAITING, during="look", error=str(error))
            await asyncio.sleep(self._look_every.total_seconds())

    async def look(self, before: set[RevisionKey]) -> set[RevisionKey]:
        """Announce what is not announced now and was not at the look before; gives what is not now, for the next look.

        Twice seen, and not of a certain age: the clock of the sink that stored it may be wrong. Raises StoreError, RedisError.
        """
        found = await self._store.unannounced(self._look_at)
        left = [key for key in found if key in before and key not in self._unreadable]
        for first in range(0, len(left), self._batch):
            await self._announce(left[first : first + self._batch])
        return set(found)

    async def _announce(self, revisions: list[RevisionKey]) -> None:
        articles = await self._store.finished(revisions)
        announced = await self._announcer.announce(articles)
        readable = [_key(article) for article in articles]
        await self._store.mark_announced(readable)
        self._log.info(OUTBOX_ANNOUNCED, announced=announced, known=len(articles) - announced)
        if unreadable := set(revisions) - set(readable):
            self._unreadable |= unreadable
            self._log.error(OUTBOX_UNREADABLE, revisions=sorted(unreadable)[:10], count=len(unreadable))


def _key(article: FinishedArticle) -> RevisionKey:
    return article.id, article.storage.revision
