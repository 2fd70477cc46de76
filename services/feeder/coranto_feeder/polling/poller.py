"""Polls the feeds that are due, each when it is its host's turn.

`poll` does one; here is the choice of the next. A slot is taken by a feed whose host may be asked now, and by no other, so
that a slow host holds up its own feeds only. A feed that fails is tried again, more and more rarely, and never given up.
Replicas share the feeds through leases in the registry, and the hosts through those of `coranto.frontier`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from redis.exceptions import RedisError

from coranto.frontier import HostLease, host_key
from coranto.sources.kinds import SourceKind
from coranto.sources.registry import Feed, FeedRegistry
from coranto.streams.tasks import end
from coranto.urls import UnsupportedUrlError, parse
from coranto.worker.log import get_logger, without_query
from coranto.worker.notices import describe
from coranto_feeder.feed_metrics import FeedMetrics
from coranto_feeder.polite_client import HostBusyError, PoliteClient
from coranto_feeder.polling.conditional_get import PollFailedError
from coranto_feeder.polling.poll import FeedReader, PollResult
from coranto_feeder.settings import FeederSettings
from coranto_feeder.websub.subscriptions import Subscriber

FEED_POLLED: Final = "feed.polled"
FEED_FAILED: Final = "feed.failed"
STORAGE_FAILED: Final = "feed.storage_failed"

_LEASE: Final = timedelta(minutes=6)
"""Longer than any poll takes, its redirects and its reading included."""
_LOOKED_AT: Final = 200
_STORAGE_PAUSE: Final = timedelta(seconds=30)
_COUNT_FEEDS_EVERY: Final = 240


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Poller:
    """Polls what is due, for as long as it runs."""

    _TICK = timedelta(seconds=0.25)
    """Longest time between two looks for what is due, and least between two polls of a host that asks for no pause."""

    def __init__(
        self,
        registry: FeedRegistry,
        reader: FeedReader,
        client: PoliteClient,
        settings: FeederSettings,
        *,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._registry = registry
        self._reader = reader
        self._client = client
        self._settings = settings
        self.metrics: FeedMetrics | None = None
        self.subscriber: Subscriber | None = None
        self._now = now
        self._hosts: set[str] = set()
        """Hosts that a poll of ours is under way to."""
        self._resumes_at = datetime.min.replace(tzinfo=UTC)
        self._log = get_logger(service="feeder")

    async def run(self) -> None:
        """Poll until cancelled."""
        polling: set[asyncio.Task[None]] = set()
        ticks = 0
        try:
            while True:
                if self.metrics is not None and ticks % _COUNT_FEEDS_EVERY == 0:
                    self.metrics.show(await self._registry.all(), now=self._now())
                ticks += 1
                started = await self._start(self._settings.poll_concurrency - len(polling))
                polling |= started
                tick = self._TICK.total_seconds()
                done, polling = (
                    await asyncio.wait(polling, timeout=tick, return_when=asyncio.FIRST_COMPLETED)
                    if polling
                    else (set(), polling)
                )
                if not polling and not done:
                    await asyncio.sleep(tick)
                for task in done:
                    task.result()
        finally:
            await end(polling)

    async def _start(self, free: int) -> set[asyncio.Task[None]]:
        """Begin polls of feeds that are due and whose host may be asked now, at most so many."""
        now = self._now()
        started: set[asyncio.Task[None]] = set()
        if free <= 0 or now < self._resumes_at:
            return started
        waits: dict[str, timedelta] = {}
        later: dict[str, datetime] = {}
        for feed in await self._registry.find_due(now, limit=_LOOKED_AT):
            if len(started) >= free:
                break
            try:
                host = host_key(parse(feed.url))
            except UnsupportedUrlError:
                await self._registry.remove(feed.url)
                continue
            if host not in waits and host not in self._hosts:
                wait = await self._try_to_start(feed, host, started, now)
                if wait is None:
                    continue
                waits[host] = max(wait, self._TICK)
            else:
                # Behind the others of its host, and out of the way of feeds of other hosts.
                waits[host] = waits.get(host, timedelta()) + max(self._client.delay_for(host), self._TICK)
            later[feed.id] = now + waits[host]
        await self._registry.postpone(later)
        return started

    async def _try_to_start(
        self, feed: Feed, host: str, started: set[asyncio.Task[None]], now: datetime
    ) -> timedelta | None:
        """Begin the poll if its host may be asked; else how long that is still to come."""
        try:
            lease = await self._client.acquire(feed.url, f"feed:{feed.id}")
        except HostBusyError as busy:
            return busy.retry_after
        if not await self._registry.lease(feed, now, now + _LEASE):
            await self._client.give_back(lease)  # another replica was quicker
            return None
        self._hosts.add(host)
        started.add(asyncio.create_task(self._poll_leased(feed, host, lease)))
        return None

    async def _poll_leased(self, feed: Feed, host: str, lease: HostLease) -> None:
        try:
            await self.poll(feed, lease)
        finally:
            self._hosts.discard(host)

    async def poll(self, feed: Feed, lease: HostLease | None = None) -> PollResult | None:
        """Poll one feed and keep what came of it; None when that was not possible, through no fault of the feed's."""
        now = self._now()
        try:
            result = await self._reader.poll(feed, lease, now=now)
            await self._keep(feed, result)
        except HostBusyError as busy:
            await self._registry.release(feed, now + busy.retry_after)
            self._count("host_busy")
            return None
        except (RedisError, ConnectionError):
            raise
        except (sqlite3.Error, OSError) as error:
            # Our disk is full, or locked: no feed is the worse for it, and none need be asked before that is over.
            self._log.warning(STORAGE_FAILED, feed=without_query(feed.url), error=f"{type(error).__name__}: {error}")
            self._resumes_at = now + _STORAGE_PAUSE
            await self._registry.release(feed, self._resumes_at)
            return None
        except Exception as error:  # noqa: BLE001 - logged with its traceback, and kept in the feed's history
            # A bug of ours that one feed triggers must not end the polling of the others.
            self._log.exception(FEED_FAILED, feed=without_query(feed.url))
            result = self._reader.failed(feed, PollFailedError("error", describe(error)), now)
            await self._keep(feed, result)
        self._tell(result, now)
        return result

    async def _keep(self, feed: Feed, result: PollResult) -> None:
        for url in result.retired:
            await self._registry.remove(url)
        for named in result.named:
            await self._registry.add(named)
        if result.feed.kind is SourceKind.UNKNOWN and result.named:
            await self._registry.remove(feed.url)  # a page that named its feeds; they are polled in its place
        else:
            await self._registry.save(result.feed, result.due_at)
            if self.subscriber is not None:
                await self.subscriber.note(result.feed)

    def _tell(self, result: PollResult, now: datetime) -> None:
        feed = result.feed
        tell = self._log.warning if feed.last_warning and not feed.failures else self._log.info
        tell(
            FEED_FAILED if feed.failures else FEED_POLLED,
            feed=without_query(feed.url),
            outcome=feed.last_outcome,
            submitted=result.submitted,
            failures=feed.failures,
            next_seconds=round((result.due_at - now).total_seconds()),
        )
        if self.metrics is not None:
            self._count(feed.last_outcome or "unchanged")
            for lag in result.lags:
                self.metrics.lag.observe(lag)
            if result.is_gap:
                self.metrics.gaps.inc()

    def _count(self, outcome: str) -> None:
        if self.metrics is not None:
            self.metrics.count(outcome)
