"""Ending tasks for certain, whatever swallows a cancellation."""

from __future__ import annotations

import asyncio

import pytest

from coranto.streams import tasks


@pytest.fixture(autouse=True)
def asked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_ASK_AGAIN_SECONDS", 0.01)


async def swallow(cancellations: int) -> None:
    """Run on until cancelled once more than so many times, as a task inside redis-py may."""
    for _ in range(cancellations):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue
    await asyncio.sleep(60)


async def test_a_task_that_swallows_a_cancellation_is_asked_again() -> None:
    task = asyncio.create_task(swallow(3))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.end([task])
    assert task.cancelled()


async def test_no_task_outlives_the_one_that_started_it() -> None:
    obedient, stubborn = asyncio.create_task(swallow(0)), asyncio.create_task(swallow(5))

    async def parent() -> None:
        try:
            await asyncio.gather(obedient, stubborn)  # ends with the first that is cancelled
        finally:
            await tasks.end([obedient, stubborn])

    task = asyncio.create_task(parent())
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await tasks.end([task])
    assert stubborn.cancelled()
    assert task.cancelled()


async def test_tasks_that_ended_by_themselves_are_left_alone() -> None:
    task = asyncio.create_task(asyncio.sleep(0, "done"))
    await task
    await tasks.end([task])
    assert task.result() == "done"
