"""Pages written for these tests, and functions that read them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coranto.records import Content
from coranto_extractor.page_request import PageRequest
from coranto_extractor.reader import read
from coranto_extractor.refusal import NotAnArticle

_ADDRESS = "https://news.example/city/harbour-bridge"
# With a date, a page is not taken for a list of articles, however many links it has.
_DATED = '<meta property="article:published_time" content="2024-01-05T10:00:00Z">'
_PARAGRAPHS = (
    "The harbour bridge was opened to traffic on Friday after two years of repairs, the city council said.",
    "Engineers replaced all forty cables, and the work cost a third less than planned, according to the report.",
    "“We did not expect to be done before the spring,” said the head of the building office, “but winter was mild.”",
    "Buses will run again from Monday; the ferry that stood in for them makes its last crossing on Sunday evening.",
)


@pytest.fixture
def paragraphs() -> tuple[str, ...]:
    """The text of the page that `write_page` writes."""
    return _PARAGRAPHS


@pytest.fixture
def write_page() -> Callable[..., bytes]:
    """Writes a small news page with menu, text and footer; parts of it can be set."""

    def write(
        *,
        title: str = "Harbour bridge opens again",
        head: str = "",
        above: str = "",
        below: str = "",
        body: str | None = None,
    ) -> bytes:
        text = body if body is not None else "".join(f"<p>{paragraph}</p>" for paragraph in _PARAGRAPHS)
        return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} | The Example Post</title>
        <meta property="og:site_name" content="The Example Post">{head}</head><body>
        <nav><a href="/">Home</a><a href="/city">City</a><a href="/sport">Sport</a></nav>
        <main><article><h1>{title}</h1>{above}<div class="text">{text}</div>{below}</article></main>
        <footer><p>© 2024 The Example Post. All rights reserved.</p></footer></body></html>""".encode()

    return write


@pytest.fixture
def read_article() -> Callable[..., Content]:
    """Reads a page and fails the test when it is refused."""

    def content_of(page: bytes, url: str | None = _ADDRESS, **more: object) -> Content:
        result = read(page, PageRequest(url=url, **more))  # type: ignore[arg-type]  # tests pass what PageRequest takes
        assert isinstance(result, Content), result
        return result

    return content_of


@pytest.fixture
def read_lines(write_page: Callable[..., bytes], read_article: Callable[..., Content]) -> Callable[[str], list[str]]:
    """The lines of text read from a page with this body."""

    def lines_of(body: str) -> list[str]:
        return [block.text for block in read_article(write_page(body=body, head=_DATED)).paragraphs]

    return lines_of


@pytest.fixture
def read_refusal() -> Callable[..., NotAnArticle]:
    """Reads a page and fails the test unless it is refused."""

    def refusal_of(page: bytes, url: str | None = _ADDRESS, **more: object) -> NotAnArticle:
        result = read(page, PageRequest(url=url, **more))  # type: ignore[arg-type]  # tests pass what PageRequest takes
        assert isinstance(result, NotAnArticle), result.title
        return result

    return refusal_of
