"""Fetches one page for one message: request by request, each with robots.txt asked and the lease of its host held.

What the client may do on the web is decided in `coranto.http`, when a host may be asked in `politeness`, and what its
responses mean in `response_policy`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final

from coranto.http import (
    RedirectChain,
    RedirectLoopError,
    TooManyRedirectsError,
    WebClient,
    WebError,
    WebResponse,
    follow_redirects,
)
from coranto.http.robots import RobotsRules
from coranto.records import DiscoveredArticle
from coranto.urls import Address, UnsupportedUrlError, parse
from coranto.worker.stage import Invalid, StageSignal, Transient, Unwanted
from coranto_fetcher.content_type import wants_body
from coranto_fetcher.fetch_progress import FetchProgress
from coranto_fetcher.http_validators import PreviousFetch
from coranto_fetcher.politeness import HostBusy, HostFeedback, HostLease, HostLimiter, HostUnavailable
from coranto_fetcher.response_policy import ERROR_DECISIONS, ResponseDecision, decide
from coranto_fetcher.robots_cache import RobotsSource, RobotsUnreachableError
from coranto_fetcher.settings import FetcherSettings
from coranto_fetcher.tdm_reservation import TdmCache, TdmRules

# Sending the message back and taking it up again would take about as long.
_MAX_INLINE_WAIT: Final = timedelta(milliseconds=250)


class PageFetch:
    """The requests made for one message. `progress` tells at any time how far they have come."""

    def __init__(
        self,
        article: DiscoveredArticle,
        *,
        web: WebClient,
        robots: RobotsSource,
        limiter: HostLimiter,
        settings: FetcherSettings,
        tdm: TdmCache | None = None,
    ) -> None:
        self.progress = FetchProgress(article.discovery.url)
        self.rules: RobotsRules | None = None
        """What robots.txt says, of the host that was asked last."""
        self.site_rights: tuple[str, ...] = ()
        """What the site's TDM file says of the address that was asked last."""
        self._tdm = tdm
        self.elapsed_ms = 0
        self._message_id = article.message_id
        self._is_backlog = article.discovery.priority == "backlog"
        self._web = web
        self._robots = robots
        self._limiter = limiter
        self._settings = settings
        self._lease: HostLease | None = None
        self._is_conditional = False
        """Whether the last request wanted the page only if it has changed."""
        self._has_sent_request = False
        """Whether a request has been sent under the current lease, so that the next one must pause."""

    async def run(self, progress: FetchProgress, previous: PreviousFetch | None = None) -> WebResponse:
        """The response that holds the page. Raises the signal that the message ends in when there is none."""
        self.progress = progress
        most = self._settings.max_redirects
        chain = RedirectChain(progress.set_cookies)

        def note_redirect(response: WebResponse, target: str) -> None:
            self.progress = self.progress.with_redirect(response.status, target, chain.set_cookies)

        async def request(url: str) -> WebResponse:
            return await self._request(url, previous, chain)

        try:
            response = await follow_redirects(
                progress.url,
                request,
                most=most - len(progress.hops),
                on_redirect=note_redirect,
                chain=chain,
                follows_refresh=True,
            )
            await self._settle(
                decide(
                    response,
                    is_conditional=self._is_conditional,
                    max_retry_after=self._settings.max_retry_after,
                )
            )
        except UnsupportedUrlError as error:
            raise Unwanted("unsupported_url", detail=f"redirected to an address that is none: {error}") from error
        except RedirectLoopError as error:
            raise Unwanted("redirect_loop", detail=str(error)) from error
        except TooManyRedirectsError as error:
            raise Unwanted("too_many_redirects", detail=str(error)) from error
        finally:
            if self._lease is not None:  # it was cut short: by an error, or by the message's deadline
                await self._release(HostFeedback.FINE)
        return response

    async def _request(self, url: str, previous: PreviousFetch | None, chain: RedirectChain) -> WebResponse:
        """One request, once robots.txt permits it and its host may be asked."""
        address = _address_of(url)
        if self._lease is not None and self._lease.host != address.authority:
            await self._release(HostFeedback.FINE)
            self.rules = None
        self.rules = await self._find_rules(address)
        if self.rules is not None and not await self.rules.allows_off_loop(url):
            raise Unwanted("robots_disallowed", detail=address.authority)
        if self._tdm is not None:
            self.site_rights = (await self._find_tdm_rules(self._tdm, address)).signals(url)
        await self._hold_lease(address.authority)
        conditions = previous.conditional_headers() if previous is not None and previous.url == url else {}
        self._is_conditional = bool(conditions)
        headers = conditions | chain.headers(url)
        try:
            response = await self._web.get(url, headers=headers, wants_body=wants_body)
        except WebError as error:
            raise await self._signal_for(error) from error
        self._has_sent_request = True
        self.elapsed_ms += response.elapsed_ms
        return response

    async def _find_rules(self, address: Address) -> RobotsRules | None:
        """What the site's robots.txt says. If no fetcher knows yet, it is fetched, under the host's lease."""
        if not self._settings.obey_robots:
            return None
        try:
            rules = await self._robots.find(address.origin)
            if rules is None:
                await self._hold_lease(address.authority)
                rules = await self._robots.get(address.origin)
                self._has_sent_request = True
        except RobotsUnreachableError as error:
            if self._lease is not None:
                await self._release(HostFeedback.FAILING)
            raise Transient("robots_unreachable", retry_after=error.retry_after, detail=str(error)) from error
        except WebError as error:
            raise await self._signal_for(error) from error
        return rules

    async def _find_tdm_rules(self, tdm: TdmCache, address: Address) -> TdmRules:
        """What the site reserves. If it is not known yet, it is asked for, under the host's lease."""
        rules = tdm.find(address.origin)
        if rules is None:
            await self._hold_lease(address.authority)
            rules = await tdm.ask(address.origin)
            self._has_sent_request = True
        return rules

    async def _hold_lease(self, host: str) -> None:
        """Have the host's lease, and have paused since the last request under it."""
        delay = self._delay()
        if self._lease is not None:
            if self._has_sent_request:
                await self._pause(self._lease, delay)
            return
        answer = await self._limiter.acquire(host, self._message_id, delay=delay, is_backlog=self._is_backlog)
        if isinstance(answer, HostBusy) and answer.retry_after <= _MAX_INLINE_WAIT:
            await asyncio.sleep(answer.retry_after.total_seconds())
            answer = await self._limiter.acquire(host, self._message_id, delay=delay, is_backlog=self._is_backlog)
        match answer:
            case HostBusy(retry_after=wait):
                raise Transient("host_busy", retry_after=wait, spends_attempt=False, detail=host)
            case HostUnavailable(retry_after=wait):
                raise Transient("host_down", retry_after=wait, detail=host)
            case HostLease():
                self._lease = answer
                self._has_sent_request = False

    async def _pause(self, lease: HostLease, delay: timedelta) -> None:
        """Wait between two requests to one host, or give up the slot where that takes long."""
        if delay > self._limiter.max_inline_delay:
            wait = await self._release(HostFeedback.FINE, keeps_place=True)
            raise Transient("host_busy", retry_after=wait, spends_attempt=False, detail=lease.host)
        await asyncio.sleep(delay.total_seconds())
        await self._limiter.renew(lease)

    def _delay(self) -> timedelta:
        asked_for = self.rules.crawl_delay if self.rules is not None else None
        if asked_for is None:
            return self._settings.min_delay
        return max(self._settings.min_delay, min(asked_for, self._settings.max_crawl_delay))

    async def _signal_for(self, error: WebError) -> StageSignal:
        """What a failed request means for the message; the host's lease is released with what it means for the host."""
        for kind, (make, reason, feedback) in ERROR_DECISIONS.items():
            if isinstance(error, kind):
                wait = await self._release(feedback, keeps_place=make is Transient)
                if make is Transient:
                    return Transient(reason, retry_after=wait, detail=str(error))
                return make(reason, detail=str(error))
        await self._release(HostFeedback.FAILING)
        return Transient("broken_response", detail=str(error))

    async def _settle(self, decision: ResponseDecision) -> None:
        """Release the lease with what the response means for the host, and raise what it means for the message."""
        signal = decision.signal
        is_transient = isinstance(signal, Transient)
        wait = await self._release(decision.feedback, retry_after=decision.retry_after, keeps_place=is_transient)
        if isinstance(signal, Transient):
            raise Transient(signal.reason, retry_after=max(wait, decision.retry_after or wait), detail=signal.detail)
        if signal is not None:
            raise signal

    async def _release(
        self, feedback: HostFeedback, *, retry_after: timedelta | None = None, keeps_place: bool = False
    ) -> timedelta:
        lease, self._lease = self._lease, None
        if lease is None:
            return timedelta()
        # The pause that robots.txt asks for may not have been known when the lease was acquired.
        lease = replace(lease, delay=max(lease.delay, self._delay()))
        return await self._limiter.release(lease, feedback, retry_after=retry_after, keeps_place=keeps_place)


def _address_of(url: str) -> Address:
    try:
        address = parse(url)
    except UnsupportedUrlError as error:
        raise Unwanted("unsupported_url", detail=str(error)) from error
    if address.scheme == "file":
        raise Invalid(
            "no_saved_page", detail=f"expected the page to be handed over with its address, got {url[:200]!r} alone"
        )
    return address
