"""Wiring of the fetcher: settings in, a worker with one stage out."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from coranto.pages import FilePageStore
from coranto.records import DiscoveredArticle, FetchedArticle
from coranto.topology import FETCHER
from coranto.worker.stage import RetryPolicy, Stage
from coranto_fetcher.budget import BudgetLimits, HostBudget, SoloBudget
from coranto_fetcher.journeys import NoJourneys, RedisJourneys
from coranto_fetcher.reasons import REASONS, SYSTEMIC
from coranto_fetcher.robots import RobotsCache
from coranto_fetcher.settings import FetcherSettings, Settings
from coranto_fetcher.stage import fetch
from coranto_fetcher.validators import NoValidators, RedisValidators
from coranto_fetcher.way import FetchLimits

if TYPE_CHECKING:
    from coranto.worker.app import Worker

RETRY = RetryPolicy(attempts=6, first_delay=timedelta(seconds=4), longest_delay=timedelta(minutes=30))
"""A site that is down for a quarter of an hour is back by the sixth attempt."""


def create_stage(
    settings: Settings | None = None, *, redis: Redis | None = None
) -> Stage[DiscoveredArticle, FetchedArticle]:
    """The stage that fetches pages. Without Redis it works alone: it waits for each host's turn in place."""
    settings = settings or Settings()
    fetcher, pipeline = settings.fetcher, settings.pipeline.to_topology()
    web = fetcher.to_client(fetcher.web_limits(), connections=2 * fetcher.concurrency)

    reader = fetcher.to_reader()

    async def stop() -> None:
        await web.close()
        await reader.stop()
        if redis is not None:
            await redis.aclose()

    return Stage(
        FETCHER,
        handle=partial(
            fetch,
            web=web,
            robots=RobotsCache(redis, web, agent=fetcher.robots_agent, prefix=pipeline.prefix),
            budget=SoloBudget()
            if redis is None
            else HostBudget(redis, prefix=pipeline.prefix, limits=_budget_limits(fetcher)),
            pages=FilePageStore(settings.pages.path),
            reader=reader,
            validators=NoValidators() if redis is None else RedisValidators(redis, pipeline),
            journeys=NoJourneys() if redis is None else RedisJourneys(redis, pipeline),
            limits=_fetch_limits(fetcher, has_time=redis is None),
        ),
        reasons=REASONS,
        retry=RETRY,
        concurrency=fetcher.concurrency,
        # Every hop may take the whole time of one response; eleven that do are not worth waiting for.
        deadline=4 * fetcher.total_time + timedelta(seconds=30),
        systemic=SYSTEMIC,
        stop=stop,
    )


def create(settings: Settings | None = None) -> Worker:
    """The fetcher as a worker, ready to run."""
    from coranto.streams.connection import connect
    from coranto.worker.app import Worker  # here, so that `coranto try` and tests need no broker

    settings = settings or Settings()
    redis = connect(settings.redis.url.get_secret_value())
    return Worker(settings, stages=[create_stage(settings, redis=redis)])


def _budget_limits(fetcher: FetcherSettings) -> BudgetLimits:
    # A lease outlives the request, and the pause before it, by a good margin: nobody else starts meanwhile.
    return BudgetLimits(lease=2 * fetcher.total_time + timedelta(seconds=10))


def _fetch_limits(fetcher: FetcherSettings, *, has_time: bool) -> FetchLimits:
    own = FetchLimits()
    return FetchLimits(
        longest_pause_in_hand=fetcher.longest_crawl_delay if has_time else own.longest_pause_in_hand,
        min_delay=fetcher.min_delay,
        longest_crawl_delay=fetcher.longest_crawl_delay,
        longest_retry_after=fetcher.longest_retry_after,
        max_redirects=fetcher.max_redirects,
        max_parts=fetcher.max_parts,
        obeys_robots=fetcher.obeys_robots,
    )
