"""Text dumps: paragraphs told from what stands around them by their shape."""

from __future__ import annotations

from collections.abc import Callable

from coranto.records import Content

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
    assert article.published.at.date().isoformat() == "2024-01-05"


def test_html_sent_as_plain_text_is_read_as_html(read_article: Read, write_page: Callable[..., bytes]) -> None:
    assert read_article(write_page(), content_type="text/plain").title == "Harbour bridge opens again"
