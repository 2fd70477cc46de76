"""Feeds out: a question that any feed reader can subscribe to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import feedparser  # type: ignore[import-untyped]
import pytest
from tests.services.gateway.conftest import Serve, Served
from tests.services.gateway.test_articles import article

from coranto.formats.jsonfeed import VERSION

TOKEN = "a-token-that-is-long-enough-1234"


async def test_a_question_becomes_a_feed_that_a_reader_can_follow(serve: Serve) -> None:
    async with serve(public_url="https://news.example/desk", token=TOKEN, allowed_hosts=("127.0.0.1",)) as served:
        served.client.headers["Authorization"] = f"Bearer {TOKEN}"
        await served.store(
            article("bridge", hours=1, title="Bridge & <Neva>"), article("storm", hours=2, language="ru", title="Шторм")
        )
        made = await served.post("/v1/feeds", {"title": "English", "where": "language == 'en'"}, status=201)
        assert made["atom_url"] == "https://news.example/desk" + made["atom_path"]
        del served.client.headers["Authorization"]
        answer = await served.client.get(made["atom_path"])
        assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
        read = feedparser.parse(answer.content)
        assert not read.bozo
        assert read.feed.title == "English"
        assert read.feed.id.startswith("tag:news.example,")
        assert {link.rel: link.href for link in read.feed.links} == {"self": made["atom_url"]}
        (entry,) = read.entries
        assert entry.title == "Bridge &amp; &lt;Neva&gt;" or entry.title == "Bridge & <Neva>"
        again = await served.client.get(made["atom_path"], headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        for tags in ("*", f'"other", W/{answer.headers["etag"]}'):
            again = await served.client.get(made["atom_path"], headers={"If-None-Match": tags})
            assert again.status_code == 304, "a proxy that compresses makes the tag weak"
        day = timedelta(days=1)
        for since, status in ((datetime.now(UTC) + day, 304), (datetime.now(UTC) - day, 200)):
            asked = {"If-Modified-Since": format_datetime(since, usegmt=True)}
            assert (await served.client.get(made["atom_path"], headers=asked)).status_code == status
            with_tag = asked | {"If-None-Match": '"other"'}
            assert (await served.client.get(made["atom_path"], headers=with_tag)).status_code == 200
        for wrong in ("soon", "9" * 5000, f"Mon, 05 Jan {'9' * 20} 00:00:00 GMT"):
            told = await served.client.get(made["atom_path"], headers={"If-Modified-Since": wrong})
            assert told.status_code == 200

        await served.store(article("bridge", hours=1, fetch=2, title="Bridge closed"))
        changed = await served.client.get(made["atom_path"], headers={"If-None-Match": answer.headers["etag"]})
        assert [each.id for each in feedparser.parse(changed.content).entries] == [entry.id], "an edit is no new entry"
        assert changed.headers["etag"] != answer.headers["etag"]

        as_json = (await served.client.get(made["json_path"])).json()
        assert as_json["version"] == VERSION
        assert [item["title"] for item in as_json["items"]] == ["Bridge closed"]


async def test_older_entries_are_linked(serve: Serve) -> None:
    async with serve(public_url="http://127.0.0.1:1", token=TOKEN) as served:
        served.client.headers["Authorization"] = f"Bearer {TOKEN}"
        await served.store(*(article(f"a{number}", hours=number) for number in range(60)))
        made = await served.post("/v1/feeds", {"title": "All"}, status=201)
        first = (await served.client.get(made["json_path"])).json()
        path = first["next_url"].removeprefix("http://127.0.0.1:1")
        second = (await served.client.get(path)).json()
        urls = [item["url"] for item in first["items"] + second["items"]]
        assert len(urls) == len(set(urls)) == 60
        assert "next_url" not in second


async def test_each_feed_is_taken_back_alone_and_its_address_is_kept_nowhere(served: Served) -> None:
    one, two = [await served.post("/v1/feeds", {"title": name}, status=201) for name in ("one", "two")]
    assert one["atom_url"] is None, "without a public address no link is made"
    listed = await served.client.get("/v1/feeds")
    assert one["atom_path"].rpartition("/")[2].partition(".")[0] not in listed.text
    assert (await served.client.delete(f"/v1/feeds/{one['id']}")).status_code == 204
    assert (await served.client.get(one["atom_path"])).status_code == 404
    assert (await served.client.get(two["atom_path"])).status_code == 200
    assert (await served.client.get("/feeds/guessed.atom")).status_code == 404
    assert (await served.client.delete("/v1/feeds/0")).status_code == 404


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": "x", "where": "langauge == 'ru'"}])
async def test_a_question_that_cannot_be_understood_makes_no_feed(served: Served, body: dict[str, str]) -> None:
    await served.post("/v1/feeds", body, status=422)
    assert (await served.get("/v1/feeds"))["items"] == []
