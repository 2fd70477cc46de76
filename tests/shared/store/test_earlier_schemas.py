"""Stores of earlier schemas whose records are those of today, with articles in them, brought to the present schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.harness.postgresql_server import PostgresqlServer
from tests.shared.store.articles import NOON, build_article
from tests.shared.store.databases import Database, rows

from coranto.records import FinishedArticle, Storage, article_id
from coranto.store.address import open_article_reader, open_article_store
from coranto.store.check import check
from coranto.store.database.columns import address_rows_of, digests_text, names_of, row_of
from coranto.store.database.source_accounts import Ended
from coranto.store.interface import SearchFilter, StoreError, StoreUnavailableError
from coranto.store.postgresql import schema as postgresql_schema
from coranto.store.postgresql.words import vector
from coranto.store.rules.revisions import digests_of
from coranto.store.sqlite import schema as sqlite_schema

Connection = Any
"""Of either database."""

EARLIER = [
    *(("sqlite", version) for version in range(sqlite_schema.ADDRESSES_SINCE, sqlite_schema.VERSION)),
    *(("postgresql", version) for version in range(1, postgresql_schema.VERSION)),
]
STORED, LATER = "2026-03-14T12:01:00.000Z", "2026-03-14T13:00:00.000Z"
LINES = (
    # Article, submission, stage, outcome, reason, time
    ("https://news.example/1", "live", "sink", "stored", "created", STORED),
    ("https://news.example/1", "before", "fetcher", "dead", "timeout", "2026-03-14T11:00:00.000Z"),
    ("https://news.example/1", "again", "fetcher", "dropped", "not_found", LATER),
    ("https://news.example/2", "live", "sink", "stored", "created", STORED),
    ("https://news.example/2", "changed", "sink", "stored", "updated", LATER),
    ("https://news.example/about", "live", "extractor", "dropped", "index_page", STORED),
    ("https://news.example/about", "again", "extractor", "dropped", "index_page", LATER),
    ("https://news.example/feed", "live", "feeder", "dropped", "feed_registered", STORED),
)
REVISITS = {("again", "not_found"), ("changed", "updated"), ("again", "index_page")}


def article_at(url: str) -> FinishedArticle:
    storage = Storage(revision=1, change="created", stored_at=NOON.replace(minute=1), store="0" * 16)
    return build_article(url).with_storage(storage)


def fill(run: Callable[[str, dict[str, Any]], object], *, is_file: bool, version: int) -> None:
    """Two articles as the program of that version stored them, and lines of its ledger."""

    def insert(table: str, row: dict[str, Any]) -> None:
        run(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})", row)  # noqa: S608 - names of ours

    knows_sources = version >= (sqlite_schema.SOURCES_SINCE if is_file else 2)
    tells_revisits = version >= (sqlite_schema.REVISITS_SINCE if is_file else 3)
    for number in (1, 2):
        article = article_at(f"https://news.example/{number}")
        row = row_of(article, article.storage)
        if is_file:
            forms = sqlite_schema.word_forms("en", row["title"], row["lead"], row["text"])
            row |= dict(zip(("title_forms", "text_forms", "stemmer"), forms, strict=True))
        else:
            words = vector(row["title"], row["lead"], row["text"], "en")
            row |= {"search": words.text, "is_cut_in_index": False, "has_all_positions": True}
        insert("articles", row)
        insert(
            "revisions",
            {
                "article_id": article.id, "revision": 1, "change": "created", "changed_fields": "[]", "submission": "live",
                "stored_at": STORED, "digests": digests_text(digests_of(article)),
                "record": article.model_dump_json(exclude_none=True),
            },
        )  # fmt: skip
        insert("announcements", {"number": number, "article_id": article.id, "revision": 1, "announced_at": STORED})
        for key_id, key, owner, is_own, *_ in address_rows_of(article, ()):
            insert("addresses", {"key_id": key_id, "key": key, "article_id": owner, "is_own": is_own})
        for name in names_of(row["source"], row["publisher"], row["url"]) if tells_revisits else ():
            insert("source_articles", {"name": name, "at": row["published"][:19] + ".000Z", "article_id": article.id})
    for url, submission, stage, outcome, reason, at in LINES:
        line = {
            "article_id": article_id(url), "submission": submission, "url": url, "stage": stage, "outcome": outcome,
            "reason": reason, "at": at,
        }  # fmt: skip
        if knows_sources:
            line["source"] = "example"
        if tells_revisits:
            line["is_revisit"] = int((submission, reason) in REVISITS)
            line["outcome"] = "accepted" if reason == "feed_registered" else outcome
        insert("ledger", line)


def make_earlier(database: Database, version: int) -> None:
    """The database as the program of that version left it."""
    if isinstance(database, Path):
        with closing(sqlite3.connect(database)) as file, file:
            for action in (action for step in sqlite_schema.STEPS[:version] for action in step):
                file.execute(action) if isinstance(action, str) else action(file)
            file.execute(f"PRAGMA user_version = {version}")
            fill(file.execute, is_file=True, version=version)
        return
    with psycopg.connect(database) as server:
        for step in postgresql_schema.STEPS[:version]:
            for statement in step:
                server.execute(statement) if isinstance(statement, str) else statement(server)
        server.execute("INSERT INTO store (id, schema_version, last_number) VALUES (%s, %s, 2)", ("0" * 16, version))

        def run(statement: str, row: dict[str, Any]) -> None:
            for name in row:
                statement = statement.replace(f":{name}", f"%({name})s", 1)
            server.execute(statement, row)  # type: ignore[arg-type]  # made of names of ours

        fill(run, is_file=False, version=version)


def migrate(database: Database) -> None:
    if isinstance(database, Path):
        with closing(sqlite3.connect(database, isolation_level=None)) as file:
            sqlite_schema.migrate(file)
        return
    with psycopg.connect(database) as server:
        postgresql_schema.migrate(server)


def schema_text(database: Database) -> list[tuple[Any, ...]]:
    if isinstance(database, Path):
        return rows(database, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
    return [
        *rows(
            database,
            "SELECT table_name, ordinal_position, column_name, data_type, collation_name, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
        ),
        *rows(
            database, "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"
        ),
        *rows(
            database,
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1, 2",
        ),
    ]


@pytest.fixture
def other(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """Another, empty database of the same kind."""
    if isinstance(database, Path):
        yield tmp_path / "other.sqlite"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    name = server.make_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.mark.parametrize(("database", "version"), EARLIER, indirect=["database"])
def test_upgraded_store_has_the_schema_of_a_fresh_one(database: Database, version: int, other: Database) -> None:
    make_earlier(database, version)
    migrate(database)
    migrate(other)
    assert schema_text(database) == schema_text(other)
    assert check(database).is_sound


@pytest.mark.parametrize(("database", "version"), EARLIER, indirect=["database"])
def test_lines_of_an_earlier_ledger_tell_first_visits_from_later_ones(database: Database, version: int) -> None:
    make_earlier(database, version)
    migrate(database)
    with open_article_reader(database) as reader:
        lines = list(reader.ledger())
        day = reader.source_day("example", date(2026, 3, 14))
    assert {(line.submission, line.reason) for line in lines if line.is_revisit} == REVISITS
    assert {line.outcome for line in lines if line.reason == "feed_registered"} == {"accepted"}
    if all(line.source for line in lines):
        assert (day.discovered, day.new, day.created) == (7, 4, 2)
        assert day.ended[0] == Ended("extractor", "dropped", "index_page", 2, revisits=1)


@pytest.mark.parametrize(("database", "version"), EARLIER, indirect=["database"])
def test_articles_of_an_earlier_store_are_in_the_lists_of_their_sources(database: Database, version: int) -> None:
    make_earlier(database, version)
    migrate(database)
    ids = {article_id(f"https://news.example/{number}") for number in (1, 2)}
    with open_article_reader(database) as reader:
        for name in ("example", "the example", "news.example"):
            assert {each.id for each in reader.page(where=SearchFilter(source=name))} == ids


@pytest.mark.parametrize(("database", "version"), EARLIER, indirect=["database"])
def test_upgrade_that_ends_half_way_leaves_the_store_as_it_was(
    database: Database, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Connection) -> None:
        raise InterruptedError

    make_earlier(database, version)
    before = schema_text(database), rows(database, "SELECT * FROM ledger ORDER BY 1, 2")
    schema: Any = sqlite_schema if isinstance(database, Path) else postgresql_schema
    with monkeypatch.context() as patch:
        patch.setattr(schema, "STEPS", (*schema.STEPS[:-1], (*schema.STEPS[-1], fail)))
        with pytest.raises(InterruptedError):
            migrate(database)
    assert (schema_text(database), rows(database, "SELECT * FROM ledger ORDER BY 1, 2")) == before
    migrate(database)
    assert check(database).is_sound


@pytest.mark.parametrize(("database", "version"), EARLIER, indirect=["database"])
async def test_earlier_store_is_read_or_says_how_it_becomes_readable_and_the_sink_upgrades_it(
    database: Database, version: int
) -> None:
    make_earlier(database, version)
    questions: list[Callable[[Any], object]] = [
        lambda reader: reader.find("https://news.example/1"),
        lambda reader: reader.ledger_of("https://news.example/1"),
        lambda reader: reader.source_totals(datetime.now(UTC)),
        lambda reader: reader.page(where=SearchFilter(source="example")),
    ]
    for ask in questions:
        try:
            with open_article_reader(database) as reader:
                assert ask(reader)
        except StoreError as error:
            assert "start the sink once" in str(error)  # noqa: PT017 - either is right
    article_store = open_article_store(database)
    await article_store.open()
    await article_store.store(build_article("https://news.example/3"))
    await article_store.close()
    assert check(database).is_sound
    with open_article_reader(database) as reader:
        assert len(reader.page(where=SearchFilter(source="example"))) == 3


async def test_sink_writes_no_more_into_a_store_that_a_later_one_has_upgraded(database: Database) -> None:
    article_store = open_article_store(database)
    await article_store.open()
    await article_store.store(build_article("https://news.example/1"))
    if isinstance(database, Path):
        with closing(sqlite3.connect(database)) as file:
            file.execute(f"PRAGMA user_version = {sqlite_schema.VERSION + 1}")
    else:
        with psycopg.connect(database) as server:
            server.execute("UPDATE store SET schema_version = schema_version + 1")
    with pytest.raises(StoreUnavailableError, match="run the newer program"):
        await article_store.store(build_article("https://news.example/2"))
    await article_store.close()
    assert rows(database, "SELECT url FROM articles") == [("https://news.example/1",)]


async def test_article_whose_time_an_older_sink_has_changed_is_stored_all_the_same(database: Database) -> None:
    article_store = open_article_store(database)
    await article_store.open()
    await article_store.store(build_article("https://news.example/1"))
    # As a sink does that knows no lists.
    change = "UPDATE articles SET published = '2020-01-01T00:00:00.000Z', published_local = NULL"
    if isinstance(database, Path):
        with closing(sqlite3.connect(database, isolation_level=None)) as file:
            file.execute(change)
    else:
        with psycopg.connect(database) as server:
            server.execute(change)
    await article_store.store(build_article("https://news.example/1", fetch=2, title="Another title"))
    await article_store.close()
    assert check(database).is_sound
