"""Opening the article store of the running system, for commands that read it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from pathlib import Path

from coranto.client import environment
from coranto.records import FinishedArticle
from coranto.store.address import is_postgresql, open_article_reader
from coranto.store.database.source_accounts import SourceDay, SourceHealth, SourceTotals
from coranto.store.interface import ArticleReader, StoreError, Visits
from coranto.store.rules.ledger import LedgerLine
from coranto_cli.errors import NOT_FOUND, CommandError


class EmptyArticleReader:
    """The article store before the sink has stored anything: there is no file yet."""

    def revisions_of(self, url_or_id: str) -> list[FinishedArticle]:  # noqa: ARG002 - nothing is stored under any
        """None."""
        return []

    def iterate(self) -> Iterator[FinishedArticle]:
        """None."""
        return iter(())

    def ledger_of(self, url_or_id: str) -> list[LedgerLine]:  # noqa: ARG002 - nothing has ended under any
        """None."""
        return []

    def visits_of(self, url_or_id: str) -> Visits | None:  # noqa: ARG002 - nothing is stored under any
        """None."""
        return None

    def source_day(self, source: str, day: date) -> SourceDay:
        """A day without anything."""
        return SourceDay.empty(source, day)

    def source_health(self, source: str, now: datetime) -> SourceHealth:  # noqa: ARG002 - the same at any time
        """Nothing is known."""
        return SourceHealth.unknown(source)

    def source_totals(self, since: datetime) -> list[SourceTotals]:  # noqa: ARG002 - nothing has ended at any time
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


def store_address(data: Path | None) -> Path | str:
    """The article store of the running system: as CORANTO_SINK__DATABASE says, else in the data directory.

    A server is nowhere else, so a data directory that is named only displaces a file.
    """
    named = os.environ.get("CORANTO_SINK__DATABASE", "")
    if is_postgresql(named):
        return named
    return Path(named) if named and data is None else environment.data_directory(data) / "articles.sqlite"


@contextmanager
def opened_store(data: Path | None) -> Iterator[ArticleReader]:
    """The article store, for reading. Raises CommandError when it is missing or cannot be read."""
    try:
        reader = open_article_reader(store_address(data))
    except FileNotFoundError as error:
        raise CommandError(str(error), exit_code=NOT_FOUND) from error
    except StoreError as error:
        raise CommandError(str(error)) from error
    try:
        yield reader
    except StoreError as error:
        raise CommandError(str(error)) from error
    except sqlite3.Error as error:
        raise CommandError(
            f"{store_address(data)} cannot be read: {error}"
        ) from error  # a file: a server raises StoreError
    finally:
        reader.close()


@contextmanager
def opened_store_if_any(data: Path | None) -> Iterator[ArticleReader | EmptyArticleReader]:
    """The article store, for reading; an empty one where the sink has not made any yet."""
    with ExitStack() as stack:
        try:
            reader: ArticleReader | EmptyArticleReader = stack.enter_context(opened_store(data))
        except CommandError as error:
            if error.exit_code != NOT_FOUND:
                raise
            reader = EmptyArticleReader()
        yield reader


def journal_path(data: Path | None) -> Path:
    """The feeder's journal of submissions that have not ended: as CORANTO_FEEDER__DATA says, else in the data directory."""
    named = os.environ.get("CORANTO_FEEDER__DATA")
    folder = Path(named) if named and data is None else environment.data_directory(data) / "feeder"
    return folder / "account.sqlite"
