"""Gets one URL, one hop: redirects, robots and retries are the caller's business.

Every response is read as a stream within limits on headers, body, unpacked size, ratio and time; every connection goes
to an address that `AddressGuard` let pass; TLS certificates are verified. Nothing is taken from the environment.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from coranto.http.addresses import AddressGuard, GuardedResolver
from coranto.http.decoding import ACCEPTED, BodyDecoder
from coranto.http.errors import (
    BodyTooLargeError,
    BrokenResponseError,
    CertificateError,
    ConnectFailedError,
    HeadersTooLargeError,
    NameNotResolvedError,
    PrivateAddressError,
    ProxyError,
    TimedOutError,
    TlsError,
    WebError,
)
from coranto.http.limits import WebLimits
from coranto.urls import Address, parse

# How long unpacking a body may hold the event loop before other tasks get their turn.
_LONGEST_TURN_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class WebResponse:
    """A complete response to one request."""

    url: str
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    """Unpacked; empty where the caller's `wants_body` said no."""
    packed_bytes: int
    """Size of the body as it was sent."""
    elapsed_ms: int
    is_body_read: bool = field(default=True)

    @property
    def content_type(self) -> str | None:
        """Media type in lower case without parameters; None when the server named none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower() or None

    @property
    def location(self) -> str | None:
        """Absolute address of a redirect, as far as the Location header makes one; else None."""
        target = self.headers.get("Location")
        if self.status not in (301, 302, 303, 307, 308) or not target:
            return None
        # Header bytes beyond ASCII arrive as surrogates: servers send UTF-8 there, and browsers take it so.
        raw = target.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return str(parse(raw, base=self.url))


class WebClient:
    """A web client that can be pointed at anything. Close it, or use it as an async context manager."""

    def __init__(
        self,
        *,
        user_agent: str,
        guard: AddressGuard | None = None,
        limits: WebLimits | None = None,
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        connections: int = 64,
    ) -> None:
        self._user_agent = user_agent
        self._guard = guard if guard is not None else AddressGuard()
        self._limits = limits if limits is not None else WebLimits()
        self._proxy = URL(proxy) if proxy is not None else None
        self._ssl = ssl_context
        self._connections = connections
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limits: WebLimits | None = None,
        wants_body: Callable[[int, CIMultiDictProxy[str]], bool] | None = None,
    ) -> WebResponse:
        """The response to one GET, whatever its status. A redirect is a response like any other.

        `wants_body` sees status and headers before the body is read, and may do without it.
        Raises UnsupportedUrlError when the address is not an http or https URL, and WebError when there is no usable response.
        """
        limits = limits if limits is not None else self._limits
        address = parse(url)
        if address.scheme == "file":
            raise WebError(f"expected an http or https address, got {url[:100]!r}")
        self._guard.check_literal(address.host)
        started = time.monotonic()
        try:
            async with asyncio.timeout(limits.total_timeout.total_seconds()):
                if self._proxy is not None:
                    await self._check_behind_proxy(address)
                return await self._get(address, dict(headers or {}), limits, wants_body, started)
        except TimeoutError as error:
            seconds = time.monotonic() - started
            raise TimedOutError(f"no complete response from {address.authority} after {seconds:.1f} s") from error
        except aiohttp.ClientError as error:
            raise _translated(error, address) from error
        except (ValueError, UnicodeError) as error:
            # aiohttp's parser and yarl let some malformed headers out as ValueError.
            raise BrokenResponseError(
                f"{address.authority} sent something that is not an HTTP response: {error}"
            ) from error

    async def _get(
        self,
        address: Address,
        headers: dict[str, str],
        limits: WebLimits,
        wants_body: Callable[[int, CIMultiDictProxy[str]], bool] | None,
        started: float,
    ) -> WebResponse:
        # Nothing is re-encoded: the request asks for exactly the address that was judged.
        target = URL(str(address).partition("#")[0], encoded=True)
        timeout = aiohttp.ClientTimeout(
            sock_connect=limits.connect_timeout.total_seconds(), sock_read=limits.read_timeout.total_seconds()
        )
        async with self._open_session().get(
            target,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            proxy=self._proxy,
            max_line_size=limits.max_header_bytes,
            max_field_size=limits.max_header_bytes,
        ) as response:
            got = response.headers
            reads_body = wants_body is None or wants_body(response.status, got)
            body, packed = await _read(response, limits) if reads_body else (b"", 0)
            if not reads_body:
                response.close()  # the rest of the body would have to be read to use the connection again
            elapsed = round((time.monotonic() - started) * 1000)
            return WebResponse(
                url=str(address),
                status=response.status,
                headers=CIMultiDictProxy(CIMultiDict(got)),
                body=body,
                packed_bytes=packed,
                elapsed_ms=elapsed,
                is_body_read=reads_body,
            )

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Behind a proxy the connection goes to the proxy, which the operator chose and which is often private.
            guarded = self._proxy is None
            resolver = GuardedResolver(self._guard, self._resolver) if guarded else self._resolver
            connector = aiohttp.TCPConnector(
                resolver=resolver,
                socket_factory=self._guard.socket_for if guarded else None,
                ssl=self._ssl if self._ssl is not None else True,
                limit=self._connections,
                keepalive_timeout=15,
                ttl_dns_cache=60,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                headers={
                    "User-Agent": self._user_agent,
                    "Accept": "text/html,application/xhtml+xml;q=0.9,text/plain;q=0.8,*/*;q=0.1",
                    "Accept-Encoding": ACCEPTED,
                },
            )
        return self._session

    async def _check_behind_proxy(self, address: Address) -> None:
        """Judge every address the name has here. Which one the proxy takes is up to it, so one refused refuses all."""
        resolver = self._resolver if self._resolver is not None else ThreadedResolver()
        try:
            answers = await resolver.resolve(address.host, address.port or 0, socket.AF_UNSPEC)
        except OSError:
            return  # many networks behind a proxy resolve no outside names; the proxy judges then
        for answer in answers:
            self._guard.check_literal(answer["host"])


async def _read(response: aiohttp.ClientResponse, limits: WebLimits) -> tuple[bytes, int]:
    """The body, unpacked, and its size as it was sent. Other tasks run in between, however the body unpacks."""
    announced = response.content_length
    if announced is not None and announced > limits.max_body_bytes:
        response.close()
        raise BodyTooLargeError(f"the body has {announced} bytes, at most {limits.max_body_bytes} are allowed")
    decoder = BodyDecoder(
        response.headers.get("Content-Encoding", ""),
        max_bytes=limits.max_body_bytes,
        max_compression_ratio=limits.max_compression_ratio,
    )
    packed = 0
    turned = time.monotonic()
    try:
        async for chunk in response.content.iter_any():
            packed += len(chunk)
            for _ in decoder.feed(chunk):
                if time.monotonic() - turned > _LONGEST_TURN_SECONDS:
                    await asyncio.sleep(0)  # here the time-out of the request can end it, too
                    turned = time.monotonic()
    except WebError:
        response.close()
        raise
    return decoder.finish(), packed


def _translated(error: aiohttp.ClientError, address: Address) -> WebError:
    where = address.authority
    match error:
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return ProxyError(f"the proxy did not connect to {where}: {error}")
        case aiohttp.ClientConnectorCertificateError():
            return CertificateError(f"the certificate of {where} is not valid: {error.certificate_error}")
        case aiohttp.ClientConnectorSSLError():
            return TlsError(f"no TLS connection to {where}: {error.os_error}")
        case aiohttp.ClientConnectorError():
            if isinstance(error.os_error, PrivateAddressError):
                return PrivateAddressError(str(error.os_error))
            if isinstance(error, aiohttp.ClientConnectorDNSError):
                return NameNotResolvedError(f"the name {address.host} could not be resolved: {error.os_error}")
            return ConnectFailedError(f"no connection to {where}: {error.os_error}")
        case aiohttp.ServerTimeoutError():
            return TimedOutError(f"{where} was silent for too long: {error}")
        case aiohttp.ClientResponseError() if (
            "when reading" in error.message or "TooLong" in type(error.__cause__).__name__
        ):
            return HeadersTooLargeError(f"{where} sent headers that are larger than allowed: {error.message[:100]}")
        case aiohttp.ClientPayloadError():
            return BrokenResponseError(f"{where} ended its response early: {error}")
        case aiohttp.ClientOSError():
            return ConnectFailedError(f"the connection to {where} broke: {error}")
    return BrokenResponseError(f"{where} sent no valid response: {str(error)[:200]}")
