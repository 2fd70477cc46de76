"""`coranto restore`: puts a backup into an empty data directory, from which `coranto up` goes on."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from coranto.admin.backup import ARTICLES, JOURNAL, REDIS, BadBackupError, Manifest, unpack_backup
from coranto.admin.pipeline import pages_directory
from coranto.admin.redis_state import RestoreError, is_empty, load
from coranto.client import environment
from coranto.store.address import is_postgresql, shown
from coranto.store.interface import StoreError
from coranto.store.move import holds_anything, move
from coranto.store.sqlite.upkeep import bring_up_to_date, skip_numbers
from coranto.streams.connection import connect
from coranto_cli.articles.stored_articles import journal_path, store_address
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError
from coranto_cli.local.lock import lock_directory
from coranto_cli.local.plan import plan_for
from coranto_cli.local.redis_server import EmbeddedRedis
from coranto_cli.terminal.console import print_message, progress, write_json
from coranto_cli.terminal.options import DataOption, JsonOption
from coranto_cli.terminal.text import count


def restore(
    file: Annotated[Path, typer.Argument(help="File that `coranto backup` has written.")],
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Put a backup into an empty data directory and an empty Redis: that of CORANTO_REDIS__URL, else the one of `coranto up`.

    Articles go into the database of CORANTO_SINK__DATABASE, where that names one, wherever they were when they were backed up.
    The system must not run. Nothing that exists is overwritten; exit code 3 when something is there already.
    """
    manifest = asyncio.run(_restore(file, data))
    if as_json:
        write_json(asdict(manifest))
    else:
        what = f"{count(manifest.articles, 'article')}, {count(manifest.pages, 'page')}, {count(manifest.keys, 'key')} of Redis"
        option = "" if data is None else f" --data {shlex.quote(str(data))}"
        print_message(
            f"restored: {what}, as they were at {manifest.created_at}; `coranto up{option}` goes on from there"
        )


async def _restore(file: Path, data: Path | None) -> Manifest:
    directory, url = environment.data_directory(data), plan_for(data).redis_url
    # Twice: a restore that is refused must leave nothing behind, and only under the lock can nobody else begin.
    _require_readable(file)
    await _require_room(data, url)
    with _new_directory(directory), await lock_directory(directory, print_message):
        await _require_room(data, url)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".coranto-restore-") as folder:
            unpacked = Path(folder)
            manifest = _unpack(file, unpacked)
            if manifest.prefix != environment.prefix():
                raise CommandError(
                    f"the backup is of a pipeline with the prefix {manifest.prefix!r}: set CORANTO_PIPELINE__PREFIX to that",
                    exit_code=USAGE,
                )
            places = [(unpacked / "pages", pages_directory(data)), (unpacked / JOURNAL, journal_path(data))]
            address = store_address(data)
            if (unpacked / ARTICLES).exists():
                skip_numbers(unpacked / ARTICLES)
                if is_postgresql(address):
                    _fill_database(unpacked / ARTICLES, address)
                else:
                    places.insert(0, (unpacked / ARTICLES, Path(address)))
            await _fill_redis(unpacked, url, filled=address if is_postgresql(address) else None)
            # Redis of our own first: the other files are found by it, and a restore that was cut short is seen by them.
            if url is None:
                places.insert(0, (unpacked / "redis", directory / "redis"))
            for source, target in places:
                if source.exists():
                    _move(source, target)
    return manifest


def _require_readable(file: Path) -> None:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", exit_code=USAGE) from error


@contextmanager
def _new_directory(directory: Path) -> Iterator[None]:
    """A data directory to restore into; if that fails, what was made for it here goes again."""
    made = [path for path in (directory / "run", directory, *directory.parents) if not path.exists()]
    (directory / "run").mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if made:
            (directory / "run" / "up.lock").unlink(missing_ok=True)
            with suppress(OSError):  # not empty: something was restored before it failed, or somebody else is there
                for path in made:
                    path.rmdir()
        raise


def _unpack(file: Path, into: Path) -> Manifest:
    try:
        with file.open("rb") as source, progress() as bar:
            task = bar.add_task("pages", total=None)
            return unpack_backup(source, into, on_page=lambda: bar.advance(task))
    except BadBackupError as error:
        raise CommandError(f"{file} is not restored: {error}", exit_code=USAGE) from error


def _fill_database(articles: Path, address: str | Path) -> None:
    """Put the articles into the database, all or none."""
    try:
        bring_up_to_date(articles)  # the backup may be older than the program
        with progress() as bar:
            task = bar.add_task("articles", total=None)
            move(articles, address, on_rows=lambda table, number: bar.update(task, description=table, advance=number))
    except StoreError as error:
        raise CommandError(f"nothing is restored: {error}") from error


async def _fill_redis(unpacked: Path, url: str | None, *, filled: str | Path | None) -> None:
    own = None
    if url is None:
        own = EmbeddedRedis(unpacked)
        await asyncio.to_thread(own.start)
        url = own.url
    try:
        async with connect(url) as redis:
            with (unpacked / REDIS).open(encoding="utf-8") as lines:
                await load(redis, lines)
    except RestoreError as error:
        what = "nothing is restored" if filled is None else f"only the articles are restored, into {shown(filled)}"
        raise CommandError(f"{what}: {error}") from error
    finally:
        if own is not None:
            await asyncio.to_thread(own.stop)


async def _require_room(data: Path | None, url: str | None) -> None:
    """Raise CommandError when there is something that a restore would replace or mix with."""
    address = store_address(data)
    files = [journal_path(data)] if is_postgresql(address) else [Path(address), journal_path(data)]
    there: list[Path | str] = [path for path in files if path.exists()]
    try:
        if is_postgresql(address) and holds_anything(address):
            there.append(f"an article store in {shown(address)}")
    except StoreError as error:
        raise CommandError(f"nothing is restored: {error}") from error
    folders = [pages_directory(data), *([environment.data_directory(data) / "redis"] if url is None else [])]
    there += [folder for folder in folders if folder.is_dir() and any(folder.iterdir())]
    if there:
        raise CommandError(
            f"nothing is restored: there is {', '.join(map(str, there))} already; name another directory with --data, another "
            "database with CORANTO_SINK__DATABASE, or move that away",
            exit_code=NOT_FOUND,
        )
    if url is not None:
        async with connect(url) as redis:
            if not await is_empty(redis, environment.prefix()):
                raise CommandError(
                    f"nothing is restored: the Redis of CORANTO_REDIS__URL has keys of a pipeline {environment.prefix()!r} already",
                    exit_code=NOT_FOUND,
                )


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():  # empty, as we have seen
        target.rmdir()
    shutil.move(source, target)
