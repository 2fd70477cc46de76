"""`coranto why`: what came of one address, or of what a source named on a day."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from coranto.admin.find_article import ArticleRef
from coranto.store.database.source_accounts import Ended, Lag, SourceDay
from coranto_cli.articles.stored_articles import opened_store_if_any
from coranto_cli.articles.whereabouts import (
    locate,
    plain_line,
    plain_location,
    print_lines,
    print_whereabouts,
    read_store,
)
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError
from coranto_cli.terminal.console import print_result, write_json
from coranto_cli.terminal.options import DataOption, JsonOption
from coranto_cli.terminal.text import count, span


def why(
    article: Annotated[str | None, typer.Argument(metavar="[URL|ID]", help="Address, id, or path of a page.")] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Instead: a day of this source, named as its articles name it.")
    ] = None,
    day: Annotated[
        str | None, typer.Option("--day", help="With --source: the day in UTC, such as 2026-03-14, else today.")
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Tell how each submission of an address ended and where it is now, or what came of a source's day.

    Exit code 3 when there is nothing to tell.
    """
    if (article is None) == (source is None):
        raise CommandError("name either an address or --source NAME", exit_code=USAGE)
    if source is None:
        if day is not None:
            raise CommandError("--day asks about a source: add --source NAME", exit_code=USAGE)
        _of_article(article or "", data, as_json=as_json)
    else:
        _of_source(source, _date(day), data, as_json=as_json)


def _of_article(article: str, data: Path | None, *, as_json: bool) -> None:
    ref = ArticleRef.of(article)
    stored, ledger = read_store(ref, data)
    with opened_store_if_any(data) as store:
        visits = store.visits_of(stored[-1].id) if stored else None
    locations, is_feed, is_running = asyncio.run(locate(ref, data))
    if as_json:
        write_json(
            {
                "article": stored[-1].id if stored else None,
                "revisions": len(stored),
                "visits": None if visits is None else asdict(visits),
                "ledger": [plain_line(line) for line in ledger],
                "is_feed": is_feed,
                "whereabouts": [plain_location(location) for location in locations],
            }
        )
    else:
        print_whereabouts(ref, stored, ledger, locations, is_feed=is_feed, is_running=is_running)
        if stored:
            is_retracted = stored[-1].storage.change == "retracted"
            withdrawn = "; its publisher has withdrawn it" if is_retracted else ""
            print_result(f"It is stored in {count(len(stored), 'revision')}{withdrawn}: coranto show {stored[-1].id}")
            print_lines(ledger)
        if visits is not None and visits.unchanged:
            print_result(
                f"{count(visits.unchanged, 'later visit')} found it as it was; the latest visit was "
                f"{visits.last_fetched:%Y-%m-%d %H:%M} UTC"
            )
    if not stored and not ledger and not locations and not is_feed:
        raise typer.Exit(NOT_FOUND)


def _of_source(source: str, day: date, data: Path | None, *, as_json: bool) -> None:
    with opened_store_if_any(data) as store:
        found = store.source_day(source, day)
    if as_json:
        write_json(asdict(found))
    elif found.is_empty:
        print_result(f"Nothing from {source} ended on {day}; `coranto sources` lists the names there are.")
    else:
        _print_day(found)
    if found.is_empty:
        raise typer.Exit(NOT_FOUND)


def _print_day(day: SourceDay) -> None:
    print_result(f"{day.source}, {day.day} (UTC)", style="bold")
    facts = [
        ("discovered", day.discovered, ""),
        ("new", day.new, "not processed before"),
        ("fetched", day.fetched, ""),
        ("created", day.created, ""),
        ("updated", day.updated, "by the publisher"),
        ("reprocessed", day.reprocessed, "the same page, read otherwise"),
        ("unchanged", day.unchanged, "visits that found nothing new"),
        *((each.reason, each.count, how_ended(each)) for each in day.ended),
    ]
    for name, number, note in facts:
        if number or name in ("discovered", "new", "fetched", "created"):
            print_result(f"  {number:7}  {name}{f', {note}' if note else ''}")
    lags = day.lags
    for what, lag in (
        ("publication to discovery", lags.found),
        ("discovery to storing", lags.stored),
        ("both", lags.whole),
    ):
        if lag.count:
            print_result(f"  {what}: {in_words(lag)}")


def how_ended(ended: Ended) -> str:
    """Such as `dropped by the fetcher, 3 of them on a visit again`."""
    again = f", {ended.revisits} of them on a visit again" if ended.revisits else ""
    return f"{ended.outcome} by the {ended.stage}{again}"


def in_words(lag: Lag) -> str:
    """The times, such as `median 4 min, 95 % within 20 min`."""
    return f"median {span(lag.median or 0)}, 95 % within {span(lag.p95 or 0)} ({count(lag.count, 'article')})"


def _date(text: str | None) -> date:
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--day takes a date such as 2026-03-14, got {text!r}", exit_code=USAGE) from error
