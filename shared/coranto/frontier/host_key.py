"""By what name a host is counted: all names of one registered domain are one host to be polite to."""

from __future__ import annotations

import ipaddress

from coranto.domains import registered_domain
from coranto.urls import Address


def host_key(address: Address) -> str:
    """The registered domain of the address: `www.paper.example` and `m.paper.example` share their pauses.

    An IP address or a name without a domain, such as localhost, stands for itself with its port: behind each port there
    is another program, often another machine's.
    """
    host = address.host
    if "." not in host or _is_ip(host):
        return address.authority
    return registered_domain(host)


def _is_ip(host: str) -> bool:
    # Asked for every URL: a name whose last label begins with a letter, as all public ones do, is no address.
    if ":" not in host and not host[host.rfind(".") + 1 :][:1].isdigit():
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
