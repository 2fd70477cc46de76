"""The sink as the process it is, on a real Redis: what it announces, what it keeps, and what a kill may not change."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError
from tests.conftest import running_service
from tests.shared.store.articles import NOON
from tests.shared.store.databases import Database

from coranto.records import ClassifiedArticle, DroppedArticle, FinishedArticle, Record
from coranto.records.envelope import FIELD, decode, encode
from coranto.store.address import open_article_reader
from coranto.store.interface import Visits
from coranto.topology import CLASSIFIED, DROPPED, FINISHED, LEDGER, Keys, Stream

MakeArticle = Callable[..., ClassifiedArticle]
KEYS = Keys()
PATIENCE_SECONDS = 30.0


def running_sink(redis_url: str, database: Database) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    """The sink as the process it is."""
    settings = {
        "CORANTO_REDIS__URL": redis_url,
        "CORANTO_SINK__DATABASE": str(database),
        "CORANTO_SINK__BATCH_SIZE": "20",
        # The shortest there is: what a killed sink held is taken over within the test's patience.
        "CORANTO_DELIVERY__CLAIM_AFTER": "1",
        "CORANTO_DELIVERY__HOUSEKEEPING_INTERVAL": "0.3",
        "CORANTO_DELIVERY__MAX_DELIVERIES": "100",
    }
    return running_service("sink", settings)


async def publish(redis: Redis, stream: Stream, record: Record) -> None:
    await redis.xadd(KEYS.stream(stream), {FIELD: encode(record, source="test")})


async def announced(redis: Redis) -> list[FinishedArticle]:
    entries: Any = await redis.xrange(KEYS.stream(FINISHED))
    return [decode(fields[FIELD], FinishedArticle).record for _, fields in entries]


async def eventually(claim: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if await claim():
                return
            await asyncio.sleep(0.02)


async def until_announced(redis: Redis, number: int) -> None:
    async def are_announced() -> bool:
        return bool(await redis.xlen(KEYS.stream(FINISHED)) >= number)

    await eventually(are_announced)


async def test_article_is_stored_then_announced_and_a_dropped_one_is_in_the_ledger(
    redis: Redis, redis_url: str, database: Database, make_article: MakeArticle
) -> None:
    article = make_article()
    dropped = DroppedArticle(
        id="d" * 32, url="https://news.example/gone", submission="s", stage="fetcher", outcome="dropped",
        reason="gone", dropped_at=article.fetch.fetched_at,
    )  # fmt: skip
    await publish(redis, DROPPED, dropped)
    await publish(redis, CLASSIFIED, article)
    async with running_sink(redis_url, database) as sink:
        await until_announced(redis, 1)
        sink.terminate()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await sink.wait() == 0
    (finished,) = await announced(redis)
    with open_article_reader(database) as article_store:
        assert article_store.find(article.id) == finished
        assert [line.reason for line in article_store.ledger_of("https://news.example/gone")] == ["gone"]


async def test_unchanged_refetch_is_not_announced_and_is_counted_once(
    redis: Redis, redis_url: str, database: Database, make_article: MakeArticle
) -> None:
    first, same = make_article(), make_article(fetch=2)
    async with running_sink(redis_url, database):
        await publish(redis, CLASSIFIED, first)
        await until_announced(redis, 1)
        await publish(redis, CLASSIFIED, same)
        # Its notice comes to the sink's other stage, where it must not be counted again.
        await eventually(partial(has_handled, redis, dropped=1))
        await publish(redis, CLASSIFIED, make_article(fetch=3, title="A new title"))
        await until_announced(redis, 2)
        with open_article_reader(database) as article_store:
            outcomes = [(line.outcome, line.reason) for line in article_store.ledger()]
            visits = article_store.visits_of(first.url)
    assert outcomes == [("stored", "created"), ("stored", "updated")]
    assert visits == Visits(1, NOON + timedelta(minutes=3))
    assert [record.storage.change for record in await announced(redis)] == ["created", "updated"]


async def test_article_whose_page_is_gone_is_announced_as_retracted_once(
    redis: Redis, redis_url: str, database: Database, make_article: MakeArticle
) -> None:
    article = make_article()
    gone = DroppedArticle(
        id=article.id, url=article.url, submission="a-visit", stage="fetcher", outcome="dropped", reason="gone",
        dropped_at=article.fetch.fetched_at + timedelta(hours=1),
    )  # fmt: skip
    async with running_sink(redis_url, database) as sink:
        await publish(redis, CLASSIFIED, article)
        await until_announced(redis, 1)
        await publish(redis, DROPPED, gone)
        await publish(redis, DROPPED, gone)
        # Killed before it can announce: whoever comes next finds it in the store.
        await eventually(partial(is_retracted, database, article))
        sink.send_signal(signal.SIGKILL)
        await sink.wait()
    async with running_sink(redis_url, database), running_sink(redis_url, database):
        await until_announced(redis, 2)
        await publish(redis, CLASSIFIED, make_article(fetch=120))
        await until_announced(redis, 3)
    assert [record.storage.change for record in await announced(redis)] == ["created", "retracted", "updated"]


async def is_retracted(database: Database, article: ClassifiedArticle) -> bool:
    with open_article_reader(database) as article_store:
        found = article_store.find(article.id)
        return found is not None and found.storage.change == "retracted"


async def has_handled(redis: Redis, *, dropped: int) -> bool:
    """Whether the ledger has acknowledged so many notices."""
    entries: Any = await redis.xrange(KEYS.stream(DROPPED))
    try:
        pending: Any = await redis.xpending(KEYS.stream(DROPPED), LEDGER.name)
        (group,) = await redis.xinfo_groups(KEYS.stream(DROPPED))
    except ResponseError:  # the sink is only just starting
        return False
    return len(entries) >= dropped and not pending["pending"] and group["last-delivered-id"] == entries[-1][0]


async def is_settled(redis: Redis) -> bool:
    pending: Any = await redis.xpending(KEYS.stream(CLASSIFIED), "sink")
    return not pending["pending"]


async def test_killed_sinks_lose_nothing_and_announce_nothing_twice(
    redis: Redis, redis_url: str, database: Database, make_article: MakeArticle
) -> None:
    number = 300
    for index in range(number):
        await publish(redis, CLASSIFIED, make_article(f"https://news.example/{index}"))
    for share in (0.1, 0.4, 0.7):
        async with running_sink(redis_url, database) as sink:
            await until_announced(redis, int(number * share))
            sink.send_signal(signal.SIGKILL)
            await sink.wait()
    async with running_sink(redis_url, database), running_sink(redis_url, database):
        await until_announced(redis, number)
        await eventually(partial(is_settled, redis))
    records = await announced(redis)
    assert len(records) == number
    assert {record.storage.revision for record in records} == {1}
    assert len({record.id for record in records}) == number
    with open_article_reader(database) as article_store:
        assert article_store.count() == number
