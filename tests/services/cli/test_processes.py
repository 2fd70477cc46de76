"""The parts of `coranto up` that need no running system."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coranto_cli.errors import CommandError
from coranto_cli.local import reaper
from coranto_cli.local.log_rotation import bound_log
from coranto_cli.local.plan import Plan, parse_replicas
from coranto_cli.local.supervisor import Supervisor
from coranto_cli.terminal.console import printable


def test_log_that_has_grown_too_long_is_moved_aside_under_its_writer(tmp_path: Path) -> None:
    log = tmp_path / "sink-1.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 2000)
        bound_log(log, most_bytes=1000)
        writer.write(b"new")
        bound_log(log, most_bytes=1000)
    assert log.read_bytes() == b"new"
    assert (tmp_path / "sink-1.log.1").read_bytes() == b"x" * 2000


def test_reaper_knows_what_lives_from_the_lines_it_is_told() -> None:
    lines = ["service 10\n", "redis 11\n", "service 12\n", "gone 10\n", "nonsense\n", "service x\n"]
    assert reaper.watch(lines) == {11: "redis", 12: "service"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only /proc tells a dead process from a living one")
def test_process_that_ended_and_was_not_waited_for_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not reaper.is_alive(process.pid)
    process.wait()
    assert reaper.is_alive(os.getpid())


def test_reaper_ends_services_and_what_they_started() -> None:
    # A service with a worker process, as the extractor has them.
    service = "sleep 60 & echo $!; exec sleep 60"
    process = subprocess.Popen(["sh", "-c", service], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    reaper.end([process.pid])
    process.wait(10)
    process.stdout.close()
    deadline = time.monotonic() + 5
    while reaper.is_alive(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not reaper.is_alive(worker)


def test_user_settings_win_over_those_of_a_plan_and_a_named_directory_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORANTO_FETCHER__MIN_DELAY", "7")
    monkeypatch.setenv("CORANTO_PAGES__PATH", "/elsewhere")
    monkeypatch.setenv("CORANTO_HEALTH__PORT", "8080")
    settings = {"CORANTO_FETCHER__MIN_DELAY": "0.02"}
    for is_named, pages in ((True, str(tmp_path / "pages")), (False, "/elsewhere")):
        plan = Plan(tmp_path, redis_url="redis://h", settings=settings, is_data_named=is_named)
        environment = Supervisor(plan, report=lambda _: None).environment("sink-1")
        assert environment["CORANTO_PAGES__PATH"] == pages
        assert environment["CORANTO_FETCHER__MIN_DELAY"] == "7"
        assert environment["CORANTO_HEALTH__PORT"] == "0"
        assert environment["CORANTO_REDIS__URL"] == "redis://h"


def test_scale_and_service_options_make_the_number_of_processes() -> None:
    assert parse_replicas(["extractor=3"], []) == {
        "feeder": 1, "fetcher": 1, "extractor": 3, "classifier": 1, "sink": 1, "gateway": 1,
    }  # fmt: skip
    assert parse_replicas(["sink=2"], ["sink"]) == {"sink": 2}
    with pytest.raises(CommandError, match="from 0 to 64"):
        parse_replicas(["sink=65"], [])


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert printable("a\x1b]0;title\x07b\nc") == "a\N{REPLACEMENT CHARACTER}]0;title\N{REPLACEMENT CHARACTER}b\nc"


def test_each_process_has_a_port_of_its_own_and_another_where_that_is_taken(tmp_path: Path) -> None:
    plan = Plan(tmp_path, redis_url="redis://h", health_port=20_000)
    told: list[str] = []
    supervisor = Supervisor(plan, report=told.append)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [
            supervisor.environment(name)["CORANTO_HEALTH__PORT"] for name in ("feeder-1", "extractor-2", "sink-21")
        ]
        assert ports == ["20000", "20041", "0"]
        assert not told
        other = Supervisor(
            Plan(tmp_path, redis_url="redis://h", health_port=taken.getsockname()[1]), report=told.append
        )
        assert other.environment("feeder-1")["CORANTO_HEALTH__PORT"] == "0"
        assert "is taken" in told[0]


def test_the_page_has_its_usual_port_or_says_that_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    supervisor = Supervisor(Plan(tmp_path, redis_url="redis://h"), report=told.append)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr("coranto_cli.local.supervisor.GATEWAY_PORT", taken.getsockname()[1])
        assert supervisor.environment("sink-1")["CORANTO_GATEWAY__PORT"] == "0"
        assert not told, "it is not the sink's business"
        for _ in range(2):
            assert supervisor.environment("gateway-1")["CORANTO_GATEWAY__PORT"] == "0"
        assert len(told) == 1
        assert "CORANTO_GATEWAY__PORT" in told[0]
        monkeypatch.setenv("CORANTO_GATEWAY__PORT", "1234")
        other = Supervisor(Plan(tmp_path, redis_url="redis://h"), report=told.append)
        assert other.environment("gateway-1")["CORANTO_GATEWAY__PORT"] == "1234"
        assert len(told) == 1
