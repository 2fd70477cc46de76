"""What the sink stores, announces and declines."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle
from coranto.store.sqlite.reader import open_library
from coranto.store.sqlite.writer import SqliteLibrary
from coranto.worker.stage import Unwanted
from coranto_sink.stage import note_dropped, store

MakeArticle = Callable[..., ClassifiedArticle]


def rows(database: Path, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query, parameters).fetchall()


async def test_first_fetch_of_an_article_is_created_as_revision_1(
    library: SqliteLibrary, make_article: MakeArticle
) -> None:
    finished = await store(make_article(), library=library)
    assert (finished.storage.revision, finished.storage.change, finished.storage.changed_fields) == (1, "created", ())


async def test_article_is_in_the_file_when_store_returns(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    finished = await store(make_article(), library=library)
    with open_library(database) as catalogue:
        assert catalogue.find(finished.id) == finished


async def test_other_sections_pass_through_untouched(library: SqliteLibrary, make_article: MakeArticle) -> None:
    article = make_article()
    finished = await store(article, library=library)
    assert ClassifiedArticle(**{name: getattr(finished, name) for name in ClassifiedArticle.model_fields}) == article


async def test_changed_title_and_text_make_revision_2_that_names_both_fields(
    library: SqliteLibrary, make_article: MakeArticle
) -> None:
    await store(make_article(), library=library)
    finished = await store(make_article(fetch=2, title="Bridge reopens early", text="It reopened."), library=library)
    assert finished.storage.revision == 2
    assert finished.storage.change == "updated"
    assert finished.storage.changed_fields == ("content.title", "content.paragraphs")


async def test_changed_topics_count_as_a_change(library: SqliteLibrary, make_article: MakeArticle) -> None:
    await store(make_article(), library=library)
    finished = await store(make_article(fetch=2, topics=("11000000",)), library=library)
    assert finished.storage.changed_fields == ("classification.topics",)


async def test_same_content_from_another_submission_is_unchanged(
    library: SqliteLibrary, make_article: MakeArticle
) -> None:
    await store(make_article(), library=library)
    with pytest.raises(Unwanted) as declined:
        await store(make_article(fetch=2), library=library)
    assert declined.value.reason == "unchanged"


async def test_new_picture_size_and_times_are_no_change(library: SqliteLibrary, make_article: MakeArticle) -> None:
    await store(make_article(), library=library)
    later = make_article(fetch=2)
    assert later.content.image is not None
    content = later.content.model_copy(
        update={
            "image": later.content.image.model_copy(update={"url": "https://news.example/bridge.jpg?w=1200"}),
            "extractor_version": "2",
        }
    )
    with pytest.raises(Unwanted, match="unchanged"):
        await store(later.model_copy(update={"content": content}), library=library)


async def test_redelivery_announces_exactly_what_the_first_delivery_did(
    library: SqliteLibrary, make_article: MakeArticle
) -> None:
    first = await store(make_article(), library=library)
    again = await store(make_article(), library=library)
    assert again == first
    assert again.message_id == first.message_id


async def test_redelivery_after_a_later_revision_still_announces_its_own(
    library: SqliteLibrary, make_article: MakeArticle
) -> None:
    first = await store(make_article(), library=library)
    await store(make_article(fetch=2, title="Bridge reopens early"), library=library)
    assert await store(make_article(), library=library) == first


async def test_redelivery_leaves_no_second_revision(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    for _ in range(3):
        await store(make_article(), library=library)
    assert rows(database, "SELECT count(*) FROM revisions") == [(1,)]


async def test_older_fetch_that_arrives_late_does_not_overwrite(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article(fetch=2, title="Corrected title"), library=library)
    with pytest.raises(Unwanted) as declined:
        await store(make_article(fetch=1), library=library)
    assert declined.value.reason == "outdated"
    assert rows(database, "SELECT title FROM articles") == [("Corrected title",)]


async def test_fetch_older_than_an_unchanged_one_is_outdated_too(
    library: SqliteLibrary, make_article: MakeArticle
) -> None:
    await store(make_article(fetch=1), library=library)
    with pytest.raises(Unwanted, match="unchanged"):
        await store(make_article(fetch=3), library=library)
    with pytest.raises(Unwanted, match="outdated"):
        await store(make_article(fetch=2, title="A title seen in between"), library=library)


async def test_text_that_changes_back_is_a_revision_of_its_own(
    library: SqliteLibrary, make_article: MakeArticle
) -> None:
    await store(make_article(fetch=1), library=library)
    await store(make_article(fetch=2, title="Oops"), library=library)
    assert (await store(make_article(fetch=3), library=library)).storage.revision == 3


async def test_field_that_an_older_version_did_not_compare_makes_no_revision(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article(), library=library)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE revisions SET digests = json_remove(digests, '$.\"content.tags\"')")
    with pytest.raises(Unwanted, match="unchanged"):
        await store(make_article(fetch=2), library=library)


async def test_articles_that_arrive_together_share_one_commit(
    library: SqliteLibrary, make_article: MakeArticle
) -> None:
    await store(make_article(), library=library)
    before = library.commits
    await asyncio.gather(*(store(make_article(f"https://news.example/{n}"), library=library) for n in range(150)))
    assert library.commits == before + 1


async def test_batch_size_bounds_a_commit(database: Path, make_article: MakeArticle) -> None:
    library = SqliteLibrary(database, batch_size=10)
    await library.open()
    await asyncio.gather(*(store(make_article(f"https://news.example/{n}"), library=library) for n in range(25)))
    assert library.commits == 3
    await library.close()


async def test_two_deliveries_of_one_article_in_one_batch_agree(
    library: SqliteLibrary, make_article: MakeArticle
) -> None:
    first, second = await asyncio.gather(store(make_article(), library=library), store(make_article(), library=library))
    assert first == second


async def test_article_that_cannot_be_written_leaves_its_batch_mates_alone(
    library: SqliteLibrary, make_article: MakeArticle
) -> None:
    unwritable = make_article("https://news.example/broken")
    # A lone surrogate cannot be written as UTF-8; no parser of ours lets one through, so it is a bug when it comes.
    content = unwritable.content.model_copy(update={"title": "broken \ud800 title"})
    results = await asyncio.gather(
        store(make_article(), library=library),
        store(unwritable.model_copy(update={"content": content}), library=library),
        return_exceptions=True,
    )
    assert isinstance(results[0], FinishedArticle)
    assert isinstance(results[1], UnicodeEncodeError)


async def test_handler_cancelled_at_its_deadline_does_not_disturb_the_writer(
    library: SqliteLibrary, make_article: MakeArticle
) -> None:
    cancelled = asyncio.create_task(store(make_article("https://news.example/late"), library=library))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert (await store(make_article(), library=library)).storage.revision == 1


async def test_library_is_let_go_only_by_the_last_of_its_two_stages(database: Path, make_article: MakeArticle) -> None:
    library = SqliteLibrary(database)
    await library.open()
    await library.open()
    await library.close()
    await store(make_article(), library=library)
    await library.close()
    assert not database.with_name("library.sqlite-wal").exists()


async def test_dropped_article_is_one_line_of_the_ledger_however_often_it_comes(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    article = make_article()
    dropped = DroppedArticle(
        id=article.id, url=article.discovery.canonical_url, submission="s", stage="extractor", outcome="dropped",
        reason="index_page", detail="41 links", dropped_at=article.fetch.fetched_at,
    )  # fmt: skip
    await note_dropped(dropped, library=library)
    await note_dropped(dropped, library=library)
    with open_library(database) as catalogue:
        (line,) = catalogue.ledger_of(article.discovery.canonical_url)
    assert (line.stage, line.outcome, line.reason, line.detail) == ("extractor", "dropped", "index_page", "41 links")


async def test_ledger_tells_each_submission_apart(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article(), library=library)
    with pytest.raises(Unwanted):
        await store(make_article(fetch=2), library=library)
    with open_library(database) as catalogue:
        lines = {line.submission: (line.outcome, line.reason) for line in catalogue.ledger()}
    assert lines == {"submission-1": ("stored", "created"), "submission-2": ("dropped", "unchanged")}


@pytest.mark.parametrize("dead_letter_is_noted_first", [True, False])
async def test_redelivered_dead_letter_ends_as_stored_in_the_ledger(
    library: SqliteLibrary,
    database: Path,
    make_article: MakeArticle,
    dead_letter_is_noted_first: bool,
) -> None:
    article = make_article()
    dead = DroppedArticle(
        id=article.id, url=article.discovery.canonical_url, submission=article.discovery.submission, stage="extractor",
        outcome="dead", reason="deadline", dropped_at=article.fetch.fetched_at - timedelta(hours=1),
    )  # fmt: skip
    if dead_letter_is_noted_first:
        await note_dropped(dead, library=library)
    await store(article, library=library)
    await note_dropped(dead, library=library)
    with open_library(database) as catalogue:
        assert [line.outcome for line in catalogue.ledger()] == ["stored"]


async def test_tables_show_the_latest_revision_only(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article(topics=("13000000", "16000000")), library=library)
    await store(make_article(fetch=2, title="New title", topics=("11000000",)), library=library)
    assert rows(database, "SELECT title, authors, language, revision FROM articles") == [
        ("New title", "Anna Petrova", "en", 2)
    ]
    assert rows(database, "SELECT code FROM topics") == [("11000000",)]
    assert rows(database, "SELECT type, name, count FROM entities") == [("place", "Neva", 1)]
    assert rows(database, "SELECT tag FROM tags ORDER BY tag") == [("bridges",), ("traffic",)]
    assert rows(database, "SELECT first_stored < last_stored FROM articles") == [(1,)]


async def test_commits_are_durable_and_readers_do_not_wait(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article(), library=library)
    assert rows(database, "PRAGMA journal_mode") == [("wal",)]
    connection = library._connection
    assert connection is not None
    # The setting belongs to the connection, and only the connection's own thread may ask.
    synchronous = await asyncio.get_running_loop().run_in_executor(
        library._thread, lambda: connection.execute("PRAGMA synchronous").fetchone()
    )
    assert synchronous == (2,), "2 is FULL"


async def test_revision_1_of_a_new_store_is_another_announcement(tmp_path: Path, make_article: MakeArticle) -> None:
    ids = []
    for name in ("lost.sqlite", "new.sqlite"):
        library = SqliteLibrary(tmp_path / name)
        await library.open()
        finished = await store(make_article(), library=library)
        again = await store(make_article(), library=library)
        await library.close()
        assert again.message_id == finished.message_id
        assert finished.storage.revision == 1
        ids.append(finished.message_id)
    assert ids[0] != ids[1]


async def test_a_store_of_an_earlier_version_gets_an_id_and_announces_nothing_twice(
    tmp_path: Path, make_article: MakeArticle
) -> None:
    database = tmp_path / "old.sqlite"
    library = SqliteLibrary(database)
    await library.open()
    await store(make_article(), library=library)
    await library.close()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DROP TABLE store")
        connection.execute("UPDATE revisions SET record = json_remove(record, '$.storage.store')")
        connection.execute("PRAGMA user_version = 2")
    library = SqliteLibrary(database)
    await library.open()
    again = await store(make_article(), library=library)
    changed = await store(make_article(fetch=2, title="Bridge reopens early"), library=library)
    await library.close()
    assert again.storage.store is None  # as it was announced
    assert [(changed.storage.store,)] == rows(database, "SELECT id FROM store")
    assert changed.storage.revision == 2
