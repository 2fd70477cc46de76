"""`coranto fetch`: what comes of fetching an address, here and without Redis, with everything that the fetcher does."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import Annotated, Any, BinaryIO, Final

import typer

from coranto.settings import LogSettings
from coranto.worker.log import configure
from coranto_cli.errors import FAILED, NOT_FOUND, USAGE, CommandError
from coranto_cli.terminal.console import print_result, write_json, write_json_lines
from coranto_fetcher.reasons import REASONS
from coranto_fetcher.settings import FetcherSettings, Settings
from coranto_fetcher.single_fetch import FetchReport, SingleFetcher

app = typer.Typer(add_completion=False)

_LONGEST_LINE: Final = 65_536
# So many addresses are read ahead of the one whose result is written next.
_MOST_AHEAD: Final = 1000


@app.command("fetch")
def fetch(
    url: Annotated[str | None, typer.Argument(metavar="URL", help="Address of the page.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    lines: Annotated[
        bool,
        typer.Option(
            "--lines", help="Read addresses on standard input, one per line, and print one JSON object for each."
        ),
    ] = False,
) -> None:
    """Fetch one page here, without Redis, and show what came of it: outcome, hops, robots.txt, charset, rights.

    Exit codes: 0 for a page, 3 when it is refused or not wanted, 1 when another try may help. With --lines, 0.
    """
    if lines == (url is not None):
        raise CommandError("say either an address or --lines", exit_code=USAGE)
    configure(LogSettings(level="error"))
    settings = Settings().fetcher
    if lines:
        asyncio.run(_fetch_lines(settings, sys.stdin.buffer))
        return
    report = asyncio.run(_fetch_one(settings, url or ""))
    if as_json:
        write_json(report.as_document())
    else:
        _print(report)
    code = {"ok": 0, "unchanged": 0, "retry": FAILED}.get(report.outcome, NOT_FOUND)
    if code:
        raise typer.Exit(code)


async def _fetch_one(settings: FetcherSettings, url: str) -> FetchReport:
    async with SingleFetcher(settings) as fetcher:
        return await fetcher.fetch(url)


async def _fetch_lines(settings: FetcherSettings, source: BinaryIO) -> None:
    """A report for each line, in the order of the lines, each as soon as it and those before it are there."""
    async with SingleFetcher(settings) as fetcher:
        room = asyncio.Semaphore(_MOST_AHEAD)
        waiting: deque[asyncio.Task[FetchReport]] = deque()
        has_more = asyncio.Event()
        is_read = False

        async def read() -> None:
            nonlocal is_read
            while line := await asyncio.to_thread(_read_line, source):
                await room.acquire()
                waiting.append(asyncio.create_task(fetcher.fetch(line.decode("utf-8", "replace").strip())))
                has_more.set()
            is_read = True
            has_more.set()

        reading = asyncio.create_task(read())
        try:
            while not (is_read and not waiting):
                if not waiting:
                    has_more.clear()
                    await has_more.wait()
                    continue
                report = await waiting[0]
                waiting.popleft()
                room.release()
                write_json_lines([report.as_line()])
        finally:
            reading.cancel()
            for task in waiting:
                task.cancel()


def _read_line(source: BinaryIO) -> bytes:
    """The next line with its end; of one that is too long for any address, the beginning."""
    line = source.readline(_LONGEST_LINE)
    rest = line
    while len(rest) == _LONGEST_LINE and not rest.endswith(b"\n"):
        rest = source.readline(_LONGEST_LINE)
    return line


def _print(report: FetchReport) -> None:
    """The report, for people."""
    print_result(f"{report.outcome}: {report.reason}" if report.reason else report.outcome, style="bold")
    if report.reason is not None and report.reason in REASONS:
        print_result(REASONS[report.reason])
    rows: list[tuple[str, Any]] = [("seen", report.detail), ("title", report.title)]
    rows += [("hop", _hop_line(hop.status, hop.url, hop.elapsed_ms, hop.error)) for hop in report.hops]
    rows += [("final URL", report.final_url), ("status", report.status), ("robots.txt", report.robots)]
    if report.fetch is not None:
        stated = report.fetch.charset
        rows += [
            ("type", report.fetch.content_type),
            ("charset", f"{report.charset} (the server says {stated})" if stated else report.charset),
            ("bytes", f"{report.body_bytes:,}"),
            *(("further page", part.url) for part in report.fetch.parts),
            *(("rights", signal) for signal in report.fetch.rights),
        ]
    if report.retry_after_seconds:
        rows.append(("try again", f"in {report.retry_after_seconds:g} s"))
    rows += [("warning", warning) for warning in report.warnings]
    rows.append(("time", f"{report.elapsed_ms} ms in all"))
    for name, value in rows:
        if value is not None:
            print_result(f"{name:13} {value}")


def _hop_line(status: int | None, url: str, elapsed_ms: int, error: str | None) -> str:
    return f"{status or 'none'} {url} in {elapsed_ms} ms" + (f": {error}" if error else "")
