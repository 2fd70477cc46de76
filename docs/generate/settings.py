"""The page of settings: every variable of every service, with type, bounds, default and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from coranto.worker.settings import WorkerSettings
from generate.markdown import code, page, table
from generate.services import Service
from generate.text import phrase, span

_INTRODUCTION = """
A service reads its settings once, when it starts, from environment variables, and then from files: a file named like the
variable in lower case, in `/run/secrets` or in the directory that `CORANTO_SECRETS_DIR` names, does as well. A variable
wins over a file. What is in force is logged at the start with secrets masked (`settings.loaded`).

A time span is a number of seconds or an ISO 8601 duration such as `PT5M`. A list or a map is JSON.
"""

_FINDING = """
## Finding the running system

Programs that are no service (the `coranto` command, `coranto.subscribe`, `coranto.submit`) read these.
"""

CLIENT_VARIABLES: Mapping[str, str] = {
    "CORANTO_DATA": "Directory of `coranto up`: its Redis, pages, articles and logs. Default: `coranto-data`.",
    "CORANTO_REDIS__URL": "Address of Redis, where it is not the one in that directory.",
    "CORANTO_PIPELINE__PREFIX": "As for the services. Default: `coranto`.",
    "CORANTO_PIPELINE__PARTITIONS": "As for the services. Default: `1`.",
    "CORANTO_PAGES__PATH": "As for the services: where `coranto submit` puts pages that are handed over.",
    "CORANTO_SINK__DATABASE": "As for the sink: the article store that `coranto show`, `search` and `export` read.",
    "CORANTO_SECRETS_DIR": "Directory of files that stand for variables. Default: `/run/secrets`.",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable."""

    variable: str
    kind: str
    default: str
    description: str


def render(services: Sequence[Service]) -> str:
    """The page."""
    shared = list(settings_of(WorkerSettings))
    return page(
        "Settings",
        _INTRODUCTION,
        "## Every service",
        _table(shared),
        *(_section(service, shared) for service in services),
        _FINDING,
        table(("variable", "meaning"), ((code(name), meaning) for name, meaning in CLIENT_VARIABLES.items())),
        source="the services' `settings.py` and `coranto.worker.settings`",
    )


def settings_of(
    model: type[BaseModel], prefix: str = "CORANTO_", defaults: BaseModel | None = None
) -> Iterator[Setting]:
    """Every variable that the settings class reads; `defaults` where a section has others than its class."""
    described = model.model_json_schema().get("properties", {})
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name}".upper()
        concern = _concern(field)
        if concern is not None:
            factory: Any = field.default_factory
            yield from settings_of(concern, f"{variable}__", factory() if factory not in {None, concern} else None)
        else:
            kind = ", ".join((phrase(described[name]), *_bounds(field)))
            default = _default(field) if defaults is None else _shown(getattr(defaults, name))
            yield Setting(variable, kind, default, field.description or "")


def _section(service: Service, shared: Sequence[Setting]) -> str:
    own = [setting for setting in settings_of(service.settings) if setting not in shared]
    return f"## {service.name.capitalize()}\n\n{_table(own) or 'It has no settings of its own.'}"


def _table(settings: Sequence[Setting]) -> str:
    return table(
        ("variable", "type", "default", "meaning"),
        ((code(each.variable), each.kind, each.default, each.description) for each in settings),
    )


def _concern(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _bounds(field: FieldInfo) -> Iterator[str]:
    """The bounds of a time span, which JSON Schema has no words for."""
    for constraint in field.metadata:
        for attribute, words in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
            bound = getattr(constraint, attribute, None)
            if isinstance(bound, timedelta):
                yield f"{words} {span(bound)}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "none: it must be set"
    if field.default_factory in {dict, list, tuple, set, frozenset}:
        return "empty"
    if field.default_factory is not None:
        return "worked out at the start"
    return _shown(field.default)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return code(str(value).lower())
        case timedelta():
            return span(value)
        case SecretStr():
            return code(value.get_secret_value()) if value.get_secret_value() else "empty"
        case Path():
            return code(value.as_posix())
        case () | [] | "":
            return "empty"
        case tuple() | list() | set() | frozenset():
            return ", ".join(_shown(item) for item in value)
        case dict():
            return ", ".join(f"{code(str(key))}: {_shown(item)}" for key, item in value.items()) or "empty"
        case _:
            return code(str(value))
