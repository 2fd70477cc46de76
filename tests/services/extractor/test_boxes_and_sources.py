"""Boxes around an article that are not part of it, and boxes that give its section, its source or its correction."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version

import pytest

from coranto.records import Content
from coranto_extractor.content_builder import EXTRACTOR_VERSION
from coranto_extractor.refusal import NotAnArticle

Write = Callable[..., bytes]
Read = Callable[..., Content]


def _json_ld(**members: object) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", **members})}</script>'


@pytest.mark.parametrize(
    "box",
    [
        "<form class='letter'><p>Have the news of the harbour sent to you every morning, free of charge.</p><input></form>",
        "<div role='alert'>Have the news of the harbour sent to you every morning, free of charge.</div>",
        "<div class='player'><div class='player__error'>Have the news of the harbour sent to you, free.</div></div>",
        "<p>This video cannot be played. Please update your browser or try again later</p>",
        "<p>Ошибка воспроизведения видео. Пожалуйста, обновите ваш браузер</p>",
        "<p>Das Video kann nicht abgespielt werden. Bitte aktualisieren Sie Ihren Browser</p>",
        "<p>La vidéo ne peut pas être lue. Veuillez mettre à jour votre navigateur</p>",
        "<p>No se puede reproducir el vídeo. Actualice su navegador e inténtelo de nuevo</p>",
        "<p>Помилка відтворення відео. Будь ласка, оновіть ваш браузер</p>",
    ],
)
def test_messages_of_forms_alerts_and_players_are_not_text(
    box: str, write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    body = f"<p>{paragraphs[0]}</p><p>{paragraphs[1]}</p>{box}<p>{paragraphs[2]}</p><p>{paragraphs[3]}</p>"
    assert tuple(block.text for block in read_article(write_page(body=body)).paragraphs) == paragraphs


def test_article_in_a_form_around_the_whole_page_is_read(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    page = write_page().replace(b"<main>", b"<form action='/'><main>").replace(b"</main>", b"</main></form>")
    assert tuple(block.text for block in read_article(page).paragraphs) == paragraphs


def test_breadcrumb_that_links_to_the_front_page_is_not_a_section(write_page: Write, read_article: Read) -> None:
    crumbs = "<div class='breadcrumbs'><a href='/'>The Example</a> › <a href='/repairs'>Repairs</a></div>"
    article = read_article(write_page(above=crumbs))
    assert (article.section, article.breadcrumbs) == ("Repairs", ("Repairs",))


def test_name_of_the_site_is_not_a_section_whoever_states_it(write_page: Write, read_article: Read) -> None:
    stated = '<meta property="article:section" content="The Example Post">'
    assert read_article(write_page(head=stated)).section == "City"


def test_section_is_the_text_of_the_link_to_the_folder_in_the_url(write_page: Write, read_article: Read) -> None:
    article = read_article(write_page(), "https://news.example/en/sport/2024/harbour-run")
    assert article.section is None
    article = read_article(write_page(), "https://news.example/sport/2024/harbour-run")
    assert (article.section, article.origins["section"].source) == ("Sport", "address")


def test_organisation_in_the_author_field_signs_the_text(write_page: Write, read_article: Read) -> None:
    article = read_article(write_page(head=_json_ld(author={"@type": "Organization", "name": "Northlight"})))
    assert (article.authors, article.agencies, article.signed_by) == ((), (), ("Northlight",))


@pytest.mark.parametrize("kind", ["Organization", "Person"])
def test_publication_is_the_author_only_when_its_data_say_so_and_nobody_else_is_named(
    write_page: Write, read_article: Read, kind: str
) -> None:
    head = _json_ld(author={"@type": kind, "name": "The Example Post"})
    article = read_article(write_page(head=head), records_rejections=True)
    assert (article.authors, article.signed_by) == ((), ("The Example Post",))
    assert any(note.seen == "The Example Post" for note in article.notes)
    signed = read_article(write_page(head=head, above="<p class='byline'>By Jane Doe</p>"))
    assert ([person.name for person in signed.authors], signed.signed_by) == (["Jane Doe"], ())
    assert read_article(write_page(above="<p>By The Example Post</p>")).signed_by == ()
    assert read_article(write_page(head='<meta name="author" content="The Example Post">')).signed_by == ()


def test_organisation_beside_a_person_does_not_hide_the_person(write_page: Write, read_article: Read) -> None:
    head = _json_ld(author={"@type": "Organization", "name": "Northlight"})
    article = read_article(write_page(head=head, above="<p class='byline'>By Jane Doe</p>"))
    assert [person.name for person in article.authors] == ["Jane Doe"]
    assert article.signed_by == ("Northlight",)


def test_known_agency_in_a_source_box_is_an_agency(write_page: Write, read_article: Read) -> None:
    assert read_article(write_page(above="<div class='source'>Reuters</div>")).agencies == ("Reuters",)


@pytest.mark.parametrize(
    ("opening", "agency"),
    [
        ("OSLO, March 13 (Northlight) - ", "Northlight"),
        ("Мурманск. 13 марта. Сполохи — ", "Сполохи"),
        ("LONDON (Reuters) - ", "Reuters"),
        ("The council (Labour) - ", None),
        ("It was on March 13 (a rainy Friday) - ", None),
    ],
)
def test_dateline_with_a_day_names_its_agency(
    opening: str, agency: str | None, write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    body = f"<p>{opening}{paragraphs[0]}</p>" + "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs[1:])
    assert read_article(write_page(body=body)).agencies == ((agency,) if agency else ())


def test_byline_below_the_text_is_read(read_article: Read, paragraphs: tuple[str, ...]) -> None:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    page = (
        f"<html><head><title>Harbour bridge opens again</title></head><body><h1>Harbour bridge opens again</h1>{text}"
        "<div class='byline'>Автор: Мария Лосева</div><hr><p>The Example Post, Quay 1, tel. 0000. All rights reserved, "
        "no part of this page may be used elsewhere.</p></body></html>"
    )
    assert [person.name for person in read_article(page.encode()).authors] == ["Мария Лосева"]


def test_block_with_the_class_correction_is_the_correction(write_page: Write, read_article: Read) -> None:
    note = "This article was amended on Saturday: there are forty cables, not fourteen."
    assert read_article(write_page(below=f"<p class='correction'>{note}</p>")).correction == note


def test_search_results_are_distinguished_from_a_short_text(read_refusal: Callable[..., NotAnArticle]) -> None:
    results = "".join(f"<div><a href='/r/{n}'>Bridge story {n}</a><p>… the bridge …</p></div>" for n in range(6))
    page = (
        f"<html><head><title>Search results for bridge</title></head><body><h1>Search results for bridge</h1>{results}"
    )
    assert read_refusal(page.encode(), "https://news.example/search?q=bridge").reason == "search_result"


def test_dump_gives_the_date_above_its_headline_and_the_name_below_its_text(
    read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    lines = [
        "City,",
        "5 January 2024, 14:45",
        "Harbour bridge opens again",
        *paragraphs,
        "By Jane Doe",
        "Topics: bridge",
    ]
    article = read_article("\n\n".join(lines).encode(), None, content_type="text/plain")
    assert [person.name for person in article.authors] == ["Jane Doe"]
    assert article.published is not None
    assert article.published.day.isoformat() == "2024-01-05"


def test_record_names_the_installed_version(write_page: Write, read_article: Read) -> None:
    assert read_article(write_page()).extractor_version == EXTRACTOR_VERSION == version("coranto-extractor")


def test_agency_of_the_dateline_is_named_once(write_page: Write, read_article: Read) -> None:
    head = '<script type="application/ld+json">{"@type":"NewsArticle","author":["Associated Press"]}</script>'
    first = "MEXICO CITY (AP) — The economy grew in the first quarter of the year, said the office that counts it."
    body = (
        f"<p>{first}</p>"
        + "<p>It had fallen for two years before, and many had expected that it would fall again.</p>" * 3
    )
    assert read_article(write_page(head=head, body=body)).agencies == ("Associated Press",)
