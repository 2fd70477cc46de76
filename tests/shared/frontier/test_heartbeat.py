"""Leases that are kept while a request is under way; where one cannot be kept, the request ends before it does."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from tests.conftest import eventually

from coranto.frontier import HostBusy, HostFeedback, HostLease, HostLostError, RedisHostLeases
from coranto.frontier.heartbeat import beating

NO_DELAY = timedelta(0)
STATE = "coranto:{host-host}:lease"


async def acquire(leases: RedisHostLeases, holder: str = "a") -> HostLease:
    answer = await leases.acquire("host", holder, delay=NO_DELAY)
    assert isinstance(answer, HostLease), answer
    return answer


async def test_request_that_takes_longer_than_the_lease_keeps_it_and_its_time_is_known(redis: Redis) -> None:
    leases = RedisHostLeases(redis, lease=timedelta(seconds=4))
    lease = await acquire(leases)
    first_end = int((await redis.hget(STATE, "lease_until")) or 0)  # type: ignore[misc]  # as redis-py types it

    async def is_extended() -> bool:
        return int((await redis.hget(STATE, "lease_until")) or 0) > first_end + 600  # type: ignore[misc]

    async with leases.keep(lease):
        await eventually(is_extended, within_seconds=30, what="two beats")
        assert isinstance(await RedisHostLeases(redis).acquire("host", "b", delay=NO_DELAY), HostBusy)
    pause = await leases.release(lease, HostFeedback.FINE)
    assert pause.fetch_time > timedelta(milliseconds=500), "the beats do not begin the request anew"
    assert not await redis.hexists(STATE, "token")


async def test_request_is_broken_off_when_somebody_else_has_the_host(redis: Redis) -> None:
    leases = RedisHostLeases(redis, lease=timedelta(seconds=1.2))
    lease = await acquire(leases)
    await redis.delete(STATE)
    await acquire(RedisHostLeases(redis), "b")
    with pytest.raises(HostLostError):
        async with leases.keep(lease):
            await asyncio.sleep(60)
    await leases.release(lease, HostFeedback.FINE)
    assert await redis.hexists(STATE, "token"), "the other's lease stands"


async def test_request_is_broken_off_before_a_lease_ends_that_nobody_answers_for() -> None:
    loop = asyncio.get_running_loop()
    began, lasts = loop.time(), timedelta(seconds=0.8)
    asked: list[float] = []

    async def extend() -> bool:
        asked.append(loop.time())
        if len(asked) % 2:
            raise RedisConnectionError("away")
        await asyncio.sleep(60)
        return True

    with pytest.raises(HostLostError):
        async with beating(extend, lasts=lasts, since=began):
            await asyncio.sleep(60)
    assert len(asked) == 2, "asked again after a failure"
    assert loop.time() - began < 60


async def test_nothing_is_begun_under_a_lease_that_may_have_ended() -> None:
    began = []
    with pytest.raises(HostLostError):
        async with beating(
            asyncio.Event().wait, lasts=timedelta(seconds=1), since=asyncio.get_running_loop().time() - 0.8
        ):
            began.append(1)
    assert began == []


async def test_errors_and_time_outs_of_the_request_stay_what_they_are() -> None:
    async def extend() -> bool:
        return True

    for error in (TimeoutError("of the request"), ValueError("of its answer")):
        with pytest.raises(type(error)) as caught:
            async with beating(extend, lasts=timedelta(seconds=30), since=asyncio.get_running_loop().time()):
                raise error
        assert caught.value is error


STOPPED = """
import asyncio, socket, sys
from datetime import timedelta
from redis.asyncio import Redis
from coranto.frontier import HostLostError, RedisHostLeases

async def main(url, port):
    leases = RedisHostLeases(Redis.from_url(url), lease=timedelta(seconds=2))
    lease = await leases.acquire("host", "stopped", delay=timedelta(0))
    try:
        async with leases.keep(lease):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"first")
            await writer.drain()
            await reader.readexactly(1)
            writer.write(b"second")
            await writer.drain()
    except HostLostError:
        sys.exit(7)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_process_that_was_stopped_longer_than_its_lease_asks_no_more(redis: Redis, redis_url: str) -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        loop = asyncio.get_running_loop()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", STOPPED, redis_url, str(server.getsockname()[1])
        )
        connection, _ = await loop.sock_accept(server)
        received.append(await loop.sock_recv(connection, 100))
        os.kill(process.pid, signal.SIGSTOP)
        other = RedisHostLeases(redis)

        async def has_it() -> bool:
            return isinstance(await other.acquire("host", "other", delay=NO_DELAY), HostLease)

        await eventually(has_it, within_seconds=30, what="the lease of the stopped process to end")
        await loop.sock_sendall(connection, b"!")  # the answer that would lead to its next request
        os.kill(process.pid, signal.SIGCONT)
        assert await asyncio.wait_for(process.wait(), 30) == 7
        received.append(await loop.sock_recv(connection, 100))
        connection.close()
    assert received == [b"first", b""], "it hung up, and sent nothing more"
