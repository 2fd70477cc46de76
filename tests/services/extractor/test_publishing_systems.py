"""Kinds of mark-up that publishing systems write, and conventions of scripts, each on a small page in another language."""

from __future__ import annotations

import json
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


def test_day_of_a_post_embedded_below_the_first_paragraph_is_not_that_of_the_article(
    paragraphs: tuple[str, ...], write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    post = "<blockquote><p>Boats again. When do we count the gulls?</p>— Gull Watch <a href='/1'>March 3, 2025</a></blockquote>"
    body = f"<p>{paragraphs[0]}</p>{post}" + "".join(f"<p>{text}</p>" for text in paragraphs[1:])
    assert read_article(write_page(body=body)).published is None


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


def test_mark_up_in_the_data_of_a_page_without_text_is_read_by_paragraphs(
    paragraphs: tuple[str, ...], read_article: Callable[..., Content]
) -> None:
    data = {"story": {"title": "x", "body": "".join(f"<p>{text}</p>" for text in paragraphs)}}
    page = f"""<html lang="en"><head><meta charset="utf-8"><title>Harbour bridge opens again</title></head><body>
        <div id="app"></div><script id="state" type="application/json">{json.dumps(data)}</script></body></html>"""
    assert read_article(page.encode()).text.split("\n") == list(paragraphs)


def test_text_in_the_data_of_a_page_need_not_have_spaces(read_article: Callable[..., Content]) -> None:
    texts = [
        "港口大桥经过两年维修后，星期五重新向公众开放，市议会在一份声明中宣布了这一消息，并感谢工程师们的辛勤工作和市民的耐心等待。",
        "工程师们更换了全部四十根缆索，报告称费用比计划低三分之一，这让许多曾经对此表示怀疑的市民感到意外。",
        "公共汽车将从星期一起恢复运行，代替大桥的渡轮将于星期天晚上进行最后一次航行，届时市长和许多乘客都将到场告别这艘老船。",
        "“我们没有想到春天之前就能完工。”建设局局长这样说道，他还表示下一步将修复河边的旧码头和仓库。",
    ]
    texts += [f"本报记者从现场报道，{text}" for text in texts]
    data = {"props": [{"type": "text", "value": text} for text in texts]}
    page = f"""<html lang="zh"><head><meta charset="utf-8"><title>港口大桥重新开放</title></head><body><div id="root"></div>
        <script type="application/json">{json.dumps(data, ensure_ascii=False)}</script></body></html>"""
    assert read_article(page.encode()).text.split("\n") == texts


def test_name_of_the_site_marked_as_the_headline_of_its_header_is_not_the_headline(
    paragraphs: tuple[str, ...], read_article: Callable[..., Content]
) -> None:
    page = f"""<html lang="nl"><head><meta charset="utf-8"><title>Havenbrug weer open - De Oude Havenbode</title></head><body>
        <header itemscope itemtype="https://schema.org/WPHeader">
        <p itemprop="headline"><a href="/">De Oude Havenbode</a></p></header>
        <h1 itemprop="headline">Havenbrug weer open</h1>{"".join(f"<p>{text}</p>" for text in paragraphs)}</body></html>"""
    assert read_article(page.encode(), url=_CITY).title == "Havenbrug weer open"


@pytest.mark.parametrize(
    "box",
    [
        '<div class="b7"><div>Fyll inn adressen og få de viktigste sakene i innboksen hver morgen.</div><input type="email"></div>',
        '<div class="element-also-read"><h4>Läs</h4><p>Färjan som ersatte bron blir kvar i hamnen en vecka till.</p></div>',
        '<table align="right"><tr><td><img src="/b.jpg"></td></tr><tr><td>Bron sedd från norr en morgon i maj.</td></tr></table>',
        '<div><span><i class="z"><img src="/b.jpg"></i><em class="photo_desc">Die Brücke von Norden.</em></span></div>',
        "<div>Copyright 1999 Havnebladet. Ettertrykk forbudt.</div>",
        "<p><strong>関連記事</strong><a href='/r'>渡し船、あと一週間だけ港に残ることに</a></p>",
    ],
)
def test_box_between_paragraphs_is_no_part_of_the_text(
    box: str, paragraphs: tuple[str, ...], write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    body = f"<p>{paragraphs[0]}</p><p>{paragraphs[1]}</p>{box}<p>{paragraphs[2]}</p><p>{paragraphs[3]}</p>"
    assert read_article(write_page(body=body)).text.split("\n") == list(paragraphs)


def test_caption_between_picture_and_bare_text_in_one_element_is_no_part_of_the_text(
    paragraphs: tuple[str, ...], write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    body = (
        '<span class="photo"><b><img src="/b.jpg"></b><em class="img_desc">Die Brücke von Norden gesehen</em></span>'
        + "<br><br>".join(paragraphs)
    )
    assert read_article(write_page(body=body)).text.split("\n") == list(paragraphs)


@pytest.mark.parametrize(
    ("heading", "is_kept"),
    [
        ("<br><b>Der Bau</b><br><br>", True),
        ("<br>Der Bau<br><br>", False),
        ('<div class="cell"><div class="x-title x-title_md">Der Bau</div></div>', True),
        ('<div class="cell"><div class="x-label">Der Bau</div></div>', False),
        ('<div class="cell"><div class="x-title">Video</div><video></video><div>0:31</div></div>', False),
    ],
)
def test_heading_that_only_bold_type_or_a_class_shows_stays_in_the_text(
    heading: str,
    is_kept: bool,
    paragraphs: tuple[str, ...],
    write_page: Callable[..., bytes],
    read_article: Callable[..., Content],
) -> None:
    first = f"{paragraphs[0]}<br><br>{paragraphs[1]}<br>"
    body = f"{first}{heading}{paragraphs[2]}<br><br>{paragraphs[3]}"
    lines = read_article(write_page(body=body)).text.split("\n")
    assert lines == [*paragraphs[:2], *(["Der Bau"] if is_kept else []), *paragraphs[2:]]


def test_lines_of_an_old_page_that_are_set_differently_are_date_headline_and_byline(
    paragraphs: tuple[str, ...], read_article: Callable[..., Content]
) -> None:
    page = f"""<html><head><meta charset="utf-8"><title>Puerto Nuevo - Reabre el puente del puerto</title></head><body>
        <table><tr><td><table><tr><td><font size="1">5 de enero de 2004</font><br>
        <font size="5"><b>Reabre el puente del puerto</b></font><br>
        <font size="2"><i>Por Carmen Ruiz</i></font>{"".join(f'<p><font size="2">{text}</font></p>' for text in paragraphs)}
        </td></tr></table></td></tr></table></body></html>"""
    content = read_article(page.encode(), url=_CITY)
    assert content.title == "Reabre el puente del puerto"
    assert [author.name for author in content.authors] == ["Carmen Ruiz"]
    assert content.text.split("\n") == list(paragraphs)


def test_lines_of_a_poem_that_are_set_alike_are_one_paragraph(
    paragraphs: tuple[str, ...], write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    verse = "<i>The bridge is up, the river low,</i><br><i>the cables hum, the buses go,</i><br><i>and nobody remembers when.</i>"
    body = f"<p>{paragraphs[0]}</p><div>{verse}</div><p>{paragraphs[1]}</p><p>{paragraphs[2]}</p>"
    assert "the river low, the cables hum" in read_article(write_page(body=body)).text


@pytest.mark.parametrize(
    ("rest", "is_kept"),
    [
        ('<div class="more" style="display:none">{}</div><button>Weiterlesen</button>', True),
        ('<p><a role="button" href="#rest">Читать дальше</a></p><div id="rest" hidden>{}</div>', True),
        ("<div hidden>{}</div>", False),
        (
            '<div class="dialog" style="display: none">{}</div><p>Read <a href="/n">the other story</a> as well.</p>',
            False,
        ),
    ],
)
def test_rest_of_the_text_that_a_button_unfolds_is_read(
    rest: str,
    is_kept: bool,
    paragraphs: tuple[str, ...],
    write_page: Callable[..., bytes],
    read_article: Callable[..., Content],
) -> None:
    hidden = "".join(f"<p>{text}</p>" for text in paragraphs[2:])
    shown = [*paragraphs[:2], f"{paragraphs[1]} {paragraphs[0]}"]
    body = "".join(f"<p>{text}</p>" for text in shown) + rest.format(hidden)
    content = read_article(write_page(body=body))
    assert (paragraphs[3] in content.text) == is_kept
    assert content.text.startswith("\n".join(shown))


@pytest.mark.parametrize(
    ("byline", "names"),
    [
        ("By Sam Okoro at Victoria Park", ["Sam Okoro"]),
        ("By Nadia Haddad at the High Court", ["Nadia Haddad"]),
        ("By Nadia Haddad in Beirut and Sam Okoro in Lagos", ["Nadia Haddad", "Sam Okoro"]),
        ("By Nadia Haddad for Home and Garden", ["Nadia Haddad"]),
        ("By The Post", []),
        ("By Nguyen The Anh", ["Nguyen The Anh"]),
    ],
)
def test_place_behind_a_name_is_no_part_of_it_and_a_publication_is_no_person(
    byline: str, names: list[str], write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    content = read_article(write_page(above=f'<p class="byline">{byline}</p><p>5 January 2024</p>'))
    assert [author.name for author in content.authors] == names


def test_name_in_a_line_about_the_picture_is_no_author(
    write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    above = '<p class="date">5 January 2024</p><p class="top--image-meta"><span class="attribution">Amy Smith/WIREPIX</span></p>'
    assert read_article(write_page(above=above)).authors == ()
