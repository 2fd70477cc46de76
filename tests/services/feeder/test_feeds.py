"""Reading feeds and sitemaps: every format, broken ones, and hostile ones."""

from __future__ import annotations

import gzip
import re
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coranto_feeder.sources import FeedLimits, NotAFeedError, parse_feed
from coranto_feeder.sources.entry_fields import strip_markup
from coranto_feeder.sources.home_page import find_feeds, find_feeds_in_bytes, looks_like_feed
from coranto_feeder.sources.opml import BadOpmlError, Outline, read_opml, write_opml

URL = "https://example.org/feeds/all.xml"

RSS = """<?xml version="1.0" encoding="windows-1251"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Новости</title><ttl>15</ttl>
<item><title>Первая &amp; главная</title><link>/news/1?utm_source=rss</link><guid isPermaLink="false">id-1</guid>
<pubDate>Fri, 01 May 2026 15:00:00 +0300</pubDate><description><![CDATA[<p>Кратко <b>о</b> главном</p>]]></description>
<content:encoded><![CDATA[<p>Весь текст</p>]]></content:encoded></item>
<item><title>Без ссылки</title></item>
<item><guid>https://example.org/news/2</guid></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://example.org/a/"><title>Atom</title>
<link rel="hub" href="https://hub.example.org/"/>
<entry><id>urn:1</id><title type="html">One &lt;i&gt;two&lt;/i&gt;</title><link rel="alternate" href="one"/>
<published>2026-05-01T10:00:00+02:00</published><updated>2026-05-01T11:00:00Z</updated><summary>Short</summary></entry></feed>"""

RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://example.org/"><title>RDF</title></channel>
<item rdf:about="https://example.org/1"><title>One</title><link>https://example.org/1</link><dc:date>2026-05-01T10:00:00Z</dc:date></item></rdf:RDF>"""

JSON = """{"version": "https://jsonfeed.org/version/1.1", "title": "JSON", "items": [
 {"id": 7, "url": "/1", "title": "One", "content_html": "<p>Text</p>", "date_published": "2026-05-01T10:00:00Z",
  "date_modified": "2026-05-01T10:30:00Z"}, {"id": "https://example.org/2", "content_text": "plain"},
 "junk", {"title": "no address"}]}"""

NEWS_SITEMAP = """<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
 xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
<url><loc> https://example.org/1?a=1&amp;b=2 </loc><lastmod>2026-05-01</lastmod>
<image:image><image:loc>https://example.org/i.jpg</image:loc><image:title>A picture</image:title></image:image>
<news:news><news:publication_date>2026-05-01T10:00:00+03:00</news:publication_date><news:title>One</news:title></news:news></url>
</urlset>"""

INDEX = """<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<sitemap><loc>https://example.org/s1.xml.gz</loc><lastmod>2026-05-01T00:00:00Z</lastmod></sitemap></sitemapindex>"""


def test_rss_gives_entries_with_absolute_addresses_and_times_in_utc() -> None:
    feed = parse_feed(RSS.encode("windows-1251"), url=URL)
    first, second = feed.entries
    assert (feed.kind, feed.title, feed.ttl) == ("feed", "Новости", timedelta(minutes=15))
    assert (first.id, first.url, first.title) == (
        "id-1",
        "https://example.org/news/1?utm_source=rss",
        "Первая & главная",
    )
    assert first.published == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert first.updated is None
    assert (first.summary, first.body_html) == ("Кратко о главном", "<p>Весь текст</p>")
    assert second.url == "https://example.org/news/2"


def test_atom_gives_both_times_and_its_hub() -> None:
    feed = parse_feed(ATOM.encode(), url=URL)
    (entry,) = feed.entries
    assert (entry.id, entry.url, entry.title, entry.summary) == (
        "urn:1",
        "https://example.org/a/one",
        "One two",
        "Short",
    )
    assert entry.published == datetime(2026, 5, 1, 8, tzinfo=UTC)
    assert entry.updated == datetime(2026, 5, 1, 11, tzinfo=UTC)
    assert feed.hub == "https://hub.example.org/"


def test_rdf_and_json_feed_are_feeds_too() -> None:
    (entry,) = parse_feed(RDF.encode(), url=URL).entries
    assert (entry.url, entry.title) == ("https://example.org/1", "One")
    first, second = parse_feed(JSON.encode(), url=URL).entries
    assert (first.id, first.url, first.body_html) == ("7", "https://example.org/1", "<p>Text</p>")
    assert first.updated == datetime(2026, 5, 1, 10, 30, tzinfo=UTC)
    assert (second.url, second.summary) == ("https://example.org/2", "plain")


def test_sitemaps_indexes_and_lists_of_addresses_are_told_apart() -> None:
    sitemap = parse_feed(NEWS_SITEMAP.encode(), url=URL)
    (entry,) = sitemap.entries
    assert (sitemap.kind, entry.url, entry.title) == ("sitemap", "https://example.org/1?a=1&b=2", "One")
    assert entry.published == datetime(2026, 5, 1, 7, tzinfo=UTC)
    assert entry.updated == datetime(2026, 5, 1, tzinfo=UTC)
    index = parse_feed(gzip.compress(INDEX.encode()), url=URL)
    assert (index.kind, index.entries[0].url) == ("sitemap_index", "https://example.org/s1.xml.gz")
    listed = parse_feed(b"https://example.org/1\n\nhttps://example.org/2\n", url=URL)
    assert (listed.kind, [one.url for one in listed.entries]) == (
        "sitemap",
        ["https://example.org/1", "https://example.org/2"],
    )


def test_broken_sitemap_still_gives_its_addresses() -> None:
    broken = NEWS_SITEMAP.replace("&amp;", "&").replace("</urlset>", "<url><loc>https://example.org/2</loc>")
    assert [entry.url for entry in parse_feed(broken.encode(), url=URL).entries] == [
        "https://example.org/1?a=1&b=2",
        "https://example.org/2",
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"<html><body>hello", b"{}", b'{"version": 1', b"plain words", b"\x00\x01\x02", b"\x1f\x8bbroken", b"<opml/>"],
)  # fmt: skip
def test_what_is_no_feed_is_refused_with_what_was_seen(body: bytes) -> None:
    with pytest.raises(NotAFeedError) as refusal:
        parse_feed(body, url=URL)
    assert str(refusal.value)


def test_entities_that_grow_or_reach_outside_are_refused_in_every_encoding(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    hostile = [
        f'<!DOCTYPE r [<!ENTITY l0 "ha">{laughs}]><rss version="2.0"><channel><title>&l9;</title></channel></rss>',
        f'<!DOCTYPE r [<!ENTITY x SYSTEM "file://{secret}">]><rss version="2.0"><channel><title>&x;</title></channel></rss>',
        f'<!DOCTYPE r [<!ENTITY % x SYSTEM "file://{secret}"> %x;]><rss version="2.0"><channel/></rss>',
        f'<!DOCTYPE r [<!ENTITY big "{"A" * 100_000}">]><rss version="2.0"><channel>{"&big;" * 1000}</channel></rss>',
        f'<!DOCTYPE r [<!ENTITY x SYSTEM "file://{secret}">]><urlset><url><loc>&x;</loc></url></urlset>',
    ]
    for document in hostile:
        for encoding in ("utf-8", "utf-16", "utf-32"):
            started = time.process_time()
            with pytest.raises(NotAFeedError):
                parse_feed(document.encode(encoding), url=URL)
            assert time.process_time() - started < 1


def test_gzip_bomb_and_too_many_entries_are_bounded() -> None:
    with pytest.raises(NotAFeedError, match="more than"):
        parse_feed(gzip.compress(bytes(20_000_000)), url=URL, limits=FeedLimits(max_feed_bytes=1_000_000))
    many = "<urlset>" + "<url><loc>https://example.org/1</loc></url>" * 500 + "</urlset>"
    assert len(parse_feed(many.encode(), url=URL, limits=FeedLimits(max_entries=100)).entries) == 100


def test_full_text_beyond_the_limit_is_left_out() -> None:
    long = RSS.replace("Весь текст", "a" * 1000).encode("windows-1251")
    assert parse_feed(long, url=URL, limits=FeedLimits(max_body_chars=500)).entries[0].body_html is None


def test_halves_of_characters_do_not_get_into_records() -> None:
    feed = JSON.replace("One", r"One \ud800").replace("<p>Text", r"<p>\udfffText").encode()
    entry = parse_feed(feed, url=URL).entries[0]
    assert f"{entry.title}{entry.body_html}".encode()


def test_markup_is_stripped() -> None:
    assert strip_markup("<p>One&nbsp;&lt;two&gt;<script>x()</script><br>three</p>") == "One <two> three"


def test_every_feed_of_the_suites_is_read_or_refused_and_nothing_else(material: Path) -> None:
    read = 0
    files = [
        file for name in ("feeds", "sitemaps") for file in (material / "cases" / name).rglob("*") if file.is_file()
    ]
    for file in files:
        try:
            parse_feed(file.read_bytes(), url=URL)
            read += 1
        except NotAFeedError:
            continue
    assert read > 0.8 * len([file for file in files if file.suffix == ".xml"])


def test_what_feedparser_expects_of_ill_formed_feeds_is_read(material: Path) -> None:
    for file in (material / "cases/feeds/feedparser/illformed").rglob("*.xml"):
        parse_feed(file.read_bytes(), url=URL)


def test_links_titles_and_dates_are_what_the_suite_expects(material: Path) -> None:
    asked = re.compile(rb"Expect:\s*(?:not bozo and )?entries\[0\]\['(link|title)'\] == u?'([^'\\]*)'\s*-->")
    checked = wrong = 0
    for file in (material / "cases/feeds/feedparser/wellformed").rglob("*.xml"):
        body = file.read_bytes()
        match = asked.search(body)
        entries = parse_feed(body, url="http://127.0.0.1:8097/").entries if match else ()
        if match and entries:
            checked += 1
            got = entries[0].url if match[1] == b"link" else entries[0].title
            wrong += got not in (match[2].decode(), strip_markup(match[2].decode()))
    assert checked > 10
    assert wrong / checked < 0.2  # a host in capitals, and a base from a header


@pytest.mark.parametrize(
    ("url", "is_likely"),
    [
        ("https://example.org/rss", True),
        ("https://example.org/feed/", True),
        ("https://example.org/news.xml", True),
        ("https://example.org/sitemap_index.xml.gz", True),
        ("https://example.org/?feed=rss2", True),
        ("https://example.org/atom.php", True),
        ("https://example.org/", False),
        ("https://example.org/news/feedback", False),
        ("https://feeds.example.org/story/1", False),
        ("https://example.org/2026/05/rising-atomic-fears.html", False),
    ],
)
def test_addresses_that_look_like_feeds_are_told_by_their_writing(url: str, is_likely: bool) -> None:
    assert looks_like_feed(url) is is_likely


def test_feeds_of_a_page_are_found_by_what_it_names_then_by_what_it_links() -> None:
    named = """<base href="https://example.org/b/"><link rel="alternate" type="application/rss+xml" href="rss">
    <link rel="alternate" type="text/html" href="print">
    <LINK REL='ALTERNATE' TYPE='application/atom+xml; charset=x' HREF='/atom'>"""
    assert find_feeds(named, url="https://example.org/") == ["https://example.org/b/rss", "https://example.org/atom"]
    linked = '<a href="/rss.xml">RSS</a><a href="https://other.org/rss.xml">other</a><a href="/news/1">news</a>'
    assert find_feeds(linked, url="https://example.org/") == ["https://example.org/rss.xml"]


def test_feeds_of_the_autodiscovery_suite_are_found(material: Path) -> None:
    found = wanted = 0
    for file in (material / "cases/feeds/feedvalidator/feedfinder").glob("*.html"):
        if file.with_suffix(".xml").exists():
            wanted += 1
            body = file.read_bytes()
            page = body.decode("utf-16" if body.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8", "replace")
            found += any(
                url.endswith(f"/{file.stem}.xml") for url in find_feeds(page, url=f"http://example.org/{file.name}")
            )
    assert wanted > 20
    assert found == wanted


def test_opml_goes_out_and_comes_in_again() -> None:
    feeds = [Outline("https://example.org/rss?a=1&b=2", 'News & "views" <now>'), Outline("https://example.org/atom")]
    back = read_opml(write_opml(feeds).encode())
    assert [one.url for one in back] == [one.url for one in feeds]
    assert back[0].title == 'News & "views" <now>'


def test_opml_with_folders_repetitions_and_junk_gives_each_feed_once() -> None:
    document = b"""<opml version="1.1"><body><outline text="Folder"><outline TEXT="A" xmlurl="HTTP://Example.org/a"/></outline>
    <outline xmlUrl="http://example.org/a"/><outline xmlUrl="javascript:x"/><outline xmlUrl=""/></body></opml>"""
    assert read_opml(document) == [Outline("http://example.org/a", "A")]


@pytest.mark.parametrize("document", [b"", b"<html/>", b"<opml", b'<!DOCTYPE o [<!ENTITY a "b">]><opml>&a;</opml>'])
def test_what_is_no_opml_is_refused(document: bytes) -> None:
    with pytest.raises(BadOpmlError):
        read_opml(document)


@pytest.mark.parametrize("unit", [b"<url", b"<sitemap ", b"<url><loc", b"<loc>"])
def test_broken_sitemap_is_searched_in_one_pass(unit: bytes) -> None:
    def seconds(size: int) -> float:
        begun = time.process_time()
        parse_feed(b"<urlset>" + unit * (size // len(unit)), url="https://news.example/sitemap.xml")
        return time.process_time() - begun

    seconds(50_000)
    # Ten times the size: a search that begins anew at each tag would take a hundred times as long.
    assert seconds(1_000_000) < 25 * (seconds(100_000) + 0.02)


@pytest.mark.parametrize("unit", ["<a ", '<a b="', "<!--", "<![", "<script", "<script>", "&#"])
def test_markup_that_never_ends_is_stripped_in_one_pass(unit: str) -> None:
    def seconds(size: int) -> float:
        begun = time.process_time()
        strip_markup("A story " + unit * (size // len(unit)))
        return time.process_time() - begun

    # Ten times the text: a search that begins anew at each tag would take a hundred times as long.
    assert seconds(1_000_000) < 25 * (seconds(100_000) + 0.02)


def test_scripts_comments_and_tags_are_stripped_and_what_only_looks_like_one_stays() -> None:
    assert strip_markup("<style>p {}</style>Fish &amp; <b>chips</b><!-- 2 > 1 --> for 3 < 5<script>x<y</script>") == (
        "Fish & chips for 3 < 5"
    )


def test_page_with_a_section_that_html_does_not_know_still_names_its_feeds() -> None:
    page = '<link rel="alternate" type="application/rss+xml" href="/rss"><![Cing a]><p>Text</p>'
    assert find_feeds(page, url="https://news.example/") == ["https://news.example/rss"]


@pytest.mark.parametrize(
    "document",
    [
        b"<opml>" + b"<outline>" * 100_000,
        b"<opml>" + b"<outline xmlUrl='http://a.example/" + b"a" * 2_000_000 + b"'/></opml>",
        b"<opml " + b" ".join(b"a%d='1'" % number for number in range(50_000)) + b"/>",
        b"<!DOCTYPE o [<!ENTITY a '" + b"a" * 1000 + b"'><!ENTITY b '" + b"&a;" * 1000 + b"'>]><opml>&b;</opml>",
        b"<opml" + b" " * 2_000_000 + b"x",
        b"<!--" * 500_000,
    ],
    ids=["nesting", "an address of 2 MB", "attributes", "entities", "white space", "comments"],
)
def test_hostile_list_of_feeds_is_read_or_refused_in_no_time(document: bytes) -> None:
    started = time.thread_time()
    with suppress(BadOpmlError):
        assert read_opml(document) == []
    assert time.thread_time() - started < 1


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "utf-7", "hex", "rot13", "nothing-known"])
def test_page_is_decoded_by_charsets_of_pages_only(charset: str) -> None:
    page = b"<link rel=alternate type=application/rss+xml href=/feed>" + b"9-\xc3\xa4" * 100_000
    started = time.thread_time()
    found = find_feeds_in_bytes(page, url="http://a.example/", content_type=f"text/html; charset={charset}")
    assert found == ["http://a.example/feed"]
    assert time.thread_time() - started < 1


@pytest.mark.parametrize(
    "address", ["sitemap" * 2000, "sitemap-" * 2000 + "!", "/rss1" * 3000, "a=" * 8000, "?" * 16000]
)
def test_address_is_told_from_that_of_a_feed_in_no_time(address: str) -> None:
    started = time.thread_time()
    looks_like_feed(f"http://a.example/{address}")
    assert time.thread_time() - started < 0.05
