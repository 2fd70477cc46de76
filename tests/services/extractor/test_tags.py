"""Which tags are the publisher's own, and which are menus or codes for machines."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from coranto.records import Content

Write = Callable[..., bytes]
Read = Callable[..., Content]


def _keywords(*tags: str) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", "keywords": tags})}</script>'


def _links(*tags: str, folder: str = "topic") -> str:
    return "".join(f'<li><a href="/{folder}/{tag}">{tag}</a></li>' for tag in tags)


@pytest.mark.parametrize(
    ("stated", "tags"),
    [
        # Labels for statistics, of which only the subjects are tags.
        (["Day: Friday", "Page Type: Article", "Subject: Bridges", "Subject: Ferries"], ("Bridges", "Ferries")),
        (["Bridges", "Ferries", "1003123", "_paid", "8ae9ab2d-fe1b-4230-acb8-a59b52877682"], ("Bridges", "Ferries")),
        (["Bridges", "Ferries", "news.example", "Harbour bridge opens again"], ("Bridges", "Ferries")),
        # Counts of articles, but no years.
        (["Bridges [530]", "Ferries(12)", "Elections (2024)"], ("Bridges", "Ferries", "Elections (2024)")),
        # Codes of an agency's own scheme.
        (["AER", "AIRS08", "GEN", "POL", "TRAN", "Europe"], ()),
        (["EU", "NATO", "Bridges"], ("EU", "NATO", "Bridges")),
    ],
)
def test_codes_for_machines_are_not_tags(
    stated: list[str], tags: tuple[str, ...], write_page: Write, read_article: Read
) -> None:
    assert read_article(write_page(head=_keywords(*stated))).tags == tags


@pytest.mark.parametrize("label", ["Mehr lesen über", "Topics:", "Etiquetas", "Теги", "태그"])
def test_list_of_links_behind_a_label_has_the_tags(label: str, write_page: Write, read_article: Read) -> None:
    page = write_page(below=f"<p>{label}</p><ul>{_links('Bridges', 'Ferries')}</ul>")
    article = read_article(page)
    assert (article.tags, article.origins["tags"].source) == (("Bridges", "Ferries"), "tag-links")


def test_list_of_other_articles_behind_a_label_has_no_tags(write_page: Write, read_article: Read) -> None:
    links = "".join(
        f'<li><a href="/{n}">The ferry made its last crossing on day {n}, the council said</a></li>' for n in range(4)
    )
    assert read_article(write_page(below=f"<p>Topics</p><ul>{links}</ul>")).tags == ()


def test_tags_in_elements_of_their_own_are_one_list(write_page: Write, read_article: Read) -> None:
    chips = "".join(f'<div class="topic-tag"><a href="/t/{name}">{name}</a></div>' for name in ("Bridges", "Ferries"))
    assert read_article(write_page(below=chips)).tags == ("Bridges", "Ferries")


@pytest.mark.parametrize("name", ["tags", "articleTags", "singleTagList"])
def test_list_with_the_class_tags_has_the_tags(name: str, write_page: Write, read_article: Read) -> None:
    assert read_article(write_page(below=f'<ul class="{name}">{_links("Bridges", "Ferries")}</ul>')).tags == (
        "Bridges",
        "Ferries",
    )


def test_menu_of_topics_above_the_article_has_no_tags(write_page: Write, read_article: Read) -> None:
    page = write_page().replace(
        b"<nav>", f'<nav><ul class="topics">{_links("Weather", "Traffic", "Jobs")}</ul>'.encode()
    )
    assert read_article(page).tags == ()


def test_list_of_tags_replaces_a_single_one_in_the_metadata_that_it_lacks(
    write_page: Write, read_article: Read
) -> None:
    below = f'<ul class="tags">{_links("Bridges", "Ferries")}</ul>'
    head = '<meta property="article:tag" content="{}">'
    assert read_article(write_page(head=head.format("Business"), below=below)).tags == ("Bridges", "Ferries")
    assert read_article(write_page(head=head.format("Bridges"), below=below)).tags == ("Bridges",)
    assert read_article(write_page(head=head.format("Business"))).tags == ("Business",)


@pytest.mark.parametrize(
    ("name", "url", "tags"),
    [
        ("The Harbour Post", "https://harbourpost.example/a", ("Bridges", "Security")),
        ("海港邮报", "https://harbour.example/a", ("Bridges", "The Harbour Post", "Security")),
        # A channel of a site that goes by another name.
        ("Security", "https://news.example/a", ("Bridges", "The Harbour Post", "海港邮报", "Security", "海港邮报官网")),
    ],
)
def test_name_of_the_site_is_not_a_tag(
    name: str, url: str, tags: tuple[str, ...], write_page: Write, read_article: Read
) -> None:
    head = _keywords(
        "Bridges", "The Harbour Post", "海港邮报", "Security", "海港邮报官网", "Harbour Post official site"
    )
    page = write_page(head=head).replace(b"The Example Post", name.encode())
    kept = read_article(page, url=url).tags
    assert set(tags) <= set(kept)
    assert name == "Security" or name not in kept
    assert ("海港邮报官网" in kept) is (name != "海港邮报")
    assert ("Harbour Post official site" in kept) is ("harbourpost" not in url)
