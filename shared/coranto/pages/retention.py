"""Which pages of a store are used, whole and in order, and how those that nothing uses are removed.

Everything here works while workers run. A page that is put again counts as new, and removing one never takes it from a
writer that has just found it there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from coranto.pages.store import ABANDONED_AFTER, SET_ASIDE, CorruptPageError, FilePageStore, MissingPageError

SAFETY_AGE = timedelta(hours=24)
"""No page that was put within this span is removed: the message that refers to it may not have been published yet."""

_SHA256 = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
# The name of a saved page is an address, which stays in events long after the page was done with.
_SHA256_OF_PAGE = re.compile(rb"(?<!urn:sha256:)" + _SHA256.pattern)
_SUFFIXES: Mapping[str, FileKind] = {".zst": "page", ".part": "partial", SET_ASIDE: "removing"}

FileKind = Literal["page", "partial", "removing", "foreign"]
"""partial: left by a writer, or being written; removing: left by a removal that was interrupted; foreign: none of ours."""


@dataclass(frozen=True, slots=True)
class PageUse:
    """One stored revision that refers to a page."""

    sha256: str
    article_id: str
    revision: int
    url: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file in the page store."""

    path: Path
    kind: FileKind
    sha256: str
    """Of a page: its key."""
    size_bytes: int
    modified_at: float
    """Unix time of the last put of this page."""

    def is_older_than(self, age: timedelta, *, now: float) -> bool:
        """Whether it was put longer ago than that."""
        return now - self.modified_at > age.total_seconds()


@dataclass(slots=True)
class Total:
    """A number of files and what they take on disk."""

    count: int = 0
    size_bytes: int = 0

    def add(self, file: StoredFile) -> None:
        """Count one more."""
        self.count += 1
        self.size_bytes += file.size_bytes


@dataclass(slots=True)
class PageReport:
    """What a check found."""

    pages: Total = field(default_factory=Total)
    missing: list[PageUse] = field(default_factory=list)
    """Stored revisions whose page is not in the store."""
    corrupt: dict[str, str] = field(default_factory=dict)
    """Pages that cannot be read, by key, with what is wrong."""
    orphans: Total = field(default_factory=Total)
    """Pages that nothing refers to."""
    abandoned: Total = field(default_factory=Total)
    """Files of writers and removals that were killed."""
    foreign: Total = field(default_factory=Total)
    """Files that are none of the store's."""

    @property
    def is_sound(self) -> bool:
        """Whether every page that is referred to is there, and every page can be read."""
        return not self.missing and not self.corrupt


def pages_of_record(record: Mapping[str, Any]) -> Iterator[str]:
    """Keys of the pages that a stored record refers to: the page, its further parts, and the file that was handed over."""
    fetch = record.get("fetch") or {}
    saved = (record.get("discovery") or {}).get("saved") or {}
    for holder in (fetch, *(fetch.get("parts") or ()), saved):
        page = holder.get("page")
        if page:
            yield page["sha256"]


def pages_in_event(event: bytes) -> set[str]:
    """Whatever in the event may be the key of a page: too many rather than too few, whatever its type and version."""
    return {found.decode() for found in _SHA256_OF_PAGE.findall(event)}


def stored_files(store: FilePageStore) -> Iterator[StoredFile]:
    """Every file in the store, folder by folder. Those that vanish meanwhile are left out."""
    if not store.root.is_dir():
        return
    for folder in sorted(store.root.iterdir()):
        for path in sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else (folder,):
            with suppress(FileNotFoundError):
                status = path.lstat()
                yield StoredFile(path, _kind_of(path), path.name[:64], status.st_size, status.st_mtime)


def _kind_of(path: Path) -> FileKind:
    name = path.name[:64]
    is_ours = _SHA256.fullmatch(name.encode()) is not None and path.parent.name == name[:2] and path.is_file()
    return _SUFFIXES.get(path.suffix, "foreign") if is_ours else "foreign"


def check(
    store: FilePageStore,
    uses: Iterable[PageUse],
    in_pipeline: Collection[str] = (),
    *,
    reads_pages: bool = True,
    on_file: Callable[[], object] = lambda: None,
) -> PageReport:
    """What is missing, corrupt, unused or left over. Reads every page unless told not to; changes nothing."""
    report, now = PageReport(), time.time()
    used: dict[str, list[PageUse]] = {}
    for use in uses:
        used.setdefault(use.sha256, []).append(use)
    found: set[str] = set()
    for file in stored_files(store):
        on_file()
        match file.kind:
            case "page":
                found.add(file.sha256)
                report.pages.add(file)
                if file.sha256 not in used and file.sha256 not in in_pipeline:
                    report.orphans.add(file)
                if reads_pages and (fault := _find_fault(store, file.sha256)) is not None:
                    report.corrupt[file.sha256] = fault
            case "foreign":
                report.foreign.add(file)
            case "removing":
                found.add(file.sha256)  # it can still be read, and comes back with the next removal
                report.abandoned.add(file)
            case _ if file.is_older_than(ABANDONED_AFTER, now=now):
                report.abandoned.add(file)
    absent = (use for sha256, each in used.items() if sha256 not in found for use in each)
    # One that was put while we looked is there after all.
    report.missing = [use for use in absent if not store.path_of(use.sha256).exists()]
    return report


def _find_fault(store: FilePageStore, sha256: str) -> str | None:
    try:
        store.verify_now(sha256)
    except MissingPageError:
        return None  # removed since we saw it
    except (CorruptPageError, OSError) as error:
        return str(error)
    return None


def find_old_files(store: FilePageStore, *, older_than: timedelta) -> list[StoredFile]:
    """Pages that were put longer ago than that, and files that killed writers and removals left."""
    now = time.time()
    ages: dict[FileKind, timedelta] = {
        "page": max(older_than, SAFETY_AGE),
        "partial": ABANDONED_AFTER,
        "removing": ABANDONED_AFTER,
    }
    return [file for file in stored_files(store) if file.kind in ages and file.is_older_than(ages[file.kind], now=now)]


def remove(
    store: FilePageStore, files: Sequence[StoredFile], *, on_file: Callable[[], object] = lambda: None
) -> tuple[Total, Total]:
    """Remove these files, and give what went: pages and left-overs. Those that were put again meanwhile stay.

    Safe to interrupt: the next removal goes on with what is left.
    """
    pages, left_over = Total(), Total()
    for file in files:
        on_file()
        if file.kind == "page":
            if _remove_page(store, file):
                pages.add(file)
        elif file.kind == "removing":
            # It was not decided when the removal was interrupted: it is a page again, and judged like any other.
            _put_back(file.path, store.path_of(file.sha256))
        elif file.kind == "partial":
            with suppress(FileNotFoundError):
                file.path.unlink()
                left_over.add(file)
    return pages, left_over


def _remove_page(store: FilePageStore, file: StoredFile) -> bool:
    """Remove the page unless it was put again after we saw it.

    A writer that finds the page touches it. It is moved aside first and judged there: either the writer came before,
    and the touch shows, or it comes after, and finds no page and writes one.
    """
    path = store.path_of(file.sha256)
    aside = path.with_suffix(SET_ASIDE)
    try:
        path.rename(aside)
        if aside.stat().st_mtime > file.modified_at:
            _put_back(aside, path)
            return False
        aside.unlink()
    except FileNotFoundError:  # another removal was quicker, or has put it back
        return False
    return True


def _put_back(aside: Path, path: Path) -> None:
    with suppress(FileNotFoundError):
        if path.exists():  # written anew meanwhile: the same bytes
            aside.unlink()
        else:
            aside.rename(path)
