"""Wiring of the feeder: settings in; a worker with one stage, the poller, the recovery and the schedule of revisits out."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from coranto.client import AsyncClient, TooMuchWaitingError
from coranto.domains import registered_domain
from coranto.frontier import InProcessHostLeases, RedisHostLeases
from coranto.records import DiscoveredArticle, Submission
from coranto.sources.previews import PreviewDesk
from coranto.sources.registry import Feed, FeedRegistry
from coranto.topology import FEEDER
from coranto.worker.stage import RetryPolicy, Stage
from coranto_feeder.deduplication import InMemoryDeduplicator, RedisDeduplicator
from coranto_feeder.polling.probe import WebProbe
from coranto_feeder.reasons import REASONS, SYSTEMIC
from coranto_feeder.settings import Settings
from coranto_feeder.stage import discover
from coranto_feeder.submission_journal import SqliteJournal

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from coranto.worker.app import Worker
    from coranto_feeder.polite_client import PoliteClient
    from coranto_feeder.websub.callback import CallbackServer
    from coranto_feeder.websub.subscriptions import Subscriber

RETRY = RetryPolicy(attempts=6, first_delay=timedelta(seconds=2), longest_delay=timedelta(minutes=10))


class _UnpolledFeeds:
    """Accepts feeds and polls none: for a process that works alone."""

    async def add(self, feed: Feed, *, polls_again: bool = False) -> bool:  # noqa: ARG002 - nobody polls it
        """Register nothing."""
        return True


def create_stage(settings: Settings | None = None) -> Stage[Submission, DiscoveredArticle]:
    """The stage that takes submissions in, working alone: without Redis, journal and polling."""
    settings = settings or Settings()
    web = settings.to_web_client()
    parser = settings.feeder.to_parser()

    async def stop() -> None:
        await web.close()
        await parser.stop()

    return Stage(
        FEEDER,
        handle=partial(
            discover,
            deduplicator=InMemoryDeduplicator(),
            probe=WebProbe(settings.to_polite_client(web, InProcessHostLeases()), parser),
            feeds=_UnpolledFeeds(),
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

    # Here, so that `coranto try` and tests need no broker, no poller and no web server.
    from coranto.worker.app import Worker
    from coranto_feeder.feed_metrics import FeedMetrics
    from coranto_feeder.polling.feed_document import remove_left
    from coranto_feeder.polling.poll import FeedReader
    from coranto_feeder.polling.poller import Poller
    from coranto_feeder.polling.previewer import Previewer
    from coranto_feeder.polling.room import RoomWatch
    from coranto_feeder.recovery import JournalRecovery
    from coranto_feeder.refetch import RefetchSchedule

    settings = settings or Settings()
    feeder, pipeline = settings.feeder, settings.pipeline.to_topology()
    redis = connect(settings.redis.url.get_secret_value())
    client = AsyncClient(redis, pipeline)
    web = settings.to_web_client()
    parser = feeder.to_parser()
    hosts = RedisHostLeases(redis, prefix=pipeline.prefix)
    polite = settings.to_polite_client(web, hosts, redis=redis, prefix=pipeline.prefix)
    deduplicator = RedisDeduplicator(redis, pipeline, window=feeder.dedup_window)
    registry = FeedRegistry(redis, pipeline.all_keys()[0])
    journal = SqliteJournal(feeder.data / "account.sqlite")

    async def submit(submissions: Sequence[Submission]) -> None:
        # The journal first: what Redis loses before it is read must be in it.
        await journal.append(submissions)
        try:
            await client.submit(submissions)
        except TooMuchWaitingError as error:
            # Whoever found them has them still.
            await journal.complete(one.id for one in error.refused)
            raise

    async def start() -> None:
        # Reading the list of public suffixes takes a third of a second, which the event loop does not have.
        await asyncio.to_thread(registered_domain, "www.example.org")
        await journal.open()
        await asyncio.to_thread(remove_left, incoming)

    async def stop() -> None:
        await web.close()
        await parser.stop()
        with suppress(RedisError, OSError, sqlite3.Error):  # then what is in doubt is submitted again at the next start
            await recovery.leave_mark()
        await journal.close()
        await redis.aclose()

    stage: Stage[Submission, DiscoveredArticle] = Stage(
        FEEDER,
        handle=partial(
            discover,
            deduplicator=deduplicator,
            probe=WebProbe(polite, parser),
            feeds=registry,
            journal=journal,
        ),
        reasons=REASONS,
        retry=RETRY,
        concurrency=feeder.concurrency,
        deadline=feeder.total_timeout + timedelta(seconds=30),
        systemic=SYSTEMIC,
        start=start,
        stop=stop,
    )
    refetches = (
        RefetchSchedule(
            redis, pipeline, submit, after=feeder.refetch_after, limit=feeder.refetch_limit, registry=registry
        )
        if feeder.refetch_after
        else None
    )
    recovery = JournalRecovery(journal, registry, deduplicator, redis, client.submit, pipeline, refetches)
    incoming = feeder.data / "incoming"
    reader = FeedReader(registry, polite, parser, submit, feeder, journal, folder=incoming)
    poller = Poller(registry, reader, polite, feeder)
    websub = _websub(settings, redis, registry, polite)
    robots = settings.to_robots(web, redis=redis, prefix=pipeline.prefix)
    previewer = Previewer(PreviewDesk(redis, pipeline.all_keys()[0]), settings, hosts, robots)
    tasks = [
        recovery.run,
        *([poller.run, previewer.run, RoomWatch(registry, client.find_room).run] if feeder.polls else []),
        *([refetches.run] if refetches else []),
    ]
    if websub is not None:
        poller.subscriber, callbacks = websub
        tasks += [poller.subscriber.run, callbacks.run]
    worker = Worker(settings, stages=[stage], tasks=tasks)
    poller.metrics = FeedMetrics(worker.metrics.registry)
    if websub is not None:
        callbacks.metrics = poller.metrics
    if refetches is not None:
        refetches.metrics = poller.metrics
    return worker


def _websub(
    settings: Settings, redis: Redis, registry: FeedRegistry, client: PoliteClient
) -> tuple[Subscriber, CallbackServer] | None:
    """What subscribes to hubs, and what they talk to; None where they could not reach us."""
    feeder = settings.feeder
    if feeder.websub_callback_url is None or not feeder.polls:
        return None
    from coranto_feeder.websub.callback import CallbackServer
    from coranto_feeder.websub.subscriptions import Subscriber, Subscriptions

    subscriber = Subscriber(
        Subscriptions(redis, settings.pipeline.to_topology().all_keys()[0]),
        registry,
        client,
        callback_url=feeder.websub_callback_url,
        lease=feeder.websub_lease,
        limits=feeder.web_limits(),
    )
    callbacks = CallbackServer(
        subscriber, host=feeder.websub_host, port=feeder.websub_port, max_body_bytes=feeder.max_feed_bytes
    )
    return subscriber, callbacks
