"""`coranto dead`: the messages that could not be processed, one module per verb."""

from __future__ import annotations

import typer

from coranto_cli.commands.dead.act import discard, redeliver
from coranto_cli.commands.dead.causes import causes
from coranto_cli.commands.dead.edit import edit
from coranto_cli.commands.dead.list import list_letters
from coranto_cli.commands.dead.show import show

app = typer.Typer(
    help="Messages that could not be processed: inspect, edit, redeliver or discard them.",
    add_completion=False,
    no_args_is_help=True,
)
app.command("list")(list_letters)
app.command("causes")(causes)
app.command("show")(show)
app.command("edit")(edit)
app.command("redeliver")(redeliver)
app.command("discard")(discard)
