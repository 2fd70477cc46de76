"""Articles that are spread over several pages: their parts are fetched like any page, and never cost the first one."""

from __future__ import annotations

import resource
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis

from coranto.frontier import RedisHostLeases
from coranto.records import DiscoveredArticle, FetchedArticle
from coranto.worker.stage import Transient
from coranto_fetcher.page.facts import PageReaderPool
from coranto_fetcher.page.next_page import find_next_page
from coranto_fetcher.settings import FetcherSettings

if TYPE_CHECKING:
    from tests.services.fetcher.conftest import Fetcher, Site

Make = Callable[..., DiscoveredArticle]
HTML = {"content_type": "text/html"}
FIRST = "https://example.org/2026/the-long-story"


def page(number: int, next_path: str | None) -> str:
    link = f'<link rel="next" href="{next_path}">' if next_path else ""
    return f"<html><head>{link}</head><body><p>Part {number} of the story, long enough.</p></body></html>"


def a_story(site: Site, parts: int, path: str = "/the-long-story") -> str:
    for number in range(2, parts + 1):
        after = f"{path}/{number + 1}" if number < parts else None
        site.says(f"{path}/{number}", text=page(number, after), **HTML)
    return site.says(path, text=page(1, f"{path}/2"), **HTML)


async def texts(fetcher: Fetcher, article: FetchedArticle) -> list[int]:
    bodies = [
        await fetcher.pages.get(ref) for ref in (article.fetch.page, *(part.page for part in article.fetch.parts))
    ]
    return [int(body.split(b"<p>Part ")[1][:1]) for body in bodies]


async def test_all_parts_are_fetched_in_the_hosts_turns(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    url = a_story(site, 3)
    article = await fetcher.fetch_in_turn(discovered(url))
    assert await texts(fetcher, article) == [1, 2, 3]
    assert [part.url for part in article.fetch.parts] == [f"{url}/2", f"{url}/3"]
    # One request for each, however often the message waited for its turn, with the pause kept in between.
    assert site.paths() == ["/the-long-story", "/the-long-story/2", "/the-long-story/3"]
    moments = [at for at, path in site.asked if path != "/robots.txt"]
    assert all(b - a >= 0.018 for a, b in pairwise(moments))
    assert site.most_in_flight == 1


async def test_parts_wait_outside_the_slot_where_the_pause_is_long(
    fetcher: Fetcher, site: Site, discovered: Make, redis: Redis
) -> None:
    url = a_story(site, 2)
    await fetcher.robots.ask(site.url)  # else that is the first request, and the page itself must wait
    # No machine is so slow that the pause is over by itself.
    fetcher.settings = FetcherSettings(min_delay=timedelta(minutes=10))
    with pytest.raises(Transient) as caught:
        await fetcher.fetch(discovered(url))
    assert (caught.value.reason, caught.value.spends_attempt) == ("host_busy", False)
    assert site.paths() == ["/the-long-story"]
    fetcher.hosts = RedisHostLeases(redis, prefix="ten-minutes-later")  # it knows of no request: the pause is over
    assert await texts(fetcher, await fetcher.fetch(discovered(url))) == [1, 2]
    assert site.paths() == ["/the-long-story", "/the-long-story/2"]


@pytest.mark.parametrize(
    "response",
    [
        {"status": 404},
        {"status": 500},
        {"body": b"%PDF-1.7", "content_type": "application/pdf"},
        {"status": 302, "headers": {"Location": "/the-long-story"}},
        {"status": 302, "headers": {"Location": "/the-long-story/2"}},
        {"body": b"x" * 300_000, **HTML},
    ],
)
async def test_part_that_cannot_be_got_costs_only_the_rest(
    fetcher: Fetcher, site: Site, discovered: Make, response: dict[str, object]
) -> None:
    url = a_story(site, 4)
    site.says("/the-long-story/3", **response)
    assert await texts(fetcher, await fetcher.fetch_in_turn(discovered(url))) == [1, 2]


async def test_parts_have_an_end(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    fetcher.settings = FetcherSettings(min_delay=timedelta(), max_pages=3)
    url = a_story(site, 9)
    assert await texts(fetcher, await fetcher.fetch_in_turn(discovered(url))) == [1, 2, 3]


async def test_the_next_article_is_no_part(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    url = site.says("/the-long-story", text=page(1, "/another-long-story"), **HTML)
    assert await texts(fetcher, await fetcher.fetch_in_turn(discovered(url))) == [1]
    assert site.paths() == ["/the-long-story"]


async def test_part_that_robots_forbid_is_left(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    site.robots = "User-agent: *\nDisallow: /the-long-story/\n"
    url = a_story(site, 2)
    assert await texts(fetcher, await fetcher.fetch_in_turn(discovered(url))) == [1]
    assert site.paths() == ["/the-long-story"]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<link rel="next" href="/2026/the-long-story?page=2&amp;x=">', None),
        ('<link rel="next" href="?page=2">', f"{FIRST}?page=2"),
        ("<LINK HREF='the-long-story/2' REL=Next>", f"{FIRST}/2"),
        ('<a class="pager" rel="nofollow next" href="/2026/the-long-story/2#top">2</a>', f"{FIRST}/2"),
        ('<link rel="prev" href="/next/2"><p>', None),
        ('<link rel="next" href="http://[">', None),
        ('<a rel="next" href="/2026/the-long-story/3">', None),
        ("<a rel=next " + "a" * 1_000_000, None),
    ],
)
def test_next_part_is_found_where_the_page_links_it(markup: str, expected: str | None) -> None:
    assert find_next_page(f"<html>{markup}</html>".encode(), FIRST, FIRST) == expected


async def test_processes_that_read_pages_are_held_to_their_memory() -> None:
    pool = PageReaderPool(processes=1, deadline=timedelta(seconds=20), max_process_bytes=1_500_000_000)
    try:
        assert (await pool._processes.call(resource.getrlimit, resource.RLIMIT_AS))[0] == 1_500_000_000
    finally:
        await pool.stop()
