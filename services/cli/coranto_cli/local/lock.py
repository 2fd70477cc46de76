"""The lock on a data directory: one supervisor at a time."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from coranto_cli.errors import CommandError
from coranto_cli.local import reaper

_PATIENCE_SECONDS = 30.0  # what a killed supervisor left behind ends within ten


async def lock_directory(data: Path, report: Callable[[str], None]) -> IO[str]:
    """The lock on the data directory. Raises CommandError when another `coranto up` has it."""
    file = (data / "run" / "up.lock").open("a+", encoding="utf-8")
    deadline, is_reported = time.monotonic() + _PATIENCE_SECONDS, False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read().strip()
            if (owner.isdigit() and reaper.is_alive(int(owner))) or time.monotonic() > deadline:
                file.close()
                raise CommandError(
                    f"the directory {data} is in use by another `coranto up` (process {owner or 'unknown'}); "
                    "stop that one, or choose another directory with --data"
                ) from error
            if not is_reported:
                report("waiting for what a killed `coranto up` left behind to stop")
                is_reported = True
            await asyncio.sleep(0.2)
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
