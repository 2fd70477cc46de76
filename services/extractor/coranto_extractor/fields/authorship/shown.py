"""The authors that a page shows: in elements marked as bylines, in lines near headline and text, in links and in boxes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.domains import is_same_site
from coranto.urls import host_of
from coranto_extractor.fields.authorship.author_names import (
    SiteNames,
    agency_of,
    bare_name,
    has_two_parts,
    is_first_name_alone,
    without_label,
)
from coranto_extractor.fields.authorship.byline_lines import bare_names, is_byline_word, names_in_byline
from coranto_extractor.fields.authorship.east_asian_bylines import names_at_end, names_in_dateline
from coranto_extractor.fields.places import Places, is_in_other_content
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import parse_date_text
from coranto_extractor.language.phrase_lists import cached_per_languages, class_alternatives
from coranto_extractor.language.sentences import ends_with_sentence
from coranto_extractor.page.blocks import HEADINGS, Block, normalize_space
from coranto_extractor.page.metadata import PageMetadata

Entries = list[tuple[str, str | None]]
"""Texts that name authors, each with the URL it links to."""

_SOURCE_LABEL = re.compile(r"^[^\W\d_]+\s?:\s?")
_MAX_BYLINE_CHARS = 140
_MAX_DISTANCE_TO_DATE = 2
_REGIONS_WITHOUT_NAMES = frozenset({"caption", "figure", "comment", "nav", "quote"})
_MAX_BYLINE_ELEMENT_CHARS = 300
_BYLINE_LEVELS = 3
_MAX_HREF_CHARS = 300
_CRUMBS = frozenset({"side:breadcrumb", "side:breadcrumbs"})
# Credits below a text may name its author: “Text: Jane Doe”.
_REGIONS_OF_OTHERS = frozenset({"comment", "nav"})
# So many of the last lines of the text may be a byline.
_CLOSING_LINES = 2


@cached_per_languages
def _byline_class() -> re.Pattern[str]:
    return re.compile(
        r"(?:^|[\s_-])(?:author|byline|writer|contributor|by-line|c-byline|article-author|post-author"
        rf"|{class_alternatives('author_class_names')})(?!ity|ized|ise)",
        re.IGNORECASE,
    )


@cached_per_languages
def _author_url() -> re.Pattern[str]:
    return re.compile(rf"/{class_alternatives('author_url_folders')}/+[^/?#]", re.IGNORECASE)


@cached_per_languages
def _class_of_other_content() -> re.Pattern[str]:
    return re.compile(
        r"comment|related|sidebar|widget|recommend|teaser|(?<!v)card|list-item|latest|bio|about|caption|photo|image|credit"
        rf"|{class_alternatives('photo_class_names')}|avatar|social|follow|count|box-",
        re.IGNORECASE,
    )


@cached_per_languages
def _source_class() -> re.Pattern[str]:
    return re.compile(
        rf"(?:^|[\s_-])(?:source|agency|{class_alternatives('source_class_names')})(?:$|[\s_-])", re.IGNORECASE
    )


def agencies_in_source_boxes(near: Sequence[Block]) -> Iterator[str]:
    """Agencies in a box of their own whose class says that it names the source."""
    for block in near:
        names = block.element.get("class") or ""
        if len(block.text) < _MAX_BYLINE_CHARS and _source_class().search(names):
            agency = agency_of(_SOURCE_LABEL.sub("", block.text).strip())
            if agency and not _class_of_other_content().search(names):
                yield agency


def byline_elements(near: Sequence[Block]) -> Iterator[tuple[str, str | None]]:
    """Texts in elements whose class says that they are a byline."""
    first: Block | None = None
    headings = [block.index for block in near if block.tag in HEADINGS]
    for block in near:
        if len(block.text) > _MAX_BYLINE_CHARS or block.tag in ("h1", "h2") or block.regions & _CRUMBS:
            continue
        if first is not None and any(first.index < index < block.index for index in headings):
            # Behind another heading stands the byline of another article.
            continue
        entries = [*_in_byline_box(block), *_in_inline_bylines(block)]
        yield from ((without_label(text), href) for text, href in entries)
        if first is None and entries and (bare_names(block.text_apart) or names_in_byline(block.text_apart)):
            first = block


def _in_byline_box(block: Block) -> Entries:
    """The texts of a block that is, or stands in, an element marked as a byline."""
    element: html.HtmlElement | None = block.element
    for _ in range(_BYLINE_LEVELS):
        if element is None:
            break
        names = f"{element.get('class') or ''} {element.get('id') or ''} {element.get('itemprop') or ''}"
        if _byline_class().search(names):
            is_short = len(element.text_content()) < _MAX_BYLINE_ELEMENT_CHARS
            if not is_short or _class_of_other_content().search(names):
                break
            linked: Entries = [
                (names_in_byline(text) or text, href) for href, text in block.links if 3 < len(text) < _MAX_BYLINE_CHARS
            ]
            lines: Entries = [(name, None) for name in bare_names(block.text_apart)]
            return linked or lines or [(names_in_byline(block.text_apart) or block.text_apart, None)]
        element = element.getparent()
    return []


def _in_inline_bylines(block: Block) -> Iterator[tuple[str, str | None]]:
    """The texts of elements in the block's lines that are marked as a byline."""
    inline = [
        child
        for child in block.element.iter("a", "span", "b", "strong", "em", "i", "cite")
        if _byline_class().search(child.get("class") or "") and not is_in_other_content(child)
    ]
    for child in inline:
        if not _class_of_other_content().search(child.get("class") or ""):
            # Behind the name, the element may hold a button to follow its bearer.
            for named in list(child.iterdescendants("a")) or [child]:
                text = normalize_space(named.text_content())
                yield names_in_byline(text) or text, named.get("href")


def bare_names_above_text(places: Places, language: str | None, site: SiteNames) -> list[str]:
    """The persons in the first line between headline and text that holds nothing but names, dates and the like.

    A date stands in the line or beside it: without one, it may be whom the article is about.
    """
    between = places.between_headline_and_text
    for n, block in enumerate(between):
        if block.tag in ("h1", "h2") or block.regions & _REGIONS_WITHOUT_NAMES:
            continue
        names = bare_names(block.text_apart, site)
        beside = between[max(0, n - _MAX_DISTANCE_TO_DATE) : n + _MAX_DISTANCE_TO_DATE + 1]
        if names and any(_has_date(other, language) for other in beside):
            return names
    return []


def _has_date(block: Block, language: str | None) -> bool:
    return len(block.text) <= _MAX_BYLINE_CHARS and parse_date_text(block.text_apart, language) is not None


def names_in_text(texts: Sequence[str], places: Places) -> list[str]:
    """The names that the text begins or ends with: behind a byline word, or alone in a line at its end."""
    below = [
        block
        for block in places.first_below_text
        if not block.regions & _REGIONS_OF_OTHERS and not places.is_in_teaser(block.element)
    ]
    closing = [*texts[-_CLOSING_LINES:], *(block.text for block in below)]
    for text in (*texts[:1], *closing):
        is_byline = phrase_lists.any_phrase("byline_prefixes").match(text) is not None
        behind_word = names_in_byline(text[:_MAX_BYLINE_CHARS]) if is_byline else None
        if behind_word:
            return [behind_word]
    in_dateline = names_in_dateline(texts[0]) if texts else []
    in_brackets = in_dateline or next(filter(None, map(names_at_end, reversed(closing))), [])
    if in_brackets:
        return in_brackets
    # A linked name below the text is whom the article is about.
    alone = [*texts[-_CLOSING_LINES:], *(block.text for block in below[:1] if not block.links)]
    return next((names for text in reversed(alone) if (names := bare_names(text))), [])


def linked_authors(page: PageMetadata, near: Sequence[Block]) -> Iterator[tuple[str, str | None]]:
    """The names in links to the site's own pages about authors, such as /author/jane-doe."""
    for block in near:
        if block.is_prose or block.regions & _REGIONS_WITHOUT_NAMES:
            continue
        for href, text in block.links:
            if not 3 < len(text) < _MAX_BYLINE_CHARS or not _author_url().search(href[:_MAX_HREF_CHARS]):
                continue
            name = bare_name(names_in_byline(text, is_loose=True) or text)
            url = page.absolute(href)
            is_own = page.url is None or url is None or is_same_site(host_of(url), page.host)
            if is_own and (has_two_parts(name) or is_first_name_alone(name)):
                yield name, href


def names_in_author_boxes(blocks: Sequence[Block], places: Places) -> list[str]:
    """The person whom the first box about an author introduces."""
    for block in blocks:
        if "author-box" in block.regions and "comment" not in block.regions and not places.is_in_teaser(block.element):
            names = bare_names(block.text)
            if names:
                return names
    return []


def byline_texts(near: Sequence[Block], blocks: Sequence[Block], *, is_loose: bool) -> Iterator[tuple[str, str | None]]:
    """The names in the first block that reads like a byline, or in the block behind one that is only a byline word."""
    for block in near:
        if block.tag in ("h1", "h2", "h3") or "quote" in block.regions:
            continue
        names = None if _tells_of_others(block) else names_in_byline(block.text_apart, is_loose=is_loose)
        if not names and is_byline_word(block.text) and block.index + 1 < len(blocks):
            names = names_in_byline(f"{block.text.rstrip(' :')} {blocks[block.index + 1].text}")
        if names:
            yield names, next((href for href, text in block.links if text and text in names), None)
            return


def _tells_of_others(block: Block) -> bool:
    """True for a sentence of the text that has a byline word in it: “... behind after a penalty by Jane Doe.”"""
    is_sentence = block.is_prose and ends_with_sentence(block.text)
    return is_sentence and phrase_lists.any_phrase("byline_prefixes").match(block.text.lstrip("([")) is None
