"""Which addresses may be connected to: public ones, and those the operator allows. Nothing else, however it is written.

The rules are closed: every special-purpose range of the IANA registries is listed, and of IPv6 only global unicast is
public at all. Addresses that carry an IPv4 address inside are judged by that one. Names are resolved here and every
answer is judged; a second gate judges the very address a socket is opened for, so that nothing that happens between
the two (a name that changes its answer, a cache, a literal) can lead elsewhere.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from coranto.http.errors import PrivateAddressError

Network = IPv4Network | IPv6Network

# IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates), and multicast.
_SPECIAL_V4: Final = tuple(
    (ip_network(network), name)
    for network, name in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared (carrier NAT)"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "Azure platform"),  # public by its number, but answers inside Azure only
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_SPECIAL_V6: Final = tuple(
    (ip_network(network), name)
    for network, name in (
        ("2001::/23", "protocol assignments (Teredo, ORCHID, benchmarking)"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
    )
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052; the network behind it is the IPv4 internet


def special_range(address: IPv4Address | IPv6Address) -> str | None:
    """Name of the special range the address belongs to; None when it is public."""
    if isinstance(address, IPv4Address):
        return next((name for network, name in _SPECIAL_V4 if address in network), None)
    if address in _MAPPED or address in _NAT64:
        inner = special_range(_embedded_v4(address))
        form = "IPv4-mapped" if address in _MAPPED else "NAT64"
        return None if inner is None else f"{form} {inner}"
    if address not in _GLOBAL_UNICAST:
        return "loopback" if address.is_loopback else "not global unicast"
    # 6to4 and Teredo are refused as a whole: both are retired, and either can carry any IPv4 address.
    return next((name for network, name in _SPECIAL_V6 if address in network), None)


def _embedded_v4(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFF_FFFF)


class AddressGuard:
    """Judges addresses: public ones pass, and those in `allowed` networks."""

    def __init__(self, allowed: Iterable[str | Network] = ()) -> None:
        self.allowed = tuple(ip_network(network) for network in allowed)

    def refuses(self, address: str) -> str | None:
        """Why the address may not be connected to, in words; None when it may."""
        judged = ip_address(address.partition("%")[0])
        if isinstance(judged, IPv6Address) and judged in _MAPPED:
            judged = _embedded_v4(judged)  # the socket would speak IPv4 to it
        name = special_range(judged)
        if name is None or any(judged.version == network.version and judged in network for network in self.allowed):
            return None
        return f"{address} ({name})"

    def check_literal(self, host: str) -> None:
        """Raise PrivateAddressError when the host is an address, and not one that may be connected to."""
        try:
            ip_address(host)
        except ValueError:
            return
        refused = self.refuses(host)
        if refused is not None:
            raise PrivateAddressError(f"{refused} is not public; networks can be allowed in the settings")

    def socket_for(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for exactly this address, as the last gate before connecting. Raises PrivateAddressError."""
        family, kind, protocol, _, destination = info
        self.check_literal(str(destination[0]).partition("%")[0])
        return socket.socket(family=family, type=kind, proto=protocol)


class GuardedResolver(AbstractResolver):
    """Resolves names to those of their addresses that may be connected to."""

    def __init__(self, guard: AddressGuard, resolver: AbstractResolver | None = None) -> None:
        self._guard = guard
        self._resolver = resolver if resolver is not None else ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of the host that may be connected to. Raises PrivateAddressError when there is none, or OSError."""
        answers = await self._resolver.resolve(host, port, family)
        refused = [why for answer in answers if (why := self._guard.refuses(answer["host"])) is not None]
        allowed = [answer for answer in answers if self._guard.refuses(answer["host"]) is None]
        if not allowed:
            raise PrivateAddressError(f"{host} resolves to {', '.join(refused) or 'nothing'}, which is not public")
        return allowed

    async def close(self) -> None:
        """Release what the resolver holds."""
        await self._resolver.close()
