"""Puts the commands together and runs them: the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from coranto import __version__
from coranto_cli.commands import deadletters, showing, stored, submit, trying, up, watching
from coranto_cli.commands import run as running_once
from coranto_cli.console import tell
from coranto_cli.errors import explain
from coranto_cli.plugins import GroupWithPlugins

_INTERRUPTED = 130  # as a shell reports a program that SIGINT ended

app = typer.Typer(
    name="coranto",
    cls=GroupWithPlugins,
    help="News pages in, finished article records out.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 refused or not found.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("run")(running_once.run)
app.command("up")(up.up)
app.command("submit")(submit.submit)
app.command("try")(trying.try_)
app.command("wait")(watching.wait)
app.command("tail")(watching.tail)
app.command("top")(watching.top)
app.command("status")(watching.status)
app.command("show")(showing.show)
app.add_typer(deadletters.app, name="dead")
app.add_typer(stored.export_app, name="export")
app.add_typer(stored.search_app, name="search")
app.command("topology")(showing.topology)
app.command("settings")(showing.settings)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"coranto {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """News pages in, finished article records out."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code. Whatever goes wrong is told in a sentence."""
    try:
        app(args=list(arguments) if arguments is not None else None, prog_name="coranto")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough. What is still buffered must not fail again as the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback reaches the user
        explanation = explain(error)
        tell(f"coranto: {explanation.text}", style="red")
        return explanation.exit_code
    return 0
