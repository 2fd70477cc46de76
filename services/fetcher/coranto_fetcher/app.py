"""Wiring of the fetcher: settings in, a worker with one stage out."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from coranto.frontier import HostLeases, InProcessHostLeases, RedisHostLeases
from coranto.http.robots.cache import RobotsCache
from coranto.pages import FilePageStore
from coranto.records import DiscoveredArticle, FetchedArticle
from coranto.topology import FETCHER
from coranto.worker.stage import RetryPolicy, Stage
from coranto_fetcher.page_fetch import queue_of
from coranto_fetcher.reasons import REASONS, SYSTEMIC
from coranto_fetcher.rights.tdm_reservation import TdmCache
from coranto_fetcher.settings import Settings
from coranto_fetcher.stage import fetch
from coranto_fetcher.visits.progress import NoProgressStore, RedisProgressStore
from coranto_fetcher.visits.unpublished import NothingSeen, RedisSeenArticles
from coranto_fetcher.visits.validators import NoValidators, RedisValidators

if TYPE_CHECKING:
    from coranto.worker.app import Worker

RETRY = RetryPolicy(attempts=6, first_delay=timedelta(seconds=4), longest_delay=timedelta(hours=1))
"""For what is ours to blame, such as a full page store. A host's trouble is waited for by age, `host_patience`."""


def create_stage(
    settings: Settings | None = None, *, redis: Redis | None = None
) -> Stage[DiscoveredArticle, FetchedArticle]:
    """The stage that fetches pages. Without Redis it works alone and waits in place until a host may be asked."""
    settings = settings or Settings()
    fetcher, pipeline = settings.fetcher, settings.pipeline.to_topology()
    hosts: HostLeases = InProcessHostLeases() if redis is None else RedisHostLeases(redis, prefix=pipeline.prefix)
    web = fetcher.to_archiving_client()
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
            hosts=hosts,
            policy=fetcher.to_policy(),
            pages=FilePageStore(settings.pages.path),
            reader=reader,
            settings=fetcher,
            tdm=TdmCache(web) if "tdm" in fetcher.obey_rights else None,
            validators=NoValidators() if redis is None else RedisValidators(redis, pipeline),
            progress_store=NoProgressStore() if redis is None else RedisProgressStore(redis, pipeline),
            seen=NothingSeen() if redis is None else RedisSeenArticles(redis, pipeline),
        ),
        reasons=REASONS,
        retry=RETRY,
        concurrency=fetcher.concurrency,
        deadline=fetcher.page_deadline,
        queue_of=queue_of,
        rest_of=hosts.known_rest,
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
