"""What the sample site holds: enough of everything, and nothing that contradicts itself."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

import pytest

from coranto.records import article_id
from coranto.urls import canonicalize
from coranto_samplesite import Page, expectations_for, load_pages
from coranto_samplesite.html import noise_in, render
from coranto_samplesite.pages import ArticleText

PAGES = load_pages()
ARTICLES = [page for page in PAGES if page.article is not None]
BASE = "http://127.0.0.1:8765"


def test_site_has_at_least_forty_pages_in_five_languages_and_more() -> None:
    assert len(PAGES) >= 40
    languages = Counter(page.article.language for page in ARTICLES if page.article)
    assert languages["ru"] >= 14
    assert languages["en"] >= 12
    assert len(languages) >= 5


def test_every_way_of_stating_metadata_and_every_layout_occurs() -> None:
    assert {page.marks for page in ARTICLES} == {"json-ld", "json-ld-graph", "microdata", "opengraph", "none"}
    assert {page.layout for page in ARTICLES} == {"portal", "herald", "plain", "tables", "amp", "print", "text"}
    assert {page.answer.charset for page in PAGES} >= {"utf-8", "windows-1251", "koi8-r", "iso-8859-1"}


def test_two_pages_never_share_an_address() -> None:
    addresses = [(page.host, page.path) for page in PAGES]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize("page", [page for page in PAGES if page.fate.outcome != "merged"], ids=lambda page: page.name)
def test_address_is_in_canonical_form_already(page: Page) -> None:
    assert canonicalize(BASE + page.path) == BASE + page.path


def test_merged_page_is_the_same_article_as_the_one_it_names() -> None:
    by_name = {page.name: page for page in PAGES}
    for page in PAGES:
        if page.fate.outcome == "merged":
            assert page.fate.same_as is not None
            original = by_name[page.fate.same_as]
            assert article_id(canonicalize(BASE + page.path)) == article_id(canonicalize(BASE + original.path))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_that_is_refused_says_by_whom_and_why(page: Page) -> None:
    if page.fate.outcome in ("dropped", "dead"):
        assert page.fate.stage in ("feeder", "fetcher", "extractor", "classifier", "sink")
        assert page.fate.reasons


@pytest.mark.parametrize("stage", ["feeder", "fetcher", "extractor"])
def test_reasons_are_words_of_the_stage_that_gives_them(stage: str) -> None:
    reasons = pytest.importorskip(f"coranto_{stage}.reasons", reason=f"the {stage} is not installed").REASONS
    for page in PAGES:
        if page.fate.stage == stage:
            assert set(page.fate.reasons) <= set(reasons), page.name


@pytest.mark.parametrize("page", ARTICLES, ids=lambda page: page.name)
def test_article_reads_like_one(page: Page) -> None:
    assert page.article is not None
    blocks = page.article.blocks
    if page.fate.outcome == "stored":
        assert 5 <= len(blocks) <= 12
    assert all(len(block.text) > 20 for block in blocks if block.kind == "paragraph")
    assert page.article.published is None or page.article.published.tzinfo is not None


class Text(HTMLParser):
    """The text of a page, scripts and styles left out."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def text_of(page: Page, article: ArticleText) -> str:
    parser = Text()
    for part in range(1, len(article.parts) + 1):
        parser.feed(render(page, article, base_url=BASE, part=part))
    return " ".join(" ".join(parser.parts).split())


@pytest.mark.parametrize("page", ARTICLES, ids=lambda page: page.name)
def test_whole_article_stands_on_its_page_amid_noise(page: Page) -> None:
    assert page.article is not None
    text = text_of(page, page.article)
    assert page.article.title in text
    for block in page.article.blocks:
        assert block.text in text
    assert any(piece in text for piece in noise_in(page.article.language).sentences)


@pytest.mark.parametrize("page", ARTICLES, ids=lambda page: page.name)
def test_noise_is_nowhere_part_of_the_article(page: Page) -> None:
    assert page.article is not None
    text = " ".join(block.text for block in page.article.blocks)
    assert not [piece for piece in noise_in(page.article.language).sentences if piece in text]


@pytest.mark.parametrize("page", ARTICLES, ids=lambda page: page.name)
def test_names_that_must_be_found_are_in_the_text_in_some_form(page: Page) -> None:
    assert page.article is not None
    text = f"{page.article.title} {page.article.text}".casefold()
    for name in (*page.fate.persons, *page.fate.organisations, *page.fate.places):
        # Russian endings vary: the stem of each word must occur.
        assert all(word.casefold()[: max(3, len(word) - 3)] in text for word in name.split()), name


def test_expectations_carry_the_addresses_of_the_run() -> None:
    expectations = {e.name: e for e in expectations_for({"site": "http://a", "wire": "http://b"})}
    assert expectations["wire-volcano"].url == "http://b/ru/volcano-kamchatka"
    assert expectations["ru-volcano"].story_with == "http://b/ru/volcano-kamchatka"


def test_redirect_is_expected_to_bring_the_article_where_the_way_ends() -> None:
    expectations = {e.name: e for e in expectations_for({"site": "http://a", "wire": "http://b"})}
    for name, title in (("en-quake", "Strong earthquake"), ("ru-rail", "Между Мурманском")):
        article = expectations[name].article
        assert article is not None
        assert article.title.startswith(title)


def test_correction_states_only_what_it_changes() -> None:
    (page,) = [page for page in PAGES if page.corrected]
    assert page.article is not None
    assert page.corrected is not None
    assert page.corrected.authors == page.article.authors
    assert page.corrected.correction is not None
    assert page.corrected.blocks != page.article.blocks
