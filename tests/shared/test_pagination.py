"""Which addresses are parts of one article."""

from __future__ import annotations

import pytest

from coranto.pagination import part_number
from coranto.urls import UnsupportedUrlError

STORY = "https://example.org/2026/the-long-story"


@pytest.mark.parametrize(
    ("url", "first", "number"),
    [
        (f"{STORY}/2", STORY, 2),
        (f"{STORY}/2/", f"{STORY}/", 2),
        (f"{STORY}/page/3", STORY, 3),
        (f"{STORY}?page=2", STORY, 2),
        (f"{STORY}?page=2&utm_source=x", f"{STORY}?page=1", 2),
        ("https://example.org/a/story-2.html", "https://example.org/a/story.html", 2),
        ("https://example.org/a/story,12.html", "https://example.org/a/story.html", 12),
        ("https://example.org/a/story-seite-2.html", "https://example.org/a/story.html", 2),
        ("https://example.org/show.php?id=7&page=2", "https://example.org/show.php?id=7", 2),
        (f"{STORY}-2", f"{STORY}-1", 2),
        (STORY, STORY, None),
        ("https://example.org/show.php?id=8", "https://example.org/show.php?id=7", None),
        ("https://example.org/show.php?id=8&page=2", "https://example.org/show.php?id=7", None),
        ("https://example.org/?p=13", "https://example.org/?p=12", None),
        ("https://example.org/2026/01/06", "https://example.org/2026/01/05", None),
        ("https://example.org/news/13", "https://example.org/news/12", None),
        ("https://example.org/news/2", "https://example.org/news/1", None),
        ("https://example.org/news/page/2", "https://example.org/news", None),
        ("https://example.org/page/2", "https://example.org/", None),
        (f"{STORY}/comments", STORY, None),
        (f"{STORY}/2026", STORY, None),
        ("https://other.org/2026/the-long-story/2", STORY, None),
        ("https://example.org/2026/another-long-story/2", STORY, None),
    ],
)
def test_a_part_repeats_the_first_address_and_adds_its_number(url: str, first: str, number: int | None) -> None:
    assert part_number(url, first) == number


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(UnsupportedUrlError):
        part_number("mailto:desk@example.org", STORY)
