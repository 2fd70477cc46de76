"""`coranto fetch`, as a program that is run."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.harness.hostile_server import TITLE, misbehaving

LINE_KEYS = ["url", "outcome", "reason", "status", "final_url", "charset", "bytes", "title", "warnings"]
NAMES = ("plain page", "cookie gate", "status: 404 Not Found", "status: 500 Oops", "robots: everything is disallowed")


@pytest.fixture
async def addresses() -> AsyncIterator[dict[str, str]]:
    async with misbehaving(*NAMES) as found:
        yield found


async def run(*arguments: str, lines: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    def call() -> subprocess.CompletedProcess[bytes]:
        environment = {
            "CORANTO_FETCHER__ALLOWED_NETWORKS": "127.0.0.0/8",
            "CORANTO_FETCHER__MIN_DELAY": "0",
            "COLUMNS": "200",
        }
        command = [sys.executable, "-m", "coranto_cli", "fetch", *arguments]
        return subprocess.run(command, input=lines, capture_output=True, env=environment, timeout=60, check=False)

    return await asyncio.to_thread(call)


@pytest.mark.parametrize(
    ("name", "code"),
    [("plain page", 0), ("status: 404 Not Found", 3), ("robots: everything is disallowed", 3), ("status: 500 Oops", 1)],
)
async def test_exit_code_tells_success_from_refusal(name: str, code: int, addresses: dict[str, str]) -> None:
    assert (await run(addresses[name])).returncode == code


async def test_report_is_for_people_or_for_programs(addresses: dict[str, str]) -> None:
    text = (await run(addresses["cookie gate"])).stdout.decode()
    for expected in ("ok\n", TITLE, "302 http://127.0.0.1", "robots.txt    allowed", "text/html", "utf-8"):
        assert expected in text
    report: dict[str, Any] = json.loads((await run(addresses["cookie gate"], "--json")).stdout)
    assert [hop["status"] for hop in report["hops"]] == [302, 302, 200]
    assert (report["outcome"], report["robots"], report["content_type"]) == ("ok", "allowed", "text/html")


async def test_lines_come_in_order_and_a_bad_one_is_a_line_too(addresses: dict[str, str]) -> None:
    lines = [
        b"no address at all", addresses["cookie gate"].encode(), b"\xff\xfe\x00", b"http://169.254.169.254/",
        b"http://[::1", b"", b"x" * 200_000, addresses["plain page"].encode(), b"file:///etc/passwd",
        addresses["status: 500 Oops"].encode(),
    ]  # fmt: skip
    done = await run("--lines", lines=b"\n".join(lines) + b"\n")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [list(one) for one in found] == [LINE_KEYS] * len(lines)
    assert [(one["outcome"], one["reason"]) for one in found] == [
        ("dropped", "unsupported_url"), ("ok", None), ("dropped", "unsupported_url"), ("blocked", "private_address"),
        ("dropped", "unsupported_url"), ("dropped", "unsupported_url"), ("dropped", "unsupported_url"), ("ok", None),
        ("dropped", "unsupported_url"), ("retry", "server_error"),
    ]  # fmt: skip
    assert found[7]["title"] == TITLE
    assert found[7]["final_url"] == addresses["plain page"]


async def test_public_host_is_not_asked_without_a_contact() -> None:
    done = await run("https://93.184.215.14/", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["outcome"], report["reason"]) == (3, "blocked", "no_contact")
    assert "CORANTO_FETCHER__CONTACT" in report["detail"]


@pytest.mark.parametrize("arguments", [(), ("http://127.0.0.1/", "--lines")])
async def test_neither_or_both_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    assert (await run(*arguments)).returncode == 2
