"""Runs the `coranto` command: the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from coranto_cli.command_group import CommandGroup

_INTERRUPTED = 130  # as a shell reports a program that SIGINT ended

app = typer.Typer(
    name="coranto",
    cls=CommandGroup,
    help="News pages in, structured article records out.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 refused or not found.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"coranto {version('coranto')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """News pages in, structured article records out."""


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
        # Late, as it knows the errors of Redis and of the settings: `coranto --help` needs neither.
        from coranto_cli.console import print_message
        from coranto_cli.explanation import explain

        explanation = explain(error)
        print_message(f"coranto: {explanation.text}", style="red")
        return explanation.exit_code
    return 0
