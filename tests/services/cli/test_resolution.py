"""A host without an address is told before anything is started, and asked for as the services ask."""

from __future__ import annotations

import pytest
from tests.harness.name_server import name_server

from coranto_cli.errors import NOT_FOUND, CommandError
from coranto_cli.given.resolution import require_addresses


async def test_host_that_does_not_exist_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with name_server(site=[["192.0.2.1"]]) as server:
        monkeypatch.setenv("CORANTO_FETCHER__DNS_SERVERS", server.address)
        await require_addresses(
            ["https://site.example/feed", "http://localhost:1/", "http://127.0.0.1/", "http://[::1]/"]
        )
        with pytest.raises(CommandError, match=r"no such host: nowhere\.example") as refused:
            await require_addresses(["https://site.example/feed", "https://nowhere.example/feed"])
        assert {host for host, _ in server.asked} == {"site.example", "nowhere.example"}
    assert refused.value.exit_code == NOT_FOUND


async def test_a_proxy_may_know_names_that_nobody_here_does(monkeypatch: pytest.MonkeyPatch) -> None:
    async with name_server() as server:
        monkeypatch.setenv("CORANTO_FETCHER__DNS_SERVERS", server.address)
        monkeypatch.setenv("CORANTO_FETCHER__PROXY", "http://127.0.0.1:3128")
        await require_addresses(["https://nowhere.example/feed"])
        assert server.asked == []
