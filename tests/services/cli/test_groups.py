"""`coranto groups`: how far subscribers have come, and removing a group."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from redis.asyncio import Redis

from coranto.client import AsyncClient
from coranto.records.envelope import FIELD, encode
from coranto.testing import finished
from coranto.topology import FINISHED, Pipeline
from coranto_cli import main

PIPELINE = Pipeline(partitions=2)


async def read_two_of_three(url: str) -> None:
    redis = Redis.from_url(url)
    await redis.set(PIPELINE.shape(), '{"version": 1, "partitions": 2}')
    for number, keys in ((0, 0), (1, 1), (2, 1)):
        event = encode(finished(f"https://news.example/{number}"), source="coranto/sink")
        await redis.xadd(PIPELINE.all_keys()[keys].stream(FINISHED), {FIELD: event})
    client = AsyncClient(redis, PIPELINE)
    subscription = client.subscribe("desk", start="beginning", batch=1)
    for _ in range(2):
        await anext(subscription)
    await subscription.aclose()
    await redis.xgroup_create(PIPELINE.all_keys()[0].stream(FINISHED), "forgotten", id="0")
    await redis.aclose()


@pytest.fixture
def subscribed(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)
    asyncio.run(read_two_of_three(redis_url))
    return redis_url


def test_groups_are_listed_with_what_waits_over_all_partitions(subscribed: str, capsys: Any) -> None:
    assert main(["groups", "list", "--json"]) == 0
    desk, forgotten = map(json.loads, capsys.readouterr().out.splitlines())
    assert (desk["name"], desk["waiting"] + desk["pending"], desk["pending"]) == ("desk", 2, 1)
    assert desk["last_seen"].endswith("Z")
    assert desk["oldest_age_seconds"] >= 0
    assert (forgotten["name"], forgotten["waiting"], forgotten["last_seen"]) == ("forgotten", 1, None)
    assert main(["groups", "list"]) == 0
    shown = capsys.readouterr().out
    assert "not known" in shown
    assert "never" not in shown


def test_group_is_removed_only_when_asked_for_and_comes_back_as_new(subscribed: str, capsys: Any) -> None:
    assert main(["groups", "remove", "forgotten", "--dry-run"]) == 0
    assert main(["groups", "remove", "forgotten"]) == 2  # nobody is there to say yes
    assert main(["groups", "remove", "forgotten", "nobody", "--yes"]) == 3
    assert "there is no group 'nobody'" in capsys.readouterr().err
    assert main(["groups", "list", "--json"]) == 0
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == ["desk"]
