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

from coranto.records import ClassifiedArticle
from coranto.store.sqlite.reader import open_library
from coranto.store.sqlite.writer import SqliteLibrary
from coranto.worker.stage import Transient
from coranto_sink.reasons import REASONS, SYSTEMIC
from coranto_sink.stage import store

MakeArticle = Callable[..., ClassifiedArticle]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mounted)], check=False, capture_output=True
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


async def fault_of(library: SqliteLibrary, article: ClassifiedArticle) -> Transient:
    with pytest.raises(Transient) as fault:
        await store(article, library=library)
    return fault.value


async def test_full_disk_delays_articles_and_they_are_stored_once_there_is_room(
    small_disk: Path, make_article: MakeArticle
) -> None:
    library = SqliteLibrary(small_disk / "library.sqlite")
    await library.open()
    await store(make_article("https://news.example/before"), library=library)
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        fill(ballast)

    articles = [make_article(f"https://news.example/{number}", text="word " * 2000) for number in range(5)]
    results = await asyncio.gather(*(store(article, library=library) for article in articles), return_exceptions=True)
    assert [getattr(result, "reason", None) for result in results] == ["storage_unavailable"] * 5
    assert "disk is full" in str(results[0])
    with open_library(small_disk / "library.sqlite") as catalogue:
        assert catalogue.count() == 1

    ballast.unlink()
    for article in articles:
        assert (await store(article, library=library)).storage.change == "created"
    await library.close()
    with open_library(small_disk / "library.sqlite") as catalogue:
        assert catalogue.count() == 6


async def test_file_that_may_not_grow_is_reported_as_a_full_disk(
    library: SqliteLibrary, make_article: MakeArticle
) -> None:
    await store(make_article("https://news.example/before"), library=library)
    on_its_thread = asyncio.get_running_loop().run_in_executor
    connection = library._connection  # SQLite's own way to simulate a full disk without root
    assert connection is not None
    await on_its_thread(library._thread, connection.execute, "PRAGMA max_page_count = 10")
    article = make_article(text="word " * 100_000)
    assert (await fault_of(library, article)).reason == "storage_unavailable"
    # The connection was given up with the failed transaction, and the limit with it.
    assert (await store(article, library=library)).storage.revision == 1


async def test_locked_file_is_transient_and_works_after_the_lock(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article("https://news.example/before"), library=library)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        fault = await fault_of(library, make_article())
        assert fault.reason == "storage_unavailable"
        assert "locked" in str(fault)
        other.execute("ROLLBACK")
    assert (await store(make_article(), library=library)).storage.revision == 1


async def test_write_waits_for_a_short_lock(database: Path, make_article: MakeArticle) -> None:
    library = SqliteLibrary(database, busy_timeout=timedelta(seconds=10))
    await library.open()
    await store(make_article("https://news.example/before"), library=library)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(store(make_article(), library=library))
        await asyncio.wait({writing}, timeout=0.3)
        assert not writing.done()
        other.execute("ROLLBACK")
    assert (await writing).storage.revision == 1
    await library.close()


async def test_disk_that_turns_read_only_is_transient(small_disk: Path, make_article: MakeArticle) -> None:
    library = SqliteLibrary(small_disk / "library.sqlite")
    await library.open()
    await store(make_article("https://news.example/before"), library=library)
    await library.close()
    remount(small_disk, "ro")
    await library.open()
    assert (await fault_of(library, make_article())).reason == "storage_unavailable"
    remount(small_disk, "rw")
    assert (await store(make_article(), library=library)).storage.revision == 1
    await library.close()


async def test_directory_that_cannot_be_made_is_transient(tmp_path: Path, make_article: MakeArticle) -> None:
    (tmp_path / "taken").write_text("a file where the directory should be")
    library = SqliteLibrary(tmp_path / "taken" / "library.sqlite")
    await library.open()
    fault = await fault_of(library, make_article())
    assert fault.reason == "storage_unavailable"
    (tmp_path / "taken").unlink()
    assert (await store(make_article(), library=library)).storage.revision == 1
    await library.close()


async def test_damaged_file_tells_the_operator_what_to_do_and_nothing_is_lost(
    tmp_path: Path, make_article: MakeArticle
) -> None:
    database = tmp_path / "library.sqlite"
    overwrite(database, b"this is no database, whatever its name says. " * 200)
    library = SqliteLibrary(database)
    await library.open()
    fault = await fault_of(library, make_article())
    assert fault.reason == "storage_corrupt"
    assert "restore a backup" in str(fault)
    remove(database)
    assert (await store(make_article(), library=library)).storage.revision == 1
    await library.close()


async def test_file_damaged_in_the_middle_is_storage_corrupt(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    for number in range(50):
        await store(make_article(f"https://news.example/{number}", text="word " * 500), library=library)
    await library.close()
    whole = overwrite(database, b"\xff" * 100_000, at=4096)
    await library.open()
    assert (await fault_of(library, make_article())).reason == "storage_corrupt"
    overwrite(database, whole)
    assert (await store(make_article(), library=library)).storage.revision == 1


async def test_file_removed_while_the_sink_runs_is_made_anew(
    library: SqliteLibrary, database: Path, make_article: MakeArticle
) -> None:
    await store(make_article(), library=library)
    remove(database)
    await store(make_article("https://news.example/after"), library=library)
    with open_library(database) as catalogue:
        assert [article.discovery.canonical_url for article in catalogue.finished()] == ["https://news.example/after"]


async def test_bug_in_the_writer_reaches_the_caller_and_the_next_call_works(
    library: SqliteLibrary, make_article: MakeArticle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> sqlite3.Connection:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(library, "_connect", fail)
        with pytest.raises(RuntimeError, match="a bug"):
            await store(make_article(), library=library)
    assert (await store(make_article(), library=library)).storage.revision == 1


def test_storage_faults_are_systemic_and_in_the_closed_list() -> None:
    assert {"storage_unavailable", "storage_corrupt"} == SYSTEMIC
    assert set(REASONS) >= SYSTEMIC


WRITER = textwrap.dedent(
    """
    import asyncio, sys
    from datetime import timedelta
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from conftest import build_article
    from coranto.store.sqlite.writer import SqliteLibrary
    from coranto_sink.stage import store

    async def main(database, first, last):
        library = SqliteLibrary(Path(database), batch_size=7, busy_timeout=timedelta(seconds=30))
        await library.open()
        async def one(number):
            article = await store(build_article(f"https://news.example/{number}"), library=library)
            print(article.id, article.storage.revision, article.storage.change, flush=True)
        await asyncio.gather(*(one(number) for number in range(first, last)))
        await library.close()

    asyncio.run(main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    """
)


def start_writer(database: Path, first: int, last: int) -> subprocess.Popen[str]:
    arguments = [str(Path(__file__).parent), str(database), str(first), str(last)]
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
    with open_library(database) as catalogue:
        assert catalogue.count() == 300


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
        with open_library(database) as catalogue:
            stored = {article.id for article in catalogue.finished()}
        assert announced <= stored
    with start_writer(database, 0, 400) as writer:
        repeated = read_all(writer).splitlines()
    # Everything announced before is announced again in the same words, which delivery recognises by its id.
    assert {tuple(line.split()[1:]) for line in repeated} == {("1", "created")}
    with open_library(database) as catalogue:
        assert catalogue.count() == 400
        assert sum(len(catalogue.revisions_of(article.id)) for article in catalogue.finished()) == 400
