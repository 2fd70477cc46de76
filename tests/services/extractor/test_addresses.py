"""Which address an article is at home under: the one its page declares, where that can be believed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coranto.records import Content
from coranto.testing import samples
from coranto_extractor.article_address import address_of

Write = Callable[..., bytes]
Read = Callable[..., Content]
Address = Callable[[str, str], str]


@pytest.fixture
def address(write_page: Write, read_article: Read) -> Address:
    """The article's address when the page at one declares the other."""

    def find(page_url: str, canonical: str) -> str:
        content = read_article(write_page(head=f'<link rel="canonical" href="{canonical}">'), page_url)
        return address_of(content, page_url)

    return find


@pytest.mark.parametrize(
    ("page_url", "declared"),
    [
        ("https://paper.example/village-library/print", "https://paper.example/village-library"),
        ("https://paper.example/reef.amp", "https://paper.example/reef"),
        ("https://paper.example/a/amp/", "https://paper.example/a/"),
        ("https://m.paper.example/a", "https://www.paper.example/a"),
        ("https://amp.paper.co.uk/a-long-story", "https://paper.co.uk/a-long-story"),
        ("https://paper.example/news/48213", "https://paper.example/2026/03/the-real-story"),
        ("https://paper.example/story?page=2", "https://paper.example/story"),
        ("https://paper.example/the-long-story?ref=newsletter12345", "https://paper.example/the-long-story"),
        ("https://paper.example/story/2", "https://paper.example/story"),
        ("https://paper.example/?p=1234", "https://paper.example/2026/the-story"),
    ],
)
def test_page_that_declares_a_credible_address_is_that_article(page_url: str, declared: str, address: Address) -> None:
    assert address(page_url, declared) == declared


@pytest.mark.parametrize(
    ("page_url", "declared"),
    [
        # Another site's article: two owners, a neighbour under a private suffix, another address of IP.
        ("https://evil.example/a", "https://paper.example/a"),
        ("https://evil.github.io/a", "https://paper.github.io/a"),
        ("http://127.0.0.1/a", "http://127.0.0.2/a"),
        ("https://paper.example.evil.example/a", "https://paper.example/a"),
        # What templates get wrong: the front page, a section, the page without its number.
        ("https://paper.example/news/the-story", "https://paper.example/"),
        ("https://paper.example/news/the-story", "https://paper.example/news/"),
        ("https://paper.example/2026/03/11/story", "https://paper.example/2026/03"),
        ("https://paper.example/article.php?id=48213", "https://paper.example/article.php"),
        # No address of the web at all.
        ("https://paper.example/a", "javascript:alert(1)"),
        ("https://paper.example/a", "file:///etc/passwd"),
        ("https://paper.example/a", "https://user:word@paper.example/b"),
    ],
)
def test_page_is_at_home_where_it_came_from_when_what_it_declares_is_not_credible(
    page_url: str, declared: str, address: Address
) -> None:
    assert address(page_url, declared) == page_url


def test_page_that_came_over_https_stays_there(address: Address) -> None:
    assert address("https://paper.example/a/amp", "http://paper.example/a") == "https://paper.example/a"


def test_tracking_parameters_are_no_part_of_the_address(address: Address) -> None:
    assert address("https://paper.example/a?utm_source=x", "") == "https://paper.example/a"


def test_open_graph_address_is_believed_of_a_saved_page_only(write_page: Write, read_article: Read) -> None:
    content = read_article(write_page(head='<meta property="og:url" content="https://paper.example/b">'), None)
    assert address_of(content, "urn:sha256:" + "0" * 64) == "https://paper.example/b"
    assert address_of(content, "https://paper.example/a") == "https://paper.example/a"


def test_saved_page_that_declares_only_its_site_goes_by_its_bytes(write_page: Write, read_article: Read) -> None:
    name = "urn:sha256:" + "0" * 64
    for head in ("", '<link rel="canonical" href="https://paper.example/">', '<link rel="canonical" href="/b">'):
        assert address_of(read_article(write_page(head=head), None), name) == name


def test_record_takes_key_and_id_from_the_address() -> None:
    fetched = samples.fetched("http://paper.example/a?utm_source=x")
    content = samples.extracted().content
    article = fetched.with_content(content, url="https://paper.example/b")
    assert (article.url, article.key) == ("https://paper.example/b", "https://paper.example/b")
    assert article.id == samples.discovered("http://paper.example/b").id
    assert article.discovery == fetched.discovery
    assert fetched.with_content(content).key == "https://paper.example/a"
