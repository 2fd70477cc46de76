"""Webhooks and alerts are changed field by field: over HTTP, from the command line, on the page; also those that cannot be used."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
from click.testing import Result
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.services.gateway.conftest import Serve, Served
from tests.services.gateway.test_alerts import Desk, article, desk, stories
from tests.services.gateway.test_page import Page, hold_to_the_policy, look, post
from tests.services.gateway.test_unusable import ALERTS, WEBHOOKS, spoil
from tests.services.gateway.test_webhook_commands import Command, run
from tests.services.gateway.test_webhook_delivery import Bench, bench
from tests.services.gateway.test_webhooks import LOOPBACK
from tests.services.gateway.webhook_receiver import Receiver
from typer.testing import CliRunner

from coranto_gateway.addresses.secret_addresses import shown_address
from coranto_gateway.alerts.commands import app as alerts_app
from coranto_gateway.webhooks.webhook import new_secret

__all__ = ["bench", "desk", "run"]

WEBHOOK = {"name": "desk", "url": "https://a.example/in"}
ALERT = {"name": "desk", "q": "bridge", "to": ["telegram:1"]}


async def change(served: Served, path: str, status: int = 200, **fields: Any) -> Any:
    answer = await served.client.patch(path, json=fields)
    assert answer.status_code == status, answer.text
    return answer.json()


WEBHOOK_FIELDS = {
    "url": "https://b.example/in",
    "where": "language == 'ru'",
    "format": "ninjs",
    "at_once": 2,
    "per_minute": 60,
}
ALERT_FIELDS = {
    "q": "ferry",
    "where": "language == 'ru'",
    "to": ["mailto:desk@example.org", "telegram:2"],
    "when": "daily",
    "at": "07:30",
    "zone": "Europe/Berlin",
    "quiet": "22:00-07:00",
    "max_age_hours": 5,
    "corrections": True,
}


@pytest.mark.parametrize(
    ("kind", "new", "fields"), [("webhooks", WEBHOOK, WEBHOOK_FIELDS), ("alerts", ALERT, ALERT_FIELDS)]
)
async def test_each_field_is_changed_by_itself_and_secrets_stay(
    served: Served, redis: Redis, kind: str, new: dict[str, Any], fields: dict[str, Any]
) -> None:
    made = await served.post(f"/v1/{kind}", new, status=201)
    expected = await served.get(f"/v1/{kind}/desk")
    # An alert tells whether it got a secret; neither of these has a webhook.
    told = {} if kind == "webhooks" else {"secret": None}
    for field, value in fields.items():
        changed = await change(served, f"/v1/{kind}/desk", **{field: value})
        expected = expected | {field: shown_address(value) if field == "url" else value}
        if field == "to":
            expected["warnings"] = changed["warnings"]
        assert changed == expected | told
    assert await served.get(f"/v1/{kind}/desk") == expected
    assert await change(served, f"/v1/{kind}/desk") == expected | told, "nothing said, nothing changed"
    kept = json.loads(await redis.hget(f"coranto:{{{kind}}}:all", "desk") or "")  # type: ignore[misc]
    assert (kept["secrets"][0]["text"] if kind == "webhooks" else kept["secret"]) == made["secret"]
    assert all(kept[field] == value for field, value in fields.items())
    optional = "per_minute" if kind == "webhooks" else "quiet"
    assert (await change(served, f"/v1/{kind}/desk", **{optional: None}))[optional] is None


@pytest.mark.parametrize(
    ("kind", "new", "wrong", "said"),
    [
        ("webhooks", WEBHOOK, {"url": "gopher://a.example"}, "url"),
        ("webhooks", WEBHOOK, {"url": None}, "url"),
        ("webhooks", WEBHOOK, {"name": "other"}, "name"),
        ("webhooks", WEBHOOK, {"secrets": []}, "secrets"),
        ("webhooks", WEBHOOK, {"where": "langauge == 1"}, "did you mean"),
        ("webhooks", WEBHOOK, {"at_once": 99}, "at_once"),
        ("alerts", ALERT, {"q": ""}, "would tell of everything"),
        ("alerts", ALERT, {"to": []}, "to"),
        ("alerts", ALERT, {"zone": "Berlin"}, "IANA"),
        ("alerts", ALERT, {"id": "x"}, "id"),
    ],
)
async def test_what_cannot_be_understood_changes_nothing(
    served: Served, kind: str, new: dict[str, Any], wrong: dict[str, Any], said: str
) -> None:
    await served.post(f"/v1/{kind}", new, status=201)
    before = await served.get(f"/v1/{kind}/desk")
    assert said in (await change(served, f"/v1/{kind}/desk", 422, **wrong))["detail"]
    assert await served.get(f"/v1/{kind}/desk") == before
    await change(served, f"/v1/{kind}/other", 404)


async def test_changes_made_side_by_side_are_all_kept(bench: Bench) -> None:
    async with Receiver() as receiver:
        await bench.add(receiver)
        secret, now = new_secret(), datetime.now(UTC)
        await asyncio.gather(
            bench.webhooks.edit("desk", {"where": "language == 'ru'"}),
            bench.webhooks.edit("desk", {"at_once": 1}),
            bench.webhooks.rotate("desk", secret, now, overlap=timedelta(hours=1)),
            bench.webhooks.edit("desk", {"per_minute": 7}),
        )
        webhook = await bench.webhooks.get("desk")
        assert (webhook.where, webhook.at_once, webhook.per_minute) == ("language == 'ru'", 1, 7)
        assert webhook.secrets[0].text == secret
        assert len(webhook.secrets) == 2


async def test_a_new_filter_counts_from_the_next_article_on_and_a_new_address_from_the_next_attempt(
    bench: Bench,
) -> None:
    async with Receiver() as first, Receiver() as second, bench.delivering():
        await bench.add(first)
        await bench.announce(article("one", language="en"))
        await eventually(lambda: len(first.accepted) == 1, what="the first delivery")
        await bench.webhooks.edit("desk", {"where": "language == 'ru'", "url": second.url})

        # It is looked at in the order of names, so what is begun for a later one is begun behind the change.
        async with Receiver() as marker:
            await bench.add(marker, "marker")
            await eventually(lambda: len(marker.accepted) == 1, what="another look at the webhooks")
        await bench.webhooks.remove("marker")
        await bench.announce(article("two", language="en"), article("three", language="ru"))
        await eventually(lambda: len(second.accepted) == 1, what="the delivery to the new address")
        assert second.accepted[0].message["data"]["url"].endswith("/three")
        assert len(first.accepted) == 1


async def test_a_new_address_ends_what_the_old_receiver_has_said(bench: Bench) -> None:
    async with Receiver(lambda _: 410) as gone, Receiver() as better, bench.delivering():
        await bench.add(gone)
        await bench.announce(article("one"))
        await bench.stands("disabled")
        await bench.webhooks.edit("desk", {"at_once": 1})
        assert await bench.standing() == "disabled"
        await bench.webhooks.edit("desk", {"url": better.url})
        await eventually(lambda: len(better.accepted) == 1, what="what the old receiver did not take")
        assert await bench.standing() == "active"


async def test_what_an_alert_has_found_comes_by_its_new_times_and_to_whom_it_tells_now(desk: Desk) -> None:
    async with desk.watching(), Receiver() as before, Receiver() as after:
        secret = await desk.add(before.url, when="daily", at="00:00")
        await desk.bench.announce(article("bridge", title="A bridge"))
        await eventually(desk.found, what="what it has found")
        await desk.alerts.edit("desk", {"when": "at_once", "to": [after.url]})
        await eventually(lambda: bool(after.accepted), what="the message")
        assert stories(after) == [["A bridge"]]
        standardwebhooks.Webhook(secret).verify(after.accepted[0].body.decode(), after.accepted[0].headers)
        assert not before.requests


async def test_whoever_is_told_no_longer_gets_no_further_attempt(desk: Desk) -> None:
    async with desk.watching(), Receiver(lambda _: 500) as failing, Receiver() as after:
        await desk.add(failing.url)
        await desk.bench.announce(article("bridge", title="A bridge"))
        await eventually(lambda: len(failing.requests) == 1, what="an attempt that fails")
        await desk.alerts.edit("desk", {"to": [after.url]})

        async def is_forgotten() -> bool:
            return not (await desk.alerts.state()).messages

        await eventually(is_forgotten, what="the end of its message")


async def test_from_the_command_line(run: Command, served: Served, redis: Redis) -> None:
    await served.post("/v1/webhooks", WEBHOOK, status=201)
    await run("edit", "desk", "--where", "language == 'ru'", "--format", "ninjs", "--at-once", "1", "--per-minute", "5")
    seen = await served.get("/v1/webhooks/desk")
    assert [seen[field] for field in ("where", "format", "at_once", "per_minute")] == [
        "language == 'ru'",
        "ninjs",
        1,
        5,
    ]
    await run("edit", "desk", "--url", "https://b.example/", "--where", "", "--per-minute", "0")
    seen = await served.get("/v1/webhooks/desk")
    assert [seen[field] for field in ("url", "where", "per_minute")] == ["https://b.example/", "", None]
    assert "at least one" in (await run("edit", "desk", code=2)).output
    assert "url" in (await run("edit", "desk", "--url", "nothing", code=2)).output
    await run("edit", "nobody", "--at-once", "1", code=3)
    await spoil(redis, WEBHOOKS)
    assert "coranto webhooks edit" in (await run("rotate", "desk", code=3)).output
    await run("edit", "desk", "--where", "language == 'en'")
    assert (await served.get("/v1/webhooks/desk"))["where"] == "language == 'en'"


async def test_an_alert_from_the_command_line(run: Command, served: Served, redis: Redis) -> None:
    del run  # it has named the Redis

    async def edit(*arguments: str, code: int = 0) -> Result:
        result = await asyncio.to_thread(CliRunner().invoke, alerts_app, ["edit", "desk", *arguments])
        assert result.exit_code == code, result.output
        return result

    await served.post("/v1/alerts", ALERT, status=201)
    await spoil(redis, ALERTS)
    await edit("--where", "", "--words", "ferry", "--to", "telegram:2", "--to", "telegram:3", "--when", "daily")
    await edit("--at", "06:15", "--zone", "Europe/Berlin", "--quiet", "22:00-06:00", "--max-age-hours", "9")
    seen = await served.get("/v1/alerts/desk")
    assert [seen[field] for field in ("q", "to", "when", "at")] == [
        "ferry",
        ["telegram:2", "telegram:3"],
        "daily",
        "06:15",
    ]
    assert [seen[field] for field in ("zone", "quiet", "max_age_hours")] == ["Europe/Berlin", "22:00-06:00", 9]
    await edit("--quiet", "")
    assert (await served.get("/v1/alerts/desk"))["quiet"] is None
    assert "would tell of everything" in (await edit("--words", "", code=2)).output


async def send(served: Served, path: str, status: int, **form: str) -> Page:
    page = Page((await post(served, path, status=status, **form)).text)
    hold_to_the_policy(page)
    return page


async def test_on_the_page_a_form_shows_what_is_kept_and_what_is_wrong_beside_its_field(
    serve: Serve, redis: Redis
) -> None:
    async with serve(webhooks=LOOPBACK) as served:
        await served.post("/v1/webhooks", WEBHOOK | {"per_minute": 9}, status=201)
        await served.post("/v1/alerts", ALERT | {"quiet": "22:00-07:00"}, status=201)
        hook, alert = "/subscribers/webhooks/desk", "/alerts/desk"
        values = {str(each.get("value")) for each in (await look(served, hook)).all("input")}
        assert {shown_address("https://a.example/in"), "4", "9"} <= values
        values = {str(each.get("value")) for each in (await look(served, alert)).all("input")}
        assert {"bridge", "08:00", "UTC", "22:00-07:00", "48"} <= values
        for path, wrong, said in (
            (hook, {"url": "nothing"}, "https"),
            (hook, {"url": "https://b.example/", "at_once": "many"}, "integer"),
            (alert, {"q": "a", "to": "nobody"}, "mailto:"),
            (alert, {"q": "", "to": "telegram:1"}, "would tell of everything"),
        ):
            page = await send(served, f"{path}/edit", 422, **wrong)
            assert said in page.said
            typed = [*(each.get("value") for each in page.all("input")), page.text]
            assert all(any(value in (each or "") for each in typed) for value in wrong.values()), "it is still there"
        await post(served, f"{hook}/edit", url="https://b.example/", where="language == 'ru'", format="jsonld")
        seen = await served.get("/v1/webhooks/desk")
        assert [seen[field] for field in ("url", "where", "format", "at_once", "per_minute")] == [
            "https://b.example/", "language == 'ru'", "jsonld", 4, None,
        ]  # fmt: skip
        await post(served, f"{alert}/edit", q="ferry", to="telegram:1\ntelegram:2", when="hourly")
        seen = await served.get("/v1/alerts/desk")
        assert [seen[field] for field in ("q", "to", "when", "quiet")] == [
            "ferry", ["telegram:1", "telegram:2"], "hourly", None,
        ]  # fmt: skip
        for key, path in ((WEBHOOKS, hook), (ALERTS, alert)):
            await spoil(redis, key)
            page = await look(served, path, **{"Accept-Language": "ru"})
            assert "непригодно" in page.said
            assert "mood" in page.said
            form = {"url": "https://b.example/"} if path == hook else {"q": "bridge", "to": "telegram:1"}
            await send(served, f"{path}/edit", 422, where="mood == 'sad'", **form)
            await post(served, f"{path}/edit", where="", **form)
            assert "непригодно" not in (await look(served, path, **{"Accept-Language": "ru"})).said
            await spoil(redis, key)
            await post(served, f"{path}/remove", sure="desk")
        assert (await served.get("/v1/alerts"))["unusable"] == []
