"""Opening the article store of the running system, for commands that read it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coranto.client import environment
from coranto.records import FinishedArticle
from coranto.store.interface import Catalogue, LedgerLine, LibraryError
from coranto.store.sqlite.reader import open_library
from coranto_cli.errors import NOT_FOUND, CommandError


class EmptyCatalogue:
    """The library before the sink has stored anything: there is no file yet."""

    def revisions_of(self, url_or_id: str) -> list[FinishedArticle]:  # noqa: ARG002 - nothing is stored under any
        """None."""
        return []

    def finished(self) -> Iterator[FinishedArticle]:
        """None."""
        return iter(())

    def ledger_of(self, url_or_id: str) -> list[LedgerLine]:  # noqa: ARG002 - nothing has ended under any
        """None."""
        return []

    def ledger(self) -> Iterator[LedgerLine]:
        """None."""
        return iter(())

    def count(self) -> int:
        """Zero."""
        return 0

    def close(self) -> None:
        """Nothing is open."""


def library_path(data: Path | None) -> Path:
    """The library of the running system: as CORANTO_SINK__DATABASE says, else in the data directory."""
    named = os.environ.get("CORANTO_SINK__DATABASE")
    return Path(named) if named and data is None else environment.data_directory(data) / "library.sqlite"


@contextmanager
def opened_library(data: Path | None, *, may_be_missing: bool = False) -> Iterator[Catalogue | EmptyCatalogue]:
    """The library, for reading. Raises CommandError when it cannot be read, or is missing and may not be."""
    path = library_path(data)
    if may_be_missing and not path.exists():
        yield EmptyCatalogue()
        return
    try:
        catalogue = open_library(path)
    except FileNotFoundError as error:
        raise CommandError(str(error), exit_code=NOT_FOUND) from error
    except LibraryError as error:
        raise CommandError(str(error)) from error
    try:
        yield catalogue
    finally:
        catalogue.close()
