"""Runs the models in processes of their own, under a deadline: a text that takes too long costs its process only."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from coranto.worker.processes import OverdueError, Processes, ProcessLostError
from coranto.worker.stage import Invalid, Transient
from coranto_classifier.text_models import Analysis, Analyst, ArticleText, ModelPaths

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
        self._processes = Processes(
            processes, deadline=deadline, prepare=_load, prepare_with=(paths,), calls_per_process=articles_per_process
        )
        self.start = self._processes.start
        self.stop = self._processes.stop

    async def analyse(self, article: ArticleText) -> Analysis:
        """The analysis. Raises Invalid after the deadline and Transient when the process was lost."""
        try:
            return await self._processes.call(_analyse, article)
        except OverdueError as error:
            raise Invalid("analysis_deadline", detail=f"{len(article.text)} characters: {error}") from error
        except ProcessLostError as error:
            raise Transient("analysis_process_lost", detail=str(error)) from error


def _load(paths: ModelPaths) -> None:
    """Reads the models of a new process and warms them up."""
    global _analyst  # noqa: PLW0603 - a process has one set of models, and pool tasks reach it by module only
    _analyst = Analyst(paths)
    # Every model speaks once, so that the first article does not pay for it.
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
