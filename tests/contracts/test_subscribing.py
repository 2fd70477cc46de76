"""The raw stream, as `docs/reference/subscribing.md` describes it: its commands are run as they stand, and so is its program."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from coranto.records import FinishedArticle, Submission, content_id
from coranto.records.envelope import FIELD, decode, encode
from coranto.testing import samples
from coranto.topology import FINISHED, SUBMITTED, Keys
from coranto_cli.local.redis_server import EmbeddedRedis, NoRedisServerError, find_server

REFERENCE = Path(__file__).resolve().parent.parent.parent / "docs" / "reference"
STREAM = Keys().stream(FINISHED)


def find_redis_cli() -> Path | None:
    """The command line beside the server: the system's, else the one that comes with the bundled server."""
    if found := shutil.which("redis-cli"):
        return Path(found)
    try:
        beside = find_server().with_name("redis-cli")
    except NoRedisServerError:
        return None
    return beside if beside.exists() else None


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in which `coranto-data/redis.sock` is a running Redis, as where `coranto up` was typed."""
    # Not pytest's own folder, whose path is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="coranto-") as name:
        server = EmbeddedRedis(Path(name) / "coranto-data")
        server.start()
        yield Path(name)
        server.kill()


@pytest.fixture
def client(folder: Path) -> Iterator[Redis]:
    with Redis(unix_socket_path=str(folder / "coranto-data" / "redis.sock")) as client:
        yield client


@pytest.fixture
def run(folder: Path) -> Callable[[str], str]:
    """Runs a command of the page in that folder, as it stands."""
    redis_cli = find_redis_cli()
    if redis_cli is None:
        pytest.skip("there is no redis-cli on this machine: neither on PATH nor beside the redis-server that tests use")

    def run(command: str) -> str:
        environment = {**os.environ, "PATH": f"{redis_cli.parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout

    return run


def command_with(words: str) -> str:
    """The one command of the page in which the words occur."""
    text = (REFERENCE / "subscribing.md").read_text(encoding="utf-8")
    (found,) = (block for block in re.findall(r"```sh\n(.+?)\n```", text, re.DOTALL) if words in block)
    return str(found)


def publish(client: Redis, number: int) -> str:
    event = encode(samples.finished(f"https://news.example/{number}"), source="coranto/sink")
    entry: Any = client.xadd(STREAM, {FIELD: event})  # redis-py types the answer for both of its clients
    return str(entry.decode())


def test_a_group_made_by_hand_reads_acknowledges_and_takes_over(client: Redis, run: Callable[[str], str]) -> None:
    first, second = publish(client, 1), publish(client, 2)
    run(command_with("XGROUP CREATE"))
    shown = run(command_with("XREADGROUP"))
    assert first in shown
    assert second in shown
    event = next(line for line in shown.splitlines() if line.startswith("{"))
    assert decode(event.encode(), FinishedArticle).record.content.title

    run(command_with("XACK").replace(" ID", f" {first}"))
    assert [entry["message_id"] for entry in client.xpending_range(STREAM, "example-cli", "-", "+", 10)] == [
        second.encode()
    ]

    assert second not in run(command_with("XAUTOCLAIM"))
    assert second in run(command_with("XAUTOCLAIM").replace(" 30000 ", " 0 "))
    assert [entry["consumer"] for entry in client.xpending_range(STREAM, "example-cli", "-", "+", 10)] == [b"reader-2"]

    run(command_with("XGROUP DESTROY"))
    assert client.xinfo_groups(STREAM) == []


def test_the_newest_entry_is_shown_as_json(client: Redis, run: Callable[[str], str]) -> None:
    publish(client, 1)
    last = publish(client, 2)
    shown = run(command_with("XREVRANGE")).splitlines()
    assert shown[0] == last
    assert json.loads(shown[2])["type"] == "coranto.article.finished.v2"


def test_a_submission_written_by_hand_is_accepted(client: Redis, run: Callable[[str], str]) -> None:
    run(command_with("XADD"))
    entries: Any = client.xrange(Keys().stream(SUBMITTED))
    ((_, fields),) = entries
    submission = decode(fields[FIELD], Submission).record
    assert submission.url == "https://news.example/one"
    assert submission.message_id == content_id("coranto.page.submitted.v2", "my-script-1")


class Subscriber:
    """`subscribe.mjs` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        node = shutil.which("node")
        if node is None:
            pytest.skip("there is no node on this machine")
        address = str(folder / "coranto-data" / "redis.sock")
        self.process = subprocess.Popen(
            [node, str(REFERENCE / "subscribe.mjs"), address, "desk", *arguments], stdout=subprocess.PIPE, text=True
        )

    def lines(self, count: int) -> list[list[str]]:
        """The next lines it prints, in columns."""
        assert self.process.stdout is not None
        return [self.process.stdout.readline().rstrip("\n").split("\t") for _ in range(count)]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def subscriber(folder: Path) -> Iterator[Callable[..., Subscriber]]:
    started: list[Subscriber] = []

    def start(*arguments: str) -> Subscriber:
        started.append(Subscriber(folder, *arguments))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        if each.process.stdout is not None:
            each.process.stdout.close()


def until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pending(client: Redis) -> int:
    return int(client.xpending(STREAM, "desk")["pending"])


def test_the_program_gets_every_article_and_acknowledges_it(
    client: Redis, subscriber: Callable[..., Subscriber]
) -> None:
    articles = [samples.finished(f"https://news.example/{number}") for number in range(25)]
    for number in range(12):
        publish(client, number)
    program = subscriber("0")
    assert [columns[0] for columns in program.lines(12)] == [article.id for article in articles[:12]]
    for number in range(12, 25):
        publish(client, number)
    assert [columns[0] for columns in program.lines(13)] == [article.id for article in articles[12:]]
    until(lambda: pending(client) == 0)


def test_the_program_goes_on_where_it_was_killed(client: Redis, subscriber: Callable[..., Subscriber]) -> None:
    publish(client, 1)
    program = subscriber("0")
    program.lines(1)
    until(lambda: pending(client) == 0)
    program.kill()
    publish(client, 2)
    assert subscriber("0").lines(1)[0][0] == samples.finished("https://news.example/2").id


def test_the_program_reads_texts_that_do_not_fit_in_one_packet(
    client: Redis, subscriber: Callable[..., Subscriber]
) -> None:
    article = samples.finished("https://news.example/long")
    title = "Мост " * 100_000
    long = article.model_copy(update={"content": article.content.model_copy(update={"title": title.strip()})})
    client.xadd(STREAM, {FIELD: encode(long, source="coranto/sink")})
    assert subscriber("0").lines(1)[0][1] == title.strip()


def test_the_program_ends_with_an_error_when_redis_goes_away(
    client: Redis, subscriber: Callable[..., Subscriber]
) -> None:
    publish(client, 1)
    program = subscriber("0")
    program.lines(1)
    client.shutdown(nosave=True)
    assert program.process.wait(15) != 0


def test_the_program_is_short_and_needs_nothing_installed() -> None:
    text = (REFERENCE / "subscribe.mjs").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    assert set(re.findall(r'from "([^"]+)"', text)) == {"node:net", "node:os"}
