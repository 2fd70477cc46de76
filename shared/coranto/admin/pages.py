"""Which pages a running pipeline and its article store refer to, and removing those that neither does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from coranto.admin.pipeline import ConnectedPipeline
from coranto.pages import FilePageStore
from coranto.pages.retention import StoredFile, Total, find_old_files, pages_in_event, remove
from coranto.store.interface import ArticleReader
from coranto.streams.redis import entry_pages
from coranto.topology import STAGES, STREAMS, Keys

_MOST_PARTITIONS = 256  # as the settings allow
_LETTERS_AT_ONCE = 200
# Streams that messages leave. What is kept for replay has arrived, and may be days of articles: it is read once.
_PASSED_ON = tuple(stream for stream in STREAMS if not stream.is_replayable)

OpenStore = Callable[[], AbstractContextManager[ArticleReader]]
"""Opens the article store for reading."""


class OtherPartitionsError(RuntimeError):
    """The pipeline has partitions that the settings do not name, so what refers to a page may be out of sight."""


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What a removal would take."""

    files: tuple[StoredFile, ...]

    def total(self, kind: str) -> Total:
        """Number and size of the files of this kind."""
        total = Total()
        for file in self.files:
            if file.kind == kind:
                total.add(file)
        return total


async def pages_in_pipeline(pipeline: ConnectedPipeline) -> set[str]:
    """Keys of the pages that any message in the pipeline refers to: waiting, in flight, delayed, dead or kept for replay.

    Raises OtherPartitionsError when the pipeline has more partitions than the settings say.
    """
    await _require_all_partitions(pipeline)
    found: set[str] = set()
    # Twice, because a message may move from where we look next to where we have looked. In each round from where
    # messages wait long to where they go from there; one would have to move against both rounds to be overlooked.
    for streams_read in (STREAMS, _PASSED_ON):
        for spec in STAGES:
            for streams in pipeline.streams[spec.name]:
                after: str | None = None
                while letters := await streams.dead_letters(after=after, count=_LETTERS_AT_ONCE):
                    after = letters[-1].id
                    found.update(*(pages_in_event(letter.event) for letter in letters))
                async for message in streams.delayed():
                    found |= pages_in_event(message.event)
        for keys in pipeline.topology.all_keys():
            for stream in (*map(keys.stream, streams_read), *map(keys.retry, STAGES), *map(keys.claimed, STAGES)):
                async for page in entry_pages(pipeline.redis, stream):
                    found.update(*(pages_in_event(event) for _, event in page))
    return found


async def _require_all_partitions(pipeline: ConnectedPipeline) -> None:
    topology = pipeline.topology
    beyond = [Keys(number, topology.prefix) for number in range(topology.partitions, _MOST_PARTITIONS)]
    pipe = pipeline.redis.pipeline(transaction=False)
    for keys in beyond:
        pipe.exists(*map(keys.stream, STREAMS))
    used = [keys.partition for keys, count in zip(beyond, await pipe.execute(), strict=True) if count]
    if used:
        raise OtherPartitionsError(
            f"the pipeline has {max(used) + 1} partitions, and CORANTO_PIPELINE__PARTITIONS says {topology.partitions}; "
            "set it as the services have it"
        )


async def plan_prune(
    pipeline: ConnectedPipeline, open_store: OpenStore, pages: FilePageStore, *, older_than: timedelta
) -> PrunePlan:
    """Pages put longer ago than that which no stored record and no message refers to, and what killed writers left.

    The age is never less than `retention.SAFETY_AGE`.
    """
    old = await asyncio.to_thread(find_old_files, pages, older_than=older_than)
    # The pipeline first: a message ends in the article store, and what is stored never comes back.
    used = await pages_in_pipeline(pipeline)
    used |= await asyncio.to_thread(_pages_in_store, open_store)
    return PrunePlan(tuple(file for file in old if file.kind != "page" or file.sha256 not in used))


def _pages_in_store(open_store: OpenStore) -> set[str]:
    with open_store() as store:
        return {use.sha256 for use in store.page_uses()}


async def prune(
    pages: FilePageStore, plan: PrunePlan, *, on_file: Callable[[], object] = lambda: None
) -> tuple[Total, Total]:
    """Remove what the plan names, and give what went: pages and left-overs. Pages put again since the plan stay."""
    return await asyncio.to_thread(remove, pages, plan.files, on_file=on_file)
