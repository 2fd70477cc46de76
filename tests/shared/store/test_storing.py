"""What the sink stores, announces and skips."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.shared.store.articles import NOON, reason_to_skip, store
from tests.shared.store.databases import Database, on_sqlite, rows

from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle, article_id
from coranto.store.address import open_article_reader, open_article_store
from coranto.store.interface import ArticleRefusedError, ArticleStore, Visits
from coranto.store.rules.revisions import Skipped
from coranto.store.sqlite.writer import SqliteArticleStore
from coranto.urls import key_of

MakeArticle = Callable[..., ClassifiedArticle]


async def test_first_fetch_of_an_article_is_created_as_revision_1(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    finished = await store(make_article(), article_store=article_store)
    assert (finished.storage.revision, finished.storage.change, finished.storage.changed_fields) == (1, "created", ())


async def test_article_is_in_the_file_when_store_returns(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    finished = await store(make_article(), article_store=article_store)
    with open_article_reader(database) as reader:
        assert reader.find(finished.id) == finished


async def test_other_sections_pass_through_untouched(article_store: ArticleStore, make_article: MakeArticle) -> None:
    article = make_article()
    finished = await store(article, article_store=article_store)
    assert ClassifiedArticle(**{name: getattr(finished, name) for name in ClassifiedArticle.model_fields}) == article


async def test_changed_title_and_text_make_revision_2_that_names_both_fields(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    finished = await store(
        make_article(fetch=2, title="Bridge reopens early", text="It reopened."), article_store=article_store
    )
    assert finished.storage.revision == 2
    assert finished.storage.change == "updated"
    assert finished.storage.changed_fields == ("content.title", "content.paragraphs")


async def test_changed_topics_count_as_a_change(article_store: ArticleStore, make_article: MakeArticle) -> None:
    await store(make_article(), article_store=article_store)
    finished = await store(make_article(fetch=2, topics=("11000000",)), article_store=article_store)
    assert finished.storage.changed_fields == ("classification.topics",)


async def test_same_content_from_another_submission_is_unchanged(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    assert await reason_to_skip(make_article(fetch=2), article_store=article_store) == "unchanged"


async def test_new_picture_size_and_times_are_no_change(article_store: ArticleStore, make_article: MakeArticle) -> None:
    await store(make_article(), article_store=article_store)
    later = make_article(fetch=2)
    assert later.content.image is not None
    content = later.content.model_copy(
        update={
            "image": later.content.image.model_copy(update={"url": "https://news.example/bridge.jpg?w=1200"}),
            "extractor_version": "2",
        }
    )
    assert (
        await reason_to_skip(later.model_copy(update={"content": content}), article_store=article_store) == "unchanged"
    )


async def test_redelivery_announces_exactly_what_the_first_delivery_did(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    first = await store(make_article(), article_store=article_store)
    again = await store(make_article(), article_store=article_store)
    assert again == first
    assert again.message_id == first.message_id


async def test_redelivery_after_a_later_revision_still_announces_its_own(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    first = await store(make_article(), article_store=article_store)
    await store(make_article(fetch=2, title="Bridge reopens early"), article_store=article_store)
    assert await store(make_article(), article_store=article_store) == first


async def test_redelivery_leaves_no_second_revision(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    for _ in range(3):
        await store(make_article(), article_store=article_store)
    assert rows(database, "SELECT count(*) FROM revisions") == [(1,)]


async def test_older_fetch_that_arrives_late_does_not_overwrite(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(fetch=2, title="Corrected title"), article_store=article_store)
    assert await reason_to_skip(make_article(fetch=1), article_store=article_store) == "outdated"
    assert rows(database, "SELECT title FROM articles") == [("Corrected title",)]


async def test_fetch_older_than_an_unchanged_one_is_outdated_too(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    await store(make_article(fetch=1), article_store=article_store)
    assert await reason_to_skip(make_article(fetch=3), article_store=article_store) == "unchanged"
    assert (
        await reason_to_skip(make_article(fetch=2, title="A title seen in between"), article_store=article_store)
        == "outdated"
    )


async def test_text_that_changes_back_is_a_revision_of_its_own(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    await store(make_article(fetch=1), article_store=article_store)
    await store(make_article(fetch=2, title="Oops"), article_store=article_store)
    assert (await store(make_article(fetch=3), article_store=article_store)).storage.revision == 3


async def test_field_that_an_older_version_did_not_compare_makes_no_revision(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    ((digests,),) = rows(database, "SELECT digests FROM revisions")
    known = json.loads(digests)
    del known["content.tags"]
    rows(database, "UPDATE revisions SET digests = ?", json.dumps(known))
    assert await reason_to_skip(make_article(fetch=2), article_store=article_store) == "unchanged"


async def test_articles_that_arrive_together_share_one_commit(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    before = article_store.commits
    await asyncio.gather(
        *(store(make_article(f"https://news.example/{n}"), article_store=article_store) for n in range(150))
    )
    assert article_store.commits == before + 1


async def test_batch_size_bounds_a_commit(database: Database, make_article: MakeArticle) -> None:
    article_store = open_article_store(database, batch_size=10)
    await article_store.open()
    await asyncio.gather(
        *(store(make_article(f"https://news.example/{n}"), article_store=article_store) for n in range(25))
    )
    assert article_store.commits == 3
    await article_store.close()


async def test_two_deliveries_of_one_article_in_one_batch_agree(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    first, second = await asyncio.gather(
        store(make_article(), article_store=article_store), store(make_article(), article_store=article_store)
    )
    assert first == second


async def test_article_that_cannot_be_written_leaves_its_batch_mates_alone(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    unwritable = make_article("https://news.example/broken")
    # A lone surrogate cannot be written as UTF-8; no parser of ours lets one through, so it is a bug when it comes.
    content = unwritable.content.model_copy(update={"title": "broken \ud800 title"})
    results = await asyncio.gather(
        store(make_article(), article_store=article_store),
        store(unwritable.model_copy(update={"content": content}), article_store=article_store),
        return_exceptions=True,
    )
    assert isinstance(results[0], FinishedArticle)
    assert isinstance(results[1], ArticleRefusedError)


async def test_handler_cancelled_at_its_deadline_does_not_disturb_the_writer(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    cancelled = asyncio.create_task(store(make_article("https://news.example/late"), article_store=article_store))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert (await store(make_article(), article_store=article_store)).storage.revision == 1


@on_sqlite
async def test_store_is_let_go_only_by_the_last_of_its_two_stages(
    database: Database, make_article: MakeArticle
) -> None:
    article_store = SqliteArticleStore(database)
    await article_store.open()
    await article_store.open()
    await article_store.close()
    await store(make_article(), article_store=article_store)
    await article_store.close()
    assert not database.with_name("articles.sqlite-wal").exists()


async def test_dropped_article_is_one_line_of_the_ledger_however_often_it_comes(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    article = make_article()
    dropped = DroppedArticle(
        id=article.id, url=article.url, submission="s", stage="extractor", outcome="dropped",
        reason="index_page", detail="41 links", dropped_at=article.fetch.fetched_at,
    )  # fmt: skip
    await article_store.record_drop(dropped)
    await article_store.record_drop(dropped)
    with open_article_reader(database) as reader:
        (line,) = reader.ledger_of(article.url)
    assert (line.stage, line.outcome, line.reason, line.detail) == ("extractor", "dropped", "index_page", "41 links")
    assert line.stage_times is None


async def test_what_was_refused_tells_when_the_stages_before_were_done(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    article = make_article()
    times = {"feeder": article.discovery.discovered_at, "fetcher": article.fetch.fetched_at}
    dropped = DroppedArticle(
        id=article.id, url=article.url, submission="s", stage="extractor", outcome="dropped", reason="index_page",
        dropped_at=article.fetch.fetched_at, stage_times=times,
    )  # fmt: skip
    await article_store.record_drop(dropped)
    strange = {f"{number}\x00{'s' * 1000}": article.fetch.fetched_at for number in range(1000)}
    await article_store.record_drop(
        dropped.model_copy(update={"submission": "strange", "stage_times": strange, "id": "f" * 32})
    )
    await store(article, article_store=article_store)
    older = make_article(fetch=0, title="Before it was corrected").model_copy(update={"stage_times": times})
    assert await reason_to_skip(older, article_store=article_store) == "outdated"
    with open_article_reader(database) as reader:
        lines = {line.submission: line.stage_times for line in reader.ledger()}
    assert lines["s"] == lines["submission-0"] == times
    assert lines["submission-1"] is None, "the record has them"
    assert len(lines["strange"] or ()) == 16


async def test_visit_that_finds_nothing_new_is_counted_and_has_no_line(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    for fetch in (2, 3, 3):  # the last is a redelivery
        assert await reason_to_skip(make_article(fetch=fetch), article_store=article_store) == "unchanged"
    with open_article_reader(database) as reader:
        assert [(line.submission, line.reason) for line in reader.ledger()] == [("submission-1", "created")]
        assert reader.visits_of(make_article().url) == Visits(2, NOON + timedelta(minutes=3))
        assert reader.visits_of("https://news.example/unknown") is None
        assert reader.source_day("example", NOON.date()).unchanged == 2


async def test_visits_of_one_batch_are_each_counted_whatever_else_it_stores(
    database: Database, make_article: MakeArticle
) -> None:
    article_store = open_article_store(database)
    await article_store.open()
    await store(make_article(), article_store=article_store)
    visits = [make_article(fetch=2), make_article(fetch=3, title="New"), make_article(fetch=4, title="New")]
    await asyncio.gather(*(article_store.store(each) for each in visits))
    await article_store.close()
    with open_article_reader(database) as reader:
        assert reader.visits_of(make_article().url) == Visits(2, NOON + timedelta(minutes=4))


async def test_page_that_the_server_calls_unmodified_is_a_visit_like_any_other(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    article = await store(make_article(), article_store=article_store)
    visit = DroppedArticle(
        id=article_id(key_of(article.discovery.url)), url=article.url, submission="visit", source="example",
        stage="fetcher", outcome="dropped", reason="not_modified", dropped_at=NOON + timedelta(hours=5),
    )  # fmt: skip
    unknown = visit.model_copy(update={"id": "d" * 32, "url": "https://news.example/unknown"})
    for dropped in (visit, visit, unknown):
        await article_store.record_drop(dropped)
    with open_article_reader(database) as reader:
        assert reader.visits_of(article.id) == Visits(1, visit.dropped_at)
        assert [line.reason for line in reader.ledger_of(article.id)] == ["created"]
        assert [line.reason for line in reader.ledger_of(unknown.url)] == ["not_modified"]


async def test_unmodified_page_counts_for_what_the_same_batch_stores_before_and_after_it(
    database: Database, make_article: MakeArticle
) -> None:
    article_store = open_article_store(database)
    await article_store.open()
    article = make_article()
    visit = DroppedArticle(
        id=article_id(key_of(article.discovery.url)), url=article.url, submission="visit", source="example",
        stage="fetcher", outcome="dropped", reason="not_modified", dropped_at=NOON + timedelta(hours=5),
    )  # fmt: skip
    _, _, late = await asyncio.gather(
        article_store.store(article),
        article_store.record_drop(visit),
        article_store.store(make_article(fetch=2, title="Fetched before the visit")),
    )
    assert isinstance(late, Skipped)
    assert (late.reason, article_store.commits) == ("outdated", 1)
    await article_store.close()
    with open_article_reader(database) as reader:
        assert reader.visits_of(article.id) == Visits(1, visit.dropped_at)
        assert {line.reason for line in reader.ledger_of(article.id)} == {"created", "outdated"}


@pytest.mark.parametrize("dead_letter_is_noted_first", [True, False])
async def test_redelivered_dead_letter_ends_as_stored_in_the_ledger(
    article_store: ArticleStore,
    database: Database,
    make_article: MakeArticle,
    dead_letter_is_noted_first: bool,
) -> None:
    article = make_article()
    dead = DroppedArticle(
        id=article.id, url=article.url, submission=article.discovery.submission, stage="extractor",
        outcome="dead", reason="deadline", dropped_at=article.fetch.fetched_at - timedelta(hours=1),
    )  # fmt: skip
    if dead_letter_is_noted_first:
        await article_store.record_drop(dead)
    await store(article, article_store=article_store)
    await article_store.record_drop(dead)
    with open_article_reader(database) as reader:
        assert [line.outcome for line in reader.ledger()] == ["stored"]


async def test_tables_show_the_latest_revision_only(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(topics=("13000000", "16000000")), article_store=article_store)
    await store(make_article(fetch=2, title="New title", topics=("11000000",)), article_store=article_store)
    assert rows(database, "SELECT title, authors, language, revision FROM articles") == [
        ("New title", "Anna Petrova", "en", 2)
    ]
    assert rows(database, "SELECT code FROM topics") == [("11000000",)]
    assert rows(database, "SELECT type, name, count FROM entities") == [("place", "Neva", 1)]
    assert rows(database, "SELECT tag FROM tags ORDER BY tag") == [("bridges",), ("traffic",)]
    assert rows(database, "SELECT count(*) FROM articles WHERE first_stored < last_stored") == [(1,)]


@on_sqlite
async def test_commits_are_durable_and_readers_do_not_wait(
    article_store: ArticleStore, database: Database, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    assert rows(database, "PRAGMA journal_mode") == [("wal",)]
    connection = article_store._database._connection
    assert connection is not None
    # The setting belongs to the connection, and only the connection's own thread may ask.
    synchronous = await asyncio.get_running_loop().run_in_executor(
        article_store._database._thread, lambda: connection.execute("PRAGMA synchronous").fetchone()
    )
    assert synchronous == (2,), "2 is FULL"


async def test_revision_1_of_a_new_store_is_another_announcement(tmp_path: Path, make_article: MakeArticle) -> None:
    ids = []
    for name in ("lost.sqlite", "new.sqlite"):
        article_store = SqliteArticleStore(tmp_path / name)
        await article_store.open()
        finished = await store(make_article(), article_store=article_store)
        again = await store(make_article(), article_store=article_store)
        await article_store.close()
        assert again.message_id == finished.message_id
        assert finished.storage.revision == 1
        ids.append(finished.message_id)
    assert ids[0] != ids[1]


def form_of(article: ClassifiedArticle, url: str) -> ClassifiedArticle:
    """The same article as another address gave it."""
    discovery = article.discovery.model_copy(update={"url": url})
    return article.model_copy(
        update={"discovery": discovery, "fetch": article.fetch.model_copy(update={"final_url": url})}
    )


async def test_another_form_of_a_stored_article_makes_no_revision(
    article_store: SqliteArticleStore, database: Database, make_article: MakeArticle
) -> None:
    main, amp = "https://news.example/bridge", "https://news.example/bridge/amp"
    await store(make_article(main), article_store=article_store)
    other = form_of(make_article(main, fetch=2, text="Shorter."), amp)
    assert await reason_to_skip(other, article_store=article_store) == "other_form"
    with open_article_reader(database) as reader:
        assert [article.content.text for article in reader.revisions_of(main)] == [make_article(main).content.text]
        assert [line.reason for line in reader.ledger_of(main)] == ["other_form", "created"]


async def test_main_form_replaces_another_one_and_that_one_may_replace_itself(
    article_store: SqliteArticleStore, database: Database, make_article: MakeArticle
) -> None:
    main, amp = "https://news.example/bridge", "https://news.example/bridge/amp"
    for number, url in enumerate((amp, amp, main)):
        await store(form_of(make_article(main, fetch=number, text=f"Text {number}."), url), article_store=article_store)
    with open_article_reader(database) as reader:
        assert [article.fetch.final_url for article in reader.revisions_of(amp)] == [amp, amp, main]


async def test_article_is_found_by_every_address_that_has_led_to_it(
    article_store: SqliteArticleStore, database: Database, make_article: MakeArticle
) -> None:
    article = make_article("https://news.example/bridge")
    discovery = article.discovery.model_copy(update={"url": "https://short.example/x1"})
    fetch = article.fetch.model_copy(update={"final_url": "https://news.example/bridge/print"})
    await store(article.model_copy(update={"discovery": discovery, "fetch": fetch}), article_store=article_store)
    with open_article_reader(database) as reader:
        for name in (
            article.id,
            "http://news.example/bridge#top",
            "https://short.example/x1?utm_source=feed",
            "https://news.example/bridge/print",
            article_id("https://short.example/x1"),
        ):
            found = reader.find(name)
            assert found is not None, name
            assert found.id == article.id


async def test_address_of_its_own_belongs_to_an_article_whoever_has_led_there(
    article_store: SqliteArticleStore, database: Database, make_article: MakeArticle
) -> None:
    one, two = "https://news.example/one", "https://news.example/two"
    await store(form_of(make_article(two), one), article_store=article_store)  # `one` leads to `two` for now
    with open_article_reader(database) as reader:
        assert (reader.find(one) or make_article()).url == two
    await store(make_article(one, fetch=2), article_store=article_store)
    await store(form_of(make_article(two, fetch=3, submission="again", text="New."), two), article_store=article_store)
    with open_article_reader(database) as reader:
        assert (reader.find(one) or make_article()).url == one
        assert (reader.find(two) or make_article()).url == two
        assert reader.count() == 2


async def test_change_of_the_same_page_is_reprocessed_even_after_later_visits(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    article = make_article()
    first = await store(article, article_store=article_store)
    assert await reason_to_skip(make_article(fetch=9), article_store=article_store) == "unchanged"
    discovery = article.discovery.model_copy(update={"submission": "again"})
    content = article.content.model_copy(update={"section": "Town"})
    again = article.model_copy(update={"discovery": discovery, "content": content})
    finished = await store(again, article_store=article_store)
    assert (finished.storage.change, finished.storage.changed_fields) == ("reprocessed", ("content.section",))
    assert finished.storage.changed_at == first.storage.stored_at
    assert await store(again, article_store=article_store) == finished  # as it was announced
    corrected = await store(make_article(fetch=10, title="Corrected"), article_store=article_store)
    assert (corrected.storage.change, corrected.storage.changed_at) == ("updated", corrected.storage.stored_at)


async def test_other_names_in_the_same_text_are_reprocessed_whatever_else_is_on_the_page(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    other_topics = make_article(fetch=2, topics=("11000000",))
    page = other_topics.fetch.page.model_copy(update={"sha256": "e" * 64})
    fetch = other_topics.fetch.model_copy(update={"page": page})
    finished = await store(other_topics.model_copy(update={"fetch": fetch}), article_store=article_store)
    assert finished.storage.change == "reprocessed"


async def test_change_in_the_text_that_a_feed_gives_for_the_same_page_is_the_publishers(
    article_store: ArticleStore, make_article: MakeArticle
) -> None:
    article = make_article()
    await store(article, article_store=article_store)
    hints = article.discovery.hints.model_copy(update={"body_html": "<p>Longer than the page shows.</p>"})
    discovery = article.discovery.model_copy(update={"hints": hints, "submission": "again"})
    content = article.content.model_copy(update={"title": "Corrected"})
    fetch = article.fetch.model_copy(update={"fetched_at": NOON + timedelta(hours=1)})
    again = article.model_copy(update={"discovery": discovery, "content": content, "fetch": fetch})
    assert (await store(again, article_store=article_store)).storage.change == "updated"
