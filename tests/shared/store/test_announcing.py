"""What was announced is numbered once, in the order of announcement; what was not is found by that alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.shared.store.articles import build_article, reason_to_skip, store
from tests.shared.store.databases import Database, on_sqlite

from coranto.records import ClassifiedArticle
from coranto.store.address import open_article_reader, open_article_store
from coranto.store.interface import ArticleStore, RevisionKey

MakeArticle = Callable[..., ClassifiedArticle]


async def store_some(article_store: ArticleStore, number: int) -> list[RevisionKey]:
    """Store articles one after the other; gives their first revisions in that order."""
    articles = [
        await store(build_article(f"https://news.example/{n}"), article_store=article_store) for n in range(number)
    ]
    return [(article.id, 1) for article in articles]


async def test_stored_revision_waits_until_it_is_marked(article_store: ArticleStore, database: Database) -> None:
    keys = await store_some(article_store, 3)
    assert await article_store.unannounced(10) == keys
    assert await article_store.unannounced(2) == keys[:2]
    await article_store.mark_announced([keys[1], keys[0]])
    assert await article_store.unannounced(10) == [keys[2]]
    with open_article_reader(database) as reader:
        assert [(each.number, each.article.id) for each in reader.announced_after(0)] == [
            (1, keys[1][0]),
            (2, keys[0][0]),
        ]
        assert [each.number for each in reader.announced_after(1)] == [2]
        assert [each.number for each in reader.announced_after(0, limit=1)] == [1]
        assert (reader.number_of(*keys[0]), reader.number_of(*keys[2]), reader.number_of("no", 1)) == (2, None, None)
        assert reader.last_number() == 2


async def test_number_stays_however_often_a_revision_is_marked(article_store: ArticleStore, database: Database) -> None:
    keys = await store_some(article_store, 2)
    for revisions in ([keys[0]], keys, [keys[0], keys[0]], [("no such article", 1)]):
        await article_store.mark_announced(revisions)
    with open_article_reader(database) as reader:
        assert [reader.number_of(*key) for key in keys] == [1, 2]
        assert reader.last_number() == 2


async def test_each_revision_is_announced_by_itself(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    first = await store(make_article(), article_store=article_store)
    second = await store(make_article(fetch=2, title="Bridge closes again"), article_store=article_store)
    await article_store.mark_announced([(first.id, 2)])
    assert await article_store.unannounced(10) == [(first.id, 1)]
    assert await article_store.finished([(first.id, 1), ("gone", 1), (first.id, 2)]) == [first, second]
    with open_article_reader(database) as reader:
        assert [each.article for each in reader.announced_after(0)] == [second]


async def test_what_is_stored_again_or_not_at_all_does_not_wait_a_second_time(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    article = await store(make_article(), article_store=article_store)
    await article_store.mark_announced([(article.id, 1)])
    await store(make_article(), article_store=article_store)  # the same message once more
    assert await reason_to_skip(make_article(fetch=2), article_store=article_store) == "unchanged"
    assert await article_store.unannounced(10) == []


async def test_two_processes_that_mark_at_once_give_no_number_twice(
    article_store: ArticleStore, database: Database
) -> None:
    keys = await store_some(article_store, 40)
    other = open_article_store(database)
    await other.open()
    await asyncio.gather(
        *(each.mark_announced(keys[n : n + 15]) for n in range(0, 40, 5) for each in (article_store, other))
    )
    await other.close()
    with open_article_reader(database) as reader:
        announced = reader.announced_after(0)
    assert sorted((each.article.id, 1) for each in announced) == sorted(keys)
    assert [each.number for each in announced] == list(range(1, 41))


@on_sqlite
async def test_looking_at_a_store_that_holds_nothing_makes_no_file(article_store: ArticleStore, database: Path) -> None:
    assert await article_store.unannounced(10) == []
    assert not database.exists()


async def test_articles_come_in_the_order_of_their_last_announcement_and_then_those_that_wait(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    keys = await store_some(article_store, 4)
    await article_store.mark_announced([keys[1], keys[0], keys[3]])
    changed = await store(
        make_article("https://news.example/1", fetch=2, title="Bridge closes again"), article_store=article_store
    )
    waiting = await store(
        make_article("https://news.example/3", fetch=2, title="Bridge closes again"), article_store=article_store
    )
    await article_store.mark_announced([(changed.id, 2)])
    with open_article_reader(database) as reader:

        def listed(after: int) -> list[tuple[int | None, str, int]]:
            return [
                (number, article.id, article.storage.revision)
                for number, article in reader.iterate_announced(after=after)
            ]

        last = [(None, keys[2][0], 1), (None, waiting.id, 2)]
        assert listed(0) == [(2, keys[0][0], 1), (4, changed.id, 2), *last]
        assert listed(2) == [(4, changed.id, 2), *last]
        assert listed(4) == last
        with reader:
            next(reader.iterate_announced())  # and is closed before the end
