"""How hosts take turns in front of `submitted`, on a real Redis: what is handed in is read host by host, and none of it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from tests.conftest import eventually

from coranto.admin.find_article import ArticleRef, find_locations
from coranto.admin.pipeline import ConnectedPipeline
from coranto.admin.redis_state import dump, load
from coranto.client import AsyncClient, TooMuchWaitingError, new_submission
from coranto.records import Submission
from coranto.records.envelope import FIELD, decode
from coranto.streams.errors import is_transient
from coranto.streams.host_queues import MOST_IN_STREAM
from coranto.streams.redis import RedisStreams
from coranto.streams.tasks import end
from coranto.topology import FEEDER, FETCHER, SUBMITTED, Keys, Pipeline
from coranto.worker.host_turns import HostTurns

KEYS = Keys()
STREAM = KEYS.stream(SUBMITTED)


def pages(host: str, count: int, *, priority: Literal["live", "backlog"] = "live") -> list[Submission]:
    made = [new_submission(f"https://{host}/{priority}/{number}") for number in range(count)]
    return [page.model_copy(update={"priority": priority}) for page in made]


class Reader:
    """Reads like a feeder, some at a time; between two reads hosts have their turns."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.turns = HostTurns(redis, Pipeline(), FEEDER)

    async def read(self, count: int) -> list[str]:
        """Addresses of the next so many."""
        rows: Any = await self.redis.xreadgroup(FEEDER.name, "reader", {STREAM: ">"}, count=count)
        found = [entry for _, entries in rows or () for entry in entries]
        if found:
            await self.redis.xack(STREAM, FEEDER.name, *(entry_id for entry_id, _ in found))
            await self.redis.xdel(STREAM, *(entry_id for entry_id, _ in found))
        await self.turns.take(KEYS)
        return [decode(fields[FIELD], Submission).record.url for _, fields in found]

    async def read_all(self) -> list[str]:
        """Addresses of all that waits."""
        found: list[str] = []
        while some := await self.read(100):
            found += some
        return found


@pytest.fixture
async def reader(redis: Redis) -> Reader:
    await RedisStreams(redis, FEEDER, KEYS).ensure()
    return Reader(redis)


def place(found: Sequence[str], url: str) -> int:
    return found.index(url)


async def test_long_list_of_one_host_delays_no_other(redis: Redis, reader: Reader) -> None:
    client = AsyncClient(redis)
    crowd = pages("crowd.example", 3_000)
    await client.submit(crowd)
    assert await redis.xlen(STREAM) == MOST_IN_STREAM
    singles = [page for number in range(50) for page in pages(f"single{number}.example", 1)]
    await client.submit(singles)
    found = await reader.read_all()
    assert sorted(found) == sorted(page.url for page in [*crowd, *singles])
    last = max(place(found, page.url) for page in singles)
    # Behind what stood in the stream, and one page of the crowd for each turn.
    assert last <= MOST_IN_STREAM + 60
    ours = [url for url in found if "crowd" in url]
    assert ours == [page.url for page in crowd], "the order within a host"


async def test_live_pages_go_before_the_backlog_of_all_hosts(redis: Redis, reader: Reader) -> None:
    client = AsyncClient(redis)
    await client.submit(pages("crowd.example", 1_500, priority="backlog"))
    live = pages("crowd.example", 5) + pages("other.example", 5)
    await client.submit(live)
    found = await reader.read_all()
    assert max(place(found, page.url) for page in live) < MOST_IN_STREAM + len(live)
    assert len(found) == 1_510


@pytest.mark.parametrize("at_once", [1, 7, 100])
async def test_backlog_has_a_tenth_while_live_pages_never_end(at_once: int, redis: Redis, reader: Reader) -> None:
    client = AsyncClient(redis)
    await client.submit(pages("crowd.example", 800))
    await client.submit(pages("old.example", 300, priority="backlog"))
    found: list[str] = []
    while len(found) < MOST_IN_STREAM + 200:
        found += await reader.read(at_once)
    brought = found[MOST_IN_STREAM : MOST_IN_STREAM + 200]
    assert sum("backlog" in url for url in brought) in (19, 20, 21)
    rest = await reader.read_all()
    assert sum("backlog" in url for url in found + rest) == 300, "and all of the rest when nothing else waits"


async def test_lists_of_several_hosts_are_read_in_turns(redis: Redis, reader: Reader) -> None:
    client = AsyncClient(redis)
    await client.submit(pages("first.example", 1_500))
    await client.submit(pages("second.example", 600))
    found = (await reader.read_all())[MOST_IN_STREAM:]
    both = found[:1_000]
    assert abs(sum("first" in url for url in both) - sum("second" in url for url in both)) <= 1


async def test_room_that_the_backlog_does_not_need_is_not_left_empty(redis: Redis, reader: Reader) -> None:
    client = AsyncClient(redis)
    await client.submit(pages("crowd.example", 3_000))
    for page in pages("old.example", 20, priority="backlog"):
        await client.submit([page])
        await reader.read(100)
        assert await redis.xlen(STREAM) == MOST_IN_STREAM
    await client.submit(pages("old.example", 100, priority="backlog"))
    brought = [url for _ in range(10) for url in await reader.read(20)]
    assert sum("backlog" in url for url in brought) <= 20, "nothing was owed for the time when none waited"


async def test_one_host_fills_half_of_the_room_and_the_others_are_accepted(redis: Redis, reader: Reader) -> None:
    client, room = AsyncClient(redis), 1_000 + MOST_IN_STREAM
    with pytest.raises(TooMuchWaitingError) as refused:
        await client.submit(pages("crowd.example", 4_000), max_backlog=room)
    assert refused.value.is_for_hosts
    assert len(refused.value.accepted) == MOST_IN_STREAM + 500
    others = [page for number in range(100) for page in pages(f"single{number}.example", 2)]
    assert len(await client.submit(others, max_backlog=room)) == 200
    with pytest.raises(TooMuchWaitingError):
        await client.submit(refused.value.refused[:1], max_backlog=room)
    await reader.read_all()
    assert len(await client.submit(refused.value.refused[:300], max_backlog=room)) == 300


async def test_backlog_of_a_host_does_not_keep_its_news_out(redis: Redis, reader: Reader) -> None:
    client, room = AsyncClient(redis), 100 + MOST_IN_STREAM
    with pytest.raises(TooMuchWaitingError):
        await client.submit(pages("crowd.example", 1_000, priority="backlog"), max_backlog=room)
    assert len(await client.submit(pages("crowd.example", 5), max_backlog=room)) == 5
    prefix = KEYS.host_queues(FETCHER)
    await redis.rpush(f"{prefix}:waiting:backlog:paper.example", *range(20))
    await redis.set(f"{prefix}:count", 2_000_000)
    await reader.read_all()
    assert len(await client.submit(pages("www.paper.example", 5))) == 5
    with pytest.raises(TooMuchWaitingError):
        await client.submit(pages("www.paper.example", 1, priority="backlog"))


MADE_OLDER = """
local age = tonumber(ARGV[1])
for number = 0, redis.call('LLEN', KEYS[1]) - 1 do
  local row = cmsgpack.unpack(redis.call('LINDEX', KEYS[1], number))
  row[3] = string.format('%.0f', row[3] - age)
  redis.call('LSET', KEYS[1], number, cmsgpack.pack(row))
end
redis.call('ZINCRBY', KEYS[2], -age, ARGV[2])
"""


async def test_age_of_what_waits_for_its_turn_is_told(redis: Redis, reader: Reader) -> None:
    client, streams, prefix = AsyncClient(redis), RedisStreams(redis, FEEDER, KEYS), KEYS.host_queues(FEEDER)
    await client.submit(pages("crowd.example", MOST_IN_STREAM + 3))
    assert (await streams.measure()).oldest_age_seconds < 3_000
    queue, oldest = f"{prefix}:waiting:live:crowd.example", f"{prefix}:oldest:live"
    made_older: Any = redis.eval(MADE_OLDER, 2, queue, oldest, "3600000", "crowd.example")  # type: ignore[no-untyped-call]
    await made_older
    assert 3_600 <= (await streams.measure()).oldest_age_seconds < 7_000
    await client.submit(pages("other.example", 2))
    await reader.read(2)
    assert await redis.llen(queue) == 2, "one of the three had its turn, and the age is that of the next"
    assert 3_600 <= (await streams.measure()).oldest_age_seconds < 7_000
    await reader.read(MOST_IN_STREAM)
    assert not await redis.exists(queue)
    assert (await streams.measure()).oldest_age_seconds < 3_000
    await reader.read_all()
    assert (await streams.measure()).oldest_age_seconds == 0


async def test_what_waits_for_its_turn_is_counted_found_and_backed_up(redis: Redis, reader: Reader) -> None:
    client = AsyncClient(redis)
    crowd = pages("crowd.example", 700)
    await client.submit(crowd)
    streams = RedisStreams(redis, FEEDER, KEYS)
    depth = await streams.measure()
    assert (depth.waiting, depth.delayed, depth.queued) == (700, 0, 0)
    pipeline = ConnectedPipeline(redis, Pipeline())
    (location,) = await find_locations(pipeline, ArticleRef.of(crowd[-1].url))
    assert (location.stage, location.state) == ("feeder", "waiting")
    lines = [line async for line in dump(pipeline)]
    await redis.flushall()
    await load(redis, lines)
    assert await reader.read_all() == [page.url for page in crowd]
    assert not [key async for key in redis.scan_iter(f"{KEYS.host_queues(FEEDER)}*")]


async def test_full_redis_brings_nothing_and_loses_nothing(redis: Redis, reader: Reader) -> None:
    client = AsyncClient(redis)
    crowd = pages("crowd.example", 700)
    await client.submit(crowd)
    first = await redis.xreadgroup(FEEDER.name, "reader", {STREAM: ">"}, count=100)
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(RedisError) as refused:
            await reader.turns.take(KEYS)
        assert is_transient(refused.value)
    finally:
        await redis.config_set("maxmemory", 0)
    assert len(first[0][1]) + len(await reader.read_all()) == 700


async def test_full_redis_refuses_what_is_handed_in_whole_and_takes_it_later(redis: Redis, reader: Reader) -> None:
    client, crowd = AsyncClient(redis), pages("crowd.example", 300)
    await client.submit(crowd[:1])
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(RedisError) as refused:
            await client.submit(crowd)
        assert is_transient(refused.value)
        # What is known already takes no room, so there is nothing to refuse.
        assert [receipt.is_new for receipt in await client.submit(crowd[:1])] == [False]
    finally:
        await redis.config_set("maxmemory", 0)
    assert sum(receipt.is_new for receipt in await client.submit(crowd)) == 299
    assert await reader.read_all() == [page.url for page in crowd]


async def test_partition_that_cannot_be_read_keeps_no_other_waiting(redis: Redis) -> None:
    pipeline = Pipeline(partitions=4)
    for keys in pipeline.all_keys():
        await RedisStreams(redis, FEEDER, keys).ensure()
    await AsyncClient(redis, pipeline).submit(pages("crowd.example", 2_000))
    streams = [keys.stream(SUBMITTED) for keys in pipeline.all_keys()]
    for stream in streams:
        await redis.xreadgroup(FEEDER.name, "reader", {stream: ">"}, count=100)
    first, *others = streams
    await redis.set(first, "no stream")
    task = asyncio.create_task(HostTurns(redis, pipeline, FEEDER).run())

    async def is_brought() -> bool:
        return [await redis.xlen(stream) for stream in others] == [MOST_IN_STREAM + 100] * 3

    await eventually(is_brought)
    await end([task])
