"""The sink, killed at one step of storing and announcing: `python dying_sink.py STEP`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from coranto.store.postgresql.writer import PostgresqlArticleStore
from coranto.store.sqlite.writer import SqliteArticleStore
from coranto.streams.announce import Announcer
from coranto.streams.redis import RedisStreams
from coranto.topology import SINK
from coranto_sink.app import create

Method = Callable[..., Awaitable[Any]]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _before(method: Method) -> Method:
    async def dying(*arguments: Any, **named: Any) -> Any:
        _die()
        return await method(*arguments, **named)

    return dying


def _after(method: Method) -> Method:
    async def dying(*arguments: Any, **named: Any) -> Any:
        result = await method(*arguments, **named)
        _die()
        return result

    return dying


def _of_sink(when: Callable[[Method], Method], method: Method) -> Method:
    """Of the commits only those of the sink: its ledger commits too."""
    dying = when(method)

    async def either(streams: RedisStreams, *arguments: Any, **named: Any) -> Any:
        return await (dying if streams.spec is SINK else method)(streams, *arguments, **named)

    return either


Patch = tuple[tuple[type, ...], str, Callable[[Method], Method]]
_STORES = (SqliteArticleStore, PostgresqlArticleStore)
STEPS: dict[str, Patch] = {
    "before_store": (_STORES, "store", _before),
    "stored": (_STORES, "store", _after),
    "before_commit": ((RedisStreams,), "commit", lambda method: _of_sink(_before, method)),
    "committed": ((RedisStreams,), "commit", lambda method: _of_sink(_after, method)),
    "before_mark": (_STORES, "mark_announced", _before),
    "marked": (_STORES, "mark_announced", _after),
    "before_announce": ((Announcer,), "announce", _before),
    "announced": ((Announcer,), "announce", _after),
}

if __name__ == "__main__":
    owners, name, when = STEPS[sys.argv[1]]
    for owner in owners:
        setattr(owner, name, when(getattr(owner, name)))
    create().run()
