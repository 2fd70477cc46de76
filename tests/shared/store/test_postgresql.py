"""What only a server can do to the store: go away in mid-commit, refuse, fill up. Every fault delays articles, none loses one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.conftest import eventually
from tests.harness.postgresql_server import PostgresqlServer
from tests.shared.store.articles import build_article, store
from tests.shared.store.databases import count, rows

from coranto.records import ClassifiedArticle, Entity
from coranto.store.address import open_article_reader, open_article_store
from coranto.store.interface import ArticleStore, StoreError, StoreUnavailableError
from coranto.store.postgresql import schema

MakeArticle = Callable[..., ClassifiedArticle]


@pytest.fixture
def database(postgresql: PostgresqlServer) -> Iterator[str]:
    """A database of its own on the server that all tests share."""
    name = postgresql.make_database()
    yield postgresql.url(name)
    postgresql.drop_database(name)


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    """A server for one test alone, to be stopped and killed."""
    server = PostgresqlServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
async def on_server(server: PostgresqlServer) -> AsyncIterator[ArticleStore]:
    """A store on that server, in its database `postgres`."""
    article_store = open_article_store(server.url("postgres"), busy_timeout=timedelta(milliseconds=300))
    await article_store.open()
    yield article_store
    await article_store.close()


async def fault_of(article_store: ArticleStore, article: ClassifiedArticle) -> StoreError:
    with pytest.raises(StoreError) as fault:
        await store(article, article_store=article_store)
    return fault.value


def is_answering(server: PostgresqlServer) -> bool:
    try:
        server.connect("postgres").close()
    except psycopg.OperationalError:
        return False
    return True


# --- a server that goes away ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_server_that_is_away_is_waited_for(server: PostgresqlServer, on_server: ArticleStore, how: str) -> None:
    before = await store(build_article("https://news.example/before"), article_store=on_server)
    getattr(server, how)()
    fault = await fault_of(on_server, build_article())
    assert isinstance(fault, StoreUnavailableError)
    assert "articles wait in Redis" in str(fault)
    server.start()
    after = await store(build_article(), article_store=on_server)
    with open_article_reader(server.url("postgres")) as reader:
        assert [reader.find(article.id) for article in (before, after)] == [before, after]


async def test_server_restarted_between_two_writes_costs_none(
    server: PostgresqlServer, on_server: ArticleStore
) -> None:
    await store(build_article("https://news.example/before"), article_store=on_server)
    server.kill()
    server.start()
    assert (await store(build_article(), article_store=on_server)).storage.revision == 1


async def test_reader_goes_on_after_a_restart(server: PostgresqlServer, on_server: ArticleStore) -> None:
    article = await store(build_article(), article_store=on_server)
    with open_article_reader(server.url("postgres")) as reader:
        assert reader.count() == 1
        server.kill()
        server.start()
        assert reader.find(article.id) == article


class CommitCutter:
    """A network that ends a connection at the next COMMIT: before the server hears it, or before its answer is heard."""

    def __init__(self, server: PostgresqlServer, *, is_heard: bool) -> None:
        self._server = server
        self._is_heard = is_heard
        self._is_armed = False
        self.cuts = 0

    async def start(self) -> int:
        self._listening = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return int(self._listening.sockets[0].getsockname()[1])

    def arm(self) -> None:
        self._is_armed = True

    async def stop(self) -> None:
        self._listening.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, there = await asyncio.open_connection("127.0.0.1", self._server.port)

        async def back() -> None:
            while piece := await theirs.read(65536):
                writer.write(piece)

        answering = asyncio.create_task(back())
        with suppress(OSError):
            while piece := await reader.read(65536):
                if self._is_armed and b"COMMIT" in piece:
                    self._is_armed = False
                    self.cuts += 1
                    answering.cancel()
                    writer.transport.abort()
                    if self._is_heard:
                        there.write(piece)
                        await theirs.read(65536)  # it is committed, and nobody is told
                    break
                there.write(piece)
        answering.cancel()
        there.transport.abort()
        writer.transport.abort()


@pytest.mark.parametrize("is_heard", [True, False])
async def test_commit_whose_answer_is_lost_is_asked_for_and_not_repeated(
    postgresql: PostgresqlServer, database: str, is_heard: bool
) -> None:
    network = CommitCutter(postgresql, is_heard=is_heard)
    port = await network.start()
    article_store = open_article_store(database.replace(f":{postgresql.port}/", f":{port}/"))
    await article_store.open()
    await store(build_article("https://news.example/before"), article_store=article_store)
    network.arm()
    articles = [build_article(f"https://news.example/{number}") for number in range(5)]
    stored = await asyncio.gather(*(store(article, article_store=article_store) for article in articles))
    assert network.cuts == 1
    assert {article.storage.revision for article in stored} == {1}
    with open_article_reader(database) as reader:
        assert [reader.find(article.id) for article in stored] == stored
    assert (count(database, "revisions"), count(database, "outbox"), count(database, "ledger")) == (6, 6, 6)
    network.arm()
    await article_store.mark_announced([(article.id, 1) for article in stored])
    assert rows(database, "SELECT count(*), max(number) FROM announcements") == [(5, 5)]
    await article_store.close()
    await network.stop()


# --- a server that refuses --------------------------------------------------------------------------------------------


async def test_writer_that_holds_the_store_for_long_is_reported_as_a_lock(
    postgresql: PostgresqlServer, database: str
) -> None:
    article_store = open_article_store(database, busy_timeout=timedelta(milliseconds=300))
    await article_store.open()
    await store(build_article("https://news.example/before"), article_store=article_store)
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (schema.WRITE_LOCK,))
        fault = await fault_of(article_store, build_article())
        assert isinstance(fault, StoreUnavailableError)
        assert "holds a lock" in str(fault)
    assert (await store(build_article(), article_store=article_store)).storage.revision == 1
    await article_store.close()


async def test_server_that_takes_no_writes_is_waited_for(postgresql: PostgresqlServer, database: str) -> None:
    article_store = open_article_store(database)
    await article_store.open()
    await store(build_article("https://news.example/before"), article_store=article_store)
    await article_store.close()
    name = database.rsplit("/", 1)[1]
    with postgresql.connect("postgres") as other:
        other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")  # type: ignore[call-overload]
        await article_store.open()
        assert isinstance(await fault_of(article_store, build_article()), StoreUnavailableError)
        other.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")  # type: ignore[call-overload]
    assert (await store(build_article(), article_store=article_store)).storage.revision == 1
    await article_store.close()


async def test_address_that_leads_nowhere_is_explained_without_its_password(postgresql: PostgresqlServer) -> None:
    for address, what in (
        (f"postgresql://coranto:hunter2@127.0.0.1:{postgresql.port}/nothing", "does not exist"),
        ("postgresql://coranto:hunter2@127.0.0.1:1/articles", "does not answer"),
        ("postgresql://coranto:hunter2@127.0.0.1/articles?nonsense=1", "no address"),
    ):
        article_store = open_article_store(address)
        await article_store.open()
        fault = await fault_of(article_store, build_article())
        assert isinstance(fault, StoreUnavailableError)
        with pytest.raises(StoreError) as other:
            open_article_reader(address)
        for text in (str(fault), str(other.value)):
            assert what in text
            assert "hunter2" not in text
        await article_store.close()


def test_database_without_our_tables_is_no_store(database: str) -> None:
    with pytest.raises(FileNotFoundError, match="start the sink"):
        open_article_reader(database)


async def test_full_disk_delays_articles_and_they_are_stored_once_there_is_room() -> None:
    disk = Path(tempfile.mkdtemp(prefix="coranto-disk-"))  # not pytest's directory, which the server may not enter
    disk.chmod(0o755)
    mounting = ["mount", "-t", "tmpfs", "-o", "size=200m,mode=777", "tmpfs", str(disk)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
        disk.rmdir()
        pytest.skip("mounting a small tmpfs needs root")
    server = PostgresqlServer(disk / "server")
    try:
        server.start()
        article_store = open_article_store(server.url("postgres"))
        await article_store.open()
        await store(build_article("https://news.example/before"), article_store=article_store)
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
        text = " ".join(f"word{number}" for number in range(12_000))
        articles = [build_article(f"https://news.example/{number}", text=text) for number in range(10)]
        results = await asyncio.gather(
            *(store(article, article_store=article_store) for article in articles), return_exceptions=True
        )
        assert {type(result) for result in results} == {StoreUnavailableError}
        ballast.unlink()
        if not server.is_running:  # without room for its log it ends itself, or starts over
            server.start()
        await eventually(lambda: is_answering(server), within_seconds=60)
        for article in articles:
            assert (await store(article, article_store=article_store)).storage.change == "created"
        await article_store.close()
        assert count(server.url("postgres"), "revisions") == 11
    finally:
        server.remove()
        subprocess.run(["umount", "--lazy", str(disk)], check=False)
        disk.rmdir()


async def test_long_values_are_compressed_in_the_quickest_way_that_the_server_has(database: str) -> None:
    ways = rows(database, "SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'")[0][0]
    article_store = open_article_store(database)
    await article_store.open()
    await store(build_article(text="The ferry was late again. " * 1_000), article_store=article_store)
    await article_store.close()
    used = rows(database, "SELECT pg_column_compression(text), pg_column_compression(record) FROM articles, revisions")
    assert used == [("lz4", "lz4") if "lz4" in ways else ("pglz", "pglz")]
    assert rows(database, "SHOW default_toast_compression") == [("pglz",)]


# --- what PostgreSQL does not take -------------------------------------------------------------------------------------


async def test_text_with_a_nul_is_kept_to_the_letter_and_found(database: str) -> None:
    article_store = open_article_store(database)
    await article_store.open()
    article = await store(build_article(text="Before\x00after the ferry."), article_store=article_store)
    await article_store.mark_announced([(article.id, 1)])
    with open_article_reader(database) as reader:
        assert reader.find(article.id) == article
        assert [hit.id for hit in reader.search("ferry")] == [article.id]
        assert reader.announced_after(0)[0].article == article
        assert reader.find("no\x00address") is None
    await article_store.close()


async def test_longest_addresses_names_and_tags_are_stored(database: str) -> None:
    article_store = open_article_store(database)
    await article_store.open()
    article = build_article(f"https://news.example/{'x' * 16_000}")
    content = article.content.model_copy(update={"tags": ("t" * 5000, "t" * 5000), "section": "s" * 5000})
    section = article.classification.model_copy(
        update={"entities": (Entity(type="place", name="N" * 5000, count=1),) * 2}
    )
    stored = await store(
        article.model_copy(update={"content": content, "classification": section}), article_store=article_store
    )
    with open_article_reader(database) as reader:
        assert reader.find(article.url) == stored
        assert [line.reason for line in reader.ledger_of(article.url)] == ["created"]
    assert (count(database, "tags"), count(database, "entities")) == (1, 1)
    await article_store.close()


async def test_text_too_long_to_index_is_stored_whole_cut_in_the_index_and_marked(database: str) -> None:
    article_store = open_article_store(database)
    await article_store.open()
    words = [f"слово{number}" for number in range(150_000)]
    long = await store(build_article("https://news.example/long", text=" ".join(words)), article_store=article_store)
    usual = await store(build_article(), article_store=article_store)
    assert len(long.content.text.encode()) > 2_400_000
    with open_article_reader(database) as reader:
        assert reader.find(long.id) == long
        assert {hit.id for hit in reader.search("слово1000")} == {long.id}
        assert reader.search("слово149999") == []
        assert {hit.id for hit in reader.search("neva")} == {long.id, usual.id}, "the headline is never cut"
    marked = rows(database, "SELECT id, is_cut_in_index FROM articles ORDER BY is_cut_in_index")
    assert marked == [(usual.id, False), (long.id, True)]
    await article_store.close()


async def test_phrase_is_found_in_a_text_longer_than_positions_reach(database: str) -> None:
    article_store = open_article_store(database)
    await article_store.open()
    filling = "one two three " * 7_000
    text = f"{filling} the ferry sank {filling} ferry the {filling}"
    article = await store(build_article("https://news.example/long", text=text), article_store=article_store)
    await store(build_article("https://news.example/short", text="The ferry came."), article_store=article_store)
    with open_article_reader(database) as reader:
        for query in ('"ferry sank"', '"the ferry san"', '"the ferry" sank', "ferry-sank", '"ferry the"'):
            expected = [] if query == '"the ferry san"' else [article.id]
            assert [hit.id for hit in reader.search(query)] == expected, query
        assert [hit.id for hit in reader.search('"sank ferry"')] == []
        for group in ('("sank ferry" | sinking)', '("sank ferry" | sin*)', '("sank ferry" | "no such")'):
            assert reader.search(group) == [], group
        for group in (
            '("sank ferry" | "ferry sank")',
            '("sank ferry" | ferries) two',
            '("sank ferry" | sank)',
            '("x y" | fer*)',
        ):
            assert article.id in [hit.id for hit in reader.search(group)], group
    assert rows(database, "SELECT count(*) FROM articles WHERE is_cut_in_index") == [(0,)]
    await article_store.close()


# --- several at once ---------------------------------------------------------------------------------------------------

WRITER = textwrap.dedent(
    """
    import asyncio, sys
    sys.path.insert(0, sys.argv[1])
    from tests.shared.store.articles import build_article, store
    from coranto.store.address import open_article_store

    async def main(database, first, last):
        article_store = open_article_store(database, batch_size=7)
        await article_store.open()
        async def one(number):
            article = await store(build_article(f"https://news.example/{number}"), article_store=article_store)
            print(article.id, article.storage.revision, article.storage.change, flush=True)
        await asyncio.gather(*(one(number) for number in range(first, last)))
        await article_store.close()

    asyncio.run(main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    """
)


def start_writer(database: str, first: int, last: int) -> subprocess.Popen[str]:
    arguments = [str(Path(__file__).parents[3]), database, str(first), str(last)]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, text=True)


def test_two_sinks_on_one_database_store_every_article_once(database: str) -> None:
    # They overlap in half of what they store, and race for making the tables.
    writers = [start_writer(database, 0, 200), start_writer(database, 100, 300)]
    outputs = [writer.communicate(timeout=120)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    announced = {tuple(line.split()) for output in outputs for line in output.splitlines()}
    assert len(announced) == 300
    assert {(revision, change) for _, revision, change in announced} == {("1", "created")}
    assert (count(database, "articles"), count(database, "revisions"), count(database, "outbox")) == (300, 300, 300)


def test_sink_killed_between_commits_has_kept_everything_it_announced(database: str) -> None:
    announced: set[str] = set()
    for kill_after in (1, 20, 60):
        with start_writer(database, 0, 400) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                announced.add(line.split()[0])
                if len(announced) >= kill_after:
                    os.kill(writer.pid, signal.SIGKILL)
                    break
            writer.stdout.read()
        with open_article_reader(database) as reader:
            assert announced <= {article.id for article in reader.iterate()}
    with start_writer(database, 0, 400) as writer:
        assert writer.stdout is not None
        repeated = writer.stdout.read().splitlines()
    assert {tuple(line.split()[1:]) for line in repeated} == {("1", "created")}
    assert (count(database, "articles"), count(database, "revisions")) == (400, 400)


# --- schema ------------------------------------------------------------------------------------------------------------


def test_database_of_a_newer_version_is_refused(database: str) -> None:
    with psycopg.connect(database) as connection:
        schema.migrate(connection)
        connection.execute("UPDATE store SET schema_version = 999")
    with pytest.raises(StoreError, match="run the newer program"):
        open_article_reader(database)


def test_tables_have_the_columns_of_the_file_but_for_the_index(database: str, tmp_path: Path) -> None:
    from coranto.store.sqlite.reader import open_article_store as open_file

    with psycopg.connect(database) as connection:
        schema.migrate(connection)
        schema.migrate(connection)
    open_file(tmp_path / "articles.sqlite", read_only=False).close()
    tables = (
        "articles",
        "revisions",
        "entities",
        "topics",
        "tags",
        "source_tags",
        "addresses",
        "ledger",
        "announcements",
        "outbox",
        "source_articles",
    )
    for table in tables:
        ours = [
            row[0]
            for row in rows(
                database,
                "SELECT column_name FROM information_schema.columns WHERE table_name = ? ORDER BY ordinal_position",
                table,
            )
        ]
        file = [row[1] for row in rows(tmp_path / "articles.sqlite", f"PRAGMA table_info({table})")]
        own = {"search", "is_cut_in_index", "has_all_positions", "title_forms", "text_forms", "stemmer"}
        assert [name for name in ours if name not in own] == [name for name in file if name not in own], table
