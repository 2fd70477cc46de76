"""Polling: what is new is submitted once, what changed again, and a feed is asked as seldom as it deserves."""

from __future__ import annotations

import asyncio
import gzip
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from coranto.client import AsyncClient, Receipt, TooMuchWaitingError
from coranto.frontier import HostFeedback, HostLease, HostPolicy, RedisHostLeases, host_key
from coranto.http import WebClient
from coranto.records import Submission
from coranto.sources.registry import FeedRegistry, new_feed
from coranto.streams.tasks import end
from coranto.topology import FETCHER, SUBMITTED, Keys
from coranto.urls import parse
from coranto_feeder.feed_metrics import FeedMetrics
from coranto_feeder.polite_client import PoliteClient
from coranto_feeder.polling.feed_parser_pool import FeedParserPool
from coranto_feeder.polling.poll import FeedReader
from coranto_feeder.polling.poller import Poller
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


async def eventually(claim: Callable[[], bool], *, within: float) -> None:
    """Return when the claim holds; a failure when it does not in so many seconds."""
    async with asyncio.timeout(within):
        while not claim():
            await asyncio.sleep(0.02)


async def eventually_settled(registry: FeedRegistry) -> None:
    """Return when every feed has been polled and saved."""
    async with asyncio.timeout(60):
        while not all(feed.polls for feed in await registry.all()):
            await asyncio.sleep(0.02)


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
    assert result.feed.ignores_conditional_requests
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
    assert waits["quiet"] > timedelta(hours=1.5)


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


@pytest.mark.parametrize("what_is_full", ["one host", "everything"])
async def test_rest_of_a_long_list_is_submitted_when_there_is_room(
    what_is_full: str, polled: PolledFeeds, site: Site, redis: Redis
) -> None:
    client, queues = AsyncClient(redis), Keys().host_queues(FETCHER)
    submitted: list[str] = []

    def note(receipts: Sequence[Receipt]) -> None:
        submitted.extend(receipt.url for receipt in receipts if receipt.is_new)

    async def submit(submissions: Sequence[Submission]) -> None:
        try:
            note(await client.submit(submissions, max_backlog=100 if what_is_full == "everything" else 10_000))
        except TooMuchWaitingError as error:
            note(error.accepted)
            raise

    async def read_all() -> None:
        await redis.delete(Keys().stream(SUBMITTED))

    polled.reader = FeedReader(polled.registry, polled.client, polled.parser, submit, polled.settings)
    polled.poller = Poller(polled.registry, polled.reader, polled.client, polled.settings, now=lambda: polled.now)
    urls = [f"https://paper.example/{number}" for number in range(600)] + ["https://other.example/"]
    urlset = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
    url = site.says("/map.xml", text=f"<urlset>{urlset}</urlset>", headers={"ETag": '"1"'})
    await polled.add(url)
    if what_is_full == "one host":
        await redis.set(f"{queues}:count", 2_000_000)
        await redis.rpush(f"{queues}:waiting:backlog:paper.example", "somebody's")
    first = await polled.poll(url)
    assert (first.feed.failures, first.feed.last_outcome) == (0, "new")
    assert first.feed.entries_left == (600 if what_is_full == "one host" else 501)
    assert timedelta(minutes=5) < first.due_at - polled.now < timedelta(minutes=15)
    assert submitted == (urls[600:] if what_is_full == "one host" else urls[:100])
    await redis.delete(f"{queues}:count", f"{queues}:waiting:backlog:paper.example")
    for _ in range(7):
        await read_all()
        result = await polled.poll(url)
    assert (result.feed.entries_left, result.feed.gaps) == (0, 0)
    assert sorted(submitted) == sorted(urls)
    # From then on it is asked for what has changed, as before.
    await polled.poll(url)
    assert site.asked[-1].headers["If-None-Match"] == '"1"'
    assert "If-None-Match" not in site.asked[1].headers


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


async def test_undated_sitemaps_of_an_index_are_due_last_one_first(polled: PolledFeeds, site: Site) -> None:
    links = "".join(f"<sitemap><loc>{site.url}/{n}.xml</loc></sitemap>" for n in range(9))
    index = site.says("/index.xml", text=f"<sitemapindex>{links}</sitemapindex>")
    await polled.add(index)
    await polled.poll(index)
    due = await polled.registry.find_due(polled.now + timedelta(minutes=1), limit=20)
    assert [feed.url for feed in due if feed.url != index] == [f"{site.url}/{n}.xml" for n in reversed(range(9))]


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


class Running:
    """Pollers of several processes: they share what is in Redis."""

    def __init__(
        self,
        redis: Redis,
        browser: WebClient,
        parser: FeedParserPool,
        *,
        min_delay: timedelta = timedelta(milliseconds=50),
        **settings: object,
    ) -> None:
        self.registry = FeedRegistry(redis, Keys())
        self.submitted: list[str] = []
        self._parts = (redis, browser, parser)
        self._policy = HostPolicy(min_delay=min_delay)
        self._settings = FeederSettings(**settings)

    def poller(self) -> Poller:
        redis, browser, parser = self._parts
        client = PoliteClient(browser, RedisHostLeases(redis), self._policy)
        reader = FeedReader(self.registry, client, parser, self._submit, self._settings)
        return Poller(self.registry, reader, client, self._settings)

    async def _submit(self, submissions: Sequence[Submission]) -> None:
        self.submitted += [one.url for one in submissions]

    @asynccontextmanager
    async def run(self, number: int = 1) -> AsyncIterator[None]:
        running = [asyncio.create_task(self.poller().run()) for _ in range(number)]
        try:
            yield
        finally:
            await end(running)


async def test_two_pollers_share_the_feeds_and_poll_none_twice(
    redis: Redis, browser: WebClient, parser: FeedParserPool, site: Site
) -> None:
    pollers = Running(redis, browser, parser)
    for number in range(12):
        site.says(f"/feed{number}", body=atom((str(number), "2026-05-01T10:00:00Z")))
        await pollers.registry.add(new_feed(f"{site.url}/feed{number}", now=datetime.now(UTC)))
    async with pollers.run(2):
        await eventually(lambda: len(pollers.submitted) >= 12, within=60)
        await eventually_settled(pollers.registry)
    assert len(pollers.submitted) == len(set(pollers.submitted)) == 12
    assert len(site.asked) == 12


async def test_host_has_one_request_at_a_time_and_a_pause_after_each_whoever_asks(
    redis: Redis, browser: WebClient, parser: FeedParserPool, site: Site
) -> None:
    pollers = Running(redis, browser, parser, min_delay=timedelta(seconds=0.3))
    begun: list[float] = []
    ended: list[float] = []

    async def feed(request: web.Request) -> web.Response:
        begun.append(time.monotonic())
        await asyncio.sleep(0.1)
        ended.append(time.monotonic())
        return web.Response(body=atom((request.path.strip("/"), "2026-05-01T10:00:00Z")))

    for number in range(5):
        site.documents[f"/feed{number}"] = feed
        await pollers.registry.add(new_feed(f"{site.url}/feed{number}", now=datetime.now(UTC)))
    async with pollers.run(3):
        await eventually(lambda: len(ended) >= 5, within=60)
    assert all(start - end >= 0.28 for start, end in zip(begun[1:], ended, strict=False))


async def test_host_that_a_fetcher_asks_is_left_alone_until_it_is_done(
    redis: Redis, browser: WebClient, parser: FeedParserPool, site: Site, other_site: Site
) -> None:
    pollers = Running(redis, browser, parser)
    fetchers = RedisHostLeases(redis)
    lease = await fetchers.acquire(host_key(parse(site.url)), "an article", delay=timedelta(0))
    assert isinstance(lease, HostLease)
    for served, entry in ((site, ONE), (other_site, TWO)):
        await pollers.registry.add(new_feed(served.says("/feed", body=atom(entry)), now=datetime.now(UTC)))
    async with pollers.run():
        await eventually(lambda: pollers.submitted == [f"{other_site.url}/news/two"], within=60)
        assert site.asked == []
        await fetchers.release(lease, HostFeedback.FINE)
        await eventually(lambda: len(pollers.submitted) == 2, within=60)


async def test_feeds_of_a_slow_host_hold_up_no_others(
    redis: Redis, browser: WebClient, parser: FeedParserPool, site: Site, other_site: Site
) -> None:
    pollers = Running(redis, browser, parser, poll_concurrency=2)
    released = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response(body=atom(ONE))

    for number in range(30):
        site.documents[f"/{number}"] = slow
        await pollers.registry.add(new_feed(f"{site.url}/{number}", now=datetime.now(UTC) - timedelta(hours=1)))
    quick = other_site.says("/feed", body=atom(TWO))
    await pollers.registry.add(new_feed(quick, now=datetime.now(UTC)))
    async with pollers.run():
        await eventually(lambda: pollers.submitted == [f"{other_site.url}/news/two"], within=30)
        assert len(site.asked) == 1
        released.set()


async def test_feed_leased_by_a_poller_that_died_comes_up_again(polled: PolledFeeds, site: Site) -> None:
    await polled.add(site.says("/feed", body=atom(ONE)))
    until = polled.now + timedelta(minutes=5)
    (feed,) = await polled.registry.find_due(polled.now, limit=10)
    assert await polled.registry.lease(feed, polled.now, until)
    assert not await polled.registry.lease(feed, polled.now, until)
    assert await polled.registry.find_due(polled.now, limit=10) == []
    assert await polled.registry.find_due(until, limit=10) == [feed]


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
    assert (await polled.poll(good)).submitted == 1


async def test_full_disk_is_no_fault_of_the_feeds(polled: PolledFeeds, site: Site) -> None:
    url = site.says("/feed", body=atom(ONE))
    await polled.add(url)
    await polled.poll(url)
    site.says("/feed", body=atom(ONE, TWO))
    before = await polled.registry.find(url)
    assert before is not None
    for fault in (sqlite3.OperationalError("database or disk is full"), OSError(28, "No space left on device")):
        polled.refusal = fault
        assert await polled.poller.poll(before) is None
        assert await polled.registry.find(url) == before
        (due,) = await polled.registry.find_due(polled.now + timedelta(minutes=2), limit=10)
        assert due == before
    polled.refusal = None
    polled.submitted.clear()
    await polled.poll(url)
    assert [one.hints.title for one in polled.submitted] == ["two"]


async def test_entries_that_share_an_id_are_all_found_and_tracking_parameters_make_none_new(
    polled: PolledFeeds, site: Site
) -> None:
    def feed(tracking: str) -> str:
        items = "".join(f"<item><guid>same</guid><link>/story-{n}?utm_id={tracking}</link></item>" for n in range(3))
        return f"<rss><channel>{items}</channel></rss>"

    url = site.says("/feed", text=feed("a"))
    await polled.add(url)
    assert (await polled.poll(url)).submitted == 3
    site.says("/feed", text=feed("b"))
    assert (await polled.poll(url)).submitted == 0


async def test_entries_that_a_feed_no_longer_has_are_forgotten(polled: PolledFeeds, site: Site, redis: Redis) -> None:
    url = site.url + "/feed"
    feed = await polled.add(url)
    for turn in range(15):
        site.says("/feed", body=atom(*((f"{turn}-{number}", "2026-05-01T10:00:00Z") for number in range(100))))
        await polled.poll(url)
    (name,) = [key async for key in redis.scan_iter("*feed-entries:" + feed.id)]
    assert 100 <= await redis.hlen(name) <= 1300


async def test_only_a_permanent_redirect_is_kept_as_the_new_address(polled: PolledFeeds, site: Site) -> None:
    def redirect(status: int, target: str) -> Callable[[web.Request], web.Response]:
        return lambda _: web.Response(status=status, headers={"Location": target})

    site.says("/feed", body=atom(ONE))
    site.documents["/gone"] = redirect(301, "/feed")
    site.documents["/away"] = redirect(302, "/gone")
    site.documents["/twice"] = redirect(308, "/away")
    for path, moved_to in (("/gone", "/feed"), ("/away", None), ("/twice", "/away")):
        await polled.add(site.url + path)
        feed = (await polled.poll(site.url + path)).feed
        assert feed.moved_to == (None if moved_to is None else site.url + moved_to)


async def test_not_modified_that_nobody_asked_for_is_a_failure(polled: PolledFeeds, site: Site) -> None:
    url = site.says("/feed", status=304)
    await polled.add(url)
    assert (await polled.poll(url)).feed.last_outcome == "not_modified_unasked"
    assert (await polled.poll(url)).feed.failures == 2


@pytest.mark.parametrize(
    ("body", "outcome", "words"),
    [
        (atom(ONE, TWO)[:-200], "read_in_part", "breaks off"),
        (atom(), "empty", "no entries"),
        (b"<rss><channel><item><title>no link</title></item></channel></rss>", "empty", "no entries"),
    ],
)
async def test_feed_that_is_cut_off_or_empty_is_read_and_shown(
    body: bytes, outcome: str, words: str, polled: PolledFeeds, site: Site
) -> None:
    url = site.says("/feed", body=body)
    await polled.add(url)
    for _ in range(2):  # the second time the document is the same
        feed = (await polled.poll(url)).feed
        assert (feed.last_outcome, feed.failures, feed.needs_attention) == (outcome, 0, True)
        assert words in (feed.last_warning or "")
    site.says("/feed", body=atom(ONE))
    assert not (await polled.poll(url)).feed.needs_attention


async def test_response_without_content_is_a_failure_that_says_so(polled: PolledFeeds, site: Site) -> None:
    url = site.says("/feed", body=b"")
    await polled.add(url)
    feed = (await polled.poll(url)).feed
    assert (feed.last_outcome, feed.failures) == ("empty", 1)
    assert "no content" in (feed.last_error or "")


async def test_articles_carry_the_feeds_title_as_their_source_unless_somebody_named_it(
    polled: PolledFeeds, site: Site
) -> None:
    url = site.says("/feed", body=atom(ONE))
    await polled.add(url)
    await polled.poll(url)
    assert polled.submitted[0].source == "The feed"
    named = site.says("/named", body=atom(TWO))
    await polled.registry.add(new_feed(named, now=polled.now, source="Desk", tags=("Europe", "daily")))
    polled.submitted.clear()
    await polled.poll(named)
    (submission,) = polled.submitted
    assert (submission.source, submission.tags, submission.feed) == ("Desk", ("Europe", "daily"), named)


async def test_lag_and_gaps_are_measured(polled: PolledFeeds, site: Site) -> None:
    def entries(*names: str) -> bytes:
        published = (polled.now + timedelta(minutes=20)).isoformat()
        items = "".join(f"<item><link>/{name}</link><pubDate>{published}</pubDate></item>" for name in names)
        return f"<rss><channel><title>F</title>{items}</channel></rss>".encode()

    url = site.says("/feed", body=entries("a", "b", "c"))
    await polled.add(url)
    first = await polled.poll(url)
    assert (first.feed.lag_seconds, first.is_gap, first.lags) == (None, False, ())
    site.says("/feed", body=entries("d", "e", "f"))
    second = await polled.poll(url)
    assert second.feed.lag_seconds == pytest.approx(600)
    assert (second.is_gap, second.feed.gaps) == (True, 1)
    assert second.feed.items_per_day > 0


async def test_index_of_indexes_stays_bounded_however_much_it_names(polled: PolledFeeds, site: Site) -> None:
    def index(request: web.Request) -> web.Response:
        name = request.path.removesuffix(".xml")
        links = "".join(f"<sitemap><loc>{site.url}{name}-{n}.xml</loc></sitemap>" for n in range(8))
        return web.Response(text=f"<sitemapindex>{links}</sitemapindex>")

    class Everything(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:
            return index

    site.documents = Everything()  # type: ignore[assignment]
    root = site.url + "/bomb.xml"
    await polled.add(root)
    numbers = []
    for _ in range(3):
        for feed in await polled.registry.all():
            await polled.poller.poll(feed)
        numbers.append(await polled.registry.count())
    assert numbers == [9, 73, 73], "two indexes deep; the third would have made it 585"
    assert await polled.registry.remove(root)
    assert await polled.registry.count() == 0


async def test_index_leads_to_so_many_sitemaps_at_once_and_no_more(
    redis: Redis, browser: WebClient, parser: FeedParserPool, polled: PolledFeeds, site: Site
) -> None:
    links = "".join(f"<sitemap><loc>/{number}.xml</loc></sitemap>" for number in range(40))
    url = site.says("/index.xml", text=f"<sitemapindex>{links}</sitemapindex>")
    settings = FeederSettings(max_child_sitemaps=5)
    reader = FeedReader(polled.registry, polled.client, parser, polled.submit, settings)
    poller = Poller(polled.registry, reader, polled.client, settings, now=lambda: polled.now)
    feed = await polled.add(url)
    for _ in range(3):
        await poller.poll(feed)
        assert await polled.registry.count() == 6
        polled.now += timedelta(hours=1)


async def test_sitemaps_that_an_index_drops_are_polled_no_longer(polled: PolledFeeds, site: Site) -> None:
    def index(*names: str) -> str:
        return f"<sitemapindex>{''.join(f'<sitemap><loc>/{name}.xml</loc></sitemap>' for name in names)}</sitemapindex>"

    url = site.says("/index.xml", text=index("a", "b"))
    await polled.add(url)
    await polled.poll(url)
    assert await polled.registry.count() == 3
    site.says("/index.xml", text=index("b", "c"))
    await polled.poll(url)
    assert {feed.url for feed in await polled.registry.all()} == {url, f"{site.url}/b.xml", f"{site.url}/c.xml"}


async def test_validator_that_lied_is_trusted_again_after_a_week(polled: PolledFeeds, site: Site) -> None:
    conditional: list[bool] = []

    def feed(request: web.Request) -> web.Response:
        conditional.append("If-None-Match" in request.headers)
        if conditional[-1]:
            return web.Response(status=304)
        return web.Response(
            body=atom(*((f"n{number}", "2026-05-01T10:00:00Z") for number in range(len(conditional)))),
            headers={"ETag": "always"},
        )

    site.documents["/feed"] = feed
    url = site.url + "/feed"
    await polled.add(url)
    while not (await polled.poll(url)).feed.ignores_conditional_requests:
        assert len(conditional) < 20
    conditional.clear()
    await polled.poll(url)
    assert conditional == [False]
    polled.now += timedelta(days=8)
    assert not (await polled.poll(url)).feed.ignores_conditional_requests
    assert conditional[-1]


async def test_feed_is_asked_unconditionally_once_a_day(polled: PolledFeeds, site: Site) -> None:
    conditional: list[bool] = []

    def feed(request: web.Request) -> web.Response:
        conditional.append("If-None-Match" in request.headers)
        return web.Response(status=304) if conditional[-1] else web.Response(body=atom(ONE), headers={"ETag": "1"})

    site.documents["/feed"] = feed
    url = site.url + "/feed"
    await polled.add(url)
    for _ in range(3):
        await polled.poll(url)
        polled.now += timedelta(hours=13)
    assert conditional == [False, True, False]


async def test_every_tenth_poll_is_unconditional(polled: PolledFeeds, site: Site) -> None:
    conditional: list[bool] = []

    def feed(request: web.Request) -> web.Response:
        conditional.append("If-None-Match" in request.headers)
        return web.Response(status=304) if conditional[-1] else web.Response(body=atom(ONE), headers={"ETag": "1"})

    site.documents["/feed"] = feed
    await polled.add(site.url + "/feed")
    for _ in range(21):
        await polled.poll(site.url + "/feed")  # every half hour: a day is not over
    assert [number for number, asked in enumerate(conditional, start=1) if not asked] == [1, 10, 20]


async def test_gap_is_counted_and_halves_the_interval(polled: PolledFeeds, site: Site) -> None:
    metrics = CollectorRegistry()
    polled.poller.metrics = FeedMetrics(metrics)
    url = site.url + "/feed"
    await polled.add(url)
    intervals = []
    for names in ("abc", "abcd", "efgh"):
        site.says("/feed", body=atom(*((name, "2026-05-01T10:00:00Z") for name in names)))
        intervals.append((await polled.poll(url)).feed.interval_seconds)
    assert intervals[2] <= intervals[1] / 2
    assert metrics.get_sample_value("coranto_feed_gaps_total") == 1


# --- what no feed should be able to do ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b'ETag: "\xff\xfe"\r\nLast-Modified: \xff',
        b'ETag: "' + b"e" * 7000 + b'"',
        b"Content-Type: application/rss+xml\xff\r\nCache-Control: max-age=\xff9\r\nExpires: \xff",
        b"Cache-Control: max-age=99999999999999999999999\r\nExpires: Fri, 31 Dec 9999 23:59:59 +9999\r\nAge: 9e999",
    ],
)
async def test_headers_of_any_bytes_do_not_end_the_polling(polled: PolledFeeds, head: bytes) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        body = atom(("a", f"2026-05-0{len(asked)}T09:00:00Z"))
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
        writer.write(body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed"
        await polled.add(url)
        for _ in range(2):
            assert (await polled.poll(url)).feed.last_outcome == "new"
    assert b"If-None-Match" not in asked[1]
    assert b"If-Modified-Since" not in asked[1]


async def test_feed_whose_history_cannot_be_kept_has_failed_and_costs_no_other(
    polled: PolledFeeds, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = site.says("/feed", body=atom(("a", "2026-05-01T09:00:00Z")))
    await polled.add(url)
    read = polled.reader.poll

    async def poll_and_spoil(*args: object, **more: object) -> object:
        result = await read(*args, **more)  # type: ignore[arg-type]  # passed on as it came
        return replace(result, feed=result.feed.model_copy(update={"topic": "http://h/\ud800"}))

    monkeypatch.setattr(polled.reader, "poll", poll_and_spoil)
    failed = (await polled.poll(url)).feed
    assert (failed.last_outcome, failed.failures, failed.topic) == ("error", 1, None)
    assert await polled.registry.find(url) is not None
