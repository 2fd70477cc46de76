"""Ctrl-C as the wish to end a subscription: the current article is finished, then the loop ends, without a traceback.

Only where the program has left the signal to Python, in its main thread, or to `asyncio.run` in its main task. A second
Ctrl-C does what the first would have done.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def on_interrupt(end: Callable[[], object], *, within_loop: bool) -> Iterator[None]:
    """Call `end` for the first Ctrl-C inside the block, if it is ours to take; it runs in the signal handler."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    is_ours = _is_of_main_task(before) if within_loop else before is signal.default_int_handler
    if not is_ours:
        yield
        return

    def first(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        signal.signal(signal.SIGINT, before)
        end()

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is first:
            signal.signal(signal.SIGINT, before)


def _is_of_main_task(handler: object) -> bool:
    """Whether it is the handler of `asyncio.run`, which cancels its main task, and that task is the one that asks."""
    arguments = getattr(handler, "keywords", None)
    return isinstance(arguments, dict) and arguments.get("main_task", handler) is asyncio.current_task()
