"""The one place where the command line reaches the library of stored articles, which is the sink's.

The sink is a service of its own and may not be installed here; its reading part is imported by name when it is needed.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol, cast

from coranto import locate
from coranto.cli.errors import NOT_FOUND, CommandError
from coranto.records import FinishedArticle


class LedgerLine(Protocol):
    """What became of one submission of one article."""

    @property
    def url(self) -> str:
        """Canonical address."""

    @property
    def stage(self) -> str:
        """Stage that ended it."""

    @property
    def outcome(self) -> str:
        """`stored`, `dropped` or `dead`."""

    @property
    def reason(self) -> str:
        """Reason from the stage's closed list."""

    @property
    def detail(self) -> str | None:
        """What was seen, in a few words."""

    @property
    def at(self) -> datetime:
        """When."""


class Catalogue(Protocol):
    """The part of the sink's catalogue that the command line uses."""

    def revisions_of(self, url_or_id: str) -> list[FinishedArticle]:
        """Every stored revision of the article, first to latest; empty when it is not stored."""

    def finished(self) -> Iterator[FinishedArticle]:
        """Every article in its latest revision."""

    def ledger_of(self, url_or_id: str) -> list[LedgerLine]:
        """What became of each submission of the article, latest first."""

    def ledger(self) -> Iterator[LedgerLine]:
        """Every line of the ledger, oldest first."""

    def count(self) -> int:
        """Number of articles stored."""

    def close(self) -> None:
        """Let the database go."""


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
    return Path(named) if named and data is None else locate.data_directory(data) / "library.sqlite"


@contextmanager
def opened_library(data: Path | None, *, may_be_missing: bool = False) -> Iterator[Catalogue]:
    """The library, for reading. Raises CommandError when it cannot be read, or is missing and may not be."""
    path = library_path(data)
    if may_be_missing and not path.exists():
        yield EmptyCatalogue()
        return
    try:
        sink = importlib.import_module("coranto_sink.catalogue")
    except ImportError as error:
        raise CommandError(
            "the library of stored articles is read through the sink, which is not installed here "
            f"({error}); install it with: pip install ./services/sink"
        ) from error
    try:
        catalogue = cast("Catalogue", sink.open_library(path))
    except FileNotFoundError as error:
        raise CommandError(str(error), exit_code=NOT_FOUND) from error
    except sink.LibraryError as error:
        raise CommandError(str(error)) from error
    try:
        yield catalogue
    finally:
        catalogue.close()
