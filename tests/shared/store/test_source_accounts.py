"""What the ledger tells of a source: its day in counts, and how it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.shared.store.articles import build_article, store
from tests.shared.store.databases import Database, rows

from coranto.records import DroppedArticle, article_id
from coranto.store.address import open_article_reader, open_article_store
from coranto.store.database.source_accounts import Ended, Lacking, Lag
from coranto.store.interface import ArticleStore
from coranto.urls import key_of

NOW = datetime(2026, 3, 30, 10, 20, tzinfo=UTC)
"""A Monday."""


def line(database: Database, at: datetime, *, source: str = "gazette", **values: Any) -> None:
    """A line of the ledger at this time; a new article unless the values say otherwise."""
    text = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    row = {
        "article_id": f"{source} {text} {len(values)}", "submission": text, "url": "https://gazette.example/1",
        "stage": "sink", "outcome": "stored", "reason": "created", "at": text, "source": source, "lacks": "",
    } | values  # fmt: skip
    marks = ", ".join("?" * len(row))
    rows(database, f"INSERT INTO ledger ({', '.join(row)}) VALUES ({marks})", *row.values())  # noqa: S608 - names of ours


def refused(reason: str = "no_text", *, stage: str = "extractor", number: int = 1) -> DroppedArticle:
    return DroppedArticle(
        id=f"{number:032x}", url=f"https://news.example/{number}", submission=f"s{number}", source="example", stage=stage,
        outcome="dropped", reason=reason, dropped_at=datetime.now(UTC),
    )  # fmt: skip


@pytest.fixture
async def database_with_tables(article_store: ArticleStore, database: Database) -> Database:
    await store(build_article("https://other.example/1"), article_store=article_store)
    return database


async def test_day_of_a_source_counts_what_was_found_fetched_refused_and_stored(
    article_store: ArticleStore, database: Database
) -> None:
    await store(build_article("https://news.example/a"), article_store=article_store)
    await store(build_article("https://news.example/b"), article_store=article_store)
    await store(build_article("https://news.example/b", fetch=2, title="Corrected"), article_store=article_store)
    await store(build_article("https://news.example/a", fetch=2, topics=("11000000",)), article_store=article_store)
    for number in (1, 2):
        await article_store.record_drop(refused(number=number))
    await article_store.record_drop(refused("gone", stage="fetcher", number=3))
    today = datetime.now(UTC).date()
    with open_article_reader(database) as reader:
        day = reader.source_day("example", today)
        yesterday = reader.source_day("example", today - timedelta(days=1))
        other = reader.source_day("unheard of", today)
    assert (day.discovered, day.new, day.fetched) == (7, 5, 6)
    assert (day.created, day.updated, day.reprocessed, day.unchanged) == (2, 1, 1, 0)
    assert day.ended == (Ended("extractor", "dropped", "no_text", 2), Ended("fetcher", "dropped", "gone", 1))
    # Found at the moment of publication, which the tests' articles give; stored today.
    assert (day.lags.found.median, day.lags.found.count, day.lags.stored.count) == (0, 2, 2)
    assert yesterday.is_empty
    assert other.is_empty


def gone(url: str, submission: str, at: datetime, reason: str = "not_found") -> DroppedArticle:
    return DroppedArticle(
        id=article_id(key_of(url)), url=url, submission=submission, source="example", stage="fetcher",
        outcome="dropped", reason=reason, dropped_at=at,
    )  # fmt: skip


def accounts(database: Database) -> tuple[int, int, int, tuple[Ended, ...]]:
    """New articles by the day, the week and the list of all sources, and what ended early."""
    now = datetime.now(UTC) + timedelta(minutes=1)
    with open_article_reader(database) as reader:
        day = reader.source_day("example", (now - timedelta(minutes=1)).date())
        health = reader.source_health("example", now)
        (total,) = reader.source_totals(now - timedelta(days=1))
    assert day.ended == health.ended
    return day.new, health.new, total.new, day.ended


async def test_visit_again_that_ends_is_not_a_new_article(article_store: ArticleStore, database: Database) -> None:
    article = await store(build_article(), article_store=article_store)
    now = datetime.now(UTC)
    for number in (1, 2):
        # By the address it was discovered under, as by its own.
        url = article.discovery.url if number == 1 else article.url
        await article_store.record_drop(gone(url, f"visit-{number}", now + timedelta(seconds=number)))
    await article_store.record_drop(gone("https://news.example/other", "first", now))
    ended = (Ended("fetcher", "dropped", "not_found", 3, revisits=2),)
    assert accounts(database) == (2, 2, 2, ended)
    with open_article_reader(database) as reader:
        lines = {line.submission: line.is_revisit for line in reader.ledger()}
    assert lines == {article.discovery.submission: False, "visit-1": True, "visit-2": True, "first": False}


async def test_page_that_ends_early_a_second_time_is_new_only_once(
    article_store: ArticleStore, database: Database
) -> None:
    now, url = datetime.now(UTC), "https://news.example/list"
    first, again = gone(url, "first", now), gone(url, "again", now + timedelta(seconds=1))
    for dropped in (first, again, first, again):  # the last two are redeliveries
        await article_store.record_drop(dropped)
    assert accounts(database) == (1, 1, 1, (Ended("fetcher", "dropped", "not_found", 2, revisits=1),))
    # What was tried in vain before it was stored came first, also when that is told again afterwards.
    await store(build_article(url), article_store=article_store)
    await article_store.record_drop(first)
    assert accounts(database) == (2, 2, 2, (Ended("fetcher", "dropped", "not_found", 2, revisits=1),))


async def test_visit_again_in_the_batch_that_stores_the_article_is_told_from_the_first(database: Database) -> None:
    article_store = open_article_store(database)
    await article_store.open()
    article = build_article()
    later = gone(article.url, "visit", datetime.now(UTC) + timedelta(hours=1))
    await asyncio.gather(article_store.store(article), article_store.record_drop(later))
    await article_store.close()
    assert article_store.commits == 1
    with open_article_reader(database) as reader:
        assert {line.submission: line.is_revisit for line in reader.ledger()} == {"submission-1": False, "visit": True}


async def test_times_of_a_source_are_told_by_median_and_95th_percentile(database_with_tables: Database) -> None:
    for number in range(100):
        line(
            database_with_tables,
            NOW - timedelta(hours=1, seconds=number),
            found_after_seconds=60 * (number + 1),
            stored_after_seconds=number + 1,
        )
    line(database_with_tables, NOW - timedelta(days=8), found_after_seconds=10**6, stored_after_seconds=10**6)
    with open_article_reader(database_with_tables) as reader:
        lags = reader.source_health("gazette", NOW).lags
    assert (lags.found, lags.stored) == (Lag(3000, 5700, 100), Lag(50, 95, 100))
    assert lags.whole == Lag(3050, 5795, 100)


async def test_fields_that_are_lacking_more_than_before_are_told(database_with_tables: Database) -> None:
    for number in range(4):
        line(database_with_tables, NOW - timedelta(hours=number + 1), lacks="authors,image" if number else "image")
        line(database_with_tables, NOW - timedelta(days=10, hours=number), lacks="" if number else "image,section")
    with open_article_reader(database_with_tables) as reader:
        health = reader.source_health("gazette", NOW)
    assert health.lacking == (Lacking("image", 1.0, 0.25), Lacking("authors", 0.75, 0.0), Lacking("section", 0.0, 0.25))


def publish(database: Database, hours: range, *, last: datetime = NOW, per_hour: Callable[[datetime], int]) -> None:
    """So many new articles in each of these hours before the last."""
    for back in hours:
        hour = last.replace(minute=0) - timedelta(hours=back)
        for number in range(per_hour(hour)):
            line(database, hour + timedelta(minutes=1, seconds=number))


async def test_expected_volume_follows_the_source_s_own_hours_and_weekends(database_with_tables: Database) -> None:
    def rhythm(hour: datetime) -> int:
        return 0 if hour.hour < 8 else 1 if hour.weekday() >= 5 else 2

    publish(database_with_tables, range(1, 24 * 15), per_hour=rhythm)
    with open_article_reader(database_with_tables) as reader:
        hours = reader.source_health("gazette", NOW).hours
    assert len(hours) == 24
    assert hours[-1].hour == NOW.replace(minute=0) - timedelta(hours=1)
    by_hour = {each.hour.hour: (each.expected, each.seen) for each in hours}
    # The last 24 hours are of a Sunday, from ten, and of a Monday.
    assert by_hour[3] == (0.0, 0)
    assert by_hour[9] == (2.0, 2)
    assert by_hour[20] == (1.0, 1)


async def test_source_is_silent_when_much_should_have_come_by_its_own_rhythm(database_with_tables: Database) -> None:
    last = NOW - timedelta(hours=30)
    publish(database_with_tables, range(24 * 10), last=last, per_hour=lambda _: 1)
    line(database_with_tables, NOW - timedelta(hours=1), reason="updated", is_revisit=1)  # not news
    with open_article_reader(database_with_tables) as reader:
        health = reader.source_health("gazette", NOW)
        earlier = reader.source_health("gazette", last + timedelta(hours=3))
    assert health.silent_since == health.last_new_at == last.replace(minute=1)
    assert earlier.silent_since is None


async def test_source_that_brings_little_is_not_silent_after_some_days(database_with_tables: Database) -> None:
    for days in (3, 10, 17, 24):
        line(database_with_tables, NOW - timedelta(days=days))
    with open_article_reader(database_with_tables) as reader:
        assert reader.source_health("gazette", NOW).silent_since is None
        assert reader.source_health("gazette", NOW + timedelta(days=40)).silent_since == NOW - timedelta(days=3)
        unknown = reader.source_health("unheard of", NOW)
    assert (unknown.last_new_at, unknown.silent_since, unknown.new) == (None, None, 0)


async def test_totals_name_every_source_once(database_with_tables: Database) -> None:
    line(database_with_tables, NOW, source="a")
    line(database_with_tables, NOW + timedelta(minutes=1), source="a", outcome="dropped", reason="no_text", lacks=None)
    line(database_with_tables, NOW, source="b", reason="updated", is_revisit=1)
    line(database_with_tables, NOW, source="b", outcome="accepted", reason="feed_registered", lacks=None)
    line(database_with_tables, NOW - timedelta(days=9), source="old")
    with open_article_reader(database_with_tables) as reader:
        found = {each.source: each for each in reader.source_totals(NOW - timedelta(days=1))}
    assert found.keys() == {"a", "b", "example", "old"}
    assert (found["old"].new, found["old"].last_at) == (0, NOW - timedelta(days=9))
    assert (found["a"].new, found["a"].stored, found["a"].refused) == (2, 1, 1)
    assert found["a"].last_at == NOW + timedelta(minutes=1)
    assert (found["b"].new, found["b"].stored) == (0, 0)


async def test_name_longer_than_an_index_takes_is_found_by_its_whole(
    article_store: ArticleStore, database: Database
) -> None:
    name = "Ведомости " * 500
    article = build_article()
    await store(
        article.model_copy(update={"discovery": article.discovery.model_copy(update={"source": name})}),
        article_store=article_store,
    )
    with open_article_reader(database) as reader:
        assert reader.source_day(name, datetime.now(UTC).date()).created == 1
