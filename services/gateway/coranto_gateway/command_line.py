"""What the gateway's commands share: where the running system is, its Redis, and how they speak to people."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from redis.asyncio import Redis
from rich.console import Console

from coranto.client import environment
from coranto.streams.connection import connect
from coranto_gateway.definitions import (
    NotAddedError,
    UnknownNameError,
    Unusable,
    UnusableError,
    WrongFieldsError,
    faults_of,
)
from coranto_gateway.reach import Reach, find_reach

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Directory of the running system; else CORANTO_DATA, else ./coranto-data.")
]
Answer = TypeVar("Answer")
Kept = TypeVar("Kept")
Model = TypeVar("Model", bound=BaseModel)


def ask_redis(data: Path | None, ask: Callable[[Redis, str], Awaitable[Answer]]) -> Answer:
    """What `ask` gives, called with the running system's Redis and the prefix of its keys."""

    async def main() -> Answer:
        async with connect(environment.redis_url(data=data)) as redis:
            return await ask(redis, environment.prefix())

    return asyncio.run(main())


def ask_definitions(
    data: Path | None, make: Callable[[Redis, str], Kept], ask: Callable[[Kept], Awaitable[Answer]]
) -> Answer:
    """The same with what is kept of webhooks or alerts. Where it does not go, the user is told why, and the command ends."""
    try:
        return ask_redis(data, lambda redis, prefix: ask(make(redis, prefix)))
    except WrongFieldsError as error:
        tell(str(error))
        raise typer.Exit(2) from error
    except (UnknownNameError, NotAddedError, UnusableError) as error:
        tell(str(error))
        raise typer.Exit(3) from error


def checked(model: type[Model], **fields: object) -> Model:
    """The model with these fields. Where they are wrong, the user is told how, and the command ends with exit code 2."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        for field, told in faults_of(error):
            tell(f"{field}: {told}" if field else told)
        raise typer.Exit(2) from error


def given(**options: object) -> dict[str, object]:
    """The options that were given. Without any, the user is told so, and the command ends with exit code 2."""
    found = {name: value for name, value in options.items() if value is not None}
    if not found:
        tell("give at least one thing to change; see --help")
        raise typer.Exit(2)
    return found


def shown_unusable(unusable: Unusable) -> str:
    """As a line of JSON beside those of what can be used."""
    return json.dumps({"name": unusable.name, "standing": "unusable", "why": unusable.why}, ensure_ascii=False)


def warn(data: Path | None, look: Callable[[Reach], Iterable[str]]) -> None:
    """Tell the user what cannot be reached as the gateway is set up."""
    reach = ask_redis(data, find_reach)
    if reach is None:
        tell("no gateway has started here yet, so nobody knows whether it can reach this address")
        return
    for warning in look(reach):
        tell(f"warning: {warning}")


def tell(text: str) -> None:
    """Say it to whoever typed the command, beside what programs read."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)
