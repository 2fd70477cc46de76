"""Finds who wrote the article: persons separate from agencies, and nobody when the page names nobody.

A photo credit, a brand, a handle, a role or an e-mail address is not an author; those are logged as rejected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coranto.records.sections import Person
from coranto_extractor.fields.authorship.author_names import (
    NameLists,
    SiteNames,
    agency_of,
    bare_name,
    begins_with_known_name,
    has_two_parts,
    is_publication_name,
    sort_names,
)
from coranto_extractor.fields.authorship.byline_lines import bare_names, names_in_byline
from coranto_extractor.fields.authorship.shown import (
    Entries,
    agencies_in_source_boxes,
    bare_names_above_text,
    byline_elements,
    byline_texts,
    linked_authors,
    names_in_author_boxes,
    names_in_text,
)
from coranto_extractor.fields.authorship.stated import (
    copyright_holders,
    is_author_link,
    json_ld_authors,
    labelled_in_meta,
    microdata_authors,
    named_organisations,
    names_holder,
    stated_agencies,
)
from coranto_extractor.fields.evidence import Extracted, RejectionLog
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.fields.places import Places
from coranto_extractor.fields.titles import site_names
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.given_names import begins_with_given_name
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.blocks import Block, normalize_space
from coranto_extractor.page.metadata import PageMetadata

_MAX_BYLINE_CHARS = 140
_MAX_AUTHORS = 20
# Sources in which a page states its authors; only there may an author be a desk.
_STATEMENTS = frozenset({"json-ld", "microdata", "rel-author"})
# Sources in which a page may name itself as the author. That counts when nobody else is named.
_STRUCTURED_DATA = frozenset({"json-ld", "microdata"})
# Sources that a reader does not see, and the confidence of a byline above the text that is marked as one.
_FOR_MACHINES = frozenset({"json-ld", "meta"})
_MARKED_BYLINE = 0.75
_TITLE_MARK = re.compile(r"[_|｜»·]|\s[-–—]+\s")
# So many names of one word each are buttons and sections, not first names.
_MIN_LABELS = 3


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
    boxed = tuple(dict.fromkeys(agencies_in_source_boxes(near)))
    found = _find_byline(reading, near, boxed)
    if found is None:
        return None
    names = found.value.agencies
    agencies = tuple(name for name in names if name in boxed or agency_of(name))
    signed_by = tuple(name for name in names if name not in agencies)
    return Extracted(Byline(found.value.persons, agencies, signed_by), found.source, found.confidence)


def _find_byline(reading: PageReading, near: Sequence[Block], boxed: tuple[str, ...]) -> Extracted[Byline] | None:
    bylines = _bylines(reading, near, boxed)
    first = next(bylines, None)
    if first is None or first.source not in _FOR_MACHINES or _are_shown(first.value.persons, reading.blocks):
        return first
    # Whom only the data name may have put the article in. A byline that is marked as one knows better.
    return next((byline for byline in bylines if _is_marked(byline)), first)


def _bylines(reading: PageReading, near: Sequence[Block], boxed: tuple[str, ...]) -> Iterator[Extracted[Byline]]:
    """The bylines, the most reliable first, one without a person last. Organisations of every kind are among the agencies."""
    page = reading.metadata
    site = SiteNames(tuple(site_names(page)))
    stated = list(stated_agencies(page, site, reading.rejections))
    organisations = {alphanumeric_key(name) for name in named_organisations(page)}
    publications: dict[str, str] = {}
    agencies_only: Extracted[Byline] | None = None
    for entries, source, confidence in _candidates(reading, near, site):
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
            yield Extracted(Byline(unique[:_MAX_AUTHORS], agencies or boxed), source, confidence)
        elif names.agencies and agencies_only is None:
            agencies_only = Extracted(Byline((), agencies), source, confidence)
    if agencies_only is None and stated:
        agencies_only = Extracted(Byline((), tuple(dict.fromkeys(stated))), "json-ld", 0.9)
    if agencies_only is None and boxed:
        agencies_only = Extracted(Byline((), boxed), "source-box", 0.7)
    if agencies_only is not None:
        yield agencies_only
    elif publications:
        yield Extracted(Byline((), tuple(publications.values())[:_MAX_AUTHORS]), "json-ld", 0.5)


def _are_shown(persons: Sequence[Person], blocks: Sequence[Block]) -> bool:
    text = " ".join(block.text for block in blocks).casefold()
    return any(person.name.casefold() in text for person in persons)


def _is_marked(byline: Extracted[Byline]) -> bool:
    """True for persons with a given name and a surname, in an element above the text that says it is a byline."""
    persons = byline.value.persons
    is_marked = byline.source == "byline" and byline.confidence >= _MARKED_BYLINE and bool(persons)
    return is_marked and all(has_two_parts(one.name) and begins_with_given_name(one.name) for one in persons)


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
    full = [person for person in persons if has_two_parts(person.name) and not _ends_page_title(page, person.name)]
    if page.article or (page.first("og:type") or "").lower() == "article":
        return full
    holders = copyright_holders(page)
    shown = _shown_text(near)
    return [person for person in full if person.name.casefold() in shown and person.name.casefold() not in holders]


def _ends_page_title(page: PageMetadata, name: str) -> bool:
    """True for what stands alone behind the last mark in the title of the window, as the site's name does, and is no known name."""
    ending = _TITLE_MARK.split(page.page_title or "")[-1]
    return alphanumeric_key(ending) == alphanumeric_key(name) and not begins_with_known_name(name)


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
    shown = (bare_name(block.text) for block in near if len(block.text) <= _MAX_BYLINE_CHARS)
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


def _candidates(reading: PageReading, near: Sequence[Block], site: SiteNames) -> Iterator[tuple[Entries, str, float]]:
    """The texts that may name authors, by source, the most reliable first; with the confidence in the source."""
    page = reading.metadata
    for name in ("author", "creator"):
        yield list(json_ld_authors(page, page.article.get(name))), "json-ld", 0.95
    places = Places(reading)
    # Whom the page names as the holder of its copyright is often stated as its author too.
    in_meta = [page.meta.get(name, ()) for name in phrase_lists.markup_names("author")]
    for texts in sorted(in_meta, key=lambda texts: names_holder(page, texts)):
        yield [(text, None) for text in texts], "meta", 0.8
    yield list(labelled_in_meta(page)), "meta", 0.8
    yield list(microdata_authors(page, places)), "microdata", 0.85
    author_links = [link for link in reading.root.iterfind(".//a[@rel]") if is_author_link(link)]
    own_links = [link for link in author_links if not places.is_in_teaser(link)]
    nearest_links = places.above_text_or_all(own_links)
    yield [(normalize_space(link.text_content()), link.get("href")) for link in nearest_links], "rel-author", 0.8
    near = [block for block in near if not places.is_in_teaser(block.element)]
    above = [block for block in near if places.is_above_text(block.element)]
    yield list(byline_elements(above)), "byline", 0.75
    yield list(byline_texts(above, reading.blocks, is_loose=False)), "byline", 0.7
    yield list(byline_elements(near)), "byline", 0.7
    yield list(byline_texts(near, reading.blocks, is_loose=False)), "byline", 0.7
    yield [(name, None) for name in bare_names_above_text(places, reading.language, site)], "byline", 0.6
    yield list(byline_texts(near, reading.blocks, is_loose=True)), "byline", 0.6
    yield list(linked_authors(page, above)) or list(linked_authors(page, near)), "author-link", 0.6
    yield [(name, None) for name in names_in_text(reading.texts, places)], "byline", 0.5
    yield [(name, None) for name in names_in_author_boxes(reading.blocks, places)], "author-box", 0.5


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
