"""`coranto webhooks`: made, tested through the running gateway, watched, changed and removed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from click.testing import Result
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.services.gateway.conftest import Serve
from tests.services.gateway.test_articles import article
from tests.services.gateway.test_webhooks import LOOPBACK, verified
from tests.services.gateway.webhook_receiver import Receiver
from typer.testing import CliRunner

from coranto_gateway.webhooks.commands import app


class Command:
    """Runs the command as a shell would, beside the event loop of the test."""

    async def __call__(self, *arguments: str, code: int = 0) -> Result:
        result = await asyncio.to_thread(CliRunner().invoke, app, list(arguments))
        assert result.exit_code == code, result.output
        return result


@pytest.fixture
def run(redis_url: str, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Command:
    del redis
    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)
    return Command()


async def test_a_webhook_is_made_tested_watched_changed_and_removed(run: Command, serve: Serve) -> None:
    refuses = True

    def reply(message: Any) -> Any:
        return (400, {}, "no\x1b[31m red") if refuses and message["type"] != "test" else 200

    async with serve(webhooks=LOOPBACK) as served, Receiver(reply) as receiver:
        await served.announce(article("before"))
        first = (await run("add", "desk", receiver.url, "--where", "language == 'en'")).stdout.strip()
        assert "test (ok)" in (await run("test", "desk")).stdout
        assert verified(receiver.requests[0], first)["type"] == "test"
        await served.announce(article("bridge"))
        await eventually(lambda: len(receiver.requests) == 2, what="the delivery")
        assert receiver.requests[1].message["data"]["url"].endswith("/bridge"), "what was announced before is not sent"

        async def is_dead() -> bool:
            (row,) = [json.loads(line) for line in (await run("list", "--json")).stdout.splitlines()]
            assert "secret" not in json.dumps(row)
            return bool(row["dead"] == 1)

        await eventually(is_dead, what="the dead delivery")
        (dead,) = json.loads((await run("show", "desk")).stdout)["dead_deliveries"]
        assert dead["reason"] == "refused"
        log = (await run("log", "desk")).stdout
        assert "dead (refused)" in log
        assert "400" in log
        assert "\x1b" not in log, "what strangers answer does nothing to a terminal"
        refuses = False
        assert "again: 1" in (await run("redeliver", "desk", str(dead["number"]))).stderr
        await eventually(lambda: len(receiver.articles) == 1, what="the redelivery")

        second = (await run("rotate", "desk", "--overlap-hours", "1")).stdout.strip()

        async def signs_with_both() -> bool:
            await run("test", "desk")
            return " " in receiver.requests[-1].headers["webhook-signature"]

        await eventually(signs_with_both, what="two signatures")
        for secret in (first, second):
            verified(receiver.requests[-1], secret)

        await run("redeliver", "desk", "--from-beginning")
        await eventually(lambda: len(receiver.articles) >= 3, what="all from the beginning")
        await run("redeliver", "desk", "--since", "2020-01-01")
        await eventually(lambda: len(receiver.articles) >= 5, what="all since then")
        await run("pause", "desk")
        assert "paused" in (await run("list")).stdout
        await run("resume", "desk")
        await run("remove", "desk")
        assert (await run("list", "--json")).stdout == ""


async def test_what_is_wrong_is_told(run: Command) -> None:
    assert "name" in (await run("add", "Desk", "https://desk.example/", code=2)).stderr
    wrong = await run("add", "desk", "https://desk.example/", "--where", "langauge == 'ru'", code=2)
    assert "did you mean `language`" in wrong.stderr
    await run("add", "desk", "https://desk.example/")
    assert "already" in (await run("add", "desk", "https://desk.example/", code=3)).stderr
    await run("redeliver", "desk", "3", "--from-beginning", code=2)
    for command in ("show", "log", "test", "pause", "resume", "rotate", "remove", "redeliver", "discard"):
        assert "no webhook 'none'" in (await run(command, "none", code=3)).stderr


async def test_without_a_gateway_a_test_says_so(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coranto_gateway.webhooks.commands._TEST_WITHIN_SECONDS", 0.3)
    await run("add", "desk", "https://desk.example/")
    assert "is a gateway running?" in (await run("test", "desk", code=1)).stderr


async def test_a_webhook_that_is_failing_makes_the_list_fail(run: Command, redis: Redis) -> None:
    await run("add", "desk", "https://desk.example/")
    await redis.hset("coranto:{webhooks}:desk:state", "disabled", "the receiver answered 410")
    assert "disabled" in (await run("list", code=1)).stdout
