"""The command line's part that makes and revokes tokens: `coranto token add | list | revoke`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from coranto_gateway.command_line import Answer, DataOption, ask_redis, shown_unusable, tell
from coranto_gateway.printable import one_line
from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import Scope, Token

app = typer.Typer(help="Tokens for the gateway.", add_completion=False, no_args_is_help=True)


@app.command("add")
def add_token(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    scope: Annotated[
        list[Scope] | None, typer.Option("--scope", help="What it may do; may be repeated. By default read.")
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, help="Days until it ends; by default it does not.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Make a token and print it. It is shown this once: only its hash is kept."""
    ends_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    scopes = frozenset(scope or [Scope.READ])
    token, text = _with_tokens(data, lambda tokens: tokens.add(name, scopes, ends_at=ends_at))
    tell(f"token {token.id} of {token.name!r} may {_listed(token)}; keep it safe, it is not shown again")
    typer.echo(text)


@app.command("list")
def list_tokens(
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """Show every token: what it may do, when it ends, and when it was used last. Exit code 1 when one cannot be used."""
    tokens, unusable = _with_tokens(data, lambda known: known.all())
    table = Table("Id", "Name", "May", "Made", "Ends", "Last used", box=None)
    now = datetime.now(UTC)
    for token in tokens:
        if as_json:
            shown = token.model_dump(mode="json", exclude={"digest"}, exclude_none=True)
            typer.echo(json.dumps(shown | {"scopes": sorted(token.scopes)}))
            continue
        ends = "never" if token.ends_at is None else f"{token.ends_at:%Y-%m-%d}"
        used = "never" if token.last_used_at is None else f"{token.last_used_at:%Y-%m-%d %H:%M}"
        style = "dim" if token.has_ended(now) else None
        table.add_row(token.id, token.name, _listed(token), f"{token.created_at:%Y-%m-%d}", ends, used, style=style)
    for each in unusable:
        if as_json:
            typer.echo(shown_unusable(each))
        else:
            table.add_row(each.name, "unusable", "", "", "", one_line(each.why), style="red")
    if not as_json:
        Console(highlight=False).print(
            table if tokens or unusable else "No tokens. Make one with: coranto token add NAME", markup=False
        )
    if unusable:
        raise typer.Exit(1)


@app.command("revoke")
def revoke_token(
    ids: Annotated[list[str], typer.Argument(help="Ids as `coranto token list` shows them.")], data: DataOption = None
) -> None:
    """Take tokens back at once. Exit code 3 when one was not known."""

    async def remove(tokens: Tokens) -> list[str]:
        return [identity for identity in ids if not await tokens.remove(identity)]

    unknown = _with_tokens(data, remove)
    for identity in unknown:
        tell(f"no such token: {identity}; see `coranto token list`")
    if unknown:
        raise typer.Exit(3)


def _with_tokens(data: Path | None, use: Callable[[Tokens], Awaitable[Answer]]) -> Answer:
    return ask_redis(data, lambda redis, prefix: use(Tokens(redis, prefix)))


def _listed(token: Token) -> str:
    return ", ".join(sorted(token.scopes))
