"""A row of a webhook in Redis that cannot be read is set aside, counted and told; the webhook goes on, and misses nothing."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.services.gateway.conftest import Serve, Served
from tests.services.gateway.test_articles import article
from tests.services.gateway.test_page import look, post
from tests.services.gateway.test_webhook_commands import Command, run
from tests.services.gateway.test_webhooks import LOOPBACK
from tests.services.gateway.webhook_receiver import Receiver

from coranto_gateway.webhooks.deliveries import Attempt, place_in

__all__ = ["run"]

KEY = "coranto:{webhooks}:desk"
STATE, LATE, DEAD, LOG = (f"{KEY}:{part}" for part in ("state", "late", "dead", "log"))
HUGE = "9" * 30
NESTED = '{"a":' * 5_000


async def pause(served: Served, redis: Redis, name: str = "desk") -> None:
    """Pause the webhook, and wait until no gateway writes its rows any more."""
    await served.post(f"/v1/webhooks/{name}/pause", None)

    async def is_free() -> bool:
        return not await redis.exists(f"coranto:{{webhooks}}:{name}:lease")

    await eventually(is_free, what="the end of its delivery")


async def make(served: Served, receiver: Receiver, **options: Any) -> None:
    await served.post("/v1/webhooks", {"name": "desk", "url": receiver.url} | options, status=201)


def positions(receiver: Receiver) -> list[int]:
    return [int(each.message["position"].rpartition(".")[2]) for each in receiver.accepted]


async def test_late_dead_and_log_rows_are_set_aside_and_deliveries_made_again(
    serve: Serve, redis: Redis, run: Command
) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await make(served, receiver)
        await served.announce(article("one"), article("two"), article("three"))
        await eventually(lambda: len(receiver.accepted) == 3, what="the deliveries")
        await pause(served, redis)
        await redis.hset(LATE, mapping={"1": "", "x": NESTED, HUGE: "[]"})  # type: ignore[misc]
        await redis.hset(DEAD, mapping={"2": b"\xff\xfe", b"\xff": '{"number": 1}'})  # type: ignore[misc]
        await redis.xadd(LOG, {"line": "{"})
        await redis.xadd(LOG, {"other": NESTED})
        await served.announce(article("four"))
        await served.post("/v1/webhooks/desk/resume", None)
        await eventually(lambda: len(receiver.accepted) == 5, what="the late one and the new one")
        assert sorted(positions(receiver)[3:]) == [1, 4]
        assert len((await served.get("/v1/webhooks/desk/log"))["items"]) == 5
        (dead,) = (await served.get("/v1/webhooks/desk/dead"))["items"]
        assert (dead["number"], dead["reason"]) == (2, "unreadable")
        aside = (await served.get("/v1/webhooks/desk/set-aside"))["items"]
        assert sorted((each["part"], each["is_made_again"]) for each in aside) == [
            ("dead", False),
            ("dead", True),
            ("late", False),
            ("late", False),
            ("late", True),
            ("log", False),
            ("log", False),
        ]
        assert all(each["why"] for each in aside)
        assert (await served.get("/v1/webhooks/desk"))["set_aside"] == 7
        assert "made again" in (await look(served, "/subscribers/webhooks/desk")).said
        assert "7 rows could not be read" in (await look(served, "/subscribers")).said
        counted = served.gateway.metrics.registry.get_sample_value
        assert counted("coranto_gateway_webhook_rows_set_aside_total", {"part": "late"}) == 3
        assert counted("coranto_gateway_webhook_rows_set_aside_total", {"part": "log"}) == 2
        assert len(json.loads((await run("show", "desk")).stdout)["rows_set_aside"]) == 7
        await served.post("/v1/webhooks/desk/redeliver", {"dead": True})
        await eventually(lambda: len(receiver.accepted) == 6, what="the dead one")
        assert positions(receiver)[-1] == 2
        assert "rows discarded: 7" in (await run("reset", "desk")).stderr
        assert (await served.get("/v1/webhooks/desk"))["set_aside"] == 0


DAMAGED: list[dict[str, Any]] = [
    {"cursor": "far"},
    {"cursor": HUGE},
    {"cursor": "-5"},
    {"cursor": b"\xff"},
    {"cursor": None},
    {"rewind": "soon"},
    {"generation": "x", "delivered": "many"},
    {"generation": HUGE, "delivered": HUGE},
    {"trouble_since": "<b>", "not_before": HUGE, "delivered_at": "", "is_failing": "perhaps"},
]


async def test_webhooks_go_on_from_their_places_when_their_states_are_damaged(serve: Serve, redis: Redis) -> None:
    async with serve(webhooks=LOOPBACK) as served, AsyncExitStack() as stack:
        await served.announce(article("before"))
        receivers = [await stack.enter_async_context(Receiver()) for _ in DAMAGED]
        names = [f"w{number}" for number in range(len(DAMAGED))]
        for name, receiver in zip(names, receivers, strict=True):
            await served.post("/v1/webhooks", {"name": name, "url": receiver.url}, status=201)
        await served.announce(article("one"))
        await eventually(lambda: all(positions(each) == [2] for each in receivers), what="the first deliveries")
        for name in names:
            await served.post(f"/v1/webhooks/{name}/pause", None)
        for name, state in zip(names, DAMAGED, strict=True):
            await pause(served, redis, name)
            for field, value in state.items():
                key = f"coranto:{{webhooks}}:{name}:state"
                await (redis.hdel(key, field) if value is None else redis.hset(key, field, value))  # type: ignore[misc]
        await served.announce(article("two"))
        for name in names:
            await served.post(f"/v1/webhooks/{name}/resume", None)
        await eventually(lambda: all(3 in positions(each) for each in receivers), what="what came meanwhile")
        assert all(set(positions(each)) == {2, 3} for each in receivers)
        views = [await served.get(f"/v1/webhooks/{name}") for name in names]
        assert [each["standing"] for each in views] == ["active"] * len(views)
        assert [each["set_aside"] for each in views] == [
            sum(value is not None for value in state.values()) for state in DAMAGED
        ]


async def test_a_place_that_is_lost_while_it_delivers_is_written_again(serve: Serve, redis: Redis) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await make(served, receiver)
        await served.announce(article("one"))
        await eventually(lambda: len(receiver.accepted) == 1, what="the first delivery")
        await redis.hset(STATE, mapping={"cursor": "far", "delivered": "many"})  # type: ignore[misc]

        async def is_written() -> bool:
            return await redis.hget(STATE, "cursor") == b"1"  # type: ignore[misc]

        await eventually(is_written, what="the place")
        await served.announce(article("two"))
        await eventually(lambda: positions(receiver) == [1, 2], what="the second delivery")


async def test_nobody_knows_whether_it_was_paused_so_it_is(serve: Serve, redis: Redis) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await make(served, receiver)
        await redis.hset(STATE, "is_paused", "perhaps")  # type: ignore[misc]
        assert (await served.get("/v1/webhooks/desk"))["standing"] == "paused"
        assert (await served.post("/v1/webhooks/desk/resume", None))["standing"] == "active"


async def test_a_reset_discards_the_rows_and_goes_on_from_where_it_is_told(
    serve: Serve, redis: Redis, run: Command
) -> None:
    async with serve(webhooks=LOOPBACK) as served, Receiver() as receiver:
        await served.announce(article("before"))
        await make(served, receiver)
        await redis.xadd(LOG, {"line": "{"})
        await look(served, "/subscribers/webhooks/desk")
        await post(served, "/subscribers/webhooks/desk/reset")
        assert (await served.get("/v1/webhooks/desk"))["set_aside"] == 0
        await run("reset", "desk", "--start", "now", "--since", "2026-01-01", code=2)
        await run("reset", "none", code=3)
        assert "set back" in (await run("reset", "desk", "--start", "beginning")).stderr
        await eventually(lambda: positions(receiver) == [1], what="what was stored before it was made")


def attempt(number: int | None, second: float, store: str = "5") -> Attempt:
    at = datetime(2026, 3, 14, tzinfo=UTC) + timedelta(seconds=second)
    return Attempt(at=at, webhook_id=f"{store}-{number}", number=number, outcome="delivered", reason="ok")


@pytest.mark.parametrize(
    ("log", "place"),
    [
        ([], None),
        ([attempt(None, 5)], None),
        ([attempt(7, 5, store="6")], None),
        # Number 6 may have been under way since before the fifth line was written.
        ([attempt(8, 100), attempt(7, 99), attempt(5, 60), attempt(4, 59)], 4),
        ([attempt(8, 100), attempt(7, 99), attempt(9, 98)], 6),
    ],
)
def test_the_place_that_a_log_leaves_no_doubt_about(log: list[Attempt], place: int | None) -> None:
    assert place_in(log, "5", longest=timedelta(seconds=30)) == place
