"""The times in time elements, and those that scripts turn into “2 years ago”."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import islice

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto_extractor.fields.dating.stated import MAX_DATES, DateStatement
from coranto_extractor.fields.places import Places

_CLASS_OF_OTHER_DATES = re.compile(
    r"comment|related|sidebar|widget|footer|recent|popular|teaser|card|list-item|more-|latest|copyright|modified|updated",
    re.IGNORECASE,
)
_CLASS_OF_CHANGE = re.compile(r"modified|updated")
_STAMP_ATTRIBUTE = re.compile(r"data-(?:\w+-)?(?:timestamp|time|date|datetime|utime|published|epoch)$")
_MIN_STAMP_CHARS = 8
_MAX_TIME_ELEMENT_CHARS = 60
# Time elements ranked at this or worse belong to something else on the page.
_WORST_TIME_RANK = 2


def times_above_text(places: Places) -> Iterator[DateStatement]:
    """The times in time elements between headline and text, whatever the boxes they are in are called."""
    for block in places.between_headline_and_text:
        if "comment" in block.regions:
            continue
        for element in block.element.iter("time"):
            stamp = element.get("datetime")
            if stamp and len(stamp) <= _MAX_TIME_ELEMENT_CHARS and not _is_of_change(element):
                yield DateStatement(stamp, "time-element", 0.8)


def stamps_beside_headline(places: Places) -> Iterator[DateStatement]:
    """The times that scripts turn into “2 years ago”, between headline and text."""
    for block in places.between_headline_and_text:
        if block.is_prose or "comment" in block.regions:
            continue
        for element in islice(block.element.iter(), MAX_DATES):
            if _is_of_change(element):
                continue
            for name, value in element.items():
                if _STAMP_ATTRIBUTE.match(name) and _MIN_STAMP_CHARS <= len(value) <= _MAX_TIME_ELEMENT_CHARS:
                    yield DateStatement(value, "time-element", 0.7)


def times_in_elements(
    root: html.HtmlElement, inside: AbstractSet[html.HtmlElement] | None = None, *, above: Places | None = None
) -> Iterator[DateStatement]:
    """The times in time elements, likely ones first. `inside`: only in elements within one of these.
    `above`: not in those below the text there."""
    ranked: list[tuple[float, int, str]] = []
    for position, element in enumerate(root.iter("time", "abbr")):
        stamp = element.get("datetime") or (element.get("title") if element.tag == "abbr" else None)
        if not stamp or len(stamp) > _MAX_TIME_ELEMENT_CHARS:
            continue
        if _is_stated_change(element):
            continue
        if inside is not None and inside.isdisjoint((element, *element.iterancestors())):
            continue
        if above is not None and above.is_below_text(element):
            continue
        ranked.append((_time_rank(element), position, stamp))
    for rank, _, stamp in sorted(ranked):
        if rank < _WORST_TIME_RANK:
            yield DateStatement(stamp, "time-element", 0.8)


def _time_rank(element: html.HtmlElement) -> float:
    """How unlikely the element is to hold the date of publication; lower is better."""
    rank = 0.0
    names = element.get("class") or ""
    if element.get("pubdate") is not None or re.search(r"publish|entry-date|posted", names):
        rank -= 2
    for ancestor in element.iterancestors():
        context = f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"
        if ancestor.tag in ("aside", "nav", "footer", "li") or _CLASS_OF_OTHER_DATES.search(context):
            rank += 3
            break
        if ancestor.tag in ("article", "main", "header"):
            rank -= 0.5
    if _CLASS_OF_CHANGE.search(names):
        rank += 1.5
    return rank


def _is_of_change(element: html.HtmlElement) -> bool:
    return _CLASS_OF_CHANGE.search(element.get("class") or "") is not None or _is_stated_change(element)


def _is_stated_change(element: html.HtmlElement) -> bool:
    properties = (element.get("itemprop") or "").split()
    return "dateModified" in properties and "datePublished" not in properties
