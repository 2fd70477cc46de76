"""Where the publisher files an article: what counts as its section, and what does not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from coranto.records import Content

Write = Callable[..., bytes]
Read = Callable[..., Content]

_CRUMBS = '<div class="breadcrumbs">{}</div>'


@pytest.mark.parametrize(
    "marked",
    [
        '<p class="category">City</p>',
        '<p class="category-name">Category: <a href="/city">City</a></p>',
        '<p>10 May | <a href="/city" rel="category tag">City</a> | 3 comments</p>',
        '<div class="entry-top"><span class="post-cat-wrap"><a href="/city">City</a></span></div>',
        '<p class="kicker"><a href="/city">City</a><a href="/traffic">Traffic</a></p>',
        '<nav id="breadcrumb"><a href="/">Home</a> / <a href="/city">City</a></nav>',
        '<div itemscope itemtype="https://schema.org/BreadcrumbList"><a href="/">Start</a> <a href="/city">City</a></div>',
    ],
)
def test_section_that_the_page_marks_is_found(marked: str, write_page: Write, read_article: Read) -> None:
    assert read_article(write_page(above=marked), "https://news.example/123").section == "City"


@pytest.mark.parametrize(
    "names",
    [
        ("The Example Post", "City"),  # the site
        ("news.example", "City"),
        ("Hlavní stránka", "City"),  # its front page
        ("Alle Artikel", "City"),  # lists of everything, and controls
        ("Читать", "City"),
        ("Zurück", "City"),
        ("26. Oktober 2023", "City"),
        ("Posted by Jane Doe", "City"),
        ("The mayor said:", "City"),
    ],
)
def test_breadcrumb_that_is_no_section_is_passed_over(
    names: tuple[str, ...], write_page: Write, read_article: Read
) -> None:
    links = "".join(f'<a href="/x/{number}">{name}</a>' for number, name in enumerate(names))
    assert read_article(write_page(above=_CRUMBS.format(links)), "https://news.example/123").section == "City"


@pytest.mark.parametrize(
    "stated", ["news_news", "culture_culture-lifestyle", "Harbour bridge opens again", "Will it hold?", "undefined"]
)
def test_what_is_stated_as_section_and_is_none_yields_to_the_breadcrumbs(
    stated: str, write_page: Write, read_article: Read
) -> None:
    data = json.dumps({"@type": "NewsArticle", "headline": "Harbour bridge opens again", "articleSection": stated})
    head = f'<script type="application/ld+json">{data}</script>'
    page = write_page(head=head, above=_CRUMBS.format('<a href="/">Home</a><a href="/city">City</a>'))
    assert read_article(page, "https://news.example/123").section == "City"


@pytest.mark.parametrize("name", ["Yahoo!", "Service", "¿Sabías?"])
def test_short_name_with_a_mark_may_be_a_section(name: str, write_page: Write, read_article: Read) -> None:
    links = f'<a href="/x">{name}</a><a href="/y">City</a>'
    assert read_article(write_page(above=_CRUMBS.format(links)), "https://news.example/123").section == name


def test_site_is_no_breadcrumb(write_page: Write, read_article: Read) -> None:
    links = '<a href="/front">The Example Post</a><a href="/city">City</a><a href="/city/port">Port</a>'
    assert read_article(write_page(above=_CRUMBS.format(links))).breadcrumbs == ("City", "Port")
