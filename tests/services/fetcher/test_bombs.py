"""Everything that is made to take memory or time, all at once: how much of both a fetcher spends on it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from tests.harness.event_loop import watched_loop
from tests.harness.hostile_server import BEHAVIOURS, misbehaving

from coranto_fetcher.settings import FetcherSettings
from coranto_fetcher.single_fetch import SingleFetcher

pytestmark = pytest.mark.slow

MOST_BYTES = 300_000_000
LONGEST_STALL_SECONDS = 0.1
BOMBS = [name for name, behaviour in BEHAVIOURS.items() if behaviour.is_bomb]
COPIES = 4
LARGEST = "page of nearly all the bytes that are allowed"
_MEASURED = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "coranto_cli", "fetch", "--lines"])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024, file=sys.stderr)
sys.exit(done.returncode)
"""


@asynccontextmanager
async def bombs() -> AsyncIterator[list[tuple[str, str]]]:
    """More hosts than a fetcher asks at a time: names and addresses."""
    async with AsyncExitStack() as stack:
        copies = [await stack.enter_async_context(misbehaving(*BOMBS)) for _ in range(COPIES)]
        copies += [await stack.enter_async_context(misbehaving(LARGEST)) for _ in range(30)]
        yield [pair for copy in copies for pair in copy.items()]


async def test_memory_of_a_fetcher_under_all_bombs_is_bounded() -> None:
    async with bombs() as found:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _MEASURED),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"CORANTO_FETCHER__ALLOWED_NETWORKS": "127.0.0.0/8", "CORANTO_FETCHER__MIN_DELAY": "0"},
        )
        lines, told = await process.communicate("".join(f"{url}\n" for _, url in found).encode())
    assert process.returncode == 0, told.decode()
    reports = [json.loads(line) for line in lines.splitlines()]
    for (name, _), report in zip(found, reports, strict=True):
        assert (report["outcome"], report["reason"]) == (BEHAVIOURS[name].outcome, BEHAVIOURS[name].reason), name
    peak = int(told.split()[-1])
    print(f"{len(found)} bombs, peak of {peak / 1e6:.0f} MB")
    assert peak < MOST_BYTES


async def test_loop_is_never_held_up_for_long() -> None:
    settings = FetcherSettings(
        allowed_networks=["127.0.0.0/8"], min_delay=timedelta(0), total_timeout=timedelta(seconds=10), max_redirects=5
    )
    quick = [name for name, behaviour in BEHAVIOURS.items() if behaviour.reason != "timeout"]
    async with misbehaving(*quick) as addresses, bombs() as found, SingleFetcher(settings) as fetcher:
        with watched_loop() as watch:
            reports = await asyncio.gather(*(fetcher.fetch(url) for _, url in [*addresses.items(), *found]))
    print(f"{len(reports)} fetches, longest stall {watch}")
    assert watch.cpu_seconds < LONGEST_STALL_SECONDS, str(watch)
