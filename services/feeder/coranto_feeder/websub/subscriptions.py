"""Subscribes to what hubs announce (WebSub, W3C Recommendation of 2018), so that a feed is polled when it changes.

A feed that names a hub is subscribed to there, and again before the lease ends. The hub asks back at an address that nobody
can guess whether we meant it, and from then on sends there what changes. What it sends is not read: it only makes the feed
due at once, so that a hub can neither put words into a feed's mouth nor hold anything back. Feeders share the subscriptions.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, cast
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis

from coranto.http import WebError, WebLimits, WebResponse
from coranto.http.response.headers import retry_after
from coranto.sources.registry import Feed, FeedRegistry
from coranto.topology import FEEDER, Keys
from coranto.urls import UnsupportedUrlError, parse
from coranto.worker.log import get_logger, without_query
from coranto_feeder.polite_client import HostBusyError, PoliteClient

WEBSUB_SUBSCRIBED: Final = "websub.subscribed"
WEBSUB_ENDED: Final = "websub.ended"
WEBSUB_REFUSED: Final = "websub.refused"

_CLAIMED_FOR: Final = timedelta(minutes=5)
_AT_ONCE: Final = 20
_LONGEST_ADDRESS: Final = 2000
_FIRST_PAUSE: Final = timedelta(minutes=10)
_LONGEST_PAUSE: Final = timedelta(days=1)
# Hubs ask back at once, or when they get round to it.
_VERIFIED_WITHIN: Final = timedelta(hours=1)
_SHORTEST_LEASE: Final = timedelta(minutes=10)
_LONGEST_LEASE: Final = timedelta(days=30)
_RENEWED_AT: Final = 0.8
_MOST_FAREWELLS: Final = 3
# A hub that announces without end has its feed polled no more often than this.
_BETWEEN_NOTICES: Final = timedelta(seconds=15)
_MOST_REDIRECTS: Final = 3
_METHODS: Final = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_LONGEST_CHALLENGE: Final = 2000

_CLAIM: Final = """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(due) do redis.call('ZADD', KEYS[1], ARGV[2], id) end
return due
"""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Subscription(BaseModel):
    """What we have asked a hub for, and what came of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    feed: str = Field(description="Id of the feed.")
    feed_url: str = Field(description="Address of the feed.")
    hub: str = Field(description="Address of the hub.")
    topic: str = Field(description="Address that the hub knows the feed by.")
    token: str = Field(description="Last part of the address that the hub sends to.")
    secret: str = Field(description="What the hub signs with.")
    made_at: datetime = Field(description="When it was made.")
    mode: Literal["subscribe", "unsubscribe"] = Field("subscribe", description="What we want of the hub.")
    lease_until: datetime | None = Field(
        None, description="Until when the hub announces; none before it has asked back."
    )
    failures: int = Field(0, description="Requests since the hub last asked back.")


class SignatureCheck:
    """Whether a body, which comes in pieces, is signed with our secret as `X-Hub-Signature` says."""

    def __init__(self, secret: str, header: str) -> None:
        method, _, self._given = header.strip().partition("=")
        known = _METHODS.get(method.strip().lower())
        self._mac = None if known is None else hmac.new(secret.encode(), digestmod=known)

    def update(self, piece: bytes) -> None:
        """Take in the next piece."""
        if self._mac is not None:
            self._mac.update(piece)

    def is_passed(self) -> bool:
        """True when the pieces so far are the body that was signed; without a signature by a known method, never."""
        # As bytes: compare_digest refuses text beyond ASCII, and a stranger chose this one.
        given = self._given.strip().lower().encode("utf-8", "surrogateescape")
        return self._mac is not None and hmac.compare_digest(given, self._mac.hexdigest().encode())


class Subscriptions:
    """The subscriptions in Redis."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._all = keys.owned_by(FEEDER, "websub")
        self._callbacks = keys.owned_by(FEEDER, "websub-callbacks")
        self._due = keys.owned_by(FEEDER, "websub-due")
        self._noticed = keys.owned_by(FEEDER, "websub-noticed")
        self._claim = redis.register_script(_CLAIM)

    async def find(self, feed: str) -> Subscription | None:
        """The subscription of the feed with this id."""
        packed = await cast("Awaitable[bytes | None]", self._redis.hget(self._all, feed))
        return None if packed is None else Subscription.model_validate_json(packed)

    async def find_by_token(self, token: str) -> Subscription | None:
        """The subscription whose hub sends to this address."""
        feed = await cast("Awaitable[bytes | None]", self._redis.hget(self._callbacks, token))
        found = None if feed is None else await self.find(feed.decode())
        return found if found is not None and found.token == token else None

    async def all(self) -> list[Subscription]:
        """All of them."""
        packed = await cast("Awaitable[list[bytes]]", self._redis.hvals(self._all))
        return [Subscription.model_validate_json(one) for one in packed]

    async def save(self, one: Subscription, due_at: datetime | None = None) -> None:
        """Keep it; `due_at` is when its hub is to be asked next, as before where it is not given."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(self._all, one.feed, one.model_dump_json(exclude_none=True))
            pipe.hset(self._callbacks, one.token, one.feed)
            if due_at is not None:
                pipe.zadd(self._due, {one.feed: due_at.timestamp()})
            await pipe.execute()

    async def remove(self, one: Subscription) -> None:
        """Forget it: its address answers no more."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hdel(self._all, one.feed)
            pipe.hdel(self._callbacks, one.token)
            pipe.hdel(self._noticed, one.feed)
            pipe.zrem(self._due, one.feed)
            await pipe.execute()

    async def noticed(self, one: Subscription) -> datetime:
        """For when its last notice made the feed due; long ago when there was none."""
        moment = await cast("Awaitable[bytes | None]", self._redis.hget(self._noticed, one.feed))
        return datetime.fromtimestamp(0.0 if moment is None else float(moment), UTC)

    async def note(self, one: Subscription, due: datetime) -> None:
        """Keep for when a notice made the feed due: apart from the subscription, which may change at the same time."""
        await self._redis.hset(self._noticed, one.feed, str(due.timestamp()))

    async def forget_token(self, token: str) -> None:
        """Have the address of a subscription that is replaced answer no more."""
        await self._redis.hdel(self._callbacks, token)

    async def claim_due(self, now: datetime) -> list[Subscription]:
        """Those whose hub is to be asked; they are nobody else's for a while."""
        arguments = [now.timestamp(), (now + _CLAIMED_FOR).timestamp(), _AT_ONCE]
        names = await cast("Awaitable[list[bytes]]", self._claim(keys=[self._due], args=arguments))
        found: list[Subscription] = []
        for name in names:
            one = await self.find(name.decode())
            if one is None:
                await self._redis.zrem(self._due, name)
            else:
                found.append(one)
        return found

    async def postpone(self, one: Subscription, due_at: datetime) -> None:
        """Ask its hub later."""
        await self._redis.zadd(self._due, {one.feed: due_at.timestamp()}, xx=True)


class Subscriber:
    """Keeps the feeds that name a hub subscribed to there, and hears what hubs say."""

    _TICK = timedelta(seconds=1)

    def __init__(
        self,
        subscriptions: Subscriptions,
        registry: FeedRegistry,
        client: PoliteClient,
        *,
        callback_url: str,
        lease: timedelta,
        limits: WebLimits,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._subscriptions = subscriptions
        self._registry = registry
        self._client = client
        self._callback_url = callback_url.rstrip("/")
        self._lease = lease
        # A hub has nothing to say but a status.
        self._limits = limits.model_copy(update={"max_body_bytes": 100_000, "max_decoded_bytes": 100_000})
        self._now = now
        self._log = get_logger(service="feeder")

    # --- what feeds say ---------------------------------------------------------------------------------------------

    async def note(self, feed: Feed) -> None:
        """Have the feed subscribed to at the hub that it names now, and at no other. Called after each poll."""
        known = await self._subscriptions.find(feed.id)
        topic = feed.topic or feed.url
        if not _is_address(feed.hub) or not _is_address(topic):
            if known is not None and known.mode == "subscribe":
                await self._begin_to_end(known)
            return
        if known is not None and (known.hub, known.topic, known.mode) == (feed.hub, topic, "subscribe"):
            return
        now = self._now()
        made = Subscription(
            feed=feed.id,
            feed_url=feed.url,
            hub=str(feed.hub),
            topic=topic,
            token=secrets.token_urlsafe(32),
            secret=secrets.token_hex(32),
            made_at=now,
        )
        # A feed that names another hub at each poll has each asked in its time.
        due = now if known is None else max(now, known.made_at + _FIRST_PAUSE)
        if known is not None:
            await self._subscriptions.forget_token(known.token)  # 410 tells the hub that it is over
        await self._subscriptions.save(made, due)

    # --- what we ask of hubs ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Subscribe, renew and unsubscribe until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(self._TICK.total_seconds())

    async def tick(self) -> int:
        """Ask the hubs that are due to be asked; gives how many were."""
        # All at once: one that answers slowly holds up no other, and they are asked before their claim ends.
        return sum(await asyncio.gather(*map(self._ask, await self._subscriptions.claim_due(self._now()))))

    async def _ask(self, one: Subscription) -> bool:
        now = self._now()
        if one.mode == "subscribe" and await self._registry.find(one.feed_url) is None:
            one = one.model_copy(update={"mode": "unsubscribe", "failures": 0})
        if one.mode == "unsubscribe" and (
            one.failures >= _MOST_FAREWELLS or one.lease_until is None or one.lease_until < now
        ):
            await self._subscriptions.remove(one)
            return False
        # Before the request: a hub may ask back before it answers. Unless it does, this is tried again.
        asked = one.model_copy(update={"failures": one.failures + 1})
        await self._subscriptions.save(asked, now + max(_pause(asked.failures), _VERIFIED_WITHIN))
        try:
            response = await self._send(one)
        except HostBusyError as busy:
            await self._put_off(one, now + busy.retry_after)
            return False
        except (WebError, UnsupportedUrlError) as error:
            await self._refused(one, str(error), now + _pause(asked.failures))
            return True
        if not 200 <= response.status < 300:
            pause = retry_after(response.headers, now=now, longest=_LONGEST_PAUSE) or timedelta()
            await self._refused(one, f"status {response.status}", now + max(pause, _pause(asked.failures)))
        return True

    async def _send(self, one: Subscription) -> WebResponse:
        form = {
            "hub.mode": one.mode,
            "hub.topic": one.topic,
            "hub.callback": f"{self._callback_url}/{one.token}",
        }
        if one.mode == "subscribe":
            form |= {"hub.secret": one.secret, "hub.lease_seconds": str(round(self._lease.total_seconds()))}
        url = one.hub
        for _ in range(_MOST_REDIRECTS):
            response = await self._client.post(
                url, urlencode(form).encode(), f"websub:{one.feed}", headers=_FORM, limits=self._limits
            )
            # Others would turn the POST into a GET (RFC 9110, 15.4).
            if response.status not in (307, 308) or (target := response.location) is None:
                break
            url = target
        return response

    async def _put_off(self, one: Subscription, due_at: datetime) -> None:
        """It was not the hub's turn: nothing was asked, and nothing failed."""
        latest = await self._subscriptions.find(one.feed)
        if latest is not None and latest.token == one.token:
            await self._subscriptions.save(latest.model_copy(update={"failures": one.failures}), due_at)

    async def _refused(self, one: Subscription, error: str, due_at: datetime) -> None:
        self._log.warning(
            WEBSUB_REFUSED,
            feed=without_query(one.feed_url),
            hub=without_query(one.hub),
            mode=one.mode,
            error=error[:300],
            failures=one.failures + 1,
        )
        await self._subscriptions.postpone(one, due_at)

    async def _begin_to_end(self, one: Subscription) -> None:
        await self._subscriptions.save(one.model_copy(update={"mode": "unsubscribe", "failures": 0}), self._now())

    # --- what hubs say ----------------------------------------------------------------------------------------------

    async def verify(self, token: str, query: Mapping[str, str]) -> str | None:
        """The challenge to give back when a hub asks whether we meant it; None when we did not."""
        one = await self._subscriptions.find_by_token(token)
        mode, challenge = query.get("hub.mode", ""), query.get("hub.challenge", "")
        if one is None or query.get("hub.topic") != one.topic:
            return None
        if mode == "denied":
            await self._denied(one, query.get("hub.reason", ""))
            return ""
        if mode != one.mode or not challenge or len(challenge) > _LONGEST_CHALLENGE:
            return None
        if mode == "unsubscribe":
            await self._subscriptions.remove(one)
            self._log.info(WEBSUB_ENDED, feed=without_query(one.feed_url), hub=without_query(one.hub))
            return challenge
        lease = _lease_of(query.get("hub.lease_seconds", ""), default=self._lease)
        now = self._now()
        active = one.model_copy(update={"lease_until": now + lease, "failures": 0})
        await self._subscriptions.save(active, now + lease * _RENEWED_AT)
        self._log.info(
            WEBSUB_SUBSCRIBED,
            feed=without_query(one.feed_url),
            hub=without_query(one.hub),
            lease_seconds=round(lease.total_seconds()),
        )
        return challenge

    async def _denied(self, one: Subscription, reason: str) -> None:
        denied = one.model_copy(update={"lease_until": None})
        await self._subscriptions.save(denied, self._now() + _LONGEST_PAUSE)
        self._log.warning(
            WEBSUB_REFUSED,
            feed=without_query(one.feed_url),
            hub=without_query(one.hub),
            mode=one.mode,
            error=f"the hub denies the subscription: {reason[:200] or 'no reason given'}",
            failures=one.failures,
        )

    async def find(self, token: str) -> Subscription | None:
        """The subscription that a hub sends to, if it is one that we want."""
        one = await self._subscriptions.find_by_token(token)
        return one if one is not None and one.mode == "subscribe" else None

    async def take_notice(self, one: Subscription) -> bool:
        """Have the feed polled at once: its hub says that it has changed. False when it is not polled any more."""
        now = self._now()
        last = await self._subscriptions.noticed(one)
        due = last if last > now else max(now, last + _BETWEEN_NOTICES)
        if not await self._registry.announce(one.feed_url, due, now=now):
            if await self._registry.find(one.feed_url) is None:
                await self._begin_to_end(one)
            return False
        await self._subscriptions.note(one, due)
        return True


def _is_address(url: str | None) -> bool:
    if url is None or len(url) > _LONGEST_ADDRESS:
        return False
    try:
        return parse(url).scheme in ("http", "https")
    except UnsupportedUrlError:
        return False


def _lease_of(seconds: str, *, default: timedelta) -> timedelta:
    """The lease that a hub grants, within bounds; what we asked for where it says nothing readable."""
    granted = timedelta(seconds=int(seconds[:9])) if seconds.isascii() and seconds.isdigit() else default
    return min(max(granted, _SHORTEST_LEASE), _LONGEST_LEASE)


def _pause(failures: int) -> timedelta:
    doubled: timedelta = _FIRST_PAUSE * 2 ** min(failures - 1, 10)
    return min(doubled, _LONGEST_PAUSE)
