"""Text dumps: paragraphs are recognised by their shape."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coranto.records import Content
from coranto_extractor.refusal import NotAnArticle

Read = Callable[..., Content]

_DUMP = """Skip to content
Home
City
Sport
City,
12
Harbour bridge opens again
5 January 2024, 14:45
The bridge at night (Photo: Max Roe / Agency)
{0}
{1}
Tunnel closed for a week, ferry to run at night
City
{2}
Read also
Ferry sold to the islands City, 04:03
Tunnel to close for a week Traffic, 03:24
EUR 91.3 (+0.27)
"""


def test_dump_gives_title_text_date_and_credit(read_article: Read, paragraphs: tuple[str, ...]) -> None:
    article = read_article(_DUMP.format(*paragraphs).encode(), None, content_type="text/plain")
    assert article.title == "Harbour bridge opens again"
    assert tuple(block.text for block in article.paragraphs) == paragraphs[:3]
    assert article.image is not None
    assert article.image.credit == "Max Roe / Agency"
    assert article.published is not None
    assert article.published.day.isoformat() == "2024-01-05"


def test_html_sent_as_plain_text_is_read_as_html(read_article: Read, write_page: Callable[..., bytes]) -> None:
    assert read_article(write_page(), content_type="text/plain").title == "Harbour bridge opens again"


def _dump(*parts: str | tuple[str, ...]) -> bytes:
    """A dump as browsers give it: paragraphs (in tuples) set apart by empty lines, all else stacked."""
    return "\n".join(part if isinstance(part, str) else "\n" + "\n\n".join(part) + "\n" for part in parts).encode()


_MENU = ("Home", "City", "Sport", "Harbour bridge opens again", "5 January 2024, 14:45")


def _texts(article: Content) -> tuple[str, ...]:
    return tuple(block.text for block in article.paragraphs)


@pytest.mark.parametrize(
    "label", ["12 comments", "Leave a comment", "Лучшие комментарии", "Kommentare (3)", "网友评论"]
)
def test_comments_below_a_dump_are_not_text(label: str, read_article: Read, paragraphs: tuple[str, ...]) -> None:
    said = (
        "I was there when they opened it, and nobody told me what it cost.",
        "It cost a third less, as it says above.",
    )
    dump = _dump(*_MENU, paragraphs, label, "Max", said, "Jane", said[::-1])
    assert _texts(read_article(dump, None, content_type="text/plain")) == paragraphs


def test_stacked_teasers_and_a_ticker_below_a_dump_are_not_text(
    read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    teasers = [line for n in range(12) for line in (f"10:{n + 10} City", f"{paragraphs[3]} That was story number {n}.")]
    dump = _dump(*_MENU, paragraphs, "City", *teasers)
    assert _texts(read_article(dump, None, content_type="text/plain")) == paragraphs


def test_short_article_is_distinguished_from_a_longer_list_of_teasers(
    read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    teasers = [line for n in range(9) for line in (f"Column {n}", "Max Roe", f"{paragraphs[2]} So much for week {n}.")]
    dump = _dump(*teasers, *_MENU, paragraphs)
    assert _texts(read_article(dump, None, content_type="text/plain")) == paragraphs


def test_text_continues_below_an_inset_in_a_dump(read_article: Read, paragraphs: tuple[str, ...]) -> None:
    headlines = [f"The ferry of day {n} was late" for n in range(9)]
    dump = _dump(*_MENU, paragraphs[:2], "Most read", *headlines, paragraphs[2:])
    assert _texts(read_article(dump, None, content_type="text/plain")) == paragraphs


@pytest.mark.parametrize(
    "headline",
    [
        "Harbour bridge opens again",
        "By harbour bridge to the council: Buses on Friday",
        "Harbour bridge opens: the council, cables and 港口大橋",
    ],
)
def test_headline_of_a_dump_is_distinguished_from_its_standfirst(
    headline: str, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    standfirst = (
        "Forty cables, two years of work and a third less of the cost: the city council opens the harbour bridge to "
        "traffic on Friday, and the engineers say how they did it before the spring"
    )
    dump = _dump("Home", "Support us", headline, (standfirst,), "5 January 2024, 14:45", paragraphs)
    assert read_article(dump, None, content_type="text/plain").title == headline


@pytest.mark.parametrize(
    ("dump", "seen"),
    [
        ("Prices rose by 3%.\n", "no running text in 1 line of 18 characters"),
        ("Home\nCity\n\nSport\n", "no running text in 3 lines of 13 characters"),
    ],
)
def test_refusal_says_what_the_dump_holds_though_none_of_it_is_text(
    read_refusal: Callable[..., NotAnArticle], dump: str, seen: str
) -> None:
    refusal = read_refusal(dump.encode(), content_type="text/plain")
    assert (refusal.reason, refusal.detail) == ("too_short", seen)


def test_zone_that_a_dump_states_wins_over_that_of_its_domain(read_article: Read, paragraphs: tuple[str, ...]) -> None:
    dump = _DUMP.format(*paragraphs).replace("14:45", "14:45 GMT")
    published = read_article(dump.encode(), "https://news.example.de/bridge", content_type="text/plain").published
    assert published is not None
    assert published.text == "2024-01-05T14:45:00Z"
    assert published.zone_from == "stated"
