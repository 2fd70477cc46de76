"""The way of one message from an address to its page: one request at a time, each with its host's turn.

Each is allowed by robots.txt, each redirect is a request of its own. What the web may do in between is the web client's
business; how turns are shared is the budget's; what answers mean stands in `verdicts`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from coranto.http import WebClient, WebError, WebResponse
from coranto.records import DiscoveredArticle
from coranto.urls import Address, UnsupportedUrlError, parse
from coranto.worker.stage import Invalid, StageSignal, Transient, Unwanted
from coranto_fetcher.budget import Answer, Budget, Busy, Down, Turn
from coranto_fetcher.journeys import Journey
from coranto_fetcher.media import wants_body
from coranto_fetcher.robots import RobotsRules, RobotsSource, RobotsUnreachableError
from coranto_fetcher.validators import Visit
from coranto_fetcher.verdicts import FAILURES, Verdict, judge


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds on the way to one page."""

    min_delay: timedelta = timedelta(seconds=1)
    longest_crawl_delay: timedelta = timedelta(seconds=60)
    longest_retry_after: timedelta = timedelta(hours=1)
    max_redirects: int = 10
    max_parts: int = 10
    obeys_robots: bool = True
    longest_pause_in_hand: timedelta = timedelta(seconds=1.5)
    """A pause between two requests for one article is waited out up to this; beyond it the message gives up its slot."""
    longest_wait_in_hand: timedelta = timedelta(milliseconds=250)
    """A turn that comes within this is waited for, once: sending the message back would take about as long."""


class WayInterruptedError(Exception):
    """The way ended before the page, with the signal to raise and the place to go on from."""

    def __init__(self, signal: StageSignal, journey: Journey) -> None:
        super().__init__(str(signal))
        self.signal = signal
        self.journey = journey


class Way:
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
        """The response that is no redirect, and the hops that led to it. Raises WayInterruptedError."""
        asked = {hop.url for hop in journey.hops}
        try:
            while True:
                response = await self._request(journey.url, earlier)
                target = _target_of(response)
                if target is None:
                    await self._end(
                        judge(
                            response,
                            is_conditional=earlier is not None,
                            longest_retry_after=self._limits.longest_retry_after,
                        )
                    )
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
            raise WayInterruptedError(signal, journey) from signal
        finally:
            if self._turn is not None:  # an error on the way, or the deadline
                await self._give_back(Answer.FINE)

    async def _request(self, url: str, earlier: Visit | None) -> WebResponse:
        address = _address(url)
        if self._turn is not None and self._turn.host != address.authority:
            await self._give_back(Answer.FINE)
            self.rules = None
        self.rules = await self._find_rules(address)
        if self.rules is not None and not await self.rules.permits(url):
            raise Unwanted("robots_disallowed", detail=address.authority)
        await self._take_turn(address.authority)
        condition = earlier.condition() if earlier is not None and earlier.url == url else {}
        try:
            response = await self._web.get(url, headers=condition, wants_body=wants_body)
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
        for kind, (make, reason, answer) in FAILURES.items():
            if isinstance(error, kind):
                wait = await self._give_back(answer, keeps_place=make is Transient)
                if make is Transient:
                    return Transient(reason, retry_after=wait, detail=str(error))
                return make(reason, detail=str(error))
        await self._give_back(Answer.FAILING)
        return Transient("broken_response", detail=str(error))

    async def _end(self, verdict: Verdict) -> None:
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
