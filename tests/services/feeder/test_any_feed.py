"""Feeds and sitemaps that say anything anywhere: each is read, or refused as being none, and soon.

A few hundred examples each in every run; `make test-slow` tries for longer.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from tests.harness.any_input import TEXTS, changed, tried

from coranto.urls import parse
from coranto_feeder.sources import NotAFeedError, parse_feed

URL = "http://paper.example/feed"
JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "Paper",
    "home_page_url": "http://paper.example/",
    "hubs": [{"type": "WebSub", "url": "http://hub.example/"}],
    "items": [
        {
            "id": "1",
            "url": "http://paper.example/1",
            "external_url": "http://other.example/1",
            "title": "Boats",
            "content_html": "<p>Boats</p>",
            "content_text": "Boats",
            "summary": "Boats",
            "date_published": "2026-05-01T10:00:00Z",
            "date_modified": "2026-05-01T10:00:00Z",
            "authors": [{"name": "Anna"}],
            "tags": ["boats"],
        }
    ],
}
IN_RSS = ("title", "link", "guid", "pubDate", "description", "category", "dc:date", "content:encoded", "enclosure")
OF_CHANNEL = (
    "title",
    "link",
    "ttl",
    "skipHours><hour",
    "skipDays><day",
    "sy:updatePeriod",
    "sy:updateFrequency",
    "atom:link",
)
IN_ATOM = ("title", "id", "link", "updated", "published", "summary", "content", "category", "rights")
IN_SITEMAP = ("loc", "lastmod", "news:publication_date", "news:title", "news:language", "changefreq", "priority")
NAMESPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" xmlns:atom="http://www.w3.org/2005/Atom" '
    'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
)


def read(body: bytes, content_type: str | None = None) -> None:
    for packed in (body, gzip.compress(body)):
        try:
            feed = parse_feed(packed, url=URL, content_type=content_type)
        except NotAFeedError as error:
            str(error).encode("utf-8", "backslashreplace")
            continue
        for entry in feed.entries:
            assert str(parse(entry.url)) == entry.url
            for text in (entry.id, entry.title, entry.summary, entry.body_html):
                (text or "").encode()  # what cannot be encoded cannot be passed on


def read_json(document: Any) -> None:
    read(json.dumps(document).encode(), "application/feed+json")


def elements(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Elements with any text and any attribute; now and then one that is never closed."""

    def one(name: str, text: str, attribute: str, is_closed: bool) -> str:
        inner = "".join(f"</{part}>" for part in reversed(name.split("><"))) if is_closed else ""
        first, *more = name.split("><")
        opened = "".join(f"<{part}>" for part in more)
        return f'<{first} href="{attribute}" isPermaLink="{attribute}" type="{attribute}">{opened}{text}{inner}'

    element = st.builds(one, st.sampled_from(names), TEXTS, TEXTS, st.sampled_from((True, True, True, False)))
    return st.lists(element, max_size=6).map("".join)


def document(start: str, inner: st.SearchStrategy[str], end: str) -> st.SearchStrategy[bytes]:
    return inner.map(lambda text: f"{start}{text}{end}".encode("utf-8", "surrogatepass"))


RSS = document(
    f'<?xml version="1.0"?><rss version="2.0" {NAMESPACES}><channel>',
    st.builds(
        lambda head, item: f"{head}<item><link>http://paper.example/1</link>{item}</item>",
        elements(OF_CHANNEL),
        elements(IN_RSS),
    ),
    "</channel></rss>",
)
ATOM = document(
    f'<feed xmlns="http://www.w3.org/2005/Atom" {NAMESPACES}><entry><link href="http://paper.example/1"/>',
    elements(IN_ATOM),
    "</entry></feed>",
)
SITEMAP = document(
    f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" {NAMESPACES}><url><loc>http://paper.example/1</loc>',
    elements(IN_SITEMAP),
    "</url></urlset>",
)
LIST = st.lists(TEXTS, max_size=5).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass"))

TARGETS: dict[str, tuple[Callable[[Any], None], st.SearchStrategy[Any]]] = {
    "json": (read_json, changed(JSON_FEED)),
    "rss": (read, RSS),
    "atom": (read, ATOM),
    "sitemap": (read, SITEMAP),
    "list": (lambda body: read(body, "text/plain"), LIST),
}


@pytest.mark.parametrize("name", TARGETS)
async def test_any_feed_is_read_or_refused(name: str) -> None:
    target, inputs = TARGETS[name]
    tried(target, inputs, 200, derandomize=True)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://\ud800.example/", "id": "http://paper.example/2"},
        {"date_published": 10**400},
        {"title": "Boats \ud83d", "summary": "\x00", "id": "\ud83d"},
    ],
)
def test_value_that_is_none_does_not_cost_the_feed(change: dict[str, Any]) -> None:
    item = {"id": "1", "url": "http://paper.example/1", "title": "Boats"}
    document = JSON_FEED | {"items": [item | change, item | {"url": "http://paper.example/3"}]}
    feed = parse_feed(json.dumps(document).encode(), url=URL)
    assert [entry.url for entry in feed.entries][-1:] == ["http://paper.example/3"]
    assert len(feed.entries) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
async def test_any_feed_for_long(name: str) -> None:
    target, inputs = TARGETS[name]
    tried(target, inputs, 20_000, derandomize=False)
