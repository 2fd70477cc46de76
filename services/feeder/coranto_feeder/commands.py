"""The command line's part that manages feeds, `coranto feeds`: which are polled, trials and polls, lists in and out."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from redis.asyncio import Redis

from coranto.client import environment
from coranto.frontier import HostLeases, RedisHostLeases
from coranto.http import TooManyRedirectsError, WebError
from coranto.http.robots.cache import RobotsUnreachableError
from coranto.settings import LogSettings
from coranto.sources.feed_lists import carried_name, listed_feeds, read_feed_list, write_feed_list
from coranto.sources.kinds import SourceKind
from coranto.sources.opml import BadOpmlError
from coranto.sources.registry import Feed, FeedRegistry, new_feed
from coranto.streams.connection import connect
from coranto.urls import UnsupportedUrlError, parse
from coranto.worker.log import configure
from coranto_cli.errors import FAILED, NOT_FOUND, USAGE, CommandError
from coranto_cli.given.sources import web_address
from coranto_cli.terminal.console import err, print_message, print_result, write_json, write_json_lines
from coranto_cli.terminal.options import DataOption
from coranto_cli.terminal.text import count, span
from coranto_feeder.feed_metrics import is_silent
from coranto_feeder.polite_client import HostBusyError, PoliteClient, RobotsDeniedError
from coranto_feeder.polling.feed_parser_pool import FeedParserPool, UnreadableFeedError
from coranto_feeder.polling.single_poll import FeedReport, poll_once
from coranto_feeder.polling.source_discovery import FoundSource, NothingFoundError, SourceFinder
from coranto_feeder.settings import Settings
from coranto_feeder.sources.home_page import looks_like_feed

app = typer.Typer(help="The feeds and sitemaps that are polled.", add_completion=False, no_args_is_help=True)

SourceOption = Annotated[
    str | None, typer.Option("--source", help="Name that articles found there carry; else the feed's title.")
]
TagOption = Annotated[
    list[str] | None, typer.Option("--tag", help="Tag that articles found there carry; may be repeated.")
]
Answer = TypeVar("Answer")

_SHOWN_ENTRIES: Final = 20
_SPAN: Final = re.compile(r"(\d{1,6})\s*(min|h|d)")
_UNITS: Final = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@app.command("list")
def list_feeds(
    data: DataOption = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
    failing: Annotated[
        bool,
        typer.Option("--failing", help="Only feeds whose last poll failed, or was read in part, or brought nothing."),
    ] = False,
    silent: Annotated[
        str | None,
        typer.Option(
            "--silent", metavar="SPAN", help="Only feeds without anything new for so long, such as 12h or 2d."
        ),
    ] = None,
) -> None:
    """Show every feed with its state: what the last poll came to, how much it publishes, and when it is due.

    With --failing or --silent the exit code is 1 when there are such feeds, so that cron can tell.
    """

    async def read(registry: FeedRegistry) -> tuple[list[Feed], set[str]]:
        return await registry.all(), await registry.paused()

    silence = None if silent is None else _parse_span(silent)
    now = datetime.now(UTC)
    known, paused = _with_registry(data, read)
    feeds = [
        feed
        for feed in known
        if (feed.needs_attention or not failing) and (silence is None or is_silent(feed, silence, now=now))
    ]
    is_filtered = failing or silence is not None
    if as_json:
        write_json_lines(
            {**feed.model_dump(mode="json", exclude_none=True), "is_paused": feed.id in paused} for feed in feeds
        )
    elif feeds:
        for feed in feeds:
            _print_feed(feed, now, is_paused=feed.id in paused)
    else:
        print_result("No such feeds." if is_filtered else "No feeds. Add one with: coranto feeds add URL")
    if is_filtered and feeds:
        raise typer.Exit(FAILED)


def _print_feed(feed: Feed, now: datetime, *, is_paused: bool = False) -> None:
    outcome = feed.last_outcome or "not polled yet"
    if feed.failures:
        outcome += f", {count(feed.failures, 'time')} in a row"
    style = "red" if feed.failures else "yellow" if feed.last_warning else None
    print_result(feed.url, style=style)
    if feed.title or feed.tags:
        print_result("   " + " · ".join([*([feed.title] if feed.title else []), *feed.tags]))
    facts = [feed.kind.value.replace("_", " "), outcome]
    if feed.polled_at is not None:
        facts[-1] += f" {_ago(feed.polled_at, now)}"
        facts.append(_rate(feed))
        facts.append("never anything new" if feed.last_new_at is None else f"last new {_ago(feed.last_new_at, now)}")
    if feed.lag_seconds is not None:
        facts.append(f"found {span(feed.lag_seconds)} after publication")
    facts.append("paused" if is_paused else f"next poll {_until(feed.due_at, now)}")
    if feed.entries_left:
        facts.append(f"{count(feed.entries_left, 'entry', 'entries')} waiting for room")
    if feed.ignores_conditional_requests:
        facts.append("ignores conditional requests")
    if feed.moved_to is not None:
        facts.append(f"has moved to {feed.moved_to}")
    print_result("   " + " · ".join(facts))
    if problem := (feed.last_error if feed.failures else feed.last_warning):
        print_result(f"   {problem}", style=style)


@app.command("add")
def add_feeds(
    urls: Annotated[list[str], typer.Argument(help="Addresses of feeds, sitemaps, or home pages.")],
    data: DataOption = None,
    source: SourceOption = None,
    tags: TagOption = None,
    *,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Register the addresses as they are, without looking at them.")
    ] = False,
    ignore_robots: Annotated[
        bool,
        typer.Option("--ignore-robots", help="Poll them even where robots.txt disallows it: you asked the publisher."),
    ] = False,
) -> None:
    """Poll these from now on, and say what was chosen. One that is known already keeps its history.

    Of a home page the best that the site offers is taken: the feeds it names, a feed at a well-known address, the sitemaps
    in its robots.txt, or else its own links. Exit code 3 when there is nothing to poll at one of the addresses.
    """
    addresses = [_address(url) for url in urls]
    configure(LogSettings(level="error"))

    async def add(registry: FeedRegistry, finder: SourceFinder) -> tuple[int, int]:
        added = nothing = 0
        for url in addresses:
            try:
                found = [] if as_is or looks_like_feed(url) else await _look_at(finder, url)
            except NothingFoundError as error:
                print_message(str(error), style="red")
                nothing += 1
                continue
            chosen: list[FoundSource | None] = [*found] or [None]
            for one in chosen:
                feed = new_feed(
                    url if one is None else one.url,
                    source=source,
                    now=datetime.now(UTC),
                    tags=tuple(tags or ()),
                    ignores_robots=ignore_robots,
                )
                if one is not None and one.kind is SourceKind.HOME_PAGE:
                    feed = feed.model_copy(update={"kind": SourceKind.HOME_PAGE})
                is_new = await registry.add(feed)
                added += is_new
                _print_added(feed.url, one, is_new=is_new)
        return added, nothing

    added, nothing = _with_finder(data, add)
    print_result(f"{added} added")
    if nothing:
        raise typer.Exit(NOT_FOUND)


async def _look_at(finder: SourceFinder, url: str) -> list[FoundSource]:
    try:
        return await finder.find(url)
    except RobotsDeniedError as error:
        raise NothingFoundError(f"{error}; register it with --ignore-robots if the publisher lets you") from error
    except (
        WebError,
        RobotsUnreachableError,
        TooManyRedirectsError,
        HostBusyError,
        UnreadableFeedError,
        UnsupportedUrlError,
    ) as error:
        print_message(f"{url} could not be looked at ({error}); it is registered as it is", style="yellow")
        return []


def _print_added(url: str, found: FoundSource | None, *, is_new: bool) -> None:
    facts = []
    if found is not None:
        facts = [found.kind.value.replace("_", " "), found.how, count(found.entries, "entry", "entries")]
        facts = [*([f"“{found.title}”"] if found.title else []), *facts]
    print_result(f"{'added' if is_new else 'already there:'} {url}" + (f" ({', '.join(facts)})" if facts else ""))


@app.command("try")
def try_feed(
    url: Annotated[str, typer.Argument(help="Address of a feed, a sitemap, or a page that names its feeds.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Poll one feed here, without Redis and without submitting anything, and show what came of it.

    Exit codes: 0 for a feed, 3 when it is refused or none, 1 when another try may help.
    """
    configure(LogSettings(level="error"))
    report = asyncio.run(poll_once(_address(url), Settings()))
    if as_json:
        write_json(report.as_document())
    else:
        _print_report(report)
    code = {"ok": 0, "retry": FAILED}.get(report.outcome, NOT_FOUND)
    if code:
        raise typer.Exit(code)


def _print_report(report: FeedReport) -> None:
    feed, parsed = report.feed, report.parsed
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
    rows.append(("next poll", _until(report.next_poll, datetime.now(UTC))))
    for name, value in rows:
        if value is not None:
            print_result(f"{name:10} {value}")


@app.command("poll")
def poll_feeds(
    sources: Annotated[
        list[str], typer.Argument(help="Addresses, or names of sources, as `coranto feeds list` shows them.")
    ],
    data: DataOption = None,
    *,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0, metavar="SECONDS", help="Wait so long for the polls to end.")
    ] = 60.0,
) -> None:
    """Have these polled at once by the running feeder, and show what came of it.

    Exit code 3 when one is not known or is paused, 1 when no feeder has polled it in time.
    """
    wanted = set(sources)

    async def poll(registry: FeedRegistry) -> tuple[list[str], list[Feed], list[Feed]]:
        known, now = await registry.all(), datetime.now(UTC)
        feeds = [feed for feed in known if wanted & {feed.url, feed.source, feed.title}]
        refused = [
            f"no such feed: {source}; see `coranto feeds list`"
            for source in sources
            if not any(source in (feed.url, feed.source, feed.title) for feed in feeds)
        ]
        asked = {feed.url: feed.polls for feed in feeds if await registry.announce(feed.url, now, now=now)}
        refused += [f"{feed.url} is paused: see `coranto feeds resume`" for feed in feeds if feed.url not in asked]
        deadline = time.monotonic() + timeout
        while True:
            found = await registry.find_all(list(asked))
            waiting = [feed for feed in found if feed.polls == asked[feed.url]]
            if not waiting or time.monotonic() > deadline:
                return refused, [feed for feed in found if feed not in waiting], waiting
            await asyncio.sleep(0.2)

    with err.status("waiting for the feeder"):
        refused, polled, waiting = _with_registry(data, poll)
    now = datetime.now(UTC)
    for feed in polled:
        _print_feed(feed, now)
    for told in refused:
        print_message(told, style="red")
    for feed in waiting:
        print_message(
            f"{feed.url} was not polled within {timeout:g} s; it is next. Is a feeder running? See `coranto status`",
            style="yellow",
        )
    if refused or waiting:
        raise typer.Exit(NOT_FOUND if refused else FAILED)


@app.command("remove")
def remove_feeds(
    urls: Annotated[list[str], typer.Argument(help="Addresses as `coranto feeds list` shows them.")],
    data: DataOption = None,
) -> None:
    """Poll these no longer; of a sitemap index, its sitemaps too. Articles stay. Exit code 3 when one was not known."""
    _change(urls, data, FeedRegistry.remove, "removed")


@app.command("pause")
def pause_feeds(
    urls: Annotated[list[str], typer.Argument(help="Addresses as `coranto feeds list` shows them.")],
    data: DataOption = None,
) -> None:
    """Poll these no longer until they are resumed; of a sitemap index, its sitemaps too. Exit code 3 when one was not known."""
    _change(urls, data, FeedRegistry.pause, "paused")


@app.command("resume")
def resume_feeds(
    urls: Annotated[list[str], typer.Argument(help="Addresses as `coranto feeds list` shows them.")],
    data: DataOption = None,
) -> None:
    """Poll paused ones again, at once; of a sitemap index, its sitemaps too. Exit code 3 when one was not known."""
    _change(urls, data, lambda registry, url: registry.resume(url, datetime.now(UTC)), "resumed")


def _change(
    urls: list[str], data: Path | None, change: Callable[[FeedRegistry, str], Awaitable[bool]], done: str
) -> None:
    """Change each feed, and say which there were not and how many were changed; the exit code tells too."""

    async def find_unknown(registry: FeedRegistry) -> list[str]:
        return [url for url in urls if not await change(registry, _address(url))]

    unknown = _with_registry(data, find_unknown)
    for url in unknown:
        print_message(f"no such feed: {url}; see `coranto feeds list`", style="red")
    print_result(f"{len(urls) - len(unknown)} {done}")
    if unknown:
        raise typer.Exit(NOT_FOUND)


@app.command("import")
def import_feeds(
    file: Annotated[Path, typer.Argument(help="OPML file, or a list with one address per line; - for standard input.")],
    data: DataOption = None,
    source: SourceOption = None,
) -> None:
    """Add the feeds of an OPML file or a list. Their titles become source names, their folders tags.

    Lines that name no feed are told one by one. Exit code 3 when there were such lines.
    """
    document = sys.stdin.buffer.read() if str(file) == "-" else _read(file)
    try:
        listed = read_feed_list(document)
    except BadOpmlError as error:
        raise CommandError(str(error), exit_code=USAGE) from error
    if not listed.feeds and not listed.left_out:
        raise CommandError(
            f"{file} names no feed: expected OPML or a list with one address per line", exit_code=NOT_FOUND
        )
    feeds = listed_feeds(listed, now=datetime.now(UTC), source=source)
    added = _with_registry(data, lambda registry: _add_all(registry, feeds)) if feeds else 0
    for left_out in listed.left_out:
        print_message(f"line {left_out.line} left out: {left_out.reason}", style="red")
    parts = [f"{added} added"]
    parts += [f"{len(feeds) - added} already there"] if len(feeds) > added else []
    parts += [f"{len(listed.left_out)} left out"] if listed.left_out else []
    print_result(", ".join(parts))
    if listed.left_out:
        raise typer.Exit(NOT_FOUND)


@app.command("export")
def export_feeds(
    data: DataOption = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print addresses, titles and tags as JSON.")] = False,
) -> None:
    """Print all feeds as OPML, for any feed reader. What a sitemap index leads to is left out: the index names it."""
    feeds = _with_registry(data, lambda registry: registry.all())
    if as_json:
        write_json(
            [
                {"url": feed.url, "title": carried_name(feed), "tags": list(feed.tags)}
                for feed in feeds
                if feed.root is None
            ]
        )
    else:
        typer.echo(write_feed_list(feeds), nl=False)


async def _add_all(registry: FeedRegistry, feeds: Iterable[Feed]) -> int:
    return sum([await registry.add(feed) for feed in feeds])


def _with_registry(data: Path | None, use: Callable[[FeedRegistry], Awaitable[Answer]]) -> Answer:
    async def main() -> Answer:
        async with connect(environment.redis_url(data=data)) as redis:
            return await use(FeedRegistry(redis, environment.pipeline().all_keys()[0]))

    return asyncio.run(main())


def _with_finder(data: Path | None, use: Callable[[FeedRegistry, SourceFinder], Awaitable[Answer]]) -> Answer:
    async def main() -> Answer:
        pipeline = environment.pipeline()
        async with connect(environment.redis_url(data=data)) as redis:
            hosts = RedisHostLeases(redis, prefix=pipeline.prefix)
            async with _looking(Settings(), hosts, redis, pipeline.prefix) as (client, parser):
                return await use(FeedRegistry(redis, pipeline.all_keys()[0]), SourceFinder(client, parser))

    return asyncio.run(main())


@asynccontextmanager
async def _looking(
    settings: Settings, hosts: HostLeases, redis: Redis, prefix: str
) -> AsyncIterator[tuple[PoliteClient, FeedParserPool]]:
    """What looks at the web; closed in the end."""
    parser = settings.feeder.to_parser()
    async with settings.to_web_client() as web:
        try:
            yield settings.to_polite_client(web, hosts, redis=redis, prefix=prefix), parser
        finally:
            await parser.stop()


def _address(url: str) -> str:
    try:
        address = parse(web_address(url))
    except (UnsupportedUrlError, ValueError) as error:
        raise CommandError(str(error), exit_code=USAGE) from error
    return str(address).partition("#")[0]


def _parse_span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise CommandError(f"--silent {text}: expected a number with min, h or d, such as 12h or 2d", exit_code=USAGE)
    return int(found[1]) * _UNITS[found[2]]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", exit_code=USAGE) from error


def _until(moment: datetime | None, now: datetime) -> str:
    return "now" if moment is None or moment <= now else f"in {span((moment - now).total_seconds())}"


def _rate(feed: Feed) -> str:
    items_per_day = feed.items_per_day
    # The dates of old entries alone tell nothing of what is to come.
    if items_per_day < 0.01 and (feed.polls < 2 or not feed.observed_days):
        return "how many a day is not known yet"
    # It halves every few days and never gets to 0: a feed that fell silent would be shown with 1e-27.
    return f"{items_per_day:.3g} a day" if items_per_day >= 0.01 or not items_per_day else "fewer than 0.01 a day"


def _ago(moment: datetime, now: datetime) -> str:
    return f"{span((now - moment).total_seconds())} ago"
