"""The programs in docs/examples do what docs/write-a-stage.md says, on a real Redis and on the bench; its commands are run as they
stand."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis.asyncio import Redis
from tests.conftest import eventually, load_program

from coranto.records import FinishedArticle
from coranto.records.envelope import FIELD, decode, encode
from coranto.streams.redis import RedisStreams
from coranto.testing import samples
from coranto.topology import DROPPED, FINISHED, Keys
from coranto_cli.local.redis_server import EmbeddedRedis

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
KEYS = Keys()


@asynccontextmanager
async def watching(url: str, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = os.environ | {
        "CORANTO_REDIS__URL": url,
        "CORANTO_LOG__LEVEL": "error",
        "CORANTO_DELIVERY__CLAIM_AFTER": "1",
        "CORANTO_DELIVERY__HOUSEKEEPING_INTERVAL": "0.2",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, str(EXAMPLES / "watch.py"), *words, env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def announce(redis: Redis, *articles: FinishedArticle) -> None:
    for article in articles:
        await redis.xadd(KEYS.stream(FINISHED), {FIELD: encode(article, source="test")})


def quake(number: int) -> FinishedArticle:
    return samples.finished(f"https://news.example/{number}", title=f"Earthquake {number} shakes coast")


def museum(number: int) -> FinishedArticle:
    return samples.finished(f"https://news.example/museum/{number}", title=f"Museum {number} opens")


async def alerts_of(redis: Redis) -> list[Any]:
    example = load_program(EXAMPLES / "watch.py")
    rows: Any = await redis.xrange(KEYS.stream(example.ALERTS))
    return [decode(fields[FIELD], example.Alert).record for _, fields in rows]


async def handled(redis: Redis) -> int:
    # What a stage has settled, whatever was published of it.
    return int(await redis.hget(KEYS.outcomes(load_program(EXAMPLES / "watch.py").WATCH), "published|ok") or 0)  # type: ignore[misc]  # redis-py's type


async def test_the_example_publishes_an_alert_for_each_article_that_names_a_word_and_nothing_for_others(
    redis: Redis, redis_url: str
) -> None:
    # Announced before the stage has ever run: its group begins at the oldest entry that is kept.
    await announce(redis, quake(1), museum(1))
    async with watching(redis_url, "Earthquake") as process:
        await announce(redis, quake(2), museum(2))

        async def all_are_handled() -> bool:
            return await handled(redis) == 4

        await eventually(all_are_handled, within_seconds=30)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    alerts = await alerts_of(redis)
    assert sorted(alert.title for alert in alerts) == ["Earthquake 1 shakes coast", "Earthquake 2 shakes coast"]
    assert {alert.words for alert in alerts} == {("earthquake",)}
    assert await redis.xlen(KEYS.stream(DROPPED)) == 0, "an article that gives no alert has not ended early"


async def test_the_example_killed_again_and_again_gives_each_alert_once(own_redis: EmbeddedRedis) -> None:
    redis = Redis.from_url(own_redis.url)
    number = 300
    try:
        await announce(redis, *(quake(index) for index in range(number)))
        for target in (1, number // 3, number):
            async with watching(own_redis.url, "earthquake") as process:

                async def are_handled(least: int = target) -> bool:
                    return await handled(redis) >= least

                await eventually(are_handled, within_seconds=60)
                if target < number:
                    process.kill()
        titles = [alert.title for alert in await alerts_of(redis)]
        assert sorted(titles) == sorted(quake(index).content.title or "" for index in range(number))
    finally:
        await redis.aclose()


async def test_dead_letters_of_the_example_are_kept_under_its_name_and_can_be_redelivered(
    redis: Redis, redis_url: str
) -> None:
    streams = RedisStreams(redis, load_program(EXAMPLES / "watch.py").WATCH, KEYS)
    await redis.xadd(KEYS.stream(FINISHED), {FIELD: b"no event"})
    async with watching(redis_url, "earthquake"):

        async def is_dead() -> bool:
            return bool(await streams.dead_letters())

        await eventually(is_dead, within_seconds=30)
        (letter,) = await streams.dead_letters()
        assert (letter.stage, letter.reason) == ("watch", "malformed")
        # It publishes, so its dead letters count as the end of an article.
        assert await redis.xlen(KEYS.stream(DROPPED)) == 1
        assert await streams.redeliver(letter.id, event=encode(quake(1), source="test"))

        async def is_handled() -> bool:
            return await handled(redis) == 1

        await eventually(is_handled, within_seconds=30)
    assert [alert.title for alert in await alerts_of(redis)] == [quake(1).content.title]
    assert await streams.dead_letters() == []


def command_with(page: str, words: str) -> str:
    """The one line of the page's shell blocks that holds these words."""
    blocks = re.findall(
        r"^ *```sh\n(.*?)^ *```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    (line,) = [line.strip() for block in blocks for line in block.splitlines() if words in line]
    return line


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory in which the documents' commands find the environment and the documents, and nothing else."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / "coranto-data").mkdir()
    return tmp_path


async def test_the_commands_of_the_page_run_the_example_on_what_coranto_up_started(checkout: Path) -> None:
    server = EmbeddedRedis(checkout / "coranto-data")
    server.start()
    redis = Redis.from_url(server.url)
    process = await asyncio.create_subprocess_shell(
        f"exec env {command_with('write-a-stage.md', 'watch.py earthquake')}", cwd=checkout
    )
    try:
        await announce(redis, quake(1))

        async def is_handled() -> bool:
            return await handled(redis) == 1

        await eventually(is_handled, within_seconds=30)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
        key = command_with("write-a-stage.md", "XRANGE").split()[-3].strip("'")
        assert len(await redis.xrange(key)) == 1
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await redis.aclose()
        server.kill()


def test_the_test_beside_the_example_passes_by_itself(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
    answer = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "-c", os.devnull, str(EXAMPLES)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "1 passed" in answer.stdout


def test_the_overlay_deploys_the_example_like_a_service() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    overlay = yaml.safe_load((EXAMPLES / "compose.watch.yaml").read_text(encoding="utf-8"))["services"]["watch"]
    sink = compose["services"]["sink"]
    for name in (
        "image",
        "restart",
        "depends_on",
        "networks",
        "stop_grace_period",
        "read_only",
        "cap_drop",
        "security_opt",
    ):
        assert overlay[name] == sink[name], name
    assert overlay["environment"].items() <= sink["environment"].items()
    source, target, _ = overlay["volumes"][0].split(":")
    assert (ROOT / source).is_file()
    assert target == overlay["command"][1]


@pytest.mark.parametrize("name", ["watch.py", "test_watch.py"])
def test_an_example_is_short_enough_to_read(name: str) -> None:
    lines = (EXAMPLES / name).read_text(encoding="utf-8").splitlines()
    code = [line for line in lines if line.strip() and not line.startswith("from ")]
    assert len(code) <= 45, "the page promises some forty lines"
