"""`coranto feeds`, as a user types it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis
from typer.testing import CliRunner

from coranto.sources.kinds import SourceKind
from coranto.sources.registry import Feed, FeedRegistry, child_feed, new_feed
from coranto.topology import Keys
from coranto_cli.errors import CommandError
from coranto_feeder.commands import app

if TYPE_CHECKING:  # pytest hands conftest's classes over as fixtures; tests only name their types
    from tests.services.feeder.conftest import Site

RSS = "https://example.org/rss.xml"
FEED = "<rss><channel><title>The paper</title><item><title>One</title><link>/one</link></item></channel></rss>"


@dataclass(frozen=True)
class Result:
    exit_code: int
    output: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines()]


Run = Callable[..., Result]


@pytest.fixture
def run(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command; what it raises for the user is its output, as the `coranto` command shows it."""
    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)
    monkeypatch.setenv("CORANTO_FETCHER__ALLOWED_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("CORANTO_FETCHER__MIN_DELAY", "0")

    def call(*arguments: str, given: str | None = None) -> Result:
        result = CliRunner().invoke(app, list(arguments), input=given)
        if isinstance(result.exception, CommandError):
            return Result(result.exception.exit_code, f"{result.output}{result.exception}")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Result(result.exit_code, result.output)

    return call


async def off_loop(run: Run, *arguments: str) -> Result:
    """Run a command that looks at a site which this loop serves."""
    return await asyncio.to_thread(run, *arguments)


def test_feeds_are_added_listed_and_removed(run: Run) -> None:
    assert "1 added" in run("add", "HTTPS://Example.org/rss.xml#x").output
    assert f"already there: {RSS}" in run("add", RSS).output
    (listed,) = run("list", "--json").lines
    assert (listed["url"], listed["source"]) == (RSS, "example.org")
    shown = run("list").output
    assert RSS in shown
    assert "not polled yet" in shown
    assert "1 removed" in run("remove", RSS).output
    assert run("remove", RSS).exit_code == 3
    assert "No feeds" in run("list").output


def test_feeds_are_paused_and_resumed(run: Run) -> None:
    run("add", RSS)
    paused = run("pause", RSS, "https://example.org/none")
    assert paused.exit_code == 3
    assert "1 paused" in paused.output
    assert "no such feed: https://example.org/none" in paused.output
    assert "· paused" in run("list").output
    assert run("list", "--json").lines[0]["is_paused"]
    assert "1 resumed" in run("resume", RSS).output
    assert "next poll" in run("list").output
    assert not run("list", "--json").lines[0]["is_paused"]


async def test_sitemaps_of_an_index_are_paused_and_resumed_with_it(run: Run, redis: Redis) -> None:
    registry, now = FeedRegistry(redis, Keys()), datetime.now(UTC)
    index = new_feed("https://example.org/index.xml", now=now).model_copy(update={"kind": SourceKind.SITEMAP_INDEX})
    inner = child_feed(index, "https://example.org/inner.xml", now=now)
    inner = inner.model_copy(update={"kind": SourceKind.SITEMAP_INDEX})
    leaves = [child_feed(above, f"https://example.org/{above.depth}.xml", now=now) for above in (index, inner)]
    other = new_feed("https://example.org/other.xml", now=now)
    for feed in (index, inner, *leaves, other):
        await registry.add(feed)
    below = {inner.id, *(leaf.id for leaf in leaves)}

    assert (await off_loop(run, "pause", inner.url)).exit_code == 0
    assert await registry.paused() == {inner.id, leaves[1].id}
    assert (await off_loop(run, "pause", index.url)).exit_code == 0
    assert await registry.paused() == {index.id, *below}
    assert (await off_loop(run, "resume", index.url)).exit_code == 0
    assert await registry.paused() == set()


async def test_resuming_an_index_polls_no_sitemap_that_was_not_paused(redis: Redis) -> None:
    registry, now = FeedRegistry(redis, Keys()), datetime.now(UTC)
    index = new_feed("https://example.org/index.xml", now=now).model_copy(update={"kind": SourceKind.SITEMAP_INDEX})
    child = child_feed(index, "https://example.org/child.xml", now=now)
    for feed in (index, child):
        await registry.add(feed)
        await registry.save(feed, now + timedelta(hours=1))
    assert await registry.resume(index.url, now)
    assert [feed.url for feed in await registry.find_due(now, limit=9)] == [index.url]


async def test_list_shows_what_an_operator_asks(run: Run, redis: Redis) -> None:
    registry, now = FeedRegistry(redis, Keys()), datetime.now(UTC)

    async def add(name: str, **more: object) -> None:
        feed = Feed(
            url=f"https://example.org/{name}", source="x", added_at=now - timedelta(days=9), polls=3, polled_at=now
        )
        feed = feed.model_copy(
            update={"kind": SourceKind.FEED, "last_outcome": "unchanged", "last_new_at": now, **more}
        )
        await registry.add(feed)
        await registry.save(feed, now + timedelta(minutes=30))

    await add("fine", items_per_day=12.0, lag_seconds=240.0, title="Fine paper", tags=("Europe",))
    await add("failing", failures=2, last_outcome="status_404", last_error="status 404")
    await add("cut", last_outcome="read_in_part", last_warning="the document breaks off")
    await add("silent", last_new_at=now - timedelta(days=3), ignores_conditional_requests=True)
    await add("faded", items_per_day=2.06e-27, polls=9, observed_days=4.0)
    await add("young", items_per_day=2.06e-27, polls=1)
    everything = await off_loop(run, "list")
    assert everything.exit_code == 0
    assert "e-27" not in everything.output
    for words in (
        "https://example.org/fine",
        "Fine paper · Europe",
        "12 a day",
        "fewer than 0.01 a day",
        "how many a day is not known yet",
        "found 4 min after publication",
        "next poll in 30 min",
        "status_404, 2 times in a row",
        "status 404",
        "the document breaks off",
        "last new 3 days ago",
        "ignores conditional requests",
    ):
        assert words in everything.output.replace("\n", " "), words
    failing = await off_loop(run, "list", "--failing", "--json")
    assert failing.exit_code == 1
    assert [one["url"].rpartition("/")[2] for one in failing.lines] == ["cut", "failing"]
    silent = await off_loop(run, "list", "--silent", "2d", "--json")
    assert (silent.exit_code, len(silent.lines)) == (1, 1)
    assert (await off_loop(run, "list", "--silent", "4 d")).exit_code == 0
    assert (await off_loop(run, "list", "--silent", "soon")).exit_code == 2


async def test_a_feed_is_polled_at_once_by_the_running_feeder(run: Run, redis: Redis) -> None:
    registry, now = FeedRegistry(redis, Keys()), datetime.now(UTC)
    for name in ("one", "two", "held"):
        url = f"https://example.org/{name}"
        await registry.add(Feed(url=url, source=f"Paper {name}", added_at=now, polls=1, polled_at=now))
        feed = await registry.find(url)
        assert feed is not None
        await registry.save(feed, now + timedelta(hours=1))
    await registry.pause("https://example.org/held")

    async def feeder() -> None:
        while not (due := await registry.find_due(datetime.now(UTC), limit=5)):
            await asyncio.sleep(0.01)
        for feed in due:
            polled = feed.model_copy(update={"polls": feed.polls + 1, "last_outcome": "new"})
            await registry.save(polled, datetime.now(UTC) + timedelta(hours=1))

    polling = asyncio.create_task(feeder())
    done = await off_loop(run, "poll", "Paper one")
    await polling
    assert (done.exit_code, "· new" in done.output) == (0, True)
    assert "example.org/two" not in done.output
    unpolled = await off_loop(run, "poll", "https://example.org/two", "--timeout", "0")
    assert (unpolled.exit_code, "Is a feeder running?" in unpolled.output) == (1, True)
    for name, told in (("https://example.org/held", "is paused"), ("https://example.org/none", "no such feed")):
        refused = await off_loop(run, "poll", name)
        assert (refused.exit_code, told in refused.output) == (3, True)


STORIES = "".join(f"<a href='/2026/11/{name}'>{name}</a>" for name in ("bridge-opens", "rain-stops", "market-day"))
HOME = "<html><head>{}</head><body>" + STORIES + "</body></html>"
NAMED = {
    name: f"<link rel=alternate type='application/rss+xml' href='/{name}'>"
    for name in ("comments/feed", "feed", "named")
}


@pytest.mark.parametrize(
    ("documents", "chosen", "how"),
    [
        (
            {"/": HOME.format(NAMED["comments/feed"] + NAMED["named"]), "/named": FEED, "/feed": FEED},
            "/named",
            "named by the page",
        ),
        ({"/": HOME.format(NAMED["named"]), "/rss.xml": FEED}, "/rss.xml", "well-known address"),
        (
            {
                "/": HOME.format(""),
                "/robots.txt": "User-agent: *\nAllow: /\nSitemap: /maps/all.xml\nSitemap: https://other.example/x.xml",
                "/maps/all.xml": "<urlset><url><loc>/a</loc></url></urlset>",
            },
            "/maps/all.xml",
            "robots.txt",
        ),
        ({"/": HOME.format("")}, "/", "its own links"),
        ({"/": FEED}, "/", "one itself"),
    ],
    ids=["named", "well-known", "robots.txt", "links", "feed"],
)
async def test_of_a_home_page_the_best_is_taken_and_told(
    documents: dict[str, str], chosen: str, how: str, run: Run, site: Site
) -> None:
    for path, text in documents.items():
        site.says(path, text=text, content_type="text/html" if text.startswith("<html") else "text/xml")
    result = await off_loop(run, "add", site.url, "--tag", "local")
    assert result.exit_code == 0, result.output
    assert how in result.output.replace("\n", " ")
    (listed,) = (await off_loop(run, "list", "--json")).lines
    assert (listed["url"], listed["tags"]) == (site.url + chosen, ["local"])


async def test_page_that_leads_nowhere_is_told_and_not_registered(run: Run, site: Site) -> None:
    site.says("/about", text="<html><p>nothing here</html>", content_type="text/html")
    result = await off_loop(run, "add", site.url + "/about")
    assert (result.exit_code, "neither the page" in result.output.replace("\n", " ")) == (3, True)
    assert (await off_loop(run, "list", "--json")).output == ""


async def test_trial_of_a_feed_tells_that_it_is_cut_off(run: Run, site: Site) -> None:
    url = site.says("/feed", text=FEED.replace("</channel></rss>", "<item><ti"))
    tried = await off_loop(run, "try", url, "--json")
    report = json.loads(tried.output)
    assert (tried.exit_code, report["outcome"], report["reason"], report["kind"]) == (0, "ok", "read_in_part", "feed")
    assert [entry["link"] for entry in report["entries"]] == [f"{site.url}/one"]
    assert any("breaks off" in warning for warning in report["warnings"])


def test_what_is_exported_can_be_imported_again(run: Run, tmp_path: Path) -> None:
    run("add", RSS, "https://example.org/atom?a=1&b=2", "--as-is", "--tag", "World", "--source", "Desk")
    exported = run("export").output
    run("remove", RSS)
    file = tmp_path / "feeds.opml"
    file.write_text(exported, encoding="utf-8")
    assert "1 added, 1 already there" in run("import", str(file)).output
    first, second = json.loads(run("export", "--json").output)
    assert second == {"url": RSS, "title": "Desk", "tags": ["World"]}
    assert first["tags"] == ["World"]


def test_import_keeps_names_and_folders_and_tells_what_it_left_out(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "feeds.opml"
    file.write_text(
        '<?xml version="1.0"?>\n<opml version="2.0"><body><outline text="Europe">\n'
        f'<outline text="Valley Post" xmlUrl="{RSS}"/>\n<outline text="Broken" xmlUrl="htp:/x"/>\n</outline></body></opml>\n'
    )
    result = run("import", str(file))
    assert result.exit_code == 3
    assert "line 4 left out" in result.output
    assert "1 added, 1 left out" in result.output
    (feed,) = run("list", "--json").lines
    assert (feed["source"], feed["tags"], feed["is_source_given"]) == ("Valley Post", ["Europe"], True)


def test_list_of_addresses_is_imported_from_standard_input(run: Run) -> None:
    assert "2 added" in run("import", "-", given=f"# mine\n{RSS}\n\nhttps://example.org/b\n").output
    mixed = run("import", "-", given="https://example.org/c\nnonsense\n")
    assert (mixed.exit_code, "line 2 left out" in mixed.output, "1 added" in mixed.output) == (3, True, True)


@pytest.mark.parametrize("url", ["ftp://example.org/", "file:///tmp/rss.xml", "words"])
def test_address_that_cannot_be_polled_is_refused_with_what_was_seen(url: str, run: Run) -> None:
    result = run("add", url)
    assert result.exit_code == 2
    assert "expected an http(s) address" in result.output


def test_address_without_a_scheme_is_suggested_with_one_and_that_of_browsers_is_understood(run: Run) -> None:
    assert "did you mean https://example.org/rss?" in run("add", "example.org/rss").output
    run("import", "-", given="https://example.org/rss\n")
    assert "1 removed" in run("remove", "feed:https://example.org/rss").output


def test_file_that_is_not_there_and_file_that_is_no_opml_say_so(run: Run, tmp_path: Path) -> None:
    assert run("import", str(tmp_path / "nothing.opml")).exit_code == 2
    page = tmp_path / "page.html"
    page.write_text("<html></html>")
    result = run("import", str(page))
    assert (result.exit_code, "OPML" in result.output) == (2, True)
    for empty in ("", "# nothing yet\n", "<opml><body/></opml>"):
        result = run("import", "-", given=empty)
        assert (result.exit_code, "names no feed" in result.output) == (3, True)


def test_without_a_running_system_the_message_says_where_was_looked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CORANTO_REDIS__URL", raising=False)
    result = CliRunner().invoke(app, ["list", "--data", str(tmp_path)])
    assert "coranto up" in str(result.exception)
