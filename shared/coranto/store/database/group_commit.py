"""Group commit: writes that are asked for together become durable with one commit.

One thread owns the connection. Calls that arrive together, or while a commit is under way, share the next transaction,
so the cost of making a commit durable is paid once for many of them. How a transaction is run is left to each database.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

WorkT = TypeVar("WorkT")


@dataclass(frozen=True, slots=True)
class _Call(Generic[WorkT]):
    """One piece of work for the next transaction, and who waits for its result."""

    work: WorkT
    done: asyncio.Future[Any]


class GroupCommit(ABC, Generic[WorkT]):
    """Transactions on one database, which is opened with the first of them."""

    def __init__(self, name: str, *, batch_size: int) -> None:
        self._name = name
        self._batch_size = batch_size
        self._waiting: list[_Call[WorkT]] = []
        self._writing: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self.commits = 0
        """Transactions committed so far."""

    async def close(self) -> None:
        """Finish what is being written and let the database go. What is written afterwards opens it again."""
        while self._writing is not None:
            await asyncio.wait({self._writing})
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
            self._thread.shutdown()
            self._thread = None

    async def write(self, work: WorkT) -> Any:
        """The result of the work, once it is committed.

        Raises what the work ended with, and then nothing of it is written, or what the whole transaction did.
        """
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Call(work, done))
        if self._writing is None:
            # A task begins in the loop's next round: whoever calls in this round shares the transaction.
            self._writing = asyncio.create_task(self._write_waiting(), name="group-commit")
        return await done

    async def _write_waiting(self) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._batch_size], self._waiting[self._batch_size :]
                works = [call.work for call in batch]
                results = await loop.run_in_executor(self._thread, self._results_of, works)
                for call, result in zip(batch, results, strict=True):
                    if call.done.done():  # its handler ran into its deadline meanwhile; what was written stays good
                        continue
                    if isinstance(result, BaseException):
                        call.done.set_exception(result)
                    else:
                        call.done.set_result(result)
        finally:
            self._writing = None

    # What follows runs in the thread that owns the connection.

    def _results_of(self, works: Sequence[WorkT]) -> Sequence[object]:
        """The result of each piece of work, or the exception it ended with. Nothing is a result before the commit."""
        try:
            return self._run_batch(works)
        except Exception as error:  # noqa: BLE001 - goes to all who wait: a bug of ours must not keep them waiting
            if len(works) == 1 or not self._is_fault_of_work(error):
                return [error] * len(works)
        # One of them holds what the database does not take: halved until it is alone, and harms nobody else.
        middle = len(works) // 2
        return [*self._results_of(works[:middle]), *self._results_of(works[middle:])]

    @abstractmethod
    def _run_batch(self, works: Sequence[WorkT]) -> Sequence[object]:
        """The result of each piece of work, or the exception that it alone ended with, all committed.

        Raises what ended the transaction; nothing of it is written then.
        """

    @abstractmethod
    def _is_fault_of_work(self, error: Exception) -> bool:
        """Whether one piece of work ended the transaction, and others may go on without it."""

    @abstractmethod
    def _disconnect(self) -> None:
        """Let the connection go, if there is one."""
