"""`coranto sources`: how each source of articles does."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from coranto.store.database.source_accounts import SourceHealth
from coranto_cli.articles.stored_articles import opened_store_if_any
from coranto_cli.commands.why import how_ended, in_words
from coranto_cli.errors import FAILED, NOT_FOUND
from coranto_cli.terminal.console import cell, new_table, print_result, print_table, write_json, write_json_lines
from coranto_cli.terminal.options import DataOption, JsonOption
from coranto_cli.terminal.text import count, span


def sources(
    source: Annotated[
        str | None, typer.Argument(help="Name of a source, as its articles name it; all of them unless given.")
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """List the sources with their last 24 hours, or show how one does: volume, times, lacking fields, refusals, silence.

    Of one source the exit code is 1 when it is silent by its own rhythm, and 3 when nothing is known of it.
    """
    if source is None:
        _list(data, as_json=as_json)
        return
    with opened_store_if_any(data) as store:
        health = store.source_health(source, datetime.now(UTC))
    if as_json:
        write_json(asdict(health))
    elif health.last_new_at is None:
        print_result(f"Nothing is known of {source}; `coranto sources` lists the names there are.")
    else:
        _print(health)
    if health.last_new_at is None:
        raise typer.Exit(NOT_FOUND)
    if health.silent_since is not None:
        raise typer.Exit(FAILED)


def _list(data: DataOption, *, as_json: bool) -> None:
    with opened_store_if_any(data) as store:
        found = store.source_totals(datetime.now(UTC) - timedelta(days=1))
    if as_json:
        write_json_lines(asdict(each) for each in found)
        return
    if not found:
        print_result(
            "Nothing has ended yet. Submit pages with `coranto submit`, or add feeds with `coranto feeds add`."
        )
        return
    now = datetime.now(UTC)
    table = new_table("new#", "stored#", "refused#", "last", "source")
    for each in sorted(found, key=lambda one: one.source.casefold()):
        ago = f"{span((now - each.last_at).total_seconds())} ago"
        table.add_row(str(each.new), str(each.stored), str(each.refused), cell(ago), cell(each.source))
    print_table(table)


def _print(health: SourceHealth) -> None:
    now = datetime.now(UTC)
    print_result(health.source, style="bold")
    if health.last_new_at is not None:
        last = f"last new {span((now - health.last_new_at).total_seconds())} ago"
        if health.silent_since is None:
            print_result(f"  {last}")
        else:
            print_result(f"  silent by its own rhythm: {last}", style="red")
    seen = sum(hour.seen for hour in health.hours)
    known = [hour.expected for hour in health.hours if hour.expected is not None]
    expected = f", {sum(known):.0f} expected" if known else ""
    print_result(f"  last 24 hours: {seen} new{expected}")
    print_result(
        f"  last 7 days: {health.new} new, {health.stored} stored, "
        f"{count(health.unchanged, 'visit')} that found nothing new"
    )
    lags = health.lags
    for what, lag in (
        ("publication to discovery", lags.found),
        ("discovery to storing", lags.stored),
        ("both", lags.whole),
    ):
        if lag.count:
            print_result(f"  {what}: {in_words(lag)}")
    for each in health.ended:
        print_result(f"  {each.count:7}  {each.reason}, {how_ended(each)}")
    for field in health.lacking:
        before = "" if field.share_before is None else f", {field.share_before:.0%} in the weeks before"
        print_result(f"  without {field.field}: {field.share:.0%} of its records{before}")
    if any(hour.seen or hour.expected for hour in health.hours):
        table = new_table("hour (UTC)", "expected#", "seen#")
        for hour in health.hours:
            table.add_row(
                f"{hour.hour:%m-%d %H}:00", "" if hour.expected is None else f"{hour.expected:.1f}", str(hour.seen)
            )
        print_table(table)
