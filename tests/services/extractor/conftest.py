"""Pages written for these tests, and the way to the material where it is present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coranto.records import Content
from coranto_extractor.reader import Request, read
from coranto_extractor.refusal import Refusal

ADDRESS = "https://news.example/2024/01/05/harbour-bridge"

PARAGRAPHS = (
    "The harbour bridge was opened to traffic on Friday after two years of repairs, the city council said.",
    "Engineers replaced all forty cables, and the work cost a third less than planned, according to the report.",
    "“We did not expect to be done before the spring,” said the head of the building office, “but the winter was mild.”",
    "Buses will run again from Monday; the ferry that stood in for them makes its last crossing on Sunday evening.",
)


def page(  # noqa: PLR0913 - each part of the page can be set by name
    *,
    title: str = "Harbour bridge opens again",
    head: str = "",
    above: str = "",
    below: str = "",
    body: str | None = None,
    language: str = "en",
) -> bytes:
    """A small news page with menu, text and footer; the parts can be set."""
    text = body if body is not None else "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)
    return f"""<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title} | The Example Post</title>
    <meta property="og:site_name" content="The Example Post">{head}</head><body>
    <nav><a href="/">Home</a><a href="/city">City</a><a href="/sport">Sport</a></nav>
    <main><article><h1>{title}</h1>{above}<div class="text">{text}</div>{below}</article></main>
    <footer><p>© 2024 The Example Post. All rights reserved.</p></footer></body></html>""".encode()


def content_of(body: bytes, **request: object) -> Content:
    """What the page says; fails the test when the page is refused."""
    result = read(body, Request(**{"url": ADDRESS, **request}))  # type: ignore[arg-type]  # tests pass what Request takes
    assert isinstance(result, Content), result
    return result


def refusal_of(body: bytes, **request: object) -> Refusal:
    """Why the page is refused; fails the test when it is read."""
    result = read(body, Request(**{"url": ADDRESS, **request}))  # type: ignore[arg-type]  # tests pass what Request takes
    assert isinstance(result, Refusal), result
    return result


def find_material() -> Path | None:
    """The folder with seed page and corpora, when it is present."""
    given = os.environ.get("CORANTO_MATERIAL")
    folder = Path(given) if given else Path(__file__).parents[3].parent / "shared"
    return folder if (folder / "seed").is_dir() else None


@pytest.fixture
def material() -> Path:
    """The material, or a skip that says why."""
    folder = find_material()
    if folder is None:
        pytest.skip("the material is not here: set CORANTO_MATERIAL or put it beside the repository as `shared`")
    return folder
