"""A webhook, alert, token or feed that cannot be used as it is kept stops no other, and says what is wrong with it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.services.gateway.conftest import Serve
from tests.services.gateway.test_alerts import Desk, article, desk, stories
from tests.services.gateway.test_page import look
from tests.services.gateway.test_webhook_commands import Command, run
from tests.services.gateway.test_webhook_delivery import Bench, bench
from tests.services.gateway.test_webhooks import LOOPBACK
from tests.services.gateway.webhook_receiver import Receiver
from typer.testing import CliRunner

from coranto_gateway.alerts.registry import Alerts
from coranto_gateway.app import UnsafeGatewayError
from coranto_gateway.tokens.commands import app as token_app
from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import Scope

__all__ = ["bench", "desk", "run"]

TOKENS, FEEDS = "coranto:gateway:tokens", "coranto:gateway:feeds"
WEBHOOKS, ALERTS = "coranto:{webhooks}:all", "coranto:{alerts}:all"
# As an older version might have kept it: the filter language has lost a field.
WRONG = {"where": "mood == 'sad'"}


async def spoil(redis: Redis, key: str, name: str = "desk", **fields: Any) -> None:
    """Keep what is kept under the name with other fields."""
    packed: Any = await redis.hget(key, name)  # type: ignore[misc]
    await redis.hset(key, name, json.dumps(json.loads(packed) | (fields or WRONG)))  # type: ignore[misc]


def gauge(registry: CollectorRegistry, name: str, standing: str) -> float | None:
    return registry.get_sample_value(name, {"standing": standing})


@pytest.mark.parametrize("fields", [WRONG, {"format": "xml"}, {"secrets": 7}, {"url": "gopher://a.example/"}])
async def test_other_webhooks_go_on_and_the_bad_one_keeps_its_place(
    bench: Bench, redis: Redis, fields: dict[str, Any]
) -> None:
    async with Receiver() as good, Receiver() as bad:
        await bench.add(good, "good")
        await bench.add(bad, "desk")
        kept: Any = await redis.hget(WEBHOOKS, "desk")  # type: ignore[misc]
        await spoil(redis, WEBHOOKS, **fields)
        async with bench.delivering():
            await bench.announce(article("one"), article("two"))
            await eventually(lambda: len(good.accepted) == 2, what="the deliveries of the other")
            assert gauge(bench.metrics.registry, "coranto_gateway_webhooks", "unusable") == 1
            (told,) = [line for line in bench.logged.entries if line["event"] == "definition.unusable"]
            assert (told["what"], told["name"]) == ("webhook", "desk")
            assert next(iter(fields)) in told["why"]
            assert not bad.requests
            await redis.hset(WEBHOOKS, "desk", kept)  # type: ignore[misc]
            await eventually(lambda: len(bad.accepted) == 2, what="what it had missed")


async def test_a_webhook_that_becomes_unusable_while_it_is_delivered_for_stops(bench: Bench, redis: Redis) -> None:
    async with Receiver() as receiver, bench.delivering():
        await bench.add(receiver)
        await bench.announce(article("one"))
        await eventually(lambda: len(receiver.accepted) == 1, what="the delivery")
        await spoil(redis, WEBHOOKS)

        def is_counted() -> bool:
            return gauge(bench.metrics.registry, "coranto_gateway_webhooks", "unusable") == 1

        await eventually(is_counted, what="a look at the webhooks")
        await bench.announce(article("two"))
        await bench.add(receiver, "other")
        await eventually(lambda: len(receiver.accepted) == 3, what="both articles by the other")
        assert sorted(each.message["position"].rpartition(".")[2] for each in receiver.accepted) == ["1", "1", "2"]


async def test_other_alerts_go_on_and_what_the_bad_one_has_found_waits(desk: Desk, redis: Redis) -> None:
    async with desk.watching(), Receiver() as receiver, Receiver() as late:
        await desk.add(late.url, name="desk", when="hourly")
        await desk.bench.announce(article("bridge", title="A bridge"))
        await eventually(desk.found, what="what the digest will hold")
        await spoil(redis, ALERTS)
        await desk.add(receiver.url, name="good")
        await desk.bench.announce(article("second", title="A second bridge"))
        await eventually(lambda: bool(receiver.accepted), what="the other's message")
        assert gauge(desk.bench.metrics.registry, "coranto_gateway_alerts", "unusable") == 1
        assert gauge(desk.bench.metrics.registry, "coranto_gateway_alerts", "active") == 1
        desk.clock.advance(hours=1)
        await spoil(redis, ALERTS, where="")
        await eventually(lambda: bool(late.accepted), what="the digest, once it can be used")
        assert stories(late) == [["A bridge"]]


async def test_a_hit_and_a_message_that_cannot_be_read_stop_no_other(desk: Desk, redis: Redis) -> None:
    await redis.hset("coranto:{alerts}:hits", "x y", '{"story": 7}')  # type: ignore[misc]
    await redis.hset("coranto:{alerts}:messages", "x-1", "{")  # type: ignore[misc]
    async with desk.watching(), Receiver() as receiver:
        await desk.add(receiver.url)
        await desk.bench.announce(article("bridge", title="A bridge"))
        await eventually(lambda: stories(receiver) == [["A bridge"]], what="the message")


@pytest.mark.parametrize(
    "packed",
    ["", "{", "[]", '"x"', "{}", '{"name": "\\ud800"}', pytest.param('{"a":' * 9_000 + "1" + "}" * 9_000, id="nested")],
)
async def test_what_is_no_definition_at_all_is_shown_and_removed(serve: Serve, redis: Redis, packed: str) -> None:
    for key in (WEBHOOKS, ALERTS):
        await redis.hset(key, "desk", packed)  # type: ignore[misc]
    async with serve(webhooks=LOOPBACK) as served:
        for kind in ("webhooks", "alerts"):
            listed = await served.get(f"/v1/{kind}")
            assert listed["items"] == []
            assert [each["name"] for each in listed["unusable"]] == ["desk"]
            refused = await served.get(f"/v1/{kind}/desk", status=409)
            assert "remove it" in refused["detail"]
            await served.client.post(f"/v1/{kind}/desk/pause")
            assert (await served.client.delete(f"/v1/{kind}/desk")).status_code == 204
            assert (await served.get(f"/v1/{kind}"))["unusable"] == []


async def test_it_is_shown_on_the_page_in_the_list_and_in_the_metrics(serve: Serve, redis: Redis, run: Command) -> None:
    async with serve(webhooks=LOOPBACK) as served:
        await served.post("/v1/webhooks", {"name": "desk", "url": "https://a.example/"}, status=201)
        await served.post("/v1/alerts", {"name": "desk", "q": "bridge", "to": ["telegram:1"]}, status=201)
        for key in (WEBHOOKS, ALERTS):
            await spoil(redis, key, where="<script> == 1")
        for path, said in (("/subscribers", "cannot be used"), ("/alerts", "cannot be used")):
            page = await look(served, path)
            assert said in page.said
            assert "where:" in page.said
        assert "not delivered" in (await look(served, "/subscribers")).said
        (unusable,) = (await served.get("/v1/webhooks"))["unusable"]
        assert unusable["kept"]["url"] == "https://a.example/"
        assert "secrets" not in unusable["kept"]
        assert "unusable" in (await run("list", code=1)).stdout
        printed = (await run("list", "--json", code=1)).stdout.splitlines()
        # The gateway logs to the same output, since it runs in this process.
        (line,) = (each for each in printed if each.startswith("{"))
        assert json.loads(line)["standing"] == "unusable"
        registry = served.gateway.metrics.registry

        def are_counted() -> bool:
            return all(gauge(registry, f"coranto_gateway_{kind}", "unusable") == 1 for kind in ("webhooks", "alerts"))

        await eventually(are_counted, what="both gauges")


async def test_alerts_whose_state_cannot_be_read_reckon_it_anew(serve: Serve, redis: Redis) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await served.post("/v1/alerts", {"name": "desk", "q": "bridge", "to": [receiver.url]}, status=201)
        await served.announce(article("one", title="Bridge one"))
        await eventually(lambda: len(stories(receiver)) == 1, what="the first alert")
        key = Alerts(redis, "coranto")
        identity = (await key.get("desk")).id
        for name in ("due", "sent", "more"):
            await redis.hset(f"coranto:{{alerts}}:{name}", identity, "<b>")  # type: ignore[misc]
        await redis.hset("coranto:{alerts}:state", "cursor", "far")  # type: ignore[misc]
        assert (await served.get("/v1/alerts/desk"))["standing"] == "active"
        await look(served, "/alerts")
        await served.announce(article("two", title="Bridge two"))
        await eventually(lambda: len(stories(receiver)) == 2, what="the second alert")
        assert [len(each) for each in stories(receiver)] == [1, 1], "what was told is not told again"


async def test_a_damaged_token_stops_neither_the_others_nor_a_start(serve: Serve, redis: Redis, redis_url: str) -> None:
    tokens = Tokens(redis, "coranto")
    _, good = await tokens.add("good", frozenset({Scope.READ}))
    bad, spoilt = await tokens.add("bad", frozenset({Scope.READ}))
    await spoil(redis, TOKENS, bad.id, created_at="2026-01-01T00:00:00")
    await redis.hset(TOKENS, b"\xff", "{")  # type: ignore[misc]
    await redis.hset("coranto:gateway:tokens-used", bad.id, "soon")  # type: ignore[misc]
    async with serve(host="0.0.0.0", allowed_hosts=("127.0.0.1",)) as served:  # noqa: S104 - the point of the test
        assert (await served.client.get("/v1/feeds", headers={"Authorization": f"Bearer {good}"})).status_code == 200
        assert (await served.client.get("/v1/feeds", headers={"Authorization": f"Bearer {spoilt}"})).status_code == 401
    env = {"CORANTO_REDIS__URL": redis_url}
    listed = await asyncio.to_thread(CliRunner().invoke, token_app, ["list", "--json"], env=env)
    assert listed.exit_code == 1
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [(row["name"], row.get("standing")) for row in rows] == [
        ("good", None),
        (bad.id, "unusable"),
        ("\ufffd", "unusable"),
    ]
    assert "created_at" in rows[1]["why"]
    shown = await asyncio.to_thread(CliRunner().invoke, token_app, ["list"], env=env)
    assert shown.exit_code == 1
    assert "unusable" in shown.stdout
    assert await tokens.remove(bad.id)


async def test_without_a_token_that_can_be_used_it_does_not_start_off_loopback(serve: Serve, redis: Redis) -> None:
    await redis.hset(TOKENS, "0123abcd", "{}")  # type: ignore[misc]
    with pytest.raises(UnsafeGatewayError, match="coranto token add"):
        async with serve(host="0.0.0.0"):  # noqa: S104 - the point of the test
            pass


async def test_a_damaged_feed_stops_no_other_and_can_be_taken_back(serve: Serve, redis: Redis) -> None:
    async with serve() as served:
        good = await served.post("/v1/feeds", {"title": "Good", "q": "bridge"}, status=201)
        bad = await served.post("/v1/feeds", {"title": "Bad", "q": "bridge"}, status=201)
        await spoil(redis, FEEDS, bad["id"], created_at="<b>")
        listed = await served.get("/v1/feeds")
        assert [each["id"] for each in listed["items"]] == [good["id"]]
        (unusable,) = listed["unusable"]
        assert (unusable["name"], unusable["kept"]["title"]) == (bad["id"], "Bad")
        assert "created_at" in unusable["why"]
        assert (await served.client.get(good["json_path"])).status_code == 200
        assert (await served.client.get(bad["json_path"])).status_code == 404
        page = await look(served, "/subscribers")
        assert "cannot be used" in page.said
        assert "created_at" in page.said
        assert (await served.client.delete(f"/v1/feeds/{bad['id']}")).status_code == 204
        assert (await served.get("/v1/feeds"))["unusable"] == []
