"""`coranto show`, `coranto topology` and `coranto settings`: what is stored, connected and in force."""

from __future__ import annotations

import asyncio
import difflib
import importlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ValidationError
from redis.exceptions import RedisError
from rich.table import Table

from coranto.admin.find_article import ArticleRef, Location, find_locations
from coranto.admin.pipeline import connected
from coranto.client import environment
from coranto.client.environment import NotRunningError
from coranto.records import FinishedArticle
from coranto.settings import in_force
from coranto.store.interface import LedgerLine
from coranto.topology import DROPPED, FINISHED, SERVICES, STAGES, STREAMS, Keys, readers_of
from coranto_cli.article_printing import print_article
from coranto_cli.commands.watching import span, without_reason
from coranto_cli.console import cell, out, print_table, say, tell, write_json
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError, explain_settings
from coranto_cli.options import DataOption, JsonOption
from coranto_cli.stored_articles import opened_library

# Read by the client and the command line, and part of no service's settings.
_FURTHER_VARIABLES = frozenset({"CORANTO_DATA", "CORANTO_SECRETS_DIR", "CORANTO_MATERIAL"})


def show(
    article: Annotated[str, typer.Argument(metavar="URL|ID", help="Address, id, or path of a saved page.")],
    revisions: Annotated[bool, typer.Option("--revisions", help="Every stored revision, first to latest.")] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Show a stored article, or why there is none and where it is. Exit code 3 when it is not stored."""
    key = ArticleRef.of(article)
    stored, ledger = _read_library(key, data)
    places, is_running = asyncio.run(_look(key, data))
    if as_json:
        write_json(
            {
                "record": stored[-1].model_dump(mode="json", exclude_none=True) if stored else None,
                "revisions": [each.model_dump(mode="json", exclude_none=True) for each in stored]
                if revisions
                else None,
                "ledger": [_plain_line(line) for line in ledger],
                "whereabouts": [_plain_location(place) for place in places],
            }
        )
    else:
        for record in stored if revisions else stored[-1:]:
            print_article(out, record)
        _explain_absence(key, stored, ledger, places, is_running=is_running)
    if not stored:
        raise typer.Exit(NOT_FOUND)


def _read_library(key: ArticleRef, data: Path | None) -> tuple[list[FinishedArticle], list[LedgerLine]]:
    with opened_library(data, may_be_missing=True) as library:
        for name in (key.text, *sorted(key.ids)):
            stored, ledger = library.revisions_of(name), library.ledger_of(name)
            if stored or ledger:
                return stored, ledger
    return [], []


async def _look(key: ArticleRef, data: Path | None) -> tuple[list[Location], bool]:
    """Where the article is in the running system, and whether there is one to look into."""
    try:
        async with connected(data) as system:
            return await find_locations(system, key), True
    except (NotRunningError, RedisError, TimeoutError):
        return [], False


def _explain_absence(
    key: ArticleRef,
    stored: list[FinishedArticle],
    ledger: list[LedgerLine],
    places: list[Location],
    *,
    is_running: bool,
) -> None:
    for place in places:
        say(f"It {_in_words(place)}.", style="yellow")
    if stored:
        return
    for line in ledger:
        detail = without_reason(line.detail or "", line.reason)
        seen = f": {detail}" if detail else ""
        say(f"{line.at:%Y-%m-%d %H:%M:%S} UTC  {line.outcome} by the {line.stage}: {line.reason}{seen}")
    if not places and not ledger:
        say(f"Nothing is known of {key.text}.")
        if not is_running:
            tell("No running system was found, so its streams were not looked into; say where it is with --data DIR.")
        else:
            tell(f"Submit it with: coranto submit {key.text}" if "://" in key.text else "Look it up by its address.")


def _in_words(place: Location) -> str:
    match place.state:
        case "waiting":
            return f"waits for the {place.stage}"
        case "in_flight":
            return f"is in flight in the {place.stage} (worker {place.worker}, for {span(place.seconds or 0)})"
        case "delayed":
            due = span(place.seconds or 0)
            return f"is delayed in the {place.stage} because of {place.reason}, due in {due}, after {place.attempts} attempts"
        case "dead":
            error = f"{place.reason}: {place.error}"
            return f"is a dead letter of the {place.stage} because of {error} (`coranto dead show {place.letter}`)"


def _plain_location(place: Location) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(place).items() if value is not None}
    return {**facts, "text": _in_words(place)}


def _plain_line(line: LedgerLine) -> dict[str, Any]:
    names = ("url", "stage", "outcome", "reason", "detail")
    return {name: getattr(line, name) for name in names} | {"at": line.at.isoformat()}


# --- topology ----------------------------------------------------------------------------------------------------


def topology(as_json: JsonOption = False) -> None:
    """Draw the pipeline: streams, what they carry, and which service's stage reads and writes them."""
    keys = environment.pipeline().all_keys()
    if as_json:
        write_json(
            {
                "partitions": len(keys),
                "streams": [
                    {
                        "name": stream.name,
                        "key": [each.stream(stream) for each in keys],
                        "carries": stream.carries.event_type,
                        "is_replayable": stream.is_replayable,
                        "readers": [stage.name for stage in readers_of(stream)],
                    }
                    for stream in STREAMS
                ],
                "stages": [
                    {
                        "name": stage.name,
                        "service": _service_of(stage.name),
                        "reads": stage.reads.name,
                        "writes": stage.writes.name if stage.writes else None,
                    }
                    for stage in STAGES
                ],
            }
        )
        return
    for line in drawing(keys[0]):
        say(line)


def drawing(keys: Keys) -> Iterator[str]:
    """The pipeline, line by line."""
    width = max(len(stream.name) for stream in STREAMS)
    for stage in STAGES:
        reads = stage.reads
        if reads is DROPPED:
            yield ""
            yield "every stage"
            yield "  │  what ended early, and why"
            yield "  ▼"
        yield f"{reads.name:<{width}}  {reads.carries.event_type}  [{keys.stream(reads)}]"
        yield "  │"
        yield f"  ├─ {stage.name}" + (
            f" (in the {service})" if (service := _service_of(stage.name)) != stage.name else ""
        )
        yield "  ▼"
        if stage.writes is FINISHED:
            yield f"{FINISHED.name:<{width}}  {FINISHED.carries.event_type}  [{keys.stream(FINISHED)}]"
            yield "  │"
            yield "  ▼"
            yield "subscribers"
        elif stage.writes is None:
            yield "the library's account of every article"


def _service_of(stage: str) -> str:
    return next(service for service, stages in SERVICES.items() if any(spec.name == stage for spec in stages))


# --- settings ----------------------------------------------------------------------------------------------------


def settings(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")],
    as_json: JsonOption = False,
) -> None:
    """Show the settings of a service as they are in force here, secrets masked, and variables that nobody reads."""
    if service not in SERVICES:
        raise CommandError(f"there is no service {service!r}; the services are {', '.join(SERVICES)}", exit_code=USAGE)
    kind = _settings_of(service)
    if kind is None:
        raise CommandError(
            f"the service {service} is not installed here; install it with: pip install ./services/{service}"
        )
    unknown = unknown_variables()
    try:
        values = in_force(kind())
    except ValidationError as error:
        raise CommandError("\n".join([explain_settings(error), *_meant(unknown)]), exit_code=USAGE) from error
    if as_json:
        write_json({"service": service, "settings": values, "unknown": unknown})
        return
    defaults = in_force(kind.model_construct())
    table = Table.grid(padding=(0, 2))
    for name, value in values.items():
        is_set = variable_of(name) in {each.upper() for each in os.environ} or defaults.get(name, value) != value
        table.add_row(variable_of(name), cell(str(value)), style="bold" if is_set and name != "worker_name" else None)
    print_table(table)
    for line in _meant(unknown):
        tell(line, style="yellow")


def _meant(unknown: Mapping[str, str | None]) -> list[str]:
    return [
        f"{name} is set, and nobody reads it" + (f"; did you mean {nearest}?" if nearest else "")
        for name, nearest in unknown.items()
    ]


def variable_of(name: str) -> str:
    """The environment variable of a setting such as fetcher.min_delay."""
    return "CORANTO_" + name.replace(".", "__").upper()


def unknown_variables() -> dict[str, str | None]:
    """Variables that begin like ours and that nothing here reads, each with the known name nearest to it."""
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
        yield variable_of(f"{prefix}{name}")
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _variables(inner, f"{prefix}{name}.")


def _settings_of(service: str) -> type[BaseModel] | None:
    """The service's settings class; None when the service is not installed."""
    try:
        module = importlib.import_module(f"coranto_{service}.settings")
    except ImportError:
        return None
    kind: type[BaseModel] = module.Settings
    return kind
