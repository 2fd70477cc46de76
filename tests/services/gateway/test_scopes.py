"""Every route of the API and the page, and the scope that a token must have for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import httpx
import pytest
from redis.asyncio import Redis
from starlette.routing import Route
from tests.services.gateway.conftest import Serve

from coranto_gateway.app import create_api
from coranto_gateway.http.access import AccessControl, needed_by
from coranto_gateway.tokens.rate_limit import RateLimit
from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import Scope

# Written by hand: whoever adds a route decides here a second time who may use it. Readers see articles, sources and the state of
# the pipeline; addresses of webhooks and recipients of alerts often hold a secret, and are for operators.
ROUTES: Final[Mapping[str, str]] = {
    "read": """
        GET /v1/articles
        GET /v1/articles/{id}
        GET /v1/articles/{id}/revisions
        GET /v1/articles/{id}/diff
        GET /v1/articles/{id}/page
        GET /v1/stream
        GET /v1/stories
        GET /v1/stories/{id}
        GET /v1/why
        GET /v1/status
        GET /v1/dead
        GET /v1/dead/causes
        GET /v1/dead/{stage}/{partition}/{entry}
        GET /v1/sources
        GET /v1/sources/{id}/health
        GET /v1/sources/opml
        GET /v1/feeds
        GET /v1/groups
        GET /
        GET /articles
        GET /articles/{id}
        GET /stories
        GET /sources
        GET /sources/{id}
        GET /failures
        GET /subscribers
        GET /submit
        GET /v1/openapi.json
    """,
    "operate": """
        POST /v1/dead/redeliver
        POST /v1/dead/discard
        POST /v1/dead/{stage}/{partition}/{entry}/redeliver
        POST /v1/sources
        POST /v1/sources/opml
        POST /v1/sources/preview
        POST /v1/sources/pause
        POST /v1/sources/resume
        DELETE /v1/sources
        POST /v1/feeds
        DELETE /v1/feeds/{id}
        DELETE /v1/groups/{name:path}
        GET /v1/webhooks
        POST /v1/webhooks
        GET /v1/webhooks/{name}
        PATCH /v1/webhooks/{name}
        DELETE /v1/webhooks/{name}
        GET /v1/webhooks/{name}/log
        GET /v1/webhooks/{name}/dead
        GET /v1/webhooks/{name}/set-aside
        POST /v1/webhooks/{name}/test
        POST /v1/webhooks/{name}/pause
        POST /v1/webhooks/{name}/resume
        POST /v1/webhooks/{name}/rotate
        POST /v1/webhooks/{name}/reset
        POST /v1/webhooks/{name}/redeliver
        POST /v1/webhooks/{name}/discard
        GET /v1/alerts
        POST /v1/alerts
        POST /v1/alerts/try
        GET /v1/alerts/{name}
        PATCH /v1/alerts/{name}
        DELETE /v1/alerts/{name}
        GET /v1/alerts/{name}/log
        GET /v1/alerts/{name}/dead
        POST /v1/alerts/{name}/redeliver
        POST /v1/alerts/{name}/test
        POST /v1/alerts/{name}/pause
        POST /v1/alerts/{name}/resume
        GET /v1/notices/dead
        POST /v1/notices/redeliver
        POST /v1/notices/discard
        POST /articles/feed
        POST /sources/add
        POST /sources/preview
        POST /sources/import
        POST /sources/{action}
        GET /alerts
        POST /alerts
        POST /alerts/try
        GET /alerts/{name}
        POST /notices/{action}
        POST /alerts/{name}/edit
        POST /alerts/{name}/remove
        POST /alerts/{name}/{action}
        POST /failures/redeliver
        POST /failures/discard
        POST /failures/edit
        POST /subscribers/groups/remove
        POST /subscribers/feeds/remove
        POST /subscribers/webhooks
        GET /subscribers/webhooks/{name}
        POST /subscribers/webhooks/{name}/edit
        POST /subscribers/webhooks/{name}/test
        POST /subscribers/webhooks/{name}/rotate
        POST /subscribers/webhooks/{name}/remove
        POST /subscribers/webhooks/{name}/{action}
    """,
    "submit": """
        POST /v1/submit
        POST /submit
    """,
    "nothing": """
        GET /feeds/{secret}.{kind}
        GET /static/{name}
        GET /sign-in
        POST /sign-in
        POST /sign-out
        GET /language/{language}
    """,
}
EXPECTED: Final = {
    (method, path): needed
    for needed, lines in ROUTES.items()
    for method, path in (line.split() for line in lines.strip().splitlines())
}
VALUES: Final = {"kind": "atom", "action": "discard", "language": "en", "partition": "0"}


def test_each_route_states_what_it_needs_and_it_is_what_was_decided() -> None:
    found = {
        (method, route.path): str(needed_by(route))
        for route in create_api().routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }
    assert found == EXPECTED
    assert len(create_api().routes) == len(EXPECTED), "nothing is mounted beside them"


def test_the_description_names_for_each_operation_the_scope_that_was_decided() -> None:
    found = {
        (method.upper(), path): operation["security"]
        for path, operations in create_api().openapi()["paths"].items()
        for method, operation in operations.items()
    }
    expected = {
        (method, path.replace(":path}", "}")): [] if needed == "nothing" else [{"token": [needed]}]
        for (method, path), needed in EXPECTED.items()
        if path.startswith(("/v1/", "/feeds/")) and path != "/v1/openapi.json"
    }
    assert found == expected


def address_of(path: str) -> str:
    return re.sub(r"\{(\w+)(?::path)?\}", lambda match: VALUES.get(match[1], "none"), path)


@pytest.mark.parametrize("scope", [None, *Scope])
async def test_no_token_gets_further_than_its_scope_on_any_route(
    serve: Serve, redis: Redis, scope: Scope | None
) -> None:
    async with serve(public_url="http://127.0.0.1:1", requests_per_minute=100_000) as served:
        headers = {}
        if scope is not None:
            _, text = await Tokens(redis, "coranto").add("somebody", frozenset({scope}))
            headers = {"Authorization": f"Bearer {text}"}
        for (method, path), needed in EXPECTED.items():
            # Without a body: who may not is refused before anything is read, and who may is told what is missing.
            async with served.client.stream(method, address_of(path), headers=headers) as answer:
                status = answer.status_code
                refused = "" if path == "/v1/stream" and status == 200 else (await answer.aread()).decode()
            if needed == "nothing" or needed == scope:
                assert not re.search("problem:(scope-missing|scope-not-stated|token-needed)", refused), (method, path)
            elif scope is None:
                assert status == 401, (method, path)
            else:
                assert status == 403, (method, path)
                assert "urn:coranto:problem:scope-missing" in refused, (method, path)


async def test_a_route_that_states_nothing_is_refused_to_everybody(redis: Redis) -> None:
    api = create_api()

    @api.get("/forgotten")
    async def forgotten() -> str:
        return "a secret"

    known, limit = Tokens(redis, "coranto"), RateLimit(redis, "coranto", per_minute=100)
    _, text = await known.add("somebody", frozenset(Scope))
    app = AccessControl(
        api,
        routes=api.routes,
        known=known,
        limit=limit,
        is_token_needed=False,
        refuse=lambda _, problem: problem.to_response(),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        for headers in ({}, {"Authorization": f"Bearer {text}"}):
            answer = await client.get("/forgotten", headers=headers)
            assert answer.status_code == 403
            assert answer.json()["type"] == "urn:coranto:problem:scope-not-stated"
