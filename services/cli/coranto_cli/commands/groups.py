"""`coranto groups`: the groups of subscribers, and removing those that nobody reads with any more."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from coranto.admin.groups import SubscriberGroup, remove_group, subscriber_groups
from coranto.admin.pipeline import connected
from coranto_cli.errors import NOT_FOUND, CommandError
from coranto_cli.terminal.console import (
    cell,
    confirm,
    new_table,
    print_message,
    print_result,
    print_table,
    write_json_lines,
)
from coranto_cli.terminal.options import DataOption, DryRunOption, JsonOption, YesOption
from coranto_cli.terminal.text import count, span

app = typer.Typer(
    help="Groups of subscribers: how far each has read, and removing one.", add_completion=False, no_args_is_help=True
)


@app.command("list")
def list_groups(as_json: JsonOption = False, data: DataOption = None) -> None:
    """List groups of subscribers: articles waiting, articles not acknowledged, and when the group was last seen."""
    groups = asyncio.run(_groups(data))
    if as_json:
        write_json_lines(asdict(group) for group in groups)
    elif not groups:
        print_result("no program has subscribed")
    else:
        table = new_table("waiting#", "in flight#", "oldest#", "last seen#", "group")
        for group in groups:
            table.add_row(
                str(group.waiting),
                str(group.pending),
                "·" if group.oldest_age_seconds is None else span(group.oldest_age_seconds),
                _ago(group.last_seen),
                cell(group.name),
            )
        print_table(table)


@app.command("remove")
def remove(
    names: Annotated[list[str], typer.Argument(metavar="GROUP...", help="Names, as `groups list` shows them.")],
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Remove groups with their places. A program that still reads with one makes it again. Exit code 3 when one is unknown."""
    known = {group.name: group for group in asyncio.run(_groups(data))}
    unknown = [name for name in names if name not in known]
    for name in unknown:
        print_message(f"there is no group {name!r}; see `coranto groups list`", style="yellow")
    chosen = [known[name] for name in dict.fromkeys(names) if name in known]
    for group in chosen:
        if not as_json:
            unread = count(group.waiting + group.pending, "article")
            print_result(f"{group.name}: {unread} not acknowledged, last seen {_ago(group.last_seen)}")
    if chosen and not dry_run:
        if not yes:
            confirm(f"remove {count(len(chosen), 'group')}?")
        asyncio.run(_remove([group.name for group in chosen], data))
    if as_json:
        write_json_lines({"group": group.name, "removed": not dry_run} for group in chosen)
    elif chosen:
        print_result("nothing was removed; leave --dry-run out to do it" if dry_run else "removed")
    if unknown:
        raise typer.Exit(NOT_FOUND)


async def _groups(data: Path | None) -> list[SubscriberGroup]:
    async with connected(data) as pipeline:
        return await subscriber_groups(pipeline)


async def _remove(names: list[str], data: Path | None) -> None:
    async with connected(data) as pipeline:
        for name in names:
            try:
                await remove_group(pipeline, name)
            except ValueError as error:
                raise CommandError(str(error), exit_code=NOT_FOUND) from error


def _ago(moment: datetime | None) -> str:
    # Programs that end take their names away: a group without any may have read for months.
    return "not known" if moment is None else f"{span((datetime.now(UTC) - moment).total_seconds())} ago"
