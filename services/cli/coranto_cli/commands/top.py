"""`coranto top`: the stages live."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, get_args

import typer
from redis.exceptions import RedisError
from rich.console import Group, RenderableType
from rich.live import Live

from coranto.admin.pipeline import StageState, connected
from coranto.streams.errors import is_transient
from coranto.streams.interface import OutcomeKind
from coranto_cli.terminal.console import cell, out, print_whole
from coranto_cli.terminal.options import DataOption
from coranto_cli.terminal.stage_table import reason_lines, stage_table


def top(
    interval: Annotated[
        float, typer.Option("--interval", min=0.2, metavar="SECONDS", help="Seconds between refreshes.")
    ] = 1.0,
    count: Annotated[int | None, typer.Option("--count", min=1, metavar="N", help="Stop after N refreshes.")] = None,
    data: DataOption = None,
) -> None:
    """Watch the stages live: backlog, outcomes and throughput. Ctrl-C ends it."""
    asyncio.run(_top(interval, count, data))


async def _top(interval: float, count: int | None, data: Path | None) -> None:
    async with connected(data) as pipeline:
        before, measured_at = await pipeline.state(), time.monotonic()
        with _display(_screen(before, {})) as show:
            shown = 1
            while count is None or shown < count:
                await asyncio.sleep(interval)
                try:
                    states, now = await pipeline.state(), time.monotonic()
                except RedisError as error:
                    if not is_transient(error):
                        raise
                    show(cell(f"Redis does not answer ({error}); trying again"))
                    continue
                show(_screen(states, _rates(before, states, now - measured_at)))
                before, measured_at, shown = states, now, shown + 1


@contextmanager
def _display(first: RenderableType) -> Iterator[Callable[[RenderableType], None]]:
    """Shows one screen over the other on a terminal; one below the other, and whole, where a program reads."""
    if not out.is_terminal:
        print_whole(first)
        yield print_whole
        return
    with Live(first, console=out, auto_refresh=False) as live:
        yield lambda screen: live.update(screen, refresh=True)


def _screen(states: Sequence[StageState], rates: Mapping[str, float]) -> RenderableType:
    return Group(stage_table(states, rates=rates), cell(reason_lines(states), style="dim"))


def _rates(before: Sequence[StageState], after: Sequence[StageState], seconds: float) -> dict[str, float]:
    """Messages settled in each stage, per second."""
    kinds = get_args(OutcomeKind)
    return {
        new.stage: sum(new.count(kind) - old.count(kind) for kind in kinds) / seconds
        for old, new in zip(before, after, strict=True)
    }
