"""What the stores of both databases are to those who write: works, put into batches, with errors as an operator should see them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle
from coranto.store.database.batch import FindUnannounced, MarkAnnounced, ReadRevisions, RecordDrop, StoreArticle, Work
from coranto.store.database.group_commit import GroupCommit
from coranto.store.interface import RevisionKey, Stored
from coranto.store.rules.revisions import Skipped


class BatchedArticleStore(ABC):
    """An article store that writes through the group commit of its database."""

    def __init__(self, database: GroupCommit[Work]) -> None:
        self._database = database
        self._users = 0

    @property
    def commits(self) -> int:
        """Transactions committed so far."""
        return self._database.commits

    async def open(self) -> None:
        """Start using the store. The database is opened with the first write, so that one that is away does not stop the start."""
        self._users += 1

    async def close(self) -> None:
        """Finish what is being written; the last one to close lets the database go."""
        self._users -= 1
        if self._users == 0:
            await self._database.close()

    async def store(self, article: ClassifiedArticle) -> Stored | Skipped:
        """Keep the article and return only after the commit. Safe to repeat. Raises StoreError."""
        return cast("Stored | Skipped", await self._write(StoreArticle(article)))

    async def record_drop(self, dropped: DroppedArticle) -> None:
        """Write the ledger line of an article that ended early, and the revision that follows from it. Raises StoreError."""
        await self._write(RecordDrop(dropped))

    async def unannounced(self, limit: int) -> list[RevisionKey]:
        """Revisions that are not marked as announced, oldest first. Raises StoreError."""
        return cast("list[RevisionKey]", await self._write(FindUnannounced(limit)))

    async def finished(self, revisions: Sequence[RevisionKey]) -> list[FinishedArticle]:
        """The records of these revisions, without those that are gone or cannot be read. Raises StoreError."""
        return cast("list[FinishedArticle]", await self._write(ReadRevisions(revisions)))

    async def mark_announced(self, revisions: Sequence[RevisionKey]) -> None:
        """Number these revisions, in this order, as announced now; those that have a number keep it. Raises StoreError."""
        await self._write(MarkAnnounced(revisions))

    async def _write(self, work: Work) -> object:
        try:
            return await self._database.write(work)
        except Exception as error:
            explained = self._explain(error)
            if explained is error:
                raise
            raise explained from error

    @abstractmethod
    def _explain(self, error: Exception) -> Exception:
        """The error as the operator should see it; one of ours wherever the storage or the article is at fault."""
