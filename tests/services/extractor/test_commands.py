"""`coranto extract`: lines in, lines out, and what changed since another version."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from coranto_extractor.commands import app

Write = Callable[..., bytes]


def _run(lines: str, *options: str) -> tuple[int, str, str]:
    # Wide enough that messages are not broken over lines.
    result = CliRunner().invoke(app, options, input=lines, env={"COLUMNS": "400", "NO_COLOR": "1"})
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def pages(tmp_path: Path, write_page: Write) -> list[dict[str, str]]:
    """Input lines for nine saved pages; one is compressed, one too short, one missing."""
    lines = []
    for number in range(9):
        path = tmp_path / f"{number}.html"
        path.write_bytes(write_page(title=f"Harbour bridge number {number} opens"))
        lines.append({"id": str(number), "file": str(path), "url": f"https://news.example/city/{number}"})
    Path(lines[1]["file"]).write_bytes(gzip.compress(write_page(title="A compressed harbour story")))
    Path(lines[2]["file"]).write_bytes(b"<html><body><h1>Short</h1><p>Nothing much.</p></body></html>")
    Path(lines[3]["file"]).unlink()
    return lines


def _written(lines: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


def test_several_workers_answer_each_line_in_order(pages: list[dict[str, str]]) -> None:
    code, out, _ = _run(_written(pages), "--lines", "--workers", "2")
    assert code == 0
    predictions = [json.loads(line) for line in out.splitlines()]
    assert [prediction["id"] for prediction in predictions] == [page["id"] for page in pages]
    assert predictions[1]["title"] == "A compressed harbour story"
    assert [prediction["refused"] for prediction in predictions[:4]] == [None, None, "too_short", "page_missing"]
    assert predictions[0]["from"]["title"] == "h1"
    assert out == _run(_written(pages), "--lines")[1]


def test_comparison_counts_what_changed_and_shows_examples(pages: list[dict[str, str]], tmp_path: Path) -> None:
    _, out, _ = _run(_written(pages), "--lines")
    predictions = [json.loads(line) for line in out.splitlines()]
    for prediction in predictions[4:8]:
        prediction["title"] = "Another title"
    predictions[0]["text"] = predictions[0]["text"].replace("Buses will run again from Monday", "Buses stand still")
    predictions[8]["published"] = "2024-01-05"
    old = tmp_path / "old.jsonl"
    old.write_text(_written([*predictions[:9], {"id": "gone"}]), encoding="utf-8")
    code, out, _ = _run(_written(pages), "--compare", str(old), "--examples", "2")
    assert code == 0
    report = out.splitlines()
    assert report[0] == "9 pages in both runs, 0 only now, 1 only earlier"
    place = report.index("title: 4 differ, 0 gained, 0 lost")
    assert report[place + 1 : place + 4] == ["  4", "    - Another title", "    + Harbour bridge number 4 opens"]
    assert report[place + 4 : place + 7] == ["  5", "    - Another title", "    + Harbour bridge number 5 opens"]
    assert "published: 1 differ, 0 gained, 1 lost" in report
    text = report.index("text: 1 differ, 0 gained, 0 lost")
    assert "Buses stand still" in report[text + 2]
    assert "Buses will run" in report[text + 3]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no json", "line 2 of standard input is not JSON"),
        ("[]", "line 2 of standard input must be an object with the text id and file"),
        ('{"id": "1"}', "must be an object with the text file"),
        ('{"id": 1, "file": "a.html"}', "must be an object with the text id"),
    ],
)
def test_bad_line_ends_the_command_with_its_number_and_the_reason(
    line: str, said: str, pages: list[dict[str, str]]
) -> None:
    code, out, err = _run(_written(pages[:1]) + line + "\n", "--lines")
    assert (code, out) == (2, "")
    assert said in err


def test_bad_file_to_compare_with_is_reported_before_any_page_is_read(
    pages: list[dict[str, str]], tmp_path: Path
) -> None:
    code, _, err = _run(_written(pages), "--compare", str(tmp_path / "none.jsonl"))
    assert (code, "none.jsonl cannot be read" in err) == (2, True)
    old = tmp_path / "old.jsonl"
    old.write_text("{}\n", encoding="utf-8")
    code, _, err = _run(_written(pages), "--compare", str(old))
    assert (code, "line 1 of" in err) == (2, True)


def test_command_without_an_option_says_what_it_can_do() -> None:
    code, _, err = _run("", "--workers", "1")
    assert (code, "--lines" in err, "--compare" in err) == (2, True, True)
