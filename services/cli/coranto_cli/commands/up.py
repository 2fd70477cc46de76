"""`coranto up`: the whole pipeline on one machine, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from coranto.admin.feeds import forget_feeds
from coranto.admin.pipeline import connected_to
from coranto.client import environment, new_submission
from coranto.topology import SERVICES
from coranto_cli.console import print_message, print_result
from coranto_cli.errors import USAGE, CommandError
from coranto_cli.local.supervisor import Plan, Supervisor
from coranto_cli.options import DataOption
from coranto_cli.text import count

SAMPLE_SETTINGS: Mapping[str, str] = {
    # The sample site is on loopback, which nobody may fetch from unless told so.
    "CORANTO_FETCHER__ALLOWED_NETWORKS": "127.0.0.0/8",
    "CORANTO_FEEDER__ALLOWED_NETWORKS": "127.0.0.0/8",
    # It is our own, so there is nobody to be polite to; its robots.txt asks for a pause all the same.
    "CORANTO_FETCHER__MIN_DELAY": "0.02",
    # Its articles keep their dates while the calendar goes on.
    "CORANTO_FEEDER__SITEMAP_SPAN": "0",
    # A correction must be noticed within seconds.
    "CORANTO_FEEDER__FIRST_INTERVAL": "3",
    "CORANTO_FEEDER__SHORTEST_INTERVAL": "3",
    "CORANTO_FEEDER__LONGEST_INTERVAL": "3",
}
"""What the services need to read the sample site."""

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(
    scale: Annotated[
        list[str] | None, typer.Option("--scale", metavar="SERVICE=N", help="Processes of a service; may be repeated.")
    ] = None,
    service: Annotated[
        list[str] | None, typer.Option("--service", metavar="NAME", help="Run this service only; may be repeated.")
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Serve the sample site too, and submit its feeds.")] = False,
    data: DataOption = None,
) -> None:
    """Start Redis, unless CORANTO_REDIS__URL names one, and every service; Ctrl-C stops them."""
    plan = plan_for(data, scale=scale or (), services=service or (), settings=SAMPLE_SETTINGS if sample else {})
    asyncio.run(_run(plan, is_sample_wanted=sample))


def plan_for(
    data: Path | None,
    *,
    scale: Sequence[str] = (),
    services: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    is_fresh: bool = False,
) -> Plan:
    """What to run. Raises CommandError when an option names a service there is none of."""
    directory = environment.data_directory(data)
    return Plan(
        data=directory,
        replicas=parse_replicas(scale, services),
        redis_url=os.environ.get("CORANTO_REDIS__URL"),
        settings=settings or {},
        is_fresh=is_fresh,
        is_data_named=data is not None,
    )


def parse_replicas(scale: Sequence[str], services: Sequence[str]) -> dict[str, int]:
    """Number of processes of each service that is to run. Raises CommandError when the options make no sense."""
    for name in services:
        _known(name)
    replicas = {name: 1 for name in SERVICES if not services or name in services}
    for option in scale:
        name, _, number = option.partition("=")
        _known(name)
        if not number.isdigit() or int(number) > 64:
            raise CommandError(
                f"--scale {option}: expected SERVICE=N with N from 0 to 64, such as extractor=2", exit_code=USAGE
            )
        replicas[name] = int(number)
    return replicas


def _known(name: str) -> None:
    if name not in SERVICES:
        raise CommandError(f"there is no service {name!r}; the services are {', '.join(SERVICES)}", exit_code=USAGE)


async def _run(plan: Plan, *, is_sample_wanted: bool) -> None:
    async with stop_on_signals() as stop:
        print_message(f"starting {_processes(plan)} in {plan.data}")
        try:
            async with supervised(plan, stop) as supervisor:
                address = "its own Redis" if plan.redis_url is None else "the Redis of CORANTO_REDIS__URL"
                print_result(f"ready: {_processes(plan)} and {address} in {plan.data}; Ctrl-C stops")
                if is_sample_wanted:
                    await _with_sample(supervisor, stop)
                await stop.wait()
                print_message("stopping: services finish the messages they are working on")
        except StoppedError:
            print_message("stopped before everything was ready")
            return
    print_message("stopped")


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


async def _with_sample(supervisor: Supervisor, stop: asyncio.Event) -> None:
    from coranto_samplesite import SampleSite  # late: a web server that only this option needs

    async with SampleSite() as site, connected_to(supervisor.redis_url) as pipeline:
        await pipeline.client.submit(new_submission(url, source="sample") for url in site.sources)
        print_result(f"sample site: {site.base_url}/ and {site.wire_url}/, its feeds are submitted")
        try:
            await stop.wait()
        finally:
            await forget_feeds(pipeline, site.sources)


def _processes(plan: Plan) -> str:
    return count(sum(plan.replicas.values()), "service process", "service processes")
