"""Addresses of Redis: one server, a cluster, or servers that Sentinel watches. Says what was seen and what was expected.

    redis://user:password@host:port/db         one server; rediss:// with TLS, unix:///path for a socket
    redis+cluster://host:port,host:port        a cluster, by some of its nodes; rediss+cluster:// with TLS
    redis+sentinel://host:port,host:port/name/db   the master that these sentinels know by this name; rediss+sentinel://

Options of redis-py may follow as a query (`?ssl_ca_certs=/etc/ca.pem`). Sentinels that ask for a password of their own get
`?sentinel_username=…&sentinel_password=…`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

EXPECTED = (
    "redis://host:port/db, rediss:// (TLS) or unix:///path for one server; "
    "redis+cluster://host:port,host:port for a cluster; "
    "redis+sentinel://host:port,host:port/service/db for Sentinel (rediss+cluster, rediss+sentinel with TLS)"
)

_NODE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/@]+)(?::(?P<port>[0-9]{1,5}))?")
_DEFAULT_PORTS = {"cluster": 6379, "sentinel": 26379}


class WrongAddressError(ValueError):
    """An address of Redis that cannot be understood; the text says what was seen and what was expected, without a password."""


@dataclass(frozen=True, slots=True)
class Address:
    """What an address says."""

    kind: Literal["single", "cluster", "sentinel"]
    nodes: tuple[tuple[str, int], ...] = ()
    """Nodes of the cluster, or sentinels; empty for one server."""
    service: str = ""
    """Name by which the sentinels know the master."""
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    """The rest, as redis-py wants it: user, password, database, TLS."""
    sentinel_options: dict[str, Any] = field(default_factory=dict, repr=False)


def parse_address(url: str) -> Address:
    """The address taken apart. Raises WrongAddressError, and ValueError for an option that redis-py does not understand."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("redis", "rediss", "unix"):
        return Address("single")
    tls, _, kind = scheme.partition("+")
    if not separator or tls not in ("redis", "rediss") or kind not in _DEFAULT_PORTS:
        raise WrongAddressError(f"the address of Redis must be {EXPECTED}; got {_without_password(url)!r}")
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    login, at, hosts = authority.rpartition("@")
    nodes = tuple(_node(each, kind, url) for each in hosts.split(","))
    service, _, database = path.partition("/") if kind == "sentinel" else ("", "", path)
    if kind == "sentinel" and not service:
        raise WrongAddressError(
            "redis+sentinel:// needs the name by which the sentinels know the master, such as "
            f"redis+sentinel://host:26379/mymaster; got {_without_password(url)!r}"
        )
    if database and not database.isdigit():
        raise WrongAddressError(
            f"the database of Redis must be a number, got {database!r} in {_without_password(url)!r}"
        )
    if kind == "cluster" and database not in ("", "0"):
        raise WrongAddressError(f"a cluster has database 0 only, got {_without_password(url)!r}")
    host, port = nodes[0]
    shown = f"[{host}]" if ":" in host else host
    from redis.asyncio.connection import parse_url  # late: settings are read by processes that talk to no Redis

    options: dict[str, Any] = dict(parse_url(f"{tls}://{login}{at}{shown}:{port}/{database or 0}?{query}"))
    sentinel = {
        name: options.pop(f"sentinel_{name}") for name in ("username", "password") if f"sentinel_{name}" in options
    }
    for name in ("host", "port", "connection_class"):
        options.pop(name, None)
    if kind == "cluster":
        options.pop("db", None)
    if tls == "rediss":
        options["ssl"] = True
    return Address("cluster" if kind == "cluster" else "sentinel", nodes, service, options, sentinel)


def _node(text: str, kind: str, url: str) -> tuple[str, int]:
    found = _NODE.fullmatch(text)
    if found is None or not 0 < int(found["port"] or 1) < 65536:
        raise WrongAddressError(f"a node must be host:port, got {text!r} in {_without_password(url)!r}")
    return found["host"].strip("[]"), int(found["port"] or _DEFAULT_PORTS[kind])


def _without_password(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    shown = rest.rpartition("@")[2].partition("?")[0]
    return f"{scheme}{separator}{shown}"
