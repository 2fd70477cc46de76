"""The discover handler: what becomes of a submission."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis

from coranto.frontier import HostPolicy, InProcessHostLeases
from coranto.http import WebClient
from coranto.records import DiscoveredArticle, PageRef, SavedPage, Submission, article_id
from coranto.sources.registry import FeedRegistry
from coranto.topology import Keys, Pipeline
from coranto.worker.stage import Accepted, Invalid, StageSignal, Transient, Unwanted
from coranto_feeder.app import create_stage
from coranto_feeder.deduplication import Deduplicator, InMemoryDeduplicator, RedisDeduplicator
from coranto_feeder.polite_client import PoliteClient
from coranto_feeder.polling.feed_parser_pool import FeedParserPool
from coranto_feeder.polling.probe import WebProbe
from coranto_feeder.reasons import REASONS
from coranto_feeder.settings import Settings
from coranto_feeder.stage import discover

if TYPE_CHECKING:  # pytest hands conftest's classes over as fixtures; tests only name their types
    from tests.services.feeder.conftest import Site

Make = Callable[..., Submission]
RSS = b'<rss version="2.0"><channel><title>News</title></channel></rss>'


@pytest.fixture
def registry(redis: Redis) -> FeedRegistry:
    return FeedRegistry(redis, Keys())


class Discoverer:
    """The handler with its collaborators."""

    def __init__(self, redis: Redis, browser: WebClient, parser: FeedParserPool, registry: FeedRegistry) -> None:
        self.deduplicator: Deduplicator = RedisDeduplicator(redis, Pipeline(), window=timedelta(days=1))
        self.probe = WebProbe(PoliteClient(browser, InProcessHostLeases(), HostPolicy(min_delay=timedelta(0))), parser)
        self.registry = registry

    async def __call__(self, submission: Submission) -> DiscoveredArticle:
        return await discover(submission, deduplicator=self.deduplicator, probe=self.probe, feeds=self.registry)

    async def signal_for(self, submission: Submission) -> StageSignal:
        with pytest.raises(StageSignal) as caught:
            await self(submission)
        assert caught.value.reason in REASONS
        return caught.value


@pytest.fixture
def take(redis: Redis, browser: WebClient, parser: FeedParserPool, registry: FeedRegistry) -> Discoverer:
    return Discoverer(redis, browser, parser, registry)


async def test_page_becomes_an_article_with_the_id_of_its_key_form(take: Discoverer, submission: Make) -> None:
    article = await discover(
        submission("HTTPS://M.Example.org/a/../b?utm_source=x#top"),
        deduplicator=take.deduplicator,
        probe=take.probe,
        feeds=take.registry,
    )
    assert article.key == "https://m.example.org/b"
    assert article.id == article_id("https://m.example.org/b")
    # What is fetched is the address as it was found.
    assert article.url == article.discovery.url == "https://m.example.org/b?utm_source=x#top"
    assert article.discovery.submission == "s1"


async def test_article_found_twice_is_handed_on_once(take: Discoverer, submission: Make) -> None:
    await take(submission("https://example.org/a", id="one"))
    signal = await take.signal_for(submission("https://example.org/a?fbclid=1", id="two"))
    assert isinstance(signal, Unwanted)
    assert signal.reason == "duplicate"


async def test_redelivery_of_the_submission_that_took_it_passes(take: Discoverer, submission: Make) -> None:
    first = await take(submission("https://example.org/a", id="one"))
    again = await take(submission("https://example.org/a", id="one"))
    assert (first.id, first.message_id) == (again.id, again.message_id)


async def test_of_many_at_once_exactly_one_passes(take: Discoverer, submission: Make) -> None:
    tries = [take(submission("https://example.org/a", id=str(number))) for number in range(20)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1


async def test_revisit_passes_and_is_marked(take: Discoverer, submission: Make) -> None:
    await take(submission("https://example.org/a", id="one"))
    article = await discover(
        submission("https://example.org/a", id="two", is_recrawl=True),
        deduplicator=take.deduplicator,
        probe=take.probe,
        feeds=take.registry,
    )
    assert article.discovery.is_recrawl


async def test_page_handed_over_travels_on(take: Discoverer, submission: Make) -> None:
    saved = SavedPage(page=PageRef(sha256="0" * 64, size_bytes=1), content_type="text/html")
    article = await discover(
        submission("file:///tmp/rss.xml", saved=saved, discovered_via="file"),
        deduplicator=take.deduplicator,
        probe=take.probe,
        feeds=take.registry,
    )
    assert article.discovery.saved == saved


@pytest.mark.parametrize("url", ["ftp://example.org/a", "example.org", " "])
async def test_what_is_no_address_can_never_work(url: str, take: Discoverer, submission: Make) -> None:
    signal = await take.signal_for(submission(url))
    assert isinstance(signal, Invalid)
    assert signal.reason == "unsupported_url"


async def test_feed_is_registered_and_is_no_article(
    take: Discoverer, registry: FeedRegistry, submission: Make, site: Site
) -> None:
    signal = await take.signal_for(submission("https://example.org/news#x", kind="feed"))
    assert isinstance(signal, Accepted)
    assert signal.reason == "feed_registered"
    assert [(feed.url, feed.source) for feed in await registry.all()] == [("https://example.org/news", "example.org")]
    assert (
        await take.signal_for(submission("https://example.org/news", kind="feed", id="s2"))
    ).reason == "feed_registered"
    assert (await take.signal_for(submission("file:///tmp/rss.xml", kind="feed"))).reason == "feed_not_on_the_web"


async def test_known_feed_that_is_submitted_to_be_visited_again_is_due_at_once(
    take: Discoverer, registry: FeedRegistry, submission: Make
) -> None:
    await take.signal_for(submission("https://example.org/news", kind="feed"))
    now, day = datetime.now(UTC), timedelta(days=1)
    (feed,) = await registry.find_due(now, limit=10)
    await registry.save(feed, now + day)
    await take.signal_for(submission("https://example.org/news", kind="feed", id="s2"))
    assert await registry.find_due(datetime.now(UTC), limit=10) == []
    await take.signal_for(submission("https://example.org/news", kind="feed", id="s3", is_recrawl=True))
    assert [one.url for one in await registry.find_due(datetime.now(UTC), limit=10)] == [feed.url]


async def test_address_that_looks_like_a_feed_is_asked(
    take: Discoverer, registry: FeedRegistry, submission: Make, site: Site
) -> None:
    feed = site.says("/rss", body=RSS)
    assert (await take.signal_for(submission(feed))).reason == "feed_registered"
    assert [one.url for one in await registry.all()] == [feed]
    page = site.says("/feed/article", body=b"<html><p>an article about feeds", content_type="text/html")
    assert await take(submission(page))
    assert await take(submission(site.says("/rss/gone", status=404)))  # the fetcher will say why
    down = await take.signal_for(submission(site.says("/rss/down", status=503)))
    assert isinstance(down, Transient)
    assert down.reason == "probe_failed"
    assert (await take.signal_for(submission("http://127.0.0.1:9/rss"))).reason == "probe_failed"


async def test_page_is_never_asked_here(take: Discoverer, submission: Make, site: Site) -> None:
    await take(submission(site.url + "/news/1"))
    await take(submission(site.url + "/rss", kind="page"))
    assert site.asked == []


async def test_redis_that_does_not_answer_is_waited_for(take: Discoverer, submission: Make, tmp_path: Path) -> None:
    async with Redis.from_url(f"unix://{tmp_path}/nobody.sock") as nobody:
        take.deduplicator = RedisDeduplicator(nobody, Pipeline(), window=timedelta(days=1))
        signal = await take.signal_for(submission("https://example.org/a"))
    assert isinstance(signal, Transient)
    assert signal.reason == "redis_unavailable"


async def test_account_that_cannot_be_written_is_waited_for(take: Discoverer, submission: Make) -> None:
    class FullDisk:
        async def append(self, submissions: Sequence[Submission], *, article: str | None = None) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(Transient, match="journal_unavailable"):
        await discover(
            submission("https://example.org/a"),
            deduplicator=InMemoryDeduplicator(),
            probe=take.probe,
            feeds=take.registry,
            journal=FullDisk(),
        )


async def test_stage_works_alone_without_redis(submission: Make) -> None:
    stage = create_stage(Settings())
    assert stage.name == "feeder"
    article = await stage.handle(submission("https://example.org/a"))
    assert article is not None
    assert article.url == "https://example.org/a"
    assert stage.stop is not None
    await stage.stop()


SAVED = SavedPage(page=PageRef(sha256="0a" * 32, size_bytes=7), content_type="text/html")


@pytest.mark.parametrize(
    "url", ["file:///home/anna/one/page.html", "file:///C:/two/page.html", "urn:sha256:" + "0a" * 32]
)
async def test_saved_page_goes_by_its_bytes_and_leaves_no_path(url: str, take: Discoverer, submission: Make) -> None:
    article = await take(submission(url, saved=SAVED))
    assert article.url == article.key == article.discovery.url == "urn:sha256:" + "0a" * 32
    assert "page.html" not in article.model_dump_json()


async def test_same_bytes_from_two_folders_are_one_article(take: Discoverer, submission: Make) -> None:
    await take(submission("file:///home/anna/one/page.html", saved=SAVED))
    signal = await take.signal_for(submission("file:///home/anna/two/page.html", saved=SAVED, id="s2"))
    assert signal.reason == "duplicate"
    assert "anna" not in str(signal.detail)


async def test_saved_page_with_an_address_on_the_web_is_that_article(take: Discoverer, submission: Make) -> None:
    article = await take(submission("http://paper.example/a?utm_source=x", saved=SAVED))
    assert article.key == "https://paper.example/a"
    assert (await take.signal_for(submission("https://paper.example/a", id="s2"))).reason == "duplicate"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "urn:sha256:" + "0a" * 32, "https://user:word@paper.example/a"])
async def test_address_that_cannot_be_fetched_is_refused_without_telling_path_or_password(
    url: str, take: Discoverer, submission: Make
) -> None:
    signal = await take.signal_for(submission(url))
    assert signal.reason == "unsupported_url"
    assert "passwd" not in str(signal.detail)
    assert "word@" not in str(signal.detail)


async def test_wrapped_address_is_fetched_where_it_leads(take: Discoverer, submission: Make) -> None:
    article = await take(submission("https://www.google.com/url?q=https://paper.example/a&sa=D"))
    assert article.url == article.discovery.url == "https://paper.example/a"
    assert article.key == "https://paper.example/a"


async def test_tags_of_the_submission_reach_the_article(take: Discoverer, submission: Make) -> None:
    article = await take(submission("https://paper.example/a", tags=("Local", "Harbour")))
    assert article.discovery.tags == ("Local", "Harbour")
