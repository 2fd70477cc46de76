"""Who reads what is finished: groups over HTTP and on the page, and feeds taken back."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis
from tests.services.gateway.conftest import Served
from tests.services.gateway.test_page import ATTACK, look, post

from coranto.topology import FINISHED, Keys, readers_of

KEYS = Keys()
STREAM = KEYS.stream(FINISHED)


async def finished(redis: Redis, *ids: str) -> None:
    for each in ids:
        await redis.xadd(STREAM, {"event": b"{}"}, id=each)


async def group(redis: Redis, name: str, *, start: str = "0") -> None:
    await redis.xgroup_create(STREAM, name, start, mkstream=True)


async def test_groups_are_listed_those_that_are_late_first(served: Served, redis: Redis) -> None:
    assert await served.get("/v1/groups") == {"items": []}
    # An entry's id says when it was written: the first is from 1970, the second of this moment.
    await finished(redis, "1000-1", "*")
    await group(redis, "current", start="$")
    await group(redis, "gone")
    await group(redis, "slow")
    await redis.xreadgroup("slow", "reader-1", {STREAM: ">"}, count=1)
    await group(redis, "brisk", start="1000-1")
    for reader in readers_of(FINISHED):
        await group(redis, reader.name)
    found = (await served.get("/v1/groups"))["items"]
    assert [(each["name"], each["state"]) for each in found] == [
        ("gone", "away"), ("slow", "behind"), ("brisk", "reading"), ("current", "up_to_date"),
    ]  # fmt: skip
    assert [(each["waiting"], each["in_flight"]) for each in found] == [(2, 0), (1, 1), (1, 0), (0, 0)]
    assert found[1]["last_seen_at"] is not None


async def test_a_group_is_removed_and_a_stage_is_none(served: Served, redis: Redis) -> None:
    await group(redis, "desk/night")
    assert (await served.client.delete("/v1/groups/desk/night")).status_code == 204
    assert (await served.client.delete("/v1/groups/desk/night")).status_code == 404
    for stage in readers_of(FINISHED):
        assert (await served.client.delete(f"/v1/groups/{stage.name}")).status_code == 422


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_page_shows_who_is_behind(served: Served, redis: Redis, language: str) -> None:
    await finished(redis, "1000-1")
    await group(redis, "archive")
    await group(redis, ATTACK, start="$")
    page = await look(served, "/subscribers", **{"Accept-Language": language})
    assert ("1 group behind." if language == "en" else "Отстают: 1 группа.") in page.said
    assert "archive" in page.said
    assert "<script>alert(1)</script>" in page.text


async def test_a_group_is_removed_by_whoever_types_its_name(served: Served, redis: Redis) -> None:
    await group(redis, "archive")
    refused = await post(served, "/subscribers/groups/remove", group="archive", sure="archiv", status=422)
    assert "type its name" in refused.text
    assert "archive" in (await look(served, "/subscribers")).said
    await post(served, "/subscribers/groups/remove", group="archive", sure="archive")
    assert "Nobody has subscribed yet." in (await look(served, "/subscribers")).said


async def test_a_feed_is_listed_with_its_question_and_taken_back(served: Served) -> None:
    made = await served.post("/v1/feeds", {"title": ATTACK, "where": "language == 'ru'"}, status=201)
    page = await look(served, "/subscribers")
    assert "language == 'ru'" in page.said
    assert "<script>alert(1)</script>" in page.text
    await post(served, "/subscribers/feeds/remove", feed=made["id"])
    assert (await served.get("/v1/feeds"))["items"] == []
    await post(served, "/subscribers/feeds/remove", feed=made["id"], status=404)


async def test_readers_of_the_stream_are_counted(served: Served) -> None:
    assert "0 readers connected" in (await look(served, "/subscribers")).said
    async with served.client.stream("GET", "/v1/stream") as stream:
        assert stream.status_code == 200
        lines = stream.aiter_lines()
        await anext(lines)
        assert "1 reader connected" in (await look(served, "/subscribers")).said
