"""Content-addressed storage of pages on a file system that all services share.

A page is written once under the SHA-256 of its bytes, compressed with zstd, by atomic rename after fsync, and verified
on every read. Object stores take the same interface; which one is used is decided in the services' settings.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import zstandard

from coranto.records import PageRef

ABANDONED_AFTER = timedelta(hours=1)
"""A .part file that is older was left by a writer that was killed."""
SET_ASIDE = ".removing"
"""Suffix of a page that `retention` is about to remove."""

_LARGEST_PAGE_BYTES = 1_000_000_000  # ten times the largest that anybody hands in


class MissingPageError(LookupError):
    """The store has no page under this reference."""


class CorruptPageError(ValueError):
    """What is stored under this reference is not the page it stands for."""


class PageTooLargeError(ValueError):
    """The page is larger than the reader allows."""


class PageStore(Protocol):
    """Where pages are kept. Writing the same bytes twice is the same as writing them once."""

    async def put(self, page: bytes) -> PageRef:
        """Keep the page durably and give its reference. Raises OSError when it cannot be kept."""

    async def get(self, ref: PageRef, *, max_bytes: int | None = None) -> bytes:
        """The page's bytes, verified. Raises MissingPageError, CorruptPageError, PageTooLargeError or OSError."""


class FilePageStore:
    """A page store in a directory: `ab/abcdef….zst`."""

    # Level 3 is zstd's own default; on news pages level 9 saves 6 % more for four times the CPU.
    _LEVEL = 3

    def __init__(self, root: Path) -> None:
        self.root = root
        self._swept: set[Path] = set()

    async def put(self, page: bytes) -> PageRef:
        """Keep the page durably and give its reference. Raises OSError when it cannot be kept."""
        return await asyncio.to_thread(self.put_now, page)

    async def get(self, ref: PageRef, *, max_bytes: int | None = None) -> bytes:
        """The page's bytes, verified. Raises MissingPageError, CorruptPageError, PageTooLargeError or OSError."""
        return await asyncio.to_thread(self.get_now, ref, max_bytes=max_bytes)

    def put_now(self, page: bytes) -> PageRef:
        """As `put`, for programs without an event loop and for processes that do nothing else."""
        ref = PageRef(sha256=hashlib.sha256(page).hexdigest(), size_bytes=len(page))
        path = self.path_of(ref)
        if self._holds(ref) and _touch(path):
            return ref
        path.parent.mkdir(parents=True, exist_ok=True)
        self._sweep(path.parent)
        # A writer killed here leaves a .part file and no page; the name is its own, so two writers never mix.
        partial = path.with_name(f"{ref.sha256}.{secrets.token_hex(4)}.part")
        try:
            with partial.open("wb") as file:
                file.write(zstandard.ZstdCompressor(level=self._LEVEL, write_checksum=True).compress(page))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)
        return ref

    def get_now(self, ref: PageRef, *, max_bytes: int | None = None) -> bytes:
        """As `get`, for programs without an event loop and for processes that do nothing else."""
        if max_bytes is not None and ref.size_bytes > max_bytes:
            raise PageTooLargeError(f"page {ref.sha256} has {ref.size_bytes} bytes, at most {max_bytes} are allowed")
        packed = self._read(ref.sha256)
        try:
            # The bound is the size that was recorded, so a swapped file cannot unpack to more. `max_output_size` does not
            # serve: the library allocates whatever size the file itself states.
            stated = zstandard.frame_content_size(packed)
            if stated != ref.size_bytes:
                raise CorruptPageError(f"page {ref.sha256} has {ref.size_bytes} bytes, its file states {stated}")
            page = zstandard.ZstdDecompressor().decompress(packed)
        except zstandard.ZstdError as error:
            raise CorruptPageError(f"page {ref.sha256} cannot be unpacked: {error}") from error
        if hashlib.sha256(page).hexdigest() != ref.sha256:
            raise CorruptPageError(f"page {ref.sha256} holds other bytes than its name says")
        return page

    def verify_now(self, sha256: str) -> None:
        """Return when the page under this key is whole. Raises MissingPageError, CorruptPageError or OSError."""
        try:
            stated = zstandard.frame_content_size(self._read(sha256))
        except zstandard.ZstdError as error:
            raise CorruptPageError(f"page {sha256} cannot be unpacked: {error}") from error
        if not 0 <= stated <= _LARGEST_PAGE_BYTES:  # reading would allocate whatever the file states
            raise CorruptPageError(f"page {sha256} states a size of {stated} bytes")
        self.get_now(PageRef(sha256=sha256, size_bytes=stated))

    def _read(self, sha256: str) -> bytes:
        path = self.path_of(sha256)
        # A removal moves a page aside before it decides, and may have been interrupted there.
        for place in (path, path.with_suffix(SET_ASIDE)):
            with suppress(FileNotFoundError):
                return place.read_bytes()
        raise MissingPageError(f"page {sha256} is not in {self.root}")

    def _holds(self, ref: PageRef) -> bool:
        """Whether the page is there and whole. One that the disk has damaged is written again."""
        try:
            self.get_now(ref)
        except (MissingPageError, CorruptPageError):
            return False
        return True

    def _sweep(self, directory: Path) -> None:
        """Remove what writers that were killed have left in the directory; once in the life of this store."""
        if directory in self._swept:
            return
        self._swept.add(directory)
        for partial in directory.glob("*.part"):
            with suppress(FileNotFoundError):  # another process sweeps as well
                if time.time() - partial.stat().st_mtime > ABANDONED_AFTER.total_seconds():
                    partial.unlink()

    def path_of(self, ref: PageRef | str) -> Path:
        """Where the page is, or would be, from its reference or its key."""
        sha256 = ref if isinstance(ref, str) else ref.sha256
        return self.root / sha256[:2] / f"{sha256}.zst"


def _touch(path: Path) -> bool:
    """Mark the page as put now, so that `retention` leaves it; False when it has just been removed."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except PermissionError:  # another user's file in a shared directory: it is there, and that has to do
        return True
    return True


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
