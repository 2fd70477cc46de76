"""Long sitemaps are read from a file, piece by piece, with the result that reading them whole has."""

from __future__ import annotations

import asyncio
import gzip
import os
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from coranto_feeder.polling.feed_document import FeedDocument, remove_left
from coranto_feeder.polling.poll import FeedReader
from coranto_feeder.polling.poller import Poller
from coranto_feeder.sources import FeedLimits, NotAFeedError, parse_feed, parse_feed_file
from coranto_feeder.sources.long_sitemaps import read_long_sitemap

if TYPE_CHECKING:
    from tests.services.feeder.conftest import PolledFeeds, Site

URL = "https://paper.example/sitemap.xml"
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!-- made & served -->\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">'
)


def record(number: int, *, loc: str = "/news/{}", title: str = "Мост {}", more: str = "", words: int = 500) -> str:
    return (
        f"<url><loc>https://paper.example{loc.format(number)}</loc><lastmod>2026-05-01T10:00:00Z</lastmod><news:news>"
        f"<news:publication_date>2026-05-01T09:00:00Z</news:publication_date><news:title>{title.format(number)}</news:title>"
        f"</news:news>{more}<image:image><image:caption>{'мост ' * words}</image:caption></image:image></url>\n"
    )


def sitemap(records: int = 500, *, end: str = "</urlset>", head: str = HEAD, **of_each: Any) -> str:
    """Some 2.5 MB, in three pieces, unless told otherwise."""
    return head + "".join(record(number, **of_each) for number in range(records)) + end


def read(path: Path, body: bytes, content_type: str | None = None, limits: FeedLimits | None = None) -> bool:
    """Whether it was read piece by piece; whether or not, the result must be that of reading it whole."""
    path.write_bytes(body)
    found = read_long_sitemap(path, url=URL, content_type=content_type, limits=limits or FeedLimits())
    whole = parse_feed(body, url=URL, content_type=content_type, limits=limits)
    assert parse_feed_file(path, url=URL, content_type=content_type, limits=limits) == whole
    assert found is None or found == whole
    return found is not None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sitemap.xml"


@pytest.mark.parametrize(
    "text",
    [
        sitemap(),
        "\ufeff" + sitemap(),
        sitemap(3),
        sitemap(0),
        sitemap(loc="/news?a=1&b={}"),
        sitemap(loc="/news?a=1&amp;b={}", title="&nbsp;&laquo;{}&raquo; &#1084; &#xD83D;&#xDE00; &#0;\x01\x0b"),
        sitemap(title="<![CDATA[a & b </url> &amp; {}]]>"),
        sitemap(more="<!-- </url> & --><image:image><image:loc>https://paper.example/i.jpg</image:loc></image:image>"),
        sitemap(head=HEAD.replace("<urlset", "<sitemapindex"), end="</sitemapindex>"),
        "<sitemapindex>"
        + "".join(f"<sitemap><loc>/{n:01000}.xml</loc></sitemap>" for n in range(2500))
        + "</sitemapindex>",
    ],
)
@pytest.mark.parametrize("is_packed", [False, True])
def test_sound_sitemap_is_read_piece_by_piece(path: Path, text: str, is_packed: bool) -> None:
    body = text.encode()
    assert read(path, gzip.compress(body, 1) if is_packed else body)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (sitemap(end="").encode(), None),  # cut off
        (sitemap(end="</urlset><p>and more</p>").encode(), None),
        (sitemap(more="<b>").encode(), None),
        (sitemap().encode() + b"\xff", None),
        (sitemap(title="caf\u00e9 {}").encode("latin-1", "replace"), "application/xml; charset=iso-8859-1"),
        (sitemap().encode("utf-16"), None),
        (sitemap().encode("utf-16-le"), None),
        (sitemap(head='<!DOCTYPE urlset [<!ENTITY x "y">]>' + HEAD, title="&x; {}").encode(), None),
        (gzip.compress(sitemap().encode(), 1)[:-1000], None),
        (gzip.compress(sitemap().encode(), 1) + b"\0" * 100, None),
        (sitemap(3, title="<![CDATA[ {}", end="").encode(), None),
        (b"<rss><channel>" + b"<item><link>https://paper.example/1</link></item>" * 300 + b"</channel></rss>", None),
        (b"https://paper.example/1\n" * 500, "text/plain"),
        (sitemap(title="\u001b(B {}").encode(), "application/xml; charset=iso-2022-jp"),
    ],
)
def test_what_is_not_sound_is_read_whole_with_the_result_it_always_had(
    path: Path, body: bytes, content_type: str | None
) -> None:
    read(path, body, content_type)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html><body>no</body></html>", b"\x1f\x8b", b"\x1f\x8bxxxxxxxxxxxx", b"{" * 3_000_000, b"x" * 3_000_000],
)
def test_what_is_no_feed_is_refused_as_such(path: Path, body: bytes) -> None:
    path.write_bytes(body)
    with pytest.raises(NotAFeedError) as whole:
        parse_feed(body, url=URL)
    with pytest.raises(NotAFeedError) as in_pieces:
        parse_feed_file(path, url=URL)
    assert str(in_pieces.value) == str(whole.value)


def test_bounds_hold_for_entries_and_for_what_is_unpacked(path: Path) -> None:
    assert read(path, sitemap().encode(), limits=FeedLimits(max_entries=100))
    bomb = gzip.compress((HEAD + " " * 30_000_000 + "</urlset>").encode())
    path.write_bytes(bomb)
    with pytest.raises(NotAFeedError, match="more than the 20000000 bytes"):
        parse_feed_file(path, url=URL, limits=FeedLimits(max_feed_bytes=20_000_000))


def test_neither_bytes_nor_text_are_held_whole(path: Path) -> None:
    body = sitemap(1500, words=3500).encode()
    assert len(body) > 45_000_000
    path.write_bytes(body)
    del body
    tracemalloc.start()
    try:
        found = read_long_sitemap(path, url=URL, content_type=None, limits=FeedLimits())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found is not None
    assert len(found.entries) == 1500
    # What came of it, and a few pieces; not lxml's own memory, which a record gives back when it was read.
    assert peak < 20_000_000


def test_document_is_held_while_it_is_short_and_goes_with_its_context(tmp_path: Path) -> None:
    folder = tmp_path / "incoming"
    with FeedDocument(folder, held_bytes=10) as document:
        document.write(b"0123456789")
        assert (document.content(), document.size, document.head(4)) == (b"0123456789", 10, b"0123")
        digest = document.digest
        assert not folder.exists()
        document.write(b"a")
        content = document.content()
        assert isinstance(content, Path)
        assert content.read_bytes() == b"0123456789a"
        assert document.head(11) == b"0123456789a"
        assert document.digest != digest
    assert list(folder.iterdir()) == []


def test_what_a_killed_feeder_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    old, new, other = tmp_path / "feed-old", tmp_path / "feed-new", tmp_path / "else"
    for one in (old, new, other):
        one.write_bytes(b"x")
    long_ago = one.stat().st_mtime - timedelta(hours=2).total_seconds()
    os.utime(old, (long_ago, long_ago))
    os.utime(other, (long_ago, long_ago))
    remove_left(tmp_path)
    assert sorted(tmp_path.iterdir()) == [other, new]
    remove_left(tmp_path / "missing")


async def test_long_sitemap_is_polled_through_a_file_and_the_file_goes(
    polled: PolledFeeds, site: Site, tmp_path: Path
) -> None:
    text = sitemap()
    files: list[Path] = []

    async def submit(submissions: object) -> None:
        files.extend(tmp_path.iterdir())
        await polled.submit(submissions)  # type: ignore[arg-type]  # as it was given

    reader = FeedReader(polled.registry, polled.client, polled.parser, submit, polled.settings, folder=tmp_path)
    poller = Poller(polled.registry, reader, polled.client, polled.settings, now=lambda: polled.now)
    url = site.says("/sitemap.xml", text=text, content_type="application/xml")
    feed = await polled.add(url)
    result = await poller.poll(feed)
    assert result is not None
    assert (result.feed.last_outcome, result.submitted, len(polled.submitted)) == ("new", 500, 500)
    assert {one.parent for one in files} == {tmp_path}
    assert list(tmp_path.iterdir()) == []
    again = await poller.poll(result.feed)
    assert again is not None
    assert again.feed.last_outcome == "unchanged"


async def test_file_goes_when_the_poll_is_cancelled_or_its_response_is_refused(
    polled: PolledFeeds, site: Site, tmp_path: Path
) -> None:
    started = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"<url></url>" * 100_000)
            started.set()
            await asyncio.sleep(0.01)

    site.documents["/endless"] = endless  # type: ignore[assignment]  # a stream is a response
    reader = FeedReader(polled.registry, polled.client, polled.parser, polled.submit, polled.settings, folder=tmp_path)
    feed = await polled.add(site.url + "/endless")
    polling = asyncio.create_task(reader.poll(feed, None, now=polled.now))
    await started.wait()
    polling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await polling
    assert list(tmp_path.iterdir()) == []
    result = await reader.poll(feed, None, now=polled.now)
    assert result.feed.last_outcome == "body_too_large"
    assert list(tmp_path.iterdir()) == []


async def test_full_disk_is_no_fault_of_the_feed(polled: PolledFeeds, site: Site, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")  # a folder cannot be made here, as on a disk that is full
    url = site.says("/sitemap.xml", text=sitemap(), content_type="application/xml")
    feed = await polled.add(url)
    reader = FeedReader(
        polled.registry, polled.client, polled.parser, polled.submit, polled.settings, folder=blocked / "incoming"
    )
    poller = Poller(polled.registry, reader, polled.client, polled.settings, now=lambda: polled.now)
    assert await poller.poll(feed) is None
    kept = await polled.registry.find(url)
    assert kept is not None
    assert (kept.failures, kept.last_outcome) == (0, None)
