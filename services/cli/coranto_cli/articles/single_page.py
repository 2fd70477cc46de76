"""Takes one page through all stages in this process, without Redis and without leaving anything behind."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

import typer

from coranto.pages import FilePageStore
from coranto.records import FinishedArticle, Record, Submission
from coranto.settings import LogSettings
from coranto.topology import CLASSIFIER, EXTRACTOR, FEEDER, FETCHER, SINK
from coranto.urls import is_saved_page
from coranto.worker.stage import Accepted, Invalid, Stage, Transient, Unwanted
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError
from coranto_cli.given.sources import Source, find_sources, to_submission
from coranto_cli.terminal.article_printing import print_article
from coranto_cli.terminal.console import err, out, print_message, print_result, write_json
from coranto_cli.terminal.text import count

ENTRY_POINTS = "coranto.stages"
_STAGES = (FEEDER, FETCHER, EXTRACTOR, CLASSIFIER, SINK)
_PATIENCE = timedelta(seconds=30)
"""Longest time that retries may take: somebody is waiting."""


@dataclass(frozen=True, slots=True)
class TryResult:
    """How far one page came, and what it ended as."""

    stage: str
    outcome: Literal["finished", "accepted", "refused", "invalid", "not_ready", "no_article"]
    reason: str = "ok"
    meaning: str = ""
    """The sentence of the stage's closed list."""
    detail: str | None = None
    record: Record | None = None
    """The record as it was at the end."""


def try_page(source: str, *, as_json: bool) -> None:
    """Print what becomes of the page, an address or a file. Raises typer.Exit when it is no article, and CommandError."""
    wrong: list[str] = []
    sources = find_sources([source] if source != "-" else [], [], refuse=wrong.append)
    if len(sources) > 1 or (sources and sources[0].file is None and Path(source).is_file()):
        raise CommandError(
            f"{source} is a list of {count(len(sources), 'address', 'addresses')}: try one of them, or process all with "
            f"`coranto run {source}` or `coranto submit {source}`",
            exit_code=USAGE,
        )
    if len(sources) != 1:
        raise CommandError(wrong[0] if wrong else f"expected one page, got {source!r}", exit_code=USAGE)
    with err.status("reading the page"), _own_directory() as directory:
        result = asyncio.run(_try(sources[0], directory))
    if as_json:
        write_json(_plain(result))
    elif isinstance(result.record, FinishedArticle):
        print_article(out, result.record)
    else:
        _print_refusal(result)
    if result.outcome != "finished":
        raise typer.Exit(NOT_FOUND)


async def _try(source: Source, directory: Path) -> TryResult:
    try:
        submission = await to_submission(source, FilePageStore(directory / "pages"), kind="page", name="try")
    except ValueError as error:
        raise CommandError(f"not tried: {error}", exit_code=NOT_FOUND) from error
    async with AsyncExitStack() as stack:
        return await through_stages(submission, installed_stages(stack, is_here=source.file is not None))


async def through_stages(
    submission: Submission, stages: AsyncIterator[Stage[Any, Any]], *, patience: timedelta = _PATIENCE
) -> TryResult:
    """Take one submission through the stages, to the finished article or to where and why it ended."""
    record: Record = submission
    deadline = time.monotonic() + patience.total_seconds()
    name = ""
    async for stage in stages:
        name = stage.name
        ended, made = await one_stage(stage, record, deadline)
        if ended is not None:
            return ended
        if made is None:
            meaning = "the stage published no article, as it does with a feed or a list"
            return TryResult(name, "no_article", meaning=meaning, record=record)
        record = made
    return TryResult(name, "finished", record=record)


async def one_stage(stage: Stage[Any, Any], record: Record, deadline: float) -> tuple[TryResult | None, Record | None]:
    """What the stage made of the record: how it ended there, or the record for the next stage."""
    attempt = 0
    while True:
        attempt += 1
        try:
            async with asyncio.timeout(stage.deadline.total_seconds()):
                return None, await stage.handle(record)
        except Accepted as signal:
            return _ended(stage, "accepted", signal.reason, signal.detail, record), None
        except Unwanted as signal:
            return _ended(stage, "refused", signal.reason, signal.detail, record), None
        except Invalid as signal:
            return _ended(stage, "invalid", signal.reason, signal.detail, record), None
        except Transient as signal:
            if signal.spends_attempt:
                pause = stage.retry.delay_seconds(attempt, signal.retry_after)
            else:
                pause = (signal.retry_after or timedelta(seconds=0.1)).total_seconds()
            if attempt >= stage.retry.attempts or time.monotonic() + pause > deadline:
                return _ended(stage, "not_ready", signal.reason, signal.detail, record), None
            await asyncio.sleep(pause)
        except TimeoutError:
            detail = f"not done after {stage.deadline.total_seconds():g} s"
            return _ended(stage, "invalid", "deadline", detail, record), None
        except Exception as error:
            error.add_note(f"in the stage {stage.name}, with {record!r:.500}")
            raise


def _ended(
    stage: Stage[Any, Any],
    outcome: Literal["accepted", "refused", "invalid", "not_ready"],
    reason: str,
    detail: str | None,
    record: Record,
) -> TryResult:
    return TryResult(stage.name, outcome, reason, stage.all_reasons().get(reason, ""), detail, record)


async def installed_stages(stack: AsyncExitStack, *, is_here: bool) -> AsyncIterator[Stage[Any, Any]]:
    """The stages that make an article, as the installed services give them; the stack stops them.

    The slow ones are prepared beside the others: the extractor's process from the beginning, the classifier's models
    and the sink as soon as there is a page: one that the fetcher refuses waits for no models. A file `is_here` already.
    """
    points = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    missing = [spec.name for spec in _STAGES if spec.name not in points]
    if missing:
        raise CommandError(
            f"not installed: {', '.join(missing)}; install with: pip install "
            + " ".join(f"./services/{name}" for name in missing)
        )

    def ahead(work: Coroutine[Any, Any, Stage[Any, Any]]) -> asyncio.Task[Stage[Any, Any]]:
        task = asyncio.create_task(work)
        stack.push_async_callback(_give_up, task)
        return task

    early = {EXTRACTOR.name: ahead(started(load_stage(points[EXTRACTOR.name]), stack))}
    await asyncio.sleep(0)  # its process is started now, and gets ready by itself
    _log_errors_only()
    if is_here:
        early[CLASSIFIER.name] = ahead(started(load_stage(points[CLASSIFIER.name]), stack))
        await asyncio.sleep(0)  # its models are being loaded now
    for spec in _STAGES:
        if spec is EXTRACTOR:
            for later in (CLASSIFIER, SINK):
                if later.name not in early:
                    early[later.name] = ahead(_loaded_and_started(points[later.name], stack))
        if spec.name in early:
            yield await early[spec.name]
        else:
            yield await started(load_stage(points[spec.name]), stack)


def _log_errors_only() -> None:
    from coranto.worker.log import configure  # late: it takes a moment, in which the extractor's process can start

    configure(LogSettings(level="error"))


async def _loaded_and_started(point: EntryPoint, stack: AsyncExitStack) -> Stage[Any, Any]:
    return await started(await asyncio.to_thread(load_stage, point), stack)


async def started(stage: Stage[Any, Any], stack: AsyncExitStack) -> Stage[Any, Any]:
    """The stage, ready; the stack stops it."""
    if stage.stop is not None:
        stack.push_async_callback(stage.stop)
    if stage.start is not None:
        await stage.start()
    return stage


def load_stage(point: EntryPoint) -> Stage[Any, Any]:
    """The stage that an installed service gives. Raises CommandError when it cannot be loaded."""
    try:
        stage: Stage[Any, Any] = point.load()()
    except ImportError as error:
        raise CommandError(
            f"the stage {point.name} cannot be loaded: {error}; install ./services/{point.name} again with its requirements"
        ) from error
    return stage


async def _give_up(task: asyncio.Task[Any]) -> None:
    """End the task. What it raised matters to whoever wants its result, and else to nobody."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


@contextmanager
def _own_directory() -> Iterator[Path]:
    """A directory that goes away again, with the environment telling every stage to keep what it keeps in there."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="coranto-try-") as name:
        directory = Path(name)
        os.environ["CORANTO_PAGES__PATH"] = str(directory / "pages")
        os.environ["CORANTO_SINK__DATABASE"] = str(directory / "articles.sqlite")
        os.environ["CORANTO_FEEDER__DATA"] = str(directory / "feeder")
        # One page needs one process; each further one would read its word lists for nothing.
        os.environ["CORANTO_EXTRACTOR__PROCESSES"] = "1"
        try:
            yield directory
        finally:
            os.environ.clear()
            os.environ.update(before)


def _plain(result: TryResult) -> dict[str, Any]:
    record = None if result.record is None else result.record.model_dump(mode="json", exclude_none=True)
    return {
        "outcome": result.outcome,
        "stage": result.stage,
        "reason": result.reason,
        "meaning": result.meaning,
        "detail": result.detail,
        "record": record,
    }


def _print_refusal(result: TryResult) -> None:
    words = {
        "accepted": "accepted it, which makes no article",
        "refused": "refused it",
        "invalid": "cannot handle it",
        "not_ready": "could not handle it now, and would try again later",
        "no_article": "made no article of it",
    }[result.outcome]
    print_result(f"The {result.stage} {words}: {result.reason}", style="bold")
    if result.meaning:
        print_result(result.meaning)
    if result.detail:
        print_result(f"Seen: {result.detail}")
    content = getattr(result.record, "content", None)
    if content is not None and content.title:
        print_result(f"Title: {content.title}")
    fetch = getattr(result.record, "fetch", None)
    if fetch is not None:
        got = "Page read" if is_saved_page(fetch.final_url) else f"Page fetched: {fetch.final_url}"
        print_message(f"{got}, {fetch.content_type}, {fetch.page.size_bytes} bytes", style="dim")
