"""`coranto run` and `coranto try` on sources of the user's own."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from redis import Redis

from coranto.records import DroppedArticle, FinishedArticle, Submission
from coranto.testing import submission
from coranto.topology import FEEDER
from coranto.worker.stage import Accepted, Invalid, Stage, Transient, Unwanted
from coranto_cli.articles.single_page import through_stages
from coranto_cli.one_run.job import RunSummary
from coranto_cli.one_run.own_sources import tell_of_feeds

if TYPE_CHECKING:
    from tests.services.cli.conftest import Background, Shell

FEED = "https://paper.example/feed"
TEXT = (
    "The city council voted on Friday to reopen the old river bridge, which had been closed to traffic for two years.",
    "Mayor Anna Keller said that repairs had cost less than planned, and that buses would cross it from Monday morning.",
    "Residents of the northern district, who had to take a detour of nine kilometres, welcomed the decision warmly.",
    "A second vote on the toll is expected in June, when the council returns from its recess and the audit is complete.",
)


def test_run_prints_what_came_of_a_directory_and_a_second_run_finds_it_unchanged(shell: Shell) -> None:
    shell.page("pages/good.html", "Good words.", title="A good page")
    shell.page("pages/empty.html", title="An empty page")
    first = shell.apart("run", "pages", "--data", "data", PATH="/nowhere")
    assert first.code == 0
    assert "Good words." in first.out
    assert "rejected by the extractor: no_text (28 characters without a paragraph)" in first.out
    assert "1 article; 1 page rejected; 1 stored in total." in first.out
    # The commands to type next can be typed, though `coranto` is not on PATH.
    assert f"{Path(sys.executable).with_name('coranto')} export --data data --format jsonl" in first.out
    second = shell.apart("run", "pages/good.html", "--data", "data")
    assert second.code == 0
    assert "Good words." in second.out
    assert "1 stored in total" in second.out
    article, refused = shell.apart("run", "pages", "--data", "data", "--json").lines
    assert article["content"]["title"] == "A good page"
    assert list(article["stage_times"]) == ["feeder", "fetcher", "extractor", "classifier"]
    assert (refused["stage"], refused["reason"]) == ("extractor", "no_text")
    assert shell("run", "--json").code == 2


def test_run_leaves_for_later_what_is_delayed_for_long(shell: Shell) -> None:
    ended = shell.apart("run", str(shell.page("slow.html", "please wait an hour")), "--data", "data", PATH="/nowhere")
    assert ended.code == 3
    assert "What to do next" not in ended.out
    assert "left for later: 1 in the extractor, the next in 60 min (host_down)" in ended.err


def test_run_that_is_interrupted_stops_everything(shell: Shell, start: Callable[..., Background]) -> None:
    job = start("run", str(shell.page("good.html", "Good words.")), "--data", "data")
    job.until("starting 6 services")
    assert job.stop() == 1
    assert "unfinished work resumes at the next" in job.output
    assert not shell.processes()


def test_run_that_is_kept_goes_on_serving_its_articles_until_it_is_stopped(
    shell: Shell, start: Callable[..., Background]
) -> None:
    page = shell.page("good.html", "Good words.", title="A good page")
    job = start("run", str(page), "--keep", "--data", "data")
    job.until("until Ctrl-C")
    address = re.search(r"The articles are on (http://127\.0\.0\.1:\d+/) until Ctrl-C", job.output)
    assert address is not None
    with urlopen(f"{address[1]}articles", timeout=10) as answer:  # noqa: S310 - matched above
        assert "A good page" in answer.read().decode()
    assert job.stop() == 0
    assert not shell.processes()


@pytest.mark.parametrize("source", ["nowhere", "ftp://news.example/x"])
def test_run_of_nothing_is_wrong_usage(shell: Shell, source: str) -> None:
    assert shell("run", source).code == 2


@pytest.mark.skipif(
    not {"feeder", "fetcher", "extractor", "classifier", "sink"} <= entry_points(group="coranto.stages").names,
    reason="not all services are installed",
)
def test_try_prints_the_article_of_a_saved_page_without_redis(shell: Shell) -> None:
    # In a process of its own, with the real services: the extractor's workers must find them too.
    page = shell.page("bridge.html", *TEXT, title="River bridge reopens")
    shown = shell.apart("try", str(page), PYTHONPATH="")
    assert shown.code == 0
    assert TEXT[0].split(",")[0] in shown.out
    assert "River bridge reopens" in shown.out
    refused = shell.apart("try", str(shell.page("empty.html")), "--json", PYTHONPATH="")
    assert refused.code == 3
    assert refused.json["stage"] == "extractor"
    assert refused.json["meaning"]


def test_file_that_is_too_large_for_a_page_is_refused_as_submit_refuses_it(shell: Shell) -> None:
    with (shell.directory / "large.html").open("wb") as file:
        file.truncate(100_000_001)
    ended = shell("try", "large.html")
    assert ended.code == 3
    assert "100000001 bytes; saved pages may have 100000000 at most" in ended.err


def stage(*answers: Exception | None) -> Stage[Submission, Submission]:
    """A stage that gives these answers one after the other; None hands the record on."""
    left = list(answers)

    async def handle(record: Submission) -> Submission:
        if (answer := left.pop(0)) is not None:
            raise answer
        return record

    return Stage(FEEDER, handle=handle, reasons={"no_text": "The page has no text.", "timeout": "No answer."})


async def only(stage: Stage[Submission, Submission]) -> AsyncIterator[Stage[Submission, Submission]]:
    yield stage


@pytest.mark.parametrize(
    ("answers", "outcome", "reason"),
    [
        ([Unwanted("no_text", detail="seen")], "refused", "no_text"),
        ([Accepted("no_text")], "accepted", "no_text"),
        ([Invalid("no_text")], "invalid", "no_text"),
        ([Transient("timeout", retry_after=timedelta(hours=1))], "not_ready", "timeout"),
        ([Transient("timeout", retry_after=timedelta(), spends_attempt=False), None], "finished", "ok"),
    ],
)
async def test_what_a_stage_decides_is_how_a_page_ends(
    answers: list[Exception | None], outcome: str, reason: str
) -> None:
    result = await through_stages(submission(), only(stage(*answers)))
    assert (result.outcome, result.reason) == (outcome, reason)
    if outcome in ("refused", "invalid"):
        assert result.meaning == "The page has no text."
    assert not isinstance(result.record, FinishedArticle)


async def test_mistake_in_a_stage_says_which_stage_it_was() -> None:
    with pytest.raises(KeyError) as caught:
        await through_stages(submission(), only(stage(KeyError("x"))))
    assert "in the stage feeder" in caught.value.__notes__[0]


@pytest.mark.parametrize("command", [("run",), ("up", "--sample")])
def test_invented_articles_never_go_to_the_redis_of_others(
    shell: Shell, redis_url: str, command: tuple[str, ...]
) -> None:
    refused = shell(*command, "--data", "data", CORANTO_REDIS__URL=redis_url)
    assert refused.code == 2
    assert "invented" in refused.err
    with Redis.from_url(redis_url) as redis:
        assert redis.keys() == []
    assert not (shell.directory / "data").exists()


def test_a_sample_run_empties_no_directory_of_the_users(shell: Shell) -> None:
    own = shell.directory / "data" / "sample" / "thesis.txt"
    own.parent.mkdir(parents=True)
    own.write_text("three years of work", encoding="utf-8")
    refused = shell("run", "--data", "data")
    assert refused.code == 1
    assert "another directory" in refused.err
    assert own.read_text(encoding="utf-8") == "three years of work"
    assert [each.name for each in own.parent.iterdir()] == ["thesis.txt"]


def test_run_counts_nothing_that_others_have_submitted(shell: Shell, redis_url: str) -> None:
    shell.page("theirs/article.html", "Theirs.", title="Not asked for")
    shell.page("theirs/refused.html", title="Not asked for either")
    on_shared = {"CORANTO_REDIS__URL": redis_url}
    assert shell.apart("run", "theirs", "--data", "data", **on_shared).code == 0
    # What others submit waits in the streams, and comes out while this run looks on.
    shell.page("later/article.html", "Later.", title="Still not asked for")
    shell.page("later/refused.html", title="Nor that")
    assert shell("submit", "later", "--data", "data", **on_shared).code == 0
    ended = shell.apart("run", str(shell.page("ours.html", title="Ours")), "--data", "data", **on_shared)
    assert ended.code == 3
    assert "0 articles; 1 page rejected; 2 stored in total." in ended.out
    assert "asked for" not in ended.out
    # Nothing came of it, so there is nothing to do next.
    assert "export" not in ended.out
    assert shell("show", "later/article.html", "--data", "data", **on_shared).code == 0


@pytest.mark.parametrize(
    ("reason", "feed", "is_told"),
    [("home_page", None, True), ("index_page", None, True), ("index_page", FEED, False), ("too_short", None, False)],
)
def test_of_a_page_that_lists_articles_run_tells_how_to_read_them(
    reason: str, feed: str | None, is_told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    dropped = DroppedArticle(
        id="a" * 32, url="https://paper.example/", submission="s", feed=feed, stage="extractor", outcome="dropped",
        reason=reason, dropped_at=datetime.now(UTC),
    )  # fmt: skip
    tell_of_feeds(RunSummary(dropped=[dropped]))
    assert ("feeds try https://paper.example/" in capsys.readouterr().err) is is_told
