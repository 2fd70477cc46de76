"""Which lines of a page are the text of the article: headings, lists and short lines in it, boxes and teasers beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coranto.records import Content
from coranto_extractor.language.text_comparison import stems
from coranto_extractor.page.blocks import split_blocks
from coranto_extractor.page.limits import PageLimits
from coranto_extractor.page.tree import parse
from coranto_extractor.text import text_candidates
from coranto_extractor.text.container import find_container
from coranto_extractor.text.text_candidates import trafilatura_candidate

Write = Callable[..., bytes]
Read = Callable[..., Content]
ReadLines = Callable[[str], list[str]]


# An article with a date is not taken for a list of articles, whatever links it holds.
_DATED = '<meta property="article:published_time" content="2024-01-05T10:00:00Z">'


@pytest.mark.parametrize(
    "line",
    [
        "1,693 views",
        "Copyright 2020 The Example Agency. All rights reserved. This material may not be published or rewritten.",
        "Copy this code to embed it:",
        "Выделите любой фрагмент прямо в тексте статьи и нажмите Ctrl+Insert или скопируйте готовый код:",
        "Engineers replaced all forty cables, and the work cost… →",
        "The harbour bridge was opened to traffic on Friday after two years of [...]",
    ],
)
def test_notice_count_or_excerpt_is_not_text(line: str, read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    before = "<p>Engineers replaced all forty cables, and the work cost less than anybody had planned for it.</p>"
    text = _set(*paragraphs) if "harbour" in line else before + _set(*paragraphs)
    assert read_lines(f"<p>{line}</p>{text}") == read_lines(text)


def test_line_that_breaks_off_and_is_not_repeated_is_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    line = "Nobody in the harbour had believed that this day would ever come…"
    assert read_lines(f"<p>{line}</p>{_set(*paragraphs)}")[0] == line


def _set(*paragraphs: str) -> str:
    return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)


def test_heading_above_the_first_paragraph_is_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    assert read_lines(f"<h3>Two years of work</h3>{_set(*paragraphs)}")[0] == "Two years of work"


def test_short_lines_before_and_after_the_paragraphs_are_text(
    read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    closing = ("How to ask for a seat on it", "ferry --ask --seat 2", "ferry --list")
    body = f"<p>Dear neighbours</p>{_set(*paragraphs)}<p>{closing[0]}</p><pre>{closing[1]}</pre><pre>{closing[2]}</pre>"
    assert read_lines(body) == ["Dear neighbours", *paragraphs, *closing]


def test_label_below_the_last_paragraph_is_not_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    assert read_lines(f"{_set(*paragraphs)}<p>Bridges</p><p>The council and its works</p>") == list(paragraphs)


def test_credit_and_date_beside_the_paragraphs_are_not_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    body = f"<p>Friday, 5 January 2024</p>{_set(*paragraphs)}<p>Photo Max Roe for the city council</p>"
    assert read_lines(body) == list(paragraphs)


def test_line_styled_like_the_paragraphs_beside_it_is_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    lines = (*paragraphs[:2], "Cables: 40, a third cheaper", *paragraphs[2:])
    assert read_lines("".join(f"<div class='line'>{line}</div>" for line in lines)) == list(lines)


def test_heading_as_long_as_a_paragraph_is_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    closing = f"{paragraphs[0]} {paragraphs[1]}"
    assert read_lines(f"{_set(*paragraphs)}<h3>{closing}</h3>") == [*paragraphs, closing]


def test_links_between_paragraphs_do_not_end_the_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    inset = "<ul><li><a href='/ferry'>Ferry sold to the islands, crews stay</a></li></ul>"
    said = [
        f"{paragraph} Nobody said more about it on day {n}." for n, paragraph in enumerate((*paragraphs, paragraphs[0]))
    ]
    assert read_lines(inset.join(f"<p>{line}</p>" for line in said)) == said


def test_teasers_below_the_text_still_end_it(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    teasers = "".join(
        f"<div><a href='/t{n}'>The tunnel is closed for week {n}</a></div><div>Drivers go round it by road {n}.</div>"
        for n in range(4)
    )
    assert read_lines(f"{_set(*paragraphs)}<div>{teasers}</div>") == list(paragraphs)


def test_text_among_many_links_is_read(write_page: Write, read_article: Read, paragraphs: tuple[str, ...]) -> None:
    links = "".join(f"<li><a href='https://example.org/{n}'>The source of note number {n}</a></li>" for n in range(30))
    article = read_article(write_page(body=f"{_set(*paragraphs[:2])}<ul>{links}</ul>"))
    assert [block.text for block in article.paragraphs] == list(paragraphs[:2])
    assert article.origins["paragraphs"].source == "blocks"


@pytest.mark.parametrize(
    "box",
    [
        "<div class='newsletter-box'>{}</div>",
        "<div class='c-promo'><p>{}</p></div>",
        "<section class='InfoBox info-box'><h3>In short</h3><p>{}</p></section>",
        "<div class='post-meta'>{}</div>",
        "<div id='related'><p>{}</p></div>",
    ],
)
def test_small_box_with_the_class_of_a_sidebar_is_left_out(
    box: str, read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    inset = box.format("Every morning the harbour news come to your door.")
    assert read_lines(_set(*paragraphs[:2]) + inset + _set(*paragraphs[2:])) == list(paragraphs)


def test_text_in_a_box_with_the_class_of_a_sidebar_is_read(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    assert read_lines(f"<div class='promo player'>{_set(*paragraphs)}</div>") == list(paragraphs)


def test_class_of_a_wrapper_around_the_page_does_not_hide_a_box_in_it(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    inset = "<div class='newsletter'>Every morning the harbour news come to your door.</div>"
    page = write_page(body=_set(*paragraphs[:2]) + inset + _set(*paragraphs[2:]))
    page = page.replace(b"<main>", b"<div class='banner-wide right-sidebar'><main>").replace(
        b"</main>", b"</main></div>"
    )
    assert [block.text for block in read_article(page).paragraphs] == list(paragraphs)


def test_longer_privacy_notice_is_not_the_article(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    said = "When you come to these pages, we keep a note of it on your machine, and you may tell us not to do so. "
    page = write_page(below=f"</article><div class='privacy-modal'>{_set(said * 5, said * 6, said * 7)}</div><article>")
    assert [block.text for block in read_article(page).paragraphs] == list(paragraphs)


def test_heading_of_a_box_is_left_out_with_its_links(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    box = "<div><h2>The bridge before</h2><div><a href='/b'>The year in which the bridge was closed</a></div></div>"
    assert read_lines(_set(*paragraphs[:2]) + box + _set(*paragraphs[2:])) == list(paragraphs)


def test_product_called_bio_is_not_an_author_box(read_article: Read, paragraphs: tuple[str, ...]) -> None:
    page = f"<html><body><div id='cable-bio-steel'><h1>Cables of the bridge</h1>{_set(*paragraphs)}</div></body></html>"
    assert read_article(page.encode()).origins["paragraphs"].source == "blocks"


def test_subheadline_below_the_headline_opens_the_text(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    deck = "Forty new cables hold the road over the harbour, and the ferry goes back to the islands"
    page = (
        write_page()
        .replace(b"<h1>", b"<header><h1>")
        .replace(b"</h1>", f"</h1><h2 class='subheadline'>{deck}</h2></header>".encode())
    )
    assert read_article(page).paragraphs[0].text == deck


def test_number_of_a_heading_is_kept_in_the_third_candidate(paragraphs: tuple[str, ...]) -> None:
    root = parse(f"<html><body><article><h2>2. Cables</h2>{_set(*paragraphs)}</article></body></html>", PageLimits())
    assert trafilatura_candidate(root)[0] == "2. Cables"


def test_line_that_ends_with_a_photo_credit_is_a_caption(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    caption = "<div>The bridge in the light of a winter morning, seen from the quay (Foto: Max Roe/Agency)</div>"
    assert read_lines(_set(*paragraphs[:2]) + caption + _set(*paragraphs[2:])) == list(paragraphs)


@pytest.mark.parametrize("names", ["hidden", "d-none d-print-block"])
def test_box_that_is_shown_on_demand_is_left_out(
    names: str, read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    box = f"<div class='{names}'><p>Help us keep the harbour news free for everyone by a small gift.</p></div>"
    assert read_lines(_set(*paragraphs[:2]) + box + _set(*paragraphs[2:])) == list(paragraphs)


@pytest.mark.parametrize("names", ["hidden md:block", "d-none d-lg-block"])
def test_box_that_is_shown_on_wide_screens_is_read(
    names: str, read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    box = f"<div class='{names}'><p>{paragraphs[1]}</p></div>"
    assert read_lines(_set(paragraphs[0]) + box + _set(*paragraphs[2:])) == list(paragraphs)


def test_entries_below_linked_headings_are_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    entries = "".join(
        f"<p><a href='https://example.org/{n}'>The bridge of harbour number {n}</a></p><p>{paragraph} It is one of {n}.</p>"
        for n, paragraph in enumerate((*paragraphs, *paragraphs))
    )
    opening = f"{paragraphs[0]} {paragraphs[1]}"
    assert read_lines(f"<p>{opening}</p>{entries}")[-1] == f"{paragraphs[3]} It is one of 7."


def test_second_article_elsewhere_on_the_page_is_not_included(paragraphs: tuple[str, ...]) -> None:
    other = "The ferry was sold to the islands on Monday, and its crew goes with it, as the owner told the council. "
    articles = (_set(*paragraphs, *paragraphs[::-1]), _set(other, other * 2, other * 3))
    boxes = "".join(f"<div><article id='a{n}'><div>{text}</div></article></div>" for n, text in enumerate(articles))
    container = find_container(split_blocks(parse(f"<html><body><main>{boxes}</main></body></html>", PageLimits())))
    assert container is not None
    assert "article" in (container.tag, container.getparent().tag)


def test_table_and_list_below_a_heading_at_the_end_are_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    table = (
        "<h3>In numbers</h3><table><tr><td>Cables</td><td>Forty</td></tr><tr><td>Years</td><td>Two</td></tr></table>"
    )
    assert read_lines(_set(*paragraphs) + table) == [*paragraphs, "In numbers", "Cables | Forty", "Years | Two"]


def test_cells_of_a_row_are_one_line_although_rows_repeat_each_other(
    read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    rows = "".join(f"<tr><td>{name}</td><td>12 %</td><td>yes</td></tr>" for name in ("Leeds", "Hull", "York"))
    read = read_lines(_set(*paragraphs[:2]) + f"<table>{rows}</table>" + _set(*paragraphs[2:]))
    assert read[2:5] == ["Leeds | 12 % | yes", "Hull | 12 % | yes", "York | 12 % | yes"]


def _story(headline: str, lines: tuple[str, ...]) -> str:
    return f'<div class="story"><header><h1 class="headline">{headline}</h1></header><div>{_set(*lines)}</div></div>'


def _page_of(body: str) -> bytes:
    head = f"<meta charset='utf-8'>{_DATED}<title>Harbour bridge opens again</title>"
    return f"<html lang='en'><head>{head}</head><body><main>{body}</main></body></html>".encode()


_OTHER = tuple(
    f"The tram depot at the {place} gate will be closed for a week, the transport office said, and {number} trams moved."
    for place, number in (("north", 12), ("south", 14), ("east", 9), ("west", 31))
)


def test_page_that_scrolls_on_to_other_articles_ends_with_its_own_text(
    read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    body = _story("Harbour bridge opens again", paragraphs) + _story("Depots close", _OTHER) + _story("More", _OTHER)
    content = read_article(_page_of(body))
    assert [block.text for block in content.paragraphs] == list(paragraphs)


def test_sections_styled_like_the_headline_belong_to_one_article(
    read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    parts = (("Harbour bridge opens again", paragraphs), ("What it cost", _OTHER[:2]), ("What comes next", _OTHER[2:]))
    body = "".join(
        f'<div class="title"><h1 class="headline">{title}</h1></div>{_set(*lines)}' for title, lines in parts
    )
    texts = [block.text for block in read_article(_page_of(f'<div class="text">{body}</div>')).paragraphs]
    assert texts[-1] == _OTHER[-1]
    assert texts[: len(paragraphs)] == list(paragraphs)


def test_long_teasers_below_a_short_article_are_not_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    teasers = f'<div class="teasers">{_set(*_OTHER[:2])}</div>'
    assert read_lines(_set(*paragraphs) + teasers) == list(paragraphs)
    # Between paragraphs so much text is the article's, whatever its element is called.
    mixed = read_lines(_set(*paragraphs[:2]) + teasers + _set(*paragraphs[2:]))
    assert mixed == [*paragraphs[:2], *_OTHER[:2], *paragraphs[2:]]


def test_candidate_of_only_headline_and_date_is_not_selected(paragraphs: tuple[str, ...]) -> None:
    title = "Harbour bridge opens to traffic"
    page = f"<html><body><h1>{title}</h1><p>5 January 2024</p><div>{_set(*paragraphs)}</div></body></html>"
    root = parse(page, PageLimits())
    blocks = split_blocks(root)
    scant = [title, "5 January 2024"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_candidates, "paragraph_score_candidate", lambda _: [])
        patch.setattr(text_candidates, "trafilatura_candidate", lambda _: scant)
        chosen = text_candidates.select(root, blocks, stems(title), heading=title)
    assert list(paragraphs)[1] in chosen.texts


def test_link_around_the_whole_text_does_not_make_it_a_list_of_links(
    read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    lines = (*paragraphs, *_OTHER, *(line.replace("tram", "bus") for line in _OTHER))
    assert read_lines(f'<dl><a href="/text">{"<br><br>".join(lines)}</a></dl>') == list(lines)


def test_text_that_a_box_of_links_cuts_in_two_is_read_whole(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    links = "".join(
        f"<li><a href='/t{n}'>The tunnel is closed for the week number {n} of it</a></li>" for n in range(30)
    )
    halves = [f"<div class='part'><div class='copy'>{_set(*half)}</div></div>" for half in (paragraphs, _OTHER)]
    body = f"{halves[0]}<section><ul>{links}</ul></section>{halves[1]}"
    assert [block.text for block in read_article(write_page(body=body, head=_DATED)).paragraphs] == [
        *paragraphs,
        *_OTHER,
    ]


def test_steps_of_a_guide_are_read_with_its_opening(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    links = "".join(
        f"<li><a href='/t{n}'>The tunnel is closed for the week number {n} of it</a></li>" for n in range(30)
    )
    steps = tuple(
        f"Hang cable number {n} into its hook and turn the hook to the left, until it holds." for n in range(5)
    )
    said = [f"{paragraphs[0]} {paragraphs[1]}", *steps]
    boxes = [f"<div class='step'><div class='content'><p>{line}</p></div></div>" for line in said]
    body = f"{boxes[0]}<section><ul>{links}</ul></section>{''.join(boxes[1:])}"
    assert [block.text for block in read_article(write_page(body=body, head=_DATED)).paragraphs] == said


def test_paragraph_linked_from_end_to_end_stays_between_others_like_it(
    paragraphs: tuple[str, ...], read_lines: Callable[[str], list[str]]
) -> None:
    linked = "A fifth defendant, aged 52, had admitted that he drove the van, as we reported in March."
    boxes = [f"<div class='markup'><p>{text}</p></div>" for text in paragraphs]
    boxes.insert(2, f"<div class='markup'><p><strong><a href='/crime/hearing'>{linked}</a></strong></p></div>")
    assert read_lines("".join(boxes)) == [*paragraphs[:2], linked, *paragraphs[2:]]
    teaser = "<div class='inset'><p><a href='/crime/hearing'>Read here how the hearing in March went.</a></p></div>"
    boxes[2] = teaser
    assert read_lines("".join(boxes)) == list(paragraphs)


@pytest.mark.parametrize(
    "section",
    ["<section id='share-of-the-mine'><h2>Share of the mine</h2>{}</section>", "<section><h2>Listen</h2>{}</section>"],
)
def test_part_of_the_article_is_not_taken_for_the_box_it_is_named_like(
    section: str, paragraphs: tuple[str, ...], read_lines: Callable[[str], list[str]]
) -> None:
    first, second, *others = (f"<p>{text}</p>" for text in paragraphs)
    lines = read_lines(first + section.format(second) + "".join(others))
    assert [line for line in lines if line in paragraphs] == list(paragraphs)


def test_question_in_a_button_stays_above_its_answer(
    paragraphs: tuple[str, ...], read_lines: Callable[[str], list[str]]
) -> None:
    first, second, *others = (f"<p>{text}</p>" for text in paragraphs)
    question = "<h3><button type='button' aria-expanded='true'>Must each shop take all of them back?</button></h3>"
    assert "Must each shop take all of them back?" in read_lines(first + question + second + "".join(others))


def test_label_with_a_date_is_no_paragraph(paragraphs: tuple[str, ...], read_lines: Callable[[str], list[str]]) -> None:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    assert read_lines(f"<p>Published: April 2, 2025 at 6:30 a.m.</p>{text}") == list(paragraphs)


@pytest.mark.parametrize(
    "opening",
    [
        '<span class="drop" aria-hidden="true">W</span><span class="sr-only">W</span>hen the keeper',
        '<span class="visually-hidden">When</span><span aria-hidden="true"><b>W</b>hen</span> the keeper',
    ],
)
def test_letters_with_a_twin_for_readers_aloud_are_kept(opening: str, read_lines: Callable[[str], list[str]]) -> None:
    more = "".join(
        f"<p>The lamp burned for {n} winters, and nobody thought that it would ever end.</p>" for n in range(4)
    )
    lines = read_lines(
        f"<p>{opening} left, he asked the board for one thing, and the board was slow to answer.</p>{more}"
    )
    assert lines[0].startswith("When the keeper left")


@pytest.mark.parametrize("name", ["privacy-window", "popup", "site-modal lightbox", "modal-dialog"])
def test_window_longer_than_the_article_is_no_part_of_it(
    name: str, write_page: Callable[..., bytes], read_article: Callable[..., Content], paragraphs: tuple[str, ...]
) -> None:
    window = "".join(
        f"<p>Our {n} partners keep small files on your device, measure what you read, and show you advertisements.</p>"
        for n in range(12)
    )
    page = write_page().replace(b"<footer>", f'<div class="{name}"><h2>Privacy</h2>{window}</div><footer>'.encode())
    assert [block.text for block in read_article(page).paragraphs] == list(paragraphs)


def test_article_in_a_window_is_read(
    write_page: Callable[..., bytes], read_article: Callable[..., Content], paragraphs: tuple[str, ...]
) -> None:
    page = write_page().replace(b"<main>", b'<div class="modal"><main>').replace(b"</main>", b"</main></div>")
    assert [block.text for block in read_article(page).paragraphs] == list(paragraphs)


@pytest.mark.parametrize(
    ("line", "is_kept"),
    [
        ("Leserdienst: Telefon 0711/14-05-24, Fax 0711/14-05-25", False),
        ("Newsroom: +44 20 7946 0958", False),
        ("Call the desk on 020 7946 0958 if you saw the bridge fall.", True),
    ],
)
def test_line_of_telephone_numbers_is_no_text(
    line: str, is_kept: bool, read_lines: Callable[[str], list[str]], paragraphs: tuple[str, ...]
) -> None:
    lines = read_lines(f"<p>{line}</p>" + "".join(f"<p>{text}</p>" for text in paragraphs))
    assert lines == [*([line] if is_kept else []), *paragraphs]


@pytest.mark.parametrize(
    ("above", "standfirst"),
    [
        ("<h2>Two years of repairs are over and the ferry goes back to its island</h2>", True),
        ("<p class='x'>Two years of repairs are over and the ferry goes back to its island</p>", True),
        ("<p>2012年01月17日 17:39 来源：正北方网(综合) 编辑：杨苏雯 责任编辑：杨苏雯 来源：正北方网</p>", False),
        ("<p>Last seen at 10:45 when the second ferry left the harbour</p>", False),
    ],
)
def test_first_line_below_the_headline_is_a_standfirst_without_a_full_stop(
    above: str,
    standfirst: bool,
    write_page: Callable[..., bytes],
    read_article: Callable[..., Content],
    paragraphs: tuple[str, ...],
) -> None:
    article = read_article(write_page(above=f"<header>{above}</header>"))
    assert len(article.paragraphs) == len(paragraphs) + standfirst


def test_linked_headings_of_long_entries_are_text_to_the_last(
    read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    entry = (
        "This path begins at the old harbour and follows the river to the weir. It is paved for most of its way, and lit where "
        "it crosses the park. Whoever comes by train gets off at the bridge. There are two steep parts, which can be walked "
        "around through the gardens, and a fountain with drinking water half way. On Sundays it is full. "
    )
    entries = "".join(
        f"<section><header><h3><a href='https://map.example/{n}'>Path number {n}</a></h3></header>"
        f"<main><p>Path {n}. {entry}</p></main></section>"
        for n in range(8)
    )
    lines = read_lines(_set(*paragraphs) + entries)
    assert [line for line in lines if line.startswith("Path number")] == [f"Path number {n}" for n in range(8)]
    assert lines[-1].startswith("Path 7. ")


_STANDFIRST = "The ferry, which nobody had wanted to lose, has been bought by a group of neighbours."
_CARDS = "".join(f"<div><h3><a href='/{n}'>Another story number {n}</a></h3></div>" for n in range(20))


def test_standfirst_is_found_above_a_box_of_links_that_repeats_the_headline(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    date = "<div>Wednesday, 4 May 2022, at 07:46 in the morning</div>"
    repeated = "<div><h3><a href='/here'>Harbour bridge opens again</a></h3></div>"
    article = read_article(write_page(head=_DATED, above=f"{date}<p>{_STANDFIRST}</p>{_CARDS}{repeated}"))
    assert article.paragraphs[0].text == _STANDFIRST
    assert tuple(block.text for block in article.paragraphs[-len(paragraphs) :]) == paragraphs


def test_line_of_a_sidebar_far_above_the_text_is_no_standfirst(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    chat = f"<div class='follow'><p>{_STANDFIRST}</p></div>"
    article = read_article(write_page(head=_DATED, above=chat + _CARDS))
    assert tuple(block.text for block in article.paragraphs) == paragraphs


def test_hidden_form_longer_than_a_quarter_of_the_text_is_left_out(
    read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    first, *rest = paragraphs
    share = sum(map(len, paragraphs)) * 4 // 10
    form = "<div class='hidden'><p>" + ("Create an account to go on reading, it is free. " * 40)[:share] + "</p></div>"
    assert read_lines(_set(first) + form + _set(*rest)) == list(paragraphs)


def test_slices_of_a_text_are_joined_though_a_hidden_form_in_one_has_a_heading(
    read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    form = "<div class='hidden'><h2>Sign in or create an account</h2></div>"
    first, second = (
        _set(
            *(
                f"In part {part} the council said of pier {n}, in a long sentence on Friday, that it holds."
                for n in range(6)
            )
        )
        for part in ("one", "two")
    )
    lines = read_lines(f"<div class='slice'>{first}{form}</div>{_CARDS}<div class='slice'>{second}</div>")
    assert sum(line.startswith("In part one") for line in lines) == 6
    assert sum(line.startswith("In part two") for line in lines) == 6
    assert "Sign in or create an account" not in lines


def test_reading_that_repeats_the_headline_does_not_win_by_that(
    read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    page = f"<title>Zebra, quagga, okapi</title><main><h1>Zebra, quagga, okapi</h1>{_set(*paragraphs)}</main>"
    article = read_article(page.encode())
    assert article.origins["paragraphs"].source == "blocks"
    assert tuple(block.text for block in article.paragraphs) == paragraphs


def _told(first: int, end: int) -> str:
    """Paragraphs that share no words but those of the headline."""
    words = (
        "engineers",
        "towers",
        "bolts",
        "cables",
        "piers",
        "and",
        "opened",
        "lanes",
        "for",
        "all",
        "buses",
        "again",
    )
    return _set(*(f"At the harbour bridge, {', '.join(f'{word}{n}' for word in words)}." for n in range(first, end)))


@pytest.mark.parametrize(
    ("more", "is_text"),
    [
        (_told(10, 16), True),
        # Set otherwise, linked, or the same again.
        (_told(10, 16).replace("<p>", "<p class='teaser'>"), False),
        (_told(10, 16).replace("<p>", "<p><a href='/2'>Ferry</a>, <a href='/3'>market and town hall</a> "), False),
        (_told(0, 6), False),
    ],
)
def test_text_in_two_elements_of_which_other_readings_take_one_is_read_whole(
    more: str, is_text: bool, read_article: Read
) -> None:
    def element(paragraphs: str) -> str:
        return f"<div class='article__body'><div><div><div>{paragraphs}</div></div></div></div>"

    page = (
        f"<title>Harbour bridge opens again</title>{_DATED}<main><article><h1>Harbour bridge opens again</h1><div class='body'>"
        f"{element(_told(0, 10))}<div><p>Advertisement</p></div>{element(more)}</div></article></main>"
    )
    assert len(read_article(page.encode()).paragraphs) == (16 if is_text else 10)


def test_part_between_two_that_the_readings_agree_on_is_text(read_article: Read) -> None:
    tips = f"<div><div><div><div class='tips'>{_told(10, 16).replace('<p>', '<p class=tip>')}</div></div></div></div>"
    page = (
        f"<title>Harbour bridge opens again</title>{_DATED}<main><article><h1>Harbour bridge opens again</h1><div class='body'>"
        f"<div class='article__body'>{_told(0, 10)}</div>{tips}<div class='article__body'>{_told(16, 19)}</div>"
        "</div></article></main>"
    )
    assert len(read_article(page.encode()).paragraphs) == 19


def test_standfirst_is_found_whichever_reading_is_selected(read_article: Read, paragraphs: tuple[str, ...]) -> None:
    notes = "".join(
        f"<div>Every week our {who} write to you about what they have seen, heard and eaten, wherever they were.</div>"
        for who in ("cooks", "singers", "gardeners", "sailors")
    )
    page = (
        f"<title>Harbour bridge opens again</title>{_DATED}<div><h1>Harbour bridge opens again</h1><div>Today, 15:02</div>"
        f"<div>{_STANDFIRST}</div><div>A bridge and its towers</div><div class='article_body'>{_set(*paragraphs)}</div>"
        f"<div>{notes}</div></div>"
    )
    article = read_article(page.encode())
    assert article.origins["paragraphs"].source == "paragraph-scores"
    assert tuple(block.text for block in article.paragraphs) == (_STANDFIRST, *paragraphs)


@pytest.mark.parametrize(
    ("line", "is_standfirst"),
    [
        ("Taucher haben den letzten Bolzen erst in der Nacht zum Freitag gesetzt", True),
        ("Водолазы установили последний болт только в ночь на пятницу", True),
        ("Updated Nov 20 20244:29 in the morning, an hour and a half ago", False),
        ("Harbour market", False),
    ],
)
def test_line_in_a_div_right_below_the_headline_is_a_standfirst(
    line: str, is_standfirst: bool, write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    article = read_article(write_page(head=_DATED, above=f"<div>{line}</div><div>Jane Doe</div>"))
    lines = (line, *paragraphs) if is_standfirst else paragraphs
    assert tuple(block.text for block in article.paragraphs) == lines


def test_standfirst_is_found_below_the_first_of_two_headlines(
    write_page: Write, read_article: Read, paragraphs: tuple[str, ...]
) -> None:
    repeated = "<figure><figcaption>The bridge in 1911.</figcaption></figure><h1>Harbour bridge opens again</h1>"
    article = read_article(write_page(head=_DATED, above=f"<div>{_STANDFIRST}</div>{repeated}"))
    assert tuple(block.text for block in article.paragraphs) == (_STANDFIRST, *paragraphs)


@pytest.mark.parametrize(
    "label", ["<h3><a href='#part-{n}'>Part {n}</a></h3>", "<ul><li><a href='#'>Part {n}</a></li></ul>"]
)
def test_headings_that_link_to_themselves_and_buttons_that_unfold_parts_are_text(
    label: str, read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    parts = "".join(f"{label.format(n=n)}<p>{n}. {paragraphs[n]}</p>" for n in range(4))
    contents = "<ul>" + "".join(f"<li><a href='#part-{n}'>Part {n}</a></li>" for n in range(4)) + "</ul>"
    lines = read_lines(f"<p>{paragraphs[0]} {paragraphs[1]}</p>{contents}{parts}")
    assert [line for line in lines if line.startswith("Part ")] == [f"Part {n}" for n in range(4)]


def test_the_same_link_above_each_embedded_post_is_no_text(read_lines: ReadLines, paragraphs: tuple[str, ...]) -> None:
    skip = "<div><a href='#behind'>Skip to what is behind this embedded post</a></div>"
    assert read_lines("".join(f"{skip}<p>{paragraph}</p>" for paragraph in paragraphs)) == list(paragraphs)


@pytest.mark.parametrize(
    ("line", "is_text"),
    [
        (
            "See point 12 of the <a href='/2'>rules of the harbour and all of its bridges</a> – a new one follows soon.",
            True,
        ),
        (
            "Zobacz punkt 12 <a href='/2'>regulaminu portu i wszystkich jego mostów</a> – nowy będzie gotowy wkrótce.",
            True,
        ),
        ("The ferry sails on: <a href='/2'>read here what neighbours have planned for it.</a>", False),
        ("<a href='/2'>The rules of the harbour and all of its bridges</a> are sold at the quay.", False),
    ],
)
def test_last_paragraph_with_a_link_within_its_sentence_is_text(
    line: str, is_text: bool, read_lines: ReadLines, paragraphs: tuple[str, ...]
) -> None:
    assert len(read_lines(_set(*paragraphs, line))) == len(paragraphs) + is_text


def test_rows_of_numbers_below_the_head_of_a_table_are_text(write_page: Write, read_article: Read) -> None:
    rows = "".join(f"<tr><td>{year}</td><td>{boats}</td></tr>" for year, boats in ((2024, 118), (2025, 134)))
    table = f"<table><tr><th>Year</th><th>Boats</th></tr>{rows}</table>"
    paragraph = (
        "<p>The bridge over the harbour was opened again on Monday after two years of repairs, said the council.</p>"
    )
    content = read_article(write_page(body=f"{paragraph}{table}{paragraph.replace('Monday', 'Tuesday')}"))
    assert "2024 | 118" in [block.text for block in content.paragraphs]
