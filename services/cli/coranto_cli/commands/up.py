"""`coranto up`: the whole pipeline on one machine, until it is told to stop."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from coranto.admin.feeds import forget_feeds
from coranto.admin.pipeline import connected_to
from coranto.client import new_submission
from coranto_cli.local.plan import SAMPLE_SETTINGS, Plan, health_port, plan_for, refuse_invented_articles
from coranto_cli.local.supervised import StoppedError, stop_on_signals, supervised
from coranto_cli.local.supervisor import Supervisor
from coranto_cli.terminal.console import print_message, print_result
from coranto_cli.terminal.options import DataOption
from coranto_cli.terminal.text import count


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
    """Start Redis, unless CORANTO_REDIS__URL names one, and every service; Ctrl-C stops them.

    Each process serves /ready and /metrics on 127.0.0.1: feeder from port 9400 on, fetcher 9420, extractor 9440, classifier 9460,
    sink 9480, gateway 9500; CORANTO_HEALTH__PORT is the first of them. A port that is taken is replaced by a free one.
    """
    plan = plan_for(
        data,
        scale=scale or (),
        services=service or (),
        settings=SAMPLE_SETTINGS if sample else {},
        health_port=health_port(),
    )
    asyncio.run(_run(plan, is_sample_wanted=sample))


async def _run(plan: Plan, *, is_sample_wanted: bool) -> None:
    if is_sample_wanted:
        refuse_invented_articles(plan)
    async with stop_on_signals() as stop:
        print_message(f"starting {_processes(plan)} in {plan.data}")
        try:
            async with supervised(plan, stop) as supervisor:
                address = "its own Redis" if plan.redis_url is None else "the Redis of CORANTO_REDIS__URL"
                print_result(f"ready: {_processes(plan)} and {address} in {plan.data}; Ctrl-C stops")
                if page := await supervisor.page_address():
                    print_result(f"page: {page}")
                if is_sample_wanted:
                    await _with_sample(supervisor, stop)
                await stop.wait()
                print_message("stopping: services finish the messages they are working on")
        except StoppedError:
            print_message("stopped before everything was ready")
            return
    print_message("stopped")


async def _with_sample(supervisor: Supervisor, stop: asyncio.Event) -> None:
    from coranto_samplesite import SampleSite  # late: a web server that only this option needs

    async with SampleSite() as site, connected_to(supervisor.redis_url) as pipeline:
        await pipeline.client.submit(new_submission(url) for url in site.sources)
        print_result(f"sample site: {site.base_url}/ and {site.wire_url}/, its feeds are submitted")
        try:
            await stop.wait()
        finally:
            await forget_feeds(pipeline, site.sources)


def _processes(plan: Plan) -> str:
    return count(sum(plan.replicas.values()), "service process", "service processes")
