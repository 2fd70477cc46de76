"""Takes addresses apart the way browsers do (WHATWG URL Standard, for http, https and file)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from coranto.urls.errors import UnsupportedUrlError, shown
from coranto.urls.host import read_host

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

MAX_URL_CHARS: Final = 16_384
"""Longest address, as written and once its characters are escaped: what fits into one line of HTTP headers here.

RFC 9110 asks for 8,000. Reading an address takes time with its length, and addresses come from strangers.
"""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
BLANKS: Final = "".join(map(chr, range(0x21)))
"""What browsers drop at both ends of an address."""
AUTHORITY_END: Final = re.compile(r"[/\\?#]")
# What the WHATWG URL Standard escapes in each part, besides control characters and what is not ASCII.
_BROWSER_QUERY: Final = frozenset(" \"#<>'")
_BROWSER_FRAGMENT: Final = frozenset(' "<>`')
_BROWSER_PATH: Final = frozenset(' "#<>?^`{}')


@dataclass(frozen=True, slots=True)
class Address:
    """An address taken apart. `host` is in ASCII and lower case, an IPv6 address without its brackets."""

    scheme: str
    host: str
    port: int | None
    """None when it is the scheme's own."""
    path: str
    query: str | None = None
    fragment: str | None = None

    @property
    def authority(self) -> str:
        """Host, and port where it is not the scheme's own: what politeness is counted by."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme and authority: what a robots.txt file speaks for."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        query = "" if self.query is None else f"?{self.query}"
        fragment = "" if self.fragment is None else f"#{self.fragment}"
        return f"{self.origin}{self.path}{query}{fragment}"


def parse(url: str, *, base: str | None = None) -> Address:
    """The address taken apart, as a browser would; a user name and password are left out. A relative one needs `base`.

    Raises UnsupportedUrlError when it is no http, https or file URL, or longer than MAX_URL_CHARS.
    """
    check_length(url, url)
    address = _parse(url, base)
    check_length(str(address), url)
    return address


def check_length(text: str, url: str) -> None:
    """Raise UnsupportedUrlError, which shows `url`, when the text is longer than MAX_URL_CHARS."""
    if len(text) > MAX_URL_CHARS:
        raise UnsupportedUrlError(f"expected an address of at most {MAX_URL_CHARS} characters, got {shown(url)}")


def _parse(url: str, base: str | None) -> Address:
    text = url.strip(BLANKS)
    if not text.isprintable():
        text = text.translate({9: None, 10: None, 13: None})
    origin = _parse_base(base) if base is not None else None
    match = _SCHEME.match(text)
    if match is None:
        if origin is None:
            raise UnsupportedUrlError(
                f"expected an address that begins with http://, https:// or file://, got {shown(url)}"
            )
        return _relative(text, origin, url)
    scheme, rest = match[1].lower(), text[match.end() :]
    if scheme == "file":
        return _file(rest, url)
    if scheme not in DEFAULT_PORTS:
        raise UnsupportedUrlError(f"expected an http, https or file address, got the scheme {scheme!r} in {shown(url)}")
    slashes = len(rest) - len(rest.lstrip("/\\"))
    if slashes < 2 and origin is not None and origin.scheme == scheme:
        return _relative(rest, origin, url)
    return _with_authority(scheme, rest[slashes:], url)


@lru_cache(maxsize=16)
def _parse_base(base: str) -> Address:
    # The links of a document come by the ten thousand, and all with the same base.
    return parse(base)


def join(base: str, link: str) -> str:
    """The absolute address of a link found in the document at `base`. Raises UnsupportedUrlError."""
    return str(parse(link, base=base))


def host_of(url: str) -> str:
    """Host of the address in lower case, without port; empty for a file. Raises UnsupportedUrlError."""
    return parse(url).host


def _with_authority(scheme: str, rest: str, url: str) -> Address:
    mark = AUTHORITY_END.search(rest)
    end = mark.start() if mark is not None else len(rest)
    authority = rest[:end].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, port = authority, ""
    port = port.lstrip("0") or port[:1]
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise UnsupportedUrlError(f"expected a port from 0 to 65535, got {port[:20]!r} in {shown(url)}")
    number = int(port) if port else None
    path, query, fragment = _tail(rest[end:])
    return Address(
        scheme=scheme,
        host=read_host(host, url),
        port=None if number == DEFAULT_PORTS[scheme] else number,
        path=_without_dots(path),
        query=query,
        fragment=fragment,
    )


def _relative(text: str, base: Address, url: str) -> Address:
    flat = text.replace("\\", "/")
    if flat.startswith("//"):
        return _file(text, url) if base.scheme == "file" else _with_authority(base.scheme, text.lstrip("/\\"), url)
    path, query, fragment = _tail(text)
    if not path:
        return replace(base, query=base.query if query is None else query, fragment=fragment)
    segments = path.split("/")[1:] if path.startswith("/") else [*base.path.split("/")[1:-1], *path.split("/")]
    return replace(base, path="/" + "/".join(_resolve_dots(segments)), query=query, fragment=fragment)


def _file(rest: str, url: str) -> Address:
    flat = rest.replace("\\", "/")
    if flat.startswith("//"):
        host, slash, path = flat[2:].partition("/")
        if host.lower() not in ("", "localhost"):
            raise UnsupportedUrlError(
                f"expected a file on this machine (file:///…), got the host {host!r} in {shown(url)}"
            )
        flat = slash + path
    path, query, fragment = _tail(flat)
    # Slashes at the beginning say nothing on a file system, and two of them would look like a host.
    rooted = "/".join(_resolve_dots(path.lstrip("/").split("/"))).lstrip("/")
    return Address("file", "", None, f"/{rooted}", query, fragment)


def _tail(text: str) -> tuple[str, str | None, str | None]:
    text, hash_mark, fragment = text.partition("#")
    path, question, query = text.partition("?")
    return (
        _escape(path.replace("\\", "/"), _BROWSER_PATH),
        _escape(query, _BROWSER_QUERY) if question else None,
        _escape(fragment, _BROWSER_FRAGMENT) if hash_mark else None,
    )


def _escape(text: str, marks: frozenset[str]) -> str:
    if text.isascii() and text.isprintable() and not marks.intersection(text):
        return text
    return "".join(
        char
        if " " <= char <= "~" and char not in marks
        else "".join(f"%{byte:02X}" for byte in char.encode(errors="replace"))
        for char in text
    )


def _without_dots(path: str) -> str:
    if path and "/." not in path and "%2" not in path:
        return path
    return "/" + "/".join(_resolve_dots(path.split("/")[1:] if path else [""]))


def _resolve_dots(segments: list[str]) -> list[str]:
    kept: list[str] = []
    for number, segment in enumerate(segments):
        plain = segment.lower().replace("%2e", ".")
        is_last = number == len(segments) - 1
        if plain == "..":
            if kept:
                kept.pop()
        elif plain != ".":
            kept.append(segment)
            continue
        if is_last:
            kept.append("")
    return kept
