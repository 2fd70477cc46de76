"""Who may do what: each route states the scope that it needs, and one that states none is refused.

A request for a route that is not open to all needs a token with that scope, except on loopback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote

from fastapi.routing import APIRoute
from redis.exceptions import RedisError
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from coranto_gateway.http.problems import Problem, to_problem
from coranto_gateway.tokens import token
from coranto_gateway.tokens.rate_limit import RateLimit
from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import EVERYTHING, Principal

COOKIE = "coranto_token"
_SCOPE: Final = "coranto_scope"
# Whoever sends these is a proxy, behind which anybody may be, however near it sits itself.
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


_SCHEME: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token, which `coranto token add NAME --scope SCOPE` makes. Operations name the scope that it must have: "
    f"{', '.join(f'`{each}`' for each in token.Scope)}. Without it they answer 401 or 403. "
    "A gateway that listens on loopback alone takes requests from its own machine without a token.",
}

Needed = token.Scope | Literal["nothing"]
"""What a route needs of whoever asks for it."""
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


def needs(scope: token.Scope) -> Callable[[_Endpoint], _Endpoint]:
    """State that the route needs a token with this scope. It stands below the route's own decorator."""
    return lambda endpoint: _stating(endpoint, scope)


def open_to_all(endpoint: _Endpoint) -> _Endpoint:
    """State that the route needs no token: it tells nothing, or its address holds a secret of its own."""
    return _stating(endpoint, "nothing")


def _stating(endpoint: _Endpoint, needed: Needed) -> _Endpoint:
    setattr(endpoint, _SCOPE, needed)
    return endpoint


def needed_by(route: BaseRoute) -> Needed | None:
    """What the route states that it needs; None when it states nothing."""
    return getattr(getattr(route, "endpoint", None), _SCOPE, None)


def describe(document: dict[str, Any], routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """The description of the API, with the scope that each operation needs, as its route states it."""
    document["components"]["securitySchemes"] = {"token": _SCHEME}
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            needed = needed_by(route)
            for method in route.methods or ():
                operation = document["paths"][route.path_format][method.lower()]
                operation["security"] = [] if needed == "nothing" else [{"token": [str(needed)]}]
    return document


class AccessControl:
    """Passes on requests of those who may make them; `request.state.principal` says who it was."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Sequence[BaseRoute],
        known: Tokens,
        limit: RateLimit,
        is_token_needed: bool,
        refuse: Callable[[Scope, Problem], Response],
    ) -> None:
        """`refuse` makes the answer to whoever may not."""
        self._app = app
        self._routes = routes
        self._tokens = known
        self._limit = limit
        self._is_token_needed = is_token_needed
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            needed = self._needed(scope)
            if needed != "nothing":
                principal = await self._identify(headers)
                scope.setdefault("state", {})["principal"] = principal
                await self._check(principal, needed)
        except (Problem, RedisError, OSError) as error:
            problem = to_problem(error)
            if problem.status_code == 401 and _is_a_person(scope, headers):
                answer: Response = RedirectResponse(f"/sign-in?next={quote(scope['path'])}", 303)
            else:
                answer = self._refuse(scope, problem)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _needed(self, scope: Scope) -> Needed:
        """What the request needs. Raises Problem when its route does not say."""
        found: BaseRoute | None = None
        for route in self._routes:
            match, _ = route.matches(scope)
            if match is Match.FULL:
                found = route
                break
            if match is Match.PARTIAL and found is None:  # of another method, which the route itself refuses
                found = route
        if found is None:
            return token.Scope.READ  # what there is not, is told only to whoever may see what there is
        needed = needed_by(found)
        if needed is None:
            raise Problem(403, "scope-not-stated", "this route does not state who may use it, so nobody may")
        return needed

    async def _identify(self, headers: Headers) -> Principal:
        text = _token_of(headers)
        if text is None:
            if self._is_token_needed or any(name in headers for name in _PROXY_HEADERS):
                raise _unknown("this gateway needs a token: send `Authorization: Bearer TOKEN`, or sign in on its page")
            return Principal("loopback", EVERYTHING)
        principal = await self._tokens.find(text)
        if principal is None:
            raise _unknown("the token is unknown, revoked or has ended; `coranto token list` shows those there are")
        return principal

    async def _check(self, principal: Principal, needed: token.Scope) -> None:
        if needed not in principal.scopes:
            raise Problem(
                403,
                "scope-missing",
                f"this needs a token with the scope {needed.value}; that of {principal.name!r} has "
                f"{', '.join(sorted(principal.scopes)) or 'none'}",
            )
        if principal.token is None:
            return
        if wait := await self._limit.seconds_to_wait(principal.token):
            detail = f"the token of {principal.name!r} has made all the requests of this minute; go on in {wait} s"
            raise Problem(429, "too-many-requests", detail, headers={"Retry-After": str(wait)})


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
