"""`coranto up`: starting, staying up whatever dies, and stopping without leaving anything behind."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from tests.harness.redis_nodes import free_port

if TYPE_CHECKING:
    from tests.services.cli.conftest import Background, Shell

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found through /proc")


def kill(shell: Shell, name: str) -> None:
    os.kill(next(pid for pid, each in shell.processes().items() if each == name), signal.SIGKILL)


def wait_until_nothing_runs(shell: Shell, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while (left := shell.processes()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


def test_up_says_ready_and_stops_on_ctrl_c_with_exit_code_0(shell: Shell, start: Callable[..., Background]) -> None:
    up = start("up", "--scale", "extractor=2", "--data", "data")
    up.until("ready: 7 service processes")
    up.until("page: ")
    services = ("classifier", "extractor", "extractor", "feeder", "fetcher", "gateway", "sink")
    assert sorted(shell.processes().values()) == [*(f"coranto_{name}" for name in services), "redis"]
    page = re.search(r"^page: (http://127\.0\.0\.1:\d+/)$", up.output, re.MULTILINE)
    assert page is not None
    with urlopen(f"{page[1]}v1/status", timeout=10) as answer:  # noqa: S310 - matched above
        assert json.load(answer)["stages"][0]["stage"] == "feeder"
    assert (shell.data / "redis.sock").stat().st_mode & 0o777 == 0o700
    assert up.stop(signal.SIGINT) == 0
    assert not shell.processes()


def test_killed_service_is_started_again_and_nothing_is_lost(shell: Shell, start: Callable[..., Background]) -> None:
    up = start("up", "--data", "data", CORANTO_DELIVERY__CLAIM_AFTER="2")
    up.until("ready")
    for number in range(30):
        shell.page(f"pages/{number}.html", f"Words of page {number}.")
    assert shell("submit", "pages", "--data", "data").code == 0
    for name in ("coranto_extractor", "coranto_sink", "redis"):
        kill(shell, name)
    up.until("extractor-1 was ended by SIGKILL; started again")
    up.until("redis runs again")
    # What the killed extractor had in hand is claimed by its successor after the shortest claim time.
    assert shell("wait", "--timeout", "100", "--data", "data").code == 0
    stored = shell("export", "--data", "data").lines
    assert len({record["id"] for record in stored}) == len(stored) == 30
    assert up.stop(signal.SIGTERM) == 0


def test_nothing_outlives_a_killed_up_and_the_next_one_goes_on(shell: Shell, start: Callable[..., Background]) -> None:
    first = start("up", "--data", "data")
    first.until("ready")
    page = shell.page("late.html", "please wait an hour")
    assert shell("submit", str(page), "--data", "data").code == 0
    first.stop(signal.SIGKILL)
    # A port of its own: another test's page may take the usual one in the moment after it was seen to be free.
    second = start("up", "--data", "data", CORANTO_GATEWAY__PORT=str(free_port()))
    second.until("ready")
    assert second.output.count("ended") == 0
    names = shell.processes().values()
    assert len(names) == len(set(names)) == 7
    assert "in the extractor" in shell("show", str(page), "--data", "data").out
    second.stop()
    wait_until_nothing_runs(shell)


def test_second_up_on_one_directory_is_refused(system: Shell) -> None:
    refused = system("up", "--data", str(system.data))
    assert refused.code == 1
    assert "is in use by another `coranto up` (process " in refused.err
    assert "--data" in refused.err


def test_settings_that_do_not_hold_are_told_by_name(shell: Shell) -> None:
    failed = shell("up", "--service", "sink", "--data", "data", CORANTO_SINK__BATCH_SIZE="many")
    assert failed.code == 2
    assert "sink-1 does not start" in failed.err
    assert "CORANTO_SINK__BATCH_SIZE" in failed.err
    assert "'many'" in failed.err
    wait_until_nothing_runs(shell)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--scale", "extractor=x"), "expected SERVICE=N"),
        (("--scale", "extractr=2"), "there is no service 'extractr'"),
        (("--service", "nobody"), "the services are feeder, fetcher"),
    ],
)
def test_wrong_options_are_refused_with_what_was_expected(shell: Shell, arguments: tuple[str, ...], told: str) -> None:
    refused = shell("up", *arguments)
    assert refused.code == 2
    assert told in refused.err
