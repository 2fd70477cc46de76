"""The page of public names: all that other programs, dashboards and scripts hold on to, one name per line.

It says nothing about them; the other pages do. Its use is in a diff: whoever renames, adds or removes a public name sees it
there, and so does the reviewer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import coranto
import coranto.client
import coranto.worker.metrics
from coranto.topology import STAGES, STREAMS
from coranto.worker.stage import DELIVERY_REASONS
from generate import commands, logs, metrics
from generate.markdown import block, page
from generate.schemas import event_kinds, record_schema
from generate.services import Service
from generate.settings import CLIENT_VARIABLES, settings_of

_INTRODUCTION = """
Every name that a program outside may depend on. A change here is a change for users: it belongs in the
[changelog](../../CHANGELOG.md).
"""


def render(services: Sequence[Service]) -> str:
    """The page."""
    groups: tuple[tuple[str, Iterable[str]], ...] = (
        ("Settings", _settings(services)),
        ("Metrics", _metrics(services)),
        ("Reasons", _reasons(services)),
        ("Log events", logs.event_names(services)),
        ("Commands and their options", _commands()),
        ("Streams and stages", [f"stream {each.name}" for each in STREAMS] + [f"stage {each.name}" for each in STAGES]),
        ("Records and their fields", _fields()),
        ("Python", _python()),
    )
    sections = [f"## {title}\n\n{block(chr(10).join(sorted(set(names))), 'text')}" for title, names in groups]
    return page("Public names", _INTRODUCTION, *sections, source="all that the other pages describe")


def _settings(services: Sequence[Service]) -> Iterator[str]:
    yield from CLIENT_VARIABLES
    for service in services:
        yield from (each.variable for each in settings_of(service.settings))


def _metrics(services: Sequence[Service]) -> Iterator[str]:
    sources = [Path(coranto.worker.metrics.__file__), *(source for service in services for source in service.sources())]
    for each in metrics.declared_in(sources):
        yield f"{each.name}{{{','.join(each.labels)}}}" if each.labels else each.name


def _reasons(services: Sequence[Service]) -> Iterator[str]:
    yield from DELIVERY_REASONS
    for service in services:
        yield from (f"{service.name}: {reason}" for reason in service.reasons)


def _commands() -> Iterator[str]:
    for command in commands.commands():
        yield command.path
        for option, _ in command.options:
            # `--data <path>`: the name alone, and each name of an option that has several.
            yield from (f"{command.path} {name}" for name in re.findall(r"--?[a-z][a-z-]*", option))


def _fields() -> Iterator[str]:
    for kind in event_kinds():
        schema = record_schema(kind)
        yield from _properties(kind.event_type, schema)
        for name, part in schema.get("$defs", {}).items():
            yield from _properties(name, part)


def _properties(owner: str, schema: dict[str, Any]) -> Iterator[str]:
    yield owner
    yield from (f"{owner}.{name}" for name in schema.get("properties", {}))


def _python() -> Iterator[str]:
    yield from (f"coranto.{name}" for name in coranto.__all__)
    yield from (f"coranto.client.{name}" for name in coranto.client.__all__)
