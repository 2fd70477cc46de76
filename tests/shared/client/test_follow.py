"""Following a stream without a group, on a real Redis with two partitions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from redis.asyncio import Redis

from coranto.client.follow import Followed, follow, positions
from coranto.records import FinishedArticle
from coranto.records.envelope import encode
from coranto.testing import finished
from coranto.topology import FINISHED, Pipeline

PIPELINE = Pipeline(partitions=2)


async def publish(redis: Redis, *titles: str) -> None:
    """Announce articles, by turns in both partitions."""
    for number, title in enumerate(titles):
        key = PIPELINE.all_keys()[number % 2].stream(FINISHED)
        article = finished(f"https://news.example/{title}", title=title)
        await redis.xadd(key, {"event": encode(article, source="test")})
        await asyncio.sleep(0.002)  # entries are in the order of their milliseconds


async def take(following: AsyncIterator[Followed[FinishedArticle]], number: int) -> list[Followed[FinishedArticle]]:
    async with asyncio.timeout(10):
        return [await anext(following) for _ in range(number)]


def titles(seen: list[Followed[FinishedArticle]]) -> list[str | None]:
    return [each.record.content.title for each in seen]


async def test_records_come_from_now_on_and_earlier_ones_only_if_asked_for(redis: Redis) -> None:
    await publish(redis, "a", "b", "c")
    following = follow(redis, PIPELINE, FINISHED, FinishedArticle, last=2)
    assert titles(await take(following, 2)) == ["b", "c"]
    await publish(redis, "d")
    assert titles(await take(following, 1)) == ["d"]


async def test_what_comes_while_earlier_ones_are_read_comes_once(redis: Redis) -> None:
    await publish(redis, "a")
    ends = await positions(redis, PIPELINE, FINISHED)
    await publish(redis, "b")
    following = follow(redis, PIPELINE, FINISHED, FinishedArticle, last=10, after=ends)
    assert titles(await take(following, 2)) == ["a", "b"]
    await publish(redis, "c")
    assert titles(await take(following, 1)) == ["c"]


async def test_reader_goes_on_behind_the_position_of_what_it_had(redis: Redis) -> None:
    places = await positions(redis, PIPELINE, FINISHED)
    await publish(redis, "a", "b", "c", "d")
    for each in await take(follow(redis, PIPELINE, FINISHED, FinishedArticle, after=places), 3):
        places[each.key] = each.id
        seen = each
    rest = await take(follow(redis, PIPELINE, FINISHED, FinishedArticle, after=places), 1)
    assert {*titles([seen, *rest])} <= {"a", "b", "c", "d"}
    assert rest[0].record.id != seen.record.id
    assert rest[0].key != seen.key or rest[0].id > seen.id


async def test_entry_that_cannot_be_read_is_reported_and_skipped(redis: Redis) -> None:
    skipped: list[str] = []
    places = await positions(redis, PIPELINE, FINISHED)
    bad = await redis.xadd(PIPELINE.all_keys()[0].stream(FINISHED), {"event": b"no JSON"})
    await publish(redis, "good")
    following = follow(
        redis, PIPELINE, FINISHED, FinishedArticle, after=places, on_malformed=lambda name, _: skipped.append(name)
    )
    assert titles(await take(following, 1)) == ["good"]
    assert skipped == [bad.decode()]


async def test_nothing_is_left_behind_in_redis(redis: Redis) -> None:
    await publish(redis, "a")
    before = await redis.keys()
    await take(follow(redis, PIPELINE, FINISHED, FinishedArticle, last=1), 1)
    assert await redis.keys() == before
    assert await redis.xinfo_groups(PIPELINE.all_keys()[0].stream(FINISHED)) == []
