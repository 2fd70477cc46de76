"""Finds when the article was published and last changed, and never makes a date up.

Machine-readable statements come first, then the address, then a date in words near the headline. A date without a year,
or one like "3 hours ago", is none: without the time of fetching it means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Literal

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import Moment
from coranto_extractor import words
from coranto_extractor.blocks import Block, BlockList
from coranto_extractor.found import Found, Notebook
from coranto_extractor.metadata import PageMetadata, item_values, strings

_FIRST_YEAR = 1990
_LAST_YEAR = 2040
_ISO = re.compile(
    r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})"
    r"(?:[T\s_]{1,3}(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d{1,9})?)?\s?(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2}(?!\d))?)?",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"1\d{9}(?:\d{3})?$")
_CLOCK = r"(?:[^\d\n]{1,12}?(\d{1,2})[:.h](\d{2})(?::(\d{2}))?\s?([ap]\.?m\.?)?)?"
_YEAR_FIRST = re.compile(
    r"(?<![\d.])((?:19|20)\d{2})\s?[-./年년]\s?(\d{1,2})\s?[-./月월]\s?(\d{1,2})\s?(?:日|일)?(?!\d)" + _CLOCK
)
_DAY_FIRST = re.compile(
    r"(?<![\d.])(\d{1,2})\s?([-./])\s?(\d{1,2})\s?\2\s?((?:19|20)\d{2}|\d{2}(?=[\s,|)]|$))(?![\d])" + _CLOCK
)
_DAY_WORD = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|º|ª|°)?\.?[\s\-]{1,3}(?:de |of |d['’]|den )?([^\W\d_]{3,14})\.?,?"
    r"[\s\-]{1,3}(?:de |del |του )?((?:19|20)\d{2}|\d{2}(?=\s?[(,]?\s?\d{1,2}:\d{2}))(?!\d)"
    r"(?:\s?(?:г|года|р|року|r)\.?)?" + _CLOCK,
    re.IGNORECASE,
)
_WORD_DAY = re.compile(
    r"(?<!\w)([^\W\d_]{3,14})\.?[\s\-]{1,3}(\d{1,2})(?:st|nd|rd|th)?,?\s{1,2}((?:19|20)\d{2})(?!\d)" + _CLOCK,
    re.IGNORECASE,
)
_YEAR_WORD_DAY = re.compile(r"(?<!\d)((?:19|20)\d{2})\.?\s([^\W\d_]{3,14})\.?\s(\d{1,2})(?!\d)" + _CLOCK, re.IGNORECASE)
_IN_ADDRESS = re.compile(
    r"(?<!\d)((?:19|20)\d{2})[/\-_.]?(0?[1-9]|1[0-2])[/\-_.]?(0[1-9]|[12]\d|3[01]|[1-9](?=/))(?!\d)"
)
_SHORT_IN_ADDRESS = re.compile(r"/(0[1-9]|[12]\d|3[01])[-_.](0[1-9]|1[0-2])[-_.]((?:19|20)\d{2})(?!\d)")
_IN_SCRIPT = re.compile(
    r"""["'](?:date_?published|publish(?:ed)?_?(?:date|at|on|time)?|pub_?date|publication_?date|first_?published(?:_?(?:at|date))?)["']\s{0,5}:\s{0,5}["']([^"'\n]{8,40})["']""",
    re.IGNORECASE,
)
_DATE_CLASS = re.compile(
    r"date|time|publish|posted|pubdate|byline|meta|created|dated|stamp|datum|fecha|data\b", re.IGNORECASE
)
_SPOILED_CLASS = re.compile(
    r"comment|related|sidebar|widget|footer|recent|popular|teaser|card|list-item|more-|latest|copyright|modified|updated",
    re.IGNORECASE,
)
_MAX_DATE_BLOCK_CHARS = 160


def find_published(
    page: PageMetadata,
    root: html.HtmlElement,
    near: Sequence[Block],
    language: str | None,
    notebook: Notebook,
    not_after: datetime | None,
) -> Found[Moment] | None:
    """When the article was published. `near` are the blocks around headline and text; `not_after` is the time of fetching."""
    for text, source, confidence in _published_candidates(page, root, near, language):
        moment = text if isinstance(text, Moment) else parse_moment(text, language)
        if moment is None:
            notebook.turn_down("published", str(text), "not_a_date")
        elif not_after and moment.at > not_after + timedelta(days=2):
            notebook.turn_down("published", str(text), "in_the_future")
        else:
            return Found(_in_own_zone(moment, page, near, language), source, confidence)
    return None


def _in_own_zone(moment: Moment, page: PageMetadata, near: Sequence[Block], language: str | None) -> Moment:
    """The same moment with the offset of the page's own zone, when the page gives both a UTC time and its wall time."""
    if moment.offset_minutes != 0 or moment.precision == "day":
        return moment
    for text, _, _ in _stated(page):
        other = parse_moment(text, language)
        if other and other.offset_minutes and other.at == moment.at:
            return other
    for shown in _visible_dates(near, language):
        ahead = round((shown.at - moment.at.replace(second=0, microsecond=0)).total_seconds() / 60)
        if shown.precision != "day" and shown.offset_minutes is None and ahead % 15 == 0 and -720 <= ahead <= 840:
            return moment.model_copy(update={"offset_minutes": ahead})
    return moment


def find_modified(
    page: PageMetadata, published: Moment | None, language: str | None, notebook: Notebook, not_after: datetime | None
) -> Found[Moment] | None:
    """When the article was last changed; never before it was published."""
    for text, source, confidence in _modified_candidates(page):
        moment = parse_moment(text, language)
        if moment is None:
            notebook.turn_down("modified", text, "not_a_date")
        elif not_after and moment.at > not_after + timedelta(days=2):
            notebook.turn_down("modified", text, "in_the_future")
        elif published and moment.at < published.at:
            notebook.turn_down("modified", text, "before_publication")
        else:
            return Found(moment, source, confidence)
    return None


def _published_candidates(
    page: PageMetadata, root: html.HtmlElement, near: Sequence[Block], language: str | None
) -> Iterator[tuple[str | Moment, str, float]]:
    yield from _stated(page)
    yield from _time_elements(root)
    in_address = date_in_address(page.url) or date_in_address(_canonical(page))
    visible = next(_visible_dates(near, language), None)
    if in_address and visible and visible.at.date() == in_address.at.date():
        yield visible, "visible-date", 0.9
    if in_address:
        yield in_address, "url", 0.85
    if visible:
        yield visible, "visible-date", 0.7
    in_title = moment_in_words(page.page_title or "", language)
    if in_title:
        yield in_title, "title", 0.6
    for script in root.iter("script"):
        # A date in JSON-LD that is not the article's is that of the page or of another thing on it.
        if script.text and len(script.text) < 1_000_000 and "ld+json" not in (script.get("type") or ""):
            for match in _IN_SCRIPT.finditer(script.text):
                yield match.group(1), "script", 0.5


def _stated(page: PageMetadata) -> Iterator[tuple[str, str, float]]:
    for name in ("datePublished", "dateCreated", "uploadDate"):
        for text in strings(page.article.get(name)):
            yield text, "json-ld", 0.95
    for name in words.markup("published"):
        for text in page.meta.get(name, ()):
            yield text, "opengraph" if "article:" in name else "meta", 0.9
    for text in item_values(page.itemprops.get("datePublished", ())):
        yield text, "microdata", 0.9


def _canonical(page: PageMetadata) -> str | None:
    return next((href for rel, href, _ in page.links if rel == "canonical"), None)


def _modified_candidates(page: PageMetadata) -> Iterator[tuple[str, str, float]]:
    for text in strings(page.article.get("dateModified")):
        yield text, "json-ld", 0.95
    for name in words.markup("modified"):
        for text in page.meta.get(name, ()):
            yield text, "opengraph" if ":" in name else "meta", 0.9
    for text in item_values(page.itemprops.get("dateModified", ())):
        yield text, "microdata", 0.9


def _time_elements(root: html.HtmlElement) -> Iterator[tuple[str, str, float]]:
    ranked: list[tuple[float, int, str]] = []
    for place, element in enumerate(root.iter("time", "abbr")):
        stamp = element.get("datetime") or (element.get("title") if element.tag == "abbr" else None)
        if not stamp or len(stamp) > 60:
            continue
        rank = 0.0
        names = element.get("class") or ""
        if element.get("pubdate") is not None or re.search(r"publish|entry-date|posted", names):
            rank -= 2
        for ancestor in element.iterancestors():
            context = f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"
            if ancestor.tag in ("aside", "nav", "footer", "li") or _SPOILED_CLASS.search(context):
                rank += 3
                break
            if ancestor.tag in ("article", "main", "header"):
                rank -= 0.5
        if re.search(r"modified|updated", names):
            rank += 1.5
        ranked.append((rank, place, stamp))
    for rank, _, stamp in sorted(ranked):
        if rank < 2:
            yield stamp, "time-element", 0.8


def date_in_address(url: str | None) -> Moment | None:
    """The day in the address, as in /2020/05/01/; None when it has none."""
    if not url:
        return None
    path = url.split("//", 1)[-1].partition("/")[2].split("?", 1)[0]
    short = _SHORT_IN_ADDRESS.search("/" + path)
    if short:
        return _moment(int(short.group(3)), int(short.group(2)), int(short.group(1)))
    for match in _IN_ADDRESS.finditer("/" + path):
        moment = _moment(int(match.group(1)), int(match.group(2)), int(match.group(3)))
        # Eight bare digits may be an article's number; with separators they are a date.
        if moment and (
            re.search(r"\D", match.group(0)) or re.search(r"(?:^|/|[-_])" + match.group(0) + r"(?:/|[-_.]|$)", path)
        ):
            return moment
    return None


def _visible_dates(near: Sequence[Block], language: str | None) -> Iterator[Moment]:
    updated = words.one_of("updated")
    later: list[Moment] = []
    for block in near:
        text = block.text
        if len(text) > _MAX_DATE_BLOCK_CHARS:
            is_marked = _DATE_CLASS.search(block.element.get("class") or "")
            # Agencies begin the first paragraph with the date.
            text = text[:_MAX_DATE_BLOCK_CHARS] if is_marked else text[:40] if text[0].isdigit() else ""
        moment = moment_in_words(text, language) if text else None
        if moment is None:
            continue
        mark = updated.search(text)
        if mark and not words.one_of("published").search(text) and mark.start() < 20:
            later.append(moment)
        else:
            yield moment
    yield from later


def parse_moment(text: str, language: str | None = None) -> Moment | None:
    """The moment a machine-readable statement gives; tolerant of the forms sites really use."""
    text = text.strip()
    if _EPOCH.match(text):
        at = datetime.fromtimestamp(int(text[:10]), UTC)
        return Moment(at=at, precision="second", offset_minutes=0)
    match = _ISO.match(text) or (_ISO.search(text) if re.search(r"\d{4}-\d{2}-\d{2}", text) else None)
    if match:
        year, month, day, hour, minute, second, zone = match.groups()
        return _moment(int(year), int(month), int(day), hour, minute, second, _offset(zone))
    if re.match(r"[A-Za-z]{3,9},?\s+\d{1,2}\s+[A-Za-z]{3}\w*\s+\d{4}\s+\d", text):
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
        if _FIRST_YEAR <= at.year <= _LAST_YEAR:
            offset = at.utcoffset()
            minutes = int(offset.total_seconds() // 60) if offset is not None else None
            return _moment(at.year, at.month, at.day, str(at.hour), str(at.minute), str(at.second), minutes)
    return moment_in_words(text, language)


def _offset(zone: str | None) -> int | None:
    if not zone:
        return None
    if zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:4])
    return -minutes if zone[0] == "-" else minutes


def moment_in_words(text: str, language: str | None) -> Moment | None:
    """The first whole date in a text written for people, with the time beside it; None without day, month and year."""
    found: list[tuple[int, Moment]] = []
    for match in _YEAR_FIRST.finditer(text):
        moment = _moment(int(match[1]), int(match[2]), int(match[3]), *_clock(match, 4))
        if moment:
            found.append((match.start(), moment))
            break
    for match in _DAY_FIRST.finditer(text):
        day, month = int(match[1]), int(match[3])
        is_month_first = month > 12 or (
            match[2] == "/" and (language or "en").lower() in ("en", "en-us", "en_us") and day <= 12
        )
        if is_month_first:
            day, month = month, day
        moment = _moment(_year(match[4]), month, day, *_clock(match, 5))
        if moment:
            found.append((match.start(), moment))
            break
    months = words.months_of(language)
    for pattern, day_group, month_group, year_group in (
        (_DAY_WORD, 1, 2, 3),
        (_WORD_DAY, 2, 1, 3),
        (_YEAR_WORD_DAY, 3, 2, 1),
    ):
        for match in pattern.finditer(text):
            number = months.get(match[month_group].lower())
            moment = (
                _moment(_year(match[year_group]), number, int(match[day_group]), *_clock(match, 4)) if number else None
            )
            if moment:
                found.append((match.start(), moment))
                break
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _year(digits: str) -> int:
    return int(digits) if len(digits) == 4 else 2000 + int(digits)


def _clock(match: re.Match[str], group: int) -> tuple[str | None, str | None, str | None]:
    hour, minute, second, half = match[group], match[group + 1], match[group + 2], match[group + 3]
    if hour is None:
        return None, None, None
    number = int(hour)
    if half and number <= 12:
        number = number % 12 + (12 if half[0] in "pP" else 0)
    return str(number), minute, second


def _moment(
    year: int,
    month: int,
    day: int,
    hour: str | None = None,
    minute: str | None = None,
    second: str | None = None,
    offset: int | None = None,
) -> Moment | None:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    precision: Literal["day", "minute", "second"] = "day" if hour is None else "minute" if second is None else "second"
    try:
        zone = timezone(timedelta(minutes=offset)) if offset is not None else UTC
        at = datetime(year, month, day, int(hour or 0), int(minute or 0), min(59, int(second or 0)), tzinfo=zone)
    except ValueError:
        # A time of day that cannot be is no reason to give up the day.
        return _moment(year, month, day) if hour is not None else None
    return Moment(at=at.astimezone(UTC), precision=precision, offset_minutes=offset)


def as_written(moment: Moment) -> str:
    """The moment in ISO form as the page gave it: in its own zone, and only the day when only the day is known."""
    if moment.offset_minutes is None:
        text = moment.at.replace(tzinfo=None).isoformat()
        return text[:10] if moment.precision == "day" else text
    return moment.at.astimezone(timezone(timedelta(minutes=moment.offset_minutes))).isoformat()


def near_headline(blocks: BlockList, title: str | None, container: html.HtmlElement | None) -> list[Block]:
    """The short blocks a date of publication may stand in: around the headline and before the first paragraphs."""
    start = next(
        (n for n, block in enumerate(blocks) if title and block.text == title and block.tag in ("h1", "h2")), None
    )
    if start is None:
        start = next(
            (n for n, block in enumerate(blocks) if title and title in block.text and len(block.text) < 2 * len(title)),
            None,
        )
    begin, end = blocks.spans.get(container, (0, 0)) if container is not None else (0, 0)
    inside = [n for n in range(begin, end) if blocks[n].is_prose]
    first = inside[0] if inside else (start or 0) + 12
    if start is None:
        start = max(0, first - 8)
    if first < start:
        first = start + 12
    window = [*blocks[start : min(first + 2, start + 30)], *reversed(blocks[max(0, start - 6) : start])]
    last = inside[-1] if inside else first
    window += blocks[last + 1 : last + 9]
    return [block for block in window if not block.parts & {"nav", "aside", "comment", "caption"}]
