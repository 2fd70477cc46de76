"""What the page states for machines about its dates: JSON-LD, meta elements, microdata and scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.language import phrase_lists
from coranto_extractor.language.text_comparison import alphanumeric_key
from coranto_extractor.language.zones import AssumedZone, is_zone
from coranto_extractor.page.metadata import PageMetadata, item_values, strings

_IN_SCRIPT = re.compile(
    r"""["'](?:date_?published|publish(?:ed)?_?(?:date|at|on|time)?|pub_?date|publication_?date|first_?published(?:_?(?:at|date))?)\\?["']\s{0,5}:\s{0,5}\\?["']([^"'\n\\]{8,40})\\?["']""",
    re.IGNORECASE,
)
_ZONE_IN_SCRIPT = re.compile(
    r"[\"']((?:Africa|America|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Z]\w{2,20}(?:/[A-Z]\w{2,20})?)\\?[\"']"
)
_MAX_SCRIPT_CHARS = 1_000_000
# Of the dates on one page so many are read: it may state thousands.
MAX_DATES = 50
# The headline stands so near to its date in a script, and a day has so many characters.
_CHARS_AROUND_DATE = 1000
_DAY_CHARS = 10
# Statements with this confidence or less may be the date of the page rather than of the article.
PAGE_DATE_CONFIDENCE = 0.85


class DateStatement(NamedTuple):
    """A date as it is written on the page, where it stands, and how sure it is, 0 to 1, that it is the article's."""

    text: str
    source: str
    confidence: float


def published_statements(page: PageMetadata) -> Iterator[DateStatement]:
    """The dates of publication in JSON-LD, meta elements and microdata."""
    for name in ("datePublished", "dateCreated", "uploadDate"):
        for text in strings(page.article.get(name)):
            yield DateStatement(text, "json-ld", 0.95)
    is_website = (page.first("og:type") or "").lower() == "website"
    for name in phrase_lists.markup_names("published"):
        for text in page.meta.get(name, ()):
            is_page_date = name in phrase_lists.markup_name_set("page_dates") or ("article:" in name and is_website)
            source = "opengraph" if "article:" in name else "meta"
            yield DateStatement(text, source, PAGE_DATE_CONFIDENCE if is_page_date else 0.9)
    for text in item_values(page.itemprops.get("datePublished", ())):
        yield DateStatement(text, "microdata", 0.9)


def modified_statements(page: PageMetadata) -> Iterator[DateStatement]:
    """The dates of the last change in JSON-LD, meta elements and microdata."""
    for text in strings(page.article.get("dateModified")):
        yield DateStatement(text, "json-ld", 0.95)
    for name in phrase_lists.markup_names("modified"):
        for text in page.meta.get(name, ()):
            yield DateStatement(text, "opengraph" if ":" in name else "meta", 0.9)
    for text in item_values(page.itemprops.get("dateModified", ())):
        yield DateStatement(text, "microdata", 0.9)


def find_zone_in_scripts(root: html.HtmlElement) -> AssumedZone | None:
    """The zone that the page's scripts name, such as "America/Chicago"; None when they name none, or several."""
    texts = (script.text for script in root.iter("script") if script.text and len(script.text) < _MAX_SCRIPT_CHARS)
    names = {match[1] for text in texts for match in _ZONE_IN_SCRIPT.finditer(text)}
    return AssumedZone(names.pop(), "page") if len(names) == 1 and all(map(is_zone, names)) else None


def statements_in_scripts(root: html.HtmlElement, title_key: str) -> Iterator[DateStatement]:
    """The dates of publication in scripts. Of several days, only those beside the headline: the others are of other things."""
    found: list[tuple[str, str]] = []
    for script in root.iter("script"):
        # JSON-LD is skipped: a date there that is not the article's belongs to the page or to something else on it.
        if script.text and len(script.text) < _MAX_SCRIPT_CHARS and "ld+json" not in (script.get("type") or ""):
            for match in islice(_IN_SCRIPT.finditer(script.text), MAX_DATES):
                start = max(0, match.start() - _CHARS_AROUND_DATE)
                found.append((match.group(1), script.text[start : match.end() + _CHARS_AROUND_DATE]))
    if len({text[:_DAY_CHARS] for text, _ in found}) > 1:
        found = [(text, around) for text, around in found if title_key and title_key in alphanumeric_key(around)]
    yield from (DateStatement(text, "script", 0.5) for text, _ in found[:MAX_DATES])
