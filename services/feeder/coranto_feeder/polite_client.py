"""Sends the feeder's requests when it is their host's turn, in the state that all feeders and fetchers share.

A host has one request at a time and a pause after each, whoever asks. Whoever comes too early is told when to come back, and
holds no slot meanwhile; only between the hops of a chain of redirects is a short while waited out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from coranto.frontier import HostFeedback, HostLease, HostLeases, HostLostError, HostPolicy, host_key
from coranto.http import RedirectChain, RefusedHereError, WebClient, WebError, WebLimits, WebResponse, follow_redirects
from coranto.http.response.decoding import BodySink
from coranto.http.response.headers import retry_after
from coranto.http.robots.cache import RobotsSource, RobotsUnreachableError
from coranto.http.robots.rules import RobotsRules
from coranto.urls import parse

_MOST_REDIRECTS: Final = 5
_LONGEST_RETRY_AFTER: Final = timedelta(days=1)
_LONGEST_WAIT: Final = timedelta(seconds=20)
_REFUSALS: Final = frozenset({403, 429, 503})


class HostBusyError(Exception):
    """It is not the host's turn: nothing was asked, or the turn was lost meanwhile and the request broken off."""

    def __init__(self, host: str, retry_after: timedelta) -> None:
        super().__init__(f"{host} may not be asked for another {retry_after.total_seconds():.0f} s")
        self.retry_after = retry_after


class RobotsDeniedError(Exception):
    """The host's robots.txt disallows the address."""

    def __init__(self, url: str) -> None:
        super().__init__(f"robots.txt disallows {url[:200]}")


@dataclass(frozen=True, slots=True)
class Redirect:
    """A response that leads elsewhere."""

    status: int
    target: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The first response that is no redirect, and the way to it."""

    response: WebResponse
    redirects: tuple[Redirect, ...]


class PoliteClient:
    """Asks hosts in their turn, and their robots.txt before anything else."""

    def __init__(
        self, web: WebClient, hosts: HostLeases, policy: HostPolicy, robots: RobotsSource | None = None
    ) -> None:
        self._web = web
        self._hosts = hosts
        self._policy = policy
        self._robots = robots

    async def acquire(self, url: str, holder: str) -> HostLease:
        """The turn of the address's host. Raises HostBusyError, and UnsupportedUrlError."""
        host = host_key(parse(url))
        answer = await self._hosts.acquire(host, holder, delay=self._policy.delay_for(host))
        if not isinstance(answer, HostLease):
            raise HostBusyError(host, answer.retry_after)
        return answer

    def delay_for(self, host: str) -> timedelta:
        """The pause after a request to this host key, as far as it is known without its robots.txt."""
        return self._policy.delay_for(host)

    async def give_back(self, lease: HostLease) -> None:
        """End a turn in which nothing was asked."""
        await self._hosts.release(lease, HostFeedback.NOT_ASKED, delay=timedelta())

    async def get(
        self,
        url: str,
        holder: str,
        *,
        lease: HostLease | None = None,
        headers: Mapping[str, str] | None = None,
        obeys_robots: bool = True,
        into: BodySink | None = None,
    ) -> Answer:
        """The answer to a request for the address, through its redirects. A lease that is handed over is ended here.

        `into` takes the body, where it is not to be held whole. Raises HostBusyError, RobotsDeniedError,
        RobotsUnreachableError, TooManyRedirectsError, WebError, UnsupportedUrlError, and what `into` raises.
        """
        turns = _Turns(self._web, self._hosts, self._policy, self._robots, holder, lease)
        chain = RedirectChain()
        redirects: list[Redirect] = []

        async def ask(target: str) -> WebResponse:
            cookies = chain.headers(target)
            return await turns.ask(target, {**(headers or {}), **cookies}, obeys_robots=obeys_robots, into=into)

        def note(response: WebResponse, target: str) -> None:
            redirects.append(Redirect(response.status, target))

        try:
            response = await follow_redirects(url, ask, most=_MOST_REDIRECTS, on_redirect=note, chain=chain)
        finally:
            await turns.end()
        return Answer(response, tuple(redirects))

    async def post(
        self, url: str, body: bytes, holder: str, *, headers: Mapping[str, str], limits: WebLimits
    ) -> WebResponse:
        """The response to one POST, in its host's turn; a redirect is not followed. robots.txt says nothing of these.

        Raises HostBusyError, WebError and UnsupportedUrlError.
        """
        lease = await self.acquire(url, holder)
        feedback, pause = HostFeedback.FINE, None
        try:
            async with self._hosts.keep(lease):
                response = await self._web.post(url, body, headers=headers, limits=limits)
            feedback = _feedback_of(response)
            pause = retry_after(response.headers, now=datetime.now(UTC), longest=_LONGEST_RETRY_AFTER)
        except HostLostError as error:
            raise HostBusyError(lease.host, self._policy.delay_for(lease.host)) from error
        except RefusedHereError:
            feedback = HostFeedback.NOT_ASKED
            raise
        except WebError:
            feedback = HostFeedback.FAILING
            raise
        finally:
            delay = timedelta() if feedback is HostFeedback.NOT_ASKED else self._policy.delay_for(lease.host)
            await self._hosts.release(lease, feedback, delay=delay, retry_after=pause)
        return response


class _Turns:
    """Requests that follow from each other, with the turn of the host that is being asked."""

    def __init__(
        self,
        web: WebClient,
        hosts: HostLeases,
        policy: HostPolicy,
        robots: RobotsSource | None,
        holder: str,
        lease: HostLease | None,
    ) -> None:
        self._web = web
        self._hosts = hosts
        self._policy = policy
        self._robots = robots
        self._holder = holder
        self._lease = lease
        self._has_asked = False
        self._feedback = HostFeedback.FINE
        self._retry_after: timedelta | None = None
        self._crawl_delay: timedelta | None = None

    async def ask(
        self, url: str, headers: Mapping[str, str], *, obeys_robots: bool, into: BodySink | None
    ) -> WebResponse:
        """The response to one request."""
        if self._robots is not None:
            rules = await self._rules(self._robots, parse(url).origin)
            if obeys_robots and not await rules.allows_off_loop(url):
                raise RobotsDeniedError(url)
            lease = await self._turn_to(url, crawl_delay=rules.crawl_delay)
        else:
            lease = await self._turn_to(url)
        try:
            async with self._kept(lease):
                response = await self._web.get(
                    url, headers=headers, wants_body=lambda status, _: status == 200, into=into
                )
        except RefusedHereError:
            raise  # nobody was asked
        except WebError:
            self._feedback = HostFeedback.FAILING
            raise
        self._feedback = _feedback_of(response)
        self._retry_after = retry_after(response.headers, now=datetime.now(UTC), longest=_LONGEST_RETRY_AFTER)
        return response

    @asynccontextmanager
    async def _kept(self, lease: HostLease) -> AsyncIterator[None]:
        """Keep the lease while the body, a request, is under way. Raises HostBusyError when it is lost."""
        try:
            async with self._hosts.keep(lease):
                yield
        except HostLostError as error:
            raise HostBusyError(lease.host, self._policy.delay_for(lease.host)) from error

    async def _rules(self, robots: RobotsSource, origin: str) -> RobotsRules:
        while (rules := await robots.find(origin)) is None:
            lease = await self._turn_to(await robots.next_url(origin))
            try:
                async with self._kept(lease):
                    await robots.ask(origin)
            except (WebError, RobotsUnreachableError):
                self._feedback = HostFeedback.FAILING
                raise
        return rules

    async def _turn_to(self, url: str, *, crawl_delay: timedelta | None = None) -> HostLease:
        """Have the turn of the address's host, and its pause behind us. Raises HostBusyError when that takes long.

        `crawl_delay` is what the host's robots.txt asks for, where that is known.
        """
        host = host_key(parse(url))
        if self._lease is not None and self._lease.host == host:
            self._crawl_delay = crawl_delay if crawl_delay is not None else self._crawl_delay
            if not self._has_asked:
                self._has_asked = True
                return self._lease
            delay = self._policy.delay_for(host, crawl_delay=self._crawl_delay)
            if delay <= _LONGEST_WAIT:
                if await self._pause(self._lease, delay):
                    return self._lease
                self._lease = None  # somebody else has it by now
        await self.end()
        self._lease = await self._wait_for_turn(host)
        self._has_asked, self._crawl_delay = True, crawl_delay
        return self._lease

    async def _pause(self, lease: HostLease, delay: timedelta) -> bool:
        """Wait between two requests under a lease, which may be shorter; gives whether it still stands."""
        try:
            async with self._hosts.keep(lease):
                await asyncio.sleep(delay.total_seconds())
        except HostLostError:
            return False
        return await self._hosts.renew(lease)

    async def _wait_for_turn(self, host: str) -> HostLease:
        patience = asyncio.get_running_loop().time() + _LONGEST_WAIT.total_seconds()
        while True:
            answer = await self._hosts.acquire(host, self._holder, delay=self._policy.delay_for(host))
            if isinstance(answer, HostLease):
                return answer
            wait = answer.retry_after.total_seconds()
            if asyncio.get_running_loop().time() + wait > patience:
                raise HostBusyError(host, answer.retry_after)
            await asyncio.sleep(max(wait, 0.05))

    async def end(self) -> None:
        """End the turn of the host that was asked last."""
        lease, self._lease = self._lease, None
        if lease is not None:
            if self._has_asked:
                delay = self._policy.delay_for(lease.host, crawl_delay=self._crawl_delay)
                await self._hosts.release(lease, self._feedback, delay=delay, retry_after=self._retry_after)
            else:
                await self._hosts.release(lease, HostFeedback.NOT_ASKED, delay=timedelta())
        self._has_asked = False
        self._feedback, self._retry_after, self._crawl_delay = HostFeedback.FINE, None, None


def _feedback_of(response: WebResponse) -> HostFeedback:
    if response.status in _REFUSALS:
        return HostFeedback.SLOW_DOWN
    return HostFeedback.FAILING if response.status >= 500 else HostFeedback.FINE
