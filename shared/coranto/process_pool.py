"""CPU work in processes of their own: each does one call at a time, is ended at the deadline and replaced.

What a stranger sends can make a parser run for minutes or take all memory. A thread cannot be stopped then, a process
can, and the event loop stays free meanwhile.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from multiprocessing import forkserver
from typing import Any, ParamSpec, TypeVar

import pebble
from pebble import ProcessExpired

_LOOK_EVERY_SECONDS = 1.0
_SERVER_LOST = "the server that forks the processes has died"

P = ParamSpec("P")
T = TypeVar("T")


def start_server(preload: Sequence[str]) -> None:
    """Start the server that will fork the processes of all pools here, and return while it loads these modules.

    For a program that knows from its beginning that it will need a process: the first pool starts the server otherwise.
    """
    forkserver.set_forkserver_preload(list(preload))
    forkserver.ensure_running()


class OverdueError(Exception):
    """The call was not done within the deadline; its process has been ended."""


class ProcessLostError(Exception):
    """The process died during the call, or ran out of the memory it may take."""


class ProcessPool:
    """So many processes, each made ready by `prepare` before its first call.

    They are forked from a server of their own that has the modules of `preload` loaded: so a new one is ready at once,
    and takes none of this process' sockets and threads along. Functions and arguments are pickled on the way, results
    on the way back.
    """

    def __init__(
        self,
        count: int,
        *,
        deadline: timedelta,
        prepare: Callable[..., object] | None = None,
        prepare_with: tuple[Any, ...] = (),
        preload: tuple[str, ...] = (),
        calls_per_process: int = 0,
        max_bytes: int | None = None,
    ) -> None:
        self._count = count
        self.deadline = deadline
        """Longest time for one call, in which waiting for a free process does not count."""
        self._prepare = (prepare, prepare_with, max_bytes)
        self._preload = preload
        self._calls_per_process = calls_per_process
        self._max_bytes = max_bytes
        self._pool: pebble.ProcessPool | None = None
        self._launching = threading.Lock()

    async def start(self) -> None:
        """Start the processes and return when they are ready."""
        pool = await self._started()
        ready = [asyncio.wrap_future(pool.schedule(_is_ready)) for _ in range(self._count)]
        await asyncio.gather(*ready)

    async def _started(self) -> pebble.ProcessPool:
        pool = self._pool
        if pool is not None and pool.active:
            return pool
        # The server that forks the processes takes a second to start, or several, for which the loop must not wait.
        return await asyncio.to_thread(self._launch)

    def _launch(self) -> pebble.ProcessPool:
        with self._launching:
            if self._pool is not None and self._pool.active:
                return self._pool
            # The server was killed, and with it the pool; a new pool starts a new one.
            broken, self._pool = self._pool, None
            if broken is not None:
                _put_away(broken)
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(list(self._preload))
            pool = pebble.ProcessPool(
                max_workers=self._count,
                max_tasks=self._calls_per_process,
                initializer=_make_ready,
                initargs=self._prepare,
                context=context,
            )
            _ = pool.active  # this is what starts it
            self._pool = pool
            return pool

    async def stop(self) -> None:
        """End the processes; calls in progress are cancelled."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(_put_away, pool)

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns or raises in one of the processes. Raises OverdueError and ProcessLostError.

        Starts the processes at the first call. A call that is cancelled ends its process.
        """
        pool = await self._started()
        try:
            future = pool.schedule(function, args=args, kwargs=kwargs, timeout=self.deadline.total_seconds())
            answer: asyncio.Future[T] = asyncio.wrap_future(future)
            # A pool that breaks leaves its calls without an answer.
            while not (await asyncio.wait([answer], timeout=_LOOK_EVERY_SECONDS))[0]:
                if not pool.active:
                    raise ProcessLostError(_SERVER_LOST)
            return answer.result()
        except TimeoutError as error:
            raise OverdueError(f"longer than {self.deadline.total_seconds():g} s") from error
        except ProcessExpired as error:
            raise ProcessLostError(f"exit code {error.exitcode}") from error
        except MemoryError as error:
            raise ProcessLostError(f"more than {self._max_bytes} bytes of memory") from error
        except RuntimeError as error:
            if pool.active:
                raise
            raise ProcessLostError(_SERVER_LOST) from error
        except asyncio.CancelledError:
            future.cancel()  # type: ignore[no-untyped-call]  # pebble leaves it untyped
            raise


def _put_away(pool: pebble.ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it untyped
    pool.join(10)


def _is_ready() -> bool:
    return True


def _make_ready(prepare: Callable[..., object] | None, prepare_with: tuple[Any, ...], max_bytes: int | None) -> None:
    if max_bytes is not None:
        with suppress(
            ImportError, ValueError, OSError
        ):  # no such limit on this system, or a lower one in force already
            import resource

            resource.setrlimit(resource.RLIMIT_AS, (max_bytes, resource.RLIM_INFINITY))
    if prepare is not None:
        prepare(*prepare_with)
    # What is loaded by now stays: the collector need not walk it again at every call that makes many objects.
    gc.freeze()
