"""`coranto logs`: what the services of `coranto up` have logged, for a person to read."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated

import typer

from coranto.client import environment
from coranto.topology import SERVICES
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError
from coranto_cli.terminal.console import print_message, print_result, write_json_lines
from coranto_cli.terminal.log_lines import LogLine, find_files, last_lines
from coranto_cli.terminal.options import DataOption, JsonOption

_PAUSE_SECONDS = 0.25
_STYLES = {"warning": "yellow", "error": "red", "critical": "red", "debug": "dim"}


class Level(StrEnum):
    """The least grave lines to show."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


def logs(
    services: Annotated[
        list[str] | None,
        typer.Argument(metavar="SERVICE", help="Services or single processes, such as fetcher or fetcher-2; else all."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is logged from now on.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, metavar="N", help="Begin with the last N lines.")] = 50,
    level: Annotated[Level, typer.Option("--level", help="Only lines of this level or a graver one.")] = Level.info,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Show what the services of `coranto up` have logged, in the order of time. Exit code 3 when there is no log."""
    for name in services or ():
        if name not in SERVICES and name.rpartition("-")[0] not in SERVICES:
            raise CommandError(f"there is no service {name!r}; the services are {', '.join(SERVICES)}", exit_code=USAGE)
    directory = environment.data_directory(data) / "logs"
    files = find_files(directory, services or ())
    if not files:
        raise CommandError(
            f"there is no log of {' or '.join(services) if services else 'any service'} in {directory}: `coranto up` and "
            "`coranto run` write them there; say where with --data DIR. Containers have theirs in `docker compose logs`",
            exit_code=NOT_FOUND,
        )
    for line in last_lines(files, lines, level=level):
        _show(line, as_json=as_json)
    if follow:
        print_message("following; Ctrl-C ends")
    while follow:
        time.sleep(_PAUSE_SECONDS)
        # A process that `up` starts meanwhile has a file of its own only if it is a further one, which is rare.
        for line in sorted((line for file in files for line in file.more()), key=lambda line: line.at):
            if line.is_at_least(level):
                _show(line, as_json=as_json)


def _show(line: LogLine, *, as_json: bool) -> None:
    if as_json:
        fields = line.fields or {"event": "text", "text": line.text, "timestamp": line.at}
        write_json_lines([{"process": line.process, **fields}])
    else:
        print_result(line.rendered(), style=_STYLES.get(line.level))
