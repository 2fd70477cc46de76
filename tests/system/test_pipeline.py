"""All services together, as a user has them: the seed in its forms, and a subscriber that dies again and again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from tests.conftest import eventually

from coranto.records.envelope import encode
from coranto.testing import finished
from coranto.topology import FINISHED, Keys
from coranto_cli.local.redis_server import EmbeddedRedis

SUBSCRIBER = """
import datetime, sys, coranto.client.blocking
soon = datetime.timedelta(seconds=1)
with open(sys.argv[1], "a") as out:
    for article in coranto.client.blocking.subscribe(group="desk", start="beginning", claim_after=soon):
        out.write(article.id + "\\n")
        out.flush()
"""


def coranto(*arguments: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "coranto_cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, **kwargs)


@pytest.mark.parametrize("form", ["page.html", "page.txt", "windows-1251"])
def test_the_seed_comes_out_right(material: Path, tmp_path: Path, form: str) -> None:
    truth = json.loads((material / "seed" / "truth.json").read_text(encoding="utf-8"))
    page = material / "seed" / form
    if form == "windows-1251":
        page = tmp_path / "page.html"
        text = (
            (material / "seed" / "page.html")
            .read_text(encoding="utf-8")
            .replace('charset="utf-8"', 'charset="windows-1251"')
        )
        page.write_bytes(text.encode("windows-1251", "xmlcharrefreplace"))
    answer = coranto("try", str(page), "--json")
    assert answer.returncode == 0, answer.stderr
    record = json.loads(answer.stdout)["record"]
    content, classification = record["content"], record["classification"]
    paragraphs = [block["text"] for block in content["paragraphs"]]
    assert content["title"] == truth["title"]
    # The record folds white space; the truth keeps the page's no-break spaces.
    assert paragraphs == [" ".join(paragraph.split()) for paragraph in truth["body"]]
    assert not [words for words in truth["absent"] if words in "\n".join(paragraphs)]
    assert content.get("authors", []) == []
    assert content.get("published") is None
    assert content["section"] == truth["section"]
    assert content["image"]["caption"] == truth["image"]["caption"]
    assert content["image"]["credit"] == truth["image"]["credit"]
    assert classification["language"]["code"] == truth["language"]
    assert classification["topics"][0]["code"] == truth["topic"]["code"]
    for kind, names in truth["entities"].items():
        found = {entity["name"] for entity in classification["entities"] if entity["type"] == kind}
        assert set(names) <= found, kind


@pytest.fixture
def subscribers() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def number_seen(out: Path) -> int:
    return out.read_bytes().count(b"\n") if out.exists() else 0


async def test_a_subscriber_killed_ten_times_gets_every_record(
    own_redis: EmbeddedRedis, tmp_path: Path, subscribers: list[subprocess.Popen[bytes]]
) -> None:
    program, out = tmp_path / "subscriber.py", tmp_path / "seen.txt"
    program.write_text(SUBSCRIBER, encoding="utf-8")
    redis = Redis.from_url(own_redis.url)
    environment = {**os.environ, "CORANTO_REDIS__URL": own_redis.url}
    expected = []
    for round_number in range(11):
        before = number_seen(out)
        subscribers.append(subprocess.Popen([sys.executable, str(program), str(out)], env=environment))
        for number in range(40):
            article = finished(f"https://news.example/{round_number}/{number}")
            expected.append(article.id)
            await redis.xadd(Keys().stream(FINISHED), {"event": encode(article, source="test")})
        if round_number < 10:
            await eventually(lambda before=before: number_seen(out) > before, what="a record the subscriber has seen")  # type: ignore[misc]
            subscribers[-1].send_signal(signal.SIGKILL)
            subscribers[-1].wait()
    seen: Counter[str] = Counter()
    async with asyncio.timeout(60):
        while set(expected) - seen.keys():
            await asyncio.sleep(0.2)
            seen = Counter(out.read_text(encoding="utf-8").split())
    await redis.aclose()
    # At least once: what was in the loop body of the one that died may come twice, and nothing else.
    assert sum(seen.values()) - len(expected) <= 10


def test_each_page_of_the_sample_site_comes_out_as_it_must(tmp_path: Path) -> None:
    answer = coranto("run", "--data", str(tmp_path))
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-1000:]
    assert "matches its expected result" in answer.stdout
