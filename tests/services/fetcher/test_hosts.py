"""What a fetch means for its host: what each answer does to the pause, who may ask next, and what a lost lease stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from redis.asyncio import Redis

from coranto.frontier import BackOff, HostLease, RedisHostLeases
from coranto.host_queue import HostQueue
from coranto.records import DiscoveredArticle, PageRef, SavedPage
from coranto.worker.stage import Invalid, Transient, Unwanted
from coranto_fetcher.page_fetch import queue_of
from coranto_fetcher.settings import FetcherSettings

if TYPE_CHECKING:
    from tests.services.fetcher.conftest import Fetcher, Site

Make = Callable[..., DiscoveredArticle]
HTML = {"content_type": "text/html"}


async def state_of(redis: Redis, url: str) -> dict[bytes, bytes]:
    host = url.removeprefix("http://").partition("/")[0]
    answer: Any = await redis.hgetall(f"coranto:{{host-{host}}}:lease")  # type: ignore[misc]
    return dict(answer)


@pytest.mark.parametrize(
    ("response", "refusals"),
    [
        ({"text": "<p>fine", **HTML}, 0),
        ({"status": 404}, 0),
        ({"status": 410}, 0),
        ({"status": 451}, 0),
        ({"status": 500}, 0),
        ({"body": b"a" * 300_000, **HTML}, 0),
        ({"status": 429}, 1),
        ({"status": 403}, 1),
        ({"status": 503}, 1),
        ({"status": 502}, 1),
        ({"status": 403, "headers": {"cf-mitigated": "challenge"}, **HTML}, 1),
        ({"body": b"<title>Just a moment...</title><p>Enable JavaScript", **HTML}, 1),
    ],
)
async def test_every_answer_says_whether_the_host_has_had_enough(
    fetcher: Fetcher, site: Site, discovered: Make, redis: Redis, response: dict[str, object], refusals: int
) -> None:
    article = discovered(site.says("/answer", **response))
    try:
        await fetcher.fetch_in_turn(article)
    except (Transient, Unwanted) as signal:
        assert signal.reason != "host_busy"  # noqa: PT017 - which of both it is, other tests say
    state = await state_of(redis, site.url)
    assert int(state[b"refusals"]) == refusals
    assert (int(state[b"pause"]) > 0) == bool(refusals)


async def test_faults_of_the_connection_count_against_the_host(
    fetcher: Fetcher, site: Site, discovered: Make, redis: Redis
) -> None:
    async def never(_: web.Request) -> web.Response:
        await asyncio.sleep(10)
        return web.Response()

    site.answers["/never"] = never
    for url in (site.url + "/never", "http://127.0.0.1:9/page", "http://no-such-name.invalid/page"):
        signal = await fetcher.signal_for(discovered(url))
        assert isinstance(signal, Transient)
        assert signal.gives_up_after == timedelta(hours=24)
        assert not signal.spends_attempt
        assert int((await state_of(redis, url))[b"refusals"]) == 1, url


@pytest.mark.parametrize("value", ["7200", "{date}"])
async def test_retry_after_is_kept_to_in_both_forms_and_for_a_day(
    fetcher: Fetcher, site: Site, discovered: Make, value: str
) -> None:
    date = (datetime.now(UTC) + timedelta(hours=2)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    url = site.says("/limited", status=503, headers={"Retry-After": value.format(date=date)})
    signal = await fetcher.signal_for(discovered(url))
    assert isinstance(signal, Transient)
    assert signal.retry_after is not None
    assert timedelta(minutes=119) < signal.retry_after <= timedelta(hours=2)


async def test_longest_retry_after_is_a_day(fetcher: Fetcher, site: Site, discovered: Make) -> None:
    url = site.says("/limited", status=429, headers={"Retry-After": "9999999"})
    signal = await fetcher.signal_for(discovered(url))
    assert isinstance(signal, Transient)
    assert signal.retry_after == timedelta(hours=24)


async def test_lost_lease_stops_the_fetch_before_its_next_request(
    fetcher: Fetcher, site: Site, other_site: Site, discovered: Make, redis: Redis
) -> None:
    """The first answer takes so long that somebody else has the host by then."""
    host = site.url.removeprefix("http://")

    async def slow(_: web.Request) -> web.Response:
        await redis.delete(f"coranto:{{host-{host}}}:lease")
        lease = await RedisHostLeases(redis).acquire(host, "somebody", delay=timedelta())
        assert isinstance(lease, HostLease)
        return web.Response(status=302, headers={"Location": "/page"})

    site.answers["/slow"] = slow
    await fetcher.robots.ask(site.url)
    with pytest.raises(Transient) as caught:
        await fetcher.fetch(discovered(site.url + "/slow"))
    assert (caught.value.reason, caught.value.host) == ("host_busy", host)
    assert site.paths() == ["/slow"]
    assert b"token" in await state_of(redis, site.url)  # somebody's lease is not ended with ours


async def test_request_under_way_is_broken_off_when_its_lease_is_lost(
    fetcher: Fetcher, site: Site, discovered: Make, redis: Redis
) -> None:
    fetcher.hosts = RedisHostLeases(redis, lease=timedelta(seconds=2))
    hung_up = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        await redis.delete(f"coranto:{{host-{site.url.removeprefix('http://')}}}:lease")
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"<p>more</p>")
                await asyncio.sleep(0.05)
        finally:
            hung_up.set()

    site.answers["/endless"] = endless
    await fetcher.robots.ask(site.url)
    with pytest.raises(Transient) as caught:
        await fetcher.fetch(discovered(site.url + "/endless"))
    assert (caught.value.reason, caught.value.spends_attempt) == ("host_busy", False)
    await asyncio.wait_for(hung_up.wait(), 30)


async def test_lease_is_extended_for_each_request(redis: Redis, fetcher: Fetcher, site: Site, discovered: Make) -> None:
    fetcher.hosts = RedisHostLeases(redis, lease=timedelta(milliseconds=2500))
    fetcher.settings = FetcherSettings(min_delay=timedelta(milliseconds=10))
    left: list[float] = []

    def redirecting(target: str) -> Callable[[web.Request], Any]:
        async def answer(_: web.Request) -> web.Response:
            seconds, micros = await redis.time()
            until = int((await state_of(redis, site.url))[b"lease_until"])
            left.append(until - seconds * 1000 - micros / 1000)
            await asyncio.sleep(0.4)
            return web.Response(status=302, headers={"Location": target})

        return answer

    for number in range(4):
        site.answers[f"/hop{number}"] = redirecting(f"/hop{number + 1}" if number < 3 else "/page")
    await fetcher.robots.ask(site.url)
    article = await fetcher.fetch(discovered(site.url + "/hop0"))  # in one go, pauses and all
    assert len(article.fetch.redirects) == 4
    assert len(left) == 4
    assert min(left) > 1800  # without extension it would be 1300 at the second hop


async def test_redirects_of_robots_txt_are_asked_under_the_lease_of_their_host(
    fetcher: Fetcher, second_fetcher: Fetcher, site: Site, other_site: Site, discovered: Make
) -> None:
    """Two sites send each other's robots.txt to the other; each sees one request at a time, with pauses."""

    def moved_to(target: Site) -> Callable[[web.Request], Any]:
        async def answer(_: web.Request) -> web.Response:
            await asyncio.sleep(0.05)
            return web.Response(status=301, headers={"Location": f"{target.url}/rules.txt"})

        return answer

    async def rules(_: web.Request) -> web.Response:
        await asyncio.sleep(0.05)
        return web.Response(text="User-agent: *\nDisallow: /private/\n")

    for one, other in ((site, other_site), (other_site, site)):
        one.answers["/robots.txt"] = moved_to(other)
        one.answers["/rules.txt"] = rules
    for one in (fetcher, second_fetcher):
        one.settings = FetcherSettings(min_delay=timedelta(milliseconds=40))
    await asyncio.gather(
        fetcher.fetch_in_turn(discovered(site.url + "/page1")),
        second_fetcher.fetch_in_turn(discovered(other_site.url + "/page2", submission="s2")),
    )
    for one in (site, other_site):
        assert one.most_in_flight == 1
        assert all(later - earlier > 0.085 for (earlier, _), (later, _) in pairwise(one.asked)), one.asked
        assert len([path for _, path in one.asked if path == "/robots.txt"]) == 1


async def test_robots_txt_that_moved_to_a_busy_host_waits_for_that_host(
    fetcher: Fetcher, site: Site, other_site: Site, discovered: Make
) -> None:
    site.says("/robots.txt", status=301, headers={"Location": f"{other_site.url}/rules.txt"})
    other = other_site.url.removeprefix("http://")
    lease = await fetcher.hosts.acquire(other, "somebody", delay=timedelta())
    assert isinstance(lease, HostLease)
    with pytest.raises(Transient) as caught:
        await fetcher.fetch(discovered(site.url + "/page"))
    assert (caught.value.reason, caught.value.host) == ("host_busy", other)
    assert [path for _, path in site.asked] == ["/robots.txt"]
    assert other_site.asked == []


async def test_robots_that_cannot_be_had_make_all_articles_of_the_host_wait(
    fetcher: Fetcher, site: Site, discovered: Make
) -> None:
    site.says("/robots.txt", status=500)
    for number in range(2):
        signal = await fetcher.signal_for(discovered(f"{site.url}/page{number}"))
        assert isinstance(signal, Transient)
        assert (signal.reason, signal.spends_attempt) == ("robots_unreachable", False)
        assert signal.host == site.url.removeprefix("http://")
        assert signal.retry_after is not None
        assert signal.retry_after > timedelta(minutes=1)
    assert [path for _, path in site.asked] == ["/robots.txt"]


async def test_host_that_is_set_aside_keeps_its_articles_until_its_trouble_is_a_day_old(
    fetcher: Fetcher, site: Site, discovered: Make, redis: Redis
) -> None:
    fetcher.hosts = RedisHostLeases(redis, back_off=BackOff(refusals_to_set_aside=1))
    url = site.says("/down", status=503)
    await fetcher.signal_for(discovered(url))
    signal = await fetcher.signal_for(discovered(site.url + "/page"))
    assert isinstance(signal, Transient)
    assert (signal.reason, signal.spends_attempt, signal.host) == ("host_down", False, site.url.removeprefix("http://"))
    assert signal.retry_after is not None
    assert signal.retry_after > timedelta(minutes=59)
    key = f"coranto:{{host-{site.url.removeprefix('http://')}}}:lease"
    await redis.hincrby(key, "failing_since", -86_400_000)  # type: ignore[misc]
    signal = await fetcher.signal_for(discovered(site.url + "/page"))
    assert isinstance(signal, Invalid)
    assert signal.reason == "host_down"
    assert site.paths() == ["/down"]


async def test_names_of_one_domain_share_their_pause(fetcher: Fetcher, discovered: Make) -> None:
    places = {queue_of(discovered(url)) for url in ("https://www.paper.example/a", "http://m.paper.example/b")}
    assert places == {HostQueue("paper.example")}
    assert queue_of(discovered("https://paper.example/", priority="backlog")) == HostQueue(
        "paper.example", is_backlog=True
    )
    saved = SavedPage(page=PageRef(sha256="0" * 64, size_bytes=3), content_type="text/plain")
    assert queue_of(discovered("https://paper.example/", saved=saved)) == HostQueue("")


# --- pages that are not there yet -----------------------------------------------------------------------------------


def announced(
    discovered: Make, url: str, age: timedelta, *, via: str = "feed", priority: str = "live"
) -> DiscoveredArticle:
    article = discovered(url, priority=priority)
    moment = datetime.now(UTC) - age
    discovery = article.discovery.model_copy(update={"discovered_at": moment, "discovered_via": via})
    return article.model_copy(update={"discovery": discovery})


@pytest.mark.parametrize(
    "response",
    [{"status": 404}, {"status": 403}, {"body": b"<title>Just a moment...</title><p>Enable JavaScript", **HTML}],
)
@pytest.mark.parametrize(
    ("age_minutes", "wait_minutes"), [(0, 2), (1, 1), (2.5, 7.5), (10.1, 19.9), (29, 1), (31, None)]
)
async def test_young_article_without_its_page_is_looked_for_again(
    fetcher: Fetcher,
    site: Site,
    discovered: Make,
    response: dict[str, object],
    age_minutes: float,
    wait_minutes: float | None,
) -> None:
    url = site.says("/early", **response)
    signal = await fetcher.signal_for(announced(discovered, url, timedelta(minutes=age_minutes)))
    assert signal.reason in ("not_found", "forbidden", "challenge_page")
    if wait_minutes is None:
        assert isinstance(signal, Unwanted)
        return
    assert isinstance(signal, Transient)
    assert signal.retry_after is not None
    assert signal.retry_after.total_seconds() == pytest.approx(wait_minutes * 60, abs=10)
    assert not signal.spends_attempt


async def test_page_that_came_late_is_fetched_from_its_first_address(
    fetcher: Fetcher, site: Site, discovered: Make
) -> None:
    start = site.says("/start", status=302, headers={"Location": "/not-yet"})
    article = announced(discovered, start, timedelta())
    assert isinstance(await fetcher.signal_for(article), Transient)
    site.says("/start", status=302, headers={"Location": "/page"})
    assert (await fetcher.fetch_in_turn(article)).fetch.final_url == site.url + "/page"


async def test_submitted_address_or_backlog_without_a_page_ends_at_once(
    fetcher: Fetcher, site: Site, discovered: Make
) -> None:
    for article in (
        announced(discovered, site.url + "/none", timedelta(), via="submit"),
        announced(discovered, site.url + "/none", timedelta(), priority="backlog"),
    ):
        assert isinstance(await fetcher.signal_for(article), Unwanted)


async def test_article_that_had_no_page_is_forgotten_where_articles_are_taken_in(
    fetcher: Fetcher, site: Site, discovered: Make, redis: Redis
) -> None:
    article = announced(discovered, site.url + "/none", timedelta(hours=1))
    key = f"coranto:{{p0}}:feeder:seen:{article.id}"
    await redis.set(key, "another submission")
    await fetcher.signal_for(article)
    assert await redis.exists(key)
    await redis.set(key, article.discovery.submission)
    await fetcher.signal_for(article)
    assert not await redis.exists(key)


# --- chains over several hosts ----------------------------------------------------------------------------------------


async def test_crawl_delay_holds_for_its_own_host_when_a_chain_leads_to_another(
    fetcher: Fetcher, site: Site, other_site: Site, discovered: Make, redis: Redis
) -> None:
    site.robots = "User-agent: *\nCrawl-delay: 30\n"
    other_site.robots = "User-agent: *\nCrawl-delay: 5\n"
    for one in (site, other_site):
        await fetcher.robots.ask(one.url)
    start = site.says("/start", status=302, headers={"Location": other_site.url + "/page"})
    await fetcher.fetch_in_turn(discovered(start))
    seconds, micros = await redis.time()
    now = seconds * 1000 + micros // 1000
    rests = [(int((await state_of(redis, one.url))[b"next_at"]) - now) / 1000 for one in (site, other_site)]
    assert 25 < rests[0] <= 30
    assert 0 < rests[1] <= 5


async def test_host_that_redirects_is_not_blamed_for_where_it_leads(
    fetcher: Fetcher, site: Site, other_site: Site, discovered: Make, redis: Redis
) -> None:
    other_site.says("/robots.txt", status=503)
    start = site.says("/start", status=302, headers={"Location": other_site.url + "/page"})
    refusals = []
    for submission in ("s1", "s2", "s3"):
        signal = await fetcher.signal_for(discovered(start, submission=submission))
        assert isinstance(signal, Transient)
        assert (signal.reason, signal.host) == ("robots_unreachable", other_site.url.removeprefix("http://"))
        refusals.append([int((await state_of(redis, one.url))[b"refusals"]) for one in (site, other_site)])
    assert refusals == [[0, 1]] * 3  # asked once, and known from then on


# --- what another version has left in Redis ------------------------------------------------------------------------------


@pytest.mark.parametrize("left", ["[{start}, [], null]", "{}", "7", "[1, 2, 3, 4]", "", "\x00"])
async def test_progress_in_another_form_begins_the_fetch_anew(
    fetcher: Fetcher, site: Site, discovered: Make, redis: Redis, left: str
) -> None:
    article = discovered(site.says("/start", status=302, headers={"Location": "/page"}), is_recrawl=True)
    left = left.replace("{start}", f'"{site.url}/elsewhere"')
    await redis.set(f"coranto:{{p0}}:fetcher:journey:{article.message_id}", left)
    await redis.set(fetcher.validators._key(article), f"{(await redis.info('server'))['run_id']} {left}")
    assert (await fetcher.fetch_in_turn(article)).fetch.final_url == site.url + "/page"
    assert site.paths() == ["/start", "/page"]
