"""The shape of a pipeline: written once, and nobody disagrees with it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

import stand_in
from coranto.admin.pipeline import connected_to
from coranto.settings import LogSettings, PipelineSettings, RedisSettings
from coranto.streams.shape import PipelineMismatchError, agree_on_shape, find_shape
from coranto.topology import FEEDER, Pipeline
from coranto.worker.app import Worker
from coranto.worker.settings import WorkerSettings
from coranto.worker.stage import Stage


def worker(url: str, partitions: int) -> Worker:
    settings = WorkerSettings(
        redis=RedisSettings(url=url),  # type: ignore[arg-type]  # pydantic makes the secret
        pipeline=PipelineSettings(partitions=partitions),
        log=LogSettings(level="error"),
    )
    return Worker(settings, stages=[Stage(FEEDER, stand_in.behave, stand_in.REASONS)])


async def test_the_first_worker_writes_the_shape_and_another_of_it_may_come(redis: Redis, redis_url: str) -> None:
    for partitions in (3, 3):
        stop = asyncio.Event()
        running = asyncio.create_task(worker(redis_url, partitions).serve(stop))
        async with asyncio.timeout(10):
            while await find_shape(redis, "coranto") is None:
                await asyncio.sleep(0.02)
        stop.set()
        await running
    assert await find_shape(redis, "coranto") == Pipeline(3)


async def test_a_worker_of_another_shape_does_not_start(redis: Redis, redis_url: str) -> None:
    await agree_on_shape(redis, Pipeline(4))
    with pytest.raises(PipelineMismatchError, match=r"'coranto' in this Redis has 4 partitions.*told 1.*PARTITIONS=4"):
        await asyncio.wait_for(worker(redis_url, 1).serve(asyncio.Event()), 10)


async def test_the_shape_is_written_again_when_redis_came_back_empty(redis: Redis, redis_url: str) -> None:
    one, stop = worker(redis_url, 3), asyncio.Event()
    running = asyncio.create_task(one.serve(stop))
    async with asyncio.timeout(20):
        while not one.readiness()[0]:
            await asyncio.sleep(0.02)
        await redis.flushall()
        while await find_shape(redis, "coranto") is None:
            await asyncio.sleep(0.02)
    stop.set()
    await running


async def test_another_prefix_is_another_pipeline(redis: Redis) -> None:
    await agree_on_shape(redis, Pipeline(4))
    await agree_on_shape(redis, Pipeline(1, "other"))
    assert await find_shape(redis, "other") == Pipeline(1, "other")
    assert await find_shape(redis, "third") is None


@pytest.mark.parametrize("kept", ['{"version": 2, "partitions": 4}', "[]", "nonsense", '{"version": 1}', "\x00"])
async def test_a_shape_of_another_release_is_refused(redis: Redis, kept: str) -> None:
    await redis.set(Pipeline().shape(), kept)
    with pytest.raises(PipelineMismatchError):
        await find_shape(redis, "coranto")
    with pytest.raises(PipelineMismatchError):
        await agree_on_shape(redis, Pipeline(4))


async def test_the_commands_take_the_shape_and_refuse_another(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await agree_on_shape(redis, Pipeline(4))
    async with connected_to(redis_url) as system:
        assert system.topology == Pipeline(4)
        assert {len(streams) for streams in system.streams.values()} == {4}
    monkeypatch.setenv("CORANTO_PIPELINE__PARTITIONS", "2")
    with pytest.raises(PipelineMismatchError, match="told 2"):
        async with connected_to(redis_url):
            pass


def test_two_workers_of_one_host_and_process_id_have_two_names() -> None:
    # As in containers with one hostname, where each begins to count its processes at 1.
    assert WorkerSettings().consumer_name != WorkerSettings().consumer_name


async def test_a_long_poll_is_not_cut_short(redis: Redis, redis_url: str) -> None:
    one = stand_in.make_worker(redis_url, poll_interval=timedelta(seconds=30))
    stop = asyncio.Event()
    running = asyncio.create_task(one.serve(stop))
    async with asyncio.timeout(10):
        while not one.readiness()[0]:
            await asyncio.sleep(0.02)
    clients = {row["id"]: row for row in await redis.client_list() if row["cmd"] == "xreadgroup"}
    assert len(clients) == 2
    await asyncio.sleep(6)  # redis-py's own time-out is five seconds
    after = {row["id"] for row in await redis.client_list() if row["cmd"] == "xreadgroup"}
    assert after == set(clients)
    stop.set()
    await asyncio.wait_for(running, 15)
