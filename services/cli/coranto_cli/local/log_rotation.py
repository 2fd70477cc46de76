"""Keeps the log files of processes that cannot rotate them by themselves within bounds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_LOG_BYTES = 10_000_000


def bound_log(file: Path, *, most_bytes: int = _LOG_BYTES) -> None:
    """Move a log that has grown too long aside, by copying, so that the process that writes it need not know.

    One older file is kept. Lines that are written while it is copied may be lost.
    """
    if not file.exists() or file.stat().st_size <= most_bytes:
        return
    shutil.copyfile(file, file.with_name(f"{file.name}.1"))
    os.truncate(file, 0)  # the writer appends, so it goes on at the new end
