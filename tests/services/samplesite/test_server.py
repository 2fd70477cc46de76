"""The sample site over real HTTP: feeds, codes, charsets, and what changes while it is watched."""

from __future__ import annotations

import zlib
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from coranto_samplesite import Page, SampleSite
from coranto_samplesite.server import BOMB_MEBIBYTES, MEBIBYTE


def page_named(site: SampleSite, name: str) -> Page:
    return next(page for page in site.pages if page.name == name)


async def body_of(browser: aiohttp.ClientSession, url: str) -> bytes:
    async with browser.get(url) as response:
        return await response.read()


async def test_feeds_and_sitemap_together_name_every_listed_page_once(
    site: SampleSite, browser: aiohttp.ClientSession
) -> None:
    named: list[str] = []
    for source in site.sources:
        root = ET.fromstring(await body_of(browser, source))  # noqa: S314 - our own feed
        named += [e.text or "" for e in root.iter("link") if e.text and not e.text.endswith(f"{site.base_url}/")]
        named += [e.get("href") or "" for e in root.iter("{http://www.w3.org/2005/Atom}link")]
        named += [e.text or "" for e in root.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    listed = {site.url_of(page) for page in site.pages if page.listed != "nowhere"}
    pages_named = [url for url in named if url not in {f"{site.base_url}/", f"{site.wire_url}/"}]
    assert sorted(pages_named) == sorted(listed)


async def test_feed_dates_no_page_that_has_no_date(site: SampleSite, browser: aiohttp.ClientSession) -> None:
    feed = ET.fromstring(await body_of(browser, f"{site.base_url}/ru/rss.xml"))  # noqa: S314 - our own feed
    undated = [item.findtext("link") for item in feed.iter("item") if item.find("pubDate") is None]
    assert site.url_of(page_named(site, "ru-lake")) in undated
    assert site.url_of(page_named(site, "ru-talks")) not in undated


async def test_second_server_takes_other_ports_when_the_first_has_the_preferred_ones() -> None:
    async with SampleSite() as first, SampleSite() as second:
        urls = {first.base_url, first.wire_url, second.base_url, second.wire_url}
        assert len(urls) == 4


async def test_robots_txt_gives_a_delay_and_forbids_a_path(site: SampleSite, browser: aiohttp.ClientSession) -> None:
    text = (await body_of(browser, f"{site.base_url}/robots.txt")).decode()
    assert "Crawl-delay: 0.2" in text
    assert "Disallow: /internal/" in text
    assert page_named(site, "en-internal").path.startswith("/internal/")


@pytest.mark.parametrize(
    ("name", "charset"), [("ru-clinic", "windows-1251"), ("ru-storm", "koi8-r"), ("fr-ferry", "iso-8859-1")]
)
async def test_page_is_in_the_charset_its_file_names(
    site: SampleSite, browser: aiohttp.ClientSession, name: str, charset: str
) -> None:
    page = page_named(site, name)
    async with browser.get(site.url_of(page)) as response:
        raw = await response.read()
        stated = response.charset
    assert page.article is not None
    assert page.article.title in raw.decode(charset)
    in_header, in_meta = stated == charset, f'charset="{charset}"'.encode() in raw
    assert (in_header, in_meta) == (page.answer.charset_stated_in != "meta", page.answer.charset_stated_in != "header")


@pytest.mark.parametrize(("name", "status"), [("en-missing", 404), ("gone", 410), ("soft-404", 200), ("ru-talks", 200)])
async def test_status_is_what_the_page_says(
    site: SampleSite, browser: aiohttp.ClientSession, name: str, status: int
) -> None:
    async with browser.get(site.url_of(page_named(site, name))) as response:
        assert response.status == status


async def test_unknown_path_is_404(site: SampleSite, browser: aiohttp.ClientSession) -> None:
    async with browser.get(f"{site.base_url}/no/such/page") as response:
        assert response.status == 404


async def test_redirect_chain_ends_at_an_article(site: SampleSite, browser: aiohttp.ClientSession) -> None:
    async with browser.get(site.url_of(page_named(site, "en-quake"))) as response:
        assert [hop.status for hop in response.history] == [302, 301]
        assert str(response.url) == site.url_of(page_named(site, "en-quake-target"))


async def test_redirect_loop_goes_round(site: SampleSite, browser: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.TooManyRedirects):
        await browser.get(site.url_of(page_named(site, "redirect-loop")))


@pytest.mark.parametrize(("name", "failures", "status"), [("ru-chips", 2, 503), ("en-battery", 1, 429)])
async def test_page_that_fails_says_when_to_come_back_and_recovers(
    site: SampleSite, browser: aiohttp.ClientSession, name: str, failures: int, status: int
) -> None:
    url = site.url_of(page_named(site, name))
    for _ in range(failures):
        async with browser.get(url) as response:
            assert response.status == status
            assert response.headers["Retry-After"] == "1"
    async with browser.get(url) as response:
        assert response.status == 200


async def test_each_server_begins_anew(browser: aiohttp.ClientSession) -> None:
    for _ in range(2):
        async with (
            SampleSite(port=0, wire_port=0) as site,
            browser.get(site.url_of(page_named(site, "en-battery"))) as answer,
        ):
            assert answer.status == 429


async def test_correction_comes_out_at_the_poll_after_the_page_was_read(
    site: SampleSite, browser: aiohttp.ClientSession
) -> None:
    page, feed = page_named(site, "en-budget"), f"{site.base_url}/en/atom.xml"
    first_feed = await body_of(browser, feed)
    assert await body_of(browser, feed) == first_feed, "nobody has read the page yet"
    assert b"212 million" in await body_of(browser, site.url_of(page))
    assert b"212 million" in await body_of(browser, site.url_of(page)), "no poll in between"
    second_feed = await body_of(browser, feed)
    assert b"<updated>2026-03-14T11:20:00+00:00</updated>" in second_feed
    assert second_feed != first_feed
    corrected = await body_of(browser, site.url_of(page))
    assert b"221 million" in corrected
    assert b"This article was amended" in corrected


async def test_page_that_has_not_changed_is_304_for_who_has_it(
    site: SampleSite, browser: aiohttp.ClientSession
) -> None:
    for url in (site.url_of(page_named(site, "ru-talks")), f"{site.base_url}/ru/rss.xml"):
        async with browser.get(url) as response:
            etag = response.headers["ETag"]
        async with browser.get(url, headers={"If-None-Match": etag}) as response:
            assert response.status == 304


async def test_slow_page_comes_in_pieces_and_whole(site: SampleSite, browser: aiohttp.ClientSession) -> None:
    async with browser.get(site.url_of(page_named(site, "en-university"))) as response:
        pieces = [piece async for piece in response.content.iter_any()]
    assert len(pieces) > 3
    assert b"</html>" in b"".join(pieces)


async def test_bomb_is_small_on_the_wire_and_a_valid_gzip_stream(
    site: SampleSite, browser: aiohttp.ClientSession
) -> None:
    async with browser.get(site.url_of(page_named(site, "gzip-bomb"))) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        packed = await response.read()
    assert len(packed) < MEBIBYTE
    unpacker, size, rest = zlib.decompressobj(zlib.MAX_WBITS | 16), 0, packed
    while rest:
        size += len(unpacker.decompress(rest, MEBIBYTE))
        rest = unpacker.unconsumed_tail
    assert unpacker.eof
    assert size == BOMB_MEBIBYTES * MEBIBYTE


async def test_huge_body_says_nothing_of_its_size_and_may_be_broken_off(
    site: SampleSite, browser: aiohttp.ClientSession
) -> None:
    async with browser.get(site.url_of(page_named(site, "huge"))) as response:
        assert "Content-Length" not in response.headers
        seen = 0
        async for piece in response.content.iter_any():
            seen += len(piece)
            if seen > 4 * MEBIBYTE:
                break
    async with browser.get(f"{site.base_url}/robots.txt") as response:
        assert response.status == 200


async def test_endless_page_does_not_hold_up_the_site_s_end(browser: aiohttp.ClientSession) -> None:
    async with (
        SampleSite(port=0, wire_port=0) as site,
        browser.get(site.url_of(page_named(site, "endless"))) as response,
    ):
        await response.content.readany()


async def test_tracking_parameter_changes_nothing(site: SampleSite, browser: aiohttp.ClientSession) -> None:
    plain = await body_of(browser, site.url_of(page_named(site, "en-strike")))
    assert await body_of(browser, site.url_of(page_named(site, "en-strike-tracked"))) == plain


async def test_home_page_leads_to_the_feeds(site: SampleSite, browser: aiohttp.ClientSession) -> None:
    home = (await body_of(browser, f"{site.base_url}/")).decode()
    assert '<link rel="alternate" type="application/rss+xml" href="/ru/rss.xml"' in home
    assert '<link rel="alternate" type="application/atom+xml" href="/en/atom.xml"' in home


async def test_every_request_is_on_record(site: SampleSite, browser: aiohttp.ClientSession) -> None:
    await body_of(browser, f"{site.wire_url}/robots.txt")
    (asked,) = site.asked
    assert (asked.host, asked.path, asked.status) == ("wire", "/robots.txt", 200)
    assert asked.user_agent is not None


async def test_article_over_several_pages_leads_from_part_to_part(
    site: SampleSite, browser: aiohttp.ClientSession
) -> None:
    page = page_named(site, "en-canal")
    url, seen = site.url_of(page), []
    while url:
        body = (await body_of(browser, url)).decode()
        seen.append([block.text for block in page.article.blocks if block.text in body] if page.article else [])
        _, _, after = body.partition('<link rel="next" href="')
        url = after.partition('"')[0]
    assert page.article is not None
    assert [len(texts) for texts in seen] == [3, 3, 3]
    assert [text for texts in seen for text in texts] == [block.text for block in page.article.blocks]
    async with browser.get(f"{site.url_of(page)}/4") as beyond:
        assert beyond.status == 404
