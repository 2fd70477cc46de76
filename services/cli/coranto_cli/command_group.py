"""Commands that services bring, found through the entry-point group `coranto.commands`.

A service's command is loaded when it is called for, not before: `coranto status` does not wait for the classifier's
imports, and a broken one breaks itself only.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from coranto_cli.errors import CommandError

GROUP = "coranto.commands"


class GroupWithPlugins(TyperGroup):
    """The `coranto` command itself: our commands, and behind them those of the installed services."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands, ours first."""
        own = super().list_commands(ctx)
        return [*own, *sorted(name for name in _installed() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, None when there is none; for a broken one a stand-in that says what is wrong."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or (point := _installed().get(cmd_name)) is None:
            return own
        try:
            return _load(point)
        except Exception as error:  # noqa: BLE001 - a service's module may fail in any way as it is imported
            return _stand_in(point, error)


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _load(point: EntryPoint) -> Any:
    loaded = point.load()
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

    def say_what_is_wrong() -> None:
        raise CommandError(
            f"the command `{point.name}` of {owner} cannot be loaded: {_first_line(error)}; "
            f"install {owner} again with its requirements. The other commands work"
        )

    # Whatever options the real one has, the answer is the same.
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(point.name, help=f"Not available: {_first_line(error)}", context_settings=anything)(say_what_is_wrong)
    command = get_command(app)
    command.name = point.name
    return command


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'no text'}"
