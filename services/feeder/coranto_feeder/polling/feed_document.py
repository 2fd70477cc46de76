"""Takes in the document of a feed as it comes: a short one in memory, a long one in a file that its parser reads.

A sitemap may have 50 MB. Held whole by each poll that is under way, and by the queue to its parser, it would take most of a
small machine.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

_HELD_BYTES: Final = 1_000_000
_PREFIX: Final = "feed-"
# Longer than any poll takes: what is older was left by a feeder that was killed.
_LEFT_AFTER: Final = timedelta(hours=1)


class FeedDocument:
    """A document that is written piece by piece; its file goes when the context ends."""

    def __init__(self, folder: Path | None, *, held_bytes: int = _HELD_BYTES) -> None:
        """`folder` is where long documents are kept meanwhile: made when it is missing; else where the system keeps such files."""
        self._folder = folder
        self._held_bytes = held_bytes
        self._held = bytearray()
        self._file: IO[bytes] | None = None
        self._hash = hashlib.sha256()
        self.size = 0
        """Bytes so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk refuses what is still to be written, and the file goes all the same
                self._file.close()
            Path(self._file.name).unlink(missing_ok=True)
        self._held = bytearray()

    def write(self, piece: bytes) -> None:
        """Take in the next piece. Raises OSError, as when the disk is full."""
        self.size += len(piece)
        self._hash.update(piece)
        if self._file is None and len(self._held) + len(piece) <= self._held_bytes:
            self._held += piece
            return
        if self._file is None:
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.NamedTemporaryFile(dir=self._folder, prefix=_PREFIX, delete=False)  # noqa: SIM115 - closed with the context
            self._file.write(self._held)
            self._held = bytearray()
        self._file.write(piece)

    @property
    def digest(self) -> str:
        """Hash of the document."""
        return self._hash.hexdigest()[:32]

    def content(self) -> bytes | Path:
        """The document, or the file that has it. Raises OSError."""
        if self._file is None:
            return bytes(self._held)
        self._file.flush()
        return Path(self._file.name)

    def head(self, length: int) -> bytes:
        """The first bytes, at most so many. Raises OSError."""
        content = self.content()
        if isinstance(content, bytes):
            return content[:length]
        with content.open("rb") as file:
            return file.read(length)


def remove_left(folder: Path) -> None:
    """Remove the documents that feeders left here when they were killed."""
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another feeder was quicker
            if path.stat().st_mtime < time.time() - _LEFT_AFTER.total_seconds():
                path.unlink()
