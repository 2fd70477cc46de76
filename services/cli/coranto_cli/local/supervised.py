"""The pipeline of a plan, up and ready until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from coranto_cli.local.plan import Plan
from coranto_cli.local.supervisor import Supervisor
from coranto_cli.terminal.console import print_message

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(Exception):
    """The user asked to stop before the system was ready."""


@asynccontextmanager
async def supervised(plan: Plan, stop: asyncio.Event) -> AsyncIterator[Supervisor]:
    """The system, ready. Raises StoppedError when `stop` is set before."""
    async with Supervisor(plan, report=print_message) as supervisor:
        ready, stopped = asyncio.ensure_future(supervisor.ready()), asyncio.ensure_future(stop.wait())
        await asyncio.wait([ready, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not ready.done():
            ready.cancel()
            with suppress(asyncio.CancelledError):
                await ready
            raise StoppedError
        ready.result()
        yield supervisor


@asynccontextmanager
async def stop_on_signals() -> AsyncIterator[asyncio.Event]:
    """An event that SIGINT, SIGTERM and SIGHUP set; further ones are left alone, so that stopping is not cut short."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Under nohup SIGHUP is ignored, and stays so.
    numbers = [number for number in _STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
