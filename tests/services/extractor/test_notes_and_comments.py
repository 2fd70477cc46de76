"""Lines above, between and below the sentences of an article that are not part of it, whatever their elements are called."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coranto.records import Content

Write = Callable[..., bytes]
Read = Callable[..., Content]
ReadLines = Callable[[str], list[str]]

# An article with a date is not taken for a list of articles, whatever links it holds.
_DATED = '<meta property="article:published_time" content="2024-01-05T10:00:00Z">'
_SIGNED = f'{_DATED}<meta property="og:type" content="article"><meta name="author" content="Jane Doe">'


def _set(*paragraphs: str) -> str:
    return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)


@pytest.mark.parametrize(
    "notice",
    [
        "Our writers choose every lamp that we show. We may earn a commission when you buy one over our links.",
        "The harbour has no other paper. Support our journalism with a gift of your choice, however small it may be.",
        "Sign up for our newsletter and read every morning what the night has brought to the quays.",
        "Kaufen Sie über einen der Links, erhalten wir eine Provision vom Händler; der Preis ändert sich für Sie nicht.",
        "Inscrivez-vous à notre newsletter pour lire chaque matin les nouvelles du port et de la ville.",
        "Подписывайтесь на наш канал, чтобы каждое утро читать новости порта и города раньше всех.",
        "Данный материал создан и распространён лицом, выполняющим функции иностранного агента в порту.",
        "Diese Audioversion wurde künstlich erzeugt; schreiben Sie uns, wenn ein Wort falsch klingt.",
        "저작권자 ⓒ 항구신문, 무단전재 및 재배포금지",
        "(內容由港口新聞提供。未經授權，不得轉載。)",
    ],
)
def test_notices_of_the_publisher_are_not_text(notice: str, read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    assert read_lines(_set(*paragraphs[:2], notice, *paragraphs[2:])) == list(paragraphs)


@pytest.mark.parametrize(
    "credit",
    [
        "Workers hang the last cable of the bridge on a cold morning in December. Credit: Max Roe",
        "The mayor walks over the bridge with the engineers on Friday, Jan. 5, 2024. (AP Photo/Max Roe)",
        "The first bus on the bridge after two years stops for the cameras of the town. REUTERS/Max Roe",
        f"{'The mayor of the city and the engineers of the bridge stand on it, left to right. ' * 6}(AP Photo/Max Roe, File)",
        "Max Roe/Getty Images",
        "Arbeiter hängen an einem kalten Morgen das letzte Seil der Brücke ein. Bild: Max Roe",
    ],
)
def test_line_that_ends_with_a_photographer_or_picture_agency_is_a_caption(
    credit: str, read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    assert read_lines(_set(*paragraphs[:2], credit, *paragraphs[2:])) == list(paragraphs)


@pytest.mark.parametrize(
    "line",
    [
        "The agency AP and the paper reported on the same day that the bridge would cost a third less.",
        "Unterschreiben Sie unsere Petition und unterstützen Sie unsere Forderung, damit der Hafen allen offen bleibt.",
        "He gave the council credit: without its patience the bridge would have been sold for its steel.",
        "The storm first appeared in March, according to reporting by the harbour office and its many writers.",
        "The town has earned a commission of inquiry, not a speech, said the head of the building office.",
    ],
)
def test_sentence_with_the_same_words_in_it_is_text(
    line: str, read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    lines = (*paragraphs[:2], line, *paragraphs[2:])
    assert read_lines(_set(*lines)) == list(lines)
    assert read_lines(_set(*paragraphs, line)) == [*paragraphs, line]


@pytest.mark.parametrize(
    "note",
    [
        "Reporting by Max Roe in the harbour and Ann Poe in the city; writing by Max Roe; editing by Tom Moe and Lea Foe",
        "Harbour Post writers Max Roe and Ann Poe contributed to this report.",
        "Max Roe may be reached at roe@post.example, and letters reach him at the quay as well.",
        "Aus dem Englischen von Ann Poe und Max Roe",
    ],
)
def test_note_below_the_last_sentences_is_not_text(
    note: str, read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    assert read_lines(_set(*paragraphs, note)) == list(paragraphs)


def test_mail_address_in_the_middle_of_a_text_is_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    line = "Whoever lost a hat in the storm writes to hats@post.example, the harbour office said."
    lines = (line, *paragraphs, *(f"{paragraph} So it was on the first day." for paragraph in paragraphs))
    assert read_lines(_set(*lines)) == list(lines)


@pytest.mark.parametrize(
    "bio",
    [
        "Jane Doe has written about bridges, ferries and the sea since 1999 and lives beside the old dock.",
        "Our harbour editor Jane Doe has written about bridges, ferries and the sea since 1999.",
    ],
)
def test_author_bio_at_the_end_is_not_text(
    bio: str, write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    lines = [*paragraphs, *(f"{paragraph} So it was on the first day." for paragraph in paragraphs)]
    article = read_article(write_page(body=_set(*lines, bio), head=_SIGNED))
    assert [block.text for block in article.paragraphs] == lines


def test_lines_below_an_author_bio_are_not_text(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    lines = [*paragraphs, *(f"{paragraph} So it was on the first day." for paragraph in paragraphs)]
    bio = "Jane Doe has written about bridges, ferries and the sea since 1999 and lives beside the old dock."
    teasers = ("The tram depot is closed for a week, and nobody says why.", "The sea has taken the old lighthouse.")
    article = read_article(write_page(body=_set(*lines, bio, *teasers), head=_SIGNED))
    assert [block.text for block in article.paragraphs] == lines


def test_author_named_in_the_opening_is_part_of_the_story(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    lines = ["Jane Doe walked over the bridge before anybody else did, and this is what she saw there.", *paragraphs]
    article = read_article(write_page(body=_set(*lines), head=_SIGNED))
    assert [block.text for block in article.paragraphs] == lines


_READERS = (
    "I have waited for this bridge for two years, and now that it is there I shall take the ferry all the same.",
    "Forty cables, and not one of them painted. In my days the council would have been ashamed of such work.",
    "My neighbour says that the buses will be late again, and my neighbour has been right about buses before.",
)


@pytest.mark.parametrize("label", ["Comments (3)", "3 Kommentare", "Leave a reply", "Обсуждение (3)", "Vos réactions"])
def test_comments_below_a_label_are_not_text(
    label: str, write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    below = f"<div><h3>{label}</h3>{''.join(f'<div><b>Max {n}</b><p>{said}</p></div>' for n, said in enumerate(_READERS))}</div>"
    article = read_article(write_page(below=below, head=_DATED))
    assert tuple(block.text for block in article.paragraphs) == paragraphs


def test_discussion_of_results_is_part_of_a_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    lines = (*paragraphs, *(f"{paragraph} So it was on the first day." for paragraph in paragraphs))
    sections = [f"<div>{_set(*lines[:6])}</div>", f"<div><h2>Discussion</h2>{_set(*lines[6:])}</div>"]
    assert read_lines("".join(sections)) == [*lines[:6], "Discussion", *lines[6:]]


def test_text_continues_below_a_button_for_comments(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    lines = (*paragraphs, *(f"{paragraph} So it was on the first day." for paragraph in paragraphs))
    assert read_lines(f"{_set(*lines[:6])}<div><span>Comments</span></div>{_set(*lines[6:])}") == list(lines)


def test_lines_above_the_headline_are_not_text(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    above = "<div>The harbour is closed to ships over fifty metres until further notice, the port office says.</div>"
    page = write_page(head=_DATED).replace(b"<h1>", f"{above}<h1>".encode())
    assert tuple(block.text for block in read_article(page).paragraphs) == paragraphs


def test_only_line_in_a_box_with_a_picture_is_its_caption(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    box = "<div><div><img src='/cable.jpg'></div><div>Engineers hang the last of the cables in December.</div></div>"
    assert read_lines(_set(*paragraphs[:2]) + box + _set(*paragraphs[2:])) == list(paragraphs)


def test_paragraphs_that_are_all_in_boxes_with_pictures_are_text(
    read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    boxes = "".join(f"<div><div><img src='/{n}.jpg'></div><div>{line}</div></div>" for n, line in enumerate(paragraphs))
    assert read_lines(boxes) == list(paragraphs)


@pytest.mark.parametrize(
    "byline",
    ["By Max Roe and Ann Poe on Friday, January 5th, 2024 at 11:08 a.m.", "Von Max Roe, 5. Januar 2024", "Jane Doe"],
)
def test_byline_above_the_first_paragraph_is_not_text(
    byline: str, write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    article = read_article(write_page(body=_set(byline, *paragraphs), head=_SIGNED))
    assert tuple(block.text for block in article.paragraphs) == paragraphs
