"""Resolves names in bounded time, without threads, and by the name servers that the operator chose."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import aiodns
from aiohttp.abc import AbstractResolver, ResolveResult

from coranto.http.connection.addresses import AddressGuard
from coranto.http.errors import RefusedHereError

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
_LOOPBACK: Final = ("127.0.0.1", "::1")
# Each server is asked so often, and waited for twice as long the second time.
_TRIES: Final = 2


class DnsResolver(AbstractResolver):
    """Resolves names by DNS, and by the system's hosts file."""

    def __init__(self, servers: Sequence[str] = (), *, timeout: timedelta = timedelta(seconds=5)) -> None:
        """`servers` are addresses with a port each; without any, the system's own are asked. `timeout` bounds one name."""
        self._servers = list(servers)
        self._seconds = timeout.total_seconds()
        self._dns: aiodns.DNSResolver | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of the host. Raises OSError when there is none, or no answer in time."""
        if self._dns is None:  # here, because it needs the loop that runs
            self._dns = aiodns.DNSResolver(
                nameservers=self._servers or None, timeout=self._seconds / (1 + _TRIES), tries=_TRIES
            )
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._dns.getaddrinfo(host, family=family, port=port, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            raise OSError(None, str(error.args[1] if len(error.args) > 1 else error)) from error
        except TimeoutError as error:
            raise OSError(None, f"the name servers did not answer within {self._seconds:g} s") from error
        except (UnicodeError, ValueError) as error:
            raise OSError(None, f"not a name that can be looked up: {error}") from error
        addresses = dict.fromkeys((node.family, node.addr[0].decode("ascii")) for node in found.nodes)
        if not addresses:
            raise OSError(None, "the name has no address")
        return [_result(host, address, port, kind) for kind, address in addresses]

    async def close(self) -> None:
        """Give up what is being asked, and close the sockets."""
        if self._dns is not None:
            await self._dns.close()
            self._dns = None


class GuardedResolver(AbstractResolver):
    """Resolves names all of whose addresses may be connected to.

    One bad address among them refuses the name: whoever made it has no honest reason to name both.
    """

    def __init__(self, guard: AddressGuard, resolver: AbstractResolver) -> None:
        self._guard = guard
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of the host. Raises RefusedHereError when one may not be connected to, and OSError."""
        if host == "localhost" or host.endswith(".localhost"):
            return self._loopback(host, port)
        answers = await self._resolver.resolve(host, port, family)
        for answer in answers:
            self._guard.check(answer["host"], port, name=host)
        return answers

    def _loopback(self, host: str, port: int) -> list[ResolveResult]:
        """RFC 6761, 6.3: these names mean this machine, and no name server is asked. Of its two addresses one is enough."""
        allowed = [address for address in _LOOPBACK if self._guard.refuses(address) is None]
        for address in allowed or _LOOPBACK:
            self._guard.check(address, port, name=host)
        families = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}
        return [_result(host, address, port, families[address]) for address in allowed]

    async def close(self) -> None:
        """Release what the resolver holds."""
        await self._resolver.close()


class NamesPassedOn(AbstractResolver):
    """Resolves nothing: for a proxy that does it, and judges the addresses."""

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - whichever the proxy takes
    ) -> list[ResolveResult]:
        """The name itself."""
        return [_result(host, host, port, socket.AF_INET)]

    async def close(self) -> None:
        """Nothing to release."""


def _result(name: str, address: str, port: int, family: int) -> ResolveResult:
    return ResolveResult(hostname=name, host=address, port=port, family=family, proto=0, flags=_NUMERIC)


def refusal_in(error: BaseException | None) -> RefusedHereError | None:
    """Our own refusal behind an error of the client library; None when there is none."""
    while error is not None:
        if isinstance(error, RefusedHereError):
            return error
        error = getattr(error, "os_error", None) or error.__cause__
    return None
