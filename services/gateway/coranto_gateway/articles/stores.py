"""The article store for a program with an event loop: each query runs in a thread, on one of a few readers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from sqlite3 import Error as SqliteError
from typing import TypeVar

from coranto.store.address import open_article_reader, shown
from coranto.store.interface import ArticleReader, StoreError

T = TypeVar("T")


class NoStoreError(StoreError):
    """The sink has not stored anything yet."""


class ArticleStores:
    """Readers of the article store at the address, a file or a server, which may not hold anything yet."""

    def __init__(self, address: Path | str, *, readers: int) -> None:
        self._address = address
        # As many threads as readers: whoever finds no free thread waits here and not in SQLite.
        self._threads = ThreadPoolExecutor(readers, thread_name_prefix="article-store")
        self._free: SimpleQueue[ArticleReader] = SimpleQueue()

    async def ask(self, question: Callable[[ArticleReader], T]) -> T:
        """What the question gives, asked in a thread. Raises StoreError; NoStoreError where nothing was ever stored."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(self._ask, question))

    async def ask_if_any(self, question: Callable[[ArticleReader], T]) -> T | None:
        """What the question gives, or None where nothing was ever stored. Raises StoreError."""
        try:
            return await self.ask(question)
        except NoStoreError:
            return None

    def _ask(self, question: Callable[[ArticleReader], T]) -> T:
        reader = self._take()
        try:
            answer = question(reader)
        except SqliteError as error:
            # A reader that failed may have lost its file; the next question opens another.
            with suppress(SqliteError):
                reader.close()
            raise StoreError(f"{shown(self._address)} cannot be read: {error}") from error
        except BaseException:
            self._free.put(reader)
            raise
        self._free.put(reader)
        return answer

    def _take(self) -> ArticleReader:
        try:
            return self._free.get_nowait()
        except Empty:
            pass
        try:
            return open_article_reader(self._address)
        except FileNotFoundError as error:
            raise NoStoreError(f"nothing has been stored yet: {error}") from error

    def close(self) -> None:
        """Let the file go; questions in progress are answered first."""
        self._threads.shutdown()
        with suppress(Empty):
            while True:
                self._free.get_nowait().close()
