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


SITE_WIDE = "news, politics, weather, photos, video, horoscopes, currencies, Westland"


@pytest.mark.parametrize(
    "site_wide",
    [
        f'<meta name="keywords" content="{SITE_WIDE}">',
        f'<meta name="news_keywords" content="{SITE_WIDE}">',
        _keywords(*SITE_WIDE.split(", ")),
    ],
)
def test_keywords_that_stand_on_every_page_of_the_site_give_way_to_the_tags_of_the_article(
    site_wide: str, write_page: Write, read_article: Read
) -> None:
    shown = f'<ul class="tags">{_links("Bridges", "Ferries")}</ul>'
    assert read_article(write_page(head=site_wide, below=shown)).tags == ("Bridges", "Ferries")
    assert read_article(write_page(head=site_wide)).tags == ()


def test_few_tags_need_not_be_words_of_the_text(write_page: Write, read_article: Read) -> None:
    page = write_page(head='<meta name="keywords" content="Infrastructure, Westland, Transport">')
    assert read_article(page).tags == ("Infrastructure", "Westland", "Transport")


def test_latin_tags_of_a_text_in_another_script_are_not_judged_by_it(read_article: Read) -> None:
    lines = (
        "पुल की मरम्मत दो साल बाद पूरी हुई और शुक्रवार को उसे यातायात के लिए खोल दिया गया, परिषद ने कहा।",
        "इंजीनियरों ने सभी चालीस केबल बदल दिए, और काम पर योजना से एक तिहाई कम खर्च आया, रिपोर्ट में बताया गया।",
        "सोमवार से बसें फिर चलेंगी; उनकी जगह चलने वाली नाव रविवार की शाम को आखिरी बार नदी पार करेगी।",
    )
    text = "".join(f"<p>{line}</p>" for line in lines)
    tags = "Samastipur news, bridge repair, Bihar, harbour, council, ferry"
    page = f"""<html lang="hi"><head><title>पुल फिर खुला</title><meta name="keywords" content="{tags}">
    <meta property="article:published_time" content="2024-01-05T10:00:00Z"></head>
    <body><article><h1>पुल फिर खुला</h1>{text}</article></body></html>"""
    assert len(read_article(page.encode()).tags) == 6


@pytest.mark.parametrize(
    ("title", "description", "address"),
    [
        ("Harbour bridge opens again after repairs", "", "/city/1"),
        ("A crossing is back", "The harbour bridge opens again: repairs took two years.", "/city/1"),
        ("A crossing is back", "", "/city/harbour-bridge-opens-again-after-repairs"),
    ],
)
def test_words_of_one_line_one_by_one_are_no_tags(
    title: str, description: str, address: str, write_page: Write, read_article: Read
) -> None:
    summary = f'<meta name="description" content="{description}">'
    page = write_page(title=title, head=summary + _keywords("harbour", "bridge", "opens", "again", "repairs"))
    assert read_article(page, f"https://news.example{address}").tags == ()


def test_words_of_the_headline_between_real_tags_are_no_tags(write_page: Write, read_article: Read) -> None:
    cut = ("The", "harbour", "bridge", "opens", "again", "after", "repairs")
    page = write_page(
        title="The harbour bridge opens again after repairs", head=_keywords("cables", *cut, "Harbour council")
    )
    assert read_article(page).tags == ("cables", "Harbour council")


def test_overlapping_pieces_of_the_headline_are_no_tags(write_page: Write, read_article: Read) -> None:
    text = "港口的大桥在关闭三年之后于星期一重新开放，市政府表示维修工程总共花费了四千万元。" * 3
    head = _keywords("港口", "口大", "大桥", "桥重", "重新", "港口大桥", "开放")
    assert read_article(write_page(title="港口大桥重新开放", head=head, body=f"<p>{text}</p>")).tags == ()


@pytest.mark.parametrize(
    "tags",
    [("Harbour", "Bridge repairs", "Opens", "Again", "After"), ("repairs", "harbour", "again", "bridge", "opens")],
)
def test_tags_that_are_in_the_headline_in_another_way_are_kept(
    tags: tuple[str, ...], write_page: Write, read_article: Read
) -> None:
    page = write_page(title="Harbour bridge opens again after repairs", head=_keywords(*tags))
    assert read_article(page).tags == tags


def test_many_keywords_of_which_a_few_happen_to_fit_are_of_the_site(write_page: Write, read_article: Read) -> None:
    tags = f"{SITE_WIDE}, city, cables, report, reaction, interview, quiz, president"
    assert read_article(write_page(head=f'<meta name="keywords" content="{tags}">')).tags == ()


@pytest.mark.parametrize(
    ("stated", "section"),
    [
        ("Business,Entrepreneurs,Small Business", "Business"),
        ("Region, News, Traffic", "Region"),
        ("Food & Drink", "Food & Drink"),
        ("Business, Finance, & Economics", "Business, Finance, & Economics"),
    ],
)
def test_of_categories_joined_by_commas_one_is_the_section(
    stated: str, section: str, write_page: Write, read_article: Read
) -> None:
    head = (
        f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", "articleSection": stated})}</script>'
    )
    assert read_article(write_page(head=head)).section == section


def test_of_joined_categories_the_one_among_the_breadcrumbs_is_the_section(
    write_page: Write, read_article: Read
) -> None:
    stated = {"@type": "NewsArticle", "articleSection": "Front page,Newsletter,Traffic"}
    head = f'<script type="application/ld+json">{json.dumps(stated)}</script>'
    crumbs = '<ul class="breadcrumb"><li><a href="/">Home</a></li><li><a href="/traffic">Traffic</a></li></ul>'
    assert read_article(write_page(head=head, above=crumbs)).section == "Traffic"


def test_name_of_the_author_is_no_tag(write_page: Callable[..., bytes], read_article: Callable[..., Content]) -> None:
    article_type = '<meta property="og:type" content="article">'
    head = (
        article_type
        + '<meta name="author" content="Ольга Петрова"><meta name="keywords" content="мост, Ольга Петрова, порт">'
    )
    assert read_article(write_page(head=head)).tags == ("мост", "порт")
    alone = article_type + '<meta name="author" content="Jane Doe"><meta property="article:tag" content="Jane Doe">'
    assert read_article(write_page(head=alone)).tags == ()


@pytest.mark.parametrize(
    ("stated", "section"),
    [
        ("Культура 22 января 2024 17:53", "Культура"),
        ("Kultur | 22.01.2024", "Kultur"),
        ("Formel 1", "Formel 1"),
        ("Wahl 2024", "Wahl 2024"),
        # The address has one.
        ("undefined", "City"),
        ("Uncategorized", "City"),
    ],
)
def test_section_is_neither_a_date_nor_a_word_of_the_software(
    stated: str, section: str, write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    head = f'<meta property="article:section" content="{stated}">'
    assert read_article(write_page(head=head)).section == section


def test_section_that_is_marked_as_a_tag_is_none_beside_others(
    write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    sections = '<p><a href="/category/by/" rel="tag">By</a>, <a href="/emner/by" rel="category tag">Lokalt</a></p>'
    tags = '<p><a href="/tag/broer/" rel="tag">Broer</a> <a href="/tag/havne/" rel="tag">Havne</a></p>'
    assert read_article(write_page(above=sections, below=tags)).tags == ("Broer", "Havne")
