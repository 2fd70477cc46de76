"""robots.txt by RFC 9309: what a file's text says to one agent.

Getting the file and keeping it is the business of those who ask.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

MAX_ROBOTS_BYTES: Final = 512_000
"""RFC 9309, 2.5: at least 500 KiB must be read; what lies beyond is ignored."""

_MAX_LINE: Final = 8192
_MOST_AGENTS: Final = 50
_MOST_USAGES: Final = 100
# What is read and asked on the event loop takes 5 ms at most. The largest file takes 300 ms to read, and may take longer to
# ask.
_SMALL_FILE: Final = 16_000
_SMALL_MATCH: Final = 1_000_000
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
# RFC 9309, 2.2.1 has ASCII letters in mind; sites write the names of robots in their own.
_TOKEN: Final = re.compile(r"(?:[^\W\d]|-)[\w\-]*")
_BETWEEN_AGENTS: Final = re.compile(r"[\s,;]+")
_BETWEEN_PRODUCTS: Final = re.compile(r"[\s,;()\[\]]+")
# What every browser says of itself: no robot is meant by these.
_BROWSER_WORDS: Final = frozenset(
    {"mozilla", "compatible", "applewebkit", "khtml", "like", "gecko", "chrome", "safari"}
)
_MARKUP: Final = re.compile(r"<[^<>]{0,200}>")
_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")
_ABSOLUTE: Final = re.compile(r"https?://([^/?#\s]{1,300})", re.IGNORECASE)
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# RFC 3986, 2.2: what else may stand in an address as it is. Asterisk and dollar mean something in rules, and are escaped there.
_KEPT: Final = _UNRESERVED | frozenset(":/?#[]@!&'()+,;=%")

# Misspellings that are common enough for the large crawlers to obey.
_FIELDS: Final[dict[str, str]] = {
    "user-agent": "agent", "useragent": "agent", "user agent": "agent",
    "allow": "allow",
    "disallow": "disallow", "dissallow": "disallow", "dissalow": "disallow", "disalow": "disallow", "diasllow": "disallow",
    "disallaw": "disallow",
    "crawl-delay": "delay", "crawldelay": "delay", "crawl delay": "delay",
    "content-signal": "signal",
    "content-usage": "usage",
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
    host: str | None = None
    """The only host that the rule is about, where it names one."""

    def matches(self, path: str, host: str) -> bool:
        """Whether the path begins with the pattern. Linear in the path: pieces are found from left to right, once."""
        if self.host is not None and self.host != host:
            return False
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
    usages: tuple[tuple[_Rule, str], ...]


class RobotsRules:
    """What one robots.txt says to one agent."""

    def __init__(
        self,
        rules: tuple[_Rule, ...] = (),
        delay_seconds: float | None = None,
        signals: tuple[str, ...] = (),
        usages: tuple[tuple[_Rule, str], ...] = (),
    ) -> None:
        # Longest first, and allow before disallow: the first that matches decides (RFC 9309, 2.2.2).
        self._rules = tuple(sorted(rules, key=lambda rule: (-rule.length, not rule.is_allowed)))
        self.crawl_delay = None if delay_seconds is None else timedelta(seconds=delay_seconds)
        self.content_signals = signals
        self._usages = usages

    @classmethod
    def read(cls, raw: bytes | str, agent: str) -> RobotsRules:
        """The rules for this agent, such as `CorantoBot` or a whole User-Agent. What cannot be understood is skipped."""
        text = raw if isinstance(raw, str) else decode_robots(raw[:MAX_ROBOTS_BYTES])
        groups = _groups(text)
        chosen = _groups_for(groups, agent)
        delays = [group.delay for group in chosen if group.delay is not None]
        return cls(
            tuple(rule for group in chosen for rule in group.rules),
            delays[0] if delays else None,
            tuple(signal for group in chosen for signal in group.signals),
            tuple(usage for group in chosen for usage in group.usages)[:_MOST_USAGES],
        )

    @classmethod
    async def read_off_loop(cls, text: str, agent: str) -> RobotsRules:
        """As `read`, on a thread where the file is so long that reading it would hold the event loop up."""
        if len(text) <= _SMALL_FILE:
            return cls.read(text, agent)
        return await asyncio.to_thread(cls.read, text, agent)

    def allows(self, url: str) -> bool:
        """Whether the agent may get this address."""
        path, host = _path_of(url), _host_of(url)
        if path == "/robots.txt":
            return True  # RFC 9309, 2.2.2: always allowed
        return next((rule.is_allowed for rule in self._rules if rule.matches(path, host)), True)

    def content_usage(self, url: str) -> tuple[str, ...]:
        """What Content-Usage lines say of this address, such as `train-ai=n`: those with the longest path that it begins with."""
        path, host = _path_of(url), _host_of(url)
        found = [(rule.length, value) for rule, value in self._usages if rule.matches(path, host)]
        longest = max((length for length, _ in found), default=0)
        return tuple(value for length, value in found if length == longest)

    async def allows_off_loop(self, url: str) -> bool:
        """As `allows`, on a thread where the file is so long that asking it would hold the event loop up."""
        if len(self._rules) * len(url) < _SMALL_MATCH:
            return self.allows(url)
        return await asyncio.to_thread(self.allows, url)


class UrlPattern:
    """A path in the notation of robots.txt, for other files that use it."""

    def __init__(self, rule: _Rule) -> None:
        self._rule = rule

    @classmethod
    def read(cls, text: str) -> UrlPattern:
        """The pattern that the text means."""
        return cls(_rule(text, is_allowed=True))

    def matches(self, url: str) -> bool:
        """Whether the address begins with it."""
        return self._rule.matches(_path_of(url), _host_of(url))


def decode_robots(raw: bytes) -> str:
    """The text of a file. Bytes that are not UTF-8 become lone surrogates."""
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
    usages: list[tuple[_Rule, str]] = []
    delay: float | None = None
    expects_rules = False

    def close() -> None:
        if agents:
            groups.append(_Group(tuple(agents), tuple(rules), delay, tuple(signals), tuple(usages)))

    for line in _LINE_ENDS.split(text):
        field, value = _field(line[:_MAX_LINE])
        if field == "agent":
            if expects_rules:
                close()
                agents, rules, signals, usages, delay, expects_rules = [], [], [], [], None, False
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
        elif field == "usage":
            expects_rules = True
            usages.append(_usage(value))
    close()
    return groups


def _field(line: str) -> tuple[str | None, str]:
    if line.rstrip().endswith(">"):
        line = _MARKUP.sub("", line)  # a file that an HTML editor saved
    line = line.partition("#")[0].strip()
    name, colon, value = line.partition(":")
    if not colon:
        # `disallow /` without its colon is common; only where exactly two words stand, so that prose does not become a rule.
        words = line.split()
        if len(words) != 2:
            return None, ""
        name, value = words
    return _FIELDS.get(" ".join(name.lower().split())), value.strip()


def _usage(value: str) -> tuple[_Rule, str]:
    """Path and preferences; without a path they are about all."""
    path, _, preferences = value.partition(" ") if value.startswith(("/", "*")) else ("/", "", value)
    return _rule(path, is_allowed=True), preferences.strip()[:200]


def _delay(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _groups_for(groups: list[_Group], agent: str) -> list[_Group]:
    """The groups that speak to the agent: those that name it, else those that name its family, else `*`."""
    own = agent_names(agent)
    best: list[_Group] = []
    best_length = -1
    for group in groups:
        length = max((_match_length(name, own) for name in group.agents), default=-1)
        if length > best_length:
            best, best_length = [group], length
        elif length == best_length and length >= 0:
            best.append(group)
    return best


def agent_names(agent: str) -> list[str]:
    """The names that the agent goes by: `yourbot` for `Mozilla/5.0 (compatible; YourBot/1.0)`."""
    words = _BETWEEN_PRODUCTS.split(agent[:_MAX_LINE])
    tokens = (_TOKEN.match(word) for word in words if "://" not in word and "@" not in word)
    names = [token[0].lower() for token in tokens if token is not None]
    return [name for name in names if name not in _BROWSER_WORDS] or names[:1] or [agent.lower()]


def _match_length(value: str, own: list[str]) -> int:
    """How well a user-agent line fits: length of the longest name, 0 for `*`, -1 for somebody else's.

    Lines are meant to hold one name each. Where one holds several, each of them is spoken to.
    """
    words = _BETWEEN_AGENTS.split(value)
    if words[0] == "*":
        return 0
    return max(_name_length(word, name) for word in words[:_MOST_AGENTS] for name in own[:_MOST_AGENTS])


def _name_length(word: str, own: str) -> int:
    match = _TOKEN.match(word)
    token = (match[0] if match else word).lower()
    if not token or (not match and token != own):
        return -1
    # A line for `hedwig` speaks to `hedwig-images` too: a site that names a family means its members.
    is_family = own.startswith(token) and own[len(token)] in "-_0123456789" if len(own) > len(token) else False
    return len(token) if token == own or is_family else -1


def _rule(value: str, *, is_allowed: bool) -> _Rule:
    is_anchored = value.endswith("$")
    pattern = value.removesuffix("$")
    absolute = _ABSOLUTE.match(pattern)
    if absolute is not None:
        pattern = pattern[absolute.end() :]
    if not pattern.startswith(("/", "*")):
        pattern = f"/{pattern}"
    pieces = tuple(_normal(piece) for piece in re.sub(r"\*{2,}", "*", pattern).split("*"))
    length = len(value.encode("utf-8", "surrogateescape"))
    return _Rule(is_allowed, pieces, is_anchored, length, None if absolute is None else absolute[1].lower())


def _normal(text: str) -> str:
    """Path or part of a pattern with one spelling for every character (RFC 9309, 2.2.2)."""

    def unescape(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16))
        return char if char in _UNRESERVED else f"%{match[1].upper()}"

    text = _ESCAPE.sub(unescape, text)
    return "".join(
        char if char in _KEPT else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))
        for char in text
    )


def _path_of(url: str) -> str:
    scheme_end = url.find("://")
    rest = url[scheme_end + 3 :] if scheme_end >= 0 else url
    start = next((at for at, char in enumerate(rest) if char in "/?"), None) if scheme_end >= 0 else 0
    path = "/" if start is None else rest[start:]
    path = path.partition("#")[0]
    return _normal(path if path.startswith("/") else f"/{path}")


def _host_of(url: str) -> str:
    match = _ABSOLUTE.match(url)
    return match[1].lower() if match is not None else ""
