"""The authors that a page states for machines: JSON-LD, meta elements, microdata, and links that say they lead to one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.fields.authorship.author_names import (
    SiteNames,
    agency_of,
    why_not_a_person,
    without_label,
)
from coranto_extractor.fields.authorship.byline_lines import is_byline_word
from coranto_extractor.fields.evidence import RejectionLog
from coranto_extractor.fields.places import Places, is_in_other_content
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.page.metadata import PageMetadata, clean, item_values, strings, types_of

_MAX_AUTHORS = 20
_ORGANISATION_TYPES = frozenset(
    {"Organization", "NewsMediaOrganization", "Corporation", "NGO", "GovernmentOrganization"}
)
_MAX_JSON_DEPTH = 3


def named_organisations(page: PageMetadata) -> Iterator[str]:
    """Authors that the page's structured data call an organisation."""
    for name in ("author", "creator"):
        stated = page.resolve(page.article.get(name))
        for author in stated[:_MAX_AUTHORS] if isinstance(stated, list) else [stated]:
            node = page.resolve(author)
            types = types_of(node) if isinstance(node, dict) else set()
            # Some pages give a person both types.
            if types & _ORGANISATION_TYPES and "Person" not in types:
                yield from strings(node.get("name"))


def stated_agencies(page: PageMetadata, site: SiteNames, rejections: RejectionLog) -> Iterator[str]:
    """The agencies among the organisations that the page names as authors. Desks without a name of their own are none."""
    for name in named_organisations(page):
        agency = agency_of(name)
        why = None if agency else why_not_a_person(name, site)
        # “Polar News Agency” is an agency although it is not a person; “News Desk” is neither.
        has_own_name = len(alphanumeric_key(phrase_lists.any_phrase("not_person").sub("", name))) > 2
        if why and not (why == "not_a_person" and has_own_name):
            rejections.reject("authors", name, why)
        else:
            yield agency or name


def copyright_holders(page: PageMetadata) -> str:
    """Whom the page names as the holders of its copyright, in small letters; empty when it names nobody."""
    return " ".join(page.meta.get("copyright", ())).casefold()


def names_holder(page: PageMetadata, texts: Sequence[str]) -> bool:
    """True when one of the texts is the name of a holder of the page's copyright."""
    holders = copyright_holders(page)
    return any(text.casefold() in holders for text in texts if text)


def labelled_in_meta(page: PageMetadata) -> Iterator[tuple[str, str | None]]:
    """The values that meta elements label with a byline word, as publishing systems do for previews."""
    for number in (1, 2):
        label = page.first(f"twitter:label{number}")
        if label and is_byline_word(label):
            yield from ((text, None) for text in page.meta.get(f"twitter:data{number}", ()))


def json_ld_authors(page: PageMetadata, value: Any, depth: int = 0) -> Iterator[tuple[str, str | None]]:
    """The names in a statement of JSON-LD, which may be a text, an object, or a list of either."""
    value = page.resolve(value)
    if isinstance(value, str):
        yield clean(value), None
    elif isinstance(value, list) and depth < _MAX_JSON_DEPTH:
        for member in value[:_MAX_AUTHORS]:
            yield from json_ld_authors(page, member, depth + 1)
    elif isinstance(value, dict):
        name = value.get("name") or _joined_name(value)
        url = value.get("url")
        for text in name if isinstance(name, list) else [name]:
            if isinstance(text, str):
                yield clean(text), url if isinstance(url, str) else None
            elif isinstance(text, dict) and depth < _MAX_JSON_DEPTH:
                yield from json_ld_authors(page, text, depth + 1)


def _joined_name(person: dict[str, Any]) -> str | None:
    parts = [person.get("givenName"), person.get("additionalName"), person.get("familyName")]
    return " ".join(part for part in parts if isinstance(part, str)) or None


def microdata_authors(page: PageMetadata, places: Places) -> Iterator[tuple[str, str | None]]:
    """The authors in microdata: those above the text, where there are any, for those further down are of other articles."""
    own = [
        element
        for element in page.itemprops.get("author", ())
        if not (is_in_other_content(element) or places.is_in_teaser(element))
    ]
    for element in places.above_text_or_all(own):
        names = [child for child in element.iterfind(".//*[@itemprop]") if "name" in child.get("itemprop", "").split()]
        for text in item_values(names or [element]):
            yield without_label(text), element.get("href")


def is_author_link(link: html.HtmlElement) -> bool:
    """True for a link that says it leads to the author, outside menus and teasers."""
    return "author" in (link.get("rel") or "").lower().split() and not is_in_other_content(link)
