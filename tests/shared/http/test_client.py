"""The guarded web client, against small servers on loopback that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import brotli  # type: ignore[import-untyped]  # the package has no types
import pytest
import zstandard
from aiohttp import web
from aiohttp.test_utils import TestServer

from coranto.http import (
    AddressGuard,
    BodyTooLargeError,
    BrokenResponseError,
    CertificateError,
    ConnectFailedError,
    DecompressionBombError,
    HeadersTooLargeError,
    NameNotResolvedError,
    PrivateAddressError,
    ProxyError,
    TimedOutError,
    TlsError,
    UndecodableBodyError,
    WebClient,
    WebError,
    WebLimits,
)

LOOPBACK = AddressGuard(["127.0.0.0/8", "::1/128"])
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
PAGE = "<p>Здравствуй, мир. Hello, world.</p>".encode() * 3000
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server that answers everything with this handler; gives its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


@asynccontextmanager
async def speaking(raw: bytes, *, pause: float = 0.0) -> AsyncIterator[str]:
    """A server that sends these bytes to everyone, and then nothing for `pause` seconds."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(raw)
        await writer.drain()
        await asyncio.sleep(pause)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def client(**limits: object) -> WebClient:
    return WebClient(user_agent="TestBot/1.0", guard=LOOPBACK, limits=WebLimits(**limits))  # type: ignore[arg-type]  # forwarded as they are


async def test_page_comes_with_status_headers_and_the_agent_we_named() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["User-Agent"] == "TestBot/1.0"
        assert "cookie" not in request.headers
        return web.Response(body=PAGE, content_type="text/html", headers={"Set-Cookie": "a=b"})

    async with serving(handler) as url, client() as browser:
        for _ in range(2):
            response = await browser.get(url)
            assert (response.status, response.content_type, response.body) == (200, "text/html", PAGE)


async def test_post_and_put_send_the_body_as_it_is_and_follow_no_redirect() -> None:
    seen: list[tuple[str, str, bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.headers["Content-Type"], await request.read()))
        return web.Response(status=307, headers={"Location": "/elsewhere"}, body=b"moved")

    async with serving(handler) as url, client() as browser:
        response = await browser.post(url, PAGE, headers={"Content-Type": "application/json"})
        assert (response.status, response.location, response.body) == (307, f"{url}elsewhere", b"moved")
        assert (await browser.put(url, PAGE, headers={"Content-Type": "application/json"})).status == 307
    assert seen == [("POST", "application/json", PAGE), ("PUT", "application/json", PAGE)]


async def test_post_is_not_sent_again_when_the_connection_breaks() -> None:
    requests = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        await request.read()
        if requests > 1:  # on a connection that has served before, where a GET is sent again
            assert request.transport is not None
            request.transport.abort()
        return web.Response(body=b"taken")

    async with serving(handler) as url, client() as browser:
        assert (await browser.post(url, b"{}")).body == b"taken"
        with pytest.raises(WebError):
            await browser.post(url, b"{}")
    assert requests == 2


async def test_post_to_a_private_address_or_with_an_endless_answer_is_refused() -> None:
    asked = False

    async def handler(_: web.Request) -> web.Response:
        nonlocal asked
        asked = True
        return web.Response(body=bytes(2000))

    async with serving(handler) as url:
        async with WebClient(user_agent="TestBot/1.0") as browser:
            with pytest.raises(PrivateAddressError):
                await browser.post(url, b"{}")
            assert not asked
        async with client(max_body_bytes=1000) as browser:
            with pytest.raises(BodyTooLargeError):
                await browser.post(url, b"{}")


@pytest.mark.parametrize("encoding", PACKERS)
async def test_body_is_unpacked(encoding: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert encoding in request.headers["Accept-Encoding"]
        return web.Response(body=PACKERS[encoding](PAGE), headers={"Content-Encoding": encoding})

    async with serving(handler) as url, client() as browser:
        response = await browser.get(url)
        assert response.body == PAGE
        assert response.packed_bytes < len(PAGE) / 10


@pytest.mark.parametrize("encoding", PACKERS)
async def test_bomb_is_caught_while_it_unpacks(encoding: str) -> None:
    bomb = PACKERS[encoding](bytes(60_000_000))

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": encoding})

    async with serving(handler) as url, client(max_body_bytes=1 << 30) as browser:
        with pytest.raises(DecompressionBombError):
            await browser.get(url)


async def test_bomb_in_two_layers_is_caught() -> None:
    bomb = gzip.compress(gzip.compress(bytes(200_000_000)))

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip, gzip"})

    async with serving(handler) as url, client() as browser:
        with pytest.raises(BodyTooLargeError):
            await browser.get(url)


async def test_raw_deflate_and_several_gzip_members_are_understood() -> None:
    packer = zlib.compressobj(wbits=-15)
    raw = packer.compress(PAGE) + packer.flush()
    for encoding, body in (("deflate", raw), ("gzip", gzip.compress(PAGE[:1000]) + gzip.compress(PAGE[1000:]))):

        async def handler(_: web.Request, encoding: str = encoding, body: bytes = body) -> web.Response:
            return web.Response(body=body, headers={"Content-Encoding": encoding})

        async with serving(handler) as url, client() as browser:
            assert (await browser.get(url)).body == PAGE


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip at all"),
        ("gzip", gzip.compress(PAGE)[:100] + b"\xff" * 20 + gzip.compress(PAGE)[120:]),
        ("gzip", gzip.compress(PAGE)[:-8] + b"\0" * 8),
        ("deflate", zlib.compress(PAGE)[:-4] + b"\0" * 4),
        ("lzma", b"x"),
        ("gzip, gzip, gzip", b"x"),
    ],
)
async def test_body_that_is_not_in_its_encoding_is_an_error_of_its_own(encoding: str, body: bytes) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": encoding})

    async with serving(handler) as url, client() as browser:
        with pytest.raises(UndecodableBodyError):
            await browser.get(url)


async def test_body_over_the_limit_is_refused_announced_or_not() -> None:
    async def announced(_: web.Request) -> web.Response:
        return web.Response(body=PAGE)

    async def streamed(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):  # the client hangs up
            for _ in range(10_000):
                await response.write(PAGE)
        return response

    for handler in (announced, streamed):
        async with serving(handler) as url, client(max_body_bytes=50_000) as browser:
            with pytest.raises(BodyTooLargeError):
                await browser.get(url)


async def test_headers_over_the_limit_are_refused() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(headers={"X-Long": "a" * 20_000})

    async with serving(handler) as url, client(max_header_bytes=8000) as browser:
        with pytest.raises(HeadersTooLargeError):
            await browser.get(url)


async def test_headers_without_end_are_refused() -> None:
    raw = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(20_000))
    async with speaking(raw, pause=3) as url, client(total_timeout=timedelta(seconds=2)) as browser:
        with pytest.raises((HeadersTooLargeError, BrokenResponseError)):
            await browser.get(url)


async def test_slow_body_ends_with_the_total_time() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"drop")
            await asyncio.sleep(0.05)
        return response

    async with serving(handler) as url, client(total_timeout=timedelta(seconds=0.4)) as browser:
        with pytest.raises(TimedOutError):
            await browser.get(url)


async def test_silent_server_ends_with_the_silence_allowed() -> None:
    async with speaking(b"", pause=3) as url, client(read_timeout=timedelta(seconds=0.3)) as browser:
        with pytest.raises(TimedOutError):
            await browser.get(url)


@pytest.mark.parametrize(
    "raw",
    [
        b"hello\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
    ],
)
async def test_broken_response_is_an_error_of_its_own(raw: bytes) -> None:
    async with speaking(raw) as url, client() as browser:
        with pytest.raises((BrokenResponseError, ConnectFailedError)):
            await browser.get(url)


async def test_redirect_is_a_response_and_its_target_is_absolute() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=301, headers={"Location": "../b?x=1"})

    async with serving(handler) as url, client() as browser:
        response = await browser.get(f"{url}a/c")
        assert (response.status, response.location) == (301, f"{url}b?x=1")


async def test_body_is_left_alone_where_the_caller_does_not_want_it() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=PAGE, content_type="video/mp4")

    async with serving(handler) as url, client() as browser:
        response = await browser.get(url, wants_body=lambda _, headers: headers["Content-Type"] == "text/html")
        assert (response.is_body_read, response.body) == (False, b"")


async def test_address_is_asked_for_exactly_as_written() -> None:
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.Response()

    async with serving(handler) as url, client() as browser:
        await browser.get(f"{url}a%2Fb/%D0%BD?q=%20+x%2B;y=[1]")
    assert asked == ["/a%2Fb/%D0%BD?q=%20+x%2B;y=[1]"]


async def test_private_addresses_are_refused_however_they_are_written() -> None:
    hits = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal hits
        hits += 1
        return web.Response()

    async with serving(handler) as url, WebClient(user_agent="TestBot/1.0") as browser:
        port = url.rsplit(":", 1)[1]
        for host in (
            "127.0.0.1",
            "localhost",
            "0x7f000001",
            "2130706433",
            "0177.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "0",
        ):
            with pytest.raises(PrivateAddressError):
                await browser.get(f"http://{host}:{port}")
    assert hits == 0


async def test_closed_port_and_unknown_name_are_told_apart() -> None:
    async with client() as browser:
        with pytest.raises(ConnectFailedError):
            await browser.get("http://127.0.0.1:9/")
        with pytest.raises(NameNotResolvedError, match=r"no-such-name\.invalid could not be resolved: (?!\[Errno)\w"):
            await browser.get("http://no-such-name.invalid/")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Folder with a key and a self-signed certificate for localhost."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl program to make a certificate")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    return tmp_path


async def test_certificate_that_is_not_trusted_is_refused(certificate: Path) -> None:
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="secret")

    app = web.Application()
    app.router.add_get("/", handler)
    server = TestServer(app, scheme="https", host="127.0.0.1")
    await server.start_server(ssl=server_side)
    try:
        async with client() as browser:
            with pytest.raises(CertificateError):
                await browser.get(f"https://localhost:{server.port}/")
        trusting = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
        async with WebClient(user_agent="TestBot/1.0", guard=LOOPBACK, ssl_context=trusting) as browser:
            assert (await browser.get(f"https://localhost:{server.port}/")).body == b"secret"
            with pytest.raises(CertificateError):  # trusted, but for another name
                await browser.get(f"https://127.0.0.1:{server.port}/")
    finally:
        await server.close()


async def test_server_that_speaks_no_tls_is_a_tls_error() -> None:
    async with speaking(b"HTTP/1.1 200 OK\r\n\r\n") as url, client() as browser:
        with pytest.raises((TlsError, ConnectFailedError)):
            await browser.get(url.replace("http:", "https:"))


async def test_requests_go_through_the_proxy_and_private_targets_still_do_not() -> None:
    asked = []

    async def proxy(request: web.Request) -> web.Response:
        asked.append(str(request.url))
        return web.Response(text="by proxy")

    async with serving(proxy) as url, WebClient(user_agent="TestBot/1.0", proxy=url) as browser:
        with pytest.raises(NameNotResolvedError, match="PROXY_IS_GUARDED"):
            await browser.get("http://no-such-name.invalid/a")
    async with serving(proxy) as url, guarded_by(url) as browser:
        response = await browser.get("http://no-such-name.invalid/a")
        assert response.body == b"by proxy"
        with pytest.raises(PrivateAddressError):
            await browser.get("http://169.254.169.254/latest/meta-data/")
    assert len(asked) == 1
    async with WebClient(user_agent="TestBot/1.0", proxy="http://127.0.0.1:9") as browser:
        with pytest.raises(PrivateAddressError):
            await browser.get("http://localhost/")


def guarded_by(proxy: str) -> WebClient:
    """A client behind a proxy that resolves names and refuses private addresses itself."""
    return WebClient(user_agent="TestBot/1.0", proxy=proxy, proxy_is_guarded=True)


async def test_proxy_that_is_not_there_is_a_proxy_error() -> None:
    async with guarded_by("http://127.0.0.1:9") as browser:
        with pytest.raises(ProxyError):
            await browser.get("http://no-such-name.invalid/a")


async def test_file_addresses_are_not_fetched() -> None:
    async with client() as browser:
        with pytest.raises(WebError, match="expected an http"):
            await browser.get("file:///etc/passwd")
