"""Tells a user before a run, instead of after minutes of retries, that a host has no address."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address

from coranto.http.connection.resolver import DnsResolver
from coranto.urls import host_of
from coranto_cli.errors import NOT_FOUND, CommandError
from coranto_cli.given.contact import web_settings


async def require_addresses(urls: Iterable[str]) -> None:
    """Raise CommandError when the host of one of these cannot be found, asked as the services ask."""
    settings = web_settings()
    if settings.proxy is not None:  # which may know names that nobody here does
        return
    hosts = [host for host in dict.fromkeys(map(host_of, urls)) if _is_looked_up(host)]
    resolver = DnsResolver(settings.dns_servers)
    try:
        for host in hosts:
            await resolver.resolve(host)
    except OSError as error:
        raise CommandError(
            f"no such host: {host} ({error.strerror}); check the address, and that this machine can look names up",
            exit_code=NOT_FOUND,
        ) from error
    finally:
        await resolver.close()


def _is_looked_up(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return False
    with suppress(ValueError):
        ip_address(host.strip("[]"))
        return False
    return True
