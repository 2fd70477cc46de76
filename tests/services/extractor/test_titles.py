"""Which words of a page are its headline."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coranto.records import Content

Write = Callable[..., bytes]
Read = Callable[..., Content]

_LEAD = "<p>Two years of repairs are over, and the ferry goes back to the island.</p>"


_WINDOW = "Harbour bridge opens again after two years of repairs to its cables"


def _page(heading: str, *stated: str, above: str = "", window: str | None = None) -> bytes:
    names = ("og:title", "twitter:title")
    head = "".join(f'<meta property="{name}" content="{text}">' for name, text in zip(names, stated, strict=False))
    text = "".join(
        f"<p>The council said on day {number} that the bridge is open, and that it cost less.</p>"
        for number in range(9)
    )
    window = window or f"{stated[-1]} | Post"
    return f"<html><head><title>{window}</title>{head}</head><body><main>{above}{heading}{_LEAD}{text}</main>".encode()


@pytest.mark.parametrize(
    ("heading", "stated", "title"),
    [
        # A kicker in an element of its own, and the metadata without it.
        ("<h1><span>City : </span><span>Harbour bridge opens again</span></h1>", "Harbour bridge opens again",
         "Harbour bridge opens again"),
        ("<h1><small>Repairs end:</small> Harbour bridge opens again</h1>", "Harbour bridge opens again",
         "Harbour bridge opens again"),
        # The metadata with another kicker.
        ("<h1><span>Repairs</span> <span>“The harbour bridge is open”</span></h1>", "Interview: “The harbour bridge is open”",
         "“The harbour bridge is open”"),
        # A subtitle in an element of its own.
        ("<h1>Harbour bridge opens again <small>What changes for buses</small></h1>", "Harbour bridge opens again",
         "Harbour bridge opens again"),
        # A separator between two parts that the HTML lacks.
        ("<h1><span>Two years on</span> <span>Harbour bridge opens again</span></h1>",
         "Two years on: Harbour bridge opens again", "Two years on: Harbour bridge opens again"),
        # One text is one headline, whatever the metadata leave out of it.
        ("<h1>Update | Harbour bridge opens again</h1>", "Harbour bridge opens again",
         "Update | Harbour bridge opens again"),
        ("<h1>The old harbour bridge opens again</h1>", "Old harbour bridge opens again",
         "The old harbour bridge opens again"),
        ("<h1>Harbour bridge opens again</h1>", "Harbour bridge opens again...", "Harbour bridge opens again"),
    ],
)  # fmt: skip
def test_headline_is_separated_from_kicker_and_subtitle(
    heading: str, stated: str, title: str, read_article: Read
) -> None:
    article = read_article(_page(heading, stated, stated))
    assert article.title == title
    # The line under the headline stays, whatever was cut from the heading.
    assert article.paragraphs[0].text.startswith("Two years of repairs")


@pytest.mark.parametrize(
    "above",
    ['<h1><a href="https://news.example/">Harbour notes</a></h1>', '<a href="/"><h1>Harbour notes</h1></a>'],
)
def test_heading_that_links_to_the_front_page_is_the_name_of_the_site(above: str, read_article: Read) -> None:
    heading = "<h2>Harbour bridge opens again</h2>"
    article = read_article(_page(heading, "Harbour notes Harbour bridge opens again", above=above))
    assert article.title == "Harbour bridge opens again"


def test_only_heading_is_the_headline_in_a_script_without_spaces(read_article: Read) -> None:
    """Although the title of the window and that for previews name the channel."""
    text = "".join(
        f"<p>市政府在第{number}天表示，大桥已经重新开放，费用低于预期，居民可以免费通行。</p>" for number in range(5)
    )
    head = '<title>港口频道</title><meta property="og:title" content="港口频道">'
    page = f"<html><head>{head}</head><body><main><h1>大桥在关闭三年之后重新开放</h1>{text}</main>"
    assert read_article(page.encode()).title == "大桥在关闭三年之后重新开放"


def test_short_heading_of_a_box_is_not_the_headline(read_article: Read) -> None:
    article = read_article(_page("<h2>By topic</h2>", above='<a href="/"><h1>Harbour notes</h1></a>', window=_WINDOW))
    assert article.title == _WINDOW


def test_closing_quotation_mark_is_not_a_separator(read_article: Read) -> None:
    article = read_article(_page("", "Mayor: «The bridge is open»", "Mayor: «The bridge is open»"))
    assert article.title == "Mayor: «The bridge is open»"


def test_title_for_search_engines_among_the_breadcrumbs_is_not_the_headline(
    write_page: Write, read_article: Read
) -> None:
    engines, headline = "Harbour bridge: when will it open again?", "Forty new cables, and the buses are back"
    page = (
        write_page(
            title=engines,
            head=f'<script type="application/ld+json">{{"@type": "NewsArticle", "headline": "{headline}"}}</script>',
        )
        .replace(b"<h1>", b"<nav><ol><li><a href='/city'>City</a></li><li><h1>")
        .replace(b"</h1>", f"</h1></li></ol></nav><h2>{headline}</h2>".encode())
    )
    assert read_article(page).title == headline


def test_only_heading_of_a_page_is_its_headline_wherever_it_is(write_page: Write, read_article: Read) -> None:
    page = write_page().replace(b"<h1>", b"<ul><li><h1>").replace(b"</h1>", b"</h1></li></ul>")
    assert read_article(page).title == "Harbour bridge opens again"


@pytest.mark.parametrize(
    ("window_title", "headings", "title"),
    [
        # Only the window's title is stated, and no heading agrees with it.
        ("History", "<h1>A choir and its years</h1>", "A choir and its years"),
        ("History", "<h1>Choirhistory</h1>", "Choirhistory"),
        ("Submissions", "<aside><h1>Menu of pages</h1></aside><h2>Checklist for authors</h2>", "Checklist for authors"),
        # The first heading names the site.
        ("Choir Post", "<h1>Choir Post</h1><h2>A choir and its years</h2>", "A choir and its years"),
        ("Choir Post", "<h1>Choir Post</h1>", "Choir Post"),
        # A heading of one word may be a label.
        ("A choir and its past", "<h2>Topics</h2>", "A choir and its past"),
    ],
)
def test_headline_of_a_page_whose_title_names_something_else(
    window_title: str, headings: str, title: str, read_article: Read
) -> None:
    text = "".join(
        f"<p>The boys sang in town number {n} that year, and the bishop came to hear them.</p>" for n in range(9)
    )
    head = f'<title>{window_title}</title><meta property="og:site_name" content="Choir Post">'
    article = read_article(f"<html><head>{head}</head><body>{headings}<main>{text}</main></body></html>".encode())
    assert article.title == title


@pytest.mark.parametrize(
    ("headings", "below", "title"),
    [
        # A heading between the paragraphs has the very words of the metadata.
        ("<h1>What the new harbour bridge means for buses</h1>", "<h2>Harbour bridge opens again</h2>",
         "What the new harbour bridge means for buses"),
        ("<h1>港の新しい橋とバスの乗り換えについて</h1>", "<h2>港の橋が開通しました</h2>", "港の新しい橋とバスの乗り換えについて"),
        # An h1 that is about something else, or only a label, is not the headline.
        ("<h1>Notes from our readers</h1><h2>Harbour bridge opens again</h2>", "", "Harbour bridge opens again"),
        ("<h1>Harbour</h1><h2>Harbour bridge opens again</h2>", "", "Harbour bridge opens again"),
        # Boxes and cards have headings of the first rank too.
        ("<h1>The new harbour bridge and the buses</h1>",
         "<h1>More about this</h1><h1><a href='/2'>Harbour bridge closed in storm</a></h1>",
         "The new harbour bridge and the buses"),
        ("<h1>Our topics</h1>", "<h1>More about this</h1>", "Harbour bridge opens again"),
    ],
)  # fmt: skip
def test_first_heading_of_the_page_that_resembles_the_metadata_is_the_headline(
    headings: str, below: str, title: str, read_article: Read
) -> None:
    stated = "港の橋が開通しました" if "港" in headings else "Harbour bridge opens again"
    page = (
        _page(headings, stated, stated)
        .decode()
        .replace("</main>", below + "<p>Buses stop at both ends of it, the council said.</p></main>")
    )
    assert read_article(page.encode()).title == title


def test_heading_is_taken_from_a_box_beside_the_article_only_where_there_is_no_other(read_article: Read) -> None:
    text = "".join(
        f"<p>The boys sang in town number {n} that year, and the bishop came to hear them.</p>" for n in range(9)
    )
    page = f"<html><head><title>History</title></head><body>{{}}<main>{{}}{text}</main></body></html>"
    box, own = '<div class="sidebar"><h1>Choirs that write to you</h1></div>', "<h1>A choir and its years</h1>"
    assert read_article(page.format(box, own).encode()).title == "A choir and its years"
    assert read_article(page.format(box, "").encode()).title == "Choirs that write to you"


@pytest.mark.parametrize(
    ("heading", "stated", "title"),
    [
        ("<h1>Bridge opens again this week</h1>", ["Bridge opens again this week -"], "Bridge opens again this week"),
        ("", ["Bridge opens again this week-City", "Bridge opens again this week"], "Bridge opens again this week"),
        ("<h1>5 May 2024 Bridge opens this week</h1>", ["Bridge opens this week - Town"], "Bridge opens this week"),
    ],
)
def test_marks_sections_and_dates_around_a_headline_are_cut(
    heading: str, stated: list[str], title: str, read_article: Read
) -> None:
    assert read_article(_page(heading, *stated)).title == title


@pytest.mark.parametrize(
    ("language", "section", "title", "headings"),
    [
        ("de", "Gaspreise", "Energiekrise: Rechte auf einen Blick", "<h6>{}</h6><h5><em>Von Lena Holm</em></h5>"),
        ("ru", "Новости", "Мост в порту снова открыт для машин", "<h4>{}</h4><div>4 мая 2023</div>"),
        ("tr", "Haberler", "Liman köprüsü yeniden trafiğe açıldı", "<h3>{}</h3>"),
        ("ja", "ニュース", "港の橋が再び車に開放されました", "<h2>本文</h2><h3>{}</h3>"),
        ("el", "Ειδήσεις", "Η γέφυρα του λιμανιού άνοιξε ξανά", "<h2>Κύριο</h2><h2>{}</h2>"),
    ],
)
def test_heading_of_a_low_rank_is_the_headline_where_the_title_only_names_the_section(
    language: str, section: str, title: str, headings: str, read_article: Read
) -> None:
    text = "".join(
        f"<p>The boys sang in town number {n} that year, and the bishop came to hear them.</p>" for n in range(9)
    )
    below = "<h4>Other things to read today</h4>"
    body = f"<div>{headings.format(title)}{text}</div>{below}"
    page = f'<html lang="{language}"><head><title>{section}</title></head><body>{body}</body></html>'
    assert read_article(page.encode()).title == title


def test_heading_of_a_low_rank_does_not_replace_a_title_that_tells_something(read_article: Read) -> None:
    text = "".join(
        f"<p>The boys sang in town number {n} that year, and the bishop came to hear them.</p>" for n in range(9)
    )
    page = f"<html><head><title>A choir and its past</title></head><body><h4>Choose a day and an hour</h4>{text}</body></html>"
    assert read_article(page.encode()).title == "A choir and its past"


@pytest.mark.parametrize(
    "heading",
    [
        "Hafenbrücke wieder offen <small>Verkehr in der Stadt</small>",
        "<small>Verkehr in der Stadt</small> Hafenbrücke wieder offen",
        "Hafenbrücke wieder offen<span class='aural'>, Thema:</span> <small>Verkehr</small>",
        "Hafenbrücke wieder offen <small><span class='aural'>: , Thema:</span> <span>Verkehr</span></small>",
        "<span class='element-invisible'>Artikel:</span> Hafenbrücke wieder offen",
    ],
)
def test_small_letters_and_words_for_screen_readers_in_a_heading_are_not_of_the_headline(
    heading: str, read_article: Read
) -> None:
    text = "".join(
        f"<p>Die Knaben sangen in jenem Jahr in {n} Städten, und der Bischof kam, um sie zu hören.</p>"
        for n in range(9)
    )
    page = f"<html lang=de><head><title>Beispielpost</title></head><body><h1>{heading}</h1>{text}</body></html>"
    assert read_article(page.encode()).title == "Hafenbrücke wieder offen"


def test_line_set_above_the_headline_as_an_h1_is_not_it(read_article: Read) -> None:
    heading = "<h1 class='strapline'>Ponte do porto: obras</h1><h2 class='title'>A ponte abre de novo ao trânsito</h2>"
    article = read_article(_page(heading, "A ponte abre de novo ao trânsito - Ponte do porto: obras"))
    assert article.title == "A ponte abre de novo ao trânsito"


@pytest.mark.parametrize(
    "line",
    [
        "<div class='l-headline'><span>Satamasilta avataan jälleen</span></div>",
        "<div class='module-title'><div><p><em>Satamasilta avataan jälleen</em></p></div></div>",
    ],
)
@pytest.mark.parametrize("stated", ["Uutiset", "Satama Post"])
def test_line_with_the_class_of_a_headline_is_it_where_only_the_section_or_the_site_is_stated(
    line: str, stated: str, read_article: Read
) -> None:
    page = _page(line, stated).replace(b"<head>", b'<head><meta property="og:site_name" content="Satama Post">')
    page = page.replace(b'<meta property="og:title" content="Uutiset">', b"")
    article = read_article(page.replace(b"<main>", b"<h1><a href='/'>Satama Post</a></h1><main>"))
    assert article.title == "Satamasilta avataan jälleen"


def test_title_of_the_window_as_description_is_no_lead(read_article: Read) -> None:
    title = "Satamasilta avataan jälleen | Satama Post"
    page = _page("<h1>Satamasilta avataan jälleen</h1>", title).decode()
    page = page.replace("<head>", f'<head><meta name="description" content="{title} | Post">')
    assert read_article(page.encode()).lead is None


@pytest.mark.parametrize(
    ("title", "headline"),
    [
        ("The Example Post | Harbour bridge opens again | 04.03.2025", "Harbour bridge opens again"),
        ("4 March 2025 - Harbour bridge opens again - The Example Post", "Harbour bridge opens again"),
        ("Harbour bridge opens again | Tuesday 4 March 2025", "Harbour bridge opens again"),
        ("Morning letter | 4 March 2025", "Morning letter | 4 March 2025"),
        ("THE EXAMPLE POST: Harbour bridge opens again", "Harbour bridge opens again"),
        ("Harbour bridge opens again - all we know of the flood of 4 March 2025", None),
    ],
)
def test_day_beside_the_headline_in_the_title_is_no_part_of_it(
    title: str, headline: str | None, read_article: Read
) -> None:
    paragraph = (
        "<p>The bridge over the harbour was opened again on Monday after two years of repairs, said the council.</p>"
    )
    page = f"<html><head><title>{title}</title><meta property='og:site_name' content='The Example Post'></head><body>"
    assert read_article(f"{page}{paragraph * 3}</body></html>".encode()).title == (headline or title)
