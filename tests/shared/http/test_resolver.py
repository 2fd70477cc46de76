"""Names: resolved by the servers in the settings, in bounded time, and judged before anything is connected to."""

from __future__ import annotations

import socket
import time
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.harness.name_server import name_server

from coranto.http import NameNotResolvedError, PrivateAddressError, WebLimits
from coranto.http.connection.resolver import DnsResolver
from coranto.http.settings import WebSettings


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
