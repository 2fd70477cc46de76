"""Wiring of the feeder: settings in, a worker with one stage, the poller and the keeper of its account out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from coranto.client import AsyncClient
from coranto.records import DiscoveredArticle, Submission
from coranto.sources.registry import Feed, FeedRegistry
from coranto.topology import FEEDER
from coranto.worker.stage import RetryPolicy, Stage
from coranto_feeder.account import AccountKeeper, SqliteAccount
from coranto_feeder.polling import Poller
from coranto_feeder.probe import WebProbe
from coranto_feeder.reasons import REASONS, SYSTEMIC
from coranto_feeder.seen import ProcessSeen, RedisSeen
from coranto_feeder.settings import Settings
from coranto_feeder.stage import discover

if TYPE_CHECKING:
    from coranto.worker.app import Worker

RETRY = RetryPolicy(attempts=6, first_delay=timedelta(seconds=2), longest_delay=timedelta(minutes=10))


class _UnpolledFeeds:
    """Takes feeds and lets them be: for a process that works alone."""

    async def add(self, feed: Feed, *, polls_again: bool = False) -> bool:  # noqa: ARG002 - nobody polls it
        """Register nothing."""
        return True


def create_stage(settings: Settings | None = None) -> Stage[Submission, DiscoveredArticle]:
    """The stage that takes submissions in, working alone: without Redis, account and polling."""
    settings = settings or Settings()
    web = settings.feeder.to_client(settings.feeder.web_limits())
    reader = settings.feeder.to_reader()

    async def stop() -> None:
        await web.close()
        await reader.stop()

    return Stage(
        FEEDER,
        handle=partial(
            discover,
            seen=ProcessSeen(),
            probe=WebProbe(web, reader),
            feeds=_UnpolledFeeds(),
            folds_variants=settings.feeder.folds_variants,
        ),
        reasons=REASONS,
        retry=RETRY,
        concurrency=settings.feeder.concurrency,
        systemic=SYSTEMIC,
        stop=stop,
    )


def create(settings: Settings | None = None) -> Worker:
    """The feeder as a worker, ready to run."""
    from coranto.streams.connection import connect
    from coranto.worker.app import Worker  # here, so that `coranto try` and tests need no broker

    settings = settings or Settings()
    feeder, pipeline = settings.feeder, settings.pipeline.to_topology()
    redis = connect(settings.redis.url.get_secret_value())
    client = AsyncClient(redis, pipeline)
    web = feeder.to_client(feeder.web_limits())
    reader = feeder.to_reader()
    registry = FeedRegistry(redis, pipeline.all_keys()[0])
    account = SqliteAccount(feeder.data / "account.sqlite")

    async def submit(submissions: Sequence[Submission]) -> None:
        # Noted first: what Redis loses before it is read must be in the account.
        await account.note(submissions)
        await client.submit(submissions)

    async def stop() -> None:
        await web.close()
        await reader.stop()
        await account.close()
        await redis.aclose()

    stage: Stage[Submission, DiscoveredArticle] = Stage(
        FEEDER,
        handle=partial(
            discover,
            seen=RedisSeen(redis, pipeline, window=feeder.seen_window),
            probe=WebProbe(web, reader),
            feeds=registry,
            account=account,
            folds_variants=feeder.folds_variants,
        ),
        reasons=REASONS,
        retry=RETRY,
        concurrency=feeder.concurrency,
        deadline=feeder.total_time + timedelta(seconds=30),
        systemic=SYSTEMIC,
        start=account.open,
        stop=stop,
    )
    keeper = AccountKeeper(account, registry, redis, client.submit, pipeline)
    poller = Poller(registry, web, reader, submit, feeder)
    return Worker(settings, stages=[stage], tasks=[keeper.run, *([poller.run] if feeder.polls else [])])
