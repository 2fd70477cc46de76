"""The commands on a running system: handing pages in, waiting, looking, and editing what died."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coranto.records import article_id

if TYPE_CHECKING:
    from tests.services.cli.conftest import Shell


def article_of(file: Path) -> str:
    return article_id(name_of(file))


def name_of(file: Path) -> str:
    return f"urn:sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def test_submitted_directory_comes_out_as_stored_articles(system: Shell) -> None:
    one = system.page("dir/one.html", "First words.", title="One")
    system.page("dir/deep/two.txt", "Second words.")
    (system.directory / "dir/picture.png").write_bytes(b"no page")
    system.page("dir/.git/objects/three.html", "Not meant.")
    system.page("dir/.four.html", "Not meant either.")
    receipts = system("submit", "dir", "--json")
    assert receipts.code == 0
    assert {receipt["url"] for receipt in receipts.lines} == {
        name_of(file) for file in (one, one.parent / "deep/two.txt")
    }
    assert all(receipt["is_new"] for receipt in receipts.lines)
    assert system("wait", "--timeout", "30").code == 0
    shown = system("show", str(one), "--json")
    assert shown.code == 0
    assert shown.json["record"]["content"]["title"] == "One"
    assert shown.json["record"]["id"] == article_of(one)


def test_lists_are_read_from_files_and_from_standard_input(system: Shell) -> None:
    (system.directory / "list.txt").write_text(
        "# a comment\nhttps://news.example/a\n\nnot an address\n", encoding="utf-8"
    )
    ended = system("submit", "--from", "list.txt", "-", "--json", text="https://news.example/b\n")
    assert {receipt["url"] for receipt in ended.lines} == {"https://news.example/a", "https://news.example/b"}
    assert ended.code == 3
    assert "list.txt, line 4: " in ended.err


def test_what_cannot_be_submitted_is_named_and_the_rest_goes_in(system: Shell) -> None:
    feed = system.directory / "feed.xml"
    feed.write_text("<rss/>", encoding="utf-8")
    ended = system("submit", "https://news.example/c", "feed.xml", "nowhere.html", "--json")
    assert ended.code == 3
    assert len(ended.lines) == 1
    assert "feed.xml is not a saved page" in ended.err
    assert "`coranto feeds import`" in ended.err
    assert "'nowhere.html' is neither" in ended.err


@pytest.mark.parametrize("nothing", ["", " "])
def test_an_empty_argument_does_not_submit_the_working_directory(system: Shell, nothing: str) -> None:
    (system.directory / "lies-here.html").write_text("<p>Not meant.</p>", encoding="utf-8")
    for command in (("submit",), ("try",), ("run",)):
        ended = system(*command, nothing)
        assert ended.code != 0
        assert "name one, such as ." in ended.err
        assert not ended.out.strip()


def test_status_tells_depths_outcomes_and_readiness_as_json(system: Shell) -> None:
    state = system("status", "--json").json
    assert [stage["stage"] for stage in state["stages"]] == [
        "feeder", "fetcher", "extractor", "classifier", "sink", "ledger", "reindex",
    ]  # fmt: skip
    assert all(service["is_ready"] for service in state["services"].values())
    assert len(state["services"]) == 6
    assert system("status").code == 0
    shown = system("top", "--count", "3", "--interval", "0.2", COLUMNS="60")
    assert shown.code == 0
    # Where a program reads, each screen is whole, however narrow a terminal may be.
    assert shown.out.count("in flight  delayed  dead  oldest  published  dropped  retried") == 3


def test_refused_page_is_shown_with_stage_reason_and_what_was_seen(system: Shell) -> None:
    page = system.page("empty.html")
    system("submit", str(page))
    system("wait", "--timeout", "30")
    ended = system("show", str(page))
    assert ended.code == 3
    assert "dropped by the extractor: no_text: 22 characters without a paragraph" in ended.out


def test_unknown_article_is_not_found_with_exit_code_3(system: Shell) -> None:
    ended = system("show", "https://news.example/never-heard-of")
    assert ended.code == 3
    assert "https://news.example/never-heard-of is unknown here" in ended.out


def test_tail_gives_the_last_articles_as_json_lines(system: Shell) -> None:
    system("submit", str(system.page("tail.html", "Words at the tail.", title="The tail")))
    ended = system("tail", "--last", "50", "--count", "1", "--json")
    assert ended.code == 0
    assert ended.lines[0]["storage"]["revision"] == 1
    assert system("tail", "--group", "desk", "--last", "3").code == 2


@pytest.fixture(scope="module")
def dead(system: Shell) -> list[str]:
    """Names of two dead letters of one cause."""
    before = {line["letter"] for line in system("dead", "list", "--json").lines}
    pages = [str(system.page(f"dead/{number}.html", "please fail", str(number))) for number in range(2)]
    system("submit", *pages)
    system("wait", "--timeout", "30")
    return [line["letter"] for line in system("dead", "list", "--json").lines if line["letter"] not in before]


def test_dead_letters_of_one_cause_make_one_group(system: Shell, dead: list[str]) -> None:
    groups = system("dead", "causes", "--json").lines
    assert [(group["stage"], group["reason"], group["count"]) for group in groups] == [("extractor", "bad_page", 2)]
    assert groups[0]["error"] == "page <id> of <url> failed at line <n> [/b]"
    # What looks like markup is shown as it is.
    assert "failed at line <n> [/b]" in system("dead", "causes").out
    assert "failed at line 12 [/b]" in system("dead", "list").out


def test_dead_letter_is_shown_whole(system: Shell, dead: list[str]) -> None:
    shown = system("dead", "show", dead[0], "--json").json
    assert shown["short"] in system("dead", "list").out
    assert system("dead", "show", shown["short"], "--json").json == shown
    assert system("dead", "show", "0" * 8).code == 3
    assert system("dead", "show", "no name").code == 2
    assert shown["attempts"] == 1
    assert "Invalid" in shown["traceback"]
    assert shown["event"]["type"] == "coranto.page.fetched.v2"
    assert "bad_page" in system("dead", "show", dead[0]).out


def test_dry_run_changes_nothing_and_acting_needs_a_yes(system: Shell, dead: list[str]) -> None:
    assert system("dead", "redeliver", "--stage", "extractor", "--dry-run", "--json").json["redeliver"] == 2
    refused = system("dead", "discard", "--all")
    assert refused.code == 2
    assert "add --yes" in refused.err
    assert system("dead", "discard", "--all", "--reason", "bad_page").code == 2
    assert len(system("dead", "list", "--json").lines) == 2


def test_mended_letter_goes_through_and_a_wrong_one_is_refused(system: Shell, dead: list[str]) -> None:
    event = system("dead", "show", dead[0], "--json").json["event"]
    good = system.page("mended.html", "Mended words.", title="Mended")
    system("submit", str(good))
    system("wait", "--timeout", "30")
    page = system("show", str(good), "--json").json["record"]["fetch"]["page"]
    wrong = system("dead", "edit", dead[0], "--file", "-", text=json.dumps(event | {"type": "something.else"}))
    assert wrong.code == 2
    assert "does not validate" in wrong.err
    event["data"]["fetch"]["page"] = page
    assert system("dead", "edit", dead[0], "--file", "-", text=json.dumps(event)).code == 0
    system("wait", "--timeout", "30")
    assert system("show", event["data"]["id"], "--json").json["record"]["content"]["title"] == "Mended"
    assert system("dead", "show", dead[0]).code == 3


def test_editor_that_changes_the_event_mends_the_letter(system: Shell, dead: list[str]) -> None:
    editor = f'{sys.executable} -c "import sys; from pathlib import Path; p = Path(sys.argv[1]); p.write_text(p.read_text())"'
    ended = system("dead", "edit", dead[1], EDITOR=editor)
    assert ended.code == 0
    assert "nothing was changed" in ended.out


def test_redelivered_letter_dies_again_under_a_new_name_and_can_be_dropped(system: Shell, dead: list[str]) -> None:
    assert system("dead", "redeliver", dead[1], "--yes", "--json").json == {"redeliver": 1, "gone": 0, "dry_run": False}
    system("wait", "--timeout", "30")
    letters = system("dead", "list", "--json").lines
    assert len(letters) == 1
    assert letters[0]["letter"] != dead[1]
    assert system("dead", "redeliver", dead[1], "--yes").code == 3
    assert system("dead", "discard", "--cause", letters[0]["cause"], "--yes").code == 0
    assert "no dead letters" in system("dead", "list").out


# Last: what waits an hour is in nobody's way here.
def test_wait_names_what_is_delayed_and_ends_with_1_when_the_time_is_over(system: Shell) -> None:
    page = system.page("slow.html", "please wait an hour")
    system("submit", str(page))
    ended = system("wait", "--timeout", "1")
    assert ended.code == 1
    assert "1 in the extractor, the next in 60 min (host_down)" in ended.err
    assert "is delayed in the extractor because of host_down" in system("show", str(page)).out
