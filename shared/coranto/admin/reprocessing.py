"""Sending stored articles through extractor and classifier again, from the pages they were made of, and seeing what changes.

They go the way of all articles: into the stream of fetched pages, marked as backlog, some at a time, so that live ones never
wait behind many of them. What a page makes now that it did not before is a revision `reprocessed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from coranto.admin.pipeline import ConnectedPipeline
from coranto.client.follow import follow, positions
from coranto.records import DroppedArticle, FetchedArticle, FinishedArticle, content_id
from coranto.records.envelope import FIELD, encode, new_traceparent
from coranto.streams.tasks import end
from coranto.topology import DROPPED, FETCHED, FINISHED

_SOURCE: Final = "coranto/reprocess"


@dataclass(frozen=True, slots=True)
class Reprocessed:
    """What came of one article."""

    id: str
    url: str
    outcome: Literal["changed", "unchanged", "refused", "dead"]
    changed_fields: tuple[str, ...] = ()
    """Of a changed one: what differs from the revision before."""
    stage: str | None = None
    """Of a refused or dead one: where it ended. It stays stored as it was."""
    reason: str | None = None


def page_of(article: FinishedArticle, *, run: str) -> FetchedArticle:
    """The article as its page was fetched, to be read again; `run` names this reprocessing, and once done it changes nothing."""
    discovery = article.discovery.model_copy(
        update={"submission": content_id("reprocess", run, article.id), "priority": "backlog"}
    )
    return FetchedArticle(id=article.id, key=article.key, url=article.url, discovery=discovery, fetch=article.fetch)


async def reprocess(
    pipeline: ConnectedPipeline, articles: Iterator[FinishedArticle], *, run: str, at_once: int = 100
) -> AsyncGenerator[Reprocessed]:
    """What comes of each article, as it comes; at most so many are under way. Raises what Redis raises.

    Waits as long as the services need. An article that turns up under another id is told by the one it has.
    """
    redis, topology = pipeline.redis, pipeline.topology
    finished, dropped = await positions(redis, topology, FINISHED), await positions(redis, topology, DROPPED)
    waiting: dict[str, FinishedArticle] = {}
    ended: asyncio.Queue[tuple[str, Reprocessed]] = asyncio.Queue()

    async def note_finished() -> None:
        async with aclosing(follow(redis, topology, FINISHED, FinishedArticle, after=finished)) as following:  # type: ignore[type-var]  # a generator
            async for each in following:
                record = each.record
                ended.put_nowait(
                    (
                        record.discovery.submission,
                        Reprocessed(record.id, record.url, "changed", record.storage.changed_fields),
                    )
                )

    async def note_dropped() -> None:
        async with aclosing(follow(redis, topology, DROPPED, DroppedArticle, after=dropped)) as following:  # type: ignore[type-var]  # a generator
            async for each in following:
                ended.put_nowait((each.record.submission, _of_dropped(each.record)))

    noting = [asyncio.create_task(note_finished()), asyncio.create_task(note_dropped())]
    try:
        while True:
            batch = list(islice(articles, at_once - len(waiting)))
            pages = [page_of(article, run=run) for article in batch]
            waiting |= {page.discovery.submission: article for page, article in zip(pages, batch, strict=True)}
            await _send(pipeline, pages)
            if not waiting:
                return
            submission, result = await _next(ended, noting)
            if waiting.pop(submission, None) is not None:
                yield result
    finally:
        await end(noting)


async def _next(
    ended: asyncio.Queue[tuple[str, Reprocessed]], noting: list[asyncio.Task[None]]
) -> tuple[str, Reprocessed]:
    """What ended next. Raises what ended those who tell."""
    coming = asyncio.create_task(ended.get())
    try:
        await asyncio.wait([coming, *noting], return_when=asyncio.FIRST_COMPLETED)
        for task in noting:
            if task.done():
                task.result()
        return await coming
    finally:
        coming.cancel()


def _of_dropped(dropped: DroppedArticle) -> Reprocessed:
    if dropped.reason == "unchanged":
        return Reprocessed(dropped.id, dropped.url, "unchanged")
    outcome: Literal["dead", "refused"] = "dead" if dropped.outcome == "dead" else "refused"
    return Reprocessed(dropped.id, dropped.url, outcome, stage=dropped.stage, reason=dropped.reason)


async def _send(pipeline: ConnectedPipeline, pages: list[FetchedArticle]) -> None:
    if not pages:
        return
    pipe = pipeline.redis.pipeline(transaction=False)
    for page in pages:
        event = encode(page, source=_SOURCE, traceparent=new_traceparent())
        pipe.xadd(pipeline.topology.keys_for(page.id).stream(FETCHED), {FIELD: event})
    await pipe.execute()
