"""The command line's part that looks after alerts: `coranto alerts add | list | show | try | log | test | pause | …`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from coranto.store.interface import SearchError
from coranto_cli.articles.stored_articles import opened_store
from coranto_gateway.alerts.alert import Alert, NewAlert, When, shown_recipient
from coranto_gateway.alerts.matching import try_out
from coranto_gateway.alerts.message import Hit
from coranto_gateway.alerts.registry import (
    Alerts,
    AlertState,
    Sent,
    make_alert,
)
from coranto_gateway.command_line import Answer, DataOption, ask_definitions, checked, given, shown_unusable, tell, warn
from coranto_gateway.printable import log_line, one_line

app = typer.Typer(
    help="Alerts: saved searches that tell people of new stories.", add_completion=False, no_args_is_help=True
)

_TEST_WITHIN_SECONDS = 40.0

NameArgument = Annotated[str, typer.Argument(help="Name of the alert.")]
WordsOption = Annotated[str, typer.Option("--words", "-q", help="Words that its articles hold, in any form.")]
WhereOption = Annotated[str, typer.Option("--where", help="Filter that its articles pass.")]


@app.command("add")
def add_alert(
    name: Annotated[str, typer.Argument(help="What to call it: small letters, digits, - and _.")],
    to: Annotated[
        list[str],
        typer.Option(
            "--to",
            help="Whom it tells: mailto:desk@example.org, https://…, slack:https://…, ntfy:https://…/topic, telegram:CHAT, "
            "matrix:!ROOM or apprise:SERVICE://…; may be repeated.",
        ),
    ],
    words: WordsOption = "",
    where: WhereOption = "",
    when: Annotated[
        When, typer.Option("--when", help="At once, or what has come in an hour or a day together.")
    ] = "at_once",
    at: Annotated[str, typer.Option("--at", help="When in the day, for `daily`.")] = "08:00",
    zone: Annotated[str, typer.Option("--zone", help="Zone of these times, such as Europe/Berlin.")] = "UTC",
    quiet: Annotated[
        str | None, typer.Option("--quiet", help="Hours in which nothing is sent, such as 22:00-07:00.")
    ] = None,
    max_age_hours: Annotated[
        int, typer.Option("--max-age-hours", min=1, help="Articles that were older when they were stored tell nobody.")
    ] = 48,
    corrections: Annotated[
        bool, typer.Option("--corrections", help="Tell again when the publisher changes an article of a told story.")
    ] = False,
    data: DataOption = None,
) -> None:
    """Make an alert: it tells of what is stored from now on. Prints the secret that what goes to webhooks is signed with."""
    new = checked(
        NewAlert,
        name=name,
        q=words,
        where=where,
        to=to,
        when=when,
        at=at,
        zone=zone,
        quiet=quiet,
        max_age_hours=max_age_hours,
        corrections=corrections,
    )
    alert = make_alert(new, now=datetime.now(UTC))
    _with_alerts(data, lambda kept: kept.add(alert))
    warn(data, lambda reach: reach.warnings(alert.to))
    secret = "; its secret is not shown again" if alert.secret is not None else ""
    tell(f"alert {name!r} is made{secret}. Next: coranto alerts test {name}")
    if alert.secret is not None:
        typer.echo(alert.secret.text)


@app.command("edit")
def edit_alert(
    name: NameArgument,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", help="Whom it tells from now on, instead of all before; may be repeated."),
    ] = None,
    words: Annotated[
        str | None, typer.Option("--words", "-q", help="Words that its articles hold, in any form; '' for none.")
    ] = None,
    where: Annotated[str | None, typer.Option("--where", help="Filter that its articles pass; '' for none.")] = None,
    when: Annotated[When | None, typer.Option("--when", help="At once, or together.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="When in the day, for `daily`.")] = None,
    zone: Annotated[str | None, typer.Option("--zone", help="Zone of these times, such as Europe/Berlin.")] = None,
    quiet: Annotated[
        str | None, typer.Option("--quiet", help="Hours in which nothing is sent, such as 22:00-07:00; '' for none.")
    ] = None,
    max_age_hours: Annotated[
        int | None,
        typer.Option("--max-age-hours", min=1, help="Articles that were older when they were stored tell nobody."),
    ] = None,
    corrections: Annotated[
        bool | None, typer.Option("--corrections/--no-corrections", help="Tell again when the publisher changes one.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Change the given settings of an alert, even of an unusable one.

    Its secret stays; with its first webhook it gets one, which is printed this once.
    """
    fields = given(
        to=to or None,
        q=words,
        where=where,
        when=when,
        at=at,
        zone=zone,
        quiet=quiet,
        max_age_hours=max_age_hours,
        corrections=corrections,
    )
    if quiet == "":
        fields["quiet"] = None
    alert, secret = _with_alerts(data, lambda kept: kept.edit(name, fields))
    warn(data, lambda reach: reach.warnings(alert.to))
    tell(f"alert {name!r} is changed{'; its secret is not shown again' if secret is not None else ''}")
    if secret is not None:
        typer.echo(secret)


@app.command("try")
def try_alert(
    words: WordsOption = "",
    where: WhereOption = "",
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="Of what was stored in so many days.")] = 7,
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """Show what such an alert would have told of. Nothing is made and nothing is sent. Exit code 3 when it is nothing."""
    new = checked(NewAlert, name="try", q=words, where=where, to=["telegram:0"])
    with opened_store(data) as store:
        try:
            hits = try_out(new, datetime.now(UTC) - timedelta(days=days), store)
        except SearchError as error:
            tell(str(error))
            raise typer.Exit(2) from error
    for hit in hits:
        typer.echo(hit.model_dump_json() if as_json else _line_of(hit))
    if not hits:
        tell(
            f"it would have told of nothing; articles older than {new.max_age_hours} h when they were stored tell nobody"
        )
        raise typer.Exit(3)


@app.command("list")
def list_alerts(
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """List all alerts with their state. Exit code 1 when one is unusable."""
    state = _with_alerts(data, lambda kept: kept.state())
    table = Table("Name", "When", "Standing", "Found", "Last", "Dead", "To", box=None)
    for alert in sorted(state.alerts.values(), key=lambda alert: alert.name):
        to = [shown_recipient(each) for each in alert.to]
        if as_json:
            typer.echo(alert.model_copy(update={"to": to}).model_dump_json(exclude={"secret", "id"}))
            continue
        sent = state.last_sent.get(alert.id)
        table.add_row(
            alert.name,
            f"daily at {alert.at}" if alert.when == "daily" else alert.when.replace("_", " "),
            "paused" if alert.id in state.paused else "active",
            str(len(state.hits.get(alert.id, ()))),
            "never" if sent is None else f"{sent:%Y-%m-%d %H:%M}",
            str(_count_dead(state, alert.id)),
            ", ".join(to),
        )
    for each in state.unusable:
        if as_json:
            typer.echo(shown_unusable(each))
        else:
            table.add_row(each.name, "", "unusable", "", "", "", one_line(each.why), style="red")
    if not as_json:
        Console(highlight=False).print(
            table if state.alerts or state.unusable else "No alerts. See: coranto alerts add --help", markup=False
        )
    if state.unusable:
        raise typer.Exit(1)


@app.command("show")
def show_alert(name: NameArgument, data: DataOption = None) -> None:
    """Show an alert, what it has found and not sent yet, and the messages that were given up, as JSON."""

    async def look(kept: Alerts) -> tuple[Alert, AlertState]:
        return await kept.get(name), await kept.state()

    alert, state = _with_alerts(data, look)
    due, sent = state.due.get(alert.id), state.last_sent.get(alert.id)
    shown = alert.model_dump(mode="json", exclude={"secret", "id"}) | {
        "to": [shown_recipient(each) for each in alert.to],
        "standing": "paused" if alert.id in state.paused else "active",
        "found": [hit.model_dump(mode="json") for hit in state.hits.get(alert.id, ())],
        "found_beyond": state.more.get(alert.id, 0),
        "due_at": due.isoformat() if due is not None else None,
        "sent_at": sent.isoformat() if sent is not None else None,
        "dead_messages": [each.to_show().model_dump(mode="json") for each in state.dead_of(alert.id)],
    }
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))


@app.command("log")
def show_log(
    name: NameArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Lines at most.")] = 20,
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """Show the latest attempts to bring its messages, the last one at the end."""

    async def look(kept: Alerts) -> list[Sent]:
        await kept.get(name)
        return await kept.log(name, limit=limit)

    found = _with_alerts(data, look)
    if not found and not as_json:
        tell("nothing has been sent yet")
    for sent in reversed(found):
        typer.echo(sent.model_dump_json(exclude_none=True) if as_json else _line(sent))


@app.command("test")
def send_test(name: NameArgument, data: DataOption = None) -> None:
    """Have the running gateway send a test to each recipient. Exit code 1 unless all took it."""

    async def ask(kept: Alerts) -> list[Sent]:
        wanted = set(await kept.test(name, now=datetime.now(UTC)))
        deadline = time.monotonic() + _TEST_WITHIN_SECONDS
        while True:
            found = [line for line in await kept.log(name) if line.message in wanted]
            if len(found) == len(wanted):
                return found
            if time.monotonic() > deadline:
                await kept.take_back(wanted)
                return found
            await asyncio.sleep(0.1)

    found = _with_alerts(data, ask)
    for sent in found:
        typer.echo(_line(sent))
    if not found:
        tell(
            f"nothing was sent within {_TEST_WITHIN_SECONDS:g} s, and it is taken back: is a gateway running? See `coranto status`"
        )
    if not found or any(sent.outcome != "delivered" for sent in found):
        raise typer.Exit(1)


@app.command("pause")
def pause_alert(name: NameArgument, data: DataOption = None) -> None:
    """Tell nobody until it is resumed; what is stored meanwhile is not told later."""
    _with_alerts(data, lambda kept: kept.pause(name))


@app.command("resume")
def resume_alert(name: NameArgument, data: DataOption = None) -> None:
    """Tell again, of what is stored from now on."""
    _with_alerts(data, lambda kept: kept.resume(name))


@app.command("redeliver")
def redeliver(name: NameArgument, data: DataOption = None) -> None:
    """Send again the messages that were given up."""
    moved = _with_alerts(data, lambda kept: kept.redeliver(name, now=datetime.now(UTC)))
    tell(f"to be sent again: {moved}")


@app.command("notices")
def show_notices(
    redeliver: Annotated[bool, typer.Option("--redeliver", help="Send them again.")] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Forget them.")] = False,
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """Show the notices for the operator that were given up. Exit code 1 when there are any and nothing is done with them."""
    if redeliver and discard:
        tell("give --redeliver or --discard, and not both")
        raise typer.Exit(2)
    if redeliver:
        tell(f"to be sent again: {_with_alerts(data, lambda kept: kept.redeliver_notices(now=datetime.now(UTC)))}")
        return
    if discard:
        tell(f"discarded: {_with_alerts(data, lambda kept: kept.discard_notices())}")
        return
    dead = _with_alerts(data, lambda kept: kept.dead_notices())
    if not dead and not as_json:
        tell("no notice was given up")
    for each in dead:
        line = f"{each.at:%Y-%m-%d %H:%M} to {each.to}: {each.notice} ({each.dead})"
        typer.echo(each.model_dump_json(exclude_none=True) if as_json else one_line(line))
    if dead:
        raise typer.Exit(1)


@app.command("remove")
def remove_alert(name: NameArgument, data: DataOption = None) -> None:
    """Remove it, with what it had still to send."""
    _with_alerts(data, lambda kept: kept.remove(name))


def _with_alerts(data: Path | None, use: Callable[[Alerts], Awaitable[Answer]]) -> Answer:
    return ask_definitions(data, Alerts, use)


def _count_dead(state: AlertState, alert_id: str) -> int:
    return sum(each.alert == alert_id and each.dead is not None for each in state.messages.values())


def _line_of(hit: Hit) -> str:
    copies = f" (+{hit.copies})" if hit.copies else ""
    return one_line(f"{hit.at:%Y-%m-%d %H:%M} {hit.title}{copies} · {hit.publisher} · {hit.url} · {hit.why}")


def _line(sent: Sent) -> str:
    what = "a test" if not sent.stories else f"{sent.stories} stories"
    start = f"{sent.at:%Y-%m-%d %H:%M:%S} {sent.outcome} ({sent.reason}) {what} to {sent.to}"
    return log_line(start, status=sent.status, elapsed_ms=sent.elapsed_ms, detail=sent.detail, answer=sent.answer)
