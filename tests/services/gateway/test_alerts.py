"""Alerts: people are told of a story once, at the time they chose, by each channel, whatever fails meanwhile."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from aiosmtpd.smtp import SMTP
from pydantic import ValidationError
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.services.gateway.conftest import Serve
from tests.services.gateway.test_articles import article as stored_article
from tests.services.gateway.test_articles import date_of
from tests.services.gateway.test_page import look, post
from tests.services.gateway.test_webhook_delivery import Bench, Clock
from tests.services.gateway.test_webhooks import LOOPBACK
from tests.services.gateway.webhook_receiver import Receiver
from typer.testing import CliRunner

from coranto.http.settings import WebSettings
from coranto.records import ClassifiedArticle, Story
from coranto.streams.tasks import end
from coranto.worker.log import get_logger
from coranto_gateway.alerts.alert import NewAlert, Recipient
from coranto_gateway.alerts.commands import app
from coranto_gateway.alerts.courier import Courier
from coranto_gateway.alerts.message import Hit, Message
from coranto_gateway.alerts.registry import Alerts, Commands, make_alert
from coranto_gateway.alerts.settings import AlertSettings
from coranto_gateway.alerts.watcher import AlertTools, Watcher
from coranto_gateway.articles.announcements import Announcements
from coranto_gateway.articles.stores import ArticleStores
from coranto_gateway.webhooks.sending import Sender
from coranto_gateway.webhooks.settings import WebhookSettings

SETTINGS = WebhookSettings(allowed_networks=("127.0.0.0/8",), timeout=timedelta(seconds=2))


def article(
    name: str, *, story: str | None = None, published: datetime | None = None, **options: Any
) -> ClassifiedArticle:
    """An article of now, unless it says otherwise."""
    built = stored_article(name, **options)
    content = built.content.model_copy(update={"published": date_of(published or datetime.now(UTC))})
    kept = Story(id=story, role="copy") if story is not None else None
    return built.model_copy(
        update={"content": content, "classification": built.classification.model_copy(update={"story": kept})}
    )


class Desk:
    """A store that is written, and a gateway's part that looks and sends."""

    def __init__(self, redis: Redis, database: Path, clock: Clock) -> None:
        self.bench = Bench(redis, database, clock)
        self.clock = clock
        self.alerts = Alerts(redis, "coranto")
        self._database = database

    async def add(self, to: str, *more: str, name: str = "desk", q: str = "bridge", **options: Any) -> str:
        new = NewAlert.model_validate({"name": name, "q": q, "to": [to, *more]} | options)
        alert = make_alert(new, now=datetime.now(UTC) - timedelta(seconds=1))
        await self.alerts.add(alert)
        return "" if alert.secret is None else alert.secret.text

    @asynccontextmanager
    async def watching(self, **settings: Any) -> AsyncIterator[Watcher]:
        stores = ArticleStores(self._database, readers=2)
        announcements = Announcements(stores, kept=100)
        client = WebSettings().to_client(SETTINGS.limits, more_networks=SETTINGS.allowed_networks)
        sender = Sender(client, clock=self.clock)
        chosen = AlertSettings(**settings)
        log = get_logger(service="gateway")
        courier = Courier(sender, chosen)
        tools = AlertTools(self.alerts, announcements, stores, courier, chosen, self.bench.metrics, log)
        watcher = Watcher(tools)
        tasks = [asyncio.create_task(announcements.run()), asyncio.create_task(watcher.run())]
        try:
            yield watcher
        finally:
            await watcher.drain(2)
            await end(tasks)
            await sender.close()
            stores.close()

    async def found(self, name: str = "desk") -> int:
        state = await self.alerts.state()
        return sum(len(hits) for alert, hits in state.hits.items() if state.alerts[alert].name == name)

    async def has_passed(self, number: int) -> bool:
        return (await self.alerts.state()).cursor >= number


@pytest.fixture
def desk(redis: Redis, tmp_path: Path) -> Desk:
    return Desk(redis, tmp_path / "articles.sqlite", Clock())


def stories(receiver: Receiver) -> list[list[str]]:
    """Headlines by message that was taken."""
    return [[hit["title"] for hit in each.message["data"]["stories"]] for each in receiver.accepted]


async def test_words_in_any_form_tell_at_once_and_say_why(desk: Desk) -> None:
    async with desk.watching(), Receiver() as receiver:
        secret = await desk.add(receiver.url, q="мост Саратов", where="language == 'ru'")
        await desk.bench.announce(
            article("other", title="Bridge over the Neva"),
            article("saratov", title="Новость", text="В Саратове открыли мосты.", language="ru"),
            article("moscow", title="Новость", text="В Москве открыли мост.", language="ru"),
        )
        await eventually(lambda: bool(receiver.accepted), what="the alert")
        await eventually(lambda: desk.has_passed(3), what="the end of what was announced")
        (received,) = receiver.accepted
        standardwebhooks.Webhook(secret).verify(received.body.decode(), received.headers)
        assert received.message["type"] == "alert"
        (story,) = received.message["data"]["stories"]
        assert story["url"] == "https://news.example/saratov"
        assert "[Саратове]" in story["why"]
        assert "[мосты]" in story["why"]


async def test_a_story_is_told_once_however_many_copies_and_revisions_come(desk: Desk) -> None:
    async with desk.watching(), Receiver() as receiver:
        await desk.add(receiver.url)
        await desk.bench.announce(
            article("one", story="s1"), article("two", story="s1"), article("three", story="s2", title="Bridge two")
        )
        await eventually(lambda: sum(map(len, stories(receiver))) == 2, what="two stories")
        assert receiver.accepted[0].message["data"]["stories"][0]["copies"] == 1
        desk.clock.advance(hours=1)
        await desk.bench.announce(
            article("one", story="s1", fetch=2, title="Bridge reopens again"), article("four", story="s1")
        )
        await desk.bench.announce(article("last", story="s3", title="Bridge three"))
        await eventually(lambda: sum(map(len, stories(receiver))) >= 3, what="the new story")
        assert [title for each in stories(receiver) for title in each][-1] == "Bridge three"
        assert sum(map(len, stories(receiver))) == 3


async def test_nobody_is_told_of_the_old_of_backlog_or_of_what_only_we_have_changed(desk: Desk) -> None:
    old = article("old", published=datetime.now(UTC) - timedelta(days=3))
    fresh = article("fresh")
    backlog = article("backlog").model_copy(
        update={"discovery": fresh.discovery.model_copy(update={"priority": "backlog", "submission": "b"})}
    )
    known = article("known", title="Something else", text="About something else.")
    await desk.bench.announce(known)
    async with desk.watching(), Receiver() as receiver:
        await asyncio.sleep(0)
        await desk.alerts.add(
            make_alert(
                NewAlert(name="desk", where="title.contains('bridge') or topic.under('11000000')", to=[receiver.url]),
                now=datetime.now(UTC),
            )
        )
        other = stored_article(
            "known", fetch=2, title="Something else", text="About something else.", topics=("11000000",)
        )
        ours = other.model_copy(update={"content": known.content})
        await desk.bench.announce(old, backlog, ours, fresh)
        await eventually(lambda: bool(receiver.accepted), what="the alert")
        await eventually(lambda: desk.has_passed(5), what="the end")
        assert [[hit["url"] for hit in each.message["data"]["stories"]] for each in receiver.accepted] == [
            ["https://news.example/fresh"]
        ]


async def test_several_searches_tell_a_recipient_once_and_are_all_named(desk: Desk) -> None:
    async with desk.watching(), Receiver() as receiver, Receiver() as program:
        chat = f"slack:{receiver.url}"
        await desk.add(chat, name="bridges", when="hourly")
        await desk.add(chat, program.url, name="cities", q="Riga", when="daily", at="00:00")
        await desk.add("telegram:1", name="others", q="Riga", when="daily", at="00:00")
        await desk.bench.announce(
            article("both", title="A bridge in Riga"), article("one", title="Trams in Riga", text="They are yellow.")
        )

        async def are_found() -> bool:
            return [await desk.found(name) for name in ("bridges", "cities", "others")] == [1, 2, 2]

        await eventually(are_found, what="what all have found")
        desk.clock.advance(hours=1)
        await eventually(lambda: len(receiver.accepted) == 1, what="the first digest")
        assert "found by bridges, cities" in receiver.accepted[0].message["text"]
        desk.clock.advance(days=1)
        await eventually(lambda: len(receiver.accepted) == 2, what="the second digest")
        assert "Trams in Riga" in receiver.accepted[1].message["text"]
        assert "A bridge in Riga" not in receiver.accepted[1].message["text"]
        await eventually(lambda: bool(program.accepted), what="what the program is told")
        assert sorted(stories(program)[0]) == ["A bridge in Riga", "Trams in Riga"]
        assert {each for hit in program.accepted[0].message["data"]["stories"] for each in hit["searches"]} == {
            "cities"
        }


async def test_what_is_due_at_the_same_moment_is_told_once(desk: Desk) -> None:
    async with desk.watching(), Receiver() as receiver:
        for name in ("bridges", "cities"):
            await desk.add(f"slack:{receiver.url}", name=name, when="hourly")
        await desk.bench.announce(article("both", title="A bridge in Riga"))
        await eventually(lambda: desk.has_passed(1), what="the look")
        desk.clock.advance(hours=1)
        await eventually(lambda: bool(receiver.accepted), what="the message")

        async def are_done() -> bool:
            state = await desk.alerts.state()
            return not (state.hits or state.messages or state.due)

        await eventually(are_done, what="the end of both")
        assert len(receiver.accepted) == 1


def again(known: ClassifiedArticle, number: int, **content: Any) -> ClassifiedArticle:
    """The article as it is when it is looked at again."""
    fetch = known.fetch.model_copy(update={"page": known.fetch.page.model_copy(update={"sha256": f"{number:064x}"})})
    discovery = known.discovery.model_copy(update={"priority": "backlog", "submission": f"again-{number}"})
    changed = known.content.model_copy(update=content)
    return known.model_copy(update={"discovery": discovery, "fetch": fetch, "content": changed})


async def test_a_correction_is_told_by_those_who_want_it_and_our_own_work_never_is(desk: Desk) -> None:
    async with desk.watching(), Receiver() as wanting, Receiver() as other:
        await desk.add(wanting.url, name="wanting", corrections=True)
        await desk.add(other.url, name="other")
        told, unknown = (
            article("told", title="A bridge"),
            article("unknown", title="Nothing of it", text="About something else."),
        )
        await desk.bench.announce(told, unknown)
        await eventually(lambda: len(wanting.accepted) == len(other.accepted) == 1, what="the first messages")
        corrected = again(told, 1, title="A bridge, corrected")
        topics = article("told", topics=("11000000",)).classification.topics
        ours = corrected.model_copy(
            update={
                "classification": corrected.classification.model_copy(update={"topics": topics}),
                "discovery": corrected.discovery.model_copy(update={"submission": "ours"}),
            }
        )
        await desk.bench.announce(corrected, again(unknown, 2, title="A bridge after all"), ours)
        await eventually(lambda: desk.has_passed(5), what="the look")
        desk.clock.advance(minutes=2)
        await eventually(lambda: len(wanting.accepted) == 2, what="the correction")
        (hit,) = wanting.accepted[1].message["data"]["stories"]
        assert (hit["title"], hit["correction"]) == ("A bridge, corrected", 2)
        assert len(other.accepted) == 1
        await desk.bench.announce(again(told, 3, title="A bridge, corrected twice"))
        await eventually(lambda: desk.has_passed(6), what="another look")
        desk.clock.advance(minutes=2)
        await eventually(lambda: len(wanting.accepted) == 3, what="the second correction")


async def test_a_test_that_nobody_sends_is_forgotten(desk: Desk) -> None:
    async with Receiver() as receiver:
        await desk.add(receiver.url)
        await desk.alerts.test("desk", now=desk.clock())
        desk.clock.advance(minutes=6)
        async with desk.watching():

            async def is_forgotten() -> bool:
                return not (await desk.alerts.state()).messages

            await eventually(is_forgotten, what="the end of the test")
            await desk.alerts.test("desk", now=desk.clock())
            await eventually(lambda: len(receiver.accepted) == 1, what="a test in time")
        assert receiver.requests[0].message["type"] == "test"


def test_a_correction_says_so_in_its_headline() -> None:
    told = message("slack:https://a.example/", hit(title="A bridge", correction=2))
    assert told.subject == "Corrected: A bridge"
    assert told.text().startswith("Corrected: A bridge")


async def test_a_digest_comes_when_it_is_due_and_holds_all_and_not_when_there_is_nothing(desk: Desk) -> None:
    async with desk.watching(), Receiver() as receiver:
        await desk.add(receiver.url, when="hourly")
        await desk.bench.announce(*(article(f"a{n}", title=f"Bridge {n}") for n in range(260)))

        async def all_found() -> bool:
            return await desk.has_passed(260) and await desk.found() == 200

        await eventually(all_found, what="what is found")
        assert receiver.requests == []
        desk.clock.advance(hours=1)
        await eventually(lambda: len(receiver.accepted) == 1, what="the digest")
        data = receiver.accepted[0].message["data"]
        assert (len(data["stories"]), data["more"]) == (50, 210)
        desk.clock.advance(hours=3)
        await desk.bench.announce(article("late", title="Bridge late"))

        async def is_found() -> bool:
            return await desk.found() == 1

        await eventually(is_found, what="the next")
        assert len(receiver.requests) == 1
        desk.clock.advance(hours=1)
        await eventually(lambda: stories(receiver)[-1] == ["Bridge late"], what="the next digest")


async def test_a_channel_that_fails_is_tried_again_and_stops_no_other(desk: Desk) -> None:
    async with desk.watching(), Receiver() as well, Receiver(lambda _: 503) as ill:
        await desk.add(ill.url, well.url)
        await desk.bench.announce(article("one"))
        await eventually(lambda: len(well.accepted) == 1, what="the one that is well")
        await eventually(lambda: len(ill.requests) == 1, what="an attempt")
        ill.reply = lambda _: 200
        desk.clock.advance(minutes=1)
        await eventually(lambda: len(ill.accepted) == 1, what="another attempt")
        assert ill.requests[0].id == ill.requests[1].id
        assert ill.requests[0].body == ill.requests[1].body
        assert len(well.requests) == 1


async def test_what_is_refused_or_fails_for_a_day_is_given_up_and_can_be_sent_again(desk: Desk) -> None:
    async with (
        desk.watching(),
        Receiver(lambda _: (404, {}, "no_service")) as refuses,
        Receiver(lambda _: 500) as fails,
    ):
        await desk.add(refuses.url, fails.url)
        await desk.bench.announce(article("one"))

        async def dead() -> list[Message]:
            return [each for each in (await desk.alerts.state()).messages.values() if each.dead is not None]

        async def are_dead(count: int) -> bool:
            return len(await dead()) == count

        await eventually(lambda: are_dead(1), what="the refused one")
        assert "no_service" in str((await dead())[0].dead)
        await eventually(lambda: len(fails.requests) == 1, what="an attempt")
        desk.clock.advance(hours=25)
        await eventually(lambda: are_dead(2), what="the one that failed for a day")
        refuses.reply = fails.reply = lambda _: 200
        assert await desk.alerts.redeliver("desk", now=desk.clock()) == 2
        await eventually(lambda: bool(refuses.accepted and fails.accepted), what="both")
        outcomes = [line.outcome for line in await desk.alerts.log("desk")]
        assert sorted(outcomes) == ["dead", "dead", "delivered", "delivered", "retried"]


async def test_two_gateways_and_a_restart_tell_once(desk: Desk) -> None:
    async with Receiver() as receiver:
        await desk.add(receiver.url, when="hourly")
        async with desk.watching() as first, desk.watching():
            await desk.bench.announce(article("one", title="Bridge one"))

            async def count(number: int) -> bool:
                return await desk.found() == number

            await eventually(lambda: count(1), what="the first")
            await first.drain(2)
            await desk.bench.announce(article("two", title="Bridge two"))
            await eventually(lambda: count(2), what="the second, by the other gateway")
        await desk.bench.announce(article("three", title="Bridge three"))
        desk.clock.advance(hours=1)
        async with desk.watching():
            await eventually(lambda: sum(map(len, stories(receiver))) == 3, what="all three")
        assert sorted(title for each in stories(receiver) for title in each) == [
            "Bridge one",
            "Bridge three",
            "Bridge two",
        ]


async def test_a_gateway_that_cannot_read_the_store_leaves_the_alerts_to_another(
    desk: Desk, redis: Redis, tmp_path: Path
) -> None:
    (tmp_path / "articles.sqlite").write_bytes(b"no database at all" * 100)
    await desk.add("telegram:1")
    async with desk.watching():

        async def has_had_the_right() -> bool:
            return await redis.hexists("coranto:{alerts}:state", "generation")  # type: ignore[misc]

        async def is_free() -> bool:
            return await desk.alerts.acquire("other", seconds=60) > 0

        await eventually(has_had_the_right, what="a look")
        await eventually(is_free, within_seconds=20, what="the right to look")


async def test_in_an_emptied_redis_one_gateway_looks(redis: Redis) -> None:
    alerts = Alerts(redis, "coranto")
    before = await alerts.acquire("first", seconds=60)
    await redis.flushdb()
    assert await alerts.acquire("second", seconds=60) == before, "generations begin anew"
    assert not await alerts.commit("first", before, Commands(), seconds=60)
    assert await alerts.commit("second", before, Commands(), seconds=60)


async def test_paused_it_tells_nothing_and_does_not_make_up_for_it(desk: Desk) -> None:
    async with desk.watching(), Receiver() as receiver:
        await desk.add(receiver.url)
        await desk.alerts.pause("desk")
        await desk.bench.announce(article("one", title="Bridge one"))
        await eventually(lambda: desk.has_passed(1), what="the end")
        await desk.alerts.resume("desk")
        await desk.bench.announce(article("two", title="Bridge two"))
        await eventually(lambda: stories(receiver) == [["Bridge two"]], what="what came afterwards")


async def test_removed_it_sends_nothing_and_one_of_the_same_name_begins_anew(desk: Desk, redis: Redis) -> None:
    async with desk.watching(), Receiver() as receiver:
        await desk.add(receiver.url, when="hourly")
        await desk.bench.announce(article("one", title="Bridge one"))

        async def is_found() -> bool:
            return bool((await desk.alerts.state()).hits)

        await eventually(is_found, what="the hit")
        await desk.alerts.pause("desk")
        await desk.alerts.remove("desk")
        await desk.add(receiver.url, q="tunnel")

        async def is_gone() -> bool:
            state = await desk.alerts.state()
            return not state.hits and not state.due and not state.paused

        await eventually(is_gone, what="the end of what it had found")
        desk.clock.advance(hours=2)
        await desk.bench.announce(article("two", title="Tunnel two"))
        await eventually(lambda: stories(receiver) == [["Tunnel two"]], what="the other alert")


# --- channels ---------------------------------------------------------------------------------------------------------


def hit(number: int = 1, **options: Any) -> Hit:
    fields = {
        "story": f"s{number}",
        "article": f"a{number}",
        "url": f"https://news.example/{number}",
        "title": f"Bridge & <b>{number}</b>\r\nBcc: x@evil.example",
        "publisher": "News\x1b[31m",
        "published": "2026-03-14",
        "why": "the [bridge] reopens",
        "at": datetime.now(UTC),
    }
    return Hit.model_validate(fields | options)


def message(to: str, *hits: Hit, more: int = 0) -> Message:
    now = datetime.now(UTC)
    return Message(id="desk-1-0", alert="x", name="desk", to=to, at=now, hits=list(hits), more=more, due=now)


def courier(**settings: Any) -> Courier:
    client = WebSettings().to_client(SETTINGS.limits, more_networks=SETTINGS.allowed_networks)
    return Courier(Sender(client), AlertSettings(**settings))


async def test_apprise_is_off_until_it_is_set() -> None:
    async with Receiver() as receiver:
        to = f"apprise:json://127.0.0.1:{receiver.port}/in"
        answer = await courier().bring(message(to, hit()), None)
        assert (answer.verdict, answer.reason) == ("failed", "not_set_up")
        assert "CORANTO_GATEWAY__ALERTS__APPRISE" in answer.detail
        assert not receiver.requests


async def test_apprise_brings_text_and_says_whether_it_was_taken() -> None:
    pytest.importorskip("apprise", reason="the extra `apprise` is not installed")
    status = 200
    async with Receiver(lambda _: status) as receiver:
        to = f"apprise:json://127.0.0.1:{receiver.port}/in"
        answer = await courier(apprise=True).bring(message(to, hit(title="A <b>bridge</b>")), None)
        assert (answer.verdict, answer.reason) == ("delivered", "ok")
        assert receiver.requests[0].message["title"] == "A <b>bridge</b>"
        assert "https://news.example/1" in receiver.requests[0].message["message"]
        status = 500
        answer = await courier(apprise=True).bring(message(to, hit()), None)
        assert (answer.verdict, answer.reason) == ("failed", "not_brought")
        answer = await courier(apprise=True).bring(message("apprise:nobody://knows/this", hit()), None)
        assert (answer.verdict, answer.reason) == ("refused", "refused")


async def test_apprise_that_is_not_installed_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    answer = await courier(apprise=True).bring(message("apprise:json://127.0.0.1/", hit()), None)
    assert answer.reason == "not_set_up"
    assert "coranto-gateway[apprise]" in answer.detail


async def test_slack_gets_text_that_is_no_markup() -> None:
    async with Receiver() as receiver:
        answer = await courier().bring(message(f"slack:{receiver.url}", hit()), None)
        assert answer.verdict == "delivered"
        text = receiver.requests[0].message["text"]
        assert "Bridge &amp; &lt;b&gt;1&lt;/b&gt; Bcc: x@evil.example" in text
        assert "https://news.example/1" in text


async def test_ntfy_gets_its_topic_and_no_more_than_it_takes() -> None:
    async with Receiver() as receiver:
        url = f"ntfy:http://127.0.0.1:{receiver.port}/desk"
        await courier().bring(message(url, hit()), None)
        many = [hit(number, title="Мост " * 50) for number in range(50)]
        await courier().bring(message(url, *many), None)
        one, digest = (each.message for each in receiver.requests)
        assert (receiver.requests[0].path, one["topic"], one["click"]) == ("/", "desk", "https://news.example/1")
        assert len(digest["message"].encode()) < 4096
        assert digest["message"].endswith("more")
        assert digest["title"] == "desk: 50 stories"


async def test_telegram_gets_4096_characters_at_most_and_is_asked_again_when_it_wants() -> None:
    async with Receiver() as receiver:
        by = courier(telegram_token="123:abc", telegram_api=f"http://127.0.0.1:{receiver.port}")
        many = [hit(number, title="Мост " * 50) for number in range(50)]
        assert (await by.bring(message("telegram:-100", *many), None)).verdict == "delivered"
        (received,) = receiver.requests
        assert received.path == "/bot123:abc/sendMessage"
        assert received.message["chat_id"] == "-100"
        assert len(received.message["text"]) <= 4096
        receiver.reply = lambda _: (429, {}, json.dumps({"ok": False, "parameters": {"retry_after": 10_072}}))
        answer = await by.bring(message("telegram:-100", hit()), None)
        assert answer.retry_after == timedelta(seconds=10_072)
        assert (await courier().bring(message("telegram:1", hit()), None)).reason == "not_set_up"


@pytest.mark.parametrize("character", ["a", "&", "я", "新", "😀"])
async def test_no_headline_makes_a_message_longer_than_a_channel_takes(character: str) -> None:
    # Dense at the beginning, then long and plain: what counts is the part that is kept.
    many = [hit(number, title=character * 300, why=character * 300) for number in range(10)]
    many += [hit(number, title="a" * 300, why="a" * 300) for number in range(10, 50)]
    long = hit(title=character * 300, why=character * 300, url=f"https://news.example/{character * 4_000}")
    async with Receiver() as receiver:
        server = f"http://127.0.0.1:{receiver.port}"
        by = courier(telegram_token="1:a", telegram_api=server, matrix_server=server, matrix_token="secret")
        for hits in (many, [long]):
            receiver.requests.clear()
            for to in ("telegram:1", f"ntfy:{server}/desk", f"slack:{server}/hook", "matrix:!room:example.org"):
                assert (await by.bring(message(to, *hits), None)).verdict == "delivered"
            telegram, ntfy, slack, matrix = receiver.requests
            assert 500 < len(telegram.message["text"].encode("utf-16-le")) // 2 <= 4096
            assert 500 < len(ntfy.message["message"].encode()) < 4096
            assert 500 < len(slack.message["text"]) < 40_000
            assert 500 < len(matrix.body) < 65_536


async def test_matrix_gets_a_notice_under_an_id_that_makes_it_appear_once() -> None:
    async with Receiver() as receiver:
        by = courier(matrix_server=f"http://127.0.0.1:{receiver.port}/", matrix_token="syt_abc")
        many = [hit(number, title="Мост " * 50) for number in range(50)]
        assert (await by.bring(message("matrix:!ab+c:news.example", *many), None)).verdict == "delivered"
        (received,) = receiver.requests
        assert received.path == "/_matrix/client/v3/rooms/%21ab%2Bc%3Anews.example/send/m.room.message/desk-1-0"
        assert received.headers["authorization"] == "Bearer syt_abc"
        assert received.message["msgtype"] == "m.notice"
        assert len(received.body) < 65_536
        receiver.reply = lambda _: (429, {}, json.dumps({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 4200}))
        answer = await by.bring(message("matrix:!ab:news.example", hit()), None)
        assert answer.retry_after == timedelta(seconds=4.2)
        assert (await courier().bring(message("matrix:!ab:news.example", hit()), None)).reason == "not_set_up"


class Mailbox:
    """Takes mail over the wire."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusal: str | None = None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        if self.refusal is not None:
            return self.refusal
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        assert envelope.rcpt_tos == ["desk@example.org"]
        return "250 OK"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(self, enable_SMTPUTF8=True), "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()


async def test_mail_is_one_letter_to_one_mailbox_that_can_be_threaded_and_ended() -> None:
    box = Mailbox()
    async with box.open() as port:
        by = courier(smtp_host="127.0.0.1", smtp_port=port, smtp_security="none", mail_from="alerts@news.example")
        assert (await by.bring(message("mailto:desk@example.org", hit()), None)).verdict == "delivered"
        digest = message("mailto:desk@example.org", *(hit(number, title="Мост " * 60) for number in range(50)), more=7)
        assert (await by.bring(digest, None)).verdict == "delivered"
        one, many = box.mails
        assert one["Subject"] == "Bridge & <b>1</b> Bcc: x@evil.example"
        assert one["Bcc"] is None
        assert one["Message-ID"] == "<desk-1-0@news.example>"
        assert one["References"] == one["In-Reply-To"] == "<story.s1@news.example>"
        assert one["List-Unsubscribe"].startswith("<mailto:alerts@news.example?")
        assert "the [bridge] reopens" in one.get_content()
        assert "\x1b" not in one.get_content()
        assert many["Subject"] == "desk: 57 stories"
        assert len(many.as_bytes()) < 102_400
        box.refusal = "550 no such mailbox"
        answer = await by.bring(message("mailto:desk@example.org", hit()), None)
        assert (answer.verdict, answer.status) == ("refused", 550)
        box.refusal = "451 try again later"
        assert (await by.bring(message("mailto:desk@example.org", hit()), None)).verdict == "failed"
    assert (await by.bring(message("mailto:desk@example.org", hit()), None)).reason == "connect_failed"
    assert (await courier().bring(message("mailto:desk@example.org", hit()), None)).reason == "not_set_up"


async def test_mail_may_come_from_a_mailbox_with_a_name() -> None:
    box = Mailbox()
    async with box.open() as port:
        sender = "News desk <alerts@news.example>"
        by = courier(smtp_host="127.0.0.1", smtp_port=port, smtp_security="none", mail_from=sender)
        assert (await by.bring(message("mailto:desk@example.org", hit()), None)).verdict == "delivered"
        (mail,) = box.mails
        assert mail["From"] == sender
        assert mail["Message-ID"] == "<desk-1-0@news.example>"
        assert mail["List-Unsubscribe"].startswith("<mailto:alerts@news.example?")


async def test_a_mail_server_that_hangs_takes_no_thread_of_others() -> None:
    callers: list[asyncio.StreamWriter] = []

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer)

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    by = courier(smtp_host="127.0.0.1", smtp_port=server.sockets[0].getsockname()[1], smtp_security="none")
    # More than the loop has threads, on any machine.
    mails = [asyncio.create_task(by.bring(message("mailto:desk@example.org", hit()), None)) for _ in range(40)]
    await eventually(lambda: len(callers) > 1, what="mails under way")
    async with asyncio.timeout(10):
        await asyncio.to_thread(lambda: None)
    server.close()
    while not all(mail.done() for mail in mails):
        for caller in callers:
            caller.close()
        await asyncio.wait(mails, timeout=0.1)
    assert {mail.result().verdict for mail in mails} == {"failed"}


@pytest.mark.parametrize(
    "to",
    [
        "desk@example.org",
        "mailto:desk",
        "mailto:a@b.example,c@d.example",
        "mailto:a@b.example?bcc=c@d.example",
        "mailto:a@b.example\r\nBcc: c@d.example",
        "mailto:Desk <a@b.example>",
        "telegram:the desk",
        "matrix:#alias:news.example",
        "matrix:!room/../../send",
        "ntfy:https://ntfy.sh/",
        "apprise:",
        "apprise:discord",
        "apprise:json://a b",
        "slack:file:///etc/passwd",
        "https://user:password@desk.example/",
        "xmpp:desk@example.org",
        "",
    ],
)
def test_what_is_no_recipient_is_refused(to: str) -> None:
    with pytest.raises(ValueError, match=r"expected|no mailbox|no chat|no room|names no topic|no address"):
        Recipient.parse(to)


@pytest.mark.parametrize(
    "wrong",
    [
        {"q": "", "where": ""},
        {"q": "!!!"},
        {"q": "!!!", "where": "language == 'ru'"},
        {"where": "langauge == 'ru'"},
        {"to": []},
        {"zone": "Europe/Atlantis"},
        {"zone": "../../etc/passwd"},
        {"at": "25:00"},
        {"quiet": "22:00"},
        {"quiet": "22:00-22:00"},
        {"quiet": "22:00-24:30"},
        {"max_age_hours": 0},
    ],
)
def test_what_cannot_be_understood_is_no_alert(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NewAlert.model_validate({"name": "desk", "q": "bridge", "to": ["telegram:1"]} | wrong)


async def test_the_operator_is_told_that_a_webhook_was_disabled(serve: Serve) -> None:
    async with Receiver() as operator, Receiver(lambda _: 410) as receiver:
        async with serve(webhooks=LOOPBACK, alerts=AlertSettings(operator=(operator.url,))) as served:
            await served.post("/v1/webhooks", {"name": "desk", "url": receiver.url}, status=201)
            await served.announce(article("one"))
            await eventually(lambda: bool(operator.accepted), what="the notice")
        (notice,) = (each.message for each in operator.accepted)
        assert notice["type"] == "notice"
        assert notice["data"]["text"] == "webhook desk: its receiver answered 410; it is disabled"


async def test_notices_that_reached_nobody_are_listed_sent_again_and_let_be(
    serve: Serve, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)
    status = 404
    async with (
        Receiver(lambda _: status) as operator,
        Receiver(lambda _: 410) as receiver,
        serve(webhooks=LOOPBACK, alerts=AlertSettings(operator=(operator.url,))) as served,
    ):
        await served.post("/v1/webhooks", {"name": "desk", "url": receiver.url}, status=201)
        await served.announce(article("one"))

        async def is_dead() -> bool:
            return bool((await served.get("/v1/notices/dead"))["items"])

        await eventually(is_dead, what="the dead notice")
        page = await look(served, "/alerts", **{"Accept-Language": "ru"})
        assert "Неудавшиеся извещения оператору" in page.said
        assert "webhook desk: its receiver answered 410" in page.said
        listed = await asyncio.to_thread(CliRunner().invoke, app, ["notices"])
        assert listed.exit_code == 1
        assert "its receiver answered 410" in listed.stdout
        status = 200
        await post(served, "/notices/redeliver")
        await eventually(lambda: bool(operator.accepted), what="the notice")
        assert not await is_dead()
        status = 404
        await served.client.post("/v1/webhooks/desk/resume")
        await eventually(is_dead, what="another dead notice")
        assert (await served.post("/v1/notices/discard", {}))["moved"] == 1
        assert (await asyncio.to_thread(CliRunner().invoke, app, ["notices", "--redeliver"])).exit_code == 0
        assert not await is_dead()


# --- doors ------------------------------------------------------------------------------------------------------------


async def test_over_http_an_alert_is_tried_made_tested_paused_and_removed(serve: Serve) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await served.announce(
            article("one", story="s1"), article("two", story="s1"), article("x", title="Tunnel", text="T")
        )
        body = {"name": "desk", "q": "bridges", "to": [receiver.url]}
        tried = await served.post("/v1/alerts/try", body)
        assert tried["articles"] == 2
        assert [(each["copies"], each["story"]) for each in tried["stories"]] == [(1, "s1")]
        made = await served.post("/v1/alerts", body, status=201)
        assert made["secret"].startswith("whsec_")
        assert made["secret"] not in (await served.client.get("/v1/alerts")).text
        await served.post("/v1/alerts", body, status=409)
        (test_id,) = (await served.post("/v1/alerts/desk/test", None, status=202))["messages"]
        await eventually(lambda: [each.id for each in receiver.requests] == [test_id], what="the test")
        assert receiver.requests[0].message["type"] == "test"
        await served.announce(article("three", title="Bridge three"))
        await eventually(lambda: len(receiver.requests) == 2, what="the alert")

        async def is_logged() -> bool:
            log = (await served.get("/v1/alerts/desk/log"))["items"]
            return [(each["outcome"], each["stories"]) for each in log] == [("delivered", 1), ("delivered", 0)]

        await eventually(is_logged, what="the log")
        assert (await served.get("/v1/alerts/desk"))["sent_at"] is not None
        assert (await served.post("/v1/alerts/desk/pause", None))["standing"] == "paused"
        assert (await served.post("/v1/alerts/desk/resume", None))["standing"] == "active"
        assert (await served.post("/v1/alerts/desk/redeliver", None))["moved"] == 0
        assert (await served.get("/v1/alerts/desk/dead"))["items"] == []
        assert (await served.client.delete("/v1/alerts/desk")).status_code == 204
        await served.get("/v1/alerts/desk", status=404)
        problem = await served.post("/v1/alerts", body | {"to": ["xmpp:desk"]}, status=422)
        assert "telegram:CHAT, matrix:!ROOM or apprise:SERVICE" in problem["errors"][0]["detail"]


async def test_from_the_command_line_too(
    serve: Serve, redis_url: str, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del redis
    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)

    async def run(*arguments: str, code: int = 0) -> Any:
        result = await asyncio.to_thread(CliRunner().invoke, app, list(arguments))
        assert result.exit_code == code, result.output
        return result

    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await served.announce(article("one"))
        await run(
            "add", "desk", "--to", receiver.url, "--words", "bridge", "--when", "daily", "--zone", "Europe/Berlin"
        )
        assert "delivered (ok) a test" in (await run("test", "desk")).stdout
        receiver.reply = lambda _: 500
        assert "server_error" in (await run("test", "desk", code=1)).stdout
        assert "daily at 08:00" in (await run("list")).stdout
        assert json.loads((await run("list", "--json")).stdout)["zone"] == "Europe/Berlin"
        shown = json.loads((await run("show", "desk")).stdout)
        assert (shown["when"], shown["standing"], shown["dead_messages"]) == ("daily", "active", [])
        assert not {"secret", "id"} & shown.keys()
        assert len((await run("log", "desk", "--json")).stdout.splitlines()) == 2
        tried = await run("try", "--words", "bridges", "--data", str(tmp_path), "--json")
        assert json.loads(tried.stdout)["url"] == "https://news.example/one"
        await run("try", "--words", "tunnel", "--data", str(tmp_path), code=3)
        await run("pause", "desk")
        await run("resume", "desk")
        await run("redeliver", "desk")
        assert "an alert needs words" in (await run("add", "x", "--to", "telegram:1", code=2)).stderr
        await run("add", "desk", "--to", "telegram:1", "--words", "x", code=3)
        await run("remove", "desk")
        made = await run("add", "mail", "--to", "mailto:desk@example.org", "--words", "x")
        assert made.stdout == "", "nothing that it sends is signed"
        assert "warning: mailto:desk@example.org cannot be told: CORANTO_GATEWAY__ALERTS__SMTP_HOST" in made.stderr
        changed = await run("edit", "mail", "--to", receiver.url, "--to", "https://10.0.0.1/in")
        assert changed.stdout.startswith("whsec_")
        assert "warning: https://10.0.0.1/" in changed.stderr
        assert (await run("edit", "mail", "--when", "hourly")).stdout == "", "it has its secret already"
        for command in ("show", "log", "test", "pause", "resume", "redeliver", "remove"):
            assert "no alert 'desk'" in (await run(command, "desk", code=3)).stderr


async def test_whoever_makes_an_alert_or_a_webhook_that_reaches_nobody_is_told(serve: Serve, redis: Redis) -> None:
    del redis
    to = ["mailto:desk@example.org", "https://10.0.0.1/in", "https://hooks.example/in"]
    async with serve() as served:
        made = await served.post("/v1/alerts", {"name": "desk", "q": "bridge", "to": to}, status=201)
        mail, address = made["warnings"]
        assert mail.startswith("mailto:desk@example.org cannot be told: CORANTO_GATEWAY__ALERTS__SMTP_HOST")
        assert "10.0.0.1" in address
        assert "ALLOWED_NETWORKS" in address
        assert (await served.get("/v1/alerts/desk"))["warnings"] == made["warnings"]
        hook = await served.post("/v1/webhooks", {"name": "desk", "url": to[1]}, status=201)
        assert "ALLOWED_NETWORKS" in hook["warnings"][0]
        hook = await served.post("/v1/webhooks", {"name": "other", "url": to[2]}, status=201)
        assert hook["warnings"] == []
        made = await post(served, "/alerts", status=200, name="page", q="bridge", to=to[0])
        assert "cannot be told: CORANTO_GATEWAY__ALERTS__SMTP_HOST is not set" in made.text
        assert "whsec_" not in made.text
        changed = await post(served, "/alerts/page/edit", status=200, q="bridge", to=to[2])
        assert "whsec_" in changed.text
        made = await post(served, "/subscribers/webhooks", status=200, name="page", url=to[1])
        assert "ALLOWED_NETWORKS" in made.text
