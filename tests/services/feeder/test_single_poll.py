"""`coranto feeds try`: one poll, seen whole, that leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from tests.harness.hostile_server import Answer, Behaviour, by_cookie, redirect, response, serving

FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Boats</title>
<item><guid>1</guid><title>First boat</title><link>/a</link><pubDate>Wed, 20 May 2026 10:00:00 GMT</pubDate></item>
<item><guid>2</guid><title>Second boat</title><link>/b</link></item></channel></rss>"""
XML = "application/rss+xml"


async def tried(answers: dict[str, Answer], *arguments: str) -> tuple[int, str]:
    """Exit code and output of the command on a site with these answers; the feed is at /page."""
    async with serving(Behaviour("a feed", "", None, answers)) as url:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "coranto_cli", "feeds", "try", url, *arguments),
            env={"CORANTO_FETCHER__ALLOWED_NETWORKS": "127.0.0.0/8", "CORANTO_FETCHER__MIN_DELAY": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        told, wrong = await process.communicate()
    assert b"Traceback" not in wrong, wrong.decode()
    assert process.returncode is not None
    return process.returncode, told.decode()


async def test_report_says_what_is_in_the_feed_and_when_it_is_due() -> None:
    gate = by_cookie("gate=ok", response(FEED, kind=XML), redirect("/page", "Set-Cookie: gate=ok"))
    code, told = await tried({"/page": gate}, "--json")
    report: dict[str, Any] = json.loads(told)
    assert (code, report["outcome"], report["kind"], report["title"]) == (0, "ok", "feed", "Boats")
    assert [entry["title"] for entry in report["entries"]] == ["First boat", "Second boat"]
    assert report["entries"][0]["link"].endswith("/a")
    assert [entry["time"] for entry in report["entries"]] == ["2026-05-20T10:00:00+00:00", None]
    assert [hop["status"] for hop in report["hops"]] == [302, 200]
    assert report["next_poll"] is not None


async def test_report_for_people_shows_the_entries() -> None:
    code, told = await tried({"/page": response(FEED, kind=XML)})
    assert code == 0
    for expected in ("ok: new", "Boats", "First boat", "2026-05-20 10:00", "next poll"):
        assert expected in told


@pytest.mark.parametrize(
    ("answer", "code", "outcome", "reason"),
    [
        (response(b"<p>no feed"), 3, "dropped", "not_a_feed"),
        (response(b"", status="404 Not Found"), 3, "dropped", "status_404"),
        (response(b"", status="503 Unavailable"), 1, "retry", "status_503"),
        (response(b"", status="304 Not Modified"), 3, "dropped", "not_modified_unasked"),
        (redirect("http://10.0.0.1/"), 3, "blocked", "private_address"),
    ],
)
async def test_exit_code_tells_success_from_refusal(answer: Answer, code: int, outcome: str, reason: str) -> None:
    got, told = await tried({"/page": answer}, "--json")
    report = json.loads(told)
    assert (got, report["outcome"], report["reason"]) == (code, outcome, reason)
    assert report["detail"]


async def test_robots_txt_is_asked_first() -> None:
    robots = response(b"User-agent: *\nDisallow: /page", kind="text/plain")
    code, told = await tried({"/page": response(FEED, kind=XML), "/robots.txt": robots}, "--json")
    report = json.loads(told)
    assert (code, report["outcome"], report["reason"], report["hops"]) == (3, "denied", "robots_denied", [])


async def test_page_that_names_its_feeds_is_told_as_such() -> None:
    page = b'<html><head><link rel=alternate type="application/rss+xml" href="/feed.xml"></head></html>'
    code, told = await tried({"/page": response(page)}, "--json")
    report = json.loads(told)
    assert (code, report["outcome"], report["reason"]) == (0, "ok", "page")
    assert [url.rpartition("/")[2] for url in report["feeds"]] == ["feed.xml"]
