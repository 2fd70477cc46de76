"""An article whose page is gone is retracted, once, and is back when its page is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from tests.shared.store.articles import NOON, reason_to_skip, store
from tests.shared.store.databases import Database

from coranto.filter import compile_filter
from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle, article_id
from coranto.store.address import open_article_reader
from coranto.store.interface import ArticleStore, SearchFilter
from coranto.urls import key_of
from coranto_fetcher.reasons import REASONS

MakeArticle = Callable[..., ClassifiedArticle]
URL = "https://news.example/bridge"
HOUR = timedelta(hours=1)


def dropped(
    reason: str, at: datetime, *, url: str = URL, stage: str = "fetcher", outcome: str = "dropped"
) -> DroppedArticle:
    """How a visit ended; each time is another visit."""
    return DroppedArticle.model_validate(
        {
            "id": article_id(key_of(url)),
            "url": url,
            "submission": f"visit-{at.isoformat()}",
            "stage": stage,
            "outcome": outcome,
            "reason": reason,
            "dropped_at": at,
        }
    )


def changes(database: Database) -> list[tuple[int, str]]:
    with open_article_reader(database) as reader:
        return [(each.storage.revision, each.storage.change) for each in reader.revisions_of(URL)]


async def test_page_that_is_gone_retracts_the_article_in_a_revision_that_waits_to_be_announced(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    first = await store(make_article(), article_store=article_store)
    await article_store.mark_announced([(first.id, 1)])
    await article_store.record_drop(dropped("gone", NOON + HOUR))
    assert await article_store.unannounced(10) == [(first.id, 2)]
    (retracted,) = await article_store.finished([(first.id, 2)])
    assert retracted.storage.change == "retracted"
    assert retracted.storage.store == first.storage.store
    assert retracted.message_id != first.message_id
    assert retracted.discovery.submission == f"visit-{(NOON + HOUR).isoformat()}"
    # What subscribers get is the article as it was known, and nothing else has changed in it.
    assert (retracted.content, retracted.classification, retracted.fetch) == (
        first.content,
        first.classification,
        first.fetch,
    )
    with open_article_reader(database) as reader:
        assert reader.find(first.id) == retracted
        (line,) = [line for line in reader.ledger_of(URL) if line.stage == "fetcher"]
        assert line.reason == "gone"


async def test_id_that_no_column_takes_keeps_no_other_end_from_being_written(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    odd = dropped("gone", NOON + HOUR).model_copy(update={"id": "a foreign stage's\x00", "submission": "odd"})
    await asyncio.gather(article_store.record_drop(odd), article_store.record_drop(dropped("gone", NOON + HOUR)))
    assert changes(database)[-1] == (2, "retracted")


async def test_the_same_end_told_twice_or_another_later_retracts_once(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    gone = dropped("gone", NOON + HOUR + timedelta(microseconds=1234))
    await asyncio.gather(article_store.record_drop(gone), article_store.record_drop(gone))
    await article_store.record_drop(gone)
    await article_store.record_drop(dropped("gone", NOON + 2 * HOUR))
    for hours in (3, 14, 25):
        await article_store.record_drop(dropped("not_found", NOON + hours * HOUR))
    assert changes(database) == [(1, "created"), (2, "retracted")]


@pytest.mark.parametrize(
    ("hours", "is_retracted"),
    [
        ((1,), False),
        ((1, 25), False),
        ((1, 2, 3), False),
        ((1, 6, 24), True),
        ((1, 11, 22), True),
        ((1, 2, 3, 30), True),
    ],
)
async def test_page_that_is_not_found_retracts_after_three_visits_over_a_day(
    article_store: ArticleStore,
    database: Database,
    make_article: MakeArticle,
    hours: tuple[int, ...],
    is_retracted: bool,
) -> None:
    await store(make_article(), article_store=article_store)
    for each in hours:
        assert changes(database)[-1] == (1, "created")
        await article_store.record_drop(dropped("not_found", NOON + each * HOUR))
        await article_store.record_drop(dropped("not_found", NOON + each * HOUR))  # the same message once more
    assert changes(database)[1:] == ([(2, "retracted")] if is_retracted else [])


@pytest.mark.parametrize("reason", ["not_found", "gone"])
async def test_site_that_shows_no_page_for_a_day_withdraws_none(
    article_store: ArticleStore, database: Database, make_article: MakeArticle, reason: str
) -> None:
    urls = [f"https://www.news.example/{number}" for number in range(4)]
    for url in urls:
        await store(make_article(url), article_store=article_store)
    # Two pages that nobody has ever stored are not there either.
    for hours in (1, 6, 13, 25, 37):
        for number, url in enumerate([*urls, "https://news.example/new"]):
            at = NOON + hours * HOUR + timedelta(minutes=number)
            await article_store.record_drop(dropped(reason, at, url=url))
    with open_article_reader(database) as reader:
        assert {each.change for each in reader.page()} == {"created"}
    # The site is back, with a page that it had and one that is new. What is still not there has been withdrawn.
    await article_store.record_drop(dropped("not_modified", NOON + 38 * HOUR, url=urls[0]))
    await store(make_article("https://news.example/newer", fetch=38 * 60), article_store=article_store)
    await article_store.record_drop(dropped(reason, NOON + 39 * HOUR, url=urls[1]))
    with open_article_reader(database) as reader:
        assert {each.url for each in reader.page() if each.change == "retracted"} == {urls[1]}


@pytest.mark.parametrize(("reason", "hours"), [("not_found", (1, 6, 24)), ("gone", (1,))])
@pytest.mark.parametrize("life", ["a new article", "an article as it was", "an article that has changed"])
async def test_page_of_a_site_that_shows_others_is_withdrawn(
    article_store: ArticleStore,
    database: Database,
    make_article: MakeArticle,
    reason: str,
    hours: tuple[int, ...],
    life: str,
) -> None:
    other = "https://m.news.example/other"
    for url in (URL, "https://news.example/also-gone", *([] if life == "a new article" else [other])):
        await store(make_article(url), article_store=article_store)
    for each in hours:
        at = NOON + each * HOUR
        await article_store.record_drop(
            dropped(reason, at - timedelta(minutes=2), url="https://news.example/also-gone")
        )
        if life == "an article as it was":
            await article_store.record_drop(dropped("not_modified", at - timedelta(minutes=1), url=other))
        else:
            shown = make_article(other, fetch=each * 60 - 1, title=f"Title {each}")
            await store(shown, article_store=article_store)
        await article_store.record_drop(dropped(reason, at))
    assert changes(database)[-1] == (2, "retracted")


async def test_page_of_a_quiet_site_that_is_gone_is_withdrawn_at_the_second_visit(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    await store(make_article("https://news.example/kept"), article_store=article_store)
    await store(make_article("https://other.example/lively", fetch=59), article_store=article_store)
    await article_store.record_drop(dropped("gone", NOON + HOUR))
    assert changes(database) == [(1, "created")]
    await article_store.record_drop(dropped("gone", NOON + 6 * HOUR))
    assert changes(database)[-1] == (2, "retracted")


@pytest.mark.parametrize("seen", ["fetched", "not_modified", "no_text"])
async def test_page_that_was_there_in_between_begins_the_count_anew(
    article_store: ArticleStore, database: Database, make_article: MakeArticle, seen: str
) -> None:
    await store(make_article(), article_store=article_store)
    await article_store.record_drop(dropped("not_found", NOON + HOUR))
    await article_store.record_drop(dropped("not_found", NOON + 8 * HOUR))
    if seen == "fetched":
        assert await reason_to_skip(make_article(fetch=9 * 60), article_store=article_store) == "unchanged"
    else:
        stage = "fetcher" if seen == "not_modified" else "extractor"
        await article_store.record_drop(dropped(seen, NOON + 9 * HOUR, stage=stage))
    await article_store.record_drop(dropped("not_found", NOON + 24 * HOUR))
    await article_store.record_drop(dropped("not_found", NOON + 30 * HOUR))
    assert changes(database) == [(1, "created")]
    await article_store.record_drop(dropped("not_found", NOON + 45 * HOUR))
    assert changes(database) == [(1, "created"), (2, "retracted")]


async def test_host_that_fails_between_tells_nothing(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    await article_store.record_drop(dropped("not_found", NOON + HOUR))
    await article_store.record_drop(dropped("host_down", NOON + 2 * HOUR, outcome="dead"))
    await article_store.record_drop(dropped("not_found", NOON + 8 * HOUR))
    await article_store.record_drop(dropped("forbidden", NOON + 9 * HOUR))
    await article_store.record_drop(dropped("not_found", NOON + 24 * HOUR))
    assert changes(database) == [(1, "created"), (2, "retracted")]


async def test_page_that_comes_back_as_it_was_is_a_revision(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    await article_store.record_drop(dropped("gone", NOON + HOUR))
    back = await store(make_article(fetch=120), article_store=article_store)
    assert (back.storage.revision, back.storage.change, back.storage.changed_fields) == (3, "updated", ())
    assert await store(make_article(fetch=120), article_store=article_store) == back  # the same message once more
    assert await reason_to_skip(make_article(fetch=180), article_store=article_store) == "unchanged"
    # The end that retracted it, told late once more, does not retract what is back.
    await article_store.record_drop(dropped("gone", NOON + HOUR))
    assert changes(database) == [(1, "created"), (2, "retracted"), (3, "updated")]


async def test_page_that_comes_back_changed_says_what_has_changed(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    await article_store.record_drop(dropped("gone", NOON + HOUR))
    back = await store(make_article(fetch=120, title="Bridge is closed"), article_store=article_store)
    assert (back.storage.change, back.storage.changed_fields) == ("updated", ("content.title",))


async def test_page_that_is_back_and_not_modified_is_a_revision_too(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    await article_store.record_drop(dropped("gone", NOON + HOUR))
    for _ in range(2):
        await article_store.record_drop(dropped("not_modified", NOON + 2 * HOUR))
    await article_store.record_drop(dropped("not_modified", NOON + 3 * HOUR))
    assert changes(database) == [(1, "created"), (2, "retracted"), (3, "updated")]
    await article_store.record_drop(dropped("gone", NOON + 4 * HOUR))
    assert changes(database)[-1] == (4, "retracted")


async def test_what_was_fetched_before_the_page_went_does_not_bring_it_back(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    await article_store.record_drop(dropped("gone", NOON + HOUR))
    assert await reason_to_skip(make_article(fetch=30, title="Late"), article_store=article_store) == "outdated"
    # The first message once more is announced as what it was.
    again = await store(make_article(), article_store=article_store)
    assert (again.storage.revision, again.storage.change) == (1, "created")
    assert changes(database) == [(1, "created"), (2, "retracted")]


async def test_what_was_fetched_after_the_end_is_not_retracted_by_it(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(fetch=120), article_store=article_store)
    await article_store.record_drop(dropped("gone", NOON + HOUR))
    assert changes(database) == [(1, "created")]


@pytest.mark.parametrize(
    ("why", "end"),
    [
        ("it was never stored", dropped("gone", NOON + HOUR, url="https://news.example/other")),
        ("the host refuses", dropped("forbidden", NOON + HOUR)),
        ("the page could not be read", dropped("gone", NOON + HOUR, stage="extractor")),
        ("it is a dead letter", dropped("not_found", NOON + HOUR, outcome="dead")),
    ],
)
async def test_article_stays_when(
    article_store: ArticleStore, database: Database, make_article: MakeArticle, why: str, end: DroppedArticle
) -> None:
    await store(make_article(), article_store=article_store)
    await article_store.record_drop(end)
    assert changes(database) == [(1, "created")], why


async def test_link_through_another_site_and_an_older_form_may_go_alone(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    article = make_article()
    short, amp = "https://sho.rt/b", "https://amp.news.example/bridge"
    through = article.model_copy(update={"discovery": article.discovery.model_copy(update={"url": short})})
    await store(through, article_store=article_store)
    await article_store.record_drop(dropped("gone", NOON + HOUR, url=short))
    other = make_article(fetch=70, title="Longer")
    as_amp = other.model_copy(update={"discovery": other.discovery.model_copy(update={"url": amp})})
    await store(as_amp, article_store=article_store)
    await store(make_article(fetch=80, title="The main form"), article_store=article_store)
    await article_store.record_drop(dropped("gone", NOON + 2 * HOUR, url=amp))
    assert [change for _, change in changes(database)] == ["created", "updated", "updated"]


async def test_end_and_article_that_arrive_together_end_the_same_in_either_order(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    for number, is_first in ((1, True), (2, False)):
        url = f"https://news.example/{number}"
        await store(make_article(url), article_store=article_store)
        works = [
            article_store.record_drop(dropped("gone", NOON + HOUR, url=url)),
            article_store.store(make_article(url, fetch=120, title="Back")),
        ]
        await asyncio.gather(*(works if is_first else works[::-1]))
        with open_article_reader(database) as reader:
            latest = reader.find(url)
        assert latest is not None
        assert latest.storage.change == "updated"


async def test_reader_is_told_and_a_filter_can_ask(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    kept = await store(make_article("https://news.example/kept", fetch=50, title="Kept"), article_store=article_store)
    await article_store.record_drop(dropped("gone", NOON + HOUR))
    with open_article_reader(database) as reader:
        assert {(each.url, each.change) for each in reader.page()} == {(URL, "retracted"), (kept.url, "created")}
        assert {(hit.url, hit.change) for hit in reader.search("bridge")} >= {(URL, "retracted")}
        for where, urls in (("change == 'retracted'", {URL}), ("not change == 'retracted'", {kept.url})):
            found = reader.page(where=SearchFilter(also=compile_filter(where)))
            assert {each.url for each in found} == urls
        latest: FinishedArticle | None = reader.find(URL)
        assert latest is not None
        assert compile_filter("change == 'retracted'")(latest)


def test_reasons_are_words_of_the_fetcher() -> None:
    assert {"gone", "not_found", "not_modified"} <= set(REASONS)
