"""Reading articles over HTTP: lists page by page, single ones in several forms, revisions, differences, pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.services.gateway.conftest import Served
from tests.shared.store.articles import NOON, build_article

from coranto.pages import FilePageStore
from coranto.records import ArticleDate, ClassifiedArticle, DroppedArticle, Language
from coranto.records.sections import Doubt
from coranto.store.sqlite import schema


def date_of(moment: datetime) -> ArticleDate:
    return ArticleDate(
        local=f"{moment:%Y-%m-%dT%H:%M}", precision="minute", zone="+00:00", zone_from="stated", at=moment
    )


def article(name: str, *, hours: float = 0, language: str = "en", **options: Any) -> ClassifiedArticle:
    built = build_article(f"https://news.example/{name}", **options)
    content = built.content.model_copy(update={"published": date_of(NOON + timedelta(hours=hours))})
    classification = built.classification.model_copy(update={"language": Language(code=language, confidence=0.9)})
    return built.model_copy(update={"content": content, "classification": classification})


async def test_nothing_is_stored_yet(served: Served) -> None:
    assert await served.get("/v1/articles") == {"items": [], "next": None, "count": None}
    assert (await served.get("/v1/articles", params={"count": True}))["count"] == 0
    assert (await served.get("/v1/articles/0", status=404))["type"] == "urn:coranto:problem:not-found"
    status = await served.get("/v1/status")
    assert status["store"] == {"exists": False, "articles": 0}
    assert [stage["stage"] for stage in status["stages"]][:2] == ["feeder", "fetcher"]


async def test_pages_of_a_list_hold_each_article_once_though_times_are_equal_and_more_come(served: Served) -> None:
    await served.store(*(article(f"a{number}", hours=number // 5) for number in range(23)))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await served.get("/v1/articles", params={"limit": 4} | ({"cursor": cursor} if cursor else {}))
        seen += [each["url"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        await served.store(article(f"later{len(seen)}", hours=50 + len(seen)))
    assert sorted(seen) == sorted(f"https://news.example/a{number}" for number in range(23))
    newest_first = [number // 5 for number in (int(url.rpartition("/a")[2]) for url in seen)]
    assert newest_first == sorted(newest_first, reverse=True)


async def test_words_and_filters_choose(served: Served) -> None:
    await served.store(
        article("bridge", hours=1, title="Bridge over the Neva reopens"),
        article("storm", hours=2, title="Шторм в Саратове", text="В Саратове прошёл шторм.", language="ru"),
        article("budget", hours=3, title="Council passes budget", text="The budget passed.", topics=("11000000",)),
    )

    async def found(**asked: str) -> list[str]:
        page = await served.get("/v1/articles", params=asked)
        return [each["url"].rpartition("/")[2] for each in page["items"]]

    assert await found() == ["budget", "storm", "bridge"]
    assert await found(q="саратов") == ["storm"]
    assert await found(q='"the budget"') == ["budget"]
    assert await found(language="ru") == ["storm"]
    assert await found(topic="medtop:11000000") == ["budget"]
    assert await found(entity="neva", q="bridge") == ["bridge"]
    assert await found(since=(NOON + timedelta(hours=2)).isoformat()) == ["budget", "storm"]
    assert await found(until=(NOON + timedelta(hours=2)).isoformat()) == ["bridge"]
    assert await found(where="language == 'ru' or topic.under('politics and government')") == ["budget", "storm"]
    assert await found(where="language == 'en'", q="budget") == ["budget"]
    assert await found(source="news.example", language="en") == ["budget", "bridge"]
    page = await served.get("/v1/articles", params={"q": "neva", "count": "true"})
    assert page["count"] == 1
    assert "[Neva]" in page["items"][0]["excerpt"]


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ({"topic": "polittics"}, "did you mean"),
        ({"q": "!!!"}, "a word has a letter"),
        ({"since": "yesterday"}, "query since"),
        ({"since": "2026-03-14T12:00:00"}, "query since"),
        ({"since": "2026"}, "expected a time with its date and zone, such as 2026-03-14T08:00Z, got '2026'"),
        ({"where": "langauge == 'ru'"}, "did you mean `language`"),
        ({"limit": "0"}, "query limit"),
        ({"cursor": "rubbish"}, "is not a cursor"),
    ],
)
async def test_a_question_that_cannot_be_answered_says_why(served: Served, asked: dict[str, str], seen: str) -> None:
    await served.store(article("one"))
    answer = await served.client.get("/v1/articles", params=asked)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert seen in answer.json()["detail"]


async def test_a_cursor_of_another_list_is_refused(served: Served) -> None:
    await served.store(*(article(f"a{number}", hours=number) for number in range(3)))
    cursor = (await served.get("/v1/articles", params={"limit": 1}))["next"]
    problem = await served.get("/v1/articles", params={"limit": 1, "cursor": cursor, "q": "bridge"}, status=400)
    assert problem["type"] == "urn:coranto:problem:bad-cursor"


async def test_an_article_is_sent_in_the_form_that_is_asked_for(served: Served) -> None:
    (stored,) = await served.store(article("bridge"))
    path = f"/v1/articles/{stored.id}"
    plain = await served.client.get(path)
    assert plain.json() == stored.model_dump(mode="json", exclude_none=True)
    ninjs = await served.client.get(path, headers={"Accept": "application/vnd.iptc.ninjs+json"})
    assert ninjs.json()["uri"] == f"urn:coranto:article:{stored.id}"
    json_ld = await served.client.get(path, headers={"Accept": "text/html;q=0.2, application/ld+json"})
    assert json_ld.json()["@type"] == "NewsArticle"
    text = await served.client.get(path, params={"format": "text"})
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.startswith("Bridge over the Neva reopens\n\n")
    assert (await served.client.get(path, headers={"Accept": "image/png"})).status_code == 406
    again = await served.client.get(path, headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    lists = await served.client.get("/v1/articles", headers={"Accept": "application/ld+json"})
    assert [each["@type"] for each in lists.json()] == ["NewsArticle"]


async def test_revisions_and_how_they_differ(served: Served) -> None:
    await served.store(article("bridge", fetch=1), article("bridge", fetch=2, title="Bridge over the Neva closes"))
    (listed,) = (await served.get("/v1/articles"))["items"]
    assert listed["revision"] == 2
    path = f"/v1/articles/{listed['id']}"
    revisions = await served.get(f"{path}/revisions")
    assert [each["storage"]["revision"] for each in revisions["items"]] == [1, 2]
    difference = await served.get(f"{path}/diff")
    assert (difference["before"], difference["after"]) == (1, 2)
    (field,) = difference["fields"]
    assert field["field"] == "title"
    assert [(each["kind"], each["text"]) for each in field["changes"]] == [
        ("same", "Bridge over the Neva "), ("removed", "reopens"), ("added", "closes"),
    ]  # fmt: skip
    assert (await served.get(f"{path}/diff", params={"before": 7}, status=404))["detail"].startswith(
        "there is no revision"
    )


async def test_a_page_is_for_saving_and_never_one_of_our_own(served: Served) -> None:
    page = b"<script>alert(1)</script>"
    pages = FilePageStore(served.gateway.settings.pages.path)
    ref = await pages.put(page)
    built = article("scripted")
    (stored,) = await served.store(built.model_copy(update={"fetch": built.fetch.model_copy(update={"page": ref})}))
    answer = await served.client.get(f"/v1/articles/{stored.id}/page")
    assert answer.content == page
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    pages.path_of(ref).unlink()
    assert (await served.get(f"/v1/articles/{stored.id}/page", status=410))["type"] == "urn:coranto:problem:page-gone"


async def test_the_list_by_time_reads_its_index(served: Served) -> None:
    await served.store(article("one"))
    reader, when = served.gateway.settings.gateway.database, schema.ARTICLE_TIME
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(reader)) as connection:
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN SELECT id FROM articles WHERE ({when}, id) < (?, ?)"  # noqa: S608 - made of constants
            f" ORDER BY {when} DESC, id DESC LIMIT 50",
            (datetime.now(UTC).isoformat(), "f"),
        ).fetchall()
    assert "articles_by_time" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


async def test_retracted_article_is_shown_as_such_wherever_it_is_shown(served: Served) -> None:
    (stored,) = await served.store(article("bridge", hours=1, title="Bridge & <Neva>"))
    feed = await served.post("/v1/feeds", {"title": "All"}, status=201)
    await served.drop(
        DroppedArticle(
            id=stored.id, url=stored.url, submission="a-visit", stage="fetcher", outcome="dropped", reason="gone",
            dropped_at=stored.fetch.fetched_at + timedelta(hours=1),
        )
    )  # fmt: skip
    assert (await served.get(f"/v1/articles/{stored.id}"))["storage"]["change"] == "retracted"
    (listed,) = (await served.get("/v1/articles", params={"where": "change == 'retracted'"}))["items"]
    assert (listed["id"], listed["change"], listed["revision"]) == (stored.id, "retracted", 2)
    assert (await served.get("/v1/articles", params={"where": "not change == 'retracted'"}))["items"] == []
    why = await served.get("/v1/why", params={"url": stored.url})
    assert why["answer"] == "It is stored, in 2 revisions; its publisher has withdrawn it."
    assert why["article"] == stored.id
    assert "gone" in {ending["reason"] for ending in why["endings"]}
    plain = (await served.client.get(f"/v1/articles/{stored.id}?format=text")).text
    assert plain.startswith("Withdrawn by its publisher.\n")
    (item,) = (await served.get(feed["json_path"]))["items"]
    assert item["content_text"] == "Withdrawn by its publisher."
    assert "<b>retracted</b>" in (await served.client.get("/articles")).text
    assert "Withdrawn by its publisher" in (await served.client.get(f"/articles/{stored.id}")).text


async def test_article_in_doubt_says_so_in_both_languages(served: Served) -> None:
    plain = article("bridge", hours=1)
    doubt = Doubt(reason="product_page", evidence="og:type product", probability=0.8)
    kettle = article("kettle")
    kettle = kettle.model_copy(update={"content": kettle.content.model_copy(update={"doubt": doubt})})
    for stored in await served.store(plain, kettle):
        english = (await served.client.get(f"/articles/{stored.id}")).text
        russian = (await served.client.get(f"/articles/{stored.id}", headers={"Accept-Language": "ru"})).text
        is_doubted = stored.id == kettle.id
        assert ("This may not be an article. The page offers a product." in english) is is_doubted
        assert ("<code>og:type product</code>" in english) is is_doubted
        assert ("Возможно, это не статья. Это страница товара." in russian) is is_doubted
