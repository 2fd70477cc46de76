"""Webhooks on the page: made with a secret that is shown once, watched, tested, changed, delivered again, removed."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.services.gateway.conftest import Serve, Served
from tests.services.gateway.test_articles import article
from tests.services.gateway.test_page import ATTACK, Page, hold_to_the_policy, look, post
from tests.services.gateway.test_webhooks import LOOPBACK
from tests.services.gateway.webhook_receiver import Receiver

from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import Scope

ADDRESS = "/subscribers/webhooks/desk"


async def answered(served: Served, path: str, **form: str) -> Page:
    page = Page((await post(served, path, status=200, **form)).text)
    hold_to_the_policy(page)
    return page


async def test_a_webhook_is_made_watched_and_removed(serve: Serve) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        made = await answered(served, "/subscribers/webhooks", name="desk", url=receiver.url, where="language == 'en'")
        assert "whsec_" in made.said
        assert "whsec_" not in (await look(served, ADDRESS)).said
        await served.announce(article("bridge", title=ATTACK))

        async def is_logged() -> bool:
            return ATTACK in (await look(served, ADDRESS)).text

        await eventually(is_logged, what="the delivery in the log")
        listed = await look(served, "/subscribers", **{"Accept-Language": "ru"})
        assert "language == 'en'" in listed.said
        assert "доставляет" in listed.said
        tested = await answered(served, f"{ADDRESS}/test")
        assert "The receiver answered 204" in tested.said
        assert "whsec_" in (await answered(served, f"{ADDRESS}/rotate")).said
        await post(served, f"{ADDRESS}/pause")
        assert "paused" in (await look(served, ADDRESS)).said
        await post(served, f"{ADDRESS}/resume")
        await post(served, f"{ADDRESS}/remove", sure="des", status=422)
        await post(served, f"{ADDRESS}/remove", sure="desk")
        await look(served, ADDRESS, status=404)
        assert "Nobody has subscribed yet." in (await look(served, "/subscribers")).said


async def test_what_a_receiver_refused_is_listed_and_delivered_again_or_let_be(serve: Serve) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver(lambda _: 422) as receiver:
        await answered(served, "/subscribers/webhooks", name="desk", url=receiver.url)
        await served.announce(*(article(f"a{number}", title=f"Headline {number}") for number in range(3)))

        async def are_given_up() -> bool:
            return "Redeliver all 3" in (await look(served, ADDRESS)).said

        await eventually(are_given_up, what="three dead deliveries")
        page = await look(served, ADDRESS)
        assert "Headline 0" in page.said
        await post(served, f"{ADDRESS}/discard", number="1")
        receiver.reply = lambda _: 204
        sent = await post(served, f"{ADDRESS}/redeliver")
        assert sent.headers["location"].endswith("?done=2")
        await eventually(lambda: len(receiver.accepted) == 2, what="both deliveries")
        assert "Redeliver all" not in (await look(served, ADDRESS)).said


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "", "url": "https://a.example/"}, "name"),
        ({"name": "desk", "url": "javascript:alert(1)"}, "url"),
        ({"name": "desk", "url": "https://a.example/", "where": "langauge == 1"}, "did you mean"),
    ],
)
async def test_a_webhook_that_cannot_be_is_refused_with_a_reason(
    served: Served, form: dict[str, str], said: str
) -> None:
    assert said in (await post(served, "/subscribers/webhooks", status=422, **form)).text


async def test_whoever_may_only_read_sees_no_address(serve: Serve, redis: Redis) -> None:
    async with serve(public_url="http://127.0.0.1:1") as served:
        tokens = Tokens(redis, "coranto")
        _, reader = await tokens.add("reader", frozenset({Scope.READ}))
        _, operator = await tokens.add("operator", frozenset({Scope.READ, Scope.OPERATE}))

        async def ask(path: str, text: str, status: int = 200) -> str:
            answer = await served.client.get(path, headers={"Authorization": f"Bearer {text}"})
            assert answer.status_code == status
            return answer.text

        body = {"name": "desk", "url": "https://hooks.example/secret-part"}
        await served.client.post("/v1/webhooks", json=body, headers={"Authorization": f"Bearer {operator}"})
        for path in ("/subscribers", ADDRESS):
            assert "https://hooks.example/…" in await ask(path, operator)
            assert "secret-part" not in await ask(path, operator)
        listed = await ask("/subscribers", reader)
        assert "desk" in listed
        assert "hooks.example" not in listed
        assert "secret-part" not in await ask(ADDRESS, reader, 403)
