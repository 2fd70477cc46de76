"""What `coranto status` says of what is kept, and of consumer groups that need a look."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Redis

from coranto.topology import FETCHED, FINISHED, Keys
from coranto_cli import main

KEYS = Keys()


async def fill(url: str) -> None:
    redis = Redis.from_url(url)
    for number in range(20):
        await redis.xadd(KEYS.stream(FINISHED), {"event": f"{number}"})
    await redis.xgroup_create(KEYS.stream(FINISHED), "abandoned", id="0")
    await redis.xgroup_create(KEYS.stream(FETCHED), "stranger", id="0", mkstream=True)
    await redis.aclose()


def test_status_names_what_is_kept_and_groups_that_are_not_ours(redis_url: str, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)
    monkeypatch.setenv("CORANTO_RETENTION__FINISHED__ENTRIES", "22")
    asyncio.run(fill(redis_url))
    assert main(["status"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "kept in coranto:{p0}:finished: 20 entries" in shown
    assert "91% of the limit in entries" in shown
    assert "group abandoned on coranto:{p0}:finished will soon lose entries" in shown
    assert "group stranger on coranto:{p0}:fetched is not one of ours" in shown
