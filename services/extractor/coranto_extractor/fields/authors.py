"""Finds who wrote the article: persons on one side, agencies on the other, and nobody where the page names nobody.

A photo credit, a brand, a handle, a role or an e-mail address is no author; what was turned down goes to the rejections.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import Person
from coranto_extractor.fields.evidence import Extracted, RejectionLog
from coranto_extractor.fields.names import (
    Brands,
    Names,
    agency_of,
    has_two_parts,
    is_house_name,
    is_wide,
    reads_like_name,
    sort_names,
    split_names,
    strip,
    why_no_person,
)
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.blocks import Block, normalize_space
from coranto_extractor.page.metadata import PageMetadata, clean, item_values, strings, types_of

_BYLINE_CLASS = re.compile(
    r"(?:^|[\s_-])(?:author|byline|autor|auteur|writer|contributor|verfasser|forfatter|skribent|autore|authors|by-line|c-byline|article-author|post-author|firma|firmante|redattore|kirjoittaja|toimittaja|szerzo|yazar|avtor)(?!ity|ized|ise)",
    re.IGNORECASE,
)
_SPOILED = re.compile(
    r"comment|related|sidebar|widget|recommend|teaser|(?<!v)card|list-item|latest|bio|about|caption|photo|image|credit|foto|avatar|social|follow|count|box-",
    re.IGNORECASE,
)
_ORGANISATION_TYPES = frozenset(
    {"Organization", "NewsMediaOrganization", "Corporation", "NGO", "GovernmentOrganization"}
)
_SOURCE_CLASS = re.compile(r"(?:^|[\s_-])(?:source|agency|quelle|fuente|istochnik)(?:$|[\s_-])", re.IGNORECASE)
_SOURCE_LABEL = re.compile(r"^[^\W\d_]+\s?:\s?")
_MAX_LINK_CHARS = 60
_MAX_BYLINE_CHARS = 140
# Where a page signs the article, and so may sign with a desk.
_SIGNED = frozenset({"json-ld", "microdata", "rel-author"})
# Where it may sign with its own name, which counts when nobody else is named.
_SIGNED_BY_DATA = frozenset({"json-ld", "microdata"})
_MAX_HOUSES = 2
_MIN_LABELS = 3


@dataclass(frozen=True)
class Byline:
    """Who is named as the text's maker."""

    persons: tuple[Person, ...]
    agencies: tuple[str, ...]


def find_authors(
    page: PageMetadata,
    root: html.HtmlElement,
    near: Sequence[Block],
    site_names: Sequence[str],
    rejections: RejectionLog,
) -> Extracted[Byline] | None:
    """The persons and agencies the page names as authors, or None.

    `near`: the blocks about the headline and the text's end.
    """
    brands = Brands(tuple(site_names))
    stated = list(_stated_agencies(page, brands, rejections))
    boxed = tuple(dict.fromkeys(_source_boxes(near)))
    organisations = {alphanumeric_key(name) for name in _named_organisations(page)}
    houses: dict[str, str] = {}
    signed: Extracted[Byline] | None = None
    for entries, source, confidence in _candidates(page, root, near):
        names = Names()
        for text, url in entries:
            if source in _SIGNED_BY_DATA and brands.include(strip(text)) and is_house_name(strip(text)):
                houses.setdefault(alphanumeric_key(text), strip(text))
            if alphanumeric_key(text) not in organisations:
                sort_names(text, page.absolute(url), brands, names, rejections, takes_desks=source in _SIGNED)
        persons = _judged(page, near, names.persons, source)
        # The data may name the agency alone, where the page shows who wrote for it; but a place stands there as often.
        if signed is not None:
            persons = [person for person in persons if source == "byline" and has_two_parts(person.name)]
        agencies = signed.value.agencies if signed is not None else _merged(stated, names.agencies, source)
        if persons:
            unique = tuple({alphanumeric_key(person.name): person for person in reversed(persons)}.values())[::-1]
            return Extracted(Byline(unique[:20], agencies or boxed), source, confidence)
        if names.agencies and signed is None:
            signed = Extracted(Byline((), agencies), source, confidence)
    if signed is None and stated:
        signed = Extracted(Byline((), tuple(dict.fromkeys(stated))), "json-ld", 0.9)
    if signed is None and boxed:
        signed = Extracted(Byline((), boxed), "source-box", 0.7)
    if signed is not None:
        return signed
    return Extracted(Byline((), tuple(houses.values())[:_MAX_HOUSES]), "json-ld", 0.5) if houses else None


def _judged(page: PageMetadata, near: Sequence[Block], persons: list[Person], source: str) -> list[Person]:
    """The persons but for those that a source of this kind names beside its authors."""
    if source == "meta":
        return _without_owner(page, near, persons)
    if source == "byline":
        return _without_labels(persons)
    return _without_accounts(near, persons) if source in _SIGNED_BY_DATA else persons


def _without_owner(page: PageMetadata, near: Sequence[Block], persons: list[Person]) -> list[Person]:
    """The persons but for who made the site: of them many pages' meta elements tell, by one name or far from the text."""
    whole = [person for person in persons if has_two_parts(person.name)]
    if page.article or (page.first("og:type") or "").lower() == "article":
        return whole
    owners = " ".join(page.meta.get("copyright", ())).casefold()
    shown = _shown(near)
    return [person for person in whole if person.name.casefold() in shown and person.name.casefold() not in owners]


def _without_accounts(near: Sequence[Block], persons: list[Person]) -> list[Person]:
    """The persons but for names of one word that the page does not show: they are those of users of its system."""
    if all(has_two_parts(person.name) for person in persons):
        return persons
    shown = _shown(near)
    return [person for person in persons if has_two_parts(person.name) or person.name.casefold() in shown]


def _shown(near: Sequence[Block]) -> str:
    # “© 2020 Jane Doe” below the text is the site's imprint.
    return " ".join(block.text for block in near if "©" not in block.text).casefold()


def _without_labels(persons: list[Person]) -> list[Person]:
    """The persons without what links beside a byline say: rubrics and buttons have one word, names mostly two."""
    whole = [person for person in persons if has_two_parts(person.name)]
    return whole or (persons if len(persons) < _MIN_LABELS else [])


def _merged(stated: Sequence[str], agencies: Sequence[str], source: str) -> tuple[str, ...]:
    """The agencies of one source: pages write the same agency in full in one place and as letters in another."""
    both = [*stated, *agencies] if source == "json-ld" else stated or agencies
    return tuple(dict.fromkeys(both))


def _named_organisations(page: PageMetadata) -> Iterator[str]:
    """Authors that the page's own data call an organisation."""
    for name in ("author", "creator"):
        stated = page.resolve(page.article.get(name))
        for author in stated[:30] if isinstance(stated, list) else [stated]:
            node = page.resolve(author)
            types = types_of(node) if isinstance(node, dict) else set()
            # Some say of a person both.
            if types & _ORGANISATION_TYPES and "Person" not in types:
                yield from strings(node.get("name"))


def _stated_agencies(page: PageMetadata, brands: Brands, rejections: RejectionLog) -> Iterator[str]:
    for name in _named_organisations(page):
        agency = agency_of(name)
        why = None if agency else why_no_person(name, brands)
        # “Polar News Agency” is no person and an agency; “News Desk” is neither.
        has_own_name = len(alphanumeric_key(phrase_lists.any_phrase("not_person").sub("", name))) > 2
        if why and not (why == "not_a_person" and has_own_name):
            rejections.reject("authors", name, why)
        else:
            yield agency or name


def _source_boxes(near: Sequence[Block]) -> Iterator[str]:
    """Names in a box of their own that is called a source or an agency."""
    for block in near:
        names = block.element.get("class") or ""
        if len(block.text) < _MAX_LINK_CHARS and _SOURCE_CLASS.search(names) and not _SPOILED.search(names):
            agency = agency_of(_SOURCE_LABEL.sub("", block.text).strip())
            if agency:
                yield agency


Entries = list[tuple[str, str | None]]


def _candidates(
    page: PageMetadata, root: html.HtmlElement, near: Sequence[Block]
) -> Iterator[tuple[Entries, str, float]]:
    for name in ("author", "creator"):
        yield list(_named(page, page.article.get(name), 0)), "json-ld", 0.95
    for name in phrase_lists.markup_names("author"):
        yield [(text, None) for text in page.meta.get(name, ())], "meta", 0.8
    yield list(_microdata(page)), "microdata", 0.85
    yield (
        [
            (normalize_space(link.text_content()), link.get("href"))
            for link in root.iterfind(".//a[@rel]")
            if _is_author_link(link)
        ],
        "rel-author",
        0.8,
    )
    yield list(_marked_blocks(near)), "byline", 0.75
    yield list(_byline_texts(near)), "byline", 0.7


def _named(page: PageMetadata, value: Any, depth: int) -> Iterator[tuple[str, str | None]]:
    value = page.resolve(value)
    if isinstance(value, str):
        yield clean(value), None
    elif isinstance(value, list) and depth < 3:
        for member in value[:30]:
            yield from _named(page, member, depth + 1)
    elif isinstance(value, dict):
        name = value.get("name")
        url = value.get("url")
        for text in name if isinstance(name, list) else [name]:
            if isinstance(text, str):
                yield clean(text), url if isinstance(url, str) else None
            elif isinstance(text, dict) and depth < 3:
                yield from _named(page, text, depth + 1)


def _microdata(page: PageMetadata) -> Iterator[tuple[str, str | None]]:
    for element in page.itemprops.get("author", ()):
        if _is_spoiled(element):
            continue
        names = [child for child in element.iterfind(".//*[@itemprop]") if "name" in child.get("itemprop", "").split()]
        for text in item_values(names or [element]):
            yield text, element.get("href")


def _is_author_link(link: html.HtmlElement) -> bool:
    return "author" in (link.get("rel") or "").lower().split() and not _is_spoiled(link)


def _is_spoiled(element: html.HtmlElement) -> bool:
    for place, ancestor in enumerate(element.iterancestors()):
        if ancestor.tag in ("aside", "nav", "footer", "figure", "figcaption", "body"):
            return bool(ancestor.tag != "body")
        names = f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"
        if place < 5 and re.search(r"comment|related|sidebar|recommend|teaser|popular|latest", names, re.IGNORECASE):
            return True
    return False


def _marked_blocks(near: Sequence[Block]) -> Iterator[tuple[str, str | None]]:
    for block in near:
        if len(block.text) > _MAX_BYLINE_CHARS or block.tag in ("h1", "h2"):
            continue
        element: html.HtmlElement | None = block.element
        for _ in range(3):
            if element is None:
                break
            names = f"{element.get('class') or ''} {element.get('id') or ''} {element.get('itemprop') or ''}"
            if _BYLINE_CLASS.search(names):
                if not _SPOILED.search(names) and len(element.text_content()) < 300:
                    linked: Entries = [(text, href) for href, text in block.links if 3 < len(text) < _MAX_LINK_CHARS]
                    yield from linked or [(block.text, None)]
                break
            element = element.getparent()
        inline = [
            child
            for child in block.element.iter("a", "span", "b", "strong", "em", "i", "cite")
            if _BYLINE_CLASS.search(child.get("class") or "")
        ]
        for child in inline[:2]:
            if not _SPOILED.search(child.get("class") or ""):
                yield normalize_space(child.text_content()), child.get("href")


def _byline_texts(near: Sequence[Block]) -> Iterator[tuple[str, str | None]]:
    for block in near:
        if block.tag in ("h1", "h2", "h3") or block.is_prose:
            continue
        names = _names_in_byline(block.text)
        if names:
            yield names, next((href for href, text in block.links if text and text in names), None)
            return


def _names_in_byline(text: str) -> str | None:
    """What a line such as “By Jane Doe, 5 January” names; None when it is no such line."""
    found = phrase_lists.any_phrase("byline_prefixes").match(text) if len(text) <= _MAX_BYLINE_CHARS else None
    if not found:
        return None
    rest = text[found.end() :].lstrip(" :.–—-")
    # A nickname in brackets parts no name.
    first = re.split(r"\s*(?:[|•·]|\((?!\w[\w. ]{0,20}\)\s[^\W\d_a-z])|\d|\s[-–—]\s)", rest, maxsplit=1)[0]
    parts = [strip(part) for part in split_names(first)]
    if parts and reads_like_name(parts[0]) and (":" in text or is_wide(first) or 2 <= len(parts[0].split()) <= 4):
        return first
    return None


def authors_in_lines(lines: Sequence[str], rejections: RejectionLog) -> Extracted[Byline] | None:
    """The authors that the first byline among these lines of a dump names, or None."""
    for line in lines:
        names = _names_in_byline(line)
        if not names:
            continue
        sorted_names = Names()
        sort_names(names, None, Brands(()), sorted_names, rejections)
        if sorted_names.persons or sorted_names.agencies:
            return Extracted(Byline(tuple(sorted_names.persons), tuple(sorted_names.agencies)), "byline", 0.6)
    return None
