"""What must become of each page of the sample site, with addresses as they are in this run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from coranto_samplesite import html
from coranto_samplesite.pages import ArticleText, Fate, Page, load_pages


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must become of one page."""

    name: str
    url: str
    """Address under which the page is found."""
    fate: Fate
    is_listed: bool
    """True when whoever follows the site's feeds and sitemap finds the page."""
    article: ArticleText | None = None
    """What must come out, for a page that is stored."""
    corrected: ArticleText | None = None
    """What must come out once the correction has been seen."""
    publisher: str | None = None
    date_has_zone: bool = True
    """False when the page gives its date in words only: then the day is all that can be asked for."""
    states_publisher: bool = True
    """False when the page names its publication nowhere but in passing."""
    noise: tuple[str, ...] = ()
    """What stands on the page and is no part of the article."""
    story_with: str | None = None
    """Address of another page that carries the same story."""


def expectations_for(urls: Mapping[str, str]) -> list[Expectation]:
    """The expectations of every page; `urls` gives the address of each host (`SampleSite.urls`)."""
    pages = {page.name: page for page in load_pages()}
    return [_expectation(page, pages, urls) for page in pages.values()]


def _expectation(page: Page, pages: Mapping[str, Page], urls: Mapping[str, str]) -> Expectation:
    url = urls[page.host] + page.path
    is_listed = page.listed != "nowhere"
    # A redirect says nothing itself: the article is the one of the page where the way ends.
    source = _end_of_way(page, pages)
    if page.fate.outcome != "stored" or source.article is None:
        return Expectation(page.name, url, page.fate, is_listed)
    noise = html.noise_in(source.article.language)
    shown = html.render(source, source.article, base_url=urls[source.host])
    other = pages.get(page.fate.story_with or "")
    return Expectation(
        page.name,
        url,
        page.fate,
        is_listed,
        article=source.article,
        corrected=source.corrected,
        publisher=html.publication_of(source, source.article.language),
        date_has_zone=source.marks != "none" and source.layout != "text",
        states_publisher=source.marks in ("json-ld", "json-ld-graph", "opengraph"),
        noise=(
            *source.fate.absent,
            *(piece for piece in noise.sentences if escape(piece) in shown or piece in shown),
        ),
        story_with=urls[other.host] + other.path if other else None,
    )


def _end_of_way(page: Page, pages: Mapping[str, Page]) -> Page:
    here = page
    for _ in range(len(pages)):
        if here.answer.kind != "redirect":
            return here
        after = next(
            (other for other in pages.values() if other.path == here.answer.to and other.host == here.host), None
        )
        if after is None:
            return here
        here = after
    return page
