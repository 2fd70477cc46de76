"""Full disks, locks, damage and death: every one delays articles, none loses one."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.shared.store.articles import store

from coranto.records import ClassifiedArticle
from coranto.store.interface import StoreCorruptError, StoreError, StoreUnavailableError
from coranto.store.sqlite.reader import open_article_store
from coranto.store.sqlite.writer import SqliteArticleStore

MakeArticle = Callable[..., ClassifiedArticle]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file: these are about files."""
    return tmp_path / "articles.sqlite"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mounted)], check=False, capture_output=True
    )
    if done.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield mounted
    subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)


def fill(file: Path) -> None:
    """Write until there is no room left."""
    with file.open("wb", buffering=0) as rest:
        while True:
            rest.write(bytes(4096))


def overwrite(file: Path, content: bytes, *, at: int = 0) -> bytes:
    """Write over the file from a place on; gives what was there before."""
    before = file.read_bytes() if file.exists() else b""
    file.write_bytes(before[:at] + content)
    return before


def remove(database: Path) -> None:
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()


async def fault_of(article_store: SqliteArticleStore, article: ClassifiedArticle) -> StoreError:
    with pytest.raises(StoreError) as fault:
        await store(article, article_store=article_store)
    return fault.value


async def test_full_disk_delays_articles_and_they_are_stored_once_there_is_room(
    small_disk: Path, make_article: MakeArticle
) -> None:
    article_store = SqliteArticleStore(small_disk / "articles.sqlite")
    await article_store.open()
    await store(make_article("https://news.example/before"), article_store=article_store)
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        fill(ballast)

    articles = [make_article(f"https://news.example/{number}", text="word " * 2000) for number in range(5)]
    results = await asyncio.gather(
        *(store(article, article_store=article_store) for article in articles), return_exceptions=True
    )
    assert [type(result) for result in results] == [StoreUnavailableError] * 5
    assert "disk is full" in str(results[0])
    with open_article_store(small_disk / "articles.sqlite") as reader:
        assert reader.count() == 1

    ballast.unlink()
    for article in articles:
        assert (await store(article, article_store=article_store)).storage.change == "created"
    await article_store.close()
    with open_article_store(small_disk / "articles.sqlite") as reader:
        assert reader.count() == 6


async def test_file_that_may_not_grow_is_reported_as_a_full_disk(
    article_store: SqliteArticleStore, make_article: MakeArticle
) -> None:
    await store(make_article("https://news.example/before"), article_store=article_store)
    on_its_thread = asyncio.get_running_loop().run_in_executor
    connection = article_store._database._connection  # SQLite's own way to simulate a full disk without root
    assert connection is not None
    await on_its_thread(article_store._database._thread, connection.execute, "PRAGMA max_page_count = 10")
    article = make_article(text="word " * 100_000)
    assert isinstance(await fault_of(article_store, article), StoreUnavailableError)
    # The connection was given up with the failed transaction, and the limit with it.
    assert (await store(article, article_store=article_store)).storage.revision == 1


async def test_locked_file_is_transient_and_works_after_the_lock(
    article_store: SqliteArticleStore, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article("https://news.example/before"), article_store=article_store)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        fault = await fault_of(article_store, make_article())
        assert isinstance(fault, StoreUnavailableError)
        assert "locked" in str(fault)
        other.execute("ROLLBACK")
    assert (await store(make_article(), article_store=article_store)).storage.revision == 1


async def test_write_waits_for_a_short_lock(database: Path, make_article: MakeArticle) -> None:
    article_store = SqliteArticleStore(database, busy_timeout=timedelta(seconds=10))
    await article_store.open()
    await store(make_article("https://news.example/before"), article_store=article_store)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(store(make_article(), article_store=article_store))
        await asyncio.wait({writing}, timeout=0.3)
        assert not writing.done()
        other.execute("ROLLBACK")
    assert (await writing).storage.revision == 1
    await article_store.close()


async def test_disk_that_turns_read_only_is_transient(small_disk: Path, make_article: MakeArticle) -> None:
    article_store = SqliteArticleStore(small_disk / "articles.sqlite")
    await article_store.open()
    await store(make_article("https://news.example/before"), article_store=article_store)
    await article_store.close()
    remount(small_disk, "ro")
    await article_store.open()
    assert isinstance(await fault_of(article_store, make_article()), StoreUnavailableError)
    remount(small_disk, "rw")
    assert (await store(make_article(), article_store=article_store)).storage.revision == 1
    await article_store.close()


async def test_directory_that_cannot_be_made_is_transient(tmp_path: Path, make_article: MakeArticle) -> None:
    (tmp_path / "taken").write_text("a file where the directory should be")
    article_store = SqliteArticleStore(tmp_path / "taken" / "articles.sqlite")
    await article_store.open()
    fault = await fault_of(article_store, make_article())
    assert isinstance(fault, StoreUnavailableError)
    (tmp_path / "taken").unlink()
    assert (await store(make_article(), article_store=article_store)).storage.revision == 1
    await article_store.close()


async def test_damaged_file_tells_the_operator_what_to_do_and_nothing_is_lost(
    tmp_path: Path, make_article: MakeArticle
) -> None:
    database = tmp_path / "articles.sqlite"
    overwrite(database, b"this is no database, whatever its name says. " * 200)
    article_store = SqliteArticleStore(database)
    await article_store.open()
    fault = await fault_of(article_store, make_article())
    assert isinstance(fault, StoreCorruptError)
    assert "restore a backup" in str(fault)
    remove(database)
    assert (await store(make_article(), article_store=article_store)).storage.revision == 1
    await article_store.close()


async def test_file_damaged_in_the_middle_is_storage_corrupt(
    article_store: SqliteArticleStore, database: Path, make_article: MakeArticle
) -> None:
    for number in range(50):
        await store(make_article(f"https://news.example/{number}", text="word " * 500), article_store=article_store)
    await article_store.close()
    whole = overwrite(database, b"\xff" * 100_000, at=4096)
    await article_store.open()
    assert isinstance(await fault_of(article_store, make_article()), StoreCorruptError)
    overwrite(database, whole)
    assert (await store(make_article(), article_store=article_store)).storage.revision == 1


async def test_file_removed_while_the_sink_runs_is_made_anew(
    article_store: SqliteArticleStore, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article(), article_store=article_store)
    remove(database)
    await store(make_article("https://news.example/after"), article_store=article_store)
    with open_article_store(database) as reader:
        assert [article.url for article in reader.iterate()] == ["https://news.example/after"]


async def test_bug_in_the_writer_reaches_the_caller_and_the_next_call_works(
    article_store: SqliteArticleStore, make_article: MakeArticle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> sqlite3.Connection:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(article_store._database, "_connect", fail)
        with pytest.raises(RuntimeError, match="a bug"):
            await store(make_article(), article_store=article_store)
    assert (await store(make_article(), article_store=article_store)).storage.revision == 1


WRITER = textwrap.dedent(
    """
    import asyncio, sys
    from datetime import timedelta
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from tests.shared.store.articles import build_article, store
    from coranto.store.sqlite.writer import SqliteArticleStore

    async def main(database, first, last):
        article_store = SqliteArticleStore(Path(database), batch_size=7, busy_timeout=timedelta(seconds=30))
        await article_store.open()
        async def one(number):
            article = await store(build_article(f"https://news.example/{number}"), article_store=article_store)
            print(article.id, article.storage.revision, article.storage.change, flush=True)
        await asyncio.gather(*(one(number) for number in range(first, last)))
        await article_store.close()

    asyncio.run(main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    """
)


def start_writer(database: Path, first: int, last: int) -> subprocess.Popen[str]:
    arguments = [str(Path(__file__).parents[3]), str(database), str(first), str(last)]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, text=True)


def read_all(writer: subprocess.Popen[str]) -> str:
    assert writer.stdout is not None
    return writer.stdout.read()


def test_two_sinks_on_one_file_store_every_article_once(database: Path) -> None:
    # They overlap in half of what they store, and race for making the file.
    writers = [start_writer(database, 0, 200), start_writer(database, 100, 300)]
    outputs = [writer.communicate(timeout=60)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    announced = {tuple(line.split()) for output in outputs for line in output.splitlines()}
    assert len(announced) == 300
    assert {(revision, change) for _, revision, change in announced} == {("1", "created")}
    with open_article_store(database) as reader:
        assert reader.count() == 300


def test_sink_killed_between_commits_has_kept_everything_it_announced(database: Path) -> None:
    announced: set[str] = set()
    for kill_after in (1, 20, 60):
        with start_writer(database, 0, 400) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                announced.add(line.split()[0])
                if len(announced) >= kill_after:
                    os.kill(writer.pid, signal.SIGKILL)
                    break
            read_all(writer)
        with open_article_store(database) as reader:
            stored = {article.id for article in reader.iterate()}
        assert announced <= stored
    with start_writer(database, 0, 400) as writer:
        repeated = read_all(writer).splitlines()
    # Everything announced before is announced again in the same words, which delivery recognises by its id.
    assert {tuple(line.split()[1:]) for line in repeated} == {("1", "created")}
    with open_article_store(database) as reader:
        assert reader.count() == 400
        assert sum(len(reader.revisions_of(article.id)) for article in reader.iterate()) == 400
