"""Checking a page store and removing from it, beside writers and across interruptions."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from coranto.pages import CorruptPageError, FilePageStore, MissingPageError
from coranto.pages.retention import (
    SAFETY_AGE,
    PageUse,
    check,
    find_old_files,
    pages_in_event,
    pages_of_record,
    remove,
    stored_files,
)
from coranto.records import PageRef
from coranto.records.envelope import encode
from coranto.testing import fetched, finished

OLD = timedelta(hours=25)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> FilePageStore:
    return FilePageStore(tmp_path / "pages")


def age(path: Path, by: timedelta = OLD) -> None:
    moment = time.time() - by.total_seconds()
    os.utime(path, (moment, moment))


def put_old(store: FilePageStore, page: bytes) -> PageRef:
    ref = store.put_now(page)
    age(store.path_of(ref))
    return ref


def use(ref: PageRef) -> PageUse:
    return PageUse(ref.sha256, "a" * 32, 1, "https://news.example/one")


def test_sound_store_is_reported_as_such(store: FilePageStore) -> None:
    refs = [store.put_now(b"one"), store.put_now(b"two")]
    report = check(store, [use(ref) for ref in refs])
    assert report.is_sound
    assert (report.pages.count, report.orphans.count, report.abandoned.count, report.foreign.count) == (2, 0, 0, 0)
    assert report.pages.size_bytes == sum(store.path_of(ref).stat().st_size for ref in refs)


def test_missing_corrupt_unused_and_left_over_are_told_apart(store: FilePageStore) -> None:
    used, damaged, waiting = store.put_now(b"used"), store.put_now(b"damaged"), store.put_now(b"in the pipeline")
    store.put_now(b"unused")
    gone = PageRef(sha256="f" * 64, size_bytes=4)
    store.path_of(damaged).write_bytes(b"not zstd")
    killed = store.path_of(used).with_name(f"{used.sha256}.0badcafe.part")
    killed.write_bytes(b"half")
    age(killed)
    store.path_of(used).with_name(f"{used.sha256}.deadbeef.part").write_bytes(b"being written")
    (store.root / "notes.txt").write_text("of somebody", encoding="utf-8")
    report = check(store, [use(used), use(damaged), use(gone), use(gone)], {waiting.sha256})
    assert [each.sha256 for each in report.missing] == [gone.sha256] * 2
    assert list(report.corrupt) == [damaged.sha256]
    assert (report.pages.count, report.orphans.count) == (4, 1)
    assert (report.abandoned.count, report.foreign.count) == (1, 1)
    assert check(store, [], reads_pages=False).corrupt == {}


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-1], lambda whole: whole[:3], lambda _: b"", lambda whole: whole * 2]
)
def test_damaged_file_is_corrupt_for_the_check_where_it_is_for_a_reader(
    store: FilePageStore, damage: Callable[[bytes], bytes]
) -> None:
    ref = store.put_now(b"page " * 100)
    path = store.path_of(ref)
    path.write_bytes(damage(path.read_bytes()))
    try:
        is_readable = store.get_now(ref) == b"page " * 100
    except CorruptPageError:
        is_readable = False
    assert (check(store, []).corrupt == {}) == is_readable


def test_page_whose_bytes_are_another_s_is_corrupt(store: FilePageStore) -> None:
    one, two = store.put_now(b"one"), store.put_now(b"two")
    store.path_of(one).write_bytes(store.path_of(two).read_bytes())
    assert list(check(store, []).corrupt) == [one.sha256]


def test_only_pages_older_than_asked_for_and_never_younger_than_a_day_are_candidates(store: FilePageStore) -> None:
    store.put_now(b"new")
    old, older = put_old(store, b"old"), put_old(store, b"older")
    age(store.path_of(older), timedelta(days=10))
    assert {file.sha256 for file in find_old_files(store, older_than=DAY)} == {old.sha256, older.sha256}
    assert {file.sha256 for file in find_old_files(store, older_than=timedelta(0))} == {old.sha256, older.sha256}
    assert {file.sha256 for file in find_old_files(store, older_than=timedelta(days=9))} == {older.sha256}
    assert timedelta(hours=24) == SAFETY_AGE


async def test_page_that_is_put_again_is_new(store: FilePageStore) -> None:
    ref = put_old(store, b"page")
    await store.put(b"page")
    assert find_old_files(store, older_than=DAY) == []
    assert await store.get(ref) == b"page"


def test_page_that_is_put_again_after_it_was_chosen_stays(store: FilePageStore) -> None:
    ref = put_old(store, b"page")
    (chosen,) = find_old_files(store, older_than=DAY)
    store.put_now(b"page")
    pages, _ = remove(store, [chosen])
    assert pages.count == 0
    assert store.get_now(ref) == b"page"
    assert [file.kind for file in stored_files(store)] == ["page"]


def test_removal_frees_what_it_says_and_leaves_foreign_files(store: FilePageStore) -> None:
    refs = [put_old(store, bytes([number]) * 100) for number in range(5)]
    foreign = store.root / "ab" / "notes.txt"
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("of somebody", encoding="utf-8")
    age(foreign, timedelta(days=99))
    size = sum(store.path_of(ref).stat().st_size for ref in refs)
    pages, left_over = remove(store, find_old_files(store, older_than=DAY))
    assert (pages.count, pages.size_bytes, left_over.count) == (5, size, 0)
    assert [file.path for file in stored_files(store)] == [foreign]


def test_left_overs_of_killed_writers_go_and_files_being_written_stay(store: FilePageStore) -> None:
    ref = store.put_now(b"page")
    killed, writing = (store.path_of(ref).with_name(f"{ref.sha256}.{name}.part") for name in ("0badcafe", "deadbeef"))
    killed.write_bytes(b"half")
    writing.write_bytes(b"half")
    age(killed)
    _, left_over = remove(store, find_old_files(store, older_than=DAY))
    assert left_over.count == 1
    assert not killed.exists()
    assert writing.exists()


def test_page_set_aside_by_an_interrupted_removal_is_read_put_and_brought_back(store: FilePageStore) -> None:
    read, again = put_old(store, b"read"), put_old(store, b"put again")
    for ref in (read, again):
        store.path_of(ref).rename(store.path_of(ref).with_suffix(".removing"))
    assert store.get_now(read) == b"read"
    assert check(store, [use(read)]).is_sound
    store.put_now(b"put again")
    remove(store, find_old_files(store, older_than=DAY))
    assert sorted(file.kind for file in stored_files(store)) == ["page", "page"]
    assert store.get_now(read) == b"read"
    assert store.get_now(again) == b"put again"


def test_removal_that_is_killed_leaves_no_used_page_unreadable_and_the_next_one_ends_it(store: FilePageStore) -> None:
    for number in range(2000):
        put_old(store, f"unused {number}".encode())
    used = put_old(store, b"used")
    program = (
        "import sys; from pathlib import Path; from datetime import timedelta\n"
        "from coranto.pages import FilePageStore\n"
        "from coranto.pages.retention import find_old_files, remove\n"
        "store = FilePageStore(Path(sys.argv[1]))\n"
        "files = [file for file in find_old_files(store, older_than=timedelta(days=1)) if file.sha256 != sys.argv[2]]\n"
        "print('begins', flush=True)\n"
        "remove(store, files)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(store.root), used.sha256], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert store.get_now(used) == b"used"
    for _ in range(2):  # what was set aside is brought back first, and judged like any other
        remove(store, [file for file in find_old_files(store, older_than=DAY) if file.sha256 != used.sha256])
    assert [file.sha256 for file in stored_files(store)] == [used.sha256]


async def test_no_page_is_lost_to_writers_that_put_while_pages_are_removed(store: FilePageStore) -> None:
    pages = [f"page {number}".encode() for number in range(200)]
    refs = [put_old(store, page) for page in pages]
    files = find_old_files(store, older_than=DAY)
    removing = asyncio.create_task(asyncio.to_thread(remove, store, files))
    # A page is safe from the moment its put returns, whether the removal came before or after.
    put = [asyncio.create_task(FilePageStore(store.root).put(page)) for page in reversed(pages)]
    for page, task in zip(reversed(pages), put, strict=True):
        assert await store.get(await task) == page
    await removing
    for ref, page in zip(refs, pages, strict=True):
        assert store.get_now(ref) == page


def test_removed_page_is_missing_by_name(store: FilePageStore) -> None:
    ref = put_old(store, b"page")
    remove(store, find_old_files(store, older_than=DAY))
    with pytest.raises(MissingPageError, match=ref.sha256):
        store.get_now(ref)


def test_every_page_of_a_record_counts() -> None:
    def page(letter: str) -> dict[str, object]:
        return {"sha256": letter * 64, "size_bytes": 1}

    record = {
        "discovery": {"saved": {"page": page("a"), "content_type": "text/html"}},
        "fetch": {"page": page("b"), "parts": [{"page": page("c")}, {"page": page("d")}]},
    }
    assert list(pages_of_record(record)) == ["b" * 64, "c" * 64, "d" * 64, "a" * 64]
    stored = finished().model_dump(mode="json", exclude_none=True)
    assert list(pages_of_record(stored)) == [finished().fetch.page.sha256]
    assert list(pages_of_record({})) == []


@pytest.mark.parametrize("around", [b'{"sha256": "%s"}', b"%s", b"x%sx", b"\xff%s\x00"])
def test_whatever_looks_like_a_page_in_an_event_counts(around: bytes) -> None:
    assert pages_in_event(around % (b"a1" * 32)) == {"a1" * 32}
    assert pages_in_event(b"a1" * 33) == set()
    assert pages_in_event(encode(fetched(), source="test")) >= {fetched().fetch.page.sha256}
