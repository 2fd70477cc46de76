"""`coranto wait`: returns when the running pipeline has nothing left to do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from coranto.admin.feeds import count_feeds
from coranto.admin.idle import find_long_delays, wait_until_idle
from coranto.admin.pipeline import StageState, connected
from coranto_cli.terminal.console import cell, err, print_message, write_json
from coranto_cli.terminal.options import DataOption, JsonOption
from coranto_cli.terminal.text import count, describe_delays, describe_states, describe_unfinished


def wait(
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, metavar="SECONDS", help="Give up after so many seconds.")
    ] = None,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Wait until nothing is waiting, in flight or delayed in any stage, and every new feed has been read.

    Exit code 1 when the timeout came first.
    """
    is_idle = asyncio.run(_wait(timeout, data))
    if as_json:
        write_json({"idle": is_idle})
    if not is_idle:
        raise typer.Exit(1)


async def _wait(timeout_seconds: float | None, data: Path | None) -> bool:
    async with connected(data) as pipeline:
        is_announced = False

        async def show(states: Sequence[StageState]) -> None:
            nonlocal is_announced
            display.update(cell(describe_states(states)))
            if not is_announced and not any(state.depth.waiting + state.depth.pending for state in states):
                delays = await find_long_delays(pipeline)
                if is_announced := bool(delays):
                    print_message(f"only delayed messages are left: {describe_delays(delays)}")

        with err.status("waiting") as display:
            result = await wait_until_idle(pipeline, timeout_seconds=timeout_seconds, on_check=show)
        if not result.is_idle:
            print_message(f"not done after {timeout_seconds:g} s: {describe_unfinished(result)}", style="yellow")
        elif feeds := await count_feeds(pipeline):
            # Their next polls are no work that is left: there is always a next one.
            print_message(f"done; {count(feeds, 'feed')} to be polled again when due: see `coranto feeds list`")
        else:
            print_message("done; there are no feeds, so nothing comes unless you submit it or add one")
        return result.is_idle
