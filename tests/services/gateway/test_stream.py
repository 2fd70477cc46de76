"""Following articles over HTTP: in order, once each, from wherever a reader was cut off."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.services.gateway.conftest import Serve, Served
from tests.shared.store.articles import build_article

from coranto.records import FinishedArticle
from coranto.streams.announce import Announcer
from coranto.topology import FINISHED, Keys, Pipeline
from coranto_gateway.articles.announcements import Position
from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import Scope


@dataclass
class Event:
    """One event as a browser reads it."""

    id: str
    name: str = "message"
    data: str = ""

    @property
    def url(self) -> str:
        found: str = json.loads(self.data)["data"]["url"]
        return found

    @property
    def number(self) -> int:
        return int(self.id.rpartition(".")[2])


@dataclass
class Reader:
    """Reads a stream by the rules of the standard, keeping its place."""

    last_id: str = ""
    events: list[Event] = field(default_factory=list)
    signs_of_life: int = 0

    async def read(self, lines: AsyncIterator[str]) -> AsyncIterator[Event]:
        name, data, place = "message", list[str](), self.last_id
        async for line in lines:
            match line.partition(":"):
                case "", "", "":
                    # Only now: of an event that was cut off in its middle, the place does not count.
                    self.last_id = place
                    if data:
                        event = Event(self.last_id, name, "\n".join(data))
                        self.events.append(event)
                        yield event
                    name, data = "message", []
                case "", ":", _:
                    self.signs_of_life += 1
                case "id", ":", value:
                    place = value.strip()
                case "event", ":", value:
                    name = value.strip()
                case "data", ":", value:
                    data.append(value.removeprefix(" "))

    async def take(self, served: Served, count: int, **parameters: Any) -> list[Event]:
        """Follow from the place on until so many events have come, and cut the connection."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        taken: list[Event] = []
        async with (
            asyncio.timeout(20),
            served.client.stream("GET", "/v1/stream", params=parameters, headers=headers) as answer,
        ):
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["x-accel-buffering"] == "no"
            async for event in self.read(answer.aiter_lines()):
                taken.append(event)
                if len(taken) == count:
                    return taken
        return taken


@asynccontextmanager
async def following(served: Served, reader: Reader, **parameters: Any) -> AsyncIterator[None]:
    """The reader follows while the block runs; it is connected when the block begins."""

    async def follow() -> None:
        async with served.client.stream("GET", "/v1/stream", params=parameters, timeout=None) as answer:
            async for _ in reader.read(answer.aiter_lines()):
                pass

    task = asyncio.create_task(follow())
    await eventually(lambda: task.done() or bool(reader.last_id), what="the connection")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def urls(first: int, last: int) -> list[str]:
    return [f"https://news.example/{number}" for number in range(first, last)]


async def test_what_is_stored_while_connected_comes_in_order_and_once(served: Served) -> None:
    reader = Reader()
    async with following(served, reader):
        for number in range(30):
            await served.announce(build_article(f"https://news.example/{number}"))
        await eventually(lambda: len(reader.events) == 30, what="30 events")
    assert [event.url for event in reader.events] == urls(0, 30)
    assert [event.number for event in reader.events] == list(range(1, 31))
    event = json.loads(reader.events[0].data)
    assert event["specversion"] == "1.0"
    assert event["type"] == FinishedArticle.event_type
    assert FinishedArticle.model_validate(event["data"]).storage.revision == 1


async def test_a_reader_that_connects_before_anything_was_stored_misses_nothing(served: Served) -> None:
    reader = Reader()
    async with following(served, reader):
        place = reader.last_id
        await served.announce(*map(build_article, urls(0, 3)))
        await eventually(lambda: len(reader.events) == 3, what="3 events")
    assert reader.events[0].id != place
    late = Reader(last_id=place)  # it was cut off before the first event
    assert [event.url for event in await late.take(served, 3)] == urls(0, 3)


async def test_cut_off_at_any_moment_it_gets_each_article_exactly_once(serve: Serve) -> None:
    dice = random.Random(7)  # noqa: S311 - a test that repeats itself
    async with serve(replay_buffer=10) as served:
        await served.announce(build_article("https://news.example/0"))

        async def write() -> None:
            for number in range(1, 300, 10):
                await served.announce(*map(build_article, urls(number, number + 10)))

        writing = asyncio.create_task(write())
        reader = Reader()
        await reader.take(served, 1, after="beginning")
        while len(reader.events) < 301:
            await reader.take(served, min(dice.randint(1, 40), 301 - len(reader.events)))
        await writing
        assert [event.url for event in reader.events] == urls(0, 301)


async def test_a_filter_lets_through_what_it_should_and_the_place_moves_on_all_the_same(serve: Serve) -> None:
    async with serve(heartbeat=1) as served:
        await served.announce(*map(build_article, urls(0, 30)))
        where = "url.contains('example/1')"
        reader = Reader()
        events = await reader.take(served, 11, after="beginning", where=where)
        assert [event.url for event in events] == ["https://news.example/1", *urls(10, 20)]
        reader = Reader()
        async with following(served, reader, after="beginning", where="url == 'none'"):
            await eventually(lambda: reader.last_id.endswith(".30"), what="the last place")
        assert reader.events == []


async def test_signs_of_life_carry_the_place(serve: Serve) -> None:
    async with serve(heartbeat=1) as served:
        await served.announce(*map(build_article, urls(0, 2)))
        reader = Reader()
        async with following(served, reader):
            await eventually(lambda: reader.signs_of_life >= 3, what="signs of life")
        assert reader.events == []
        assert reader.last_id.endswith(".2")


@pytest.mark.parametrize("place", ["rubbish", "ffffffffffffffff.1", "{store}.999", "17194320-7", "-1", "a.b.c"])
async def test_an_unknown_place_is_answered_and_never_met_with_silence(served: Served, place: str) -> None:
    (first, *_) = await served.announce(*map(build_article, urls(0, 3)))
    reader = Reader(last_id=place.format(store=first.storage.store))
    (reset,) = await reader.take(served, 1)
    assert reset.name == "reset"
    told = json.loads(reset.data)
    assert told["reason"]
    assert told["now"] == reset.id
    again = Reader()
    assert [event.url for event in await again.take(served, 3, after=told["earliest"])] == urls(0, 3)
    await served.announce(build_article("https://news.example/later"))
    assert [event.url for event in await reader.take(served, 1)] == ["https://news.example/later"]


async def test_the_header_wins_over_the_address(served: Served) -> None:
    (first, *_) = await served.announce(*map(build_article, urls(0, 3)))
    reader = Reader(last_id=str(Position(str(first.storage.store), 2)))
    assert [event.url for event in await reader.take(served, 1, after="beginning")] == urls(2, 3)


async def test_a_program_that_read_redis_goes_on_here_with_its_entry_id(served: Served, redis: Redis) -> None:
    articles = await served.announce(*map(build_article, urls(0, 4)))
    await Announcer(redis, Pipeline(), FINISHED, source="coranto/sink").announce(articles)
    rows: Any = await redis.xrange(Keys().stream(FINISHED))
    reader = Reader()
    events = await reader.take(served, 2, after=rows[1][0].decode())
    assert [event.url for event in events] == urls(2, 4)


async def test_a_wrong_filter_is_refused_with_its_place(served: Served) -> None:
    problem = await served.get("/v1/stream", params={"where": "langauge == 'ru'"}, status=400)
    assert problem["type"] == "urn:coranto:problem:bad-filter"
    assert problem["position"] == 0
    assert "did you mean `language`" in problem["detail"]


async def test_a_reader_that_takes_nothing_is_cut_off_and_holds_up_no_other(serve: Serve) -> None:
    async with serve(send_timeout=1) as served:
        readers = served.gateway.metrics.registry.get_sample_value
        text = "word " * 40_000
        url = served.client.base_url
        source, writer = await asyncio.open_connection(str(url.host), url.port, limit=1000)
        writer.write(b"GET /v1/stream?after=beginning HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await source.readline()
        await eventually(lambda: readers("coranto_gateway_stream_readers") == 1, what="the reader")
        other = Reader()
        async with following(served, other, after="beginning"):
            await served.announce(*(build_article(url, text=text) for url in urls(0, 60)))
            await eventually(lambda: len(other.events) == 60, what="the other reader's events")
            await eventually(lambda: readers("coranto_gateway_stream_readers") == 1, what="the cut")
        writer.close()


async def test_a_reader_that_has_gone_is_noticed(served: Served) -> None:
    readers = served.gateway.metrics.registry.get_sample_value
    async with following(served, Reader()):
        assert readers("coranto_gateway_stream_readers") == 1
    await eventually(lambda: readers("coranto_gateway_stream_readers") == 0, what="its end")


async def test_stopping_ends_streams_at_once_and_the_reader_goes_on_at_the_next_gateway(
    serve: Serve, tmp_path: Path
) -> None:
    reader = Reader()
    async with serve(grace_period=20) as served:
        await served.announce(*map(build_article, urls(0, 2)))
        await reader.take(served, 1, after="beginning")
        ended = asyncio.Event()

        async def follow() -> None:
            async with (
                httpx.AsyncClient(base_url=served.client.base_url) as client,
                client.stream("GET", "/v1/stream", headers={"Last-Event-ID": reader.last_id}) as answer,
            ):
                async for _ in reader.read(answer.aiter_lines()):
                    pass
            ended.set()

        task = asyncio.create_task(follow())
        await eventually(lambda: len(reader.events) == 2, what="the second event")
    await asyncio.wait_for(ended.wait(), 5)
    await task
    async with serve() as served:
        await served.announce(*map(build_article, urls(2, 3)))
        assert [event.url for event in await reader.take(served, 1)] == urls(2, 3)


async def test_a_stream_ends_with_its_token(served: Served, redis: Redis) -> None:
    tokens = Tokens(redis, "coranto")
    _, kept_text = await tokens.add("kept", frozenset({Scope.READ}))
    gone, gone_text = await tokens.add("gone", frozenset({Scope.READ}))

    def headers(text: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {text}"}

    async with (
        served.client.stream("GET", "/v1/stream", headers=headers(kept_text)) as other,
        served.client.stream("GET", "/v1/stream", headers=headers(gone_text)) as stream,
    ):
        lines = stream.aiter_lines()
        await anext(lines)
        await tokens.remove(gone.id)
        async with asyncio.timeout(15):
            assert [line async for line in lines if line.startswith("event")] == []
        assert (await served.client.get("/v1/stream", headers=headers(gone_text))).status_code == 401
        await served.announce(build_article("https://news.example/one"))
        async with asyncio.timeout(15):
            async for event in Reader().read(other.aiter_lines()):
                assert event.url == "https://news.example/one"
                break
