"""What `coranto status` says of what is kept, and of consumer groups that need a look."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from coranto.sources.registry import FeedRegistry, new_feed
from coranto.topology import FETCHED, FINISHED, Keys
from coranto_cli import main
from coranto_cli.commands.status import _why

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
    assert "91% of its limit on entries" in shown
    assert "group abandoned on coranto:{p0}:finished will soon lose entries" in shown
    assert "group stranger on coranto:{p0}:fetched is not one of ours" in shown


def test_service_that_is_starting_is_not_said_to_have_lost_redis() -> None:
    stages = {"feeder": {"redis": "silent"}}
    assert _why({"state": "starting", "stages": stages}) == "starting"
    assert _why({"state": "running", "stages": stages}) == "running; feeder cannot reach Redis"


def test_address_of_a_feed_is_known_as_one_and_its_next_poll_is_no_work_left(
    redis_url: str, monkeypatch: Any, capsys: Any
) -> None:
    async def register() -> None:
        async with Redis.from_url(redis_url) as redis:
            registry, now = FeedRegistry(redis, KEYS), datetime.now(UTC)
            feed = new_feed("https://paper.example/feed", now=now)
            await registry.add(feed)
            await registry.save(feed.model_copy(update={"polls": 1}), now + timedelta(minutes=3))

    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)
    asyncio.run(register())
    assert main(["show", "https://paper.example/feed"]) == 3
    shown = capsys.readouterr()
    assert "It is a feed, which is polled" in shown.out
    assert "unknown" not in shown.out
    assert main(["wait", "--timeout", "10"]) == 0
    assert "1 feed to be polled again when due" in capsys.readouterr().err


def test_wait_says_that_there_are_no_feeds(
    redis_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)
    assert main(["wait", "--timeout", "10"]) == 0
    assert "done; there are no feeds" in capsys.readouterr().err
