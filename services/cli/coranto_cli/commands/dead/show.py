"""`coranto dead show`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Reference
from coranto_cli.commands.dead.letters import age, get_letter, pretty, readable, summary, time_of
from coranto_cli.commands.dead.options import LetterArgument
from coranto_cli.terminal.console import print_result, write_json
from coranto_cli.terminal.options import DataOption, JsonOption

_LINES_SHOWN = 6


def show(
    letter: LetterArgument,
    trace: Annotated[bool, typer.Option("--trace", help="Show the whole traceback, not only its end.")] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Show one dead letter in full: error, traceback and the message itself."""
    found = asyncio.run(get_letter(letter, data))
    if as_json:
        write_json(summary(found) | {"traceback": found.traceback, "event": readable(found.event)})
        return
    print_result(f"{Reference.of(found)}  ({Reference.of(found).short})", style="bold")
    print_result(f"stage     {found.stage}")
    print_result(f"reason    {found.reason}")
    print_result(f"attempts  {found.attempts}")
    print_result(f"died      {time_of(found.died_at_ms)}, {age(found.died_at_ms)} ago")
    print_result(f"about     {dead_letters.url_of_letter(found) or '(unreadable)'}")
    print_result(f"cause     {dead_letters.cause_of(found).id}")
    print_result(f"error     {found.error}")
    if lines := found.traceback.rstrip().splitlines():
        shown = lines if trace or len(lines) <= _LINES_SHOWN else lines[-_LINES_SHOWN:]
        if len(shown) < len(lines):
            print_result(
                f"\n{len(lines) - len(shown)} lines of the traceback before this: --trace shows them", style="dim"
            )
        print_result("\n" + "\n".join(shown), style="dim")
    print_result("\n" + pretty(found.event))
