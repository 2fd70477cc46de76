"""The robots.txt files of all sites: kept in this process, in Redis where all fetchers share them, or fetched.

Only the caller may decide to fetch one, because that request needs the host's lease like any other.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal, Protocol

from redis.asyncio import Redis

from coranto.http import TooManyRedirectsError, WebClient, WebError, WebLimits, WebResponse, follow_redirects
from coranto.http.headers import max_age
from coranto.http.robots import MAX_ROBOTS_BYTES, RobotsRules, decode_robots
from coranto.urls import UnsupportedUrlError

# RFC 9309, 2.3.1.2: after five redirects the file may be taken as unavailable.
_MOST_REDIRECTS: Final = 5

State = Literal["read", "unavailable", "unreachable"]


@dataclass(frozen=True, slots=True)
class RobotsFile:
    """A robots.txt as it was found: RFC 9309, 2.3.1 knows these three cases."""

    state: State
    text: str
    fetched_at: float
    """Unix seconds."""
    fresh_until: float
    detail: str = ""


class RobotsSource(Protocol):
    """Where the rules of a site come from."""

    async def find(self, origin: str) -> RobotsRules | None:
        """Rules that are still fresh, without the network; None when the file must be fetched."""

    async def get(self, origin: str) -> RobotsRules:
        """Fetch the file and keep it. Raises RobotsUnreachableError or WebError."""


class RobotsUnreachableError(Exception):
    """The file could not be fetched and there is no copy of it: everything is disallowed for now (RFC 9309, 2.3.1.4)."""

    def __init__(self, detail: str, retry_after: timedelta) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class RobotsCache:
    """The robots.txt files of all sites: their text in Redis, for all fetchers, and their rules in this process.

    Without Redis only this process has them.
    """

    _KEEP_COPY = timedelta(days=30)  # how long a copy may stand in for a file that cannot be reached
    _SHORTEST = timedelta(minutes=5)
    _LONGEST = timedelta(hours=24)  # RFC 9309, 2.4
    _UNREACHABLE = timedelta(minutes=2)
    _IN_PROCESS = 2000
    _CHARS_IN_PROCESS = 10_000_000  # a file takes up to eleven times its length once it is read

    def __init__(self, redis: Redis | None, web: WebClient, *, agent: str, prefix: str = "coranto") -> None:
        self._redis = redis
        self._web = web
        self._agent = agent
        self._prefix = f"{prefix}:robots:"
        self._read: OrderedDict[str, tuple[float, RobotsRules, int]] = OrderedDict()
        self._chars_read = 0
        most = 20 * MAX_ROBOTS_BYTES
        self._limits = WebLimits(total_timeout=timedelta(seconds=15), max_body_bytes=most, max_decoded_bytes=most)

    async def find(self, origin: str) -> RobotsRules | None:
        """Rules that are still fresh, from this process or Redis; None when the file must be fetched.

        Raises RobotsUnreachableError for a while after it could not be fetched.
        """
        kept = self._read.get(origin)
        if kept is not None and kept[0] > time.time():
            self._read.move_to_end(origin)
            return kept[1]
        file = await self._load(origin)
        if file is None or file.fresh_until <= time.time():
            return None
        return await self._rules(origin, file)

    async def get(self, origin: str) -> RobotsRules:
        """Fetch the file and keep it. Raises RobotsUnreachableError, or WebError when there was no response.

        An old copy stands in for a file that cannot be fetched (RFC 9309, 2.4).
        """
        try:
            found = await self._fetch(origin)
        except WebError:
            copy = await self._load(origin)
            if copy is None or copy.state == "unreachable":
                raise
            return await self._rules(origin, replace(copy, fresh_until=time.time() + self._UNREACHABLE.total_seconds()))
        if found.state == "unreachable":
            copy = await self._load(origin)
            if copy is not None and copy.state != "unreachable":
                found = replace(copy, fresh_until=found.fresh_until, detail=found.detail)
        keep = self._KEEP_COPY if found.state != "unreachable" else self._UNREACHABLE
        packed = json.dumps([found.state, found.text, found.fetched_at, found.fresh_until, found.detail])
        if self._redis is not None:
            await self._redis.set(self._prefix + origin, packed, ex=keep)
        return await self._rules(origin, found)

    async def _load(self, origin: str) -> RobotsFile | None:
        if self._redis is None:
            return None
        packed = await self._redis.get(self._prefix + origin)
        return None if packed is None else RobotsFile(*json.loads(packed))

    async def _rules(self, origin: str, file: RobotsFile) -> RobotsRules:
        if file.state == "unreachable":
            wait = max(1.0, file.fresh_until - time.time())
            raise RobotsUnreachableError(file.detail, timedelta(seconds=wait))
        text = file.text if file.state == "read" else ""
        rules = await RobotsRules.read_off_loop(text, self._agent)
        self._keep_read(origin, file.fresh_until, rules, len(text))
        return rules

    def _keep_read(self, origin: str, fresh_until: float, rules: RobotsRules, chars: int) -> None:
        replaced = self._read.pop(origin, None)
        self._chars_read += chars - (replaced[2] if replaced is not None else 0)
        self._read[origin] = (fresh_until, rules, chars)
        while len(self._read) > self._IN_PROCESS or self._chars_read > self._CHARS_IN_PROCESS:
            _, (_, _, dropped) = self._read.popitem(last=False)
            self._chars_read -= dropped

    async def _fetch(self, origin: str) -> RobotsFile:
        url = f"{origin}/robots.txt"
        now = time.time()
        lifetime = self._LONGEST.total_seconds()
        try:
            response = await follow_redirects(url, self._get, most=_MOST_REDIRECTS)
        except UnsupportedUrlError as error:
            return RobotsFile("unavailable", "", now, now + lifetime, str(error))
        except TooManyRedirectsError:
            return RobotsFile("unavailable", "", now, now + lifetime, "too many redirects")
        return self._file_of(response, now)

    async def _get(self, url: str) -> WebResponse:
        return await self._web.get(url, limits=self._limits, wants_body=lambda status, _: status == 200)

    def _file_of(self, response: WebResponse, now: float) -> RobotsFile:
        status = response.status
        if status == 200:
            text = decode_robots(response.body[:MAX_ROBOTS_BYTES])
            # Lone surrogates stand for bytes that are not UTF-8; JSON keeps them as escapes.
            return RobotsFile("read", text, now, now + self._freshness(response).total_seconds())
        detail = f"robots.txt answered {status}"
        if status == 429 or status >= 500:
            return RobotsFile("unreachable", "", now, now + self._UNREACHABLE.total_seconds(), detail)
        return RobotsFile("unavailable", "", now, now + self._freshness(response).total_seconds(), detail)

    def _freshness(self, response: WebResponse) -> timedelta:
        lifetime = max_age(response.headers)
        return self._LONGEST if lifetime is None else min(self._LONGEST, max(self._SHORTEST, lifetime))
