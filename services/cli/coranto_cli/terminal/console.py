"""Where the command line writes: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Literal

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from coranto.records import time_text
from coranto_cli.errors import USAGE, CommandError

_WIDTH_FOR_PROGRAMS = 2000
_WIDTH_OF_WHOLE_TABLES = 110

out = Console(highlight=False, soft_wrap=True)
"""For what was asked for."""

err = Console(stderr=True, highlight=False, soft_wrap=True)
"""For messages about the work, so that the result can be piped."""


_is_json: ContextVar[bool] = ContextVar("messages are JSON", default=False)


@contextmanager
def json_messages() -> Iterator[None]:
    """Within the block, messages are JSON, for the program that reads them."""
    token = _is_json.set(True)
    try:
        yield
    finally:
        _is_json.reset(token)


def print_message(text: str, *, style: str | None = None) -> None:
    """A message to whoever runs the command, as it is: square brackets in it are not markup."""
    if _is_json.get():
        _write_message({"message": text})
    else:
        err.print(printable(text), style=style, markup=False)


def print_error(text: str, exit_code: int) -> None:
    """Why the command ends here."""
    if _is_json.get():
        _write_message({"error": text, "exit_code": exit_code})
    else:
        err.print(printable(f"coranto: {text}"), style="red", markup=False)


def _write_message(value: Mapping[str, Any]) -> None:
    sys.stderr.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stderr.flush()


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


def is_narrow() -> bool:
    """Whether a person reads the result in a terminal that whole tables do not fit."""
    return out.is_terminal and out.width < _WIDTH_OF_WHOLE_TABLES


def new_table(*columns: str, gap: int = 2) -> Table:
    """A plain table. Columns whose name ends with `#` hold numbers; only the last one folds."""
    table = Table(box=None, padding=(0, gap, 0, 0), header_style="bold")
    for column in columns:
        is_last = column == columns[-1]
        justify: Literal["left", "right"] = "right" if column.endswith("#") else "left"
        table.add_column(
            column.rstrip("#"),
            justify=justify,
            no_wrap=not is_last,
            overflow="fold" if is_last else "ellipsis",
            min_width=8 if column == "id" else None,  # it is there to be typed
        )
    return table


def print_table(table: Table, *, console: Console = out) -> None:
    """Print the table, as wide as the terminal; wide enough for anything where a program reads."""
    print_whole(table, console=console)


def print_whole(content: RenderableType, *, console: Console = out) -> None:
    """As `print_table`, for anything that is made of tables and text."""
    if not console.is_terminal:
        console = Console(file=console.file, width=_WIDTH_FOR_PROGRAMS, highlight=False)
    console.print(content)


def write_json(value: Any) -> None:
    """The value as one JSON document, indented on a terminal and on one line otherwise."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent, default=_plain) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> str:
    """What JSON has no form for: times as records have them, everything else as its text."""
    return time_text(value) if isinstance(value, datetime) else str(value)


def write_json_lines(values: Iterable[Any]) -> None:
    """One JSON document per line, each written at once."""
    for value in values:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")
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
