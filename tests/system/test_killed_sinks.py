"""The long proof of the sink and its store: killed and restarted under load, every article is stored and announced once.

Two sinks read what the classifier would have written. They are killed at any moment, Redis comes back empty, PostgreSQL is killed
in mid-commit; then every record, revision, event and number is counted.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.harness.postgresql_server import PostgresqlServer
from tests.shared.store.articles import build_article
from tests.shared.store.databases import Database, count, rows

from coranto.records import ClassifiedArticle, FinishedArticle
from coranto.records.envelope import FIELD, decode, encode
from coranto.store.address import open_article_reader
from coranto.store.check import check
from coranto.topology import CLASSIFIED, FINISHED, Keys
from coranto_cli.local.redis_server import EmbeddedRedis

KEYS = Keys()
ARTICLES = int(os.environ.get("CORANTO_TEST_ARTICLES", "20000"))
KILLS = int(os.environ.get("CORANTO_TEST_KILLS", "100"))
PATIENCE_SECONDS = 900.0
SETTINGS = {
    "CORANTO_DELIVERY__CLAIM_AFTER": "1",
    "CORANTO_DELIVERY__HOUSEKEEPING_INTERVAL": "0.3",
    # An entry is told to be poison by three lost workers; here every worker is lost all the time.
    "CORANTO_DELIVERY__MAX_DELIVERIES": "100000",
    "CORANTO_BREAKER__PROBE_AFTER": "1",
    "CORANTO_BREAKER__MAX_PAUSE": "2",
    "CORANTO_LOG__LEVEL": "error",
}

pytestmark = pytest.mark.slow


class Sinks:
    """Two sinks on one store, each started again when it was killed."""

    def __init__(self, redis_url: str, database: Database, ready: Path) -> None:
        self._environment = {
            **os.environ, **SETTINGS, "CORANTO_REDIS__URL": redis_url, "CORANTO_SINK__DATABASE": str(database),
        }  # fmt: skip
        self._ready = ready
        self._started = 0
        self._processes: dict[int, asyncio.subprocess.Process] = {}

    async def start(self, place: int) -> None:
        """Start one, and wait until it works: to kill what does not run yet proves nothing."""
        self._started += 1
        ready = self._ready / f"ready-{self._started}"
        self._processes[place] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "coranto_sink", env={**self._environment, "CORANTO_HEALTH__READY_FILE": str(ready)}
        )
        await eventually(ready.exists, within_seconds=120, what="a sink that works")

    async def kill(self, place: int) -> None:
        """SIGKILL."""
        process = self._processes.pop(place, None)
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def end(self) -> None:
        """Kill both."""
        for place in list(self._processes):
            await self.kill(place)


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    """A server for one test alone, to be killed."""
    server = PostgresqlServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return tmp_path / "articles.sqlite"
    server: PostgresqlServer = request.getfixturevalue("server")
    return server.url("postgres")


@pytest.fixture
async def sinks(own_redis: EmbeddedRedis, database: Database, tmp_path: Path) -> AsyncIterator[Sinks]:
    sinks = Sinks(own_redis.url, database, tmp_path)
    for place in (0, 1):
        await sinks.start(place)
    yield sinks
    await sinks.end()


async def hand_in(redis: Redis, articles: Sequence[ClassifiedArticle]) -> None:
    """Write them as the classifier would."""
    for first in range(0, len(articles), 100):
        pipe = redis.pipeline(transaction=False)
        for article in articles[first : first + 100]:
            pipe.xadd(KEYS.stream(CLASSIFIED), {FIELD: encode(article, source="test")})
        await pipe.execute()


async def heard(redis: Redis) -> Counter[str]:
    """The events of stored articles in Redis, by their id, each read whole."""
    found: Counter[str] = Counter()
    last = "-"
    while entries := await redis.xrange(KEYS.stream(FINISHED), min=last, count=1000):
        found.update(decode(fields[FIELD], FinishedArticle).record.message_id for _, fields in entries)
        last = f"({entries[-1][0].decode()}"
    return found


async def until_all_are_numbered(database: Database, number: int) -> None:
    await eventually(
        lambda: count(database, "announcements") == number and count(database, "outbox") == 0,
        within_seconds=PATIENCE_SECONDS,
        what=f"the announcement of {number} articles",
    )


def assert_each_is_whole_and_there_once(database: Database, urls: Sequence[str]) -> set[str]:
    """The ids of the events that the store numbers."""
    assert Counter(url for (url,) in rows(database, "SELECT url FROM articles")) == Counter(urls)
    assert count(database, "revisions") == len(urls)
    assert rows(database, "SELECT DISTINCT outcome, reason FROM ledger ORDER BY 1, 2")[-1] == ("stored", "created")
    found = check(database)
    assert found.is_sound, found
    ids: list[str] = []
    with open_article_reader(database) as reader:
        while some := reader.announced_after(len(ids), limit=1000):
            assert [each.number for each in some] == list(range(len(ids) + 1, len(ids) + len(some) + 1))
            ids += [each.article.message_id for each in some]
    assert len(set(ids)) == len(ids) == len(urls)
    return set(ids)


async def test_killed_all_the_time_with_redis_emptied_twice_no_article_is_lost_doubled_or_half_written(
    own_redis: EmbeddedRedis, database: Database, sinks: Sinks
) -> None:
    dice = random.Random(13)  # noqa: S311 - when whom to kill
    articles = [build_article(f"https://news.example/{number}") for number in range(ARTICLES)]
    before: set[str] = set()
    lives = 3
    async with Redis.from_url(own_redis.url) as redis:
        for life in range(lives):
            # Of what a Redis that came back empty has forgotten, all comes again, as from a feeder's account.
            known = articles[: ARTICLES * (life + 1) // lives]
            kills = KILLS // lives + (life < KILLS % lives)
            for number in range(kills):
                await hand_in(redis, known[len(known) * number // kills : len(known) * (number + 1) // kills])
                await asyncio.sleep(dice.uniform(0.0, 1.0))  # when it comes is what is tried
                place = dice.randrange(2)
                await sinks.kill(place)
                await sinks.start(place)
            if life < lives - 1:
                before |= set(await heard(redis))
                own_redis.kill()
                shutil.rmtree(own_redis.directory / "redis")
                await asyncio.to_thread(own_redis.start)
        await until_all_are_numbered(database, ARTICLES)
        events: Any = await heard(redis)
    numbered = assert_each_is_whole_and_there_once(database, [article.url for article in articles])
    assert set(events.values()) == {1}, "within one life of Redis nothing is announced twice"
    assert set(events) | before == numbered, "whatever was heard has a number, and the other way round"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_postgresql_killed_and_restarted_in_mid_commit_loses_and_doubles_nothing(
    own_redis: EmbeddedRedis, server: PostgresqlServer, database: str, sinks: Sinks
) -> None:
    dice = random.Random(17)  # noqa: S311 - when and how it ends
    articles = [build_article(f"https://news.example/{number}") for number in range(ARTICLES // 4)]
    ends = max(1, KILLS // 5)
    cut_off = 0
    async with Redis.from_url(own_redis.url) as redis:
        for number in range(ends):
            known = len(articles) * (number + 1) // ends
            await hand_in(redis, articles[len(articles) * number // ends : known])
            await asyncio.sleep(dice.uniform(0.0, 1.0))  # when it comes is what is tried
            cut_off += count(database, "articles") < known
            await asyncio.to_thread(dice.choice([server.kill, server.stop]))
            await asyncio.to_thread(server.start)
        await until_all_are_numbered(database, len(articles))
        events = await heard(redis)
    assert cut_off, "it ended while there was work"
    numbered = assert_each_is_whole_and_there_once(database, [article.url for article in articles])
    assert (set(events), set(events.values())) == (numbered, {1})
