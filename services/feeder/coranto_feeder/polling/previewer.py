"""Looks at sources for those who ask what they would bring, such as the gateway's page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError
from redis.exceptions import RedisError

from coranto.frontier import HostLeases
from coranto.http.robots.cache import RobotsSource
from coranto.sources.previews import MOST_SHOWN, Preview, PreviewDesk, PreviewedEntry
from coranto.urls import UnsupportedUrlError
from coranto.worker.log import get_logger, without_query
from coranto.worker.notices import describe
from coranto_feeder.polling.poller import FEED_FAILED
from coranto_feeder.polling.single_poll import FeedReport, poll_once
from coranto_feeder.settings import Settings
from coranto_feeder.sources import Entry

_AT_MOST_SECONDS: Final = 25.0
_DAY_SECONDS: Final = 86_400.0


class Previewer:
    """Answers requests one by one."""

    def __init__(self, desk: PreviewDesk, settings: Settings, hosts: HostLeases, robots: RobotsSource) -> None:
        """`hosts` and `robots` are those of the feeder's polls: to a host, a look at its feed is one more request."""
        self._desk = desk
        self._settings = settings
        self._hosts = hosts
        self._robots = robots
        self._log = get_logger(service="feeder")

    async def run(self) -> None:
        """Answer requests. Never returns."""
        while True:
            try:
                request = await self._desk.take()
                if request is not None:
                    await self._desk.answer(request, await self._look_at(request.url))
            except ValidationError:
                continue  # of another version, or no request
            except (RedisError, OSError):
                await asyncio.sleep(1)

    async def _look_at(self, url: str) -> Preview:
        try:
            async with asyncio.timeout(_AT_MOST_SECONDS):
                return to_preview(await poll_once(url, self._settings, hosts=self._hosts, robots=self._robots))
        except UnsupportedUrlError as error:
            return Preview(url=url, outcome="dropped", reason="unsupported_url", detail=str(error))
        except TimeoutError:
            told = f"it was not read within {_AT_MOST_SECONDS:.0f} s"
            return Preview(url=url, outcome="retry", reason="timeout", detail=told)
        except Exception as error:  # noqa: BLE001 - logged with its traceback, and told to whoever asked
            # A bug of ours that one source triggers must not end the feeder.
            self._log.exception(FEED_FAILED, feed=without_query(url))
            return Preview(url=url, outcome="retry", reason="error", detail=describe(error))


def to_preview(report: FeedReport) -> Preview:
    """The report as others see it."""
    parsed = report.parsed
    entries = () if parsed is None else parsed.entries
    return Preview(
        url=report.url,
        outcome=report.outcome,
        reason=report.feed.last_outcome,
        detail=report.detail,
        kind=None if parsed is None else parsed.kind.value,
        title=None if parsed is None else parsed.title,
        count=len(entries),
        per_day=_per_day(entries),
        entries=[
            PreviewedEntry(url=entry.url, title=entry.title, at=entry.published or entry.updated)
            for entry in entries[:MOST_SHOWN]
        ],
        named=list(report.feeds[:MOST_SHOWN]),
        warnings=report.warnings,
    )


def _per_day(entries: Sequence[Entry]) -> float | None:
    """Entries a day, between the oldest that is listed and now."""
    times = [time for entry in entries if (time := entry.published or entry.updated) is not None]
    if not times:
        return None
    days = (datetime.now(UTC) - min(times)).total_seconds() / _DAY_SECONDS
    return round(len(times) / days, 2) if days > 0 else None
