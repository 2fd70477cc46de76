"""Where the command line writes: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from coranto_cli.errors import USAGE, CommandError

_WIDTH_FOR_PROGRAMS = 240

out = Console(highlight=False, soft_wrap=True)
"""For what was asked for."""

err = Console(stderr=True, highlight=False, soft_wrap=True)
"""For messages about the work, so that the result can be piped."""


def print_message(text: str, *, style: str | None = None) -> None:
    """A message to the person at the terminal, as it is: square brackets in it are not markup."""
    err.print(printable(text), style=style, markup=False)


def print_result(text: str, *, style: str | None = None) -> None:
    """A line of the result, as it is."""
    out.print(printable(text), style=style, markup=False)


def report_skipped(entry_id: str, error: Exception) -> None:
    """Say that an entry of a stream cannot be read."""
    print_message(f"entry {entry_id} is skipped: {error}", style="yellow")


def printable(text: str) -> str:
    """The text without control characters: a page's title must not move the cursor or set the terminal's name."""
    if text.isprintable():
        return text
    return "".join(
        character if character in "\n\t" or unicodedata.category(character) != "Cc" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


def cell(text: str, *, style: str = "") -> Text:
    """The text for a table or a display, as it is: square brackets in it are not markup."""
    return Text(printable(text), style=style)


def new_table(*columns: str) -> Table:
    """A plain table. Columns whose name ends with `#` hold numbers; only the last one folds."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        is_last = column == columns[-1]
        justify: Literal["left", "right"] = "right" if column.endswith("#") else "left"
        table.add_column(
            column.rstrip("#"), justify=justify, no_wrap=not is_last, overflow="fold" if is_last else "ellipsis"
        )
    return table


def print_table(table: Table, *, console: Console = out) -> None:
    """Print the table, as wide as the terminal; wide enough for anything where a program reads."""
    if not console.is_terminal:
        console = Console(file=console.file, width=_WIDTH_FOR_PROGRAMS, highlight=False)
    console.print(table)


def write_json(value: Any) -> None:
    """The value as one JSON document, indented on a terminal and on one line otherwise."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent, default=str) + "\n")
    sys.stdout.flush()


def write_json_lines(values: Iterable[Any]) -> None:
    """One JSON document per line, each written at once."""
    for value in values:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()


def progress() -> Progress:
    """A progress bar on standard error that goes when it is done; nothing where standard error is not a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def confirm(question: str) -> None:
    """Return when the user says yes. Raises CommandError when not, or when there is nobody to ask."""
    if not sys.stdin.isatty():
        raise CommandError(
            f"{question} There is no terminal to ask on; add --yes to do it, or --dry-run to see what would be done",
            exit_code=USAGE,
        )
    if not typer.confirm(question, err=True):
        raise CommandError("nothing was done")
