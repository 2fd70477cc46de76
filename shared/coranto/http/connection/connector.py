"""The connector of the web client: aiohttp's, which reads heads leniently and can go through a SOCKS proxy."""

from __future__ import annotations

import asyncio
import functools
import socket
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

from coranto.http.response.head import LenientResponseHandler

# RFC 1928, 6: the destination's failures; every other code is the proxy's.
_DESTINATION_FAILED: Final = frozenset({3, 4, 5, 6})


class WebConnector(aiohttp.TCPConnector):
    """Opens the connections. With `socks`, each goes through that proxy, to the address that the resolver gave."""

    def __init__(self, *, socks: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._socks = socks
        # aiohttp has no public way to choose the protocol; a test holds that this one works.
        factory: Any = functools.partial(LenientResponseHandler, loop=self._loop)
        self._factory = factory

    async def _wrap_create_connection(
        self,
        *args: Any,
        addr_infos: list[Any],
        req: aiohttp.ClientRequest,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
        client_error: type[Exception] = aiohttp.ClientConnectorError,
        **kwargs: Any,
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        if self._socks is None:
            return await super()._wrap_create_connection(
                *args, addr_infos=addr_infos, req=req, timeout=timeout, client_error=client_error, **kwargs
            )
        sock = await self._through_socks(addr_infos, req, timeout)
        # All that is left is TLS, in which the proxy has no part: the errors are the same as without it.
        return await self._wrap_existing_connection(
            *args, req=req, timeout=timeout, client_error=client_error, sock=sock, **kwargs
        )

    async def _through_socks(
        self,
        addr_infos: list[Any],
        req: aiohttp.ClientRequest,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's type
    ) -> socket.socket:
        from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError  # here, as few need it
        from python_socks.async_.asyncio import Proxy

        assert self._socks is not None  # noqa: S101 - for the type checker: the caller has looked
        failed: OSError | None = None
        for info in addr_infos:
            host, port = info[4][:2]
            # rdns: the proxy is given what our resolver gave, and no second resolver gets a say.
            proxy = Proxy.from_url(self._socks, rdns=True)
            try:
                return await proxy.connect(host, port, timeout=timeout.sock_connect)
            except ProxyError as error:
                if error.error_code not in _DESTINATION_FAILED:
                    raise aiohttp.ClientProxyConnectionError(req.connection_key, OSError(str(error))) from error
                failed = OSError(f"the SOCKS proxy says: {error}")
            except (ProxyConnectionError, ProxyTimeoutError) as error:
                raise aiohttp.ClientProxyConnectionError(req.connection_key, OSError(str(error))) from error
        raise aiohttp.ClientConnectorError(req.connection_key, failed or OSError("the name has no address"))
