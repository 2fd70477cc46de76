"""Who counts as an author, a desk or a source, and who does not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from coranto.records import Content
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.given_names import is_given_name

Write = Callable[..., bytes]
Read = Callable[..., Content]


def _json_ld(**members: object) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", **members})}</script>'


def _names(article: Content) -> tuple[list[str], list[str]]:
    return [person.name for person in article.authors], [*article.signed_by, *article.agencies]


@pytest.mark.parametrize(
    ("stated", "persons", "desks"),
    [
        (["Jane Doe", "Gear Team"], ["Jane Doe"], ["Gear Team"]),
        (["HB-Redaktion"], [], ["HB-Redaktion"]),
        (["Harbour Staff"], [], ["Harbour Staff"]),
        (["News Desk"], [], []),
        (["Team"], [], []),
    ],
)
def test_desk_with_a_name_of_its_own_is_a_source(
    stated: list[str], persons: list[str], desks: list[str], write_page: Write, read_article: Read
) -> None:
    assert _names(read_article(write_page(head=_json_ld(author=stated)))) == (persons, desks)


def test_desk_counts_only_in_a_statement_of_authors(write_page: Write, read_article: Read) -> None:
    head = '<meta property="og:type" content="article"><meta name="author" content="Harbour Staff">'
    page = write_page(head=head, above="<p class='author'>Write to the Harbour Staff</p>")
    assert _names(read_article(page)) == ([], [])


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("신현주 기자", "신현주"),
        ("山田太郎記者", "山田太郎"),
        ("Doe, Jane", "Jane Doe"),
        ("Interview: Jane Doe", "Jane Doe"),
        ("Ein Gastbeitrag von Jana Dohm", "Jana Dohm"),
        ("JANE DOE", "JANE DOE"),
        ("谢若含2017-03-01 14:27:02", "谢若含"),
    ],
)
def test_name_is_separated_from_the_words_around_it(
    stated: str, name: str, write_page: Write, read_article: Read
) -> None:
    assert _names(read_article(write_page(head=_json_ld(author=stated)))) == ([name], [])


def test_meta_author_of_a_page_that_is_not_an_article_must_be_shown_near_the_text(
    write_page: Write, read_article: Read
) -> None:
    head = '<meta name="author" content="Jane Doe">'
    assert _names(read_article(write_page(head=head))) == ([], [])
    assert _names(read_article(write_page(head=head, above="<p>Text and photos: Jane Doe</p>"))) == (["Jane Doe"], [])
    assert _names(read_article(write_page(head=head, below="<p>© 2024 Jane Doe</p>"))) == ([], [])
    owned = f'{head}<meta name="copyright" content="Jane Doe, Oslo">'
    assert _names(read_article(write_page(head=owned, above="<p>The harbour of Jane Doe</p>"))) == ([], [])
    declared = f'{head}<meta property="og:type" content="article">'
    assert _names(read_article(write_page(head=declared))) == (["Jane Doe"], [])


def test_meta_author_of_one_word_is_the_maker_of_the_site(write_page: Write, read_article: Read) -> None:
    head = '<meta property="og:type" content="article"><meta name="author" content="Janni">'
    assert _names(read_article(write_page(head=head))) == ([], [])


def test_imprint_in_the_author_element_names_nobody(write_page: Write, read_article: Read) -> None:
    head = '<meta property="og:type" content="article"><meta name="author" content="The Example Post, Oslo, Norway">'
    assert _names(read_article(write_page(head=head))) == ([], [])


def test_sections_and_buttons_beside_a_byline_are_not_names(write_page: Write, read_article: Read) -> None:
    links = '<a href="/jane-doe">Jane Doe</a> <a href="/contact">Contact</a>'
    assert _names(read_article(write_page(above=f"<p class='author'>{links}</p>"))) == (["Jane Doe"], [])
    rubrics = " ".join(f'<a href="/{name}">{name}</a>' for name in ("Harbour", "Transit", "Islands"))
    assert _names(read_article(write_page(above=f"<p class='author'>{rubrics}</p>"))) == ([], [])


def test_blog_called_after_its_author_does_not_make_the_author_a_brand(write_page: Write, read_article: Read) -> None:
    page = write_page(head=_json_ld(author="Jane Doe")).replace(b"The Example Post", b"Jane Doe's blog")
    assert _names(read_article(page)) == (["Jane Doe"], [])


def test_person_that_the_data_also_call_an_organisation_is_a_person(write_page: Write, read_article: Read) -> None:
    author = {"@type": ["Person", "Organization"], "name": "Jane Doe"}
    assert _names(read_article(write_page(head=_json_ld(author=author)))) == (["Jane Doe"], [])


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Reportaje de Juana Díaz", "Juana Díaz"),
        ("De notre correspondante Jeanne Dupont", "Jeanne Dupont"),
        ("Articolo di Gianna Rossi", "Gianna Rossi"),
        ("Van onze verslaggever Jan Jansen", "Jan Jansen"),
        ("Rozmawiała: Janina Nowak", "Janina Nowak"),
        ("Підготувала Яна Коваль", "Яна Коваль"),
        ("Připravil: Jan Novák", "Jan Novák"),
        ("Röportaj: Can Yılmaz", "Can Yılmaz"),
        ("Γράφει ο Γιάννης Δήμου", "Γιάννης Δήμου"),
        ("بقلم: جنى حداد", "جنى حداد"),
        ("מאת: יעל כהן", "יעל כהן"),
        ("نویسنده: سارا احمدی", "سارا احمدی"),
        ("Ditulis oleh Jaya Putra", "Jaya Putra"),
        ("Tác giả: Lan Nguyễn", "Lan Nguyễn"),
        ("Text och foto: Jan Svensson", "Jan Svensson"),
        ("Készítette: Kovács János", "Kovács János"),
    ],
)
def test_byline_is_read_in_the_language_of_the_page(
    line: str, name: str, write_page: Write, read_article: Read
) -> None:
    assert _names(read_article(write_page(above=f"<p>{line}</p>"))) == ([name], [])


@pytest.mark.parametrize("name", ["مراسل", "פרשנית", "संवाददाता", "päätoimittaja", "Redaksi", "Tòa soạn", "综合报道"])
def test_role_without_a_name_is_not_a_person_in_any_language(name: str, write_page: Write, read_article: Read) -> None:
    assert _names(read_article(write_page(head=_json_ld(author=name)))) == ([], [])


@pytest.mark.parametrize(
    "name", ["رويترز", "뉴시스", "法新社", "Agência Brasil", "Anadolu Ajansı", "Інтерфакс-Україна"]
)
def test_agencies_are_known_in_their_own_scripts(name: str, write_page: Write, read_article: Read) -> None:
    article = read_article(write_page(head=_json_ld(author=name)))
    assert article.authors == ()
    assert len(article.agencies) == 1


def test_stated_name_of_one_word_counts_where_the_page_shows_it(write_page: Write, read_article: Read) -> None:
    head = _json_ld(author="Janni")
    assert _names(read_article(write_page(head=head))) == ([], [])
    assert _names(read_article(write_page(head=head, above="<p>Janni, 5 January 2024</p>"))) == (["Janni"], [])


@pytest.mark.parametrize(
    ("byline", "names"),
    [
        ("<p class='author vcard'><a href='/doe'>Jane Doe</a> Senior Harbour Correspondent</p>", ["Jane Doe"]),
        ("<p class='firma'>Ángela Dote | Madrid</p>", ["Ángela Dote"]),
        ("<p>By Jane Doe post.com Archive | Contact</p>", ["Jane Doe"]),
        ("<p>By JANE DOE, Executive Editor | Friday June 7, 2013</p>", ["JANE DOE"]),
        ("<p>By Richard (Dick) Roe</p>", ["Richard (Dick) Roe"]),
        ("<div class='comments_datetime'>By JANE DOE 10/5/11 09:19 PM ET</div>", ["JANE DOE"]),
    ],
)
def test_byline_is_read_whatever_is_beside_the_name(
    byline: str, names: list[str], write_page: Write, read_article: Read
) -> None:
    assert _names(read_article(write_page(above=byline))) == (names, [])


def test_writer_the_page_shows_stands_beside_the_agency_its_data_name(write_page: Write, read_article: Read) -> None:
    head = '<meta property="og:type" content="article"><meta name="author" content="Reuters">'
    assert _names(read_article(write_page(head=head, above="<p>By Jane Doe</p>"))) == (["Jane Doe"], ["Reuters"])
    assert _names(read_article(write_page(head=head, above="<p>By Washington</p>"))) == ([], ["Reuters"])


# Lines between headline and text; what they hold beside the name is different in each.
_LINES = [
    "By Jane Doe",
    "ByJane Doe Dec 9, 2024",
    "By Jane Doe on December 9, 2024",
    "Dec 9, 2024 at 2:56 pm | By Jane Doe",
    "Posted on December 9, 2024 by Jane Doe",
    "Monday December 9, 2024 10:05 am PDT by Jane Doe",
    "A column by Jane Doe",
    "Written by Jane Doe",
    "Text & photos: Jane Doe",
    "Date: 9.12.2024 Author: Jane Doe Source: The Harbour",
    "23.2.2024 Text: Jane Doe Photos: Max Roe",
    "Jane Doe | 09.12.2024 - 12:45",
    "09.12.2024 | 13:10 | Jane Doe",
    "Jane Doe - December 9, 2024",
]


@pytest.mark.parametrize("line", _LINES)
def test_name_is_found_in_each_kind_of_byline(line: str, write_page: Write, read_article: Read) -> None:
    assert _names(read_article(write_page(above=f"<div>{line}</div>"))) == (["Jane Doe"], [])


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("Автор материала — Регина Прохорова.", ["Регина Прохорова"]),
        ("Ein Artikel von Pia Dohm | 27.01.2024 - 12:45", ["Pia Dohm"]),
        ("05.02.2024 - Redaktion: Emil Dohm (Pressesprecher)", ["Emil Dohm"]),
        ("Von Tim Dohm und Jana Roth", ["Tim Dohm", "Jana Roth"]),
        ("Posted by Konstantin 21.10.2024", ["Konstantin"]),
        ("Par Jeanne Durand et Luc Petit, le 9 décembre 2024", ["Jeanne Durand", "Luc Petit"]),
        # Neither a place nor a section, a menu or whom the article is about.
        ("New York, December 9, 2024", []),
        ("Posted on December 9, 2024", []),
        ("Email 9 Smaller Font Text Larger Text | Print", []),
        ("Harbour Bridge | 09.12.2024", []),
        ("Sep 5, 2024 by", []),
    ],
)
def test_line_between_headline_and_text_names_persons_or_nobody(
    line: str, names: list[str], write_page: Write, read_article: Read
) -> None:
    assert _names(read_article(write_page(above=f"<div>{line}</div>"))) == (names, [])


def test_bare_name_counts_beside_a_date_only(write_page: Write, read_article: Read) -> None:
    date = "<div>9 December 2024</div>"
    assert _names(read_article(write_page(above=f"<div>Jane Doe</div>{date}"))) == (["Jane Doe"], [])
    assert _names(read_article(write_page(above=f"<div>Jane Doe, @janedoe</div>{date}"))) == (["Jane Doe"], [])
    assert _names(read_article(write_page(above="<div>Jane Doe</div>"))) == ([], [])
    assert _names(read_article(write_page(above=f"<figure><figcaption>Jane Doe</figcaption></figure>{date}"))) == (
        [],
        [],
    )


@pytest.mark.parametrize(
    "river",
    [
        '<div><a href="/robots">Dock robots learn to tie knots</a> <span>by <a rel="author" href="/p/a">Max Roe</a></span></div>',
        '<div><h3><a href="/robots">Dock robots learn to tie knots</a></h3><p class="byline">By Max Roe</p></div>',
        '<article><h3><a href="/robots">Dock robots learn to tie knots</a></h3><span itemprop="author">Max Roe</span></article>',
    ],
)
def test_authors_of_other_articles_below_the_text_are_nobodys_here(
    river: str, write_page: Write, read_article: Read
) -> None:
    page = write_page(below=f"<div class='river'>{river}{river.replace('Max', 'Pia')}</div>")
    assert _names(read_article(page)) == ([], [])


@pytest.mark.parametrize(
    ("above_headline", "above_text"),
    [
        # A section in the box of the byline.
        ("", """<div class="author">by <address>Jane Doe</address><ul class="breadcrumbs">in<li>Harbour Tests</li></ul></div>"""),
        # Cards, each with the byline of its own article.
        ("", """<div class="byline">By Jane Doe</div>
             <h2>Ferry stays away for another week</h2><div class="byline">By Max Roe</div>
             <h2>Market moves to the old town</h2><div class="byline">By Ann Poe</div>"""),
        # What readers wrote.
        ("""<div><ul class="jcomments-latest"><li><span class="author">Max Roe</span> so nice</li></ul></div>""",
         """<div class="byline">By Jane Doe</div>"""),
    ],
)  # fmt: skip
def test_names_of_other_articles_readers_and_sections_are_left_out(
    above_headline: str, above_text: str, write_page: Write, read_article: Read
) -> None:
    page = write_page(above=above_text).replace(b"<h1>", f"{above_headline}<h1>".encode())
    assert _names(read_article(page)) == (["Jane Doe"], [])


def test_heading_such_as_read_also_ends_where_bylines_are_looked_for(write_page: Write, read_article: Read) -> None:
    below = "<h4>Auch interessant</h4><div>Im Wortlaut von Jane Doe</div>"
    assert _names(read_article(write_page(below=below))) == ([], [])


def test_byline_below_the_text_counts_though_the_name_is_a_link(write_page: Write, read_article: Read) -> None:
    page = write_page(below="<p><a href='/people/jane'>Written by Jane Doe and Max Roe</a></p><p>8 April 2024</p>")
    assert _names(read_article(page)) == (["Jane Doe", "Max Roe"], [])


def test_writers_of_comments_in_microdata_are_not_authors(write_page: Write, read_article: Read) -> None:
    comment = (
        '<ol class="posts-below"><li itemprop="comment" itemscope itemtype="http://schema.org/Comment">'
        '<span itemprop="author">Max Roe</span><div itemprop="text">We walked there in the spring.</div></li></ol>'
    )
    assert _names(read_article(write_page(above="<div>Words by Jane Doe</div>", below=comment))) == (["Jane Doe"], [])


def test_box_about_the_author_names_the_author_where_nothing_else_does(write_page: Write, read_article: Read) -> None:
    box = "<div class='author-bio'><h3>Jane Doe</h3><p>She writes about bridges and the harbour, and lives on an island.</p></div>"
    # Right below the text, a name alone would count without a box.
    box = f"<p>Share this</p><p>Print this</p><p>Send it to a friend</p>{box}"
    article = read_article(write_page(below=box))
    assert _names(article) == (["Jane Doe"], [])
    assert article.origins["authors"].source == "author-box"
    assert _names(read_article(write_page(above="<p>By Max Roe</p>", below=box))) == (["Max Roe"], [])


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ({"@type": "Person", "givenName": "Jane", "familyName": "Doe"}, "Jane Doe"),
        ({"@type": "Person", "name": "Oriol Casals i Prats"}, "Oriol Casals i Prats"),
        ({"@type": "Person", "name": "Di Wu"}, "Di Wu"),
        ({"@type": "Person", "name": "Clara Jane May"}, "Clara Jane May"),
        ({"@type": "Person", "name": "Tim Dohm"}, "Tim Dohm"),
        ({"@type": "Person", "name": "Von Heiko"}, "Heiko"),
    ],
)
def test_name_stays_whole(stated: dict[str, str], name: str, write_page: Write, read_article: Read) -> None:
    page = write_page(head=_json_ld(author=stated), above=f"<p>{name}</p>")
    assert _names(read_article(page)) == ([name], [])


def test_name_that_ends_in_a_month_is_cut_at_the_date_only(write_page: Write, read_article: Read) -> None:
    above = '<div class="item-byline"><span class="author">Clara Jane May</span> <span>July 10, 2015</span></div>'
    assert _names(read_article(write_page(above=above))) == (["Clara Jane May"], [])


@pytest.mark.parametrize(
    "key", ["not_person", "desk", "roles", "name_titles", "affiliation_words", "read_also", "boilerplate"]
)
def test_no_word_that_speaks_against_a_name_is_a_name(key: str) -> None:
    words = {word for word in phrase_lists.phrases(key) if word.isalpha()}
    assert {word for word in words if is_given_name(word)} - _WORDS_RATHER_THAN_NAMES == set()


# The list of given names is collected from many countries and has some words of other languages in it.
_WORDS_RATHER_THAN_NAMES = {"author", "del", "media", "min", "press", "unknown"}


@pytest.mark.parametrize(
    ("href", "name", "persons"),
    [
        ("/about/editors/jane-doe/", "Jane Doe", ["Jane Doe"]),
        ("https://blog.news.example/authors/jd", "Jane Doe", ["Jane Doe"]),
        ("/autoren/jana-dohm", "Alle Beiträge von Jana Dohm", ["Jana Dohm"]),
        ("/periodista/juana", "Juana", ["Juana"]),
        # A section, a profile on another site, and a link whose address says nothing.
        ("/author/comedy", "Comedy", []),
        ("https://video.example/user/janedoe", "Jane Doe", []),
        ("/harbour/jane-doe", "Jane Doe", []),
    ],
)
def test_link_to_a_page_about_an_author_names_the_author(
    href: str, name: str, persons: list[str], write_page: Write, read_article: Read
) -> None:
    page = write_page(above=f'<div class="x1"><a href="{href}">{name}</a></div><div>City</div>')
    assert _names(read_article(page)) == (persons, [])


def test_authors_of_cards_below_the_text_are_left_out_where_one_is_named_above(
    write_page: Write, read_article: Read
) -> None:
    cards = "".join(
        f'<div class="grid-{n}"><div>Ferry timetable number {n} is out</div><p class="by-{n}"><span itemprop="author"><span '
        f'itemprop="name">{name}</span></span></p></div>'
        for n, name in enumerate(("Max Roe", "Ana Díaz"))
    )
    own = '<p><span itemprop="author"><span itemprop="name">Jane Doe</span></span></p>'
    assert _names(read_article(write_page(above=own, below=cards))) == (["Jane Doe"], [])


def test_author_who_holds_no_copyright_comes_before_one_who_does(write_page: Write, read_article: Read) -> None:
    head = (
        '<meta property="og:type" content="article"><meta name="copyright" content="© Grand House 2022">'
        '<meta name="author" content="Grand House"><meta name="article:author" value="Jane Doe">'
    )
    assert _names(read_article(write_page(head=head))) == (["Jane Doe"], [])


@pytest.mark.parametrize(
    ("label", "persons"), [("Written by", ["Jane Doe"]), ("Verfasst von", ["Jane Doe"]), ("Likes", [])]
)
def test_preview_of_the_page_may_name_the_author(
    label: str, persons: list[str], write_page: Write, read_article: Read
) -> None:
    head = (
        '<meta property="og:type" content="article">'
        f'<meta name="twitter:label1" content="{label}"><meta name="twitter:data1" content="Jane Doe">'
    )
    assert _names(read_article(write_page(head=head))) == (persons, [])


@pytest.mark.parametrize(
    ("word", "line", "persons"),
    [
        ("Autor:", "Jana Dohm", ["Jana Dohm"]),
        ("By", "Jane Doe", ["Jane Doe"]),
        ("Texte", "Photos", []),
        ("Datum:", "Jana Dohm", []),
    ],
)
def test_byline_word_and_name_may_be_in_two_elements(
    word: str, line: str, persons: list[str], write_page: Write, read_article: Read
) -> None:
    assert _names(read_article(write_page(above=f"<h5>{word}</h5><div>{line}</div>"))) == (persons, [])


@pytest.mark.parametrize(
    ("first", "last", "persons"),
    [
        ("Von Jana Dohm", "", ["Jana Dohm"]),
        ("", "<strong>Текст:</strong> Яна Коваль<br>Фото: архив", ["Яна Коваль"]),
        ("", "<b><i>Jane Doe</i></b>", ["Jane Doe"]),
        ("", "Harbour office", []),
    ],
)
def test_text_may_begin_or_end_with_its_author(
    first: str, last: str, persons: list[str], write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    lines = "".join(f"<p>{line}</p>" for line in (first, *paragraphs, last) if line)
    assert _names(read_article(write_page(body=lines))) == (persons, [])


@pytest.mark.parametrize(
    ("byline", "persons"),
    [
        ('<a class="author" href="/User/JaneDoe/"><span>By</span>Jane Doe</a>', ["Jane Doe"]),
        ('<span class="author-info"><a href="/in/jd">Jane Doe</a><a class="button">Follow</a></span>', ["Jane Doe"]),
        ('<span class="author"><a href="/jd">Jane Doe</a>, <a href="/mr">Max Roe</a></span>', ["Jane Doe", "Max Roe"]),
    ],
)
def test_byline_without_spaces_between_its_elements_is_read(
    byline: str, persons: list[str], write_page: Write, read_article: Read
) -> None:
    assert _names(read_article(write_page(above=f"<div>{byline}</div>"))) == (persons, [])


def test_first_name_alone_is_completed_from_the_page(write_page: Write, read_article: Read) -> None:
    head = _json_ld(author={"@type": "Person", "name": "Jane"})
    assert _names(read_article(write_page(head=head, above="<p>By</p><p>Jane Doe</p>"))) == (["Jane Doe"], [])
    assert _names(read_article(write_page(head=head, above="<p>Written by Jane</p>"))) == (["Jane"], [])


def test_linked_name_below_the_text_is_a_topic(write_page: Write, read_article: Read) -> None:
    assert _names(read_article(write_page(below='<p><a href="/topics/max-roe">Max Roe</a></p>'))) == ([], [])


def test_byline_below_the_standfirst_names_the_author(write_page: Write, read_article: Read) -> None:
    standfirst = "<div>The ferry, which nobody had wanted to lose, has been bought by a group of neighbours.</div>"
    article = read_article(
        write_page(above=f"{standfirst}<div>Frankfurt, 23 October 2024</div><div>Dieter Kuckuck</div>")
    )
    assert [person.name for person in article.authors] == ["Dieter Kuckuck"]


@pytest.mark.parametrize(
    "item",
    [
        '<p itemscope itemtype="https://schema.org/Book">The Quay by <b itemprop="author">Max Roe</b></p>',
        '<div itemscope itemtype="http://schema.org/Comment"><time itemprop="datePublished" datetime="1987-05-01"></time></div>',
        '<div itemscope itemtype="http://schema.org/Movie">Directed by <span itemprop="author">Max Roe</span></div>',
        '<div itemscope itemtype="http://schema.org/ImageObject"><span itemprop="author">Max Roe</span></div>',
    ],
)
def test_author_of_a_thing_beside_the_article_is_not_the_articles(
    item: str, write_page: Write, read_article: Read
) -> None:
    byline = '<p class="byline">By <a rel="author" href="/by/jane-doe">Jane Doe</a></p>'
    content = read_article(write_page(above=byline, below=item))
    assert [person.name for person in content.authors] == ["Jane Doe"]
    assert content.published is None


@pytest.mark.parametrize(
    "stated", ["Jane Doe jane.doe@post.example", "jane.doe@post.example (Jane Doe)", "Jane Doe <jd@post.example>"]
)
def test_mail_address_beside_a_name_is_no_part_of_it(stated: str, write_page: Write, read_article: Read) -> None:
    data = json.dumps({"@type": "NewsArticle", "author": {"@type": "Person", "name": stated}})
    content = read_article(write_page(head=f'<script type="application/ld+json">{data}</script>'))
    assert [person.name for person in content.authors] == ["Jane Doe"]


def test_byline_behind_a_mark_is_read(write_page: Write, read_article: Read) -> None:
    above = "<p>News of the harbour and the quay | By Jane Doe</p>"
    assert [person.name for person in read_article(write_page(above=above)).authors] == ["Jane Doe"]


def test_credits_below_the_text_name_its_author(write_page: Write, read_article: Read) -> None:
    below = '<section class="article__credits"><div class="credits-item">Text: <span>Jane Doe</span></div></section>'
    assert [person.name for person in read_article(write_page(below=below)).authors] == ["Jane Doe"]


@pytest.mark.parametrize(
    "line",
    [
        "By JANE DOE, AP Sports Writer",
        "By Jane Doe and Max Roe, Senior Features Writer",
        "By Jane Doe, Home and Digital Security Expert",
        "Von Jane Doe, Leitender Redakteur",
        "Jane Doe, CNN Business",
    ],
)
def test_office_behind_a_name_is_nobody(line: str, write_page: Write, read_article: Read) -> None:
    names = [person.name for person in read_article(write_page(above=f'<p class="byline">{line}</p>')).authors]
    assert [name.casefold() for name in names if name != "Max Roe"] == ["jane doe"]


@pytest.mark.parametrize(
    ("host", "name", "is_author"), [("heiko-post", "Heiko", True), ("sputnik-post", "Sputnik", False)]
)
def test_given_name_may_be_part_of_the_sites_name(
    host: str, name: str, is_author: bool, write_page: Write, read_article: Read
) -> None:
    byline = f'<p class="byline">By <a rel="author" href="/author/one">{name}</a></p>'
    content = read_article(write_page(above=byline), url=f"https://{host}.example/city/bridge")
    assert [person.name for person in content.authors] == ([name] if is_author else [])


@pytest.mark.parametrize(
    ("shown", "author"),
    [
        ('<p class="byline">By Jane Doe</p>', "Jane Doe"),
        ("", "Max Roe"),
        ('<p class="byline">Harbour and Quay</p>', "Max Roe"),
        ('<p class="byline">By Jane Doe</p><p>Edited by Max Roe</p>', "Max Roe"),
    ],
)
def test_byline_wins_over_a_name_that_only_the_data_know(
    shown: str, author: str, write_page: Write, read_article: Read
) -> None:
    data = json.dumps({"@type": "NewsArticle", "author": {"@type": "Person", "name": "Max Roe"}})
    page = write_page(head=f'<script type="application/ld+json">{data}</script>', above=shown)
    assert read_article(page).authors[0].name == author


def test_byline_of_another_story_does_not_win_over_the_data(write_page: Write, read_article: Read) -> None:
    data = json.dumps({"@type": "NewsArticle", "author": {"@type": "Person", "name": "Max Roe"}})
    card = '<div class="story"><h3>Ferry runs again to the island</h3><p class="byline">By Jane Doe</p></div>'
    page = write_page(head=f'<script type="application/ld+json">{data}</script>', below=card)
    assert [person.name for person in read_article(page).authors] == ["Max Roe"]


@pytest.mark.parametrize(
    ("line", "author"),
    [
        ("2025年3月4日 10時12分　文・山田花子　写真・佐藤一郎", "山田花子"),
        ("文＝ジョン・スミス", "ジョン・スミス"),
        ("입력 2025.03.04 10:12 | 김철수 기자", "김철수"),
        ("2025-03-04 10:12 来源：港口日报 作者：王小明 责任编辑：李华", "王小明"),
        ("2025-03-04 10:12 来源：港口日报 编辑：李华", None),
        ("Von unserem Korrespondenten Jana Ohlendorf, Skelby", "Jana Ohlendorf"),
        ("By our harbour correspondent Jane Doe", "Jane Doe"),
        ("Words by Jane Doe. Illustrations by Max Roe.", "Jane Doe"),
        ("By Jane Doe. Translated by Max Roe", "Jane Doe"),
        ("As told to Jane Doe", "Jane Doe"),
        ("Das Interview führte Jana Ohlendorf.", "Jana Ohlendorf"),
    ],
)
def test_more_forms_of_bylines(line: str, author: str | None, write_page: Write, read_article: Read) -> None:
    names = [person.name for person in read_article(write_page(above=f"<p>{line}</p>")).authors]
    assert names == ([author] if author else [])


@pytest.mark.parametrize(
    "sentence",
    [
        "Town won the derby in the 94th minute, after they had been behind since a penalty by Max Roe early on.",
        "The picture was bought in 1961 for the town hall, and was painted by Max Roe when he was still at school.",
    ],
)
def test_name_in_a_sentence_of_the_text_is_not_its_author(
    sentence: str, paragraphs: tuple[str, ...], write_page: Write, read_article: Read
) -> None:
    body = "".join(f"<p>{text}</p>" for text in (sentence, *paragraphs))
    assert read_article(write_page(body=body)).authors == ()


def test_credits_in_brackets_below_the_text_name_its_authors(
    paragraphs: tuple[str, ...], write_page: Write, read_article: Read
) -> None:
    note = "(Reporting by Jane Doe, with reporting by Max Roe in the harbour, editing by many others in the office.)"
    body = "".join(f"<p>{text}</p>" for text in (*paragraphs, note))
    assert read_article(write_page(body=body)).authors[0].name == "Jane Doe"


def test_byline_above_the_text_comes_before_the_authors_of_its_entries(
    paragraphs: tuple[str, ...], write_page: Write, read_article: Read
) -> None:
    entries = "".join(f'<div><p>{text}</p><p class="entry-author">Max Roe</p></div>' for text in paragraphs)
    page = write_page(body=entries, above="<p>By Jane Doe</p><p>2 January 2024</p>")
    assert [person.name for person in read_article(page).authors] == ["Jane Doe"]
