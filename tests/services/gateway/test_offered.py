"""What each screen offers: nothing that the reader's token may not do, and to an operator everything that there is."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from redis.asyncio import Redis
from starlette.routing import Match
from tests.services.gateway.conftest import Serve, Served
from tests.services.gateway.test_articles import article
from tests.services.gateway.test_operating import bury
from tests.services.gateway.test_page import HTML
from tests.services.gateway.test_scopes import EXPECTED
from tests.services.gateway.test_subscribers import finished, group

from coranto_gateway.alerts.message import OPERATOR, Message
from coranto_gateway.alerts.registry import Alerts
from coranto_gateway.app import create_api
from coranto_gateway.tokens.registry import Tokens
from coranto_gateway.tokens.token import Scope

# Where nothing leads from the screens as they are filled here, but somebody who knows the address may go.
SEEDS = ("/", "/articles?q=bridge", "/submit?url=https://news.example/a0", "/sign-in", "/alerts")

ALIKE = 3
"""Addresses of one route that are looked at."""


class Offers(HTMLParser):
    """The requests that a page's links and forms make."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self._path = path
        self._form: tuple[str, str] | None = None
        self.found: set[tuple[str, str]] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._form = (given.get("method") or "get").upper(), given.get("action") or self._path
        elif tag == "button" and self._form is not None:
            method, action = self._form
            self._add(method, given.get("formaction") or action)
        for name in ("href", "hx-get"):
            if tag != "link" and (address := given.get(name)):
                self._add("GET", address)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def _add(self, method: str, address: str) -> None:
        whole = urlsplit(urljoin(f"http://here{self._path}", address))
        if whole.netloc == "here":
            self.found.add((method, whole._replace(scheme="", netloc="", fragment="").geturl()))


async def fill(served: Served, redis: Redis) -> None:
    """Something on every screen, so that each form of the page stands somewhere."""
    stored, *_ = await served.announce(
        *(article(f"a{number}", hours=number) for number in range(2)), article("a0", text="Other.", fetch=2)
    )
    await bury(redis, "https://a.example/1")
    await bury(redis, "https://b.example/2", reason="dns")
    for name in ("active", "paused"):
        await served.post("/v1/sources", {"url": f"https://{name}.example/feed.xml"}, status=201)
        await served.post("/v1/webhooks", {"name": name, "url": "https://desk.example/in"}, status=201)
        await served.post("/v1/alerts", {"name": name, "q": "bridge", "to": ["telegram:1"]}, status=201)
    await served.post("/v1/sources/pause", {"url": "https://paused.example/feed.xml"})
    for kind in ("webhooks", "alerts"):
        await served.post(f"/v1/{kind}/paused/pause", {})
        await redis.hset(f"coranto:{{{kind}}}:all", "spoilt", '{"where": "mood == 1"}')  # type: ignore[misc]
    await redis.hset(  # type: ignore[misc]
        "coranto:{webhooks}:active:dead", "1",
        f'{{"number": 1, "article": "{stored.id}", "revision": 1, "url": "https://news.example/a0", "at": "2026-03-14T00:00:00Z", '
        '"reason": "refused", "detail": "no"}',
    )  # fmt: skip
    now = datetime.now(UTC)
    for of in (OPERATOR, (await Alerts(redis, "coranto").get("active")).id):
        given_up = Message(
            id=f"{of}-1", alert=of, name=of, to="telegram:1", at=now, hits=[], notice="x", due=now, dead="timeout"
        )
        await redis.hset("coranto:{alerts}:messages", given_up.id, given_up.model_dump_json())  # type: ignore[misc]
    await served.post("/v1/feeds", {"title": "feed", "where": "language == 'ru'"}, status=201)
    await finished(redis, "1000-1")
    await group(redis, "archive")


async def offers_of(served: Served) -> dict[tuple[str, str], str]:
    """Every request that the page offers to whoever sends these headers, with the screen that offers it."""
    found: dict[tuple[str, str], str] = {("GET", path): "an address that somebody knows" for path in SEEDS}
    asked: set[str] = set()
    of_route: Counter[str] = Counter()
    while waiting := [path for method, path in found if method == "GET" and path not in asked]:
        for path in waiting:
            asked.add(path)
            route = route_of("GET", path)
            of_route[route] += 1
            if route.startswith(("/v1/", "/language/", "/feeds/")) or of_route[route] > ALIKE:
                continue
            answer = await served.client.get(path, headers=HTML)
            assert answer.status_code in (200, 403), (path, answer.text)
            for offer in Offers(path, answer.text).found:
                found.setdefault(offer, path)
    return found


def route_of(method: str, address: str) -> str:
    scope = {"type": "http", "method": method, "path": urlsplit(address).path, "headers": []}
    return next(str(route.path) for route in ROUTES if route.matches(scope)[0] is Match.FULL)  # type: ignore[attr-defined]


ROUTES = create_api().routes


@pytest.mark.parametrize("is_filled", [True, False], ids=["filled", "empty"])
async def test_no_screen_offers_what_the_token_may_not_do(serve: Serve, redis: Redis, is_filled: bool) -> None:
    tokens = Tokens(redis, "coranto")
    texts = {
        scopes: (await tokens.add("somebody", frozenset(scopes)))[1]
        for scopes in ((Scope.READ,), (Scope.READ, Scope.SUBMIT), tuple(Scope))
    }
    async with serve(public_url="http://127.0.0.1:1", requests_per_minute=100_000) as served:
        served.client.headers["Authorization"] = f"Bearer {texts[tuple(Scope)]}"
        if is_filled:
            await fill(served, redis)
        for scopes, text in texts.items():
            served.client.headers["Authorization"] = f"Bearer {text}"
            offered = await offers_of(served)
            routes = {(method, route_of(method, address)): screen for (method, address), screen in offered.items()}
            may = {"nothing", *scopes}
            # Whoever types an address gets there; the screens lead nobody to it.
            typed = {("GET", path) for path in SEEDS}
            beyond = {
                (route, screen) for route, screen in routes.items() if EXPECTED[route] not in may and route not in typed
            }
            assert beyond == set(), scopes
            if is_filled and scopes == tuple(Scope):
                of_the_page = {route for route in EXPECTED if route[0] == "POST" and not route[1].startswith("/v1/")}
                assert of_the_page - set(routes) == set(), "a form that no screen shows"


async def test_whoever_opens_what_the_token_does_not_allow_is_told_so_on_a_page(serve: Serve, redis: Redis) -> None:
    _, text = await Tokens(redis, "coranto").add("somebody", frozenset({Scope.READ}))
    async with serve(public_url="http://127.0.0.1:1") as served:
        headers = HTML | {"Authorization": f"Bearer {text}"}
        answer = await served.client.get("/alerts", headers=headers)
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "the scope operate" in answer.text
        assert 'href="/alerts"' not in answer.text
        assert (await served.client.get("/v1/alerts", headers=headers)).headers[
            "content-type"
        ] == "application/problem+json"
