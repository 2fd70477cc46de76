"""Following redirects: in order, with a bound, and every hop is told before the next request."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from coranto.http import TooManyRedirectsError, WebResponse, follow_redirects
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
