"""What keeps foreign web pages out: the host must be ours, changes must come from our own pages, and nothing may be embedded.

A gateway on loopback asks for no token, and a browser that can reach it runs the scripts of strangers. Pure ASGI:
a stream has to see that its reader has gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coranto_gateway.http.problems import Problem

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # What is shown may be for this reader alone; static files say otherwise themselves.
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Adds the headers to every answer; one that sets a header itself keeps it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class ForeignPages:
    """Turns away requests to a host that is not ours, and changes that another site's page asks for."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: Iterable[str], public_url: str | None) -> None:
        self._app = app
        public_host = urlsplit(public_url).hostname if public_url else None
        self._hosts = (
            _LOOPBACK_NAMES | {host.lower() for host in allowed_hosts} | ({public_host} if public_host else set())
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = self._wrong_host(headers) or _foreign_change(scope["method"], headers)
        await (self._app if problem is None else problem.to_response())(scope, receive, send)

    def _wrong_host(self, headers: Headers) -> Problem | None:
        # DNS rebinding: a stranger's name that points here makes a browser take our answers for those of the stranger's page.
        host = headers.get("host", "")
        name = _host_name(host)
        if name in self._hosts:
            return None
        return Problem(
            421,
            "unknown-host",
            f"the request names the host {host[:200]!r}, and this gateway answers to {', '.join(sorted(self._hosts))}; "
            "add the name to CORANTO_GATEWAY__ALLOWED_HOSTS, or set CORANTO_GATEWAY__PUBLIC_URL",
        )


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _foreign_change(method: str, headers: Headers) -> Problem | None:
    """Why a change is refused; None for reading, for our own pages, and for programs that are no browser."""
    if method in _SAFE_METHODS:
        return None
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        is_ours = site in ("same-origin", "none")
    else:
        # Older browsers send Origin alone with a change to another site. Both compared as they are written: host and port.
        is_ours = origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    if is_ours:
        return None
    return Problem(
        403,
        "foreign-page",
        f"a web page of {(origin or 'another site')[:200]} asked for this change; only the gateway's own pages may, "
        "and programs, which send neither Origin nor Sec-Fetch-Site",
    )
