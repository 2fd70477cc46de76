"""`coranto dead list`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Filter, Reference
from coranto.admin.pipeline import connected
from coranto.streams.interface import DeadLetter
from coranto_cli.commands.dead.letters import age, summary
from coranto_cli.commands.dead.options import CauseOption, HostOption, ReasonOption, StageOption, letter_filter
from coranto_cli.terminal.console import (
    cell,
    is_narrow,
    new_table,
    print_message,
    print_result,
    print_table,
    write_json_lines,
)
from coranto_cli.terminal.options import DataOption, JsonOption
from coranto_cli.terminal.text import without_reason

_SHOWN_BY_DEFAULT = 50


def list_letters(
    stage: StageOption = None,
    reason: ReasonOption = None,
    host: HostOption = None,
    cause: CauseOption = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Most letters to show; 0 for all.")] = _SHOWN_BY_DEFAULT,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """List dead letters, stage by stage, oldest first."""
    asyncio.run(_list(letter_filter(stage, reason, host, cause), limit, as_json, data))


async def _list(chosen: Filter, limit: int, as_json: bool, data: Path | None) -> None:
    async with connected(data) as pipeline:
        letters: list[DeadLetter] = []
        more = 0
        async for letter in dead_letters.find_letters(pipeline.streams, chosen):
            if limit and len(letters) >= limit:
                more += 1
            else:
                letters.append(letter)
    if as_json:
        write_json_lines(summary(letter) for letter in letters)
    elif not letters:
        print_result("no dead letters")
    else:
        narrow = is_narrow()
        table = new_table("id", "age#", "stage", "reason", *(["about"] if narrow else ["about", "error"]))
        for letter in letters:
            reference = Reference.of(letter)
            row: list[RenderableType] = [
                reference.short,
                age(letter.died_at_ms),
                cell(letter.stage),
                cell(letter.reason),
            ]
            row.append(cell(dead_letters.url_of_letter(letter) or "(unreadable)"))
            if not narrow:
                row.append(cell(_first_line(letter)))
            table.add_row(*row)
        print_table(table)
    if more:
        print_message(f"and {more} more; --limit 0 lists all, `coranto dead causes` counts them by cause")


def _first_line(letter: DeadLetter) -> str:
    text = without_reason(letter.error.strip(), letter.reason)
    return text.splitlines()[0] if text else ""
