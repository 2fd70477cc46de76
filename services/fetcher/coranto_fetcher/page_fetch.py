"""Fetches one page for one message: request by request, each with robots.txt asked and the lease of its host held.

What the client may do on the web is decided in `coranto.http`, when a host may be asked in `coranto.frontier`, and what its
responses mean in `response`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

from redis.exceptions import RedisError

from coranto.frontier import (
    HostBusy,
    HostFeedback,
    HostLease,
    HostLeases,
    HostLostError,
    HostPause,
    HostPolicy,
    HostSetAside,
    host_key,
)
from coranto.host_queue import HostQueue
from coranto.http import (
    RedirectChain,
    RedirectLoopError,
    TooManyRedirectsError,
    WebClient,
    WebError,
    WebResponse,
    follow_redirects,
)
from coranto.http.robots.cache import RobotsSource, RobotsUnreachableError
from coranto.http.robots.rules import RobotsRules
from coranto.records import DiscoveredArticle
from coranto.urls import Address, UnsupportedUrlError, parse
from coranto.worker.stage import Invalid, StageSignal, Transient, Unwanted
from coranto_fetcher.response.content_type import wants_body
from coranto_fetcher.response.policy import ERROR_DECISIONS, ResponseDecision, decide
from coranto_fetcher.rights.tdm_reservation import TdmCache, TdmRules
from coranto_fetcher.settings import FetcherSettings
from coranto_fetcher.visits.progress import FetchProgress
from coranto_fetcher.visits.validators import PreviousFetch

# Sending the message back and taking it up again would take about as long.
_MAX_INLINE_WAIT: Final = timedelta(milliseconds=250)
# A lease that was extended more recently than this has time enough for a request.
_RENEW_AFTER: Final = timedelta(seconds=5)


class PageFetch:
    """The requests made for one message. `progress` tells at any time how far they have come."""

    def __init__(
        self,
        article: DiscoveredArticle,
        *,
        web: WebClient,
        robots: RobotsSource,
        hosts: HostLeases,
        policy: HostPolicy,
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
        self._hosts = hosts
        self._policy = policy
        self._settings = settings
        self._lease: HostLease | None = None
        self._crawl_delay: timedelta | None = None
        """What the robots.txt of the lease's host asks for, as far as it is known."""
        self._is_conditional = False
        """Whether the last request wanted the page only if it has changed."""
        self._lease_extended_at = 0.0
        self._last_request: timedelta | None = None
        """How long the last request under the current lease took; None before the first."""
        self._began_at = time.monotonic()

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
        self.rules = await self._find_rules(address)
        if self.rules is not None and not await self.rules.allows_off_loop(url):
            raise Unwanted("robots_disallowed", detail=address.authority)
        if self._tdm is not None:
            self.site_rights = (await self._find_tdm_rules(self._tdm, address)).signals(url)
        lease = await self._hold_lease(host_key(address), self.rules)
        conditions = previous.conditional_headers() if previous is not None and previous.url == url else {}
        self._is_conditional = bool(conditions)
        headers = conditions | chain.headers(url)
        started = time.monotonic()
        try:
            async with self._kept(lease):
                response = await self._web.get(url, headers=headers, wants_body=wants_body)
        except WebError as error:
            raise await self._signal_for(error) from error
        finally:
            self._note_request(started)
        self.elapsed_ms += response.elapsed_ms
        return response

    async def _find_rules(self, address: Address) -> RobotsRules | None:
        """What the site's robots.txt says. If nobody knows yet, it is asked for, under the lease of whichever host has it."""
        if not self._settings.obey_robots:
            return None
        origin = address.origin
        try:
            while (rules := await self._robots.find(origin)) is None:
                lease = await self._hold_lease(host_key(parse(await self._robots.next_url(origin))))
                started = time.monotonic()
                try:
                    async with self._kept(lease):
                        rules = await self._robots.ask(origin)
                except RobotsUnreachableError:
                    await self._release(HostFeedback.FAILING)
                    raise
                finally:
                    self._note_request(started)
                if rules is not None:
                    break
        except RobotsUnreachableError as error:
            if error.unreachable_for >= self._settings.host_patience:
                raise Invalid("robots_unreachable", detail=str(error)) from error
            # Nothing of this host can be fetched meanwhile, so all that waits for it waits.
            raise Transient(
                "robots_unreachable",
                retry_after=error.retry_after,
                spends_attempt=False,
                host=host_key(address),
                detail=str(error),
            ) from error
        except WebError as error:
            raise await self._signal_for(error) from error
        return rules

    def _note_request(self, started: float) -> None:
        self._last_request = timedelta(seconds=time.monotonic() - started)

    async def _find_tdm_rules(self, tdm: TdmCache, address: Address) -> TdmRules:
        """What the site reserves. If it is not known yet, it is asked for, under the host's lease."""
        rules = tdm.find(address.origin)
        if rules is None:
            lease = await self._hold_lease(host_key(address), self.rules)
            started = time.monotonic()
            async with self._kept(lease):
                rules = await tdm.ask(address.origin)
            self._note_request(started)
        return rules

    async def _hold_lease(self, host: str, rules: RobotsRules | None = None) -> HostLease:
        """Have the host's lease, with time for a request, and have paused since the last request under it.

        `rules` are those of the host, where they are known.
        """
        if self._lease is not None and self._lease.host != host:
            await self._release(HostFeedback.FINE)
        if rules is not None:
            self._crawl_delay = rules.crawl_delay
        lease = self._lease
        if lease is None:
            lease = await self._acquire(host)
        elif self._last_request is not None:
            await self._pause(lease, self._last_request)
        if time.monotonic() - self._lease_extended_at > _RENEW_AFTER.total_seconds():
            await self._renew(lease)
        return lease

    async def _acquire(self, host: str) -> HostLease:
        delay = self._policy.delay_for(host)
        answer = await self._hosts.acquire(host, self._message_id, delay=delay, is_backlog=self._is_backlog)
        if isinstance(answer, HostBusy) and answer.retry_after <= _MAX_INLINE_WAIT:
            await asyncio.sleep(answer.retry_after.total_seconds())
            answer = await self._hosts.acquire(host, self._message_id, delay=delay, is_backlog=self._is_backlog)
        match answer:
            case HostBusy(retry_after=wait):
                raise _wait_for(host, wait)
            case HostSetAside(retry_after=wait, failing_for=failing_for):
                if failing_for >= self._settings.host_patience:
                    raise Invalid("host_down", detail=f"{host} has been refusing or failing for {failing_for}")
                raise Transient("host_down", retry_after=wait, spends_attempt=False, host=host, detail=host)
            case HostLease():
                self._lease, self._last_request = answer, None
                self._lease_extended_at = time.monotonic()
                return answer

    async def _pause(self, lease: HostLease, last_request: timedelta) -> None:
        """Wait between two requests to one host, or give up the slot where that takes long."""
        pause = max(self._delay(lease.host), 2 * last_request)
        longest = self._hosts.max_inline_delay
        # A chain of slow requests must not run into the stage's deadline.
        is_long = longest < timedelta.max and time.monotonic() - self._began_at > self._settings.chain_seconds
        if pause > longest or is_long:
            raise _wait_for(lease.host, (await self._release(HostFeedback.FINE)).wait)
        await asyncio.sleep(pause.total_seconds())
        await self._renew(lease)

    async def _renew(self, lease: HostLease) -> None:
        """Extend the lease, or stop before the next request: somebody else may be sending one."""
        if not await self._hosts.renew(lease):
            self._lease = None
            raise _wait_for(lease.host, self._delay(lease.host))
        self._lease_extended_at = time.monotonic()

    @asynccontextmanager
    async def _kept(self, lease: HostLease) -> AsyncIterator[None]:
        """Keep the lease while the body, a request, is under way. Without it the message waits for its host again."""
        try:
            async with self._hosts.keep(lease):
                yield
        except HostLostError as error:
            wait = self._delay(lease.host)
            # Released all the same: where it still stands, because Redis was away for a moment, the host rests after the request.
            with suppress(RedisError, OSError):
                wait = max(wait, (await self._release(HostFeedback.FINE)).wait)
            raise _wait_for(lease.host, wait) from error

    def _delay(self, host: str) -> timedelta:
        return self._policy.delay_for(host, crawl_delay=self._crawl_delay)

    async def _signal_for(self, error: WebError) -> StageSignal:
        """What a failed request means for the message; the host's lease is released with what it means for the host."""
        for kind, (make, reason, feedback) in ERROR_DECISIONS.items():
            if isinstance(error, kind):
                pause = await self._release(feedback)
                return (
                    self._in_trouble(reason, pause, str(error))
                    if make is Transient
                    else make(reason, detail=str(error))
                )
        return self._in_trouble("broken_response", await self._release(HostFeedback.FAILING), str(error))

    async def _settle(self, decision: ResponseDecision) -> None:
        """Release the lease with what the response means for the host, and raise what it means for the message."""
        signal = decision.signal
        pause = await self._release(decision.feedback, retry_after=decision.retry_after)
        if isinstance(signal, Transient):
            raise self._in_trouble(signal.reason, pause, signal.detail)
        if signal is not None:
            raise signal

    def _in_trouble(self, reason: str, pause: HostPause, detail: str | None) -> StageSignal:
        """The message is tried again for as long as the host's trouble may last."""
        patience = self._settings.host_patience
        if pause.failing_for >= patience:
            return Invalid(reason, detail=f"{detail}; the host has been failing for {pause.failing_for}")
        return Transient(reason, retry_after=pause.wait, gives_up_after=patience, detail=detail)

    async def _release(self, feedback: HostFeedback, *, retry_after: timedelta | None = None) -> HostPause:
        lease, self._lease = self._lease, None
        if lease is None:
            return HostPause(timedelta(), timedelta(), timedelta())
        # The pause that robots.txt asks for may not have been known when the lease was acquired.
        delay = max(lease.delay, self._delay(lease.host))
        self._crawl_delay = None
        return await self._hosts.release(lease, feedback, delay=delay, retry_after=retry_after)


def queue_of(article: DiscoveredArticle) -> HostQueue:
    """Where an article waits until its host may be asked; one whose page is here already waits for nobody."""
    discovery = article.discovery
    is_backlog = discovery.priority == "backlog"
    if discovery.saved is not None:
        return HostQueue("", is_backlog)
    return HostQueue(host_key(parse(discovery.url)), is_backlog)


def _wait_for(host: str, wait: timedelta) -> Transient:
    return Transient("host_busy", retry_after=wait, spends_attempt=False, host=host, detail=host)


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
