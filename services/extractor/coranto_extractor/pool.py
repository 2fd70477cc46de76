"""Worker processes that read one page each, are ended at the deadline and replaced.

A page can make a parser run for minutes or take all memory; a thread cannot be stopped then, a process can. Processes
are forked from a server that has everything loaded, so a new one is ready at once.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import TimeoutError as DeadlineError
from contextlib import suppress
from datetime import timedelta

from pebble import ProcessExpired, ProcessPool

from coranto.records import Content
from coranto_extractor import reader
from coranto_extractor.reader import Request
from coranto_extractor.refusal import Refusal
from coranto_extractor.tree import TreeLimits

_RECURSION_LIMIT = 6000
_WARM_UP_PAGE = b"""<!doctype html><html lang="en"><head><title>Warm-up - Site</title></head><body><h1>Warm-up</h1>
<p>By Jane Doe, 5 January 2024. The first page a process reads fills its caches, so it reads this one before any other.</p>
<p>Word lists are loaded, patterns are compiled, and the library behind the third opinion does the same for itself.</p>
</body></html>"""

ReadPage = Callable[[bytes, Request, TreeLimits], Content | Refusal]


class ReaderTimeoutError(Exception):
    """The page was not read within the deadline; its process has been ended."""


class ReaderCrashedError(Exception):
    """The process died while it read the page."""


class ReaderPool:
    """Reads pages in processes of their own."""

    def __init__(
        self,
        *,
        processes: int,
        deadline: timedelta,
        limits: TreeLimits,
        pages_per_process: int = 2000,
        max_process_bytes: int = 2_000_000_000,
        read_page: ReadPage | None = None,
    ) -> None:
        self._processes = processes
        self._deadline = deadline
        self._limits = limits
        self._pages_per_process = pages_per_process
        self._max_process_bytes = max_process_bytes
        self._read_page = read_page or _read_page
        self._pool: ProcessPool | None = None

    async def start(self) -> None:
        """Start the processes and have each read a page, so that the first real page costs what the thousandth does."""
        if self._pool is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["coranto_extractor.pool"])
            self._pool = ProcessPool(
                max_workers=self._processes,
                max_tasks=self._pages_per_process,
                initializer=_prepare_process,
                initargs=(self._max_process_bytes,),
                context=context,
            )
        pool = self._pool
        started = [asyncio.wrap_future(pool.schedule(_is_ready)) for _ in range(self._processes)]
        await asyncio.gather(*started)

    async def stop(self) -> None:
        """End the processes; pages in hand are given up."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it untyped
            await asyncio.to_thread(pool.join, 10)

    async def read(self, page: bytes, request: Request) -> Content | Refusal:
        """What the page says, or why it is no article. Raises ReaderTimeoutError and ReaderCrashedError."""
        if self._pool is None:
            await self.start()
        assert self._pool is not None, "start() makes the pool"  # noqa: S101 - tells the type checker what start() did
        future = self._pool.schedule(
            self._read_page, args=[page, request, self._limits], timeout=self._deadline.total_seconds()
        )
        try:
            return await asyncio.wrap_future(future)
        except DeadlineError as error:
            raise ReaderTimeoutError(f"longer than {self._deadline.total_seconds():g} s") from error
        except ProcessExpired as error:
            raise ReaderCrashedError(f"exit code {error.exitcode}") from error
        except MemoryError as error:
            raise ReaderCrashedError(f"more than {self._max_process_bytes} bytes of memory") from error
        except asyncio.CancelledError:
            # Ends the process: nobody waits for the page any more.
            future.cancel()  # type: ignore[no-untyped-call]  # pebble leaves it untyped
            raise


def _read_page(page: bytes, request: Request, limits: TreeLimits) -> Content | Refusal:
    return reader.read(page, request, limits=limits)


def _is_ready() -> bool:
    return True


def _prepare_process(max_process_bytes: int) -> None:
    sys.setrecursionlimit(_RECURSION_LIMIT)
    with suppress(ImportError, ValueError, OSError):  # no such limit on this system, or a lower one in force already
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (max_process_bytes, resource.RLIM_INFINITY))
    reader.read(_WARM_UP_PAGE, Request(url="https://warm-up.invalid/page"))
    # What is loaded by now stays: the collector need not walk it again on every page of many elements.
    gc.freeze()
