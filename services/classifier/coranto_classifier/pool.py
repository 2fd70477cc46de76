"""Runs the models in processes of their own, under a deadline: a text that takes too long costs its process only."""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import CancelledError as FutureCancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import timedelta
from typing import Protocol

from pebble import ProcessExpired, ProcessPool

from coranto.worker.stage import Invalid, Transient
from coranto_classifier.analysis import Analysis, Analyst, ArticleText, ModelPaths

_WARM_UP_SECONDS = 120.0
_analyst: Analyst | None = None


class Analyser(Protocol):
    """Gives an article's analysis, wherever it is made."""

    async def analyse(self, article: ArticleText) -> Analysis:
        """The analysis. Raises Invalid or Transient with a reason of the stage's list."""
        ...


class InProcessAnalyser:
    """Runs the models here: for one-off commands and tests, without a deadline."""

    def __init__(self, analyst: Analyst) -> None:
        self._analyst = analyst

    async def analyse(self, article: ArticleText) -> Analysis:
        """The analysis."""
        return self._analyst.analyse(article)


class PooledAnalyser:
    """Runs the models in processes that can be ended."""

    def __init__(self, paths: ModelPaths, *, processes: int, deadline: timedelta, articles_per_process: int) -> None:
        self._paths = paths
        self._processes = processes
        self._deadline = deadline
        self._articles_per_process = articles_per_process
        self._pool: ProcessPool | None = None

    async def start(self) -> None:
        """Starts the processes and waits until each has read its models."""
        self._pool = ProcessPool(
            max_workers=self._processes,
            max_tasks=self._articles_per_process,
            initializer=_load,
            initargs=(self._paths,),
            # A forked child would take the event loop's sockets and threads along.
            context=multiprocessing.get_context("spawn"),
        )
        waiting = [self._pool.schedule(_warm_up, timeout=_WARM_UP_SECONDS) for _ in range(self._processes)]
        await asyncio.gather(*(asyncio.wrap_future(each) for each in waiting))

    async def stop(self) -> None:
        """Ends the processes."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]  # pebble types this one not
            await asyncio.to_thread(pool.join, 10)

    async def analyse(self, article: ArticleText) -> Analysis:
        """The analysis. Raises Invalid after the deadline and Transient when the process was lost."""
        if self._pool is None:
            await self.start()
        if self._pool is None:
            raise Transient("analysis_process_lost", detail="the pool is stopping")
        future = self._pool.schedule(_analyse, args=(article,), timeout=self._deadline.total_seconds())
        try:
            result: Analysis = await asyncio.wrap_future(future)
        except (TimeoutError, FutureTimeoutError) as error:
            raise Invalid("analysis_deadline", detail=f"{len(article.text)} characters in {self._deadline}") from error
        except (ProcessExpired, FutureCancelledError) as error:
            raise Transient("analysis_process_lost", detail=str(error)) from error
        return result


def _load(paths: ModelPaths) -> None:
    """Reads the models of a new process."""
    global _analyst  # noqa: PLW0603 - a process has one set of models, and pool tasks reach it by module only
    _analyst = Analyst(paths)


def _warm_up() -> None:
    """Has every model speak once, so that the first article does not pay for it."""
    _analyse(
        ArticleText("Владимир Путин прибыл в Москву", "Президент России провёл переговоры.", declared_language="ru")
    )
    _analyse(
        ArticleText("The president spoke in London", "The prime minister said so on Monday.", declared_language="en")
    )


def _analyse(article: ArticleText) -> Analysis:
    if _analyst is None:
        raise RuntimeError("the process has no models: it was started without its initializer")
    return _analyst.analyse(article)
