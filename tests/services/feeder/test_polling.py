"""Polling: what is new is submitted once, what changed again, and a feed is asked as seldom as it deserves."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from redis.asyncio import Redis

from coranto.http import WebClient
from coranto.sources.registry import FeedRegistry, new_feed
from coranto.topology import Keys
from coranto_feeder.feed_parser_pool import FeedParserPool
from coranto_feeder.poller import Poller
from coranto_feeder.settings import FeederSettings

if TYPE_CHECKING:  # pytest hands conftest's classes over as fixtures; tests only name their types
    from tests.services.feeder.conftest import PolledFeeds, Site


def atom(*entries: tuple[str, str]) -> bytes:
    """An Atom feed with these ids and times of change."""
    items = "".join(
        f"<entry><id>{name}</id><title>{name}</title><link href='/news/{name}'/><updated>{updated}</updated></entry>"
        for name, updated in entries
    )
    return f"<feed xmlns='http://www.w3.org/2005/Atom'><title>The feed</title>{items}</feed>".encode()


ONE = ("one", "2026-05-01T10:00:00Z")
TWO = ("two", "2026-05-01T11:00:00Z")


async def test_new_entries_are_submitted_once_with_what_the_feed_says(polled: PolledFeeds, site: Site) -> None:
    url = site.says("/feed", body=atom(ONE, TWO))
    await polled.add(url)
    await polled.poll(url)
    await polled.poll(url)
    site.says("/feed", body=atom(ONE, TWO, ("three", "2026-05-01T12:10:00Z")))
    await polled.poll(url)
    assert [one.hints.title for one in polled.submitted] == ["one", "two", "three"]
    first = polled.submitted[0]
    assert (first.url, first.discovered_via, first.kind, first.is_recrawl) == (
        f"{site.url}/news/one",
        "feed",
        "page",
        False,
    )
    feed = await polled.registry.find(url)
    assert feed is not None
    assert (feed.kind, feed.title, feed.polls, feed.failures) == ("feed", "The feed", 3, 0)


async def test_entry_that_changed_is_submitted_again_as_a_revisit(polled: PolledFeeds, site: Site) -> None:
    url = site.says("/feed", body=atom(ONE, TWO))
    await polled.add(url)
    await polled.poll(url)
    site.says("/feed", body=atom(ONE, ("two", "2026-05-01T11:30:00Z")))
    await polled.poll(url)
    assert [(one.hints.title, one.is_recrawl) for one in polled.submitted] == [
        ("one", False),
        ("two", False),
        ("two", True),
    ]
    assert len({one.id for one in polled.submitted}) == 3


async def test_poll_that_was_cut_off_before_it_was_noted_submits_the_same_ids_again(
    polled: PolledFeeds, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = site.says("/feed", body=atom(ONE, TWO))
    await polled.add(url)

    async def killed(*_: object, **__: object) -> None:
        raise ConnectionError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(polled.registry, "remember_entries", killed)
        with pytest.raises(ConnectionError):
            await polled.poll(url)
    await polled.poll(url)
    assert len(polled.submitted) == 4
    assert len({one.id for one in polled.submitted}) == 2


async def test_unchanged_feed_is_asked_for_with_its_validators(polled: PolledFeeds, site: Site) -> None:
    def feed(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == '"1"':
            return web.Response(status=304)
        return web.Response(body=atom(ONE), headers={"ETag": '"1"', "Last-Modified": "Fri, 01 May 2026 10:00:00 GMT"})

    site.documents["/feed"] = feed
    url = site.url + "/feed"
    await polled.add(url)
    await polled.poll(url)
    result = await polled.poll(url)
    assert (result.feed.last_outcome, len(polled.submitted)) == ("not_modified", 1)
    assert site.asked[-1].headers["If-Modified-Since"] == "Fri, 01 May 2026 10:00:00 GMT"


async def test_validators_that_lie_are_found_out_and_not_used_again(polled: PolledFeeds, site: Site) -> None:
    entries = [ONE]

    def feed(request: web.Request) -> web.Response:
        if "If-None-Match" in request.headers:
            return web.Response(status=304)  # whatever has happened
        return web.Response(body=atom(*entries), headers={"ETag": '"always"'})

    site.documents["/feed"] = feed
    url = site.url + "/feed"
    await polled.add(url)
    await polled.poll(url)
    entries.append(TWO)
    for _ in range(25):
        result = await polled.poll(url)
    assert result.feed.has_lying_validators
    assert [one.hints.title for one in polled.submitted] == ["one", "two"]


async def test_feed_that_fails_is_asked_ever_more_seldom_and_never_given_up(polled: PolledFeeds, site: Site) -> None:
    url = site.says("/feed", status=500)
    await polled.add(url)
    waits = []
    for _ in range(14):
        result = await polled.poll(url)
        waits.append(result.due_at - polled.now)
    assert timedelta(minutes=3) < waits[0] < timedelta(minutes=5)
    assert waits[3] > waits[1] > waits[0]
    assert timedelta(hours=20) < waits[-1] < timedelta(hours=26)
    assert (result.feed.failures, result.feed.last_outcome) == (14, "status_500")
    site.says("/feed", body=atom(ONE))
    recovered = await polled.poll(url)
    assert recovered.feed.failures == 0
    assert recovered.due_at - polled.now < timedelta(hours=1)


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured(status: int, polled: PolledFeeds, site: Site) -> None:
    url = site.says("/feed", status=status, headers={"Retry-After": "7200"})
    await polled.add(url)
    result = await polled.poll(url)
    assert timedelta(minutes=110) < result.due_at - polled.now < timedelta(minutes=130)


async def test_busy_feed_is_polled_more_often_than_a_quiet_one(polled: PolledFeeds, site: Site) -> None:
    busy = [(f"n{n}", f"2026-05-01T12:{n:02d}:00Z") for n in range(0, 25, 2)]
    quiet = [(f"q{n}", f"2026-04-{n + 10:02d}T10:00:00Z") for n in range(12)]
    waits = {}
    for name, entries in (("busy", busy), ("quiet", quiet)):
        url = site.says(f"/{name}", body=atom(*entries))
        await polled.add(url)
        for turn in range(4):
            site.says(f"/{name}", body=atom(*entries[: 9 + turn]))
            result = await polled.poll(url)
        waits[name] = result.due_at - polled.now
    assert waits["busy"] < timedelta(minutes=40)
    assert waits["quiet"] > timedelta(hours=2)


async def test_cache_headers_and_ttl_make_polls_rarer_within_bounds(polled: PolledFeeds, site: Site) -> None:
    for header, least, most in (("max-age=1800", 28, 60), ("max-age=999999", 55, 70), ("no-cache", 5, 25)):
        url = site.says("/feed", body=atom(ONE), headers={"Cache-Control": header})
        await polled.registry.remove(url)
        await polled.add(url)
        result = await polled.poll(url)
        assert timedelta(minutes=least) < result.due_at - polled.now < timedelta(minutes=most)


async def test_submissions_that_are_refused_are_submitted_at_the_next_poll(polled: PolledFeeds, site: Site) -> None:
    url = site.says("/feed", body=atom(ONE))
    await polled.add(url)
    polled.refusal = RuntimeError("too many are waiting")
    refused = await polled.poll(url)
    assert refused.feed.last_outcome == "submit_refused"
    assert refused.due_at - polled.now < timedelta(minutes=2)
    polled.refusal = None
    await polled.poll(url)
    assert [one.hints.title for one in polled.submitted] == ["one"]


async def test_home_page_is_replaced_by_the_feeds_it_names(polled: PolledFeeds, site: Site) -> None:
    home = site.says("/", text="<link rel=alternate type='application/rss+xml' href='/rss'>", content_type="text/html")
    await polled.add(home)
    await polled.poll(home)
    assert [(feed.url, feed.parent) for feed in await polled.registry.all()] == [(site.url + "/rss", home)]


async def test_page_that_names_no_feed_is_kept_and_shown_as_failing(polled: PolledFeeds, site: Site) -> None:
    url = site.says("/about", text="<html><p>no feeds here", content_type="text/html")
    await polled.add(url)
    assert (await polled.poll(url)).feed.last_outcome == "not_a_feed"
    assert len(await polled.registry.all()) == 1


async def test_index_leads_to_its_recent_parts_and_old_entries_are_not_submitted(
    polled: PolledFeeds, site: Site
) -> None:
    index = site.says(
        "/sitemap.xml",
        text=f"<sitemapindex><sitemap><loc>{site.url}/new.xml</loc><lastmod>2026-05-01</lastmod></sitemap>"
        f"<sitemap><loc>{site.url}/old.xml</loc><lastmod>2020-05-01</lastmod></sitemap></sitemapindex>",
    )
    part = site.says(
        "/new.xml",
        text="<urlset><url><loc>https://example.org/new</loc><lastmod>2026-05-01T11:00:00Z</lastmod></url>"
        "<url><loc>https://example.org/old</loc><lastmod>2020-05-01</lastmod></url></urlset>",
    )
    await polled.add(index)
    await polled.poll(index)
    assert {feed.url for feed in await polled.registry.all()} == {index, part}
    await polled.poll(part)
    assert [(one.url, one.discovered_via) for one in polled.submitted] == [("https://example.org/new", "sitemap")]


async def test_sitemap_that_was_registered_by_itself_brings_all_its_pages_the_old_ones_as_backlog(
    polled: PolledFeeds, site: Site
) -> None:
    url = site.says(
        "/sitemap.xml",
        text="<urlset><url><loc>https://example.org/new</loc><lastmod>2026-05-01T11:00:00Z</lastmod></url>"
        "<url><loc>https://example.org/old</loc><lastmod>2020-05-01</lastmod></url></urlset>",
    )
    await polled.add(url)
    await polled.poll(url)
    assert [(one.url[-3:], one.priority) for one in polled.submitted] == [("new", "live"), ("old", "backlog")]


async def test_private_redirect_of_a_feed_is_refused(polled: PolledFeeds, site: Site) -> None:
    url = site.says("/feed", status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})
    await polled.add(url)
    assert (await polled.poll(url)).feed.last_outcome == "private_address"


async def test_two_pollers_share_the_feeds_and_poll_none_twice(
    redis: Redis, browser: WebClient, parser: FeedParserPool, site: Site
) -> None:
    registry = FeedRegistry(redis, Keys())
    for number in range(12):
        site.says(f"/feed{number}", body=atom((str(number), "2026-05-01T10:00:00Z")))
        await registry.add(new_feed(f"{site.url}/feed{number}", now=datetime.now(UTC)))
    submitted: list[str] = []

    async def submit(submissions: object) -> None:
        submitted.extend(one.url for one in submissions)  # type: ignore[attr-defined]  # a list of submissions

    pollers = [Poller(registry, browser, parser, submit, FeederSettings()) for _ in range(2)]
    running = [asyncio.create_task(poller.run()) for poller in pollers]
    for _ in range(500):
        if len(submitted) == 12:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    for task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert len(submitted) == len(set(submitted)) == 12
    assert len(site.asked) == 12


async def test_feed_leased_by_a_poller_that_died_comes_up_again(polled: PolledFeeds, site: Site) -> None:
    await polled.add(site.says("/feed", body=atom(ONE)))
    lease = timedelta(minutes=5)
    assert len(await polled.registry.lease_due(polled.now, lease=lease, limit=10)) == 1
    assert await polled.registry.lease_due(polled.now, lease=lease, limit=10) == []
    assert len(await polled.registry.lease_due(polled.now + lease, lease=lease, limit=10)) == 1


async def test_feed_removed_while_it_is_polled_stays_removed(polled: PolledFeeds, site: Site) -> None:
    url = site.says("/feed", body=atom(ONE))
    feed = await polled.add(url)
    await polled.registry.remove(url)
    await polled.poller.poll(feed)
    assert await polled.registry.all() == []


async def test_feed_that_takes_too_long_to_read_is_given_up_and_the_next_one_is_read(
    polled: PolledFeeds, site: Site
) -> None:
    endless = site.says("/endless", body=gzip.compress(b"<rss><channel>" + b"<item>" * 8_000_000))
    good = site.says("/good", body=atom(ONE))
    await polled.add(endless)
    await polled.add(good)
    failed = (await polled.poll(endless)).feed
    assert failed.last_outcome == "unreadable"
    assert "longer than 5 s" in (failed.last_error or "")
    assert len((await polled.poll(good)).submitted) == 1
