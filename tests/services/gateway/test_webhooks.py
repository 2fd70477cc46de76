"""Webhooks over HTTP: made, signed so that other libraries agree, watched, tested, changed and removed."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
import svix
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.harness.redis_nodes import free_port
from tests.services.gateway.conftest import Serve, Served
from tests.services.gateway.test_articles import article
from tests.services.gateway.webhook_receiver import Received, Receiver

from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import Scope
from coranto_gateway.webhooks.settings import WebhookSettings
from coranto_gateway.webhooks.webhook import Secret, Webhook, new_secret, signed_headers

LOOPBACK = WebhookSettings(
    allowed_networks=("127.0.0.0/8",), timeout=timedelta(seconds=2), first_retry=timedelta(milliseconds=50)
)
NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


async def make(served: Served, receiver: Receiver, name: str = "desk", **options: Any) -> Any:
    return await served.post("/v1/webhooks", {"name": name, "url": receiver.url} | options, status=201)


def verified(received: Received, secret: str) -> Any:
    """The message, as two libraries of others read it."""
    headers = {name: value for name, value in received.headers.items() if name.startswith("webhook-")}
    svix.Webhook(secret).verify(received.body, headers)
    return standardwebhooks.Webhook(secret).verify(received.body.decode(), headers)


async def test_articles_are_posted_as_they_are_announced_and_other_libraries_verify_them(serve: Serve) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await served.announce(article("before"))
        made = await make(served, receiver, where="language == 'ru'")
        assert made["standing"] == "active"
        (story,) = await served.announce(article("storm", language="ru", title="Шторм"))
        await served.announce(article("bridge"))
        await eventually(lambda: bool(receiver.accepted), what="the delivery")
        (received,) = receiver.accepted
        message = verified(received, made["secret"])
        assert message["type"] == "article.finished"
        assert message["data"]["content"]["title"] == "Шторм"
        assert (message["article"], message["revision"], message["change"]) == (story.id, 1, "created")
        assert message["position"] == f"{story.storage.store}.2"
        assert received.id == f"{story.storage.store}-2"
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            verified(received, new_secret())

        async def has_passed() -> bool:
            view = await served.get("/v1/webhooks/desk")
            return bool(view["behind"] == 0 and view["delivered"] == 1)

        await eventually(has_passed, what="the place behind what the filter left out")
        (line,) = (await served.get("/v1/webhooks/desk/log"))["items"]
        assert (line["outcome"], line["reason"], line["status"], line["number"]) == ("delivered", "ok", 204, 2)
        counted = served.gateway.metrics.registry.get_sample_value
        name = "coranto_gateway_webhook_deliveries_total"
        assert counted(name, {"outcome": "delivered", "reason": "ok"}) == 1
        assert counted(name, {"outcome": "dropped", "reason": "not_wanted"}) == 1
        assert counted("coranto_gateway_webhooks", {"standing": "active"}) == 1


@pytest.mark.parametrize(("form", "key"), [("json", "content"), ("ninjs", "headlines"), ("jsonld", "@context")])
async def test_the_article_comes_in_the_form_that_was_asked_for(serve: Serve, form: str, key: str) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await make(served, receiver, format=form)
        await served.announce(article("bridge"))
        await eventually(lambda: bool(receiver.accepted), what="the delivery")
        assert key in receiver.accepted[0].message["data"]


async def test_from_the_beginning_all_that_is_stored_comes_first(serve: Serve) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await served.announce(*(article(f"a{number}") for number in range(250)))
        await make(served, receiver, start="beginning", at_once=1)
        await eventually(lambda: len(receiver.accepted) == 250, within_seconds=60, what="everything")
        assert receiver.articles == [f"https://news.example/a{number}" for number in range(250)]
        await served.announce(article("later"))
        await eventually(lambda: receiver.articles[-1].endswith("/later"), what="what came later")


def webhook(*secrets: Secret) -> Webhook:
    return Webhook(name="desk", url="https://desk.example/in", created_at=NOW, secrets=secrets)


def test_what_is_signed_is_signed_for_this_moment_whatever_the_zone() -> None:
    secret = new_secret()
    elsewhere = NOW.astimezone(timezone(timedelta(hours=3)))
    mine = signed_headers([Secret(text=secret)], "a-1", b'{"a": "\xc3\xa9"}', elsewhere)
    theirs = standardwebhooks.Webhook(secret).sign("a-1", NOW, '{"a": "é"}')
    assert mine == {
        "webhook-id": "a-1",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": theirs,
    }


def test_while_a_secret_is_phased_out_either_verifies() -> None:
    old, new = new_secret(), new_secret()
    changed = webhook(Secret(text=old)).with_new_secret(new, NOW, overlap=timedelta(hours=1))
    now = datetime.now(UTC).replace(microsecond=0)
    moment = changed.model_copy(update={"secrets": (changed.secrets[0], Secret(text=old, ends_at=now + timedelta(1)))})
    headers = signed_headers(moment.secrets_at(now), "a-1", b"{}", now)
    for secret in (old, new):
        assert standardwebhooks.Webhook(secret).verify("{}", headers) == {}
    assert [secret.text for secret in changed.secrets_at(NOW + timedelta(minutes=59))] == [new, old]
    assert [secret.text for secret in changed.secrets_at(NOW + timedelta(hours=1))] == [new]


def test_changing_the_secret_often_never_lengthens_the_life_of_an_old_one() -> None:
    kept = webhook(Secret(text=new_secret()))
    for hour in range(10):
        kept = kept.with_new_secret(new_secret(), NOW + timedelta(hours=hour), overlap=timedelta(hours=24))
    assert len(kept.secrets) == 4
    assert kept.secrets[0].ends_at is None
    assert [secret.ends_at for secret in kept.secrets[1:]] == [NOW + timedelta(hours=24 + h) for h in (9, 8, 7)]


async def test_the_secret_is_shown_once_and_changed_with_an_overlap(serve: Serve) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        first = await make(served, receiver)
        assert first["secret"] not in (await served.client.get("/v1/webhooks")).text
        second = await served.post("/v1/webhooks/desk/rotate", {"overlap_seconds": 3600})
        assert second["secrets"] == 2
        await eventually(lambda: _is_tested(served), what="a test with both signatures")
        await served.announce(article("bridge"))
        await eventually(lambda: len(receiver.articles) == 1, what="the delivery")
        for made in (first, second):
            assert verified(receiver.requests[-1], made["secret"])["type"] == "article.finished"


async def _is_tested(served: Served) -> bool:
    return bool((await served.post("/v1/webhooks/desk/test", None))["reason"] == "ok")


async def test_a_test_shows_what_the_receiver_really_answered(serve: Serve) -> None:
    async with serve(webhooks=LOOPBACK) as served:
        async with Receiver(lambda _: (418, {}, "I am a teapot " * 100)) as receiver:
            made = await make(served, receiver)
            answer = await served.post("/v1/webhooks/desk/test", None)
            assert (answer["status"], answer["reason"], answer["outcome"]) == (418, "refused", "test")
            assert answer["answer"].startswith("I am a teapot")
            assert len(answer["answer"]) == 500
            assert verified(receiver.requests[0], made["secret"])["type"] == "test"
        answer = await served.post("/v1/webhooks/desk/test", None)
        assert (answer["status"], answer["reason"]) == (None, "connect_failed")
        assert len((await served.get("/v1/webhooks/desk/log"))["items"]) == 2
        assert (await served.get("/v1/webhooks/desk"))["standing"] == "active", "a test says nothing of deliveries"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/in", "http://[::1]:9/in", "http://169.254.169.254/latest"])
async def test_an_address_that_is_not_public_is_refused_unless_it_is_allowed(served: Served, url: str) -> None:
    await served.post("/v1/webhooks", {"name": "inside", "url": url}, status=201)
    answer = await served.post("/v1/webhooks/inside/test", None)
    assert answer["reason"] == "address_refused"
    assert "CORANTO_GATEWAY__WEBHOOKS__ALLOWED_NETWORKS" in answer["detail"]


async def test_a_redirect_is_not_followed(serve: Serve) -> None:
    async with (
        serve(webhooks=LOOPBACK) as served,
        Receiver() as inside,
        Receiver(lambda _: (307, {"Location": inside.url}, "")) as receiver,
    ):
        await make(served, receiver)
        answer = await served.post("/v1/webhooks/desk/test", None)
        assert (answer["status"], answer["reason"]) == (307, "redirected")
        assert inside.requests == []


WRONG: list[dict[str, Any]] = [
    {"name": "Desk"},
    {"name": "../x"},
    {"name": "a" * 64},
    {"url": "ftp://desk.example/"},
    {"url": "file:///etc/passwd"},
    {"url": "https://user:password@desk.example/"},
    {"url": "https://desk.example/" + "x" * 4000},
    {"where": "langauge == 'ru'"},
    {"format": "atom"},
    {"at_once": 0},
    {"per_minute": 0},
    {"secret": "whsec_chosen"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda each: next(iter(each)))
async def test_what_cannot_be_understood_makes_no_webhook(served: Served, wrong: dict[str, Any]) -> None:
    problem = await served.post("/v1/webhooks", {"name": "desk", "url": "https://desk.example/in"} | wrong, status=422)
    assert problem["errors"][0]["name"] == next(iter(wrong))
    assert (await served.get("/v1/webhooks"))["items"] == []


async def test_a_name_is_given_once_and_unknown_ones_are_told(served: Served) -> None:
    body = {"name": "desk", "url": "https://desk.example/in"}
    await served.post("/v1/webhooks", body, status=201)
    assert "already" in (await served.post("/v1/webhooks", body, status=409))["detail"]
    for way in ("test", "pause", "resume", "rotate"):
        await served.post(f"/v1/webhooks/none/{way}", None, status=404)
    await served.get("/v1/webhooks/none", status=404)
    await served.get("/v1/webhooks/none/log", status=404)
    assert (await served.client.delete("/v1/webhooks/desk")).status_code == 204
    assert (await served.client.delete("/v1/webhooks/desk")).status_code == 404


async def test_webhooks_are_for_operators_to_see(serve: Serve, redis: Redis) -> None:
    async with serve(public_url="http://127.0.0.1:1") as served:
        for scope, status in ((Scope.READ, 403), (Scope.SUBMIT, 403), (Scope.OPERATE, 200)):
            _, text = await Tokens(redis, "coranto").add("desk", frozenset({scope}))
            await served.get("/v1/webhooks", status=status, headers={"Authorization": f"Bearer {text}"})


async def test_paused_it_keeps_its_place(serve: Serve) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await make(served, receiver)
        assert (await served.post("/v1/webhooks/desk/pause", None))["standing"] == "paused"
        await served.announce(article("one"), article("two"))
        assert (await served.post("/v1/webhooks/desk/test", None))["reason"] == "ok"
        assert receiver.articles == []
        assert (await served.get("/v1/webhooks/desk"))["behind"] == 2
        assert (await served.post("/v1/webhooks/desk/resume", None))["standing"] == "active"
        await eventually(lambda: len(receiver.articles) == 2, what="what came meanwhile")


async def test_what_is_refused_is_dead_and_is_delivered_again_when_asked(serve: Serve) -> None:
    refused = {"https://news.example/a1", "https://news.example/a2"}

    def reply(message: Any) -> Any:
        return (422, {}, "no such section") if message["data"].get("url") in refused else 200

    async with serve(webhooks=LOOPBACK) as served, Receiver(reply) as receiver:
        await make(served, receiver)
        await served.announce(*(article(f"a{number}") for number in range(4)))
        await eventually(lambda: len(receiver.articles) == 2, what="the others")

        async def dead() -> Any:
            return (await served.get("/v1/webhooks/desk/dead"))["items"]

        async def all_are_dead() -> bool:
            return len(await dead()) == 2

        await eventually(all_are_dead, what="the dead deliveries")
        first, second = await dead()
        assert (first["number"], first["reason"], first["detail"]) == (2, "refused", "422 no such section")
        assert first["url"] == "https://news.example/a1"
        assert len(receiver.requests) == 4, "what is refused is not tried again by itself"
        refused.clear()
        again = await served.post("/v1/webhooks/desk/redeliver", {"numbers": [second["number"]]})
        assert again["moved"] == 1
        await eventually(lambda: receiver.articles[-1].endswith("/a2"), what="the redelivery")
        assert receiver.requests[-1].id == next(each.id for each in receiver.requests if each.status == 422).replace(
            "-2", "-3"
        )
        assert (await served.post("/v1/webhooks/desk/discard", None))["moved"] == 1
        assert await dead() == []


async def test_all_since_a_place_or_a_time_is_delivered_again(serve: Serve) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await make(served, receiver, at_once=1)
        finished = await served.announce(*(article(f"a{number}") for number in range(5)))
        await eventually(lambda: len(receiver.articles) == 5, what="all")
        ids = [each.id for each in receiver.requests]
        place = f"{finished[0].storage.store}.3"
        await served.post("/v1/webhooks/desk/redeliver", {"after": place})
        await eventually(lambda: len(receiver.requests) == 7, what="the last two again")
        assert [each.id for each in receiver.requests[5:]] == ids[3:]
        since = finished[2].storage.stored_at.isoformat()
        await served.post("/v1/webhooks/desk/redeliver", {"since": since})
        await eventually(lambda: len(receiver.requests) >= 10, what="those since then again")
        assert [each.id for each in receiver.requests[-3:]] == ids[2:]
        await served.post("/v1/webhooks/desk/redeliver", {"after": "beginning"})
        await eventually(lambda: [each.id for each in receiver.requests[-5:]] == ids, what="all again")
        for wrong in ({}, {"dead": True, "after": place}, {"after": "rubbish"}, {"after": place[:-1] + "99"}):
            await served.post("/v1/webhooks/desk/redeliver", wrong, status=422)


async def test_gone_disables_it_until_it_is_resumed(serve: Serve) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver(lambda _: 410) as receiver:
        await make(served, receiver, at_once=1)
        await served.announce(article("one"), article("two"))

        async def is_disabled() -> bool:
            return bool((await served.get("/v1/webhooks/desk"))["standing"] == "disabled")

        await eventually(is_disabled, what="the end")
        assert "410" in (await served.get("/v1/webhooks/desk"))["why"]
        assert len(receiver.requests) == 1
        receiver.reply = lambda _: 200
        await served.post("/v1/webhooks/desk/resume", None)
        await eventually(lambda: len(receiver.articles) == 2, what="what it was refused, and the rest")
        assert receiver.articles == ["https://news.example/one", "https://news.example/two"]


async def test_removed_it_leaves_nothing(serve: Serve, redis: Redis) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await make(served, receiver)
        await served.announce(article("one"))
        await eventually(lambda: bool(receiver.articles), what="the delivery")
        assert (await served.client.delete("/v1/webhooks/desk")).status_code == 204
        counted = served.gateway.metrics.registry.get_sample_value
        await eventually(lambda: counted("coranto_gateway_webhooks", {"standing": "active"}) == 0, what="its end")
        await served.announce(article("two"))
        await make(served, receiver, name="other")
        await served.announce(article("three"))
        await eventually(lambda: receiver.articles[-1].endswith("/three"), what="the other webhook's delivery")
        assert len(receiver.articles) == 2
        assert [key async for key in redis.scan_iter("coranto:{webhooks}:desk:*")] == []


async def test_the_receiver_in_the_documents_prints_each_article_once(serve: Serve) -> None:
    program = Path(__file__).parents[3] / "docs" / "examples" / "webhook_receiver.py"
    port = free_port()
    async with serve(webhooks=LOOPBACK) as served:
        made = await served.post("/v1/webhooks", {"name": "d", "url": f"http://127.0.0.1:{port}/"}, status=201)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(program),
            str(port),
            env=os.environ | {"SECRET": made["secret"]},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await served.announce(article("bridge", title="Bridge reopens"))

            async def has_taken(count: int) -> bool:
                return bool((await served.get("/v1/webhooks/d"))["delivered"] >= count)

            await eventually(lambda: has_taken(1), what="the delivery")
            await served.post("/v1/webhooks/d/redeliver", {"after": "beginning"})
            await eventually(lambda: has_taken(2), what="the same once more")
            forged = await served.client.post(f"http://127.0.0.1:{port}/", content=b"{}")
            assert forged.status_code == 401
        finally:
            process.kill()
            await process.wait()
        assert process.stdout is not None
        assert (await process.stdout.read()).decode().splitlines() == ["1 Bridge reopens"]
