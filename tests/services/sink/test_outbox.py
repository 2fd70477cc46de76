"""Every stored revision is announced and numbered once: whenever the sink dies, and whatever Redis forgets."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from tests.conftest import eventually
from tests.services.sink.dying_sink import STEPS
from tests.services.sink.test_worker import publish
from tests.shared.store.articles import build_article, store
from tests.shared.store.databases import Database, count, rows

from coranto.records import ClassifiedArticle, FinishedArticle
from coranto.records.envelope import FIELD, decode, encode
from coranto.store.address import open_article_reader
from coranto.store.interface import ArticleStore
from coranto.streams.announce import Announcer
from coranto.topology import CLASSIFIED, FINISHED, Keys, Pipeline
from coranto_cli.local.redis_server import EmbeddedRedis
from coranto_sink.outbox import Outbox

MakeArticle = Callable[..., ClassifiedArticle]
KEYS = Keys()
PATIENCE_SECONDS = 60.0
SETTINGS = {
    "CORANTO_SINK__BATCH_SIZE": "20",
    "CORANTO_DELIVERY__CLAIM_AFTER": "1",
    "CORANTO_DELIVERY__HOUSEKEEPING_INTERVAL": "0.3",
    "CORANTO_DELIVERY__MAX_DELIVERIES": "1000",
    "CORANTO_LOG__LEVEL": "error",
}


async def start_sink(redis_url: str, database: Database, dies_at: str | None = None) -> asyncio.subprocess.Process:
    program = ["-m", "coranto_sink"] if dies_at is None else [str(Path(__file__).with_name("dying_sink.py")), dies_at]
    environment = {**os.environ, **SETTINGS, "CORANTO_REDIS__URL": redis_url, "CORANTO_SINK__DATABASE": str(database)}
    return await asyncio.create_subprocess_exec(sys.executable, *program, env=environment)


async def end(*sinks: asyncio.subprocess.Process) -> None:
    for sink in sinks:
        if sink.returncode is None:
            sink.kill()
            await sink.wait()


async def announced(redis: Redis) -> list[FinishedArticle]:
    entries: Any = await redis.xrange(KEYS.stream(FINISHED))
    return [decode(fields[FIELD], FinishedArticle).record for _, fields in entries]


async def until_all_are_numbered(database: Database, number: int) -> None:
    await eventually(
        lambda: count(database, "announcements") == number and count(database, "outbox") == 0,
        within_seconds=PATIENCE_SECONDS,
        what=f"the announcement of {number} revisions",
    )


@pytest.fixture
def outbox(redis: Redis, article_store: ArticleStore) -> Outbox:
    return Outbox(article_store, Announcer(redis, Pipeline(), FINISHED, source="coranto/sink"), batch=2)


async def test_revision_seen_unannounced_twice_is_announced_and_numbered(
    redis: Redis, outbox: Outbox, article_store: ArticleStore, database: Database
) -> None:
    articles = [await store(build_article(f"https://news.example/{n}"), article_store=article_store) for n in range(5)]
    seen = await outbox.look(set())
    assert await announced(redis) == [], "a message that is under way gets its time"
    await outbox.look(seen)
    assert await announced(redis) == articles
    assert await outbox.look(seen) == set()
    with open_article_reader(database) as reader:
        assert [each.article for each in reader.announced_after(0)] == articles


async def test_event_that_delivery_has_announced_is_not_announced_again(
    redis: Redis, outbox: Outbox, article_store: ArticleStore, database: Database
) -> None:
    article = await store(build_article(), article_store=article_store)
    await Announcer(redis, Pipeline(), FINISHED, source="coranto/sink").announce([article])
    await outbox.look(await outbox.look(set()))
    assert await announced(redis) == [article]
    assert (count(database, "announcements"), count(database, "outbox")) == (1, 0)


async def test_record_that_cannot_be_read_keeps_no_other_waiting(
    redis: Redis, outbox: Outbox, article_store: ArticleStore, database: Database
) -> None:
    bad, good = [await store(build_article(f"https://news.example/{n}"), article_store=article_store) for n in range(2)]
    rows(database, "UPDATE revisions SET record = '{}' WHERE article_id = ?", bad.id)
    await outbox.look(await outbox.look(set()))
    assert await announced(redis) == [good]
    assert await article_store.unannounced(10) == [(bad.id, 1)]


async def test_full_redis_is_tried_again(redis: Redis, outbox: Outbox, article_store: ArticleStore) -> None:
    article = await store(build_article(), article_store=article_store)
    seen = await outbox.look(set())
    await redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(RedisError, match="OOM"):
            await outbox.look(seen)
    finally:
        await redis.config_set("maxmemory", "0")
    await outbox.look(seen)
    assert await announced(redis) == [article]


async def test_articles_of_all_partitions_go_to_their_own(redis: Redis, article_store: ArticleStore) -> None:
    pipeline = Pipeline(partitions=3)
    articles = [await store(build_article(f"https://news.example/{n}"), article_store=article_store) for n in range(12)]
    announcer = Announcer(redis, pipeline, FINISHED, source="coranto/sink")
    assert (await announcer.announce(articles), await announcer.announce(articles)) == (12, 0)
    for keys in pipeline.all_keys():
        entries: Any = await redis.xrange(keys.stream(FINISHED))
        ids = [decode(fields[FIELD], FinishedArticle).record.id for _, fields in entries]
        assert ids == [article.id for article in articles if pipeline.keys_for(article.id) == keys]


async def test_stored_article_whose_redis_came_back_empty_is_announced_though_it_comes_again_unchanged(
    redis: Redis, redis_url: str, database: Database, article_store: ArticleStore, make_article: MakeArticle
) -> None:
    stored = await store(make_article(), article_store=article_store)  # then its sink and all of Redis were gone
    await publish(redis, CLASSIFIED, make_article(fetch=2))
    sink = await start_sink(redis_url, database)
    try:
        await until_all_are_numbered(database, 1)
    finally:
        await end(sink)
    assert await announced(redis) == [stored]
    with open_article_reader(database) as reader:
        visits = reader.visits_of(stored.id)
    assert visits is not None
    assert visits.unchanged == 1


async def test_sink_that_stops_takes_note_of_all_that_it_announced(
    redis: Redis, redis_url: str, database: Database
) -> None:
    for number in range(50):
        await publish(redis, CLASSIFIED, build_article(f"https://news.example/{number}"))
    sink = await start_sink(redis_url, database)
    try:
        await eventually(lambda: count(database, "revisions") > 0, within_seconds=PATIENCE_SECONDS)
        sink.terminate()
        assert await asyncio.wait_for(sink.wait(), PATIENCE_SECONDS) == 0
    finally:
        await end(sink)
    assert count(database, "announcements") == len(await announced(redis)) > 0
    assert count(database, "outbox") == 0


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_any_step_each_revision_has_one_event_and_one_number(
    redis: Redis, redis_url: str, database: Database, article_store: ArticleStore, step: str
) -> None:
    if step in ("before_announce", "announced"):  # steps of what lost its message
        await store(build_article("https://news.example/lost"), article_store=article_store)
    else:
        await publish(redis, CLASSIFIED, build_article("https://news.example/lost"))
    dying = await start_sink(redis_url, database, dies_at=step)
    try:
        assert await asyncio.wait_for(dying.wait(), PATIENCE_SECONDS) == -signal.SIGKILL
    finally:
        await end(dying)
    sink = await start_sink(redis_url, database)
    try:
        await until_all_are_numbered(database, 1)
        await publish(redis, CLASSIFIED, build_article("https://news.example/next"))
        await until_all_are_numbered(database, 2)
    finally:
        await end(sink)
    assert sorted(Counter(article.message_id for article in await announced(redis)).values()) == [1, 1]


async def test_two_sinks_killed_all_the_time_and_a_redis_emptied_twice_leave_nothing_unannounced(
    own_redis: EmbeddedRedis, database: Database
) -> None:
    dice = random.Random(7)  # noqa: S311 - when whom to kill
    articles = [build_article(f"https://news.example/{number}") for number in range(600)]
    sinks = [await start_sink(own_redis.url, database) for _ in range(2)]
    heard: Counter[str] = Counter()
    redis = Redis.from_url(own_redis.url)

    async def harm(kills: int) -> None:
        for _ in range(kills):
            await asyncio.sleep(dice.uniform(0.3, 1.5))  # when it comes is what is tried
            place = dice.randrange(2)
            await end(sinks[place])
            sinks[place] = await start_sink(own_redis.url, database)

    async def hand_in(some: list[ClassifiedArticle]) -> None:
        for first in range(0, len(some), 50):
            pipe = redis.pipeline(transaction=False)
            for article in some[first : first + 50]:
                pipe.xadd(KEYS.stream(CLASSIFIED), {FIELD: encode(article, source="test")})
            await pipe.execute()

    try:
        for run in range(3):
            # What was not stored comes again, as from a feeder's account; what was stored comes with another submission.
            await hand_in([build_article(a.url, fetch=run + 1) for a in articles[: 200 * (run + 1)]])
            await harm(3)
            if run < 2:
                heard.update({article.message_id: 1 for article in await announced(redis)})
                own_redis.kill()
                shutil.rmtree(own_redis.directory / "redis")
                await asyncio.to_thread(own_redis.start)
        await until_all_are_numbered(database, 600)
        events = Counter(article.message_id for article in await announced(redis))
        assert set(events.values()) == {1}, "within one life of Redis nothing is announced twice"
        with open_article_reader(database) as reader:
            ids = [each.article.message_id for each in reader.announced_after(0, limit=1000)]
        assert len(set(ids)) == 600
        assert set(events) | set(heard) <= set(ids), "whatever was heard has a number"
    finally:
        await end(*sinks)
        await redis.aclose()
