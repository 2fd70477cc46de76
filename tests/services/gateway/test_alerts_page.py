"""Alerts on the page: tried out on last week, made, watched, paused and removed."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis
from tests.services.gateway.conftest import Serve, Served
from tests.services.gateway.test_articles import article
from tests.services.gateway.test_page import ATTACK, Page, hold_to_the_policy, look, post
from tests.services.gateway.test_stories import hours_ago, member

from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import Scope

FORM = {"name": "bridges", "q": "bridge", "to": "mailto:desk@example.org\nhttps://hooks.example/in"}


async def answered(served: Served, path: str, **form: str) -> Page:
    page = Page((await post(served, path, status=200, **form)).text)
    hold_to_the_policy(page)
    return page


async def test_an_alert_is_tried_made_paused_and_removed(served: Served) -> None:
    assert "No alerts yet." in (await look(served, "/alerts")).said
    # What is older than a day is no news for an alert.
    fresh = member("bridge", "Times", "original", hours_ago(1))
    await served.store(
        fresh.model_copy(update={"content": fresh.content.model_copy(update={"title": f"Bridge {ATTACK}"})}),
        article("old", title="Bridge of old"),
    )
    tried = await answered(served, "/alerts/try", **FORM, when="daily", at="07:30", zone="Europe/Berlin")
    assert "Last week it would have told of 1 story, from 1 article." in tried.said
    assert ATTACK in tried.text
    assert {"bridges", "07:30", "Europe/Berlin"} <= {str(each.get("value")) for each in tried.all("input")}
    assert (await served.get("/v1/alerts"))["items"] == []

    assert "whsec_" in (await answered(served, "/alerts", **FORM, when="daily", quiet="22:00-07:00")).said
    listed = await look(served, "/alerts", **{"Accept-Language": "ru"})
    assert "1 оповещение" in listed.said
    assert "раз в день" in listed.said
    assert "whsec_" not in listed.said
    assert "22:00-07:00" in (await look(served, "/alerts/bridges")).said
    await post(served, "/alerts/bridges/pause")
    assert "paused" in (await look(served, "/alerts/bridges")).said
    await post(served, "/alerts/bridges/resume")
    await post(served, "/alerts/bridges/redeliver")
    await post(served, "/alerts/bridges/remove", sure="bridge", status=422)
    await post(served, "/alerts/bridges/remove", sure="bridges")
    await look(served, "/alerts/bridges", status=404)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": ""}, "name"),
        ({"to": ""}, "to"),
        ({"to": "nobody"}, "mailto:desk@example.org"),
        ({"where": "langauge == 1"}, "did you mean"),
        ({"zone": "Berlin"}, "IANA"),
    ],
)
async def test_an_alert_that_cannot_be_is_refused_with_a_reason(
    served: Served, form: dict[str, str], said: str
) -> None:
    for path in ("/alerts", "/alerts/try"):
        assert said in (await post(served, path, status=422, **(FORM | form))).text


async def test_whom_alerts_tell_is_for_operators_to_see(serve: Serve, redis: Redis) -> None:
    async with serve(public_url="http://127.0.0.1:1") as served:
        tokens = Tokens(redis, "coranto")
        _, reader = await tokens.add("reader", frozenset({Scope.READ}))
        _, operator = await tokens.add("operator", frozenset({Scope.READ, Scope.OPERATE}))
        for text, status in ((reader, 403), (operator, 200)):
            headers = {"Authorization": f"Bearer {text}"}
            assert (await served.client.get("/alerts", headers=headers)).status_code == status
            assert (await served.client.get("/alerts/desk", headers=headers)).status_code in (403, 404)
            overview = await served.client.get("/", headers=headers)
            assert overview.status_code == 200
            assert ('href="/alerts"' in overview.text) == (status == 200)
