"""The `coranto` command's list of commands: our own by name, those of installed services by entry point.

Each is imported when it is called, not before: `coranto --help` imports none, and a service's broken command breaks
itself only. For the list of commands their help is read from the source text instead.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from coranto_cli.errors import CommandError

GROUP = "coranto.commands"

OWN: Mapping[str, str] = {
    "run": "coranto_cli.commands.run:run",
    "up": "coranto_cli.commands.up:up",
    "submit": "coranto_cli.commands.submit:submit",
    "try": "coranto_cli.commands.try_:try_",
    "wait": "coranto_cli.commands.wait:wait",
    "tail": "coranto_cli.commands.tail:tail",
    "top": "coranto_cli.commands.top:top",
    "status": "coranto_cli.commands.status:status",
    "show": "coranto_cli.commands.show:show",
    "why": "coranto_cli.commands.why:why",
    "sources": "coranto_cli.commands.sources:sources",
    "identity": "coranto_cli.commands.identity:app",
    "dead": "coranto_cli.commands.dead:app",
    "groups": "coranto_cli.commands.groups:app",
    "logs": "coranto_cli.commands.logs:logs",
    "export": "coranto_cli.commands.export:export",
    "search": "coranto_cli.commands.search:search",
    "reprocess": "coranto_cli.commands.reprocess:reprocess",
    "pages": "coranto_cli.commands.pages:app",
    "forget": "coranto_cli.commands.forget:forget",
    "prune": "coranto_cli.commands.prune:prune",
    "backup": "coranto_cli.commands.backup:backup",
    "restore": "coranto_cli.commands.restore:restore",
    "store": "coranto_cli.commands.store:app",
    "topology": "coranto_cli.commands.topology:topology",
    "settings": "coranto_cli.commands.settings:settings",
}
"""Our commands in the order of `coranto --help`: the module and name of a function or a Typer application."""


class CommandGroup(TyperGroup):
    """The `coranto` command itself: our commands, and behind them those of the installed services."""

    _is_listing = False

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of all commands, ours first."""
        return [*OWN, *sorted(name for name in _installed() if name not in OWN)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - click's signature
        """The command of this name, None when there is none; for a broken one a stand-in that says what is wrong."""
        point = EntryPoint(cmd_name, OWN[cmd_name], GROUP) if cmd_name in OWN else _installed().get(cmd_name)
        if point is None:
            return None
        if self._is_listing and (help_text := find_help(point.value)) is not None:
            return TyperCommand(cmd_name, help=help_text)
        if cmd_name in OWN:
            return _load(point)
        try:
            return _load(point)
        except Exception as error:  # noqa: BLE001 - a service's module may fail in any way as it is imported
            return _stand_in(point, error)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the words name. The error for an unknown one says which it may have been."""
        near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1) if args else []
        if near and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, for which no command is imported."""
        with self._listing():
            super().format_help(ctx, formatter)

    @contextmanager
    def _listing(self) -> Iterator[None]:
        self._is_listing = True
        try:
            yield
        finally:
            self._is_listing = False


def find_help(value: str) -> str | None:
    """The help of the command at `module:name`, read without importing it; None when the source does not tell.

    It is the docstring of the function of that name; of a Typer application its `help`, else the docstring of the
    function that it calls.
    """
    module, _, name = value.partition(":")
    help_text = None
    for node in _statements(module):
        match node:
            case ast.FunctionDef(name=found) if found == name or (help_text is None and _is_called_by(name, node)):
                help_text = ast.get_docstring(node)
            case ast.Assign(targets=[ast.Name(id=found)], value=ast.Call(keywords=keywords)) if found == name:
                values = [
                    word.value.value for word in keywords if word.arg == "help" and isinstance(word.value, ast.Constant)
                ]
                help_text = next((text for text in values if isinstance(text, str)), None)
    return help_text


def _is_called_by(application: str, function: ast.FunctionDef) -> bool:
    """Whether the function is decorated as the application's callback or command."""
    calls = [each.func for each in function.decorator_list if isinstance(each, ast.Call)]
    return any(
        isinstance(call, ast.Attribute)
        and isinstance(call.value, ast.Name)
        and call.value.id == application
        and call.attr in ("callback", "command")
        for call in calls
    )


def _statements(module: str) -> list[ast.stmt]:
    """The module's statements; none when it is not there or is not Python, which its import will say better."""
    with suppress(ImportError, ValueError, OSError, SyntaxError):
        # find_spec imports the packages around a module, which are empty; of the module itself it only finds the file.
        spec = find_spec(module)
        if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
            return ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
    return []


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _load(point: EntryPoint) -> Any:
    loaded = getattr(import_module(point.module), point.attr)
    if not isinstance(loaded, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(point.name)(loaded)
        loaded = app
    command = get_command(loaded)
    command.name = point.name
    return command


def _stand_in(point: EntryPoint, error: Exception) -> Any:
    owner = point.dist.name if point.dist is not None else point.value
    app = typer.Typer(add_completion=False)

    def fail() -> None:
        raise CommandError(
            f"the command `{point.name}` of {owner} cannot be loaded: {_first_line(error)}; "
            f"install {owner} again with its requirements. The other commands work"
        )

    # Whatever options the real one has, the answer is the same.
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(point.name, help=f"Not available: {_first_line(error)}", context_settings=anything)(fail)
    command = get_command(app)
    command.name = point.name
    return command


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'no text'}"
