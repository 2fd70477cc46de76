"""What the tests of delivery do with the stand-in: submit to it, run it, read how its messages ended."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis

import stand_in
from coranto.client import AsyncClient, new_submission
from coranto.records import Submission
from coranto.streams.redis import RedisStreams
from coranto.topology import FEEDER, Keys
from coranto.worker.app import Worker

KEYS = Keys()


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[Worker]:
    """The worker, started, and stopped at the end of the block."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.serve(stop))
    try:
        yield worker
    finally:
        stop.set()
        await task


def start_process(url: str, *, log_to: Path | None = None) -> subprocess.Popen[bytes]:
    """The stand-in as a process of its own, to be killed; its log goes to the file where one is given."""
    environment = {**os.environ, "CORANTO_REDIS__URL": url, "CORANTO_LOG__LEVEL": "info" if log_to else "error"}
    log_file = log_to.open("wb") if log_to else None
    try:
        return subprocess.Popen([sys.executable, stand_in.__file__], env=environment, stderr=log_file)
    finally:
        if log_file:
            log_file.close()


async def submit(url: str, *addresses: str) -> list[Submission]:
    """Submit the addresses; what was submitted is returned."""
    submissions = [new_submission(address) for address in addresses]
    async with AsyncClient.from_url(url) as client:
        await client.submit(submissions)
    return submissions


def pages(number: int, query: str = "") -> list[str]:
    """So many addresses of one host."""
    return [f"https://news.example/{index}{query}" for index in range(number)]


async def outcomes(redis: Redis) -> dict[tuple[str, str], int]:
    """How many messages of the stand-in ended how, by outcome and reason."""
    return {**await RedisStreams(redis, FEEDER, KEYS).outcomes()}
