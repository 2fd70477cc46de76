"""Keeps a short lease for as long as a request takes, and ends the request before the lease can end.

A lease that were as long as the longest request would keep a host from everybody for a minute when its process is killed. A short
one has to be extended meanwhile, and a process that cannot do so must not go on asking: somebody else may have the host by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from redis.exceptions import RedisError

from coranto.streams.tasks import end

_BEATS_IN_A_LEASE = 4


class HostLostError(Exception):
    """The lease ended, or might have, before the request did; the request was broken off."""


@asynccontextmanager
async def beating(extend: Callable[[], Awaitable[bool]], *, lasts: timedelta, since: float) -> AsyncIterator[None]:
    """Extend a lease, again and again, until the body has ended.

    `extend` extends it by `lasts`, and says whether it still stood; `since` is when it was extended last, by the clock of
    the loop, taken before that was asked for. The body is cancelled a quarter of `lasts` before the lease can end, and
    HostLostError raised in its place.
    """
    loop = asyncio.get_running_loop()
    beat = lasts.total_seconds() / _BEATS_IN_A_LEASE
    longest = lasts.total_seconds() - beat
    if loop.time() >= since + longest:
        raise HostLostError("the lease of the host was lost before it was asked")
    limit = asyncio.timeout_at(since + longest)

    async def extend_it() -> None:
        while True:
            await asyncio.sleep(beat)
            asked_at = loop.time()
            try:
                stands = await extend()
            except (RedisError, OSError):
                continue  # asked again; if none of it is answered, the limit holds
            if limit.expired():
                return
            # By our own clock, and from before the question: the lease began to run later than that.
            limit.reschedule(asked_at + longest if stands else loop.time())

    try:
        async with limit:
            extending = asyncio.create_task(extend_it())
            try:
                yield
            finally:
                await end([extending])
    except TimeoutError as error:
        if limit.expired():
            raise HostLostError("the lease of the host was lost while it was being asked") from error
        raise
