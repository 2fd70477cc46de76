"""Operating a pipeline over HTTP: its state, what became of an address, dead letters, sources, submissions."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from redis.asyncio import Redis
from tests.services.gateway.conftest import Serve, Served
from tests.shared.store.articles import build_article

from coranto.pages import FilePageStore
from coranto.records import DroppedArticle, PageRef, Submission
from coranto.records.envelope import decode, encode
from coranto.sources.opml import read_opml
from coranto.sources.registry import FeedRegistry
from coranto.streams.interface import Dead
from coranto.streams.redis import RedisStreams
from coranto.testing import discovered
from coranto.topology import FEEDER, FETCHER, SUBMITTED, Keys

KEYS = Keys()
URL = "https://news.example/one"


@pytest.fixture(autouse=True)
async def _feeder_has_been_here(redis: Redis) -> None:
    """What waits is counted for the group that will read it."""
    await RedisStreams(redis, FEEDER, KEYS).ensure()


async def submitted(redis: Redis) -> list[Submission]:
    rows: Any = await redis.xrange(KEYS.stream(SUBMITTED))
    return [decode(fields[b"event"], Submission).record for _, fields in rows]


async def bury(redis: Redis, url: str, *, reason: str = "timeout", error: str = "no answer after 31 s") -> None:
    """A dead letter of the fetcher, as delivery makes one."""
    streams = RedisStreams(redis, FETCHER, KEYS)
    await streams.ensure()
    await redis.xadd(streams.main, {"event": encode(discovered(url), source="test")})
    ((_, rows),) = await redis.xreadgroup(FETCHER.name, "tester", {streams.main: ">"}, count=1)  # type: ignore[misc]
    (entry,) = streams.entries("main", rows)
    await streams.commit([(entry, Dead(reason, error, "the traceback", attempts=2))])


# --- submitting -----------------------------------------------------------------------------------------------------


async def test_addresses_are_accepted_and_found_where_they_wait(served: Served, redis: Redis) -> None:
    answer = await served.client.post("/v1/submit", json={"urls": [URL], "source": "desk"})
    assert answer.status_code == 202
    (accepted,) = answer.json()["submissions"]
    assert accepted["is_new"]
    assert answer.headers["location"] == f"/v1/articles/{accepted['article']}"
    (waiting,) = await submitted(redis)
    assert (waiting.url, waiting.source, waiting.id) == (URL, "desk", accepted["submission"])
    why = await served.get("/v1/why", params={"url": URL})
    assert why["answer"] == "It waits for the feeder."
    assert [(each["stage"], each["state"]) for each in why["now"]] == [("feeder", "waiting")]
    unknown = await served.get("/v1/why", params={"url": "https://news.example/never"})
    assert unknown["answer"].startswith("It is unknown here")
    status = await served.get("/v1/status")
    assert status["stages"][0]["waiting"] == 1


async def test_an_unsure_client_repeats_itself_and_there_is_one_effect(served: Served, redis: Redis) -> None:
    body = {"urls": [URL, "https://news.example/two"]}
    headers = {"Idempotency-Key": "run-7"}
    answers = await asyncio.gather(*(served.post("/v1/submit", body, status=202, headers=headers) for _ in range(5)))
    assert len(await submitted(redis)) == 2
    ids = {tuple(each["submission"] for each in answer["submissions"]) for answer in answers}
    assert len(ids) == 1
    assert sum(each["is_new"] for answer in answers for each in answer["submissions"]) == 2
    other = await served.post("/v1/submit", {"urls": [URL]}, status=422, headers=headers)
    assert other["type"] == "urn:coranto:problem:idempotency-key-reused"
    await served.post("/v1/submit", {"urls": [URL]}, status=202)
    assert len(await submitted(redis)) == 3, "without a key, each request is another one"


async def test_a_page_that_is_handed_over_is_kept_with_its_address(served: Served, redis: Redis) -> None:
    page = "<meta charset=windows-1251><p>Погода</p>"
    await served.post("/v1/submit", {"pages": [{"url": URL, "html": page}]}, status=202)
    (waiting,) = await submitted(redis)
    assert waiting.saved is not None
    assert (waiting.kind, waiting.saved.content_type) == ("page", "text/html")
    pages = FilePageStore(served.gateway.settings.pages.path)
    kept = await pages.get(PageRef.model_validate(waiting.saved.page.model_dump()))
    assert kept.decode("utf-8-sig") == page
    assert kept.startswith(b"\xef\xbb\xbf"), "else the charset that the page names would be believed"


async def test_when_too_much_waits_the_client_is_told_what_was_taken_and_when_to_come_back(
    serve: Serve, redis: Redis
) -> None:
    async with serve(max_backlog=3) as gateway:
        await gateway.post("/v1/submit", {"urls": [f"{URL}{number}" for number in range(3)]}, status=202)
        body, headers = {"urls": [f"{URL}{number}" for number in range(10, 13)]}, {"Idempotency-Key": "k"}
        refused = await gateway.client.post("/v1/submit", json=body, headers=headers)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        problem = refused.json()
        assert problem["type"] == "urn:coranto:problem:too-much-waiting"
        assert len(problem["accepted"]) + len(problem["refused"]) == 3
        await redis.delete(KEYS.stream(SUBMITTED))
        await RedisStreams(redis, FEEDER, KEYS).ensure()
        again = await gateway.post("/v1/submit", body, status=202, headers=headers)
        assert len(again["submissions"]) == 3
        assert len(await submitted(redis)) == len(problem["refused"]), "what had been taken is not taken twice"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"urls": []},
        {"urls": ["javascript:alert(1)"]},
        {"urls": ["file:///etc/passwd"]},
        {"urls": ["http://"]},
        {"urls": [URL], "kind": "virus"},
        {"urls": URL},
        {"pages": [{"url": URL, "html": ""}]},
    ],
)
async def test_what_cannot_be_submitted_is_refused_whole(served: Served, redis: Redis, body: Any) -> None:
    answer = await served.client.post("/v1/submit", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert await submitted(redis) == []


# --- dead letters ---------------------------------------------------------------------------------------------------


async def test_dead_letters_by_cause_shown_and_sent_back(served: Served, redis: Redis) -> None:
    for number in range(5):
        await bury(redis, f"https://a.example/{number}", error=f"no answer after {number} s")
    await bury(redis, "https://b.example/9", reason="dns", error="no such name")
    causes = (await served.get("/v1/dead/causes"))["items"]
    assert [(each["reason"], each["count"]) for each in causes] == [("timeout", 5), ("dns", 1)]
    first = await served.get("/v1/dead", params={"limit": 4})
    second = await served.get("/v1/dead", params={"limit": 4, "after": first["next"]})
    letters = first["items"] + second["items"]
    assert len({each["reference"] for each in letters}) == 6
    assert second["next"] is None
    whole = await served.get(f"/v1/dead/{letters[0]['reference']}")
    assert whole["traceback"] == "the traceback"
    assert whole["event"]["data"]["discovery"]["url"] == "https://a.example/0"
    why = await served.get("/v1/why", params={"url": "https://b.example/9"})
    assert why["answer"] == "It is a dead letter of the fetcher, because of dns: no such name"

    dry = await served.post("/v1/dead/redeliver", {"chosen": {"cause": causes[0]["id"]}, "dry_run": True})
    assert dry == {"matched": 5, "done": 0, "gone": []}
    done = await served.post("/v1/dead/redeliver", {"chosen": {"cause": causes[0]["id"]}})
    assert done == {"matched": 5, "done": 5, "gone": []}
    reference = letters[0]["reference"]
    assert (await served.post("/v1/dead/redeliver", {"references": [reference]}))["gone"] == [reference]
    assert (await served.get("/v1/status"))["stages"][1]["waiting"] == 5
    await served.post("/v1/dead/discard", {"chosen": {"host": "b.example"}})
    assert (await served.get("/v1/dead"))["items"] == []
    await served.get(f"/v1/dead/{reference}", status=404)


async def test_an_edited_letter_goes_back_only_when_its_stage_can_read_it(served: Served, redis: Redis) -> None:
    await bury(redis, "https://a.example/1")
    (letter,) = (await served.get("/v1/dead"))["items"]
    path = f"/v1/dead/{letter['reference']}"
    event = (await served.get(path))["event"]
    refused = await served.post(f"{path}/redeliver", {"event": {"type": "nonsense"}}, status=422)
    assert refused["type"] == "urn:coranto:problem:malformed-event"
    event["data"]["discovery"]["url"] = "https://a.example/mended"
    assert (await served.post(f"{path}/redeliver", {"event": event}))["done"] == 1
    assert (await served.get("/v1/dead"))["items"] == []


@pytest.mark.parametrize(
    "action", [{}, {"references": [], "chosen": {}}, {"references": ["nonsense"]}, {"chosen": {"stage": "nobody"}}]
)
async def test_an_unclear_action_on_letters_touches_none(served: Served, redis: Redis, action: Any) -> None:
    await bury(redis, "https://a.example/1")
    answer = await served.client.post("/v1/dead/discard", json=action)
    assert answer.status_code in (400, 422)
    assert len((await served.get("/v1/dead"))["items"]) == 1


# --- sources --------------------------------------------------------------------------------------------------------


async def test_a_source_is_added_once_paused_resumed_and_removed(served: Served, redis: Redis) -> None:
    from datetime import UTC, datetime

    feed = "https://news.example/feed.xml"
    added = await served.post("/v1/sources", {"url": feed, "source": "The Example"}, status=201)
    assert (added["state"], added["source"]) == ("new", "The Example")
    assert (await served.post("/v1/sources", {"url": feed}))["source"] == "The Example"
    registry = FeedRegistry(redis, KEYS)

    async def due() -> list[str]:
        found = await registry.find_due(datetime.now(UTC), limit=10)
        return [each.url for each in found]

    assert await due() == [feed]
    (known,) = await registry.all()
    assert (await served.post("/v1/sources/pause", {"url": feed}))["state"] == "paused"
    # A replica was polling it at that moment, and writes what came of it.
    polled = {"polls": 1, "last_new_at": datetime.now(UTC), "entries_left": 600}
    await registry.save(known.model_copy(update=polled), datetime.now(UTC))
    assert await due() == []
    (listed,) = (await served.get("/v1/sources"))["items"]
    assert (listed["state"], listed["polls"], listed["due_at"], listed["entries_left"]) == ("paused", 1, None, 600)
    assert (await served.post("/v1/sources/resume", {"url": feed}))["state"] == "healthy"
    assert await due() == [feed]
    assert (await served.get("/v1/sources", params={"state": "failing"}))["items"] == []
    assert (await served.client.delete("/v1/sources", params={"url": feed})).status_code == 204
    assert (await served.client.delete("/v1/sources", params={"url": feed})).status_code == 404
    await served.post("/v1/sources/pause", {"url": feed}, status=404)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:1", "nonsense"])
async def test_what_cannot_be_polled_is_no_source(served: Served, url: str) -> None:
    problem = await served.post("/v1/sources", {"url": url}, status=422)
    assert problem["type"] == "urn:coranto:problem:bad-url"


async def test_a_list_of_sources_goes_in_once_and_comes_out_as_opml(served: Served) -> None:
    opml = b"""<?xml version="1.0"?><opml version="2.0"><body><outline text="Politics">
    <outline text="The Example" xmlUrl="https://news.example/feed.xml" category="Wire"/>
    <outline text="Local file" xmlUrl="file:///etc/passwd"/></outline></body></opml>"""

    async def give(document: bytes, status: int = 200) -> Any:
        answer = await served.client.post("/v1/sources/opml", content=document, headers={"Content-Type": "text/x-opml"})
        assert answer.status_code == status, answer.text
        return answer.json()

    first = await give(opml)
    assert (first["added"], first["known"], [each["line"] for each in first["left_out"]]) == (1, 0, [3])
    assert (await give(opml))["known"] == 1
    assert (await give(b"https://b.example/rss\n"))["added"] == 1
    one, other = sorted((await served.get("/v1/sources"))["items"], key=lambda each: str(each["url"]), reverse=True)
    assert (one["source"], one["tags"], other["url"]) == ("The Example", ["Politics", "Wire"], "https://b.example/rss")
    out = await served.client.get("/v1/sources/opml")
    assert out.headers["content-type"] == "text/x-opml"
    assert 'filename="coranto.opml"' in out.headers["content-disposition"]
    listed = read_opml(out.content)
    assert [(each.url, each.tags) for each in listed.feeds] == [
        ("https://b.example/rss", ()), ("https://news.example/feed.xml", ("Politics", "Wire")),
    ]  # fmt: skip
    assert (await give(out.content))["known"] == 2


@pytest.mark.parametrize(
    "document",
    [b"", b"# nothing\n", b"<html/>", b'<!DOCTYPE o [<!ENTITY a SYSTEM "file:///etc/passwd">]><opml>&a;</opml>'],
)
async def test_what_is_no_list_of_sources_is_refused(served: Served, document: bytes) -> None:
    answer = await served.client.post("/v1/sources/opml", content=document)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:coranto:problem:bad-list")
    assert "root:" not in answer.text


# --- sources --------------------------------------------------------------------------------------------------------


async def test_day_and_health_of_a_source_are_told(served: Served) -> None:
    await served.post("/v1/sources", {"url": "https://news.example/rss", "source": "example"}, status=201)
    (source,) = (await served.get("/v1/sources"))["items"]
    unknown = await served.get(f"/v1/sources/{source['id']}/health")
    assert (unknown["source"], unknown["last_new_at"], unknown["hours"]) == ("example", None, [])
    today = datetime.now(UTC).date().isoformat()
    assert (await served.get("/v1/why", params={"source": "example"}))["discovered"] == 0

    await served.store(build_article("https://news.example/1"), build_article("https://news.example/2"))
    day = await served.get("/v1/why", params={"source": "example", "day": today})
    assert (day["source"], day["day"], day["discovered"], day["created"]) == ("example", today, 2, 2)
    assert day["lags"]["stored"]["count"] == 2
    health = await served.get(f"/v1/sources/{source['id']}/health")
    assert (health["new"], health["stored"], health["silent_since"], len(health["hours"])) == (2, 2, None, 24)
    why = await served.get("/v1/why", params={"url": "https://news.example/1"})
    assert why["visits"]["unchanged"] == 0


async def test_question_about_a_day_says_what_it_lacks(served: Served) -> None:
    for wrong in ({}, {"url": URL, "source": "example"}, {"url": URL, "day": "2026-03-14"}):
        problem = await served.get("/v1/why", status=400, params=wrong)
        assert problem["type"] == "urn:coranto:problem:bad-question"
    await served.get("/v1/why", status=400, params={"source": "example", "day": "yesterday"})
    await served.get("/v1/sources/unheard-of/health", status=404)


async def test_a_feed_that_was_registered_is_accepted_and_not_ended_for_a_reason(served: Served) -> None:
    await served.drop(
        DroppedArticle(
            id="a" * 32,
            url=URL,
            submission="s",
            stage="feeder",
            outcome="accepted",
            reason="feed_registered",
            dropped_at=datetime.now(UTC),
        )
    )
    why = await served.get("/v1/why", params={"url": URL})
    assert why["answer"] == "The feeder accepted it: feed_registered."
    assert [each["outcome"] for each in why["endings"]] == ["accepted"]
    page = (await served.client.get("/submit", params={"url": URL}, headers={"Accept": "text/html"})).text
    assert "feed_registered" in page
    assert 'class="is-bad"' not in page
