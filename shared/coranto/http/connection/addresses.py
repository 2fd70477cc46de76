"""Which addresses may be connected to: public ones, and those the operator allows. Nothing else, however it is written.

The rules are closed: every special-purpose range of the IANA registries is listed, and of IPv6 only global unicast is
public at all. Addresses that carry an IPv4 address inside are judged by that one. `resolver` has every answer judged, for
every request; a second gate judges the very address a socket is opened for, so that nothing that happens between the
two (a name that changes its answer, a cache, a literal) can lead elsewhere.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from coranto.http.errors import NoContactError, PortNotAllowedError, PrivateAddressError

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


WEB_PORTS: Final = frozenset({80, 443, 8000, 8008, 8080, 8081, 8088, 8443, 8888})
"""Ports that web servers listen on; behind others are mail, databases and shells."""


class AddressGuard:
    """Judges addresses: public ones pass, and those in `allowed` networks.

    Without `ports`, public addresses are asked at the ports of the web, and those in allowed networks at any; with them, all
    are asked at these only. Where there is no contact for the User-Agent to name, no public address passes.
    """

    def __init__(
        self,
        allowed: Iterable[str | Network] = (),
        *,
        ports: Iterable[int] | None = None,
        has_contact: bool = True,
    ) -> None:
        self.allowed = tuple(ip_network(network) for network in allowed)
        self._ports = None if ports is None else frozenset(ports)
        self._has_contact = has_contact

    def refuses(self, address: str) -> str | None:
        """Why the address may not be connected to, in words; None when it may."""
        judged = _judged(address)
        name = special_range(judged)
        if name is None or self._is_allowed(judged):
            return None
        return f"{address} ({name})"

    def check(self, address: str, port: int, *, name: str | None = None) -> None:
        """Raise RefusedHereError when the address must not be asked at this port. `name` is the host that led to it."""
        who = f"{name} resolves to " if name is not None else ""
        refused = self.refuses(address)
        if refused is not None:
            raise PrivateAddressError(
                f"{who}{refused}, which is not public; networks can be allowed with CORANTO_FETCHER__ALLOWED_NETWORKS"
            )
        self._check_port_and_contact(name or address, port, is_ours=self._is_allowed(_judged(address)))

    def check_literal(self, host: str, port: int) -> None:
        """As `check`, when the host is an address; a name passes."""
        try:
            ip_address(host.partition("%")[0])
        except ValueError:
            return
        self.check(host, port)

    def check_unresolved(self, host: str, port: int) -> None:
        """As `check`, for a host whose addresses somebody else will judge."""
        self.check_literal(host, port)
        self._check_port_and_contact(host, port, is_ours=_is_special(host))

    def socket_for(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for exactly this address, as the last gate before connecting. Raises RefusedHereError."""
        family, kind, protocol, _, destination = info
        self.check(str(destination[0]), int(destination[1]))
        return socket.socket(family=family, type=kind, proto=protocol)

    def _is_allowed(self, judged: IPv4Address | IPv6Address) -> bool:
        return any(judged.version == network.version and judged in network for network in self.allowed)

    def _check_port_and_contact(self, who: str, port: int, *, is_ours: bool) -> None:
        ports = self._ports if self._ports is not None else None if is_ours else WEB_PORTS
        if ports is not None and port not in ports:
            raise PortNotAllowedError(
                f"port {port} of {who} may not be asked; ports can be listed in CORANTO_FETCHER__ALLOWED_PORTS"
            )
        if not is_ours and not self._has_contact:
            raise NoContactError(
                f"{who} is asked only by a client that says how its operator is reached: set CORANTO_FETCHER__CONTACT "
                "to a web page or a mail address of yours, such as https://your.site/bot or bot@your.site"
            )


def _judged(address: str) -> IPv4Address | IPv6Address:
    judged = ip_address(address.partition("%")[0])
    # To a mapped address the socket would speak IPv4.
    return _embedded_v4(judged) if isinstance(judged, IPv6Address) and judged in _MAPPED else judged


def _is_special(host: str) -> bool:
    """Whether the host is an address that is not public, and so one that the operator has allowed."""
    try:
        return special_range(_judged(host)) is not None
    except ValueError:
        return False
