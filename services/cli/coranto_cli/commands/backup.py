"""`coranto backup`: everything that the running system keeps, in one file."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Annotated

import typer

from coranto.admin.backup import Manifest, Places, write_backup
from coranto.admin.pipeline import connected, pages_directory
from coranto.store.interface import StoreError
from coranto_cli.articles.stored_articles import journal_path, store_address
from coranto_cli.errors import NOT_FOUND, USAGE, CommandError
from coranto_cli.terminal.console import print_message, progress, write_json
from coranto_cli.terminal.options import DataOption, JsonOption
from coranto_cli.terminal.text import count, size


def backup(
    file: Annotated[Path, typer.Argument(help="File to write, such as coranto.tar.zst; - for standard output.")],
    is_forced: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Write everything the running system keeps into one file: articles, pages, feeds, and what is on its way. Services go on.

    `coranto restore` puts it back. The file is as confidential as the system: keep it as one. Exit code 3 when it exists already.
    """
    with _target(file, is_forced=is_forced) as (written, scratch):
        manifest = asyncio.run(_write(written, scratch, data))
    if str(file) == "-":
        print_message(_in_words(manifest))
    elif as_json:
        write_json({"file": str(file), "bytes": file.stat().st_size, **asdict(manifest)})
    else:
        print_message(f"{_in_words(manifest)} written to {file}, {size(file.stat().st_size)}")


async def _write(written: IO[bytes], scratch: Path, data: Path | None) -> Manifest:
    places = Places(store_address(data), pages_directory(data), journal_path(data))
    with progress() as bar:
        task = bar.add_task("pages", total=None)
        async with connected(data) as pipeline:
            try:
                return await write_backup(pipeline, places, written, scratch=scratch, on_page=lambda: bar.advance(task))
            except StoreError as error:
                raise CommandError(str(error)) from error


@contextmanager
def _target(file: Path, *, is_forced: bool) -> Iterator[tuple[IO[bytes], Path]]:
    """Where to write, and a directory for temporary files beside it: there is room where the backup finds room."""
    if str(file) == "-":
        yield sys.stdout.buffer, Path(tempfile.gettempdir())
        return
    target = file.resolve()
    if target.is_dir() or not target.parent.is_dir():
        what = "is a directory" if target.is_dir() else f"there is no directory {target.parent}"
        raise CommandError(f"cannot write to {file}: {what}", exit_code=USAGE)
    if target.exists() and not target.is_file():
        raise CommandError(f"cannot write to {file}: it is not a regular file; - is standard output", exit_code=USAGE)
    if target.exists() and not is_forced:
        raise CommandError(
            f"{file} exists already; choose another name, or replace it with --force", exit_code=NOT_FOUND
        )
    # An earlier backup of this name stays until the new one is whole.
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("wb") as written:
            partial.chmod(0o600)
            yield written, target.parent
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _in_words(manifest: Manifest) -> str:
    return ", ".join(
        (
            count(manifest.articles, "article"),
            count(manifest.revisions, "revision"),
            count(manifest.pages, "page"),
            count(manifest.keys, "key of Redis", "keys of Redis"),
        )
    )
