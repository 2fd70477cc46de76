"""Pages that state anything about themselves: each is read, or refused for a reason, and the record can be written.

Some hundred examples in every run; `make test-slow` tries for longer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import strategies as st
from tests.harness.any_input import ODD_TEXTS, TEXTS, changed, tried

from coranto.records.sections import Content
from coranto_extractor.page_request import PageRequest
from coranto_extractor.reader import read

TITLE = "Boats counted on the river"
PARAGRAPH = (
    "The harbour office counted the boats again and found more people on the river than in any week before. " * 3
)
STATED = {
    "@context": "https://schema.org",
    "@type": "NewsArticle",
    "headline": TITLE,
    "alternativeHeadline": "Boats",
    "description": "The harbour office counted.",
    "articleBody": PARAGRAPH,
    "datePublished": "2026-05-01T10:00:00Z",
    "dateModified": "2026-05-01T11:00:00Z",
    "author": [{"@type": "Person", "name": "Anna Body", "url": "http://paper.example/anna"}],
    "publisher": {"@type": "Organization", "name": "Paper", "logo": {"url": "http://paper.example/logo.png"}},
    "image": {"@type": "ImageObject", "url": "http://paper.example/boat.jpg", "caption": "A boat", "width": 1200},
    "articleSection": "Harbour",
    "keywords": ["boats", "river"],
    "inLanguage": "en",
    "isAccessibleForFree": True,
    "hasPart": {"cssSelector": ".paid", "isAccessibleForFree": False},
    "mainEntityOfPage": {"@id": "http://paper.example/1"},
    "isPartOf": {"name": "Paper"},
    "itemListElement": [{"position": 1, "name": "Harbour"}],
}
META = (
    "og:title", "og:url", "og:image", "og:image:width", "og:locale", "og:site_name", "og:type", "article:published_time",
    "article:modified_time", "article:author", "article:section", "article:tag", "article:content_tier", "author", "date",
    "dc.creator", "parsely-pub-date", "news_keywords", "description", "robots", "refresh", "datePublished", "language",
)  # fmt: skip
ELEMENTS = (
    '<time datetime="{0}">{1}</time>', '<p class=byline>By {0}</p>', '<span class=date>{0}</span>',
    '<img src="{0}" srcset="{1} 2x, {0} 99999999999999999999w" width="{1}" height="{0}">', "<figcaption>{0} {1}</figcaption>",
    '<a rel=author href="{0}">{1}</a>', '<link rel=canonical href="{0}">', '<base href="{0}">', '<p lang="{0}">{1}</p>',
    '<div itemprop="{0}" itemscope itemtype="{1}">{0}</div>', '<h1 class="{0}">{1}</h1>', '<table><tr><td colspan="{0}">{1}',
    '<div style="{0}" hidden="{1}">{0}</div>', "<script>window.state = {{\"text\": \"{0}\"}}</script>", "<blockquote>{0} {1}",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def deep_stack() -> Iterator[None]:
    """As in the processes that read pages."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(3000)
    yield
    sys.setrecursionlimit(before)


def read_page(head: str, body: str, text: str = PARAGRAPH) -> None:
    page = (
        f"<!doctype html><html><head><title>{TITLE}</title>{head}</head><body><article><h1>{TITLE}</h1>{body}"
        + f"<p>{text}</p>" * 5
        + "</article></body></html>"
    )
    request = PageRequest(
        url="http://paper.example/1", fetched_at=datetime(2026, 5, 2, tzinfo=UTC), records_rejections=True
    )
    result = read(page.encode("utf-8", "surrogatepass"), request)
    if isinstance(result, Content):
        Content.model_validate_json(result.model_dump_json())


def read_json_ld(stated: Any) -> None:
    script = f'<script type="application/ld+json">{json.dumps(stated)}</script>'
    read_page(script, "")
    read_page(script, "", "Read on.")


def read_scripts(state: Any) -> None:
    read_page("", f"<script>window.__STATE__ = {json.dumps(state)}</script>", "Read on.")


def read_markup(parts: tuple[list[tuple[str, str]], list[tuple[str, str, str]]]) -> None:
    meta, elements = parts
    head = "".join(
        f'<meta property="{name}" content="{value}"><meta name="{name}" content="{value}">' for name, value in meta
    )
    read_page(head, "".join(template.format(one, other) for template, one, other in elements))


MARKUP = st.tuples(
    st.lists(st.tuples(st.sampled_from(META), TEXTS), max_size=4),
    st.lists(st.tuples(st.sampled_from(ELEMENTS), TEXTS, TEXTS), max_size=4),
)
TARGETS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "json-ld": (read_json_ld, changed(STATED)),
    "scripts": (read_scripts, changed({"props": STATED})),
    "markup": (read_markup, MARKUP),
}


@pytest.mark.parametrize("name", TARGETS)
def test_any_statement_is_read(name: str) -> None:
    target, inputs = TARGETS[name]
    tried(target, inputs, 100, derandomize=True)


@pytest.mark.parametrize("text", ["Boats \ud83d", "Boats\x00\x01", "Boats\b"])
def test_text_that_no_record_can_hold_does_not_cost_the_article(text: str) -> None:
    stated = STATED | {
        "headline": f"{TITLE} {text}",
        "articleSection": text,
        "keywords": [text],
        "author": {"name": f"Anna {text}"},
        "image": {"url": f"http://paper.example/{text}.jpg", "caption": text},
    }
    read_json_ld(stated)
    read_json_ld(stated | {"articleBody": f"{text} {PARAGRAPH}" * 5})


@pytest.mark.parametrize("size", [text for text in ODD_TEXTS if text.isdigit()])
def test_size_of_a_picture_in_any_digits_is_read(size: str) -> None:
    read_page(
        "", f'<figure><img src="/boat.jpg" width="{size}" height="{size}"><figcaption>A boat</figcaption></figure>'
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_any_statement_for_long(name: str) -> None:
    target, inputs = TARGETS[name]
    tried(target, inputs, 20_000, derandomize=False)
