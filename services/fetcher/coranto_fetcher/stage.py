"""Gets the page of a discovered article, or says why there is none.

One request at a time, each with its host's turn, each allowed by robots.txt, each redirect a request of its own. What the
web may do in between is the web client's business; how turns are shared is the budget's.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from multidict import CIMultiDictProxy
from redis.exceptions import RedisError

from coranto.pages import PageStore
from coranto.records import DiscoveredArticle, Fetch, FetchedArticle, SavedPage
from coranto.urls import Address, UnsupportedUrlError, parse
from coranto.web import (
    BodyTooLargeError,
    BrokenResponseError,
    CertificateError,
    ConnectFailedError,
    DecompressionBombError,
    HeadersTooLargeError,
    NameNotResolvedError,
    PrivateAddressError,
    ProxyError,
    TimedOutError,
    TlsError,
    UndecodableBodyError,
    WebClient,
    WebError,
    WebResponse,
)
from coranto.worker.stage import Invalid, StageSignal, Transient, Unwanted
from coranto_fetcher.budget import Answer, Budget, Busy, Down, Turn
from coranto_fetcher.challenge import find_challenge
from coranto_fetcher.journeys import Journey, Journeys, NoJourneys
from coranto_fetcher.robots import RobotsRules, RobotsSource, RobotsUnreachableError
from coranto_fetcher.signals import kept_headers, rights_signals, stated_charset
from coranto_fetcher.validators import NoValidators, Validators, Visit

ADMITTED_TYPES: Final = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml", "text/plain"})
"""Media types that can hold an article."""

_UNTOLD_TYPES: Final = frozenset({None, "application/octet-stream", "unknown/unknown", "application/unknown"})


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds on the way to one page."""

    min_delay: timedelta = timedelta(seconds=1)
    longest_crawl_delay: timedelta = timedelta(seconds=60)
    longest_retry_after: timedelta = timedelta(hours=1)
    max_redirects: int = 10
    obeys_robots: bool = True
    longest_pause_in_hand: timedelta = timedelta(seconds=1.5)
    """A pause between two requests for one article is waited out up to this; beyond it the message gives up its slot."""
    longest_wait_in_hand: timedelta = timedelta(milliseconds=250)
    """A turn that comes within this is waited for, once: sending the message back would take about as long."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def fetch(
    article: DiscoveredArticle,
    *,
    web: WebClient,
    robots: RobotsSource,
    budget: Budget,
    pages: PageStore,
    validators: Validators | None = None,
    journeys: Journeys | None = None,
    limits: FetchLimits | None = None,
    now: Callable[[], datetime] = _utc_now,
) -> FetchedArticle:
    """The article with its page in the page store, or the reason why there is none. Safe to run twice."""
    discovery = article.discovery
    if discovery.saved is not None:
        return article.with_fetch(_from_saved(discovery.url, discovery.saved, now()))
    validators = validators if validators is not None else NoValidators()
    journeys = journeys if journeys is not None else NoJourneys()
    way = _Way(article, web, robots, budget, limits if limits is not None else FetchLimits())
    try:
        journey = await journeys.find(article) or Journey(discovery.url)
        earlier = await validators.find(article) if discovery.is_revisit else None
        try:
            response, journey = await way.follow(journey, earlier)
        except _InterruptedError as interrupted:
            if interrupted.journey.hops and isinstance(interrupted.signal, Transient):
                await journeys.keep(article, interrupted.journey)
            raise interrupted.signal from interrupted
        section = await _section(response, journey, way, pages, now())
        visit = Visit(section.final_url, discovery.submission, section.etag, section.last_modified)
        await validators.keep(article, visit)
    except (RedisError, ConnectionError) as error:
        raise Transient(
            "budget_unavailable", retry_after=timedelta(seconds=2), spends_attempt=False, detail=str(error)
        ) from error
    return article.with_fetch(section)


class _InterruptedError(Exception):
    """The way ended before the page, with the signal to raise and the place to go on from."""

    def __init__(self, signal: StageSignal, journey: Journey) -> None:
        super().__init__(str(signal))
        self.signal = signal
        self.journey = journey


class _Way:
    """The way of one message from its address to its page: requests, turns and pauses."""

    def __init__(
        self, article: DiscoveredArticle, web: WebClient, robots: RobotsSource, budget: Budget, limits: FetchLimits
    ) -> None:
        self._ticket = article.message_id
        self._is_backlog = article.discovery.priority == "backlog"
        self._web = web
        self._robots = robots
        self._budget = budget
        self._limits = limits
        self._turn: Turn | None = None
        self._has_asked = False
        self.rules: RobotsRules | None = None
        self.elapsed_ms = 0

    async def follow(self, journey: Journey, earlier: Visit | None) -> tuple[WebResponse, Journey]:
        """The response that is no redirect, and the hops that led to it. Raises _InterruptedError."""
        asked = {hop.url for hop in journey.hops}
        try:
            while True:
                response = await self._request(journey.url, earlier)
                target = _target_of(response)
                if target is None:
                    await self._end(_judge(response, is_conditional=earlier is not None, limits=self._limits))
                    return response, journey
                asked.add(journey.url)
                journey = journey.after(response.status, target)
                if len(journey.hops) > self._limits.max_redirects:
                    raise Unwanted(
                        "too_many_redirects", detail=f"{len(journey.hops)} redirects, the last to {target[:200]}"
                    )
                if target in asked:
                    raise Unwanted("redirect_loop", detail=target[:200])
        except StageSignal as signal:
            raise _InterruptedError(signal, journey) from signal
        finally:
            if self._turn is not None:  # an error on the way, or the deadline
                await self._give_back(Answer.FINE)

    async def _request(self, url: str, earlier: Visit | None) -> WebResponse:
        address = _address(url)
        if self._turn is not None and self._turn.host != address.authority:
            await self._give_back(Answer.FINE)
            self.rules = None
        self.rules = await self._find_rules(address)
        if self.rules is not None and not self.rules.allows(url):
            raise Unwanted("robots_disallowed", detail=address.authority)
        await self._take_turn(address.authority)
        condition = earlier.condition() if earlier is not None and earlier.url == url else {}
        try:
            response = await self._web.get(url, headers=condition, wants_body=_wants_body)
        except WebError as error:
            raise await self._failed(error) from error
        self._has_asked = True
        self.elapsed_ms += response.elapsed_ms
        return response

    async def _find_rules(self, address: Address) -> RobotsRules | None:
        """What robots.txt says; got over the network, in the host's turn, where nobody knows it yet."""
        if not self._limits.obeys_robots:
            return None
        try:
            rules = await self._robots.find(address.origin)
            if rules is None:
                await self._take_turn(address.authority)
                rules = await self._robots.get(address.origin)
                self._has_asked = True
        except RobotsUnreachableError as error:
            if self._turn is not None:
                await self._give_back(Answer.FAILING)
            raise Transient("robots_unreachable", retry_after=error.retry_after, detail=str(error)) from error
        except WebError as error:
            raise await self._failed(error) from error
        return rules

    async def _take_turn(self, host: str) -> None:
        """Have the host's turn, with the pause since the last request kept."""
        delay = self._delay()
        if self._turn is not None:
            if self._has_asked:
                await self._pause(self._turn, delay)
            return
        answer = await self._budget.take(host, self._ticket, delay=delay, is_backlog=self._is_backlog)
        if isinstance(answer, Busy) and answer.retry_after <= self._limits.longest_wait_in_hand:
            await asyncio.sleep(answer.retry_after.total_seconds())
            answer = await self._budget.take(host, self._ticket, delay=delay, is_backlog=self._is_backlog)
        match answer:
            case Busy(retry_after=wait):
                raise Transient("host_busy", retry_after=wait, spends_attempt=False, detail=host)
            case Down(retry_after=wait):
                raise Transient("host_down", retry_after=wait, detail=host)
            case Turn():
                self._turn = answer
                self._has_asked = False

    async def _pause(self, turn: Turn, delay: timedelta) -> None:
        if delay > self._limits.longest_pause_in_hand:
            self._turn = Turn(turn.host, turn.ticket, turn.token, delay)
            wait = await self._give_back(Answer.FINE, keeps_place=True)
            raise Transient("host_busy", retry_after=wait, spends_attempt=False, detail=turn.host)
        await asyncio.sleep(delay.total_seconds())
        await self._budget.renew(turn)

    def _delay(self) -> timedelta:
        asked_for = self.rules.crawl_delay if self.rules is not None else None
        if asked_for is None:
            return self._limits.min_delay
        return max(self._limits.min_delay, min(asked_for, self._limits.longest_crawl_delay))

    async def _failed(self, error: WebError) -> StageSignal:
        for kind, (make, reason, answer) in _FAILURES.items():
            if isinstance(error, kind):
                wait = await self._give_back(answer, keeps_place=make is Transient)
                if make is Transient:
                    return Transient(reason, retry_after=wait, detail=str(error))
                return make(reason, detail=str(error))
        await self._give_back(Answer.FAILING)
        return Transient("broken_response", detail=str(error))

    async def _end(self, verdict: _Verdict) -> None:
        """Give the turn back with what the host's answer means for it, and raise what it means for the message."""
        signal = verdict.signal
        is_transient = isinstance(signal, Transient)
        wait = await self._give_back(verdict.answer, retry_after=verdict.retry_after, keeps_place=is_transient)
        if isinstance(signal, Transient):
            raise Transient(signal.reason, retry_after=max(wait, verdict.retry_after or wait), detail=signal.detail)
        if signal is not None:
            raise signal

    async def _give_back(
        self, answer: Answer, *, retry_after: timedelta | None = None, keeps_place: bool = False
    ) -> timedelta:
        turn, self._turn = self._turn, None
        if turn is None:
            return timedelta()
        # The pause is the one robots.txt asks for, which was perhaps not known when the turn was taken.
        turn = Turn(turn.host, turn.ticket, turn.token, max(turn.delay, self._delay()))
        return await self._budget.give_back(turn, answer, retry_after=retry_after, keeps_place=keeps_place)


_Make = type[Transient] | type[Unwanted]

# Looked through in order: a subclass stands before its base.
_FAILURES: Final[dict[type[WebError], tuple[_Make, str, Answer]]] = {
    PrivateAddressError: (Unwanted, "private_address", Answer.FINE),
    NameNotResolvedError: (Transient, "name_not_resolved", Answer.FAILING),
    ProxyError: (Transient, "proxy_failed", Answer.FINE),
    CertificateError: (Unwanted, "bad_certificate", Answer.FINE),
    TlsError: (Transient, "tls_failed", Answer.FAILING),
    ConnectFailedError: (Transient, "connect_failed", Answer.FAILING),
    TimedOutError: (Transient, "timeout", Answer.FAILING),
    HeadersTooLargeError: (Unwanted, "headers_too_large", Answer.FINE),
    DecompressionBombError: (Unwanted, "decompression_bomb", Answer.FINE),
    BodyTooLargeError: (Unwanted, "body_too_large", Answer.FINE),
    UndecodableBodyError: (Unwanted, "undecodable_body", Answer.FINE),
    BrokenResponseError: (Transient, "broken_response", Answer.FAILING),
}

_REFUSALS: Final = {
    401: "forbidden", 402: "forbidden", 403: "forbidden", 407: "forbidden", 451: "forbidden", 404: "not_found", 410: "gone",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a response means: for the host's budget, and for the message (None where there is a page)."""

    answer: Answer = Answer.FINE
    signal: StageSignal | None = None
    retry_after: timedelta | None = None


def _judge(response: WebResponse, *, is_conditional: bool, limits: FetchLimits) -> _Verdict:
    status = response.status
    guard = find_challenge(response.headers, response.body)
    if guard is not None:
        return _Verdict(Answer.SLOW_DOWN, Unwanted("challenge_page", detail=f"{guard}, status {status}"))
    if status in (200, 203):
        return _Verdict()
    detail = f"status {status}"
    if status == 304 and is_conditional:
        return _Verdict(signal=Unwanted("not_modified"))
    if status == 429 or status >= 500:
        reason = {429: "rate_limited", 503: "server_unavailable"}.get(status, "server_error")
        # A bare 500 is one page's own trouble; behind the others stands the whole host.
        answer = {429: Answer.SLOW_DOWN, 500: Answer.FINE}.get(status, Answer.FAILING)
        return _Verdict(answer, Transient(reason, detail=detail), _retry_after(response, limits.longest_retry_after))
    if status in (408, 425):
        return _Verdict(signal=Transient("timeout", detail=detail))
    if 300 <= status < 400 and status != 304:
        return _Verdict(signal=Unwanted("bad_redirect", detail=detail))
    if status in _REFUSALS:
        return _Verdict(signal=Unwanted(_REFUSALS[status], detail=detail))
    return _Verdict(signal=Unwanted("client_error" if 400 <= status < 500 else "unexpected_status", detail=detail))


async def _section(response: WebResponse, journey: Journey, way: _Way, pages: PageStore, now: datetime) -> Fetch:
    content_type = response.content_type
    if content_type in _UNTOLD_TYPES and _looks_like_html(response.body):
        content_type = "text/html"
    if content_type not in ADMITTED_TYPES:
        seen = (content_type or "none stated").encode("ascii", "replace").decode()
        raise Unwanted("content_type", detail=seen[:100])
    if not response.body.strip():
        raise Unwanted("empty_body")
    try:
        page = await pages.put(response.body)
    except OSError as error:
        raise Transient("page_store_unavailable", retry_after=timedelta(seconds=5), detail=str(error)) from error
    headers = kept_headers(response.headers)
    content_signals = way.rules.content_signals if way.rules is not None else ()
    return Fetch(
        final_url=response.url.partition("#")[0],
        redirects=journey.hops,
        status=response.status,
        content_type=content_type,
        charset=stated_charset(response.headers),
        headers=headers,
        etag=headers.get("etag"),
        last_modified=headers.get("last-modified"),
        page=page,
        rights=rights_signals(response.headers, response.body, content_signals),
        fetched_at=now,
        elapsed_ms=way.elapsed_ms,
    )


def _from_saved(url: str, saved: SavedPage, now: datetime) -> Fetch:
    return Fetch(
        final_url=url,
        content_type=saved.content_type.partition(";")[0].strip().lower(),
        charset=None,
        page=saved.page,
        fetched_at=now,
    )


def _looks_like_html(body: bytes) -> bool:
    beginning = body[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    while beginning.startswith(b"<!--"):
        beginning = beginning.partition(b"-->")[2].lstrip()
    return beginning.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def _address(url: str) -> Address:
    try:
        address = parse(url)
    except UnsupportedUrlError as error:
        raise Unwanted("unsupported_url", detail=str(error)) from error
    if address.scheme == "file":
        raise Invalid(
            "no_saved_page", detail=f"expected the page to be handed over with its address, got {url[:200]!r} alone"
        )
    return address


def _target_of(response: WebResponse) -> str | None:
    try:
        target = response.location
    except UnsupportedUrlError as error:
        raise Unwanted("unsupported_url", detail=f"redirected to an address that is none: {error}") from error
    return None if target is None else target.partition("#")[0]


def _wants_body(status: int, headers: CIMultiDictProxy[str]) -> bool:
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower() or None
    return status in (200, 203) and (content_type in ADMITTED_TYPES or content_type in _UNTOLD_TYPES)


def _retry_after(response: WebResponse, longest: timedelta) -> timedelta | None:
    """The time the Retry-After header asks for, as seconds or as a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    seconds = math.nan
    with suppress(ValueError, TypeError, OverflowError):
        if value.isascii() and value.isdigit():
            seconds = float(value[:9])
        elif value:
            seconds = (parsedate_to_datetime(value) - _utc_now()).total_seconds()
    return None if math.isnan(seconds) else min(longest, timedelta(seconds=max(0.0, seconds)))
