"""`coranto dead edit`."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from coranto.admin import dead_letters
from coranto.admin.dead_letters import Reference
from coranto.admin.pipeline import connected
from coranto.records.envelope import MalformedEventError
from coranto_cli.commands.dead.letters import get_letter, not_found, pretty
from coranto_cli.commands.dead.options import LetterArgument
from coranto_cli.errors import USAGE, CommandError
from coranto_cli.terminal.console import print_result
from coranto_cli.terminal.options import DataOption, DryRunOption


def edit(
    letter: LetterArgument,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="File with the edited event; - for standard input. By default $EDITOR opens."),
    ] = None,
    dry_run: DryRunOption = False,
    data: DataOption = None,
) -> None:
    """Edit a dead letter's event and redeliver it to its stage. Nothing is sent unless the event validates."""
    found = asyncio.run(get_letter(letter, data))
    reference = Reference.of(found)
    before = pretty(found.event)
    after = _edited(before) if file is None else sys.stdin.read() if str(file) == "-" else _read(file)
    if file is None and after.strip() == before.strip():
        print_result("nothing was changed, so nothing is sent")
        return
    try:
        event = json.dumps(json.loads(after), ensure_ascii=False).encode()
    except ValueError as error:
        raise CommandError(f"the edited event is not JSON: {error}; nothing was sent", exit_code=USAGE) from error
    asyncio.run(_send_edited(reference, event, dry_run, data))


async def _send_edited(reference: Reference, event: bytes, dry_run: bool, data: Path | None) -> None:
    try:
        if dry_run:
            dead_letters.check_event(reference, event)
            print_result(f"{reference} would be redelivered with the edited event")
            return
        async with connected(data) as pipeline:
            if not await dead_letters.redeliver_edited(pipeline.streams, reference, event):
                raise not_found(reference)
    except MalformedEventError as error:
        raise CommandError(f"the edited event does not validate: {error}; nothing was sent", exit_code=USAGE) from error
    print_result(f"{reference} was redelivered with the edited event")


def _edited(text: str) -> str:
    """The text as the user leaves it in the editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise CommandError("no editor is set: set EDITOR, or give the edited event with --file FILE", exit_code=USAGE)
    with tempfile.TemporaryDirectory(prefix="coranto-") as directory:
        file = Path(directory) / "event.json"
        file.write_text(text + "\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)  # noqa: S603 - the editor the user has chosen
        except (OSError, subprocess.CalledProcessError) as error:
            raise CommandError(f"the editor failed ({error}); nothing was sent") from error
        return file.read_text(encoding="utf-8")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}", exit_code=USAGE) from error
