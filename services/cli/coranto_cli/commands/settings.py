"""`coranto settings`: what a service would run with here, and variables that are probably misspelt."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated

import typer
from pydantic import BaseModel, ValidationError
from rich.table import Table

from coranto.settings import effective_settings
from coranto.topology import SERVICES
from coranto_cli.errors import USAGE, CommandError
from coranto_cli.explanation import explain_settings
from coranto_cli.terminal.console import cell, print_message, print_table, write_json
from coranto_cli.terminal.options import JsonOption

# Read by the client, the command line and the tests, and part of no service's settings.
_FURTHER_VARIABLES = frozenset({"CORANTO_DATA", "CORANTO_SECRETS_DIR", "CORANTO_MATERIAL"})


def settings(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")],
    as_json: JsonOption = False,
) -> None:
    """Show a service's effective settings, secrets masked, and variables that no service uses."""
    if service not in SERVICES:
        raise CommandError(f"there is no service {service!r}; the services are {', '.join(SERVICES)}", exit_code=USAGE)
    kind = _settings_of(service)
    if kind is None:
        raise CommandError(
            f"the service {service} is not installed here; install it with: pip install ./services/{service}"
        )
    unknown = _unknown_variables()
    try:
        values = effective_settings(kind())
    except ValidationError as error:
        raise CommandError("\n".join([explain_settings(error), *_hints(unknown)]), exit_code=USAGE) from error
    if as_json:
        write_json({"service": service, "settings": values, "unknown": unknown})
        return
    defaults = effective_settings(kind.model_construct())
    table = Table.grid(padding=(0, 2))
    for name, value in values.items():
        is_set = _variable_of(name) in {each.upper() for each in os.environ} or defaults.get(name, value) != value
        table.add_row(
            _variable_of(name), cell(str(value)), style="bold" if is_set and name != "consumer_name" else None
        )
    print_table(table)
    for line in _hints(unknown):
        print_message(line, style="yellow")


def _hints(unknown: Mapping[str, str | None]) -> list[str]:
    return [
        f"{name} is set but no service uses it" + (f"; did you mean {nearest}?" if nearest else "")
        for name, nearest in unknown.items()
    ]


def _variable_of(name: str) -> str:
    """The environment variable of a setting such as fetcher.min_delay."""
    return "CORANTO_" + name.replace(".", "__").upper()


def _unknown_variables() -> dict[str, str | None]:
    """Variables that begin with CORANTO_ and that nothing reads, each with the known name nearest to it."""
    known = set(_FURTHER_VARIABLES)
    for service in SERVICES:
        if (kind := _settings_of(service)) is not None:
            known |= set(_variables(kind))
    found: dict[str, str | None] = {}
    for name in sorted(os.environ):
        if name.startswith("CORANTO_") and name not in known:
            nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
            found[name] = nearest[0] if nearest else None
    return found


def _variables(kind: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in kind.model_fields.items():
        yield _variable_of(f"{prefix}{name}")
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _variables(inner, f"{prefix}{name}.")


def _settings_of(service: str) -> type[BaseModel] | None:
    """The service's settings class; None when the service is not installed."""
    try:
        module = import_module(f"coranto_{service}.settings")
    except ImportError:
        return None
    kind: type[BaseModel] = module.Settings
    return kind
