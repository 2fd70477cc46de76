"""How far behind stages and groups were: the worst of each ten minutes of a day, kept in Redis, bounded."""

from __future__ import annotations

from redis.asyncio import Redis
from tests.conftest import eventually
from tests.services.gateway.conftest import Served
from tests.services.gateway.test_articles import article
from tests.services.gateway.test_page import look

from coranto_gateway.monitoring.lag_history import SLOT_SECONDS, SLOTS, LagHistory

NOW = 1_800_000_000.0
KEY = "coranto:gateway:lag"


async def test_the_worst_of_each_ten_minutes_is_kept_and_outlives_a_gateway(redis: Redis) -> None:
    first = LagHistory(redis, "coranto")
    for lag, at in ((3.0, 0), (9.0, 5), (2.0, 10), (4.0, SLOT_SECONDS), (0.0, 3 * SLOT_SECONDS)):
        await first.note({"stage sink": lag}, now=NOW + at)
    now = NOW + 3 * SLOT_SECONDS
    seen = (await LagHistory(redis, "coranto").of(["stage sink", "group new"], now=now))["stage sink"]
    assert len(seen) == SLOTS
    assert seen[-4:] == [9.0, 4.0, 0.0, 0.0]
    assert (await first.of(["group new"], now=now))["group new"] == [0.0] * SLOTS


async def test_a_day_is_kept_and_no_more_and_what_cannot_be_read_is_left_out(redis: Redis) -> None:
    history = LagHistory(redis, "coranto")
    for slot in range(2 * SLOTS):
        await history.note({"stage sink": 1.0}, now=NOW + slot * SLOT_SECONDS)
    assert await redis.hlen(KEY) == SLOTS  # type: ignore[misc]
    now = NOW + (2 * SLOTS - 1) * SLOT_SECONDS
    for slot, text in ((0, "{"), (1, "[]"), (2, '{"stage sink": "many"}')):
        await redis.hset(KEY, str(int(now // SLOT_SECONDS) - slot), text)  # type: ignore[misc]
    assert (await history.of(["stage sink"], now=now))["stage sink"] == [1.0] * (SLOTS - 3) + [0.0] * 3


async def test_names_are_bounded(redis: Redis) -> None:
    history = LagHistory(redis, "coranto")
    await history.note({f"group {number}": 1.0 for number in range(1000)}, now=NOW)
    assert await redis.hlen(KEY) == 0  # type: ignore[misc]


async def test_the_overview_draws_a_day(served: Served, redis: Redis) -> None:
    await served.store(article("bridge"))

    async def is_noted() -> bool:
        return await redis.hlen(KEY) > 0  # type: ignore[misc]

    await eventually(is_noted, what="the first look")
    page = await look(served, "/")
    assert "Lag, last 24 hours" in page.said
    (path,) = [each for each in page.all("path") if str(each.get("d")).count("L") == SLOTS - 1]
    assert path["class"] == "c-line"
