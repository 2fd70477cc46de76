"""`coranto dead`: the messages that could not be processed, one module per verb."""

from __future__ import annotations

import typer

from coranto_cli.commands.dead.act import drop, redeliver
from coranto_cli.commands.dead.edit import edit
from coranto_cli.commands.dead.groups import groups
from coranto_cli.commands.dead.list import list_letters
from coranto_cli.commands.dead.show import show

app = typer.Typer(
    help="Messages that could not be processed: inspect, edit, redeliver or drop them.",
    add_completion=False,
    no_args_is_help=True,
)
app.command("list")(list_letters)
app.command("groups")(groups)
app.command("show")(show)
app.command("edit")(edit)
app.command("redeliver")(redeliver)
app.command("drop")(drop)
