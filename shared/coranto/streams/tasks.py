"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

_ASK_AGAIN_SECONDS = 0.5


async def end(tasks: Iterable[asyncio.Future[Any]], *, within_seconds: float | None = None) -> None:
    """Cancel the tasks and come back when all have ended, also when cancelled meanwhile: that is raised afterwards.

    Asks again and again: a cancellation that arrives while redis-py reads an answer can be swallowed there.
    A task that is not ours may swallow each of them: with `within_seconds` it is left behind after that.
    """
    left = {task for task in tasks if not task.done()}
    cancelled: asyncio.CancelledError | None = None
    deadline = None if within_seconds is None else time.monotonic() + within_seconds
    while left and (deadline is None or time.monotonic() < deadline):
        for task in left:
            task.cancel()
        try:
            _, left = await asyncio.wait(left, timeout=_ASK_AGAIN_SECONDS)
        except asyncio.CancelledError as error:
            # Whoever ends us asks again too: going now would leave behind what has swallowed its cancellation.
            cancelled = error
            left = {task for task in left if not task.done()}
    if cancelled is not None:
        raise cancelled
