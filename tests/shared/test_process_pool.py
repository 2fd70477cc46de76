"""Calls in processes of their own: what ends one, and what the next one finds."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from multiprocessing import forkserver

import pytest

from coranto.process_pool import OverdueError, ProcessLostError, ProcessPool


@pytest.fixture
async def processes() -> AsyncIterator[ProcessPool]:
    one = ProcessPool(1, deadline=timedelta(seconds=20), max_bytes=1_000_000_000)
    await one.start()
    yield one
    await one.stop()


async def test_a_call_gives_what_the_function_returns_or_raises(processes: ProcessPool) -> None:
    assert await processes.call(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await processes.call(divmod, 7, 0)


async def test_a_call_that_takes_too_long_is_ended_and_the_next_one_is_answered(processes: ProcessPool) -> None:
    processes.deadline = timedelta(milliseconds=200)
    with pytest.raises(OverdueError, match=r"longer than 0\.2 s"):
        await processes.call(time.sleep, 60)
    processes.deadline = timedelta(seconds=20)
    assert await processes.call(divmod, 7, 2) == (3, 1)


async def test_a_process_that_dies_is_told_and_replaced(processes: ProcessPool) -> None:
    with pytest.raises(ProcessLostError, match="exit code 9"):
        await processes.call(os._exit, 9)
    assert await processes.call(divmod, 7, 2) == (3, 1)


async def test_a_call_that_takes_too_much_memory_is_told(processes: ProcessPool) -> None:
    with pytest.raises(ProcessLostError, match="1000000000 bytes of memory"):
        await processes.call(bytes, 2_000_000_000)
    assert await processes.call(divmod, 7, 2) == (3, 1)


async def test_a_cancelled_call_ends_its_process(processes: ProcessPool) -> None:
    before = await processes.call(os.getpid)
    call = asyncio.create_task(processes.call(time.sleep, 60))
    await asyncio.sleep(0.5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await processes.call(os.getpid) != before


async def test_calls_go_on_after_the_server_that_forks_the_processes_was_killed(processes: ProcessPool) -> None:
    call = asyncio.create_task(processes.call(time.sleep, 60))
    await asyncio.sleep(0.5)
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)  # the standard library names it nowhere else
    async with asyncio.timeout(20):
        with pytest.raises(ProcessLostError):
            await call
        assert await processes.call(divmod, 7, 2) == (3, 1)


def test_a_server_that_was_started_early_forks_the_processes_of_a_pool_with_its_modules() -> None:
    program = """
import asyncio
from datetime import timedelta
from coranto.process_pool import ProcessPool, start_server

async def look():
    pool = ProcessPool(1, deadline=timedelta(seconds=60))
    try:
        return await pool.call(eval, "'colorsys' in __import__('sys').modules")
    finally:
        await pool.stop()

if __name__ == "__main__":
    start_server(preload=["colorsys"])
    print(asyncio.run(look()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.strip(), done.returncode) == ("True", 0), done.stderr
