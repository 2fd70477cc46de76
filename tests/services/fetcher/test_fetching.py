"""The fetch handler, by direct call, against real sites on loopback and a real Redis."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from redis.asyncio import Redis

from coranto.frontier import HostFeedback, HostLease, RedisHostLeases
from coranto.http import AddressGuard, WebClient
from coranto.pages import FilePageStore
from coranto.records import DiscoveredArticle, PageRef, SavedPage
from coranto.topology import Pipeline
from coranto.worker.stage import Invalid, StageSignal, Transient, Unwanted
from coranto_cli.local.redis_server import EmbeddedRedis
from coranto_fetcher.app import create_stage
from coranto_fetcher.reasons import REASONS, SYSTEMIC
from coranto_fetcher.settings import FetcherSettings, Settings
from coranto_fetcher.visits.validators import PreviousFetch, RedisValidators

if TYPE_CHECKING:  # pytest hands conftest's classes over as fixtures; tests only name their types
    from tests.services.fetcher.conftest import Fetcher, Site

Make = Callable[..., DiscoveredArticle]
HTML = {"content_type": "text/html"}
PAGE_BODY = b"<html><body><p>Some text that is long enough to be a page.</p></body></html>"


def outcome(signal: StageSignal) -> str:
    assert signal.reason in REASONS
    return f"{type(signal).__name__} {signal.reason}"


async def test_page_is_fetched_kept_and_described(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    url = site.says(
        "/page",
        body="<html><head><meta name=robots content='noai'></head><p>Текст</p></html>".encode("windows-1251"),
        headers={
            "Content-Type": "Text/HTML; charset=Windows-1251",
            "ETag": '"v1"',
            "Last-Modified": "Fri, 01 May 2026 10:00:00 GMT",
            "X-Robots-Tag": "noarchive",
            "TDM-Reservation": "1",
            "Set-Cookie": "secret=1",
        },
    )
    site.robots = "User-agent: *\nContent-Signal: ai-train=no\nAllow: /\n"
    article = await fetcher.fetch_in_turn(discovered(url))
    section = article.fetch
    assert (section.final_url, section.status, section.content_type, section.charset) == (
        url,
        200,
        "text/html",
        "windows-1251",
    )
    assert (section.etag, section.last_modified) == ('"v1"', datetime(2026, 5, 1, 10, tzinfo=UTC))
    assert section.rights == (
        "x-robots-tag: noarchive", "tdm-reservation: 1", "content-signal: ai-train=no", "meta robots: noai",
    )  # fmt: skip
    assert b"<p>" in await fetcher.pages.get(section.page)
    assert article.discovery == discovered(url).discovery


async def test_page_handed_over_needs_no_network(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    saved = SavedPage(page=PageRef(sha256="0" * 64, size_bytes=3), content_type="text/plain")
    article = await fetcher.fetch(discovered(site.url + "/page", saved=saved))
    assert (article.fetch.page, article.fetch.content_type, article.fetch.status) == (saved.page, "text/plain", None)
    assert site.asked == []


async def test_file_address_without_its_page_can_never_work(fetcher: Fetcher, discovered: Make) -> None:
    signal = await fetcher.signal_for(discovered("file:///tmp/a.html"))
    assert isinstance(signal, Invalid)
    assert signal.reason == "no_saved_page"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"status": 404}, "Unwanted not_found"),
        ({"status": 410}, "Unwanted gone"),
        ({"status": 403}, "Unwanted forbidden"),
        ({"status": 451}, "Unwanted forbidden"),
        ({"status": 418}, "Unwanted client_error"),
        ({"status": 204}, "Unwanted unexpected_status"),
        ({"status": 304}, "Unwanted unexpected_status"),
        ({"status": 302}, "Unwanted bad_redirect"),
        ({"status": 408}, "Transient timeout"),
        ({"status": 429}, "Transient rate_limited"),
        ({"status": 500}, "Transient server_error"),
        ({"status": 502}, "Transient server_error"),
        ({"status": 503}, "Transient server_unavailable"),
        ({"body": b"%PDF-1.7", "content_type": "application/pdf"}, "Unwanted content_type"),
        ({"body": b"\x00\x01", "content_type": "application/octet-stream"}, "Unwanted content_type"),
        ({"body": b" \n ", **HTML}, "Unwanted empty_body"),
        ({"body": b"a" * 300_000, **HTML}, "Unwanted body_too_large"),
        ({"body": b"no gzip", "headers": {"Content-Encoding": "gzip"}, **HTML}, "Unwanted undecodable_body"),
        ({"headers": {"X-Long": "a" * 30_000}, **HTML}, "Unwanted headers_too_large"),
        ({"status": 302, "headers": {"Location": "ftp://example.org/"}}, "Unwanted unsupported_url"),
        ({"status": 302, "headers": {"Location": "http://10.0.0.1/"}}, "Unwanted private_address"),
        ({"status": 302, "headers": {"Location": "/hostile"}}, "Unwanted redirect_loop"),
        ({"body": b"<title>Just a moment...</title><p>Enable JavaScript", **HTML}, "Unwanted challenge_page"),
        ({"status": 403, "headers": {"cf-mitigated": "challenge"}, **HTML}, "Unwanted challenge_page"),
    ],
)
async def test_every_answer_has_its_reason(
    fetcher: Fetcher, site: Site, discovered: Make, response: dict[str, object], expected: str
) -> None:
    signal = await fetcher.signal_for(discovered(site.says("/hostile", **response)))
    assert outcome(signal) == expected


@pytest.mark.parametrize(("stated", "is_advised"), [
    ("application/rss+xml", True), ("application/xml", True), ("application/feed+json", True),
    ("application/pdf", False), ("image/svg+xml", False),
])  # fmt: skip
async def test_what_may_be_a_feed_is_sent_to_the_command_that_tells(
    fetcher: Fetcher, site: Site, discovered: Make, stated: str, is_advised: bool
) -> None:
    signal = await fetcher.signal_for(discovered(site.says("/latest", body=b"", content_type=stated)))
    assert outcome(signal) == "Unwanted content_type"
    assert str(signal.detail).startswith(stated)
    assert ("`coranto feeds try`" in str(signal.detail)) is is_advised


async def test_bomb_has_its_reason(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    fetcher.web = WebClient(user_agent="CorantoBot/0.1", guard=fetcher.guard)
    url = site.says("/bomb", body=gzip.compress(bytes(30_000_000)), headers={"Content-Encoding": "gzip"}, **HTML)
    assert outcome(await fetcher.signal_for(discovered(url))) == "Unwanted decompression_bomb"
    await fetcher.web.close()


async def test_faults_of_the_network_have_their_reasons(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(10)
        return web.Response()

    site.answers["/slow"] = slow
    cases = {
        site.url + "/slow": "Transient timeout",
        "http://127.0.0.1:9/page": "Transient connect_failed",
        "http://no-such-name.invalid/page": "Transient name_not_resolved",
        "http://[::1]/page": "Unwanted private_address",
        "http://169.254.169.254/latest/meta-data/": "Unwanted private_address",
        site.url.replace("http:", "https:") + "/page": "Transient tls_failed",
    }
    assert {url: outcome(await fetcher.signal_for(discovered(url))) for url in cases} == cases


async def test_page_without_a_type_counts_as_html_where_it_looks_like_it(
    fetcher: Fetcher, site: Site, discovered: Make
) -> None:
    url = site.says(
        "/page", body=b"<!-- a -->\n<!DOCTYPE html><p>text", headers={"Content-Type": "application/octet-stream"}
    )
    assert (await fetcher.fetch_in_turn(discovered(url))).fetch.content_type == "text/html"


async def test_redirects_are_followed_one_by_one_and_recorded(
    fetcher: Fetcher, site: Site, other_site: Site, discovered: Make
) -> None:
    start = site.says("/start", status=301, headers={"Location": "/middle"})
    site.says("/middle", status=302, headers={"Location": f"{other_site.url}/page#part"})
    article = await fetcher.fetch_in_turn(discovered(start))
    assert article.fetch.final_url == f"{other_site.url}/page"
    assert [(hop.url, hop.status) for hop in article.fetch.redirects] == [(start, 301), (f"{site.url}/middle", 302)]


async def test_too_many_redirects_end(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    for number in range(7):
        site.says(f"/{number}", status=302, headers={"Location": f"/{number + 1}"})
    assert outcome(await fetcher.signal_for(discovered(site.url + "/0"))) == "Unwanted too_many_redirects"
    assert len(site.paths()) == 6


async def test_robots_are_obeyed_on_the_first_address_and_on_every_hop(
    fetcher: Fetcher, site: Site, other_site: Site, discovered: Make
) -> None:
    assert outcome(await fetcher.signal_for(discovered(site.url + "/private/a"))) == "Unwanted robots_disallowed"
    elsewhere = site.says("/out", status=302, headers={"Location": f"{other_site.url}/private/a"})
    assert outcome(await fetcher.signal_for(discovered(elsewhere))) == "Unwanted robots_disallowed"
    assert site.paths() == ["/out"]
    assert other_site.paths() == []


async def test_without_robots_nothing_is_fetched_while_they_cannot_be_got(
    fetcher: Fetcher, site: Site, discovered: Make
) -> None:
    site.says("/robots.txt", status=503)
    signal = await fetcher.signal_for(discovered(site.url + "/page"))
    assert outcome(signal) == "Transient robots_unreachable"
    assert isinstance(signal, Transient)
    assert signal.retry_after is not None
    assert site.paths() == []


async def test_redirect_to_a_busy_host_waits_outside_and_goes_on_where_it_stopped(
    fetcher: Fetcher, second_fetcher: Fetcher, site: Site, other_site: Site, discovered: Make
) -> None:
    start = site.says("/start", status=302, headers={"Location": f"{other_site.url}/page"})
    await fetcher.fetch_in_turn(discovered(other_site.url + "/page1"))  # robots.txt is known now
    await asyncio.sleep(0.03)
    lease = await fetcher.hosts.acquire(other_site.url.removeprefix("http://"), "somebody", delay=timedelta())
    assert isinstance(lease, HostLease)
    article = discovered(start, submission="s2")
    with pytest.raises(Transient) as waiting:
        await fetcher.fetch(article)
    assert (waiting.value.reason, waiting.value.spends_attempt) == ("host_busy", False)
    await fetcher.hosts.release(lease, HostFeedback.FINE)
    fetched = await second_fetcher.fetch_in_turn(article)
    assert [hop.url for hop in fetched.fetch.redirects] == [start]
    assert site.paths() == ["/start"]


async def test_two_fetchers_look_like_one_polite_client(
    fetcher: Fetcher, second_fetcher: Fetcher, site: Site, discovered: Make
) -> None:
    delay = timedelta(milliseconds=50)
    for one in (fetcher, second_fetcher):
        one.settings = FetcherSettings(min_delay=delay)
    articles = [discovered(f"{site.url}/page{number}", submission=f"s{number}") for number in range(12)]
    both = [fetcher, second_fetcher]
    await asyncio.gather(*(both[number % 2].fetch_in_turn(article) for number, article in enumerate(articles)))
    assert site.most_in_flight == 1
    assert min(later - earlier for (earlier, _), (later, _) in pairwise(site.asked)) >= delay.total_seconds() - 0.002
    assert sorted(site.paths()) == sorted(f"/page{number}" for number in range(12))


async def test_crawl_delay_is_kept_without_holding_a_slot(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    site.robots = "User-agent: *\nCrawl-delay: 2\n"
    with pytest.raises(Transient) as caught:
        await fetcher.fetch(discovered(site.url + "/page"))
    assert (caught.value.reason, caught.value.spends_attempt) == ("host_busy", False)
    assert caught.value.retry_after is not None
    assert 1.5 < caught.value.retry_after.total_seconds() <= 2
    assert site.paths() == []


async def test_slow_host_does_not_hold_up_another(
    fetcher: Fetcher, site: Site, other_site: Site, discovered: Make
) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(1.7)
        return web.Response(body=PAGE_BODY, content_type="text/html")

    site.answers["/page-slow"] = slow
    waiting = asyncio.create_task(fetcher.fetch_in_turn(discovered(site.url + "/page-slow")))
    await asyncio.sleep(0.3)
    with pytest.raises(Transient, match="host_busy"):  # at once, and not after the slow page
        await asyncio.wait_for(fetcher.fetch(discovered(site.url + "/page")), 0.6)
    async with asyncio.timeout(0.7):
        await fetcher.fetch_in_turn(discovered(other_site.url + "/page"))
    assert not waiting.done()
    await waiting


async def test_retry_after_is_honoured_for_the_whole_host(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    signal = await fetcher.signal_for(discovered(site.says("/busy", status=429, headers={"Retry-After": "30"})))
    assert isinstance(signal, Transient)
    assert signal.retry_after == timedelta(seconds=30)
    with pytest.raises(Transient) as waiting:
        await fetcher.fetch(discovered(site.url + "/page"))
    assert waiting.value.reason == "host_busy"
    assert waiting.value.retry_after is not None
    assert waiting.value.retry_after > timedelta(seconds=29)


async def test_second_visit_asks_whether_the_page_has_changed(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    version = "1"

    async def page(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == f'"{version}"':
            return web.Response(status=304)
        return web.Response(text=f"<p>version {version}", content_type="text/html", headers={"ETag": f'"{version}"'})

    site.answers["/page"] = page
    url = site.url + "/page"
    first = await fetcher.fetch_in_turn(discovered(url, submission="a"))
    assert (
        outcome(await fetcher.signal_for(discovered(url, submission="b", is_recrawl=True))) == "Unwanted not_modified"
    )
    # Redelivered after a crash: its own earlier visit must not end it.
    assert await fetcher.fetch_in_turn(discovered(url, submission="a", is_recrawl=True))
    version = "2"
    changed = await fetcher.fetch_in_turn(discovered(url, submission="c", is_recrawl=True))
    assert changed.fetch.page != first.fetch.page


async def test_after_a_restart_of_redis_a_page_is_fetched_whole(own_redis: EmbeddedRedis, discovered: Make) -> None:
    """What was fetched before may have been lost on its way; "not modified" would make that final."""
    article = discovered("https://paper.example/a", submission="b", is_recrawl=True)
    for is_restarted in (False, True):
        async with Redis.from_url(own_redis.url) as redis:
            validators = RedisValidators(redis, Pipeline())
            if not is_restarted:
                await validators.keep(article, PreviousFetch("https://paper.example/a", "a", '"etag"', None))
            assert (await validators.find(article) is None) == is_restarted
            assert await redis.exists(Pipeline().keys_for(article.id).fetched_before(article.id))
        if not is_restarted:
            own_redis.stop()
            own_redis.start()


async def test_page_store_that_cannot_be_written_is_waited_for(
    fetcher: Fetcher, site: Site, discovered: Make, tmp_path: Path
) -> None:
    (tmp_path / "a-file").write_text("no directory")
    fetcher.pages = FilePageStore(tmp_path / "a-file")
    signal = await fetcher.signal_for(discovered(site.url + "/page"))
    assert outcome(signal) == "Transient page_store_unavailable"
    assert signal.reason in SYSTEMIC


async def test_redis_that_does_not_answer_is_waited_for(
    fetcher: Fetcher, site: Site, discovered: Make, tmp_path: Path
) -> None:
    async with Redis.from_url(f"unix://{tmp_path}/nobody.sock") as nobody:
        fetcher.hosts = RedisHostLeases(nobody)
        with pytest.raises(Transient) as caught:
            await fetcher.fetch(discovered(site.url + "/page"))
    assert (caught.value.reason, caught.value.spends_attempt) == ("budget_unavailable", False)


async def test_deadline_in_the_middle_gives_the_turn_back(
    fetcher: Fetcher, site: Site, discovered: Make, redis: Redis
) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    site.answers["/slow"] = slow
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(fetcher.fetch_in_turn(discovered(site.url + "/slow")), 0.4)
    host = site.url.removeprefix("http://")
    assert await redis.hget(f"coranto:{{{{host-{host}}}}}:budget", "lease") is None


async def test_stage_works_alone_without_redis(
    site: Site, discovered: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORANTO_FETCHER__ALLOWED_NETWORKS", "127.0.0.0/8, 10.0.0.0/8")
    monkeypatch.setenv("CORANTO_FETCHER__MIN_DELAY", "0.05")
    monkeypatch.setenv("CORANTO_PAGES__PATH", str(tmp_path))
    stage = create_stage(Settings())
    assert stage.name == "fetcher"
    fetched = await stage.handle(discovered(site.url + "/page"))
    assert fetched is not None
    assert fetched.fetch.status == 200
    with pytest.raises(Unwanted, match="not_found"):
        await stage.handle(discovered(site.url + "/nothing"))
    assert stage.stop is not None
    await stage.stop()


@pytest.mark.parametrize("value", ["10.0.0.0/8, ::1", '["10.0.0.0/8", "::1"]'])
def test_allowed_networks_are_a_list_in_json_or_with_commas(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORANTO_FETCHER__ALLOWED_NETWORKS", value)
    assert Settings().fetcher.allowed_networks == ("10.0.0.0/8", "::1/128")
    assert AddressGuard(Settings().fetcher.allowed_networks).refuses("10.2.3.4") is None


def test_allowed_network_that_is_none_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORANTO_FETCHER__ALLOWED_NETWORKS", "10.0.0.0/8,home")
    with pytest.raises(ValueError, match="home"):
        Settings()
