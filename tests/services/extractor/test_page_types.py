"""Pages that are not articles, and the reason why each is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coranto.records import Content, Hints
from coranto_extractor.evaluation import prediction
from coranto_extractor.page_request import REFUSE_FROM, PageRequest
from coranto_extractor.reader import read
from coranto_extractor.reasons import REASONS
from coranto_extractor.refusal import NotAnArticle

Write = Callable[..., bytes]
ReadRefusal = Callable[..., NotAnArticle]

_TEASER = '<div><h3><a href="/a{0}">A linked headline of story number {0}</a></h3><p>Two lines on the story {0}, no more.</p></div>'
_PAGES = {
    "index_page": "<html><head><title>City news</title></head><body><h1>City</h1>" + "".join(map(_TEASER.format, range(20))),
    "error_page": "<html><head><title>404 - Page not found</title></head><body><h1>Page not found</h1><p>Sorry, the page you "
    "are looking for does not exist any more. Try the search or go back to the start page.</p>",
    "challenge_wall": "<html><head><title>Just a moment...</title></head><body><h1>Checking your browser</h1><p>Please "
    "enable JavaScript and cookies to continue. This may take a few seconds.</p>",
    "product_page": "<html><head><title>Lamp</title><meta property='og:type' content='product'></head><body><h1>Lamp</h1>"
    + "<img src='lamp.jpg'>" * 12 + "".join(f"<tr><td>Part {n}</td></tr>" for n in range(20)).join(("<table>", "</table>"))
    + "<p>A lamp of brass with a shade of green glass, made by hand. It comes with a cable of two metres.</p>",
    "too_short": "<html><head><title>Short</title></head><body><h1>Short</h1><p>Nothing much.</p>",
    "empty_page": "   ",
    "paywall_stub": "<html><head><title>Bridge</title></head><body><h1>Bridge</h1><p>The bridge was opened on Friday, the "
    "council said, after two years.</p><p>Subscribe to continue reading</p>",
}  # fmt: skip


@pytest.mark.parametrize("reason", sorted(_PAGES))
def test_page_is_refused_with_its_reason_and_evidence(reason: str, read_refusal: ReadRefusal) -> None:
    refusal = read_refusal(_PAGES[reason].encode())
    assert refusal.reason == reason
    assert refusal.evidence


def test_refused_page_keeps_what_was_read_of_it_but_no_text(read_refusal: ReadRefusal) -> None:
    head = "<title>Bridge</title><meta property='article:published_time' content='2024-01-05T10:00:00Z'>"
    head += "<meta property='og:type' content='article'><meta name='author' content='Jane Doe'>"
    page = f"<html><head>{head}</head><body><h1>Bridge</h1><p>Soon.</p>"
    refusal = read_refusal(page.encode())
    assert refusal.read is not None
    assert (refusal.read.title, refusal.read.text) == ("Bridge", "")
    assert refusal.detail == ("5 characters of text; title “Bridge”; by Jane Doe; published 2024-01-05T10:00:00Z")
    line = prediction("1", refusal)
    assert (line["refused"], line["title"], line["authors"], line["text"]) == ("too_short", "Bridge", ["Jane Doe"], "")
    assert line["from"]["published"] == "opengraph"


def test_page_refused_unread_has_a_prediction_too(read_refusal: ReadRefusal) -> None:
    refusal = read_refusal(b"%PDF-1.7")
    assert refusal.detail == refusal.evidence
    assert prediction("1", refusal)["refused"] == "binary"


def _list_of(number: int, teaser: str, head: str = "") -> bytes:
    items = "".join(teaser.format(n) for n in range(number))
    return f"<html><head><title>News</title>{head}</head><body><main><h1>News</h1>{items}</main></body>".encode()


_LONG_TEASER = (
    '<div><h3><a href="/a{0}">A linked headline of story number {0}</a></h3><time datetime="2024-01-05T10:00:00Z">Friday'
    "</time><p>Two sentences tell of story {0}, and no more. Whoever wants to know the rest follows the link to it.</p></div>"
)


def test_long_list_of_teasers_is_an_index_though_each_has_its_date(read_refusal: ReadRefusal) -> None:
    refusal = read_refusal(_list_of(40, _LONG_TEASER))
    assert refusal.reason == "index_page"
    assert "linked headings" in refusal.evidence


def test_text_made_of_links_is_an_index(read_refusal: ReadRefusal) -> None:
    card = (
        '<div><a href="/a{0}"><h2>A linked headline of story number {0}</h2></a><p>Two lines on the story {0}</p></div>'
    )
    refusal = read_refusal(
        f"<title>City</title><main><h1>City</h1>{''.join(map(card.format, range(8)))}</main>".encode()
    )
    assert refusal.reason == "index_page"
    assert "lines of the text are links" in refusal.evidence


def test_teasers_that_are_links_as_a_whole_are_an_index(read_refusal: ReadRefusal) -> None:
    card = (
        "<div><a href='/{0}'><h2>What happened on day {0}</h2><p>We asked three people what they saw on day {0}, and why.</p>"
        "<span>7 May</span></a></div>"
    )
    page = f"<title>Days</title><main><article><h1>Days</h1>{''.join(map(card.format, range(8)))}</article></main>"
    assert read_refusal(page.encode(), "https://days.example/days").reason == "index_page"


def test_dated_article_with_many_linked_headings_is_not_an_index(read_article: Callable[..., Content]) -> None:
    head = '<meta property="article:published_time" content="2024-01-05T10:00:00Z">'
    assert read_article(_list_of(40, _LONG_TEASER, head)).published is not None


def test_front_page_of_teasers_is_refused_whatever_its_data_list(read_refusal: ReadRefusal) -> None:
    posts = '<script type="application/ld+json">{"@type": "BlogPosting", "headline": "One of many"}</script>'
    assert read_refusal(_list_of(40, _LONG_TEASER, posts), "https://news.example/").reason == "home_page"


def test_front_page_that_is_mostly_text_is_read(write_page: Write, read_article: Callable[..., Content]) -> None:
    assert read_article(write_page(), "https://news.example/").text


@pytest.mark.parametrize(
    ("reason", "og_type"), [("product_page", "exampleshop:item"), ("video_or_gallery", "video.other")]
)
def test_shop_and_video_pages_are_doubted_by_their_own_metadata(
    reason: str, og_type: str, write_page: Write, read_article: Callable[..., Content]
) -> None:
    assert _doubted_as(read_article(write_page(head=f"<meta property='og:type' content='{og_type}'>"))) == reason


def test_list_of_goods_is_refused_by_its_prices(write_page: Write, read_refusal: ReadRefusal) -> None:
    goods = "".join(f"<p>A lamp of brass, number {n}</p><p>€ {n}9.00</p>" for n in range(30))
    assert read_refusal(write_page(below=goods)).reason == "product_list"


def test_page_whose_whole_title_is_error_is_an_error_page(read_refusal: ReadRefusal) -> None:
    text = "<p>We could not show what you asked for. The page may have moved, or the address has a slip of the pen.</p>"
    page = f"<html><head><title>Error | Shop</title></head><body><h1>Error</h1>{text}</body>".encode()
    assert read_refusal(page).reason == "error_page"


def test_front_page_is_refused_by_its_url(read_refusal: ReadRefusal) -> None:
    assert read_refusal(_PAGES["index_page"].encode(), "https://news.example/").reason == "home_page"


@pytest.mark.parametrize("page", [b"%PDF-1.7\n\x00\x01", b"\x89PNG\r\n\x1a\n\x00", b"\x00" * 1000])
def test_binary_is_refused_whatever_its_media_type_says(page: bytes, read_refusal: ReadRefusal) -> None:
    assert read_refusal(page, content_type="text/html").reason == "binary"


def test_other_media_types_are_refused(read_refusal: ReadRefusal) -> None:
    assert read_refusal(b"body {}", content_type="text/css").reason == "not_text"


def test_reasons_are_from_the_closed_list_with_a_sentence_each() -> None:
    assert set(_PAGES) <= set(REASONS)
    assert all(sentence.endswith(".") for sentence in REASONS.values())


def test_feed_helps_where_the_page_shows_no_text(
    read_article: Callable[..., Content], paragraphs: tuple[str, ...]
) -> None:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    hints = Hints(title="Harbour bridge opens again", body_html=body)
    article = read_article(_PAGES["paywall_stub"].encode(), hints=hints)
    assert tuple(block.text for block in article.paragraphs) == paragraphs
    assert article.origins["paragraphs"].source == "feed"


@pytest.mark.parametrize(
    "title",
    ["Missing climber not found after third day of search", "Bus number 404 is to run through the old town again"],
)
def test_a_brief_about_something_not_found_is_an_article(title: str) -> None:
    text = "".join(
        f"<p>Rescuers {number} searched the northern slope until dusk on Monday and will go on at first light, the town said.</p>"
        for number in range(7)
    )
    page = f"<html><head><title>{title}</title></head><body><article><h1>{title}</h1>{text}</article></body></html>"
    result = read(page.encode(), PageRequest(url="https://news.example/1", content_type="text/html"))
    assert isinstance(result, Content), result


@pytest.mark.parametrize(
    ("title", "text"),
    [
        (
            "Logga in med mobilen blir dyrare för kommunerna",
            "Priset höjs i mars, skriver myndigheten. Flera kommuner säger att de ska se sig om efter andra.",
        ),
        (
            "More newspapers in the north ask their readers to pay as subscribers only",
            "A third of all newspapers ask for money, a study says. Ten years ago it was one in ten of them.",
        ),
    ],
)
def test_signed_brief_about_logging_in_or_paying_is_an_article(title: str, text: str) -> None:
    head = f'<title>{title}</title>{_ARTICLE_HEAD}<meta name="author" content="Anna Lind">'
    page = f"<html><head>{head}</head><body><article><h1>{title}</h1><p>{text}</p></article></body></html>"
    result = read(page.encode(), PageRequest(url="https://news.example/1", content_type="text/html"))
    assert isinstance(result, Content), result


_MENU = "".join(f"<li><a href='/goods/{n}'>Goods</a> of our house, part number {n}</li>" for n in range(60))


def _unsigned(title: str, text: str) -> bytes:
    return f"<html><head><title>{title}</title></head><body><ul>{_MENU}</ul><h1>{title}</h1><p>{text}</p></body></html>".encode()


_ARTICLE_HEAD = (
    '<meta property="og:type" content="article"><meta property="article:published_time" content="2024-01-05T10:00:00Z">'
)


def _built_like_a_list(head: str = "", cards: int = 12) -> bytes:
    """A page whose only prose stands below its headline and many linked pictures."""
    card = '<li><a href="/lamp/{0}"><img src="{0}.jpg">Lamp {0}</a></li>'
    text = "Here you find all lamps of our house, from the small one of brass to the large one of green glass, in one place."
    return (
        f"<html><head><title>Lamps</title>{head}</head><body><h1>Lamps</h1><ul>{''.join(map(card.format, range(cards)))}"
        f"</ul><div><p>{text}</p></div></body></html>"
    ).encode()


def test_page_that_is_built_like_a_list_is_doubtful(read_article: Callable[..., Content]) -> None:
    doubt = read_article(_built_like_a_list(), "https://lamps.example/all").doubt
    assert doubt is not None
    assert doubt.reason == "other_page"
    assert "many pictures for its words" in doubt.evidence


def test_structure_alone_never_refuses(read_article: Callable[..., Content]) -> None:
    doubt = read_article(_built_like_a_list(cards=400), "https://lamps.example/all").doubt
    assert doubt is not None
    assert 0.8 < doubt.probability < REFUSE_FROM


def test_dated_page_that_says_it_is_an_article_is_one_whatever_stands_around_it(
    read_article: Callable[..., Content],
) -> None:
    address = "https://lamps.example/news/a-new-lamp-of-green-glass-for-our-readers"
    assert read_article(_built_like_a_list(_ARTICLE_HEAD), address).doubt is None


def test_short_text_that_repeats_the_words_of_its_headline_is_an_article(read_article: Callable[..., Content]) -> None:
    title = "Harbour bridge opens to traffic after two years"
    text = "The harbour bridge opened to traffic on Friday. It took two years to repair, the council of the city said."
    assert read_article(_unsigned(title, text), "https://news.example/4711").title == title


def test_product_of_a_shop_that_runs_on_blog_software_is_doubtful(
    write_page: Write, read_article: Callable[..., Content]
) -> None:
    head = '<meta property="og:type" content="article"><meta property="article:published_time" content="2024-01-05">'
    price = "<p>€ 19.90</p><div>Add to cart</div>"
    address = "https://lamps.example/product/brass-lamp/"
    assert _doubted_as(read_article(write_page(head=head, above=price), address)) == "product_page"
    # Magazines have folders of that name too.
    assert read_article(write_page(head=head), address).doubt is None


@pytest.mark.parametrize(
    ("button", "price", "language"),
    [
        ("<button>Add to cart</button>", "$19.90", "en"),
        ("<form><input type='submit' value='In den Warenkorb'></form>", "19,90 €", "de"),
        ("<button type='submit'><span>Dodaj do</span> <span>koszyka</span></button>", "89,00 zł", "pl"),
        ("<button>В корзину</button>", "8 900 ₽", "ru"),
    ],
)
def test_price_and_a_button_to_buy_without_date_and_author_make_a_page_doubtful(
    button: str, price: str, language: str, read_article: Callable[..., Content]
) -> None:
    text = "The lamp gives warm light for ten hours, and its brass is polished by hand. Two batteries are in the box."

    def page(shop: str, byline: str = "") -> bytes:
        return (
            f"<html lang={language}><title>Brass lamp</title><body><main><h1>Brass lamp</h1>{byline}{shop}"
            f"<p>{text}</p><p>{text.replace('lamp', 'light')}</p></main></body></html>"
        ).encode()

    offered = f"<p>{price}</p>{button}"
    assert _doubted_as(read_article(page(offered))) == "product_page"
    assert read_article(page(button)).doubt is None, "a site of news may sell things, too"
    assert read_article(page(f"<p>{price}</p>")).doubt is None
    assert read_article(page(offered, "<time datetime='2024-01-05'>5 January 2024</time>")).doubt is None


def test_article_in_a_box_with_the_class_comments_is_read(
    write_page: Write, read_article: Callable[..., Content], paragraphs: tuple[str, ...]
) -> None:
    page = write_page().replace(b"<main>", b"<main><div class='comments'>").replace(b"</main>", b"</div></main>")
    article = read_article(page)
    assert tuple(block.text for block in article.paragraphs) == paragraphs
    assert article.origins["paragraphs"].source == "blocks"


_PRODUCT = """<script type='application/ld+json'>{"@type": "Product", "review": {"@type": "Review"}}</script>"""


def _doubted_as(article: Content) -> str | None:
    return article.doubt.reason if article.doubt else None


def test_one_sign_makes_a_page_doubtful_and_the_setting_decides_what_becomes_of_it(
    write_page: Write, read_article: Callable[..., Content], read_refusal: ReadRefusal
) -> None:
    page = write_page(head=_PRODUCT)
    doubt = read_article(page).doubt
    assert doubt is not None
    assert (doubt.reason, 0.5 <= doubt.probability < REFUSE_FROM) == ("product_page", True)
    assert "JSON-LD type Product" in doubt.evidence
    assert read_refusal(page, refuse_from=doubt.probability).reason == "product_page"
    assert _doubted_as(read_article(page, refuse_from=1.0)) == "product_page"


def test_further_signs_add_up_to_a_refusal(write_page: Write, read_refusal: ReadRefusal) -> None:
    shelf = "<img src='lamp.jpg'>" * 60 + "<ul>" + "<li><a href='/lamps/'>Lamp</a></li>" * 80 + "</ul>"
    page = write_page(head=_PRODUCT, above=f"<div>Add to cart</div>{shelf}")
    refusal = read_refusal(page, "https://lamps.example/products/brass-lamp")
    assert refusal.reason == "product_page"
    signs = ("address", "JSON-LD type Product", "Add to cart", "no date of its own")
    assert [sign for sign in signs if sign not in refusal.evidence] == []


def test_signed_and_dated_article_raises_no_doubt(write_page: Write, read_article: Callable[..., Content]) -> None:
    head = (
        '<meta property="article:published_time" content="2024-01-05T10:00:00Z"><meta name="author" content="Jane Doe">'
    )
    assert read_article(write_page(head=head), "https://news.example/topics/harbour").doubt is None


@pytest.mark.parametrize("address", ["?p=4711", "archives/4711", "topics/4711", "produkte/harbour-bridge"])
def test_addresses_of_entries_are_no_addresses_of_lists(
    address: str, write_page: Write, read_article: Callable[..., Content]
) -> None:
    head = '<meta property="article:published_time" content="2024-01-05T10:00:00Z">'
    menu = f"<ul>{_MENU}</ul>"
    assert read_article(write_page(head=head, below=menu), f"https://news.example/{address}").doubt is None


def test_beginnings_of_articles_are_a_list_though_each_has_its_date(read_refusal: ReadRefusal) -> None:
    teaser = (
        '<article><h2><a href="/{0}">Notes from the workshop, number {0}</a></h2><time datetime="2024-01-05">5 January</time>'
        '<p>This is how a longer piece of work begins, the one with the number {0}, of which the page shows no more than … '
        '<a href="/{0}">Read on</a></p></article>'
    )  # fmt: skip
    head = '<meta property="og:type" content="article">'
    assert read_refusal(_list_of(8, teaser, head), "https://workshop.example/notes/").reason == "index_page"


def test_front_page_is_known_by_an_address_without_a_path(read_refusal: ReadRefusal) -> None:
    assert read_refusal(_list_of(40, _LONG_TEASER), "https://news.example").reason == "home_page"


def _dated_teasers(count: int) -> str:
    return "".join(
        f"<article><a href='/news/{n}.html'><h2>Bridge {n} is repaired again</h2></a>"
        f"<time datetime='2024-03-0{n + 1}T10:00:00Z'>{n + 1} March 2024</time>"
        f"<p>The council said on day {n} that bridge {n} would be closed to lorries for a year.</p></article>"
        for n in range(count)
    )


@pytest.mark.parametrize("url", ["https://news.example/economy/", None])
def test_section_front_is_no_article_because_its_teasers_have_dates(read_refusal: ReadRefusal, url: str | None) -> None:
    page = f"<html lang='en'><head><title>Economy</title></head><body><h1>Economy</h1>{_dated_teasers(8)}</body></html>"
    assert read_refusal(page.encode(), url).reason == "index_page"


def test_page_of_few_search_results_is_known_without_its_address(read_refusal: ReadRefusal) -> None:
    title = "Résultats de recherche pour « bridge »"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1>{_dated_teasers(4)}</body></html>"
    assert read_refusal(page.encode(), None).reason == "search_result"


def test_dated_teasers_below_an_article_do_not_make_it_a_list(
    write_page: Write, read_article: Callable[..., Content]
) -> None:
    above = "<time datetime='2024-01-05T10:00:00Z'>5 January 2024</time>"
    article = read_article(write_page(above=above, below=_dated_teasers(6)))
    assert article.published is not None
    assert article.doubt is None


@pytest.mark.parametrize("title", ["Fel", "Error", "Ошибка", "Fehler"])
def test_story_with_the_title_of_an_error_page_is_read(
    title: str, write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    assert read_article(write_page(title=title)).title == title


@pytest.mark.parametrize("title", ["Fel", "Error", "Ошибка", "Fehler"])
def test_error_page_is_told_from_a_story_by_what_it_says(
    title: str, write_page: Callable[..., bytes], read_refusal: Callable[..., object], paragraphs: tuple[str, ...]
) -> None:
    lines = ["Page not found.", *paragraphs[:3]]
    refused = read_refusal(write_page(title=title, body="".join(f"<p>{line}</p>" for line in lines)))
    assert getattr(refused, "reason", None) == "error_page"
    refused = read_refusal(write_page(title=title, body=f"<p>{paragraphs[0]} {paragraphs[1]}</p>"))
    assert getattr(refused, "reason", None) == "error_page"


@pytest.mark.parametrize(
    "statement",
    [
        '<meta property="og:type" content="profile">',
        '<script type="application/ld+json">{"@type": "ProfilePage"}</script>',
        '<script type="application/ld+json">{"@type": "JobPosting", "title": "Harbour bridge opens again"}</script>',
        '<script type="application/ld+json">{"@type": "MusicEvent", "name": "Harbour bridge opens again"}</script>',
    ],
)
def test_page_that_states_to_be_a_profile_an_event_or_a_vacancy_is_doubted(
    statement: str, write_page: Write, read_article: Callable[..., Content]
) -> None:
    doubt = read_article(write_page(head=statement)).doubt
    assert doubt is not None
    assert doubt.reason == "other_page"


_EVENT = '<script type="application/ld+json">{"@type": "Event", "name": "%s"}</script>'
_ARTICLE = (
    '<script type="application/ld+json">{"@type": "NewsArticle", "headline": "Harbour bridge opens again"}</script>'
)


@pytest.mark.parametrize(
    "head", [_EVENT % "Night of the open bridges", _ARTICLE + _EVENT % "Harbour bridge opens again"]
)
def test_event_that_an_article_tells_of_is_no_reason_to_doubt_it(
    head: str, write_page: Write, read_article: Callable[..., Content]
) -> None:
    assert read_article(write_page(head=head)).doubt is None
