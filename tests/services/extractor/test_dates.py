"""How dates in many languages and calendars are parsed, and which dates on a page are trusted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from coranto.records import Content
from coranto_extractor.fields.dating.url_dates import date_in_url
from coranto_extractor.language import month_names
from coranto_extractor.language.date_parsing import parse_date, parse_date_text
from generate.month_names import read_language, render

Write = Callable[..., bytes]
Read = Callable[..., Content]


def _json_ld(**members: object) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", **members})}</script>'


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("12 des 2000 postes", "fr"),
        ("Any 5, 2020 or later", "en"),
        ("man 5 2020", "en"),
        ("10 out 2020", "en-GB"),
        ("5 van 2020", "nl"),
        ("5 mal 2020", "de"),
    ],
)
def test_word_of_the_language_is_no_month_because_another_language_has_one_of_that_name(
    text: str, language: str
) -> None:
    assert parse_date_text(text, language) is None
    assert parse_date_text("Sep 5, 2020", language) is not None


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("5 января 2012, 14:45", "ru", "2012-01-05T14:45"),
        ("Veröffentlicht am 3. März 2021", "de", "2021-03-03"),
        ("17 listopada 2019", "pl", "2019-11-17"),
        ("17. listopada 2019", "hr", "2019-10-17"),
        ("2020年3月4日", "zh", "2020-03-04"),
        ("입력 2026.01.29 오후 6:40", "ko", "2026-01-29T18:40"),
        ("03/04/2020", "en", "2020-03-04"),
        ("03/04/2020", "fr", "2020-04-03"),
        ("26 | 01 | 2022", "de", "2022-01-26"),
        ("24 tháng 4 năm 2020", "vi", "2020-04-24"),
        ("24 tháng 4, 2020", "vi", "2020-04-24"),
        ("2020. április 24. 10:20", "hu", "2020-04-24T10:20"),
        ("2020 m. balandžio 24 d.", "lt", "2020-04-24"),
        ("24 ΑΠΡΙΛΙΟΥ 2020, 8:15 μ.μ.", "el", "2020-04-24T20:15"),
        ("12 MAYIS 2020", "tr", "2020-05-12"),
        ("21. juni/lipanj, 2020.", "bs", "2020-06-21"),
        ("الجمعة 24 نيسان / أبريل 2020 09:22 مساءً", "ar", "2020-04-24T21:22"),
        ("24 تشرين الأول 2020", "ar", "2020-10-24"),
        ("٢٤ أبريل ٢٠٢٠", "ar", "2020-04-24"),
        ("24 באפריל 2020", "he", "2020-04-24"),
        ("24 अप्रैल 2020", "hi", "2020-04-24"),
        ("3 June 2020 12:05 am", "en", "2020-06-03T00:05"),
        ("Thu, 02 Jan 2020 10:00:00 +0100", "en", "2020-01-02T10:00:00+01:00"),
        ("2020-12-05T23:15:0Z", "it", "2020-12-05T23:15:00Z"),
        ("1577955600", None, "2020-01-02T09:00:00Z"),
    ],
)
def test_dates_are_parsed_as_their_language_writes_them(text: str, language: str | None, day: str) -> None:
    moment = parse_date(text, language)
    assert moment is not None
    assert moment.text == day


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("2 تير 1399 - 12:09", "fa", "2020-06-22T12:09"),
        ("۱۲ اردیبهشت ۱۴۰۰", "fa", "2021-05-02"),
        ("30 اسفند 1403", "fa", "2025-03-20"),
        ("1403/12/30", "fa", "2025-03-20"),
        ("5 มกราคม 2563", "th", "2020-01-05"),
        ("5 ม.ค. 63 10:20", "th", "2020-01-05T10:20"),
        ("令和2年5月1日", "ja", "2020-05-01"),
        ("中華民國109年5月1日", "zh", "2020-05-01"),
    ],
)
def test_years_of_other_calendars_are_converted(text: str, language: str, day: str) -> None:
    moment = parse_date_text(text, language)
    assert moment is not None
    assert moment.text == day


@pytest.mark.parametrize(
    "text",
    [
        "31 February 2020",
        "45.13.2020",
        "1 January",
        "yesterday",
        "2020",
        "",
        "1403/12/30",
        "5 apples 2563",
        "12 เรื่อง 63",
    ],
)
def test_text_without_a_whole_date_is_not_a_date(text: str) -> None:
    assert parse_date(text, "en") is None


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("/2020/05/01/story.html", "2020-05-01"),
        ("/2020/5/1/story", "2020-05-01"),
        ("/n1/2020/0501/c1001.html", "2020-05-01"),
        ("/2020-05/01/c_112.htm", "2020-05-01"),
        ("/story-20200501.html", "2020-05-01"),
        ("/archives/2025/12/16/vibe.html", "2025-12-16"),
        ("/01-05-2020-story", "2020-05-01"),
        ("/reports/2021/22/week", None),
        ("/league/2021-22/transfers", None),
        ("/id120200622120908039/story", None),
    ],
)
def test_day_in_the_url_needs_separators_or_all_its_digits(path: str, day: str | None) -> None:
    moment = date_in_url(f"https://news.example{path}")
    assert (moment.day if moment else None) == (date.fromisoformat(day) if day else None)


def test_utc_time_gets_the_offset_of_a_time_element_with_the_same_instant(
    write_page: Write, read_article: Read
) -> None:
    head = '<meta property="article:published_time" content="2023-12-23T03:22:07Z">'
    page = write_page(head=head, above='<time datetime="2023-12-22T22:22:07-0500">12/22</time>')
    published = read_article(page).published
    assert published is not None
    assert published.text == "2023-12-22T22:22:07-05:00"


def test_publication_and_last_change_in_one_line_are_distinguished(write_page: Write, read_article: Read) -> None:
    line = "<p>Last updated: 31 October 2023. First published: 1 November 2023</p>"
    published = read_article(write_page(above=line)).published
    assert published is not None
    assert published.text == "2023-11-01"


@pytest.mark.parametrize(
    "label", ["Last change: 31.10.2023", "Letzte Änderung: 31.10.2023", "Dernière modification : 31.10.2023"]
)
def test_day_of_the_last_change_is_not_the_day_of_publication(
    label: str, write_page: Write, read_article: Read
) -> None:
    published = read_article(write_page(above=f"<p>{label}</p><p>1.11.2023</p>")).published
    assert published is not None
    assert published.text == "2023-11-01"


def test_page_date_that_is_shown_as_the_last_change_is_not_the_publication(
    write_page: Write, read_article: Read
) -> None:
    head = '<meta name="date" content="2021-10-15"><meta property="og:type" content="article">'
    shown = "<p>Released:</p><p>13 October 2021</p>"
    changed = "<p>Last updated:</p><p>15 October 2021</p>"
    published = read_article(write_page(head=head, above=shown, below=changed)).published
    assert published is not None
    assert published.text == "2021-10-13"
    published = read_article(write_page(head=head, below=changed)).published
    assert published is not None
    assert published.text == "2021-10-15"


def test_date_beside_a_headline_in_a_caption_is_read(read_article: Read, paragraphs: tuple[str, ...]) -> None:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    title = "Harbour bridge opens again"
    head = f"<title>{title}</title>"
    caption = f"<figcaption><small>31 January 2022</small><h1>{title}</h1></figcaption>"
    page = (
        f"<html><head>{head}</head><body><main><figure><img src='/b.jpg'>{caption}</figure>{text}</main></body></html>"
    )
    published = read_article(page.encode()).published
    assert published is not None
    assert published.text == "2022-01-31"


@pytest.mark.parametrize(("main", "day"), [("https://news.example/city/harbour-bridge", "2022-01-10"), ("/jam", None)])
def test_date_of_instructions_counts_when_the_page_is_about_them(
    main: str, day: str | None, write_page: Write, read_article: Read
) -> None:
    steps = {"@type": "HowTo", "name": "Harbour bridge opens again", "datePublished": "2022-01-10", "url": main}
    page = write_page(head=f'<script type="application/ld+json">{json.dumps(steps)}</script>')
    published = read_article(page).published
    assert (published.text if published else None) == day


def test_date_of_a_teaser_below_the_text_is_not_the_articles(write_page: Write, read_article: Read) -> None:
    teaser = '<h3><a href="/other">Another story of the week</a></h3><p>22 June 2022</p>'
    assert read_article(write_page(below=teaser)).published is None
    published = read_article(write_page(below=f"<p>5 January 2024</p>{teaser}")).published
    assert published is not None
    assert published.text == "2024-01-05"


@pytest.mark.parametrize(
    ("stated", "shown", "written"),
    [
        ("2020-02-18T02:18:11Z", "17 February 2020", "2020-02-17"),
        ("2021-11-04T23:00:00Z", "5 November 2021", "2021-11-05"),
        # The same day, a day too far, an offset that the page gives, and a day of the last change.
        ("2020-02-18T02:18:11Z", "18 February 2020", "2020-02-18T02:18:11Z"),
        ("2020-02-18T14:18:11Z", "17 February 2020", "2020-02-18T14:18:11Z"),
        ("2020-02-18T02:18:11+01:00", "17 February 2020", "2020-02-18T02:18:11+01:00"),
        ("2020-02-18T23:18:11Z", "Updated on 19 February 2020", "2020-02-18T23:18:11Z"),
    ],
)
def test_moment_in_utc_has_the_day_the_page_shows(
    stated: str, shown: str, written: str, write_page: Write, read_article: Read
) -> None:
    head = f'<meta property="article:published_time" content="{stated}"><meta property="og:type" content="article">'
    published = read_article(write_page(head=head, above=f"<p>{shown}</p>")).published
    before = parse_date(stated)
    assert published is not None
    assert before is not None
    assert published.at == before.at
    assert published.text == written


def test_page_that_is_not_an_article_has_only_the_dates_it_shows(write_page: Write, read_article: Read) -> None:
    head = '<meta property="og:type" content="website"><meta property="article:published_time" content="2015-05-07">'
    item = '<section><time datetime="2022-12-08">8 Dec</time></section>'
    assert read_article(write_page(head=head, below=f"<div>{'<p>x</p>' * 12}{item}</div>")).published is None
    published = read_article(write_page(head=head, above="<p>7 May 2015</p>")).published
    assert published is not None
    assert published.text == "2015-05-07"
    assert read_article(write_page(head='<meta name="date" content="2015-05-07">')).published is None
    published = read_article(write_page(head='<meta name="pubdate" content="2015-05-07">')).published
    assert published is not None
    published = read_article(write_page(above='<p><time datetime="2022-12-08">Thursday</time></p>')).published
    assert published is not None
    assert published.text == "2022-12-08"


@pytest.mark.parametrize(
    ("address", "language", "stated", "zone", "zone_from", "moment"),
    [
        # One clock in the country of the domain, in winter and in summer.
        ("https://zeitung.de/a", "de", "2024-01-05T18:12", "Europe/Berlin", "domain", "2024-01-05T17:12:00+00:00"),
        ("https://www.giornale.it/a", "it", "2024-07-05T18:12", "Europe/Rome", "domain", "2024-07-05T16:12:00+00:00"),
        ("https://shimbun.co.jp/a", "ja", "2024-01-05T18:12", "Asia/Tokyo", "domain", "2024-01-05T09:12:00+00:00"),
        ("https://xn--80a.xn--j1amh/a", "uk", "2024-01-05T18:12", "Europe/Kyiv", "domain", "2024-01-05T16:12:00+00:00"),
        # A domain of no country, and a language that is written under one clock.
        ("https://gazeta.com/a", "pl", "2024-01-05T18:12", "Europe/Warsaw", "language", "2024-01-05T17:12:00+00:00"),
        # Several clocks, a domain that is sold everywhere, another country's form of the language.
        ("https://gazeta.ru/a", "ru", "2011-11-28T18:12", "unknown", None, None),
        ("https://paper.com/a", "en", "2024-01-05T18:12", "unknown", None, None),
        ("https://zeitung.io/a", "de", "2024-01-05T18:12", "unknown", None, None),
        ("https://zeitung.com/a", "de-CH", "2024-01-05T18:12", "unknown", None, None),
        ("https://gazeta.us/a", "pl", "2024-01-05T18:12", "unknown", None, None),
        ("https://192.0.2.1/a", "de", "2024-01-05T18:12", "unknown", None, None),
    ],
)  # fmt: skip
def test_zone_is_assumed_only_where_all_clocks_agree(
    address: str, language: str, stated: str, zone: str, zone_from: str | None, moment: str | None,
    write_page: Write, read_article: Read,
) -> None:  # fmt: skip
    page = write_page(
        head=f'<meta property="article:published_time" content="{stated}"><meta property="og:type" content="article">'
    )
    published = read_article(page.replace(b'lang="en"', f'lang="{language}"'.encode()), address).published
    assert published is not None
    assert (published.local, published.zone, published.zone_from) == (stated, zone, zone_from)
    assert (published.at.isoformat() if published.at else None) == moment
    assert published.text.startswith(stated)
    assert (published.text == stated) == (moment is None)


def test_zone_is_told_by_the_same_time_in_utc_elsewhere_on_the_page(write_page: Write, read_article: Read) -> None:
    head = _json_ld(datePublished="2011-11-28T18:12:00", dateModified="2011-11-28T20:00:00")
    head += '<meta property="article:published_time" content="2011-11-28T14:12:00+00:00">'
    article = read_article(write_page(head=head), "https://gazeta.ru/a")
    assert article.published is not None
    assert article.modified is not None
    assert (article.published.text, article.published.zone_from) == ("2011-11-28T18:12:00+04:00", "page")
    assert (article.modified.text, article.modified.zone_from) == ("2011-11-28T20:00:00+04:00", "page")


@pytest.mark.parametrize(
    "place",
    ["<ul class='meta'><li>{}</li></ul>", "<div class='card-meta'>{}</div>", "<nav>{}</nav>", "<aside>{}</aside>"],
)
def test_time_between_headline_and_text_counts_whatever_its_box_is_called(
    place: str, write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    time = '<time datetime="2023-05-04T09:30:00+03:00">yesterday at 9:30</time>'
    published = read_article(write_page(above=place.format(time))).published
    assert published is not None
    assert published.text == "2023-05-04T09:30:00+03:00"


def test_date_shown_above_the_text_wins_over_times_of_comments_below_it(
    write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    head = '<meta property="og:type" content="article">'
    thread = "<div class='thread'><time datetime='2025-08-27T17:09:00Z'>8 hours ago</time><div>Finally the clock.</div></div>"
    page = write_page(head=head, above="<div>Monday August 25, 2025 by Jane Doe</div>", below=thread)
    published = read_article(page).published
    assert published is not None
    assert published.text[:10] == "2025-08-25"


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("Tue Mar 04 2025 22:15:41 GMT-0500 (Eastern Standard Time)", None, "2025-03-04"),
        ("5/02/2025 à 10h12", None, "2025-02-05"),
        ("5/02/2025 14:30", None, "2025-02-05"),
        ("5/02/2025 10:12 am", None, "2025-05-02"),
        ("၄ မေ ၂၀၂၃", "my", "2023-05-04"),
        ("04 မေလ 2023", "my", "2023-05-04"),
    ],
)
def test_more_forms_of_dates(text: str, language: str | None, day: str) -> None:
    moment = parse_date(text, language)
    assert moment is not None
    assert moment.text[:10] == day


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("E hënë, 4 janar 2021", "sq", "2021-01-04"),
        ("Pirmdiena, 2021. gada 4. janvāris", "lv", "2021-01-04"),
        ("4. jaanuar 2021", "et", "2021-01-04"),
        ("14. júna 2021 o 10:30", "sk", "2021-06-14T10:30"),
        ("4 იანვარი, 2021", "ka", "2021-01-04"),
        ("2021 թ. հունվարի 4, 18:30", "hy", "2021-01-04T18:30"),
        ("2021 ж. 4 қаңтар, дүйсенбі", "kk", "2021-01-04"),
        ("2021 оны 1-р сарын 4", "mn", "2021-01-04"),
        ("2021 оны нэгдүгээр сарын 4", "mn", "2021-01-04"),
        ("সোমবার, ৪ জানুয়ারী, ২০২১", "bn", "2021-01-04"),
        ("பிப்ரவரி 9, 2021", "ta", "2021-02-09"),
        ("پیر، 4 جنوری، 2021", "ur", "2021-01-04"),
        ("ሰኞ 4 ጃንዋሪ 2021", "am", "2021-01-04"),
        ("Jumatatu, 4 Januari 2021", "sw", "2021-01-04"),
        ("2021eko urtarrilaren 4a", "eu", "2021-01-04"),
        ("2023ko maiatzaren 4a", "eu", "2023-05-04"),
        ("Dé Máirt 5 Deireadh Fómhair 2021", "ga", "2021-10-05"),
        ("4 មករា 2021", "km", "2021-01-04"),
        ("4 ta’ Jannar 2021", "mt", "2021-01-04"),
        ("14\u200f/01\u200f/2021", "ar", "2021-01-14"),
        ("4 มกราคม ค.ศ. 2021", "th", "2021-01-04"),
        ("04/05/2566 10:30 น.", "th", "2023-05-04T10:30"),
        ("۱۴۰۲-۰۲-۱۴ ۱۰:۳۰", "fa", "2023-05-04T10:30"),
        ("၂၀၂၃ ခုနှစ် မေလ ၄ ရက်", "my", "2023-05-04"),
        # A word that means one month wherever it means any needs no declared language.
        ("4 janvāris 2021", None, "2021-01-04"),
        ("4 იანვარი, 2021", None, "2021-01-04"),
        # “listopad” is November in Czech and October in Croatian.
        ("4. listopad 2021", "cs", "2021-11-04"),
        ("4. listopada 2021", "hr", "2021-10-04"),
    ],
)
def test_months_and_orders_of_the_cldr_are_known(text: str, language: str | None, day: str) -> None:
    moment = parse_date_text(text, language)
    assert moment is not None
    assert moment.text == day


def _committed_month_names() -> str:
    return (Path(month_names.__file__).parent / "month_names.json").read_text("utf-8")


def test_month_names_are_those_of_the_cldr() -> None:
    committed = json.loads(_committed_month_names())
    assert len(committed) > 120
    for language in ("az", "lv", "mn"):
        assert read_language(language) == committed[language], "run `make reference`"


@pytest.mark.slow
def test_file_of_month_names_is_made_again_as_it_is() -> None:
    assert render() == _committed_month_names(), "run `make reference`"


@pytest.mark.parametrize(
    ("above", "below", "head", "url", "day"),
    [
        ("04/05/2023", "", "", "https://www.post.example.com/bridge", "2023-04-05"),
        ("04/05/2023", "", "", "https://www.post.co.uk/bridge", "2023-05-04"),
        ("04/05/2023", "<p>28/04/2023 Buses strike</p>", "", "https://www.post.example.com/bridge", "2023-05-04"),
        ("04/05/2023", "<p>04/28/2023 Buses strike</p>", "", "https://www.post.co.uk/bridge", "2023-04-05"),
        # A form for machines, or with words, of the same day tells how the numbers are meant.
        ("04/05/2023", "", '<meta property="article:modified_time" content="2023-05-04T12:00:00Z">', None, "2023-05-04"),
        ("04/05/2023", "", '<meta property="article:modified_time" content="2023-04-05T12:00:00Z">', None, "2023-04-05"),
        ("Published 4 May 2023", "", _json_ld(headline="Harbour bridge", datePublished="04/05/2023"), None, "2023-05-04"),
    ],
)  # fmt: skip
def test_page_tells_whether_the_day_or_the_month_comes_first(
    write_page: Write, read_article: Read, above: str, below: str, head: str, url: str | None, day: str
) -> None:
    page = write_page(above=f'<p class="date">{above}</p>', below=below, head=head)
    article = read_article(page, url or "https://www.post.example.com/bridge")
    assert article.published is not None
    assert article.published.text.startswith(day)


def test_page_that_says_twice_what_it_is_may_say_article_last(write_page: Write, read_article: Read) -> None:
    head = (
        '<meta property="og:type" content="website"><meta property="og:type" content="article">'
        '<meta property="article:published_time" content="2023-05-04T10:00:00+02:00">'
    )
    article = read_article(write_page(head=head))
    assert article.published is not None
    assert article.published.text == "2023-05-04T10:00:00+02:00"


def test_elements_that_touch_are_told_apart(write_page: Write, read_article: Read) -> None:
    above = "<div><span><b>Tyra Griffin</b></span><span>May 4, 2023</span><span>57</span><span>57 Shares</span></div>"
    article = read_article(write_page(above=above))
    assert article.published is not None
    assert article.published.text == "2023-05-04"
    assert [person.name for person in article.authors] == ["Tyra Griffin"]


@pytest.mark.parametrize(
    ("before", "below"),
    [
        # Today's date stands above the menu.
        ("<header>Saturday, 20 May 2023</header><nav><a href='/'>Home</a></nav>", ""),
        ("", "<p>© 4 May 2023 The Example Post</p>"),
        # A sentence that begins with a word that is also a label.
        ("", "<p>On 4 May 2023, it was said, the next bridge will be closed for a year or longer.</p>" * 9),
    ],
)
def test_day_of_something_else_is_not_taken(write_page: Write, read_article: Read, before: str, below: str) -> None:
    page = write_page(below=below).replace(b"<body>", b"<body>" + before.encode())
    assert read_article(page).published is None


def test_labelled_date_counts_wherever_it_stands(write_page: Write, read_article: Read) -> None:
    boxes = "".join(f"<div>Part {n} of the archive</div>" for n in range(20))
    below = f"{boxes}<dl><dt>Published</dt><dd>Feb 2, 2023</dd></dl>"
    article = read_article(write_page(below=below))
    assert article.published is not None
    assert article.published.text == "2023-02-02"


def test_date_of_making_gives_way_to_an_earlier_day_that_is_shown(write_page: Write, read_article: Read) -> None:
    head = (
        '<meta property="og:type" content="article"><meta property="article:published_time" content="2022-11-17T10:33:13Z">'
        '<meta property="article:modified_time" content="2022-11-17T10:32:18Z">'
    )
    article = read_article(write_page(head=head, above="<p>9 March 2022</p>"))
    assert article.published is not None
    assert article.published.text == "2022-03-09"


@pytest.mark.parametrize(
    "text",
    [
        "Phone 0711/14-05-24, fax 0711/14-05-25",
        "Tel. 12-05-2019-88",
        "Call 0800 10-12-20",
        "Version 10.12.2019.1",
        "Room 3/4/20",
        "Law No. 12/05/2019",
        "6-4, 7-5, 10-12-14",
        "£12.05.19",
        "Order 2019-05-12-0001",
        "Season 2019/12/10",
    ],
)
def test_number_that_looks_like_a_date_is_none(text: str) -> None:
    assert parse_date_text(text, "en") is None


@pytest.mark.parametrize(
    "text",
    [
        "Founded on 5 May 2012",
        "Born: 5 May 1992",
        "Event: Saturday, 5 May 2012",
        "Last match: 5 May 2012",
        "Deadline: | 5 May 2012",
        "Copyright © 5 May 2012",
        "Gegründet am 5. Mai 2012",
        "Né le 5 mai 1992",
        "Fecha límite: 5 de mayo de 2012",
        "Матч: 5 мая 2012",
        # The hours of an event, and the last day of a period.
        "5 May 2012, 13:15 - 19:00",
        "Samstag, 5. Mai 2012, 13:15 Uhr – 19:00 Uhr",
        "5 mai 2012 13h15–19h00",
        "3–5 May 2012",
        "14. - 20. Mai 2012",
    ],
)
def test_date_of_something_else_is_not_read(text: str) -> None:
    assert parse_date_text(text, None) is None
    assert parse_date_text(f"{text}; 7 June 2013", None) == parse_date_text("7 June 2013", None)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("14:30, 12.05.19", "2019-05-12"),
        ("12.05.2019-14:30", "2019-05-12T14:30"),
        ("12.05.2019/14.30", "2019-05-12T14:30"),
        ("4 comments, 12/05/2019", "2019-05-12"),
        ("Issue No. 5, 12/05/2019", "2019-05-12"),
        ("By Jude Law 12/05/2019", "2019-05-12"),
        ("Version vom 12.05.2019", "2019-05-12"),
        ("Event | 5 May 2012", "2012-05-05"),
        ("Founder Jane Doe, 5 May 2012", "2012-05-05"),
        ("17:45 - 5 May 2012", "2012-05-05"),
        ("Issue 12 – 5 May 2012", "2012-05-05"),
        ("5 May 2012 17:45 -05:00", "2012-05-05T17:45"),
        ("5 May 2012 17:45 - 06.05.2012 18:30", "2012-05-05T17:45"),
    ],
)
def test_numbers_and_words_beside_a_date_do_not_hide_it(text: str, day: str) -> None:
    moment = parse_date_text(text, "en-GB")
    assert moment is not None
    assert moment.text == day


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("5 May 2012 17:45 GMT", "2012-05-05T17:45:00Z"),
        ("May 5, 2012 5:45 p.m. EDT", "2012-05-05T17:45:00-04:00"),
        ("2019/05/12 17:45:10 UTC", "2019-05-12T17:45:10Z"),
        ("12.05.2019 17:45 (CET)", "2019-05-12T17:45:00+01:00"),
        ("5 May 2012, 17:45 UTC+05:30", "2012-05-05T17:45:00+05:30"),
        ("5 May 2012, 5:45 pm ET", "2012-05-05T17:45:00-04:00"),
        ("5 January 2012, 17:45 PT", "2012-01-05T17:45:00-08:00"),
        ("5 May 2012, 17:45 Uhr MESZ", "2012-05-05T17:45:00+02:00"),
        # Of several zones, or of none.
        ("5 May 2012 17:45 CST", "2012-05-05T17:45"),
        ("5 May 2012 17:45 GMT+2", "2012-05-05T17:45"),
        ("5 May 2012 17:45 NATO", "2012-05-05T17:45"),
    ],
)
def test_zone_behind_a_time_is_read(text: str, day: str) -> None:
    moment = parse_date_text(text, "en-GB")
    assert moment is not None
    assert moment.text == day


@pytest.mark.parametrize(
    ("stated", "is_moment"),
    [
        ("2011-11-28T18:12:00Z", False),
        # Only the clock differs.
        ("2011-11-05T01:12:00Z", True),
    ],
)
def test_day_shown_is_that_of_publication_where_the_data_give_the_last_change_for_it(
    stated: str, is_moment: bool, write_page: Write, read_article: Read
) -> None:
    page = write_page(head=_json_ld(datePublished=stated, dateModified=stated), above="<p>4 November 2011</p>")
    published = read_article(page, url="https://news.example.com/bridge").published
    assert published
    assert published.local.startswith("2011-11-04")
    assert (published.at is not None) == is_moment


@pytest.mark.parametrize(
    ("host", "language", "at"),
    [
        ("news.example.au", "en", "07:45"),
        ("news.example.au", "en-US", "07:45"),
        ("news.example.com", "en-AU", "07:45"),
        ("news.example.com", "en-US", "22:45"),
    ],
)
def test_eastern_time_is_that_of_the_country(
    host: str, language: str, at: str, write_page: Write, read_article: Read
) -> None:
    page = write_page(above="<p>5 May 2012 5:45 pm EST</p>").replace(b'lang="en"', f'lang="{language}"'.encode())
    published = read_article(page, url=f"https://{host}/bridge").published
    assert published
    assert published.at
    assert f"{published.at:%H:%M}" == at


@pytest.mark.parametrize(
    "above",
    [
        "<p>Deadline</p><p>5 May 2012</p>",
        "<p>Date of birth: 5 May 1992</p>",
        "<dl><dt>Deadline:</dt><dd>5 May 2012</dd></dl>",
        "<p>Room 3/4/20</p>",
        "<p>When: Saturday 14 December 2024, 17:00</p>",
        "<p>Deadline : 5 May 2012</p>",
    ],
)
def test_no_date_is_invented_from_what_stands_below_the_headline(
    write_page: Write, read_article: Read, above: str
) -> None:
    assert read_article(write_page(above=above)).published is None


@pytest.mark.parametrize(
    ("url", "above", "local"),
    [
        # In Japan it was the next day already; the address may count by UTC.
        ("https://news.example.jp/harbour/bridge", "", "2015-03-04T05:42:10"),
        ("https://news.example.jp/2015/03/03/bridge", "<p>2015年3月4日</p>", "2015-03-04T05:42:10"),
        ("https://news.example.jp/2015/03/03/bridge", "", "2015-03-03T20:42:10"),
        # Brazil has several clocks.
        ("https://news.example.br/harbour/bridge", "", "2015-03-03T20:42:10"),
    ],
)
def test_moment_in_utc_is_told_on_the_clock_of_the_country(
    url: str, above: str, local: str, write_page: Write, read_article: Read
) -> None:
    page = write_page(head=_json_ld(datePublished="2015-03-03T20:42:10Z"), above=above)
    published = read_article(page, url=url).published
    assert published
    assert published.local == local


def test_page_called_error_in_its_title_stays_an_error_page(read_refusal: Callable[..., object]) -> None:
    page = "<html><head><title>Error | Bank</title></head><body><h2>We will be right back!</h2><p>{}</p></body></html>"
    text = (
        "Our site is being looked after and will be there again in a short while, so please come back later, thank you."
    )
    assert read_refusal(page.format(text).encode()).reason == "error_page"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("script", "day"),
    [
        ('{"offer":{"publishDate":"2026-02-01"}};{"title":"A ferry","publishedAt":"2025-10-04T08:00:00Z"}', None),
        ('{"headline":"Harbour bridge opens again","publishedAt":"2025-10-04"};' + "x" * 3000
         + '{"title":"A ferry","publishedAt":"2025-09-01"}', "2025-10-04"),
        ('{"publishDate":"2026-02-01"}', "2026-02-01"),
    ],
)  # fmt: skip
def test_dates_of_other_things_in_scripts_are_left_out(
    script: str, day: str | None, write_page: Write, read_article: Read
) -> None:
    published = read_article(write_page(head=f"<script>var state={script}</script>")).published
    assert (published.day.isoformat() if published else None) == day


@pytest.mark.parametrize(
    "opening",
    ["(21 November 2022) ", "[21.11.2022] ", "(<b>21 November 2022</b>) – "],
)
def test_day_in_brackets_that_opens_the_first_paragraph_is_the_articles(
    opening: str, write_page: Write, read_article: Read
) -> None:
    body = f"<p>{opening}The bridge over the harbour was opened again after two years of repairs, the council said.</p>"
    body += (
        "<p>Engineers replaced four of the nine piers and all of the cables, which had been there since 1931.</p>" * 2
    )
    published = read_article(write_page(body=body)).published
    assert published is not None
    assert published.text == "2022-11-21"


@pytest.mark.parametrize("key", ["publishedAt", "datePublished", "first_published_at", "pubDate"])
def test_date_in_a_script_within_a_string_of_a_script_is_read(key: str, write_page: Write, read_article: Read) -> None:
    inner = f'{{\\"title\\":\\"Harbour bridge opens again\\",\\"{key}\\":\\"2026-01-29T18:40:00+09:00\\"}}'
    below = f'<script>self.__next_f.push([1,"{inner}"])</script>'
    published = read_article(write_page(below=below)).published
    assert published is not None
    assert published.text == "2026-01-29T18:40:00+09:00"


@pytest.mark.parametrize(
    ("line", "published"),
    [
        ("4 March 2025, 09:00 | Updated 5 March 2025, 10:12", "2025-03-04T09:00"),
        ("Erna Banck | The Post | Updated: Mar 5, 2025, 10:12 | Published: Mar 4, 2025, 09:00", "2025-03-04T09:00"),
        ("26/03/2025 01:57 | Actualizado a 27/03/2025 19:20", "2025-03-26T01:57"),
        ("05.04.2025 - Güncelleme : 06.04.2025", "2025-04-05"),
        ("By Erna Banck, harbour and sea, for the Post. Last updated on March 5, 2025", "2025-03-05"),
        ("2025年3月5日 更新", "2025-03-05"),
    ],
)  # fmt: skip
def test_date_before_the_label_of_a_change_is_of_publication(
    line: str, published: str, write_page: Write, read_article: Read
) -> None:
    found = read_article(write_page(above=f"<p>{line}</p>")).published
    assert found is not None
    assert found.local == published


def test_time_element_that_states_a_change_is_not_the_publication(write_page: Write, read_article: Read) -> None:
    stated = '<time itemprop="dateModified" datetime="2025-03-27T19:20:45+01:00" data-timestamp="1743099645">'
    found = read_article(write_page(above=f"{stated}26/03/2025 01:57 | Updated 27/03/2025 19:20</time>"))
    assert found.published is not None
    assert found.modified is not None
    assert (found.published.day, found.modified.day) == (date(2025, 3, 26), date(2025, 3, 27))


def test_day_in_an_address_among_the_sources_is_of_another_page(write_page: Write, read_article: Read) -> None:
    sources = "<h2>Sources</h2><p>https://other.example/2022/07/23/what-the-harbour-costs/</p>"
    assert read_article(write_page(below=sources)).published is None


@pytest.mark.parametrize(
    ("opening", "day"),
    [
        ("SKELBY, March 4, 2025 — ", "2025-03-04"),
        ("Skelby, 4. März 2025 – ", "2025-03-04"),
        ("SKELBY, 4 mars 2025 (AFP) - ", "2025-03-04"),
        ("СКЕЛБИ, 4 марта 2025 — ", "2025-03-04"),
        ("SKELBY, NY / PRESSWIRE / March 4, 2025 / ", "2025-03-04"),
        ("On Monday, 4 March 2025 (the day of the flood), ", None),
        ("By 4 March 2025 – the day of the flood – ", None),
        ("In a letter of 4 March 2025 – the first in years – ", None),
    ],
)
def test_dateline_of_a_long_paragraph_tells_the_day(
    opening: str, day: str | None, write_page: Write, read_article: Read
) -> None:
    first = (
        "the bridge over the harbour was opened again after two years of repairs, said the council, which had first "
    )
    first += (
        "planned to build a tunnel for eleven times the price and then found that there was no money for it at all."
    )
    body = f"<p>{opening}{first}</p>" + "<p>Engineers replaced four of the nine piers and all of the cables.</p>" * 4
    published = read_article(write_page(body=body)).published
    assert (published.text if published else None) == day


@pytest.mark.parametrize(
    "shown",
    [
        "<div>25. Januar 2022</div>",
        "<div class='card'><ul><li><time datetime='2022-01-25'>vor drei Tagen</time></li></ul></div>",
    ],
)
def test_date_of_the_page_gives_way_to_the_day_shown_even_if_that_is_later(
    shown: str, write_page: Write, read_article: Read
) -> None:
    head = '<meta property="og:type" content="article"><meta name="dcterms.date" content="2022-01-21T09:43+01:00">'
    article = read_article(write_page(head=head, above=shown))
    assert article.published is not None
    assert article.published.local == "2022-01-25"


@pytest.mark.parametrize(
    ("shown", "day"),
    [
        # Shown as the day of the article: it has been published again.
        ("<div>12 dicembre 2023</div>", "2023-12-12"),
        ("<div>Aggiornato il 12 dicembre 2023</div>", "2019-03-30"),
        ("<div>30 marzo 2019</div><div>12 dicembre 2023</div>", "2019-03-30"),
        ("", "2019-03-30"),
    ],
)
def test_day_of_the_last_change_is_of_publication_only_where_the_page_shows_it_as_that(
    shown: str, day: str, write_page: Write, read_article: Read
) -> None:
    head = _json_ld(datePublished="2019-03-30T08:00:00+01:00", dateModified="2023-12-12T09:00:00+01:00")
    article = read_article(write_page(head=head, above=shown))
    assert article.published is not None
    assert article.published.day.isoformat() == day


@pytest.mark.parametrize(
    ("host", "stated", "other", "local"),
    [
        # The same moment twice, both times as if it were in UTC: one of them is on a clock of the country.
        ("post.example.com.au", "2020-04-25T07:25:06Z", "2020-04-24T21:25:06+00:00", "2020-04-25T07:25:06"),
        ("jornal.example.com.br", "2022-05-04T00:44:52Z", "2022-05-03T21:44:52Z", "2022-05-03T21:44:52"),
        # No clock of the country is so far ahead, and of these domains no country is known.
        ("post.example.com.au", "2020-04-25T07:25:06Z", "2020-04-25T03:25:06+00:00", "2020-04-25T07:25:06"),
        ("post.example.com", "2020-04-25T07:25:06Z", "2020-04-24T21:25:06+00:00", "2020-04-25T07:25:06"),
    ],
)
def test_time_on_a_clock_of_the_country_that_claims_to_be_in_utc_is_told_by_the_one_that_is(
    host: str, stated: str, other: str, local: str, write_page: Write, read_article: Read
) -> None:
    head = _json_ld(datePublished=stated) + f'<meta property="article:published_time" content="{other}">'
    article = read_article(write_page(head=head), url=f"https://{host}/city/harbour-bridge")
    assert article.published is not None
    assert article.published.local == local
    is_told = ("com.au" in host and other.startswith("2020-04-24")) or "com.br" in host
    assert (article.published.zone_from == "page") is is_told


@pytest.mark.parametrize(
    ("host", "moment", "day"),
    [
        # It is the day before in all of Brazil, and the next one in all of Australia and New Zealand.
        ("jornal.example.com.br", "2022-05-04T00:44:52Z", "2022-05-03"),
        ("post.example.com.au", "2022-05-03T23:10:00Z", "2022-05-04"),
        ("post.example.co.nz", "2022-05-03T15:10:00Z", "2022-05-04"),
        # Here it depends on the town.
        ("post.example.ca", "2022-05-04T04:44:52Z", "2022-05-04T04:44:52"),
        ("post.example.com", "2022-05-04T00:44:52Z", "2022-05-04T00:44:52"),
    ],
)
def test_moment_in_utc_has_the_day_of_a_country_with_several_clocks_where_all_show_it(
    host: str, moment: str, day: str, write_page: Write, read_article: Read
) -> None:
    article = read_article(write_page(head=_json_ld(datePublished=moment)), url=f"https://{host}/city/harbour-bridge")
    assert article.published is not None
    assert article.published.local == day
    assert article.published.at is not None


@pytest.mark.parametrize(
    ("names", "local"),
    [
        (["America/Chicago"], "2023-11-08T22:31:00"),
        (["America/Argentina/Cordoba"], "2023-11-09T01:31:00"),
        (["America/Chicago", "Europe/Berlin"], "2023-11-09T04:31:00"),
        (["America/Nowhere"], "2023-11-09T04:31:00"),
        (["America/Argentina"], "2023-11-09T04:31:00"),
        ([], "2023-11-09T04:31:00"),
    ],
)
def test_zone_that_scripts_name_is_that_of_the_pages_clock_where_it_is_the_only_one(
    names: list[str], local: str, write_page: Write, read_article: Read
) -> None:
    settings = "".join(f'<script>window.site = {{"timezone": {{"long": "{name}"}}}};</script>' for name in names)
    article = read_article(write_page(head=_json_ld(datePublished="2023-11-09T04:31:00Z") + settings))
    assert article.published is not None
    assert article.published.local == local


@pytest.mark.parametrize(
    ("note", "day"),
    [
        ("<p><b>Päivitetty</b> 17.1.2021.</p>", "2021-01-17"),
        ("<p>Päivitetty 17.1.2021.</p><p>Päivitetty 18.2.2022.</p>", None),
        ("<p>Syntynyt 17.1.1981.</p>", None),
    ],
)
def test_labelled_day_of_a_change_counts_where_nothing_else_tells_a_day(
    note: str, day: str | None, write_page: Write, read_article: Read
) -> None:
    between = "".join(f"<p>Lähde {n}</p>" for n in range(12))
    page = write_page(below=f"<section>{between}{note}</section>").replace(b'lang="en"', b'lang="fi"')
    article = read_article(page)
    assert (article.published.local if article.published else None) == day


@pytest.mark.parametrize(
    ("shown", "day"), [("<p>By Jane Doe, 12 May 2024</p>", "2024-05-12"), ("<p>By Jane Doe</p>", "2024-05-05")]
)
def test_day_in_the_title_counts_where_no_other_is_shown(
    shown: str, day: str, write_page: Write, read_article: Read
) -> None:
    article = read_article(write_page(title="Interview | 5 May 2024: what I saw at the harbour", above=shown))
    assert article.published is not None
    assert article.published.local == day


@pytest.mark.parametrize(
    ("url", "modified"),
    [
        ("https://bote.example.de/hafen/boote", "2025-07-09T15:15:00"),
        ("https://post.example.br/porto/barcos", "2025-07-09T13:15:00"),
    ],
)
def test_change_told_in_utc_is_on_the_clock_of_the_publication(
    url: str, modified: str, write_page: Write, read_article: Read
) -> None:
    head = _json_ld(datePublished="2025-01-09T12:00:00Z", dateModified="2025-07-09T13:15:00Z")
    found = read_article(write_page(head=head), url=url).modified
    assert found is not None
    assert found.local == modified
    assert f"{found.at:%H:%M}" == "13:15"
