"""Through a SOCKS proxy: to the addresses that were judged here, unless the proxy judges them itself."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from coranto.http import AddressGuard, CertificateError, ConnectFailedError, PrivateAddressError, ProxyError, WebClient
from coranto.http.settings import WebSettings


@dataclass
class SocksProxy:
    """A SOCKS5 proxy that connects every name to this machine."""

    password: str | None = None
    url: str = ""
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            _, methods = await reader.readexactly(2)
            await reader.readexactly(methods)
            writer.write(b"\x05\x02" if self.password is not None else b"\x05\x00")
            if self.password is not None:
                _, length = await reader.readexactly(2)
                await reader.readexactly(length)
                given = await reader.readexactly((await reader.readexactly(1))[0])
                writer.write(b"\x01\x00" if given.decode() == self.password else b"\x01\x01")
                if given.decode() != self.password:
                    return
            kind = (await reader.readexactly(4))[3]
            if kind == 3:
                host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
            else:
                host = ".".join(str(byte) for byte in await reader.readexactly(4))
            port = struct.unpack(">H", await reader.readexactly(2))[0]
            self.asked.append((host, port))
            try:
                there, back = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                writer.write(b"\x05\x05\x00\x01" + bytes(6))
                return
            writer.write(b"\x05\x00\x00\x01" + bytes(6))
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def socks(password: str | None = None) -> AsyncIterator[SocksProxy]:
    proxy = SocksProxy(password)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    async with server:
        credentials = f"someone:{password}@" if password is not None else ""
        proxy.url = f"socks5://{credentials}127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy


@asynccontextmanager
async def connecting() -> AsyncIterator[SocksProxy]:
    """An HTTP proxy that does nothing but CONNECT."""
    proxy = SocksProxy()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            line = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ")
            host, _, port = line[1].rpartition(":")
            proxy.asked.append((host, int(port)))
            there, back = await asyncio.open_connection("127.0.0.1", int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy


@pytest.fixture
async def site() -> AsyncIterator[TestServer]:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=request.host)

    app = web.Application()
    app.router.add_get("/", handler)
    async with TestServer(app) as server:
        yield server


@pytest.mark.parametrize("password", [None, "s3cret"])
async def test_requests_go_through_it_to_the_address_that_was_judged(site: TestServer, password: str | None) -> None:
    async with socks(password) as proxy:
        guard = AddressGuard(["127.0.0.0/8"])
        async with WebClient(user_agent="TestBot/1.0", guard=guard, proxy=proxy.url) as browser:
            response = await browser.get(f"http://localhost:{site.port}/")
            with pytest.raises(PrivateAddressError):
                await browser.get("http://10.0.0.1/")
            with pytest.raises(ConnectFailedError, match="SOCKS"):
                await browser.get("http://localhost:9/")
        assert response.body == f"localhost:{site.port}".encode()
        assert proxy.asked == [("127.0.0.1", site.port), ("127.0.0.1", 9)]


@pytest.mark.parametrize("kind", ["socks", "http"])
async def test_tls_goes_through_it_to_the_site_itself(kind: str, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl program to make a certificate")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))

    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="secret")

    app = web.Application()
    app.router.add_get("/", handler)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=server_side)
    try:
        async with socks() if kind == "socks" else connecting() as proxy:
            guard = AddressGuard(["127.0.0.0/8"])
            async with WebClient(
                user_agent="TestBot/1.0", guard=guard, proxy=proxy.url, ssl_context=trusting
            ) as browser:
                for _ in range(2):
                    assert (await browser.get(f"https://localhost:{server.port}/")).body == b"secret"
                with pytest.raises(CertificateError):
                    await browser.get(f"https://127.0.0.1:{server.port}/")
            assert proxy.asked
    finally:
        await server.close()


async def test_proxy_that_is_guarded_resolves_names_itself(site: TestServer) -> None:
    async with socks() as proxy:
        settings = WebSettings(
            proxy=proxy.url, proxy_is_guarded=True, contact="bot@your.site", allowed_ports=str(site.port)
        )
        async with WebClient(
            user_agent=settings.full_user_agent,
            guard=AddressGuard(ports=[site.port or 0]),
            proxy=proxy.url.replace("socks5", "socks5h"),
            proxy_is_guarded=True,
        ) as browser:
            assert (await browser.get(f"http://no-such-name.invalid:{site.port}/")).status == 200
            with pytest.raises(PrivateAddressError):
                await browser.get(f"http://192.168.0.1:{site.port}/")
        assert proxy.asked == [("no-such-name.invalid", site.port)]


async def test_proxy_that_refuses_us_or_is_not_there_is_a_proxy_error(site: TestServer) -> None:
    guard = AddressGuard(["127.0.0.0/8"])
    async with socks("right") as proxy:
        for url in (proxy.url.replace("right", "wrong"), "socks5://127.0.0.1:9"):
            async with WebClient(user_agent="TestBot/1.0", guard=guard, proxy=url) as browser:
                with pytest.raises(ProxyError):
                    await browser.get(f"http://127.0.0.1:{site.port}/")
