"""The page of commands: the `coranto` command line with every command, argument and option."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from typer.main import get_command

from generate.markdown import block, code, page, table
from generate.services import MissingModuleError, get_module

_INTRODUCTION = """
The commands find the running system by `--data DIR`, by `CORANTO_REDIS__URL`, or in `./coranto-data`: see [settings](settings.md).
Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 refused or not found, 130 interrupted. A file that is named and cannot be
used is wrong usage. When the reader of a pipe has seen enough, as `head` has, a command ends with 0.

With `--json`, a command that lists prints one JSON document per line, and one that shows or does one thing prints one document.
Messages on standard error are JSON lines too: `{"message": …}`, and for what ends the command `{"error": …, "exit_code": …}`.
"""


@dataclass(frozen=True, slots=True)
class Command:
    """One command as it is called, for example `coranto dead list`."""

    path: str
    help: str
    usage: str
    options: tuple[tuple[str, str], ...]


def render() -> str:
    """The page. Raises MissingModuleError when the command line or a service's command is not installed."""
    found = list(commands())
    return page(
        "Commands",
        _INTRODUCTION,
        table(("command", "what it does"), ((_link(each), _first_line(each)) for each in found)),
        *(_section(each) for each in found),
        source="`coranto_cli` and the services' commands",
    )


def commands() -> Iterator[Command]:
    """Every command, those of the services included, in the order `coranto --help` has them."""
    application = get_module("coranto_cli.application", install="./services/cli")
    for point in entry_points(group="coranto.commands"):
        try:
            point.load()  # the command line puts a stand-in where this fails; the page must not show that
        except ImportError as error:
            raise MissingModuleError(f"the command `{point.name}` ({point.value}) cannot be loaded: {error}") from error
    root = get_command(application.app)
    yield from _below(root, root.make_context("coranto", [], resilient_parsing=True), "coranto")


def _below(group: Any, context: Any, path: str) -> Iterator[Command]:
    """The commands of the group. Their classes are click's or typer's own, by version, so they are taken as they are."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command.hidden:
            continue
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        yield _read(command, inner, f"{path} {name}")
        if hasattr(command, "list_commands"):
            yield from _below(command, inner, f"{path} {name}")


def _read(command: Any, context: Any, path: str) -> Command:
    usage = " ".join((path, *command.collect_usage_pieces(context)))
    rows = (_parameter(parameter, context) for parameter in command.params)
    return Command(path, (command.help or "").strip(), usage, tuple(row for row in rows if row is not None))


def _parameter(parameter: Any, context: Any) -> tuple[str, str] | None:
    if getattr(parameter, "hidden", False) or parameter.name == "help":
        return None
    record = parameter.get_help_record(context)
    return None if record is None else (record[0], " ".join(record[1].split()))


def _section(command: Command) -> str:
    options = table(("option", "meaning"), ((code(name), meaning) for name, meaning in command.options))
    parts = (f"## {command.path}", command.help, block(command.usage, ""), options)
    return "\n\n".join(part for part in parts if part)


def _first_line(command: Command) -> str:
    return command.help.partition("\n\n")[0]


def _link(command: Command) -> str:
    return f"[{code(command.path)}](#{command.path.replace(' ', '-')})"
