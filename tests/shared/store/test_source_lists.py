"""Lists of one source: what an article is of a source by, and that the lists follow what is stored, changed and removed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.shared.store.articles import NOON, build_article, store
from tests.shared.store.databases import Database, count, rows

from coranto.filter import compile_filter
from coranto.records import ArticleDate, ClassifiedArticle
from coranto.store.address import open_article_reader, open_article_upkeep
from coranto.store.check import check
from coranto.store.database.columns import names_of
from coranto.store.interface import ArticleStore, SearchFilter

Make = Callable[..., ClassifiedArticle]


def build(
    url: str, *, source: str = "example", publisher: str | None = "The Example", minutes: int = 0, **more: Any
) -> ClassifiedArticle:
    """An article of this source and publisher, published so many minutes after noon."""
    article = build_article(url, **more)
    published = NOON + timedelta(minutes=minutes)
    date = ArticleDate(
        local=f"{published:%Y-%m-%dT%H:%M}", precision="minute", zone="+00:00", zone_from="stated", at=published
    )
    content = article.content.model_copy(update={"publisher": publisher, "published": date})
    discovery = article.discovery.model_copy(update={"source": source})
    return article.model_copy(update={"content": content, "discovery": discovery})


def listed(database: Database, source: str, query: str = "", **where: Any) -> list[str]:
    """Last parts of the addresses in the source's list, latest first, read two at a time; the same as are counted and found."""
    chosen = SearchFilter(source=source, **where)
    with open_article_reader(database) as reader:
        found = []
        while page := reader.page(query, where=chosen, before=found[-1].place if found else None, limit=2):
            found += page
        assert reader.count_found(query, where=chosen) == len(found)
        hits = [hit.id for hit in reader.search(query, where=chosen)]
        assert sorted(hits) == sorted(each.id for each in found)
        if not query:
            assert hits == [each.id for each in found]
    return [each.url.rpartition("/")[2] for each in found]


LONG_HOST = "a." * 100 + "example"


@pytest.mark.parametrize(
    ("source", "publisher", "url", "names"),
    [
        ("Лента.ру", "Lenta.Ru", "https://m.lenta.ru/1", ["лента.ру", "lenta.ru", "m.lenta.ru"]),
        ("feed", None, "https://www.x.co.uk/1", ["feed", "www.x.co.uk", "x.co.uk", "co.uk"]),
        ("Чёрное море", "", "http://127.0.0.1:8080/1", ["черное море", "127.0.0.1:8080"]),
        ("feed", None, "http://[::1]:8080/1", ["feed", "[::1]:8080"]),
        ("feed", None, "urn:sha256:00", ["feed"]),
        ("feed", None, "http://[broken/1", ["feed"]),
        (" ", None, "urn:sha256:00", [""]),
        ("x" * 3000, None, "https://a.b/", ["x" * 200, "a.b"]),
        (
            "feed",
            None,
            f"https://{LONG_HOST}/",
            ["feed", LONG_HOST[:200], *("a." * n + "example" for n in (4, 3, 2, 1))],
        ),
    ],
)
def test_article_is_of_a_source_by_its_name_its_publisher_and_its_host(
    source: str, publisher: str | None, url: str, names: list[str]
) -> None:
    assert names_of(source, publisher, url) == names


async def test_list_of_a_source_has_its_articles_by_time(article_store: ArticleStore, database: Database) -> None:
    for number in range(5):
        article = build(f"https://www.gazette.example/{number}", source="Gazette", publisher="GZ", minutes=number)
        await store(article, article_store=article_store)
    await store(build("https://other.example/other", minutes=2), article_store=article_store)
    for name in ("Gazette", "gazette", "gz", "gazette.example", "WWW.gazette.example"):
        assert listed(database, name) == ["4", "3", "2", "1", "0"], name
    assert listed(database, "azette.example") == listed(database, "example.gazette") == listed(database, "") == []
    since, until = NOON + timedelta(minutes=1), NOON + timedelta(minutes=4)
    assert listed(database, "GZ", since=since, until=until) == ["3", "2", "1"]


async def test_words_and_other_filters_hold_within_the_list(article_store: ArticleStore, database: Database) -> None:
    for number in range(4):
        text = "The ferry sails." if number % 2 else "The bridge is open."
        article = build(f"https://gazette.example/{number}", source="Gazette", minutes=number, text=text)
        await store(article, article_store=article_store)
    await store(build("https://other.example/5", text="The ferry sails."), article_store=article_store)
    assert listed(database, "gazette", "ferries") == ["3", "1"]
    assert listed(database, "gazette", "ferry", since=NOON + timedelta(minutes=2)) == ["3"]
    assert listed(database, "gazette", also=compile_filter("text.contains('bridge')")) == ["2", "0"]
    assert listed(database, "gazette", topic="13000000", entity="Neva", language="en") == ["3", "2", "1", "0"]
    assert listed(database, "gazette", topic="sport") == []


async def test_article_that_changes_is_in_the_lists_it_belongs_to_now(
    article_store: ArticleStore, database: Database
) -> None:
    await store(build("https://news.example/a", publisher="Old Name", minutes=1), article_store=article_store)
    await store(build("https://news.example/b", publisher="Old Name", minutes=2), article_store=article_store)
    changed = build("https://news.example/a", publisher="New Name", minutes=3, fetch=2, title="Corrected")
    await store(changed, article_store=article_store)
    assert listed(database, "Old Name") == ["b"]
    assert listed(database, "New Name") == ["a"]
    assert listed(database, "news.example") == ["a", "b"]
    assert check(database).is_sound


async def test_removed_article_is_in_no_list(article_store: ArticleStore, database: Database) -> None:
    kept = await store(build("https://news.example/kept"), article_store=article_store)
    gone = await store(build("https://news.example/gone"), article_store=article_store)
    upkeep = open_article_upkeep(database)
    upkeep.remove([gone.id])
    assert listed(database, "news.example") == ["kept"]
    assert {row[0] for row in rows(database, "SELECT article_id FROM source_articles")} == {kept.id}
    assert count(database, "source_articles") == 3
