"""The address guard: which addresses may be connected to, however they are written."""

from __future__ import annotations

import json
import socket
from contextlib import nullcontext
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from coranto.http import AddressGuard, NoContactError, PortNotAllowedError, PrivateAddressError, special_range
from coranto.http.connection.resolver import GuardedResolver
from coranto.urls import UnsupportedUrlError, host_of, parse


class FixedResolver(AbstractResolver):
    """Answers every name with the same addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1",
        "100.127.255.255", "192.0.0.170", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "168.63.129.16", "::", "::1",
        "::ffff:127.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "100::1", "2001::1",
        "2001:db8::1", "2002:0808:0808::1", "2002:7f00:1::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
        "3fff::1", "5f00::1", "4000::1",
    ],
)  # fmt: skip
def test_address_that_is_not_public_is_refused(address: str) -> None:
    assert AddressGuard().refuses(address) is not None


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "2606:4700::1111", "2a00:1450:4001::1",
        "64:ff9b::8.8.8.8", "::ffff:8.8.8.8",
    ],
)  # fmt: skip
def test_public_address_passes(address: str) -> None:
    assert AddressGuard().refuses(address) is None


def test_allowed_network_passes_and_its_neighbours_do_not() -> None:
    guard = AddressGuard(["10.1.0.0/16", "::1/128"])
    assert guard.refuses("10.1.2.3") is None
    assert guard.refuses("::ffff:10.1.2.3") is None
    assert guard.refuses("::1") is None
    assert guard.refuses("10.2.0.1") is not None


def test_every_case_of_the_published_suites_is_judged_right(material: Path) -> None:
    cases = json.loads((material / "cases/ssrf/addresses.json").read_text(encoding="utf-8"))
    wrong = [
        case
        for case in cases
        if (special_range(ip_address(case["address"])) is not None) != (case["expect"] == "blocked")
    ]
    assert wrong == []


async def test_published_payloads_lead_nowhere(material: Path) -> None:
    """All but the pages that only tell of them, whose names are public."""
    guard, names = AddressGuard(), set()
    for case in json.loads((material / "cases/ssrf/payload_urls.json").read_text(encoding="utf-8")):
        try:
            address = parse(case["url"])
            guard.check_literal(address.host, address.port or 80)
        except (UnsupportedUrlError, PrivateAddressError, PortNotAllowedError):
            continue
        names.add(address.host)
    assert names <= {
        "localhost",
        "web.archive.org",
        "developers.digitalocean.com",
        "docs.microsoft.com",
        "metadata.packet.net",
        "portswigger.net",
    }
    with pytest.raises(PrivateAddressError):
        await GuardedResolver(guard, FixedResolver("127.0.0.1")).resolve("localhost", 80)


def test_spellings_of_one_ipv4_address_are_seen_through(material: Path) -> None:
    for case in json.loads((material / "cases/ssrf/wpt_host_forms.json").read_text(encoding="utf-8")):
        assert host_of(case["input"]) == case["hostname"]


async def test_name_that_resolves_to_a_private_address_is_refused() -> None:
    resolver = GuardedResolver(AddressGuard(), FixedResolver("192.168.1.1"))
    with pytest.raises(PrivateAddressError, match=r"192\.168\.1\.1"):
        await resolver.resolve("innocent.example")


async def test_one_bad_address_refuses_the_name() -> None:
    resolver = GuardedResolver(AddressGuard(), FixedResolver("93.184.215.14", "10.0.0.1"))
    with pytest.raises(PrivateAddressError, match=r"mixed\.example resolves to 10\.0\.0\.1 \(private\)"):
        await resolver.resolve("mixed.example", 80)


@pytest.mark.parametrize(
    ("host", "port", "ports", "is_allowed"),
    [
        ("93.184.215.14", 443, None, True),
        ("93.184.215.14", 6379, None, False),
        ("10.1.2.3", 6379, None, True),  # the operator's own network
        ("10.1.2.3", 6379, [80], False),
        ("93.184.215.14", 8001, [8001], True),
    ],
)
async def test_only_listed_ports_are_asked(host: str, port: int, ports: list[int] | None, is_allowed: bool) -> None:
    guard = AddressGuard(["10.0.0.0/8"], ports=ports)
    with nullcontext() if is_allowed else pytest.raises(PortNotAllowedError, match=f"port {port}"):
        await GuardedResolver(guard, FixedResolver(host)).resolve("a.example", port)
    with nullcontext() if is_allowed else pytest.raises(PortNotAllowedError):
        guard.check_literal(host, port)


async def test_public_hosts_are_not_asked_without_a_contact() -> None:
    guard = AddressGuard(["127.0.0.0/8"], has_contact=False)
    with pytest.raises(NoContactError, match="CORANTO_FETCHER__CONTACT"):
        await GuardedResolver(guard, FixedResolver("93.184.215.14")).resolve("a.example", 80)
    with pytest.raises(NoContactError):
        guard.check_unresolved("a.example", 80)
    guard.check_literal("127.0.0.1", 80)
    await GuardedResolver(guard, FixedResolver("127.0.0.7")).resolve("a.example", 80)


@pytest.mark.parametrize(("allowed", "addresses"), [("127.0.0.0/8", ["127.0.0.1"]), ("::1/128", ["::1"])])
async def test_localhost_is_this_machine_and_no_server_is_asked(allowed: str, addresses: list[str]) -> None:
    resolver = GuardedResolver(AddressGuard([allowed]), FixedResolver("8.8.8.8"))
    assert [answer["host"] for answer in await resolver.resolve("localhost", 80)] == addresses
    with pytest.raises(PrivateAddressError):
        await GuardedResolver(AddressGuard(), FixedResolver("8.8.8.8")).resolve("www.localhost", 80)


def test_no_socket_is_made_for_a_private_address_whatever_was_resolved() -> None:
    with pytest.raises(PrivateAddressError):
        AddressGuard().socket_for((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
