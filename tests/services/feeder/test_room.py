"""Waiting for room: a feed whose host had too much waiting is read again when there is room for what was left of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis

from coranto.client import AsyncClient, HostClass, Room
from coranto.records import Submission
from coranto.sources.registry import Feed, new_feed
from coranto.topology import FEEDER, FETCHER, Keys
from coranto_feeder.polling.poll import FeedReader
from coranto_feeder.polling.poller import Poller
from coranto_feeder.polling.room import RoomWatch

if TYPE_CHECKING:
    from tests.services.feeder.conftest import PolledFeeds, Site

QUEUES = Keys().host_queues(FETCHER)
FULL = 2_000


@pytest.fixture(autouse=True)
def _small_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coranto.client.submission.MAX_QUEUED_FOR_ONE", FULL)


async def fill(redis: Redis, host: str, number: int) -> None:
    """Have so many pages wait for the host."""
    queue = f"{QUEUES}:waiting:live:{host}"
    await redis.delete(queue)
    if number:
        await redis.rpush(queue, *([b"x"] * number))
    await redis.set(f"{QUEUES}:count", number)


async def due(polled: PolledFeeds, within: timedelta) -> list[str]:
    return [feed.url for feed in await polled.registry.find_due(polled.now + within, limit=100)]


def feed_of(*numbers: int) -> str:
    items = "".join(f"<item><link>https://paper.example/{number}</link></item>" for number in numbers)
    return f"<rss><channel><title>F</title>{items}</channel></rss>"


class Watched:
    """Polled feeds that submit to a real stream, and the watch over them."""

    def __init__(self, polled: PolledFeeds, redis: Redis) -> None:
        self.submitted: list[str] = []
        self.client = AsyncClient(redis)

        async def submit(submissions: Sequence[Submission]) -> None:
            await self.client.submit(submissions)
            self.submitted += [one.url for one in submissions]

        polled.reader = FeedReader(polled.registry, polled.client, polled.parser, submit, polled.settings)
        polled.poller = Poller(polled.registry, polled.reader, polled.client, polled.settings, now=lambda: polled.now)
        self.watch = RoomWatch(polled.registry, self.client.find_room, now=lambda: polled.now)


async def test_feed_is_due_as_soon_as_its_host_has_room(polled: PolledFeeds, site: Site, redis: Redis) -> None:
    watched = Watched(polled, redis)
    await fill(redis, "paper.example", FULL)
    url = site.says("/feed", text=feed_of(*range(1_200)))
    await polled.add(url)
    result = await polled.poll(url)
    assert (result.feed.entries_left, result.feed.left_for) == (1_200, "live:paper.example")
    assert result.due_at - polled.now > timedelta(minutes=10), "at the latest"
    assert await watched.watch.tick() == 0
    await fill(redis, "paper.example", FULL - 999)
    assert await watched.watch.tick() == 0, "the whole list for so few"
    assert await due(polled, timedelta(minutes=5)) == []

    await fill(redis, "paper.example", FULL - 1_000)
    assert await watched.watch.tick() == 1
    assert await due(polled, timedelta(seconds=59)) == [], "not more often than once a minute"
    assert await due(polled, timedelta(seconds=60)) == [url]
    assert await watched.watch.tick() == 0, "called once"
    await fill(redis, "paper.example", 0)
    result = await polled.poll(url)
    assert (result.feed.entries_left, result.feed.left_for, result.feed.gaps) == (0, None, 0)
    assert len(watched.submitted) == 1_200
    assert await polled.registry.waiting_for_room() == []


async def test_damaged_note_of_one_feed_keeps_no_other_waiting(polled: PolledFeeds, redis: Redis) -> None:
    feed = new_feed("https://paper.example/list.xml", now=polled.now)
    await polled.registry.add(feed)
    waiting = {"entries_left": 50, "left_for": "live:paper.example", "polled_at": polled.now}
    await polled.registry.save(feed.model_copy(update=waiting), polled.now + timedelta(hours=3))
    notes = Keys().owned_by(FEEDER, "feeds-waiting-for-room")
    await redis.hset(notes, "damaged", b'{"id": \xff')
    assert await Watched(polled, redis).watch.tick() == 1
    assert await redis.hlen(notes) == 1


async def test_no_more_feeds_are_called_than_there_is_room_for(polled: PolledFeeds, redis: Redis) -> None:
    feeds = []
    for number in range(6):
        feed = new_feed(f"https://paper.example/{number}.xml", now=polled.now)
        await polled.registry.add(feed)
        waiting = {"entries_left": 2_000, "left_for": "backlog:paper.example", "polled_at": polled.now}
        feed = feed.model_copy(update=waiting | {"polls": number})
        await polled.registry.save(feed, polled.now + timedelta(hours=3))
        feeds.append(feed)
    rooms: list[Room] = []

    async def find_room(queues: Sequence[HostClass]) -> list[Room]:
        assert list(queues) == [HostClass("paper.example", "backlog")]
        return rooms

    watch = RoomWatch(polled.registry, find_room, now=lambda: polled.now)
    rooms[:] = [Room(left=3_500, waiting=90_000)]
    assert await watch.tick() == 2
    assert await watch.tick() == 0, "the room is theirs until they have been read"
    called = await due(polled, timedelta(minutes=1))
    assert len(called) == 2
    # One of them is being read, another is paused: both wait no more.
    (first,) = [feed for feed in feeds if feed.url == called[0]]
    assert await polled.registry.lease(first, polled.now + timedelta(minutes=1), polled.now + timedelta(minutes=7))
    await polled.registry.pause(called[1])
    assert len(await polled.registry.waiting_for_room()) == 4
    assert await watch.tick() == 2


@pytest.mark.parametrize(("room", "is_called"), [(Room(150, 100), True), (Room(150, 200), False), (Room(99, 0), False)])
async def test_small_queue_is_filled_again_when_half_of_it_is_free(
    room: Room, is_called: bool, polled: PolledFeeds
) -> None:
    feed = new_feed("https://paper.example/map.xml", now=polled.now)
    await polled.registry.add(feed)
    waiting = {"entries_left": 2_000, "left_for": "backlog:paper.example", "polled_at": polled.now}
    await polled.registry.save(feed.model_copy(update=waiting), polled.now + timedelta(hours=3))

    async def find_room(_: Sequence[HostClass]) -> list[Room]:
        return [room]

    assert await RoomWatch(polled.registry, find_room, now=lambda: polled.now).tick() == is_called


async def test_feed_that_fails_is_not_read_sooner_because_there_is_room(
    polled: PolledFeeds, site: Site, redis: Redis
) -> None:
    watched = Watched(polled, redis)
    await fill(redis, "paper.example", FULL)
    url = site.says("/feed", text=feed_of(1, 2, 3))
    await polled.add(url)
    await polled.poll(url)
    site.says("/feed", status=503, headers={"Retry-After": "7200"})
    assert (await polled.poll(url)).feed.entries_left == 3
    await fill(redis, "paper.example", 0)
    assert await watched.watch.tick() == 0


async def test_entries_that_wait_for_room_are_missed_when_they_are_gone(
    polled: PolledFeeds, site: Site, redis: Redis
) -> None:
    Watched(polled, redis)
    await fill(redis, "paper.example", FULL)

    async def poll(*numbers: int) -> Feed:
        result = await polled.poll(site.says("/feed", text=feed_of(*numbers)))
        return result.feed

    await polled.add(site.url + "/feed")
    assert (await poll(*range(10))).gaps == 0
    assert (await poll(*range(12))).gaps == 0, "all are new to us still, and none is missed"
    assert (await poll(*range(3, 12))).gaps == 1
    await fill(redis, "paper.example", 0)
    taken = await poll(*range(3, 14))
    assert (taken.gaps, taken.entries_left) == (1, 0)
    assert (await poll(*range(3, 15))).gaps == 1
    assert (await poll(*range(20, 30))).gaps == 2
