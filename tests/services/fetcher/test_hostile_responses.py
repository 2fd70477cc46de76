"""Responses that cost more to look at than to send: they cost their own article, and no other page waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from tests.harness.event_loop import watched_loop

from coranto.http import RedirectChain, WebClient, WebResponse
from coranto.http.page.refresh import find_refresh
from coranto.http.robots.cache import RobotsCache
from coranto.http.robots.rules import RobotsRules
from coranto.process_pool import ProcessLostError
from coranto.records import DiscoveredArticle
from coranto.urls import UnsupportedUrlError
from coranto.worker.stage import Invalid
from coranto_fetcher.page.facts import PageFacts, read_page
from coranto_fetcher.response.challenge import find_challenge
from coranto_fetcher.response.content_type import media_type_of
from coranto_fetcher.response.headers import etag_of, last_modified_of, stated_charset
from coranto_fetcher.rights.signals import rights_signals
from coranto_fetcher.settings import FetcherSettings

if TYPE_CHECKING:
    from tests.services.fetcher.conftest import Fetcher, Site

Make = Callable[..., DiscoveredArticle]
HTML = {"content_type": "text/html"}
LONGEST_STALL_SECONDS = 0.05
LINE = 16_000
"""A header line of the length that is let through; a response may have 128 of them."""


class _Dying:
    """A reader whose process dies the first so many times."""

    def __init__(self, deaths: int) -> None:
        self.deaths = deaths

    async def read(self, body: bytes, *, own_url: str, first_url: str) -> PageFacts:
        self.deaths -= 1
        if self.deaths >= 0:
            raise ProcessLostError("exit code -9")
        return read_page(body, own_url=own_url, first_url=first_url)


async def test_page_that_takes_too_long_ends_its_process_and_its_article_only(
    fetcher: Fetcher, site: Site, discovered: Make
) -> None:
    slow = site.says("/page-slow", body=b"next" + b"<a>" * 600_000, **HTML)
    reader = FetcherSettings(reading_deadline=timedelta(milliseconds=30)).to_reader()
    fetcher.web = WebClient(user_agent="CorantoBot/0.1", guard=fetcher.guard)
    fetcher.reader = reader
    try:
        await fetcher.fetch_in_turn(discovered(f"{site.url}/page-first"))
        signal = await fetcher.signal_for(discovered(slow))
        assert (type(signal), signal.reason) == (Invalid, "reader_timeout")
        await fetcher.fetch_in_turn(discovered(f"{site.url}/page-after"))
    finally:
        await reader.stop()
        await fetcher.web.close()


@pytest.mark.parametrize(("deaths", "reason"), [(1, None), (2, "reader_crashed")])
async def test_process_that_dies_is_the_pages_fault_only_the_second_time(
    fetcher: Fetcher, site: Site, discovered: Make, deaths: int, reason: str | None
) -> None:
    fetcher.reader = _Dying(deaths)
    article = discovered(f"{site.url}/page")
    if reason is None:
        assert (await fetcher.fetch_in_turn(article)).fetch.status == 200
    else:
        signal = await fetcher.signal_for(article)
        assert (type(signal), signal.reason) == (Invalid, reason)


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Type", "text/html; charset=" + " " * LINE + "!")],
        [("Content-Type", "text/html; " + ("charset" + " " * 100) * (LINE // 107))],
        [("X-Robots-Tag", "no" * (LINE // 2))] * 128,
        [("X-Robots-Tag", "unavailable_after " * (LINE // 18))] * 128,
        [("ETag", '"' * LINE)] * 128,
        [("Last-Modified", "Fri, " * (LINE // 5))] * 128,
        [("Last-Modified", "Fri, 01 May 2026 10:00:00 +9999")] * 128,
        [("Content-Signal", "\udcff" * LINE)] * 128,
        [("TDM-Policy", "\x01" * LINE)] * 128,
    ],
    ids=[
        "spaces",
        "charsets",
        "words",
        "known words",
        "tags",
        "dates",
        "a zone that is none",
        "surrogates",
        "control characters",
    ],
)
def test_headers_are_read_in_no_time(headers: list[tuple[str, str]]) -> None:
    found = CIMultiDictProxy(CIMultiDict(headers))
    started = time.thread_time()
    assert stated_charset(found) is None
    assert (etag_of(found), last_modified_of(found)) == (None, None)
    assert all(len(signal) <= 500 for signal in rights_signals(found))
    assert time.thread_time() - started < LONGEST_STALL_SECONDS


@pytest.mark.parametrize("piece", [b"<", b"<svg", b"<script", b"<title", b"captcha a b ", b"<!--", b"</script"])
def test_guards_pages_are_recognised_in_no_time(piece: bytes) -> None:
    started = time.thread_time()
    find_challenge({}, b"<title>captcha</title>" + piece * (2_000_000 // len(piece)))
    assert time.thread_time() - started < LONGEST_STALL_SECONDS


ROBOTS = {
    "prose": "x y\n" * 120_000,
    "rules": "User-agent: *\n" + "Disallow: /*a*b\n" * 30_000,
    "short rules": "User-agent:*\n" + "allow:*ab\n" * 50_000,
    "agents": "User-agent: CorantoBot\n" * 20_000 + "Disallow: /*x",
    "asterisks": "User-agent: *\n" + ("Disallow: /" + "*a" * 4000 + "\n") * 60,
    "escapes": "User-agent: *\n" + ("Disallow: /" + "%e4" * 2600 + "\n") * 60,
    "letters": "User-agent: *\n" + ("Disallow: /" + "ф" * 4000 + "\n") * 60,
    "markup": "User-agent: *\n" + ("<" * 8000 + ">\n") * 60,
    "lines": "\n" * 500_000,
}


@pytest.mark.parametrize("name", ROBOTS)
async def test_robots_txt_of_any_kind_leaves_the_loop_free(
    fetcher: Fetcher, site: Site, discovered: Make, name: str
) -> None:
    site.robots = ROBOTS[name]
    fetcher.web = WebClient(user_agent="CorantoBot/0.1", guard=fetcher.guard)
    fetcher.robots = RobotsCache(fetcher.robots._redis, fetcher.web, agent="CorantoBot")
    url = f"{site.url}/page" + "a" * 7000
    with watched_loop() as watch:
        if name == "asterisks":
            assert (await fetcher.signal_for(discovered(url))).reason == "robots_disallowed"
        else:
            await fetcher.fetch_in_turn(discovered(url))
    await fetcher.web.close()
    assert watch.cpu_seconds <= LONGEST_STALL_SECONDS, str(watch)


async def test_asking_on_a_thread_gives_the_same_answer() -> None:
    rules = RobotsRules.read("User-agent: *\nAllow: /*b\n" + "Disallow: /*a*c\n" * 2000, "CorantoBot")
    for path in ("x" * 1000, "a" * 1000 + "c", "b" * 1000 + "ac"):
        assert await rules.allows_off_loop(f"http://a.example/{path}") == rules.allows(f"http://a.example/{path}")


PIECES = [
    b"<", b"<!--", b"<?", b"<!-- -->", b"<meta http-equiv=refresh content='", b"<meta http-equiv=refresh content='0;url=x'>",
    b"<noscript>",
    b"<noscript></noscript>", b"\0", b"\xff", b" ", b"a ", b"&#", b"'\"", b"<script>",
    b"</script", b"<svg><title>", b"\x1f\x8b\x08", b"\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("beginning", [b"", b"<meta http-equiv=refresh content='0;url=", b"<?xml?>", b"\xff\xfe"])
def test_pages_are_looked_at_in_no_time(beginning: bytes, piece: bytes) -> None:
    body = beginning + piece * (2_000_000 // len(piece))
    for kind in ("text/html", "text/plain", "application/octet-stream", "", ";" * LINE, "a/" * (LINE // 2)):
        page = WebResponse("http://a.example/", 200, CIMultiDictProxy(CIMultiDict({"Content-Type": kind})), body, 1, 1)
        started = time.thread_time()
        media_type_of(page)
        assert time.thread_time() - started < LONGEST_STALL_SECONDS
    started = time.thread_time()
    with suppress(UnsupportedUrlError):
        find_refresh(page)
    assert time.thread_time() - started < LONGEST_STALL_SECONDS


@pytest.mark.parametrize(
    "line", ["a=b; " * 800, "a" * 4000, '"' * 4000, "=;" * 2000, "a=" + '\\"' * 2000, "expires=" * 500]
)
async def test_cookies_are_read_in_no_time(line: str) -> None:
    headers = CIMultiDictProxy(CIMultiDict([("Set-Cookie", line)] * 110))
    started = time.thread_time()
    chain = RedirectChain()
    for number in range(10):
        chain.note(WebResponse(f"http://{number}.a.example/", 302, headers, b"", 1, 1))
        chain.headers("http://a.example/")
    assert time.thread_time() - started < 10 * LONGEST_STALL_SECONDS
