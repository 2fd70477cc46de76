"""`coranto logs`: JSON logs of several processes as lines for a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coranto_cli.terminal.log_lines import LogFile, find_files, last_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.services.cli.conftest import Background, Shell


def log(directory: Path, process: str, *lines: dict[str, Any] | str, older: bool = False) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{process}.log{'.1' if older else ''}"
    with file.open("a", encoding="utf-8") as written:
        for line in lines:
            written.write((line if isinstance(line, str) else json.dumps(line)) + "\n")
    return file


def line(second: int, event: str = "message.done", level: str = "info", **fields: Any) -> dict[str, Any]:
    return {"event": event, "level": level, "timestamp": f"2026-05-01T12:00:{second:02}Z", "worker": "w", **fields}


def test_lines_of_all_processes_come_in_the_order_of_time(shell: Shell) -> None:
    logs = shell.data / "logs"
    log(logs, "fetcher-1", line(1, "first", url="https://a.example/one two"), older=True)
    log(logs, "fetcher-1", line(3, "third", level="warning", reason="x"), "Traceback (most recent call last):")
    log(logs, "sink-1", line(2, "second", count=2, gone=None))
    shown = shell("logs", "--data", "data").out.splitlines()
    assert [row.split("  ", 1)[1].split()[:2] for row in shown[:3]] == [
        ["fetcher-1", "first"], ["sink-1", "second"], ["fetcher-1", "warning:"],
    ]  # fmt: skip
    assert 'url="https://a.example/one two"' in shown[0]
    assert shown[1].endswith("count=2")
    assert shown[3].endswith("Traceback (most recent call last):")
    assert len(shell("logs", "fetcher", "--data", "data", "--level", "warning").out.splitlines()) == 2
    assert [row["event"] for row in shell("logs", "sink-1", "--data", "data", "--json").lines] == ["second"]
    assert len(shell("logs", "--data", "data", "-n", "1").out.splitlines()) == 1


def test_wrong_names_and_a_directory_without_logs_are_told(shell: Shell) -> None:
    assert shell("logs", "fetchr", "--data", "data").code == 2
    assert shell("logs", "--data", "data").code == 3


def test_what_is_written_later_is_read_on_also_after_the_file_was_cut_back(tmp_path: Path) -> None:
    path = log(tmp_path, "sink-1", line(1, "first"))
    (file,) = find_files(tmp_path, ["sink"])
    assert [each.fields["event"] for each in last_lines([file], 5, level="info")] == ["first"]
    with path.open("a", encoding="utf-8") as written:
        written.write('{"event": "half')
    assert list(file.more()) == []
    with path.open("a", encoding="utf-8") as written:
        written.write('"}\n')
    assert [each.fields["event"] for each in file.more()] == ["half"]
    path.write_text(json.dumps(line(9, "anew")) + "\n", encoding="utf-8")
    assert [each.fields["event"] for each in file.more()] == ["anew"]
    assert [each.fields["event"] for each in LogFile(path).earlier()] == ["anew"]


def test_following_ends_quietly_with_ctrl_c(shell: Shell, start: Callable[..., Background]) -> None:
    file = log(shell.data / "logs", "sink-1", line(1, "first"))
    following = start("logs", "-f", "--data", "data")
    following.until("first")
    with file.open("a", encoding="utf-8") as written:
        written.write(json.dumps(line(2, "second")) + "\n")
    following.until("second")
    assert following.stop() == 130
    assert "Traceback" not in following.output
