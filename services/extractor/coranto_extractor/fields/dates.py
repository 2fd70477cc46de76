"""Finds when the article was published and last changed, and never invents a date.

Machine-readable statements come first, then the URL, then a date for people near the headline. A date without a year, or
one like "3 hours ago", is ignored: it means nothing without the time of fetching.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta

from lxml import html  # type: ignore[import-untyped]  # lxml ships no types

from coranto.records.sections import ArticleDate
from coranto_extractor.fields.evidence import Extracted
from coranto_extractor.fields.page_reading import PageReading
from coranto_extractor.language import phrase_lists
from coranto_extractor.language.date_parsing import make_date, parse_date, parse_date_text
from coranto_extractor.language.phrase_lists import cached_per_languages, class_alternatives
from coranto_extractor.page.blocks import Block
from coranto_extractor.page.metadata import PageMetadata, item_values, strings

# /2020/5/1/ or /2020-05/01/, /2020/0501/, 20200501. A month or day of one digit counts only between equal separators.
_IN_URL = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d{2})(?:"
    r"(?P<separator>[/\-_.])(?P<month>0?[1-9]|1[0-2])(?P=separator)(?P<day>0?[1-9]|[12]\d|3[01])"
    r"|[/\-_.]?(?P<full_month>0[1-9]|1[0-2])[/\-_.]?(?P<full_day>0[1-9]|[12]\d|3[01]))(?!\d)"
)
_DAY_FIRST_IN_URL = re.compile(r"/(0[1-9]|[12]\d|3[01])[-_.](0[1-9]|1[0-2])[-_.]((?:19|20)\d{2})(?!\d)")
_IN_SCRIPT = re.compile(
    r"""["'](?:date_?published|publish(?:ed)?_?(?:date|at|on|time)?|pub_?date|publication_?date|first_?published(?:_?(?:at|date))?)["']\s{0,5}:\s{0,5}["']([^"'\n]{8,40})["']""",
    re.IGNORECASE,
)
_CLASS_OF_OTHER_DATES = re.compile(
    r"comment|related|sidebar|widget|footer|recent|popular|teaser|card|list-item|more-|latest|copyright|modified|updated",
    re.IGNORECASE,
)
_MAX_SCRIPT_CHARS = 1_000_000
_MAX_TIME_ELEMENT_CHARS = 60
# Time elements ranked at this or worse belong to something else on the page.
_WORST_TIME_RANK = 2
# A longer block is only searched this far, and only if it is marked as a date; agencies begin the first paragraph with the
# date, so of a block that begins with a digit, the second length is searched.
_MAX_DATE_BLOCK_CHARS = 160
_DATELINE_CHARS = 40
# A label such as “updated” begins within this many characters, and an element that is only a label is at most this long.
_MAX_CHARS_BEFORE_LABEL = 20
_MAX_LABEL_CHARS = 40
# A date is refused when it is later than the time of fetching by more than clocks and time zones explain.
_MAX_AHEAD_OF_FETCH = timedelta(days=2)
# Offsets from UTC that exist, in minutes and hours; all are multiples of a quarter of an hour.
_MIN_OFFSET_MINUTES, _MAX_OFFSET_MINUTES, _OFFSET_STEP_MINUTES = -720, 840, 15
_MIN_OFFSET_HOURS, _MAX_OFFSET_HOURS = -12, 14
# Statements with this confidence or less may be the date of the page rather than of the article.
_PAGE_DATE_CONFIDENCE = 0.85


@cached_per_languages
def _date_class() -> re.Pattern[str]:
    return re.compile(
        "date|time|publish|posted|pubdate|byline|meta|created|dated|stamp|" + class_alternatives("date_class_names"),
        re.IGNORECASE,
    )


@dataclass(frozen=True)
class _ShownDates:
    """The dates shown near the headline and the text: of publication (or without a label), and of the last change."""

    published: list[ArticleDate]
    updated: list[ArticleDate]

    @property
    def all(self) -> list[ArticleDate]:
        return [*self.published, *self.updated]


def find_published(reading: PageReading) -> Extracted[ArticleDate] | None:
    """When the article was published."""
    # Computed once: a page may state thousands of dates, and each is compared with those shown.
    shown = _shown_dates(reading.near_headline, reading.language)
    for text, source, confidence in _published_candidates(reading, shown):
        moment = text if isinstance(text, ArticleDate) else parse_date(text, reading.language)
        if moment is None:
            reading.rejections.reject("published", str(text), "not_a_date")
        elif _is_in_future(moment, reading):
            reading.rejections.reject("published", str(text), "in_the_future")
        else:
            return Extracted(_in_local_time(moment, reading, shown), source, confidence)
    return None


def find_modified(reading: PageReading, published: ArticleDate | None) -> Extracted[ArticleDate] | None:
    """When the article was last changed; never earlier than it was published."""
    for text, source, confidence in _modified_candidates(reading.metadata):
        moment = parse_date(text, reading.language)
        if moment is None:
            reading.rejections.reject("modified", text, "not_a_date")
        elif _is_in_future(moment, reading):
            reading.rejections.reject("modified", text, "in_the_future")
        elif published and moment.at < published.at:
            reading.rejections.reject("modified", text, "before_publication")
        else:
            return Extracted(moment, source, confidence)
    return None


def _is_in_future(moment: ArticleDate, reading: PageReading) -> bool:
    return reading.fetched_at is not None and moment.at > reading.fetched_at + _MAX_AHEAD_OF_FETCH


def _in_local_time(moment: ArticleDate, reading: PageReading, shown: _ShownDates) -> ArticleDate:
    """The same instant with the offset of the site's own time zone, when the page gives it in UTC and in local time."""
    if moment.offset_minutes != 0 or moment.precision == "day":
        return moment
    for text, _, _ in (*_stated_dates(reading.metadata), *_time_elements(reading.root)):
        other = parse_date(text, reading.language)
        if other and other.offset_minutes and other.at == moment.at:
            return other
    for local in shown.all:
        ahead = round((local.at - moment.at.replace(second=0, microsecond=0)).total_seconds() / 60)
        is_offset = ahead % _OFFSET_STEP_MINUTES == 0 and _MIN_OFFSET_MINUTES <= ahead <= _MAX_OFFSET_MINUTES
        if local.precision != "day" and local.offset_minutes is None and is_offset:
            return moment.model_copy(update={"offset_minutes": ahead})
    return _on_shown_day(moment, reading.metadata, shown)


def _on_shown_day(moment: ArticleDate, page: PageMetadata, shown: _ShownDates) -> ArticleDate:
    """The same instant on the day that the page shows, when that is the day before or after the UTC one.

    The offset is the smallest one in whole hours that gives this day: the day is certain, the local hour is not.
    """
    day = date_in_url(page.url) or next(iter(shown.published), None)
    if day is None:
        return moment
    midnight = day.at.replace(hour=0, minute=0, second=0, microsecond=0)
    if moment.at >= midnight + timedelta(days=1):
        hours = -((moment.at - midnight - timedelta(days=1)) // timedelta(hours=1) + 1)
    elif moment.at < midnight:
        hours = -((moment.at - midnight) // timedelta(hours=1))
    else:
        return moment
    exists = _MIN_OFFSET_HOURS <= hours <= _MAX_OFFSET_HOURS
    return moment.model_copy(update={"offset_minutes": hours * 60}) if exists else moment


def _published_candidates(reading: PageReading, shown: _ShownDates) -> Iterator[tuple[str | ArticleDate, str, float]]:
    """Possible dates of publication, most reliable first, with their source and the confidence in it."""
    page, root, language = reading.metadata, reading.root, reading.language
    in_url = date_in_url(page.url) or date_in_url(page.canonical)
    published_days = [moment.at.date() for moment in shown.published]
    visible = next(iter(shown.all), None)
    days = {moment.at.date() for moment in (in_url, *shown.all) if moment}
    says_article = bool(page.article) or (page.first("og:type") or "").lower() not in ("", "website")
    for text, source, confidence in _stated_dates(page):
        if confidence <= _PAGE_DATE_CONFIDENCE and _is_shown_as_update(text, language, published_days, days):
            continue
        # On a page that does not say it is an article, many meta elements give the date when the page was made.
        if says_article or confidence > _PAGE_DATE_CONFIDENCE or _is_shown(text, language, days):
            yield text, source, confidence
    if not says_article:
        yield from _time_elements(root, {block.element for block in reading.near_headline})
    for text, source, confidence in _time_elements(root):
        if says_article or _is_shown(text, language, days):
            yield text, source, confidence
    if in_url and visible and visible.at.date() == in_url.at.date():
        yield visible, "visible-date", 0.9
    if in_url:
        yield in_url, "url", 0.85
    if visible:
        yield visible, "visible-date", 0.7
    in_title = parse_date_text(page.page_title or "", language)
    if in_title:
        yield in_title, "title", 0.6
    yield from _dates_in_scripts(root)


def _dates_in_scripts(root: html.HtmlElement) -> Iterator[tuple[str, str, float]]:
    for script in root.iter("script"):
        # JSON-LD is skipped: a date there that is not the article's belongs to the page or to something else on it.
        if script.text and len(script.text) < _MAX_SCRIPT_CHARS and "ld+json" not in (script.get("type") or ""):
            for match in _IN_SCRIPT.finditer(script.text):
                yield match.group(1), "script", 0.5


def _is_shown(text: str, language: str | None, days: AbstractSet[date]) -> bool:
    """True when the day is in the URL, or shown near the headline or the end of the text."""
    moment = parse_date(text, language)
    return moment is not None and moment.at.date() in days


def _is_shown_as_update(
    text: str, language: str | None, published_days: Sequence[date], days: AbstractSet[date]
) -> bool:
    """True when the page shows this day as that of the last change, and an earlier one as that of publication.

    `published_days`: the days shown without the label of a change; `days`: all days shown.
    """
    moment = parse_date(text, language) if published_days else None
    if moment is None:
        return False
    day = moment.at.date()
    return day in days and day not in published_days and published_days[0] < day


def _stated_dates(page: PageMetadata) -> Iterator[tuple[str, str, float]]:
    for name in ("datePublished", "dateCreated", "uploadDate"):
        for text in strings(page.article.get(name)):
            yield text, "json-ld", 0.95
    is_website = (page.first("og:type") or "").lower() == "website"
    for name in phrase_lists.markup_names("published"):
        for text in page.meta.get(name, ()):
            is_page_date = name in phrase_lists.markup_name_set("page_dates") or ("article:" in name and is_website)
            source = "opengraph" if "article:" in name else "meta"
            yield text, source, _PAGE_DATE_CONFIDENCE if is_page_date else 0.9
    for text in item_values(page.itemprops.get("datePublished", ())):
        yield text, "microdata", 0.9


def _modified_candidates(page: PageMetadata) -> Iterator[tuple[str, str, float]]:
    for text in strings(page.article.get("dateModified")):
        yield text, "json-ld", 0.95
    for name in phrase_lists.markup_names("modified"):
        for text in page.meta.get(name, ()):
            yield text, "opengraph" if ":" in name else "meta", 0.9
    for text in item_values(page.itemprops.get("dateModified", ())):
        yield text, "microdata", 0.9


def _time_elements(
    root: html.HtmlElement, inside: AbstractSet[html.HtmlElement] | None = None
) -> Iterator[tuple[str, str, float]]:
    """The times in time elements, likely ones first. `inside`: only in elements within one of these."""
    ranked: list[tuple[float, int, str]] = []
    for position, element in enumerate(root.iter("time", "abbr")):
        stamp = element.get("datetime") or (element.get("title") if element.tag == "abbr" else None)
        if not stamp or len(stamp) > _MAX_TIME_ELEMENT_CHARS:
            continue
        if inside is not None and inside.isdisjoint((element, *element.iterancestors())):
            continue
        ranked.append((_time_rank(element), position, stamp))
    for rank, _, stamp in sorted(ranked):
        if rank < _WORST_TIME_RANK:
            yield stamp, "time-element", 0.8


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
    if re.search(r"modified|updated", names):
        rank += 1.5
    return rank


def date_in_url(url: str | None) -> ArticleDate | None:
    """The day in the URL, as in /2020/05/01/; None when there is none."""
    if not url:
        return None
    path = url.split("//", 1)[-1].partition("/")[2].split("?", 1)[0]
    day_first = _DAY_FIRST_IN_URL.search("/" + path)
    if day_first:
        return make_date(int(day_first.group(3)), int(day_first.group(2)), int(day_first.group(1)))
    for match in _IN_URL.finditer("/" + path):
        month, day = match["month"] or match["full_month"], match["day"] or match["full_day"]
        moment = make_date(int(match["year"]), int(month), int(day))
        # Eight digits without separators may be the number of an article, unless they stand alone.
        if moment and (
            re.search(r"\D", match.group(0)) or re.search(r"(?:^|/|[-_])" + match.group(0) + r"(?:/|[-_.]|$)", path)
        ):
            return moment
    return None


def _shown_dates(near: Sequence[Block], language: str | None) -> _ShownDates:
    published: list[ArticleDate] = []
    updated: list[ArticleDate] = []
    labelled_indexes = {block.index + 1 for block in near if _is_update_label(block.text)}
    for block in near:
        text = _text_with_date(block)
        moment = parse_date_text(text, language) if text else None
        if moment is None:
            continue
        if block.index in labelled_indexes and text[0].isdigit():
            updated.append(moment)
            continue
        label = phrase_lists.any_phrase("updated").search(text)
        if label and label.start() < _MAX_CHARS_BEFORE_LABEL:
            first = _published_after_update(text, label.end(), language)
            if first:
                published.append(first)
            else:
                updated.append(moment)
        else:
            published.append(moment)
    return _ShownDates(published, updated)


def _text_with_date(block: Block) -> str:
    """The beginning of the block that may contain a date."""
    text = block.text
    if len(text) <= _MAX_DATE_BLOCK_CHARS:
        return text
    if _date_class().search(block.element.get("class") or ""):
        return text[:_MAX_DATE_BLOCK_CHARS]
    return text[:_DATELINE_CHARS] if text[0].isdigit() else ""


def _published_after_update(text: str, start: int, language: str | None) -> ArticleDate | None:
    """The second date in “Last change: 31.10.2023. Published: 01.11.2023”; None when the text goes on differently."""
    label = phrase_lists.any_phrase("published").search(text, start)
    # In “Updated on 5 January”, “on” stands before the date and says nothing about publication.
    if label and any(map(str.isdigit, text[start : label.start()])):
        return parse_date_text(text[label.end() :], language)
    return None


def _is_update_label(text: str) -> bool:
    """True for “Last change:” in an element of its own."""
    is_label = len(text) <= _MAX_LABEL_CHARS and text.endswith(":")
    return is_label and phrase_lists.any_phrase("updated").search(text) is not None
