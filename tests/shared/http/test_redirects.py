"""Following redirects: in order, with a bound, and every hop is told before the next request."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from coranto.http import RedirectChain, RedirectLoopError, TooManyRedirectsError, WebResponse, follow_redirects
from coranto.urls import UnsupportedUrlError


class Chain:
    """A site where each address redirects to the next; the last one answers."""

    def __init__(self, *targets: str) -> None:
        self.targets = targets
        self.log: list[str] = []

    async def get(self, url: str) -> WebResponse:
        self.log.append(f"get {url}")
        number = sum(line.startswith("get") for line in self.log) - 1
        headers = {"Location": self.targets[number]} if number < len(self.targets) else {}
        return WebResponse(
            url=url,
            status=302 if headers else 200,
            headers=CIMultiDictProxy(CIMultiDict(headers)),
            body=b"",
            packed_bytes=0,
            elapsed_ms=1,
        )

    def note(self, response: WebResponse, target: str) -> None:
        self.log.append(f"redirect {response.status} {target}")


async def test_hops_are_followed_in_order_and_told_before_the_next_request() -> None:
    chain = Chain("/b#top", "http://other.example/c")
    response = await follow_redirects("http://a.example/", chain.get, most=2, on_redirect=chain.note)
    assert response.url == "http://other.example/c"
    assert chain.log == [
        "get http://a.example/",
        "redirect 302 http://a.example/b",
        "get http://a.example/b",
        "redirect 302 http://other.example/c",
        "get http://other.example/c",
    ]


async def test_chain_that_is_too_long_ends() -> None:
    chain = Chain(*[f"/{number}" for number in range(10)])
    with pytest.raises(TooManyRedirectsError, match="more than 3 redirects, the last to "):
        await follow_redirects("http://a.example/", chain.get, most=3)
    assert len(chain.log) == 4


async def test_what_the_hook_raises_ends_the_chain() -> None:
    def refuse(_: WebResponse, target: str) -> None:
        raise PermissionError(target)

    chain = Chain("/b")
    with pytest.raises(PermissionError, match="/b"):
        await follow_redirects("http://a.example/", chain.get, most=5, on_redirect=refuse)
    assert chain.log == ["get http://a.example/"]


async def test_redirect_to_what_is_no_web_address_is_an_error() -> None:
    with pytest.raises(UnsupportedUrlError):
        await follow_redirects("http://a.example/", Chain("mailto:a@example.org").get, most=5)


class Site:
    """Answers by what it is told for each address, which may depend on the cookies that come."""

    def __init__(self, chain: RedirectChain, answers: dict[str, Callable[[str], tuple[str | None, list[str]]]]) -> None:
        self.chain = chain
        self.answers = answers
        self.asked: list[tuple[str, str]] = []

    async def get(self, url: str) -> WebResponse:
        cookie = self.chain.headers(url).get("Cookie", "")
        self.asked.append((url, cookie))
        target, cookies = self.answers[url](cookie)
        headers = CIMultiDict([("Set-Cookie", each) for each in cookies])
        if target is not None:
            headers["Location"] = target
        return WebResponse(
            url=url,
            status=200 if target is None else 302,
            headers=CIMultiDictProxy(headers),
            body=b"",
            packed_bytes=0,
            elapsed_ms=1,
        )


ARTICLE, GATE = "https://www.paper.example/article", "https://www.paper.example/gate"


async def test_gate_that_sets_a_cookie_and_leads_back_is_no_loop() -> None:
    chain = RedirectChain()
    site = Site(
        chain,
        {
            ARTICLE: lambda cookie: (None, []) if "seen=yes" in cookie else ("/gate#top", ["a=1; Path=/article"]),
            GATE: lambda _: (ARTICLE, ["seen=yes; Path=/", "other=1; Domain=elsewhere.example"]),
        },
    )
    response = await follow_redirects(ARTICLE, site.get, most=5, chain=chain)
    assert response.url == ARTICLE
    assert [url for url, _ in site.asked] == [ARTICLE, GATE, ARTICLE]
    assert [sorted(cookie.split("; ")) for _, cookie in site.asked] == [[""], [""], ["a=1", "seen=yes"]]
    # Whoever goes on with a chain that was interrupted has its cookies.
    again = RedirectChain(chain.set_cookies)
    assert again.headers(ARTICLE) == chain.headers(ARTICLE)
    assert again.headers("https://elsewhere.example/") == {}


async def test_chain_that_asks_the_same_again_is_a_loop_at_once() -> None:
    chain = RedirectChain()
    site = Site(chain, {ARTICLE: lambda _: (GATE, ["a=1"]), GATE: lambda _: (ARTICLE + "#x", [])})
    with pytest.raises(RedirectLoopError, match=r"lead back to https://www\.paper\.example/"):
        await follow_redirects(ARTICLE, site.get, most=50, chain=chain)
    # With the cookie it may answer otherwise, so each is asked once more, and no more than that.
    assert [url for url, _ in site.asked] == [ARTICLE, GATE, ARTICLE]


async def test_loop_that_never_sets_a_cookie_needs_no_second_round() -> None:
    chain = Chain("/b", "/")
    with pytest.raises(RedirectLoopError):
        await follow_redirects("http://a.example/#top", chain.get, most=50)
    assert chain.log == ["get http://a.example/#top", "get http://a.example/b"]


async def test_last_redirect_that_is_allowed_is_followed() -> None:
    chain = Chain("/1", "/2", "/3")
    assert (await follow_redirects("http://a.example/", chain.get, most=3)).url == "http://a.example/3"


async def test_cookies_are_bounded_and_text() -> None:
    def noted(*lines: str) -> RedirectChain:
        chain = RedirectChain()
        headers = CIMultiDictProxy(CIMultiDict([("Set-Cookie", line) for line in lines]))
        chain.note(WebResponse(url=ARTICLE, status=200, headers=headers, body=b"", packed_bytes=0, elapsed_ms=1))
        return chain

    assert noted().headers(ARTICLE) == {}
    assert len(noted(*(f"c{number}=1" for number in range(60))).set_cookies) == 50
    longest = "a=" + "b" * 4094
    assert noted(longest, longest + "b").set_cookies == [(ARTICLE, longest)]
    assert noted("a=1\x01", "b=2").set_cookies == [(ARTICLE, "b=2")]
    assert noted("a=x,y z").headers(ARTICLE) == {"Cookie": "a=x,y z"}
    at_an_address = RedirectChain([("http://127.0.0.1/", "a=1")])
    assert at_an_address.headers("http://127.0.0.1/x") == {"Cookie": "a=1"}


@pytest.mark.parametrize(("follows", "asked"), [(True, 2), (False, 1)])
async def test_page_that_only_sends_on_is_followed_where_that_is_wanted(follows: bool, asked: int) -> None:
    count = 0

    async def get(url: str) -> WebResponse:
        nonlocal count
        count += 1
        body = b"<meta http-equiv=refresh content='0; url=/there#top'>" if not url.endswith("there") else b"text"
        headers = CIMultiDictProxy(CIMultiDict({"Content-Type": "text/html"}))
        return WebResponse(url=url, status=200, headers=headers, body=body, packed_bytes=9, elapsed_ms=1)

    response = await follow_redirects(ARTICLE, get, most=3, follows_refresh=follows)
    assert (count, response.url.endswith("/there")) == (asked, follows)


async def test_texts_of_errors_are_short() -> None:
    target = "/" + "a" * 1_000
    with pytest.raises(TooManyRedirectsError) as many:
        await follow_redirects("http://a.example/", Chain(target).get, most=0)
    with pytest.raises(RedirectLoopError) as loop:
        await follow_redirects("http://a.example" + target, Chain(target).get, most=3)
    assert all(200 < len(str(error.value)) < 250 for error in (many, loop))
