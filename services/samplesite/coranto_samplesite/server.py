"""The sample site over real HTTP on loopback, on two ports that stand for two hosts.

What changes with time (a correction, an outage that ends) is kept per server, so that each run begins anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from string import Template
from types import TracebackType
from typing import Literal, Self

from aiohttp import web

from coranto_samplesite import feeds, html
from coranto_samplesite.pages import ArticleText, Page, load_pages

HostName = Literal["site", "wire"]

SITE_PORT = 8765
WIRE_PORT = 8766
MEBIBYTE = 1 << 20
HUGE_BODY_BYTES = 200 * MEBIBYTE
BOMB_MEBIBYTES = 300
"""What the gzip bomb unpacks to; some 300 KiB travel."""
SLOW_PIECES = 12
SLOW_PAUSE_SECONDS = 0.2

# The smallest GIF there is: pictures are linked, and nobody needs to see them.
_PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


_FEEDS: dict[HostName, dict[str, str]] = {
    "site": {"/ru/rss.xml": "application/rss+xml", "/en/atom.xml": "application/atom+xml"},
    "wire": {"/rss.xml": "application/rss+xml"},
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request the site has answered."""

    host: HostName
    path: str
    status: int
    at: float
    """On the event loop's clock, in seconds."""
    user_agent: str | None


class SampleSite:
    """The sample site, served between `async with` and its end.

    The ports are 8765 and 8766 when they are free, so that addresses stay the same from run to run; else any two.
    """

    def __init__(self, *, address: str = "127.0.0.1", port: int = SITE_PORT, wire_port: int = WIRE_PORT) -> None:
        self._address = address
        self._wanted: dict[HostName, int] = {"site": port, "wire": wire_port}
        self._urls: dict[HostName, str] = {}
        self._runners: list[web.AppRunner] = []
        self._visits: Counter[str] = Counter()
        self._corrected: set[str] = set()
        self.pages = load_pages()
        self.asked: list[Asked] = []
        """Every request so far, in order: for checks of politeness."""

    @property
    def base_url(self) -> str:
        """Address of the newspaper, without a slash at its end."""
        return self._urls["site"]

    @property
    def wire_url(self) -> str:
        """Address of the news agency, without a slash at its end."""
        return self._urls["wire"]

    @property
    def sources(self) -> tuple[str, ...]:
        """The feeds and the sitemap that together name every listed page once."""
        return (
            f"{self.base_url}/ru/rss.xml",
            f"{self.base_url}/en/atom.xml",
            f"{self.base_url}/sitemap.xml",
            f"{self.wire_url}/rss.xml",
        )

    def url_of(self, page: Page) -> str:
        """The page's address."""
        return self._urls[page.host] + page.path

    def urls(self) -> dict[str, str]:
        """Addresses of both hosts."""
        return {str(host): url for host, url in self._urls.items()}

    async def __aenter__(self) -> Self:
        for host in ("site", "wire"):
            await self._serve(host)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    async def _serve(self, host: HostName) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", partial(self._answer, host))
        # A crawler that breaks off an endless body is what we want to see, not an error of the server.
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._runners.append(runner)
        try:
            site = web.TCPSite(runner, self._address, self._wanted[host])
            await site.start()
        except OSError:
            site = web.TCPSite(runner, self._address, 0)
            await site.start()
        port = runner.addresses[0][1]
        self._urls[host] = f"http://{self._address}:{port}"

    async def _answer(self, host: HostName, request: web.Request) -> web.StreamResponse:
        known = self._well_known(host, request.path)
        if known is not None:
            response: web.StreamResponse = known
        else:
            page, part = self._find_page(host, request)
            response = await self._give(page, request, part) if page else _missing()
        if isinstance(response, web.Response) and response.status == web.HTTPOk.status_code:
            response = _conditional(response, request)
        self.asked.append(
            Asked(
                host,
                request.path_qs,
                response.status,
                asyncio.get_running_loop().time(),
                request.headers.get("User-Agent"),
            )
        )
        return response

    def _find_page(self, host: HostName, request: web.Request) -> tuple[Page | None, int]:
        """The page, and which part of its article is asked for."""
        pages = {page.path: page for page in self.pages if page.host == host and page.fate.outcome != "merged"}
        # A tracking parameter does not change what is served, here as on most sites.
        page = pages.get(request.path_qs) or pages.get(request.path)
        if page is not None:
            return page, 1
        path, _, number = request.path.rpartition("/")
        page = pages.get(path)
        if page is None or page.article is None or not number.isdecimal():
            return None, 1
        return (page, int(number)) if 2 <= int(number) <= len(page.article.parts) else (None, 1)

    def _well_known(self, host: HostName, path: str) -> web.Response | None:
        base_url = self._urls[host]
        listed = partial(self._listed, host)
        name = "Меридиан / The Meridian" if host == "site" else "Полярис / Polaris"
        if path == "/":
            pages = [page for page in self.pages if page.host == host and page.listed in ("rss", "atom", "wire")]
            text = feeds.to_home(pages, self._version, base_url=base_url, feeds=_FEEDS[host], title=name)
            return web.Response(text=text, content_type="text/html")
        if path == "/robots.txt":
            return web.Response(text=feeds.robots(base_url=base_url), content_type="text/plain")
        if path.startswith("/images/"):
            return web.Response(body=_PIXEL, content_type="image/gif")
        if (host, path) in {("site", "/ru/rss.xml"), ("wire", "/rss.xml")}:
            text = feeds.to_rss(
                listed("rss" if host == "site" else "wire"), self._version, base_url=base_url, title=name
            )
            return web.Response(text=text, content_type="application/rss+xml")
        if (host, path) == ("site", "/en/atom.xml"):
            self._correct_what_was_read()
            text = feeds.to_atom(listed("atom"), self._version, base_url=base_url, title=name)
            return web.Response(text=text, content_type="application/atom+xml")
        if path == "/sitemap.xml":
            text = feeds.to_sitemap(listed("sitemap"), self._version, base_url=base_url)
            return web.Response(text=text, content_type="application/xml")
        return None

    def _listed(self, host: HostName, where: str) -> list[Page]:
        return [page for page in self.pages if page.host == host and page.listed == where]

    def _correct_what_was_read(self) -> None:
        """Bring corrections out at a poll, but only of pages that were read: a correction nobody can notice is none."""
        self._corrected |= {page.name for page in self.pages if page.corrected and self._visits[page.name]}

    def _version(self, page: Page) -> ArticleText | None:
        return page.corrected if page.name in self._corrected else page.article

    async def _give(self, page: Page, request: web.Request, part: int) -> web.StreamResponse:
        self._visits[page.name] += 1
        answer = page.answer
        if self._visits[page.name] <= answer.fails_first:
            waiting = {} if answer.retry_after_seconds is None else {"Retry-After": str(answer.retry_after_seconds)}
            return web.Response(status=answer.failure_status, headers=waiting, text="Try again later.\n")
        ways: dict[str, Callable[[Page, web.Request], Awaitable[web.StreamResponse]]] = {
            "slow": self._give_slowly,
            "endless": self._give_without_end,
            "huge": self._give_huge_body,
            "bomb": self._give_bomb,
        }
        if answer.kind in ways:
            return await ways[answer.kind](page, request)
        if answer.kind == "redirect":
            to = Template(answer.to or "/").substitute(base=self.base_url, wire=self.wire_url)
            return web.Response(status=answer.status, headers={"Location": to})
        return web.Response(status=answer.status, body=self._body(page, part), headers=_headers(page))

    def _body(self, page: Page, part: int = 1) -> bytes:
        base_url = self._urls[page.host]
        if page.answer.body is not None:
            file = resources.files("coranto_samplesite").joinpath("bodies", page.answer.body)
            return Template(file.read_text(encoding="utf-8")).safe_substitute(base=base_url).encode(page.answer.charset)
        article = self._version(page)
        text = html.render(page, article, base_url=base_url, part=part) if article else ""
        return text.encode(page.answer.charset, errors="xmlcharrefreplace")

    async def _give_slowly(self, page: Page, request: web.Request) -> web.StreamResponse:
        body = self._body(page)
        size = len(body) // SLOW_PIECES + 1

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(body), size):
                yield body[start : start + size]
                await asyncio.sleep(SLOW_PAUSE_SECONDS)

        return await _stream(page, request, pieces())

    async def _give_without_end(self, page: Page, request: web.Request) -> web.StreamResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"<html><body><p>"
            while True:
                yield b"and so on "
                await asyncio.sleep(SLOW_PAUSE_SECONDS)

        return await _stream(page, request, pieces())

    async def _give_huge_body(self, page: Page, request: web.Request) -> web.StreamResponse:
        async def pieces() -> AsyncIterator[bytes]:
            piece = b"<p>" + b"All work and no play. " * 2978 + b"</p>\n"
            for _ in range(HUGE_BODY_BYTES // len(piece)):
                yield piece

        return await _stream(page, request, pieces())

    async def _give_bomb(self, page: Page, request: web.Request) -> web.StreamResponse:
        async def pieces() -> AsyncIterator[bytes]:
            head, mebibyte, tail = await asyncio.get_running_loop().run_in_executor(None, _bomb)
            yield head
            for _ in range(BOMB_MEBIBYTES):
                yield mebibyte
            yield tail

        return await _stream(page, request, pieces(), encoding="gzip")


def _headers(page: Page) -> dict[str, str]:
    answer = page.answer
    content_type = answer.content_type
    if answer.charset_stated_in != "meta" and content_type.startswith("text/"):
        content_type += f"; charset={answer.charset}"
    return {"Content-Type": content_type} | answer.headers


def _missing() -> web.Response:
    return web.Response(status=404, text="<h1>404</h1>", content_type="text/html")


def _conditional(response: web.Response, request: web.Request) -> web.Response:
    """The response with a validator, or 304 when the visitor has it already."""
    body = response.body
    etag = f'"{hashlib.sha256(body if isinstance(body, bytes) else b"").hexdigest()[:16]}"'
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return response


async def _stream(
    page: Page, request: web.Request, pieces: AsyncIterator[bytes], *, encoding: str | None = None
) -> web.StreamResponse:
    """Send the pieces as they come, without saying how long the whole will be."""
    response = web.StreamResponse(headers=_headers(page))
    if encoding:
        response.headers["Content-Encoding"] = encoding
    await response.prepare(request)
    try:
        async for piece in pieces:
            await response.write(piece)
        await response.write_eof()
    except ConnectionError:
        # The visitor has had enough, which is the right thing to do with such a body.
        return response
    return response


@cache
def _bomb() -> tuple[bytes, bytes, bytes]:
    """Head, one compressed mebibyte of spaces that may be repeated, and tail of a valid gzip stream."""
    plain = b" " * MEBIBYTE
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # A full flush ends on a byte and forgets what came before, so the same bytes may follow any number of times.
    mebibyte = packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(BOMB_MEBIBYTES):
        checksum = zlib.crc32(plain, checksum)
    size = BOMB_MEBIBYTES * MEBIBYTE % (1 << 32)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return head, mebibyte, b"\x03\x00" + checksum.to_bytes(4, "little") + size.to_bytes(4, "little")
