"""An export into one file that can be taken up where it was cut off.

It is written beside the file, under a name that begins with a dot, and moved into place when it is whole. Every thousand articles a
note beside it says how far it has come: the number of the last announcement, and how long the file was then. Whatever was written
behind that is cut off when the export goes on, so a kill, a full disk and a power cut leave nothing in it twice or by halves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

from coranto.records import FinishedArticle
from coranto_cli.errors import NOT_FOUND, CommandError

_BETWEEN_NOTES: Final = 1_000
"""Articles."""


@dataclass(frozen=True, slots=True)
class _Note:
    """How far an export has come."""

    form: str
    store: str
    after: int
    """Where it began."""
    number: int
    size_bytes: int
    articles: int


class ResumableExport:
    """The export into the file at `target` of what the store announced after a number."""

    def __init__(self, target: Path, *, form: str, store: str, after: int) -> None:
        self._target = target
        self._partial = target.with_name(f".{target.name}.partial")
        self._note = target.with_name(f".{target.name}.position")
        self._form, self._store, self._after = form, store, after
        self._size_bytes = 0
        self.number = after
        """Of the last announcement that is written."""
        self.articles = 0
        """How many are written."""

    def take_up(self) -> int:
        """Go on behind what is written already, and give how many articles that are. Raises CommandError."""
        try:
            note = _Note(**json.loads(self._note.read_text(encoding="utf-8")))
            size = self._partial.stat().st_size
        except (FileNotFoundError, ValueError, TypeError) as error:
            raise CommandError(
                f"there is no export to {self._target} that was cut off: export without --resume", exit_code=NOT_FOUND
            ) from error
        if (note.form, note.store, note.after) != (self._form, self._store, self._after) or size < note.size_bytes:
            raise CommandError(
                f"the export to {self._target} that was cut off is of format {note.form}, after number {note.after}, of the store "
                f"{note.store}: give the same options, or export without --resume"
            )
        self.number, self.articles, self._size_bytes = note.number, note.articles, note.size_bytes
        return self.articles

    def write(
        self,
        head: str,
        articles: Iterable[tuple[int | None, FinishedArticle]],
        to_text: Callable[[FinishedArticle], str],
    ) -> None:
        """Write the articles behind what is written, and move the file into place."""
        if not self.articles:
            self._note.unlink(missing_ok=True)
        try:
            with self._partial.open("r+b" if self.articles else "wb") as file:
                file.truncate(self._size_bytes)
                file.seek(self._size_bytes)
                if not self.articles:
                    file.write(head.encode())
                for number, article in articles:
                    file.write(to_text(article).encode())
                    self.articles += 1
                    if number is None:
                        continue  # it waits for its number, and comes last
                    self.number = number
                    if self.articles % _BETWEEN_NOTES == 0:
                        self._write_note(file)
                file.flush()
                os.fsync(file.fileno())
            self._partial.replace(self._target)
            self._note.unlink(missing_ok=True)
        except BaseException:
            if not self._note.exists():
                self._partial.unlink(missing_ok=True)
            raise

    def _write_note(self, file: IO[bytes]) -> None:
        file.flush()
        os.fsync(file.fileno())
        note = _Note(self._form, self._store, self._after, self.number, file.tell(), self.articles)
        written = self._note.with_name(f"{self._note.name}.new")
        written.write_text(json.dumps(asdict(note)), encoding="utf-8")
        written.replace(self._note)
