"""Memory under pressure: what a standing pipeline holds is bounded, and nothing is refused silently."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Redis

import stand_in
from coranto.client import AsyncClient, new_submission
from coranto.streams.redis import RedisStreams
from coranto.topology import DISCOVERED, FEEDER, Keys

KEYS = Keys()
# Stated in docs/operate/failures.md: some 500 bytes for a waiting submission, as much again for what keeps its id known.
BOUND_BYTES = 300_000_000
NUMBER = 200_000
MAX_BACKLOG = 2_000


async def test_200_000_submissions_with_nobody_reading_downstream_stay_under_the_bound(
    redis: Redis, redis_url: str
) -> None:
    await redis.xgroup_create(KEYS.stream(DISCOVERED), "fetcher", id="0", mkstream=True)
    worker = stand_in.make_worker(redis_url, max_backlog=MAX_BACKLOG, concurrency=64)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.serve(stop))
    async with AsyncClient.from_url(redis_url) as client:
        for first in range(0, NUMBER, 20_000):
            numbers = range(first, first + 20_000)
            # Of several hosts: one may fill half of the room that is left.
            receipts = await client.submit(
                new_submission(f"https://n{n % 9}.example/archive/2026/{n}.html") for n in numbers
            )
            assert len(receipts) == 20_000
    await asyncio.sleep(1)
    memory: Any = await redis.info("memory")
    depth = await RedisStreams(redis, FEEDER, KEYS).measure()
    published = int(await redis.xlen(KEYS.stream(DISCOVERED)))
    stop.set()
    await running
    assert int(memory["used_memory"]) < BOUND_BYTES
    assert depth.waiting + depth.pending + published == NUMBER
    assert published <= MAX_BACKLOG + 64 * 2
