"""Nothing is lost, doubled or disordered on the way to a receiver: not by its faults, and not by ours."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from redis.asyncio import Redis
from structlog.testing import LogCapture
from tests.conftest import eventually, running_service
from tests.services.gateway.test_articles import article
from tests.services.gateway.webhook_receiver import Received, Receiver

from coranto.http.settings import WebSettings
from coranto.records import ClassifiedArticle
from coranto.store.interface import Stored
from coranto.store.sqlite.upkeep import SqliteArticleUpkeep
from coranto.store.sqlite.writer import SqliteArticleStore
from coranto.streams.tasks import end
from coranto_cli.local.redis_server import EmbeddedRedis
from coranto_gateway.articles.announcements import NO_STORE, Announcements, Position
from coranto_gateway.articles.stores import ArticleStores
from coranto_gateway.monitoring.metrics import Metrics
from coranto_gateway.webhooks.deliverer import Deliverer
from coranto_gateway.webhooks.deliveries import Attempt, Change, DeadDelivery
from coranto_gateway.webhooks.delivery import MOST_LATE, Tools
from coranto_gateway.webhooks.registry import Webhooks
from coranto_gateway.webhooks.sending import Sender
from coranto_gateway.webhooks.settings import WebhookSettings
from coranto_gateway.webhooks.webhook import NewWebhook, make_webhook, new_secret

SETTINGS = WebhookSettings(
    allowed_networks=("127.0.0.0/8",), timeout=timedelta(seconds=2), first_retry=timedelta(milliseconds=50)
)
BEGINNING = Position(NO_STORE, 0)


class Clock:
    """Tells the time that a test sets, and goes on from there."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, **span: float) -> None:
        self._ahead += timedelta(**span)


class Bench:
    """A store that is written, and gateways' parts that deliver from it."""

    def __init__(self, redis: Redis, database: Path, clock: Clock) -> None:
        self.webhooks = Webhooks(redis, "coranto")
        self.metrics = Metrics()
        self.clock = clock
        self.notices: list[str] = []
        self._database = database
        self._writer = SqliteArticleStore(database)

    async def announce(self, *articles: ClassifiedArticle) -> None:
        await self._writer.open()
        stored = [await self._writer.store(each) for each in articles]
        assert all(isinstance(each, Stored) for each in stored)
        revisions = [
            (article.id, each.storage.revision)
            for article, each in zip(articles, stored, strict=True)
            if isinstance(each, Stored)
        ]
        await self._writer.mark_announced(revisions)
        await self._writer.close()

    def forget(self, article_id: str) -> None:
        SqliteArticleUpkeep(self._database).remove([article_id])

    async def add(self, receiver: Receiver, name: str = "desk", start: Any = BEGINNING, **options: Any) -> None:
        new = NewWebhook(name=name, url=receiver.url, **options)
        await self.webhooks.add(make_webhook(new, secret=new_secret()), start)

    @asynccontextmanager
    async def delivering(self, settings: WebhookSettings = SETTINGS) -> AsyncIterator[Deliverer]:
        """One gateway's part that delivers."""
        stores = ArticleStores(self._database, readers=2)
        announcements = Announcements(stores, kept=100)
        sender = Sender(
            WebSettings().to_client(settings.limits, more_networks=settings.allowed_networks), clock=self.clock
        )
        self.logged = LogCapture()
        log = structlog.wrap_logger(None, processors=[self.logged], wrapper_class=structlog.BoundLogger)
        tools = Tools(
            self.webhooks, announcements, stores, sender, settings, self.metrics, self.clock, self._notify, log
        )
        deliverer = Deliverer(tools)
        tasks = [asyncio.create_task(announcements.run()), asyncio.create_task(deliverer.run())]
        try:
            yield deliverer
        finally:
            await end(tasks)
            await sender.close()
            stores.close()

    async def _notify(self, text: str) -> None:
        self.notices.append(text)

    async def standing(self, name: str = "desk") -> str:
        return (await self.webhooks.progress(name)).standing

    async def stands(self, standing: str) -> None:
        async def is_so() -> bool:
            return await self.standing() == standing

        await eventually(is_so, what=standing)


@pytest.fixture
def bench(redis: Redis, tmp_path: Path) -> Bench:
    return Bench(redis, tmp_path / "articles.sqlite", Clock())


def versions(articles: int, revisions: int) -> list[ClassifiedArticle]:
    """Revisions of some articles, mixed."""
    return [
        article(f"a{number}", fetch=revision, title=f"Title {revision}")
        for revision in range(1, revisions + 1)
        for number in range(articles)
    ]


def assert_each_once_and_in_order(received: Sequence[Received], count: int) -> None:
    """By its id each came once; what an article's receiver took first never was older than what it had."""
    seen: set[str] = set()
    revisions: defaultdict[str, int] = defaultdict(int)
    bodies: dict[str, bytes] = {}
    for each in received:
        assert bodies.setdefault(each.id, each.body) == each.body, "the same id is the same message"
        if each.id in seen:
            continue
        seen.add(each.id)
        message = each.message
        assert message["revision"] == revisions[message["article"]] + 1
        revisions[message["article"]] = message["revision"]
    assert {int(each.rpartition("-")[2]) for each in seen} == set(range(1, count + 1))


def failing_at_random(share: float, seed: int = 7) -> Callable[[Any], Any]:
    dice = random.Random(seed)  # noqa: S311 - no secret

    def reply(message: Any) -> int:
        if dice.random() >= share:
            return 200
        return dice.choice([500, 502, 503, 429, 408])

    return reply


async def test_a_receiver_that_fails_a_third_of_the_time_gets_each_once_and_in_order(bench: Bench) -> None:
    await bench.announce(*versions(30, 4))
    async with bench.delivering(), Receiver(failing_at_random(1 / 3)) as receiver:
        await bench.add(receiver, at_once=8)
        await eventually(lambda: len(receiver.accepted) == 120, within_seconds=60, what="all deliveries")
        assert_each_once_and_in_order(receiver.accepted, 120)
        assert len({each.id for each in receiver.accepted}) == 120, "each was taken once"

        async def is_done() -> bool:
            return await bench.webhooks.counts("desk") == (0, 0)

        await eventually(is_done, what="the last ends")
        await bench.stands("active")


@pytest.mark.slow
async def test_ten_thousand_events_reach_a_receiver_that_fails_a_third_of_the_time_once_each(bench: Bench) -> None:
    number = 10_000
    await bench.announce(*versions(number // 4, 4))
    async with bench.delivering(), Receiver(failing_at_random(1 / 3, seed=11)) as receiver:
        await bench.add(receiver, at_once=32)
        await eventually(lambda: len(receiver.accepted) >= number, within_seconds=900, what="all deliveries")
        assert_each_once_and_in_order(receiver.accepted, number)
        assert len({each.id for each in receiver.accepted}) == number

        async def is_done() -> bool:
            return await bench.webhooks.counts("desk") == (0, 0)

        await eventually(is_done, what="the last ends")
        assert len(receiver.requests) > number * 1.2, "too few failed to prove anything"


async def test_two_gateways_share_webhooks_and_deliver_nothing_twice(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        receivers = [await stack.enter_async_context(Receiver(failing_at_random(0.2, number))) for number in range(4)]
        await stack.enter_async_context(bench.delivering())
        other = await stack.enter_async_context(bench.delivering())
        for number, receiver in enumerate(receivers):
            await bench.add(receiver, f"desk-{number}")
        for batch in range(5):
            await bench.announce(*(article(f"b{batch}-{number}") for number in range(10)))
        # One of them stops as gateways do, and the other takes over what it had.
        await eventually(lambda: all(receiver.accepted for receiver in receivers), what="the first deliveries")
        await other.drain(5)
        for receiver in receivers:
            await eventually(lambda r=receiver: len(r.accepted) == 50, within_seconds=30, what="all deliveries")
            assert_each_once_and_in_order(receiver.accepted, 50)
            assert len(receiver.accepted) == 50


async def test_after_three_days_away_it_goes_on_from_its_place(bench: Bench) -> None:
    settings = SETTINGS.model_copy(update={"first_retry": timedelta(seconds=5)})
    receiver = Receiver()
    await receiver.begin()
    await bench.add(receiver)
    async with bench.delivering(settings):
        await bench.announce(article("first"))
        await eventually(lambda: len(receiver.accepted) == 1, what="the first")
        await receiver.end()
        await bench.announce(*versions(60, 3))
        for _ in range(12):  # six-hour steps; each is longer than any pause
            failed = len(await bench.webhooks.log("desk", limit=1000))
            bench.clock.advance(hours=6)

            async def has_tried(failed: int = failed) -> bool:
                return len(await bench.webhooks.log("desk", limit=1000)) > failed

            await eventually(has_tried, what="another attempt")
        progress = await bench.webhooks.progress("desk")
        assert progress.standing == "failing"
        assert progress.trouble is not None
        assert "connect_failed" in progress.trouble
        assert progress.cursor < 20, "what waits costs nothing but the place"
        late, dead = await bench.webhooks.counts("desk")
        assert (late < 20, dead) == (True, 0)
        await receiver.begin()
        bench.clock.advance(minutes=11)
        await eventually(lambda: len(receiver.accepted) == 181, within_seconds=60, what="all that it missed")
        assert_each_once_and_in_order(receiver.accepted, 181)
        await bench.stands("active")
    await receiver.end()


async def test_trouble_is_told_once_at_each_change(bench: Bench) -> None:
    async with bench.delivering(), Receiver(lambda _: 500) as receiver:
        await bench.add(receiver)
        await bench.announce(*(article(f"a{number}") for number in range(10)))
        await bench.stands("trying_again")
        bench.clock.advance(hours=25)
        await bench.stands("failing")
        bench.clock.advance(hours=25)
        tried = len(receiver.requests)
        await eventually(lambda: len(receiver.requests) > tried, what="another attempt")
        receiver.reply = lambda _: 200
        bench.clock.advance(hours=1)
        await bench.stands("active")
    events = Counter(line["event"] for line in bench.logged.entries)
    assert [events[f"webhook.{each}"] for each in ("trying_again", "failing", "recovered")] == [1, 1, 1]
    failing, recovered = bench.notices
    assert failing.startswith("webhook desk: nothing was delivered since ")
    assert recovered == "webhook desk: its receiver takes deliveries again"


async def test_one_dead_receiver_holds_up_no_other(bench: Bench) -> None:
    hanging = asyncio.Event()
    async with bench.delivering(), Receiver() as well, Receiver(lambda _: 500) as ill:
        silent = await asyncio.start_server(lambda *_: hanging.wait(), "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        for name, url in (("well", well.url), ("ill", ill.url), ("silent", f"http://127.0.0.1:{port}/")):
            await bench.webhooks.add(make_webhook(NewWebhook(name=name, url=url), secret=new_secret()), BEGINNING)
        await bench.announce(*(article(f"a{number}") for number in range(150)))
        await eventually(
            lambda: len(well.accepted) == 150, within_seconds=30, what="the deliveries to the one that is well"
        )
        hanging.set()
        silent.close()


async def test_one_record_that_fails_again_and_again_holds_up_no_other_and_is_given_up(bench: Bench) -> None:
    def reply(message: Any) -> int:
        return 500 if message["data"]["url"].endswith("/a3") else 200

    async with bench.delivering(), Receiver(reply) as receiver:
        await bench.add(receiver)
        await bench.announce(*versions(8, 2))
        await eventually(lambda: len(receiver.accepted) == 14, what="all others")
        # Later revisions of the article that fails wait for the first: nobody sees the newer one before it.
        assert {each.message["revision"] for each in receiver.requests if each.status == 500} == {1}
        steps = 0
        while not await bench.webhooks.dead("desk"):
            steps += 1
            assert steps < 60
            await bench.announce(article(f"more{steps}"))  # others go well meanwhile
            failed = len(receiver.requests)
            bench.clock.advance(minutes=11)
            await eventually(lambda f=failed: len(receiver.requests) >= f + 2, what="another attempt")
        (dead,) = await bench.webhooks.dead("desk")
        assert (dead.reason, dead.revision) == ("gave_up", 1)
        assert dead.detail.startswith("server_error: 500")


async def test_a_receiver_that_refuses_everything_is_left_alone_before_it_empties_the_store(bench: Bench) -> None:
    async with bench.delivering(), Receiver(lambda _: (404, {}, "no such page")) as receiver:
        await bench.add(receiver, at_once=1)
        await bench.announce(*(article(f"a{number}") for number in range(200)))
        await bench.stands("trying_again")
        dead = await bench.webhooks.dead("desk")
        assert len(dead) == 10
        receiver.reply = lambda _: 200
        await bench.webhooks.redeliver("desk")
        bench.clock.advance(hours=1)
        # One that was under way when the dead were taken back may come twice.
        await eventually(
            lambda: len({each.id for each in receiver.accepted}) == 200, within_seconds=30, what="everything"
        )

        async def is_done() -> bool:
            return await bench.webhooks.counts("desk") == (0, 0)

        await eventually(is_done, what="the last ends")


async def test_retry_after_is_obeyed(bench: Bench) -> None:
    def reply(message: Any) -> Any:
        return (429, {"Retry-After": "7200"}, "slowly")

    async with bench.delivering(), Receiver(reply) as receiver:
        await bench.add(receiver, at_once=1)
        await bench.announce(article("one"), article("two"))
        await eventually(lambda: len(receiver.requests) == 1, what="the first attempt")

        async def waits() -> bool:
            return (await bench.webhooks.progress("desk")).not_before is not None

        await eventually(waits, what="the pause")
        receiver.reply = lambda _: 200
        bench.clock.advance(minutes=119)
        await bench.announce(article("three"))
        # It looks several times a second: what would be sent now would be there.
        with pytest.raises(pytest.fail.Exception):
            await eventually(lambda: len(receiver.requests) > 1, within_seconds=1.5)
        bench.clock.advance(minutes=2)
        await eventually(lambda: len(receiver.accepted) == 3, what="the rest")


async def test_no_more_in_a_minute_than_was_said(bench: Bench) -> None:
    async with bench.delivering(), Receiver() as receiver:
        await bench.add(receiver, per_minute=6)
        await bench.announce(*(article(f"a{number}") for number in range(4)))
        for count in range(1, 5):
            await eventually(lambda c=count: len(receiver.requests) == c, what=f"delivery {count}")
            bench.clock.advance(seconds=10)


async def test_a_record_that_is_gone_meanwhile_is_dead_and_says_nothing_of_the_receiver(bench: Bench) -> None:
    async with bench.delivering(), Receiver(lambda _: 500) as receiver:
        await bench.add(receiver)
        await bench.announce(article("one"))
        await eventually(lambda: len(receiver.requests) >= 1, what="the first attempt")
        bench.forget(receiver.requests[0].message["article"])

        async def is_dead() -> bool:
            bench.clock.advance(hours=1)
            return bool(await bench.webhooks.dead("desk"))

        await eventually(is_dead, what="the dead delivery")
        (dead,) = await bench.webhooks.dead("desk")
        assert dead.reason == "record_gone"


async def test_a_place_of_another_store_is_told_and_replaced_by_now(bench: Bench) -> None:
    await bench.announce(article("old"))
    async with Receiver() as receiver:
        await bench.add(receiver, start=Position("f" * 16, 500))
        async with bench.delivering():

            async def is_moved() -> bool:
                return (await bench.webhooks.progress("desk")).cursor == 1

            await eventually(is_moved, what="the new place")
            await bench.announce(article("new"))
            await eventually(lambda: receiver.articles == ["https://news.example/new"], what="what came since")
    assert "webhook.reset" in [line["event"] for line in bench.logged.entries]


async def test_whoever_lost_the_right_writes_nothing(bench: Bench) -> None:
    async with Receiver() as receiver:
        await bench.add(receiver)
        first = await bench.webhooks.acquire("desk", "one", seconds=60)
        assert first is not None
        assert await bench.webhooks.acquire("desk", "two", seconds=60) is None
        assert await bench.webhooks.commit(first, Change(set={"cursor": "5"}), seconds=0.05)

        async def has_lapsed() -> bool:
            return await bench.webhooks.acquire("desk", "two", seconds=60) is not None

        await eventually(has_lapsed, what="the end of the right")
        assert not await bench.webhooks.commit(first, Change(set={"cursor": "9"}), seconds=60)
        await bench.webhooks.release(first)
        assert await bench.webhooks.acquire("desk", "one", seconds=60) is None, "it is another's"
        assert (await bench.webhooks.progress("desk")).cursor == 5
        await bench.webhooks.remove("desk")
        await bench.add(receiver)
        assert not await bench.webhooks.commit(first, Change(set={"cursor": "9"}), seconds=60)


async def test_a_gateway_that_cannot_read_the_store_leaves_the_webhook_to_another(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "articles.sqlite").write_bytes(b"no database at all" * 100)
    async with Receiver() as receiver:
        await bench.add(receiver)
        before = (await bench.webhooks.progress("desk")).generation
        async with bench.delivering():

            async def has_had_the_right() -> bool:
                return (await bench.webhooks.progress("desk")).generation > before

            async def is_free() -> bool:
                return await bench.webhooks.acquire("desk", "other", seconds=60) is not None

            await eventually(has_had_the_right, what="a beginning")
            await eventually(is_free, within_seconds=20, what="the right to deliver")


async def test_log_and_dead_deliveries_are_bounded(bench: Bench, redis: Redis) -> None:
    async with Receiver() as receiver:
        await bench.add(receiver)
        attempt = Attempt(at=bench.clock(), webhook_id="a-1", outcome="test", reason="ok")
        for _ in range(2500):
            await bench.webhooks.write_log("desk", attempt)
        assert await redis.xlen("coranto:{webhooks}:desk:log") < 1200
        grant = await bench.webhooks.acquire("desk", "one", seconds=60)
        assert grant is not None
        dead = [
            DeadDelivery(number=n, article=f"{n}", revision=1, url="", at=bench.clock(), reason="refused", detail="")
            for n in range(10_000, 11_000)
        ]
        await bench.webhooks.commit(grant, Change(dead=dead), seconds=60)
        receiver.reply = lambda _: 404
        async with bench.delivering():
            await bench.announce(article("one"))

            async def is_late() -> bool:
                return (await bench.webhooks.counts("desk")) == (1, 1000)

            await bench.webhooks.release(grant)
            await eventually(is_late, what="the delivery that waits for room")


async def test_so_many_are_late_and_no_more_is_begun(bench: Bench) -> None:
    """Half fail and half go well, so that nothing else stops it."""

    def reply(message: Any) -> int:
        return 500 if int(message["data"]["url"].rpartition("/a")[2]) % 2 else 200

    settings = SETTINGS.model_copy(update={"first_retry": timedelta(hours=1), "longest_retry": timedelta(hours=1)})
    async with bench.delivering(settings), Receiver(reply) as receiver:
        await bench.add(receiver, at_once=1)
        await bench.announce(*(article(f"a{number}") for number in range(300)))

        async def is_full() -> bool:
            return (await bench.webhooks.counts("desk"))[0] == MOST_LATE

        await eventually(is_full, within_seconds=30, what="so many")
        receiver.reply = lambda _: 200
        bench.clock.advance(hours=2)
        await eventually(lambda: len(receiver.accepted) == 300, within_seconds=30, what="everything")
        assert_each_once_and_in_order(receiver.accepted, 300)


async def test_killed_gateways_and_a_restarted_redis_lose_nothing(own_redis: EmbeddedRedis, tmp_path: Path) -> None:
    settings = {
        "CORANTO_REDIS__URL": own_redis.url,
        "CORANTO_GATEWAY__DATABASE": str(tmp_path / "articles.sqlite"),
        "CORANTO_GATEWAY__PORT": "0",
        "CORANTO_GATEWAY__WEBHOOKS__ALLOWED_NETWORKS": "127.0.0.0/8",
        "CORANTO_GATEWAY__WEBHOOKS__TIMEOUT": "1",
        "CORANTO_GATEWAY__WEBHOOKS__FIRST_RETRY": "0.05",
        "CORANTO_GATEWAY__WEBHOOKS__LONGEST_RETRY": "1",
    }
    client = Redis.from_url(own_redis.url)
    bench = Bench(client, tmp_path / "articles.sqlite", Clock())
    await bench.announce(*versions(60, 4))
    async with Receiver(failing_at_random(1 / 3)) as receiver:
        await bench.add(receiver, at_once=4)
        for goal in (40, 100):
            async with running_service("gateway", settings):
                await eventually(
                    lambda g=goal: len(receiver.accepted) >= g, within_seconds=40, what=f"{goal} deliveries"
                )
            # Killed, with deliveries under way; the next has the webhook once the right of this one has lapsed.
        async with running_service("gateway", settings):
            await eventually(lambda: len(receiver.accepted) >= 160, within_seconds=40, what="160 deliveries")
            own_redis.kill()
            own_redis.start()
            await eventually(
                lambda: len({each.id for each in receiver.accepted}) == 240, within_seconds=60, what="all deliveries"
            )
        assert_each_once_and_in_order(receiver.accepted, 240)
        assert len(receiver.accepted) < 240 + 40, "only what was under way comes twice"
    await client.aclose()
