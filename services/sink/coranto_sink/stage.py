"""The sink's two handlers: keep a finished article, and keep account of one that ended early.

The `finished` event is published only after `store` returns, which is after the commit. Both handlers may run any
number of times with the same message.
"""

from __future__ import annotations

from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle
from coranto.store.interface import ArticleRefusedError, ArticleStore, StoreCorruptError, StoreError
from coranto.store.rules.revisions import Skipped
from coranto.worker.stage import Invalid, Transient, Unwanted


async def store(article: ClassifiedArticle, *, article_store: ArticleStore) -> FinishedArticle:
    """The article as it was stored; a redelivery gets what the first delivery got."""
    try:
        verdict = await article_store.store(article)
    except ArticleRefusedError as error:
        raise Invalid("unstorable", detail=str(error)) from error
    except StoreError as error:
        raise _transient(error) from error
    if isinstance(verdict, Skipped):
        raise Unwanted(verdict.reason, detail=verdict.detail)
    return verdict.article


async def record_drop(dropped: DroppedArticle, *, article_store: ArticleStore) -> None:
    """Write the ledger line that answers "why is it missing?"."""
    try:
        await article_store.record_drop(dropped)
    except ArticleRefusedError as error:
        raise Invalid("unstorable", detail=str(error)) from error
    except StoreError as error:
        raise _transient(error) from error


def _transient(error: StoreError) -> Transient:
    reason = "storage_corrupt" if isinstance(error, StoreCorruptError) else "storage_unavailable"
    return Transient(reason, detail=str(error))
