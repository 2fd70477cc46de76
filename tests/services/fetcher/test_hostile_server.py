"""What comes of fetching from a server that misbehaves, over the network and with everything that the fetcher does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.harness.hostile_server import BEHAVIOURS, Behaviour, misbehaving, response, serving

from coranto_fetcher.settings import FetcherSettings
from coranto_fetcher.single_fetch import SingleFetcher


@pytest.fixture(scope="module")
def settings() -> FetcherSettings:
    return FetcherSettings(
        allowed_networks=["127.0.0.0/8"],
        min_delay=timedelta(0),
        total_timeout=timedelta(seconds=1.5),
        read_timeout=timedelta(seconds=1),
        max_redirects=5,
    )


@pytest.fixture
async def fetcher(settings: FetcherSettings) -> AsyncIterator[SingleFetcher]:
    async with SingleFetcher(settings) as one:
        yield one


@pytest.mark.parametrize("name", BEHAVIOURS)
async def test_behaviour_ends_as_it_should(name: str, fetcher: SingleFetcher) -> None:
    behaviour = BEHAVIOURS[name]
    async with misbehaving(name) as addresses:
        report = await fetcher.fetch(addresses[name])
    assert (report.outcome, report.reason) == (behaviour.outcome, behaviour.reason), report
    if behaviour.final_path is not None:
        assert report.final_url is not None
        assert report.final_url.endswith(behaviour.final_path)
    if behaviour.title is not None:
        assert report.title == behaviour.title


async def test_host_that_asks_for_an_hour_is_not_asked_again_and_holds_nobody_up(fetcher: SingleFetcher) -> None:
    site = Behaviour("busy", "", None, {"/page": response(b"", "Retry-After: 3600", status="429 Slow down")})
    async with serving(site) as url, misbehaving("plain page") as addresses:
        reports = await asyncio.gather(*(fetcher.fetch(each) for each in (url, url, addresses["plain page"])))
    assert [(report.outcome, report.reason) for report in reports] == [
        ("retry", "rate_limited"),
        ("retry", "host_busy"),
        ("ok", None),
    ]
    assert (reports[1].retry_after_seconds or 0) > 3500
    assert site.asked == ["/robots.txt", "/page"]
