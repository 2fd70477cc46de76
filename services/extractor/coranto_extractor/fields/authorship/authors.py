"""Finds who wrote the article: persons separate from agencies, and nobody when the page names nobody.

A photo credit, a brand, a handle, a role or an e-mail address is not an author; those are logged as rejected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.domains import is_same_site
from coranto.records.sections import Person
from coranto.urls import host_of
from coranto_extractor.fields.authorship.author_names import (
    NameLists,
    SiteNames,
    agency_of,
    bare_name,
    has_two_parts,
    is_first_name_alone,
    is_publication_name,
    sort_names,
    why_not_a_person,
)
from coranto_extractor.fields.authorship.byline_lines import bare_names, is_byline_word, names_in_byline
from coranto_extractor.fields.evidence import Extracted, RejectionLog
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.fields.places import Places
from coranto_extractor.fields.titles import site_names
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import parse_date_text
from coranto_extractor.language.phrase_lists import cached_per_languages, class_alternatives
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.blocks import HEADINGS, Block, normalize_space
from coranto_extractor.page.metadata import PageMetadata, clean, item_values, strings, types_of

Entries = list[tuple[str, str | None]]
"""Texts that name authors, each with the URL it links to."""

_ANCESTOR_OF_OTHER_CONTENT = re.compile(r"comment|related|sidebar|recommend|teaser|popular|latest", re.IGNORECASE)
_ANCESTOR_LEVELS = 5
_ORGANISATION_TYPES = frozenset(
    {"Organization", "NewsMediaOrganization", "Corporation", "NGO", "GovernmentOrganization"}
)
_SOURCE_LABEL = re.compile(r"^[^\W\d_]+\s?:\s?")
_MAX_LINK_CHARS = 60
_MAX_BYLINE_CHARS = 140
_MAX_DISTANCE_TO_DATE = 2
_REGIONS_WITHOUT_NAMES = frozenset({"caption", "figure", "comment", "nav", "quote"})
_MAX_BYLINE_ELEMENT_CHARS = 300
_BYLINE_LEVELS = 3
_MAX_HREF_CHARS = 300
_CRUMBS = frozenset({"side:breadcrumb", "side:breadcrumbs"})
_REGIONS_OF_OTHERS = frozenset({"comment", "nav"})
# So many of the last lines of the text may be a byline.
_CLOSING_LINES = 2
_MAX_AUTHORS = 20
_MAX_STATED_AUTHORS = 30
_MAX_JSON_DEPTH = 3
# Sources in which a page states its authors; only there may an author be a desk.
_STATEMENTS = frozenset({"json-ld", "microdata", "rel-author"})
# Sources in which a page may name itself as the author. That counts when nobody else is named.
_STRUCTURED_DATA = frozenset({"json-ld", "microdata"})
_MAX_PUBLICATIONS = 2
# So many names of one word each are buttons and sections, not first names.
_MIN_LABELS = 3


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


@dataclass(frozen=True)
class Byline:
    """Who is named as the maker of the text."""

    persons: tuple[Person, ...]
    agencies: tuple[str, ...]
    """News agencies, and whatever a box names as the text's source."""
    signed_by: tuple[str, ...] = ()
    """Desks and other organisations."""


def find_authors(reading: PageReading) -> Extracted[Byline] | None:
    """The persons, agencies and organisations that the page names as authors; None when it names nobody."""
    near = (*reading.near_headline, *reading.below_text)
    boxed = tuple(dict.fromkeys(_agencies_in_source_boxes(near)))
    found = _find_byline(reading, near, boxed)
    if found is None:
        return None
    names = found.value.agencies
    agencies = tuple(name for name in names if name in boxed or agency_of(name))
    signed_by = tuple(name for name in names if name not in agencies)
    return Extracted(Byline(found.value.persons, agencies, signed_by), found.source, found.confidence)


def _find_byline(reading: PageReading, near: Sequence[Block], boxed: tuple[str, ...]) -> Extracted[Byline] | None:
    """The byline with organisations of every kind among its agencies."""
    page = reading.metadata
    site = SiteNames(tuple(site_names(page)))
    stated = list(_stated_agencies(page, site, reading.rejections))
    organisations = {alphanumeric_key(name) for name in _named_organisations(page)}
    publications: dict[str, str] = {}
    agencies_only: Extracted[Byline] | None = None
    for entries, source, confidence in _candidates(reading, near):
        names = NameLists()
        for text, url in entries:
            name = bare_name(text)
            if source in _STRUCTURED_DATA and site.overlap_with(name) and is_publication_name(name):
                publications.setdefault(alphanumeric_key(text), name)
            if alphanumeric_key(text) not in organisations:
                accepts_desks = source in _STATEMENTS
                sort_names(text, page.absolute(url), site, names, reading.rejections, accepts_desks=accepts_desks)
        persons = _plausible_persons(page, near, names.persons, source)
        # The data may name the agency alone while the page shows who wrote for it. The page may show a town there as well.
        if agencies_only is not None:
            persons = [person for person in persons if source == "byline" and has_two_parts(person.name)]
            agencies = agencies_only.value.agencies
        else:
            agencies = _merged_agencies(stated, names.agencies, source)
        if persons:
            persons = [_with_surname(person, near) for person in persons]
            unique = tuple({alphanumeric_key(person.name): person for person in reversed(persons)}.values())[::-1]
            return Extracted(Byline(unique[:_MAX_AUTHORS], agencies or boxed), source, confidence)
        if names.agencies and agencies_only is None:
            agencies_only = Extracted(Byline((), agencies), source, confidence)
    if agencies_only is None and stated:
        agencies_only = Extracted(Byline((), tuple(dict.fromkeys(stated))), "json-ld", 0.9)
    if agencies_only is None and boxed:
        agencies_only = Extracted(Byline((), boxed), "source-box", 0.7)
    if agencies_only is not None:
        return agencies_only
    named = tuple(publications.values())[:_MAX_PUBLICATIONS]
    return Extracted(Byline((), named), "json-ld", 0.5) if named else None


def _plausible_persons(page: PageMetadata, near: Sequence[Block], persons: list[Person], source: str) -> list[Person]:
    """The persons without those that this kind of source often names by mistake."""
    if source == "meta":
        return _without_site_owner(page, near, persons)
    if source == "byline":
        return _without_labels(persons)
    return _without_account_names(near, persons) if source in _STRUCTURED_DATA else persons


def _without_site_owner(page: PageMetadata, near: Sequence[Block], persons: list[Person]) -> list[Person]:
    """The persons without the maker of the site, whom many meta elements name instead of the article's author.

    A name of one word is that of the maker. On a page that does not say it is an article, so is one not shown near the text.
    """
    full = [person for person in persons if has_two_parts(person.name)]
    if page.article or (page.first("og:type") or "").lower() == "article":
        return full
    owners = _owners(page)
    shown = _shown_text(near)
    return [person for person in full if person.name.casefold() in shown and person.name.casefold() not in owners]


def _without_account_names(near: Sequence[Block], persons: list[Person]) -> list[Person]:
    """The persons without names of one word that the page does not show: those are accounts in the publishing system."""
    if all(has_two_parts(person.name) for person in persons):
        return persons
    shown = _shown_text(near)
    return [person for person in persons if has_two_parts(person.name) or person.name.casefold() in shown]


def _with_surname(person: Person, near: Sequence[Block]) -> Person:
    """The person by the full name that a line near the text gives, where the data give the first name alone."""
    if has_two_parts(person.name):
        return person
    shown = (bare_name(block.text) for block in near if len(block.text) <= _MAX_LINK_CHARS)
    beginning = f"{person.name} ".casefold()
    full = next((name for name in shown if name.casefold().startswith(beginning) and len(bare_names(name)) == 1), None)
    return person.model_copy(update={"name": full}) if full else person


def _shown_text(near: Sequence[Block]) -> str:
    # “© 2020 Jane Doe” below the text is the site's imprint.
    return " ".join(block.text for block in near if "©" not in block.text).casefold()


def _without_labels(persons: list[Person]) -> list[Person]:
    """The persons without sections and buttons beside the byline, which have one word, while names mostly have two."""
    full = [person for person in persons if has_two_parts(person.name)]
    return full or (persons if len(persons) < _MIN_LABELS else [])


def _merged_agencies(stated: Sequence[str], agencies: Sequence[str], source: str) -> tuple[str, ...]:
    """The agencies of one source. Pages write the same agency in full in one place and abbreviated in another."""
    both = [*stated, *agencies] if source == "json-ld" else stated or agencies
    return tuple(dict.fromkeys(agency_of(name) or name for name in both))


def _named_organisations(page: PageMetadata) -> Iterator[str]:
    """Authors that the page's structured data call an organisation."""
    for name in ("author", "creator"):
        stated = page.resolve(page.article.get(name))
        for author in stated[:_MAX_STATED_AUTHORS] if isinstance(stated, list) else [stated]:
            node = page.resolve(author)
            types = types_of(node) if isinstance(node, dict) else set()
            # Some pages give a person both types.
            if types & _ORGANISATION_TYPES and "Person" not in types:
                yield from strings(node.get("name"))


def _stated_agencies(page: PageMetadata, site: SiteNames, rejections: RejectionLog) -> Iterator[str]:
    for name in _named_organisations(page):
        agency = agency_of(name)
        why = None if agency else why_not_a_person(name, site)
        # “Polar News Agency” is an agency although it is not a person; “News Desk” is neither.
        has_own_name = len(alphanumeric_key(phrase_lists.any_phrase("not_person").sub("", name))) > 2
        if why and not (why == "not_a_person" and has_own_name):
            rejections.reject("authors", name, why)
        else:
            yield agency or name


def _agencies_in_source_boxes(near: Sequence[Block]) -> Iterator[str]:
    """Agencies in a box of their own whose class says that it names the source."""
    for block in near:
        names = block.element.get("class") or ""
        if len(block.text) < _MAX_LINK_CHARS and _source_class().search(names):
            agency = agency_of(_SOURCE_LABEL.sub("", block.text).strip())
            if agency and not _class_of_other_content().search(names):
                yield agency


def _candidates(reading: PageReading, near: Sequence[Block]) -> Iterator[tuple[Entries, str, float]]:
    """The texts that may name authors, by source, the most reliable first; with the confidence in the source."""
    page = reading.metadata
    for name in ("author", "creator"):
        yield list(_json_ld_authors(page, page.article.get(name), 0)), "json-ld", 0.95
    places = Places(reading)
    # Whom the page names as the holder of its copyright is often stated as its author too.
    in_meta = [page.meta.get(name, ()) for name in phrase_lists.markup_names("author")]
    for texts in sorted(in_meta, key=lambda texts: _names_owner(page, texts)):
        yield [(text, None) for text in texts], "meta", 0.8
    yield list(_labelled_in_meta(page)), "meta", 0.8
    yield list(_microdata_authors(page, places)), "microdata", 0.85
    author_links = [link for link in reading.root.iterfind(".//a[@rel]") if _is_author_link(link)]
    own_links = [link for link in author_links if not places.is_in_teaser(link)]
    nearest_links = places.above_text_or_all(own_links)
    yield [(normalize_space(link.text_content()), link.get("href")) for link in nearest_links], "rel-author", 0.8
    near = [block for block in near if not places.is_in_teaser(block.element)]
    above = [block for block in near if places.is_above_text(block.element)]
    yield list(_byline_elements(above)), "byline", 0.75
    yield list(_byline_elements(near)), "byline", 0.75
    yield list(_byline_texts(near, reading.blocks, is_loose=False)), "byline", 0.7
    yield [(name, None) for name in _bare_names(places, reading.language)], "byline", 0.6
    yield list(_byline_texts(near, reading.blocks, is_loose=True)), "byline", 0.6
    yield list(_linked_authors(page, above)) or list(_linked_authors(page, near)), "author-link", 0.6
    yield [(name, None) for name in _names_in_text(reading.texts, places)], "byline", 0.5
    yield [(name, None) for name in _names_in_author_boxes(reading.blocks, places)], "author-box", 0.5


def _names_owner(page: PageMetadata, texts: Sequence[str]) -> bool:
    owners = _owners(page)
    return any(text.casefold() in owners for text in texts if text)


def _owners(page: PageMetadata) -> str:
    return " ".join(page.meta.get("copyright", ())).casefold()


def _labelled_in_meta(page: PageMetadata) -> Iterator[tuple[str, str | None]]:
    """The values that meta elements label with a byline word, as publishing systems do for previews."""
    for number in (1, 2):
        label = page.first(f"twitter:label{number}")
        if label and is_byline_word(label):
            yield from ((text, None) for text in page.meta.get(f"twitter:data{number}", ()))


def _json_ld_authors(page: PageMetadata, value: Any, depth: int) -> Iterator[tuple[str, str | None]]:
    value = page.resolve(value)
    if isinstance(value, str):
        yield clean(value), None
    elif isinstance(value, list) and depth < _MAX_JSON_DEPTH:
        for member in value[:_MAX_STATED_AUTHORS]:
            yield from _json_ld_authors(page, member, depth + 1)
    elif isinstance(value, dict):
        name = value.get("name") or _joined_name(value)
        url = value.get("url")
        for text in name if isinstance(name, list) else [name]:
            if isinstance(text, str):
                yield clean(text), url if isinstance(url, str) else None
            elif isinstance(text, dict) and depth < _MAX_JSON_DEPTH:
                yield from _json_ld_authors(page, text, depth + 1)


def _joined_name(person: dict[str, Any]) -> str | None:
    parts = [person.get("givenName"), person.get("additionalName"), person.get("familyName")]
    return " ".join(part for part in parts if isinstance(part, str)) or None


def _microdata_authors(page: PageMetadata, places: Places) -> Iterator[tuple[str, str | None]]:
    own = [
        element
        for element in page.itemprops.get("author", ())
        if not (_is_in_other_content(element) or places.is_in_teaser(element))
    ]
    for element in places.above_text_or_all(own):
        names = [child for child in element.iterfind(".//*[@itemprop]") if "name" in child.get("itemprop", "").split()]
        for text in item_values(names or [element]):
            yield text, element.get("href")


def _is_author_link(link: html.HtmlElement) -> bool:
    return "author" in (link.get("rel") or "").lower().split() and not _is_in_other_content(link)


def _is_in_other_content(element: html.HtmlElement) -> bool:
    """True inside menus, figures, comments and teasers, which name other people."""
    for level, ancestor in enumerate(element.iterancestors()):
        if ancestor.tag in ("aside", "nav", "footer", "figure", "figcaption", "body"):
            return bool(ancestor.tag != "body")
        names = f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"
        if level < _ANCESTOR_LEVELS and _ANCESTOR_OF_OTHER_CONTENT.search(names):
            return True
    return False


def _byline_elements(near: Sequence[Block]) -> Iterator[tuple[str, str | None]]:
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
        yield from entries
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
                (names_in_byline(text) or text, href) for href, text in block.links if 3 < len(text) < _MAX_LINK_CHARS
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
        if _byline_class().search(child.get("class") or "") and not _is_in_other_content(child)
    ]
    for child in inline:
        if not _class_of_other_content().search(child.get("class") or ""):
            # Behind the name, the element may hold a button to follow its bearer.
            for named in list(child.iterdescendants("a")) or [child]:
                text = normalize_space(named.text_content())
                yield names_in_byline(text) or text, named.get("href")


def _bare_names(places: Places, language: str | None) -> list[str]:
    """The persons in the first line between headline and text that holds nothing but names, dates and the like.

    A date stands in the line or beside it: without one, it may be whom the article is about.
    """
    between = places.between_headline_and_text
    for n, block in enumerate(between):
        if block.tag in ("h1", "h2") or block.regions & _REGIONS_WITHOUT_NAMES or block.is_prose:
            continue
        names = bare_names(block.text_apart)
        beside = between[max(0, n - _MAX_DISTANCE_TO_DATE) : n + _MAX_DISTANCE_TO_DATE + 1]
        if names and any(_has_date(other, language) for other in beside):
            return names
    return []


def _has_date(block: Block, language: str | None) -> bool:
    return len(block.text) <= _MAX_BYLINE_CHARS and parse_date_text(block.text_apart, language) is not None


def _names_in_text(texts: Sequence[str], places: Places) -> list[str]:
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
    # A linked name below the text is whom the article is about.
    alone = [*texts[-_CLOSING_LINES:], *(block.text for block in below[:1] if not block.links)]
    return next((names for text in reversed(alone) if (names := bare_names(text))), [])


def _linked_authors(page: PageMetadata, near: Sequence[Block]) -> Iterator[tuple[str, str | None]]:
    """The names in links to the site's own pages about authors, such as /author/jane-doe."""
    for block in near:
        if block.is_prose or block.regions & _REGIONS_WITHOUT_NAMES:
            continue
        for href, text in block.links:
            if not 3 < len(text) < _MAX_LINK_CHARS or not _author_url().search(href[:_MAX_HREF_CHARS]):
                continue
            name = bare_name(names_in_byline(text, is_loose=True) or text)
            url = page.absolute(href)
            is_own = page.url is None or url is None or is_same_site(host_of(url), page.host)
            if is_own and (has_two_parts(name) or is_first_name_alone(name)):
                yield name, href


def _names_in_author_boxes(blocks: Sequence[Block], places: Places) -> list[str]:
    """The person whom the first box about an author introduces."""
    for block in blocks:
        if "author-box" in block.regions and "comment" not in block.regions and not places.is_in_teaser(block.element):
            names = bare_names(block.text)
            if names:
                return names
    return []


def _byline_texts(
    near: Sequence[Block], blocks: Sequence[Block], *, is_loose: bool
) -> Iterator[tuple[str, str | None]]:
    """The names in the first block that reads like a byline, or in the block behind one that is only a byline word."""
    for block in near:
        if block.tag in ("h1", "h2", "h3") or "quote" in block.regions:
            continue
        names = names_in_byline(block.text_apart, is_loose=is_loose)
        if not names and is_byline_word(block.text) and block.index + 1 < len(blocks):
            names = names_in_byline(f"{block.text.rstrip(' :')} {blocks[block.index + 1].text}")
        if names:
            yield names, next((href for href, text in block.links if text and text in names), None)
            return


def find_authors_in_lines(lines: Sequence[str], rejections: RejectionLog) -> Extracted[Byline] | None:
    """The authors in the first byline among these lines of a text dump; None when there is none."""
    for line in lines:
        found = names_in_byline(line)
        if not found:
            continue
        names = NameLists()
        sort_names(found, None, SiteNames(()), names, rejections)
        if names.persons or names.agencies:
            return Extracted(Byline(tuple(names.persons), tuple(names.agencies)), "byline", 0.6)
    return None
