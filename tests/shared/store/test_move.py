"""A store moved to another database is the same store; and a check finds what does not agree."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.harness.postgresql_server import PostgresqlServer
from tests.shared.store.articles import build_article, store
from tests.shared.store.databases import Database, count, rows

from coranto.records import DroppedArticle, Entity, Language
from coranto.store import check as store_check
from coranto.store.address import open_article_reader, open_article_store
from coranto.store.check import RepairedLists, check, repair_lists
from coranto.store.database.tables import TABLES
from coranto.store.interface import ArticleStore, StoreError
from coranto.store.move import move


@pytest.fixture
async def filled(database: Database, article_store: ArticleStore) -> Database:
    """A store of all that can be in one: revisions, drops, what is announced and what is not, odd texts."""
    articles = [build_article(f"https://news.example/{number}", text=f"Ferry {number}.") for number in range(250)]
    # More than are moved at once.
    await asyncio.gather(*(store(article, article_store=article_store) for article in articles))
    first = await store(
        build_article("https://news.example/0", fetch=2, title="New title", text="Ferry 0."),
        article_store=article_store,
    )
    odd = build_article("https://news.example/odd", title="Ёж\x00café", text="NUL \x00 and 😀 and e\u0301.")
    section = odd.classification.model_copy(update={"entities": (Entity(type="place", name="Ёж", count=1),) * 2})
    discovery = odd.discovery.model_copy(update={"tags": ("News", "Ёлка")})
    odd = odd.model_copy(update={"classification": section, "discovery": discovery})
    await store(odd, article_store=article_store)
    dropped = DroppedArticle(
        id="d" * 32, url="https://news.example/gone", submission="s", stage="fetcher", outcome="dropped",
        reason="gone", dropped_at=first.fetch.fetched_at,
    )  # fmt: skip
    await article_store.record_drop(dropped)
    waiting = await article_store.unannounced(1000)
    await article_store.mark_announced(waiting[100:])
    await article_store.close()
    await article_store.open()
    return database


@pytest.fixture
def other(database: Database, tmp_path: Path, postgresql: PostgresqlServer) -> Iterator[Database]:
    """An empty store of the other kind."""
    if not isinstance(database, Path):
        yield tmp_path / "moved.sqlite"
        return
    name = postgresql.make_database()
    yield postgresql.url(name)
    postgresql.drop_database(name)


def all_that_is_read(database: Database) -> dict[str, Any]:
    with open_article_reader(database) as reader:
        return {
            "articles": list(reader.iterate()),
            "revisions": [reader.revisions_of(article.id) for article in reader.iterate()],
            "ledger": sorted(reader.ledger(), key=lambda line: (line.article_id, line.submission)),
            "announced": reader.announced_after(0, limit=1000),
            "last": reader.last_number(),
            "found": {hit.id for hit in reader.search("ferries", limit=1000)},
            "odd": {hit.id for hit in reader.search('cafe "ёж"', limit=1000)},
            "store": reader.store_id(),
            "page": [(each.id, each.place) for each in reader.page(limit=1000)],
        }


async def test_moved_there_and_back_everything_is_the_same(filled: Database, other: Database, tmp_path: Path) -> None:
    before = all_that_is_read(filled)
    assert (len(before["articles"]), len(before["announced"]), before["last"]) == (251, 152, 152)
    assert len(before["found"]) == 250
    assert len(before["odd"]) == 1
    told: list[tuple[str, int]] = []
    moved = move(filled, other, on_rows=lambda table, number: told.append((table, number)))
    assert all_that_is_read(other) == before == all_that_is_read(filled)
    assert moved.rows == {table: count(other, table) for table in TABLES}
    assert sum(number for _, number in told) == sum(moved.rows.values())
    assert check(other).findings == check(filled).findings == ()
    if isinstance(other, Path):
        return
    back = tmp_path / "back.sqlite"
    move(other, back)
    assert all_that_is_read(back) == before
    assert check(back).is_sound


async def test_moved_store_goes_on_where_the_other_stopped(filled: Database, other: Database) -> None:
    move(filled, other)
    article_store = open_article_store(other)
    await article_store.open()
    again = await store(build_article("https://news.example/1", text="Ferry 1."), article_store=article_store)
    assert again.storage.revision == 1, "it is known, and announced by the id it was announced by"
    later = await store(build_article("https://news.example/1", fetch=2, text="Changed."), article_store=article_store)
    new = await store(build_article("https://news.example/new"), article_store=article_store)
    await article_store.mark_announced([(new.id, 1)])
    await article_store.close()
    with open_article_reader(other) as reader:
        assert later.storage.revision == 2
        assert reader.store_id() == later.storage.store == again.storage.store
        assert reader.number_of(new.id, 1) == 153
        assert [article.id for article in reader.iterate()][-1] == new.id
    assert count(other, "outbox") == 101


async def test_nothing_is_moved_into_a_store_that_holds_something(filled: Database, other: Database) -> None:
    move(filled, other)
    before = all_that_is_read(other)
    with pytest.raises(StoreError, match="holds articles already"):
        move(filled, other)
    assert all_that_is_read(other) == before


async def test_move_that_fails_half_way_leaves_the_target_empty(filled: Database, other: Database) -> None:
    def fail(table: str, _number: int) -> None:
        if table == "ledger":
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        move(filled, other, on_rows=fail)
    assert {table: count(other, table) for table in TABLES} == dict.fromkeys(TABLES, 0)
    move(filled, other)
    assert count(other, "articles") == 251


async def test_difference_that_is_found_at_the_end_undoes_the_move(
    filled: Database, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coranto.store import move as module

    copy = module._copy

    def lossy(read: Any, written: Any, table: str, on_rows: Any) -> int:
        number = copy(read, written, table, on_rows)
        if table == "tags":
            written.insert(
                table, [("0" * 32 if isinstance(other, Path) else read.ask("SELECT id FROM articles")[0][0], "x")]
            )
        return number

    with monkeypatch.context() as patch:
        patch.setattr(module, "_copy", lossy)
        with pytest.raises(StoreError, match="the table tags differs"):
            move(filled, other)
    assert count(other, "articles") == 0


def test_move_from_nowhere_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no article store at"):
        move(tmp_path / "nothing.sqlite", tmp_path / "other.sqlite")
    assert list(tmp_path.iterdir()) == []


DAMAGE = {
    "articles without their latest revision": "UPDATE articles SET revision = 9 WHERE url LIKE '%/7'",
    "revisions that are neither announced nor waiting to be": "DELETE FROM announcements WHERE number = 5",
    "announcements of no revision": (
        "INSERT INTO announcements (number, article_id, revision, announced_at) VALUES (900, 'x', 1, '2026')"
    ),
    "waiting announcements of no revision": "INSERT INTO outbox (article_id, revision, stored_at) VALUES ('x', 1, '2026')",
    "ledger lines that tell of storing what is not stored": (
        "UPDATE ledger SET outcome = 'stored' WHERE outcome = 'dropped'"
    ),
    "lists of sources with articles that are not stored, or at another time": (
        "UPDATE source_articles SET at = '2020' WHERE name = 'example' AND article_id = (SELECT min(id) FROM articles)"
    ),
    "articles that no list of a source has": (
        "DELETE FROM source_articles WHERE article_id = (SELECT min(id) FROM articles)"
    ),
    "revisions whose record cannot be read, or is of another article": (
        "UPDATE revisions SET record = '{}' WHERE article_id = (SELECT min(id) FROM articles)"
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
async def test_check_finds_what_does_not_agree(filled: Database, what: str) -> None:
    rows(filled, DAMAGE[what])
    found = {finding.what: finding.count for finding in check(filled).findings}
    assert found[what] == 1
    assert len(found) == 1


async def test_check_finds_a_list_that_lacks_one_article_or_has_a_strange_one(filled: Database) -> None:
    for damage, number in (
        ("DELETE FROM source_articles WHERE name = 'example' AND article_id = (SELECT min(id) FROM articles)", 1),
        ("UPDATE source_articles SET name = 'strange' WHERE name = 'example' AND article_id > 'e'", 1),
        ("INSERT INTO source_articles SELECT 'odd', at, article_id FROM source_articles WHERE name = 'strange'", 10),
    ):
        rows(filled, damage)
        (finding,) = check(filled).findings
        assert "lists of sources" in finding.what
        assert finding.count >= number
        assert finding.is_repairable


async def test_damaged_lists_of_sources_are_repaired_in_batches(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rows(filled, "SELECT name, at, article_id FROM source_articles ORDER BY name, at, article_id")
    assert len(whole) > 40
    monkeypatch.setattr(store_check, "_ROWS_AT_ONCE", 100)
    assert repair_lists(filled) == RepairedLists(0, 0)
    lost = rows(filled, "SELECT count(*) FROM source_articles WHERE article_id < '8'")[0][0]
    rows(filled, "DELETE FROM source_articles WHERE article_id < '8'")
    rows(filled, "UPDATE source_articles SET at = '2020' WHERE article_id > 'c' AND name = 'example'")
    moved = rows(filled, "SELECT count(*) FROM source_articles WHERE at = '2020'")[0][0]
    rows(filled, "INSERT INTO source_articles VALUES ('nowhere', '2021', 'x'), ('strange', '2021', 'x')")
    assert lost
    assert moved
    # Ended half-way, it is begun anew.
    calls: list[int] = []

    def stop(number: int) -> None:
        calls.append(number)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repair_lists(filled, on_rows=stop)
    repaired = repair_lists(filled)
    assert repaired.removed == moved + 2
    assert 0 < repaired.added < lost + moved
    assert rows(filled, "SELECT name, at, article_id FROM source_articles ORDER BY name, at, article_id") == whole
    assert check(filled).is_sound


async def test_forms_that_stand_in_the_text_need_not_be_among_the_forms(tmp_path: Path) -> None:
    path = tmp_path / "articles.sqlite"
    article_store = open_article_store(path)
    await article_store.open()
    article = build_article(title="Мост закрыт", text="Движение по мосту.\nНа Мост ведут мосты.")
    language = article.classification.model_copy(update={"language": Language(code="ru", confidence=0.9)})
    await store(article.model_copy(update={"classification": language}), article_store=article_store)
    await article_store.close()
    (forms,) = rows(path, "SELECT text_forms FROM articles")[0]
    assert "мост" in forms.split()
    rows(path, "UPDATE articles SET text_forms = ?", " ".join(form for form in forms.split() if form != "мост"))
    assert check(path).is_sound
    rows(path, "UPDATE articles SET text_forms = ?", " ".join(form for form in forms.split() if form != "движен"))
    (finding,) = check(path).findings
    assert finding.what == "articles whose words are not what the index holds"


async def test_check_finds_an_index_that_does_not_hold_the_words(filled: Database) -> None:
    if isinstance(filled, Path):
        rows(filled, "UPDATE articles SET text_forms = 'other' WHERE url LIKE '%/7'")
    else:
        with psycopg.connect(filled) as connection:
            connection.execute("UPDATE articles SET text = 'other' WHERE url LIKE '%/7'")
    (finding,) = check(filled).findings
    assert (finding.what, finding.count) == ("articles whose words are not what the index holds", 1)


async def test_check_goes_on_beside_a_sink(filled: Database, article_store: ArticleStore) -> None:
    article = await store(build_article("https://news.example/while"), article_store=article_store)
    assert check(filled).is_sound
    assert (await store(build_article("https://news.example/after"), article_store=article_store)).id != article.id
