"""What is read from a page, field by field, and what is rejected."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from coranto.records import Content
from coranto_extractor.language.date_parsing import parse_date

Write = Callable[..., bytes]
Read = Callable[..., Content]


def _json_ld(**members: object) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", **members})}</script>'


def test_text_is_the_paragraphs_without_menu_and_footer(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    assert tuple(block.text for block in read_article(write_page()).paragraphs) == paragraphs


def test_title_is_the_heading_that_the_metadata_confirm_without_site_name(
    write_page: Write, read_article: Read
) -> None:
    article = read_article(
        write_page(head='<meta property="og:title" content="Harbour bridge opens again - The Example Post">')
    )
    assert article.title == "Harbour bridge opens again"
    assert article.origins["title"].source == "h1"


def test_author_is_found_through_a_graph_and_an_id_reference(write_page: Write, read_article: Read) -> None:
    graph = {
        "@graph": [
            {"@type": "NewsArticle", "headline": "Harbour bridge opens again", "author": {"@id": "#jane"}},
            {"@type": "Person", "@id": "#jane", "name": "Jane Doe", "url": "/people/jane"},
        ]
    }
    article = read_article(write_page(head=f'<script type="application/ld+json">{json.dumps(graph)}</script>'))
    assert [(person.name, person.url) for person in article.authors] == [
        ("Jane Doe", "https://news.example/people/jane")
    ]


@pytest.mark.parametrize(
    "name",
    ["@harbourfan", "desk@news.example", "Staff Writer", "Editorial Team", "News Desk", "JD", "https://x.example"],
)
def test_handle_mail_address_role_and_initials_are_not_authors(
    write_page: Write, read_article: Read, name: str
) -> None:
    article = read_article(write_page(head=_json_ld(author=name)), records_rejections=True)
    assert (article.authors, article.agencies) == ((), ())
    assert any(note.field == "authors" for note in article.notes)


def test_agency_in_the_author_field_is_an_agency(write_page: Write, read_article: Read) -> None:
    article = read_article(write_page(head=_json_ld(author=[{"name": "Jane Doe"}, {"name": "Reuters"}])))
    assert [person.name for person in article.authors] == ["Jane Doe"]
    assert article.agencies == ("Reuters",)


def test_photographer_is_not_an_author(write_page: Write, read_article: Read) -> None:
    figure = '<figure><img src="/b.jpg" width="800"><figcaption>The bridge at night. Photo: Max Roe / Agency</figcaption></figure>'
    article = read_article(write_page(above=figure))
    assert article.authors == ()
    assert article.image is not None
    assert (article.image.caption, article.image.credit) == ("The bridge at night.", "Max Roe / Agency")


def test_byline_in_words_names_the_author(write_page: Write, read_article: Read) -> None:
    assert [person.name for person in read_article(write_page(above="<p>By Jane Doe</p>")).authors] == ["Jane Doe"]


def test_page_without_a_date_gets_none_whatever_the_footer_says(write_page: Write, read_article: Read) -> None:
    assert read_article(write_page()).published is None


def test_date_in_words_near_the_headline_is_read(write_page: Write, read_article: Read) -> None:
    published = read_article(write_page(above="<p>5 January 2024, 14:45</p>")).published
    assert published is not None
    assert (published.text, published.precision) == ("2024-01-05T14:45", "minute")


def test_relative_date_is_ignored(write_page: Write, read_article: Read) -> None:
    assert read_article(write_page(above="<p>3 hours ago</p>")).published is None


def test_offset_the_page_gives_is_kept(write_page: Write, read_article: Read) -> None:
    published = read_article(write_page(head=_json_ld(datePublished="2024-01-05T02:10:00+03:00"))).published
    assert published is not None
    assert (published.zone, published.zone_from) == ("+03:00", "stated")
    assert published.text == "2024-01-05T02:10:00+03:00"
    assert published.at is not None
    assert published.at.isoformat() == "2024-01-04T23:10:00+00:00"


def test_date_after_the_fetch_is_rejected(write_page: Write, read_article: Read) -> None:
    fetched_at = parse_date("2024-01-05T12:00:00Z")
    assert fetched_at is not None
    page = write_page(head=_json_ld(datePublished="2025-01-01T00:00:00Z"))
    article = read_article(page, fetched_at=fetched_at.at, records_rejections=True)
    assert article.published is None
    assert [note.why for note in article.notes if note.field == "published"] == ["in_the_future"]


def test_tags_section_and_paywall_come_from_json_ld(write_page: Write, read_article: Read) -> None:
    article = read_article(
        write_page(head=_json_ld(keywords="bridge, harbour", articleSection="City", isAccessibleForFree="False"))
    )
    assert (article.tags, article.section, article.is_paywalled) == (("bridge", "harbour"), "City", True)


def test_json_ld_with_a_broken_string_still_gives_its_date(write_page: Write, read_article: Read) -> None:
    broken = '{"@type": "NewsArticle", "description": "He said "no" twice", "datePublished": "2024-01-05T10:00:00Z"}'
    published = read_article(write_page(head=f'<script type="application/ld+json">{broken}</script>')).published
    assert published is not None
    assert published.text == "2024-01-05T10:00:00Z"


def test_read_also_box_and_share_line_are_left_out(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    body = (
        f"<p>{paragraphs[0]}</p><div><h3>Read also</h3><ul><li><a href='/a'>Tunnel closed for a week</a></li>"
        f"<li><a href='/b'>Ferry sold to the islands</a></li></ul></div><p>{paragraphs[1]}</p><p>Share on Facebook</p>"
        f"<p>{paragraphs[2]}</p>"
    )
    text = read_article(write_page(body=body)).text
    assert "Tunnel" not in text
    assert "Share" not in text
    assert paragraphs[2] in text


def test_comments_that_outweigh_the_article_are_left_out(write_page: Write, read_article: Read) -> None:
    comment = (
        "<li><p>I have crossed this bridge for thirty years, and I still think that the ferry was better.</p></li>"
    )
    text = read_article(write_page(below=f'<ol class="comment-list">{comment * 40}</ol>')).text
    assert "thirty years" not in text


def test_text_in_a_layout_table_is_read(read_article: Read, paragraphs: tuple[str, ...]) -> None:
    menu = "".join(f'<tr><td><a href="/{n}">Menu entry number {n}</a></td></tr>' for n in range(20))
    page = (
        "<html><head><title>Harbour bridge opens again</title></head><body><table><tr><td><table>"
        f"{menu}</table></td><td><h1>Harbour bridge opens again</h1>{'<br><br>'.join(paragraphs)}</td></tr></table></body></html>"
    )
    assert tuple(block.text for block in read_article(page.encode()).paragraphs) == paragraphs


def test_headings_quotes_and_lists_get_their_kinds(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    body = (
        f"<p>{paragraphs[0]}</p><h2>What was done</h2><p>{paragraphs[1]}</p><blockquote><p>{paragraphs[2]}</p></blockquote>"
        "<ul><li>Forty cables were replaced, each of them a hundred metres long.</li></ul>"
        f"<p>{paragraphs[3]}</p>"
    )
    kinds = [block.kind for block in read_article(write_page(body=body)).paragraphs]
    assert kinds == ["paragraph", "heading", "paragraph", "quote", "list_item", "paragraph"]


def test_article_in_a_script_is_read_when_the_page_shows_none(read_article: Read, paragraphs: tuple[str, ...]) -> None:
    state = json.dumps({"props": {"story": {"blocks": [{"text": paragraph} for paragraph in paragraphs]}}})
    page = (
        "<html><head><title>Harbour bridge opens again</title></head><body><div id='root'></div>"
        f"<script id='__NEXT_DATA__' type='application/json'>{state}</script></body></html>"
    )
    article = read_article(page.encode())
    assert tuple(block.text for block in article.paragraphs) == paragraphs
    assert article.origins["paragraphs"].source == "script"


def test_every_filled_field_says_where_it_came_from(write_page: Write, read_article: Read) -> None:
    article = read_article(
        write_page(head=_json_ld(datePublished="2024-01-05", author="Jane Doe", articleSection="City"))
    )
    assert {"title", "published", "authors", "section", "paragraphs"} <= set(article.origins)


def test_same_bytes_give_the_same_record(write_page: Write, read_article: Read) -> None:
    page = write_page(head=_json_ld(datePublished="2024-01-05", keywords=["a tag", "b tag", "c tag"]))
    assert read_article(page).model_dump_json() == read_article(page).model_dump_json()


def test_opening_that_is_styled_as_a_heading_is_a_paragraph(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    opening = f"{paragraphs[0]} {paragraphs[1]}"
    body = f"<h3>{opening}</h3>" + "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs[2:])
    first = read_article(write_page(body=body)).paragraphs[0]
    assert (first.kind, first.text) == ("paragraph", opening)


def test_closing_line_without_full_stop_is_kept(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    closing = "The ferry is for sale, and so is its landing stage 🙂"
    body = "".join(f"<p>{paragraph}</p>" for paragraph in (*paragraphs, closing))
    assert read_article(write_page(body=body)).paragraphs[-1].text == closing


def test_closing_list_is_kept_with_the_line_that_introduces_it(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    body = (
        "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
        + "<p>Crossings on Sunday:</p><ul><li>The first boat leaves the northern quay at nine.</li>"
        "<li>The last boat comes back to the northern quay at six.</li></ul>"
    )
    text = read_article(write_page(body=body)).text
    assert "Crossings on Sunday" in text
    assert "at six" in text
