"""Addresses that hold a secret are shown nowhere: not in lists, answers, logs or errors, not where a server repeats them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.services.gateway.conftest import Serve
from tests.services.gateway.test_webhooks import LOOPBACK
from tests.services.gateway.webhook_receiver import Receiver
from typer.testing import CliRunner

from coranto.settings import LogSettings, effective_settings
from coranto.worker.log import configure
from coranto_gateway.addresses.secret_addresses import is_shown, shown_address, without_address
from coranto_gateway.alerts import commands as alert_commands
from coranto_gateway.alerts.alert import Recipient, shown_recipient
from coranto_gateway.alerts.registry import Alerts
from coranto_gateway.alerts.settings import AlertSettings
from coranto_gateway.webhooks import commands as webhook_commands


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.slack.com/services/T0/B0/hunter2", "https://hooks.slack.com/…"),
        ("https://discord.com/api/webhooks/1234/hunter2", "https://discord.com/…"),
        ("https://ntfy.sh/hunter2", "https://ntfy.sh/…"),
        ("https://desk.example:8443/?token=hunter2", "https://desk.example:8443/…"),
        ("https://desk.example/#hunter2", "https://desk.example/…"),
        ("https://desk:hunter2@desk.example/", "https://desk.example/…"),
        ("https://desk:hunt/er2@desk.example/", "…"),
        ("https://[::1]:8000/hunter2", "https://[::1]:8000/…"),
        ("https://[hunter2", "…"),
        ("hunter2", "…"),
        ("https:hunter2", "…"),
        ("https://desk.example", None),
        ("https://desk.example/", None),
    ],
)
def test_of_an_address_who_answers_there_and_a_mark_are_shown(url: str, shown: str | None) -> None:
    found = shown_address(url)
    if shown is None:
        assert found == url
        return
    assert found[:-6] == shown
    assert is_shown(found)
    assert shown_address(found) == found
    assert shown_address(f"{url}3") != found, "two of one host can be told apart"


@pytest.mark.parametrize(
    "text",
    [
        "discord://1234/hunter2",
        "slack:hunter2",
        "slack:ftp://hooks.example/hunter2",
        "ntfy:https://desk:hunter2@ntfy.example/desk",
        "telegram:1234:hunter2",
        "https://desk:hunter2@desk.example/",
        "https://desk.example:hunter2/",
        "http://[hunter2/",
        "apprise:hunter2",
        "hunter2",
    ],
)
def test_what_was_typed_wrongly_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|this is no") as error:
        Recipient.parse(text)
    assert "hunter2" not in str(error.value)
    assert "hunter2" not in shown_recipient(text)


async def test_half_a_character_is_refused_and_nothing_is_kept(serve: Serve) -> None:
    half = "https://desk.example/hunter2\ud800"
    bodies = [
        *(
            ("webhooks", {"name": "desk", "url": half}),
            ("webhooks", {"name": "desk", "url": half[:20], "where": "\ud800"}),
        ),
        *(
            ("alerts", {"name": "desk", "q": "bridge", "to": [to]})
            for to in (half, f"slack:{half}", "matrix:!a\ud800", "apprise:json://a\ud800")
        ),
    ]
    async with serve() as served:
        for kind, body in bodies:
            answer = await served.client.post(
                f"/v1/{kind}", content=json.dumps(body), headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 422
            assert "is half of one" in answer.text
            assert "hunter2" not in answer.text
            assert (await served.get(f"/v1/{kind}"))["items"] == []


def test_what_a_server_repeats_of_an_address_is_left_out() -> None:
    url = "https://hooks.example/api/webhooks/1234/hunter2%20b?token=hunter3&x=1"
    said = "Cannot POST /api/webhooks/1234/hunter2%20b?token=hunter3&x=1: hunter2 b, hunter3"
    assert without_address(said, url) == "Cannot POST /…: …, …"
    assert without_address("no hunter2, nor /hunter2", "https://desk.example/?hunter2") == "no …, nor /…"
    assert without_address("no such page: in", "https://desk.example/in") == "no such page: in"


def test_recipients_in_settings_are_shown_so_too() -> None:
    shown = effective_settings(AlertSettings(operator=("slack:https://hooks.example/hunter2", "telegram:1")))
    assert shown["operator"] == [shown_recipient("slack:https://hooks.example/hunter2"), "telegram:1"]


@pytest.fixture
def console(capfd: pytest.CaptureFixture[str], logging_restored: None) -> pytest.CaptureFixture[str]:
    """What is written to a terminal, with logging as it is in a process of its own."""
    configure(LogSettings(level="info", format="console"))
    return capfd


async def test_no_secret_of_an_address_is_shown_anywhere(
    serve: Serve, redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch, console: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)

    def repeat(message: Any) -> Any:
        return 400, {}, f"Cannot POST /{message.get('topic', 'hunter2/in?token=hunter2')}"

    async with Receiver(repeat) as receiver, serve(webhooks=LOOPBACK) as served:
        base = f"http://127.0.0.1:{receiver.port}/hunter2"
        to = [
            *(f"apprise:json://desk:hunter2@127.0.0.1/{name}" for name in ("one", "other")),
            *(f"slack:{base}", f"ntfy:{base}-topic", f"{base}/in?token=hunter2"),
        ]
        made = await served.post("/v1/alerts", {"name": "desk", "q": "bridge", "to": to}, status=201)
        assert made["to"] == [shown_recipient(each) for each in to]
        assert len(set(made["to"])) == len(to)
        hook = await served.post("/v1/webhooks", {"name": "desk", "url": f"{base}/in?token=hunter2"}, status=201)
        assert hook["url"] == shown_address(f"{base}/in?token=hunter2")
        await served.post("/v1/alerts/desk/test", None, status=202)
        said = [(await served.client.post("/v1/webhooks/desk/test")).text]

        async def are_tried() -> bool:
            return len((await served.get("/v1/alerts/desk/log"))["items"]) == len(to)

        await eventually(are_tried, what="the tests")
        assert any("Cannot POST /" in each["answer"] for each in (await served.get("/v1/alerts/desk/log"))["items"])
        alerts = Alerts(redis, "coranto")
        await alerts.notify(to, "a webhook fails", now=datetime.now(UTC))
        folders = ("alerts", "webhooks")
        paths = [f"/v1/{each}{rest}" for each in folders for rest in ("", "/desk", "/desk/log", "/desk/dead")]
        paths += ["/alerts", "/alerts/desk", "/subscribers", "/subscribers/webhooks/desk"]
        said += [(await served.client.get(path)).text for path in paths]
        for app in (alert_commands.app, webhook_commands.app):
            for command in (["list"], ["list", "--json"], ["log", "desk"], ["log", "desk", "--json"], ["show", "desk"]):
                said.append((await asyncio.to_thread(CliRunner().invoke, app, command)).output)
        # What is shown may be given back: it stands for what is kept.
        changed = await served.client.patch("/v1/alerts/desk", json={"to": [*made["to"][1:], "telegram:1"]})
        assert changed.json()["to"] == [*made["to"][1:], "telegram:1"]
        assert (await alerts.get("desk")).to == [*to[1:], "telegram:1"]
        moved = await served.client.patch("/v1/webhooks/desk", json={"url": hook["url"], "at_once": 2})
        assert moved.json()["url"] == hook["url"]
        kept = json.loads(await redis.hget("coranto:{webhooks}:all", "desk") or "")  # type: ignore[misc]
        assert (kept["url"], kept["at_once"]) == (f"{base}/in?token=hunter2", 2)
        refused = [
            await served.client.patch(f"/v1/{kind}/desk", json=change)
            for kind, change in (
                *(
                    ("alerts", {"to": [each]})
                    for each in ("apprise:json://…123abc", "https://a.example/…123abc", "xmpp:hunter2")
                ),
                *(
                    ("webhooks", {"url": each})
                    for each in ("https://a.example/…123abc", "https://desk:hunter2@a.example/")
                ),
            )
        ]
        assert [each.status_code for each in refused] == [422] * 5
        said += [changed.text, moved.text, *(each.text for each in refused)]
        for kind, wrong in (
            ("alerts", {"when": "never"}),
            ("webhooks", {"url": "gopher://desk:hunter2@a.example/hunter2"}),
        ):
            key = f"coranto:{{{kind}}}:all"
            kept = json.loads(await redis.hget(key, "desk") or "")  # type: ignore[misc]
            await redis.hset(key, "desk", json.dumps(kept | wrong))  # type: ignore[misc]
        said += [(await served.client.get(path)).text for path in paths]
    assert all(said)
    assert [each for each in said if "hunter2" in each] == []
    assert "hunter2" not in "".join(console.readouterr())
