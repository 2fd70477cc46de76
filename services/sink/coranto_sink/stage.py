"""The sink's two handlers: keep a finished article, and keep account of one that ended early.

The `finished` event is published only after `store` returns, which is after the commit. Both handlers may run any
number of times with the same message.
"""

from __future__ import annotations

from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle
from coranto.store.interface import Declined, Library, LibraryCorruptError, LibraryError
from coranto.worker.stage import Transient, Unwanted


async def store(article: ClassifiedArticle, *, library: Library) -> FinishedArticle:
    """The article with what the library did with it; a redelivery gets what the first delivery got."""
    try:
        verdict = await library.store(article)
    except LibraryError as error:
        raise _transient(error) from error
    if isinstance(verdict, Declined):
        raise Unwanted(verdict.reason, detail=verdict.detail)
    return article.with_storage(verdict.storage)


async def note_dropped(dropped: DroppedArticle, *, library: Library) -> None:
    """Write the ledger line that answers "why is it missing?"."""
    try:
        await library.note_dropped(dropped)
    except LibraryError as error:
        raise _transient(error) from error


def _transient(error: LibraryError) -> Transient:
    reason = "storage_corrupt" if isinstance(error, LibraryCorruptError) else "storage_unavailable"
    return Transient(reason, detail=str(error))
