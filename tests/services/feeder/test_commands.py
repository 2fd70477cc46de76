"""`coranto feeds`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coranto_feeder.commands import app

RSS = "https://example.org/rss.xml"


@pytest.fixture
def run(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)
    return CliRunner()


def test_feeds_are_added_listed_and_removed(run: CliRunner) -> None:
    assert "1 added" in run.invoke(app, ["add", "HTTPS://Example.org/rss.xml#x"]).output
    assert "0 of 1 added" in run.invoke(app, ["add", RSS]).output
    listed = run.invoke(app, ["list", "--json"])
    assert json.loads(listed.output)["url"] == RSS
    assert "not polled yet" in run.invoke(app, ["list"]).output
    assert run.invoke(app, ["list", "--failing", "--json"]).output == ""
    assert run.invoke(app, ["remove", RSS]).exit_code == 0
    assert run.invoke(app, ["remove", RSS]).exit_code == 3
    assert "No feeds" in run.invoke(app, ["list"]).output


def test_what_is_exported_can_be_imported_again(run: CliRunner, tmp_path: Path) -> None:
    run.invoke(app, ["add", RSS, "https://example.org/atom?a=1&b=2"])
    exported = run.invoke(app, ["export"]).output
    run.invoke(app, ["remove", RSS])
    file = tmp_path / "feeds.opml"
    file.write_text(exported, encoding="utf-8")
    assert "1 added, 1 were known" in run.invoke(app, ["import", str(file)]).output
    assert json.loads(run.invoke(app, ["export", "--json"]).output)[1]["url"] == RSS


def test_list_of_addresses_is_imported_from_standard_input(run: CliRunner) -> None:
    assert "2 added" in run.invoke(app, ["import", "-"], input=f"# mine\n{RSS}\n\nhttps://example.org/b\n").output


@pytest.mark.parametrize("url", ["ftp://example.org/", "file:///tmp/rss.xml", "words"])
def test_address_that_cannot_be_polled_is_refused_with_what_was_seen(url: str, run: CliRunner) -> None:
    result = run.invoke(app, ["add", url])
    assert result.exit_code == 2
    assert "expected" in result.output or "must have" in result.output


def test_file_that_is_not_there_and_file_that_is_no_opml_say_so(run: CliRunner, tmp_path: Path) -> None:
    assert run.invoke(app, ["import", str(tmp_path / "nothing.opml")]).exit_code == 2
    page = tmp_path / "page.html"
    page.write_text("<html></html>")
    result = run.invoke(app, ["import", str(page)])
    assert (result.exit_code, "OPML" in result.output) == (2, True)


def test_without_a_running_system_the_message_says_where_was_looked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CORANTO_REDIS__URL", raising=False)
    result = CliRunner().invoke(app, ["list", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "coranto up" in result.output
