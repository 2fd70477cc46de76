"""`coranto pages` on a running system."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from coranto.pages import FilePageStore
from coranto_cli.commands.pages import _safe_age
from coranto_cli.errors import CommandError

if TYPE_CHECKING:
    from tests.services.cli.conftest import Shell


def grow_old(store: FilePageStore) -> None:
    moment = time.time() - 50 * 3600
    for path in store.root.rglob("*"):
        if path.is_file():
            os.utime(path, (moment, moment))


def test_pages_of_refused_articles_go_and_those_of_stored_and_waiting_ones_stay(system: Shell) -> None:
    store = FilePageStore(system.data / "pages")
    good, slow = system.page("good.html", "Good words."), system.page("slow.html", "please wait an hour")
    refused = [system.page(f"refused/{number}.html", title=f"Refused {number}") for number in range(3)]
    system("submit", str(good), str(slow), *map(str, refused))
    assert system("wait", "--timeout", "3").code == 1  # one waits an hour
    # What ended is trimmed from the streams by housekeeping; until then it counts as used.
    deadline = time.monotonic() + 30
    while (report := system("pages", "check", "--json").json)["unused"]["count"] < 3 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert report["pages"]["count"] == 5
    assert report["unused"]["count"] == 3
    assert report["missing"] == report["corrupt"] == []
    assert report["pipeline_searched"] is True

    young = system("pages", "prune", "--yes", "--json").json
    assert young["pages"]["count"] == 0
    grow_old(store)
    dry = system("pages", "prune", "--dry-run", "--json").json
    assert (dry["pages"]["count"], dry["dry_run"]) == (3, True)
    asked = system("pages", "prune")
    assert asked.code == 2
    assert "add --yes" in asked.err
    assert system("pages", "prune", "--older-than", "3d", "--yes", "--json").json["pages"]["count"] == 0
    assert "3 pages" in system("pages", "prune", "--older-than", "30h", "--yes").out
    after = system("pages", "check", "--json")
    assert (after.code, after.json["pages"]["count"], after.json["unused"]["count"]) == (0, 2, 0)


def test_missing_and_corrupt_pages_are_named_with_exit_code_1(system: Shell) -> None:
    page = system.page("kept.html", "Kept words.")
    system("submit", str(page))
    system("wait", "--timeout", "3")
    assert "every stored record has its page" in system("pages", "check").out
    store = FilePageStore(system.data / "pages")
    record = system("show", str(page), "--json").json["record"]
    path = store.path_of(record["fetch"]["page"]["sha256"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    damaged = system("pages", "check")
    assert damaged.code == 1
    assert "corrupt: page" in damaged.out
    path.unlink()
    missing = system("pages", "check")
    assert missing.code == 1
    assert f"of urn:sha256:{record['fetch']['page']['sha256']} (article {record['id']}, revision 1)" in missing.out
    path.write_bytes(whole)


def test_nothing_is_removed_without_a_running_system_or_an_article_store(shell: Shell) -> None:
    store = FilePageStore(shell.data / "pages")
    ref = store.put_now(b"page")
    grow_old(store)
    alone = shell("pages", "prune", "--yes", "--data", str(shell.data))
    assert alone.code == 1
    assert "no running system found" in alone.err
    unstored = shell("pages", "check", "--data", str(shell.data))
    assert unstored.code == 3
    assert "no article store at" in unstored.err
    nowhere = shell("pages", "check", "--data", "nowhere")
    assert nowhere.code == 3
    assert "there is no page store at" in nowhere.err
    assert store.get_now(ref) == b"page"


@pytest.mark.parametrize(("text", "hours"), [("24h", 24), ("1d", 24), ("36 h", 36), ("2880min", 48), ("30d", 720)])
def test_ages_are_read_with_their_units(text: str, hours: int) -> None:
    assert _safe_age(text).total_seconds() == hours * 3600


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "9999999d", "１d x", "23h", "0d"])
def test_ages_that_are_none_or_not_safe_are_refused(text: str) -> None:
    with pytest.raises(CommandError) as refused:
        _safe_age(text)
    assert refused.value.exit_code == 2
