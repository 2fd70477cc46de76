"""`coranto dead show`."""

from __future__ import annotations

import asyncio

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Reference
from coranto_cli.commands.dead.letters import age, get_letter, pretty, readable, summary, time_text
from coranto_cli.commands.dead.options import LetterArgument, letter_reference
from coranto_cli.console import print_result, write_json
from coranto_cli.options import DataOption, JsonOption


def show(
    letter: LetterArgument,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Show one dead letter in full: error, traceback and the message itself."""
    found = asyncio.run(get_letter(letter_reference(letter), data))
    if as_json:
        write_json(summary(found) | {"traceback": found.traceback, "event": readable(found.event)})
        return
    print_result(f"{Reference.of(found)}", style="bold")
    print_result(f"stage     {found.stage}")
    print_result(f"reason    {found.reason}")
    print_result(f"attempts  {found.attempts}")
    print_result(f"died      {time_text(found.died_at_ms)}, {age(found.died_at_ms)} ago")
    print_result(f"about     {dead_letters.url_of_letter(found) or '(unreadable)'}")
    print_result(f"cause     {dead_letters.cause_of(found).id}")
    print_result(f"error     {found.error}")
    if found.traceback:
        print_result(f"\n{found.traceback.rstrip()}", style="dim")
    print_result("\n" + pretty(found.event))
