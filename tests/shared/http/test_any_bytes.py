"""Everything that reads strangers' bytes, given any bytes at all: it ends in a result or in its own error, and soon.

A few hundred examples each in every run; `make test-slow` tries for longer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from tests.harness.any_input import tried

from coranto.charset import decode, is_same_charset, web_label
from coranto.http import RedirectChain, WebError, WebResponse
from coranto.http.page.html_attributes import find_tags
from coranto.http.page.refresh import find_refresh
from coranto.http.response.decoding import BodyDecoder
from coranto.http.response.headers import cache_lifetime, retry_after
from coranto.http.robots.rules import RobotsRules
from coranto.urls import UnsupportedUrlError, canonicalize, parse

WORDS = (
    "http://a.example/b", "//", "..", "%2", "%C3%A9", "://", "[::1]", "@", "xn--", "#", "?a=b&c", "User-agent: *\n",
    "Disallow: /", "*", "$",
    "<meta http-equiv=refresh content='0;url=", "<noscript>", "<a href=\"", "-->", "<!--", "&amp", "0;", "url=",
    "charset=", "utf-16", "koi8-r",
    "Set-Cookie", "a=b; Path=/; Domain=example", "expires=Wed, 21 Oct", "max-age=", "2026", "Лодка", "ß", "\x00",
    "\ufeff", "\r\n", "\u2028",
    "Content-Usage: train-ai=n", "gzip, br", "deflate", ";q=0", "'", '"', " " * 20, "\t", "😀", "1e999", "-1", "NaN",
)  # fmt: skip


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


SOUP = st.lists(
    st.one_of(st.sampled_from(WORDS).map(str.encode), st.binary(max_size=12), st.text(max_size=6).map(encoded)),
    max_size=40,
).map(b"".join)  # fmt: skip


def response(body: bytes, headers: dict[str, str]) -> WebResponse:
    return WebResponse("http://a.example/", 200, CIMultiDictProxy(CIMultiDict(headers)), body, len(body), 1)


def text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def read_url(raw: bytes) -> None:
    with suppress(UnsupportedUrlError):
        address = parse(text(raw), base="http://a.example/b")
        assert str(parse(str(address))) == str(address)
    with suppress(UnsupportedUrlError):
        canonical = canonicalize(text(raw))
        assert canonicalize(canonical) == canonical


def read_location(raw: bytes) -> None:
    header = text(raw.replace(b"\n", b"").replace(b"\r", b"").replace(b"\0", b""))
    redirect = WebResponse("http://a.example/", 302, CIMultiDictProxy(CIMultiDict({"Location": header})), b"", 0, 1)
    with suppress(UnsupportedUrlError):
        target = redirect.location
        assert target is None or (target.isascii() and target.startswith("http"))


def read_robots(raw: bytes) -> None:
    rules = RobotsRules.read(raw, text(raw[:40]) or "CorantoBot")
    assert rules.allows("http://a.example/robots.txt")
    rules.allows(f"http://a.example/{text(raw[:200])}")


def read_cookies(raw: bytes) -> None:
    chain = RedirectChain()
    for line in raw.split(b"\n"):
        chain.note(response(b"", {"Set-Cookie": text(line)}))
    cookie = chain.headers("http://a.example/").get("Cookie", "")
    assert "\n" not in cookie
    assert "\r" not in cookie
    again = RedirectChain(chain.set_cookies)
    assert again.headers("http://a.example/") == chain.headers("http://a.example/")


def read_headers(raw: bytes) -> None:
    headers = {"Retry-After": text(raw), "Cache-Control": text(raw), "Expires": text(raw)}
    now = datetime(2026, 5, 1, tzinfo=UTC)
    pause = retry_after(headers, now=now, longest=timedelta(hours=1))
    assert pause is None or timedelta() <= pause <= timedelta(hours=1)
    assert timedelta() <= cache_lifetime(headers, now=now, longest=timedelta(hours=1)) <= timedelta(hours=1)


def read_charset(raw: bytes) -> None:
    for stated in (None, text(raw[:20]), "utf-16", "rot13", "idna", "base64"):
        decoded = decode(raw, stated)
        assert isinstance(decoded.text, str)
        assert is_same_charset(web_label(decoded.charset), decoded.charset)


def read_refresh(raw: bytes) -> None:
    with suppress(UnsupportedUrlError):
        find_refresh(response(raw, {"Content-Type": "text/html"}))
    with suppress(UnsupportedUrlError):
        find_refresh(response(b"", {"Refresh": text(raw)}))
    list(find_tags(text(raw), frozenset({"a", "meta"})))


def read_packed(raw: bytes) -> None:
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, br", text(raw[:20])):
        with suppress(WebError):
            decoder = BodyDecoder(
                coding, max_bytes=10_000, max_decoded_bytes=100_000, max_compression_ratio=100, expects_text=True
            )
            for piece in (raw[:7], raw[7:]):
                for _ in decoder.feed(piece):
                    pass
            assert len(decoder.finish()) <= 100_000


TARGETS: list[Callable[[bytes], None]] = [
    read_url, read_location, read_robots, read_cookies, read_headers, read_charset, read_refresh, read_packed,
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
async def test_any_bytes_end_in_a_result_or_an_error_of_ours(target: Callable[[bytes], None]) -> None:
    tried(target, SOUP, 150, derandomize=True)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
async def test_any_bytes_for_long(target: Callable[[bytes], None]) -> None:
    tried(target, SOUP, 20_000, derandomize=False)
