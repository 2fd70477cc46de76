"""Fetches one page for somebody who wants to see what comes of it: the fetcher's own handler, without Redis and page store.

`coranto fetch` prints the reports.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, Self

from coranto.frontier import InProcessHostLeases, host_key
from coranto.http.recording import Hop, RecordingClient
from coranto.http.robots.cache import RobotsCache
from coranto.pages import MissingPageError
from coranto.process_pool import OverdueError, ProcessLostError
from coranto.records import DiscoveredArticle, Discovery, Fetch, PageRef, article_id
from coranto.urls import UnsupportedUrlError, key_of, parse
from coranto.worker.stage import Invalid, StageSignal, Transient, Unwanted
from coranto_fetcher.reasons import REASONS
from coranto_fetcher.rights.tdm_reservation import TdmCache
from coranto_fetcher.settings import FetcherSettings
from coranto_fetcher.stage import fetch

Outcome = Literal["ok", "unchanged", "retry", "dropped", "blocked", "denied"]

_OUTCOMES: Final[dict[str, Outcome]] = {
    "not_modified": "unchanged",
    # Our own rules
    "private_address": "blocked",
    "port_not_allowed": "blocked",
    "no_contact": "blocked",
    # The site's wishes
    "robots_disallowed": "denied",
    "rights_reserved": "denied",
}
_ROBOTS_DECISIONS: Final = {"robots_disallowed": "disallowed", "robots_unreachable": "unreachable"}
_LONGEST_SHOWN: Final = 2000


@dataclass(slots=True)
class FetchReport:
    """What came of one fetch."""

    url: str
    outcome: Outcome
    reason: str | None = None
    detail: str | None = None
    retry_after_seconds: float | None = None
    hops: list[Hop] = field(default_factory=list)
    """All requests but those for robots.txt."""
    robots: str = "not asked"
    """What robots.txt says: allowed, disallowed, unreachable, or that it was not asked."""
    elapsed_ms: int = 0
    """The whole time, waiting for the host's turn included."""
    fetch: Fetch | None = None
    title: str | None = None
    charset: str | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def final_url(self) -> str | None:
        """Address of the last request, or of the page; None when nothing was asked."""
        if self.fetch is not None:
            return self.fetch.final_url
        return self.hops[-1].url if self.hops else None

    @property
    def status(self) -> int | None:
        """Status of the last response; None when there was none."""
        if self.fetch is not None:
            return self.fetch.status
        return self.hops[-1].status if self.hops else None

    @property
    def body_bytes(self) -> int | None:
        """Size of the page once it is unpacked; None when there is none."""
        return None if self.fetch is None else self.fetch.page.size_bytes

    def as_line(self) -> dict[str, Any]:
        """The report in short, for JSON lines."""
        return {
            "url": self.url,
            "outcome": self.outcome,
            "reason": self.reason,
            "status": self.status,
            "final_url": self.final_url,
            "charset": self.charset,
            "bytes": self.body_bytes,
            "title": self.title,
            "warnings": self.warnings,
        }

    def as_document(self) -> dict[str, Any]:
        """All of the report, for JSON."""
        fetched = self.fetch
        return self.as_line() | {
            "meaning": None if self.reason is None else REASONS.get(self.reason),
            "detail": self.detail,
            "retry_after_seconds": self.retry_after_seconds,
            "hops": [hop.as_document() for hop in self.hops],
            "robots": self.robots,
            "content_type": None if fetched is None else fetched.content_type,
            "stated_charset": None if fetched is None else fetched.charset,
            "rights": [] if fetched is None else list(fetched.rights),
            "further_pages": [] if fetched is None else [part.url for part in fetched.parts],
            "elapsed_ms": self.elapsed_ms,
        }


class SingleFetcher:
    """Fetches pages one by one, with everything that the fetcher does. Close it, or use it as an async context manager."""

    def __init__(self, settings: FetcherSettings) -> None:
        self._settings = settings
        self._web = settings.to_archiving_client()
        self._reader = settings.to_reader()
        self._robots = RobotsCache(None, self._web, agent=settings.robots_agent)
        self._tdm = TdmCache(self._web) if "tdm" in settings.obey_rights else None
        self._leases = InProcessHostLeases()
        self._policy = settings.to_policy()
        # Whoever waits for a host waits here, and takes no slot from a page of another host.
        self._hosts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._slots = asyncio.Semaphore(settings.concurrency)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._web.close()
        await self._reader.stop()

    async def fetch(self, url: str) -> FetchReport:
        """What comes of fetching this address. Raises nothing that an address or a site could cause."""
        shown = url[:_LONGEST_SHOWN]
        try:
            address = parse(url)
            if address.scheme == "file":
                raise UnsupportedUrlError(f"expected an http or https address, got {shown[:100]!r}")
            key = key_of(url)
        except UnsupportedUrlError as error:
            return FetchReport(shown, "dropped", "unsupported_url", str(error))
        discovery = Discovery(
            url=str(address).partition("#")[0],
            submission="fetch",
            source="fetch",
            discovered_via="submit",
            discovered_at=datetime.now(UTC),
        )
        article = DiscoveredArticle(id=article_id(key), key=key, url=discovery.url, discovery=discovery)
        async with self._hosts[host_key(address)], self._slots:
            return await self._fetch(article, shown)

    async def _fetch(self, article: DiscoveredArticle, shown: str) -> FetchReport:
        web, page = RecordingClient(self._web), _PageInMemory()
        started = time.monotonic()
        report = FetchReport(shown, "ok")
        try:
            async with asyncio.timeout(self._settings.page_deadline.total_seconds()):
                fetched = await fetch(
                    article,
                    web=web,
                    robots=self._robots,
                    hosts=self._leases,
                    policy=self._policy,
                    pages=page,
                    reader=self._reader,
                    settings=self._settings,
                    tdm=self._tdm,
                )
            report.fetch = fetched.fetch
        except StageSignal as signal:
            report.outcome, report.reason, report.detail = _outcome(signal), signal.reason, signal.detail
            if isinstance(signal, Transient) and signal.retry_after is not None:
                report.retry_after_seconds = round(signal.retry_after.total_seconds(), 3)
        except TimeoutError:
            report.outcome, report.reason = "retry", "timeout"
            report.detail = f"not done after {self._settings.page_deadline.total_seconds():g} s"
        report.hops, report.warnings = web.hops, list(dict.fromkeys(web.notes))
        report.elapsed_ms = round((time.monotonic() - started) * 1000)
        if self._settings.obey_robots and (web.hops or report.reason in _ROBOTS_DECISIONS):
            report.robots = _ROBOTS_DECISIONS.get(report.reason or "", "allowed")
        if report.fetch is not None:
            await self._describe(report, page.body)
        return report

    async def _describe(self, report: FetchReport, body: bytes) -> None:
        assert report.fetch is not None  # noqa: S101 - for the type checker: the caller has looked
        stated = report.fetch.charset
        try:
            description = await self._reader.describe(body, stated_charset=stated)
        except (OverdueError, ProcessLostError) as error:
            report.warnings.append(f"the page's title could not be read: {error}")
            return
        report.title, report.charset = description.title, description.charset
        if stated is not None and not description.is_what_is_stated(stated):
            report.warnings.append(f"the page says that it is {stated}, and is read as {description.charset}")


def _outcome(signal: StageSignal) -> Outcome:
    if isinstance(signal, Transient):
        return "retry"
    if isinstance(signal, Unwanted | Invalid):
        return _OUTCOMES.get(signal.reason, "dropped")
    return "dropped"


class _PageInMemory:
    """A page store for one article, of which the first page is looked at and the others are not kept."""

    def __init__(self) -> None:
        self.body = b""

    async def put(self, page: bytes) -> PageRef:
        """Keep the first page."""
        self.body = self.body or page
        return PageRef(sha256=hashlib.sha256(page).hexdigest(), size_bytes=len(page))

    async def get(self, ref: PageRef, *, max_bytes: int | None = None) -> bytes:  # noqa: ARG002 - nothing is kept for long
        """Nothing can be got back."""
        raise MissingPageError(ref.sha256)
