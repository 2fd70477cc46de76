"""Asks for one URL, or sends to it, one hop: redirects, robots and retries are the caller's business.

Every response is read as a stream within limits on headers, body, unpacked size, ratio and time; every connection goes
to an address that `AddressGuard` let pass; TLS certificates are verified. Nothing is taken from the environment.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from coranto.http.connection.addresses import AddressGuard
from coranto.http.connection.connector import WebConnector
from coranto.http.connection.resolver import DnsResolver, GuardedResolver, NamesPassedOn, refusal_in
from coranto.http.errors import (
    BodyTooLargeError,
    BrokenResponseError,
    CertificateError,
    ConnectFailedError,
    HeadersTooLargeError,
    NameNotResolvedError,
    ProxyError,
    RefusedHereError,
    TimedOutError,
    TlsError,
    WebError,
)
from coranto.http.limits import WebLimits
from coranto.http.response.decoding import ACCEPTED, BodyDecoder, BodySink
from coranto.http.response.head import LenientResponseHandler
from coranto.urls import DEFAULT_PORTS, Address, UnsupportedUrlError, parse

# How long unpacking a body may hold the event loop before other tasks get their turn.
_LONGEST_TURN_SECONDS: Final = 0.005
# Most pages are smaller. Of larger ones so many are read at a time that they fit into memory together, whoever sends them.
_LARGE_BODY: Final = 1 << 20
_LARGE_BODIES: Final = 6
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TEXT_TYPE: Final = re.compile(r"\s*(?:text/|application/(?:xhtml\+xml|xml|rss\+xml|atom\+xml)|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WebResponse:
    """A complete response to one request."""

    url: str
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    """Unpacked; empty where the caller's `wants_body` said no, or had it written elsewhere."""
    packed_bytes: int
    """Size of the body as it was sent."""
    elapsed_ms: int
    is_body_read: bool = field(default=True)
    notes: tuple[str, ...] = ()
    """What was wrong with the response and could be put right, in words."""

    @property
    def content_type(self) -> str | None:
        """Media type in lower case without parameters; None when the server named none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower() or None

    @property
    def location(self) -> str | None:
        """Absolute address of a redirect; None where the response is none, or does not say where to.

        Raises UnsupportedUrlError when it leads to anything but an http or https URL.
        """
        target = self.headers.get("Location", "").strip()
        if self.status not in _REDIRECTS or not target:
            return None
        return web_address(_without_raw_bytes(target), base=self.url)


def web_address(url: str, *, base: str) -> str:
    """Where a link on the page at `base` leads. Raises UnsupportedUrlError when that is no http or https URL."""
    address = parse(url, base=base)
    if address.scheme == "file":
        raise UnsupportedUrlError(f"expected an http or https address, got {url[:100]!r}")
    return str(address)


def _without_raw_bytes(target: str) -> str:
    """The header's text, in which bytes beyond ASCII arrive as surrogates: UTF-8, or else escaped as they are."""
    raw = target.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw)


class WebClient:
    """A web client that can be pointed at anything. Close it, or use it as an async context manager."""

    def __init__(
        self,
        *,
        user_agent: str,
        guard: AddressGuard | None = None,
        limits: WebLimits | None = None,
        proxy: str | None = None,
        proxy_is_guarded: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        connections: int = 64,
    ) -> None:
        """`proxy` is an http or a socks5 URL. One that `proxy_is_guarded` resolves names and refuses private addresses.

        Without that, names are resolved and judged here, and a name that has no address here is not asked for. `resolver`
        stands in for DNS.
        """
        self._user_agent = user_agent
        self._guard = guard if guard is not None else AddressGuard()
        self.limits = limits if limits is not None else WebLimits()
        """What holds for a request that comes without limits of its own."""
        is_socks = proxy is not None and proxy.lower().startswith("socks")
        self._proxy = URL(proxy) if proxy is not None and not is_socks else None
        self._socks = re.sub(r"^socks5h?:", "socks5:", proxy, flags=re.IGNORECASE) if proxy and is_socks else None
        self._proxy_is_guarded = proxy is not None and proxy_is_guarded
        self._ssl = ssl_context
        self._connections = connections
        self._resolver = GuardedResolver(self._guard, resolver if resolver is not None else DnsResolver())
        self._large_bodies = asyncio.Semaphore(_LARGE_BODIES)
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
        await self._resolver.close()

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limits: WebLimits | None = None,
        wants_body: Callable[[int, CIMultiDictProxy[str]], bool] | None = None,
        into: BodySink | None = None,
    ) -> WebResponse:
        """The response to one GET, whatever its status. A redirect is a response like any other.

        `wants_body` sees status and headers before the body is read, and may do without it. `into` takes the body, unpacked,
        piece by piece, where it is not to be held whole; it may raise OSError.
        Raises UnsupportedUrlError when the address is not an http or https URL, and WebError when there is no usable response.
        """
        return await self._ask("GET", url, None, dict(headers or {}), limits, wants_body, into)

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str] | None = None, limits: WebLimits | None = None
    ) -> WebResponse:
        """The response to one POST of `body`, whatever its status. A redirect is not followed.

        The request is sent once: after an error it is unknown whether the receiver has it. Name the body's media type in
        `headers`. Raises what `get` raises.
        """
        return await self._ask("POST", url, body, dict(headers or {}), limits, None)

    async def put(
        self, url: str, body: bytes, *, headers: Mapping[str, str] | None = None, limits: WebLimits | None = None
    ) -> WebResponse:
        """The response to one PUT of `body`: as `post`, for what may be repeated with the same effect."""
        return await self._ask("PUT", url, body, dict(headers or {}), limits, None)

    async def _ask(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: dict[str, str],
        limits: WebLimits | None,
        wants_body: Callable[[int, CIMultiDictProxy[str]], bool] | None,
        into: BodySink | None = None,
    ) -> WebResponse:
        limits = limits if limits is not None else self.limits
        address = parse(url)
        if address.scheme == "file":
            raise WebError(f"expected an http or https address, got {url[:100]!r}")
        self._guard.check_literal(address.host, _port(address))
        started = time.monotonic()
        try:
            async with asyncio.timeout(limits.total_timeout.total_seconds()):
                await self._check_behind_proxy(address)
                return await self._send(method, address, body, headers, limits, wants_body, into, started)
        except TimeoutError as error:
            seconds = time.monotonic() - started
            raise TimedOutError(f"no complete response from {address.authority} after {seconds:.1f} s") from error
        except aiohttp.ClientError as error:
            raise refusal_in(error) or _translated(error, address) from error
        except (ValueError, UnicodeError) as error:
            # aiohttp's parser and yarl let some malformed headers out as ValueError.
            raise BrokenResponseError(
                f"{address.authority} sent something that is not an HTTP response: {error}"
            ) from error

    async def _send(
        self,
        method: str,
        address: Address,
        content: bytes | None,
        headers: dict[str, str],
        limits: WebLimits,
        wants_body: Callable[[int, CIMultiDictProxy[str]], bool] | None,
        into: BodySink | None,
        started: float,
    ) -> WebResponse:
        # Nothing is re-encoded: the request asks for exactly the address that was judged.
        target = URL(str(address).partition("#")[0], encoded=True)
        timeout = aiohttp.ClientTimeout(
            sock_connect=limits.connect_timeout.total_seconds(), sock_read=limits.read_timeout.total_seconds()
        )
        async with self._open_session().request(
            method,
            target,
            data=content,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            proxy=self._proxy,
            max_line_size=limits.max_header_bytes,
            max_field_size=limits.max_header_bytes,
        ) as response:
            got = response.headers
            reads_body = wants_body is None or wants_body(response.status, got)
            notes = list(response.irregularities) if isinstance(response, _Response) else []
            body, packed = await self._read(response, limits, notes, into) if reads_body else (b"", 0)
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
                notes=tuple(notes),
            )

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Through a proxy the connection goes to the proxy, which the operator chose and which is often private.
            is_direct = self._proxy is None and self._socks is None
            resolver: AbstractResolver = self._resolver
            if self._proxy is not None:
                resolver = ThreadedResolver()
            elif self._socks is not None and self._proxy_is_guarded:
                resolver = NamesPassedOn()
            connector = WebConnector(
                socks=self._socks,
                resolver=resolver,
                socket_factory=self._guard.socket_for if is_direct else None,
                ssl=self._ssl if self._ssl is not None else True,
                limit=self._connections,
                keepalive_timeout=15,
                ttl_dns_cache=60,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                response_class=_Response,
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
        """Judge the host here, as far as that is for us to do."""
        if self._proxy_is_guarded:
            self._guard.check_unresolved(address.host, _port(address))
        elif self._proxy is not None:
            # Which of the addresses the proxy takes is up to it, and so is how it resolves the name: one that is bad refuses all.
            try:
                await self._resolver.resolve(address.host, _port(address), socket.AF_UNSPEC)
            except RefusedHereError:
                raise
            except OSError as error:
                raise NameNotResolvedError(
                    f"the name {address.host} could not be resolved here: {error}; if the proxy resolves names, "
                    "and refuses private addresses itself, say so with CORANTO_FETCHER__PROXY_IS_GUARDED=true"
                ) from error

    async def _read(
        self, response: aiohttp.ClientResponse, limits: WebLimits, notes: list[str], into: BodySink | None
    ) -> tuple[bytes, int]:
        """The body, unpacked, and its size as it was sent. Other tasks run in between, however the body unpacks."""
        announced = response.content_length
        if announced is not None and announced > limits.max_body_bytes:
            response.close()
            raise BodyTooLargeError(f"the body has {announced} bytes, at most {limits.max_body_bytes} are allowed")
        decoder = BodyDecoder(
            response.headers.get("Content-Encoding", ""),
            max_bytes=limits.max_body_bytes,
            max_decoded_bytes=limits.max_decoded_bytes,
            max_compression_ratio=limits.max_compression_ratio,
            expects_text=_TEXT_TYPE.match(response.headers.get("Content-Type", "")) is not None,
            into=into,
        )
        turned = time.monotonic()
        async with AsyncExitStack() as stack:
            is_large = False
            try:
                async for chunk in response.content.iter_any():
                    for _ in decoder.feed(chunk):
                        if into is None and not is_large and decoder.decoded_bytes > _LARGE_BODY:
                            is_large = True
                            await stack.enter_async_context(self._large_bodies)
                        if time.monotonic() - turned > _LONGEST_TURN_SECONDS:
                            await asyncio.sleep(0)  # here the time-out of the request can end it, too
                            turned = time.monotonic()
                body = decoder.finish()
            except WebError:
                response.close()
                raise
        notes += decoder.notes
        return body, decoder.packed_bytes


class _Response(aiohttp.ClientResponse):
    """A response that knows what had to be put right in its head."""

    irregularities: tuple[str, ...] = ()

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Read the head."""
        protocol = connection.protocol
        await super().start(connection)
        if isinstance(protocol, LenientResponseHandler):
            self.irregularities = protocol.irregularities
        return self


def _port(address: Address) -> int:
    return address.port if address.port is not None else DEFAULT_PORTS[address.scheme]


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
            if isinstance(error, aiohttp.ClientConnectorDNSError):
                # c-ares gives no errno, which str() would show as [Errno None].
                seen = error.os_error.strerror or error.os_error
                return NameNotResolvedError(f"the name {address.host} could not be resolved: {seen}")
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
