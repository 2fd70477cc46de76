"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

_ASK_AGAIN_SECONDS = 0.5


async def end(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel the tasks and come back when all have ended, also when cancelled meanwhile: that is raised afterwards.

    Asks again and again: a cancellation that arrives while redis-py reads an answer can be swallowed there.
    """
    left = {task for task in tasks if not task.done()}
    cancelled: asyncio.CancelledError | None = None
    while left:
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
