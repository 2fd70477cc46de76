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


TITLE = "Harbour bridge opens again"


@pytest.mark.parametrize(
    "description",
    [
        f"{TITLE}. {SUMMARY}",
        f"{TITLE} - {SUMMARY}",
        f"{TITLE} | {SUMMARY}",
        f"{TITLE}: {SUMMARY}",
        f"{TITLE}{SUMMARY}",
        f"{TITLE}---{SUMMARY}",
        f"{TITLE.upper()} – {SUMMARY}",
        f"{SUMMARY} |",
    ],
)
def test_lead_does_not_repeat_the_headline_before_it(description: str, write_page: Write, read_article: Read) -> None:
    assert read_article(write_page(head=f'<meta name="description" content="{description}">')).lead == SUMMARY


@pytest.mark.parametrize("goes_on", [" to ferries and their crews", "-builders included", "'s second lane as well"])
def test_headline_that_goes_on_as_a_sentence_stays_in_the_lead(
    goes_on: str, write_page: Write, read_article: Read
) -> None:
    description = f"{TITLE}{goes_on}, and the city council celebrates with the engineers."
    assert read_article(write_page(head=f'<meta name="description" content="{description}">')).lead == description


@pytest.mark.parametrize(
    ("description", "above"),
    [
        # Names the site.
        ("The Example Post – breaking stories, weather, sport, finance and showbiz", ""),
        # The motto beside the logo, without the name.
        (motto := "Voices from every valley since 1887", f'<p class="tagline">{motto}</p>'),
        # For search engines: the headline among the words of every page.
        (f"Latest stories, weather, rumours, {TITLE} – photos, opinions, showbiz today", ""),
        (f"Latest stories | Weather | Showbiz | {TITLE}", ""),
    ],
)
def test_description_of_the_site_is_no_lead(
    description: str, above: str, write_page: Write, read_article: Read
) -> None:
    page = write_page(head=f'<meta name="description" content="{description}">')
    page = page.replace(b"<main>", f"{above}<main>".encode())
    assert read_article(page).lead is None


def test_motto_stated_of_the_site_is_no_lead(write_page: Write, read_article: Read) -> None:
    motto = "Voices from every valley since 1887"
    site = f'<script type="application/ld+json">{{"@type": "WebSite", "description": "{motto}"}}</script>'
    assert read_article(write_page(head=f'<meta name="description" content="{motto}">{site}')).lead is None


def test_witty_standfirst_that_shares_no_word_with_the_text_is_the_lead(write_page: Write, read_article: Read) -> None:
    wit = "Still brown, naturally, and none the worse for it."
    assert read_article(write_page(head=f'<meta name="description" content="{wit}">')).lead == wit
