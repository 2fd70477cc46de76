"""The feeds that are polled, in Redis: what is known of each, when it is due, and which entries it had.

Replicas share the registry. A feed that is due is leased to one of them by moving its due time ahead, so that it comes up
again by itself when that one dies.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis.asyncio import Redis

from coranto.records import content_id
from coranto.sources.kinds import SourceKind
from coranto.topology import FEEDER, Keys
from coranto.urls import host_of


class Feed(BaseModel):
    """A feed or sitemap that is polled, and its history."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str = Field(description="Its address, as it was registered.")
    source: str = Field(description="Name that articles found in it carry as their source.")
    is_source_given: bool = Field(
        False,
        description="Whether somebody chose the name; else it is the feed's title, or its host before the first poll.",
    )
    tags: tuple[str, ...] = Field(
        (), description="Tags that articles found in it carry, such as the folders of a list."
    )
    ignores_robots: bool = Field(False, description="Whether it is polled even where robots.txt disallows it.")
    kind: SourceKind = Field(SourceKind.UNKNOWN, description="What it turned out to be.")
    title: str | None = Field(None, description="Title the feed gives itself.")
    parent: str | None = Field(None, description="Page or sitemap index that named it.")
    root: str | None = Field(None, description="Sitemap index that was registered by itself, and led to this one.")
    depth: int = Field(0, description="Number of sitemap indexes that led to it.")
    added_at: datetime = Field(description="When it was registered.")
    etag: str | None = Field(None, description="Validator for the next conditional request.")
    last_modified: str | None = Field(None, description="Validator for the next conditional request.")
    tested_at: datetime | None = Field(
        None,
        description="When it was last asked for unconditionally, which tests whether its validators can be trusted.",
    )
    ignores_conditional_requests: bool = Field(
        False, description="True when it said `not modified` of a document that had changed; it is tested again later."
    )
    digest: str | None = Field(None, description="Hash of the document that was read last.")
    entries_left: int = Field(
        0, description="Entries of that document for which there was no room yet; it is read again for them."
    )
    left_keys: tuple[str, ...] = Field(
        (),
        description="Keys of some of those entries, from all parts of the document, to notice when they are gone from it.",
    )
    left_for: str | None = Field(
        None,
        description="Class and host of most of those entries, as `live:paper.example`; `live:` when all hosts are meant.",
    )
    interval_seconds: float = Field(0.0, description="Time between polls as its history suggests; 0 before the first.")
    asks_seconds: float = Field(0.0, description="How long the feed itself asks not to be polled again (`ttl`).")
    skip_hours: tuple[int, ...] = Field((), description="Hours of the day in UTC at which it asks not to be polled.")
    skip_days: tuple[int, ...] = Field(
        (), description="Days of the week, Monday as 0, on which it asks not to be polled."
    )
    polls: int = Field(0, description="Number of polls.")
    failures: int = Field(0, description="Failed polls since the last that succeeded.")
    last_outcome: str | None = Field(None, description="What the last poll came to, in a word.")
    last_error: str | None = Field(None, description="What was seen when the last poll failed.")
    last_warning: str | None = Field(None, description="What is wrong with the document that was read last.")
    polled_at: datetime | None = Field(None, description="When it was polled last.")
    last_new_at: datetime | None = Field(None, description="When it last had something new.")
    due_at: datetime | None = Field(None, description="When it is polled next.")
    recent_items: float = Field(0.0, description="New entries, each counting half as much after three days.")
    observed_days: float = Field(0.0, description="Days over which they were counted, in the same proportion.")
    items_per_day: float = Field(0.0, description="New entries a day, recent days counting most.")
    lag_seconds: float | None = Field(
        None, description="Time from the publication of an entry to its discovery, as a running mean."
    )
    gaps: int = Field(
        0,
        description="Polls at which all entries were new, so that others may have come and gone unseen, or at which some had gone "
        "that waited for room.",
    )
    hub: str | None = Field(None, description="WebSub hub that announces its changes.")
    topic: str | None = Field(None, description="Address that the hub knows it by.")
    moved_to: str | None = Field(None, description="Where it permanently redirects to.")

    @property
    def id(self) -> str:
        """Id of the feed, from its address."""
        return feed_id(self.url)

    @property
    def needs_attention(self) -> bool:
        """Whether its last poll failed, or brought a document that is cut off or empty."""
        return self.failures > 0 or self.last_warning is not None


def new_feed(
    url: str,
    *,
    now: datetime,
    source: str | None = None,
    parent: str | None = None,
    tags: tuple[str, ...] = (),
    ignores_robots: bool = False,
) -> Feed:
    """A feed to be registered; it is named after its host where nobody gives it a name. Raises UnsupportedUrlError."""
    return Feed(
        url=url,
        source=source or host_of(url),
        is_source_given=bool(source),
        parent=parent,
        tags=tags,
        ignores_robots=ignores_robots,
        added_at=now,
    )


def child_feed(parent: Feed, url: str, *, now: datetime) -> Feed:
    """A feed that another one named, with that one's name and tags. Raises UnsupportedUrlError."""
    made = new_feed(url, now=now, parent=parent.url, tags=parent.tags, ignores_robots=parent.ignores_robots)
    is_of_index = parent.kind is SourceKind.SITEMAP_INDEX
    return made.model_copy(
        update={
            "source": parent.source if is_of_index or parent.is_source_given else made.source,
            "is_source_given": is_of_index or parent.is_source_given,
            "root": (parent.root or parent.url) if is_of_index else None,
            "depth": parent.depth + 1 if is_of_index else 0,
        }
    )


def feed_id(url: str) -> str:
    """Id of the feed at this address."""
    return content_id("feed", url)[:16]


class Feeds(Protocol):
    """Where feeds are registered."""

    async def add(self, feed: Feed, *, polls_again: bool = False) -> bool:
        """Register it, due at once. False when it was registered before; then it is due at once only if asked for."""


# A sitemap has up to 50,000 entries; in one command they would hold up Redis, and the event loop that packs it.
_ENTRIES_AT_ONCE: Final = 1000
_SAME_TIME_SECONDS: Final = 0.001

_ADD: Final = """
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  if ARGV[4] == '1' then redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1]) end
  return 0
end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 1
"""

_FIND_DUE: Final = """
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
local found = {}
for _, id in ipairs(due) do
  local feed = redis.call('HGET', KEYS[1], id)
  if feed and redis.call('SISMEMBER', KEYS[3], id) == 0 then
    found[#found + 1] = feed
  else
    redis.call('ZREM', KEYS[2], id)
  end
end
return found
"""

_LEASE: Final = """
local due = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not due or tonumber(due) > tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('HDEL', KEYS[5], ARGV[1])
return 1
"""

_RELEASE: Final = """
redis.call('ZADD', KEYS[2], 'XX', ARGV[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
"""

_ANNOUNCE: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 or redis.call('SISMEMBER', KEYS[5], ARGV[1]) == 1 then return 0 end
local leased = redis.call('ZSCORE', KEYS[3], ARGV[1])
if leased and tonumber(leased) > tonumber(ARGV[3]) then
  redis.call('ZADD', KEYS[4], ARGV[2], ARGV[1])
else
  local due = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if not due or tonumber(due) > tonumber(ARGV[2]) then redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1]) end
end
return 1
"""

_PAUSE: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('SADD', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
return 1
"""

_RESUME: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('SREM', KEYS[3], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return 1
"""

_SAVE: Final = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
local announced = redis.call('ZSCORE', KEYS[4], ARGV[1])
local due = ARGV[3]
if announced and tonumber(announced) < tonumber(due) then due = announced end
redis.call('ZADD', KEYS[2], due, ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
if ARGV[4] == '' then redis.call('HDEL', KEYS[5], ARGV[1]) else redis.call('HSET', KEYS[5], ARGV[1], ARGV[4]) end
return 1
"""

_WAKE: Final = """
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if due and tonumber(due) > tonumber(ARGV[2]) then redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) end
return 1
"""


class WaitingFeed(BaseModel):
    """A feed that waits for room, to be read again for the entries that were left."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(description="Id of the feed.")
    queue: str = Field(description="What keeps them out, see `Feed.left_for`.")
    left: int = Field(description="Number of entries that were left.")
    since: datetime = Field(description="When the feed was polled last.")
    is_called: bool = Field(False, description="Whether room was found, so that the feed is due.")


class FeedRegistry:
    """The feeds in Redis, shared by all feeders."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._feeds = keys.owned_by(FEEDER, "feeds")
        self._due = keys.owned_by(FEEDER, "feeds-due")
        # Apart from the feed itself, which a replica that is polling it at the moment is about to write again.
        self._paused = keys.owned_by(FEEDER, "feeds-paused")
        # Polls under way, until when; and feeds that were announced meanwhile, for when.
        self._leased = keys.owned_by(FEEDER, "feeds-leased")
        self._announced = keys.owned_by(FEEDER, "feeds-announced")
        # Feeds of which entries were left because there was no room, unless they are being polled.
        self._waiting = keys.owned_by(FEEDER, "feeds-waiting-for-room")
        self._wake = redis.register_script(_WAKE)
        self._release = redis.register_script(_RELEASE)
        self._announce = redis.register_script(_ANNOUNCE)
        self._add = redis.register_script(_ADD)
        self._find_due = redis.register_script(_FIND_DUE)
        self._lease = redis.register_script(_LEASE)
        self._save = redis.register_script(_SAVE)
        self._pause = redis.register_script(_PAUSE)
        self._resume = redis.register_script(_RESUME)

    async def add(self, feed: Feed, *, polls_again: bool = False) -> bool:
        """Register it, due at once. False when it was registered before; then it is due at once only if asked for."""
        packed = feed.model_dump_json(exclude_none=True)
        arguments: list[str | float] = [feed.id, packed, feed.added_at.timestamp(), int(polls_again)]
        is_new = bool(await cast("Awaitable[int]", self._add(keys=[self._feeds, self._due], args=arguments)))
        if is_new and feed.root is not None:
            await self._redis.sadd(self._descendants(feed.root), feed.id)
        return is_new

    async def remove(self, url: str) -> bool:
        """Poll it no longer, and forget its history; of a sitemap index, its sitemaps too. False when there is no such feed."""
        feed = await self.find(url)
        if feed is None:
            return False
        for child in await self.children(feed):
            await self.remove(child.url)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hdel(self._feeds, feed.id)
            pipe.zrem(self._due, feed.id)
            pipe.delete(self._entries(feed.id))
            if feed.root is not None:
                pipe.srem(self._descendants(feed.root), feed.id)
            pipe.srem(self._paused, feed.id)
            pipe.zrem(self._leased, feed.id)
            pipe.zrem(self._announced, feed.id)
            pipe.hdel(self._waiting, feed.id)
            removed, *_ = await pipe.execute()
        return bool(removed)

    async def pause(self, url: str) -> bool:
        """Poll it no longer until it is resumed; of a sitemap index, its sitemaps too. False when there is no such feed."""
        names = [self._feeds, self._due, self._paused, self._waiting]
        is_known = bool(await cast("Awaitable[int]", self._pause(keys=names, args=[feed_id(url)])))
        # The index comes first: while it is paused, it leads to no more of them.
        for one in await self._below(url):
            await cast("Awaitable[int]", self._pause(keys=names, args=[one]))
        return is_known

    async def resume(self, url: str, now: datetime) -> bool:
        """Poll it again, at once, also when it is not paused; and what is paused of an index. False when there is no such feed."""
        names = [self._feeds, self._due, self._paused]
        paused = await self.paused()
        for one in paused.intersection(await self._below(url)):
            await cast("Awaitable[int]", self._resume(keys=names, args=[one, now.timestamp()]))
        return bool(await cast("Awaitable[int]", self._resume(keys=names, args=[feed_id(url), now.timestamp()])))

    async def _below(self, url: str) -> list[str]:
        """Ids of the sitemaps that this index has led to, and of those that these have led to."""
        feed = await self.find(url)
        if feed is None:
            return []
        left, above, ids = await self.descendants(feed), {feed.url}, list[str]()
        while above:
            below = [one for one in left if one.parent in above]
            left = [one for one in left if one.parent not in above]
            above = {one.url for one in below}
            ids += [one.id for one in below]
        return ids

    async def paused(self) -> set[str]:
        """Ids of the feeds that are paused."""
        members = await cast("Awaitable[set[bytes]]", self._redis.smembers(self._paused))
        return {member.decode() for member in members}

    async def find(self, url: str) -> Feed | None:
        """The feed at this address."""
        packed = await cast("Awaitable[bytes | None]", self._redis.hget(self._feeds, feed_id(url)))
        return None if packed is None else Feed.model_validate_json(packed)

    async def find_all(self, urls: Sequence[str]) -> list[Feed]:
        """The feeds at these addresses, as far as there are any, with one question."""
        return await self._load([feed_id(url) for url in urls])

    async def _load(self, ids: Sequence[str | bytes]) -> list[Feed]:
        if not ids:
            return []
        packed = await cast("Awaitable[list[bytes | None]]", self._redis.hmget(self._feeds, ids))
        return [Feed.model_validate_json(one) for one in packed if one is not None]

    async def awaits_poll(self, feed: Feed) -> bool:
        """Whether the feed is yet to be polled for the first time, or a poll that was asked for is due or under way."""
        due = await self._redis.zscore(self._due, feed.id)
        # Saving a poll writes both times; asking for one, and leasing one, moves only the one in the sorted set.
        return feed.due_at is None or (due is not None and abs(due - feed.due_at.timestamp()) > _SAME_TIME_SECONDS)

    async def all(self) -> list[Feed]:
        """All feeds, by address."""
        packed = await cast("Awaitable[list[bytes]]", self._redis.hvals(self._feeds))
        return sorted((Feed.model_validate_json(one) for one in packed), key=lambda feed: feed.url)

    async def count(self) -> int:
        """Number of feeds."""
        return await self._redis.hlen(self._feeds)

    async def children(self, index: Feed) -> list[Feed]:
        """The sitemaps that this index has led to."""
        return [feed for feed in await self.descendants(index) if feed.parent == index.url]

    async def descendants(self, index: Feed) -> list[Feed]:
        """All sitemaps that come from the same registered index as this one."""
        name = self._descendants(index.root or index.url)
        return await self._load(sorted(await cast("Awaitable[set[bytes]]", self._redis.smembers(name))))

    async def find_due(self, now: datetime, *, limit: int) -> list[Feed]:
        """Feeds that are due, the longest waiting first."""
        arguments: list[str | float] = [now.timestamp(), limit]
        names = [self._feeds, self._due, self._paused]
        packed = await cast("Awaitable[list[bytes]]", self._find_due(keys=names, args=arguments))
        return [Feed.model_validate_json(one) for one in packed]

    async def lease(self, feed: Feed, now: datetime, until: datetime) -> bool:
        """Whether this replica alone may poll the feed until then, or until it is saved. False when another has it."""
        arguments: list[str | float] = [feed.id, now.timestamp(), until.timestamp()]
        names = [self._feeds, self._due, self._leased, self._announced, self._waiting]
        return bool(await cast("Awaitable[int]", self._lease(keys=names, args=arguments)))

    async def release(self, feed: Feed, due_at: datetime) -> None:
        """End a lease without a poll; the feed is due then, with the history that it has."""
        names = [self._feeds, self._due, self._leased]
        await cast("Awaitable[None]", self._release(keys=names, args=[feed.id, due_at.timestamp()]))

    async def announce(self, url: str, due_at: datetime, *, now: datetime) -> bool:
        """Poll it then, or as soon as the poll under way has ended, which may have missed what is announced.

        False when there is no such feed, or when it is paused.
        """
        names = [self._feeds, self._due, self._leased, self._announced, self._paused]
        arguments: list[str | float] = [feed_id(url), due_at.timestamp(), now.timestamp()]
        return bool(await cast("Awaitable[int]", self._announce(keys=names, args=arguments)))

    async def postpone(self, until: Mapping[str, datetime]) -> None:
        """Let these feeds (by id) be due later, when their host has time for them. Their history stays as it is."""
        if until:
            scores = {identity: moment.timestamp() for identity, moment in until.items()}
            await self._redis.zadd(self._due, scores, xx=True)

    async def save(self, feed: Feed, due_at: datetime) -> bool:
        """Keep what a poll brought, and when the next is due; sooner where the feed was announced during the poll.

        False when the feed was removed meanwhile.
        """
        arguments: list[str | float] = [
            feed.id,
            feed.model_copy(update={"due_at": due_at}).model_dump_json(exclude_none=True),
            due_at.timestamp(),
            "" if (waiting := _waiting(feed)) is None else waiting.model_dump_json(),
        ]
        names = [self._feeds, self._due, self._leased, self._announced, self._waiting]
        return bool(await cast("Awaitable[int]", self._save(keys=names, args=arguments)))

    async def waiting_for_room(self) -> list[WaitingFeed]:
        """Feeds of which entries were left because there was no room, those polled longest ago first; none that is polled now."""
        rows = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(self._waiting))
        waiting: list[WaitingFeed] = []
        damaged: list[bytes] = []
        for name, packed in rows.items():
            try:
                waiting.append(WaitingFeed.model_validate_json(packed))
            except ValidationError:
                damaged.append(name)
        if damaged:
            # Not everybody's wait: such a feed is due at its latest time, and then says again what it waits for.
            await self._redis.hdel(self._waiting, *damaged)
        return sorted(waiting, key=lambda one: one.since)

    async def call(self, waiting: WaitingFeed, due_at: datetime) -> None:
        """Let the feed be due then, if not before, because there is room for what was left of it; unless it is being polled."""
        packed = waiting.model_copy(update={"is_called": True}).model_dump_json()
        await cast(
            "Awaitable[int]",
            self._wake(keys=[self._due, self._waiting], args=[waiting.id, due_at.timestamp(), packed]),
        )

    async def known_entries(self, feed: Feed, keys: list[str]) -> dict[str, str]:
        """Of these entries, those that the feed had before, each with its stamp."""
        known: dict[str, str] = {}
        for start in range(0, len(keys), _ENTRIES_AT_ONCE):
            asked = keys[start : start + _ENTRIES_AT_ONCE]
            stamps = await cast("Awaitable[list[bytes | None]]", self._redis.hmget(self._entries(feed.id), asked))
            known |= {key: stamp.decode() for key, stamp in zip(asked, stamps, strict=True) if stamp is not None}
        return known

    async def remember_entries(self, feed: Feed, stamps: Mapping[str, str], *, present: Iterable[str]) -> None:
        """Note entries with their stamps. Those no longer present are forgotten once they outnumber the present ones."""
        name = self._entries(feed.id)
        pairs = list(stamps.items())
        for start in range(0, len(pairs), _ENTRIES_AT_ONCE):
            await self._redis.hset(name, mapping=dict(pairs[start : start + _ENTRIES_AT_ONCE]))
        kept = set(present)
        if await self._redis.hlen(name) > 2 * len(kept) + 1000:
            everything = await cast("Awaitable[list[bytes]]", self._redis.hkeys(name))
            gone = [key for key in everything if key.decode() not in kept]
            for start in range(0, len(gone), 1000):
                await self._redis.hdel(name, *gone[start : start + 1000])

    def _descendants(self, root: str) -> str:
        return self._keys.owned_by(FEEDER, f"feed-descendants:{feed_id(root)}")

    def _entries(self, identity: str) -> str:
        return self._keys.owned_by(FEEDER, f"feed-entries:{identity}")


def _waiting(feed: Feed) -> WaitingFeed | None:
    # One that fails is tried again when that may help, whatever room there is.
    if not feed.entries_left or feed.left_for is None or feed.polled_at is None or feed.failures:
        return None
    return WaitingFeed(id=feed.id, queue=feed.left_for, left=feed.entries_left, since=feed.polled_at)
