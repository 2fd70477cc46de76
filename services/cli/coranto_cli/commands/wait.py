"""Looking at the running system: `wait`, `status`, `top` and `tail`. Nothing here changes anything in it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from redis.exceptions import RedisError
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table

from coranto.admin.pipeline import DelayedFor, RunningSystem, StageState, connected
from coranto.client import environment
from coranto.records import FinishedArticle, Record
from coranto.records.envelope import FIELD, MalformedEventError, decode
from coranto.streams.errors import is_passing
from coranto.topology import FINISHED, STAGES, Stream
from coranto_cli.article_printing import print_entry
from coranto_cli.console import cell, err, new_table, out, print_table, say, tell, write_json, write_json_lines
from coranto_cli.errors import USAGE, CommandError
from coranto_cli.local.supervisor import ask_ready
from coranto_cli.options import DataOption, JsonOption
from coranto_cli.unread_feeds import unread_feeds

FAR = timedelta(seconds=60)
"""A message that is delayed for longer is named by `coranto wait`: nothing is wrong with it, and it takes its time."""

_LOOK_EVERY_SECONDS = 0.25
_REASONS_SHOWN = 8

RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True, slots=True)
class Stillness:
    """How a wait ended."""

    is_still: bool
    """True when nothing waits, is in hand or is delayed (or, with a horizon, is due before it)."""
    states: Sequence[StageState]
    far: Sequence[DelayedFor] = ()
    """Messages that are delayed beyond the horizon."""
    unread_feeds: Sequence[str] = ()
    """Feeds that have not been read yet, though nothing is in the streams."""


def wait(
    timeout: Annotated[float | None, typer.Option("--timeout", min=0, metavar="SECONDS", help="Longest wait.")] = None,
    data: DataOption = None,
) -> None:
    """Return when nothing waits, is in hand or is delayed in any stage, and every new feed has been read.

    Exit code 1 when the time was over before.
    """
    is_still = asyncio.run(_wait(timeout, data))
    if not is_still:
        raise typer.Exit(1)


async def _wait(timeout_seconds: float | None, data: Path | None) -> bool:
    async with connected(data) as system:
        is_told = False

        async def look(states: Sequence[StageState]) -> None:
            nonlocal is_told
            display.update(cell(describe(states)))
            if not is_told and not any(state.depth.waiting + state.depth.pending for state in states):
                far = await find_far(system, FAR)
                if is_told := bool(far):
                    tell(f"only delayed messages are left; {describe_delayed(far)}")

        with err.status("waiting") as display:
            stillness = await until_done(system, timeout_seconds=timeout_seconds, on_look=look)
    if not stillness.is_still:
        tell(f"not done after {timeout_seconds:g} s: {describe_rest(stillness)}", style="yellow")
    return stillness.is_still


async def until_still(
    system: RunningSystem,
    *,
    timeout_seconds: float | None = None,
    horizon: timedelta | None = None,
    on_look: Callable[[Sequence[StageState]], Any] | None = None,
) -> Stillness:
    """Look until everything is settled, or the time is over.

    With a horizon, messages that are delayed beyond it are not waited for. A Redis that restarts meanwhile is waited
    for like everything else.
    """
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    states: Sequence[StageState] = ()
    while True:
        try:
            states = await system.consistent_state()
            if not any(state.unsettled for state in states):
                return Stillness(True, states)
            if horizon is not None and not any(state.depth.waiting + state.depth.pending for state in states):
                far = await find_far(system, horizon)
                if sum(each.count for each in far) == sum(state.depth.delayed for state in states):
                    return Stillness(True, states, far)
            if on_look is not None:
                await on_look(states)
        except RedisError as error:
            if not is_passing(error):
                raise
        if deadline is not None and time.monotonic() > deadline:
            return Stillness(False, states)
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def until_done(
    system: RunningSystem,
    *,
    timeout_seconds: float | None = None,
    horizon: timedelta | None = None,
    on_look: Callable[[Sequence[StageState]], Any] | None = None,
) -> Stillness:
    """As `until_still`, and until every feed that was handed in has been read and its articles are settled too."""
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds

    def left() -> float | None:
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    while True:
        stillness = await until_still(system, timeout_seconds=left(), horizon=horizon, on_look=on_look)
        if not stillness.is_still:
            return stillness
        try:
            unread = await unread_feeds(system)
        except RedisError as error:
            if not is_passing(error):
                raise
            continue
        if unread:
            if left() == 0:
                return Stillness(False, stillness.states, unread_feeds=unread)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            continue
        # What the feeds brought was in the streams before they counted as read; now it must be settled too.
        again = await until_still(system, timeout_seconds=left(), horizon=horizon, on_look=on_look)
        if not again.is_still or _outcomes(again) == _outcomes(stillness):
            return again


def _outcomes(stillness: Stillness) -> list[Mapping[tuple[str, str], int]]:
    return [state.outcomes for state in stillness.states]


async def find_far(system: RunningSystem, horizon: timedelta) -> list[DelayedFor]:
    """What is delayed for longer than the horizon, stage by stage."""
    found = [await system.delayed_beyond(spec, horizon) for spec in STAGES]
    return [each for each in found if each is not None]


def describe(states: Sequence[StageState]) -> str:
    """What is unsettled, in a line."""
    parts = []
    for state in states:
        depth = state.depth
        numbers = (("waiting", depth.waiting), ("in hand", depth.pending), ("delayed", depth.delayed))
        if found := [f"{number} {name}" for name, number in numbers if number]:
            parts.append(f"{state.stage}: {', '.join(found)}")
    return "; ".join(parts) or "nothing is left"


def describe_rest(stillness: Stillness) -> str:
    """What was not done when the time was over."""
    if stillness.unread_feeds:
        return f"{', '.join(stillness.unread_feeds)} not read yet"
    return describe(stillness.states)


def describe_delayed(delayed: Sequence[DelayedFor]) -> str:
    """What is delayed, where, and for how long."""
    return "; ".join(
        f"{each.count} in the {each.soonest.stage}, the next in {span(each.soonest.seconds_to_go)} ({each.soonest.reason})"
        for each in delayed
    )


def span(seconds: float) -> str:
    """A span of time as people say it: 40 s, 12 min, 3 h."""
    if seconds < 0:
        return "a moment"
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


# --- status and top ----------------------------------------------------------------------------------------------


def status(as_json: JsonOption = False, data: DataOption = None) -> None:
    """Show every stage, what waits there, and the services' own word on whether they are ready."""
    asyncio.run(_status(as_json, data))


async def _status(as_json: bool, data: Path | None) -> None:
    async with connected(data) as system:
        states = await system.state()
    services = await _services(data)
    if as_json:
        write_json({"stages": [as_plain(state) for state in states], "services": services})
        return
    print_table(_table(states, rates=None))
    if reasons := _reasons(states):
        say(reasons, style="dim")
    for name, service in services.items():
        if not service["is_ready"]:
            say(f"{name} is not ready: {service['why']}", style="yellow")
    if services and all(service["is_ready"] for service in services.values()):
        say(f"{len(services)} service processes, all ready")


async def _services(data: Path | None) -> dict[str, dict[str, Any]]:
    """What the service processes of the data directory say of themselves."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted((environment.data_directory(data) / "run").glob("*.address")):
        answer = await ask_ready(file)
        if answer is None:
            found[file.stem] = {"is_ready": False, "why": "it does not answer", "state": {}}
        else:
            found[file.stem] = {"is_ready": answer.is_ready, "why": _why(answer.state), "state": answer.state}
    return found


def _why(state: Mapping[str, Any]) -> str:
    parts = [str(state.get("state", "unknown"))]
    for name, stage in state.get("stages", {}).items():
        if stage.get("breaker") == "open":
            parts.append(f"{name} has stopped reading because of {stage.get('breaker_reason')}")
        if stage.get("redis") not in (None, "ok"):
            parts.append(f"{name} hears nothing from Redis")
    parts += [f"{task} failed: {text}" for task, text in state.get("failed_tasks", {}).items()]
    return "; ".join(parts)


def as_plain(state: StageState) -> dict[str, Any]:
    """The stage's state for JSON."""
    depth = state.depth
    outcomes: dict[str, dict[str, int]] = {}
    for (kind, reason), number in sorted(state.outcomes.items()):
        outcomes.setdefault(kind, {})[reason] = number
    return {
        "stage": state.stage,
        "waiting": depth.waiting,
        "pending": depth.pending,
        "delayed": depth.delayed,
        "dead": depth.dead,
        "oldest_age_seconds": round(depth.oldest_age_seconds, 3),
        "outcomes": outcomes,
    }


def top(
    interval: Annotated[float, typer.Option("--interval", min=0.2, metavar="SECONDS", help="Between two looks.")] = 1.0,
    count: Annotated[int | None, typer.Option("--count", min=1, help="End after so many looks.")] = None,
    data: DataOption = None,
) -> None:
    """Watch the stages live: what waits, what became of messages and how fast. Ctrl-C ends it."""
    asyncio.run(_top(interval, count, data))


async def _top(interval: float, count: int | None, data: Path | None) -> None:
    async with connected(data) as system:
        before, looked_at = await system.state(), time.monotonic()
        with Live(_screen(before, {}), console=out, auto_refresh=False) as live:
            looks = 1
            while count is None or looks < count:
                await asyncio.sleep(interval)
                try:
                    states, now = await system.state(), time.monotonic()
                except RedisError as error:
                    if not is_passing(error):
                        raise
                    live.update(cell(f"Redis does not answer ({error}); looking again"), refresh=True)
                    continue
                live.update(_screen(states, _rates(before, states, now - looked_at)), refresh=True)
                before, looked_at, looks = states, now, looks + 1


def _screen(states: Sequence[StageState], rates: Mapping[str, float]) -> RenderableType:
    return Group(_table(states, rates=rates), cell(_reasons(states), style="dim"))


def _rates(before: Sequence[StageState], after: Sequence[StageState], seconds: float) -> dict[str, float]:
    """Messages settled in each stage, a second."""
    kinds = ("published", "dropped", "retried", "dead")
    return {
        new.stage: sum(new.count(kind) - old.count(kind) for kind in kinds) / seconds
        for old, new in zip(before, after, strict=True)
    }


def _table(states: Sequence[StageState], *, rates: Mapping[str, float] | None) -> Table:
    columns = ["stage", "waiting#", "hand#", "delayed#", "dead#", "oldest#", "published#", "dropped#", "retried#"]
    table = new_table(*columns, *(["per s#"] if rates is not None else []))
    for state in states:
        depth = state.depth
        row = [state.stage, _number(depth.waiting), _number(depth.pending), _number(depth.delayed)]
        row.append(f"[red]{depth.dead}[/red]" if depth.dead else "·")
        row.append(span(depth.oldest_age_seconds) if depth.waiting + depth.pending else "·")
        row += [_number(state.count(kind)) for kind in ("published", "dropped", "retried")]
        if rates is not None:
            row.append(f"{rates.get(state.stage, 0.0):.1f}")
        table.add_row(*row)
    return table


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\N{THIN SPACE}") if value else "·"


def _reasons(states: Sequence[StageState]) -> str:
    """What was dropped, retried and given up, by reason; a line for each stage that has any."""
    lines = []
    for state in states:
        found = [
            (number, f"{kind} {reason} {number}") for (kind, reason), number in state.outcomes.items() if reason != "ok"
        ]
        if found:
            shown = [text for _, text in sorted(found, reverse=True)[:_REASONS_SHOWN]]
            lines.append(f"{state.stage}: {', '.join(shown)}")
    return "\n".join(lines)


def without_reason(detail: str, reason: str) -> str:
    """The detail without the reason it begins with, for places where the reason stands beside it."""
    return detail.removeprefix(f"{reason}: ") if detail != reason else ""


# --- tail --------------------------------------------------------------------------------------------------------


def tail(
    group: Annotated[
        str | None,
        typer.Option(
            "--group", help="Read as this group: articles are acknowledged and shared with its other members."
        ),
    ] = None,
    last: Annotated[int, typer.Option("--last", min=0, metavar="N", help="Begin with the last N articles.")] = 0,
    count: Annotated[int | None, typer.Option("--count", min=1, metavar="N", help="End after N articles.")] = None,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Print finished articles as they come. Ctrl-C ends it."""
    if group is not None and last:
        raise CommandError(
            "--last shows what was announced before; a --group goes on where it was, so name one of them",
            exit_code=USAGE,
        )
    asyncio.run(_tail(group, last, count, as_json, data))


async def _tail(group: str | None, last: int, count: int | None, as_json: bool, data: Path | None) -> None:
    async with connected(data) as system:
        if sys.stdout.isatty() and not as_json:
            tell("waiting for finished articles; Ctrl-C ends")
        subscription: Any = system.client.subscribe(group) if group is not None else None
        articles: Any = subscription or follow(system, FINISHED, FinishedArticle, last=last)
        seen = 0
        async with aclosing(articles):
            async for article in articles:
                if as_json:
                    write_json_lines([article.model_dump(mode="json", exclude_none=True)])
                else:
                    print_entry(out, article)
                    out.print()
                seen += 1
                if seen == count:
                    return


async def positions(system: RunningSystem, stream: Stream) -> dict[str, str]:
    """Where the stream's partitions end at this moment: key to entry id."""
    found: dict[str, str] = {}
    for keys in system.pipeline.all_keys():
        key = keys.stream(stream)
        rows: Any = await system.redis.xrevrange(key, count=1)
        found[key] = rows[0][0].decode() if rows else "0-0"
    return found


async def follow(
    system: RunningSystem,
    stream: Stream,
    expected: type[RecordT],
    *,
    last: int = 0,
    after: Mapping[str, str] | None = None,
) -> AsyncIterator[RecordT]:
    """Records of the stream as they come, read without a group: nothing is kept, acknowledged or held up for us."""
    ends = dict(after) if after is not None else await positions(system, stream)
    for raw in await _last_events(system, stream, last):
        if (record := _find_record(raw, expected)) is not None:
            yield record
    wait_ms = max(1, 1000 // len(ends))
    while True:
        # One call for each partition: on a cluster they are different slots.
        for key in ends:
            try:
                answer: Any = await system.redis.xread({key: ends[key]}, count=50, block=wait_ms)
            except RedisError as error:
                if not is_passing(error):
                    raise
                await asyncio.sleep(0.5)
                continue
            for entry_id, fields in _rows(answer):
                ends[key] = entry_id.decode()
                if (record := _find_record(fields.get(FIELD, b""), expected)) is not None:
                    yield record


async def _last_events(system: RunningSystem, stream: Stream, number: int) -> list[bytes]:
    if not number:
        return []
    found: list[tuple[int, bytes]] = []
    for keys in system.pipeline.all_keys():
        rows: Any = await system.redis.xrevrange(keys.stream(stream), count=number)
        found += [(int(entry_id.split(b"-")[0]), fields.get(FIELD, b"")) for entry_id, fields in rows]
    return [raw for _, raw in sorted(found, key=lambda pair: pair[0])[-number:]]


def _rows(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    found = [rows for _, rows in (answer.items() if isinstance(answer, dict) else answer or ())]
    # RESP3 nests the rows once more than RESP2.
    flat = [
        rows[0] if rows and isinstance(rows[0], list) and rows[0] and isinstance(rows[0][0], list | tuple) else rows
        for rows in found
    ]
    return [(entry_id, fields) for rows in flat for entry_id, fields in rows if fields is not None]


def _find_record(raw: bytes, expected: type[RecordT]) -> RecordT | None:
    try:
        return decode(raw, expected).record
    except MalformedEventError as error:
        tell(f"an entry is skipped: {error}", style="yellow")
        return None
