"""Finds where the publisher files the article: section and breadcrumbs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.domains import registered_domain
from coranto_extractor.fields.authorship.byline_lines import names_in_byline
from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.fields.titles import site_names
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import parse_date_text, without_date_at_end
from coranto_extractor.language.phrase_lists import cached_per_languages, class_alternatives
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.blocks import Block, normalize_space, word_count
from coranto_extractor.page.metadata import PageMetadata, item_values, strings, types_of

_SECTION_META = (
    "article:section",
    "og:article:section",
    "section",
    "cxenseparse:section",
    "parsely-section",
    "category",
    "sailthru.section",
    "dc.subject.section",
    "news_section",
    "article:category",
)
_BREADCRUMB_CLASS = re.compile(r"breadcrumb|bread-crumb|crumbs|pathway|channel-path", re.IGNORECASE)
_LISTS = frozenset({"ul", "ol", "nav", "div", "p"})
_MAX_ELEMENTS_OF_BLOCK = 60
_MAX_SECTION_CHARS = 40
# A section in the metadata, and a breadcrumb, may be a little longer.
_MAX_STATED_SECTION_CHARS = 80
_MAX_BREADCRUMBS = 10
# The last breadcrumb is the article itself when it begins like the title for this many characters.
_COMPARED_TITLE_CHARS = 30
_MAX_JSON_NODES = 200
# “Yahoo!” is a name.
_MIN_SENTENCE_WORDS = 3
_KEY_OF_SOFTWARE = re.compile(r"\w_\w")


@cached_per_languages
def _section_class() -> re.Pattern[str]:
    return re.compile(
        r"(?:^|[\s_-])(?:cats?|category|categorize|section-?name|kicker|article[-_]{0,2}section|categories"
        rf"|{class_alternatives('section_class_names')})(?:$|[\s_-])|__category",
        re.IGNORECASE,
    )


def find_section(reading: PageReading, breadcrumbs: Sequence[str]) -> Extracted[str] | None:
    """The publisher's own section; None when there is none. Never the name of the site, of its front page or of the article."""
    page = reading.metadata
    not_sections = _keys_of_site(page) | _keys_of_lists() | {alphanumeric_key(reading.title or "")}
    for text, source, confidence in _stated_sections(reading, breadcrumbs):
        named = [text] if source == "breadcrumbs" else _sections_in(without_date_at_end(text))
        sections = [one for one in named if _is_name(one) and alphanumeric_key(one) not in not_sections]
        if sections:
            section = next((one for one in sections if one in breadcrumbs), sections[0])
            return Extracted(section, source, confidence)
    in_url = _section_in_url(page, reading.root, not_sections)
    return Extracted(in_url, "address", 0.5) if in_url else None


def _is_name(text: str) -> bool:
    """False for a question, a line that goes on, a date, a byline, and for a key of software, such as “news_news”."""
    is_sentence = text.endswith(("?", "!")) and word_count(text) >= _MIN_SENTENCE_WORDS
    is_sentence = is_sentence or text.endswith(":") or names_in_byline(text) is not None
    return bool(text) and not is_sentence and not _KEY_OF_SOFTWARE.search(text) and parse_date_text(text, None) is None


def _keys_of_site(page: PageMetadata) -> set[str]:
    """Of the site's names and of those that front pages have."""
    names = (*site_names(page), registered_domain(page.host))
    return {*map(alphanumeric_key, names), *_keys_of_front_pages()}


@cached_per_languages
def _keys_of_front_pages() -> frozenset[str]:
    return frozenset(map(alphanumeric_key, phrase_lists.phrases("home_labels")))


@cached_per_languages
def _keys_of_lists() -> frozenset[str]:
    """What lists of everything are called, by software and by people."""
    names = (*phrase_lists.markup_names("not_sections"), *phrase_lists.phrases("not_sections"))
    return frozenset(map(alphanumeric_key, names))


def _sections_in(text: str) -> list[str]:
    """The sections that one value names: blogs join all categories of an article by commas, “Business,Small Business”."""
    is_one_name = ", &" in text
    return [text] if is_one_name or "," not in text else [one for part in text.split(",") if (one := part.strip())]


def _stated_sections(reading: PageReading, breadcrumbs: Sequence[str]) -> Iterator[tuple[str, str, float]]:
    page = reading.metadata
    for text in strings(page.article.get("articleSection")):
        yield text, "json-ld", 0.95
    stated = page.first(*_SECTION_META)
    if stated and len(stated) < _MAX_STATED_SECTION_CHARS and not stated.startswith("http"):
        yield stated, "opengraph", 0.85
    for text in item_values(page.itemprops.get("articleSection", ())):
        if len(text) < _MAX_STATED_SECTION_CHARS:
            yield text, "microdata", 0.9
    for text in breadcrumbs:
        yield text, "breadcrumbs", 0.7
    # This source's name is part of published records.
    for block in (*reading.near_headline, *reading.below_text):
        yield from ((text, "section", 0.5) for text in _marked_sections(block) if len(text) < _MAX_SECTION_CHARS)


def _marked_sections(block: Block) -> Iterator[str]:
    """The sections in those elements of the block whose class or relation says that they are: links, or the whole."""
    for element in islice((block.element, *block.element.iterdescendants()), _MAX_ELEMENTS_OF_BLOCK):
        if not isinstance(element.tag, str):
            continue
        if element.tag == "a" and "category" in (element.get("rel") or "").split():
            yield normalize_space(element.text_content())
        elif _section_class().search(element.get("class") or ""):
            links = [normalize_space(link.text_content()) for link in element.iter("a")]
            # Behind a label, “Category: Local”, and beside each other without a space.
            text = block.text if element is block.element else normalize_space(element.text_content())
            yield from (one.strip(" ,/|") for one in links or [text])


def _section_in_url(page: PageMetadata, root: html.HtmlElement, not_sections: AbstractSet[str]) -> str | None:
    """The page's own name for the first folder of its URL: the text of a link that leads there."""
    own = _folders(page.url)
    if len(own) < 2:
        return None
    names: dict[int, str] = {}
    for link in root.iter("a"):
        href = link.get("href")
        if not href or href.startswith(("#", "javascript:", "mailto:")):
            continue
        folders = _folders(page.absolute(href))
        is_parent = 0 < len(folders) < len(own) and own[: len(folders)] == folders
        if not is_parent or not _may_be_section(folders) or _host(page.absolute(href)) != page.host:
            continue
        text = normalize_space(link.text_content()).strip(" ,/|»›")
        is_name = 2 < len(text) < _MAX_SECTION_CHARS and alphanumeric_key(text) not in not_sections
        if is_name and not phrase_lists.exact_phrase("read_also").fullmatch(text.casefold()):
            names.setdefault(len(folders), text)
    return names[min(names)] if names else None


def _folders(url: str | None) -> list[str]:
    try:
        return [folder for folder in urlsplit(url or "").path.casefold().split("/") if folder]
    except ValueError:
        return []


def _host(url: str | None) -> str:
    try:
        return (urlsplit(url or "").hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _may_be_section(folders: Sequence[str]) -> bool:
    """False when the last folder is a year or a page number, or the only folder is a language."""
    is_language = len(folders) == 1 and re.split(r"[-_]", folders[0])[0] in phrase_lists.languages()
    return len(folders[-1]) > 1 and not folders[-1].isdigit() and not is_language


def find_breadcrumbs(reading: PageReading) -> Extracted[tuple[str, ...]] | None:
    """The sections from the top down, without the front page and the article itself."""
    page = reading.metadata
    for node in page.nodes[:_MAX_JSON_NODES]:
        if "BreadcrumbList" in types_of(node):
            names = [
                name
                for item in _list_items(page, node)
                for name in strings(item.get("name") or page.resolve(item.get("item")))[:1]
            ]
            breadcrumbs = _without_ends(page, names, reading.title)
            if breadcrumbs:
                return Extracted(breadcrumbs, "json-ld", 0.9)
    for element in _lists_of_breadcrumbs(reading.root):
        anchors = list(element.iter("a"))
        # Only the first link leads to the front page: a section with its own host has that host's front page.
        inner = anchors[1:] if anchors and _links_to_front_page(page, anchors[0]) else anchors
        texts = [normalize_space(link.text_content()) for link in inner]
        breadcrumbs = _without_ends(page, [text for text in texts if text], reading.title)
        return Extracted(breadcrumbs, "breadcrumbs", 0.7) if breadcrumbs else None
    return None


def _lists_of_breadcrumbs(root: html.HtmlElement) -> Iterator[html.HtmlElement]:
    """The elements whose class says so; then those whose id or type does."""
    for name in ("class", "id", "itemtype"):
        for element in root.iterfind(f".//*[@{name}]"):
            if element.tag in _LISTS and _BREADCRUMB_CLASS.search(element.get(name) or ""):
                yield element


def _links_to_front_page(page: PageMetadata, link: html.HtmlElement) -> bool:
    """True for a link to the site's front page, or to the front page of one of its languages."""
    href = link.get("href")
    folders = _folders(page.absolute(href))
    return bool(href and page.absolute(href)) and (
        not folders or (len(folders) == 1 and folders[0] in phrase_lists.languages())
    )


def _list_items(page: PageMetadata, node: dict[str, Any]) -> list[dict[str, Any]]:
    items = node.get("itemListElement")
    items = items if isinstance(items, list) else [items]
    found = [page.resolve(item) for item in items]
    return sorted((item for item in found if isinstance(item, dict)), key=lambda item: _number(item.get("position")))


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


def _without_ends(page: PageMetadata, names: Sequence[str], title: str | None) -> tuple[str, ...]:
    """The breadcrumbs without the front page and without the article itself."""
    front_page = _keys_of_site(page)
    kept = [
        name for name in names if alphanumeric_key(name) not in front_page and len(name) < _MAX_STATED_SECTION_CHARS
    ]
    if kept and title and (kept[-1] == title or kept[-1][:_COMPARED_TITLE_CHARS] == title[:_COMPARED_TITLE_CHARS]):
        kept.pop()
    return tuple(dict.fromkeys(kept))[:_MAX_BREADCRUMBS]
