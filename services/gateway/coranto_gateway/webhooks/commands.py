"""The command line's part that looks after webhooks: `coranto webhooks add | list | show | log | test | …`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from coranto_gateway.addresses.secret_addresses import shown_address
from coranto_gateway.articles.announcements import NO_STORE, Position
from coranto_gateway.command_line import Answer, DataOption, ask_definitions, checked, given, shown_unusable, tell, warn
from coranto_gateway.definitions import Unusable
from coranto_gateway.printable import log_line, one_line
from coranto_gateway.webhooks.deliveries import Attempt
from coranto_gateway.webhooks.progress import Progress
from coranto_gateway.webhooks.registry import Webhooks, start_of
from coranto_gateway.webhooks.sending import new_test_id
from coranto_gateway.webhooks.set_aside import SetAside
from coranto_gateway.webhooks.webhook import Format, NewWebhook, Webhook, make_webhook, new_secret

app = typer.Typer(
    help="Webhooks: finished articles posted to an address of yours, signed.",
    add_completion=False,
    no_args_is_help=True,
)

_TEST_WITHIN_SECONDS = 30.0

NameArgument = Annotated[str, typer.Argument(help="Name of the webhook.")]
NumbersArgument = Annotated[list[int] | None, typer.Argument(help="Numbers as `coranto webhooks show` gives them.")]


@app.command("add")
def add_webhook(
    name: Annotated[str, typer.Argument(help="What to call it: small letters, digits, - and _.")],
    url: Annotated[str, typer.Argument(help="Address to post to.")],
    where: Annotated[str, typer.Option("--where", help="Filter that its articles pass; by default all.")] = "",
    form: Annotated[Format, typer.Option("--format", help="Form of the article in what is posted.")] = "json",
    at_once: Annotated[int, typer.Option("--at-once", min=1, max=32, help="Requests under way at a time.")] = 4,
    per_minute: Annotated[int | None, typer.Option("--per-minute", min=1, help="Most requests in a minute.")] = None,
    start: Annotated[
        Literal["now", "beginning"], typer.Option("--start", help="`beginning` delivers all that is stored first.")
    ] = "now",
    data: DataOption = None,
) -> None:
    """Make a webhook, and print its secret, which is shown this once."""
    new = checked(NewWebhook, name=name, url=url, where=where, format=form, at_once=at_once, per_minute=per_minute)
    secret, now = new_secret(), datetime.now(UTC)
    webhook = make_webhook(new, now=now, secret=secret)
    _with_webhooks(data, lambda kept: kept.add(webhook, Position(NO_STORE, 0) if start == "beginning" else now))
    warn(data, lambda reach: reach.warnings([webhook.url]))
    tell(f"webhook {name!r} is made; its secret is not shown again. Next: coranto webhooks test {name}")
    typer.echo(secret)


@app.command("edit")
def edit_webhook(
    name: NameArgument,
    url: Annotated[str | None, typer.Option("--url", help="Address to post to.")] = None,
    where: Annotated[
        str | None, typer.Option("--where", help="Filter that its articles pass; '' for all articles.")
    ] = None,
    form: Annotated[Format | None, typer.Option("--format", help="Form of the article in what is posted.")] = None,
    at_once: Annotated[
        int | None, typer.Option("--at-once", min=1, max=32, help="Requests under way at a time.")
    ] = None,
    per_minute: Annotated[
        int | None, typer.Option("--per-minute", min=0, help="Most requests in a minute; 0 for no limit.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Change the given settings of a webhook, even of an unusable one; it keeps its secrets and its place."""
    fields = given(url=url, where=where, format=form, at_once=at_once, per_minute=per_minute)
    if per_minute == 0:
        fields["per_minute"] = None
    webhook = _with_webhooks(data, lambda kept: kept.edit(name, fields))
    warn(data, lambda reach: reach.warnings([webhook.url]))
    tell(f"webhook {name!r} is changed")


@app.command("list")
def list_webhooks(
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """List all webhooks with their state. Exit code 1 when one is failing, disabled or unusable."""

    async def look(kept: Webhooks) -> tuple[list[tuple[Webhook, Progress, tuple[int, int]]], list[Unusable]]:
        usable, unusable = await kept.all()
        return [(each, progress, await kept.counts(each.name)) for each, progress in usable], unusable

    rows, unusable = _with_webhooks(data, look)
    table = Table("Name", "Standing", "Delivered", "Last", "Late", "Dead", "Address", box=None)
    aside = 0
    for webhook, progress, (late, dead) in rows:
        if as_json:
            typer.echo(json.dumps(_shown(webhook, progress, late, dead), ensure_ascii=False))
            continue
        aside += progress.set_aside
        last = "never" if progress.delivered_at is None else f"{progress.delivered_at:%Y-%m-%d %H:%M}"
        style = "red" if progress.standing in ("failing", "disabled") else None
        numbers = (str(number) for number in (late, dead))
        table.add_row(
            webhook.name,
            progress.standing,
            str(progress.delivered),
            last,
            *numbers,
            shown_address(webhook.url),
            style=style,
        )
    for each in unusable:
        if as_json:
            typer.echo(shown_unusable(each))
        else:
            table.add_row(each.name, "unusable", "", "", "", "", one_line(each.why), style="red")
    if not as_json:
        empty = "No webhooks. Make one with: coranto webhooks add NAME URL"
        Console(highlight=False).print(table if rows or unusable else empty, markup=False)
    if aside and not as_json:
        tell(f"rows that could not be read and were set aside: {aside}; see coranto webhooks show NAME")
    if unusable or any(progress.standing in ("failing", "disabled") for _, progress, _ in rows):
        raise typer.Exit(1)


@app.command("show")
def show_webhook(name: NameArgument, data: DataOption = None) -> None:
    """Show a webhook, how far it has got, what it could not deliver, and what could not be read of it, as JSON."""

    async def look(kept: Webhooks) -> dict[str, Any]:
        webhook, dead = await kept.get(name), await kept.dead(name)
        shown = _shown(webhook, await kept.progress(name), (await kept.counts(name))[0], len(dead))
        aside = await kept.set_aside(name)
        return shown | {
            "dead_deliveries": [each.model_dump(mode="json") for each in dead],
            "rows_set_aside": [each.model_dump(mode="json") for each in aside],
        }

    typer.echo(json.dumps(_with_webhooks(data, look), indent=2, ensure_ascii=False))


@app.command("log")
def show_log(
    name: NameArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Lines at most.")] = 20,
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """Show what the receiver answered to the latest attempts, the last one at the end."""

    async def look(kept: Webhooks) -> list[Attempt]:
        await kept.get(name)
        return await kept.log(name, limit=limit)

    for attempt in reversed(_with_webhooks(data, look)):
        typer.echo(attempt.model_dump_json(exclude_none=True) if as_json else _line(attempt))


@app.command("test")
def send_test(name: NameArgument, data: DataOption = None) -> None:
    """Have the running gateway send a test, and show what the receiver answered. Exit code 1 unless it took it."""

    async def ask(kept: Webhooks) -> Attempt | None:
        message_id, deadline = new_test_id(), time.monotonic() + _TEST_WITHIN_SECONDS
        await kept.ask_for_test(name, message_id)
        while time.monotonic() < deadline:
            found = [each for each in await kept.log(name) if each.webhook_id == message_id]
            if found:
                return found[0]
            await asyncio.sleep(0.1)
        return None

    attempt = _with_webhooks(data, ask)
    if attempt is None:
        tell(f"no answer within {_TEST_WITHIN_SECONDS:g} s: is a gateway running? See `coranto status`")
        raise typer.Exit(1)
    typer.echo(_line(attempt))
    if attempt.reason != "ok":
        raise typer.Exit(1)


@app.command("pause")
def pause_webhook(name: NameArgument, data: DataOption = None) -> None:
    """Deliver nothing until it is resumed. It keeps its place."""
    _with_webhooks(data, lambda kept: kept.pause(name))


@app.command("resume")
def resume_webhook(name: NameArgument, data: DataOption = None) -> None:
    """Go on from its place: one that is paused or disabled; one that waits for its next attempt tries at once."""
    _with_webhooks(data, lambda kept: kept.resume(name))


@app.command("reset")
def reset_webhook(
    name: NameArgument,
    start: Annotated[
        Literal["now", "beginning"] | None,
        typer.Option(
            "--start", help="Have it go on from here instead of its place: `beginning` delivers all that is stored."
        ),
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", help="Instead: with what was stored at this time (UTC) or later.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Discard the rows of a webhook that could not be read and were set aside; `coranto webhooks show` lists them."""
    if start is not None and since is not None:
        tell("give --start or --since, and not both")
        raise typer.Exit(2)
    asked = start if since is None else since.replace(tzinfo=since.tzinfo or UTC)

    async def ask(kept: Webhooks) -> int:
        return await kept.reset(name, start_of(asked, datetime.now(UTC)))

    tell(f"rows discarded: {_with_webhooks(data, ask)}")
    if asked is not None:
        tell("set back; the gateway goes on from there")


@app.command("rotate")
def rotate_secret(
    name: NameArgument,
    overlap_hours: Annotated[
        float, typer.Option("--overlap-hours", min=0, max=720, help="Hours for which the old secret is used too.")
    ] = 24,
    data: DataOption = None,
) -> None:
    """Give it another secret, and print it. For a while what is sent has a signature by each of the two."""
    secret = new_secret()

    overlap = timedelta(hours=overlap_hours)
    _with_webhooks(data, lambda kept: kept.rotate(name, secret, datetime.now(UTC), overlap=overlap))
    typer.echo(secret)


@app.command("remove")
def remove_webhook(name: NameArgument, data: DataOption = None) -> None:
    """Remove it, with its log and its dead deliveries."""
    _with_webhooks(data, lambda kept: kept.remove(name))


@app.command("redeliver")
def redeliver(
    name: NameArgument,
    numbers: NumbersArgument = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", help="Instead: all that was stored at this time (UTC) or later, in order."),
    ] = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Instead: all that is stored, in order.")
    ] = False,
    data: DataOption = None,
) -> None:
    """Deliver again, under the same `webhook-id`: dead deliveries, those of these numbers or all."""
    if sum((bool(numbers), since is not None, from_beginning)) > 1:
        tell("give numbers, --since or --from-beginning, and only one of them")
        raise typer.Exit(2)

    async def ask(kept: Webhooks) -> int | None:
        if since is not None:
            await kept.rewind(name, since.replace(tzinfo=since.tzinfo or UTC))
        elif from_beginning:
            await kept.rewind(name, 0)
        else:
            return await kept.redeliver(name, numbers or ())
        return None

    moved = _with_webhooks(data, ask)
    tell("set back; the gateway goes on from there" if moved is None else f"to be delivered again: {moved}")


@app.command("discard")
def discard(name: NameArgument, numbers: NumbersArgument = None, data: DataOption = None) -> None:
    """Forget dead deliveries, those of these numbers or all."""
    tell(f"discarded: {_with_webhooks(data, lambda kept: kept.discard(name, numbers or ()))}")


def _with_webhooks(data: Path | None, use: Callable[[Webhooks], Awaitable[Answer]]) -> Answer:
    return ask_definitions(data, lambda redis, prefix: Webhooks(redis, prefix, _tell_set_aside), use)


async def _tell_set_aside(name: str, row: SetAside) -> None:
    tell(f"webhook {name!r}: a row that cannot be read was set aside ({row.key}: {row.why}); see coranto webhooks show")


def _shown(webhook: Webhook, progress: Progress, late: int, dead: int) -> dict[str, Any]:
    known = webhook.model_dump(mode="json", exclude={"secrets"}) | {"url": shown_address(webhook.url)}
    how = progress.model_dump(mode="json", include={"trouble_since", "trouble", "disabled", "not_before", "delivered"})
    last = progress.delivered_at.isoformat() if progress.delivered_at is not None else None
    position = str(progress.position) if progress.position is not None else None
    shown = known | how | {"delivered_at": last, "standing": progress.standing, "position": position}
    return shown | {"late": late, "dead": dead, "set_aside": progress.set_aside}


def _line(attempt: Attempt) -> str:
    what = attempt.webhook_id if attempt.number is None else f"{attempt.number} {attempt.article} r{attempt.revision}"
    start = f"{attempt.at:%Y-%m-%d %H:%M:%S} {attempt.outcome} ({attempt.reason}) {what}"
    return log_line(
        start, status=attempt.status, elapsed_ms=attempt.elapsed_ms, detail=attempt.detail, answer=attempt.answer
    )
