"""robots.txt by RFC 9309: reading it, asking it, and keeping it.

`RobotsRules` is the pure part: a file's text and an agent in, answers out. `RobotsCache` finds the rules of an origin: in
this process, in Redis where all fetchers share them, or over the network, which only the stage may decide to use because
the request needs the host's turn.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final, Literal, Protocol

from redis.asyncio import Redis

from coranto.http import WebClient, WebError, WebLimits, WebResponse
from coranto.urls import UnsupportedUrlError

MAX_ROBOTS_BYTES: Final = 512_000
"""RFC 9309, 2.5: at least 500 KiB must be read; what lies beyond is ignored."""

_MAX_LINE: Final = 8192
_MOST_HOPS: Final = 5  # RFC 9309, 2.3.1.2
# What is read and asked on the event loop: about 5 ms. The largest file takes 300 ms to read, and may take longer to ask.
_SMALL_FILE: Final = 16_000
_SMALL_MATCH: Final = 1_000_000
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_TOKEN: Final = re.compile(r"[A-Za-z_\-]+[0-9A-Za-z_\-]*")
_MARKUP: Final = re.compile(r"<[^<>]{0,200}>")
_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

# Misspellings that are common enough for the large crawlers to obey.
_FIELDS: Final[dict[str, str]] = {
    "user-agent": "agent", "useragent": "agent", "user agent": "agent",
    "allow": "allow",
    "disallow": "disallow", "dissallow": "disallow", "dissalow": "disallow", "disalow": "disallow", "diasllow": "disallow",
    "disallaw": "disallow",
    "crawl-delay": "delay", "crawldelay": "delay", "crawl delay": "delay",
    "content-signal": "signal",
    "sitemap": "sitemap", "site-map": "sitemap",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Rule:
    is_allowed: bool
    pieces: tuple[str, ...]
    """The pattern, cut at its asterisks."""
    is_anchored: bool
    """True when the pattern ends in `$`."""
    length: int

    def matches(self, path: str) -> bool:
        """Whether the path begins with the pattern. Linear in the path: pieces are found from left to right, once."""
        first, *others = self.pieces
        if not path.startswith(first):
            return False
        at = len(first)
        if not others:
            return not self.is_anchored or at == len(path)
        for piece in others[:-1]:
            found = path.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        last = others[-1]
        if self.is_anchored:
            return len(path) - len(last) >= at and path.endswith(last)
        return path.find(last, at) >= 0


@dataclass(frozen=True, slots=True)
class _Group:
    agents: tuple[str, ...]
    rules: tuple[_Rule, ...]
    delay: float | None
    signals: tuple[str, ...]


class RobotsRules:
    """What one robots.txt says to one agent."""

    def __init__(
        self, rules: tuple[_Rule, ...] = (), delay_seconds: float | None = None, signals: tuple[str, ...] = ()
    ) -> None:
        # Longest first, and allow before disallow: the first that matches decides (RFC 9309, 2.2.2).
        self._rules = tuple(sorted(rules, key=lambda rule: (-rule.length, not rule.is_allowed)))
        self.crawl_delay = None if delay_seconds is None else timedelta(seconds=delay_seconds)
        self.content_signals = signals

    @classmethod
    def read(cls, raw: bytes | str, agent: str) -> RobotsRules:
        """The rules for this agent, such as `CorantoBot`. Reads anything; what it cannot understand it skips."""
        text = raw if isinstance(raw, str) else _decoded(raw[:MAX_ROBOTS_BYTES])
        groups = _groups(text)
        chosen = _groups_for(groups, agent)
        delays = [group.delay for group in chosen if group.delay is not None]
        return cls(
            tuple(rule for group in chosen for rule in group.rules),
            delays[0] if delays else None,
            tuple(signal for group in chosen for signal in group.signals),
        )

    def allows(self, url: str) -> bool:
        """Whether the agent may get this address."""
        path = _path_of(url)
        if path == "/robots.txt":
            return True  # RFC 9309, 2.2.2: always allowed
        return next((rule.is_allowed for rule in self._rules if rule.matches(path)), True)

    async def permits(self, url: str) -> bool:
        """As `allows`, on a thread where the file is so long that asking it would hold the event loop up."""
        if len(self._rules) * len(url) < _SMALL_MATCH:
            return self.allows(url)
        return await asyncio.to_thread(self.allows, url)


def _decoded(raw: bytes) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, "replace")
    # Bytes that are not UTF-8 keep their value, so that rules in an old charset still match paths escaped from it.
    return raw.decode("utf-8", "surrogateescape")


def _groups(text: str) -> list[_Group]:
    groups: list[_Group] = []
    agents: list[str] = []
    rules: list[_Rule] = []
    signals: list[str] = []
    delay: float | None = None
    expects_rules = False

    def close() -> None:
        if agents:
            groups.append(_Group(tuple(agents), tuple(rules), delay, tuple(signals)))

    for line in _LINE_ENDS.split(text):
        field, value = _field(line[:_MAX_LINE])
        if field == "agent":
            if expects_rules:
                close()
                agents, rules, signals, delay, expects_rules = [], [], [], None, False
            agents.append(value)
        elif not agents:
            continue
        elif field in ("allow", "disallow"):
            expects_rules = True
            if value:
                rules.append(_rule(value, is_allowed=field == "allow"))
        elif field == "delay":
            expects_rules = True
            delay = _delay(value) if delay is None else delay
        elif field == "signal":
            expects_rules = True
            signals.append(value[:200])
    close()
    return groups


def _field(line: str) -> tuple[str | None, str]:
    if line.rstrip().endswith(">"):
        line = _MARKUP.sub("", line)  # a file that an HTML editor saved
    line = line.partition("#")[0].strip()
    name, colon, value = line.partition(":")
    if not colon:
        # `disallow /` without its colon is common; only where exactly two words stand, so that prose is no rule.
        words = line.split()
        if len(words) != 2:
            return None, ""
        name, value = words
    return _FIELDS.get(" ".join(name.lower().split())), value.strip()


def _delay(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _groups_for(groups: list[_Group], agent: str) -> list[_Group]:
    """The groups that speak to the agent: those that name it, else those that name its family, else `*`."""
    match = _TOKEN.match(agent)
    own = (match[0] if match else agent).lower()
    best: list[_Group] = []
    best_length = -1
    for group in groups:
        length = max((_match_length(name, own) for name in group.agents), default=-1)
        if length > best_length:
            best, best_length = [group], length
        elif length == best_length and length >= 0:
            best.append(group)
    return best


def _match_length(name: str, own: str) -> int:
    """How well a user-agent line fits: length of the name, 0 for `*`, -1 for somebody else's."""
    if name == "*" or (name.startswith("*") and name[1:2].isspace()):
        return 0
    match = _TOKEN.match(name)
    token = (match[0] if match else name).lower()
    if not token or (not match and token != own):
        return -1
    # A line for `hedwig` speaks to `hedwig-images` too: a site that names a family means its members.
    is_family = own.startswith(token) and own[len(token)] in "-_0123456789" if len(own) > len(token) else False
    return len(token) if token == own or is_family else -1


def _rule(value: str, *, is_allowed: bool) -> _Rule:
    is_anchored = value.endswith("$")
    pattern = value.removesuffix("$")
    if not pattern.startswith(("/", "*")):
        pattern = f"/{pattern}" if "://" not in pattern else pattern
    pieces = tuple(_normal(piece) for piece in re.sub(r"\*{2,}", "*", pattern).split("*"))
    return _Rule(is_allowed, pieces, is_anchored, length=len(value.encode("utf-8", "surrogateescape")))


def _normal(text: str) -> str:
    """Path or part of a pattern with one spelling for every character (RFC 9309, 2.2.2)."""

    def unescape(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16))
        return char if char in _UNRESERVED else f"%{match[1].upper()}"

    text = _ESCAPE.sub(unescape, text)
    return "".join(
        char
        if char.isascii() and char not in "*$"
        else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))
        for char in text
    )


def _path_of(url: str) -> str:
    scheme_end = url.find("://")
    rest = url[scheme_end + 3 :] if scheme_end >= 0 else url
    start = next((at for at, char in enumerate(rest) if char in "/?"), None) if scheme_end >= 0 else 0
    path = "/" if start is None else rest[start:]
    path = path.partition("#")[0]
    return _normal(path if path.startswith("/") else f"/{path}")


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
    """What the stage needs to know about robots.txt files."""

    async def find(self, origin: str) -> RobotsRules | None:
        """Rules that are still fresh, without the network; None when the file must be got."""

    async def get(self, origin: str) -> RobotsRules:
        """Get the file over the network and keep it. Raises RobotsUnreachableError or WebError."""


class RobotsUnreachableError(Exception):
    """The file could not be got and there is no copy to go by: everything is disallowed for now (RFC 9309, 2.3.1.4)."""

    def __init__(self, detail: str, retry_after: timedelta) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class RobotsCache:
    """robots.txt files of all origins, kept in Redis for all fetchers and, read, in this process.

    Without Redis the process keeps them for itself.
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
        self._limits = WebLimits(total_time=timedelta(seconds=15), max_body_bytes=20 * MAX_ROBOTS_BYTES)

    async def find(self, origin: str) -> RobotsRules | None:
        """Rules that are still fresh, from this process or Redis; None when the file must be got.

        Raises RobotsUnreachableError while a failure to get it is fresh.
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
        """Get the file over the network and keep it. Raises RobotsUnreachableError, or WebError when there was no response.

        A copy that is out of date stands in for a file that cannot be got (RFC 9309, 2.4).
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
        read = partial(RobotsRules.read, text, self._agent)
        rules = read() if len(text) <= _SMALL_FILE else await asyncio.to_thread(read)
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
        try:
            for _ in range(_MOST_HOPS + 1):
                response = await self._web.get(url, limits=self._limits, wants_body=lambda status, _: status == 200)
                target = response.location
                if target is None:
                    return self._judge(response, now)
                url = target
        except UnsupportedUrlError as error:
            return RobotsFile("unavailable", "", now, now + self._LONGEST.total_seconds(), str(error))
        # RFC 9309, 2.3.1.2: after five hops the file may be taken as unavailable.
        return RobotsFile("unavailable", "", now, now + self._LONGEST.total_seconds(), "too many redirects")

    def _judge(self, response: WebResponse, now: float) -> RobotsFile:
        status = response.status
        if status == 200:
            text = _decoded(response.body[:MAX_ROBOTS_BYTES])
            # Lone surrogates stand for bytes that are no UTF-8; JSON keeps them as escapes.
            return RobotsFile("read", text, now, now + self._freshness(response).total_seconds())
        detail = f"robots.txt answered {status}"
        if status == 429 or status >= 500:
            return RobotsFile("unreachable", "", now, now + self._UNREACHABLE.total_seconds(), detail)
        return RobotsFile("unavailable", "", now, now + self._freshness(response).total_seconds(), detail)

    def _freshness(self, response: WebResponse) -> timedelta:
        match = re.search(r"max-age=(\d{1,9})", response.headers.get("Cache-Control", ""))
        if match is None:
            return self._LONGEST
        return min(self._LONGEST, max(self._SHORTEST, timedelta(seconds=int(match[1]))))
