"""One file with everything that a system keeps: articles, pages, feeds, and what is on its way through the stages.

A tar archive, compressed with Zstandard, which `tar` opens too. Made while services run, it is consistent in this sense: each
article that was accepted before is stored in it, or on its way in it. Redis is read first, so a message that moves on meanwhile
is in both and not in neither; a stage that gets it again has no second effect.
"""

from __future__ import annotations

import io
import json
import re
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import zstandard

from coranto.admin.pipeline import ConnectedPipeline
from coranto.admin.redis_state import dump
from coranto.pages import FilePageStore
from coranto.pages.retention import stored_files
from coranto.store.address import is_postgresql
from coranto.store.move import move
from coranto.store.sqlite.upkeep import copy_database

FORMAT = 1
MANIFEST, REDIS, ARTICLES, JOURNAL = "manifest.json", "redis.jsonl", "articles.sqlite", "journal.sqlite"
_PAGE = re.compile(r"pages/([0-9a-f]{2})/\1[0-9a-f]{62}\.zst")
_LARGEST_MANIFEST_BYTES = 1_000_000
_LEVEL = 3

OnPage = Callable[[], object]


class BadBackupError(RuntimeError):
    """The file is not a backup, or not a whole one."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a system keeps what it keeps, beside Redis."""

    articles: str | Path
    """Address of the article store."""
    pages: Path
    journal: Path
    """Of submissions that have not ended, kept beside Redis in case it loses them."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds; the first thing in it is what is known first, the counts come last."""

    created_at: str
    coranto: str
    redis: str
    """Version of the server, of which a later one can read it."""
    prefix: str
    keys: int = 0
    articles: int = 0
    revisions: int = 0
    pages: int = 0
    has_journal: bool = False
    format: int = FORMAT


async def write_backup(
    pipeline: ConnectedPipeline, places: Places, target: IO[bytes], *, scratch: Path, on_page: OnPage = lambda: None
) -> Manifest:
    """Write the backup, and give its manifest. `scratch` is a directory for copies of the databases while they are packed.

    Raises StoreError, OSError and redis' own errors; then what was written is not a backup: it has no manifest.
    """
    server: Any = await pipeline.redis.info("server")
    with (
        tempfile.TemporaryDirectory(dir=scratch, prefix=".coranto-backup-") as folder,
        zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).stream_writer(target, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        copy = Path(folder) / "copy"
        keys = 0
        with copy.open("w", encoding="utf-8") as lines:
            async for line in dump(pipeline):
                lines.write(f"{line}\n")
                keys += 1
        archive.add(copy, REDIS)
        has_journal = _add_database(archive, places.journal, JOURNAL, copy)
        articles = revisions = 0
        if _add_articles(archive, places.articles, copy):
            articles, revisions = _count(copy)
        pages = 0
        # Last: a record or message that is in the archive by now refers to pages that are there already.
        for file in stored_files(FilePageStore(places.pages)):
            if file.kind == "page":
                pages += _add_page(archive, file.path, file.sha256)
                on_page()
        manifest = Manifest(
            datetime.now(UTC).isoformat(timespec="seconds"),
            version("coranto"),
            str(server.get("redis_version", "unknown")),
            pipeline.topology.prefix,
            keys,
            articles,
            revisions,
            pages,
            has_journal,
        )
        _add_bytes(archive, MANIFEST, json.dumps(asdict(manifest), indent=2).encode())
    return manifest


def _add_database(archive: tarfile.TarFile, source: Path, name: str, copy: Path) -> bool:
    """Add a consistent copy of the database. False where there is none yet."""
    copy.unlink(missing_ok=True)
    if not source.exists():
        return False
    copy_database(source, copy)
    archive.add(copy, name)
    return True


def _add_articles(archive: tarfile.TarFile, address: str | Path, copy: Path) -> bool:
    """Add the article store, as a file of SQLite wherever it is. False where there is none yet."""
    if not is_postgresql(address):
        return _add_database(archive, Path(address), ARTICLES, copy)
    copy.unlink(missing_ok=True)
    try:
        move(address, copy)
    except FileNotFoundError:
        return False
    archive.add(copy, ARTICLES)
    return True


def _add_page(archive: tarfile.TarFile, path: Path, sha256: str) -> int:
    try:
        body = path.read_bytes()
    except FileNotFoundError:  # removed since it was listed
        return 0
    _add_bytes(archive, f"pages/{sha256[:2]}/{sha256}.zst", body)
    return 1


def _add_bytes(archive: tarfile.TarFile, name: str, body: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = len(body), int(datetime.now(UTC).timestamp()), 0o600
    archive.addfile(entry, io.BytesIO(body))


def _count(database: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        articles, revisions = (
            connection.execute(query).fetchone()[0]
            for query in ("SELECT count(*) FROM articles", "SELECT count(*) FROM revisions")
        )
    return articles, revisions


def unpack_backup(source: IO[bytes], into: Path, *, on_page: OnPage = lambda: None) -> Manifest:
    """Unpack the backup into an empty directory, and check that it is whole. Nothing is written outside of the directory.

    Raises BadBackupError, and OSError.
    """
    manifest: Manifest | None = None
    pages = 0
    try:
        with _opened(source) as archive:
            for entry in archive:
                body = archive.extractfile(entry) if entry.isfile() else None
                is_page = _PAGE.fullmatch(entry.name) is not None
                if body is None or not (is_page or entry.name in (MANIFEST, REDIS, ARTICLES, JOURNAL)):
                    raise BadBackupError(f"it holds {entry.name!r}, which no backup does")
                if entry.name == MANIFEST:
                    manifest = _read_manifest(body.read(_LARGEST_MANIFEST_BYTES))
                    continue
                _copy(body, into / entry.name)
                if is_page:
                    pages += 1
                    on_page()
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise BadBackupError(f"it is not a backup, or cut short: {error}") from error
    if manifest is None:
        raise BadBackupError("it is cut short: the manifest, which comes last, is missing")
    _check(manifest, into, pages)
    return manifest


@contextmanager
def _opened(source: IO[bytes]) -> Iterator[tarfile.TarFile]:
    with (
        zstandard.ZstdDecompressor().stream_reader(source, closefd=False) as unpacked,
        tarfile.open(fileobj=unpacked, mode="r|") as archive,
    ):
        yield archive


def _copy(body: IO[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while block := body.read(1 << 20):
            file.write(block)


def _read_manifest(text: bytes) -> Manifest:
    try:
        fields = json.loads(text)
        if fields["format"] != FORMAT:
            raise BadBackupError(
                f"it has format {fields['format']}, this program reads format {FORMAT}: use the other version"
            )
        return Manifest(**{name: fields[name] for name in Manifest.__dataclass_fields__})
    except (ValueError, KeyError, TypeError) as error:
        raise BadBackupError(f"its manifest cannot be read: {error!r}") from error


def _check(manifest: Manifest, into: Path, pages: int) -> None:
    found: dict[str, int] = {"pages": pages, "keys": _lines_in(into / REDIS), "articles": 0, "revisions": 0}
    database = into / ARTICLES
    if database.exists():
        try:
            found["articles"], found["revisions"] = _count(database)
        except sqlite3.Error as error:
            raise BadBackupError(f"its article store cannot be read: {error}") from error
    for name, number in found.items():
        if number != (wanted := getattr(manifest, name)):
            raise BadBackupError(f"it holds {number} {name}, its manifest says {wanted}")
    if manifest.has_journal != (into / JOURNAL).exists():
        raise BadBackupError("the journal of submissions is missing")


def _lines_in(file: Path) -> int:
    if not file.exists():
        return 0
    with file.open("rb") as lines:
        return sum(1 for _ in lines)
