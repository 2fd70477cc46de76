"""`coranto run`: the whole pipeline for as long as one job takes: the sample site, or a source of the user's own."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer

from coranto.admin.pipeline import connected_to
from coranto.client import environment
from coranto_cli.errors import USAGE, CommandError
from coranto_cli.given.contact import require_contact
from coranto_cli.given.resolution import require_addresses
from coranto_cli.given.sources import Source, find_sources
from coranto_cli.local.plan import SAMPLE_SETTINGS, plan_for, refuse_invented_articles
from coranto_cli.local.supervised import StoppedError, stop_on_signals, supervised
from coranto_cli.one_run.job import Job
from coranto_cli.one_run.own_sources import read_sources
from coranto_cli.one_run.sample_site import read_sample
from coranto_cli.terminal.console import print_message, print_result
from coranto_cli.terminal.options import DataOption
from coranto_cli.terminal.text import command_here

_LONGEST_SECONDS = 1800.0


def run(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="A feed, page, file, list of addresses (.txt) or directory; by default the sample site.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, metavar="SECONDS", help="Give up after so many seconds.")
    ] = _LONGEST_SECONDS,
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on serving the page with the articles afterwards, until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON line for each article and each refused page of SOURCE, at the end."),
    ] = False,
    data: DataOption = None,
) -> None:
    """Run the whole pipeline once on the sample site or your own source, print the articles, and exit.

    Every page of the sample site is checked afterwards; the exit code is 1 when one does not match its expected result.
    With your own source it is 3 when there was no article.
    """
    if as_json and (source is None or keep):
        raise CommandError("--json goes with a SOURCE, and without --keep", exit_code=USAGE)
    sources: list[Source] = []
    if source is not None:
        wrong: list[str] = []
        sources = find_sources([source], [], refuse=wrong.append)
        if wrong or not sources:
            raise CommandError("; ".join(wrong) or f"{source} names nothing to read", exit_code=USAGE)
        urls = [each.url for each in sources if each.file is None]
        require_contact(urls)
        asyncio.run(require_addresses(urls))
    code = asyncio.run(_run(sources, timeout, data, is_kept=keep, as_json=as_json))
    if code:
        raise typer.Exit(code)


async def _run(
    sources: Sequence[Source], timeout_seconds: float, data: Path | None, *, is_kept: bool, as_json: bool
) -> int:
    if sources:
        plan = plan_for(data)
    else:
        # Invented articles have no place in the user's article store, and every run checks what it has read itself.
        data = environment.data_directory(data) / "sample"
        plan = plan_for(data, settings=SAMPLE_SETTINGS, is_fresh=True)
        refuse_invented_articles(plan)
    async with AsyncExitStack() as stack:
        stop = await stack.enter_async_context(stop_on_signals())
        began = time.monotonic()
        print_message(f"starting {sum(plan.replicas.values())} services in {plan.data}")
        try:
            supervisor = await stack.enter_async_context(supervised(plan, stop))
            print_message(f"ready after {time.monotonic() - began:.1f} s")
            page = await supervisor.page_address()
            if page is not None:
                print_message(f"watch it on {page}")
            pipeline = await stack.enter_async_context(connected_to(supervisor.redis_url))
            job = Job(pipeline, data, began + timeout_seconds)
            code = await _unless_stopped(
                read_sources(job, sources, as_json=as_json) if sources else read_sample(job), stop
            )
            if is_kept and page is not None:
                print_result(f"\nThe articles are on {page} until Ctrl-C.")
                await stop.wait()
        except StoppedError:
            print_message("stopped; unfinished work resumes at the next `coranto up` or `coranto run`")
            return 1
    if code == 0 and not as_json:
        _print_next(plan.data, data, is_sample=not sources)
    return code


async def _unless_stopped(job: Awaitable[int], stop: asyncio.Event) -> int:
    """What the job gives. Raises StoppedError when the user asks to stop before it is done."""
    working, stopped = asyncio.ensure_future(job), asyncio.ensure_future(stop.wait())
    await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not working.done():
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        raise StoppedError
    return working.result()


def _print_next(directory: Path, data: Path | None, *, is_sample: bool) -> None:
    option, coranto = "" if data is None else f" --data {shlex.quote(str(data))}", shlex.quote(command_here())
    print_result(f"\nThe records are in {directory / 'articles.sqlite'}. What to do next:")
    lines = [
        (f"{coranto} search{option} WORDS", "find articles"),
        (f"{coranto} export{option} --format jsonl", "export them all"),
        (f"{coranto} up{option}", "start the system and its page, and keep them running"),
    ]
    if is_sample:
        lines.insert(0, (f"{coranto} run https://example.org/feed.xml", "the same with a feed or page of your own"))
    width = max(len(command) for command, _ in lines)
    for command, what in lines:
        print_result(f"  {command:<{width}}  {what}")
