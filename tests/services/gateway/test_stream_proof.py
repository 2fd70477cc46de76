"""Proof of the stream: no seam between replay and live, a proxy that buffers, ten thousand events over connections that are cut."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.conftest import eventually
from tests.harness.redis_nodes import free_port
from tests.services.gateway.conftest import Serve, Served
from tests.services.gateway.test_stream import Reader, urls
from tests.shared.store.articles import build_article

from coranto.store.interface import Stored
from coranto.store.sqlite.writer import SqliteArticleStore
from coranto_gateway.articles.announcements import Announcement, Announcements
from coranto_gateway.articles.stores import ArticleStores

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


async def announce(store: SqliteArticleStore, addresses: Sequence[str]) -> None:
    """Store new articles and announce them, many in a transaction."""
    articles = list(map(build_article, addresses))
    stored = await asyncio.gather(*map(store.store, articles))
    await store.mark_announced(
        [
            (article.id, each.storage.revision)
            for article, each in zip(articles, stored, strict=True)
            if isinstance(each, Stored)
        ]
    )


class Seam(RuleBasedStateMachine):
    """Articles are announced, taken into memory, let go of, and read from any place, in any order of these."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        database = Path(self.folder.name) / "articles.sqlite"
        self.stores = ArticleStores(database, readers=2)
        self.writer = SqliteArticleStore(database)
        self.announced = 0
        self.readers: list[tuple[AsyncIterator[list[Announcement]], int, list[int]]] = []

    @initialize(kept=st.integers(1, 6), before=st.integers(0, 12))
    def begin(self, kept: int, before: int) -> None:
        self.announcements = Announcements(self.stores, kept=kept)
        self.runner.run(self.writer.open())
        if before:
            self.come(before)

    @rule(number=st.integers(1, 9))
    def come(self, number: int) -> None:
        self.runner.run(announce(self.writer, urls(self.announced, self.announced + number)))
        self.announced += number

    @rule()
    def take_into_memory(self) -> None:
        self.runner.run(self.announcements._look())  # what `run` does every tenth of a second, here in its turn

    @rule(back=st.integers(0, 30))
    def another_reader(self, back: int) -> None:
        start = max(0, self.announced - back)
        self.readers.append((self.announcements.follow(start, pause=0.001), start, []))

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        following, start, numbers = data.draw(st.sampled_from(self.readers))
        numbers += [each.number for each in self.runner.run(anext(following))]  # type: ignore[arg-type]  # a coroutine
        assert numbers == list(range(start + 1, start + 1 + len(numbers)))

    def teardown(self) -> None:
        while self.runner.run(self.announcements._look()):
            pass
        for following, start, numbers in self.readers:
            while more := self.runner.run(anext(following)):  # type: ignore[arg-type]  # a coroutine
                numbers += [each.number for each in more]
            assert numbers == list(range(start + 1, self.announced + 1))
        self.runner.run(self.writer.close())
        self.stores.close()
        self.runner.close()
        self.folder.cleanup()


Seam.TestCase.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
test_whatever_comes_when_no_reader_misses_anything_or_gets_it_twice = Seam.TestCase


@asynccontextmanager
async def nginx(folder: Path, upstream: int) -> AsyncIterator[int]:
    """nginx with buffering on and large buffers, and its port."""
    port = free_port()
    temporary = "".join(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    forwarded = f"proxy_pass http://127.0.0.1:{upstream}/; proxy_http_version 1.1; proxy_set_header Host 127.0.0.1;"
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;"
        f"events {{}} http {{ access_log off; {temporary} proxy_buffering on; proxy_read_timeout 60s;"
        "proxy_buffer_size 256k; proxy_buffers 4 256k; proxy_busy_buffers_size 256k; postpone_output 256k;"
        f"server {{ listen 127.0.0.1:{port};"
        f"location / {{ {forwarded} }} }} }}",
        encoding="utf-8",
    )
    errors = folder / "errors"
    process = await asyncio.create_subprocess_exec(
        str(NGINX), "-p", str(folder), "-e", str(errors), "-c", str(configuration)
    )
    try:

        async def answers() -> bool:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return True
            if process.returncode is not None:
                raise RuntimeError(errors.read_text(encoding="utf-8"))
            return False

        await eventually(answers, what="nginx")
        yield port
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine: apt-get install nginx-light")
async def test_events_come_at_once_through_a_proxy_that_buffers(served: Served, tmp_path: Path) -> None:
    async def follow(reader: Reader, address: str) -> None:
        async with httpx.AsyncClient(timeout=60) as client, client.stream("GET", address) as answer:
            async for _ in reader.read(answer.aiter_lines()):
                pass

    async with nginx(tmp_path, served.gateway.port) as port:
        reader = Reader()
        following = asyncio.create_task(follow(reader, f"http://127.0.0.1:{port}/v1/stream"))
        await eventually(lambda: bool(reader.last_id), what="the connection")
        for number in range(3):
            await served.announce(build_article(f"https://news.example/{number}"))
            # The next one does not come before this one is here: nothing pushes it out of a buffer.
            await eventually(lambda: len(reader.events) == number + 1, what="the event")  # noqa: B023 - called at once
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


@asynccontextmanager
async def cutting(upstream: int, dice: random.Random) -> AsyncIterator[tuple[int, list[int]]]:
    """A proxy that cuts each connection after some bytes, in the middle of whatever it is sending; and how many it let through."""
    cuts: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_gateway, to_gateway = await asyncio.open_connection("127.0.0.1", upstream)
        left = dice.randint(1, 200_000)
        try:
            to_gateway.write(await reader.readuntil(b"\r\n\r\n"))
            while left and (data := await from_gateway.read(min(left, 8192))):
                writer.write(data)
                await writer.drain()
                left -= len(data)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the reader went first
        finally:
            cuts.append(left)
            to_gateway.close()
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], cuts


@pytest.mark.slow
async def test_ten_thousand_events_over_connections_that_are_cut_anywhere_come_once_each(serve: Serve) -> None:
    number, dice = 10_000, random.Random(11)  # noqa: S311 - a test that repeats itself
    async with serve(replay_buffer=100) as served, cutting(served.gateway.port, dice) as (port, cuts):
        writer = SqliteArticleStore(served.database)
        await writer.open()
        await announce(writer, urls(0, 1))

        async def write() -> None:
            for first in range(1, number, 100):
                await announce(writer, urls(first, min(first + 100, number)))

        writing = asyncio.create_task(write())
        reader = Reader()
        async with asyncio.timeout(600):
            while len(reader.events) < number:
                headers = {"Last-Event-ID": reader.last_id} if reader.last_id else {}
                address = f"http://127.0.0.1:{port}/v1/stream"
                with suppress(httpx.TransportError):
                    async with (
                        httpx.AsyncClient(timeout=30) as client,
                        client.stream("GET", address, params={"after": "beginning"}, headers=headers) as answer,
                    ):
                        async for _ in reader.read(answer.aiter_lines()):
                            if len(reader.events) == number:
                                break
        await writing
        await writer.close()
        assert [event.url for event in reader.events] == urls(0, number)
        assert len({event.id for event in reader.events}) == number
        assert cuts.count(0) > 50, "too few connections were cut to prove anything"
