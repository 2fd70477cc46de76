"""Which pages may go, with a real Redis of two partitions and a real article store."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from coranto.admin.pages import OtherPartitionsError, pages_in_pipeline, plan_prune, prune
from coranto.admin.pipeline import ConnectedPipeline
from coranto.pages import FilePageStore
from coranto.pages.retention import PageUse
from coranto.records import FetchedArticle, PageRef, SavedPage
from coranto.records.envelope import encode
from coranto.store.interface import ArticleReader
from coranto.store.sqlite.reader import open_article_store
from coranto.store.sqlite.writer import SqliteArticleStore
from coranto.streams.interface import Dead, Drop, Entry, Outcome, Retry
from coranto.streams.redis import RedisStreams
from coranto.testing import classified, discovered, fetched
from coranto.topology import DISCOVERED, DROPPED, EXTRACTOR, FINISHED, Pipeline

DAY = timedelta(days=1)
SOON = timedelta(milliseconds=50)
OpenStore = Callable[[], AbstractContextManager[ArticleReader]]


@pytest.fixture
def pipeline(redis: Redis) -> ConnectedPipeline:
    return ConnectedPipeline(redis, Pipeline(partitions=2))


@pytest.fixture
def pages(tmp_path: Path) -> FilePageStore:
    return FilePageStore(tmp_path / "pages")


@pytest.fixture
async def article_store(tmp_path: Path) -> AsyncIterator[SqliteArticleStore]:
    with open_article_store(tmp_path / "articles.sqlite", read_only=False):
        pass  # makes the file, as the sink does with its first article
    article_store = SqliteArticleStore(tmp_path / "articles.sqlite")
    await article_store.open()
    yield article_store
    await article_store.close()


@pytest.fixture
def open_store(tmp_path: Path, article_store: SqliteArticleStore) -> OpenStore:
    return lambda: open_article_store(tmp_path / "articles.sqlite")


def put_old(pages: FilePageStore, page: bytes) -> PageRef:
    ref = pages.put_now(page)
    moment = time.time() - 2 * DAY.total_seconds()
    os.utime(pages.path_of(ref), (moment, moment))
    return ref


async def unused(pipeline: ConnectedPipeline, open_store: OpenStore, pages: FilePageStore) -> set[str]:
    plan = await plan_prune(pipeline, open_store, pages, older_than=DAY)
    return {file.sha256 for file in plan.files}


Take = Callable[[RedisStreams, str], Awaitable[Entry]]


async def have(take: Take, streams: RedisStreams, record: FetchedArticle, outcome: Outcome | None) -> None:
    """A message about the record in the stage: in flight, or with this outcome."""
    await streams.ensure()
    await streams._redis.xadd(streams.main, {"event": encode(record, source="test")})
    entry = await take(streams, "worker")
    if outcome is not None:
        await streams.commit([(entry, outcome)])
        # Else what is settled would still lie in the stream that the stage reads.
        await streams.trim({}, forget_consumers_after=DAY)


@pytest.mark.parametrize(
    "outcome",
    [None, Retry("busy", 3_600_000, 1), Retry("busy", 0, 1), Dead("bad", "error", "", 1)],
    ids=["in flight", "delayed for long", "due", "dead"],
)
@pytest.mark.parametrize("partition", [0, 1])
async def test_page_of_a_message_stays_wherever_the_message_is(
    take: Take,
    pipeline: ConnectedPipeline,
    open_store: OpenStore,
    pages: FilePageStore,
    outcome: Outcome | None,
    partition: int,
) -> None:
    ref, other = put_old(pages, b"of a message"), put_old(pages, b"of nobody")
    streams = pipeline.streams[EXTRACTOR.name][partition]
    await have(take, streams, fetched(page=b"of a message"), outcome)
    assert ref.sha256 == fetched(page=b"of a message").fetch.page.sha256
    assert await unused(pipeline, open_store, pages) == {other.sha256}
    # Due again, it lies in the retry stream.
    await streams.move_due(limit=10)
    assert await unused(pipeline, open_store, pages) == {other.sha256}


@pytest.mark.parametrize("stream", [DISCOVERED, FINISHED, DROPPED], ids=lambda stream: stream.name)
async def test_page_of_an_event_in_any_stream_stays_though_nobody_reads_there(
    pipeline: ConnectedPipeline, open_store: OpenStore, pages: FilePageStore, stream: object
) -> None:
    ref = put_old(pages, b"handed over")
    article = discovered()
    saved = SavedPage(page=ref, content_type="text/html")
    article = article.model_copy(update={"discovery": article.discovery.model_copy(update={"saved": saved})})
    key = pipeline.topology.all_keys()[1].stream(stream)  # type: ignore[arg-type]  # a parameter
    await pipeline.redis.xadd(key, {"event": encode(article, source="test")})
    assert await unused(pipeline, open_store, pages) == set()


async def test_page_of_every_stored_revision_stays(
    pipeline: ConnectedPipeline, open_store: OpenStore, pages: FilePageStore, article_store: SqliteArticleStore
) -> None:
    other = put_old(pages, b"of nobody")
    for text in ("First text.", "Second text."):
        put_old(pages, f"A headline{text}".encode())
        article = classified(text=text, again=text)
        later = {"fetched_at": article.fetch.fetched_at + timedelta(minutes=len(text))}
        await article_store.store(article.model_copy(update={"fetch": article.fetch.model_copy(update=later)}))
    with open_store() as store:
        uses = list(store.page_uses())
    article_id = classified().id
    hashes = [hashlib.sha256(f"A headline{text}".encode()).hexdigest() for text in ("First text.", "Second text.")]
    assert uses == [PageUse(sha, article_id, n, "https://news.example/one") for n, sha in enumerate(hashes, 1)]
    assert await unused(pipeline, open_store, pages) == {other.sha256}


async def test_page_of_a_message_that_ended_goes(
    take: Take, pipeline: ConnectedPipeline, open_store: OpenStore, pages: FilePageStore
) -> None:
    ref = put_old(pages, b"refused")
    streams = pipeline.streams[EXTRACTOR.name][0]
    await have(take, streams, fetched(page=b"refused"), Drop("no_text"))
    plan = await plan_prune(pipeline, open_store, pages, older_than=DAY)
    assert plan.total("page").count == 1
    removed, _ = await prune(pages, plan)
    assert removed.count == 1
    assert not pages.path_of(ref).exists()
    assert (await plan_prune(pipeline, open_store, pages, older_than=DAY)).files == ()


async def test_pipeline_with_more_partitions_than_the_settings_say_is_refused(pipeline: ConnectedPipeline) -> None:
    await pipeline.redis.xadd(Pipeline(5).all_keys()[4].stream(DISCOVERED), {"event": b"x"})
    with pytest.raises(OtherPartitionsError, match="has 5 partitions, and CORANTO_PIPELINE__PARTITIONS says 2"):
        await pages_in_pipeline(pipeline)


async def test_article_store_that_cannot_be_read_removes_nothing(
    pipeline: ConnectedPipeline, pages: FilePageStore, tmp_path: Path
) -> None:
    ref = put_old(pages, b"page")
    with pytest.raises(FileNotFoundError):
        await plan_prune(pipeline, lambda: open_article_store(tmp_path / "nowhere.sqlite"), pages, older_than=DAY)
    assert pages.path_of(ref).exists()
