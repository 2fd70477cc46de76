"""The page store: a page that was put is there, whole, or there is none; what is wrong with one is said by name."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard

from coranto.pages import CorruptPageError, FilePageStore, MissingPageError, PageTooLargeError
from coranto.records import PageRef

PAGE = "<p>Мост через реку откроют в понедельник.</p>".encode() * 200


@pytest.fixture
def store(tmp_path: Path) -> FilePageStore:
    return FilePageStore(tmp_path / "pages")


def files_in(store: FilePageStore) -> list[Path]:
    return sorted(path for path in store.root.rglob("*") if path.is_file())


@pytest.mark.parametrize("page", [PAGE, b"", b"\x00", os.urandom(100_000)], ids=["text", "empty", "a NUL", "noise"])
async def test_a_page_comes_back_as_it_was_put(store: FilePageStore, page: bytes) -> None:
    ref = await store.put(page)
    assert ref == PageRef(sha256=hashlib.sha256(page).hexdigest(), size_bytes=len(page))
    assert await store.get(ref) == page


async def test_the_same_page_is_kept_once_and_compressed(store: FilePageStore) -> None:
    assert await store.put(PAGE) == await store.put(PAGE)
    (path,) = files_in(store)
    assert path == store.path_of(await store.put(PAGE))
    assert path.stat().st_size < len(PAGE) / 10


async def test_a_page_that_was_never_put_is_missing_by_name(store: FilePageStore) -> None:
    ref = PageRef(sha256="a" * 64, size_bytes=10)
    with pytest.raises(MissingPageError, match=r"page a{64} is not in"):
        await store.get(ref)


@pytest.mark.parametrize("place", [0, 4, 9, 40, -1])
async def test_a_flipped_bit_is_found_wherever_it_is(store: FilePageStore, place: int) -> None:
    ref = await store.put(PAGE)
    damaged = bytearray(store.path_of(ref).read_bytes())
    damaged[place] ^= 0x40
    store.path_of(ref).write_bytes(damaged)
    with pytest.raises(CorruptPageError, match=ref.sha256):
        await store.get(ref)


@pytest.mark.parametrize("length", [0, 3, 20, -1])
async def test_a_file_that_was_cut_off_is_corrupt(store: FilePageStore, length: int) -> None:
    ref = await store.put(PAGE)
    path = store.path_of(ref)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CorruptPageError, match=ref.sha256):
        await store.get(ref)


async def test_a_damaged_page_is_whole_again_once_it_is_put_again(store: FilePageStore) -> None:
    ref = await store.put(PAGE)
    store.path_of(ref).write_bytes(b"")
    assert await store.put(PAGE) == ref
    assert await store.get(ref) == PAGE


async def test_another_page_in_its_place_is_corrupt(store: FilePageStore) -> None:
    ref, other = await store.put(PAGE), await store.put(PAGE.swapcase())
    store.path_of(other).replace(store.path_of(ref))
    with pytest.raises(CorruptPageError, match="holds other bytes than its name says"):
        await store.get(ref)


async def test_a_file_that_would_unpack_to_more_than_was_recorded_is_not_unpacked(store: FilePageStore) -> None:
    ref = await store.put(PAGE)
    store.path_of(ref).write_bytes(zstandard.ZstdCompressor().compress(bytes(200_000_000)))
    tracemalloc.start()
    with pytest.raises(CorruptPageError, match="its file states 200000000"):
        await store.get(ref)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


async def test_a_page_over_the_reader_s_limit_is_not_read(store: FilePageStore) -> None:
    ref = await store.put(PAGE)
    with pytest.raises(PageTooLargeError, match=f"has {len(PAGE)} bytes, at most 100 are allowed"):
        await store.get(ref, max_bytes=100)
    assert await store.get(ref, max_bytes=len(PAGE)) == PAGE


async def test_a_full_disk_is_an_os_error_and_leaves_nothing_behind(
    store: FilePageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            await store.put(PAGE)
    assert files_in(store) == []
    assert await store.get(await store.put(PAGE)) == PAGE


async def test_a_page_is_on_the_disk_before_it_has_its_name_and_its_name_before_put_returns(
    store: FilePageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        steps.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def noted_replace(path: Path, target: Path) -> Path:
        steps.append("name")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    await store.put(PAGE)
    assert steps == ["file", "name", "directory"]


def test_writers_of_the_same_page_at_the_same_time_leave_one_whole_page(store: FilePageStore) -> None:
    ready = threading.Barrier(8)

    def write_and_read(_number: int) -> bytes:
        ready.wait()
        return store.get_now(store.put_now(PAGE))

    with ThreadPoolExecutor(8) as writers:
        assert set(writers.map(write_and_read, range(8))) == {PAGE}
    assert len(files_in(store)) == 1


async def test_a_reader_beside_a_writer_sees_no_page_or_all_of_it(store: FilePageStore) -> None:
    page = os.urandom(3_000_000)
    ref = PageRef(sha256=hashlib.sha256(page).hexdigest(), size_bytes=len(page))
    writing = asyncio.create_task(store.put(page))
    seen = 0
    while seen < 3:
        try:
            assert await store.get(ref) == page
            seen += 1
        except MissingPageError:
            await asyncio.sleep(0)
    await writing


KILLED_WRITER = """
import os, sys, time
from pathlib import Path
from coranto.pages import FilePageStore

def wait_to_be_killed(descriptor):
    print("writing", flush=True)
    time.sleep(60)

os.fsync = wait_to_be_killed
FilePageStore(Path(sys.argv[1])).put_now(sys.stdin.buffer.read())
"""


def test_a_writer_killed_in_the_middle_leaves_no_page_and_the_next_one_writes_it(store: FilePageStore) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_WRITER, str(store.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write(PAGE)
        writer.stdin.close()
        assert writer.stdout.readline() == b"writing\n"
        writer.send_signal(signal.SIGKILL)
    ref = PageRef(sha256=hashlib.sha256(PAGE).hexdigest(), size_bytes=len(PAGE))
    with pytest.raises(MissingPageError):
        store.get_now(ref)
    assert [path.suffix for path in files_in(store)] == [".part"]
    assert store.put_now(PAGE) == ref
    assert store.get_now(ref) == PAGE
    # What a writer has left an hour ago nobody writes on; until then it may be another's work.
    left = next(path for path in files_in(store) if path.suffix == ".part")
    FilePageStore(store.root).put_now(PAGE)
    assert left.exists()
    os.utime(left, (time.time() - 4000, time.time() - 4000))
    store.path_of(ref).unlink()
    FilePageStore(store.root).put_now(PAGE)
    assert not left.exists()
