"""Clients that begin a request and do not end it hold no connection for long; streams and those who send are left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from tests.services.gateway.conftest import Serve, Served

SECOND = timedelta(seconds=1)
HEAD = b"HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
GET, POST = b"GET /v1/status " + HEAD, b"POST /v1/submit " + HEAD
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def connection(served: Served) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.gateway.port)
    try:
        yield reader, writer
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (GET, b""),
        (POST + b"Content-Length: 100\r\n\r\n{", b"408 "),
        (CHUNKED + b"1\r\n{\r\n", b"408 "),
        (CHUNKED + b"1000\r\n" + b" " * 4096 + b"\r\n", b"413 "),
    ],
    ids=["nothing", "head", "body", "chunks", "too large and then nothing"],
)
async def test_a_request_that_does_not_end_is_cut_off(serve: Serve, redis: Redis, sent: bytes, answer: bytes) -> None:
    del redis
    async with (
        serve(receive_timeout=SECOND, max_body_bytes=2000) as served,
        connection(served) as (reader, writer),
    ):
        writer.write(sent)
        assert answer in await asyncio.wait_for(reader.read(), 15)


async def test_a_second_request_that_does_not_end_is_cut_off(serve: Serve, redis: Redis) -> None:
    del redis
    async with serve(receive_timeout=SECOND) as served, connection(served) as (reader, writer):
        writer.write(GET + b"\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n")
        writer.write(GET)
        await asyncio.wait_for(reader.read(), 15)


async def test_a_body_that_comes_drop_by_drop_is_cut_off(serve: Serve, redis: Redis) -> None:
    del redis
    async with serve(receive_timeout=SECOND) as served, connection(served) as (reader, writer):
        writer.write(CHUNKED)
        answered = asyncio.create_task(reader.read())
        while not answered.done():
            writer.write(b"1\r\n \r\n")
            await asyncio.wait([answered], timeout=0.1)
        assert b"408 " in answered.result()


async def test_a_stream_outlives_the_time_for_a_request(serve: Serve, redis: Redis) -> None:
    del redis
    async with serve(receive_timeout=SECOND, heartbeat=SECOND) as served, connection(served) as (reader, writer):
        writer.write(b"GET /v1/stream " + HEAD + b"\r\n")
        for _ in range(3):
            await asyncio.wait_for(reader.readuntil(b"\n: "), 10)
