"""Every service's event loop keeps turning, whatever it is sent: each runs as a worker on a real Redis, hostile cases go in.

Nothing may hold the loop for more than LONGEST_STALL_SECONDS, in CPU time of its thread: while it is held, claims are
not renewed, `/live` is silent and no time-out fires.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import brotli  # type: ignore[import-untyped]  # the package has no types
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis
from tests.conftest import eventually
from tests.harness.event_loop import LoopWatch, watched_loop

from coranto.pages import FilePageStore
from coranto.records import DiscoveredArticle, Discovery, DroppedArticle, FetchedArticle, Record, Submission, article_id
from coranto.records.envelope import FIELD, encode
from coranto.testing import classified, extracted, fetched, submission
from coranto.topology import CLASSIFIED, DISCOVERED, DROPPED, EXTRACTED, FETCHED, SUBMITTED, Keys, Stream
from coranto.urls import key_of
from coranto.worker.app import Worker

LONGEST_STALL_SECONDS = 0.1
KEYS = Keys()
HTML = {"Content-Type": "text/html"}


def filled(piece: bytes, size: int = 1_000_000) -> bytes:
    return (piece * (size // len(piece) + 1))[:size]


HOSTILE_PAGES: dict[str, bytes] = {
    "long tags": filled(b"<a next " + b"a" * 1976 + b">", 200_000),
    "open links": filled(b"<a rel=next ", 300_000),
    "open quotes": b"next" + filled(b'<a b="'),
    "open comments": b"next" + filled(b"<!--"),
    "one tag of attributes": b"<a next " + b" ".join(b"a%d=1" % number for number in range(100_000)) + b">",
    "links": b"next" + filled(b"<a>"),
    "meta": filled(b"<meta name=robots content=noai>"),
    "white space": filled(b" ", 5_000_000) + b"<p>x</p>",
    "challenge": b"<title>captcha</title>" + filled(b"<script"),
}
"""Pages that made the fetcher's own readers slow, or might."""

HOSTILE_FEEDS: dict[str, tuple[str, bytes]] = {
    "page in punycode": (
        "text/html; charset=punycode",
        b"<html><link rel=alternate>" + filled(b"<p>9-\xc3\xa4", 40_000),
    ),
    "page of open tags": ("text/html", b"<html>" + filled(b"<a ", 400_000)),
    "page of open comments": ("text/html", b"<html>" + filled(b"<!-- --", 400_000)),
    "page of links": ("text/html", b"<html>" + filled(b"<a href=/feed>", 500_000)),
    "entities": ("text/xml", b"<?xml version='1.0'?><!DOCTYPE r [" + filled(b"<!ENTITY a 'b'>", 300_000) + b"]><rss/>"),
    "nested": ("text/xml", b"<rss>" + filled(b"<channel>")),
    "entries": (
        "text/xml",
        b"<rss version='2.0'><channel>"
        + b"".join(b"<item><title>%d</title><link>http://127.0.0.1/%d</link></item>" % (n, n) for n in range(1000))
        + b"</channel></rss>",
    ),
    "a long sitemap": (
        "text/xml",
        b"<urlset>"
        + b"".join(
            b"<url><loc>http://127.0.0.1/%d</loc><lastmod>2026-01-01T00:00:%02dZ</lastmod></url>" % (n, n % 60)
            for n in range(10_000)
        )
        + b"</urlset>",
    ),
    "an index of as many sitemaps as are read": (
        "text/xml",
        b"<sitemapindex>"
        + b"".join(b"<sitemap><loc>http://127.0.0.1:1/%d</loc></sitemap>" % n for n in range(50_000))
        + b"</sitemapindex>",
    ),
    "entries with long texts": (
        "text/xml",
        b"<feed xmlns='http://www.w3.org/2005/Atom'>"
        + b"".join(
            b"<entry><id>%d</id><link href='http://127.0.0.1/t%d'/><content type='html'>%s</content></entry>"
            % (n, n, b"word " * 19_000)
            for n in range(150)
        )
        + b"</feed>",
    ),
    "deep JSON": ("application/json", b'{"version":' + filled(b"[", 300_000)),
    "addresses": ("text/plain", b"\n".join(b"http://127.0.0.1/" + b"a%20" * 3000 for _ in range(100))),
    "spaces": ("text/xml", filled(b" ", 5_000_000)),
}

SENTENCE = "Die Regierung in Berlin hat am Montag ein neues Gesetz vorgestellt, sagte Anna Schmidt. "
HOSTILE_TEXTS = {
    "long": SENTENCE * 20_000,
    "one word": "президент" * 200_000,
    "words": "".join(f"w{number} " for number in range(300_000)),
    "paragraphs": "Short one.\n" * 10_000,  # as many as the extractor lets through
    "dots": "A. " * 300_000,
    "no text": "\x00\u202e" * 200_000,
}


@dataclass
class Running:
    """A worker that runs, and what is watched of its loop."""

    worker: Worker
    redis: Redis
    stream: Stream
    stage: str

    async def settles(self, events: Sequence[bytes]) -> None:
        """Send these and wait until each has ended, or has been put off."""
        before = self._outcomes()
        for event in events:
            await self.redis.xadd(KEYS.stream(self.stream), {FIELD: event})
        await eventually(
            lambda: self._outcomes() - before >= len(events),
            within_seconds=90,
            what=f"the end of {len(events)} messages",
        )

    def _outcomes(self) -> float:
        return sum(
            sample.value
            for metric in self.worker.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == "coranto_messages_settled_total" and sample.labels["stage"] == self.stage
        )

    def stall_in_metrics(self) -> float:
        """What the worker itself says of its loop."""
        value = self.worker.metrics.registry.get_sample_value("coranto_event_loop_stall_seconds", {"clock": "cpu"})
        assert value is not None
        return value


@asynccontextmanager
async def running(
    name: str, stream: Stream, redis: Redis, redis_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Running]:
    """The service's worker in this process, with settings as an operator would give them."""
    monkeypatch.setenv("CORANTO_REDIS__URL", redis_url)
    monkeypatch.setenv("CORANTO_HEALTH__PORT", "0")
    monkeypatch.setenv("CORANTO_PAGES__PATH", str(folder / "pages"))
    for service in ("FEEDER", "FETCHER"):
        monkeypatch.setenv(f"CORANTO_{service}__ALLOWED_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("CORANTO_FETCHER__MIN_DELAY", "0")
    monkeypatch.setenv("CORANTO_FEEDER__DATA", str(folder / "feeder"))
    monkeypatch.setenv("CORANTO_SINK__DATABASE", str(folder / "articles.sqlite"))
    worker: Worker = importlib.import_module(f"coranto_{name}.app").create()
    stop = asyncio.Event()
    serving = asyncio.create_task(worker.serve(stop))
    try:
        await eventually(lambda: serving.done() or worker.readiness()[0], within_seconds=60, what="readiness")
        yield Running(worker, redis, stream, name)
    finally:
        stop.set()
        await asyncio.wait_for(serving, 60)


@asynccontextmanager
async def site(pages: dict[str, tuple[dict[str, str], bytes]]) -> AsyncIterator[str]:
    """A site with these pages, and nothing else."""

    async def answer(request: web.Request) -> web.Response:
        found = pages.get(request.path)
        return web.Response(status=404) if found is None else web.Response(headers=found[0], body=found[1])

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def kept_turning(watch: LoopWatch) -> None:
    """Fails when the loop stood still for too long."""
    assert watch.cpu_seconds <= LONGEST_STALL_SECONDS, str(watch)


def events(records: Iterable[Record]) -> list[bytes]:
    """As they stand in a stream; made beforehand, so that only the service works while its loop is watched."""
    return [encode(record, source="test") for record in records]


def discovered(url: str) -> DiscoveredArticle:
    discovery = Discovery(url=url, submission=url, source="t", discovered_via="submit", discovered_at=datetime.now(UTC))
    return DiscoveredArticle(id=article_id(key_of(url)), key=key_of(url), url=url, discovery=discovery)


async def test_fetcher(redis: Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {f"/{number}": (HTML, page) for number, page in enumerate(HOSTILE_PAGES.values())}
    member = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x03\x00" + bytes(8)
    packed = {
        "/br": ({**HTML, "Content-Encoding": "gzip, br"}, brotli.compress(member * 400_000, quality=5)),
        "/gzip": ({**HTML, "Content-Encoding": "gzip"}, member * 150_000),
        "/headers": ({"Content-Type": "text/html; charset=" + " " * 8000 + "!"}, b"<p>x</p>"),
        "/robots.txt": ({"Content-Type": "text/plain"}, b"User-agent: *\n" + b"Disallow: /*a*b\n" * 30_000),
        "/ordinary": (HTML, b"<p>A page.</p>"),
    }
    async with (
        site(pages | packed) as url,
        running("fetcher", DISCOVERED, redis, redis_url, tmp_path, monkeypatch) as fetcher,
    ):
        async with site({"/ordinary": packed["/ordinary"]}) as other:
            await fetcher.settles(events([discovered(f"{other}/ordinary")]))  # imports and processes of the first page
        with watched_loop() as watch:
            for path in ("/ordinary", *pages, "/br", "/gzip", "/headers"):
                await fetcher.settles(events([discovered(url + path)]))
        kept_turning(watch)
        assert fetcher.stall_in_metrics() < 1


async def test_feeder(redis: Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {
        f"/{number}.xml": ({"Content-Type": kind}, body) for number, (kind, body) in enumerate(HOSTILE_FEEDS.values())
    }
    async with (
        site(pages | {"/first.xml": ({}, b"<rss version='2.0'><channel><title>t</title></channel></rss>")}) as url,
        running("feeder", SUBMITTED, redis, redis_url, tmp_path, monkeypatch) as feeder,
    ):

        async def are_polled(number: int) -> bool:
            from coranto.sources.registry import FeedRegistry

            # One of the sitemaps names hundreds on a host that does not answer, which is left alone ever longer.
            feeds = [feed for feed in await FeedRegistry(redis, KEYS).all() if feed.url.startswith(url)]
            return len(feeds) >= number and all(feed.polls for feed in feeds)

        def feed(path: str) -> Submission:
            return submission(url + path).model_copy(update={"kind": "feed"})

        await feeder.settles(events([feed("/first.xml")]))
        await eventually(lambda: are_polled(1), within_seconds=60, what="the first poll")
        hostile = [
            "http://127.0.0.1/" + "a" * 2_000_000,
            "http://127.0.0.1/?" + "a&" * 8000,
            "http://127.0.0.1:" + "9" * 100_000 + "/",
            "http://" + "".join(chr(0x4E00 + number) for number in range(4_000)) + "/",
            "https://www.google.com/amp/s/" + "x.cdn.ampproject.org/c/s/" * 600 + "a.b/",
        ]
        submissions = events([*(submission(one) for one in hostile), *(feed(path) for path in pages)])
        with watched_loop() as watch:
            await feeder.settles(submissions)
            await eventually(lambda: are_polled(len(pages)), within_seconds=240, what="the polls")
        kept_turning(watch)


async def test_extractor(redis: Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORANTO_EXTRACTOR__PAGE_DEADLINE", "2")
    monkeypatch.setenv("CORANTO_EXTRACTOR__PROCESSES", "2")
    store = FilePageStore(tmp_path / "pages")
    text = "".join(f"<p>{SENTENCE}</p>" for _ in range(20_000)).encode()
    hostile = {
        **HOSTILE_PAGES,
        "long article": b"<html><title>A title</title><body><article><h1>A title</h1>" + text + b"</article>",
        "deep": b"<html><body>" + filled(b"<div>") + b"text",
        "dump": (SENTENCE * 30_000).encode(),
    }

    async def record(number: int, page: bytes) -> FetchedArticle:
        await store.put(page)
        return fetched(f"https://news.example/{number}", page=page)

    ordinary = b"<html><title>A title</title><body><h1>A title</h1><p>" + SENTENCE.encode() * 20 + b"</p>"
    records = [await record(number, page) for number, page in enumerate(hostile.values())]
    first = await record(99, ordinary)
    async with running("extractor", FETCHED, redis, redis_url, tmp_path, monkeypatch) as extractor:
        await extractor.settles(events([first]))
        hard = events(records)
        with watched_loop() as watch:
            await extractor.settles(hard)
        kept_turning(watch)


async def test_classifier(redis: Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORANTO_CLASSIFIER__PROCESSES", "1")
    async with running("classifier", EXTRACTED, redis, redis_url, tmp_path, monkeypatch) as classifier:
        await classifier.settles(events([extracted("https://news.example/0", text=SENTENCE * 20)]))
        texts = enumerate(HOSTILE_TEXTS.values(), start=1)
        hard = events(extracted(f"https://news.example/{number}", text=text) for number, text in texts)
        with watched_loop() as watch:
            await classifier.settles(hard)
        kept_turning(watch)


async def test_sink(redis: Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running("sink", CLASSIFIED, redis, redis_url, tmp_path, monkeypatch) as sink:
        await sink.settles(events([classified("https://news.example/0", text=SENTENCE * 20)]))
        texts = enumerate(HOSTILE_TEXTS.values(), start=1)
        records = [classified(f"https://news.example/{number}", text=text) for number, text in texts]
        again = [one.model_copy(update={"content": one.content.model_copy(update={"title": "New"})}) for one in records]
        drops = [
            DroppedArticle(
                id=article_id(f"https://news.example/d{number}"),
                url="https://news.example/" + "a" * 100_000,
                submission=f"d{number}",
                stage="fetcher",
                outcome="dropped",
                reason="not_found",
                detail="x" * 100_000,
                dropped_at=datetime.now(UTC),
            )
            for number in range(20)
        ]
        ended, hard, changed = events(drops), events(records), events(again)
        with watched_loop() as watch:
            for drop in ended:
                await redis.xadd(KEYS.stream(DROPPED), {FIELD: drop})
            await sink.settles(hard)
            await sink.settles(changed)
        kept_turning(watch)
