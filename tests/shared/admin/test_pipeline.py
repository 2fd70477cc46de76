"""Looking into a running pipeline, on a real Redis with two partitions: what waits, where an article is, when it is idle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from coranto.admin.find_article import ArticleRef, find_locations
from coranto.admin.idle import wait_until_idle
from coranto.admin.pipeline import ConnectedPipeline, StageState, connected
from coranto.frontier import HostFeedback, HostLease, RedisHostLeases, host_key
from coranto.records import Record
from coranto.records.envelope import encode
from coranto.sources.registry import Feed, FeedRegistry
from coranto.streams.interface import Dead, Depth, Drop, Entry, Outcome, Retry
from coranto.streams.redis import RedisStreams
from coranto.testing import discovered, fetched, submission
from coranto.topology import FEEDER, FETCHER, Pipeline, StageSpec
from coranto.urls import parse

URL = "https://news.example/one"


def test_messages_that_only_wait_for_their_host_are_not_counted_as_retried() -> None:
    outcomes = {("retried", "queued"): 39, ("retried", "http_5xx"): 2, ("published", "ok"): 36}
    state = StageState("fetcher", Depth(0, 0, 0, 0, 0.0, 0), outcomes)
    assert (state.retried, state.count("retried"), state.count("published")) == (2, 41, 36)


@pytest.fixture
def pipeline(redis: Redis) -> ConnectedPipeline:
    return ConnectedPipeline(redis, Pipeline(partitions=2))


async def put(pipeline: ConnectedPipeline, spec: StageSpec, record: Record, partition: int = 1) -> RedisStreams:
    """The stage's streams, with this record waiting in one partition."""
    streams = pipeline.streams[spec.name][partition]
    await streams.ensure()
    await pipeline.redis.xadd(streams.main, {"event": encode(record, source="test")})
    return streams


Take = Callable[[RedisStreams, str], Awaitable[Entry]]


async def settle(take: Take, streams: RedisStreams, outcome: Outcome) -> None:
    await streams.commit([(await take(streams, "worker-1"), outcome)])


async def test_article_is_found_wherever_it_is_and_no_other_one_is(pipeline: ConnectedPipeline, take: Take) -> None:
    ref = ArticleRef.of(URL)
    other = await put(pipeline, FETCHER, discovered("https://news.example/other"))
    await settle(take, other, Retry("timeout", 60_000, 1))
    await put(pipeline, FEEDER, submission(URL))
    assert [(each.stage, each.state) for each in await find_locations(pipeline, ref)] == [("feeder", "waiting")]

    fetcher = await put(pipeline, FETCHER, discovered(URL))
    entry = await take(fetcher, "worker-1")
    (_, taken) = await find_locations(pipeline, ref)
    assert (taken.stage, taken.state, taken.worker) == ("fetcher", "in_flight", "worker-1")

    await fetcher.commit([(entry, Retry("timeout", 60_000, 3))])
    (_, delayed) = await find_locations(pipeline, ref)
    assert (delayed.state, delayed.reason, delayed.attempts) == ("delayed", "timeout", 3)
    assert 50 < (delayed.seconds or 0) <= 60

    await put(pipeline, FETCHER, discovered(URL), partition=0)
    await settle(take, pipeline.streams["fetcher"][0], Dead("bad_url", "seen", "trace", 1))
    letter = (await find_locations(pipeline, ref))[-1]
    assert (letter.state, letter.reason, letter.error) == ("dead", "bad_url", "seen")
    assert (letter.letter or "").startswith("fetcher/0/")


async def test_delayed_article_tells_how_its_host_does(pipeline: ConnectedPipeline, take: Take) -> None:
    fetcher = await put(pipeline, FETCHER, discovered(URL))
    await settle(take, fetcher, Retry("timeout", 60_000, 0))
    leases = RedisHostLeases(pipeline.redis, prefix=pipeline.topology.prefix)
    host = host_key(parse(URL))

    async def ask(feedback: HostFeedback) -> None:
        lease = await leases.acquire(host, "message", delay=timedelta(0))
        assert isinstance(lease, HostLease)
        await leases.release(lease, feedback, delay=timedelta(0), retry_after=timedelta(0))
        # It may be asked again at once: how long it rests is no matter here.
        await pipeline.redis.hdel(f"{pipeline.topology.prefix}:{{host-{host}}}:lease", "next_at")

    await ask(HostFeedback.FAILING)
    await ask(HostFeedback.FAILING)
    (found,) = await find_locations(pipeline, ArticleRef.of(URL))
    assert (found.attempts, found.host, found.host_failures) == (0, host, 2)
    assert 0 <= (found.host_failing_seconds or 0) < 60
    await ask(HostFeedback.FINE)
    (found,) = await find_locations(pipeline, ArticleRef.of(URL))
    assert (found.host, found.host_failures, found.host_failing_seconds) == (None, None, None)


async def test_article_that_is_settled_is_nowhere_before_it_is_trimmed(pipeline: ConnectedPipeline, take: Take) -> None:
    await settle(take, await put(pipeline, FETCHER, discovered(URL)), Drop("robots"))
    assert await find_locations(pipeline, ArticleRef.of(URL)) == []


async def test_entries_that_are_no_events_are_passed_over(pipeline: ConnectedPipeline) -> None:
    streams = await put(pipeline, FETCHER, discovered(URL))
    for raw in (b"no JSON", b"[1]", b'{"data": "text"}', b'{"data": {"url": 7}}'):
        await pipeline.redis.xadd(streams.main, {"event": raw})
    await pipeline.redis.xadd(streams.main, {"other": b"field"})
    assert len(await find_locations(pipeline, ArticleRef.of(URL))) == 1


async def test_pipeline_is_idle_when_nothing_is_left(pipeline: ConnectedPipeline) -> None:
    assert (await wait_until_idle(pipeline, timeout_seconds=5)).is_idle
    await put(pipeline, FETCHER, discovered(URL))
    busy = await wait_until_idle(pipeline, timeout_seconds=0)
    assert not busy.is_idle
    assert [state.stage for state in busy.states if state.unsettled] == ["fetcher"]


async def test_with_a_horizon_what_is_delayed_for_long_is_named_and_not_waited_for(
    pipeline: ConnectedPipeline, take: Take
) -> None:
    for partition, seconds in ((0, 900), (1, 300)):
        streams = await put(pipeline, FETCHER, fetched(URL), partition)
        await settle(take, streams, Retry("host_down", seconds * 1000, 1))
    horizon = timedelta(seconds=60)
    result = await wait_until_idle(pipeline, timeout_seconds=5, horizon=horizon)
    assert result.is_idle
    (delay,) = result.long_delays
    assert (delay.stage, delay.count, delay.soonest.reason) == ("fetcher", 2, "host_down")
    assert 290 < delay.seconds_to_go <= 300
    assert not (await wait_until_idle(pipeline, timeout_seconds=0)).is_idle
    assert not (await wait_until_idle(pipeline, timeout_seconds=0, horizon=timedelta(seconds=600))).is_idle


async def test_feed_that_has_not_been_read_yet_is_waited_for(pipeline: ConnectedPipeline) -> None:
    registry = FeedRegistry(pipeline.redis, pipeline.topology.all_keys()[0])
    feed = Feed(url="https://news.example/feed", source="news.example", added_at=datetime.now(UTC))
    await registry.add(feed)
    result = await wait_until_idle(pipeline, timeout_seconds=0)
    assert not result.is_idle
    assert result.unread_feeds == [feed.url]
    await registry.save(feed.model_copy(update={"polls": 1}), datetime.now(UTC))
    assert (await wait_until_idle(pipeline, timeout_seconds=5)).is_idle


async def test_address_that_is_none_of_redis_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORANTO_REDIS__URL", "localhost:6379")
    with pytest.raises(ValueError, match=r"must be redis://.*got 'localhost:6379'"):
        async with connected(None):
            pass
