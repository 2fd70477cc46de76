"""Reads RSS of every age, RDF and Atom."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from lxml import etree  # type: ignore[import-untyped]  # lxml ships no types

from coranto.sources.entry_fields import (
    LONGEST_SUMMARY,
    LONGEST_TITLE,
    absolute_url,
    clean_line,
    plain_line,
    title_line,
    whole_text,
)
from coranto.sources.kinds import SourceKind
from coranto.sources.xml_text import MarkupText
from coranto_feeder.sources.document import Entry, FeedLimits, ParsedFeed
from coranto_feeder.sources.times import parse_time
from coranto_feeder.sources.xml_document import Element, Names, read_records

_RECORDS: Final = frozenset({"item", "entry"})
_XML_BASE: Final = "{http://www.w3.org/XML/1998/namespace}base"
_MOST_BASES: Final = 4
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PERIODS: Final = {"hourly": 1 / 24, "daily": 1.0, "weekly": 7.0, "monthly": 30.0, "yearly": 365.0}


def read_xml_feed(document: MarkupText, url: str, limits: FeedLimits) -> ParsedFeed:
    """The feed, fetched from `url`. Raises NotAFeedError when it is of no known format."""
    read = partial(_entry, url=url, limits=limits)
    entries, reading = read_records(document, _RECORDS, read, most=limits.max_entries)
    names = Names()
    frames = [reading.root, *(one for one in reading.root if names(one) == "channel")]
    metadata = [one for frame in frames for one in frame]
    links = [one for one in metadata if names(one) == "link"]
    return ParsedFeed(
        kind=SourceKind.FEED,
        title=next(
            (title for name in _TITLES for one in metadata if names(one) == name and (title := _title(one))), None
        ),
        entries=tuple(entries),
        ttl=_ttl(metadata, names),
        skip_hours=_skipped(metadata, names, "skiphours", "hour", _hour),
        skip_days=_skipped(metadata, names, "skipdays", "day", _day),
        hub=_link_to("hub", links, url),
        topic=_link_to("self", links, url),
        is_cut_off=reading.breaks_off,
        was_mended=reading.was_mended,
    )


def _entry(element: Element, names: Names, *, url: str, limits: FeedLimits) -> Entry | None:
    # Direct children only: what an author, a picture or a related story has of the same name is not the article's.
    fields: dict[str, list[Element]] = {}
    for child in element:
        fields.setdefault(names(child), []).append(child)
    address = _address(element, fields, url)
    if address is None:
        return None
    bodies = [_markup(one) for name in ("content:encoded", "content", "xhtml:body") for one in fields.get(name, ())]
    summaries = [
        text
        for name in ("description", "summary", "itunes:summary")
        for one in fields.get(name, ())
        if (text := _markup(one))
    ]
    identity = _first_text(fields, ("guid", "id", "dc:identifier")) or element.get(_RDF_ABOUT)
    return Entry(
        id=plain_line(identity, LONGEST_TITLE) or address,
        url=address,
        title=next((title for name in _TITLES for one in fields.get(name, ()) if (title := _title(one))), None),
        published=_first_time(fields, _PUBLISHED),
        updated=_first_time(fields, _UPDATED),
        summary=clean_line(next(iter(summaries), None) or next(iter(bodies), None), LONGEST_SUMMARY),
        body_html=whole_text(max(bodies, key=len, default=""), limits.max_body_chars),
    )


_RDF_ABOUT: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_TITLES: Final = ("title", "dc:title", "media:title")
_PUBLISHED: Final = (
    "pubdate",
    "published",
    "issued",
    "dc:date",
    "dcterms:issued",
    "dcterms:created",
    "created",
    "date",
)
_UPDATED: Final = ("updated", "modified", "dcterms:modified")
_ORIGINAL_LINKS: Final = ("feedburner:origlink", "pheedo:origlink")


def _address(element: Element, fields: dict[str, list[Element]], url: str) -> str | None:
    """Where the article is: what the feed's host measures clicks for, the link, or an id that is an address."""
    for one, link, is_guess in _candidates(element, fields):
        if (address := _resolved(one, link, url, is_guess=is_guess)) is not None:
            return address
    return None


def _candidates(element: Element, fields: dict[str, list[Element]]) -> Iterator[tuple[Element, str | None, bool]]:
    """What may be the article's address, the best first, and whether it must be whole to count."""
    for name in _ORIGINAL_LINKS:
        yield from ((one, _text(one), True) for one in fields.get(name, ()))
    links = fields.get("link", [])
    yield from ((one, _text(one), False) for one in links if one.get("href") is None)
    alternates = [one for one in links if one.get("href") and (one.get("rel") or "alternate").lower() == "alternate"]
    alternates.sort(key=lambda one: not _is_page(one.get("type")))
    yield from ((one, one.get("href"), False) for one in alternates)
    for one in fields.get("guid", ()):
        if (one.get("isPermaLink") or one.get("ispermalink") or "true").strip().lower() != "false":
            yield one, _text(one), True
    yield from ((one, one.get("src"), False) for one in fields.get("content", ()))
    yield from ((one, _text(one), True) for one in fields.get("id", ()))
    yield element, element.get(_RDF_ABOUT) or element.get("href"), True


def _is_page(media_type: str | None) -> bool:
    return media_type is None or "html" in media_type.lower()


def _resolved(element: Element, link: str | None, url: str, *, is_guess: bool = False) -> str | None:
    """The absolute address of a link, by the base addresses that its element and those around it set."""
    if not link or not link.strip():
        return None
    bases: list[str] = []
    for one in (element, *element.iterancestors()):
        if base := one.get(_XML_BASE):
            bases.append(base)
            if "://" in base or len(bases) >= _MOST_BASES:
                break
    for base in reversed(bases):
        url = absolute_url(url, base) or url
    return absolute_url(url, link, is_guess=is_guess)


def _link_to(relation: str, links: Iterable[Element], url: str) -> str | None:
    for one in links:
        if relation in (one.get("rel") or "").lower().split():
            address = _resolved(one, one.get("href"), url)
            if address is not None:
                return address
    return None


def _title(element: Element) -> str | None:
    """A headline: by its type in Atom, and in RSS, where it has none, with the tags of formatting taken for such."""
    media_type = (element.get("type") or "").lower()
    is_atom = isinstance(element.tag, str) and "atom" in element.tag.partition("}")[0].lower()
    if len(element) or media_type == "xhtml":
        # XHTML, or tags that somebody forgot to escape.
        return clean_line(_markup(element), LONGEST_TITLE)
    text = _decoded(element)
    if "html" in media_type or "octet-stream" in media_type:
        return clean_line(text, LONGEST_TITLE)
    return plain_line(text, LONGEST_TITLE) if is_atom else title_line(text, LONGEST_TITLE)


def _decoded(element: Element) -> str:
    text = _text(element)
    media_type = (element.get("type") or "text/plain").lower()
    # In Atom 1.0 what is neither text nor XML is in Base64 (RFC 4287, 4.1.3.3); Atom 0.3 says so.
    is_binary = "/" in media_type and not media_type.startswith("text/") and not media_type.endswith(("/xml", "+xml"))
    if (element.get("mode") or "").lower() != "base64" and not is_binary:
        return text
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return text


def _text(element: Element) -> str:
    return str(element.text or "") if not len(element) else "".join(element.itertext())


def _markup(element: Element) -> str:
    """The content of an element as HTML, whether it is escaped or stands there as elements."""
    media_type = (element.get("type") or "").lower()
    if not len(element):
        text = _decoded(element)
        is_plain = media_type in ("text", "text/plain")
        return text.replace("&", "&amp;").replace("<", "&lt;") if is_plain else text
    inner = "".join(etree.tostring(one, encoding="unicode", method="html") for one in element)
    return f"{element.text or ''}{inner}".strip()


def _first_text(fields: dict[str, list[Element]], wanted: Iterable[str]) -> str | None:
    return next((text for name in wanted for one in fields.get(name, ()) if (text := _text(one).strip())), None)


def _first_time(fields: dict[str, list[Element]], wanted: Iterable[str]) -> datetime | None:
    return next(
        (time for name in wanted for one in fields.get(name, ()) if (time := parse_time(_text(one))) is not None), None
    )


def _ttl(metadata: list[Element], names: Names) -> timedelta | None:
    texts = {names(one): _text(one).strip().lower() for one in metadata if names(one) in _PACE}
    ttl = texts.get("ttl", "")
    if ttl.isascii() and ttl.isdigit() and 0 < int(ttl[:9]) < 100_000:
        return timedelta(minutes=int(ttl[:9]))
    period = _PERIODS.get(texts.get("sy:updateperiod", ""))
    if period is None:
        return None
    frequency = texts.get("sy:updatefrequency", "1")
    times = int(frequency[:6]) if frequency.isascii() and frequency.isdigit() else 1
    return timedelta(days=period / max(1, times))


_PACE: Final = frozenset({"ttl", "sy:updateperiod", "sy:updatefrequency"})


def _skipped(
    metadata: list[Element], names: Names, group: str, part: str, read: Callable[[str], int | None]
) -> frozenset[int]:
    parts = (one for frame in metadata if names(frame) == group for one in frame if names(one) == part)
    numbers = frozenset(number for one in parts if (number := read(_text(one).strip())) is not None)
    # A feed that asks never to be polled cannot mean it.
    return numbers if len(numbers) < (24 if part == "hour" else 7) else frozenset()


def _hour(text: str) -> int | None:
    return int(text) % 24 if text.isascii() and text.isdigit() and int(text[:3]) <= 24 else None


def _day(text: str) -> int | None:
    return _DAYS.index(text.lower()) if text.lower() in _DAYS else None
