"""A web server that misbehaves: each behaviour with what is to come of it when the fetcher meets it.

Nothing here is a web framework's: answers are bytes, so that they can be as wrong as those of the web.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import brotli  # type: ignore[import-untyped]  # the package has no types
import zstandard

WORDS = "The harbour office counted the boats again and found more people on the river than in any week before. "
TITLE = "Boats counted on the river"
PAGE = (
    f"<!doctype html><html><head><meta charset=utf-8><title>{TITLE}</title></head><body><article><h1>{TITLE}</h1>"
    + f"<p>{WORDS * 3}</p>" * 8
    + "</article></body></html>"
).encode()
CHUNK = 1 << 16


@dataclass
class Request:
    """What was asked."""

    target: str
    path: str
    """The target without its query."""
    headers: dict[str, str]
    base: str
    """Address of the server."""
    count: int
    """How often this path was asked before."""


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Behaviour:
    """One way to misbehave."""

    name: str
    outcome: str
    reason: str | None
    answers: dict[str, Answer]
    """By path; `/page` is the article. Without a `/robots.txt` there is none."""
    final_path: str | None = None
    title: str | None = None
    """What the page is to be called, where there is one."""
    is_bomb: bool = False
    asked: list[str] = field(default_factory=list)


def send(raw: bytes) -> Answer:
    """Send these bytes and close."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(raw.replace(b"{base}", request.base.encode()))
        await writer.drain()

    return answer


def response(
    body: bytes = PAGE, *headers: str, status: str = "200 OK", kind: str | None = "text/html; charset=utf-8"
) -> Answer:
    """A response as it should be, but for these headers."""
    head = [f"HTTP/1.1 {status}", "Connection: close", *headers]
    if kind is not None:
        head.append(f"Content-Type: {kind}")
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        head.append(f"Content-Length: {len(body)}")
    return send("\r\n".join([*head, "", ""]).encode("utf-8", "surrogateescape") + body)


def head(*lines: bytes, body: bytes = PAGE, end: bytes = b"\r\n") -> Answer:
    """These lines as they are, and a body up to the end of the connection."""
    return send(end.join([*lines, b"", b""]) + body)


def redirect(to: str, *headers: str, status: str = "302 Found") -> Answer:
    return response(b"", f"Location: {to}", *headers, status=status)


def endless(beginning: bytes, piece: bytes, *, pause: float = 0.0, times: int = 2_000) -> Answer:
    """Send the piece again and again, for as long as somebody listens."""

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        for _number in range(times):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


def silence(beginning: bytes = b"") -> Answer:
    """Send the beginning, and nothing more."""

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        await writer.drain()
        await asyncio.sleep(60)

    return answer


def by_cookie(cookie: str, with_it: Answer, without: Answer) -> Answer:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        await (with_it if cookie in request.headers.get("cookie", "") else without)(request, writer)

    return answer


def chunked(
    *chunks: bytes, end: bytes = b"0\r\n\r\n", size: Callable[[bytes], bytes] = lambda c: b"%x" % len(c)
) -> bytes:
    return b"".join(size(chunk) + b"\r\n" + chunk + b"\r\n" for chunk in chunks) + end


def refreshing(content: str, words: str = "") -> bytes:
    return f'<html><head><meta http-equiv="refresh" content="{content}"></head><body>{words}</body></html>'.encode()


HTML = b"Content-Type: text/html; charset=utf-8"
OK = b"HTTP/1.1 200 OK"
LENGTH = b"Content-Length: %d" % len(PAGE)
GZIP = gzip.compress(PAGE)
ZLIB = zlib.compress(PAGE)
RAW_DEFLATE = zlib.compress(PAGE)[2:-4]
BROTLI = brotli.compress(PAGE)
ZSTD = zstandard.ZstdCompressor(write_checksum=True).compress(PAGE)
ZEROS = bytes(60_000_000)
SMALL_BOMB_MEMBER = gzip.compress(b"")


def _packed(body: bytes, coding: str) -> Answer:
    return response(body, f"Content-Encoding: {coding}")


def _behaviours() -> list[Behaviour]:
    found: list[Behaviour] = []

    def add(
        name: str,
        outcome: str,
        reason: str | None,
        page: Answer,
        *,
        others: dict[str, Answer] | None = None,
        final_path: str | None = None,
        title: str | None = TITLE,
        is_bomb: bool = False,
    ) -> None:
        answers = {"/page": page, **(others or {})}
        wanted = title if outcome == "ok" else None
        found.append(Behaviour(name, outcome, reason, answers, final_path, wanted, is_bomb))

    real = {"/real": response()}

    # Heads that browsers take
    add("plain page", "ok", None, response())
    add("same length twice", "ok", None, head(OK, HTML, LENGTH, LENGTH))
    add("same length twice in a line", "ok", None, head(OK, HTML, LENGTH + b", %d" % len(PAGE)))
    add("space in a header's name", "ok", None, head(OK, b"X Powered By: PHP", HTML, LENGTH))
    add("space before a colon", "ok", None, head(OK, b"Content-Type : text/html", LENGTH))
    add("length beside chunks", "ok", None, head(OK, HTML, LENGTH, b"Transfer-Encoding: chunked", body=chunked(PAGE)))
    add("folded header", "ok", None, head(OK, b"X-A: one", b"  two", HTML, LENGTH))
    add("fold before any header", "ok", None, head(OK, b"  two", HTML, LENGTH))
    add("no reason", "ok", None, head(b"HTTP/1.1 200", HTML, LENGTH))
    add("two spaces before the status", "ok", None, head(b"HTTP/1.1  200 OK", HTML, LENGTH))
    add("bare line feeds", "ok", None, head(OK, HTML, LENGTH, end=b"\n"))
    add("mixed line ends", "ok", None, send(OK + b"\n" + HTML + b"\r\n" + LENGTH + b"\n\r\n" + PAGE))
    add("version 2 in the status line", "ok", None, head(b"HTTP/2 200", HTML, LENGTH))
    add(
        "chunks in HTTP/1.0",
        "ok",
        None,
        head(b"HTTP/1.0 200 OK", HTML, b"Transfer-Encoding: chunked", body=chunked(PAGE)),
    )
    add("header line without a colon", "ok", None, head(OK, b"Served with love", HTML, LENGTH))
    add("control characters in a header", "ok", None, head(OK, b"Set-Cookie: a=\x01\x02b", HTML, LENGTH))
    add("zero byte in a header", "ok", None, head(OK, b"X-A: a\0b", HTML, LENGTH))
    add("raw Latin-1 in a header", "ok", None, head(OK, b"X-A: caf\xe9", HTML, LENGTH))
    add("length that is no number", "ok", None, head(OK, HTML, b"Content-Length: many"))
    add("negative length", "ok", None, head(OK, HTML, b"Content-Length: -1"))
    add("empty line before the head", "ok", None, send(b"\r\n" + OK + b"\r\n" + HTML + b"\r\n\r\n" + PAGE))
    add(
        "early hints first",
        "ok",
        None,
        send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + OK + b"\r\n" + HTML + b"\r\n\r\n" + PAGE),
    )
    add("many cookies", "ok", None, head(OK, *[b"Set-Cookie: a%d=b" % number for number in range(300)], HTML, LENGTH))
    add(
        "packed in its transfer coding",
        "ok",
        None,
        head(OK, HTML, b"Transfer-Encoding: gzip, chunked", body=chunked(GZIP)),
    )
    add(
        "spaces behind chunk sizes",
        "ok",
        None,
        head(OK, HTML, b"Transfer-Encoding: chunked", body=chunked(PAGE, size=lambda chunk: b"%x   " % len(chunk))),
    )
    add(
        "chunk extensions",
        "ok",
        None,
        head(OK, HTML, b"Transfer-Encoding: chunked", body=chunked(PAGE, size=lambda chunk: b"%X;a=b" % len(chunk))),
    )
    add(
        "trailers",
        "ok",
        None,
        head(OK, HTML, b"Transfer-Encoding: chunked", body=chunked(PAGE, end=b"0\r\nX-Sum: 1\r\n\r\n")),
    )
    te, size = b"Transfer-Encoding: chunked", b"%x" % len(PAGE)
    for name, body in (
        ("in bare line feeds", size + b"\n" + PAGE + b"\n0\n\n"),
        ("without the empty line at the end", size + b"\r\n" + PAGE + b"\r\n0\r\n"),
        ("without a line end behind a chunk", size + b"\r\n" + PAGE + b"0\r\n\r\n"),
        ("with spaces before a size", b"  " + size + b"\r\n" + PAGE + b"\r\n0\r\n\r\n"),
        ("with zeros before a size", b"0" * 30 + size + b"\r\n" + PAGE + b"\r\n0\r\n\r\n"),
        ("of one byte each", chunked(*(PAGE[at : at + 1] for at in range(len(PAGE))))),
        ("that are none", PAGE),
        ("with something behind them", chunked(PAGE) + b"<!-- cached -->" * 100),
    ):
        add(f"chunks {name}", "ok", None, head(OK, HTML, te, body=body))
    add("chunks announced twice", "ok", None, head(OK, HTML, te, te, body=chunked(PAGE)))
    add("transfer coding that is none", "ok", None, head(OK, HTML, b"Transfer-Encoding: identity"))
    add("something behind the body", "ok", None, head(OK, HTML, LENGTH, body=PAGE + b"<!-- cached -->"))
    add("second response behind the first", "ok", None, head(OK, HTML, LENGTH, body=PAGE + OK + b"\r\n\r\n"))
    add("body where there is none", "dropped", "unexpected_status", head(b"HTTP/1.1 204 No Content", HTML, LENGTH))
    # Heads that nobody can take
    add("two lengths", "retry", "broken_response", head(OK, HTML, LENGTH, b"Content-Length: 5"))
    add("not HTTP", "retry", "broken_response", send(b"SSH-2.0-OpenSSH_9.6\r\n"))
    add("status out of range", "retry", "broken_response", head(b"HTTP/1.1 20 OK", HTML, LENGTH))
    add("nothing at all", "retry", "broken_response", send(b""))
    add("head that breaks off", "retry", "broken_response", send(OK + b"\r\n" + HTML))
    add(
        "endless header lines", "dropped", "headers_too_large", endless(OK + b"\r\n", b"X-A: b\r\n" * 500), is_bomb=True
    )
    add("endless header line", "dropped", "headers_too_large", endless(OK + b"\r\nX-A: ", b"b" * CHUNK), is_bomb=True)
    add("long header line", "dropped", "headers_too_large", head(OK, b"X-A: " + b"b" * 40_000, HTML, LENGTH))
    add("endless interim responses", "retry", "broken_response", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100))
    add(
        "switching protocols",
        "dropped",
        "unexpected_status",
        head(b"HTTP/1.1 101 Switching Protocols", b"Upgrade: h2c", b"Connection: Upgrade"),
    )
    # Bodies that break off or do not end
    add("body shorter than announced", "retry", "broken_response", head(OK, HTML, b"Content-Length: 999999"))
    add(
        "chunks that break off",
        "retry",
        "broken_response",
        head(OK, HTML, b"Transfer-Encoding: chunked", body=chunked(PAGE, end=b"")),
    )
    add(
        "chunk size that is no number",
        "retry",
        "broken_response",
        head(OK, HTML, b"Transfer-Encoding: chunked", body=b"zz\r\n" + PAGE),
    )
    add(
        "chunk size beyond all bounds",
        "retry",
        "broken_response",
        head(OK, HTML, b"Transfer-Encoding: chunked", body=b"f" * 40 + b"\r\n" + PAGE),
    )
    add(
        "endless body",
        "dropped",
        "body_too_large",
        endless(OK + b"\r\n" + HTML + b"\r\n\r\n", b"a" * CHUNK),
        is_bomb=True,
    )
    add(
        "endless chunks",
        "dropped",
        "body_too_large",
        endless(OK + b"\r\n" + HTML + b"\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"a" * CHUNK + b"\r\n"),
        is_bomb=True,
    )
    add("announced too large", "dropped", "body_too_large", head(OK, HTML, b"Content-Length: 99999999999"))
    add("page of nearly all the bytes that are allowed", "ok", None, response(PAGE + b" " * 9_800_000), is_bomb=True)
    add("drip of a body", "retry", "timeout", endless(OK + b"\r\n" + HTML + b"\r\n\r\n", b"a", pause=0.1))
    add("drip of a head", "retry", "timeout", endless(OK + b"\r\n", b"X", pause=0.1))
    add("silence", "retry", "timeout", silence())
    add("silence within the body", "retry", "timeout", silence(OK + b"\r\n" + HTML + b"\r\n" + LENGTH + b"\r\n\r\n<p>"))
    # Packing
    for name, packed, coding in (
        ("gzip", GZIP, "gzip"), ("x-gzip", GZIP, "x-gzip"), ("zlib", ZLIB, "deflate"), ("raw deflate", RAW_DEFLATE, "deflate"),
        ("brotli", BROTLI, "br"), ("zstd", ZSTD, "zstd"), ("gzip called deflate", GZIP, "deflate"),
        ("zlib called gzip", ZLIB, "gzip"), ("gzip in gzip", gzip.compress(GZIP), "gzip, gzip"),
        ("gzip in gzip, labelled once", gzip.compress(GZIP), "gzip"), ("gzip, labelled twice", GZIP, "gzip, gzip"),
        ("brotli in gzip", gzip.compress(BROTLI), "br, gzip"), ("gzip without its trailer", GZIP[:-8], "gzip"),
        ("gzip with half its trailer", GZIP[:-4], "gzip"), ("zlib without its checksum", ZLIB[:-4], "deflate"),
        ("gzip with padding", GZIP + bytes(300), "gzip"),
        ("gzip in members", gzip.compress(PAGE[:900]) + gzip.compress(PAGE[900:]), "gzip"),
        ("not packed, called gzip", PAGE, "gzip"), ("not packed, called br", PAGE, "br"),
        ("charset for a packing", PAGE, "UTF-8"), ("media type for a packing", PAGE, "text/html"), ("no packing", PAGE, "identity"),
        ("word for a packing", PAGE, "none, binary"),
    ):  # fmt: skip
        add(f"packed: {name}", "ok", None, _packed(packed, coding))
    add("gzip without a label", "ok", None, response(GZIP))
    for name, packed, coding in (
        ("gzip", GZIP[: len(GZIP) // 2], "gzip"), ("zlib", ZLIB[: len(ZLIB) // 2], "deflate"),
        ("brotli", BROTLI[: len(BROTLI) // 2], "br"), ("zstd", ZSTD[: len(ZSTD) // 2], "zstd"), ("gzip header", GZIP[:6], "gzip"),
    ):  # fmt: skip
        add(f"cut: {name}", "retry", "broken_response", _packed(packed, coding))
    for name, packed, coding in (
        ("gzip", GZIP[:40] + b"\xff" * 40 + GZIP[80:], "gzip"), ("gzip checksum", GZIP[:-8] + bytes(8), "gzip"),
        ("brotli", b"\xff" * 50 + BROTLI, "br"), ("zstd", ZSTD[:20] + b"\xff" * 20 + ZSTD[40:], "zstd"),
        ("packing that is not undone", PAGE, "compress"), ("packed three times", PAGE, "gzip, gzip, gzip"),
    ):  # fmt: skip
        add(f"corrupt: {name}", "dropped", "undecodable_body", _packed(packed, coding))
    bombs = {
        "gzip": gzip.compress(ZEROS), "deflate": zlib.compress(ZEROS), "br": brotli.compress(ZEROS, quality=5),
        "zstd": zstandard.ZstdCompressor().compress(ZEROS), "gzip, gzip": gzip.compress(gzip.compress(ZEROS)),
        "br, gzip": gzip.compress(brotli.compress(ZEROS, quality=5)),
        "gzip, br": brotli.compress(SMALL_BOMB_MEMBER * 200_000, quality=5),
    }  # fmt: skip
    for coding, packed in bombs.items():
        add(f"bomb: {coding}", "dropped", "decompression_bomb", _packed(packed, coding), is_bomb=True)
    # Redirects
    for name, target in (
        ("relative", "/real"), ("relative to the folder", "real"), ("without a scheme", "//{authority}/real"),
        ("absolute", "{base}/real"), ("with a fragment", "/real#part"), ("with dots", "/a/../real"),
        ("with spaces around", "  /real  "),
        ("with a backslash", "\\real"),
    ):  # fmt: skip
        add(f"redirect: {name}", "ok", None, _redirect_to(target), others=real, final_path="/real")
    add(
        "redirect: with a space inside",
        "ok",
        None,
        redirect("/re al"),
        others={"/re%20al": response()},
        final_path="/re%20al",
    )
    add(
        "redirect: raw UTF-8", "ok", None, redirect("/café"), others={"/caf%C3%A9": response()}, final_path="/caf%C3%A9"
    )
    add(
        "redirect: raw Latin-1",
        "ok",
        None,
        redirect("/caf\udce9"),
        others={"/caf%E9": response()},
        final_path="/caf%E9",
    )
    add(
        "redirect: 308", "ok", None, redirect("/real", status="308 Permanent Redirect"), others=real, final_path="/real"
    )
    add(
        "redirect: with a bomb for a body",
        "ok",
        None,
        response(bombs["gzip"], "Location: /real", "Content-Encoding: gzip", status="302 Found"),
        others=real,
    )
    add("redirect: without a target", "dropped", "bad_redirect", response(b"", status="302 Found"))
    add("redirect: to itself", "dropped", "redirect_loop", redirect("/page"))
    add("redirect: in a circle", "dropped", "redirect_loop", redirect("/b"), others={"/b": redirect("/page")})
    add(
        "redirect: without end",
        "dropped",
        "too_many_redirects",
        _endless_redirects(),
        others={"/next": _endless_redirects()},
    )
    add("redirect: to a file", "dropped", "unsupported_url", redirect("file:///etc/passwd"))
    add("redirect: to a script", "dropped", "unsupported_url", redirect("javascript:alert(1)"))
    add("redirect: to mail", "dropped", "unsupported_url", redirect("mailto:a@b.example"))
    add(
        "redirect: to the metadata service",
        "blocked",
        "private_address",
        redirect("http://169.254.169.254/latest/meta-data/"),
    )
    add("redirect: to the other loopback", "blocked", "private_address", redirect("http://[::1]:1/"))
    add("redirect: to a private address in disguise", "blocked", "private_address", redirect("http://0x0a000001/"))
    add("redirect: to the network of the container", "blocked", "private_address", redirect("http://172.17.0.1/"))
    add(
        "cookie gate",
        "ok",
        None,
        by_cookie("gate=ok", response(), redirect("/gate")),
        others={"/gate": redirect("/page", "Set-Cookie: gate=ok; Path=/")},
        final_path="/page",
    )
    add(
        "cookie gate at its own address",
        "ok",
        None,
        by_cookie("seen=1", response(), redirect("/page", "Set-Cookie: seen=1")),
        final_path="/page",
    )
    add("cookie that changes nothing", "dropped", "redirect_loop", redirect("/page", "Set-Cookie: a=b"))
    add("cookie that always changes", "dropped", "too_many_redirects", _counting_cookie())
    add("refresh on an empty page", "ok", None, response(refreshing("0;URL=/real")), others=real, final_path="/real")
    add("refresh with quotes", "ok", None, response(refreshing("1; url='/real'")), others=real, final_path="/real")
    add("refresh without url=", "ok", None, response(refreshing("0; /real")), others=real, final_path="/real")
    add("refresh in a header", "ok", None, response(b"<p>", "Refresh: 0; url=/real"), others=real, final_path="/real")
    add(
        "refresh after five minutes",
        "ok",
        None,
        response(PAGE.replace(b"<title>", b'<meta http-equiv="refresh" content="300;url=/real"><title>')),
        others=real,
        final_path="/page",
    )
    add(
        "refresh for those without scripts",
        "ok",
        None,
        response(
            PAGE.replace(b"<title>", b'<noscript><meta http-equiv="refresh" content="0;url=/real"></noscript><title>')
        ),
        others=real,
        final_path="/page",
    )
    add(
        "refresh in a circle",
        "dropped",
        "redirect_loop",
        response(refreshing("0;url=/b")),
        others={"/b": response(refreshing("0;url=/page"))},
    )
    add("refresh to a private address", "blocked", "private_address", response(refreshing("0;url=http://10.0.0.1/")))
    # Statuses
    for status, reason in (
        ("404 Not Found", "not_found"), ("410 Gone", "gone"), ("403 Forbidden", "forbidden"), ("451 Unavailable", "forbidden"),
        ("418 Teapot", "client_error"), ("204 No Content", "unexpected_status"), ("304 Not Modified", "unexpected_status"),
        ("206 Partial Content", "unexpected_status"), ("999 Denied", "unexpected_status"),
    ):  # fmt: skip
        add(
            f"status: {status}",
            "dropped",
            reason,
            response(b"" if status[:3] in ("204", "304") else b"<p>no", status=status),
        )
    for status, reason in (
        ("429 Too Many Requests", "rate_limited"), ("500 Oops", "server_error"), ("502 Bad Gateway", "server_error"),
        ("503 Unavailable", "server_unavailable"), ("408 Timeout", "timeout"),
    ):  # fmt: skip
        add(f"status: {status}", "retry", reason, response(b"<p>no", status=status))
    # Robots
    add(
        "robots: everything is disallowed",
        "denied",
        "robots_disallowed",
        response(),
        others={"/robots.txt": response(b"User-agent: *\nDisallow: /", kind="text/plain")},
    )
    add(
        "robots: 503", "retry", "robots_unreachable", response(), others={"/robots.txt": response(b"", status="503 No")}
    )
    add(
        "robots: endless",
        "ok",
        None,
        response(),
        others={"/robots.txt": response(b"Disallow: /x\n" * 300_000, kind="text/plain")},
    )
    add("robots: a page", "ok", None, response(), others={"/robots.txt": response(PAGE)})
    add("robots: redirects in a circle", "ok", None, response(), others={"/robots.txt": redirect("/robots.txt")})
    add(
        "robots: redirects to a page that it disallows",
        "denied",
        "robots_disallowed",
        redirect("/secret"),
        others={"/secret": response(), "/robots.txt": response(b"User-agent: *\nDisallow: /secret", kind="text/plain")},
    )
    # What it is
    add("page without a media type", "ok", None, response(kind=None))
    add("page as a download", "ok", None, response(kind="application/octet-stream"))
    add("page as plain text", "ok", None, response(kind="text/plain"))
    add("page with a broken media type", "ok", None, response(kind="html"))
    add("page as XML", "ok", None, response(b"<?xml version='1.0'?>" + PAGE, kind="application/xml"))
    add("PDF as a page", "dropped", "content_type", response(b"%PDF-1.7\n" + bytes(5000)))
    add("picture as a page", "dropped", "content_type", response(b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20))
    add("archive as plain text", "dropped", "content_type", response(b"PK\x03\x04" + bytes(5000), kind="text/plain"))
    add("feed as a page", "dropped", "content_type", response(b"<?xml version='1.0'?><rss><channel></channel></rss>"))
    add("PDF", "dropped", "content_type", response(b"%PDF-1.7", kind="application/pdf"))
    add("no content", "dropped", "empty_body", response(b" \r\n "))
    add("nothing but a byte order mark", "dropped", "empty_body", response(b"\xef\xbb\xbf"))
    # Charsets
    cyrillic = (
        PAGE.decode()
        .replace(TITLE, "Лодки на реке")
        .replace("<meta charset=utf-8>", "")
        .replace("harbour office", "портовая служба города")
    )
    for name, body, kind in (
        ("windows-1251 called utf-8", cyrillic.encode("cp1251"), "text/html; charset=utf-8"),
        ("utf-8 called windows-1251", cyrillic.encode(), "text/html; charset=windows-1251"),
        ("utf-8 called utf-16", cyrillic.encode(), "text/html; charset=utf-16"),
        ("utf-16 with a mark", cyrillic.encode("utf-16"), "text/html"),
        ("utf-16 without a mark", cyrillic.encode("utf-16-le"), "text/html; charset=iso-8859-1"),
        ("koi8-r, stated", cyrillic.encode("koi8-r", "replace"), "text/html; charset=koi8-r"),
        ("label that is none", cyrillic.encode(), "text/html; charset=no-such-charset"),
        ("label of a codec that is no charset", cyrillic.encode(), "text/html; charset=rot13"),
        ("label that is a bomb", cyrillic.encode(), "text/html; charset=" + "utf-8" * 2000),
    ):  # fmt: skip
        add(f"charset: {name}", "ok", None, response(body, kind=kind), title="Лодки на реке")
    # Guards
    challenge = (
        b"<html><head><title>Just a moment...</title></head><body><script>window._cf_chl_opt={}</script></body></html>"
    )
    add("test for humans", "dropped", "challenge_page", response(challenge))
    add("test for humans with 403", "dropped", "challenge_page", response(challenge, status="403 Forbidden"))
    add("test for humans with 503", "dropped", "challenge_page", response(challenge, status="503 Unavailable"))
    # Pages that cost more to read than to send
    for name, body in (
        ("unclosed tags", b"<a " * 300_000), ("attributes", b"<a next " + b"a" * 1_000_000), ("nested", b"<div>" * 200_000),
        ("comments", b"<!--" * 250_000), ("entities", b"&amp" * 250_000), ("titles", b"<title>" * 150_000),
        ("refreshes", b'<meta http-equiv="refresh" content="' * 30_000), ("noscript", b"<noscript>" * 100_000),
        ("spaces", b"<meta http-equiv=refresh content='0;" + b" " * 1_000_000), ("quotes", b"<a rel=\"next' href='" * 50_000),
    ):  # fmt: skip
        add(f"page of {name}", "ok", None, response(body), title=None)
    return found


def _redirect_to(target: str) -> Answer:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        authority = request.base.removeprefix("http://")
        to = target.replace("{base}", request.base).replace("{authority}", authority)
        await redirect(to)(request, writer)

    return answer


def _endless_redirects() -> Answer:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        await redirect(f"/next?{request.target}")(request, writer)

    return answer


def _counting_cookie() -> Answer:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        await redirect("/page", f"Set-Cookie: n={request.count}")(request, writer)

    return answer


BEHAVIOURS = {behaviour.name: behaviour for behaviour in _behaviours()}


@asynccontextmanager
async def misbehaving(*names: str) -> AsyncIterator[dict[str, str]]:
    """A server for each of these behaviours; gives the addresses of their pages."""
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(serving(BEHAVIOURS[name])) for name in names}


@asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[str]:
    """A server that behaves so; gives the address of its page."""
    counts: dict[str, int] = {}
    open_writers: set[asyncio.StreamWriter] = set()
    behaviour.asked.clear()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.add(writer)
        try:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            target = re.split(r" ", first)[1]
            path = target.partition("?")[0]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            behaviour.asked.append(target)
            base = f"http://127.0.0.1:{port}"
            request = Request(target, path, headers, base, counts.get(path, 0))
            counts[path] = request.count + 1
            missing = response(b"", status="404 Not Found")
            await behaviour.answers.get(path, missing)(request, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            open_writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/page"
    finally:
        server.close()
        for writer in list(open_writers):
            with suppress(ConnectionError):
                writer.transport.abort()
