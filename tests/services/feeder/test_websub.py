"""Subscriptions at hubs: asked for, verified, renewed and ended; and what a hub sends makes its feed due, and no more."""

from __future__ import annotations

import asyncio
import hmac
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from redis.asyncio import Redis
from tests.conftest import eventually, running_service
from tests.services.feeder.hub import Hub, served_hub
from tests.services.feeder.test_polling import ONE, TWO, atom

from coranto.http import WebLimits
from coranto.sources.registry import Feed, FeedRegistry, new_feed
from coranto.streams.tasks import end
from coranto.topology import Keys
from coranto_feeder.feed_metrics import FeedMetrics
from coranto_feeder.settings import FeederSettings
from coranto_feeder.websub.callback import CallbackServer
from coranto_feeder.websub.subscriptions import SignatureCheck, Subscriber, Subscription, Subscriptions

if TYPE_CHECKING:
    from tests.services.feeder.conftest import PolledFeeds, Site

LEASE = timedelta(days=1)
HOUR = timedelta(hours=1)
MOST_BODY_BYTES = 200_000


class Subscribed:
    """A feeder with its callback server, and a feed that names the hub."""

    def __init__(self, polled: PolledFeeds, redis: Redis, site: Site, hub: Hub) -> None:
        self.polled = polled
        self.site = site
        self.hub = hub
        self.subscriptions = Subscriptions(redis, Keys())
        self.subscriber = Subscriber(
            self.subscriptions,
            polled.registry,
            polled.client,
            callback_url="http://127.0.0.1:1",
            lease=LEASE,
            limits=WebLimits(),
            now=lambda: polled.now,
        )
        polled.poller.subscriber = self.subscriber
        self.metrics = FeedMetrics(CollectorRegistry())
        self.callbacks = CallbackServer(self.subscriber, host="127.0.0.1", port=0, max_body_bytes=MOST_BODY_BYTES)
        self.callbacks.metrics = self.metrics
        self.url = site.url + "/feed"
        self.topic = site.url + "/feed?of=hub"

    def names_hub(
        self, *entries: tuple[str, str], hub: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        """Have the feed have these entries, and name the hub."""
        links = f"<link rel='hub' href='{hub or self.hub.url}'/><link rel='self' href='{self.topic}'/>"
        body = atom(*entries).replace(b"<title>The feed", f"{links}<title>The feed".encode())
        self.site.says("/feed", body=body, headers=headers)

    async def poll(self) -> None:
        """Poll the feed, and ask its hub if it is to be asked."""
        await self.polled.poll(self.url)
        await self.subscriber.tick()

    async def begin(self) -> None:
        """Have the feed subscribed to."""
        self.names_hub(ONE)
        await self.polled.add(self.url)
        await self.poll()
        assert self.topic in self.hub.subscribers

    async def due_at(self) -> datetime:
        """When the feed is due."""
        score = await self.polled.registry._redis.zscore("coranto:{p0}:feeder:feeds-due", (await self.feed()).id)
        assert score is not None
        return datetime.fromtimestamp(score, UTC)

    async def feed(self) -> Feed:
        feed = await self.polled.registry.find(self.url)
        assert feed is not None
        return feed

    def noticed(self, outcome: str) -> float:
        """How many notices ended so."""
        return float(self.metrics.notices.labels(outcome)._value.get())


@pytest.fixture
async def subscribed(polled: PolledFeeds, redis: Redis, site: Site) -> AsyncIterator[Subscribed]:
    async with served_hub() as hub:
        one = Subscribed(polled, redis, site, hub)
        serving = asyncio.create_task(one.callbacks.run())
        await eventually(lambda: one.callbacks.address is not None, what="the callback server")
        one.subscriber._callback_url = f"{one.callbacks.address}/some/path"
        yield one
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def test_feed_that_names_a_hub_is_subscribed_to_with_a_secret_and_a_lease(subscribed: Subscribed) -> None:
    await subscribed.begin()
    (asked,) = subscribed.hub.requests
    assert asked["type"] == "application/x-www-form-urlencoded"
    assert (asked["hub.mode"], asked["hub.topic"]) == ("subscribe", subscribed.topic)
    assert asked["hub.lease_seconds"] == "86400"
    assert 64 <= len(asked["hub.secret"]) < 200
    assert len(asked["hub.callback"].rpartition("/")[2]) >= 40
    assert subscribed.hub.answers == [(200, "a challenge")]
    await subscribed.poll()
    assert len(subscribed.hub.requests) == 1, "once is enough"


async def test_link_header_goes_before_what_the_feed_says(subscribed: Subscribed) -> None:
    topic = subscribed.site.url + "/by-header"
    link = f'<{subscribed.hub.url}>; rel="hub"; title="a, <b>; c", <{topic}>; rel=self'
    subscribed.names_hub(ONE, hub="https://other.example/hub", headers={"Link": link})
    await subscribed.polled.add(subscribed.url)
    await subscribed.poll()
    assert set(subscribed.hub.subscribers) == {topic}


async def test_a_hub_that_answers_slowly_holds_up_no_other(subscribed: Subscribed) -> None:
    has_come, may_answer = asyncio.Event(), asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        has_come.set()
        await may_answer.wait()
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/hub", hang)
    async with TestServer(app, host="localhost") as slow:
        subscribed.names_hub(ONE)
        subscribed.site.documents["/quick"] = subscribed.site.documents["/feed"]
        subscribed.names_hub(ONE, hub=f"http://localhost:{slow.port}/hub")
        for path in ("/feed", "/quick"):
            await subscribed.polled.add(subscribed.site.url + path)
            await subscribed.polled.poll(subscribed.site.url + path)
        asking = asyncio.create_task(subscribed.subscriber.tick())
        await eventually(lambda: has_come.is_set() and subscribed.topic in subscribed.hub.subscribers, what="both")
        may_answer.set()
        assert await asking == 2


async def test_every_feed_has_an_address_and_a_secret_of_its_own(subscribed: Subscribed) -> None:
    await subscribed.begin()
    subscribed.site.documents["/other"] = subscribed.site.documents["/feed"]
    await subscribed.polled.add(subscribed.site.url + "/other")
    await subscribed.polled.poll(subscribed.site.url + "/other")
    await subscribed.subscriber.tick()
    one, two = subscribed.hub.requests
    assert one["hub.callback"] != two["hub.callback"]
    assert one["hub.secret"] != two["hub.secret"]


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
async def test_signed_notice_makes_the_feed_due_and_the_poll_brings_the_news(
    subscribed: Subscribed, method: str
) -> None:
    await subscribed.begin()
    assert await subscribed.due_at() > subscribed.polled.now
    subscribed.names_hub(ONE, TWO)
    status = await subscribed.hub.publish(subscribed.topic, b"whatever it sends", method=method)
    assert status == 202
    assert await subscribed.due_at() <= subscribed.polled.now
    assert [one.hints.title for one in subscribed.polled.submitted] == ["one"], "what is sent is not read"
    await subscribed.poll()
    assert [one.hints.title for one in subscribed.polled.submitted] == ["one", "two"]
    assert subscribed.noticed("taken") == 1


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", "sha256=00", "md5=" + "0" * 32, "sha256", "=", "sha256=é", "sha256=" + "0" * 64, "x" * 2000],
)
async def test_wrong_signature_is_taken_and_ignored(subscribed: Subscribed, signature: str) -> None:
    await subscribed.begin()
    due = await subscribed.due_at()
    assert 200 <= await subscribed.hub.publish(subscribed.topic, b"forged", signature=signature) < 300
    assert await subscribed.due_at() == due
    assert subscribed.noticed("wrong_signature") == 1


async def test_notice_signed_with_the_secret_of_another_feed_is_ignored(subscribed: Subscribed) -> None:
    await subscribed.begin()
    due = await subscribed.due_at()
    forged = hmac.new(b"another secret", b"body", "sha256").hexdigest()
    await subscribed.hub.publish(subscribed.topic, b"body", signature=f"sha256={forged}")
    assert await subscribed.due_at() == due


async def test_notice_during_a_poll_is_kept_until_the_poll_has_ended(subscribed: Subscribed) -> None:
    await subscribed.begin()
    feed, now = await subscribed.feed(), subscribed.polled.now
    registry = subscribed.polled.registry
    await registry.postpone({feed.id: now})
    assert await registry.lease(feed, now, now + timedelta(minutes=6))
    assert await subscribed.hub.publish(subscribed.topic, b"news") == 202
    assert await registry.find_due(now, limit=10) == [], "nobody else polls it at the same time"
    await registry.save(feed, now + HOUR)
    assert await subscribed.due_at() == now
    # The next poll has it, and after that it is over.
    assert await registry.lease(feed, now, now + timedelta(minutes=6))
    await registry.save(feed, now + HOUR)
    assert await subscribed.due_at() == now + HOUR


async def test_notice_is_not_lost_with_the_feeder_that_polled(subscribed: Subscribed) -> None:
    await subscribed.begin()
    feed, now = await subscribed.feed(), subscribed.polled.now
    registry = subscribed.polled.registry
    await registry.postpone({feed.id: now})
    assert await registry.lease(feed, now, now + timedelta(minutes=6))
    assert await subscribed.hub.publish(subscribed.topic, b"news") == 202
    later = now + timedelta(minutes=7)
    assert [one.id for one in await registry.find_due(later, limit=10)] == [feed.id]


async def test_hub_that_announces_without_end_has_its_feed_polled_now_and_then(subscribed: Subscribed) -> None:
    await subscribed.begin()
    registry = subscribed.polled.registry
    polls = 0
    start = subscribed.polled.now
    for second in range(120):
        subscribed.polled.now = start + timedelta(seconds=second)
        assert await subscribed.hub.publish(subscribed.topic, b"again") == 202
        for feed in await registry.find_due(subscribed.polled.now, limit=10):
            assert await registry.lease(feed, subscribed.polled.now, subscribed.polled.now + HOUR)
            await registry.save(feed, subscribed.polled.now + HOUR)
            polls += 1
    assert 5 <= polls <= 9


async def test_paused_feed_stays_paused(subscribed: Subscribed) -> None:
    await subscribed.begin()
    await subscribed.polled.registry.pause(subscribed.url)
    assert await subscribed.hub.publish(subscribed.topic, b"news") == 410
    assert await subscribed.polled.registry.find_due(subscribed.polled.now, limit=10) == []
    assert await subscribed.subscriptions.find((await subscribed.feed()).id) is not None


async def test_lease_is_renewed_before_it_ends_at_the_same_address(subscribed: Subscribed) -> None:
    await subscribed.begin()
    subscribed.polled.now += LEASE * 0.7
    assert await subscribed.subscriber.tick() == 0
    subscribed.polled.now += LEASE * 0.15
    assert await subscribed.subscriber.tick() == 1
    first, second = subscribed.hub.requests
    assert first == second
    (one,) = await subscribed.subscriptions.all()
    assert one.lease_until == subscribed.polled.now + LEASE


@pytest.mark.parametrize(
    ("granted", "lease"),
    [("1", timedelta(minutes=10)), ("999999999999", timedelta(days=30)), (None, LEASE), ("-5", LEASE), ("soon", LEASE)],
)
async def test_lease_is_what_the_hub_grants_within_bounds(
    subscribed: Subscribed, granted: str | None, lease: timedelta
) -> None:
    subscribed.hub.lease_seconds = granted
    await subscribed.begin()
    (one,) = await subscribed.subscriptions.all()
    assert one.lease_until == subscribed.polled.now + lease


@pytest.mark.parametrize(("status", "headers"), [(500, {}), (404, {}), (302, {"Location": "/other"})])
async def test_hub_that_refuses_is_asked_again_more_and_more_rarely(
    subscribed: Subscribed, status: int, headers: dict[str, str]
) -> None:
    subscribed.hub.status, subscribed.hub.headers = status, headers
    subscribed.names_hub(ONE)
    await subscribed.polled.add(subscribed.url)
    await subscribed.poll()
    asked_at = []
    start = subscribed.polled.now
    for minutes in range(0, 60 * 24 * 3, 5):
        subscribed.polled.now = start + timedelta(minutes=minutes)
        before = len(subscribed.hub.requests)
        await subscribed.subscriber.tick()
        if len(subscribed.hub.requests) > before:
            asked_at.append(minutes)
    assert asked_at[0] == 10
    gaps = [after - before for before, after in itertools.pairwise(asked_at)]
    assert gaps == sorted(gaps)
    assert len(asked_at) <= 10
    subscribed.hub.status, subscribed.hub.headers = 202, {}
    subscribed.polled.now += timedelta(days=1)
    await subscribed.subscriber.tick()
    assert subscribed.topic in subscribed.hub.subscribers


async def test_hub_that_asks_for_a_pause_has_it(subscribed: Subscribed, redis: Redis) -> None:
    subscribed.hub.status, subscribed.hub.headers = 503, {"Retry-After": "7200"}
    subscribed.names_hub(ONE)
    await subscribed.polled.add(subscribed.url)
    await subscribed.poll()
    due = await redis.zscore("coranto:{p0}:feeder:websub-due", (await subscribed.feed()).id)
    assert due == (subscribed.polled.now + 2 * HOUR).timestamp()


async def test_hub_that_moved_temporarily_is_asked_where_it_is(subscribed: Subscribed) -> None:
    async with served_hub() as elsewhere:
        subscribed.hub.status, subscribed.hub.headers = 307, {"Location": elsewhere.url}
        subscribed.names_hub(ONE)
        await subscribed.polled.add(subscribed.url)
        await subscribed.poll()
        assert subscribed.topic in elsewhere.subscribers


async def test_hub_that_never_asks_back_is_asked_again(subscribed: Subscribed) -> None:
    subscribed.hub.asks_back = False
    subscribed.names_hub(ONE)
    await subscribed.polled.add(subscribed.url)
    await subscribed.poll()
    (one,) = await subscribed.subscriptions.all()
    assert one.lease_until is None
    subscribed.polled.now += timedelta(minutes=61)
    await subscribed.subscriber.tick()
    assert len(subscribed.hub.requests) == 2


async def test_hub_on_a_private_address_is_not_asked(subscribed: Subscribed) -> None:
    subscribed.names_hub(ONE, hub="http://10.0.0.1/hub")
    await subscribed.polled.add(subscribed.url)
    await subscribed.poll()
    (one,) = await subscribed.subscriptions.all()
    assert (one.hub, one.lease_until, one.failures) == ("http://10.0.0.1/hub", None, 1)
    assert (await subscribed.feed()).failures == 0


@pytest.mark.parametrize("hub", ["javascript:alert(1)", "ftp://hub.example/", "https://hub.example/" + "x" * 3000])
async def test_what_is_no_address_of_a_hub_is_ignored(subscribed: Subscribed, hub: str) -> None:
    subscribed.names_hub(ONE, hub=hub)
    await subscribed.polled.add(subscribed.url)
    await subscribed.poll()
    assert await subscribed.subscriptions.all() == []


async def test_only_what_we_asked_for_is_confirmed(subscribed: Subscribed) -> None:
    await subscribed.begin()
    asked, hub = subscribed.hub.requests[0], subscribed.hub
    for changed in (
        {"hub.topic": subscribed.topic + "2"},
        {"hub.mode": "unsubscribe"},
        {"hub.mode": "publish"},
        {"hub.challenge": ""},
        {"hub.challenge": "x" * 3000},
    ):
        assert await hub.ask_back(asked, **changed) == (404, "")
    guessed = asked | {"hub.callback": asked["hub.callback"][:-1] + "~"}
    assert await hub.ask_back(guessed) == (404, "")
    (one,) = await subscribed.subscriptions.all()
    assert one.mode == "subscribe"


async def test_challenge_is_given_back_as_plain_text(subscribed: Subscribed) -> None:
    await subscribed.begin()
    asked = subscribed.hub.requests[0]
    query = {
        "hub.mode": "subscribe",
        "hub.topic": subscribed.topic,
        "hub.challenge": "<script>",
        "hub.lease_seconds": "9",
    }
    async with aiohttp.ClientSession() as session, session.get(asked["hub.callback"], params=query) as answer:
        assert (answer.status, await answer.text()) == (200, "<script>")
        assert answer.content_type == "text/plain"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_hub_that_denies_is_asked_again_a_day_later(subscribed: Subscribed) -> None:
    await subscribed.begin()
    asked = subscribed.hub.requests[0]
    denied = {"hub.mode": "denied", "hub.reason": "no\nmore"}
    assert (await subscribed.hub.ask_back(asked, **denied))[0] == 200
    (one,) = await subscribed.subscriptions.all()
    assert one.lease_until is None
    subscribed.polled.now += timedelta(hours=23)
    assert await subscribed.subscriber.tick() == 0
    subscribed.polled.now += timedelta(hours=2)
    assert await subscribed.subscriber.tick() == 1


async def test_feed_that_is_removed_is_unsubscribed_from(subscribed: Subscribed) -> None:
    await subscribed.begin()
    await subscribed.polled.registry.remove(subscribed.url)
    assert await subscribed.hub.publish(subscribed.topic, b"news") == 410
    await subscribed.subscriber.tick()
    assert [one["hub.mode"] for one in subscribed.hub.requests] == ["subscribe", "unsubscribe"]
    assert subscribed.hub.subscribers == {}
    assert await subscribed.subscriptions.all() == []


async def test_hub_that_does_not_let_go_is_asked_three_times(subscribed: Subscribed) -> None:
    await subscribed.begin()
    await subscribed.polled.registry.remove(subscribed.url)
    await subscribed.hub.publish(subscribed.topic, b"news")
    subscribed.hub.status = 500
    for _ in range(20):
        await subscribed.subscriber.tick()
        subscribed.polled.now += HOUR
    assert [one["hub.mode"] for one in subscribed.hub.requests] == ["subscribe", *["unsubscribe"] * 3]
    assert await subscribed.subscriptions.all() == []


async def test_feed_that_names_another_hub_is_subscribed_to_there(subscribed: Subscribed) -> None:
    await subscribed.begin()
    async with served_hub() as other:
        subscribed.names_hub(ONE, TWO, hub=other.url)
        await subscribed.poll()
        assert subscribed.topic in other.subscribers
        assert await subscribed.hub.publish(subscribed.topic, b"news") == 410
        assert await other.publish(subscribed.topic, b"news") == 202


async def test_feed_that_names_no_hub_any_more_is_unsubscribed_from(subscribed: Subscribed) -> None:
    await subscribed.begin()
    subscribed.site.says("/feed", body=atom(ONE, TWO))
    await subscribed.poll()
    assert subscribed.hub.requests[-1]["hub.mode"] == "unsubscribe"
    assert await subscribed.subscriptions.all() == []


async def test_body_beyond_the_bound_is_refused_while_it_comes(subscribed: Subscribed) -> None:
    await subscribed.begin()
    due = await subscribed.due_at()
    with suppress(aiohttp.ClientError):  # the connection may be closed while the rest is sent
        assert await subscribed.hub.publish(subscribed.topic, b"x" * (MOST_BODY_BYTES + 1)) == 413
    await eventually(lambda: subscribed.noticed("too_large") == 1, what="the end of the body")
    assert await subscribed.due_at() == due


class SlowClient:
    """A connection that says as little as it may."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, url: str) -> SlowClient:
        return cls(*await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].partition("/")[0])))

    async def say(self, text: str) -> None:
        self.writer.write(text.encode())
        with suppress(ConnectionError):
            await self.writer.drain()

    async def trickle(self) -> None:
        """Go on with a head that has no end."""
        while True:
            await self.say("X-More: a\r\n")
            await asyncio.sleep(0.05)

    async def is_ended(self) -> bool:
        """Whether the server hangs up, once it has said what it had to say."""
        with suppress(ConnectionError):
            await self.reader.read(-1)
        return True


@pytest.mark.parametrize("says", ["nothing", "half a head", "a head without end", "one request and no other"])
async def test_connection_on_which_no_request_comes_is_ended(subscribed: Subscribed, says: str) -> None:
    callbacks = CallbackServer(
        subscribed.subscriber, host="127.0.0.1", port=0, max_body_bytes=1000, longest_idle=timedelta(seconds=0.4)
    )
    serving = asyncio.create_task(callbacks.run())
    await eventually(lambda: callbacks.address is not None, what="the callback server")
    assert callbacks.address is not None
    client = await SlowClient.connect(callbacks.address)
    trickling = None
    if says != "nothing":
        await client.say("GET /unknown HTTP/1.1\r\nHost: a\r\n" + ("\r\n" if says.startswith("one") else ""))
    if says == "a head without end":
        trickling = asyncio.create_task(client.trickle())
    assert await asyncio.wait_for(client.is_ended(), 10)
    await end([serving, *([trickling] if trickling is not None else [])])


async def test_idle_connections_however_many_keep_no_hub_out(subscribed: Subscribed) -> None:
    await subscribed.begin()
    subscribed.callbacks._most_connections = 20
    address = subscribed.hub.requests[0]["hub.callback"]
    slow = [await SlowClient.connect(address) for _ in range(60)]
    for client in slow:
        await client.say("POST /x HTTP/1.1\r\nHost: a\r\n")
    async with aiohttp.ClientSession() as session, session.post(address, data=b"unsigned") as answer:
        assert answer.status == 202
    assert subscribed.noticed("wrong_signature") == 1
    # The oldest made room for the others.
    assert all(await asyncio.gather(*(asyncio.wait_for(client.is_ended(), 10) for client in slow[:30])))


async def test_connection_beyond_those_that_are_answered_is_refused(subscribed: Subscribed) -> None:
    await subscribed.begin()
    subscribed.callbacks._most_connections = 3
    address = subscribed.hub.requests[0]["hub.callback"]
    path = "/" + address.split("/", 3)[3]
    busy = [await SlowClient.connect(address) for _ in range(3)]
    for client in busy:
        await client.say(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nuns")
    await eventually(lambda: len(subscribed.callbacks._busy) == 3, what="three bodies under way")
    assert await asyncio.wait_for((await SlowClient.connect(address)).is_ended(), 10)
    for client in busy:
        await client.say("igned")
    await eventually(lambda: subscribed.noticed("wrong_signature") == 3, what="three answers")


async def test_packed_body_is_signed_as_it_is_sent(subscribed: Subscribed) -> None:
    await subscribed.begin()
    asked = subscribed.hub.requests[0]
    body = b"\x1f\x8b not really gzip"
    signature = "sha256=" + hmac.new(asked["hub.secret"].encode(), body, "sha256").hexdigest()
    headers = {"Content-Encoding": "gzip", "X-Hub-Signature": signature}
    async with (
        aiohttp.ClientSession() as session,
        session.post(asked["hub.callback"], data=body, headers=headers) as answer,
    ):
        assert answer.status == 202
    assert subscribed.noticed("taken") == 1


async def test_two_feeders_ask_a_hub_once(subscribed: Subscribed, redis: Redis) -> None:
    other = Subscribed(subscribed.polled, redis, subscribed.site, subscribed.hub)
    other.subscriber._callback_url = subscribed.subscriber._callback_url
    subscribed.names_hub(ONE)
    await subscribed.polled.add(subscribed.url)
    await subscribed.polled.poll(subscribed.url)
    await asyncio.gather(*(one.subscriber.tick() for one in (subscribed, other, subscribed)))
    assert len(subscribed.hub.requests) == 1


def test_signature_may_be_written_in_capitals() -> None:
    digest = hmac.new(b"secret", b"body", "sha256").hexdigest()
    check = SignatureCheck("secret", f" SHA256={digest.upper()} ")
    check.update(b"bo")
    check.update(b"dy")
    assert check.is_passed()


def test_address_of_the_callback_is_checked_when_settings_are_read() -> None:
    assert FeederSettings().websub_callback_url is None
    assert (
        FeederSettings(websub_callback_url="https://news.example/hubs/").websub_callback_url
        == "https://news.example/hubs"
    )
    for wrong in ("news.example", "ftp://news.example/", "https://", "https://news.example/?a=b"):
        with pytest.raises(ValidationError, match="must be an address such as"):
            FeederSettings(websub_callback_url=wrong)


async def test_running_feeder_submits_what_a_hub_announces_long_before_the_next_poll(
    redis: Redis, redis_url: str, site: Site, tmp_path: Any, unused_tcp_port: int
) -> None:
    async with served_hub() as hub:
        topic = site.url + "/feed"
        link = f'<{hub.url}>; rel="hub", <{topic}>; rel="self"'
        site.says("/feed", body=atom(ONE), headers={"Link": link})
        await FeedRegistry(redis, Keys()).add(new_feed(topic, now=datetime.now(UTC)))
        settings = {
            "CORANTO_REDIS__URL": redis_url,
            "CORANTO_FEEDER__DATA": str(tmp_path / "feeder"),
            "CORANTO_FEEDER__ALLOWED_NETWORKS": "127.0.0.0/8",
            "CORANTO_FETCHER__MIN_DELAY": "0",
            "CORANTO_FEEDER__WEBSUB_CALLBACK_URL": f"http://127.0.0.1:{unused_tcp_port}/hubs",
            "CORANTO_FEEDER__WEBSUB_PORT": str(unused_tcp_port),
        }
        async with running_service("feeder", settings):
            await eventually(lambda: topic in hub.subscribers, what="the subscription", within_seconds=60)
            polls = len([one for one in site.asked if one.path == "/feed"])
            site.documents["/feed"] = lambda _: web.Response(body=atom(ONE, TWO), headers={"Link": link})
            assert await hub.publish(topic, b"news") == 202
            await eventually(
                lambda: len([one for one in site.asked if one.path == "/feed"]) > polls,
                what="the poll",
                within_seconds=60,
            )


def test_subscription_of_another_version_is_read() -> None:
    fields = {"feed": "f", "feed_url": "u", "hub": "h", "topic": "t", "token": "k", "secret": "s"}
    assert Subscription.model_validate(fields | {"made_at": datetime.now(UTC), "later": 1}).mode == "subscribe"
