"""Kinds of mark-up that publishing systems write, and conventions of scripts, each on a small page in another language."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coranto.records import Content
from coranto_extractor.language.sentences import count_sentences, ends_with_sentence

_CITY = "https://news.example/city/harbour-bridge"


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        (
            "ne",
            (
                "नगर परिषद्ले दुई वर्षको मर्मतपछि बन्दरगाहको पुल शुक्रबारदेखि फेरि सवारीका लागि खुला गरेको जनाएको छ।",
                "इन्जिनियरहरूले चालीसवटै तार फेरेका छन् र प्रतिवेदनअनुसार खर्च योजनाभन्दा एक तिहाइ कम भएको छ।",
                "बस सोमबारदेखि चल्नेछन् र डुङ्गाको अन्तिम यात्रा आइतबार साँझ हुनेछ।",
            ),
        ),
        (
            "ur",
            (
                "شہری کونسل نے بتایا کہ دو سال کی مرمت کے بعد بندرگاہ کا پل جمعے کو دوبارہ ٹریفک کے لیے کھول دیا گیا ہے۔",
                "انجینئروں نے تمام چالیس تار بدل دیے اور رپورٹ کے مطابق کام پر منصوبے سے ایک تہائی کم خرچ آیا۔",
                "بسیں پیر سے چلیں گی اور کشتی کا آخری سفر اتوار کی شام کو ہوگا۔",
            ),
        ),
        (
            "hy",
            (
                "Նավահանգստի կամուրջը երկու տարվա վերանորոգումից հետո ուրբաթ օրը կրկին բացվել է երթևեկության համար։",
                "Ինժեներները փոխել են բոլոր քառասուն ճոպանները, իսկ աշխատանքը մեկ երրորդով էժան է եղել։",
                "Ավտոբուսները կաշխատեն երկուշաբթի օրվանից, լաստանավը կփակվի կիրակի։",
            ),
        ),
    ],
)
def test_text_keeps_short_last_paragraph_that_ends_with_stop_of_its_script(
    language: str, sentences: tuple[str, ...], read_article: Callable[..., Content]
) -> None:
    body = "".join(f'<div class="p">{sentence}</div>' for sentence in sentences)
    page = f"""<html lang="{language}"><head><meta charset="utf-8"><title>{sentences[0][:30]}</title></head><body>
        <h1>{sentences[0][:30]}</h1><div class="full">{body}</div></body></html>"""
    assert read_article(page.encode()).text.split("\n") == list(sentences)
    assert all(count_sentences(sentence) == 1 and ends_with_sentence(sentence) for sentence in sentences)


@pytest.mark.parametrize("label", ["Updated", "Last update:", "Stand:", "Обновлено", "Ενημέρωση:", "최종수정"])
def test_day_of_last_change_is_read_where_only_a_line_near_the_headline_shows_it(
    label: str, write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    above = f'<div class="x1">2024-01-05 09:30</div><div class="x2">{label} 2024-01-08 16:05</div>'
    content = read_article(write_page(above=above))
    assert content.published is not None
    assert content.published.local == "2024-01-05T09:30"
    assert content.modified is not None
    assert content.modified.local == "2024-01-08T16:05"


def test_change_before_publication_is_not_taken_from_the_page(
    write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    above = "<div>5 January 2024</div><div>Updated 3 January 2024</div>"
    assert read_article(write_page(above=above)).modified is None


def test_day_of_the_only_date_is_not_repeated_as_that_of_a_change(
    write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    content = read_article(write_page(above="<div>Updated 5 January 2024</div>"))
    assert content.published is not None
    assert content.modified is None


def test_day_between_standfirst_and_text_comes_before_that_of_a_card(
    paragraphs: tuple[str, ...], read_article: Callable[..., Content]
) -> None:
    page = f"""<html lang="sv"><head><meta charset="utf-8"><title>Hamnbron öppnar igen</title></head><body><div><div>
        <h1>Hamnbron öppnar igen</h1><div class="a">{paragraphs[0]}</div><div class="b">Av Karin Holm</div>
        <div>12 februari 2024</div>
        {"".join(f"<p>{text}</p>" for text in paragraphs[1:])}</div>
        <div class="c"><a href="/r">Färjan blir kvar i hamnen en vecka till</a><div>Malin Berg, 3 maj 2023</div></div>
        </div></body></html>"""
    published = read_article(page.encode()).published
    assert published is not None
    assert published.local == "2024-02-12"


@pytest.mark.parametrize(
    ("byline", "name"),
    [
        ("გიორგი ბერიძე", "გიორგი ბერიძე"),
        ("ავტორი: ნინო კალანდაძე", "ნინო კალანდაძე"),
        ("Egile: Ane Etxeberria", "Ane Etxeberria"),
        ("Argazkia: Ane Etxeberria", "Ane Etxeberria"),
        ("Photo: Jane Doe", None),
        ("责任编辑：李淼川", None),
    ],
)
def test_name_in_marked_byline_is_read_behind_any_label(
    byline: str, name: str | None, write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    content = read_article(write_page(above=f'<p class="byline">{byline}</p>'))
    assert [author.name for author in content.authors] == ([name] if name else [])


def test_labels_of_dates_in_a_script_without_capitals_are_no_authors(
    write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    above = """<div class="byline-info"><div class="names"><a href="/p/1">سارا احمدی</a></div>
        <div>تاریخ انتشار ۱۴۰۲/۱۰/۱۵</div><div>به‌روزرسانی ۱۴۰۲/۱۰/۱۶</div></div>"""
    assert [author.name for author in read_article(write_page(above=above)).authors] == ["سارا احمدی"]


def test_meta_author_that_is_the_last_part_of_the_window_title_is_the_site(
    paragraphs: tuple[str, ...], read_article: Callable[..., Content]
) -> None:
    page = f"""<html lang="de"><head><meta charset="utf-8"><title>Hafenbrücke wieder offen_Küsten Bote</title>
        <meta property="og:type" content="article"><meta property="article:author" content="Küsten Bote"></head><body>
        <h1>Hafenbrücke wieder offen</h1><p class="quelle"><a href="/">Küsten Bote</a></p>
        {"".join(f"<p>{text}</p>" for text in paragraphs)}<p>Von Sabine Krause</p></body></html>"""
    assert [author.name for author in read_article(page.encode()).authors] == ["Sabine Krause"]


def test_last_question_of_an_interview_is_no_introduction_of_its_author(
    paragraphs: tuple[str, ...], write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    question = "Malin Berg: And what will become of the ferry that stood in for the bridge for so long?"
    lines = [*paragraphs, *paragraphs[:2], question, "Head of office: It goes to the islands."]
    body = "".join(f"<p>{line} {n}.</p>" for n, line in enumerate(lines))
    content = read_article(write_page(above='<p class="byline">By Malin Berg</p>', body=body))
    assert question in content.text
