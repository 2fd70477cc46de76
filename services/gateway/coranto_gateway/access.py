"""Who may do what: every request but those for the sign-in page needs a token with the scope, except on loopback."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from redis.exceptions import RedisError
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from coranto_gateway import tokens
from coranto_gateway.problems import Problem, to_problem
from coranto_gateway.tokens import EVERYTHING, Principal, RateLimit, Tokens

COOKIE = "coranto_token"
_OPEN_PATHS = frozenset({"/sign-in", "/sign-out", "/favicon.ico"})
FEEDS_FOLDER = "/feeds/"
_OPEN_FOLDERS = ("/static/", "/language/", FEEDS_FOLDER)
# Addresses of feeds hold a secret of their own.
_SUBMITTING_PATHS = frozenset({"/v1/submit", "/submit"})
# Addresses of webhooks and recipients of alerts often hold a secret, which readers of articles need not see.
_OPERATING_FOLDERS = ("/v1/webhooks", "/v1/alerts", "/subscribers/webhooks", "/alerts")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Whoever sends these is a proxy, behind which anybody may be, however near it sits itself.
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class AccessControl:
    """Passes on requests of those who may make them; `request.state.principal` says who it was."""

    def __init__(self, app: ASGIApp, *, known: Tokens, limit: RateLimit, is_token_needed: bool) -> None:
        self._app = app
        self._tokens = known
        self._limit = limit
        self._is_token_needed = is_token_needed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] in _OPEN_PATHS or scope["path"].startswith(_OPEN_FOLDERS):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            principal = await self._admit(scope, headers)
        except (Problem, RedisError, OSError) as error:
            problem = to_problem(error)
            if problem.status_code == 401 and _is_a_person(scope, headers):
                answer = RedirectResponse(f"/sign-in?next={quote(scope['path'])}", 303)
                await answer(scope, receive, send)
                return
            await problem.to_response()(scope, receive, send)
            return
        scope.setdefault("state", {})["principal"] = principal
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope, headers: Headers) -> Principal:
        text = _token_of(headers)
        if text is None:
            if self._is_token_needed or any(name in headers for name in _PROXY_HEADERS):
                raise _unknown("this gateway needs a token: send `Authorization: Bearer TOKEN`, or sign in on its page")
            return Principal("loopback", EVERYTHING)
        principal = await self._tokens.find(text)
        if principal is None:
            raise _unknown("the token is unknown, revoked or has ended; `coranto token list` shows those there are")
        needed = needed_scope(scope["method"], scope["path"])
        if needed not in principal.scopes:
            raise Problem(
                403,
                "scope-missing",
                f"this needs a token with the scope {needed.value}; that of {principal.name!r} has "
                f"{', '.join(sorted(principal.scopes)) or 'none'}",
            )
        if wait := await self._limit.seconds_to_wait(principal.token or ""):
            detail = f"the token of {principal.name!r} has made all the requests of this minute; go on in {wait} s"
            raise Problem(429, "too-many-requests", detail, headers={"Retry-After": str(wait)})
        return principal


def needed_scope(method: str, path: str) -> tokens.Scope:
    """What a token must be good for to make this request. Whatever changes something and is no submission is operating."""
    if path.startswith(_OPERATING_FOLDERS):
        return tokens.Scope.OPERATE
    if method in _SAFE_METHODS:
        return tokens.Scope.READ
    return tokens.Scope.SUBMIT if path in _SUBMITTING_PATHS else tokens.Scope.OPERATE


def _token_of(headers: Headers) -> str | None:
    header = headers.get("authorization")
    if header is not None:
        kind, _, text = header.partition(" ")
        return text.strip() if kind.lower() == "bearer" else ""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if cookie is None else cookie.value


def _unknown(detail: str) -> Problem:
    return Problem(401, "token-needed", detail, headers={"WWW-Authenticate": 'Bearer realm="coranto"'})


def _is_a_person(scope: Scope, headers: Headers) -> bool:
    """Whether a browser asks for a page."""
    return (
        scope["method"] == "GET" and not scope["path"].startswith("/v1/") and "text/html" in headers.get("accept", "")
    )
