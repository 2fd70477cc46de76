"""Registered domains: which hosts belong to one owner, by the Public Suffix List.

`www.paper.co.uk` and `m.paper.co.uk` are both `paper.co.uk`. Suffixes that private owners let to others count as well, so
that two blogs on `github.io` are strangers to each other. The list comes with its package; nothing is downloaded.
"""

from __future__ import annotations

import ipaddress
from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList


@cache
def _suffixes() -> PublicSuffixList:
    # A third of a second, so not at import: many programs never ask.
    return PublicSuffixList(only_icann=False)


@lru_cache(maxsize=50_000)
def registered_domain(host: str) -> str:
    """The domain that the host's owner has registered, in lower case.

    `host` is in ASCII, without port, as `coranto.urls.Address.host` gives it. An IP address, a name without dots and a
    public suffix stand for themselves.
    """
    host = host.lower().removesuffix(".")
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return _suffixes().privatesuffix(host) or host
    return host


def is_same_site(host: str, other: str) -> bool:
    """Whether both hosts belong to one registered domain."""
    return registered_domain(host) == registered_domain(other)
