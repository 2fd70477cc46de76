"""Files of earlier versions, with articles in them, brought to the present schema."""

from __future__ import annotations

import copy
import json
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.shared.store.articles import store

from coranto.formats import to_json_ld, to_json_line
from coranto.records import ClassifiedArticle, FinishedArticle, content_id, v1
from coranto.store.interface import Stored, StoreError
from coranto.store.sqlite import schema
from coranto.store.sqlite.reader import open_article_store
from coranto.store.sqlite.writer import SqliteArticleStore

MakeArticle = Callable[..., ClassifiedArticle]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file: these are about files."""
    return tmp_path / "articles.sqlite"


OLD_VERSIONS = range(1, schema.ADDRESSES_SINCE)
"""Those with records of the first version."""


RECORD_V1 = json.loads((Path(__file__).parent / "record_v1.json").read_text(encoding="utf-8"))
"""A whole record of version 1, as it stood in stores."""


def old_record(url: str, text: str, **content: Any) -> dict[str, Any]:
    """A record of version 1 at this address."""
    record = copy.deepcopy(RECORD_V1)
    record["id"] = content_id(url)
    record["discovery"] |= {"url": f"{url}?utm_source=rss" if url.startswith("http") else url, "canonical_url": url}
    record["fetch"]["final_url"] = url
    record["content"] |= {"paragraphs": [{"kind": "paragraph", "text": text}], "canonical_url": None} | content
    record["classification"] |= {"language": {"code": "ru", "confidence": 1.0}, "entities": []}
    record["storage"] = {"revision": 1, "change": "created", "changed_fields": [], "stored_at": "2026-03-14T12:01:00Z"}
    return record


def make_old_store(database: Path, version: int, texts: list[str], records: Sequence[dict[str, Any]] = ()) -> None:
    """A file as the program of that version left it, with a Russian article for each text, or with these records."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for action in (action for step in schema.STEPS[:version] for action in step):
            connection.execute(action) if isinstance(action, str) else action(connection)
        connection.execute(f"PRAGMA user_version = {version}")
        made = (old_record(f"https://news.example/{number}", text) for number, text in enumerate(texts))
        for record in records or made:
            content, url, at = (
                record["content"],
                record["discovery"]["canonical_url"],
                "2026-03-14T12:01:00.000000+00:00",
            )
            text = content["paragraphs"][0]["text"]
            connection.execute(
                "INSERT INTO articles (id, url, found_url, title, lead, text, published, language, source, revision,"
                " first_stored, last_stored, last_fetched) VALUES (?, ?, ?, ?, ?, ?, ?, 'ru', 'example', 1, ?, ?, ?)",
                (record["id"], url, record["discovery"]["url"], content["title"], None, text, at, at, at, at),
            )
            if version >= 4:
                connection.execute(
                    "UPDATE articles SET title_forms = ?, text_forms = ?, stemmer = ? WHERE id = ?",
                    (*schema.word_forms("ru", content["title"], None, text), record["id"]),
                )
            connection.execute(
                "INSERT INTO revisions (article_id, revision, change, changed_fields, submission, stored_at, digests, record)"
                " VALUES (?, 1, 'created', '[]', 'submission-1', ?, '{}', ?)",
                (record["id"], at, json.dumps(record)),
            )
            connection.execute(
                "INSERT INTO ledger VALUES (?, 'submission-1', ?, 'sink', 'stored', 'created', NULL, ?)",
                (record["id"], url, at),
            )
            connection.execute(
                "INSERT INTO entities (article_id, type, name, count) VALUES (?, 'person', 'Семён Ёлкин', 2)",
                (record["id"],),
            )
            if version >= 4:
                connection.execute("UPDATE entities SET folded_name = 'семен елкин'")


def query(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


def migrate(database: Path) -> None:
    with open_article_store(database, read_only=False):
        pass


def found(database: Path, words: str) -> int:
    with open_article_store(database) as reader:
        return len(reader.search(words, limit=1000))


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_upgraded_file_has_the_schema_of_a_fresh_one_to_the_letter(tmp_path: Path, version: int) -> None:
    make_old_store(tmp_path / "old.sqlite", version, ["Ремонт моста."])
    migrate(tmp_path / "old.sqlite")
    migrate(tmp_path / "fresh.sqlite")
    texts = [
        query(tmp_path / name, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
        for name in ("old.sqlite", "fresh.sqlite")
    ]
    assert texts[0] == texts[1]


def test_file_of_the_second_version_of_records_gets_the_schema_of_a_fresh_one(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as connection, connection:
        for action in (action for step in schema.STEPS[: schema.ADDRESSES_SINCE] for action in step):
            connection.execute(action) if isinstance(action, str) else action(connection)
        connection.execute(f"PRAGMA user_version = {schema.ADDRESSES_SINCE}")
    migrate(tmp_path / "old.sqlite")
    migrate(tmp_path / "fresh.sqlite")
    texts = [
        query(tmp_path / name, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
        for name in ("old.sqlite", "fresh.sqlite")
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_articles_of_an_old_file_are_found_by_word_forms_and_entities(database: Path, version: int) -> None:
    # More than are filled at once.
    make_old_store(database, version, [*(f"Ремонт моста, день {number}." for number in range(250)), "Мёд подорожал."])
    migrate(database)
    assert (found(database, "мосты"), found(database, "мед"), found(database, "ремонты 249")) == (250, 1, 1)
    assert query(database, "SELECT count(*) FROM entities WHERE folded_name = 'семен елкин'") == [(251,)]
    query(database, "INSERT INTO articles_fts (articles_fts, rank) VALUES ('integrity-check', 1)")
    with open_article_store(database) as reader:
        assert reader.count() == len(list(reader.iterate())) == 251


DYING_MIGRATION = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from coranto.store.sqlite import schema
    from coranto.store.sqlite.reader import open_article_store

    def die(connection):
        rows = connection.execute("SELECT count(*) FROM articles WHERE text_forms IS NOT NULL").fetchone()
        print(rows[0], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    steps = list(schema.STEPS)
    place = steps[3].index(schema.add_folded_names)
    steps[3] = (*steps[3][:place], die, *steps[3][place:])
    schema.STEPS = tuple(steps)
    open_article_store(Path(sys.argv[1]), read_only=False)
    """
)


def test_killed_in_the_middle_the_file_is_as_before_and_the_next_start_finishes(database: Path) -> None:
    make_old_store(database, 3, ["Ремонт моста."] * 120)
    before = query(database, "SELECT name, sql FROM sqlite_master ORDER BY name")
    died = subprocess.run(
        [sys.executable, "-c", DYING_MIGRATION, str(database)], check=False, capture_output=True, text=True
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert died.stdout.split() == ["120"], "it had come that far"
    assert query(database, "SELECT name, sql FROM sqlite_master ORDER BY name") == before
    assert query(database, "PRAGMA user_version") == [(3,)]
    migrate(database)
    assert found(database, "мосты") == 120


def test_old_file_can_be_read_but_says_how_it_becomes_searchable(database: Path) -> None:
    make_old_store(database, 3, ["Ремонт моста."])
    with open_article_store(database) as reader:
        assert reader.find("https://news.example/0") is not None
        with pytest.raises(StoreError, match="start the sink once"):
            reader.search("мост")


@pytest.mark.parametrize("version", range(1, schema.ANNOUNCED_SINCE))
def test_all_that_an_old_file_holds_counts_as_announced_in_the_order_of_storing(database: Path, version: int) -> None:
    make_old_store(database, version, [f"Day {number}." for number in range(5)])
    query(
        database, "UPDATE revisions SET stored_at = '2026-01-01' WHERE rowid = 4"
    )  # written last of all, stored first
    migrate(database)
    with open_article_store(database) as reader:
        announced = reader.announced_after(0)
        assert [each.number for each in announced] == [1, 2, 3, 4, 5]
        assert [each.article.content.text for each in announced] == [f"Day {number}." for number in (3, 0, 1, 2, 4)]
        assert reader.announced_after(5) == []
    assert query(database, "SELECT * FROM outbox") == []


def test_old_file_says_how_it_gets_numbers(database: Path) -> None:
    make_old_store(database, 4, ["Day one."])
    with open_article_store(database) as reader, pytest.raises(StoreError, match="start the sink once"):
        reader.announced_after(0)


async def test_a_store_of_an_earlier_version_gets_an_id(database: Path, make_article: MakeArticle) -> None:
    text = "The bridge reopened on Saturday."
    make_old_store(database, 2, [text])
    article_store = SqliteArticleStore(database)
    await article_store.open()
    changed = await store(make_article("https://news.example/0", text=text, fetch=2), article_store=article_store)
    await article_store.close()
    assert [(changed.storage.store,)] == query(database, "SELECT id FROM store")
    assert changed.storage.revision == 2


NO_ZONE = {"published": {"at": "2026-05-01T18:12:00Z", "precision": "minute"}}
IN_MOSCOW = {"published": {"at": "2026-04-30T21:00:00Z", "precision": "day", "offset_minutes": 180}}


@pytest.mark.parametrize("is_migrated", [False, True])
def test_records_of_an_old_file_are_shown_and_exported_in_the_present_form(database: Path, is_migrated: bool) -> None:
    make_old_store(database, 4, ["Ремонт моста."])
    if is_migrated:
        migrate(database)
    with open_article_store(database) as reader:
        found = reader.find("https://news.example/0")
        assert found is not None
        assert [found] == list(reader.iterate())
    assert (found.key, found.url) == ("https://news.example/0", "https://news.example/0")
    assert found.content.text == "Ремонт моста."
    assert found.content.published is not None
    assert found.content.published.text == "2026-05-01T08:30:00+02:00"
    assert (found.content.agencies, found.content.signed_by) == (("Coast News Agency",), ())
    assert found.fetch.last_modified == datetime(2026, 5, 1, 7, 5, 11, tzinfo=UTC)
    (topic,) = found.classification.topics
    assert (topic.names, topic.sources) == ({"ru": "водный транспорт"}, ("section", "model"))
    assert found.classification.story is not None
    assert found.classification.story.id == RECORD_V1["classification"]["story"]["cluster"]
    assert '"url":"https://news.example/0"' in to_json_line(found)
    assert to_json_ld(found)["datePublished"] == "2026-05-01T08:30:00+02:00"


def test_mentions_of_an_old_record_count_in_a_field_that_exists() -> None:
    record = FinishedArticle.model_validate(v1.upgrade(RECORD_V1))
    fields = {"title": record.content.title or "", "text": record.content.text}
    found = [mention for entity in record.classification.entities for mention in entity.mentions]
    assert {mention.field for mention in found} == {"title", "text"}
    assert [(each.start, each.end - each.start) for each in found if each.field == "title"] == [(17, 10)]
    assert all(each.end <= len(fields[each.field]) for each in found)


def test_time_without_a_zone_that_was_taken_for_utc_is_so_no_more(database: Path) -> None:
    records = [
        old_record("https://news.example/none", "Ремонт моста.", **NO_ZONE),
        old_record("https://news.example/day", "Ремонт моста.", **IN_MOSCOW),
    ]
    make_old_store(database, 4, [], records)
    migrate(database)
    rows = query(database, "SELECT published, published_local, published_zone FROM articles ORDER BY number")
    assert rows == [
        (None, "2026-05-01T18:12", "unknown"),
        ("2026-04-30T21:00:00Z", "2026-05-01", "+03:00"),
    ]
    with open_article_store(database) as reader:
        assert [hit.published for hit in reader.search("мост", limit=10)] == ["2026-05-01T18:12", "2026-05-01"]


def test_times_of_a_migrated_file_have_one_spelling(database: Path) -> None:
    make_old_store(database, 4, ["Ремонт моста."])
    migrate(database)
    times = query(
        database,
        "SELECT first_stored FROM articles UNION ALL SELECT last_stored FROM articles UNION ALL"
        " SELECT last_fetched FROM articles UNION ALL SELECT stored_at FROM revisions UNION ALL SELECT at FROM ledger",
    )
    assert set(times) == {("2026-03-14T12:01:00.000Z",)}


async def test_article_stored_under_http_is_the_one_that_is_found_again_under_https(
    database: Path, make_article: MakeArticle
) -> None:
    old = old_record("http://news.example/bridge", "Ремонт моста.")
    make_old_store(database, 4, [], [old])
    article_store = SqliteArticleStore(database)
    await article_store.open()
    again = await article_store.store(make_article("https://news.example/bridge", text="Мост открыт."))
    await article_store.close()
    assert isinstance(again, Stored)
    assert (again.article.id, again.storage.revision) == (old["id"], 2)
    with open_article_store(database) as reader:
        for url in (
            "http://news.example/bridge",
            "https://news.example/bridge#top",
            old["id"],
            content_id("https://news.example/bridge"),
        ):
            assert len(reader.revisions_of(url)) == 2, url
        assert reader.count() == 1


def test_no_path_of_a_disk_is_left_in_a_migrated_file(database: Path) -> None:
    path = "file:///home/anna/saved/1647262025.html"
    records = [
        old_record(path, "Ремонт моста.", canonical_url="https://news.example/moskva/8836033"),
        old_record("file:///home/anna/saved/other.html", "Мост открыт."),
    ]
    make_old_store(database, 4, [], records)
    query(
        database,
        "INSERT INTO ledger SELECT 'x', 's', url, 'extractor', 'dropped', 'too_short', NULL, at FROM ledger LIMIT 1",
    )
    migrate(database)
    with open_article_store(database) as reader:
        found = reader.find("https://news.example/moskva/8836033")
        assert found is not None
        assert found.url == "https://news.example/moskva/8836033"
        saved = RECORD_V1["fetch"]["page"]["sha256"]
        assert found.discovery.url == f"urn:sha256:{saved}"
        exported = "".join(to_json_line(article) for article in reader.iterate())
        exported += "".join(line.url for line in reader.ledger())
    assert "anna" not in exported
    assert query(database, "SELECT count(*) FROM articles WHERE url LIKE '%anna%' OR discovery_url LIKE '%anna%'") == [
        (0,)
    ]
