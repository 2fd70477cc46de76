"""Names: resolved by the servers in the settings, in bounded time, and judged before anything is connected to."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_address

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from coranto.http import NameNotResolvedError, PrivateAddressError, WebLimits
from coranto.http.resolver import DnsResolver
from coranto.http.settings import WebSettings

_A, _AAAA = 1, 28


class NameServer(asyncio.DatagramProtocol):
    """A name server on loopback: addresses by name, each list used once and the last one for ever; None is silence."""

    def __init__(self, names: dict[str, list[list[str] | None]]) -> None:
        self.names = names
        self.address = ""
        self.asked: list[tuple[str, int]] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # as asyncio calls it
        self.transport = transport
        host, port = transport.get_extra_info("sockname")
        self.address = f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        name, at = [], 12
        while data[at]:
            name.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        host, kind = ".".join(name), struct.unpack(">H", data[at + 1 : at + 3])[0]
        self.asked.append((host, kind))
        answers = self.names.get(host, [[]])
        found = answers[0]
        if kind == _A and len(answers) > 1:
            answers.pop(0)
        if found is None:
            return
        version = 6 if kind == _AAAA else 4
        packed = [ip.packed for ip in map(ip_address, found) if ip.version == version]
        code = 0 if host in self.names else 3
        reply = data[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(packed), 0, 0) + data[12 : at + 5]
        for address in packed:
            reply += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(address)) + address
        self.transport.sendto(reply, addr)


@asynccontextmanager
async def name_server(**names: list[list[str] | None]) -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: NameServer({f"{name}.example": answers for name, answers in names.items()}), ("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()


async def test_servers_of_the_settings_are_asked_and_nobody_else() -> None:
    async with name_server(site=[["127.0.0.1", "127.0.0.2", "::1"]]) as server:
        resolver = DnsResolver([server.address])
        found = await resolver.resolve("site.example", 80, socket.AF_UNSPEC)
        assert sorted(answer["host"] for answer in found) == ["127.0.0.1", "127.0.0.2", "::1"]
        with pytest.raises(OSError, match="not found"):
            await resolver.resolve("missing.example", 80)
        assert {host for host, _ in server.asked} == {"site.example", "missing.example"}
        await resolver.close()


async def test_server_that_is_silent_is_waited_for_so_long_and_no_longer() -> None:
    async with name_server(slow=[None]) as server:
        resolver = DnsResolver([server.address], timeout=timedelta(seconds=0.6))
        started = time.monotonic()
        with pytest.raises(OSError, match=r"did not answer|[Tt]imeout"):
            await resolver.resolve("slow.example", 80)
        assert time.monotonic() - started < 5
        await resolver.close()


@pytest.mark.parametrize(
    "name", ["", "a" * 64 + ".example", "x" * 300, "a..example", "\udcff.example", "-", "*.example", "a b"]
)
async def test_what_is_no_name_has_no_address(name: str) -> None:
    async with name_server() as server:
        resolver = DnsResolver([server.address], timeout=timedelta(seconds=1))
        with pytest.raises(OSError, match=r".+"):
            await resolver.resolve(name, 80)
        await resolver.close()


async def test_name_is_judged_by_all_its_addresses_each_time_it_is_resolved() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=request.host)

    app = web.Application()
    app.router.add_get("/", handler)
    async with (
        TestServer(app) as site,
        name_server(
            good=[["127.0.0.1"]],
            mixed=[["127.0.0.1", "10.0.0.1"]],
            mapped=[["127.0.0.1", "::ffff:192.168.0.1"]],
            turning=[["127.0.0.1"], ["169.254.169.254"]],
        ) as server,
    ):
        settings = WebSettings(dns_servers=server.address, allowed_networks="127.0.0.0/8")
        for name, is_fine in (
            ("good", True),
            ("mixed", False),
            ("mapped", False),
            ("turning", True),
            ("turning", False),
        ):
            async with settings.to_client(WebLimits()) as browser:
                url = f"http://{name}.example:{site.port}/"
                if is_fine:
                    assert (await browser.get(url)).body == f"{name}.example:{site.port}".encode()
                else:
                    with pytest.raises(PrivateAddressError, match=f"{name}.example resolves to"):
                        await browser.get(url)
        async with settings.to_client(WebLimits()) as browser:
            with pytest.raises(NameNotResolvedError):
                await browser.get("http://missing.example/")
