"""Pages that are no articles, and the reason each is refused for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coranto.records import Content, Hints
from coranto_extractor.predictions import prediction
from coranto_extractor.reader import Request, read
from coranto_extractor.reasons import REASONS
from coranto_extractor.refusal import Refusal

Write = Callable[..., bytes]
ReadRefusal = Callable[..., Refusal]

_TEASER = '<div><h3><a href="/a{0}">A linked headline of story number {0}</a></h3><p>Two lines on the story {0}, no more.</p></div>'
_PAGES = {
    "index_page": "<html><head><title>City news</title></head><body><h1>City</h1>" + "".join(map(_TEASER.format, range(20))),
    "error_page": "<html><head><title>404 - Page not found</title></head><body><h1>Page not found</h1><p>Sorry, the page you "
    "are looking for does not exist any more. Try the search or go back to the start page.</p>",
    "challenge_wall": "<html><head><title>Just a moment...</title></head><body><h1>Checking your browser</h1><p>Please "
    "enable JavaScript and cookies to continue. This may take a few seconds.</p>",
    "product_page": "<html><head><title>Lamp</title><meta property='og:type' content='product'></head><body><h1>Lamp</h1>"
    "<p>A lamp of brass with a shade of green glass, made by hand. It comes with a cable of two metres.</p>",
    "too_short": "<html><head><title>Short</title></head><body><h1>Short</h1><p>Nothing much.</p>",
    "empty_page": "   ",
    "paywall_stub": "<html><head><title>Bridge</title></head><body><h1>Bridge</h1><p>The bridge was opened on Friday, the "
    "council said, after two years.</p><p>Subscribe to continue reading</p>",
}  # fmt: skip


@pytest.mark.parametrize("reason", sorted(_PAGES))
def test_page_is_refused_with_its_reason_and_evidence(reason: str, read_refusal: ReadRefusal) -> None:
    refusal = read_refusal(_PAGES[reason].encode())
    assert refusal.reason == reason
    assert refusal.evidence


def test_refused_page_keeps_what_was_read_of_it_but_no_text(read_refusal: ReadRefusal) -> None:
    head = "<title>Bridge</title><meta property='article:published_time' content='2024-01-05T10:00:00Z'>"
    page = f"<html><head>{head}<meta name='author' content='Jane Doe'></head><body><h1>Bridge</h1><p>Soon.</p>"
    refusal = read_refusal(page.encode())
    assert refusal.read is not None
    assert (refusal.read.title, refusal.read.text) == ("Bridge", "")
    assert refusal.detail == ("5 characters of text; title “Bridge”; by Jane Doe; published 2024-01-05T10:00:00+00:00")
    line = prediction("1", refusal)
    assert (line["refused"], line["title"], line["authors"], line["text"]) == ("too_short", "Bridge", ["Jane Doe"], "")
    assert line["from"]["published"] == "opengraph"


def test_page_refused_unread_has_a_line_too(read_refusal: ReadRefusal) -> None:
    refusal = read_refusal(b"%PDF-1.7")
    assert refusal.detail == refusal.evidence
    assert prediction("1", refusal)["refused"] == "binary"


def test_home_page_is_refused_by_its_address(read_refusal: ReadRefusal) -> None:
    assert read_refusal(_PAGES["index_page"].encode(), "https://news.example/").reason == "home_page"


@pytest.mark.parametrize("page", [b"%PDF-1.7\n\x00\x01", b"\x89PNG\r\n\x1a\n\x00", b"\x00" * 1000])
def test_binary_is_refused_whatever_its_media_type_says(page: bytes, read_refusal: ReadRefusal) -> None:
    assert read_refusal(page, content_type="text/html").reason == "binary"


def test_other_media_types_are_refused(read_refusal: ReadRefusal) -> None:
    assert read_refusal(b"body {}", content_type="text/css").reason == "not_text"


def test_reasons_are_of_the_closed_list_with_a_sentence_each() -> None:
    assert set(_PAGES) <= set(REASONS)
    assert all(sentence.endswith(".") for sentence in REASONS.values())


def test_feed_helps_where_the_page_shows_no_text(
    read_article: Callable[..., Content], paragraphs: tuple[str, ...]
) -> None:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    hints = Hints(title="Harbour bridge opens again", body_html=body)
    article = read_article(_PAGES["paywall_stub"].encode(), hints=hints)
    assert tuple(block.text for block in article.paragraphs) == paragraphs
    assert article.origins["paragraphs"].source == "feed"


@pytest.mark.parametrize(
    "title",
    ["Missing climber not found after third day of search", "Bus number 404 is to run through the old town again"],
)
def test_a_brief_about_something_not_found_is_an_article(title: str) -> None:
    text = "".join(
        f"<p>Rescuers {number} searched the northern slope until dusk on Monday and will go on at first light, the town said.</p>"
        for number in range(7)
    )
    page = f"<html><head><title>{title}</title></head><body><article><h1>{title}</h1>{text}</article></body></html>"
    result = read(page.encode(), Request(url="https://news.example/1", content_type="text/html"))
    assert isinstance(result, Content), result
