"""The gateway on an article store in PostgreSQL: the same answers as on a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.harness.postgresql_server import PostgresqlServer
from tests.services.gateway.conftest import Serve
from tests.services.gateway.test_alerts import article
from tests.services.gateway.test_webhooks import LOOPBACK, make
from tests.services.gateway.webhook_receiver import Receiver
from tests.shared.store.articles import build_article


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    server = PostgresqlServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def test_articles_are_listed_searched_followed_and_explained(
    serve: Serve, redis: Redis, postgresql: PostgresqlServer
) -> None:
    del redis
    name = postgresql.make_database()
    async with serve(database=postgresql.url(name)) as served:
        assert (await served.get("/v1/articles"))["items"] == []
        first, second = await served.announce(
            build_article("https://news.example/1", title="Ferry returns"),
            build_article("https://news.example/2", title="Bridge closes"),
        )
        (revised,) = await served.announce(build_article("https://news.example/1", fetch=2, title="Ferry is back"))

        async def found(**params: Any) -> set[str]:
            return {each["id"] for each in (await served.get("/v1/articles", params=params))["items"]}

        assert await found() == {first.id, second.id}
        assert await found(q="ferries") == {first.id}
        assert await found(where="title.contains('bridge')") == {second.id}
        page = await served.get("/v1/articles", params={"limit": 1})
        rest = await served.get("/v1/articles", params={"limit": 1, "cursor": page["next"]})
        assert {page["items"][0]["id"], rest["items"][0]["id"]} == {first.id, second.id}

        article = await served.get(f"/v1/articles/{first.id}")
        assert article["content"]["title"] == revised.content.title
        revisions = await served.get(f"/v1/articles/{first.id}/revisions")
        assert [each["storage"]["change"] for each in revisions["items"]] == ["created", "updated"]
        why = await served.get("/v1/why", params={"url": first.url})
        assert (why["revisions"], why["answer"]) == (2, "It is stored, in 2 revisions.")
        day = await served.get("/v1/why", params={"source": "example", "day": datetime.now(UTC).date().isoformat()})
        assert (day["created"], day["updated"]) == (2, 1)
        feed = await served.post("/v1/feeds", {"title": "Ferries", "q": "ferries"}, status=201)
        answer: httpx.Response = await served.client.get(urlsplit(feed["json_path"]).path)
        assert [each["title"] for each in answer.json()["items"]] == ["Ferry is back"]
        for path in ("/", "/articles", f"/articles/{first.id}"):
            assert (await served.client.get(path)).status_code == 200, path
    postgresql.drop_database(name)


async def test_server_that_was_restarted_is_found_again(
    serve: Serve, redis: Redis, postgresql: PostgresqlServer
) -> None:
    del redis
    name = postgresql.make_database()
    async with serve(database=postgresql.url(name)) as served:
        await served.store(build_article("https://news.example/1"))
        assert len((await served.get("/v1/articles"))["items"]) == 1
        await asyncio.to_thread(postgresql.stop)
        await asyncio.to_thread(postgresql.start)
        items = (await served.get("/v1/articles"))["items"]
        assert len(items) == 1
    postgresql.drop_database(name)


async def test_webhooks_and_alerts_go_on_after_a_restart(
    serve: Serve, redis: Redis, postgresql: PostgresqlServer
) -> None:
    del redis
    name = postgresql.make_database()
    async with (
        serve(database=postgresql.url(name), webhooks=LOOPBACK) as served,
        Receiver() as desk,
        Receiver() as people,
    ):
        await make(served, desk)
        await served.post("/v1/alerts", {"name": "bridges", "q": "bridges", "to": [people.url]}, status=201)
        await served.announce(article("one", title="Bridge closes"), article("two", title="Ferry runs"))
        await eventually(lambda: len(desk.accepted) == 2 and len(people.accepted) == 1, what="the first deliveries")
        await asyncio.to_thread(postgresql.stop)
        await asyncio.to_thread(postgresql.start)
        await served.announce(article("three", title="Bridges of the Neva open"))
        await eventually(lambda: len(desk.accepted) == 3, what="what came after it")
        assert [address.rpartition("/")[2] for address in desk.articles] == ["one", "two", "three"]

        async def is_found() -> bool:
            # It is sent a minute behind the first: an alert sends no more often.
            return bool((await served.get("/v1/alerts/bridges"))["found"] == 1)

        await eventually(is_found, what="what the alert tells next")
        assert {received.message["type"] for received in people.accepted} == {"alert"}
        hook = await served.get("/v1/webhooks/desk")
        assert (hook["delivered"], hook["standing"]) == (3, "active")
    postgresql.drop_database(name)
