"""The command line's part that manages feeds: `coranto feeds list | add | try | remove | import | export`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from coranto.client import environment
from coranto.settings import LogSettings
from coranto.sources.registry import Feed, FeedRegistry, new_feed
from coranto.streams.connection import connect
from coranto.urls import UnsupportedUrlError, parse
from coranto.worker.log import configure
from coranto_cli.console import print_result
from coranto_feeder.settings import Settings
from coranto_feeder.single_poll import FeedReport, poll_once
from coranto_feeder.sources.opml import BadOpmlError, Outline, read_address_list, read_opml, write_opml

app = typer.Typer(help="The feeds and sitemaps that are polled.", add_completion=False, no_args_is_help=True)

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Directory of the running system; else CORANTO_DATA, else ./coranto-data.")
]
SourceOption = Annotated[
    str | None, typer.Option("--source", help="Name that articles found there carry; else the feed's host.")
]
Answer = TypeVar("Answer")

_SHOWN_ENTRIES = 20


@app.command("list")
def list_feeds(
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    failing: Annotated[bool, typer.Option("--failing", help="Only feeds whose last poll failed.")] = False,
) -> None:
    """Show every feed with its state: when it was polled, what came of it, and when it is due."""
    feeds = [feed for feed in _with_registry(data, lambda registry: registry.all()) if feed.failures or not failing]
    if as_json:
        for feed in feeds:
            typer.echo(feed.model_dump_json(exclude_none=True))
        return
    now = datetime.now(UTC)
    table = Table("Feed", "Kind", "Last poll", "Outcome", "Last new", "Next", box=None)
    for feed in feeds:
        outcome = feed.last_outcome or "not polled yet"
        style = "red" if feed.failures else None
        table.add_row(
            feed.title or feed.url,
            feed.kind,
            _ago(feed.polled_at, now),
            f"{outcome} ({feed.failures} times)" if feed.failures else outcome,
            _ago(feed.last_new_at, now),
            _in(feed.due_at, now),
            style=style,
        )
    console = Console(highlight=False)
    console.print(table if feeds else "No feeds. Add one with: coranto feeds add URL")


@app.command("add")
def add_feeds(
    urls: Annotated[list[str], typer.Argument(help="Addresses of feeds, sitemaps, or pages that name their feeds.")],
    data: DataOption = None,
    source: SourceOption = None,
) -> None:
    """Poll these feeds from now on. One that is known already keeps its history."""
    feeds = [new_feed(_address(url), source=source, now=datetime.now(UTC)) for url in urls]
    added = _with_registry(data, lambda registry: _add_all(registry, feeds))
    typer.echo(f"{added} of {len(feeds)} added" if added < len(feeds) else f"{added} added")


@app.command("try")
def try_feed(
    url: Annotated[str, typer.Argument(help="Address of a feed, a sitemap, or a page that names its feeds.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Poll one feed here, without Redis and without submitting anything, and show what came of it.

    Exit codes: 0 for a feed, 3 when it is refused or none, 1 when another try may help.
    """
    configure(LogSettings(level="error"))
    report = asyncio.run(poll_once(_address(url), Settings()))
    if as_json:
        typer.echo(json.dumps(report.as_document(), ensure_ascii=False))
    else:
        _print_report(report)
    code = {"ok": 0, "retry": 1}.get(report.outcome, 3)
    if code:
        raise typer.Exit(code)


def _print_report(report: FeedReport) -> None:
    feed, parsed = report.feed, report.parsed
    now = datetime.now(UTC)
    rows = [("", f"{report.outcome}: {feed.last_outcome}"), ("seen", report.detail)]
    rows += [("hop", f"{hop.status or 'none'} {hop.url} in {hop.elapsed_ms} ms") for hop in report.hops]
    if parsed is not None:
        rows += [("kind", parsed.kind.value), ("title", parsed.title), ("entries", str(len(parsed.entries)))]
        for entry in parsed.entries[:_SHOWN_ENTRIES]:
            time = entry.published or entry.updated
            rows.append(("", f"{time:%Y-%m-%d %H:%M} {entry.url}" if time is not None else entry.url))
            rows.append(("", entry.title))
    rows += [("names", named) for named in report.feeds[:_SHOWN_ENTRIES]]
    rows += [("warning", warning) for warning in report.warnings]
    rows.append(("next poll", _in(report.next_poll, now)))
    for name, value in rows:
        if value is not None:
            print_result(f"{name:10} {value}")


@app.command("remove")
def remove_feeds(
    urls: Annotated[list[str], typer.Argument(help="Addresses as `coranto feeds list --json` shows them.")],
    data: DataOption = None,
) -> None:
    """Poll these feeds no longer. Articles found in them stay. Exit code 3 when one was not known."""

    async def remove(registry: FeedRegistry) -> list[str]:
        return [url for url in urls if not await registry.remove(_address(url))]

    unknown = _with_registry(data, remove)
    for url in unknown:
        _tell(f"no such feed: {url}; see `coranto feeds list --json`")
    if unknown:
        raise typer.Exit(3)


@app.command("import")
def import_feeds(
    file: Annotated[Path, typer.Argument(help="OPML file, or a list with one address a line; - for standard input.")],
    data: DataOption = None,
    source: SourceOption = None,
) -> None:
    """Add the feeds of an OPML file or a list."""
    document = sys.stdin.buffer.read() if str(file) == "-" else _read(file)
    try:
        listed = read_opml(document) if b"<" in document[:1000] else read_address_list(document)
    except BadOpmlError as error:
        _tell(str(error))
        raise typer.Exit(2) from error
    now = datetime.now(UTC)
    feeds = [
        new_feed(outline.url, source=source, now=now).model_copy(update={"title": outline.title})
        for outline in listed.feeds
    ]
    added = _with_registry(data, lambda registry: _add_all(registry, feeds))
    for left_out in listed.left_out:
        _tell(f"line {left_out.line} left out: {left_out.reason}")
    typer.echo(
        f"{added} added, {len(feeds) - added} were known"
        + (f", {len(listed.left_out)} left out" if listed.left_out else "")
    )


@app.command("export")
def export_feeds(
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print addresses and titles as JSON.")] = False,
) -> None:
    """Print all feeds as OPML, for any feed reader. Parts of sitemap indexes are left out: the index names them."""
    feeds = [feed for feed in _with_registry(data, lambda registry: registry.all()) if feed.parent is None]
    if as_json:
        typer.echo(json.dumps([{"url": feed.url, "title": feed.title} for feed in feeds], ensure_ascii=False))
    else:
        typer.echo(write_opml(Outline(feed.url, feed.title) for feed in feeds), nl=False)


async def _add_all(registry: FeedRegistry, feeds: list[Feed]) -> int:
    return sum([await registry.add(feed) for feed in feeds])


def _with_registry(data: Path | None, use: Callable[[FeedRegistry], Awaitable[Answer]]) -> Answer:
    async def main() -> Answer:
        async with connect(environment.redis_url(data=data)) as redis:
            return await use(FeedRegistry(redis, environment.pipeline().all_keys()[0]))

    try:
        return asyncio.run(main())
    except environment.NotRunningError as error:
        _tell(str(error))
        raise typer.Exit(1) from error


def _address(url: str) -> str:
    try:
        address = parse(url)
    except UnsupportedUrlError as error:
        _tell(str(error))
        raise typer.Exit(2) from error
    if address.scheme == "file":
        _tell(f"a feed must have an http or https address, got {url!r}")
        raise typer.Exit(2)
    return str(address).partition("#")[0]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        _tell(f"{file} cannot be read: {error.strerror}")
        raise typer.Exit(2) from error


def _ago(moment: datetime | None, now: datetime) -> str:
    return "" if moment is None else f"{_span(now - moment)} ago"


def _in(moment: datetime | None, now: datetime) -> str:
    return "now" if moment is None or moment <= now else f"in {_span(moment - now)}"


def _span(span: timedelta) -> str:
    seconds = max(0, round(span.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _tell(text: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, style="red", markup=False)
