"""The lead: the standfirst wherever the page shows it, and where it stands in the text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coranto.records import Content

Write = Callable[..., bytes]
Read = Callable[..., Content]

SUMMARY = "The harbour reopens after two winters of repairs, and the ferry is back on Friday morning."


def standfirsts(article: Content) -> list[str]:
    return [block.text for block in article.paragraphs if block.kind == "standfirst"]


@pytest.mark.parametrize(
    "names", ['class="standfirst"', 'class="article-lead"', 'class="b-intro"', 'itemprop="description"']
)
def test_standfirst_in_the_text_is_the_lead_and_its_block_says_so(
    names: str, write_page: Write, read_article: Read
) -> None:
    article = read_article(write_page(above=f"<p {names}>{SUMMARY}</p>"))
    assert (article.lead, article.origins["lead"].source) == (SUMMARY, "standfirst")
    assert standfirsts(article) == [SUMMARY]
    assert article.text.startswith(SUMMARY)


def test_paragraph_that_the_page_states_whole_as_its_description_is_the_standfirst(
    write_page: Write, read_article: Read
) -> None:
    head = f'<meta property="og:description" content="{SUMMARY}">'
    article = read_article(write_page(head=head, above=f"<p><b>{SUMMARY}</b></p>"))
    assert article.lead == SUMMARY
    assert article.text.count(SUMMARY) == len(standfirsts(article))


def test_description_that_is_cut_off_is_only_the_beginning_of_the_text(write_page: Write, read_article: Read) -> None:
    opening = read_article(write_page()).paragraphs[0].text
    head = f'<meta property="og:description" content="{opening[:70]}…">'
    article = read_article(write_page(head=head))
    assert article.lead is None
    assert standfirsts(article) == []


def test_description_that_stands_nowhere_in_the_text_is_the_lead(write_page: Write, read_article: Read) -> None:
    article = read_article(write_page(head=f'<meta property="og:description" content="{SUMMARY}">'))
    assert (article.lead, article.origins["lead"].source) == (SUMMARY, "opengraph")
    assert standfirsts(article) == []
    assert SUMMARY not in article.text


def test_text_that_is_all_marked_as_a_lead_is_no_standfirst(write_page: Write, read_article: Read) -> None:
    whole = read_article(write_page()).paragraphs[0].text
    article = read_article(write_page(body=f'<p class="lead">{whole * 4}</p>'))
    assert article.lead is None
    assert standfirsts(article) == []
