"""Runs the models in worker processes, each with a deadline and a memory limit.

A text that takes too long or too much memory costs only the process it runs in.
"""

from __future__ import annotations

import asyncio
import os
from typing import Protocol

from coranto.process_pool import OverdueError, ProcessLostError, ProcessPool
from coranto.worker.stage import Invalid
from coranto_classifier.language import detect
from coranto_classifier.settings import ClassifierSettings
from coranto_classifier.text_models import Analysis, ArticleText, ModelPaths, TextModels

BLAS_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Variables from which the linear algebra libraries that numpy may be built with read their number of threads."""

_models: TextModels | None = None


class TextAnalysis(Protocol):
    """Analyses articles, in this process or in another."""

    async def start(self) -> None:
        """Load what can be loaded before the first article."""
        ...

    async def stop(self) -> None:
        """End what was started."""
        ...

    async def analyse(self, article: ArticleText) -> Analysis:
        """The analysis. Raises Invalid with a reason from the stage's list."""
        ...


class InProcessAnalysis:
    """Runs the models in this process, without a deadline: for one-off commands and tests."""

    def __init__(self, models: TextModels) -> None:
        self._models = models

    async def start(self) -> None:
        """Return when what every text needs is loaded. The models of a language are loaded with its first text."""
        await asyncio.to_thread(detect.prepare)

    async def stop(self) -> None:
        """Nothing is left to stop."""

    async def analyse(self, article: ArticleText) -> Analysis:
        """The analysis."""
        return self._models.analyse(article)


class AnalysisPool:
    """Runs the models in worker processes that can be killed."""

    def __init__(self, paths: ModelPaths, settings: ClassifierSettings) -> None:
        self._processes = ProcessPool(
            settings.processes,
            deadline=settings.deadline,
            prepare=_load,
            prepare_with=(paths,),
            calls_per_process=settings.articles_per_process,
            max_bytes=settings.max_process_bytes,
        )
        self.stop = self._processes.stop

    async def start(self) -> None:
        """Start the processes and return when their models are loaded."""
        # Our matrices are small: a second BLAS thread only spins beside the first, and doubles the CPU time of an article.
        # numpy's library reads these variables when it is loaded, so they must be set before the processes are forked.
        for variable in BLAS_THREAD_VARIABLES:
            os.environ.setdefault(variable, "1")
        await self._processes.start()

    async def analyse(self, article: ArticleText) -> Analysis:
        """The analysis. Raises Invalid for a text that takes longer than the deadline or kills its process twice."""
        try:
            return await self._analyse(article)
        except ProcessLostError:
            # Once may be the machine's fault, when memory runs out beside us. Twice is the text's.
            try:
                return await self._analyse(article)
            except ProcessLostError as error:
                raise Invalid("analysis_process_lost", detail=f"{len(article.text)} characters: {error}") from error

    async def _analyse(self, article: ArticleText) -> Analysis:
        try:
            return await self._processes.call(_analyse, article)
        except OverdueError as error:
            raise Invalid("analysis_deadline", detail=f"{len(article.text)} characters: {error}") from error


def _load(paths: ModelPaths) -> None:
    """Load the models of a new process and run each once, so that the first article takes no longer than the others.

    One text for each language with models of its own, and one for all others.
    """
    global _models  # noqa: PLW0603 - a process has one set of models, and pool tasks can reach it only through the module
    _models = TextModels(paths)
    _analyse(
        ArticleText("Владимир Путин прибыл в Москву", "Президент России провёл переговоры.", declared_language="ru")
    )
    _analyse(
        ArticleText("The president spoke in London", "The prime minister said so on Monday.", declared_language="en")
    )
    _analyse(
        ArticleText("Der Präsident sprach in Berlin", "Die Regierung sagte es am Montag zu.", declared_language="de")
    )


def _analyse(article: ArticleText) -> Analysis:
    if _models is None:
        raise RuntimeError("the process has no models: it was started without its initializer")
    return _models.analyse(article)
