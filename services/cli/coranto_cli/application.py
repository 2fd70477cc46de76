"""Runs the `coranto` command: the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Annotated, Literal

import typer

from coranto_cli.command_group import CommandGroup
from coranto_cli.errors import FAILED

_INTERRUPTED = 130  # as a shell reports a program that SIGINT ended

app = typer.Typer(
    name="coranto",
    cls=CommandGroup,
    help="News pages in, structured article records out.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 refused or not found, 130 interrupted. "
    "With --json, standard output and messages are JSON, one document for one thing and one line for each of many.",
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
    words = list(arguments if arguments is not None else sys.argv[1:])
    with _messages_for("programs" if "--json" in words else "people"):
        return _run(words)


def _run(words: list[str]) -> int:
    try:
        # Not standalone: typer would show wrong usage in a box of its own.
        code = app(args=words, prog_name="coranto", standalone_mode=False)
        if sys.stdout is not None:  # as with `>&-`
            sys.stdout.flush()
    except SystemExit as ending:
        if isinstance(
            ending.__context__, BrokenPipeError
        ):  # rich and typer end with 1 when the reader of a pipe has gone
            _discard_output()
            return 0
        return ending.code if isinstance(ending.code, int) else FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return 0
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback reaches the user
        # Late, as it knows the errors of Redis and of the settings: `coranto --help` needs neither.
        from coranto_cli.explanation import explain
        from coranto_cli.terminal.console import print_error

        explanation = explain(error)
        if explanation.text:
            print_error(explanation.text, explanation.exit_code)
        return explanation.exit_code
    return code if isinstance(code, int) else 0


@contextmanager
def _messages_for(reader: Literal["people", "programs"]) -> Iterator[None]:
    if reader == "people":  # without importing what prints them: `coranto --help` prints none
        yield
        return
    from coranto_cli.terminal.console import json_messages

    with json_messages():
        yield


def _discard_output() -> None:
    """Let the output go: the reader has seen enough, and what is still buffered must not fail again as the interpreter ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
