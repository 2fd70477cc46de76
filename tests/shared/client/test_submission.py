"""What submitting promises, on a real Redis."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from coranto.client import AsyncClient, HostClass, Room, TooMuchWaitingError, new_submission
from coranto.streams.connection import connect
from coranto.streams.host_queues import MOST_IN_STREAM
from coranto.topology import FEEDER, FETCHER, SUBMITTED, Keys
from coranto.urls import UnsupportedUrlError

KEYS = Keys()
STREAM = KEYS.stream(SUBMITTED)


def pages(count: int) -> list[Any]:
    return [new_submission(f"https://news.example/{number}") for number in range(count)]


async def read_all(redis: Redis, group: str) -> None:
    await redis.xgroup_create(STREAM, group, id="0", mkstream=True)
    await redis.xreadgroup(group, "reader", {STREAM: ">"}, count=1000)


async def test_a_submission_repeated_by_another_call_is_not_new(redis: Redis) -> None:
    client, (page,) = AsyncClient(redis), pages(1)
    assert [receipt.is_new for receipt in await client.submit([page])] == [True]
    assert [receipt.is_new for receipt in await client.submit([page])] == [False]
    assert await redis.xlen(STREAM) == 1


async def test_what_a_call_accepted_is_new_though_its_answer_was_lost(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection_to_redis, (known, page) = connect(redis_url), pages(2)
    client = AsyncClient(connection_to_redis)
    await client.submit([known])
    real, lost = connection_to_redis.parse_response, []

    async def parse(connection: Any, command: str, **options: Any) -> Any:
        answer = await real(connection, command, **options)
        if command == "EVALSHA" and not lost:
            lost.append(answer)
            await connection.disconnect()
            raise RedisConnectionError("the answer was lost")
        return answer

    monkeypatch.setattr(connection_to_redis, "parse_response", parse)
    receipts = await client.submit([known, page])
    assert lost
    await client.close()
    assert [receipt.is_new for receipt in receipts] == [False, True]
    assert await redis.xlen(STREAM) == 2


@pytest.mark.parametrize("days", [-400, 2, 400])
async def test_a_client_whose_clock_is_wrong_makes_nothing_be_forgotten(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    client, first = AsyncClient(redis), pages(3)
    await client.submit(first)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + days * 86_400)
    await client.submit(pages(1))
    assert [receipt.is_new for receipt in await client.submit(first)] == [False] * 3


async def test_submissions_are_forgotten_after_their_span(redis: Redis) -> None:
    client, (page,) = AsyncClient(redis), pages(1)
    await client.submit([page], keep=timedelta(milliseconds=1))
    time.sleep(0.01)  # noqa: ASYNC251 - Redis' own clock has to go on
    assert [receipt.is_new for receipt in await client.submit([page], keep=timedelta(milliseconds=1))] == [True]


@pytest.mark.parametrize("holder", ["a foreign group", "entries that are kept"])
async def test_what_our_readers_have_taken_does_not_keep_others_out(redis: Redis, holder: str) -> None:
    client = AsyncClient(redis)
    await client.submit(pages(10))
    await read_all(redis, FEEDER.name)
    if holder == "a foreign group":
        await redis.xgroup_create(STREAM, "somebody", id="0")
    assert len(await client.submit(pages(8), max_backlog=10)) == 8
    with pytest.raises(TooMuchWaitingError) as refused:
        await client.submit(pages(5), max_backlog=10)
    assert (len(refused.value.accepted), len(refused.value.refused)) == (2, 3)


async def test_a_group_of_others_that_reads_makes_no_room(redis: Redis) -> None:
    client = AsyncClient(redis)
    await redis.xgroup_create(STREAM, FEEDER.name, id="0", mkstream=True)
    await client.submit(pages(10))
    await read_all(redis, "somebody")
    with pytest.raises(TooMuchWaitingError):
        await client.submit(pages(1), max_backlog=10)


async def test_room_is_found_behind_thousands_of_entries(redis: Redis) -> None:
    client = AsyncClient(redis)
    for number in range(4500):  # as other programs may write them
        await redis.xadd(STREAM, {"event": str(number)})
    await redis.xgroup_create(STREAM, FEEDER.name, id="0")
    for _ in range(3):
        await redis.xreadgroup(FEEDER.name, "reader", {STREAM: ">"}, count=1000)
    with pytest.raises(TooMuchWaitingError) as refused:
        await client.submit(
            [new_submission(f"https://news{number}.example/") for number in range(10)], max_backlog=1505
        )
    assert len(refused.value.accepted) == 5


async def test_a_single_server_says_nothing_of_replicas(redis: Redis) -> None:
    (receipt,) = await AsyncClient(redis).submit(pages(1))
    assert receipt.is_replicated is None


@pytest.mark.parametrize(
    ("queue", "url"),
    [
        ("paper.example", "https://www.paper.example/next"),
        ("paper.example", "http://m.news.paper.example:8080/next"),
        ("paper.example", "https://paper.example/next"),
        ("127.0.0.1:8001", "http://127.0.0.1:8001/next"),
        ("localhost", "http://localhost/next"),
    ],
)
async def test_host_for_which_too_much_waits_is_refused_and_no_other(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, queue: str, url: str
) -> None:
    monkeypatch.setattr("coranto.client.submission.MAX_QUEUED_FOR_ONE", 3)
    prefix = Keys().host_queues(FETCHER)
    await redis.rpush(f"{prefix}:waiting:live:{queue}", "a", "b", "c")
    await redis.set(f"{prefix}:count", 3)
    client = AsyncClient(redis)
    others = [
        new_submission(other) for other in ("https://other.example/", "https://example/", "http://127.0.0.1:8002/")
    ]
    with pytest.raises(TooMuchWaitingError, match="waiting for their hosts") as refused:
        await client.submit([new_submission(url), *others])
    assert [each.url for each in refused.value.refused] == [url]
    assert (len(refused.value.accepted), refused.value.is_for_hosts) == (3, True)
    await redis.lpop(f"{prefix}:waiting:live:{queue}")
    await redis.set(f"{prefix}:count", 2)
    assert len(await client.submit(refused.value.refused)) == 1


async def test_the_less_room_there_is_for_all_the_less_may_wait_for_one(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coranto.client.submission.MAX_QUEUED", 100)
    prefix = Keys().host_queues(FETCHER)
    await redis.rpush(f"{prefix}:waiting:live:many.example", *range(60))
    await redis.rpush(f"{prefix}:waiting:live:few.example", *range(5))
    await redis.set(f"{prefix}:count", 65)
    client = AsyncClient(redis)
    pages_of = {host: new_submission(f"https://{host}/x") for host in ("many.example", "few.example", "none.example")}
    with pytest.raises(TooMuchWaitingError) as refused:
        await client.submit(pages_of.values())
    assert [each.url for each in refused.value.refused] == ["https://many.example/x"]
    await redis.set(f"{prefix}:count", 1000)  # far too much: still one for a host that has none
    with pytest.raises(TooMuchWaitingError):
        await client.submit([new_submission("https://few.example/y")])
    assert await client.submit([new_submission("https://none.example/y")])


async def test_room_behind_the_stream_is_told_by_host_and_class(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coranto.client.submission.MAX_QUEUED_FOR_ONE", 30)
    prefix = Keys().host_queues(FETCHER)
    await redis.rpush(f"{prefix}:waiting:live:news.example", *range(10))
    await redis.rpush(f"{prefix}:waiting:backlog:news.example", *range(20))
    await redis.set(f"{prefix}:count", 30)
    asked = [HostClass("www.news.example"), HostClass("news.example", "backlog"), HostClass("other.example")]
    client = AsyncClient(redis)
    rooms = [Room(20, 10), Room(0, 30), Room(30, 0)]
    assert await client.find_room(asked) == rooms
    assert await client.find_room(asked * 400) == rooms * 400
    assert await client.submit(pages(5))
    with pytest.raises(TooMuchWaitingError):
        await client.submit([pages(1)[0].model_copy(update={"priority": "backlog"})])


@pytest.mark.parametrize(("most", "is_for_host"), [(1_000, True), (MOST_IN_STREAM + 160, False)])
async def test_room_that_is_told_is_what_is_accepted_then(most: int, is_for_host: bool, redis: Redis) -> None:
    client = AsyncClient(redis)
    await client.submit(pages(MOST_IN_STREAM + 150))
    host = "news.example" if is_for_host else ""
    (room,) = await client.find_room([HostClass(host)], max_backlog=most)
    more = [new_submission(f"https://{host or f'{n}.example'}/more/{n}") for n in range(900)]
    with pytest.raises(TooMuchWaitingError) as refused:
        await client.submit(more, max_backlog=most)
    assert room.left == len(refused.value.accepted) > 0
    assert refused.value.is_for_hosts == is_for_host
    (now,) = await client.find_room([HostClass(host)], max_backlog=most)
    assert now.left == 0


def test_address_with_half_a_character_is_refused_with_what_was_seen() -> None:
    with pytest.raises(UnsupportedUrlError, match="udcff"):
        new_submission("http://paper.example/\udcff")
