"""The robots.txt files of all sites: kept in this process, in Redis where all services share them, or asked for.

Each request for one needs the host's lease like any other, so it is the caller who decides when one is sent, redirects of the
file included:

    while (rules := await robots.find(origin)) is None:
        ...  # have the lease of the host of `await robots.next_url(origin)`, and pause since its last request
        await robots.ask(origin)
"""

from __future__ import annotations

import json
import time
import zlib
from collections import OrderedDict
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal, Protocol, cast

from redis.asyncio import Redis

from coranto.http.client import WebClient, WebResponse
from coranto.http.errors import WebError
from coranto.http.limits import WebLimits
from coranto.http.response.headers import max_age
from coranto.http.robots.rules import MAX_ROBOTS_BYTES, RobotsRules, decode_robots
from coranto.urls import UnsupportedUrlError

# RFC 9309, 2.3.1.2: after five redirects the file may be taken as unavailable.
_MOST_REDIRECTS: Final = 5

# Notes that a file is kept, and gives those that are to go for it: whichever were kept longest ago. The files themselves are
# spread over the nodes of a cluster, which one script cannot reach; should the caller die first, they go by their age.
# KEYS order, sizes   ARGV origin, bytes, most bytes
_MAKE_ROOM: Final = """
local now = redis.call('TIME')
local total = tonumber(redis.call('HGET', KEYS[2], '') or '0') + ARGV[2] - tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
redis.call('ZADD', KEYS[1], now[1] + now[2] / 1000000, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local going = {}
while total > tonumber(ARGV[3]) and #going < 1000 do
  local oldest = redis.call('ZPOPMIN', KEYS[1])[1]
  if not oldest then total = 0 break end
  total = total - tonumber(redis.call('HGET', KEYS[2], oldest) or '0')
  redis.call('HDEL', KEYS[2], oldest)
  going[#going + 1] = oldest
end
redis.call('HSET', KEYS[2], '', total)
return going
"""

State = Literal["read", "unavailable", "unreachable"]


@dataclass(frozen=True, slots=True)
class RobotsFile:
    """A robots.txt as it was found: RFC 9309, 2.3.1 knows these three cases."""

    state: State
    text: str
    fetched_at: float
    """Unix seconds; of a file that is unreachable, since when it has been."""
    fresh_until: float
    detail: str = ""


class RobotsSource(Protocol):
    """Where the rules of a site come from."""

    async def find(self, origin: str) -> RobotsRules | None:
        """Rules that are still fresh, without the network; None when the file must be asked for.

        Raises RobotsUnreachableError for a while after it could not be had.
        """

    async def next_url(self, origin: str) -> str:
        """The address to be asked next for the file of this origin: its own, or where that redirects to."""

    async def ask(self, origin: str) -> RobotsRules | None:
        """Ask that address, once. None when it redirects: then another is to be asked next.

        Raises RobotsUnreachableError, or WebError when there was no response.
        """


class RobotsUnreachableError(Exception):
    """The file could not be fetched and there is no copy of it: everything is disallowed for now (RFC 9309, 2.3.1.4)."""

    def __init__(self, detail: str, retry_after: timedelta, unreachable_for: timedelta = timedelta()) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.unreachable_for = unreachable_for
        """How long it has been so."""


class RobotsCache:
    """The robots.txt files of all sites: their text in Redis, for all services, and their rules in this process.

    Without Redis only this process has them. Both places are bounded in bytes; in Redis large files share a bound of their
    own, so that a domain with any number of hosts, each with the largest file there is, drives out none but such.
    """

    _KEEP_COPY = timedelta(days=30)  # how long a copy may stand in for a file that cannot be reached
    _KEEP_LARGE = timedelta(days=1)
    _LARGE_BYTES = 10_000
    _BYTES_IN_REDIS = 100_000_000
    _LARGE_BYTES_IN_REDIS = 50_000_000
    _BYTES_OF_A_KEY = 300  # what Redis takes for the key and the notes of a file, beside its name and text
    _KEEP_REDIRECT = timedelta(minutes=10)
    _SHORTEST = timedelta(minutes=5)
    _LONGEST = timedelta(hours=24)  # RFC 9309, 2.4
    _UNREACHABLE = timedelta(minutes=2)
    _TIMEOUT = timedelta(seconds=15)
    _IN_PROCESS = 2000
    _BYTES_IN_PROCESS = 50_000_000
    _TIMES_LENGTH = 11  # a file takes up to so many times its length once it is read

    def __init__(self, redis: Redis | None, web: WebClient, *, agent: str, prefix: str = "coranto") -> None:
        self._redis = redis
        self._web = web
        self._agent = agent
        self._prefix = f"{prefix}:robots:"
        self._notes = f"{prefix}:{{robots-kept}}:"
        self._make_room = None if redis is None else redis.register_script(_MAKE_ROOM)
        self._read: OrderedDict[str, tuple[float, RobotsRules, int]] = OrderedDict()
        self._bytes_read = 0
        self._redirects: dict[str, tuple[str, int]] = {}
        most = 20 * MAX_ROBOTS_BYTES
        # Whoever holds a host's lease for a request counts on the client's time-out.
        timeout = min(self._TIMEOUT, web.limits.total_timeout)
        self._limits = WebLimits(total_timeout=timeout, max_body_bytes=most, max_decoded_bytes=most)

    async def find(self, origin: str) -> RobotsRules | None:
        """Rules that are still fresh, from this process or Redis; None when the file must be asked for."""
        kept = self._read.get(origin)
        if kept is not None and kept[0] > time.time():
            self._read.move_to_end(origin)
            return kept[1]
        file = await self._load(origin)
        if file is None or file.fresh_until <= time.time():
            return None
        return await self._rules(origin, file)

    async def next_url(self, origin: str) -> str:
        """The address to be asked next for the file of this origin."""
        return (await self._position(origin))[0]

    async def ask(self, origin: str) -> RobotsRules | None:
        """Ask that address, once, and keep the file. None when it redirects: then another is to be asked next.

        An old copy stands in for a file that cannot be fetched (RFC 9309, 2.4).
        """
        url, redirects = await self._position(origin)
        now = time.time()
        try:
            response = await self._web.get(url, limits=self._limits, wants_body=lambda status, _: status == 200)
        except WebError:
            await self._forget_redirect(origin)
            copy = await self._load(origin)
            if copy is None or copy.state == "unreachable":
                raise
            return await self._rules(origin, replace(copy, fresh_until=now + self._UNREACHABLE.total_seconds()))
        try:
            target = response.location
        except UnsupportedUrlError as error:
            target = None
            found = RobotsFile("unavailable", "", now, now + self._LONGEST.total_seconds(), str(error))
        else:
            found = self._file_of(response, now)
        if target is not None and redirects < _MOST_REDIRECTS:
            await self._keep_redirect(origin, target.partition("#")[0], redirects + 1)
            return None
        if target is not None:
            found = RobotsFile("unavailable", "", now, now + self._LONGEST.total_seconds(), "too many redirects")
        await self._forget_redirect(origin)
        return await self._keep(origin, found)

    async def _keep(self, origin: str, found: RobotsFile) -> RobotsRules:
        if found.state == "unreachable":
            copy = await self._load(origin)
            if copy is not None and copy.state == "unreachable":
                found = replace(found, fetched_at=copy.fetched_at)
            elif copy is not None:
                found = replace(copy, fresh_until=found.fresh_until, detail=found.detail)
        if self._redis is not None:
            await self._keep_in_redis(self._redis, origin, _packed(found))
        return await self._rules(origin, found)

    async def _keep_in_redis(self, redis: Redis, origin: str, packed: bytes) -> None:
        is_large = len(packed) > self._LARGE_BYTES
        await redis.set(self._prefix + origin, packed, ex=self._KEEP_LARGE if is_large else self._KEEP_COPY)
        kind = "large" if is_large else "small"
        size = len(packed) + 3 * len(origin) + self._BYTES_OF_A_KEY
        most = self._LARGE_BYTES_IN_REDIS if is_large else self._BYTES_IN_REDIS
        assert self._make_room is not None  # noqa: S101 - for the type checker: there is a Redis
        going = await cast(
            "Awaitable[list[bytes]]",
            self._make_room(keys=[f"{self._notes}{kind}", f"{self._notes}{kind}-bytes"], args=[origin, size, most]),
        )
        for gone in going:
            await redis.delete(self._prefix + gone.decode())

    async def _load(self, origin: str) -> RobotsFile | None:
        if self._redis is None:
            return None
        packed = await self._redis.get(self._prefix + origin)
        return None if packed is None else _unpacked(cast("bytes", packed))

    async def _position(self, origin: str) -> tuple[str, int]:
        """The address to be asked next, and how many redirects led there."""
        start = f"{origin}/robots.txt", 0
        if self._redis is None:
            return self._redirects.get(origin, start)
        packed = await self._redis.get(f"{self._prefix}{origin}:redirect")
        with suppress(ValueError, TypeError):
            url, redirects = json.loads(packed or "null")
            return str(url), int(redirects)
        return start

    async def _keep_redirect(self, origin: str, url: str, redirects: int) -> None:
        if self._redis is None:
            self._redirects[origin] = url, redirects
        else:
            packed = json.dumps([url, redirects])
            await self._redis.set(f"{self._prefix}{origin}:redirect", packed, ex=self._KEEP_REDIRECT)

    async def _forget_redirect(self, origin: str) -> None:
        if self._redis is None:
            self._redirects.pop(origin, None)
        else:
            await self._redis.delete(f"{self._prefix}{origin}:redirect")

    async def _rules(self, origin: str, file: RobotsFile) -> RobotsRules:
        if file.state == "unreachable":
            now = time.time()
            wait = timedelta(seconds=max(1.0, file.fresh_until - now))
            raise RobotsUnreachableError(file.detail, wait, timedelta(seconds=max(0.0, now - file.fetched_at)))
        text = file.text if file.state == "read" else ""
        rules = await RobotsRules.read_off_loop(text, self._agent)
        self._keep_read(origin, file.fresh_until, rules, self._TIMES_LENGTH * len(text))
        return rules

    def _keep_read(self, origin: str, fresh_until: float, rules: RobotsRules, size: int) -> None:
        replaced = self._read.pop(origin, None)
        self._bytes_read += size - (replaced[2] if replaced is not None else 0)
        self._read[origin] = (fresh_until, rules, size)
        while len(self._read) > self._IN_PROCESS or (self._bytes_read > self._BYTES_IN_PROCESS and len(self._read) > 1):
            _, (_, _, dropped) = self._read.popitem(last=False)
            self._bytes_read -= dropped

    def _file_of(self, response: WebResponse, now: float) -> RobotsFile:
        status = response.status
        if status == 200:
            text = decode_robots(response.body[:MAX_ROBOTS_BYTES])
            return RobotsFile("read", text, now, now + self._freshness(response).total_seconds())
        detail = f"robots.txt answered {status}"
        if status == 429 or status >= 500:
            return RobotsFile("unreachable", "", now, now + self._UNREACHABLE.total_seconds(), detail)
        return RobotsFile("unavailable", "", now, now + self._freshness(response).total_seconds(), detail)

    def _freshness(self, response: WebResponse) -> timedelta:
        lifetime = max_age(response.headers)
        return self._LONGEST if lifetime is None else min(self._LONGEST, max(self._SHORTEST, lifetime))


def _packed(file: RobotsFile) -> bytes:
    # Lone surrogates stand for bytes that are not UTF-8; JSON keeps them as escapes.
    return zlib.compress(
        json.dumps([file.state, file.text, file.fetched_at, file.fresh_until, file.detail]).encode("ascii")
    )


def _unpacked(packed: bytes) -> RobotsFile | None:
    """The file; None for what another version has kept in another form: it is asked for anew."""
    try:
        state, text, fetched_at, fresh_until, detail = json.loads(zlib.decompress(packed))
        return RobotsFile(state, text, float(fetched_at), float(fresh_until), detail)
    except (zlib.error, ValueError, TypeError):
        return None
