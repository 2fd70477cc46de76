"""Stored articles are sent again when the classifier's index asks for them: all of the window, once, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.shared.store.databases import Database

from coranto.records import ClassifiedArticle, ReindexedArticle, Story
from coranto.records.envelope import FIELD, decode
from coranto.store.interface import ArticleStore
from coranto.topology import REINDEXED, Pipeline
from coranto_sink.reindex import Reindex

PIPELINE = Pipeline(partitions=2)
MakeArticle = Callable[..., ClassifiedArticle]


@pytest.fixture
async def filled(database: Database, article_store: ArticleStore, make_article: MakeArticle) -> Database:
    """A store of twelve articles in four stories, and one article in none."""
    for number in range(12):
        article = make_article(f"https://news.example/{number}", text=f"Text number {number}.")
        story = Story(id=f"{number % 4:032x}", role="copy")
        section = article.classification.model_copy(update={"story": story})
        await article_store.store(article.model_copy(update={"classification": section}))
    await article_store.store(make_article("https://news.example/short"))
    return database


async def reindexed(redis: Redis) -> list[ReindexedArticle]:
    entries: Any = [await redis.xrange(keys.stream(REINDEXED)) for keys in PIPELINE.all_keys()]
    return [decode(fields[FIELD], ReindexedArticle).record for rows in entries for _, fields in rows]


async def test_request_is_answered_once_with_all_that_is_in_a_story(redis: Redis, filled: Database) -> None:
    reindex = Reindex(redis, PIPELINE, filled, batch=5)
    assert await reindex.answer() == 0
    await redis.set(PIPELINE.reindex(), 3600)
    assert await reindex.answer() == 12
    assert await reindex.answer() == 0
    found = {article.url: article for article in await reindexed(redis)}
    assert len(found) == 12
    one = found["https://news.example/7"]
    assert (one.text, one.story) == ("Text number 7.", f"{3:032x}")
    assert abs(one.stored_at - datetime.now(UTC)) < timedelta(minutes=5)


async def test_what_was_stored_before_the_window_stays_where_it_is(redis: Redis, filled: Database) -> None:
    await redis.set(PIPELINE.reindex(), 0)
    assert await Reindex(redis, PIPELINE, filled).answer() == 0
    assert await reindexed(redis) == []


async def test_two_sinks_do_not_answer_at_once(redis: Redis, filled: Database) -> None:
    await redis.set(PIPELINE.reindex(), 3600)
    sinks = [Reindex(redis, PIPELINE, filled, batch=1) for _ in range(2)]
    assert sorted(await asyncio.gather(*(sink.answer() for sink in sinks))) == [0, 12]


async def test_stream_that_nobody_reads_is_not_filled_without_end(redis: Redis, filled: Database) -> None:
    await redis.set(PIPELINE.reindex(), 3600)
    reindex = Reindex(redis, PIPELINE, filled, batch=2, max_backlog=4)
    answering = asyncio.create_task(reindex.answer())
    await asyncio.sleep(1.2)
    assert len(await reindexed(redis)) < 10
    assert not answering.done()
    for keys in PIPELINE.all_keys():
        await redis.xtrim(keys.stream(REINDEXED), maxlen=0)
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    # Broken off, as by a kill: the request stands, and the next sink begins anew when the lease has run out.
    assert await redis.get(PIPELINE.reindex()) == b"3600"
    await redis.delete(f"{PIPELINE.reindex()}:lease")
    assert await Reindex(redis, PIPELINE, filled).answer() == 12


async def test_sink_that_waits_for_room_stays_the_one_that_answers(redis: Redis, filled: Database) -> None:
    await redis.set(PIPELINE.reindex(), 3600)
    lease = f"{PIPELINE.reindex()}:lease"
    answering = asyncio.create_task(Reindex(redis, PIPELINE, filled, batch=2, max_backlog=1).answer())

    async def waits() -> bool:
        return bool(await reindexed(redis))

    async def is_renewed() -> bool:
        return await redis.ttl(lease) > 30

    await eventually(waits)
    assert await redis.expire(lease, 10)
    await eventually(is_renewed)
    assert await Reindex(redis, PIPELINE, filled).answer() == 0
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)


async def test_redis_that_is_emptied_meanwhile_keeps_its_new_request(redis: Redis, filled: Database) -> None:
    await redis.set(PIPELINE.reindex(), 3600)
    reindex = Reindex(redis, PIPELINE, filled, batch=1, max_backlog=1)
    answering = asyncio.create_task(reindex.answer())
    await asyncio.sleep(0.3)
    await redis.flushall()
    await redis.set(PIPELINE.reindex(), 7200)
    for _ in range(200):
        if answering.done():
            break
        for keys in PIPELINE.all_keys():
            await redis.delete(keys.stream(REINDEXED))
        await asyncio.sleep(0.05)
    await answering
    assert await redis.get(PIPELINE.reindex()) == b"7200"


async def test_store_that_is_not_there_yet_has_nothing_to_reindex(redis: Redis, tmp_path: Path) -> None:
    await redis.set(PIPELINE.reindex(), 3600)
    assert await Reindex(redis, PIPELINE, tmp_path / "none.sqlite").answer() == 0
    assert await redis.get(PIPELINE.reindex()) == b"done"
