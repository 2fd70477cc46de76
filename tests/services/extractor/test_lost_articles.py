"""Articles in places where pages have none: elements that were never closed, or that say they hold something else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coranto.records import Content
from coranto_extractor.refusal import NotAnArticle

_TITLE = "Harbour bridge opens again"
_MENU = "<ul>" + "".join(f'<li><a href="/section/{n}">Section number {n}</a></li>' for n in range(30)) + "</ul>"
_CONSENT = (
    "<div>We use cookies to make the site better. We keep them for a year, and you can turn them off any time.</div>"
)
# In each of these places the page holds its headline and text.
_PLACES = {
    "header that is never closed": "<header>{menu}{article}",
    "menu that is never closed": "<nav>{menu}<article>{article}</article>",
    "aside": "{menu}<aside>{article}</aside>" + _CONSENT,
    "footer": "{menu}<footer>{article}</footer>",
    "only without scripts": "{menu}<div id='app'></div><noscript>{article}</noscript>",
    "hidden until a script shows it": "{menu}<div style='display: none'>{article}</div>",
    "box called after the author": "{menu}<div class='author-bio'>{article}</div>",
    "button": "<button>{menu}<div>{article}</div></button>",
    "label": "{menu}<label>{article}</label>",
    "dialog": "{menu}<dialog open>{article}</dialog>",
    "caption": "{menu}<figure><figcaption>{article}</figcaption></figure>",
}


def _page(place: str, paragraphs: tuple[str, ...]) -> bytes:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    body = place.format(menu=_MENU, article=f"<h1>{_TITLE}</h1>{text}")
    return f"<html lang='en'><head><title>{_TITLE} | The Example Post</title></head><body>{body}".encode()


@pytest.mark.parametrize("place", sorted(_PLACES))
def test_article_is_found_wherever_it_is(
    place: str, paragraphs: tuple[str, ...], read_article: Callable[..., Content]
) -> None:
    article = read_article(_page(_PLACES[place], paragraphs))
    assert tuple(block.text for block in article.paragraphs) == paragraphs
    assert (article.title or "").startswith(_TITLE)


@pytest.mark.parametrize("element", ["main", "article", "section", "header", "custom-page", "figure"])
@pytest.mark.parametrize("head", ["<html><head>", "<!doctype html>"])
def test_page_that_leaves_out_the_tags_html_allows_to_leave_out_is_read(
    head: str, element: str, paragraphs: tuple[str, ...], read_article: Callable[..., Content]
) -> None:
    text = "".join(f"<p>{paragraph}" for paragraph in paragraphs)
    page = (
        f"{head}<meta charset=utf-8><title>{_TITLE}</title><{element}><h1>{_TITLE}</h1>{text}</{element}><footer>© 2024"
    )
    article = read_article(page.encode())
    assert article.text == "\n".join(paragraphs)
    assert article.title == _TITLE


@pytest.mark.parametrize("separator", ["<br>", "<br><br>", "<hr>", "<img src='/bridge.jpg'>"])
@pytest.mark.parametrize("wrapper", ["<div>{}</div>", "<font><b></b>{}</font>", "{}"])
def test_text_without_paragraph_elements_is_read(
    separator: str, wrapper: str, paragraphs: tuple[str, ...], read_article: Callable[..., Content]
) -> None:
    body = wrapper.format(separator.join(paragraphs))
    page = f"<html><head><title>{_TITLE}</title></head><body>{_MENU}<h1>{_TITLE}</h1>{body}</body></html>"
    text = read_article(page.encode()).text
    assert all(paragraph in text for paragraph in paragraphs)


@pytest.mark.parametrize("paragraph", ["<p><a href='/{number}'>{text}</a></p>", "<h3>{text}</h3>"])
def test_paragraphs_set_as_links_or_headings_are_read_in_the_last_resort(
    paragraph: str, paragraphs: tuple[str, ...], read_article: Callable[..., Content]
) -> None:
    body = "".join(paragraph.format(number=number, text=text) for number, text in enumerate(paragraphs))
    page = f"<html><head><title>{_TITLE}</title></head><body>{_MENU}<h1>{_TITLE}</h1>{body}</body></html>"
    article = read_article(page.encode())
    assert all(text in article.text for text in paragraphs)
    # Nobody signed or dated it, and no paragraph looks like one: the record says that it may be something else.
    assert article.doubt is not None
    assert "no paragraphs that make a text" in article.doubt.evidence


def test_notice_on_a_page_without_text_does_not_become_its_text(read_refusal: Callable[..., NotAnArticle]) -> None:
    page = f"<html><head><title>{_TITLE}</title></head><body><h1>{_TITLE}</h1><aside>{_CONSENT}</aside></body>"
    assert read_refusal(page.encode()).reason == "too_short"


_ARTICLE = """<meta property="og:type" content="article">
<meta property="article:published_time" content="2024-01-05T10:00:00Z">"""


@pytest.mark.parametrize(
    ("title", "head"),
    [
        ("Chocolate chip cookies", ""),
        ("Les cookies de ma grand-mère", ""),
        ("Роскомнадзор ограничил доступ к сайту городской газеты за статью о мосте", ""),
        ("Доступ ограничен", _ARTICLE),
        ("Captcha: how machines learned to read", _ARTICLE),
        ("Just a moment: the harbour bridge in a thousand pictures, and those who took them", ""),
    ],
)
def test_headline_that_has_words_of_a_wall_does_not_make_one(
    title: str,
    head: str,
    paragraphs: tuple[str, ...],
    write_page: Callable[..., bytes],
    read_article: Callable[..., Content],
) -> None:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    assert read_article(write_page(title=title, body=body, head=head)).title == title


def test_brief_that_speaks_of_consent_is_no_wall_for_consent(
    write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    title = "Bundesrat stimmt Gesetz über Brücken zu"
    lines = (
        "Der Bundesrat hat am Freitag die Zustimmung zu dem Gesetz über die Brücken gegeben, teilte er in Berlin mit.",
        "Ohne Einwilligung der Länder kann das Geld nicht ausgegeben werden, sagte eine Sprecherin der Regierung.",
    )
    page = write_page(title=title, body="".join(f"<p>{line}</p>" for line in lines))
    assert read_article(page).title == title


def test_dated_brief_of_something_that_was_not_found_is_no_error_page(
    write_page: Callable[..., bytes], read_article: Callable[..., Content]
) -> None:
    title = "Missing hiker not found after ten days on the mountain"
    line = "The search for a hiker from the town went on without a result on Friday, the police said in the evening."
    body = f"<time datetime='2024-01-05'>5 January 2024</time><p>{line}</p>"
    assert read_article(write_page(title=title, body=body)).title == title
