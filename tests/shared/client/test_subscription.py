"""What a subscription promises, on a real Redis."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from tests.conftest import eventually

from coranto import PipelineMismatchError, UnsupportedVersionError
from coranto.client import AsyncClient, Subscription
from coranto.filter import FilterError
from coranto.records import FinishedArticle
from coranto.records.envelope import FIELD, encode
from coranto.streams.shape import agree_on_shape
from coranto.streams.tasks import end
from coranto.testing import samples
from coranto.topology import FINISHED, Keys, Pipeline

STREAM = Keys().stream(FINISHED)
SOON = timedelta(milliseconds=600)


@pytest.fixture
async def client(redis: Redis) -> AsyncClient:
    return AsyncClient(redis)


async def announce(redis: Redis, number: int, *, stream: str = STREAM) -> FinishedArticle:
    article = samples.finished(f"https://news.example/{number}")
    await redis.xadd(stream, {FIELD: encode(article, source="coranto/sink")})
    return article


async def announce_version(redis: Redis, version: str) -> None:
    event = json.loads(encode(samples.finished("https://news.example/later"), source="coranto/sink"))
    event["type"] = event["type"].rpartition(".")[0] + f".{version}"
    event["data"]["content"] = "not what it used to be"
    await redis.xadd(STREAM, {FIELD: json.dumps(event)})


async def pending(redis: Redis, group: str = "desk") -> int:
    return int((await redis.xpending(STREAM, group))["pending"])


async def take(subscription: Subscription, count: int) -> list[str]:
    async with asyncio.timeout(10):
        return [(await anext(subscription)).id for _ in range(count)]


async def nothing_comes(subscription: Subscription, seconds: float = 1.0) -> bool:
    coming = asyncio.ensure_future(anext(subscription))
    await asyncio.wait((coming,), timeout=seconds)
    if coming.done():
        return False
    await end((coming,))
    return True


# --- filters ----------------------------------------------------------------------------------------------------------


async def test_a_filter_gives_out_what_it_lets_through_and_acknowledges_the_rest(
    redis: Redis, client: AsyncClient
) -> None:
    articles = [await announce(redis, number) for number in range(20)]
    async with aclosing(client.subscribe("desk", start="beginning", where="url.contains('example/1')")) as subscription:
        wanted = [article.id for article in articles if "example/1" in article.url]
        assert await take(subscription, len(wanted)) == wanted
        assert await nothing_comes(subscription)
        assert subscription.passed_over == 20 - len(wanted)
        assert await pending(redis) == 0


async def test_a_wrong_filter_is_refused_before_anything_is_read(client: AsyncClient) -> None:
    with pytest.raises(FilterError, match="did you mean `language`"):
        client.subscribe("desk", where="langauge == 'ru'")


# --- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v3", "v17"])
async def test_an_event_of_a_later_version_is_raised_and_stays_pending(
    redis: Redis, client: AsyncClient, version: str
) -> None:
    subscription = client.subscribe("desk", start="beginning")
    await announce_version(redis, version)
    with pytest.raises(UnsupportedVersionError, match=rf"finished\.{version}.*upgrade") as raised:
        await take(subscription, 1)
    assert raised.value.seen == f"coranto.article.finished.{version}"
    await subscription.aclose()
    assert await pending(redis) == 1
    assert subscription.skipped == 0


async def test_garbage_is_skipped_acknowledged_and_counted(redis: Redis, client: AsyncClient) -> None:
    for raw in (b"\xff", b"[]", b'{"type": "com.example.other.v1"}', b'{"type": "coranto.article.finished"}'):
        await redis.xadd(STREAM, {FIELD: raw})
    await redis.xadd(STREAM, {"other": "field"})
    article = await announce(redis, 1)
    subscription = client.subscribe("desk", start="beginning")
    assert await take(subscription, 1) == [article.id]
    assert subscription.skipped == 5
    assert await pending(redis) == 1
    await subscription.aclose()


# --- holding ----------------------------------------------------------------------------------------------------------


async def test_an_article_that_a_sibling_took_over_is_not_taken_back(redis: Redis, client: AsyncClient) -> None:
    articles = [await announce(redis, number) for number in range(3)]
    blocked = client.subscribe("desk", start="beginning", claim_after=SOON, consumer="blocked", batch=3)
    sibling = client.subscribe("desk", claim_after=SOON, consumer="sibling", batch=3)
    assert await take(blocked, 1) == [articles[0].id]
    time.sleep(SOON.total_seconds() * 1.5)  # noqa: ASYNC251 - a loop body that blocks is what is tested
    rows: Any = await redis.xpending_range(STREAM, "desk", "-", "+", 10, idle=int(SOON.total_seconds() * 1000))
    ids = [row["message_id"] for row in rows]
    assert len(ids) == 3
    await redis.xclaim(STREAM, "desk", "sibling", 0, ids)
    await asyncio.sleep(SOON.total_seconds() * 0.8)  # the renewal of the one that blocked has run by now
    owners = {row["consumer"] for row in await redis.xpending_range(STREAM, "desk", "-", "+", 10)}
    assert owners == {b"sibling"}
    assert await nothing_comes(blocked, 0.3)  # what it had read ahead is the sibling's now
    await blocked.aclose()
    await sibling.aclose()


async def test_a_loop_body_that_awaits_keeps_its_article(redis: Redis, client: AsyncClient) -> None:
    article = await announce(redis, 1)
    slow = client.subscribe("desk", start="beginning", claim_after=SOON, consumer="slow")
    sibling = client.subscribe("desk", claim_after=SOON, consumer="sibling")
    assert await take(slow, 1) == [article.id]
    assert await nothing_comes(sibling, SOON.total_seconds() * 4)
    await slow.aclose()
    await sibling.aclose()


# --- groups -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["beginning", "now"])
async def test_a_destroyed_group_goes_on_behind_what_was_seen(redis: Redis, client: AsyncClient, start: Any) -> None:
    for number in range(5):
        await announce(redis, number)
    subscription = client.subscribe("desk", start=start)
    if start == "beginning":
        await take(subscription, 5)
    else:
        assert await nothing_comes(subscription, 0.2)
    await redis.xgroup_destroy(STREAM, "desk")
    missed = await announce(redis, 6)
    assert await take(subscription, 1) == [missed.id]
    assert subscription.emptied == 0
    assert await nothing_comes(subscription)
    await subscription.aclose()


async def test_a_vanished_stream_is_read_from_its_beginning(redis: Redis, client: AsyncClient) -> None:
    await announce(redis, 1)
    subscription = client.subscribe("desk", start="now")
    assert await nothing_comes(subscription, 0.2)
    await redis.delete(STREAM)
    article = await announce(redis, 2)
    assert await take(subscription, 1) == [article.id]
    await subscription.aclose()


async def test_a_subscription_tells_that_redis_came_back_empty(redis: Redis, client: AsyncClient) -> None:
    subscription = client.subscribe("desk", start="now")
    assert await nothing_comes(subscription, 0.2)
    await announce(redis, 1)
    await take(subscription, 1)
    await redis.flushall()
    article = await announce(redis, 2)
    assert await take(subscription, 1) == [article.id]
    assert subscription.emptied == 1
    await subscription.aclose()


async def test_an_article_is_not_missed_that_has_the_id_of_the_last_one_before_redis_was_emptied(
    redis: Redis, client: AsyncClient
) -> None:
    subscription = client.subscribe("desk", start="now")
    assert await nothing_comes(subscription, 0.2)
    for version in (1, 2):
        article = samples.finished(f"https://news.example/{version}")
        await redis.xadd(STREAM, {FIELD: encode(article, source="coranto/sink")}, id="2000000000000-0")
        assert await take(subscription, 1) == [article.id]
        await redis.flushall()
    await subscription.aclose()


@pytest.mark.parametrize("start", ["2026-01-01", "2026-01-01T02:00+02:00", "1767225600000-0", "1767225600000"])
async def test_a_group_begins_at_a_date_a_time_or_an_entry(redis: Redis, client: AsyncClient, start: str) -> None:
    for milliseconds in (1767225599999, 1767225600001):  # around the turn of the year
        event = encode(samples.finished(f"https://news.example/{milliseconds}"), source="coranto/sink")
        await redis.xadd(STREAM, {FIELD: event}, id=f"{milliseconds}-1")
    subscription = client.subscribe("desk", start=start)
    assert await take(subscription, 1) == [samples.finished("https://news.example/1767225600001").id]
    await subscription.aclose()


@pytest.mark.parametrize("start", ["yesterday", "", "2026-13-01", "$", "-", "1-2-3", "\N{FULLWIDTH DIGIT ONE}-0"])
async def test_a_start_that_says_nothing_is_refused_with_what_is_taken(client: AsyncClient, start: str) -> None:
    with pytest.raises(ValueError, match='start must be "now", "beginning", a date'):
        client.subscribe("desk", start=start)


# --- partitions -------------------------------------------------------------------------------------------------------


async def test_a_subscriber_that_was_told_nothing_gets_every_partition(redis: Redis, client: AsyncClient) -> None:
    four = Pipeline(4)
    await agree_on_shape(redis, four)
    expected = set()
    for number in range(40):
        article = samples.finished(f"https://news.example/{number}")
        await announce(redis, number, stream=four.keys_for(article.id).stream(FINISHED))
        expected.add(article.id)
    subscription = client.subscribe("desk", start="beginning")
    assert set(await take(subscription, 40)) == expected
    assert subscription.last_id is None
    assert set(subscription.last_ids) == {keys.stream(FINISHED) for keys in four.all_keys()}
    await subscription.aclose()


async def test_a_subscriber_that_came_first_takes_up_the_partitions_later(redis: Redis, client: AsyncClient) -> None:
    subscription = client.subscribe("desk", start="now")
    coming = asyncio.ensure_future(anext(subscription))
    await eventually(lambda: redis.exists(STREAM))
    four = Pipeline(4)
    await agree_on_shape(redis, four)
    article = await announce(redis, 1, stream=four.all_keys()[3].stream(FINISHED))
    assert (await asyncio.wait_for(coming, 10)).id == article.id
    await subscription.aclose()


async def test_a_known_group_gets_all_of_partitions_that_were_added(redis: Redis) -> None:
    await agree_on_shape(redis, Pipeline(1))
    before = AsyncClient(redis).subscribe("desk")
    assert await nothing_comes(before, 0.2)
    await before.aclose()
    await redis.delete(Pipeline().shape())
    await agree_on_shape(redis, Pipeline(2))
    article = await announce(redis, 1, stream=Pipeline(2).all_keys()[1].stream(FINISHED))
    after = AsyncClient(redis).subscribe("desk")
    assert await take(after, 1) == [article.id]
    await after.aclose()


async def test_siblings_that_start_together_repeat_nothing_to_a_new_group(redis: Redis) -> None:
    four = Pipeline(4)
    await agree_on_shape(redis, four)
    for number, keys in enumerate(four.all_keys()):
        await announce(redis, number, stream=keys.stream(FINISHED))
    siblings = [AsyncClient(redis).subscribe("desk") for _ in range(5)]
    assert all(await asyncio.gather(*(nothing_comes(sibling, 1.5) for sibling in siblings)))
    for sibling in siblings:
        await sibling.aclose()


async def test_a_client_that_was_told_otherwise_is_refused(redis: Redis) -> None:
    await agree_on_shape(redis, Pipeline(4))
    client = AsyncClient(redis, Pipeline(2))
    with pytest.raises(PipelineMismatchError, match=r"has 4 partitions.*told 2.*PARTITIONS=4"):
        await anext(client.subscribe("desk"))


async def test_the_place_to_go_on_from_is_known_with_one_partition(redis: Redis, client: AsyncClient) -> None:
    articles = [await announce(redis, number) for number in range(3)]
    first = client.subscribe("desk", start="beginning")
    await take(first, 2)
    await first.aclose()
    assert first.last_id is not None
    second = client.subscribe("other", start=first.last_id)
    assert await take(second, 1) == [articles[2].id]
    await second.aclose()


async def test_closing_ends_a_renewal_that_swallowed_its_cancellation(redis: Redis, client: AsyncClient) -> None:
    await announce(redis, 1)
    subscription = client.subscribe("desk", start="beginning", claim_after=SOON)
    await take(subscription, 1)
    renews, is_swallowed = asyncio.Event(), asyncio.Event()

    async def renew(**_: Any) -> list[bytes]:
        # As redis-py may do with a cancellation that arrives while it reads an answer.
        renews.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if is_swallowed.is_set():
                raise
            is_swallowed.set()
        return []

    subscription._renew_script = renew  # type: ignore[assignment]
    await asyncio.wait_for(renews.wait(), 10)
    await asyncio.wait_for(subscription.aclose(), 10)
    assert is_swallowed.is_set()


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------

BLOCKING = """
import sys, time
from coranto.client import blocking
for article in blocking.subscribe("desk", start="beginning"):
    print(article.id, flush=True)
    time.sleep({seconds})
    print("done", flush=True)
print("after", flush=True)
"""
ASYNC = """
import asyncio
from coranto import subscribe  # now: the client is imported when it is first named, which takes the loop's time
async def main():
    async for article in subscribe("desk", start="beginning"):
        print(article.id, flush=True)
        await asyncio.sleep({seconds})
        print("done", flush=True)
    print("after", flush=True)
asyncio.run(main())
"""


class Program:
    """A subscriber in a process of its own, with the signals that a shell would give it."""

    def __init__(self, text: str, url: str) -> None:
        environment = {**os.environ, "CORANTO_REDIS__URL": url, "PYTHONDEVMODE": "1"}
        # Whoever runs the tests may ignore SIGINT, and a child inherits that.
        start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        self.process = subprocess.Popen(
            [sys.executable, "-c", start + text],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str, str]:
        """Its exit code, and what else it said."""
        try:
            out, err = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
        return self.process.returncode, out, err


@pytest.mark.parametrize("text", [BLOCKING, ASYNC], ids=["blocking", "asyncio"])
async def test_ctrl_c_while_waiting_ends_quietly(redis: Redis, redis_url: str, text: str) -> None:
    article = await announce(redis, 1)
    program = Program(text.format(seconds=0), redis_url)
    assert await asyncio.to_thread(program.line) == article.id
    assert await asyncio.to_thread(program.line) == "done"
    await eventually(lambda: _is_acknowledged(redis))
    program.interrupt()
    assert await asyncio.to_thread(program.end) == (0, "after\n", "")


@pytest.mark.parametrize("text", [BLOCKING, ASYNC], ids=["blocking", "asyncio"])
async def test_ctrl_c_in_the_loop_body_lets_it_finish_and_acknowledges(redis: Redis, redis_url: str, text: str) -> None:
    await announce(redis, 1)
    await announce(redis, 2)
    program = Program(text.format(seconds=0.5), redis_url)
    await asyncio.to_thread(program.line)
    program.interrupt()
    assert await asyncio.to_thread(program.end) == (0, "done\nafter\n", "")
    assert [row["times_delivered"] for row in await redis.xpending_range(STREAM, "desk", "-", "+", 10)] == [1]


@pytest.mark.parametrize("text", [BLOCKING, ASYNC], ids=["blocking", "asyncio"])
async def test_a_second_ctrl_c_ends_the_loop_body_too(redis: Redis, redis_url: str, text: str) -> None:
    await announce(redis, 1)
    program = Program(text.format(seconds=30), redis_url)
    await asyncio.to_thread(program.line)
    program.interrupt()
    await asyncio.sleep(0.3)
    program.interrupt()
    code, out, err = await asyncio.to_thread(program.end)
    assert code != 0
    assert out == ""
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "destroyed" not in err


async def _is_acknowledged(redis: Redis) -> bool:
    return await pending(redis) == 0


def test_the_public_names_are_where_they_were() -> None:
    import coranto
    from coranto import client

    for name in ("AsyncClient", "Receipt", "Subscription", "TooMuchWaitingError", "submit", "subscribe"):
        assert getattr(coranto, name) is getattr(client, name)
